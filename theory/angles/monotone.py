"""Inverse of an increasing function that starts as a power, as the mass of a band does in the angle from its edge."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
WithSlope = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
SMALLEST = 1e-18  # of the range; below it a pure power is continued


class Inverse:
    """t in [0, top] with f(t) = value, to a few roundings, for f increasing from f(0) = 0 like a power of t.

    `f` returns f and its derivative, the latter needed to a few digits only. Newton in log t and log f, where a power
    is a straight line, from a start interpolated between 1000 points. Zero gives 0, values above f(top) give top, NaN
    gives NaN. Calls raise ArithmeticError with the residual where that does not converge.
    """

    def __init__(self, f: WithSlope, top: float):
        with np.errstate(all="ignore"):
            self._f, self._top = f, top
            self._grid = np.log(top) + np.linspace(np.log(SMALLEST), 0.0, 1000)
            self._heights = np.log(f(np.exp(self._grid))[0])
            self._power = (self._heights[1] - self._heights[0]) / (self._grid[1] - self._grid[0])

    def __call__(self, values: FloatArray) -> FloatArray:
        """Returns t of the shape (m,) of `values`."""
        inside = (values > 0) & (values < np.exp(self._heights[-1]))
        result = np.where(np.isnan(values), np.nan, np.where(values > 0, self._top, 0.0))
        if np.any(inside):
            result[inside] = self._newton(values[inside])
        return result

    def _newton(self, values: FloatArray) -> FloatArray:
        wanted = np.log(values)
        log_t = np.interp(wanted, self._heights, self._grid)
        log_t += np.minimum(wanted - self._heights[0], 0.0) / self._power
        error = np.zeros(values.shape)
        for _ in range(30):
            t = np.exp(log_t)
            value, slope = self._f(t)
            error = (values - value) / value  # not a difference of logarithms, which would round more
            step = np.log1p(np.maximum(error, -0.999)) * value / (t * slope)
            log_t = np.minimum(log_t + step, self._grid[-1])
            if np.all(np.abs(step) <= 1e-8):  # quadratic: the step after this one is below rounding
                return np.exp(log_t)
        residual = np.max(np.abs(error))
        raise ArithmeticError(f"inverse must converge; residual {residual:.3g} of the value; report the law")
