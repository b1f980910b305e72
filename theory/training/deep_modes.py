"""One mode of a balanced linear network of any depth: time as an integral over log strength, and its inverse.

With l = log u the mode obeys dl/dt = g(l) = depth (e^{q l} (s - e^l) - decay), q = 1 - 2/depth, without memory, so
t(l) = int dl/g. The end point l* of the motion is a root of g: panels are halved towards it, and g is computed from the
distance to it, so that the exponential approach keeps its digits.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.quadrature import panel_points, resolve
from theory.roots import newton_roots
from theory.training.stationary import exponent, roots

FloatArray = NDArray[np.float64]
Speed = Callable[[FloatArray], FloatArray]
LEAST = -744.0  # logarithm of the least float64


def strength(t: FloatArray, s: float, start: float, depth: float, decay: float) -> FloatArray:
    """u at times (m,)."""
    motion = _motion(s, start, depth, decay)
    if motion is None:
        return np.full(t.shape, start)
    panel = np.clip(np.searchsorted(motion.times, t, side="right") - 1, 0, len(motion.edges) - 2)
    with np.errstate(over="ignore", divide="ignore"):
        x = _invert(motion, motion.edges[panel], motion.edges[panel + 1], t - motion.times[panel])
    return np.where(t >= motion.times[-1], motion.end, np.exp(motion.origin + x))


def passage(end: FloatArray, s: float, start: float, depth: float, decay: float) -> FloatArray:
    """Times at which u reaches `end` (m,); infinite where it doesn't."""
    motion = _motion(s, start, depth, decay)
    if motion is None:
        return np.where(end == start, 0.0, np.inf)
    with np.errstate(divide="ignore"):
        x = np.log(end) - motion.origin
    first, last = motion.edges[0], motion.edges[-1]
    inside = (x - first) * (x - last) <= 0
    safe = np.where(inside, x, first)
    order = np.searchsorted(np.abs(motion.edges - first), np.abs(safe - first), side="right") - 1
    panel = np.clip(order, 0, len(motion.edges) - 2)
    return np.where(inside, motion.times[panel] + _time(motion.speed, motion.edges[panel], safe), np.inf)


class _Motion(NamedTuple):
    speed: Speed  # dx/dt for x = log u - origin
    origin: float
    edges: FloatArray  # (panels + 1,) of x in the order in which they are passed
    times: FloatArray  # (panels + 1,) at the edges
    end: float  # strength as t -> oo


def _motion(s: float, start: float, depth: float, decay: float) -> _Motion | None:
    """The way of a mode from `start`; None where it stays."""
    lower, upper = roots(s, decay, depth)
    if start in (0.0, lower, upper):
        return None
    falls = start < lower or math.isnan(lower)
    root, end = (lower, 0.0) if falls else (upper, upper)
    gain, loss = _terms(s, depth, decay, root)

    def speed(x: FloatArray) -> FloatArray:
        return gain(x) - loss(x)

    origin = math.log(root) if root > 0 else 0.0
    first = math.log1p((start - root) / root) if abs(start - root) < root / 2 else math.log(start) - origin
    edges = _edges(first, (LEAST - origin) if falls else 0.0)
    rising = edges if edges[-1] > edges[0] else edges[::-1]
    with np.errstate(all="ignore"):
        # Where gain and loss nearly cancel, beside the threshold or a bottleneck, the speed carries their rounding, as
        # its inverse the time carries that of start and decay: a tighter tolerance would chase that noise.
        slow = np.array([first, _slowest(s, depth, start) - origin])
        rough = 1e-15 * np.nanmax(np.abs((np.abs(gain(slow)) + np.abs(loss(slow))) / speed(slow)))
        rising = resolve(lambda x: 1 / np.abs(speed(x)), rising, tolerance=float(max(1e-14, rough)))
    edges = rising if edges[-1] > edges[0] else rising[::-1]
    with np.errstate(over="ignore", divide="ignore"):  # beyond the largest double: never
        times = np.concatenate([[0.0], np.cumsum(_time(speed, edges[:-1], edges[1:]))])
    return _Motion(speed, origin, edges, times, end)


def _terms(s: float, depth: float, decay: float, root: float) -> tuple[Speed, Speed]:
    """dx/dt as a difference, x = log u, or log u/root where there is a root."""
    q, factor = exponent(depth), depth if math.isfinite(depth) else 1.0
    if not root > 0:
        # where it underflows the speed must stay below 0
        return lambda x: factor * s * np.exp(q * x), lambda x: factor * np.maximum(np.exp((1 + q) * x) + decay, 5e-324)
    scale = factor * root**q
    return lambda x: scale * (s - root) * np.expm1(q * x), lambda x: scale * root * np.exp(q * x) * np.expm1(x)


def _slowest(s: float, depth: float, start: float) -> float:
    """Where u^q (s - u) is largest, log u; the start where that is nowhere."""
    q = exponent(depth)
    return math.log(s * q / (1 + q)) if s > 0 and q > 0 else math.log(start)


def _edges(first: float, last: float) -> FloatArray:
    """Panels of length about 1, halved towards 0 if the motion ends there and away from `first`, which may be slow."""
    sign = 1.0 if last > first else -1.0
    halves = min(1.0, abs(last - first)) * 0.5 ** np.arange(1, 52)
    body = np.linspace(first, last, 2 + int(abs(last - first)))
    if last == 0.0:
        near = -sign * halves
        return np.concatenate([body[:-1], near[np.abs(near) < abs(body[-2])]]).astype(np.float64)
    edges = np.concatenate([body, first + sign * halves])
    return np.unique(edges)[:: int(sign)].astype(np.float64)


def _time(speed: Speed, low: FloatArray, high: FloatArray) -> FloatArray:
    x, w = panel_points(low, high)
    return np.sum(w / speed(x), axis=-1)


def _invert(motion: _Motion, low: FloatArray, high: FloatArray, wanted: FloatArray) -> FloatArray:
    """Solves time from `low` to x = wanted within the panel, which runs down where x falls."""
    ahead, reach = np.where(high < low, -1.0, 1.0), np.abs(high - low)

    def left(distance: FloatArray, i: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        x = low[i] + ahead[i] * distance
        return _time(motion.speed, low[i], x) - wanted[i], ahead[i] / motion.speed(x)

    distance, settled = newton_roots(left, reach / 2, np.zeros(reach.shape), reach, steps=80)
    x = low + ahead * distance
    excess = _time(motion.speed, low, x) - wanted
    if np.all(settled | (np.abs(excess) <= 1e-12 * (np.abs(wanted) + np.abs(_time(motion.speed, low, high))))):
        return x
    raise ArithmeticError(f"strength must solve t(u) = time to 1e-12; got {np.max(np.abs(excess)):.1g}; pass others")
