"""The Wachter (Jacobi, MANOVA) law: eigenvalues of A (A + B)^-1 for two independent sample covariance matrices."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import eval_gegenbauer

from theory import checks
from theory.angles.arc_mixture import ArcMixture
from theory.angles.quadratic import linear, quotient, split
from theory.band import Band
from theory.law import Law, Pairs, _order, elementwise
from theory.laws.marchenko_pastur import wishart

FloatArray = NDArray[np.float64]
Arc = tuple[float, float, float]


@dataclass(frozen=True)
class Wachter(Law):
    """Eigenvalues of A (A + B)^-1, A = X^T X and B = Y^T Y for independent Gaussian X (n1, p) and Y (n2, p).

        pdf(x) = N sqrt((x - a)(b - x)) / (2 pi x (1 - x)),   N = dof_a + dof_b,
        a, b = ((sqrt(dof_a (N - 1)) -+ sqrt(dof_b)) / N)^2

    dof_a = n1/p and dof_b = n2/p: rows per column, the inverse of the ratio of Marchenko-Pastur. Atoms of mass
    1 - dof_a at 0 and 1 - dof_b at 1 where these are positive; a hard edge at 0 for dof_a = 1, at 1 for dof_b = 1.
    Also the spectrum of a corner of a random projection, and squared canonical correlations of independent data.
    Raises ValueError for dof not positive and finite, and for dof_a + dof_b <= 1: below 1 A + B has no inverse, at
    exactly 1 there is no continuous part left. Source: Wachter 1980.

    >>> law = Wachter(2.0, 0.5)
    >>> law.atoms
    ((1.0, 0.5),)
    >>> round(law.mean, 12), round(law.cdf(0.8), 6)
    (0.8, 0.379354)
    """

    kind: ClassVar[str] = "eigenvalues"
    dof_a: float
    dof_b: float

    def __post_init__(self) -> None:
        for name in ("dof_a", "dof_b"):
            value = checks.positive(name, getattr(self, name), "pass rows / columns of that matrix")
            object.__setattr__(self, name, value)
        if not Decimal(self.dof_a) + Decimal(self.dof_b) > 1:
            raise ValueError(
                f"dof_a + dof_b must exceed 1, or A + B has no inverse; got {self.dof_a!r} + {self.dof_b!r}; "
                "pass more rows than columns in all (at a sum of 1 the law is PointMasses([(0, dof_b), (1, dof_a)]))"
            )
        object.__setattr__(self, "_mixture", _mixture(self.dof_a, self.dof_b))

    @classmethod
    def examples(cls) -> Sequence["Wachter"]:
        """Both, one and no atom, hard edges, nearly hard ones, and narrow bands."""
        pairs = [(2, 3), (0.5, 2), (2, 0.5), (0.6, 0.7), (1, 1), (1, 3), (4, 1), (1 + 1e-6, 2), (100, 3), (1e-3, 1.5)]
        return [cls(a, b) for a, b in [*pairs, (0.5, 0.5 + 1e-3), (1e4, 1e4)]]

    @property
    def bands(self) -> Pairs:
        """((a, b),)"""
        return ((self._mixture.band.low, self._mixture.band.high),)

    @property
    def atoms(self) -> Pairs:
        """Mass 1 - dof_a at 0 and 1 - dof_b at 1, where positive."""
        return self._mixture.atoms

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part; relative accuracy 1e-15 up to the edges."""
        band = self._mixture.band
        inside = np.clip(x, max(band.low, np.finfo(float).tiny), band.high)
        square = (band.from_low(inside) / inside**2) * (band.from_high(inside) / (1 - inside) ** 2)
        density = (self.dof_a + self.dof_b) / (2 * np.pi) * np.sqrt(square)
        density[band.outside(x)] = 0.0
        density[x == 1] = np.inf if self.dof_b == 1 else 0.0  # an edge so near to 1 that it rounds to it is soft
        if self.dof_a == 1:
            density[x == 0] = np.inf
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atoms included; absolute accuracy 1e-15."""
        return self._mixture.cdf(x)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper end."""
        return self._mixture.sf(x)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; 0 up to the mass of the atom there, 1 within that of the atom at 1."""
        return self._mixture.quantile(p)

    @property
    def mean(self) -> float:
        """dof_a / (dof_a + dof_b)."""
        return self.dof_a / (self.dof_a + self.dof_b)

    @property
    def std(self) -> float:
        """sqrt(dof_a dof_b / (dof_a + dof_b)^3)."""
        return math.sqrt(self.free_cumulant(2))

    def free_cumulant(self, k: int) -> float:
        """2 u v N^(1-k) P'_{k-1}(v - u)/(k (k-1)) for k >= 2, P' the derivative of Legendre's polynomial, u = dof_a/N.

        From the S transform (N + z)/(dof_a + z): N^2 - 2 (v - u) N w + w^2, its discriminant, generates them.
        """
        u, v, total = self.mean, self.dof_b / (self.dof_a + self.dof_b), self.dof_a + self.dof_b
        if _order(k) == 1:
            return u
        return float(2 * u * v / (k * (k - 1)) * eval_gegenbauer(k - 2, 1.5, v - u) * total ** (1 - k))

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """L^-1 A L^-T for two Wishart matrices with L L^T = A + B: symmetric, with the eigenvalues of A (A + B)^-1."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows = max(1, round(self.dof_a * n))
        a, b = wishart(n, rows, rng), wishart(n, max(1, n - rows, round(self.dof_b * n)), rng)
        return whitened(a, a + b)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        a, b, band = Decimal(self.dof_a), Decimal(self.dof_b), self._mixture.band
        root = float(a + b) * split(band, z)
        return quotient(linear(band, z, a - 1, 2 - a - b), root, 2 * float(a + b - 1), 2 * z * (1 - z))

    _mixture: ClassVar[ArcMixture]


