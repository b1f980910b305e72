"""Edges of products with a law of both signs, on whose gaps psi(1/w) is not monotone: w itself, of that law, is varied.

    x = w_1 w_2 eta,   eta = -h_1(w_1)/w_1 = -h_2(w_2)/w_2,   T'(w_1) = k_1 k_2,   k = d log h/d log w,   h = F - w

w_1 belongs to the signed law. For each real w_1 in a gap the value y = psi_1(1/w_1) has one w_2 in each gap of the
positive law; the pair belongs to a point outside the support where T' < 1.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theory.free.edges import Branch
from theory.free.gaps import Gap
from theory.free.transforms import excess

FloatArray = NDArray[np.float64]


def signed_branches(base: Gap, factor: Gap) -> Sequence[Branch]:
    """Branches in the coordinate of `base`, a gap of the signed law, beside one of the positive law.

    Where w_1 passes infinity but w_2 can't, x doesn't either: one branch on each side.
    """

    def evaluate(s: FloatArray) -> tuple[FloatArray, FloatArray]:
        w, r, k, y = _at(base, s)
        inside = (y >= factor.lowest) & (y <= factor.highest)
        other = factor.at(np.where(np.isnan(y), 0.0, np.clip(y, factor.lowest, factor.highest)))
        x = np.where(np.abs(w) <= np.abs(other.w), w * other.r, other.w * r)
        return x, np.where(inside, 1 + k * other.rest / other.c, -1.0)

    s = _grid(base, factor)
    lowest, highest = _end(base, base.end), _end(base, base.start)
    if base.outer and not factor.outer:
        below = Branch(evaluate, s[s < 0], lowest, 0.0, factor.below or factor.above, False, signed=True)
        above = Branch(evaluate, s[s > 0], 0.0, highest, False, factor.below or factor.above, signed=True)
        return [below, above]
    infinite = factor.below or factor.above
    return [Branch(evaluate, s, lowest, highest, base.below and infinite, base.above and infinite, signed=True)]


def _at(gap: Gap, s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """w, r = w - F, k and y = psi(1/w) at the coordinates s; at an atom their limits."""
    w = gap._place(s)
    # m may vanish on the gap, and h is infinite there: a step that is short beside any distance to such a point
    step = 1e-20 * np.maximum(gap._distance(w), 1e-270)
    h = excess(gap.law, w + 1j * step)
    r, k = -h.real, w * (h.imag / step) / h.real
    y = r / (w - r)
    for end, side in ((gap.start, 1.0), (gap.end, -1.0)):
        mass = gap._mass(end)
        if mass > 0:
            here = s == _end(gap, end)
            w = np.where(here, end, w)
            r = np.where(here, end, r)
            y = np.where(here, side * math.copysign(math.inf, end) if end else mass - 1, y)
    return w, r, k, y


def _end(gap: Gap, x: float) -> float:
    """The coordinate of an end of the gap."""
    return 0.0 if math.isinf(x) else float(gap._coordinate(np.array(x)))


def _grid(base: Gap, factor: Gap) -> FloatArray:
    """Coordinates that resolve the base's gap, and those at which y takes the values of the factor's table."""
    s = np.unique(base._coordinate(base._nodes()))
    s = s[s != 0]
    with np.errstate(all="ignore"):
        y = _at(base, s)[3]
    s, y = s[np.isfinite(y)], y[np.isfinite(y)]
    values = factor.table[1]
    found = [s]
    for rising in (True, False):
        for run in _runs(y, rising):
            height = y[run] if rising else y[run][::-1]
            inside = values[(values > height[0]) & (values < height[-1])]
            found.append(np.interp(inside, height, s[run] if rising else s[run][::-1]))
    merged = np.unique(np.concatenate(found))
    return merged[merged != 0]


def _runs(y: FloatArray, rising: bool) -> list[slice]:
    """Maximal stretches on which y rises, or falls."""
    up = (np.diff(y) > 0) == rising
    ends = np.flatnonzero(np.diff(np.concatenate([[False], up, [False]]).astype(int)))
    return [slice(int(a), int(b) + 1) for a, b in zip(ends[::2], ends[1::2], strict=True)]
