"""How the density of a law ends, and the Tracy-Widom centre and scale of the eigenvalues there."""

import functools
import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.band import Band
from theory.law import Law
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.outliers.tracy_widom import EdgeScale, TracyWidom, largest_eigenvalue

FloatArray = NDArray[np.float64]
Side = Literal["upper", "lower"]
_NODES = 10  # of the Chebyshev interpolation; error (1/62)^10 = 1e-18 at reach 1/16 with the next singularity at 1
_TOLERANCE = 1e-5  # relative residual up to which an edge counts as a square root; other powers leave .05 or more


class SquareRootEdge(NamedTuple):
    """Density next to a soft edge: sqrt(distance) times a polynomial in q = distance/width for q <= reach."""

    amplitude: float  # A in pdf ~ A sqrt(distance)
    reach: float
    coefficients: FloatArray  # (nodes,) Chebyshev coefficients in q on [0, reach]
    residual: float  # last coefficients over the largest

    def factor(self, q: FloatArray) -> FloatArray:
        """pdf/sqrt(distance) at q in [0, reach]."""
        x = 2 * q / self.reach - 1
        return np.cos(np.arccos(np.clip(x, -1, 1))[..., None] * np.arange(_NODES)) @ self.coefficients


def edge_scale(law: Law, n: int, edge: Side = "upper") -> EdgeScale:
    """Tracy-Widom centre and scale of the extreme eigenvalue at a soft edge of `law`, for n eigenvalues in all.

        pdf(x) ~ A sqrt(|x - centre|)   =>   scale = (pi A n)^(-2/3)

    (l1 - centre)/scale follows TracyWidom(1) for real symmetric matrices as n -> oo; at the lower edge
    (centre - ln)/scale does. n counts every eigenvalue, zeros included, as the law does. Read off the density in the
    angle of the band, A is right to 1e-11 for the package's laws. Finite n: the centre is that of the law, so the mean
    of (l1 - centre)/scale is low, by .1 to .3 at n = 200; `largest_eigenvalue` corrects it for Marchenko-Pastur. Needs
    `scale` far below the distance to the next band and, at a lower edge, to 0.
    Raises ValueError where the density doesn't end as a square root: a hard edge, a cusp, an atom, an infinite band.
    Source: Tracy and Widom 1996; El Karoui 2007 for covariance matrices.

    >>> from theory import Semicircle
    >>> scale = edge_scale(Semicircle(), 1000)
    >>> scale.centre, round(scale.scale, 12)
    (2.0, 0.01)
    """
    if not isinstance(law, Law):
        raise ValueError(f"law must be a Law; got {checks.shown(law)}; pass an instance such as Semicircle()")
    if not isinstance(edge, str) or edge not in ("upper", "lower"):
        raise ValueError(f"edge must be 'upper' or 'lower'; got {checks.shown(edge)}; name an end of the support")
    n = checks.count("number of eigenvalues", n, "pass the size of the matrix")
    centre = law._ends[1] if edge == "upper" else law._ends[0]
    found = _outermost(law, edge == "upper")
    if found is None:
        raise ValueError(f"density must vanish as a square root at the {edge} edge; got {law!r} at {centre:g}; "
                         "at a hard edge, a cusp, an atom or infinity eigenvalues follow no Tracy-Widom law")
    return EdgeScale(centre, (math.pi * found.amplitude * n) ** (-2 / 3))


def outlier_p_value(location: ArrayLike, law: Law, n: int, edge: Side = "upper") -> Any:
    """Probability that the extreme one of n bulk eigenvalues lies at `location` or further out; floats or arrays.

        p = TracyWidom(1).sf((location - centre)/scale),   centre and scale of `edge_scale`

    For `MarchenkoPastur` the upper centre and scale are those of `largest_eigenvalue`: a p-value below .05 then has
    frequency .049 at 200 x 100. Elsewhere it is rarer, .03 to .045 at n = 200: the test is conservative.
    Raises ValueError as `edge_scale` does, and for locations that are not finite.
    Source: Johnstone 2001; Kritchman and Nadler 2009 for the test of one eigenvalue after another.

    >>> from theory import MarchenkoPastur
    >>> outlier_p_value([2.9, 3.0], MarchenkoPastur(0.5), 200).round(4).tolist()
    [0.2148, 0.0083]
    """
    x = checks.array("location", location, "pass an eigenvalue")
    centre, scale = edge_scale(law, n, edge)
    if isinstance(law, MarchenkoPastur) and edge == "upper":
        rows = n / law.ratio
        if min(rows, n) >= 1 and max(rows, n) >= 2:
            centre, scale = (value * (law.variance / rows) for value in largest_eigenvalue(rows, n))
    outward = x - centre if edge == "upper" else centre - x
    return TracyWidom(1).sf(outward / scale)


@functools.lru_cache(maxsize=256)
def square_root_edge(law: Law, low: float, high: float, upper: bool) -> SquareRootEdge | None:
    """Fits pdf = sqrt(distance) f(distance/width) next to one end of the band [low, high]; None where f isn't smooth.

    f is interpolated at Chebyshev nodes of [0, reach], reach = 1/16, 1/64, ...: a short one where another singularity
    is near (a nearly closed gap, a nearly hard edge), a long one where rounding of x blurs the distance.
    """
    band = Band(low, high)
    reach = 0.25 ** np.arange(2, 30)[:, None]
    node = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    depth = band.width * reach * (1 + node) / 2
    x = high - depth if upper else low + depth
    distance = band.from_high(x) if upper else band.from_low(x)  # of the rounded x: exact
    with np.errstate(all="ignore"):
        factor = law.pdf(x) / np.sqrt(distance)
    usable = np.all(np.isfinite(factor) & (factor > 0), axis=1)
    if not np.any(usable):
        return None
    basis = np.cos(np.outer(np.arange(_NODES), np.arccos(node)))  # (degree, node)
    coefficients = factor[usable] @ basis.T * (2 / _NODES)
    coefficients[:, 0] /= 2
    residual = np.max(np.abs(coefficients[:, -2:]), axis=1) / np.max(np.abs(coefficients), axis=1)
    best = int(np.argmax(residual <= max(1e-13, np.min(residual))))  # the longest that is good enough
    amplitude = float(np.sum(coefficients[best] * (-1.0) ** np.arange(_NODES)))  # at q = 0
    if residual[best] > _TOLERANCE or amplitude <= _TOLERANCE * np.max(factor[usable][best]):
        return None
    return SquareRootEdge(amplitude, float(reach[usable, 0][best]), coefficients[best], float(residual[best]))


def _outermost(law: Law, upper: bool) -> SquareRootEdge | None:
    end = law._ends[1] if upper else law._ends[0]
    low, high = law.bands[-1 if upper else 0] if law.bands else (end, end)
    on_atom = any(x == end for x, _ in law.atoms)
    if on_atom or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return square_root_edge(law, low, high, upper)
