"""Contours round a segment of the spectrum inside a half-plane or disc on which a filter is bounded."""

import math
from typing import NamedTuple

import numpy as np
import scipy.special
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
DIGITS = 38.0  # natural logarithm of the accuracy: below rounding with a margin


class Contour(NamedTuple):
    """(1/2 pi i) oint f(z) dz = sum weights f(points), counterclockwise; points[::-1] are their conjugates."""

    points: ComplexArray  # (m,)
    weights: ComplexArray  # (m,)


def contour(top: float, left: float, right: float = math.inf) -> Contour:
    """A contour round [0, top] for f analytic and bounded off it on the disc of diameter (-left, right).

    For infinite `right` the disc is the half-plane Re z > -left, on which e^{-z/left} is at most e. Its map
    (z + left)/(1 - z/right) to the right half-plane, squared, leaves a segment and the negative axis as slits; the
    contour is the image of a circle between them (`_circle`). Nodes grow like log(top/left): 50 for top = left, 300 for
    a ratio of 1e8. Needs 0 < top < right, left > 0.
    After Hale, Higham and Trefethen 2008, method 1; the square, which keeps off the left half-plane, is ours.
    """
    end = (top + left) / (1 - top / right)
    v, weights = _circle((end - left) * (end + left), left**2)
    zeta = np.sqrt(v + left**2)
    below = 1 + zeta / right
    return Contour(v / (zeta + left) / below, weights * ((1 + left / right) / (2 * zeta * below**2)))


def _circle(top: float, left: float) -> tuple[ComplexArray, ComplexArray]:
    """Nodes and weights on a circle separating the slits [0, top] and (-oo, -left], fixed by the swap of the slits.

    The Moebius map w of the circle to the imaginary axis sends the slits to [1, 1/k] and [-1/k, -1]. With
    w = i sc(u), modulus sqrt(1 - k^2), the trapezoid rule in u converges like exp(-pi nodes K(k)/K').
    """
    root = math.sqrt(top * (top + left))
    end = top + root
    start = -top * left / end  # top - root without cancellation
    scale, k = -end / start, -start / end
    period = 2 * float(scipy.special.ellipkm1(k**2))
    nodes = 2 * math.ceil(DIGITS * period / (4 * math.pi * float(scipy.special.ellipk(k**2))) + 4)
    u = (np.arange(nodes) - (nodes - 1) / 2) * period / nodes  # even: neither end of the diameter is a node
    cs, ds = _elliptic(u, k, period)
    below = scale * cs + 1j
    # dw/du runs clockwise, upwards from the left end: hence the sign
    slope = -scale * (end - start) * ds * np.sign(u) * np.hypot(1, cs) / below**2
    return end * (1j - cs) / below, slope * (period / nodes / (2 * math.pi))


def _elliptic(u: FloatArray, k: float, period: float) -> tuple[FloatArray, FloatArray]:
    """cn/sn and dn/sn of modulus sqrt(1 - k^2), as sums over poles: scipy's would carry the rounding of 1 - k^2."""
    scale = math.pi / (2 * float(scipy.special.ellipk(k**2)))
    n = np.arange(-8, 9)
    with np.errstate(over="ignore"):  # distant poles contribute 0
        terms = scale / np.sinh(scale * (u[:, None] - n * period))
    return np.sum(terms, axis=1), terms @ (-1.0) ** n
