"""Roots of increasing functions of the distance to an edge, many at a time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Rise = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
_STEPS = 200  # bisection alone needs 53, and a root near 0 one more per factor 16


def rising_root(rise: Rise, target: FloatArray, limit: FloatArray) -> FloatArray:
    """Distances delta in (0, limit) with rise(delta) = target > 0, each to rounding error; arrays of shape (m,).

    `rise` maps distances, any number of them, to values and slopes; it increases from at most 0 at distance 0 to at
    least `target` at `limit`, and may be infinite beyond a point. Newton's method in sqrt(delta), in which functions of
    a soft edge are smooth; bisection where it would leave the bracket.
    Raises ArithmeticError with the residual where no root is found.
    """
    low, high = np.zeros(target.shape), np.sqrt(limit)
    root = 0.5 * high
    active = np.arange(target.size)
    for _ in range(_STEPS):
        if not active.size:
            break
        with np.errstate(all="ignore"):
            value, slope = rise(root[active] ** 2)
            step = root[active] - (value - target[active]) / (2 * root[active] * slope)
        above = value >= target[active]
        high[active[above]], low[active[~above]] = root[active[above]], root[active[~above]]
        a, b, old = low[active], high[active], root[active]
        newton = (step > a) & (step < b)
        # a root below 1/16 of the bracket is approached by factors, not by halves of what is left
        root[active] = np.where(newton, step, np.where(a > 0, (a + b) / 2, b / 16))
        # Newton's error is squared by each step: after one of 1e-9 rounding is left
        done = (newton & (np.abs(step - old) <= 1e-9 * old)) | (b - a <= 4e-16 * b)
        active = active[~done]
    return _checked(rise, root**2, target, limit)


def _checked(rise: Rise, delta: FloatArray, target: FloatArray, limit: FloatArray) -> FloatArray:
    """Returns `delta`, or raises where it doesn't solve the equation.

    Roots closer to the edge than quadrature resolves stand for the edge itself: beside a jump of the density, where
    the rise is logarithmic, weak signals have them.
    """
    with np.errstate(all="ignore"):
        value, _ = rise(delta)
        relative = np.abs(value / target - 1)
    residual = float(np.max(np.where(delta > 1e-20 * limit, relative, 0.0), initial=0.0))
    if not residual <= 1e-8:
        raise ArithmeticError(f"location of the outlier must solve its equation; the residual is {residual:.1e}")
    return delta
