"""High-temperature Marchenko-Pastur densities for a whole grid of parameters at once: fast enough to fit them.

    W(t) = y m(y), t = ln y, m the limit of the Stieltjes transform from above;   dW/dt = (p - y) W - y - b W^2
    density of t = Im W/pi;   p = b (1/ratio - 1), b = kappa/2, y = (b/(ratio variance)) x

from Kummer's equation for `theory.HighTemperatureMarchenkoPastur`: p is the power of y in the cdf at 0, the tail index
of the inverse law. `theory` tabulates one law to 1e-11 in 50 ms; here 2211 laws take 2 s and 14 MB, once per process,
and one between them 30 microseconds.
"""

import functools
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

FloatArray = NDArray[np.float64]
POWERS = (0.2, 50.0)  # p
HALF_KAPPAS = (0.01, 100.0)  # b; beyond, kappa > 200, the law is Marchenko-Pastur to half a percent
STEP = 0.03
OFFSETS = np.arange(-18.0, 5.8, STEP)  # t relative to ln(p + 2 b), the middle of the law: edges stay in place
_SCALED = np.exp(OFFSETS)
_COUNTS = (33, 67)
_STEPS = 1000  # of the equation on each side of the middle: enough for it to be stable and right to 1e-6
_STEEPEST = 8.0  # fall of ln(density) from point to point
_lock = threading.Lock()
_CHUNK = 512  # laws at a time: their state stays in the processor's cache


