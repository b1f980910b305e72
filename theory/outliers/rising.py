"""Roots of increasing functions of the distance to an edge, many at a time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from theory.roots import newton_roots

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

    def excess(root: FloatArray, i: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        value, slope = rise(root**2)
        return value - target[i], 2 * root * slope

    high = np.sqrt(limit)
    with np.errstate(all="ignore"):
        root, _ = newton_roots(excess, 0.5 * high, np.zeros(target.shape), high, steps=_STEPS, floor=0.0)
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
