"""Spikes of a sample covariance matrix whose population isn't white: `spiked_covariance(..., population=...)`.

The location of a spike a is psi(a) = a (1 + c int t/(a - t) dH(t)); it is detached where psi' = 1 - c phi(a) > 0,
phi(a) = int t^2/(a - t)^2 dH. phi is convex in every gap of the population H: next to each end of a gap it reaches 1/c
at most once, at the threshold, whose image under psi is an edge of the bulk (Silverstein and Choi 1995).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.law import Law, Pairs
from theory.outliers.off_support import View, views
from theory.outliers.rising import rising_root

FloatArray = NDArray[np.float64]
Population = Law | Sequence[tuple[float, float]]


class Spikes(NamedTuple):
    """Fields of an `Outlier`, as arrays of one shape; overlaps are those of detached spikes and 0 elsewhere."""

    location: FloatArray
    left_overlap: FloatArray
    right_overlap: FloatArray
    threshold: FloatArray
    detached: NDArray[np.bool_]


def spiked_population(spike: FloatArray, ratio: FloatArray, population: Population) -> Spikes:
    """Returns where spikes go, for arrays of one shape and a population given as a law or as (value, weight) pairs.

    left overlap psi', right overlap a psi'/psi. The threshold of a spike that isn't detached is the one on its side of
    its gap; inside the population's support or in a gap that the bulk has filled, the nearest of all.
    Raises ValueError for a population that is negative, unbounded, or not of total weight 1.
    """
    location, left, right, threshold = (np.zeros(spike.shape) for _ in range(4))
    result = Spikes(location, left, right, threshold, np.zeros(spike.shape, bool))
    missed = np.full(spike.shape, np.inf)  # distance to the threshold kept so far
    unique, index = np.unique(ratio, return_inverse=True)
    for end in _ends(population):
        root, is_open = (values[index].reshape(spike.shape) for values in _threshold(end, unique))
        distance = _visit(result, missed, end, root, is_open, spike, ratio)
        missed = np.minimum(missed, distance)
    return result


class _End(NamedTuple):
    """One end of a gap of the population."""

    view: View  # into the gap
    reach: float  # how far from it phi falls
    least: float  # phi there


def _visit(
    result: Spikes, missed: FloatArray, end: _End, root: FloatArray, is_open: FloatArray, spike: FloatArray,
    ratio: FloatArray,
) -> FloatArray:
    """Writes into `result` what one end of a gap says about spikes nearer to it; returns how near they are.

    Spikes in the gap, on this end's side of the minimum of phi, are nearest by definition: -1.
    """
    view = end.view
    critical = view.edge + view.side * root
    delta = view.side * (spike - view.edge)
    mine = (is_open > 0) & (delta > 0) & (delta <= end.reach)
    distance = np.where(mine, -1.0, np.where(is_open > 0, np.abs(spike - critical), np.inf))
    nearer = distance <= missed * (1 + 1e-12)  # at equal distance the later, upper threshold
    out = mine & (delta - root > 4e-16 * (root + view.edge))  # at the threshold itself nothing is detached
    point = np.where(out, delta, root)
    gain = 1 + ratio * view.side * view.sums(point, view.position)
    result.threshold[nearer] = critical[nearer]
    result.location[nearer] = ((view.edge + view.side * point) * gain)[nearer]
    result.detached[nearer] = out[nearer]
    slope = _slope(view, root[out], delta[out], ratio[out])
    result.left_overlap[out] = slope
    result.right_overlap[out] = slope / gain[out]
    return distance


def _slope(view: View, root: FloatArray, delta: FloatArray, ratio: FloatArray) -> FloatArray:
    """psi' = c (phi(threshold) - phi(spike)), factorised; next to an end that is a threshold itself, 1 - c phi."""
    square = view.position**2
    with np.errstate(all="ignore"):
        factorised = ratio * (delta - root) * view.square_slope(root, delta, square)
    return np.where(root > 0, factorised, 1 - ratio * view.sums(delta, square, 2))


def _threshold(end: _End, ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distances from the end at which ratio phi = 1, and 1 where the bulk has a gap there, 0 where not."""
    view, square = end.view, end.view.position**2
    is_open = ratio * end.least < 1

    def rise(delta: FloatArray) -> tuple[FloatArray, FloatArray]:
        value = view.sums(delta, square, 2)
        return value**-0.5, view.sums(delta, square, 3) * value**-1.5

    with np.errstate(divide="ignore"):
        start = np.sum(view.mass * (view.position / view.offset) ** 2)
    found = is_open & (ratio * start > 1)
    target = np.sqrt(ratio[found])
    root = np.where(is_open, 0.0, end.reach)
    # phi <= (largest value/distance)^2
    root[found] = rising_root(rise, target, np.minimum(target * np.max(view.position), end.reach))
    return root, is_open.astype(float)


def _ends(population: Population) -> list[_End]:
    """Returns the two ends of every gap of the population without 0, in increasing order."""
    seen = _positive(views(_checked(population)))
    result = [_End(seen[0], math.inf, 0.0)]
    for low, high in zip(seen[1:-1:2], seen[2::2], strict=True):
        middle, least = _flattest(low, high)
        result += [_End(low, middle - low.edge, least), _End(high, high.edge - middle, least)]
    return [*result, _End(seen[-1], math.inf, 0.0)]


def _flattest(low: View, high: View) -> tuple[float, float]:
    """Returns where phi is least in the gap between two views, by bisection of its slope, and that minimum."""

    def sums(u: float, power: int) -> float:
        return float(np.sum(low.mass * low.position**2 / (u - low.position) ** power))

    start, end = low.edge, high.edge
    for _ in range(60):  # the minimum is right to the square of what is left
        middle = (start + end) / 2
        start, end = (middle, end) if sums(middle, 3) > 0 else (start, middle)
    middle = (start + end) / 2
    return middle, sums(middle, 2)


def _positive(seen: Sequence[View]) -> list[View]:
    """Drops the mass at 0, which moves nothing, and its interval of the support."""
    if seen[0].edge < 0:
        raise ValueError(f"population must not be negative; got {seen[0].edge:g}; pass population variances")
    if seen[0].edge == seen[1].edge == 0:
        seen = [replace(seen[2], gap=math.inf), *seen[3:]] if len(seen) > 2 else []
    if not seen:
        raise ValueError("population must have variances above 0; got only 0; pass population variances")
    keep = seen[0].position > 0
    return [replace(v, position=v.position[keep], mass=v.mass[keep], offset=v.offset[keep]) for v in seen]


def _checked(population: Population) -> Law | Pairs:
    if isinstance(population, Law):
        return population
    remedy = "pass a Law or pairs (variance, weight)"
    pairs = checks.array("population", population, remedy)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        raise ValueError(f"population must be pairs; got an array of shape {pairs.shape}; {remedy}")
    values, weights = pairs.T
    if np.any(weights <= 0) or abs(np.sum(weights) - 1) > 1e-9:
        raise ValueError(f"weights must be positive with sum 1; got {weights.tolist()}; divide by their sum")
    points = np.unique(values)
    return tuple((float(x), float(np.sum(weights[values == x]) / np.sum(weights))) for x in points)

