"""The Tracy-Widom laws: fluctuations of the largest eigenvalue of a random matrix."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.law import FloatArray, Law, Pairs, elementwise

CUT = -2.0  # left of it log cdf is tabulated, right of it log sf
FIRST, STEPS_PER_UNIT, DEGREE = -10.0, 4, 9  # local polynomials on [-10, 6]


@dataclass(frozen=True)
class TracyWidom(Law):
    """Limit of (largest eigenvalue - centre)/scale for real (beta 1), complex (2) and quaternion (4) Gaussian matrices.

        F2(s) = exp(-int_s^oo (x - s) q^2 dx),   F1 = sqrt(F2) exp(-I/2),   F4(s/sqrt 2) = sqrt(F2) cosh(I/2),
        I = int_s^oo q dx,   q'' = s q + 2 q^3,   q ~ Ai(s)

    The argument of F4 is that of Tracy and Widom 1996 and of Bornemann 2010 (mean -2.306885); Dumitriu and Edelman
    use s/2^(2/3) in place of s/sqrt 2. Centre and scale of a sample covariance matrix: `largest_eigenvalue`.
    Accuracy: 1e-14 for the cdf; relative 1e-12 for both tails, to where they underflow. Interpolates coefficients
    computed from Fredholm determinants in 50 digits (`tracy_widom_generator.py`).
    Raises ValueError for a beta other than 1, 2, 4. Source: Tracy and Widom 1994, 1996.

    >>> round(TracyWidom(1).quantile(0.95), 6)
    0.979316
    """

    kind: ClassVar[str] = "scalar"
    beta: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.beta, bool) or self.beta not in (1, 2, 4):
            raise ValueError(f"beta must be 1, 2 or 4; got {self.beta!r}; pass 1 for a real matrix")
        object.__setattr__(self, "beta", int(self.beta))

    @classmethod
    def examples(cls) -> Sequence["TracyWidom"]:
        """All three."""
        return [cls(1), cls(2), cls(4)]

    @property
    def bands(self) -> Pairs:
        """The whole line."""
        return ((-math.inf, math.inf),)

    @property
    def window(self) -> Pairs:
        """Interval outside which the mass is below 1e-30."""
        return ((-12.0 / self._stretch, 22.0 / self._stretch),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density; relative accuracy 1e-11."""
        s = np.clip(x * self._stretch, -1e5, 1e5)  # the density underflows long before; the slope stays finite
        value, slope = _logarithm(self.beta, s)
        return np.abs(slope) * np.exp(value) * self._stretch

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x)."""
        s = x * self._stretch
        tail = np.exp(_logarithm(self.beta, s, slope=False)[0])
        return np.where(_is_left(s), tail, 1 - tail)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x)."""
        s = x * self._stretch
        tail = np.exp(_logarithm(self.beta, s, slope=False)[0])
        return np.where(_is_left(s), 1 - tail, tail)

    @elementwise
    def logcdf(self, x: FloatArray) -> FloatArray:
        """log P(X <= x), relative accuracy 1e-12."""
        s = x * self._stretch
        value, _ = _logarithm(self.beta, s, slope=False)
        return np.where(_is_left(s), value, np.log1p(-np.exp(value)))

    @elementwise
    def logsf(self, x: FloatArray) -> FloatArray:
        """log P(X > x), relative accuracy 1e-12."""
        s = x * self._stretch
        value, _ = _logarithm(self.beta, s, slope=False)
        return np.where(_is_left(s), np.log1p(-np.exp(value)), value)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """Inverse of the cdf; -inf at 0 and inf at 1."""
        checks.probabilities(p)
        points, log_cdf, log_sf = _grid(self.beta)
        left = p < np.exp(np.interp(CUT, points, log_cdf))
        wanted = np.where(left, np.log(p), np.log1p(-p))
        s = np.where(left, np.interp(wanted, log_cdf, points), np.interp(-wanted, -log_sf, points))
        for _ in range(8):  # log cdf and log sf are concave; the grid's spacing leaves three steps to make
            s = np.where(left, np.minimum(s, CUT - 1e-14), np.maximum(s, CUT))
            value, slope = _logarithm(self.beta, s)
            step = np.where(np.isfinite(wanted), (wanted - value) / slope, 0.0)
            s = s + step
            if not np.any(np.abs(step) > 1e-9):
                break
        s = np.where(p == 0, -np.inf, np.where(p == 1, np.inf, s))
        return np.where(np.isnan(p), np.nan, s / self._stretch)

    @property
    def _stretch(self) -> float:
        return math.sqrt(2) if self.beta == 4 else 1.0


