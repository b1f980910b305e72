"""One interval of the spectrum in the angle coordinate, in which square-root edges are smooth.

    x = low + (high - low) sin^2(t/2),   t in [0, pi],   dx = (high - low)/2 sin t dt

Where a density grows like x^(1/r - 1) at its lower end, r > 2, that takes the place of t which starts like x^(1/r).
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
LARGEST_ROOT = 60  # of `Rooted`, so that its power does not underflow at the lowest node


@dataclass(frozen=True)
class Band:
    """An interval whose ends may carry a second double, so that x - low keeps its digits next to the edge.

    The exact ends are low + low_tail and high + high_tail.
    """

    low: float
    high: float
    low_tail: float = 0.0
    high_tail: float = 0.0

    @classmethod
    def exact(cls, low: Decimal, high: Decimal) -> "Band":
        """Splits two decimals into doubles and their rests."""
        return cls(float(low), float(high), float(low - Decimal(float(low))), float(high - Decimal(float(high))))

    @property
    def width(self) -> float:
        """Length of the interval."""
        return (self.high - self.low) + (self.high_tail - self.low_tail)

    def from_low(self, x: FloatArray) -> FloatArray:
        """Distance to the lower end, 0 below it; NaN stays NaN."""
        return np.maximum((x - self.low) - self.low_tail, 0.0)

    def from_high(self, x: FloatArray) -> FloatArray:
        """Distance to the upper end, 0 above it; NaN stays NaN."""
        return np.maximum((self.high - x) + self.high_tail, 0.0)

    def outside(self, x: FloatArray) -> NDArray[np.bool_]:
        """True strictly outside the interval, false for NaN."""
        return (x < self.low) | (x > self.high)

    def angle(self, x: FloatArray) -> FloatArray:
        """Angle t of x: 0 at and below the lower end, pi at and above the upper end."""
        return 2 * np.arctan2(np.sqrt(self.from_low(x)), np.sqrt(self.from_high(x)))

    def angle_from_high(self, x: FloatArray) -> FloatArray:
        """Angle pi - t, which keeps its digits next to the upper end."""
        return 2 * np.arctan2(np.sqrt(self.from_high(x)), np.sqrt(self.from_low(x)))

    def at(self, t: FloatArray) -> FloatArray:
        """Point of angle t, from the nearer end."""
        from_low = self.low + self.width * np.sin(t / 2) ** 2
        from_high = self.high - self.width * np.cos(t / 2) ** 2
        return np.where(t < np.pi / 2, from_low, from_high)

    def jacobian(self, t: FloatArray) -> FloatArray:
        """The derivative dx/dt."""
        return self.width / 2 * np.sin(t)


@dataclass(frozen=True)
class Rooted(Band):
    """An interval in the coordinate u = pi (t/pi)^(2/root), in [0, pi], which starts like (x - low)^(1/root).

    A density like (x - low)^(1/root - 1) times a power series in (x - low)^(1/root) has a smooth mass per u.
    """

    root: float = 2.0

    def angle(self, x: FloatArray) -> FloatArray:
        """u of x."""
        t = super().angle(x)
        return t if self.root == 2 else np.pi * (t / np.pi) ** (2 / self.root)

    def at(self, t: FloatArray) -> FloatArray:
        """Point of u."""
        return super().at(self.inner(t))

    def inner(self, t: FloatArray) -> FloatArray:
        """Angle of u."""
        return t if self.root == 2 else np.pi * (t / np.pi) ** (self.root / 2)

    def jacobian(self, t: FloatArray) -> FloatArray:
        """The derivative dx/du."""
        power = self.root / 2
        return super().jacobian(self.inner(t)) * power * (t / np.pi) ** (power - 1)
