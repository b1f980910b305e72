"""Symmetric alpha-stable laws: limits of sums of independent variables with power tails, as in gradient noise."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.heavy_tails.log_table import REACH, LogTable, tabulate
from theory.heavy_tails.tabulated import TabulatedSymmetricLaw
from theory.law import Law

FloatArray = NDArray[np.float64]
CHUNK = 256  # points whose integrals are summed at once
RANGE = (0.05, 2.0)  # of alpha: below it x overflows in the tail


@dataclass(frozen=True)
class AlphaStable(TabulatedSymmetricLaw):
    """Symmetric stable law: sums of n independent draws are distributed like n^(1/alpha) times one.

        E exp(i t X) = exp(-|scale t|^alpha),   P(|X| > x) ~ (2/pi) Gamma(alpha) sin(pi alpha/2) (scale/x)^alpha

    alpha 1 is the Cauchy law, alpha 2 the Gaussian of variance 2 scale^2; below 2 the variance is infinite.
    Accuracy: pdf, cdf, sf and quantile 1e-11, relative, in the tails too (for 2 - alpha below 1e-3 the tail beyond the
    Gaussian part loses digits as 1e-16/(2 - alpha)). Raises ValueError for alpha outside [0.05, 2].
    Source: Zolotarev 1986. From the characteristic function on a rotated contour: x pdf = (alpha/pi) Im J,
    J = int_0^oo t^(alpha - 1) exp(i x t - t^alpha) dt, in which the term 1/x that the density lacks is gone.

    >>> law = AlphaStable(1.5)
    >>> round(law.pdf(0.0) * math.pi / math.gamma(5 / 3), 12), round(law.cdf(1.0), 6)
    (1.0, 0.756342)
    """

    kind: ClassVar[str] = "scalar"
    alpha: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        alpha = checks.positive("alpha", self.alpha, "pass the tail index, between 0.05 and 2")
        if not RANGE[0] <= alpha <= RANGE[1]:
            raise ValueError(f"alpha must lie in [0.05, 2]; got {self.alpha!r}; no law above 2 is stable")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "scale", checks.positive("scale", self.scale, "pass the scale of X"))

    @classmethod
    def examples(cls) -> Sequence["AlphaStable"]:
        """From very heavy tails over the Cauchy law to the Gaussian."""
        pairs = [(0.3, 1), (0.7, 1), (1, 1), (1.2, 1e-8), (1.5, 1), (1.9, 1e8), (1.999, 1), (2, 1)]
        return [cls(*pair) for pair in pairs]

    @property
    def tail_index(self) -> float:
        """alpha; inf for the Gaussian."""
        return self.alpha if self.alpha < 2 else math.inf

    def absolute_moment(self, power: float) -> float:
        """E |X|^power = 2^p Gamma((1 + p)/2) Gamma(1 - p/alpha)/(Gamma(1 - p/2) sqrt(pi)) scale^p, p > -1.

        Infinite from p = alpha on (Gaussian: finite for all p). Raises ValueError for p <= -1.
        """
        power = float(checks.array("power", power, "pass a power above -1", above=-1.0))
        if power >= self.tail_index:
            return math.inf
        if self.alpha == 2:
            return (2 * self.scale) ** power * math.gamma((1 + power) / 2) / math.sqrt(math.pi)
        log_value = math.lgamma((1 + power) / 2) + math.lgamma(1 - power / self.alpha) - math.lgamma(1 - power / 2)
        return (2 * self.scale) ** power * math.exp(log_value) / math.sqrt(math.pi)

    @property
    def log_mean(self) -> float:
        """E log |X| = gamma (1/alpha - 1) + log scale, gamma Euler's constant."""
        return float(np.euler_gamma) * (1 / self.alpha - 1) + math.log(self.scale)

    @property
    def log_variance(self) -> float:
        """Var log |X| = pi^2/6 (1/alpha^2 + 1/2), whatever the scale: an estimator of alpha where no moment exists."""
        return math.pi**2 / 6 * (1 / self.alpha**2 + 0.5)

    def scaled(self, factor: float) -> Law:
        """|factor| times the scale: the law is even."""
        factor = checks.factor(factor)
        return AlphaStable(self.alpha, self.scale * abs(factor))

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draws n independent values by the formula of Chambers, Mallows and Stuck 1976."""
        return self.scale * stable_draws(self.alpha, (checks.count("number of draws", n, "pass n >= 1"),), rng)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """i I(z), by symmetry from the first quadrant."""
        y = z / self.scale
        valid = np.isfinite(y) & (y.imag != 0)
        point = np.where(valid, np.abs(y.real) + 1j * np.abs(y.imag), 1j)
        value = 1j * _integrals(self.alpha, point)[:, 0] / self.scale
        value = np.where(y.real < 0, -value.conj(), value)
        value = np.where(y.imag < 0, value.conj(), value)
        return np.where(valid, value, np.where(np.isinf(z), 0.0, complex(np.nan, np.nan)))

    @property
    def _table(self) -> LogTable:
        return _table(self.alpha)

    @property
    def _unit(self) -> float:
        return self.scale

    @property
    def _density_at_zero(self) -> float:
        return math.gamma(1 + 1 / self.alpha) / (math.pi * self.scale)


def stable_draws(alpha: float, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Draws of scale 1, sin(alpha u)/cos(u)^(1/alpha) (cos((1 - alpha) u)/w)^((1 - alpha)/alpha).

    u is uniform on (-pi/2, pi/2), w exponential. Source: Chambers, Mallows and Stuck 1976.
    """
    u = np.pi * (rng.random(shape) - 0.5)
    w = rng.standard_exponential(shape)
    return np.sin(alpha * u) / np.cos(u) ** (1 / alpha) * (np.cos((1 - alpha) * u) / w) ** ((1 - alpha) / alpha)


