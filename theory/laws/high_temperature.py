"""The high-temperature Marchenko-Pastur law: beta ensembles whose repulsion fades as 1/size; and its inverse."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.heavy_tails.associated_laguerre import associated_laguerre, stieltjes
from theory.heavy_tails.log_table import LogTable
from theory.heavy_tails.tabulated import TabulatedPositiveLaw
from theory.law import Law, Pairs, _order, _whole

FloatArray = NDArray[np.float64]
SMALLEST_POWER = 0.05  # of x in cdf(x) near 0: the quantile at 1e-15 is 1e-300


LARGEST = 1e4  # of kappa; the law differs from Marchenko-Pastur by about 1/kappa


@dataclass(frozen=True)
class HighTemperatureMarchenkoPastur(TabulatedPositiveLaw):
    """Eigenvalues of beta-Laguerre matrices with beta = kappa/cols, as cols, rows -> oo at ratio = cols/rows.

        pdf(x) = c y^a e^-y / (Gamma(b + 1) Gamma(a + b + 1) |U(b, -a, -y)|^2),   y = c x,   c = b/(ratio variance)
        b = kappa/2,   a = b (1/ratio - 1) - 1,   U Tricomi's function on its cut

    The ensemble has density prod |l_i - l_j|^beta prod l_i^(beta (rows - cols + 1)/2 - 1) e^(-l_i/2), and the law is
    that of variance l/(beta rows): mean `variance`, second moment variance^2 (1 + ratio (1 + 2/kappa)). kappa -> oo
    gives Marchenko-Pastur; kappa -> 0 at fixed kappa/ratio a Gamma law of shape kappa/(2 ratio). For ratio above 1 an
    atom of mass 1 - 1/ratio sits at 0 and the rest is the law of the transpose. pdf ~ x^a at 0.
    Relative accuracy of pdf, cdf and sf 1e-10 in both tails for kappa up to 2000; quantile 1e-10.
    At finite n the eigenvalues are nearly independent for small kappa: the empirical cdf is off by 1/sqrt(n).
    Raises ValueError for parameters that are not positive and finite, and for kappa |1/ratio - 1| below 0.1,
    where quantiles underflow. Source: Allez, Bouchaud, Majumdar, Vivo 2013; Trinh and Trinh 2021; for trained
    networks Hodgkinson, Wang, Mahoney 2025.

    >>> law = HighTemperatureMarchenkoPastur(0.5, 2.0)
    >>> law.moment(2), round(law.cdf(1.0), 6)
    (2.0, 0.621387)
    """

    kind: ClassVar[str] = "eigenvalues"
    ratio: float
    kappa: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", checks.positive("ratio", self.ratio, "pass columns / rows of the matrix"))
        object.__setattr__(self, "kappa", checks.positive("kappa", self.kappa, "pass beta times columns"))
        object.__setattr__(self, "variance", checks.positive("variance", self.variance, "pass the mean eigenvalue"))
        if self.kappa > LARGEST:
            raise ValueError(f"kappa must be at most {LARGEST:g}; got {self.kappa!r}; use MarchenkoPastur, its limit")
        if not self.lower_power >= SMALLEST_POWER:
            raise ValueError(
                f"power of x in cdf at 0 must be at least {SMALLEST_POWER}; got {self.lower_power:g} from ratio "
                f"{self.ratio:g}, kappa {self.kappa:g}; pass a larger kappa or a ratio farther from 1"
            )

    @classmethod
    def examples(cls) -> Sequence["HighTemperatureMarchenkoPastur"]:
        """From nearly independent to nearly free eigenvalues, wide and tall, and extreme scales."""
        triples = [(0.5, 2, 1), (0.8, 6, 1), (0.25, 40, 1), (1e-4, 2e-3, 1), (0.5, 2000, 1), (1.5, 3, 1), (0.3, 0.6, 1),
                   (0.5, 2, 1e-16), (3, 4, 1e16)]
        return [cls(*triple) for triple in triples]

    @property
    def lower_power(self) -> float:
        """The power a + 1 with which the continuous part of the cdf rises from 0."""
        return self._b * (1 / min(self.ratio, 1 / self.ratio) - 1)

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - 1/ratio),) for ratio above 1."""
        return ((0.0, (self.ratio - 1) / self.ratio),) if self.ratio > 1 else ()

    def moment(self, k: int) -> float:
        """E X^k, the corner of the k-th power of the Jacobi matrix."""
        _whole(k)
        size, b, shape = k // 2 + 2, self._b, self._b + self.lower_power
        n = np.arange(size)
        diagonal = (2 * n + shape + b) / shape
        diagonal[0] = 1.0
        side = np.sqrt((b + 1 + n[:-1]) * (shape + n[:-1])) / shape
        jacobi = np.diag(diagonal) + np.diag(side, 1) + np.diag(side, -1)
        scale = self._unit * shape
        value = np.linalg.matrix_power(jacobi, k)[0, 0] * scale**k
        return float(value if k == 0 else self._weight * value)

    @property
    def std(self) -> float:
        """Standard deviation, variance sqrt(ratio (1 + 2/kappa))."""
        return self.variance * math.sqrt(self.ratio * (1 + 2 / self.kappa))

    def scaled(self, factor: float) -> Law:
        """`factor` times the variance; reflected for a negative factor."""
        factor = checks.factor(factor)
        if factor > 0:
            return HighTemperatureMarchenkoPastur(self.ratio, self.kappa, self.variance * factor)
        return super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """A beta-Laguerre matrix (n, n) as the square of a bidiagonal one of chi variables (Dumitriu, Edelman 2002)."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        size = min(n, max(1, round(n / self.ratio)))  # for ratio above 1 the rest is the atom
        longer, beta = size / min(self.ratio, 1 / self.ratio), 2 * self._b / size
        i = np.arange(size)
        factor = np.diag(np.sqrt(rng.chisquare(beta * (longer - i))))
        factor += np.diag(np.sqrt(rng.chisquare(beta * (size - i[1:]))), -1)
        matrix = np.zeros((n, n))
        matrix[:size, :size] = factor @ factor.T * (self._unit / 2)
        return matrix

    def matrix_gap(self, n: int) -> float:
        """2/sqrt(n), that of independent draws, which small kappa comes near to."""
        return 2 / math.sqrt(n)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        value = stieltjes(self.lower_power - 1, self._b, z / self._unit) * (self._weight / self._unit)
        return value + sum((mass / (x - z) for x, mass in self.atoms), np.zeros(z.shape, complex))

    @property
    def _b(self) -> float:
        return self.kappa / 2 / max(1.0, self.ratio)

    @property
    def _weight(self) -> float:
        return min(1.0, 1 / self.ratio)

    @property
    def _unit(self) -> float:
        """x of y = 1: variance ratio/b, with b = kappa/2 also where the law is that of the transpose."""
        return self.variance * self.ratio / (self.kappa / 2)

    @property
    def _table(self) -> LogTable:
        return associated_laguerre(self.lower_power - 1, self._b)


@dataclass(frozen=True)
class InverseHighTemperatureMarchenkoPastur(TabulatedPositiveLaw):
    """1/X for X of `HighTemperatureMarchenkoPastur(ratio, kappa, variance)`, ratio < 1: a bulk with a power tail.

        pdf(x) = pdf_X(1/x)/x^2 ~ x^(-1 - p),   p = kappa/2 (1/ratio - 1)

    Spectra of inverse sample covariances with faded repulsion, a model of heavy-tailed weights.
    Mean 1/((1 - ratio - 2 ratio/kappa) variance) where p > 1. Accuracy as for X.
    Raises ValueError for ratio >= 1, besides what X raises. Source: Hodgkinson, Wang, Mahoney 2025; by x -> 1/x.

    >>> law = InverseHighTemperatureMarchenkoPastur(0.5, 4.0)
    >>> law.tail_index, law.moment(2), round(law.sf(1e8) / law.sf(1e9), 3)
    (2.0, inf, 100.0)
    """

    kind: ClassVar[str] = "eigenvalues"
    ratio: float
    kappa: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        law = HighTemperatureMarchenkoPastur(self.ratio, self.kappa, self.variance)
        if law.ratio >= 1:
            raise ValueError(f"ratio must be below 1; got {self.ratio!r}; above it X has an atom at 0 and no inverse")
        for name in ("ratio", "kappa", "variance"):
            object.__setattr__(self, name, getattr(law, name))

    @classmethod
    def examples(cls) -> Sequence["InverseHighTemperatureMarchenkoPastur"]:
        """Tail indices from .3 to 1000."""
        triples = [(0.5, 0.6, 1), (0.5, 2, 1), (0.5, 3, 1), (0.3, 4, 1e-8), (0.1, 2, 1e8), (0.5, 2000, 1)]
        return [cls(*triple) for triple in triples]

    def free_cumulant(self, k: int) -> float:
        """From the moments; infinite or NaN from `tail_index` on."""
        if _order(k) == 1:
            return self.mean
        return super().free_cumulant(k) if k < self.tail_index else math.nan

    @property
    def std(self) -> float:
        """Standard deviation; infinite for a tail index up to 2."""
        return self.mean * math.sqrt(max(self.moment(2) / self.mean**2 - 1, 0.0)) if self.tail_index > 2 else math.inf

    def scaled(self, factor: float) -> Law:
        """The variance divided by `factor`; reflected for a negative factor."""
        factor = checks.factor(factor)
        if factor > 0:
            return InverseHighTemperatureMarchenkoPastur(self.ratio, self.kappa, self.variance / factor)
        return super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """The inverse of a beta-Laguerre matrix (n, n)."""
        values, vectors = np.linalg.eigh(self._inverse.sample_matrix(n, rng))
        return (vectors / values) @ vectors.T

    def matrix_gap(self, n: int) -> float:
        """2/sqrt(n), as for X."""
        return self._inverse.matrix_gap(n)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return -(1 + self._inverse._stieltjes(1 / z) / z) / z

    @property
    def _inverse(self) -> HighTemperatureMarchenkoPastur:
        return HighTemperatureMarchenkoPastur(self.ratio, self.kappa, self.variance)

    @property
    def _unit(self) -> float:
        return 1 / self._inverse._unit

    @property
    def _table(self) -> LogTable:
        return reflected(self._inverse._table)


@functools.lru_cache(maxsize=64)
def reflected(table: LogTable) -> LogTable:
    """Returns the table of 1/x."""
    signs = (-1.0) ** np.arange(len(table.coefficients))[:, None]
    coefficients = table.coefficients[:, ::-1] * signs
    return LogTable(-table.edges[::-1], coefficients, table.masses[::-1], table.upper, table.lower)
