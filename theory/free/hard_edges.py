"""Densities next to hard edges, where masses of two atoms add to 1, at distances that no rounded x could state.

Where both atoms are shifted to 0 the subordinated point, of the order of the root of the distance, keeps its digits.
For products off 0 there is no such shift; there density times root of the distance is extrapolated in that root.
"""

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from theory.free.fixed_point import fixed_point

if TYPE_CHECKING:
    from theory.free.subordinated import Subordinated

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
NEAR = 1e-4  # of a band: there the distance is carried by itself
NODES = 2e-3 * np.arange(1.0, 6.0)  # roots of distances, in bands, from which densities of products are extrapolated


def near_hard_edge(law: "Subordinated", x0: float, band: int, distance: FloatArray) -> NDArray[np.bool_]:
    """Where a distance to the end x0 of a band needs a coordinate of its own; nowhere if x0 is soft."""
    known = _about(law, x0) is not None if law._hard(x0) else False
    if not law._hard(x0) or (x0 == 0 and not known):  # next to 0 products keep relative digits as they are
        return np.zeros(distance.shape, bool)
    return (distance > 0) & (distance < (NEAR if known else NODES[0] ** 2) * _size(law, band, x0))


def hard_density(law: "Subordinated", x0: float, band: int, distance: FloatArray) -> FloatArray:
    """The density at x0 + distance, to the relative digits of `distance` (m,), all of one sign, in this band."""
    local, size = _about(law, x0), math.copysign(_size(law, band, x0), distance[0])
    if local is None:
        x = x0 + size * NODES**2
        root, found = np.sqrt((x - x0) / size), np.sqrt(distance / size)
        return lagrange(root, law._density(x, band) * root, found) / found
    z = np.array([NEAR * size + 0j])
    start = fixed_point(lambda w, k: local._map(z[k], w), local._start(z))
    x = distance.astype(np.complex128)
    # scale 0: nothing but the distance sets it
    w = fixed_point(lambda w, k: local._map(x[k], w), start * np.sqrt(distance / (NEAR * size)))
    return np.maximum(local._transform(x, w).imag / np.pi, 0.0)


def lagrange(nodes: FloatArray, values: FloatArray, x: FloatArray) -> FloatArray:
    """The polynomial through (nodes, values) at x."""
    one = np.eye(len(nodes))
    factors = np.where(one == 1, 1.0, (x[:, None, None] - nodes) / (nodes[:, None] - nodes + one))
    return np.prod(factors, axis=-1) @ values


@functools.lru_cache(maxsize=64)
def _about(law: "Subordinated", x0: float) -> "Subordinated | None":
    return law._about(x0)


def _size(law: "Subordinated", band: int, x0: float) -> float:
    """The width of a band, or that of the law if it is narrower; of a product off 0 no more than x0 itself."""
    low, high = law.bands[band]
    return law._scale_at(x0, min(high - low, law._width))
