"""Which singular vectors point at something: overlaps with directions, agreement of two sets, and the chance level."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincc, betaincinv, gammaln


def overlaps(vectors: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Absolute cosines |<v_i, u_j>| between columns: vectors (d, k), directions (d, m) or (d,) -> (k, m) or (k,).

    Both are normalised here, since a direction is only a direction; a zero column gives NaN. Absolute, because the
    sign of a singular vector is free. Raises ValueError for lengths that differ.
    """
    a, b = _columns(vectors, "vectors"), _columns(directions, "directions")
    _same_length(a, b)
    cosines = np.minimum(np.abs(_unit(a).T @ _unit(b)), 1.0)
    cosines = cosines if np.ndim(directions) > 1 else cosines[:, 0]
    return cosines if np.ndim(vectors) > 1 else cosines[0]


def sign_basis(vector: np.ndarray) -> np.ndarray:
    """Orthonormal basis of span{sgn(a), a} of a vector a (d,), its first column along sgn(a): (d, 2).

    A vector that is a multiple of its signs spans one direction: the second column is 0.
    """
    sign = np.sign(vector) / np.linalg.norm(np.sign(vector))
    rest = vector - sign * (sign @ vector)
    norm = np.linalg.norm(rest)
    second = rest / norm if norm > 1e-9 * np.linalg.norm(vector) else np.zeros_like(rest)
    return np.stack([sign, second], axis=1)


def agreement(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared overlaps <a_i, b_j>^2 of two sets of unit vectors: (d, k), (d, l) -> (k, l).

    With orthonormal columns each row and column sums to at most 1: the share of a vector that the other set explains.
    Raises ValueError where a column hasn't unit length (to 1e-6) or the lengths differ.
    """
    a, b = _columns(first, "first"), _columns(second, "second")
    _same_length(a, b)
    for matrix in (a, b):
        lengths = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
        if not np.allclose(lengths, 1.0, atol=1e-6):
            raise ValueError("vectors must have unit length; got other lengths. Divide each column by its norm.")
    return np.minimum((a.T @ b) ** 2, 1.0)


@dataclass(frozen=True)
class RandomOverlap:
    """Largest of `count` absolute overlaps of orthonormal vectors with a uniformly random direction in R^d.

    One squared overlap follows Beta(1/2, (d - 1)/2). The count of them are taken as independent: exact at count 1,
    and within a relative 1/d of the largest overlap beyond (their squares sum to at most 1).
    Raises ValueError for dimension below 2 or count outside 1 .. dimension.
    """

    dimension: int
    count: int = 1

    def __post_init__(self):
        if self.dimension < 2 or not 1 <= self.count <= self.dimension:
            raise ValueError(
                f"dimension must be at least 2 and count in 1 .. dimension; got {self.dimension} and {self.count}. "
                "Count orthonormal vectors."
            )

    def cdf(self, x: np.ndarray | float) -> np.ndarray | float:
        """P(largest overlap <= x), x any shape."""
        square = np.clip(np.asarray(x, dtype=np.float64), 0.0, 1.0) ** 2
        return betainc(0.5, 0.5 * (self.dimension - 1), square) ** self.count

    def sf(self, x: np.ndarray | float) -> np.ndarray | float:
        """P(largest overlap > x), relative accuracy in the tail: the p-value of a measured overlap."""
        square = np.clip(np.asarray(x, dtype=np.float64), 0.0, 1.0) ** 2
        one = betaincc(0.5, 0.5 * (self.dimension - 1), square)
        with np.errstate(divide="ignore"):  # log1p(-1) at x = 0, where the answer is exactly 1
            return -np.expm1(self.count * np.log1p(-one))

    def quantile(self, p: np.ndarray | float) -> np.ndarray | float:
        """The x with cdf(x) = p, p in [0, 1]."""
        p = np.asarray(p, dtype=np.float64)
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError(f"p must lie in [0, 1]; got {p}. Pass a probability.")
        return np.sqrt(betaincinv(0.5, 0.5 * (self.dimension - 1), p ** (1.0 / self.count)))

    @property
    def expected(self) -> float:
        """Mean of the largest overlap, int sf(x) dx; Gamma(d/2)/(sqrt(pi) Gamma((d + 1)/2)) at count 1."""
        if self.count == 1:
            half = 0.5 * self.dimension
            return float(np.exp(gammaln(half) - gammaln(half + 0.5)) / np.sqrt(np.pi))
        nodes, weights = np.polynomial.legendre.leggauss(200)
        top = float(self.quantile(1.0 - 1e-15))
        return float(0.5 * top * weights @ np.asarray(self.sf(0.5 * top * (1.0 + nodes))))


def _columns(array, name):
    a = np.asarray(array, dtype=np.float64)
    if a.ndim not in (1, 2) or 0 in a.shape:
        raise ValueError(f"{name} must be one vector or columns (d, k), not empty; got shape {a.shape}. Stack columns.")
    return a[:, None] if a.ndim == 1 else a


def _same_length(a, b):
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"vectors must share their length; got {a.shape[0]} and {b.shape[0]}. Left or right ones?")


def _unit(a):
    lengths = np.sqrt(np.einsum("ij,ij->j", a, a))
    return a / np.where(lengths > 0, lengths, np.nan)
