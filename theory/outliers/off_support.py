"""A law seen from a real point z off its support: sums over its mass of powers of 1/|z - x|, right up to the edges.

z = edge + side delta lies in a gap of the support or beyond it. Distances to the edge are computed as such, never as
differences of nearby positions, and the quadrature is graded towards the edges: at a soft edge the sums carry 12
digits for every delta >= 0, 0 included, where a transform evaluated at z would carry 8, since z itself is rounded.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.law import Law, Pairs
from theory.outliers.edge import SquareRootEdge, square_root_edge
from theory.quadrature import panel_points
from theory.tables import BandTable, tables

FloatArray = NDArray[np.float64]
_GRADES = np.pi * 0.25 ** np.arange(1, 24)  # panels down to an angle of 5e-14, a distance of 1e-27 band widths
_BLOCK = 512  # rows of the table delta x mass points held at once


@dataclass(frozen=True, eq=False)
class View:
    """Mass points seen from one edge of the support: point i lies `offset` behind it (negative: beyond the gap)."""

    edge: float
    side: int  # 1 where the gap lies above the edge, -1 where it lies below
    gap: float  # length of the gap; infinite outside the support
    position: FloatArray  # (m,)
    mass: FloatArray  # (m,)
    offset: FloatArray  # (m,) side (edge - position)
    divergent: bool  # mass/offset has no finite sum: an atom, a hard edge or a jump of the density

    def sums(self, delta: FloatArray, weight: FloatArray | float = 1.0, power: int = 1) -> FloatArray:
        """Sum of mass weight/(delta + offset)^power, in the shape of `delta`."""
        return self._blocks(lambda inverse: inverse**power @ (self.mass * weight), delta)

    def dispersion(self, delta: FloatArray) -> FloatArray:
        """Variance of 1/(delta + offset) over the square of its mean; neither under- nor overflows."""
        return self._blocks(lambda inverse: (inverse / (inverse @ self.mass)[:, None] - 1) ** 2 @ self.mass, delta)

    def square_slope(self, delta: FloatArray, other: FloatArray, weight: FloatArray) -> FloatArray:
        """(sums(delta, weight, 2) - sums(other, weight, 2))/(other - delta) without cancellation."""
        return self._blocks(lambda a, b: (a * b * (a + b)) @ (self.mass * weight), delta, other)

    def at_edge(self) -> float:
        """Sum of mass/offset; infinite at a divergent edge."""
        return math.inf if self.divergent else float(np.sum(self.mass / self.offset))

    def fall(self, delta: FloatArray) -> FloatArray:
        """at_edge() - sums(delta, 1) without cancellation, at an edge that isn't divergent."""
        return delta * self.sums(delta, 1 / self.offset)

    def _blocks(self, row_sums: Callable[..., FloatArray], *deltas: FloatArray) -> FloatArray:
        flat = [delta.ravel()[:, None] for delta in deltas]
        blocks = [row_sums(*(1 / (delta[i : i + _BLOCK] + self.offset) for delta in flat))
                  for i in range(0, flat[0].size, _BLOCK)]
        return np.concatenate([np.zeros(0), *blocks]).reshape(deltas[0].shape)


@functools.lru_cache(maxsize=64)
def views(law: Law | Pairs) -> tuple[View, ...]:
    """Returns the edges of the support in increasing order, two for each of its intervals.

    `law` is a Law, or point masses ((x, mass), ...) with x increasing. Atoms off the bands are intervals of length 0.
    Raises ValueError for a law with an infinite band, ArithmeticError where quadrature misses its total mass.
    """
    intervals = _intervals(law)
    parts = [_Part.of_atom(intervals, x, mass) for x, mass in (law.atoms if isinstance(law, Law) else law)]
    if isinstance(law, Law):
        with np.errstate(all="ignore"):
            parts += [_Part.of_band(intervals, table, upper) for table in tables(law) for upper in (False, True)]
    joined = [np.concatenate([getattr(part, name) for part in parts]) for name in ("position", "mass", "low", "high")]
    owner = np.concatenate([np.full(part.mass.shape, part.owner) for part in parts])
    missing = 1 - math.fsum(joined[1])
    if abs(missing) > 1e-6:
        raise ArithmeticError(f"total mass must be 1; quadrature misses {missing:.1e} of {law!r}; check its density")
    return tuple(
        _view(intervals, k, upper, owner, joined, any(part.owner == k and part.divergent[upper] for part in parts))
        for k in range(len(intervals)) for upper in (False, True)
    )


