"""Edges of a free convolution: where the real subordinated point stops being a stable fixed point.

Outside the support of the sum or product both subordinated points are real and lie in gaps of the two laws. For a pair
of gaps both are functions of the common value y of their transforms, and so is x. Then y belongs to a point x outside
the support where a margin, 1 - T'(w) up to a positive factor, is positive; it vanishes where dx/dy does, at a
square-root edge. All edges come from roots of the margin on the real axis; the density is not looked at.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.free.gaps import Gap, Inverse
from theory.roots import bracketed_roots

FloatArray = NDArray[np.float64]
Margin = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
Pairing = Callable[[Inverse, Inverse], tuple[FloatArray, FloatArray]]
Pairs = tuple[tuple[float, float], ...]


class Branch(NamedTuple):
    """x and margin as functions of y on one pair of gaps."""

    evaluate: Margin  # y (m,) -> x, margin
    y: FloatArray  # rising grid that resolves them
    lowest: float  # bounds of y, -oo and oo next to atoms
    highest: float
    outer: bool  # whether x passes infinity at y = 0
    multiplicative: bool = False

    def scaled_margin(self, y: FloatArray) -> FloatArray:
        """The margin without its zeros where one of the points passes infinity or zero; -1 where that is undefined."""
        with np.errstate(all="ignore"):
            margin = self.evaluate(y)[1] / (np.abs(y * (1 + y)) if self.multiplicative else y**2)
        return np.where(np.isnan(margin), -1.0, margin)

    def place(self, y: FloatArray) -> FloatArray:
        """x at y."""
        with np.errstate(all="ignore"):
            return self.evaluate(y)[0]


def branch(first: Gap, second: Gap, evaluate: Pairing) -> Branch | None:
    """The branch of a pair of gaps from x and margin of both inverses; None where y or margin leave no room for it."""
    lowest, highest = max(first.lowest, second.lowest), min(first.highest, second.highest)
    y = np.union1d(first.table[1], second.table[1])
    y = y[(y > lowest) & (y < highest)]
    if len(y) < 3 or first.peak + second.peak < 0.9:  # c_1 + c_2 > 1 is needed; 0.1 for the coarse table
        return None
    outer = first.outer and second.outer
    return Branch(lambda y: evaluate(first.at(y), second.at(y)), y, lowest, highest, outer, first.multiplicative)


def support(branches: Sequence[Branch], atoms: Sequence[float]) -> Pairs:
    """Returns the connected components of the continuous part from all branches; ends next to `atoms` are put there."""
    holes, bottom, top = [], -np.inf, np.inf
    for one in branches:
        for low, high in _positive(one):
            ends = one.place(np.array([low, high]))
            if one.outer and low < 0 < high:
                bottom, top = max(bottom, ends[0]), min(top, ends[1])
            else:
                holes.append((ends[1], ends[0]))
    # where x hardly moves with y the margin is rounding noise, and a hole that narrow could not be told from it
    finest = 1e-12 * (top - bottom)
    holes = sorted((low, high) for low, high in holes if high - low > finest and bottom <= low and high <= top)
    points = np.array([bottom, *(x for hole in holes for x in hole), top])
    for x in atoms:
        points = np.where(np.abs(points - x) <= finest, x, points)
    bands = zip(points[::2], points[1::2], strict=True)
    return tuple((float(low), float(high)) for low, high in bands if high - low > 4 * np.spacing(abs(low) + abs(high)))


def _positive(branch: Branch) -> list[tuple[float, float]]:
    """Returns the maximal intervals of y on which the margin is positive."""
    y = branch.y
    with np.errstate(all="ignore"):
        if not np.max(np.abs(branch.evaluate(y)[1])) > 1e-11:
            return []  # two laws of two atoms, equal up to a shift: one margin is zero throughout, up to rounding
    y, margin = _with_extrema(branch, y, branch.scaled_margin(y))
    positive = margin > 0
    change = np.flatnonzero(positive[1:] != positive[:-1])
    roots = np.empty(0)
    if len(change):
        roots = bracketed_roots(branch.scaled_margin, y[change], y[change + 1])
    ends = [*([branch.lowest] if positive[0] else []), *roots, *([branch.highest] if positive[-1] else [])]
    return list(zip(ends[::2], ends[1::2], strict=True))


def _with_extrema(branch: Branch, y: FloatArray, margin: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Adds the extremum between grid points wherever it may have the other sign: a nearly closed gap or band."""
    middle, left, right = margin[1:-1], margin[:-2], margin[2:]
    sign = np.where(middle > 0, -1.0, 1.0)
    peak = (sign * middle >= sign * left) & (sign * middle >= sign * right)
    room = 2 * np.maximum(np.abs(middle - left), np.abs(middle - right))
    k = np.flatnonzero(peak & (sign * middle + room > 0)) + 1
    if not len(k):
        return y, margin
    found = _maxima(lambda q: sign[k - 1] * branch.scaled_margin(q), y[k - 1], y[k + 1])
    y = np.concatenate([y, found])
    order = np.argsort(y, kind="stable")
    return y[order], np.concatenate([margin, branch.scaled_margin(found)])[order]


def _maxima(f: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Golden-section search to 1e-6 of each bracket: the margin is then right to its square."""
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(29):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        left = f(a) > f(b)
        low, high = np.where(left, low, a), np.where(left, b, high)
    return (low + high) / 2
