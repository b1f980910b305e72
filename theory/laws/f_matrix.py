"""The law of an F matrix: eigenvalues of one sample covariance matrix relative to another."""

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
from theory.laws.marchenko_pastur import wishart
from theory.laws.wachter import projection_arcs, whitened

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FMatrix(Law):
    """Eigenvalues of (Y^T Y/n2)^-1 X^T X/n1 for independent X (n1, p) and Y (n2, p) with unit-variance entries.

        pdf(x) = (1 - d) sqrt((x - a)(b - x)) / (2 pi x (c + d x)),   a, b = ((1 -+ sqrt(c + d - c d))/(1 - d))^2

    c = ratio_a = p/n1 (any positive) and d = ratio_b = p/n2 < 1, columns over rows. For ratio_a above 1 an atom of mass
    1 - 1/ratio_a sits at 0; at exactly 1 the lower edge is hard. The mean is 1/(1 - d). x = (c/d) w/(1 - w) for w of
    Wachter(1/c, 1/d); ratio_b -> 0 gives Marchenko-Pastur, ratio_a -> 0 its inverse.
    Raises ValueError for ratios not positive and finite, and for ratio_b >= 1, where Y^T Y has no inverse.
    Source: Wachter 1980; Silverstein 1985.

    >>> law = FMatrix(0.5, 0.25)
    >>> round(law.mean, 12), round(law.std**2, 12)
    (1.333333333333, 1.481481481481)
    """

    kind: ClassVar[str] = "eigenvalues"
    ratio_a: float
    ratio_b: float

    def __post_init__(self) -> None:
        for name in ("ratio_a", "ratio_b"):
            value = checks.positive(name, getattr(self, name), "pass columns / rows of that matrix")
            object.__setattr__(self, name, value)
        if self.ratio_b >= 1:
            raise ValueError(
                f"ratio_b must be below 1, or Y^T Y has no inverse; got {self.ratio_b!r}; pass more rows than columns"
            )
        object.__setattr__(self, "_mixture", _mixture(self.ratio_a, self.ratio_b))

    @classmethod
    def examples(cls) -> Sequence["FMatrix"]:
        """With and without atom, hard and nearly hard edges, and ratios near their ends."""
        pairs = [(0.5, 0.25), (2, 0.5), (1, 0.3), (1 + 1e-4, 0.3), (0.1, 0.99), (1e-4, 0.5), (1e3, 0.5), (0.5, 1e-6)]
        return [cls(c, d) for c, d in pairs]

    @property
    def bands(self) -> Pairs:
        """((a, b),)"""
        return ((self._mixture.band.low, self._mixture.band.high),)

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - 1/ratio_a),) for ratio_a above 1."""
        return self._mixture.atoms

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part; relative accuracy 1e-14 up to the edges."""
        band, c, d = self._mixture.band, self.ratio_a, self.ratio_b
        inside = np.clip(x, max(band.low, np.finfo(float).tiny), band.high)
        square = (band.from_low(inside) / inside) * (band.from_high(inside) / inside)
        density = (1 - d) / (2 * np.pi) * np.sqrt(square) / (c + d * inside)
        density[band.outside(x)] = 0.0
        if band.low == 0:
            density[x == 0] = np.inf
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atom included; absolute accuracy 1e-15."""
        return self._mixture.cdf(x)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        return self._mixture.sf(x)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; 0 up to the mass of the atom."""
        return self._mixture.quantile(p)

    def moment(self, k: int) -> float:
        """E X^k = (1/k) sum C(k,i) C(k,j) C(k+l-1,l) c^j d^l (1-d)^(-k-l) over i + j + l = k - 1: no cancellation."""
        _whole(k)
        c, d = self.ratio_a, self.ratio_b
        terms = (
            math.comb(k, k - 1 - j - m) * math.comb(k, j) * math.comb(k + m - 1, m) * c**j * (d / (1 - d)) ** m
            for j in range(k)
            for m in range(k - j)
        )
        return math.fsum(terms) / k / (1 - d) ** k if k else 1.0

    @property
    def std(self) -> float:
        """Standard deviation, sqrt((c + d - c d)/(1 - d)^3)."""
        return math.sqrt(self.free_cumulant(2))

    def free_cumulant(self, k: int) -> float:
        """(1 - d) kappa_k = c kappa_{k-1} + d sum_{j=1}^{k-1} kappa_j kappa_{k-j} after kappa_1 = 1/(1 - d).

        From the S transform (1 - d - d z)/(1 + c z).
        """
        c, d = self.ratio_a, self.ratio_b
        kappa = [0.0, 1 / (1 - d)]
        for n in range(2, _order(k) + 1):
            kappa.append((c * kappa[n - 1] + d * math.fsum(kappa[j] * kappa[n - j] for j in range(1, n))) / (1 - d))
        return kappa[k]

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """L^-1 X^T X L^-T / n1 for Gaussian X and Y with L L^T = Y^T Y/n2."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows_a, rows_b = max(1, round(n / self.ratio_a)), max(n, round(n / self.ratio_b))
        return whitened(wishart(n, rows_a, rng) / rows_a, wishart(n, rows_b, rng) / rows_b)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        c, d, band = Decimal(self.ratio_a), Decimal(self.ratio_b), self._mixture.band
        root = float(1 - d) * split(band, z)
        return quotient(linear(band, z, 1 - c, -1 - d), root, 2.0, 2 * z * (self.ratio_a + self.ratio_b * z))

    _mixture: ClassVar[ArcMixture]


@functools.lru_cache(maxsize=256)
def _mixture(ratio_a: float, ratio_b: float) -> ArcMixture:
    with localcontext() as context:
        context.prec = 60
        c, d = Decimal(ratio_a), Decimal(ratio_b)
        root = (c + d - c * d).sqrt()
        # ((1 - c)/(1 + root))^2, not ((1 - root)/(1 - d))^2: next to ratio_a 1 the lower edge keeps its digits
        low, high = ((1 - c) / (1 + root)) ** 2, ((1 + root) / (1 - d)) ** 2
        scale = c / d
        arcs = projection_arcs(1 / c, 1 / d)
        stretch = float((high + scale) / (low + scale))
        atoms = ((0.0, float(1 - 1 / c)),) if c > 1 else ()
    return ArcMixture(Band.exact(low, high), arcs, atoms, stretch)