def projection_arcs(dof_a: float | Decimal, dof_b: float | Decimal) -> tuple[Arc, Arc]:
    """Arcs of the terms 1/x and 1/(1 - x) in pdf = N sqrt(...)/(2 pi) (1/x + 1/(1 - x)) of the Wachter law."""
    with localcontext() as context:
        context.prec = 60
        a, b = Decimal(dof_a), Decimal(dof_b)
        mass, q, rest = _arc(a, b)
        opposite, opposite_q, opposite_rest = _arc(b, a)
        return (mass, q, rest), (opposite, -opposite_q, opposite_rest)


def whitened(a: FloatArray, metric: FloatArray) -> FloatArray:
    """L^-1 a L^-T with L L^T = metric: symmetric, with the eigenvalues of a metric^-1."""
    factor = np.linalg.cholesky(metric)
    half = solve_triangular(factor, a, lower=True)
    whole = solve_triangular(factor, half.T, lower=True)
    return (whole + whole.T) / 2


def _arc(a: Decimal, b: Decimal) -> Arc:
    """Mass, q and 1 - q of the term 1/x: q^2 is the smaller of a (N - 1) and b over the larger."""
    total = a + b
    smaller, larger = sorted((a * (total - 1), b))
    q = (smaller / larger).sqrt()
    return float(smaller / total), float(q), float(abs(a - 1) * total / larger / (1 + q))


@functools.lru_cache(maxsize=256)
def _mixture(dof_a: float, dof_b: float) -> ArcMixture:
    arcs = projection_arcs(dof_a, dof_b)
    with localcontext() as context:
        context.prec = 60
        a, b = Decimal(dof_a), Decimal(dof_b)
        total = a + b
        root_sum = (a * (total - 1)).sqrt() + b.sqrt()
        # (a - 1) N over the sum of roots, not their difference: with a next to 1 the lower edge keeps its digits
        band = Band.exact(((a - 1) / root_sum) ** 2, (root_sum / total) ** 2)
    atoms: list[Any] = [(x, float(1 - dof)) for x, dof in ((0.0, dof_a), (1.0, dof_b)) if dof < 1]
    return ArcMixture(band, arcs, tuple(atoms))
