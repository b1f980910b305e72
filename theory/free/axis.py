"""Coordinates of one band of a free convolution that keep the distances to its ends, and reach far down power tails.

`theory.band.Band` for finite windows; x = origin +- 2 scale sinh^2(t/2) for a half line, centre + scale sinh t for
the line: square-root edges and power tails are smooth in t.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theory.band import Rooted

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A band, finite, in the angle, or in the coordinate of `theory.band.Rooted` next to a hard lower end."""

    low: float  # where the table starts
    high: float  # and where it ends
    root: float = field(default=2.0, kw_only=True)

    @property
    def ends(self) -> tuple[float, float]:
        """First and last t."""
        return 0.0, math.pi

    def at(self, t: FloatArray) -> FloatArray:
        """x."""
        return self._band.at(t)

    def distances(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """x - low and high - x, each with its own digits."""
        angle = self._band.inner(t)
        return self._band.width * np.sin(angle / 2) ** 2, self._band.width * np.cos(angle / 2) ** 2

    def angle(self, x: FloatArray) -> FloatArray:
        """t, clipped to the ends."""
        return self._band.angle(x)

    def jacobian(self, t: FloatArray) -> FloatArray:
        """dx/dt."""
        return self._band.jacobian(t)

    @property
    def _band(self) -> Rooted:
        return Rooted(self.low, self.high, root=self.root)


@dataclass(frozen=True)
class HalfLine(Axis):
    """From `low` up where sign is 1, from `high` down where it is -1, far beyond `scale`."""

    scale: float
    sign: int

    @property
    def ends(self) -> tuple[float, float]:
        far = 2 * math.asinh(math.sqrt((self.high / 2 - self.low / 2) / self.scale))
        return (0.0, far) if self.sign > 0 else (-far, 0.0)

    def at(self, t: FloatArray) -> FloatArray:
        return self._origin + self.sign * 2 * self.scale * np.sinh(t / 2) ** 2

    def distances(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        near = 2 * self.scale * np.sinh(t / 2) ** 2
        far = np.full(t.shape, np.inf)
        return (near, far) if self.sign > 0 else (far, near)

    def angle(self, x: FloatArray) -> FloatArray:
        distance = np.maximum(self.sign * (x - self._origin), 0.0)
        return np.clip(self.sign * 2 * np.arcsinh(np.sqrt(distance / 2 / self.scale)), *self.ends)

    def jacobian(self, t: FloatArray) -> FloatArray:
        return self.scale * np.sinh(np.abs(t))

    @property
    def _origin(self) -> float:
        return self.low if self.sign > 0 else self.high


@dataclass(frozen=True)
class Line(Axis):
    """Both ways far beyond `scale` from `centre`."""

    centre: float
    scale: float

    @property
    def ends(self) -> tuple[float, float]:
        return tuple(math.asinh(x / self.scale - self.centre / self.scale) for x in (self.low, self.high))  # type: ignore[return-value]

    def at(self, t: FloatArray) -> FloatArray:
        return self.centre + self.scale * np.sinh(t)

    def distances(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        far = np.full(t.shape, np.inf)
        return far, far

    def angle(self, x: FloatArray) -> FloatArray:
        return np.clip(np.arcsinh((x - self.centre) / self.scale), *self.ends)

    def jacobian(self, t: FloatArray) -> FloatArray:
        return self.scale * np.cosh(t)
