"""The free compound Poisson law: a sum of free jumps, the limit of sum_i t_i x_i x_i^T over random vectors x_i."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.law import Law, Pairs, _order, _whole, elementwise
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur, _free_moments
from theory.laws.marchenko_pastur import wishart
from theory.laws.point_masses import PointMasses
from theory.laws.uniform import Uniform
from theory.sample_covariance.inverse_map import as_population

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FreePoisson(Law):
    """The law with free cumulants kappa_k = rate E T^k for jumps T: a `Law` or pairs (value, weight), of any sign.

    Eigenvalues of X^T diag(t) X / n for X (p, n) with independent entries of mean 0 and variance 1, p/n -> rate and t
    spread like T. It is the companion of GeneralizedMarchenkoPastur(rate, jump), F_ = (1 - rate) delta_0 + rate F, and
    as accurate; with jumps of 1 it is Marchenko-Pastur of ratio 1/rate, times rate. The atom at 0 has mass
    max(0, 1 - rate P(T != 0)). Laws of equal jumps add: the free sum of rates r and s has rate r + s.
    Quantiles are right to 1e-16 rate in probability.
    Raises ValueError for a rate outside [1e-15, 1e15], a jump that is no distribution or 0 alone.
    Source: Marchenko and Pastur 1967; Voiculescu, Dykema and Nica 1992; Speicher 1998.

    >>> law = FreePoisson(0.5, [(1.0, 0.5), (-1.0, 0.5)])
    >>> law.atoms, law.free_cumulant(4)
    (((0.0, 0.5),), 0.5)
    """

    kind: ClassVar[str] = "eigenvalues"
    rate: float
    jump: Law | Iterable[tuple[float, float]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", checks.within("rate", self.rate, 1e-15, 1e15, "pass the mean number of jumps"))
        companion = GeneralizedMarchenkoPastur(self.rate, as_population(self.jump))
        object.__setattr__(self, "jump", companion.population)
        object.__setattr__(self, "_companion", companion)

    @classmethod
    def examples(cls) -> Sequence["FreePoisson"]:
        """Below, at and above rate 1, jumps of both signs, two bands, a share of zero jumps, and continuous jumps."""
        return [
            cls(0.5, [(1, 1)]), cls(1, [(2, 1)]), cls(3, [(1, 0.5), (4, 0.5)]), cls(0.1, [(1, 0.5), (10, 0.5)]),
            cls(2, [(-1, 0.5), (1, 0.5)]), cls(0.45, [(-1, 0.3), (3, 0.7)]), cls(2, [(0, 0.6), (1, 0.4)]),
            cls(100, [(1, 0.5), (2, 0.5)]), cls(0.5, Uniform(1, 2)),
        ]

    @property
    def bands(self) -> Pairs:
        """Those of the companion."""
        return self._companion.bands

    @property
    def tail_index(self) -> float:
        """That of the jumps."""
        return self._companion.tail_index

    @property
    def window(self) -> Pairs:
        """That of the companion."""
        return self._companion.window

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - rate P(T != 0)),) where that is positive."""
        mass = math.fsum([1.0, -self.rate, self.rate * self._no_jump])
        return ((0.0, mass),) if mass > 0 else ()

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part: rate times the companion's."""
        return self.rate * self._companion.pdf(x)

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atom included."""
        below, above = self.rate * self._companion.cdf(x), self.rate * self._companion.sf(x)
        total = np.where(x < 0, below, np.maximum(1 - above, 0.0))
        return np.where(x >= self._ends[1], 1.0, np.where(x < self._ends[0], 0.0, total))

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        below, above = self.rate * self._companion.cdf(x), self.rate * self._companion.sf(x)
        return np.where(x < self._ends[0], 1.0, np.where(x < 0, np.maximum(1 - below, 0.0), np.minimum(above, 1.0)))

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; 0 through the mass of the atom."""
        checks.probabilities(p)
        atom = self.atoms[0][1] if self.atoms else 0.0
        zero = sum(mass for x, mass in self._companion.atoms if x == 0)
        negative = self.rate * max(self._companion.cdf(0.0) - zero, 0.0)  # mass below 0
        low, high = p <= negative, p > negative + atom
        x = np.where(np.isnan(p), np.nan, 0.0)
        x[low] = self._companion.quantile(np.minimum(p[low] / self.rate, 1.0))
        x[high] = self._companion.quantile(np.clip(1 - (1 - p[high]) / self.rate, 0.0, 1.0))
        return np.where(p == 0, self._ends[0], np.where(p == 1, self._ends[1], x))

    def moment(self, k: int) -> float:
        """E X^k from the free cumulants, which of positive jumps are all positive."""
        _whole(k)
        return _free_moments([self.free_cumulant(j) for j in range(1, k + 1)])[k]

    @property
    def std(self) -> float:
        """Standard deviation, sqrt(rate E T^2)."""
        return math.sqrt(self.free_cumulant(2))

    def free_cumulant(self, k: int) -> float:
        """rate E T^k."""
        return self.rate * self._jump_law.moment(_order(k))

    def scaled(self, factor: float) -> "FreePoisson":
        """The same rate with the jumps times `factor`."""
        factor = checks.factor(factor)
        return FreePoisson(self.rate, self._jump_law.scaled(factor))

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """X^T diag(t) X/n for Gaussian X of shape (p, n), p next to rate n, t the p quantiles of the jumps."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        if not isinstance(self.jump, Law):  # a Wishart matrix for each value: the cost doesn't grow with the rate
            counts = ((value, round(self.rate * weight * n)) for value, weight in self.jump)
            return sum((value / n * wishart(n, count, rng) for value, count in counts if count), np.zeros((n, n)))
        rows = max(1, round(self.rate * n))
        x, jumps = rng.standard_normal((rows, n)), self.jump.quantile((np.arange(rows) + 0.5) / rows)
        return (x.T * jumps) @ x / n

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return -1 / self._companion._spectrum.off_support(z)

    @property
    def _jump_law(self) -> Law:
        return self.jump if isinstance(self.jump, Law) else PointMasses(self.jump)

    @property
    def _no_jump(self) -> float:
        pairs = self.jump.atoms if isinstance(self.jump, Law) else self.jump
        return math.fsum(weight for value, weight in pairs if value == 0)

    _companion: ClassVar[GeneralizedMarchenkoPastur]
