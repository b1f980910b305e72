"""The inverse problem: the population behind an observed sample covariance spectrum."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from theory import checks
from theory.law import Pairs

FloatArray = NDArray[np.float64]
GRID = 160  # candidate values of the population, a few per cent apart
POINTS = 60  # equations, z = |z| exp(0.7 i): far enough off the axis that single eigenvalues don't show
ANGLE = 0.7
SUM_WEIGHT = 1e3  # of the equation that weights add to 1
LEAST = 1e-6  # weight below which a grid point counts as empty


def estimate_population(eigenvalues: ArrayLike, ratio: float) -> Pairs:
    """Pairs (value, weight) of the population whose sample covariance spectrum, of ratio p/n, is `eigenvalues` (p,).

        z + 1/m_(z) = ratio int t/(1 + t m_(z)) dH(t),   m_ the Stieltjes transform of the companion

    is linear in H: with the observed m_ at 60 points z it is solved for weights >= 0 on a grid between the extreme
    nonzero eigenvalues (and at 0, where more of them are 0 than the rank leaves); neighbouring points are merged.
    Eigenvalues are those of X^T X/n, its zeros included.
    The result is of the resolution that the noise allows: separate values far apart, an approximation by a few
    values for a continuous population. Wasserstein distance for {1, 3, 10}, equal weights (mean and largest of 4
    draws): n = 10 p, p = 300: .011, .017; n = 2 p: .11, .18; n = p = 900: .12, .20. Above ratio 1 only the mean and
    a rough shape remain (.84, 1.5 at p = 2 n = 600). `GeneralizedMarchenkoPastur(ratio, result)` predicts the spectrum.
    Raises ValueError for eigenvalues that are negative, not finite or all 0, fewer than 2, or a ratio not positive.
    Source: El Karoui 2008, section 3, with least squares for the largest deviation.

    >>> from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
    >>> spectrum = GeneralizedMarchenkoPastur(0.5, [(1.0, 0.5), (2.0, 0.5)]).quantile(np.arange(0.5, 400) / 400)
    >>> [[round(value, 2), round(weight, 2)] for value, weight in estimate_population(spectrum, 0.5)]
    [[1.0, 0.5], [2.0, 0.5]]
    """
    ratio = checks.positive("ratio", ratio, "pass columns / rows of the matrix")
    values = np.ravel(checks.array("eigenvalues", eigenvalues, "pass the eigenvalues of X^T X / n"))
    top = np.max(values, initial=0.0)
    if len(values) < 2 or np.min(values) < -1e-9 * top or top <= 0:
        got = f"{len(values)} values, smallest {np.min(values, initial=np.inf):g}"
        raise ValueError("eigenvalues must be at least 2, none negative and not all 0; "
                         f"got {got}; pass those of X^T X / n")
    positive = values[values > 1e-9 * top]
    # a singular sample has its nonzero eigenvalues above the population's
    low = np.min(positive) * (1.0 if ratio < 1 else 0.1)
    z = np.geomspace(low, 1.5 * top, POINTS) * np.exp(1j * ANGLE)
    transform = -(1 - ratio) / z + ratio * np.mean(1 / (values - z[:, None]), axis=1)
    grid = np.geomspace(low, top, GRID)
    if np.mean(values <= 1e-9 * top) > max(0.0, 1 - 1 / ratio) + 0.5 / len(values):  # more than the rank leaves
        grid = np.append(0.0, grid)
    return _merged(grid, _weights(grid, ratio, z, transform))


def _weights(grid: FloatArray, ratio: float, z: NDArray[np.complex128], m: NDArray[np.complex128]) -> FloatArray:
    """Solves z + 1/m = sum_j weights_j ratio t_j/(1 + t_j m), each row times |m|, which makes rows free of scale."""
    rows = np.abs(m)[:, None] * ratio * grid / (1 + grid * m[:, None])
    wanted = np.abs(m) * (z + 1 / m)
    matrix = np.concatenate([rows.real, rows.imag, np.full((1, len(grid)), SUM_WEIGHT)])
    weights, _ = nnls(matrix, np.concatenate([wanted.real, wanted.imag, [SUM_WEIGHT]]))
    return weights / np.sum(weights)


def _merged(grid: FloatArray, weights: FloatArray) -> Pairs:
    """Joins runs of neighbouring grid points that carry weight: one value between two grid points is shared by both."""
    used = np.flatnonzero(weights > LEAST)
    apart = (np.diff(used) > 1) | (grid[used[:-1]] == 0)  # a value next to the smallest grid point isn't shared with 0
    runs = np.split(used, np.flatnonzero(apart) + 1)
    masses = np.array([np.sum(weights[run]) for run in runs])
    centres = [np.sum(weights[run] * grid[run]) / np.sum(weights[run]) for run in runs]
    return tuple((float(x), float(w)) for x, w in zip(centres, masses / np.sum(masses), strict=True))
