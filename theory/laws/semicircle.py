"""The semicircle law: eigenvalues of a symmetric matrix of independent entries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.angles import arc
from theory.band import Band
from theory.law import Law, Pairs, _order, _whole, elementwise

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Semicircle(Law):
    """Eigenvalues of a symmetric n x n matrix with independent entries of mean 0 and variance `variance`/n.

        pdf(x) = sqrt(R^2 - x^2) / (2 pi variance),   R = 2 sqrt(variance)

    The diagonal may have any finite variance. The law as n -> oo: the largest gap between empirical and limiting
    distribution function is about 3/n. cdf is right to 1e-15, sf and pdf to 1e-14, relative, up to the edges.
    Raises ValueError for a variance that is not positive and finite. Source: Wigner 1958.

    >>> Semicircle(1.0).quantile([0.0, 0.5, 1.0]).tolist()
    [-2.0, 0.0, 2.0]
    """

    kind: ClassVar[str] = "eigenvalues"
    variance: float = 1.0

    def __post_init__(self) -> None:
        variance = checks.positive("variance", self.variance, "pass n times the variance of one entry")
        object.__setattr__(self, "variance", variance)
        with localcontext() as context:
            context.prec = 60
            radius = 2 * Decimal(variance).sqrt()
            object.__setattr__(self, "_band", Band.exact(-radius, radius))

    @classmethod
    def examples(cls) -> Sequence["Semicircle"]:
        """Unit variance and extreme scales."""
        return [cls(v) for v in (1.0, 0.3, 1e-16, 1e16)]

    @property
    def bands(self) -> Pairs:
        """((-R, R),)"""
        return ((self._band.low, self._band.high),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density; relative accuracy 1e-15 up to the edges."""
        band, std = self._band, math.sqrt(self.variance)
        inside = np.clip(x, band.low, band.high)
        square = (band.from_low(inside) / std) * (band.from_high(inside) / std)
        density = np.sqrt(square) * (1 / (2 * np.pi * std))
        density[band.outside(x)] = 0.0
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x); relative accuracy is kept down to the lower edge."""
        return arc.shares(self._band, x, 0.0, 1.0)[0]

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        return arc.shares(self._band, x, 0.0, 1.0)[1]

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; odd about p = 1/2."""
        checks.probabilities(p)
        t = arc.inverse(np.where(p < 0.5, p, 1 - p), 0.0, 1.0)
        from_middle = np.where(p == 0.5, 0.0, np.cos(t)) * self._band.high
        return np.where(p < 0.5, -from_middle, from_middle)

    def moment(self, k: int) -> float:
        """E X^(2m) = variance^m Catalan(m); odd ones vanish."""
        _whole(k)
        half, odd = divmod(k, 2)
        return 0.0 if odd else self.variance**half * float(math.comb(k, half) // (half + 1))

    @property
    def std(self) -> float:
        """Standard deviation, sqrt(variance)."""
        return math.sqrt(self.variance)

    def free_cumulant(self, k: int) -> float:
        """The variance for k = 2, 0 otherwise."""
        return self.variance if _order(k) == 2 else 0.0

    def scaled(self, factor: float) -> "Semicircle":
        """The semicircle of factor^2 times the variance."""
        factor = checks.factor(factor)
        return Semicircle(self.variance * (factor * factor))  # factor**2 raises where it overflows

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """A symmetric Gaussian matrix with entries of variance `variance`/n off the diagonal, twice that on it."""
        x = rng.standard_normal((checks.count("size of the matrix", n, "pass n >= 1"),) * 2)
        return (x + x.T) * math.sqrt(self.variance / (2 * n))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        band = self._band
        return -2 / (z + np.sqrt((z - band.low) - band.low_tail) * np.sqrt((z - band.high) - band.high_tail))

    _band: ClassVar[Band]
