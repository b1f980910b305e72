"""Integrals of any density over its bands: the defaults behind `Law.cdf`, `sf`, `quantile`, `moment`, `stieltjes`.

In the angle coordinate of `theory.band` the integrand pdf(x(t)) dx/dt is smooth at square-root and hard edges alike;
panels are halved until Gauss-Legendre resolves it: a nearly closed gap or a nearly hard edge costs panels, not digits.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.quadrature import panel_points, resolve
from theory.roots import newton_roots

if TYPE_CHECKING:
    from theory.law import Law

FloatArray = NDArray[np.float64]
CHUNK = 512  # points of a transform at a time


@dataclass(frozen=True)
class BandTable:
    """Mass of one band, cumulated over adaptive panels in the angle."""

    law: "Law"
    band: Band
    edges: FloatArray  # (panels + 1,) angles from 0 to pi

    @functools.cached_property
    def masses(self) -> FloatArray:
        """Mass of every panel (panels,)."""
        with np.errstate(all="ignore"):  # infinities and zeros at edges are no mistakes
            return self._mass(self.edges[:-1], self.edges[1:])

    def density(self, t: FloatArray) -> FloatArray:
        """Mass per angle."""
        return _density(self.law, self.band, t)

    def below(self, x: FloatArray) -> FloatArray:
        """Mass of the band below x, from the panel's lower edge upwards; NaN for NaN."""
        t = self.band.angle(x)
        panel = self._panel(t)
        before = np.concatenate([[0.0], np.cumsum(self.masses)])
        return before[panel] + self._mass(self.edges[panel], t)

    def above(self, x: FloatArray) -> FloatArray:
        """Mass of the band above x, summed from the top; NaN for NaN."""
        t = self.band.angle(x)
        panel = self._panel(t)
        after = np.concatenate([np.cumsum(self.masses[::-1])[::-1], [0.0]])
        return after[panel + 1] + self._mass(t, self.edges[panel + 1])

    def integral(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """The integral of f(x) pdf(x) over the band, f smooth on the scale of the band."""
        x, mass = self._nodes
        return float(np.sum(f(x) * mass))

    def stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """The integral of pdf(x)/(x - z) for z (m,); panels next to the point of the band next to z are halved."""
        parts = [self._stieltjes(z[i : i + CHUNK]) for i in range(0, len(z), CHUNK)]
        return np.concatenate([np.empty(0, np.complex128), *parts])

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        # the angle at which x = z
        pole: NDArray[np.complex128] = np.arccos((self.band.low + self.band.high - 2 * z) / self.band.width)
        index: Any = np.repeat(np.arange(len(z)), len(self.masses))
        low: Any = np.tile(self.edges[:-1], len(z))
        high: Any = np.tile(self.edges[1:], len(z))
        x, mass = self._nodes
        x, mass = np.tile(x, (len(z), 1)), np.tile(mass, (len(z), 1))
        total = np.zeros(len(z), np.complex128)
        while len(index):
            at: Any = pole[index]
            gap = np.hypot(np.maximum(np.maximum(low - at.real, at.real - high), 0.0), at.imag)
            # 16 nodes on a panel no longer than its distance from the pole are right to rounding; narrower panels
            # than the last would sample the rounding of x
            near = (gap < high - low) & (high - low > 1e-15)
            values = np.sum(mass[~near] / (x[~near] - z[index[~near], None]), axis=-1)
            np.add.at(total, index[~near], values)
            index, low, high = (np.repeat(v[near], 2) for v in (index, low, high))
            middle = (low + high)[::2] / 2
            low[1::2], high[::2] = middle, middle
            t, w = panel_points(low, high)
            x, mass = self.band.at(t), w * self.density(t)
        return total

    @functools.cached_property
    def _nodes(self) -> tuple[FloatArray, FloatArray]:
        """Points of every panel and their masses, each (panels, nodes)."""
        t, w = panel_points(self.edges[:-1], self.edges[1:])
        mass = w * self.density(t)
        if self._power < 0:
            mass[0] *= self.masses[0] / np.sum(mass[0])
        return self.band.at(t), mass

    @functools.cached_property
    def _power(self) -> float:
        """p < 0 where the density in t grows like t^p towards edges[0] = 0, with panels halved to the last; else 0.

        Next to a hard edge x^(-k/(k + 1)), as of products of k matrices, p = (1 - k)/(1 + k): Gauss-Legendre would lose
        a share of the first panel, 3e-8 of all mass for k = 4. There t^p to leading order is right to t^(2/(k + 1)).
        """
        if self.edges[0] != 0 or not self.edges[1] < 1e-14:
            return 0.0
        far, near = self.density(np.array([self.edges[1], self.edges[1] / 2]))
        power = math.log2(far / near) if far > 0 and near > 0 else 0.0
        return power if -1 < power < -0.01 else 0.0

    def _panel(self, t: FloatArray) -> NDArray[np.intp]:
        return np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.masses) - 1)

    def _mass(self, low: FloatArray, high: FloatArray) -> FloatArray:
        t, w = panel_points(low, high)
        mass = np.sum(w * self.density(t), axis=-1)
        if self._power < 0:
            first = (low == self.edges[0]) & (high > low) & (high <= self.edges[1])
            mass[first] = (high * self.density(high) / (1 + self._power))[first]
        return mass


