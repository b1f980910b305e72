"""Laws that live in a table of log x: everything a `Law` promises, with relative accuracy over hundreds of decades.

A law with a power tail has no window in which quadrature in the angle of `theory.band` could hold its mass, and its
moments stop existing at `tail_index`. A law derives from one of the two classes and states its table.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.heavy_tails.log_table import REACH, LogTable
from theory.law import Law, Pairs, _whole, elementwise

FloatArray = NDArray[np.float64]
OUTSIDE = 1e-18  # mass beyond each end of a window


class TabulatedPositiveLaw(Law):
    """A law on (0, oo): `_weight` times that of `_unit` Y, Y as in `_table`, and perhaps an atom at 0."""

    @property
    def tail_index(self) -> float:
        """The power p of sf(x) ~ x^-p; moments of order p and more are infinite. inf for lighter tails."""
        return self._table.upper

    @property
    def bands(self) -> Pairs:
        """((0, oo),)"""
        return ((0.0, math.inf),)

    @property
    def window(self) -> Pairs:
        """The interval without a mass of 1e-18 on each side, as far as 1e300."""
        return ((self._unit * _end(self._table, above=False), self._unit * _end(self._table, above=True)),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part; at 0 its limit."""
        t = np.log(np.where(x > 0, x, 1.0)) - math.log(self._unit)
        # x pdf(x) is known, and pdf itself may overflow next to 0
        density = self._weight * np.exp(self._table.log_density(t) - np.log(np.where(x > 0, x, 1.0)))
        density = np.where((x > 0) & (x < math.inf), density, np.where(x == 0, self._density_at_zero, 0.0))
        return np.where(np.isnan(x), x, density)

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atom included; relative accuracy is kept down to 0 where there is no atom."""
        below = self._table.below(self._log(x))
        return np.where(x < 0, 0.0, (1 - self._weight) + self._weight * below)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept in the tail."""
        return np.where(x < 0, 1.0, self._weight * self._table.above(self._log(x)))

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; 0 for p up to the atom."""
        checks.probabilities(p)
        above = np.minimum((1 - p) / self._weight, 1.0)
        below = p if self._weight == 1 else 1 - above
        upper = self._table.log_quantile(np.where(above < 0.5, above, 0.5), above=True)
        lower = self._table.log_quantile(np.where(above < 0.5, 0.5, below))
        return np.where(np.isnan(p), p, self._unit * np.exp(np.where(above < 0.5, upper, lower)))

    def moment(self, k: int) -> float:
        """E X^k; infinite for k >= `tail_index`."""
        _whole(k)
        return self._weight * self._table.power_mean(k) * self._unit**k if k else 1.0

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(X), atom included; `f` maps (m,) to (m,), is smooth on the scale of x and grows slower than the tail."""
        atoms = sum(mass * float(f(np.array([x]))[0]) for x, mass in self.atoms)
        return atoms + self._weight * self._table.integral(lambda y: f(self._unit * y))

    def _log(self, x: FloatArray) -> FloatArray:
        return np.log(np.maximum(x, 0.0)) - math.log(self._unit)

    @property
    @abstractmethod
    def _table(self) -> LogTable: ...

    @property
    @abstractmethod
    def _unit(self) -> float: ...

    @property
    def _weight(self) -> float:
        return 1.0

    @property
    def _density_at_zero(self) -> float:
        power = self._table.lower
        if power != 1:
            return math.inf if power < 1 else 0.0
        first = self._table.edges[:1]
        return float(np.exp(self._table.log_density(first) - first)[0]) * self._weight / self._unit


class TabulatedSymmetricLaw(Law):
    """A law on the line, even, with |X| = `_unit` Y^(1/_power), Y as in `_table`."""

    _power: ClassVar[int] = 1

    @property
    def tail_index(self) -> float:
        """The power p of P(|X| > x) ~ x^-p; moments of order p and more don't exist. inf for lighter tails."""
        return self._power * self._table.upper

    @property
    def bands(self) -> Pairs:
        """The whole line."""
        return ((-math.inf, math.inf),)

    @property
    def window(self) -> Pairs:
        """The interval without a mass of 1e-18 on each side, as far as 1e300."""
        high = self._unit * _end(self._table, above=True) ** (1 / self._power)
        return ((-high, high),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density; relative accuracy is kept in the tails."""
        size = np.abs(x)
        safe = np.where((size > 0) & (size < math.inf), size, 1.0)
        density = self._power / 2 * np.exp(self._table.log_density(self._log(safe)) - np.log(safe))
        return np.where(size == 0, self._density_at_zero, np.where(np.isinf(x), 0.0, np.where(np.isnan(x), x, density)))

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x); relative accuracy is kept in the lower tail."""
        return np.asarray(self.sf(-x))

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept in the upper tail."""
        t = self._log(np.abs(x))
        upper = np.where(t > 0, self._table.above(t), 1 - self._table.below(t))
        return np.where(x < 0, 1 - upper / 2, upper / 2)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; relative accuracy is kept in the lower tail, and in the upper one that of 1 - p."""
        checks.probabilities(p)
        nearer = np.minimum(p, 1 - p)
        outer = self._table.log_quantile(np.minimum(2 * nearer, 0.5), above=True)
        inner = self._table.log_quantile(np.minimum(np.abs(1 - 2 * p), 0.5))
        size = self._unit * np.exp(np.where(nearer < 0.25, outer, inner) / self._power)
        return np.where(np.isnan(p), p, np.sign(p - 0.5) * size)

    def moment(self, k: int) -> float:
        """E X^k: 0 for odd k below `tail_index`; from there on infinite for even k, NaN for odd k."""
        _whole(k)
        if k % 2 == 0:
            return self.absolute_moment(k)
        return 0.0 if k < self.tail_index else math.nan

    def absolute_moment(self, power: float) -> float:
        """E |X|^power for real power > -1; infinite from `tail_index` on."""
        return self._table.power_mean(power / self._power) * self._unit**power

    @property
    def std(self) -> float:
        """Standard deviation, infinite for a tail index up to 2."""
        return math.sqrt(self.moment(2))

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(X); `f` maps (m,) to (m,), is smooth on the scale of |x| and grows slower than the tails."""

        def half(sign: int) -> float:
            return self._table.integral(lambda y: f(sign * self._unit * y ** (1 / self._power)))

        return (half(1) + half(-1)) / 2  # apart: of an odd f the sum is rounding, which panels can't resolve

    def _log(self, size: FloatArray) -> FloatArray:
        return self._power * (np.log(size) - math.log(self._unit))

    @property
    @abstractmethod
    def _table(self) -> LogTable: ...

    @property
    @abstractmethod
    def _unit(self) -> float: ...

    @property
    @abstractmethod
    def _density_at_zero(self) -> float: ...


def _end(table: LogTable, *, above: bool) -> float:
    with np.errstate(all="ignore"):
        t = float(table.log_quantile(np.array([OUTSIDE]), above=above)[0])
    return math.exp(min(max(t, -REACH), REACH))
