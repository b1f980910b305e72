"""What sums, products and powers of free variables share: density and transform at the subordinated point.

A law may be unbounded: its outer bands then end at infinity, and `window` holds what the convolved laws' windows do. In
the tails Im w lies below the rounding of Re w; there T contracts, and plain steps give both parts their own digits.
"""

import functools
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.free.axis import Axis, HalfLine, Line
from theory.free.cumulated import cumulated, quantile
from theory.free.edges import Branch, support
from theory.free.fixed_point import fixed_point, relative_residual, require_small
from theory.free.guide import guide
from theory.free.hard_edges import hard_density, lagrange, near_hard_edge
from theory.law import Law, Pairs, _whole, elementwise

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Subordinated(Law):
    """A law whose transform at z is that of another law at the point w(z) solving w = T_z(w) (Voiculescu 1993).

    Belinschi and Bercovici 2007: T_z maps the upper half plane into itself, for real z too, so the density at a real x
    is that of the interior fixed point of T_x; there is no limit in Im z to take.
    """

    @abstractmethod
    def _map(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        """T_z(w)."""

    @abstractmethod
    def _transform(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        """Stieltjes transform at z from the fixed point w."""

    @abstractmethod
    def _branches(self) -> Sequence[Branch]:
        """Pairs of gaps to be searched for edges."""

    @abstractmethod
    def _poles(self) -> Pairs:
        """((x, mass), ...), in any order: atoms have a positive mass, zero mass makes the density infinite."""

    @property
    @abstractmethod
    def _reach(self) -> tuple[float, float]:
        """Bounds of the support, or of the mass up to rounding."""

    @property
    @abstractmethod
    def _size(self) -> tuple[float, float]:
        """Roughly the middle of the law and its width, for an unbounded law."""

    @property
    def _blind(self) -> Pairs:
        """(place, reach as a share of the width): where the density is interpolated, T_x being nearly the identity."""
        return tuple((x, 2e-4) for x, mass in _poles(self).items() if math.isnan(mass))

    def _scale_at(self, x0: float, size: float) -> float:
        """The scale on which the density may vary next to a pole, at most the given size."""
        return size

    def _hard(self, x0: float) -> bool:
        """Whether the density is infinite at x0."""
        return _poles(self).get(x0) == 0

    def _about(self, x: float) -> "Subordinated | None":
        """The law of X - x with its own digits next to 0, x being the place of a hard edge; None where unknown."""
        return None

    @property
    def _anchors(self) -> tuple[float, ...]:
        """Where edges may lie that are no critical points."""
        return tuple(x for x, mass in _poles(self).items() if not math.isnan(mass))

    @property
    def atoms(self) -> Pairs:
        """By Bercovici and Voiculescu 1998; exact."""
        return tuple((x, mass) for x, mass in _poles(self).items() if mass > 0)

    @property
    def bands(self) -> Pairs:
        """From the critical points of the inverse map on the real axis; right to rounding error of the larger law.

        The outer ones of an unbounded law end at infinity.
        """
        return _bands(self)

    @property
    def window(self) -> Pairs:
        """The bands, infinite ends cut where the mass beyond is below rounding, at 1e300 at the latest."""
        low, high = (min(max(x, -1e300), 1e300) for x in self._reach)
        return tuple((a if math.isfinite(a) else low, b if math.isfinite(b) else high) for a, b in self.bands)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part."""
        density = np.where(np.isnan(x), np.nan, 0.0)
        for band, (low, high) in enumerate(self.bands):
            inside = (x > low) & (x < high) & (np.abs(x) < 1e299)
            if np.any(inside):
                density[inside] = self._density(x[inside], band)
            for x0 in (x0 for x0 in (low, high) if self._hard(x0)):
                near = inside & near_hard_edge(self, x0, band, np.abs(x - x0))
                if np.any(near):
                    density[near] = hard_density(self, x0, band, x[near] - x0)
                density[x == x0] = np.inf
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atoms included."""
        below = sum((t.below(x) for t in cumulated(self)), np.where(np.isnan(x), x, 0.0))
        total = np.minimum(below + sum((m * (x >= a) for a, m in self.atoms), np.zeros(1)), 1.0)
        return np.where(x >= self._ends[1], 1.0, total)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x), summed from above: relative accuracy is kept up to the upper edge."""
        above = sum((t.above(x) for t in cumulated(self)), np.where(np.isnan(x), x, 0.0))
        total = np.minimum(above + sum((m * (x < a) for a, m in self.atoms), np.zeros(1)), 1.0)
        return np.where(x < self._ends[0], 1.0, total)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; the ends of the support at 0 and 1; ValueError outside [0, 1]."""
        return quantile(self, checks.probabilities(p))

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(X), atoms included, for real f smooth on the scale of each band; `f` maps (m,) to (m,)."""
        atoms = sum(mass * float(f(np.array([x]))[0]) for x, mass in self.atoms)
        return float(atoms + sum(t.integral(f) for t in cumulated(self)))

    def moment(self, k: int) -> float:
        """E X^k, atoms included; infinite, or NaN where both tails are, from `tail_index` on."""
        _whole(k)
        if self.tail_index < math.inf and k in (1, 2) and k < self.tail_index:
            return self.mean if k == 1 else self.mean**2 + self.std**2  # of a tail quadrature sees the rounding
        if k < self.tail_index:
            return super().moment(k)
        down, up = (math.isinf(x) for x in self._ends)
        if k % 2 == 0 or not down:
            return math.inf
        return math.nan if up else -math.inf

    def _density(self, x: FloatArray, band: int) -> FloatArray:
        low, high = self.bands[band]
        for x0, share in self._blind:
            reach = share * self._scale_at(x0, min(high - low, self._width))
            near = np.abs(x - x0) < reach
            if np.any(near) and low < x0 - 3 * reach and x0 + 3 * reach < high:
                # the fixed point is lost here, the density is smooth
                nodes = x0 + reach * np.array([-3.0, -1.5, 1.5, 3.0])
                value = x.copy()
                value[near] = lagrange(nodes, self._density(nodes, band), x[near])
                value[~near] = self._density(x[~near], band)
                return value
        z = x.astype(np.complex128)
        return np.maximum(self._transform(z, self._solve(z, guide(self, band).start(x))).imag / np.pi, 0.0)

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        upper: ComplexArray = np.where(z.imag < 0, z.conj(), z)
        distance = self._distance(upper.real)
        near = upper.imag < 1e-4 * distance
        value = np.full(z.shape, complex(np.nan, np.nan))
        usual = ~near & (upper.imag > 0) & np.isfinite(upper)
        value[usual] = self._transform(upper[usual], self._solve(upper[usual], self._start(upper[usual])))
        if np.any(near):
            value[near] = self._transform(upper[near], self._polished(upper[near], distance[near]))
        return np.where(z.imag < 0, value.conj(), value)

    def _axis(self, band: int) -> Axis:
        """The coordinate of a band."""
        (low, high), (start, end) = self.bands[band], self.window[band]
        middle, width = self._size
        if math.isfinite(high - low) or self.tail_index == math.inf:
            return Axis(start, end)
        if math.isinf(low) and math.isinf(high):
            return Line(start, end, middle, width)
        return HalfLine(start, end, width, 1 if math.isfinite(low) else -1)

    def _solve(self, z: ComplexArray, start: ComplexArray) -> ComplexArray:
        return self._settled(z, fixed_point(lambda w, k: self._map(z[k], w), start, self._resolution))

    @property
    def _resolution(self) -> float:
        """What a residual is small against where w is smaller; 0 where the map keeps relative digits."""
        return self._width

    def _settled(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        """For an unbounded law, plain steps from w where Im w is small, until it stays."""
        active = np.flatnonzero(w.imag < 1e-6 * (np.abs(w.real) + self._width))
        if math.isfinite(self._ends[1] - self._ends[0]):
            return w
        w = w.copy()
        for _ in range(40):
            if not len(active):
                break
            value = self._map(z[active], w[active])
            moved = np.abs(value.imag - w[active].imag) > 1e-14 * np.abs(value.imag)
            w[active] = value
            active = active[moved]
        return w

    @property
    def _width(self) -> float:
        """Size of the numbers that T adds up."""
        low, high = self._ends
        return high - low if math.isfinite(high - low) else self._size[1]

    def _start(self, z: ComplexArray) -> ComplexArray:
        return z + 0.5j * self._width

    def _polished(self, z: ComplexArray, distance: FloatArray) -> ComplexArray:
        """w(z) on the real axis off the support, or so near to it that Im w is lost in the rounding of Re w.

        From the solution a little above, by Newton steps in which real and imaginary part keep their own digits.
        """
        height = 1e-4 * np.minimum(distance, np.abs(z.real) + self._width)
        above: ComplexArray = np.asarray(z.real + 1j * height, np.complex128)
        w = self._solve(above, self._start(above))
        w = w.real + 1j * w.imag * (z.imag / height)
        offset = 1e-3j * height
        for _ in range(4):
            value = self._map(z, w)
            slope = (self._map(z, w + offset) - value) / offset
            w = w + (value - w) / (1 - slope)
        require_small(relative_residual(w, self._map(z, w), self._width))
        return w

    def _distance(self, x: FloatArray) -> FloatArray:
        """Distance of real x to the support."""
        pieces = (*self.bands, *((a, a) for a, _ in self.atoms))
        return np.min([np.maximum(np.maximum(low - x, x - high), 0.0) for low, high in pieces], axis=0)


@functools.lru_cache(maxsize=64)
def _poles(law: Subordinated) -> dict[float, float]:
    """Atoms with their masses; points of infinite density with mass 0; points where T_x is the identity with NaN.

    T_x is the identity for two laws of two atoms, equal up to a shift, at the point that belongs to both pairs.
    """
    pairs = sorted(law._poles())
    scale = max((abs(x) for x, _ in pairs), default=0.0)
    result: dict[float, float] = {}
    for x, mass in pairs:
        if mass > 1e-14:
            result[x] = mass
        elif mass > -1e-14:
            same = [y for y in result if abs(x - y) <= 1e-14 * scale]
            result[same[0] if same else x] = math.nan if same else 0.0
    return result


@functools.lru_cache(maxsize=64)
def _bands(law: Subordinated) -> Pairs:
    poles = _poles(law)
    pieces = support(law._branches(), law._anchors, law._size[1])
    for x, mass in poles.items():
        if mass == 0:  # a band ends where its density is infinite, so that quadrature sees a hard edge
            pieces = tuple(piece for low, high in pieces for piece in _split(low, high, x))
    return pieces


def _split(low: float, high: float, x: float) -> Pairs:
    return ((low, x), (x, high)) if low < x < high else ((low, high),)
