"""The inverse Marchenko-Pastur law: eigenvalues of the inverse of a sample covariance matrix."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.angles.arc_mixture import ArcMixture
from theory.angles.quadratic import linear, quotient, split
from theory.band import Band
from theory.law import Law, Pairs, _order, _whole, elementwise
from theory.laws.marchenko_pastur import MarchenkoPastur, wishart
from theory.laws.wachter import whitened

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InverseMarchenkoPastur(Law):
    """Eigenvalues of (X^T X / n)^-1 for X of shape (n, p) with independent entries of mean 0: Marchenko-Pastur's 1/x.

        pdf(x) = (1 - ratio) sqrt((x - a)(b - x)) / (2 pi ratio x^2),   a, b = 1/(variance (1 +- sqrt(ratio))^2)

    `ratio` is p/n < 1 (columns over rows), `variance` that of one entry; the formula is for variance 1, otherwise x is
    multiplied by it. The mean is 1/(variance (1 - ratio)). Near ratio 1 the law has a tail: pdf ~ x^(-3/2) up to b.
    cdf is right to 1e-15, sf and pdf to 1e-14, relative, up to the edges.
    Raises ValueError for ratio or variance not positive and finite, and for ratio >= 1, where X^T X has no inverse.
    Source: Marchenko and Pastur 1967, by x -> 1/x.

    >>> law = InverseMarchenkoPastur(0.25)
    >>> law.mean, round(law.bands[0][1], 12)
    (1.3333333333333333, 4.0)
    """

    kind: ClassVar[str] = "eigenvalues"
    ratio: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        ratio = checks.positive("ratio", self.ratio, "pass columns / rows of the matrix")
        variance = checks.positive("variance", self.variance, "pass the variance of one entry")
        if ratio >= 1:
            raise ValueError(
                f"ratio must be below 1, or X^T X has no inverse; got {self.ratio!r}; pass more rows than columns"
            )
        object.__setattr__(self, "ratio", ratio)
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "_mixture", _mixture(ratio, variance))

    @classmethod
    def examples(cls) -> Sequence["InverseMarchenkoPastur"]:
        """Moderate and extreme ratios and scales."""
        pairs = [(0.25, 1), (0.5, 3), (0.9, 1), (0.99, 1), (1e-4, 1), (1e-6, 1), (0.5, 1e-16), (0.3, 1e16)]
        return [cls(c, v) for c, v in pairs]

    @property
    def bands(self) -> Pairs:
        """((a, b),)"""
        return ((self._mixture.band.low, self._mixture.band.high),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density; relative accuracy 1e-14 up to the edges."""
        band, c = self._mixture.band, self.ratio
        inside = np.clip(x, band.low, band.high)
        square = (band.from_low(inside) / inside) * (band.from_high(inside) / inside)
        density = (1 - c) / (2 * np.pi * c) * np.sqrt(square) / inside
        density[band.outside(x)] = 0.0
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x); relative accuracy is kept down to the lower edge."""
        return self._mixture.cdf(x)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        return self._mixture.sf(x)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}."""
        return self._mixture.quantile(p)

    def moment(self, k: int) -> float:
        """E X^k = E Y^(k-1) (1 - ratio)^(1-2k) variance^-k for Y Marchenko-Pastur of unit variance."""
        _whole(k)
        if k == 0:
            return 1.0
        return MarchenkoPastur(self.ratio).moment(k - 1) * (1 - self.ratio) ** (1 - 2 * k) * self.variance**-k

    @property
    def std(self) -> float:
        """Standard deviation, sqrt(ratio/(1 - ratio)^3)/variance."""
        return math.sqrt(self.ratio / (1 - self.ratio) ** 3) / self.variance

    def free_cumulant(self, k: int) -> float:
        """Catalan(k-1) ratio^(k-1) (1 - ratio)^(1-2k) variance^-k, from S(z) = variance (1 - ratio - ratio z)."""
        catalan = math.comb(2 * _order(k) - 2, k - 1) // k
        return catalan * self.ratio ** (k - 1) * (1 - self.ratio) ** (1 - 2 * k) * self.variance**-k

    def scaled(self, factor: float) -> Law:
        """The same ratio with the variance divided by `factor`; reflected for a negative factor."""
        factor = checks.factor(factor)
        return InverseMarchenkoPastur(self.ratio, self.variance / factor) if factor > 0 else super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """(X^T X / rows)^-1 for Gaussian X of shape (rows, n), rows the whole number next to n/ratio."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows = max(n, round(n / self.ratio))
        return whitened(np.eye(n), wishart(n, rows, rng) / rows) / self.variance

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        c, s, band = Decimal(self.ratio), Decimal(self.variance), self._mixture.band
        root = float((1 - c) * s) * split(band, z)
        p = linear(band, z, Decimal(1), -(1 + c) * s)
        return self.variance * quotient(p, root, 2.0, 2 * self.ratio * (z * self.variance) ** 2)

    _mixture: ClassVar[ArcMixture]


@functools.lru_cache(maxsize=256)
def _mixture(ratio: float, variance: float) -> ArcMixture:
    with localcontext() as context:
        context.prec = 60
        c, s = Decimal(ratio), Decimal(variance)
        q = c.sqrt()
        band = Band.exact(1 / (s * (1 + q) ** 2), ((1 + q) / (1 - c)) ** 2 / s)
        # x -> 1/x maps the band onto Marchenko-Pastur's, upside down: hence -q, and tan(t/2) grows by (1 + q)/(1 - q)
        return ArcMixture(band, ((1.0, -float(q), float((1 - c) / (1 + q))),), (), float(((1 + q) ** 2 / (1 - c)) ** 2))