@functools.lru_cache(maxsize=64)
def tables(law: "Law") -> tuple[BandTable, ...]:
    """Returns one table per interval of `law.window`; kept for the 64 laws used last."""
    with np.errstate(all="ignore"):
        return tuple(_table(law, Band(low, high)) for low, high in law.window)


def quantile(law: "Law", p: FloatArray) -> FloatArray:
    """Returns inf{x: cdf(x) >= p} for p in [0, 1]: finds the atom or panel that holds p, then Newton in the angle."""
    pieces = _pieces(law)
    heights = np.cumsum([mass for _, mass, *_ in pieces])
    wanted = np.minimum(p, heights[-1]).ravel()
    index = np.minimum(np.searchsorted(heights, np.nan_to_num(wanted), side="left"), len(pieces) - 1)
    result = np.where(np.isnan(wanted), np.nan, 0.0)
    inner = (p.ravel() != 0) & (p.ravel() != 1)  # the ends are known: not searched for, where densities have few digits
    for k in np.unique(index):
        here = (index == k) & ~np.isnan(wanted) & inner
        start, mass, table, low, high = pieces[k]
        if table is None:
            result[here] = start
            continue
        rest = wanted[here] - (heights[k] - mass)
        result[here] = table.band.at(_invert(table, low, high, mass, rest))
    # At p = 1 a rounding error in the last height would move the edge by its power 2/3; a window may end before a band.
    result[p.ravel() == 0], result[p.ravel() == 1] = law._ends
    return result.reshape(p.shape)


def _table(law: "Law", band: Band) -> BandTable:
    start = np.array([0.0, *sorted(float(band.angle(np.array(x))) for x in _inner(law, band)), np.pi])
    # Next to an edge pdf(x) carries the rounding of x: a tighter tolerance would chase that noise.
    return BandTable(law, band, resolve(lambda t: _density(law, band, t), start, tolerance=1e-14))


def _inner(law: "Law", band: Band) -> list[float]:
    """Returns the atoms inside the band."""
    return [x for x, _ in law.atoms if band.low < x < band.high]


def _density(law: "Law", band: Band, t: FloatArray) -> FloatArray:
    """Returns pdf dx/dt; 0 where x rounds to a hard edge, at which pdf is infinite and dx/dt vanishes.

    dx/dt is taken at the angle of the rounded x: next to a hard edge away from 0 its rounding then cancels that of pdf.
    """
    x = band.at(t)
    value = law.pdf(x)
    return np.where(np.isinf(value), 0.0, value) * band.jacobian(band.angle(x))


def _pieces(law: "Law") -> list[tuple[float, float, BandTable | None, float, float]]:
    """Returns atoms and panels in increasing order: (where it starts, mass, table or None, angles)."""
    pieces: list[tuple[float, float, BandTable | None, float, float]] = []
    pieces += [(x, mass, None, 0.0, 0.0) for x, mass in law.atoms]
    for table in tables(law):
        starts = table.band.at(table.edges[:-1])
        for x in _inner(law, table.band):  # a panel that begins at an atom comes after it, however its start is rounded
            starts = np.where(table.edges[:-1] == table.band.angle(np.array(x)), x, starts)
        rows = zip(starts, table.masses, table.edges[:-1], table.edges[1:], strict=True)
        pieces += [(float(x), float(m), table, float(low), float(high)) for x, m, low, high in rows]
    return sorted(pieces, key=lambda piece: (piece[0], piece[2] is not None))


def _invert(table: BandTable, low: float, high: float, mass: float, wanted: FloatArray) -> FloatArray:
    """Solves mass between `low` and t = wanted for t in [low, high]."""

    def excess(t: FloatArray, i: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        return table._mass(np.full(t.shape, low), t) - wanted[i], table.density(t)

    start = low + (high - low) * np.clip(wanted / mass if mass else 0.0 * wanted, 0.0, 1.0)
    return newton_roots(excess, start, np.full(wanted.shape, low), np.full(wanted.shape, high))[0]
