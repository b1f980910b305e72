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

from theory.free.transforms import excess, moments, width
from theory.law import Law

FloatArray = NDArray[np.float64]
PER_DECADE = 10
NEXT_TO_ZERO = 1e-30  # of the width: the first point of a table of G next to a law's end at 0


class Inverse(NamedTuple):
    """What edges need at given y; each of shape (m,)."""

    w: FloatArray  # where the transform is y
    r: FloatArray  # w - F(w), which is R(y)
    c: FloatArray  # 1/F'(w) for sums, 1/(1 - w r'/r) for products; the mass at an end that is an atom
    rest: FloatArray  # 1 - c, with its digits far out


@dataclass(frozen=True, eq=False)
class Gap:
    """An interval without support: (start, end), or (start, oo) and (-oo, end) together where start > end.

    Beside a law that is unbounded on one side start = -oo or end = oo; y is 0 there.
    """

    law: Law
    start: float  # where y is largest
    end: float  # where y is smallest
    multiplicative: bool

    @property
    def outer(self) -> bool:
        """True for the gap through infinity."""
        return self.start > self.end

    @property
    def below(self) -> bool:
        """True if the gap reaches -oo."""
        return self.outer or math.isinf(self.start)

    @property
    def above(self) -> bool:
        """True if the gap reaches oo."""
        return self.outer or math.isinf(self.end)

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
        s, y = self._tabulated(self._down_to_zero)
        # Where one of the two points passes infinity (y = 0), or for products zero (y = -1), margins of edges vanish.
        unit = 1.0 if self.multiplicative else 1 / self._reach
        special = (np.abs(y) < 1e-9 * unit) | (self.multiplicative & (np.abs(y + 1) < 1e-9))
        kept = np.isfinite(y) & ~special
        s, y = s[kept], np.maximum.accumulate(y[kept])
        rising = np.concatenate([[True], np.diff(y) > 0])
        s, y = s[rising], y[rising]
        if self._half:
            s, y = (np.append(s, 0.0), np.append(y, 0.0)) if self.below else (np.append(0.0, s), np.append(0.0, y))
        return s, y

    @functools.cached_property
    def peak(self) -> float:
        """Largest c on the gap, up to the coarseness of the table; 1 for gaps that reach infinity."""
        if self._infinite:
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
            if self._infinite:
                w = np.where(y == 0, np.inf if self.above else -np.inf, w)
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
            slope = -slope * ((w - self._centre) ** 2 if self._infinite else 1.0)
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
        return ~(self._distance(w) < 1e4 * self._reach) if self.law.tail_index == math.inf else np.isinf(w)

    def _far_rest(self, w: FloatArray) -> FloatArray:
        """1 - c from r = mean + variance/u + third/u^2 + ..., u = w - mean; 0 at infinity."""
        mean, variance, third, _ = moments(self.law)
        if math.isinf(variance):
            return np.zeros(w.shape)
        u = w - mean
        fall = (variance + 2 * third / u) / u**2  # -dr/dw
        if not self.multiplicative:
            return fall / (1 + fall)
        share = np.where(np.isinf(w), 0.0, w * fall / (mean + variance / u))
        return share / (1 + share)

    def _tabulated(self, next_to_zero: bool) -> tuple[FloatArray, FloatArray]:
        """Rising coordinates of the nodes, and y there."""
        s = np.sort(self._coordinate(self._nodes(next_to_zero)))
        try:
            with np.errstate(all="ignore"):
                return s, self._values(self._place(s))[0]
        except ArithmeticError:  # next to 0 a transform's own rounding may hide its branch
            if not next_to_zero:
                raise
            return self._tabulated(False)

    def _nodes(self, next_to_zero: bool = False) -> FloatArray:
        reach = self._reach
        finite = [x for x in (self.start, self.end) if math.isfinite(x)]
        farthest = max(map(abs, finite))
        finest = max(1e-14 * reach, 4 * np.spacing(farthest))
        near = _graded(finest, 1e4 * max(reach, farthest) if self._infinite else reach / 2)
        if len(finite) < 2:
            return self.end - near if self.below else self.start + near
        if next_to_zero:
            return np.concatenate([self.start + near, -near, -_graded(NEXT_TO_ZERO * reach, finest)[:-1]])
        return np.concatenate([self.start + near, self.end - near])

    @functools.cached_property
    def _reach(self) -> float:
        return width(self.law) if self._half else abs(self.start - self.end)

    @property
    def _down_to_zero(self) -> bool:
        return self.outer and self.end == 0 and not self.multiplicative

    @property
    def _half(self) -> bool:
        return math.isinf(self.start) or math.isinf(self.end)

    @property
    def _infinite(self) -> bool:
        return self.outer or self._half

    @property
    def _centre(self) -> float:
        if self._down_to_zero:
            return 0.0  # so that points next to 0 keep their digits
        if self._half:
            return self.end + self._reach if self.below else self.start - self._reach
        return (self.start + self.end) / 2

    def _coordinate(self, w: FloatArray) -> FloatArray:
        return 1 / (w - self._centre) if self._infinite else -w

    def _place(self, s: FloatArray) -> FloatArray:
        return self._centre + 1 / s if self._infinite else -s

    def _distance(self, w: FloatArray) -> FloatArray:
        return np.minimum(np.abs(w - self.start), np.abs(w - self.end))

    def _mass(self, x: float) -> float:
        return sum(mass for a, mass in self.law.atoms if a == x)

    def _pole(self, x: float) -> bool:
        return self._mass(x) > 0 and not (self.multiplicative and x == 0)


@functools.lru_cache(maxsize=64)
def gaps(law: Law, multiplicative: bool) -> tuple[Gap, ...]:
    """Returns the gaps of the support, those that reach infinity first; none for a law on the whole line."""
    pieces = merged((*law.bands, *((x, x) for x, _ in law.atoms)))
    places = [(below[1], above[0]) for below, above in itertools.pairwise(pieces)]
    low, high = pieces[0][0], pieces[-1][1]
    if math.isfinite(low) or math.isfinite(high):
        ends = (high if math.isfinite(high) else -math.inf, low if math.isfinite(low) else math.inf)
        places.insert(0, ends)
    return tuple(Gap(law, start, end, multiplicative) for start, end in places)


def outer_gap(law: Law, *, multiplicative: bool) -> Gap:
    """Returns the gap that reaches infinity; ValueError for a law that is unbounded on both sides."""
    if not any(map(math.isfinite, law._ends)):
        raise ValueError(f"law must be bounded on one side; got {law!r}; its transforms have no real inverse")
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
