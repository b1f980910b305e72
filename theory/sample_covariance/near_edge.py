"""The spectrum of a sample covariance matrix next to a band's edge, in the distance from it: no digits cancel.

At an edge psi' = 0, so with b = edge - t and a = masses/b^2 (`theory.sample_covariance.inverse_map.AtomicMap`)

    psi(edge + s) - psi(edge) = s^2 sum a/(b + s),   psi'(edge + s) = s sum a (2b + s)/(b + s)^2

Arrays `b` have shape (points, values) and are passed in: the edge of a narrow band has a second double.
"""

import numpy as np
from numpy.typing import NDArray

from theory.quadrature import gauss_legendre
from theory.sample_covariance.inverse_map import AtomicMap

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
NODES = 32  # along a line
ELLIPSE = 1.25  # sum of a pole's distances from the ends of the line over its length; 32 nodes are then right to 2^-64


def leading(
    inverse: AtomicMap, b: FloatArray, distance: FloatArray | ComplexArray
) -> tuple[ComplexArray, NDArray[np.bool_]]:
    """Returns s to leading order, a square root of the distance, and whether Newton's method may start from it."""
    s = np.sqrt((distance / np.sum(inverse.masses / b**3, axis=1)).astype(np.complex128))
    return s, np.abs(s) < 0.1 * np.min(np.abs(b), axis=1)


def offset(
    inverse: AtomicMap, b: FloatArray, distance: FloatArray | ComplexArray, start: ComplexArray
) -> ComplexArray:
    """Returns the s next to `start` with psi(edge + s) - psi(edge) = distance, for arrays (m,), by Newton's method.

    `distance` is x minus the edge's image, negative below an upper edge, or complex.
    """
    a = inverse.masses / b**2
    s = start
    for _ in range(12):
        r = 1 / (b + s[:, None])
        first, second = np.sum(a * r, axis=1), np.sum(a * r * r, axis=1)
        step = (distance - s**2 * first) / (s * (2 * first - s * second))
        step = np.where(distance == 0, 0.0, step)
        s = s + step
        if np.all(np.abs(step) <= 1e-9 * np.abs(s)):
            break
    return s


def mass(inverse: AtomicMap, edge: FloatArray, b: FloatArray, s: ComplexArray) -> FloatArray:
    """Returns the mass between the edge and the point edge + s of the curve, for arrays (m,).

    Im int -dpsi/u /(pi ratio), integrated along the straight line where it keeps away from the population's values,
    so that small masses keep their digits; elsewhere by logarithms.
    """
    around = np.min(np.abs(b) + np.abs(b + s[:, None]), axis=1)
    around = np.where(edge == 0, around, np.minimum(around, np.abs(edge) + np.abs(edge + s)))
    short = around >= ELLIPSE * np.abs(s)
    result = np.empty(edge.shape)
    result[short] = _along_line(inverse, edge[short], b[short], s[short])
    result[~short] = _by_logarithms(inverse, edge[~short], b[~short], s[~short])
    return result


def _along_line(inverse: AtomicMap, edge: FloatArray, b: FloatArray, s: ComplexArray) -> FloatArray:
    x, w = gauss_legendre(NODES)
    a = inverse.masses / b**2
    total = np.zeros(edge.shape, np.complex128)
    for node, weight in zip(x, w, strict=True):  # a loop, or the array would have points x atoms x nodes entries
        path = node * s
        slope = np.sum(a * (2 * b + path[:, None]) / (b + path[:, None]) ** 2, axis=1)
        # -1/u + 1/edge instead of -1/u: what it adds, int dpsi/edge, is real
        factor = np.where(edge == 0, -1.0, path**2 / np.where(edge == 0, 1.0, edge) / (edge + path))
        total += weight * factor * slope
    return np.abs((total * s).imag) / (np.pi * inverse.ratio)


def _by_logarithms(inverse: AtomicMap, edge: FloatArray, b: FloatArray, s: ComplexArray) -> FloatArray:
    zero = inverse.excess_at_zero / inverse.ratio
    shifted = b + s[:, None]
    terms = np.angle(shifted) - np.pi * (b < 0) - inverse.values * s.imag[:, None] / np.abs(shifted) ** 2
    return np.abs(zero * (np.angle(edge + s) - np.pi * (edge < 0)) - terms @ inverse.weights) / np.pi