def _intervals(law: Law | Pairs) -> list[tuple[float, float]]:
    pieces = sorted([*law.bands, *((x, x) for x, _ in law.atoms)] if isinstance(law, Law) else [(x, x) for x, _ in law])
    if not all(math.isfinite(x) for x in (pieces[0][0], max(high for _, high in pieces))):
        raise ValueError(f"bands must be finite; got {law!r}; beside an infinite band nothing detaches")
    merged = [pieces[0]]
    for low, high in pieces[1:]:
        if low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _owner(intervals: list[tuple[float, float]], x: float) -> int:
    return next(k for k, (low, high) in enumerate(intervals) if low <= x <= high)


def _view(
    intervals: list[tuple[float, float]], k: int, upper: bool, owner: NDArray[np.intp], joined: list[FloatArray],
    divergent: bool,
) -> View:
    position, mass, low, high = joined
    edge, side = intervals[k][upper], 1 if upper else -1
    neighbour = k + side
    inside = 0 <= neighbour < len(intervals)
    gap = abs(intervals[neighbour][not upper] - edge) if inside else math.inf
    offset = np.where(owner == k, high if upper else low, side * (edge - position))
    return View(edge, side, gap, position, mass, offset, divergent)


@dataclass(frozen=True, eq=False)
class _Part:
    """An atom, or half a band: positions, masses and distances to both ends of interval `owner` of the support."""

    owner: int
    position: FloatArray
    mass: FloatArray
    low: FloatArray
    high: FloatArray
    divergent: tuple[bool, bool]  # at the lower, at the upper end of the interval

    @classmethod
    def of_atom(cls, intervals: list[tuple[float, float]], x: float, mass: float) -> "_Part":
        k = _owner(intervals, x)
        low, high = intervals[k]
        position, masses, below, above = np.array([[x], [mass], [x - low], [high - x]])
        return cls(k, position, masses, below, above, (x == low, x == high))

    @classmethod
    def of_band(cls, intervals: list[tuple[float, float]], table: BandTable, upper: bool) -> "_Part":
        band = table.band
        k = _owner(intervals, band.low)
        low, high = intervals[k]
        fit = square_root_edge(table.law, band.low, band.high, upper)
        depth, mass = _half(table, fit, upper)
        ends = (band.width - depth, depth) if upper else (depth, band.width - depth)
        position = band.high - depth if upper else band.low + depth
        diverges = fit is None and _diverges(table.law, band, upper)
        divergent = (diverges and not upper and band.low == low, diverges and upper and band.high == high)
        return cls(k, position, mass, (band.low - low) + ends[0], (high - band.high) + ends[1], divergent)


def _half(table: BandTable, fit: SquareRootEdge | None, upper: bool) -> tuple[FloatArray, FloatArray]:
    """Distances from one end of the band and masses, over the half next to it; panels are graded towards the end."""
    band = table.band
    edges = np.pi - table.edges if upper else table.edges
    edges = np.unique(np.concatenate([[0.0, np.pi / 2], edges[edges < np.pi / 2], _GRADES]))
    t, weight = (values.ravel() for values in panel_points(edges[:-1], edges[1:]))
    q = np.sin(t / 2) ** 2
    depth = band.width * q
    density = table.law.pdf(band.high - depth if upper else band.low + depth)
    density = np.where(np.isinf(density), 0.0, density)
    if fit is not None:  # pdf carries the rounding of x, which next to the edge exceeds the distance
        near = q < fit.reach
        density[near] = fit.factor(q[near]) * np.sqrt(depth[near])
    return depth, weight * density * band.jacobian(t)


def _diverges(law: Law, band: Band, upper: bool) -> bool:
    """True where pdf ~ distance^p with p <= 0 next to the end of the band."""
    depth = band.width * np.array([1e-9, 1e-6])
    near, far = law.pdf(band.high - depth if upper else band.low + depth)
    return not near < 0.8 * far  # p = log(far/near)/log(1000) > 0.03
