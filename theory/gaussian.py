"""Expectations over a standard Gaussian, and the constants of an activation that enter the theory of networks."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.quadrature import gauss_legendre, panel_points, refine, resolve

FloatArray = NDArray[np.float64]
Function = Callable[[Any], Any]
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


def expectation(f: Function) -> float:
    """E f(z) for z ~ N(0, 1), right to 1e-13 of E |f| for smooth f, with kinks or with jumps.

    `f` maps a float64 array to one of the same shape. Kinks and jumps need no hint: panels are halved around them.
    Raises ValueError where f does not return float64 of its argument's shape, or returns non-finite values.

    >>> round(expectation(np.abs) ** 2 * np.pi, 12)
    2.0
    """
    edges = resolve(lambda z: _values(f, z) * _density(z), START)
    z, w = panel_points(edges[:-1], edges[1:])
    return float(np.sum(w * _density(z) * _values(f, z)))


def activation_constants(f: Function, order: int = 12) -> ActivationConstants:
    """Mean, variance, Hermite coefficients up to `order`, E f^2, E f' and E f'^2 of a function of z ~ N(0, 1).

    f' is the derivative of the interpolating polynomial on panels that resolve f, so no derivative need be given.
    Raises ValueError as `expectation` does; in particular a function computing in float32 is refused.

    >>> relu = activation_constants(lambda z: np.maximum(z, 0.0))
    >>> round(relu.second_moment, 12), round(relu.slope_second_moment, 12)
    (0.5, 0.5)
    """
    order = checks.count("order", order, "pass the highest Hermite coefficient wanted")
    if not callable(f):
        raise ValueError(f"activation must be a function of an array; got {f!r}; pass one such as numpy.tanh")
    try:
        return _constants(f, order)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _constants.__wrapped__(f, order)


def softplus(z: FloatArray) -> FloatArray:
    """log(1 + exp z), without overflow."""
    return np.logaddexp(0.0, z)


@functools.lru_cache(maxsize=64)
def _constants(f: Function, order: int) -> ActivationConstants:
    def rows(z: FloatArray) -> FloatArray:
        value = _values(f, z)
        return np.stack([value, value**2, value * z, value * z**3]) * _density(z)

    edges = resolve(rows, START)
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
    with np.errstate(all="ignore"):
        value = np.asarray(f(z))
    if value.dtype != np.float64:
        raise ValueError(f"activation must return float64; got {value.dtype} from {name}; use NumPy functions, not jax")
    if value.shape != z.shape:
        raise ValueError(f"activation must act elementwise; got {value.shape} for {z.shape} from {name}; vectorise it")
    if not np.all(np.isfinite(value)):
        raise ValueError(f"activation must be finite on [-14, 14]; got a non-finite value from {name}; pass a tame one")
    return value


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
