"""Gaps of a law's support, on which its transforms are real, monotone and can be inverted.

On every gap, the outer one through infinity included, y = G(w) (for sums) or y = psi(1/w) (for products) falls as w
rises. A gap keeps a table of it, graded towards both ends, and inverts it by bracketed Newton steps.
"""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.free.transforms import excess, moments
from theory.law import Law

FloatArray = NDArray[np.float64]
PER_DECADE = 10


class Inverse(NamedTuple):
    """What edges need at given y; each of shape (m,)."""

    w: FloatArray  # where the transform is y
    r: FloatArray  # w - F(w), which is R(y)
    c: FloatArray  # 1/F'(w) for sums, 1/(1 - w r'/r) for products; the mass at an end that is an atom
    rest: FloatArray  # 1 - c, with its digits far out


@dataclass(frozen=True, eq=False)
class Gap:
    """An interval without support: (start, end), or (start, oo) and (-oo, end) together where start > end."""

    law: Law
    start: float  # where y is largest
    end: float  # where y is smallest
    multiplicative: bool

    @property
    def outer(self) -> bool:
        """True for the gap through infinity."""
        return self.start > self.end

    @property
    def highest(self) -> float:
        """Least upper bound of y: infinite next to an atom."""
        return math.inf if self._pole(self.start) else float(self.table[1][-1])

    @property
    def lowest(self) -> float:
        """Greatest lower bound of y."""
        return -math.inf if self._pole(self.end) else float(self.table[1][0])

    @functools.cached_property
    def table(self) -> tuple[FloatArray, FloatArray]:
        """Coordinates s and values y, both rising, shape (m,)."""
        s = np.sort(self._coordinate(self._nodes()))
        with np.errstate(all="ignore"):
            y, _, _ = self._values(self._place(s))
        # Where one of the two points passes infinity (y = 0), or for products zero (y = -1), margins of edges vanish.
        unit = 1.0 if self.multiplicative else 1 / self._reach
        special = (np.abs(y) < 1e-9 * unit) | (self.multiplicative & (np.abs(y + 1) < 1e-9))
        kept = np.isfinite(y) & ~special
        s, y = s[kept], np.maximum.accumulate(y[kept])
        rising = np.concatenate([[True], np.diff(y) > 0])
        return s[rising], y[rising]

    @functools.cached_property
    def peak(self) -> float:
        """Largest c on the gap, up to the coarseness of the table; 1 for the outer gap."""
        if self.outer:
            return 1.0
        with np.errstate(all="ignore"):
            _, _, c = self._values(self._place(self.table[0]))
        return float(np.max(c))

    def at(self, y: FloatArray) -> Inverse:
        """The inverse at y between `lowest` and `highest`, both ends included."""
        with np.errstate(all="ignore"):
            w = self._invert(np.where(y == 0, 1e-290, y))
            _, _, c = self._values(w)
            rest = 1 - c
            if self.outer:
                w = np.where(y == 0, np.inf, w)
                rest = np.where(self._far(w), self._far_rest(w), rest)
                c = 1 - rest
            r = -excess(self.law, w.astype(np.complex128)).real
        for end, limit in ((self.start, self.highest), (self.end, self.lowest)):
            here, mass = y == limit, self._mass(end)
            if self.multiplicative and end == 0:
                w = np.where(here, 0.0, w)
            if not math.isinf(limit):
                continue
            w, r = np.where(here, end, w), np.where(here, end, r)
            c, rest = np.where(here, mass, c), np.where(here, 1 - mass, rest)
        return Inverse(w, r, c, rest)

    def _invert(self, y: FloatArray) -> FloatArray:
        nodes, heights = self.table
        y = np.clip(y, heights[0], heights[-1])
        k = np.clip(np.searchsorted(heights, y), 1, len(nodes) - 1)
        low, high = nodes[k - 1], nodes[k]
        s = low + (high - low) * (y - heights[k - 1]) / (heights[k] - heights[k - 1])
        for _ in range(60):
            w = self._place(s)
            value, slope, _ = self._values(w)
            low, high = np.where(value < y, s, low), np.where(value < y, high, s)
            slope = -slope * ((w - self._centre) ** 2 if self.outer else 1.0)
            new = s + (y - value) / slope
            new = np.where((new >= low) & (new <= high), new, (low + high) / 2)
            settled = np.abs(new - s) <= 1e-10 * np.abs(s)  # Newton's next step would be its square
            s = new
            if np.all(settled):
                break
        return self._place(s)

    def _values(self, w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """y, dy/dw and c at real w, the derivative by a complex step: exact to rounding, m being analytic here."""
        step = 1e-8 * np.maximum(self._distance(w), 1e-290)
        m = self.law._stieltjes(w + 1j * step)
        m, slope = m.real, m.imag / step
        if self.multiplicative:
            y, fall = -(1 + w * m), -(m + w * slope)
            return y, fall, y * m / fall
        return -m, -slope, m**2 / slope

    def _far(self, w: FloatArray) -> NDArray[np.bool_]:
        return ~(self._distance(w) < 1e4 * self._reach)

    def _far_rest(self, w: FloatArray) -> FloatArray:
        """1 - c from r = mean + variance/u + third/u^2 + ..., u = w - mean."""
        mean, variance, third, _ = moments(self.law)
        u = w - mean
        fall = (variance + 2 * third / u) / u**2  # -dr/dw
        if not self.multiplicative:
            return fall / (1 + fall)
        share = np.where(np.isinf(w), 0.0, w * fall / (mean + variance / u))
        return share / (1 + share)

    def _nodes(self) -> FloatArray:
        reach = self._reach
        finest = max(1e-14 * reach, 4 * np.spacing(max(abs(self.start), abs(self.end))))
        if not self.outer:
            near = _graded(finest, reach / 2)
            return np.concatenate([self.start + near, self.end - near])
        far = _graded(finest, 1e4 * max(reach, abs(self.start), abs(self.end)))
        return np.concatenate([self.start + far, self.end - far])

    @property
    def _reach(self) -> float:
        return abs(self.start - self.end)

    @property
    def _centre(self) -> float:
        return (self.start + self.end) / 2

    def _coordinate(self, w: FloatArray) -> FloatArray:
        return 1 / (w - self._centre) if self.outer else -w

    def _place(self, s: FloatArray) -> FloatArray:
        return self._centre + 1 / s if self.outer else -s

    def _distance(self, w: FloatArray) -> FloatArray:
        return np.minimum(np.abs(w - self.start), np.abs(w - self.end))

    def _mass(self, x: float) -> float:
        return sum(mass for a, mass in self.law.atoms if a == x)

    def _pole(self, x: float) -> bool:
        return self._mass(x) > 0 and not (self.multiplicative and x == 0)


@functools.lru_cache(maxsize=64)
def gaps(law: Law, multiplicative: bool) -> tuple[Gap, ...]:
    """Returns the gaps of the support, the outer one first."""
    pieces = merged((*law.bands, *((x, x) for x, _ in law.atoms)))
    inner = itertools.pairwise(pieces)
    outer = Gap(law, pieces[-1][1], pieces[0][0], multiplicative)
    return (outer, *(Gap(law, below[1], above[0], multiplicative) for below, above in inner))


def outer_gap(law: Law, *, multiplicative: bool) -> Gap:
    """Returns the gap through infinity."""
    return gaps(law, multiplicative)[0]


def merged(pieces: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Returns the connected components of a union of closed intervals, in increasing order."""
    result: list[tuple[float, float]] = []
    for low, high in sorted(pieces):
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return result


def _graded(finest: float, farthest: float) -> FloatArray:
    return np.geomspace(finest, farthest, max(2, round(PER_DECADE * math.log10(farthest / finest))))
