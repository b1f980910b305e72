"""The arcsine law: eigenvalues of O + O^T for a random orthogonal matrix, and of the sum of two free signs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.band import Band
from theory.law import Law, Pairs, _order, _whole, elementwise

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Arcsine(Law):
    """The law of middle + radius cos(U) for a uniform angle U; both edges are hard.

        pdf(x) = 1/(pi sqrt((x - low)(high - x)))

    On [-2, 2] the eigenvalues of O + O^T for a uniform orthogonal O, and the free sum of two fair signs; also
    Wachter(1, 1) on [0, 1] and KestenMcKay(2). pdf, cdf and sf are right to 1e-14.
    Raises ValueError unless low < high, both finite. Source: Voiculescu, Dykema and Nica 1992 (the free sum).

    >>> Arcsine(-2.0, 2.0).quantile([0.25, 0.5]).round(12).tolist()
    [-1.414213562373, 0.0]
    """

    kind: ClassVar[str] = "eigenvalues"
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        low, high = interval(self.low, self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @classmethod
    def examples(cls) -> Sequence["Arcsine"]:
        """Symmetric, one-sided and at extreme scales."""
        return [cls(), cls(0.0, 4.0), cls(-1.0, 3.0), cls(-1e-16, 1e-16), cls(-1e16, 1e16)]

    @property
    def bands(self) -> Pairs:
        """((low, high),)"""
        return ((self.low, self.high),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density; infinite at both edges."""
        band = Band(self.low, self.high)
        density = 1 / (np.pi * np.sqrt(band.from_low(x)) * np.sqrt(band.from_high(x)))
        density[band.outside(x)] = 0.0
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x); relative accuracy is kept down to the lower edge."""
        return Band(self.low, self.high).angle(x) / np.pi

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        return Band(self.low, self.high).angle_from_high(x) / np.pi

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}, middle - radius cos(pi p)."""
        checks.probabilities(p)
        width = self.high - self.low
        from_low = self.low + width * np.sin(np.pi / 2 * p) ** 2
        return np.where(p < 0.5, from_low, self.high - width * np.sin(np.pi / 2 * (1 - p)) ** 2)

    def moment(self, k: int) -> float:
        """E X^k = sum_j C(k, 2j) middle^(k-2j) (radius/2)^(2j) C(2j, j): all terms of one sign."""
        _whole(k)
        middle, half = self.mean, (self.high - self.low) / 4
        terms = (math.comb(k, 2 * j) * math.comb(2 * j, j) * middle ** (k - 2 * j) * half ** (2 * j)
                 for j in range(k // 2 + 1))
        return math.fsum(terms)

    @property
    def mean(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def std(self) -> float:
        """Standard deviation, radius/sqrt(2)."""
        return (self.high - self.low) / math.sqrt(8)

    def free_cumulant(self, k: int) -> float:
        """2 (radius/2)^(2m) (-1)^(m-1) Catalan(m-1) for k = 2m, twice that of a sign; 0 for odd k above 1."""
        half, odd = divmod(_order(k), 2)
        if odd:
            return self.mean if k == 1 else 0.0
        catalan = math.comb(2 * half - 2, half - 1) // half
        return 2 * ((self.high - self.low) / 4) ** k * (-1.0) ** (half - 1) * catalan

    def scaled(self, factor: float) -> Law:
        """The arcsine law between the scaled ends."""
        factor = checks.factor(factor)
        return Arcsine(*sorted((self.low * factor, self.high * factor)))

    def shifted(self, offset: float) -> Law:
        """The arcsine law between the shifted ends."""
        offset = checks.number("offset", offset, "pass a number")
        return Arcsine(self.low + offset, self.high + offset)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """middle + radius (O + O^T)/2 for a uniformly random orthogonal O, whose eigenvalues are exp(i U)."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        basis, triangle = np.linalg.qr(rng.standard_normal((n, n)))
        basis = basis * np.sign(np.diag(triangle))  # without the signs the basis isn't uniform
        return (basis + basis.T) * ((self.high - self.low) / 4) + self.mean * np.eye(n)

    def matrix_gap(self, n: int) -> float:
        """10/n, twice the usual: eigenvalues exp(+-i U) of O make equal pairs in O + O^T; largest of 150 draws 6/n."""
        return 10 / n

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return np.asarray(-1 / (np.sqrt(z - self.low) * np.sqrt(z - self.high)), np.complex128)


def interval(low: float, high: float) -> tuple[float, float]:
    """Returns both ends as floats, or raises ValueError unless they are finite and increase."""
    low, high = (float(x) for x in checks.array("ends of the interval", [low, high], "pass numbers"))
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"ends of the interval must increase; got {low!r}, {high!r}; pass low < high")
    return low, high
