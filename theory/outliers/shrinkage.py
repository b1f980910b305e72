"""Denoising a low-rank matrix: what to replace its singular values by, and where to cut."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.outliers.spikes import _ratio, spiked_rectangular, strength_from_outlier

FloatArray = NDArray[np.float64]
Loss = Literal["frobenius", "operator", "nuclear"]


def optimal_shrinkage(
    singular_values: ArrayLike, ratio: ArrayLike, variance: ArrayLike = 1.0, loss: Loss = "frobenius"
) -> Any:
    """Singular values that bring a noisy low-rank matrix closest to the signal; same vectors, 0 inside the bulk.

        Y = signal + N, N of shape (rows, cols) with entries of variance `variance`/rows, c = ratio = cols/rows
        t = strength behind the singular value, l, r = cosines of its left and right vectors with the signal's:
        frobenius  t l r   = sqrt((s^2 - 1 - c)^2 - 4 c)/s
        nuclear    t (l r - sqrt(1 - l^2) sqrt(1 - r^2)), 0 where negative
        operator   t min(l, r)/max(l, r)   = t sqrt((t^2 + min(1, c))/(t^2 + max(1, c)))

    the right-hand forms for variance 1. Each minimises the limit of its norm of the error as rows, cols -> oo at fixed
    rank and distinct strengths, and does so for each strength. Arrays broadcast.
    Raises ValueError for negative singular values, a ratio or variance that is not positive, an unknown loss.
    Source: Gavish and Donoho 2017 (frobenius, nuclear); Leeb 2022 (operator; t itself, which Gavish and Donoho give,
    is optimal at ratio 1 only).

    >>> optimal_shrinkage([1.0, 2.5], 0.25).round(6).tolist()
    [0.0, 1.959592]
    """
    if not isinstance(loss, str) or loss not in get_args(Loss):
        raise ValueError(f"loss must be 'frobenius', 'operator' or 'nuclear'; got {checks.shown(loss)}; "
                         "name the norm of the error")
    s = checks.array("singular_values", singular_values, "pass those of the noisy matrix")
    if np.any(s < 0):
        first = s[s < 0].flat[0].item()
        raise ValueError(f"singular_values must not be negative; got {first!r}; pass numpy.linalg.svd's")
    v = checks.array("variance", variance, "pass rows times the variance of one entry", above=0)
    s, c, v = checks.together(singular_values=s, ratio=_ratio(ratio), variance=v)
    t = np.asarray(strength_from_outlier(s, c, v))
    _, left, right, _, detached = spiked_rectangular(t, c, v)
    left, right = np.asarray(left), np.asarray(right)
    if loss == "frobenius":
        factor = np.sqrt(left * right)
    elif loss == "nuclear":
        # (1 - l^2)(1 - r^2) = c (variance/t^2)^2: of overlaps next to 1 rounding would be left, of either sign
        missed = np.sqrt(c) * v / np.where(detached, t, 1.0) ** 2
        factor = np.maximum(np.sqrt(left * right) - missed, 0.0)
    else:
        larger = np.maximum(left, right)
        factor = np.sqrt(np.minimum(left, right) / np.where(larger > 0, larger, 1.0))
    shrunk = np.where(detached, t * factor, 0.0)
    return shrunk if shrunk.ndim else float(shrunk)


def hard_threshold(ratio: float, variance: float | None = None, *, median: float | None = None) -> float:
    """Singular value below which to set a singular value of a noisy low-rank matrix to 0, and above to leave it.

        variance known:     sqrt(variance) lambda,   lambda^2 = 2 (c + 1) + 8 c/(c + 1 + sqrt(c^2 + 14 c + 1))
        variance unknown:   median lambda/sqrt(m),   m the median of Marchenko-Pastur of ratio min(c, 1/c)

    Entries of the noise (rows x cols) have variance `variance`/rows, c = ratio = cols/rows: at ratio 1 lambda is
    4/sqrt 3. `median` is that of the min(rows, cols) singular values of the noisy matrix. A signal whose singular value
    is lambda costs the same Frobenius error kept or dropped; above, keeping is better, as rows, cols -> oo.
    Raises ValueError unless exactly one of variance and median is given, and for one or a ratio out of range.
    Source: Gavish and Donoho 2014.

    >>> round(hard_threshold(1.0, variance=1.0), 6), round(hard_threshold(0.5, median=1.0), 5)
    (2.309401, 2.17119)
    """
    c = checks.within("ratio", ratio, 1e-15, 1e15, "pass cols / rows of the matrix")
    factor = (2 * (c + 1) + 8 * c / (c + 1 + (c**2 + 14 * c + 1) ** 0.5)) ** 0.5
    if variance is not None and median is None:
        return factor * checks.positive("variance", variance, "pass rows times the variance of one entry") ** 0.5
    if variance is None and median is not None:
        # the nonzero eigenvalues of N^T N are those of the transpose, which is normalised by cols
        typical = max(c, 1.0) * MarchenkoPastur(min(c, 1 / c)).quantile(0.5)
        return factor * checks.positive("median", median, "pass the median singular value") / typical**0.5
    raise ValueError(f"one of variance and median must be given; got {variance!r} and {median!r}; "
                     "pass the variance of the noise, or the median singular value if it is unknown")