@dataclass(frozen=True, eq=False)
class Curve:
    """ln(density of t) of one law at t = middle + OFFSETS; a power of y below, y^slope e^-y above."""

    middle: float
    values: FloatArray

    def log_density(self, t: FloatArray) -> FloatArray:
        """ln(density of t) at any t, cubic between the points."""
        curve, place = self.values, (t - self.middle - OFFSETS[0]) / STEP
        inside = np.clip(place, 0.0, curve.size - 1.0)
        cell = np.clip(inside.astype(np.intp), 1, curve.size - 3)
        s, (v0, v1, v2, v3) = inside - cell, (curve[cell + k] for k in (-1, 0, 1, 2))
        second, third = v0 - 2.0 * v1 + v2, v3 - v0 + 3.0 * (v1 - v2)
        value = v1 + s * (v2 - v1 + 0.5 * (s - 1.0) * (second + (s + 1.0) / 3.0 * third))
        if place.min() < 0:
            value = value + (curve[1] - curve[0]) * np.minimum(place, 0.0)
        if place.max() > curve.size - 1:
            top = np.exp(self.middle + OFFSETS[-1])
            beyond = STEP * np.maximum(place - (curve.size - 1), 0.0)
            slope = (curve[-1] - curve[-2]) / STEP + top
            value = value + slope * beyond - top * np.expm1(np.minimum(beyond, 600.0))
        return value

    def log_mass(self, cut: float, above: bool) -> float:
        """ln of the mass at t > cut, or at t < cut; -inf where there is none or the cells don't resolve its fall."""
        first, size = OFFSETS[0] + self.middle, self.values.size
        k = int((cut - first) / STEP)
        if above and (k >= size - 1 or self.values[max(k, 0)] - self.values[max(k, 0) + 1] > _STEEPEST):
            return -np.inf
        slope = (self.values[1] - self.values[0]) / STEP
        start = np.exp(self.values[0]) / slope
        if cut < first:
            below = start * np.exp(slope * (cut - first))
            return float(np.log(self._between(0, size - 1) + start - below if above else below))
        # the cell of the cut on the side that is wanted: no difference of nearly equal masses
        low, high = (cut, max(first + (k + 1) * STEP, cut)) if above else (first + k * STEP, cut)
        part = (high - low) * (_GAUSS[1] @ np.exp(self.log_density(low + (high - low) * _GAUSS[0])))
        return float(np.log(part + (self._between(k + 1, size - 1) if above else start + self._between(0, k))))

    def _between(self, first, last):
        """Mass between two of the points, by Gauss and Legendre from the cubic of the logarithm."""
        v = self.values[first : last + 1]
        if v.size < 2:
            return 0.0
        v = np.concatenate([[2 * v[0] - v[1]], v, [2 * v[-1] - v[-2]]])
        points = _GAUSS_WEIGHTS @ np.stack([v[:-3], v[1:-2], v[2:-1], v[3:]])
        return STEP * float(_GAUSS[1] @ np.exp(points).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Table:
    """What the repulsion adds to a Gamma law's ln(density), -ln|U|^2, for p and b on logarithmic grids."""

    powers: FloatArray  # ln p, uniform
    half_kappas: FloatArray  # ln b, uniform
    values: FloatArray  # (powers, half_kappas, t)

    def curve(self, log_power: float, log_half_kappa: float) -> Curve:
        """One law, cubic in both parameters, which are moved onto the table's border where they lie beyond.

        Error of ln(density) 2e-4 for kappa up to 10, up to 4e-2 at 40 to 200, there mostly a constant, which a density
        divided by its mass is free of (the rest: 4e-3).
        """
        i, u = _cell(self.powers, log_power)
        j, v = _cell(self.half_kappas, log_half_kappa)
        added = np.multiply.outer(u, v).ravel() @ self.values[i : i + 4, j : j + 4].reshape(16, -1)
        p = np.exp(np.clip(log_power, self.powers[0], self.powers[-1]))
        b = np.exp(np.clip(log_half_kappa, self.half_kappas[0], self.half_kappas[-1]))
        return Curve(float(np.log(p + 2.0 * b)), added + _gamma(p, b))


def log_spaced(ends: tuple[float, float], count: int) -> FloatArray:
    """Logarithms of `count` numbers in geometric progression from one end to the other."""
    return np.linspace(np.log(ends[0]), np.log(ends[1]), count)


def table() -> Table:
    """The table over all of POWERS and HALF_KAPPAS, made at the first call."""
    with _lock:  # threads that ask at once wait for one table
        return _table()


@functools.lru_cache(maxsize=1)
def _table():
    powers, half_kappas = log_spaced(POWERS, _COUNTS[0]), log_spaced(HALF_KAPPAS, _COUNTS[1])
    p, b = (np.exp(x).ravel() for x in np.meshgrid(powers, half_kappas, indexing="ij"))
    pieces = [curves(p[i : i + _CHUNK], b[i : i + _CHUNK]) for i in range(0, p.size, _CHUNK)]
    values = (np.concatenate(pieces) - _gamma(p[:, None], b[:, None])).reshape(*_COUNTS, -1)
    values.flags.writeable = False
    return Table(powers, half_kappas, values)


def _gamma(p, b):
    middle = p + 2.0 * b
    return p * (OFFSETS + np.log(middle)) - middle * _SCALED - gammaln(b + 1.0) - gammaln(p + b)


def curves(p: FloatArray, b: FloatArray) -> FloatArray:
    """ln(density of t) of many laws (laws,) at t = ln(p + 2 b) + OFFSETS, (laws, t), each by its own integration."""
    middle = p + 2.0 * b
    w = middle * _descend(p, b, middle, np.sqrt((b + 1.0) * (p + b)))
    start = np.log(middle)
    edge = np.sqrt(p + b) + np.sqrt(b)
    top = np.log(edge**2 + 8.0 * edge + 40.0)  # above the edge of the repelling bulk, where less than 1e-15 is left
    t = start[:, None] + OFFSETS
    below = _resampled(t, *_along(p, b, start, t[:, 0], w))
    above = _resampled(t, *_along(p, b, start, top, w))
    beyond = np.maximum(t - top[:, None], 0.0)
    above += middle[:, None] * beyond - np.exp(top)[:, None] * np.expm1(beyond)
    return np.where(OFFSETS < 0.0, below, above) - np.log(np.pi)


def _descend(p, b, middle, height):
    """m at y = middle + i0: the continued fraction well above the axis, Riccati's equation from there down to it."""
    steps, z, value = 600, middle + 1j * height, np.zeros(p.shape, complex)
    for n in range(600, -1, -1):
        value = 1.0 / (2 * n + p + (2 * b if n else b) - z - (b + 1 + n) * (p + b + n) * value)
    h = -1j * height / steps

    def slope(x, m):
        return -((x - p + 1.0) * m + 1.0) / x - b * m * m

    for k in range(steps):
        x = z + k * h
        k1 = slope(x, value)
        k2 = slope(x + 0.5 * h, value + 0.5 * h * k1)
        k3 = slope(x + 0.5 * h, value + 0.5 * h * k2)
        value = value + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + slope(x + h, value + h * k3))
    return value


