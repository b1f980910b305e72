"""Edges of the spectrum of a sample covariance matrix, all of them, from the convex function -psi' in every gap.

Between two values of the population -psi'(u) = ratio int t^2/(u - t)^2 dH - 1 is convex and infinite at both ends, so
it has no zero or two; beyond the outermost values it has one. The spectrum's bands are the images under psi of the
intervals where -psi' > 0 (Silverstein and Choi 1995, theorem 4.1): nothing is searched on a grid.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.roots import bracketed_roots, interior

FloatArray = NDArray[np.float64]
LOGIT = 45.0  # resolves a gap to its rounding at both ends
TINY = 1e-17  # of the scale: where brackets in the distance to a value of the population begin


def edge_points(inverse: Any) -> FloatArray:
    """Returns the intervals of real u that carry bands, shape (bands, 2), in increasing order.

    `inverse` is a map of `theory.sample_covariance.inverse_map`. An end at 0 is a hard edge: psi' = psi = 0 there.
    """
    intervals = np.array(inverse.intervals)
    if not len(intervals):
        return np.empty((0, 2))
    with np.errstate(all="ignore"):
        gap_low, gap_high = intervals[:-1, 1], intervals[1:, 0]
        lowest = _lowest(inverse, gap_low, gap_high)
        is_open = inverse.excess(lowest) < 0
        gap_low, gap_high, lowest = gap_low[is_open], gap_high[is_open], lowest[is_open]
        lows = np.concatenate([intervals[:1, 0], gap_high])  # ends of the population above which a band begins
        highs = np.concatenate([gap_low, intervals[-1:, 1]])
        reach = _reach(inverse)
        below = _roots(inverse, lows, -1.0, np.concatenate([[reach], gap_high - lowest]))
        above = _roots(inverse, highs, 1.0, np.concatenate([lowest - gap_low, [reach]]))
    if inverse.excess_at_zero == 0:
        below, above = _snap(inverse, below), _snap(inverse, above)
        inside = (below < 0) & (above > 0)
        below, above = np.sort(np.append(below, [0.0] * inside.sum())), np.sort(np.append(above, [0.0] * inside.sum()))
    return np.stack([below, above], axis=1)


def zeros_beyond(inverse: Any, start: FloatArray, sign: float) -> FloatArray:
    """Returns the zero of -psi' on the side `sign` of each `start`, beyond which the population has no mass."""
    reach = np.full(start.shape, _reach(inverse))
    if sign * start[0] < 0:  # towards 0, which no root is beyond where -psi'(0) < 0
        reach = np.minimum(reach, np.abs(start))
    return _roots(inverse, start, sign, reach)


def _reach(inverse: Any) -> float:
    """Returns a distance from the outermost values beyond which -psi' < 0: ratio t^2 <= distance^2 for all t."""
    return 1.01 * max(1.0, np.sqrt(inverse.ratio)) * inverse.largest


def _lowest(inverse: Any, low: FloatArray, high: FloatArray) -> FloatArray:
    """Returns where -psi' is least in each gap (low, high): the root of its increasing derivative, in the logit."""
    if not len(low):
        return low
    ends = np.full(low.shape, LOGIT)
    root = bracketed_roots(
        lambda y: np.nan_to_num(inverse.excess_slope(interior(low, high, y))), -ends, ends, tolerance=1e-12
    )
    return interior(low, high, root)


def _roots(inverse: Any, start: FloatArray, sign: float, reach: FloatArray) -> FloatArray:
    """Returns the zero of -psi' within `reach` of each `start` on the side `sign`; infinite starts stay.

    In the logarithm of the distance, in which values of 1e-6 and of 1e6 beside each other are alike.
    """
    result = np.array(start)
    finite = np.isfinite(start)
    begin, reach = start[finite], reach[finite]

    def excess(y: FloatArray) -> FloatArray:
        return inverse.excess(begin + sign * np.exp(y))

    low = np.log(np.maximum(TINY * reach, 1e-14 * np.abs(begin)))
    result[finite] = begin + sign * np.exp(bracketed_roots(excess, low, np.log(reach)))
    stays = inverse.excess(begin + sign * np.exp(low)) <= 0  # the density of the population vanishes too fast there
    result[finite] = np.where(stays, begin, result[finite])
    return result


def _snap(inverse: Any, points: FloatArray) -> FloatArray:
    """Sets to 0 the root that ratio H{t != 0} = 1 puts exactly there."""
    nearest = np.min([abs(x) for pair in inverse.intervals for x in pair])
    return np.where(np.abs(points) < 1e-9 * nearest, 0.0, points)
