"""Where a signal puts an eigenvalue or singular value beside the bulk, and how well its vectors point at the signal.

One convention for all: a matrix has `rows` and `cols`, ratio = cols/rows; left vectors live in R^rows, right ones in
R^cols. Overlaps are squared, <u, u_hat>^2. Below the threshold the location is the edge and the overlaps are 0.
Near the threshold every difference is factorised, so that overlaps go to 0 without cancellation.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.outliers.rank_one import detachment

if TYPE_CHECKING:
    from theory.outliers.population_spikes import Population

FloatArray = NDArray[np.float64]
_RATIO = "pass cols / rows of the matrix"
LARGEST = 1e150  # of a strength in units of the noise: its square is taken


class Outlier(NamedTuple):
    """Prediction for one signal direction; floats, or arrays of the broadcast shape of the arguments."""

    location: Any  # eigenvalue or singular value; the edge where nothing is detached
    left_overlap: Any  # squared overlap in R^rows
    right_overlap: Any  # squared overlap in R^cols
    threshold: Any  # signal at which the outlier detaches
    detached: Any  # bool


def spiked_covariance(spike: ArrayLike, ratio: ArrayLike, population: "Population | None" = None) -> Outlier:
    """Outlier of X^T X / n: one direction e of R^p has population variance `spike`, the others follow `population`.

        l = spike, c = ratio = p/n; where all other variances are 1 (None):
        detached iff |l - 1| > sqrt(c);   location = l (1 + c/(l - 1))
        right overlap <v, e>^2 = ((l-1)^2 - c)/((l-1)(l-1+c));   left overlap <u, X e/|X e|>^2 = 1 - c/(l-1)^2
        where they follow H, pairs (variance, weight) or a Law:   psi(l) = l (1 + c int t/(l - t) dH(t))
        detached iff psi'(l) > 0;   location = psi(l);   right overlap l psi'/psi;   left overlap psi'

    X is n x p with independent rows of that covariance; u, v are the singular vectors of X. A spike may leave below (a
    white one below 1 - sqrt(c), for c < 1) and into gaps of the bulk; `threshold` is the one on the side of the spike:
    1 +- sqrt(c) if white. A spike amid the population has the nearest of the thresholds, and its edge as location.
    Raises ValueError for a negative spike, a ratio that is not positive, a population that is negative, unbounded or of
    total weight other than 1. Source: Baik and Silverstein 2006; Paul 2007 (right overlap); Benaych-Georges and
    Nadakuditi 2011 for the companion (left); Bai and Yao 2012 for general populations.

    >>> spiked_covariance(3.0, 0.25).location
    3.375
    >>> round(spiked_covariance(2.0, 0.05, population=[(1.0, 0.5), (4.0, 0.5)]).location, 12)
    1.95
    """
    s, c = checks.together(spike=checks.array("spike", spike, "pass a population variance"), ratio=_ratio(ratio))
    if np.any(s < 0):
        raise ValueError(f"spike must not be negative; got {s[s < 0].flat[0].item()!r}; pass a population variance")
    if population is not None:
        from theory.outliers.population_spikes import spiked_population

        found = spiked_population(s, c, population)
        return _outlier(found.location, found.left_overlap, found.right_overlap, found.threshold, found.detached)
    root = np.sqrt(c)
    up = s >= 1
    sign = np.where(up, 1.0, -1.0)
    threshold = 1 + sign * root
    detached = np.where(up, s > threshold, s < threshold)
    gap = np.where(detached, np.abs(s - 1), 1 + root)  # a safe operand where nothing is detached
    location = np.where(detached, s * (1 + c / (sign * gap)), threshold**2)
    left = (gap - root) / gap * (1 + root / gap)
    return _outlier(location, left, left / (1 + sign * c / gap), threshold, detached)


def spiked_rectangular(strength: ArrayLike, ratio: ArrayLike, variance: ArrayLike = 1.0) -> Outlier:
    """Singular value of N + strength u v^T, N of shape (rows, cols) with entries of variance `variance`/rows.

        t = strength/sqrt(variance), c = ratio = cols/rows, detached iff t > c^(1/4)
        location = sqrt(variance) sqrt((1 + t^2)(c + t^2))/t,   edge sqrt(variance)(1 + sqrt c)
        left overlap (t^4 - c)/(t^2 (t^2 + 1)),   right overlap (t^4 - c)/(t^2 (t^2 + c))

    u in R^rows and v in R^cols are unit vectors independent of the noise.
    Raises ValueError for a negative strength, a ratio or variance that is not positive.
    Source: Benaych-Georges and Nadakuditi 2012, section 3.1 (with rows and columns exchanged).

    >>> round(spiked_rectangular(2.0, 0.25).location, 6)
    2.304886
    """
    t = checks.array("strength", strength, "pass the singular value of the signal")
    v = checks.array("variance", variance, "pass rows times the variance of one entry", above=0)
    t, c, v = checks.together(strength=t, ratio=_ratio(ratio), variance=v)
    std, critical = np.sqrt(v), c**0.25
    _singular("strength", t, std, "move the sign into a vector")
    detached = t > critical * std
    s = t / std
    found = detachment(s**2, 1.0, c, detached=detached, above=(s - critical) * (s + critical))
    return _outlier(std * found.location, found.left_overlap, found.right_overlap, critical * std, detached)


def spiked_wigner(strength: ArrayLike, variance: ArrayLike = 1.0) -> Outlier:
    """Eigenvalue of N + strength u u^T, N symmetric n x n with entries of variance `variance`/n.

        t = strength/sqrt(variance), detached iff |t| > 1:   location = sqrt(variance)(t + 1/t),   overlap = 1 - 1/t^2

    A strength below -1 leaves at the lower edge. Both overlaps are <u, u_hat>^2.
    Raises ValueError for a variance that is not positive. Source: Benaych-Georges and Nadakuditi 2011; the threshold
    and location: Peche 2006.

    >>> spiked_wigner(2.0).location
    2.5
    """
    t = checks.array("strength", strength, "pass the eigenvalue of the signal")
    v = checks.array("variance", variance, "pass n times the variance of one entry", above=0)
    t, v = checks.together(strength=t, variance=v)
    std, sign = np.sqrt(v), np.where(t < 0, -1.0, 1.0)
    detached = np.abs(t) > std
    s = np.where(detached, np.abs(t) / std, 2.0)
    overlap = (s - 1) / s * (1 + 1 / s)
    return _outlier(sign * std * np.where(detached, s + 1 / s, 2.0), overlap, overlap, sign * std, detached)


def strength_from_outlier(location: ArrayLike, ratio: ArrayLike, variance: ArrayLike = 1.0) -> Any:
    """Strength of the signal behind an outlying singular value: the inverse of `spiked_rectangular`; 0 inside the bulk.

        t^2 = (y + sqrt(y^2 - 4 c))/2,   y = location^2/variance - 1 - c,   strength = sqrt(variance) t

    In the limit of large matrices; of one at finite size the estimate errs with the location, by about an edge's width
    next to the threshold. Raises ValueError for a negative location, a ratio or variance that is not positive.
    Source: that of `spiked_rectangular`, solved for the strength.

    >>> round(strength_from_outlier(spiked_rectangular(2.0, 0.25).location, 0.25), 12)
    2.0
    """
    s = checks.array("location", location, "pass a singular value")
    v = checks.array("variance", variance, "pass rows times the variance of one entry", above=0)
    s, c, v = checks.together(location=s, ratio=_ratio(ratio), variance=v)
    _singular("location", s, np.sqrt(v), "pass a singular value")
    x, root = s / np.sqrt(v), np.sqrt(c)
    # y -+ 2 sqrt(c) = x^2 - (1 +- sqrt c)^2, factorised: the edge is reached without cancellation
    below, above = (x - 1 - root) * (x + 1 + root), (x - 1 + root) * (x + 1 - root)
    inside = np.maximum(below, 0.0)
    square = ((below + above) / 2 + np.sqrt(inside) * np.sqrt(np.abs(above))) / 2
    strength = np.where(below > 0, np.sqrt(v * np.maximum(square, 0.0)), 0.0)
    return strength if strength.ndim else float(strength)


def _ratio(ratio: ArrayLike) -> FloatArray:
    return checks.array("ratio", ratio, _RATIO, above=0)


def _singular(name: str, values: FloatArray, unit: ArrayLike, remedy: str) -> None:
    """Raises ValueError unless 0 <= values <= LARGEST unit."""
    if np.any(values < 0):
        raise ValueError(f"{name} must not be negative; got {values[values < 0].flat[0].item()!r}; {remedy}")
    bad = values > LARGEST * np.asarray(unit)
    if np.any(bad):
        first = values[bad].flat[0].item()
        raise ValueError(f"{name} must be at most {LARGEST:g} of the noise's scale; got {first!r}; "
                         "far above the noise the location is the strength and the overlaps are 1")


def _outlier(
    location: FloatArray, left: FloatArray, right: FloatArray, threshold: FloatArray, detached: NDArray[np.bool_]
) -> Outlier:
    # at most 1: rounding must not make sqrt(1 - overlap) NaN
    left, right = (np.where(detached, np.minimum(overlap, 1.0), 0.0) for overlap in (left, right))
    if detached.ndim:
        return Outlier(location, left, right, threshold, detached)
    return Outlier(float(location), float(left), float(right), float(threshold), bool(detached))
