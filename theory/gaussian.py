"""Expectations over a standard Gaussian, and the constants of an activation that enter the theory of networks."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.activations import Activation, function
from theory.activations import softplus as softplus  # its place before
from theory.quadrature import gauss_legendre, panel_points, refine, resolve

FloatArray = NDArray[np.float64]
Function = Callable[[Any], Any]
MOST_ORDER = 200
MOST_POINTS = 3_000_000  # sin(1e4 z) takes two million
REACH = 14.0  # density 1e-43 there; leaves room for functions growing like exp(z^2/8)
START = np.linspace(-REACH, REACH, 57)  # panels of width 1/2, with 0 among the edges


class ActivationConstants(NamedTuple):
    """Gaussian constants of a function f, z ~ N(0, 1)."""

    mean: float  # E f
    variance: float  # E f^2 - (E f)^2
    hermite: tuple[float, ...]  # E f(z) He_k(z)/sqrt(k!), k = 0, 1, ...
    second_moment: float  # E f^2
    slope: float  # E f', by Stein's lemma E z f: right for kinks and jumps too
    slope_second_moment: float  # E f'^2; infinite where f jumps


def expectation(f: Activation) -> float:
    """E f(z) for z ~ N(0, 1), right to 1e-13 of E |f| for smooth f, with kinks or with jumps.

    `f` is a name (`theory.activations`), or maps a float64 array to one of the same shape. Kinks and jumps need no
    hint: panels are halved around them. Raises ValueError where f does not return float64 of its argument's shape,
    returns non-finite values, grows so fast that E |f| is infinite, or varies on scales below 1e-4 everywhere.

    >>> round(expectation(np.abs) ** 2 * np.pi, 12)
    2.0
    """
    f = function(f)
    edges = resolve(_counted(f, lambda z: _values(f, z) * _density(z)), START)
    z, w = panel_points(edges[:-1], edges[1:])
    _check_tails(f, np.abs)
    return float(np.sum(w * _density(z) * _values(f, z)))


def activation_constants(f: Activation, order: int = 12) -> ActivationConstants:
    """Mean, variance, Hermite coefficients up to `order`, E f^2, E f' and E f'^2 of a function of z ~ N(0, 1).

    f' is the derivative of the interpolating polynomial on panels that resolve f, so no derivative need be given.
    `f` may be a name, as in `theory.activations`. Raises ValueError as `expectation` does; in particular a function
    computing in float32 is refused, and one with infinite E f^2: those that grow like exp(z^2/4) or faster.
    Source: Gauss-Legendre panels, with E f' by Stein's lemma; derived here, checked to 1e-12 by the closed forms of
    erf, exp, cos, ReLU and jumps.

    >>> relu = activation_constants("relu")
    >>> round(relu.second_moment, 12), round(relu.slope_second_moment, 12)
    (0.5, 0.5)
    """
    order = checks.count("order", order, "pass the highest Hermite coefficient wanted")
    if order > MOST_ORDER:
        raise ValueError(f"order must be at most {MOST_ORDER}; got {order}; higher ones are not resolved by the panels")
    f = function(f)
    try:
        return _constants(f, order)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _constants.__wrapped__(f, order)


def role_constants(role: str, f: Activation) -> ActivationConstants:
    """The constants of a function that errors call by its role, "activation" or "teacher"."""
    try:
        return activation_constants(function(f, role))
    except ValueError as error:
        raise ValueError(str(error).replace("activation", role, 1)) from None


@functools.lru_cache(maxsize=64)
def _constants(f: Function, order: int) -> ActivationConstants:
    def rows(z: FloatArray) -> FloatArray:
        value = _values(f, z)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.stack([value, value**2, value * z, value * z**3]) * _density(z)

    _values(f, START)
    _check_tails(f, np.square)
    edges = resolve(_counted(f, rows), START)
    z, w = panel_points(edges[:-1], edges[1:])
    value = _values(f, z)
    weight = w * _density(z)
    mean, second = float(np.sum(weight * value)), float(np.sum(weight * value**2))
    hermite = tuple(float(np.sum(weight * value * h)) for h in _hermite(z, order))
    variance = float(np.sum(weight * (value - mean) ** 2))
    return ActivationConstants(mean, variance, hermite, second, hermite[1], _slope_square(f, edges, math.sqrt(second)))


def _slope_square(f: Function, edges: FloatArray, scale: float) -> float:
    """E f'^2. A kink is boxed anew: panels that resolve f to rounding resolve f' to the square root of it only."""

    def integrals(low: FloatArray, high: FloatArray) -> FloatArray:
        z, w = panel_points(low, high)
        slopes = _values(f, z) @ _differentiation().T / (high - low)[:, None]
        return np.sum(w * _density(z) * slopes**2, axis=-1)[None]

    z, _ = panel_points(edges[:-1], edges[1:])
    value = _values(f, z)
    start, end = value @ _ends()[0], value @ _ends()[1]
    narrow = np.diff(edges) < 1e-9
    across, within = np.abs(start[1:] - end[:-1]), np.ptp(value[narrow], axis=-1)
    if np.any(across > 1e-6 * scale) or np.any(within > 1e-6 * scale):
        return math.inf
    rough = np.sum(integrals(edges[:-1], edges[1:]))
    # The slope of values of size `scale` carries their rounding: below it no panel is ever fine enough.
    tolerance = 1e-13 * (rough + scale * math.sqrt(rough)) + 1e-20 * scale**2
    edges = refine(integrals, edges, np.array([tolerance]))
    return float(np.sum(integrals(edges[:-1], edges[1:])))


def _values(f: Function, z: FloatArray) -> FloatArray:
    name = getattr(f, "__name__", repr(f))
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(f(z))
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"activation must act elementwise on arrays; got {error} from {name}; vectorise it") from None
    if value.dtype != np.float64:
        raise ValueError(f"activation must return float64; got {value.dtype} from {name}; use NumPy functions, not jax")
    if value.shape != z.shape:
        raise ValueError(f"activation must act elementwise; got {value.shape} for {z.shape} from {name}; vectorise it")
    if not np.all(np.isfinite(value)):
        raise ValueError(f"activation must be finite on [-14, 14]; got a non-finite value from {name}; pass a tame one")
    return value


def _check_tails(f: Function, power: Callable[[FloatArray], FloatArray]) -> None:
    """|f| or f^2 times the density must have died out at +-14: for f^2 of a growth like exp(z^2/8) it is 1e-21."""
    z = np.linspace(-REACH, REACH, 1001)
    with np.errstate(over="ignore"):
        mass = power(_values(f, z)) * _density(z)
    end, most = max(mass[0], mass[-1]), float(np.max(mass))
    if not (math.isfinite(most) and end <= 1e-10 * most):
        name, what = getattr(f, "__name__", repr(f)), "E f^2" if power is np.square else "E |f|"
        raise ValueError(f"activation must have a finite {what}, found on [-14, 14]; got {end:.3g} at the end there "
                         f"for {name}; pass one that grows slower than exp(z^2/8)")


def _counted(f: Function, rows: Callable[[FloatArray], FloatArray]) -> Callable[[FloatArray], FloatArray]:
    """Ends the halving of panels of a function without a scale, such as noise: it would double them for ever."""
    points = 0

    def call(z: FloatArray) -> FloatArray:
        nonlocal points
        points += z.size
        if points > MOST_POINTS:
            name = getattr(f, "__name__", repr(f))
            raise ValueError(f"activation must vary on scales of 1e-4 or more but for kinks and jumps; got {name}, not "
                             f"resolved by {MOST_POINTS} points; pass a smoother, deterministic one")
        return rows(z)

    return call


def _density(z: FloatArray) -> FloatArray:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _hermite(z: FloatArray, order: int) -> list[FloatArray]:
    """Returns He_k(z)/sqrt(k!) for k = 0..order."""
    result = [np.ones_like(z), z]
    for k in range(1, order):
        result.append((z * result[k] - math.sqrt(k) * result[k - 1]) / math.sqrt(k + 1))
    return result


def _barycentric() -> tuple[FloatArray, FloatArray]:
    """Returns Gauss-Legendre nodes of [0, 1] and their barycentric weights (Wang and Xiang 2012, theorem 3.1)."""
    x, w = gauss_legendre()
    return x, np.asarray(np.sqrt((x - x**2) * w) * (-1.0) ** np.arange(len(x)), dtype=np.float64)


@functools.cache
def _ends() -> tuple[FloatArray, FloatArray]:
    """Returns the row vectors that extrapolate from values at the nodes to 0 and to 1."""
    x, b = _barycentric()
    low, high = b / (0 - x), b / (1 - x)
    return low / np.sum(low), high / np.sum(high)


@functools.cache
def _differentiation() -> FloatArray:
    """Returns the matrix from values at the Gauss-Legendre nodes of [0, 1] to derivatives there (barycentric)."""
    x, b = _barycentric()
    gap = x[:, None] - x + np.eye(len(x))
    matrix = b / b[:, None] / gap
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -np.sum(matrix, axis=1))
    return matrix
