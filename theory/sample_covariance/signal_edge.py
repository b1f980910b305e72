"""Information plus noise next to a soft edge, in the distance from it: no digits cancel.

At an edge e the map z(w) = w q^2 + r q of `theory.sample_covariance.signal_map` (r = variance (1 - ratio)) is
stationary. With q(e + s) = q_e + s p(s), b = t - e and c = variance ratio,

    p(s) = -c int dH/(b (b - s)),   p2(s) = (p(s) - p(0))/s = -c int dH/(b^2 (b - s))
    z(e + s) - z(e) = s^2 (p2 (2 e q_e + r) + e p^2 + 2 q_e p + s p^2)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
DIGITS = 60
STEPS = 30  # of Newton's method


@dataclass(frozen=True, eq=False)
class SignalEdge:
    """An edge, what is needed to solve next to it, and the exact image."""

    point: float  # e
    image: Decimal  # z(e)
    factor: float  # q at e
    rest: float  # r
    distances: FloatArray  # t - e
    weights: FloatArray  # of c dH

    def offset(self, distance: FloatArray, start: ComplexArray) -> tuple[ComplexArray, NDArray[np.bool_]]:
        """Returns the s next to `start` with z(e + s) - z(e) = distance, arrays (m,), and whether it was found."""
        s = np.array(start)
        step = s
        for _ in range(STEPS):
            inverse = 1 / (self.distances - s[:, None])
            p, slope = -inverse @ (self.weights / self.distances), -(inverse**2) @ (self.weights / self.distances)
            p2, bend = -inverse @ (self.weights / self.distances**2), -(inverse**2) @ (self.weights / self.distances**2)
            lever = 2 * self.point * self.factor + self.rest
            value = p2 * lever + self.point * p**2 + 2 * self.factor * p + s * p**2
            change = bend * lever + 2 * slope * (self.point * p + self.factor + s * p) + p**2
            step = (distance - s**2 * value) / (s * (2 * value + s * change))
            s = s + step
            if np.all(np.abs(step) <= 1e-9 * np.abs(s)):
                break
        return s, (np.abs(step) <= 1e-9 * np.abs(s)) & (s.imag > 0)

    def transform(self, s: ComplexArray) -> FloatArray:
        """Returns Im m at e + s, from m = (1/q - 1)/c."""
        p = -(1 / (self.distances - s[:, None])) @ (self.weights / self.distances)
        move = s * p
        return -move.imag / np.abs(self.factor + move) ** 2 / np.sum(self.weights)


def signal_edge(
    pairs: Sequence[tuple[Decimal, Decimal]], strength: Decimal, rest: Decimal, start: Decimal
) -> SignalEdge | None:
    """Returns the edge next to `start` of the map of `pairs` (value, weight), exact to twice its digits; None if lost.

    strength = variance ratio and rest = variance (1 - ratio), ratio at most 1; of a wide matrix all are those of its
    transpose.
    """
    with localcontext() as context:
        context.prec = DIGITS
        c, w = strength, start
        for _ in range(8):  # Newton for z' = 0
            f = [sum((h / (t - w) ** k for t, h in pairs), Decimal(0)) for k in (1, 2, 3)]
            q, p, bend = 1 - c * f[0], -c * f[1], -2 * c * f[2]
            slope = q * q + p * (2 * w * q + rest)
            step = slope / (4 * q * p + 2 * w * p * p + bend * (2 * w * q + rest))
            w -= step
            if abs(step) <= abs(w) * Decimal(10) ** -40:
                break
        else:
            return None
        if abs(w - start) > Decimal("1e-6") * (abs(w) + min(abs(t - w) for t, _ in pairs)):
            return None
        q = 1 - c * sum((h / (t - w) for t, h in pairs), Decimal(0))
        image = w * q * q + rest * q
        distances = np.array([float(t - w) for t, _ in pairs])
        return SignalEdge(float(w), image, float(q), float(rest), distances, np.array([float(c * h) for _, h in pairs]))
