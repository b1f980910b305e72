"""The exponential law, a population of generalised Marchenko-Pastur laws without an upper end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, exp1

from theory import checks
from theory.law import Law, Pairs, _order, _whole, elementwise

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
FAR = 40.0  # where the smallest term of the asymptotic series, exp(-40), is below rounding
TERMS = 39


@dataclass(frozen=True)
class Exponential(Law):
    """Waiting times of that mean, a population of generalised Marchenko-Pastur laws.

        pdf(x) = exp(-x/mean)/mean on [0, oo),   Stieltjes transform exp(-z) E1(-z) for unit mean

    No random matrix is meant: `sample_matrix` puts its quantiles in a random basis. The transform is right to 5e-13,
    the rest to rounding. Raises ValueError for a mean that is not positive and finite.

    >>> round(Exponential(2.0).quantile(0.5), 12)
    1.38629436112
    """

    kind: ClassVar[str] = "eigenvalues"
    mean: float = 1.0  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", checks.positive("mean", self.mean, "pass the mean of the law"))

    @classmethod
    def examples(cls) -> Sequence["Exponential"]:
        """Unit mean and extreme scales."""
        return [cls(), cls(0.3), cls(1e-16), cls(1e16)]

    @property
    def bands(self) -> Pairs:
        """((0, oo),)"""
        return ((0.0, math.inf),)

    @property
    def window(self) -> Pairs:
        """((0, 80 mean),): beyond, the share of the first twenty moments is below rounding."""
        return ((0.0, 80 * self.mean),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density, its limit from the right at 0."""
        return np.where(x < 0, 0.0, np.exp(-x / self.mean) / self.mean)

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x); relative accuracy is kept down to 0."""
        return -np.expm1(-np.maximum(x, 0.0) / self.mean)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x)."""
        return np.exp(-np.maximum(x, 0.0) / self.mean)

    @elementwise
    def logsf(self, x: FloatArray) -> FloatArray:
        """log P(X > x), -x/mean."""
        return np.minimum(-x / self.mean, 0.0)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; infinite at 1."""
        return -self.mean * np.log1p(-checks.probabilities(p))

    def moment(self, k: int) -> float:
        """k! mean^k."""
        _whole(k)
        return math.factorial(k) * self.mean**k

    @property
    def std(self) -> float:
        """Standard deviation, the mean."""
        return self.mean

    def free_cumulant(self, k: int) -> float:
        """mean^k times 1, 1, 2, 7, 34, 206, ...: a_k = (k-1) a_{k-1} + sum_{j=2}^{k-2} (j-1) a_j a_{k-j}.

        They count the permutations of k that fix no proper interval (Callan 2004).
        """
        counts = [1, 1]
        for n in range(2, _order(k) + 1):
            products = sum((j - 1) * counts[j] * counts[n - j] for j in range(2, n - 1))
            counts.append((n - 1) * counts[n - 1] + products)
        return counts[k] * self.mean**k

    def scaled(self, factor: float) -> Law:
        """The exponential law of `factor` times the mean; reflected for a negative factor."""
        factor = checks.factor(factor)
        return Exponential(self.mean * factor) if factor > 0 else super().scaled(factor)

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        y = z / self.mean
        far = np.abs(y) >= FAR
        near = np.where(far, -1.0, y)
        value = np.where(far, _far(np.where(far, y, FAR)), np.exp(-near) * exp1(-near))
        return np.asarray(value / self.mean, np.complex128)


def _far(y: ComplexArray) -> ComplexArray:
    """exp(-y) E1(-y) for |y| >= 40: the asymptotic series -sum k!/y^(k+1), whose own terms know nothing of the cut.

    Beside the cut the part that switches on across it, i pi exp(-y), is far below rounding of the sum; but it is all of
    the imaginary part, the density. Its switch is the error function (Berry 1989).
    """
    total = np.ones_like(y)
    for k in range(TERMS, 0, -1):
        total = 1 + k / y * total
    angle = np.angle(y)
    cut = np.exp(-y) * erfc(np.abs(angle) * np.sqrt(np.abs(y) / 2))
    return -total / y + 1j * np.pi * np.copysign(1.0, y.imag) * np.where(y.real > 0, cut, 0.0)