class EdgeScale(NamedTuple):
    """Centre and scale of a largest eigenvalue: (l1 - centre)/scale follows the Tracy-Widom law."""

    centre: Any
    scale: Any


def largest_eigenvalue(rows: ArrayLike, cols: ArrayLike) -> EdgeScale:
    """Centre and scale of the largest eigenvalue of X^T X (not divided by n), X real Gaussian of unit variance.

        centre = (sqrt(n - 1) + sqrt p)^2,   scale = (sqrt(n - 1) + sqrt p)(1/sqrt(n - 1) + 1/sqrt p)^(1/3)

    n is the larger, p the smaller of (rows, cols): stated for n >= p and applied with the two exchanged otherwise.
    (l1 - centre)/scale follows TracyWidom(1); at 200 x 100 the 95 % quantile is exceeded with probability .051.
    Multiply both by the variance of an entry, and divide by `rows` for the law of X^T X/rows. Arrays broadcast.
    Raises ValueError for dimensions below 1 or both equal to 1. Source: Johnstone 2001, theorem 1.1 and remark.

    >>> centre, scale = largest_eigenvalue(200, 100)
    >>> round(centre, 3), round(scale, 3)
    (581.135, 13.378)
    """
    remedy = "pass the shape of the matrix"
    a = checks.array("rows", rows, remedy, above=0)
    b = checks.array("cols", cols, remedy, above=0)
    if np.any(np.minimum(a, b) < 1) or np.any(np.maximum(a, b) < 2):
        raise ValueError(f"rows and cols must be at least 1 and not both 1; got {rows!r} and {cols!r}; {remedy}")
    n, p = np.sqrt(np.maximum(a, b) - 1), np.sqrt(np.minimum(a, b))
    centre, scale = (n + p) ** 2, (n + p) * (1 / n + 1 / p) ** (1 / 3)
    return EdgeScale(centre, scale) if np.ndim(centre) else EdgeScale(float(centre), float(scale))


def _is_left(s: FloatArray) -> NDArray[np.bool_]:
    """True where log cdf is tabulated; decided as the panel is, since s + 10 may round up to the next panel."""
    return (s - FIRST) * STEPS_PER_UNIT < (CUT - FIRST) * STEPS_PER_UNIT


def _logarithm(beta: int, s: FloatArray, *, slope: bool = True) -> tuple[FloatArray, FloatArray]:
    """Returns log cdf left of CUT and log sf right of it, and the derivative (zeros where not asked for)."""
    table = _local_polynomials(beta)
    position = (s - FIRST) * STEPS_PER_UNIT
    panel = np.clip(np.nan_to_num(position), 0, table.shape[1] - 1).astype(np.intp)
    x = 2 * (position - panel) - 1
    value, change = table[DEGREE].take(panel), np.zeros(s.shape)
    for k in range(DEGREE - 1, -1, -1):
        if slope:
            change = change * x + value
        value = value * x + table[k].take(panel)
    change *= 2 * STEPS_PER_UNIT
    inside = (s >= FIRST) & (s <= 6)
    if not np.all(inside):
        for far, formula in ((s < FIRST, _left), (s > 6, _right)):
            if np.any(far):
                value[far], change[far] = formula(beta, s[far], slope)
        value[np.isnan(s)] = np.nan
    return value, change


