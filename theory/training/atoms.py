"""Few weighted points in place of many equal ones: Gauss quadrature of a set of points."""

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def few_points(points: FloatArray, kept: int, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Returns ascending points and weights of total 1 that stand for ascending `points` (n,) of weight 1/n each.

    The `kept` largest stay; below, groups of kept, 2 kept, 4 kept, ... points give way to their `nodes` Gauss points,
    which integrate polynomials of degree 2 nodes - 1 over a group exactly. Near the top, where a function with a pole
    beyond the points is steep, the groups are small.
    """
    n = len(points)
    end, size = max(n - kept, 0), kept
    found = [(points[end:], np.full(n - end, 1 / n))]
    while end > 0:
        start = max(end - size, 0)
        x, w = gauss_points(points[start:end], nodes)
        found.append((x, w * ((end - start) / n)))
        end, size = start, 2 * size
    return np.concatenate([x for x, _ in found[::-1]]), np.concatenate([w for _, w in found[::-1]])


def gauss_points(points: FloatArray, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Gauss points and weights of total 1 of the uniform measure on ascending points (n,); all of them for n <= nodes.

    Lanczos tridiagonalisation with full orthogonalisation, then Golub and Welsch 1969.
    """
    n = len(points)
    centre, half = (points[0] + points[-1]) / 2, (points[-1] - points[0]) / 2
    if n <= nodes or half <= 1e-12 * abs(centre):
        return points, np.full(n, 1 / n)
    x = (points - centre) / half
    basis, jacobi = np.zeros((nodes, n)), np.zeros((nodes, nodes))
    vector = np.full(n, 1 / math.sqrt(n))
    for k in range(nodes):
        basis[k] = vector
        vector = x * vector
        jacobi[k, k] = basis[k] @ vector
        for _ in range(2):
            vector = vector - basis[: k + 1].T @ (basis[: k + 1] @ vector)
        length = float(np.linalg.norm(vector))
        if k + 1 == nodes:
            break
        if length < 1e-14:  # fewer distinct points than nodes
            return gauss_points(points, k + 1)
        jacobi[k + 1, k] = length
        vector = vector / length
    value, vectors = np.linalg.eigh(jacobi)
    return centre + half * value, vectors[0] ** 2
