"""The uniform law, a population of generalised Marchenko-Pastur laws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.law import Law, Pairs, _whole, elementwise
from theory.laws.arcsine import interval

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Uniform(Law):
    """Constant density on an interval, a population of generalised Marchenko-Pastur laws.

        pdf(x) = 1/(high - low),   Stieltjes transform log((high - z)/(low - z))/(high - low)

    No random matrix is meant: `sample_matrix` puts its quantiles in a random basis. Right to a few roundings at every
    z. Raises ValueError unless low < high, both finite.

    >>> Uniform(0.0, 2.0).cdf([0.5, 3.0]).tolist()
    [0.25, 1.0]
    """

    kind: ClassVar[str] = "eigenvalues"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        low, high = interval(self.low, self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @classmethod
    def examples(cls) -> Sequence["Uniform"]:
        """From zero, across it, narrow, and at extreme scales."""
        return [cls(), cls(-1.0, 3.0), cls(1.0, 1.001), cls(0.0, 1e-16), cls(-1e16, 2e16)]

    @property
    def bands(self) -> Pairs:
        """((low, high),)"""
        return ((self.low, self.high),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density, the edges included."""
        return np.where(np.isnan(x), np.nan, ((x >= self.low) & (x <= self.high)) / (self.high - self.low))

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x)."""
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x)."""
        return np.clip((self.high - x) / (self.high - self.low), 0.0, 1.0)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}, from the nearer end."""
        checks.probabilities(p)
        width = self.high - self.low
        return np.where(p < 0.5, self.low + p * width, self.high - (1 - p) * width)

    def moment(self, k: int) -> float:
        """E X^k = sum_j C(k, 2j) middle^(k-2j) (width/2)^(2j)/(2j + 1): all terms of one sign."""
        _whole(k)
        half = (self.high - self.low) / 2
        return math.fsum(
            math.comb(k, 2 * j) * self.mean ** (k - 2 * j) * half ** (2 * j) / (2 * j + 1) for j in range(k // 2 + 1)
        )

    @property
    def mean(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def std(self) -> float:
        """Standard deviation, width/sqrt(12)."""
        return (self.high - self.low) / math.sqrt(12)

    def scaled(self, factor: float) -> "Uniform":
        """The uniform law between the scaled ends."""
        factor = checks.factor(factor)
        return Uniform(*sorted((self.low * factor, self.high * factor)))

    def shifted(self, offset: float) -> "Uniform":
        """The uniform law between the shifted ends."""
        offset = checks.number("offset", offset, "pass a number")
        return Uniform(self.low + offset, self.high + offset)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        # far away the logarithm of a quotient next to 1 cancels, near an end the artanh does
        half = (self.high - self.low) / 2
        share = half / (self.mean - z)
        value = np.where(np.abs(share) < 0.5, 2 * np.arctanh(share), np.log((self.high - z) / (self.low - z)))
        return np.asarray(value / (2 * half), np.complex128)
