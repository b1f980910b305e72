"""The Marchenko-Pastur law: eigenvalues of a sample covariance matrix of independent entries."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.angles import arc
from theory.angles.quadratic import linear, quotient, split
from theory.band import Band
from theory.law import Law, Pairs, _order, _whole, elementwise

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MarchenkoPastur(Law):
    """Eigenvalues of X^T X / n for X of shape (n, p) with independent entries of mean 0, as n, p -> oo.

        pdf(x) = sqrt((b - x)(x - a)) / (2 pi ratio variance x),   a, b = variance (1 -+ sqrt(ratio))^2

    `ratio` is p/n (columns over rows), `variance` that of one entry, so the mean eigenvalue is `variance`. For ratio
    above 1 an atom of mass 1 - 1/ratio sits at 0. At ratio exactly 1 the lower edge is hard: pdf(0) is infinite.
    At finite n the largest gap between empirical and limiting distribution function is about 3/n.
    Raises ValueError for a ratio or variance that is not positive and finite.
    Source: Marchenko and Pastur 1967. Numerics: `theory.angles.arc` in the angle of the band, in which ratio and
    1/ratio share one function; edges carry two doubles, so the density is right next to them, at any scale.

    >>> law = MarchenkoPastur(0.25)
    >>> law.bands
    ((0.25, 2.25),)
    >>> round(law.cdf(1.0), 6)
    0.55339
    """

    kind: ClassVar[str] = "eigenvalues"
    ratio: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        ratio = checks.positive("ratio", self.ratio, "pass columns / rows of the matrix")
        variance = checks.positive("variance", self.variance, "pass the variance of one entry")
        object.__setattr__(self, "ratio", ratio)
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "_band", _band(ratio, variance))

    @classmethod
    def of(cls, shape: tuple[int, int], entry_std: float = 1.0) -> "MarchenkoPastur":
        """Returns the law of W^T W / rows for W of shape (rows, cols) with entries of that standard deviation."""
        try:
            rows, cols = shape
        except (TypeError, ValueError):
            raise ValueError(f"shape must be (rows, cols); got {shape!r}; pass matrix.shape of a 2-d matrix") from None
        rows = checks.count("rows", rows, "pass the shape (rows, cols) of a matrix")
        cols = checks.count("cols", cols, "pass the shape (rows, cols) of a matrix")
        std = checks.positive("entry_std", entry_std, "pass the standard deviation of one entry")
        return cls(cols / rows, std**2)

    @classmethod
    def examples(cls) -> Sequence["MarchenkoPastur"]:
        """Wide, square and tall matrices, nearly square ones, and extreme scales."""
        pairs = [(0.25, 1), (0.9, 2), (1, 1), (3, 1), (1e-4, 1), (1e4, 1), (1 - 1e-6, 1), (1 + 1e-6, 1)]
        return [cls(c, v) for c, v in [*pairs, (0.5, 1e-16), (2, 1e16)]]

    @property
    def bands(self) -> Pairs:
        """((a, b),)"""
        return ((self._band.low, self._band.high),)

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - 1/ratio),) for ratio above 1."""
        return ((0.0, (self.ratio - 1) / self.ratio),) if self.ratio > 1 else ()

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part; relative accuracy 1e-14 up to the edges."""
        band = self._band
        inside = np.clip(x, max(band.low, np.finfo(float).tiny), band.high)
        # Both factors are free of scale: products like (b - x)(x - a) would overflow at variance 1e160.
        square = (band.from_high(inside) / inside) * (band.from_low(inside) / inside)
        density = np.sqrt(square) * (1 / (2 * np.pi * self.ratio * self.variance))
        density[band.outside(x)] = 0.0
        if band.low == 0:
            density[x == 0] = np.inf
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atom included; absolute accuracy 1e-15."""
        below, _ = arc.shares(self._band, x, self._q, self._one_minus_q)
        weight = min(1.0, 1 / self.ratio)
        return np.where(x < 0, 0.0, (1 - weight) + weight * below)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        _, above = arc.shares(self._band, x, self._q, self._one_minus_q)
        return np.where(x < 0, 1.0, min(1.0, 1 / self.ratio) * above)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}, right to 1e-15 of the band's width for p off the edges; 0 for p up to the atom."""
        checks.probabilities(p)
        band, q, rest = self._band, self._q, self._one_minus_q
        above = (1 - p) * max(1.0, self.ratio)  # mass above x in units of the band's; exact products near p = 1
        below = p if self.ratio <= 1 else np.maximum(1 - above, 0.0)
        middle = arc.mass(np.array(arc.HALF), q, rest)
        low = below <= middle
        x = np.empty(p.shape)
        x[low] = band.low + band.width * np.sin(arc.inverse(below[low], q, rest) / 2) ** 2
        x[~low] = band.high - band.width * np.sin(arc.inverse(above[~low], -q, 1 + q) / 2) ** 2
        return np.where(p <= self.atoms[0][1], 0.0, x) if self.atoms else x

    def moment(self, k: int) -> float:
        """E X^k = variance^k sum_j N(k, j) ratio^(j-1), N the Narayana numbers."""
        _whole(k)
        narayana = (math.comb(k, j) * math.comb(k, j - 1) // k * self.ratio ** (j - 1) for j in range(1, k + 1))
        return self.variance**k * math.fsum(narayana) if k else 1.0

    @property
    def std(self) -> float:
        """Standard deviation, variance sqrt(ratio)."""
        return self.variance * math.sqrt(self.ratio)

    def free_cumulant(self, k: int) -> float:
        """variance^k ratio^(k-1)."""
        return self.variance**k * self.ratio ** (_order(k) - 1)

    def scaled(self, factor: float) -> Law:
        """The same ratio with `factor` times the variance; reflected for a negative factor."""
        factor = checks.factor(factor)
        return MarchenkoPastur(self.ratio, self.variance * factor) if factor > 0 else super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """X^T X / rows for Gaussian X of shape (rows, n), rows the whole number next to n/ratio, at least 1."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows = max(1, round(n / self.ratio))
        return self.variance / rows * wishart(n, rows, rng)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        c, s, band = Decimal(self.ratio), Decimal(self.variance), self._band
        # in units of the variance: products with it would overflow
        root, p = split(band, z) / self.variance, linear(band, z, (1 - c) * s, Decimal(-1)) / self.variance
        return quotient(p, root, 2.0 / self.variance, 2 * self.ratio * z)

    @property
    def _q(self) -> float:
        return math.sqrt(min(self.ratio, 1 / self.ratio))

    @property
    def _one_minus_q(self) -> float:
        smaller, larger = sorted((self.ratio, 1.0))
        return (larger - smaller) / larger / (1 + self._q)

    _band: ClassVar[Band]


def wishart(n: int, rows: int, rng: np.random.Generator) -> FloatArray:
    """X^T X (n, n) for X of shape (rows, n) with standard Gaussian entries.

    From the triangular factor of X (Bartlett 1933) where rows >= n: the cost doesn't grow with rows.
    """
    if rows < n:
        x = rng.standard_normal((rows, n))
        return x.T @ x
    factor = np.tril(rng.standard_normal((n, n)), -1)
    np.fill_diagonal(factor, np.sqrt(rng.chisquare(rows - np.arange(n))))
    return factor @ factor.T


@functools.lru_cache(maxsize=256)
def _band(ratio: float, variance: float) -> Band:
    with localcontext() as context:
        context.prec = 60
        c, s = Decimal(ratio), Decimal(variance)
        # (1 - c)/(1 + sqrt c), not 1 - sqrt c: near ratio 1 the lower edge keeps its digits.
        return Band.exact(s * ((1 - c) / (1 + c.sqrt())) ** 2, s * (1 + c.sqrt()) ** 2)
