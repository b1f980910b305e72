"""Edges of the support of a sum of layers: real double roots of the layer equations.

Off the support the equations F(k, y) = 0 have a real solution; it ends where dF/dk is singular. A grid followed down
from the upper half plane says on which side of each edge its points lie, dips of the density are magnified until they
are seen to be gaps or not, and each edge is then solved for: F = 0, (dF/dk) r = 0 (Moore and Spence 1980).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.band import LARGEST_ROOT
from theory.kernels.continuation import follow, scale
from theory.kernels.layers import Array, Layers, equations
from theory.roots import bracketed_roots

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
ON = 1e-7  # relative imaginary part above which a point counts as inside the support; solutions off it have 1e-12
MAGNIFY = 12  # rounds of 25-fold magnification
HARD = 1e-9  # relative distance from tied ranks
TIED = 0.1  # relative distance within which ranks of a product share one root at 0


@dataclass(frozen=True)
class Edge:
    """An end of a band, at y.

    Next to a soft edge k = k* +- i direction sqrt(distance) into the band; a hard edge at 0 has no finite k.
    """

    y: float
    k: FloatArray | None = None
    direction: FloatArray | None = None


def support(layers: Layers, fineness: int = 1) -> tuple[tuple[Edge, Edge], ...]:
    """Bands of K off 0, each a pair of edges in increasing order, searched for on a grid `fineness` times as dense.

    A band between two points of the grid is not seen: compare the mass. Raises ArithmeticError where an edge is not
    found to rounding.
    """
    grid, span = _grid(layers, fineness)
    y, k, on = _magnified(layers, *_classified(layers, grid, span), span)
    changes = np.flatnonzero(on[1:] != on[:-1])
    edges = [_edge(layers, y[i : i + 2], k[:, i : i + 2], on[i : i + 2], span) for i in changes]
    if hard(layers):
        edges = [Edge(0.0), *edges]
    if len(edges) % 2 or not edges:
        raise ArithmeticError(f"bands must have two edges; found the edges {[e.y for e in edges]} for {layers}")
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def rank(layers: Layers) -> float:
    """Rank of K over n: 1/g_l per layer in the sum; nested null spaces where the activation is linear."""
    if layers.square >= 1:
        return _product_ranks(layers)[0]
    return min(1.0, sum(1 / g for g, q in zip(layers.ratios, layers.weights, strict=True) if q > 0))


def hard(layers: Layers) -> bool:
    """Whether the lower edge is hard, at 0: the rank of K just reaches n, or two factors of a product do."""
    return _slack(layers) < HARD


def root(layers: Layers) -> float:
    """The r of the power x^(1/r) in which the density times x is smooth next to 0, down to a nearly hard edge.

    That is the number of factors of a product that tie. Where others tie nearly, it is theirs too, but for a hard edge
    of at least half as many: further in than their distance the density is smooth in its own root alone.
    """
    if layers.square < 1:
        return 2.0
    ranks = _product_ranks(layers)
    exactly, nearly = (sum(r <= ranks[0] * (1 + distance) for r in ranks) for distance in (HARD, TIED))
    return float(min(max(nearly if nearly >= 2 * exactly else exactly, 2), LARGEST_ROOT))


def _slack(layers: Layers) -> float:
    """Relative distance from the ratios at which the lower edge is hard."""
    if layers.square >= 1:
        least, second = _product_ranks(layers)[:2]
        return second / least - 1
    return abs(1 - sum(1 / g for g, q in zip(layers.ratios, layers.weights, strict=True) if q > 0))


def _product_ranks(layers: Layers) -> list[float]:
    """Dimensions over n, in increasing order, of the factors up to the first layer in the sum; for b = 1."""
    first = next(level for level, q in enumerate(layers.weights) if q > 0)
    return sorted([1.0, *(1 / g for g in layers.ratios[: first + 1])])


def _lowest(layers: Layers) -> float:
    """A point below the positive spectrum: Wishart bounds, safe guesses where several layers make up the rank."""
    if hard(layers):
        return min(1e-6 * scale(layers), 1e-3 * sum(layers.weights))  # their sum is the mean
    if layers.square >= 1:
        return _product_edge(layers)
    b2, floor, bound = layers.square, 1.0, 0.0
    weights = [q for q in layers.weights if q > 0]
    for g, q in zip(layers.ratios, layers.weights, strict=True):
        smallest = ((1 - g) / (1 + math.sqrt(g))) ** 2 * floor
        if g < 1 or len(weights) == 1:
            bound += q * smallest
        floor = 1 - b2 + b2 * (smallest if g < 1 else 0.0)
    if bound == 0:
        bound = 1e-3 * min(weights) * max(1 - b2, 1e-3) ** (len(layers.ratios) - 1) * min(1.0, _slack(layers)) ** 2
    return max(bound, 1e-20 * scale(layers))


def _product_edge(layers: Layers) -> float:
    """Lower edge of the first layer in the sum, which bounds that of K, for b = 1: a product of Wishart matrices.

    The largest value of x(u) = (1 + u)/u prod_l (1 + g_l u), l up to that layer, at -u between the two lowest ranks.
    """
    ranks = np.array(_product_ranks(layers))
    least, gap = ranks[0], ranks[1] - ranks[0]

    def slope(share: FloatArray) -> FloatArray:
        u = least + gap * share
        return 1 / u - 1 / (gap * share) - np.sum(1 / (u[:, None] - ranks[1:]), axis=1)

    share = bracketed_roots(slope, np.full(1, 1e-9), np.full(1, 1 - 1e-9))[0]
    first = next(level for level, q in enumerate(layers.weights) if q > 0)
    factors = np.abs(1 - np.append(1.0, layers.ratios[: first + 1]) * (least + gap * share))
    return float(layers.weights[first] * np.prod(factors) / (least + gap * share))


def _grid(layers: Layers, fineness: int) -> tuple[FloatArray, float]:
    """Points dense next to both ends, in the logarithm and in the angle; and the length that they span."""
    lowest, highest = _lowest(layers), scale(layers)
    span = highest - lowest
    low, high = max(0.7 * lowest, lowest - 0.3 * span), highest + 0.05 * span
    angle = np.linspace(0, math.pi, 98 * fineness)
    logarithmic = np.geomspace(low, high, fineness * (60 + int(30 * math.log10(high / low))))
    return np.unique(np.concatenate([logarithmic, low + (high - low) * np.sin(angle / 2) ** 2])), span


def _classified(
    layers: Layers, y: FloatArray, span: float
) -> tuple[FloatArray, ComplexArray, NDArray[np.bool_]]:
    """Returns the points that could be solved, k there, and whether they lie inside the support."""
    k, good = follow(layers, y.astype(np.complex128), 1e-5 * np.minimum(y, span))
    y, k = y[good], k[:, good]
    traces = equations(layers, k, y).traces
    return y, k, np.max(traces.imag / np.abs(traces), axis=0) > ON


def _magnified(
    layers: Layers, y: FloatArray, k: ComplexArray, on: NDArray[np.bool_], span: float
) -> tuple[FloatArray, ComplexArray, NDArray[np.bool_]]:
    """Adds points where a gap may hide between neighbours, until gaps are seen or the density is seen to be smooth."""
    suspects = _suspects(layers, y, k, on, 1.0)
    for _ in range(MAGNIFY):
        if not suspects:
            break
        found = [_classified(layers, np.linspace(low, high, 26)[1:-1], span) for low, high in suspects]
        suspects = [pair for points in found for pair in _suspects(layers, *points, 0.7)]
        y = np.concatenate([y, *(points[0] for points in found)])
        k = np.concatenate([k, *(points[1] for points in found)], axis=1)
        on = np.concatenate([on, *(points[2] for points in found)])
    order = np.unique(y, return_index=True)[1]
    return y[order], k[:, order], on[order]


def _suspects(
    layers: Layers, y: FloatArray, k: ComplexArray, on: NDArray[np.bool_], depth: float
) -> list[tuple[float, float]]:
    """Returns intervals inside the support around dips of the density times y below `depth`, and around fourfold falls.

    A fall next to an edge is the edge.
    """
    density = equations(layers, k, y).trace.imag * y
    inside = on[1:-1] & on[:-2] & on[2:]
    dip = (density[1:-1] < density[:-2]) & (density[1:-1] <= density[2:])
    dip &= density[1:-1] < depth * np.maximum(density[:-2], density[2:])
    pairs = [(y[i], y[i + 2]) for i in np.flatnonzero(dip & inside)]
    high, low = np.maximum(density[1:-2], density[2:-1]), np.minimum(density[1:-2], density[2:-1])
    falls = (high > 4 * low) & inside[1:] & inside[:-1]
    return pairs + [(y[i + 1], y[i + 2]) for i in np.flatnonzero(falls)]


def _edge(layers: Layers, y: FloatArray, k: ComplexArray, on: NDArray[np.bool_], span: float) -> Edge:
    """Solves for the edge between two neighbours on different sides, halving the interval where Newton fails."""
    for _ in range(MAGNIFY):
        inside = int(np.flatnonzero(on)[0])
        edge = _double_root(layers, k[:, inside], y[inside])
        if edge is not None and min(y) - 1e-9 * abs(y[0]) <= edge.y <= max(y) + 1e-9 * abs(y[0]):
            return edge
        points, k_points, on_points = _classified(layers, np.linspace(y[0], y[1], 18)[1:-1], span)
        points, on_points = np.concatenate([y[:1], points, y[1:]]), np.concatenate([on[:1], on_points, on[1:]])
        k_points = np.concatenate([k[:, :1], k_points, k[:, 1:]], axis=1)
        first = int(np.flatnonzero(on_points[1:] != on_points[:-1])[0])
        y, k, on = points[first : first + 2], k_points[:, first : first + 2], on_points[first : first + 2]
    raise ArithmeticError(f"edge between {y[0]!r} and {y[1]!r} was not found to rounding for {layers}")


def _double_root(layers: Layers, k: ComplexArray, y: float) -> Edge | None:
    """Newton's method on F = 0, (dF/dk) r = 0, c.r = 1 from a point inside the band, where Im k is nearly r."""
    unit = np.abs(k)  # unknowns and equations in units of k: layers may differ by many powers of ten
    fixed = k.imag / unit / np.linalg.norm(k.imag / unit)
    state = np.concatenate([k.real / unit, fixed, [1.0]])
    settled = False
    for _ in range(20):
        value, jacobian = _moore_spence(layers, state, unit, y, fixed)
        if not np.all(np.isfinite(jacobian)) or np.linalg.cond(jacobian) > 1e15:
            return None
        step = np.linalg.solve(jacobian, value)
        state = state - step
        if settled:  # one step past 1e-8 is rounding error
            return _expanded(layers, state, unit, y)
        settled = bool(np.max(np.abs(step)) < 1e-8 * np.max(np.abs(state)))
    return None


