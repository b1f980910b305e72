"""Tail exponents of stochastic gradient descent with multiplicative noise, on least squares with Gaussian data.

    w' = A w + B,   A = I - (rate/batch) sum_i x_i x_i^T,   x_i ~ N(0, I_d)

Its stationary law has P(|w| > t) ~ t^-kappa with E |A e|^kappa = 1 for a unit vector e (Kesten 1973; Goldie 1991):
the law of A doesn't change under rotations, so |A_k ... A_1 e| is a product of independent copies of |A e|, and one
number replaces the spectral radius of Kesten's theorem. Rates are in units of 1/(variance of an entry of x).
For networks see Hodgkinson and Mahoney 2021; Gurbuzbalaban, Simsekli and Zhu 2021.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar

from theory import checks

FloatArray = NDArray[np.float64]
REACH = 13.0  # standard deviations; the density is 1e-37 there
ENDS = 3.9  # of t in the double exponential rule: the last weights are 1e-33
LARGEST_SIZE = 1e6  # of dimension and batch
LARGEST_POWER = 1e4
LARGEST = 1000.0  # exponent; such a tail is no power law that a sample could show


def kesten_exponent(rate: float, dimension: int = 1, batch: int = 1) -> float:
    """The kappa > 0 with E |A e|^kappa = 1: the tail index of the stationary law of stochastic gradient descent.

    kappa = 2 at rate 2 batch/(batch + dimension + 1), where the variance becomes infinite; kappa -> 0 at
    `kesten_critical_rate`. Relative accuracy 1e-11 up to 1000 dimensions, 1e-9 at 1e4 and 1e-5 at 1e6 with batch 1,
    whose |A e| differs from 1 by 1e-9 only. Raises ValueError for a dimension or batch beyond 1e6, a rate that is not
    positive or from the critical one on, where no stationary law exists; ArithmeticError for rates so small that kappa
    exceeds 1000.
    Holds for isotropic Gaussian data, fresh at each step. Source: Kesten 1973 and Goldie 1991, with |A e| in place of
    the spectral radius by invariance under rotations; derived here, checked by closed second and fourth moments.

    >>> round(kesten_exponent(2 / 3), 12)
    2.0
    >>> round(kesten_exponent(2 * 5 / (5 + 100 + 1), dimension=100, batch=5), 10)
    2.0
    """
    rate, dimension, batch = _parameters(rate, dimension, batch)
    drift = log_growth(rate, dimension, batch)
    if drift >= 0:
        critical = kesten_critical_rate(dimension, batch)
        raise ValueError(f"rate must be below the critical one, {critical:.6g}; got {rate:g}; lower it or raise batch")

    def excess(s: float) -> float:
        return log_moment(rate, s, dimension, batch) / s if s else drift

    high = 1.0
    while excess(high) < 0:  # log E |A e|^s is convex in s, 0 at 0: the quotient rises through one zero
        if high > LARGEST:
            raise ArithmeticError(f"tail exponent must be below {LARGEST:g}; log moment {excess(high):.3g}; raise rate")
        high *= 2
    low = high / 2 if high > 1 else 0.0
    return float(root_scalar(excess, bracket=(low, high), xtol=1e-14, rtol=1e-14).root)


def kesten_critical_rate(dimension: int = 1, batch: int = 1) -> float:
    """Rate from which SGD diverges almost surely, not `theory.critical_rate` (full batches), `OneStep`'s (an outlier).

    There E log |A e| = 0. The mean square diverges from 2 batch/(batch + dimension + 1) on already, which for batch 1
    and many dimensions is the critical rate of `sgd_stability` (there for rows of norm 1).
    2.42124952103683604 for dimension 1 and batch 1. Relative accuracy 1e-12. Raises ValueError for a dimension or
    batch that is no whole number of at least 1.
    Validity and source as `kesten_exponent`; the number for dimension 1 is checked in 30 digits.

    >>> round(kesten_critical_rate(), 11)
    2.42124952104
    """
    _, dimension, batch = _parameters(1.0, dimension, batch)
    low = 2 * batch / (batch + dimension + 1)  # kappa = 2 there, so E log |A e| < 0 by Jensen
    high = 2 * low
    while log_growth(high, dimension, batch) < 0:
        high *= 2
    return float(root_scalar(lambda rate: log_growth(rate, dimension, batch), bracket=(low, high), rtol=1e-14).root)


def log_growth(rate: float, dimension: int = 1, batch: int = 1) -> float:
    """E log |A e|: the exponent of growth of |A_k ... A_1 e| per step, by Lyapunov; negative where iterates converge.
    Source: Furstenberg and Kesten 1960, reduced to one vector by invariance under rotations. Raises ValueError as
    `kesten_critical_rate`, and for a rate that is not positive.

    >>> round(log_growth(0.1), 6)
    -0.124672
    """
    rate, dimension, batch = _parameters(rate, dimension, batch)
    log_square, weight = _nodes(rate, dimension, batch, 0.0)
    return float(np.sum(weight * log_square) / 2)


def log_moment(rate: float, power: float, dimension: int = 1, batch: int = 1) -> float:
    """log E |A e|^power for power >= 0: the rate at which that moment of the iterates grows per step.

    |A e|^2 = (1 - rate Q/batch)^2 + (rate/batch)^2 Q R with Q ~ chi^2_batch, R ~ chi^2_(dimension - 1) independent.
    """
    rate, dimension, batch = _parameters(rate, dimension, batch)
    power = checks.non_negative("power", power, "pass the order of the moment")
    if power > LARGEST_POWER:
        raise ValueError(f"power must be at most {LARGEST_POWER:g}; got {power!r}; pass the order of the moment")
    log_square, weight = _nodes(rate, dimension, batch, power)
    exponent = power / 2 * log_square
    top = float(np.max(exponent))
    if top < 1:  # small rates: the moment differs from 1 by less than its rounding
        return math.log1p(float(np.sum(weight * np.expm1(exponent))))
    return top + math.log(float(np.sum(weight * np.exp(exponent - top))))


def _nodes(rate: float, dimension: int, batch: int, power: float) -> tuple[FloatArray, FloatArray]:
    """log |A e|^2 at the nodes of a quadrature that holds for |A e|^power, and its weights.

    In g = sqrt Q and r = sqrt R the densities are smooth; |A e| has a kink, its logarithm a pole, at
    g = sqrt(batch/rate) and r = 0: ends of intervals, where double exponential nodes accumulate.
    """
    kink, half = math.sqrt(batch / rate), rate / batch
    low, high = max(0.0, math.sqrt(batch) - REACH), math.sqrt(batch + 2 * power) + REACH
    if low < kink < high:
        below, above = _segment(low, kink), _segment(kink, high)
        weight = np.concatenate([below[0], above[0]])
        g = np.concatenate([low + below[1][:, 0], kink + above[1][:, 0]])
        distance = np.concatenate([below[1][:, 1], above[1][:, 0]])  # kept apart from g: it decides the logarithm
        along = half * distance * (g + kink)
    else:
        weight, ends = _segment(low, high)
        g = low + ends[:, 0]
        along = np.abs(1 - half * g**2)
    weight = weight * _chi(g, batch)
    weight /= np.sum(weight)  # without the rounding of the norm of the density
    if dimension == 1:
        rise = half * g**2 * (half * g**2 - 2)
        return np.where(np.abs(rise) < 0.5, np.log1p(np.clip(rise, -0.5, 0.5)), 2 * np.log(along)), weight
    start, end = max(0.0, math.sqrt(dimension - 1) - REACH), math.sqrt(dimension - 1 + power) + REACH
    weight_r, ends = _segment(start, end)
    r = start + ends[:, 0]
    across = half * np.multiply.outer(g, r)
    weight_r = weight_r * _chi(r, dimension - 1)
    weight = np.multiply.outer(weight, weight_r / np.sum(weight_r))
    # |A e|^2 - 1: many dimensions allow small rates only, whose effect the rounding of 1 would hide
    rise = half * g[:, None] ** 2 * (half * (g[:, None] ** 2 + r**2) - 2)
    log_square = 2 * np.log(np.hypot(along[:, None], across))
    near = np.abs(rise) < 0.5
    log_square[near] = np.log1p(rise[near])
    return log_square.ravel(), weight.ravel()


def _segment(low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Weights (m,) of the double exponential rule on [low, high], and distances (m, 2) of its nodes from both ends."""
    spacing = min(0.05, 0.25 / (high - low))  # a quarter of a standard deviation in the middle: rounding for a Gaussian
    t = np.arange(-ENDS, ENDS + spacing, spacing)
    share, rest = (1 / (1 + np.exp(sign * np.pi * np.sinh(t))) for sign in (-1, 1))
    weight = spacing * (high - low) * np.pi * np.cosh(t) * share * rest
    return weight, (high - low) * np.stack([share, rest], axis=1)


def _chi(x: FloatArray, freedom: int) -> FloatArray:
    """Density of the root of a chi^2 variable, relative to that at the mean square."""
    root = math.sqrt(freedom)
    share = (x - root) / root
    log = np.where(share > -0.5, np.log1p(np.maximum(share, -0.5)), np.log(x / root))
    # the square as a distance from its mean: of (freedom - 1) log - x^2/2 rounding would leave freedom times 1e-16
    return np.exp((freedom - 1) * (log - share - share**2 / 2) - share - share**2 / 2)


def _parameters(rate: float, dimension: int, batch: int) -> tuple[float, int, int]:
    rate = checks.positive("rate", rate, "pass the learning rate times the variance of an input")
    sizes = (checks.count("dimension", dimension, "pass the number of inputs"),
             checks.count("batch", batch, "pass the number of samples per step"))
    if max(sizes) > LARGEST_SIZE:
        raise ValueError(f"dimension and batch must be at most {LARGEST_SIZE:g}; got {max(sizes)}; pass smaller ones")
    return rate, *sizes
