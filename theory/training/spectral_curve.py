"""The bands of a spectrum given by the equations of `theory.training.column_noise`, found by following their curve.

Along the real axis from above, the solution (nu, g) is real outside the spectrum and complex in a band; at an edge the
two parts join where dz/dnu = 0. Following it downwards, with steps limited by the poles of the equations and by the
imaginary part, leaves no gap unseen that is wider than some 1e-8 of the distance to a pole; a grid in z would.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar

from theory.training.column_noise import ColumnNoise, Point

FloatArray = NDArray[np.float64]
STEP = 0.2  # of the distance to a pole: Newton starts well within its basin
NEAR = 1e-4  # imaginary part, in that distance, at which the curve is taken to meet the real axis
LOST = "the spectral curve must go on from nu = {:g}; Newton does not converge there; the parameters are too extreme"


class Edge(NamedTuple):
    """Real nu and g where dz/dnu = 0."""

    z: float
    nu: float
    g: float
    curvature: float  # d^2 z/dnu^2 along the curve
    g_nu: float  # dg/dnu


class CurveBand(NamedTuple):
    """One band: its edges and points of the curve inside, in increasing order of z (m,)."""

    low: Edge
    high: Edge
    z: FloatArray
    point: Point


def curve_bands(noise: ColumnNoise) -> Iterator[CurveBand]:
    """Yields the bands, the uppermost first. Raises ArithmeticError where the curve gets lost."""
    lowest, top = _lowest_edge(noise), _highest_edge(noise)
    while top is not None:
        points = [_enter(noise, top)]
        low, following = _follow(noise, points, lowest)
        columns = (np.concatenate(c)[::-1] for c in zip(*(point for _, point in points), strict=True))
        yield CurveBand(low, top, np.array([z for z, _ in points])[::-1], Point(*columns))
        top = following


def _highest_edge(noise: ColumnNoise) -> Edge:
    reach = noise.aspect * float(noise.gain @ noise.weight) * float(noise.square[-1])
    start = 4 * (float(np.max(noise.floor + noise.gain)) + reach) * (1 + math.sqrt(noise.ratio))
    between = _walk(noise, start, 0.0, -1, 1, STEP)
    return _edge_between(noise, *between)


def _lowest_edge(noise: ColumnNoise) -> Edge:
    # at nu = 0 the equation for -g > 0 is concave: Newton comes down from this bound without a detour
    bound = -noise.aspect * float((noise.weight * noise.gain) @ (1 / noise.floor))
    g = float(_on_curve(noise, 0.0, bound).g[0])
    if noise.ratio == 1:
        return _edge(noise, 0.0, g)
    sign = 1 if noise.ratio < 1 else -1
    return _edge_between(noise, *_walk(noise, 0.0, g, sign, sign, STEP))


def _walk(
    noise: ColumnNoise, nu: float, g: float, direction: int, sign: int, step: float
) -> tuple[float, float, float]:
    """Goes along real nu until `sign` dz/dnu turns negative; returns nu before and after, and g before.

    Steps double up to STEP of the distance to a pole.
    """
    point = _on_curve(noise, nu, g)
    for _ in range(3000):
        ahead = nu + direction * step / float(point.pull[0])
        try:
            following = _on_curve(noise, ahead, g)
        except ArithmeticError:
            step /= 4
            continue
        if sign * following.determinant[0] <= 0:
            return nu, ahead, g
        nu, g, point, step = ahead, float(following.g[0]), following, min(2 * step, STEP)
    raise ArithmeticError(LOST.format(nu))


def _on_curve(noise: ColumnNoise, nu: float, g: float) -> Point:
    """Newton for F1 = 0 at real nu; ArithmeticError where it fails or arrives at another branch, dF1/dg < 0."""
    at, value = np.array([nu]), np.array([g])
    with np.errstate(all="ignore"):
        for _ in range(60):
            point = noise.at(at, value)
            change = point.first / point.first_g
            if not (np.isfinite(change[0]) and point.first_g[0] > 0):
                break
            value = value - change
            if abs(change[0]) * point.pull_g[0] < 1e-8:
                return noise.at(at, value)
    raise ArithmeticError(LOST.format(nu))


def _edge_between(noise: ColumnNoise, start: float, end: float, g: float) -> Edge:
    def slope(nu: float) -> float:
        return float(_on_curve(noise, nu, g).determinant[0])

    found = root_scalar(slope, bracket=(start, end), method="brentq", xtol=1e-300, rtol=1e-15)
    return _edge(noise, float(found.root), g)


def _edge(noise: ColumnNoise, nu: float, g: float) -> Edge:
    point = _on_curve(noise, nu, g)
    h = 1e-5 / float(point.pull[0])
    slopes = [1 / float(_on_curve(noise, nu + k * h, float(point.g[0])).nu_z[0]) for k in (-1, 1)]
    g_nu = -float(point.first_nu[0] / point.first_g[0])
    return Edge(float(point.z[0]), nu, float(point.g[0]), (slopes[1] - slopes[0]) / (2 * h), g_nu)


def _enter(noise: ColumnNoise, top: Edge) -> tuple[float, Point]:
    """A point just below an upper edge, off the real axis."""
    point = noise.at(np.array([top.nu]), np.array([top.g]))
    height = 1j * np.array([NEAR / float(point.pull[0])])
    z = top.z - top.curvature * float(np.abs(height[0])) ** 2 / 2
    point, size = noise.solve(np.array([z]), top.nu + height, top.g + height * top.g_nu)
    if not (size[0] < 1e-6 and point.nu[0].imag > 0):
        raise ArithmeticError(LOST.format(top.nu))
    return z, point


def _follow(noise: ColumnNoise, points: list[tuple[float, Point]], lowest: Edge) -> tuple[Edge, Edge | None]:
    """Appends points down to the band's lower edge; returns it, and the upper edge below if there is one."""
    next_look = NEAR
    while len(points) < 6000:
        z, point = points[-1]
        height = float(point.nu[0].imag * point.pull[0])
        falling = len(points) > 1 and point.nu[0].imag < points[-2][1].nu[0].imag
        if falling and height < next_look:
            edges = _edges_here(noise, point, lowest)
            if edges is not None:
                return edges
            next_look /= 3
        next_look = NEAR if height > NEAR else next_look
        points.append(_advance(noise, z, point, _bend(points)))
    raise ArithmeticError(f"the band must end; still inside at z = {points[-1][0]:g} after {len(points)} steps")