def _left(beta: int, s: FloatArray, slope: bool = True) -> tuple[FloatArray, FloatArray]:
    """Returns log cdf and its derivative (zeros where not asked for) for s < -10: q in powers of w = |s|^-3."""
    from theory.outliers import tracy_widom_table as data

    v = np.minimum(-s, 1e100)  # beyond, both logarithms overflow and their difference would be NaN
    w = v**-3
    series = (0.0, *data.LEFT_LOG_F2)
    log_f2 = -(v**3) / 12 - np.log(v) / 8 + data.LEFT_CONSTANT + _horner(series, w)
    integral = slopes = np.zeros_like(s)
    if beta != 2:
        terms = (math.sqrt(2) / 3, *(c / math.sqrt(2) for c in data.LEFT_INTEGRAL))
        integral = v**1.5 * _horner(terms, w) + math.log(2) / 2
        slopes = np.sqrt(v) * _horner(_derived(terms, 1.5), w) if slope else slopes
    d_log_f2 = -(v**2) / 4 - 1 / (8 * v) + _horner(_derived(series, 0.0), w) / v if slope else slopes
    if beta == 2:
        return log_f2, -d_log_f2
    if beta == 1:
        return (log_f2 - integral) / 2, -(d_log_f2 - slopes) / 2
    # cosh(I/2) = exp(I/2)(1 + exp(-I))/2
    log_cosh = integral / 2 - math.log(2) + np.log1p(np.exp(-integral))
    return log_f2 / 2 + log_cosh, -(d_log_f2 + np.tanh(integral / 2) * slopes) / 2


def _derived(coefficients: Sequence[float], power: float) -> list[float]:
    """Returns the coefficients of v times the derivative of v^power sum c_k v^(-3k), in powers of v^-3 again."""
    return [c * (power - 3.0 * k) for k, c in enumerate(coefficients)]


def _horner(coefficients: Sequence[float], w: FloatArray) -> FloatArray:
    value = np.full_like(w, coefficients[-1])
    for c in coefficients[-2::-1]:
        value = value * w + c
    return value


def _right(beta: int, s: FloatArray, slope: bool = True) -> tuple[FloatArray, FloatArray]:
    """Returns log sf and its derivative (zeros where not asked for) for s > 6: asymptotics and a smooth series."""
    from theory.outliers import tracy_widom_table as data

    rate, power = (2 / 3 if beta == 1 else 4 / 3), data.TAIL_POWER[beta]
    series, derivative = _tail_series(beta)
    u = s**-1.5
    value = series(u) - rate * s**1.5 - power * np.log(s)
    if not slope:
        return value, np.zeros_like(s)
    return value, -1.5 * u / s * derivative(u) - 1.5 * rate * np.sqrt(s) - power / s


@functools.cache
def _tail_series(beta: int) -> tuple[Any, Any]:
    from theory.outliers import tracy_widom_table as data

    series = np.polynomial.Chebyshev(data.TAIL[beta], domain=[0, data.TAIL_START**-1.5])
    return series, series.deriv()


@functools.cache
def _local_polynomials(beta: int) -> FloatArray:
    """Returns monomial coefficients on panels of width 1/4: shape (DEGREE + 1, panels), each in x in [-1, 1].

    Evaluating these takes one gather and one product per degree; the shipped series of degree 40 take four times that.
    """
    from theory.outliers import tracy_widom_table as data

    nodes = np.polynomial.chebyshev.chebpts1(DEGREE + 1)
    inverse = np.linalg.inv(np.vander(nodes, increasing=True))
    blocks = []
    for (low, high), coefficients in zip(data.PANELS, data.COEFFICIENTS[beta], strict=True):
        series = np.polynomial.Chebyshev(coefficients, domain=[low, high])
        starts = np.arange(low, high, 1 / STEPS_PER_UNIT)
        blocks.append(series(starts[:, None] + (nodes + 1) / (2 * STEPS_PER_UNIT)))
    return np.ascontiguousarray((np.concatenate(blocks) @ inverse.T).T, dtype=np.float64)


@functools.cache
def _grid(beta: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Returns points with log cdf and log sf from 1e-320 to 1 - 1e-320: where Newton's method for quantiles starts."""
    points = np.concatenate([np.linspace(-32, -10, 200), np.linspace(-9.98, 6, 800), np.linspace(6.1, 110, 400)])
    law = TracyWidom(beta)
    return points, law.logcdf(points / law._stretch), law.logsf(points / law._stretch)
