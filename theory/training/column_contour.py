"""The equations of `theory.training.column_noise` for profiles of a Gaussian t, integrated off the real axis.

With many rows and samples for each column hardly any noise blurs the profile u(t) = s(t) + b(t) D: the poles of
1/(nu - u(t)) come as near to the real t as the density is small, beyond any grid. The profiles are entire, and in the
upper half-plane Im (nu - u) > 0 on the whole axis; where t moves to t + i tau with tau Re u' < 0 that grows, so that no
pole is crossed. What remains are the points where u' = 0, towards which the panels are halved.
"""

import cmath
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc

from theory.quadrature import gauss_legendre
from theory.training.column_noise import ColumnNoise, Sums

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Profile = Callable[[Any], tuple[Any, Any]]  # t to (s, b)
MODULUS, TURN = 8.0, 24 / math.pi  # cells of D: steps of log2 |D| and of arg D for which a path is made anew
HALVINGS = 14  # of the panels towards a point where u' = 0


@dataclass(frozen=True, eq=False)
class ContourNoise(ColumnNoise):
    """The same law; `floor`, `gain`, `weight` are nodes on the real axis, which only bound the spectrum."""

    spread: float  # q, standard deviation of t
    end: float  # t from which on u is 1 up to rounding
    profile: Profile
    tilt: float  # tau/t next to 0, times sqrt 2
    step: float  # of t + t^2/2 along a panel

    def sums(self, nu: NDArray[Any], d: NDArray[Any]) -> Sums:
        """One path for each cell of D."""
        with np.errstate(all="ignore"):
            size, turn = np.round(np.log2(np.abs(d)) * MODULUS), np.round(np.abs(np.angle(d)) * TURN)
        size, turn = np.clip(np.nan_to_num(size), -1e3, 1e3), np.nan_to_num(turn)
        label = size + 1j * turn
        parts, order = [], []
        for cell in dict.fromkeys(label.tolist()):
            here = np.flatnonzero(label == cell)
            value = 2 ** (cell.real / MODULUS) * cmath.exp(-1j * cell.imag / TURN)
            parts.append(_real(Sums.of(nu[here], d[here], *self._nodes(value)), nu))
            order.append(here)
        if len(parts) == 1:
            return parts[0]
        back = np.argsort(np.concatenate(order))
        return Sums(*(np.concatenate(columns)[back] for columns in zip(*parts, strict=True)))

    @functools.lru_cache(maxsize=64)  # noqa: B019 - at most 64 paths stay alive, some 4 MB
    def _nodes(self, d: complex) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
        """s, b and weights at nodes of a path for D near `d`, the rest beyond its end last."""
        t, w = _path(d, self.end, self.tilt, self.step)
        density = np.exp(-((t / self.spread) ** 2) / 2) * (math.sqrt(2 / math.pi) / self.spread)
        floor, gain = self.profile(t)
        weight = np.append(w * density, erfc(self.end / self.spread / math.sqrt(2)))
        kept = np.abs(weight) > 1e-17
        floor, gain = np.append(floor, 1.0)[kept], np.append(gain, 0.0)[kept]
        return floor, gain, weight[kept] / np.sum(weight[kept])


def _real(sums: Sums, nu: NDArray[Any]) -> Sums:
    """At real nu and g the integrals are real."""
    return sums if np.iscomplexobj(nu) else Sums(*(part.real for part in sums))


@functools.lru_cache(maxsize=512)
def _path(d: complex, end: float, tilt: float, step: float) -> tuple[ComplexArray, ComplexArray]:
    """Nodes and weights on a polygon from 0 to `end` on which Im (nu - u) > 0."""
    whole = np.linspace(0.0, end + end**2 / 2, 2 + int((end + end**2 / 2) / step))
    edges = np.sqrt(1 + 2 * whole) - 1
    edges[-1] = end
    fine = np.linspace(0.0, end, 2001)[1:]
    slope = _slopes(fine, d)[0].real
    turns = fine[:-1][(slope[:-1] * slope[1:] < 0) & (np.abs(slope[1:]) > 1e-12)]
    near = edges[1] * 0.5 ** np.arange(1, HALVINGS + 1)
    extra = [near]
    for turn in turns:
        centre = _turn(turn, turn + fine[0], d)
        extra += [[centre], centre + 4 * near, centre - 4 * near]
    points = np.concatenate([edges, *extra])
    x = np.unique(points[(points >= 0) & (points <= end)])
    vertices = x + 1j * _height(x, d, tilt)
    vertices[0], vertices[-1] = 0.0, end
    x, w = gauss_legendre()
    length = np.asarray(np.diff(vertices)[:, None], dtype=np.complex128)
    return (vertices[:-1, None] + length * x).ravel(), (length * w).ravel()


def _height(x: FloatArray, d: complex, tilt: float) -> FloatArray:
    first, second = _slopes(x, d)
    with np.errstate(all="ignore"):
        size = np.hypot(np.abs(second), np.abs(first) * (1 + x**2) / x)
        return np.nan_to_num(-tilt * first.real / size)


def _slopes(x: FloatArray, d: complex) -> tuple[ComplexArray, ComplexArray]:
    """u' and u'' over the square of the rate."""
    v, v_t, square = erf(x / math.sqrt(2)), math.sqrt(2 / math.pi) * np.exp(-(x**2) / 2), 2 / math.pi * np.exp(-(x**2))
    rest = 2 * square * (1 - d)
    return -2 * v * v_t + x * rest, -2 * square + 2 * x * v * v_t + rest * (1 - 2 * x**2)


def _turn(low: float, high: float, d: complex) -> float:
    for _ in range(20):
        middle = (low + high) / 2
        ends = _slopes(np.array([low, middle]), d)[0].real
        low, high = (low, middle) if ends[0] * ends[1] <= 0 else (middle, high)
    return (low + high) / 2