def _bend(points: list[tuple[float, Point]]) -> float:
    """|z'/z''|/5 by the last two points: next to a gap, that is two zeros of z', it is below the height."""
    if len(points) < 2:
        return 0.0
    (_, before), (_, here) = points[-2:]
    slopes = 1 / before.nu_z[0], 1 / here.nu_z[0]
    change = abs(slopes[1] - slopes[0])
    return 0.2 * float(abs(slopes[1] * (here.nu[0] - before.nu[0])) / change) if change > 0 else math.inf


def _advance(noise: ColumnNoise, z: float, point: Point, bend: float) -> tuple[float, Point]:
    # a third of the height is two thirds of the way in z to an edge straight below; none is near where z' hardly bends
    height = float(point.nu[0].imag)
    length = min(STEP / float(point.pull[0]), bend if bend > 5 * height else height / 3)
    for _ in range(60):
        dz = -length / float(np.abs(point.nu_z[0]))
        guess = point.nu + dz * point.nu_z
        at, size = noise.solve(np.array([z + dz]), guess, point.g + dz * point.g_z)
        good = size[0] < 1e-6 and at.nu[0].imag > 0 and abs(at.nu[0] - point.nu[0]) < 2 * length
        # a long step must see height and slope coming, or it may have crossed a gap
        if good and (length <= height / 3 or _foreseen(point, at, float(guess[0].imag))):
            return z + dz, at
        length /= 2
    raise ArithmeticError(LOST.format(point.nu[0].real))


def _foreseen(before: Point, at: Point, expected: float) -> bool:
    height = float(before.nu[0].imag)
    bent = abs(before.nu_z[0] / at.nu_z[0] - 1)
    return bool(abs(at.nu[0].imag - expected) < height / 4 < at.nu[0].imag and bent < 0.3)


def _edges_here(noise: ColumnNoise, point: Point, lowest: Edge) -> tuple[Edge, Edge | None] | None:
    """The lower edge next to a point, and the upper edge below it; None where the curve passes by."""
    nu, g, height = float(point.nu[0].real), float(point.g[0].real), float(point.nu[0].imag)
    if abs(nu - lowest.nu) < 30 * height:
        return lowest, None
    # the shorter reach finds gaps as narrow as the height, before a step can cross them
    return _edges_within(noise, nu, g, 3 * height) or _edges_within(noise, nu, g, height / 2)


def _edges_within(noise: ColumnNoise, nu: float, g: float, reach: float) -> tuple[Edge, Edge | None] | None:
    try:
        below, above = (_on_curve(noise, nu + k * reach, g).determinant[0] for k in (-1, 1))
        if not below > 0 > above:
            return None
        edge = _edge_between(noise, nu - reach, nu + reach, g)
        return edge, _edge_between(noise, *_walk(noise, edge.nu, edge.g, -1, 1, 1e-7))
    except ArithmeticError:
        return None