def _ticks(p, b, start, end):
    """t from start to end in _STEPS steps that shrink as the equation's stiffness 1 + p + 2 sqrt(b y) + y grows."""
    t = np.linspace(start, end, 256)
    clock = (1.0 + p) * t + 4.0 * np.sqrt(b) * np.exp(0.5 * t) + np.exp(t)
    passed = np.abs(clock - clock[0])
    return np.interp(np.linspace(0.0, passed[-1], _STEPS + 1), passed, t)


def _along(p, b, start, end, w):
    """t, ln Im W and its slope in _STEPS steps from start to end, each (steps + 1, laws)."""
    t = np.stack([_ticks(*law) for law in zip(p, b, start, end, strict=True)], axis=1)
    y, half = np.exp(t), np.exp(0.5 * (t[1:] + t[:-1]))
    logs, slopes = np.empty(t.shape), np.empty(t.shape)
    level, real = np.log(w.imag), w.real
    for k in range(_STEPS + 1):
        logs[k], slopes[k] = level, p - y[k] - 2.0 * b * real
        if k < _STEPS:
            real, level = _step(p, b, y[k], half[k], y[k + 1], t[k + 1] - t[k], real, level)
    return t, logs, slopes


def _step(p, b, y0, y1, y2, h, real, level):
    """Re W and ln Im W one Runge-Kutta step on; the logarithm keeps relative accuracy where Im W is tiny."""

    def slopes(y, x, log):
        return (p - y) * x - y - b * (x * x - np.exp(2.0 * log)), p - y - 2.0 * b * x

    a1, c1 = slopes(y0, real, level)
    a2, c2 = slopes(y1, real + 0.5 * h * a1, level + 0.5 * h * c1)
    a3, c3 = slopes(y1, real + 0.5 * h * a2, level + 0.5 * h * c2)
    a4, c4 = slopes(y2, real + h * a3, level + h * c3)
    return real + h / 6.0 * (a1 + 2 * a2 + 2 * a3 + a4), level + h / 6.0 * (c1 + 2 * c2 + 2 * c3 + c4)


def _resampled(points, t, logs, slopes):
    """Cubic Hermite interpolation from each law's own t (steps, laws) onto points (laws, t)."""
    grid = np.clip(points, np.min(t, axis=0)[:, None], np.max(t, axis=0)[:, None])
    down = t[0] > t[-1]
    cell = [np.searchsorted(-law if d else law, -x if d else x) - 1 for law, x, d in zip(t.T, grid, down, strict=True)]
    cell, laws = np.clip(np.array(cell), 0, _STEPS - 1), np.arange(t.shape[1])[:, None]
    start, h = t[cell, laws], t[cell + 1, laws] - t[cell, laws]
    s = (grid - start) / h
    v0, v1, d0, d1 = logs[cell, laws], logs[cell + 1, laws], slopes[cell, laws] * h, slopes[cell + 1, laws] * h
    return v0 + s * (d0 + s * (3 * (v1 - v0) - 2 * d0 - d1 + s * (2 * (v0 - v1) + d0 + d1)))


def _cell(nodes, x):
    """First of the four nodes around x, and Lagrange's weights."""
    place = (min(max(x, nodes[0]), nodes[-1]) - nodes[0]) / (nodes[1] - nodes[0])
    i = min(max(int(place), 1), nodes.size - 3)
    return i - 1, np.array(_weights(place - i))


def _weights(s):
    """Lagrange's weights of nodes -1, 0, 1, 2 at s."""
    a, b, c = s + 1.0, s - 1.0, s - 2.0
    return -s * b * c / 6.0, a * b * c / 2.0, -a * s * c / 2.0, a * s * b / 6.0


_GAUSS = (0.5 + 0.5 * np.array([-(0.6**0.5), 0.0, 0.6**0.5]), np.array([5.0, 8.0, 5.0]) / 18.0)
_GAUSS_WEIGHTS = np.array([_weights(s) for s in _GAUSS[0]])