@functools.lru_cache(maxsize=64)
def _table(alpha: float) -> LogTable:
    """Returns the table of |X| at scale 1."""

    def log_density(t: FloatArray) -> tuple[FloatArray, FloatArray]:
        if alpha == 2:
            return t - np.exp(2 * t) / 4 - math.log(math.pi) / 2, np.zeros(t.shape)
        mass, error = _mass(alpha, np.exp(t))
        return np.log(2 * mass), error / mass

    start = -math.lgamma(1 + 1 / alpha) - 40  # the density is constant there
    if alpha == 2:
        return tabulate(log_density, np.linspace(start, math.log(54.0), 17), lower=1.0)  # pdf 1e-318
    return tabulate(log_density, np.linspace(start, min(REACH, 40 / alpha + 4), 17), lower=1.0, upper=alpha)


def _mass(alpha: float, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """x pdf(x) and its error: (x/pi) Re I or (alpha/pi) Im J, of which the second loses digits for small x."""
    sums = _integrals(alpha, x.astype(complex)) * np.stack([x / np.pi, np.full(x.shape, alpha / np.pi)], axis=1)
    values, errors = np.stack([sums[:, 0].real, sums[:, 1].imag], axis=1), 1e-15 * np.abs(sums)
    better = np.argmin(errors / np.maximum(values, 1e-320), axis=1)
    rows = np.arange(len(x))
    return np.maximum(values[rows, better], 1e-320), errors[rows, better]


def _integrals(alpha: float, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """I and J (m, 2): integrals of exp(i z t - t^alpha) and of t^(alpha - 1) times that, for 0 <= arg z <= pi/2.

    Trapezoidal rule in v, t = c exp(v - exp(-v) + i angle), halfway between the ends of the sector in which both
    exponentials decay; c is the smaller one of their scales 1/|z| and 1.
    """
    sums = np.empty((len(z), 2), complex)
    order = np.argsort(np.angle(z))
    for first in range(0, len(z), CHUNK):
        chunk = order[first : first + CHUNK]
        sums[chunk] = _trapezoidal(alpha, z[chunk])
    return sums


def _trapezoidal(alpha: float, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    low = np.maximum(-np.angle(z), -np.pi / (2 * alpha))
    high = np.minimum(np.pi - np.angle(z), np.pi / (2 * alpha))
    angle, margin = (low + high) / 2, float(np.min(high - low)) / 2
    # exp(-decay) beats the powers of t before it
    decay = (40 + 8 / alpha) / math.sin(min(margin, np.pi / 2)) / math.sin(min(alpha * margin, np.pi / 2))
    spacing = margin / 8
    v = np.arange(-math.log(40 / min(alpha, 1.0)), math.log(decay) * max(1.0, 1 / alpha) + spacing, spacing)
    real, weight = np.exp(v - np.exp(-v)), spacing * (1 + np.exp(-v))
    turn = np.minimum(1.0, 1 / np.abs(z)) * np.exp(1j * angle)
    decays = np.multiply.outer(1j * z * turn, real) - np.multiply.outer(turn**alpha, real**alpha)
    columns = np.stack([weight * real, weight * real**alpha], axis=1)
    return np.asarray(np.exp(decays) @ columns * np.stack([turn, turn**alpha], axis=1), dtype=np.complex128)
