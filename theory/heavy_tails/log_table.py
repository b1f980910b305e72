"""Tables of densities on (0, oo) that run over hundreds of decades: polynomials in t = log x, masses from both ends.

The angle of `theory.band` resolves square-root edges; a power law at 0 or at infinity has no scale there. In log x it
is a straight line of log(x pdf(x)), so a few dozen panels reach from 1e-300 to 1e300 with relative accuracy.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.quadrature import gauss_legendre, panel_points, resolve
from theory.roots import newton_roots

FloatArray = NDArray[np.float64]
REACH = 700.0  # |log x| up to which exp neither overflows nor loses digits
MOST_PANELS = 20_000
VARIATION = 8.0  # of the logarithm on one panel: 16 Gauss-Legendre nodes integrate exp of it to rounding


@dataclass(frozen=True, eq=False)
class LogTable:
    """log(x pdf(x)) on panels of t = log x, continued as powers of x beyond both ends.

    A power of inf stands for no mass beyond that end.
    """

    edges: FloatArray  # (panels + 1,)
    coefficients: FloatArray  # (NODES, panels), of powers of s in [-1, 1]
    masses: FloatArray  # (panels,)
    lower: float  # x pdf ~ x^lower below the first edge
    upper: float  # x pdf ~ x^-upper above the last edge

    def log_density(self, t: FloatArray) -> FloatArray:
        """log(x pdf(x)), the logarithm of the mass per unit of t; -inf where there is none, NaN for NaN."""
        first, last = self.edges[0], self.edges[-1]
        inside = np.clip(t, first, last)
        value = self._polynomial(self._panel(inside), inside)
        return value - _drop(self.lower, first - t) - _drop(self.upper, t - last)

    def below(self, t: FloatArray) -> FloatArray:
        """Mass at x <= exp(t), summed from below."""
        first, last = self.edges[0], self.edges[-1]
        inside = np.clip(t, first, last)
        panel = self._panel(inside)
        value = self._from_below[panel] + self._mass(panel, self.edges[panel], inside)
        value = np.where(t < first, self._from_below[0] * np.exp(-_drop(self.lower, first - t)), value)
        return np.where(t > last, 1 - self.above(np.maximum(t, last)), value) if np.any(t > last) else value

    def above(self, t: FloatArray) -> FloatArray:
        """Mass at x > exp(t), summed from above: relative accuracy is kept in the tail."""
        first, last = self.edges[0], self.edges[-1]
        inside = np.clip(t, first, last)
        panel = self._panel(inside)
        value = self._from_above[panel + 1] + self._mass(panel, inside, self.edges[panel + 1])
        value = np.where(t > last, self._from_above[-1] * np.exp(-_drop(self.upper, t - last)), value)
        return np.where(t < first, 1 - self.below(np.minimum(t, first)), value) if np.any(t < first) else value

    def log_quantile(self, mass: FloatArray, *, above: bool = False) -> FloatArray:
        """The t with that mass below it, or above it; -oo and oo at the ends; NaN for NaN."""
        heights = self._from_above[::-1] if above else self._from_below
        order = np.arange(len(self.masses))[::-1] if above else np.arange(len(self.masses))
        wanted = np.nan_to_num(mass, nan=0.5)
        position = np.clip(np.searchsorted(heights, wanted, side="right") - 1, 0, len(self.masses) - 1)
        t = self._invert(order[position], wanted - heights[position], above)
        end, power, sign = (self.edges[-1], self.upper, -1) if above else (self.edges[0], self.lower, 1)
        beyond = wanted < heights[0]
        if np.any(beyond):
            t = np.where(beyond, end + sign * np.log(np.where(beyond, wanted, heights[0]) / heights[0]) / power, t)
        t = np.where(wanted <= 0, -sign * math.inf, np.where(wanted >= 1, sign * math.inf, t))
        return np.where(np.isnan(mass), np.nan, t)

    def integral(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """The integral of f(x) pdf(x) up to |log x| = 700; `f` maps (m,) to (m,) and grows slower than the tail."""

        def density(t: FloatArray) -> FloatArray:
            with np.errstate(all="ignore"):  # f may overflow where there is no mass
                value = np.exp(self.log_density(t))
                return np.where(value > 0, f(np.exp(t)) * value, 0.0)

        below = np.linspace(-REACH, self.edges[0], 9)[:-1] if self.lower < math.inf else self.edges[:0]
        above = np.linspace(self.edges[-1], REACH, 9)[1:] if self.upper < math.inf else self.edges[:0]
        edges = np.unique(np.concatenate([below, self.edges, above]))
        edges = resolve(density, edges, tolerance=1e-13)  # the table's own rounding is not chased
        t, w = panel_points(edges[:-1], edges[1:])
        return float(np.sum(w * density(t.ravel()).reshape(t.shape)))

    def power_mean(self, power: float) -> float:
        """E x^power, both ends included; inf where the tail is too heavy."""
        if power >= self.upper or -power >= self.lower:
            return math.inf
        t, w = panel_points(self.edges[:-1], self.edges[1:])
        panel = np.broadcast_to(np.arange(len(self.masses))[:, None], t.shape)
        ends = np.exp(self.log_density(self.edges[[0, -1]]) + power * self.edges[[0, -1]])
        beyond = float(ends[0] / (self.lower + power) + ends[1] / (self.upper - power))
        return beyond + float(np.sum(w * np.exp(self._polynomial(panel, t) + power * t)))

    @functools.cached_property
    def _from_below(self) -> FloatArray:
        start = math.exp(self.log_density(self.edges[:1])[0]) / self.lower
        return start + np.concatenate([[0.0], np.cumsum(self.masses)])

    @functools.cached_property
    def _from_above(self) -> FloatArray:
        start = math.exp(self.log_density(self.edges[-1:])[0]) / self.upper
        return start + np.concatenate([np.cumsum(self.masses[::-1])[::-1], [0.0]])

    def _panel(self, t: FloatArray) -> NDArray[np.intp]:
        return np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.masses) - 1)

    def _polynomial(self, panel: NDArray[np.intp], t: FloatArray) -> FloatArray:
        """Horner's rule for the polynomial of each point's panel."""
        low, high = self.edges[panel], self.edges[panel + 1]
        s = (2 * t - low - high) / (high - low)
        value = self.coefficients[-1][panel]
        for row in self.coefficients[-2::-1]:
            value = value * s + row[panel]
        return value

    def _mass(self, panel: NDArray[np.intp], low: FloatArray, high: FloatArray) -> FloatArray:
        t, w = panel_points(low, high)
        return np.sum(w * np.exp(self._polynomial(np.broadcast_to(panel[..., None], t.shape), t)), axis=-1)

    def _invert(self, panel: NDArray[np.intp], wanted: FloatArray, above: bool) -> FloatArray:
        """The t of a panel that leaves `wanted` on one side."""
        shape, panel, wanted = wanted.shape, panel.ravel(), wanted.ravel()
        start, end = self.edges[panel], self.edges[panel + 1]
        share = np.clip(wanted / self.masses[panel], 0.0, 1.0)

        def excess(t: FloatArray, i: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
            k = panel[i]
            mass = self._mass(k, t, end[i]) if above else self._mass(k, start[i], t)
            return (wanted[i] - mass if above else mass - wanted[i]), np.exp(self._polynomial(k, t))

        middle = start + (end - start) * (1 - share if above else share)
        return newton_roots(excess, middle, start, end)[0].reshape(shape)


def tabulate(
    log_density: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    edges: FloatArray,
    *,
    lower: float = math.inf,
    upper: float = math.inf,
) -> LogTable:
    """Halves panels of t from `edges` on until log(x pdf(x)) is a polynomial of degree 15 on each, to its own error.

    `log_density` maps t (m,) to the logarithm and to the error, apart from rounding, with which it is known: digits
    below it aren't chased. `lower` and `upper` are the powers of x beyond the ends.
    Raises ArithmeticError where the panels don't resolve the density, or its mass is not 1 to 1e-9.
    """
    low, high = edges[:-1], edges[1:]
    kept: list[tuple[FloatArray, FloatArray]] = []
    transform, powers = _legendre_transform(), _legendre_powers()
    while len(low) < MOST_PANELS:
        t, _ = panel_points(low, high)
        values, errors = (part.reshape(t.shape) for part in log_density(t.ravel()))
        coefficients = values @ transform.T
        # the logarithm carries its own rounding, and that of t times its slope
        slope, size = np.ptp(values, axis=1) / (high - low), np.max(np.abs(values), axis=1)
        allowed = 1e-15 * (8 + size + (1 + slope) * np.max(np.abs(t), axis=1)) + 8 * np.min(errors, axis=1)
        rough = np.max(np.abs(coefficients[:, -3:]), axis=1) > allowed
        rough |= (np.ptp(values, axis=1) > VARIATION) & (allowed < 1)
        kept.append((low[~rough], (coefficients[~rough] @ powers).T))
        if not np.any(rough):
            return _table(kept, edges[-1], lower, upper)
        middle = (low[rough] + high[rough]) / 2
        low, high = np.concatenate([low[rough], middle]), np.concatenate([middle, high[rough]])
    raise ArithmeticError(f"density must be smooth in log x; {len(low)} panels don't resolve it near log x = {low[0]}")


def _drop(power: float, distance: FloatArray) -> FloatArray:
    """power times distance for positive distances, else 0; infinite powers and distances included."""
    return power * np.where(distance > 0, distance, 1.0) * (distance > 0) if power < math.inf else np.where(
        distance > 0, math.inf, 0.0
    )


def _table(kept: list[tuple[FloatArray, FloatArray]], end: float, lower: float, upper: float) -> LogTable:
    low = np.concatenate([piece[0] for piece in kept])
    order = np.argsort(low)
    coefficients = np.concatenate([piece[1] for piece in kept], axis=1)[:, order]
    edges = np.append(low[order], end)
    table = LogTable(edges, coefficients, np.ones(len(low)), lower, upper)
    masses = table._mass(np.arange(len(low)), edges[:-1], edges[1:])
    table = LogTable(edges, coefficients, masses, lower, upper)
    total = float(table._from_below[-1] + table._from_above[-1])
    if not abs(total - 1) < 1e-9:
        raise ArithmeticError(f"density must have mass 1; residual {total - 1:.1e}; parameters are too extreme")
    coefficients[0] -= math.log(total)
    return LogTable(edges, coefficients, masses / total, lower, upper)


@functools.cache
def _legendre_transform() -> FloatArray:
    """Returns the matrix from values at the Gauss-Legendre nodes to coefficients of Legendre polynomials."""
    x, w = gauss_legendre()
    degrees = np.arange(len(x))
    return (2 * degrees[:, None] + 1) * np.polynomial.legendre.legvander(2 * x - 1, len(x) - 1).T * w


@functools.cache
def _legendre_powers() -> FloatArray:
    """Returns the coefficients of powers of s in every Legendre polynomial, shape (NODES, NODES).

    Their size, 2.4^degree, does no harm: coefficients of resolved functions fall faster.
    """
    nodes = len(gauss_legendre()[0])
    rows = [np.polynomial.legendre.leg2poly(np.eye(nodes)[k]) for k in range(nodes)]
    return np.array([np.pad(row, (0, nodes - len(row))) for row in rows])
