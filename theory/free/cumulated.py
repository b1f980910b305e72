"""Distribution functions of free convolutions: mass cumulated over panels of `theory.free.axis`.

As `theory.tables` does for other laws; but the density is asked for at distances from hard edges that no rounded x
could state, and unbounded bands with power tails have coordinates of their own.
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theory.free.hard_edges import hard_density, near_hard_edge
from theory.quadrature import resolve
from theory.tables import BandTable, _invert

if TYPE_CHECKING:
    from theory.free.subordinated import Subordinated

FloatArray = NDArray[np.float64]
Piece = tuple[float, float, BandTable | None, float, float]


@dataclass(frozen=True)
class CumulatedBand(BandTable):
    """`theory.tables.BandTable` of the band with this number."""

    number: int = 0

    def density(self, t: FloatArray) -> FloatArray:
        """Mass per t."""
        return _density(self.law, self.number, self.band, t)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=64)
def cumulated(law: "Subordinated") -> tuple[CumulatedBand, ...]:
    """Returns one table per band."""
    with np.errstate(all="ignore"):
        return tuple(_table(law, number) for number in range(len(law.bands)))


def quantile(law: "Subordinated", p: FloatArray) -> FloatArray:
    """Returns inf{x: cdf(x) >= p} for p in [0, 1]: finds the atom or panel that holds p, then Newton in t."""
    pieces = _pieces(law)
    heights = np.cumsum([mass for _, mass, *_ in pieces])
    wanted = np.minimum(p, heights[-1]).ravel()
    index = np.minimum(np.searchsorted(heights, np.nan_to_num(wanted), side="left"), len(pieces) - 1)
    result = np.where(np.isnan(wanted), np.nan, 0.0)
    for k in np.unique(index):
        here = (index == k) & ~np.isnan(wanted)
        start, mass, table, low, high = pieces[k]
        if table is None:
            result[here] = start
            continue
        rest = np.maximum(wanted[here] - (heights[k] - mass), 0.0)
        result[here] = table.band.at(_invert(table, low, high, mass, rest))
    for end, probability in zip(law._ends, (0.0, 1.0), strict=True):
        result[p.ravel() == probability] = end
    return result.reshape(p.shape)


def _table(law: "Subordinated", number: int) -> CumulatedBand:
    axis = law._axis(number)
    low, high = axis.ends
    atoms = [float(axis.angle(np.array(x))) for x, _ in law.atoms if axis.low < x < axis.high]
    start = np.unique(np.concatenate([np.linspace(low, high, 2 + int((high - low) / 8)), atoms]))
    # Next to an edge pdf(x) carries the rounding of x, and transforms of unbounded laws are right to 1e-13 or so: a
    # tighter tolerance would chase that noise.
    tolerance = 1e-14 if np.isfinite(law._ends[1] - law._ends[0]) else 1e-12
    edges = resolve(lambda t: _density(law, number, axis, t), start, tolerance=tolerance)
    return CumulatedBand(law, axis, edges, number)  # type: ignore[arg-type]


def _density(law: "Subordinated", number: int, axis: Any, t: FloatArray) -> FloatArray:
    """Mass per t.

    dx/dt is taken at the t of the rounded x: next to a soft edge its rounding then cancels that of pdf. Next to a hard
    edge the density is that at the exact distance.
    """
    shape, t = t.shape, t.ravel()
    x = axis.at(t)
    value = np.zeros(x.shape)
    inside = (x > law.bands[number][0]) & (x < law.bands[number][1])
    value[inside] = law._density(x[inside], number) * axis.jacobian(axis.angle(x[inside]))
    for edge, distance, sign in zip(law.bands[number], axis.distances(t), (1, -1), strict=True):
        near = near_hard_edge(law, edge, number, distance)
        if np.any(near):
            value[near] = hard_density(law, edge, number, sign * distance[near]) * axis.jacobian(t[near])
    return np.where(np.isfinite(value), value, 0.0).reshape(shape)


def _pieces(law: "Subordinated") -> list[Piece]:
    """Returns atoms and panels in increasing order: (where it starts, mass, table or None, ends in t)."""
    pieces: list[Piece] = [(x, mass, None, 0.0, 0.0) for x, mass in law.atoms]
    for table in cumulated(law):
        starts = table.band.at(table.edges[:-1])
        axis = table.band
        for x in (x for x, _ in law.atoms if axis.low < x < axis.high):
            # a panel that begins at an atom comes after it, however its start is rounded
            starts = np.where(table.edges[:-1] == table.band.angle(np.array(x)), x, starts)
        rows = zip(starts, table.masses, table.edges[:-1], table.edges[1:], strict=True)
        pieces += [(float(x), float(m), table, float(low), float(high)) for x, m, low, high in rows]
    return sorted(pieces, key=lambda piece: (piece[0], piece[2] is not None))
