"""Which variance has the noise of a matrix entry, judged by the bulk of the spectrum and not by its outliers?"""

from functools import lru_cache

import numpy as np

from spectrax.spectrum import Spectrum
from theory import MarchenkoPastur


def fit_variance(spectrum: Spectrum, central: float = 0.8, drop: int = 0) -> float:
    """Variance of one entry of W, by least squares of the central eigenvalues on Marchenko-Pastur quantiles.

    sigma^2 = sum_i l_i q_i / sum_i q_i^2 over the central share of i = 1..p, with p = min(rows, cols), m = max(rows,
    cols), l the eigenvalues of the p x p Gram matrix of W divided by m, q_i the quantile at (i - 1/2)/p of ratio p/m.
    The spectrum's own scale is divided out, so the answer doesn't depend on it. drop: the number of largest
    eigenvalues left out as outliers, with one row and one column each.
    With independent entries of one variance the relative error is about 1/sqrt(rows cols); a share 1 - central of the
    eigenvalues (half of it above) may be anything. At 300 x 200 a Tracy-Widom test with this variance has .042 false
    alarms at level .05; the trace gives .034, the median .058 (1000 draws).
    Raises ValueError for central outside (0, 1] or drop outside 0 .. p - 1.
    """
    if not 0.0 < central <= 1.0:
        raise ValueError(f"central must be a share in (0, 1]; got {central}. Use 0.8.")
    small, large = sorted(spectrum.shape)
    values = _unnormalised(spectrum)
    if not 0 <= drop < values.size:
        raise ValueError(f"drop must lie in 0 .. {values.size - 1}; got {drop}. Call fewer eigenvalues outliers.")
    quantiles, first = _central_quantiles(small - drop, large - drop, central)
    chosen = values[first : first + quantiles.size]
    return float(chosen @ quantiles / (quantiles @ quantiles) / (large - drop))


def isotropic_law(spectrum: Spectrum, variance: float) -> MarchenkoPastur:
    """Law of the spectrum's eigenvalues (in its own scale) if W had independent entries of this variance."""
    return MarchenkoPastur(spectrum.cols / spectrum.rows, variance * spectrum.rows / spectrum.scale)


def _unnormalised(spectrum):
    """Eigenvalues of the Gram matrix of W itself, ascending (min(rows, cols),); raises where a part is missing."""
    values = spectrum.squared().values * spectrum.scale
    if values.size != min(spectrum.shape):
        raise ValueError(
            f"spectrum must hold all min(rows, cols) = {min(spectrum.shape)} values; got {values.size}. "
            "Pass the whole spectrum."
        )
    return values


@lru_cache(maxsize=1024)  # one entry per shape and number of outliers left out
def _central_quantiles(small, large, central):
    skipped = int(small * (1.0 - central) / 2.0)
    levels = (np.arange(skipped, small - skipped) + 0.5) / small
    quantiles = np.asarray(MarchenkoPastur(small / large).quantile(levels))
    quantiles.flags.writeable = False
    return quantiles, skipped