def _moore_spence(
    layers: Layers, state: Array, unit: FloatArray, y: float, fixed: Array
) -> tuple[Array, FloatArray]:
    """Returns value and Jacobian of the extended system; second derivatives by a complex step, exact to rounding."""
    size = len(unit)
    k, r, at = state[:size] * unit, state[size:-1] * unit, np.array([state[-1] * y])
    here = equations(layers, k[:, None], at)
    tiny = 1e-40
    along = equations(layers, (k + 1j * tiny * r)[:, None], at.astype(np.complex128))
    shape = unit / unit[:, None]
    first = here.jacobian[0] * shape
    second = along.jacobian[0].imag / tiny * shape  # derivative of (dF/dk) r by k
    by_y, by_y_along = here.by_y[:, 0] / unit * y, along.by_y[:, 0].imag / tiny / unit * y
    jacobian = np.zeros((2 * size + 1, 2 * size + 1))
    jacobian[:size, :size], jacobian[:size, -1] = first, by_y
    jacobian[size:-1, :size], jacobian[size:-1, size:-1], jacobian[size:-1, -1] = second, first, by_y_along
    jacobian[-1, size:-1] = fixed
    value = np.concatenate([here.value[:, 0] / unit, first @ state[size:-1], [fixed @ state[size:-1] - 1]])
    return value, jacobian


def _expanded(layers: Layers, state: Array, unit: FloatArray, y: float) -> Edge:
    """The edge with the coefficient of its square root: l.F_y dy + l.(F_kk r r) s^2/2 = 0, l the left null vector."""
    size = len(unit)
    _, jacobian = _moore_spence(layers, state, unit, y, state[size:-1])
    first, second, by_y = jacobian[:size, :size], jacobian[size:-1, :size], jacobian[:size, -1] / y
    left = np.linalg.svd(first.T)[2][-1]
    r = state[size:-1]
    square = abs(2 * (left @ by_y) / (left @ second @ r))
    direction = r * unit * math.sqrt(square)
    return Edge(float(state[-1] * y), state[:size] * unit, direction)
