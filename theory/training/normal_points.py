"""Even clouds of standard normal vectors, for averages over populations: lattices made white, and rotated copies.

Averages over a cloud of n points err some ten times less than averages over n independent draws.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri

FloatArray = NDArray[np.float64]
CANDIDATES = 128  # generators tried for each dimension of a lattice


class Cloud:
    """Rows of independent normal variables over points, (rows, points): of mean 0, variance 1, uncorrelated exactly."""

    def __init__(self, rows: FloatArray) -> None:
        self._rows = rows

    def row(self, index: int) -> FloatArray:
        return self._rows[index]

    def means(self, values: FloatArray, count: int) -> FloatArray:
        """Means of `values` (points,) times each of the first `count` rows, (count,)."""
        return self._rows[:count] @ values / len(values)

    def sum(self, weights: FloatArray) -> FloatArray:
        """Sum of the first rows with `weights`, (points,)."""
        return weights @ self._rows[: len(weights)]


class RotatedCloud:
    """Rows of independent normal variables over (outer, inner): a cloud of `inner` points, rotated for each `outer`.

    Points come in pairs +-z, and their radii are the quantiles of a normal vector's: every row is normal, with the
    means of odd functions exactly 0. Rows are made when asked for: what is kept is (outer, rows, rows).
    """

    def __init__(self, rng: np.random.Generator, rows: int, outer: int, inner: int) -> None:
        half = _with_normal_radii(white_lattice(rng, rows, inner // 2))
        self._points = np.concatenate([half, -half], axis=1)
        self._turns = np.linalg.qr(rng.standard_normal((outer, rows, rows)))[0]

    def row(self, index: int) -> FloatArray:
        return self._turns[:, index] @ self._points

    def means(self, values: FloatArray, count: int) -> FloatArray:
        """Means of `values` (outer, inner) times each of the first `count` rows, (count,)."""
        projected = values @ self._points.T
        return np.einsum("ock,ok->c", self._turns[:, :count], projected) / values.size

    def sum(self, weights: FloatArray) -> FloatArray:
        """Sum of the first rows with `weights`, (outer, inner)."""
        return np.einsum("ock,c->ok", self._turns[:, : len(weights)], weights) @ self._points


def white_lattice(rng: np.random.Generator, rows: int, size: int) -> FloatArray:
    """Normal scores (rows, size) of a randomly shifted rank-one lattice, made white."""
    shifted = np.outer(_generator(rows, size), np.arange(size)) / size + rng.random((rows, 1))
    return _whitened(ndtri(np.clip(shifted % 1, 1e-12, 1 - 1e-12)))


def _whitened(points: FloatArray) -> FloatArray:
    centred = points - np.mean(points, axis=1, keepdims=True)
    return np.linalg.solve(np.linalg.cholesky(centred @ centred.T / points.shape[1]), centred)


def _with_normal_radii(points: FloatArray) -> FloatArray:
    """Moves the points along their rays; made white again, since that disturbs the covariance a little."""
    rows, size = points.shape
    wanted = 2 * gammaincinv(rows / 2, (np.arange(size) + 0.5) / size)
    for _ in range(3):
        square = np.sum(points**2, axis=0)
        points = _whitened(points * np.sqrt(wanted[np.argsort(np.argsort(square))] / square))
    return points


@functools.lru_cache(maxsize=64)
def _generator(rows: int, size: int) -> FloatArray:
    """Component by component, of least worst-case error for periodic functions, rows weighing 1, 1/2, 1/3, ..."""
    grid = np.arange(size)
    kernel = 2 * math.pi**2 * ((grid / size) ** 2 - grid / size + 1 / 6)
    odd = np.arange(1, max(size // 2, 2), 2)
    odd = odd[:: max(1, len(odd) // CANDIDATES)]
    tried = kernel[np.outer(odd, grid) % size]
    product, chosen = np.ones(size), []
    for row in range(rows):
        best = int(np.argmin(tried @ product)) if row else 0
        chosen.append(float(odd[best]))
        product = product * (1 + tried[best] / (row + 1))
    return np.array(chosen)
