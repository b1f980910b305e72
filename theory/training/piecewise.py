"""Functions known on pieces of an interval: cubics through values and slopes, Chebyshev polynomials through nodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DEGREE = 15  # of the polynomial on one panel
MOST = 2000  # panels in one round; smooth functions with branch points need 100, rounding errors double for ever


def cubic(x: FloatArray, nodes: FloatArray, values: NDArray[Any], slopes: NDArray[Any]) -> NDArray[Any]:
    """Cubic Hermite interpolation at x (m,) from increasing nodes (k,); real or complex values and slopes (k,)."""
    k = np.clip(np.searchsorted(nodes, x) - 1, 0, len(nodes) - 2)
    h = nodes[k + 1] - nodes[k]
    s = (x - nodes[k]) / h
    start = (1 - s) ** 2 * ((1 + 2 * s) * values[k] + s * h * slopes[k])
    return start + s**2 * ((3 - 2 * s) * values[k + 1] - (1 - s) * h * slopes[k + 1])


@dataclass(frozen=True)
class Piecewise:
    """A continuous function: on each panel a polynomial of degree 15 through its values at Chebyshev points."""

    edges: FloatArray  # (panels + 1,)
    values: NDArray[Any]  # (panels, 16), at increasing points; neighbours share their ends

    @classmethod
    def resolve(
        cls, f: Callable[[FloatArray], tuple[NDArray[Any], FloatArray]], edges: FloatArray, tolerance: float
    ) -> "Piecewise":
        """Halves panels until the last two Chebyshev coefficients are below `tolerance` of the largest |f|.

        `f` maps (m,) to values and their rounding errors, each (m,): where these are larger they are the tolerance.
        Raises ArithmeticError where 40 halvings or 2000 panels don't do.
        """
        low, high = edges[:-1], edges[1:]
        found: list[tuple[FloatArray, FloatArray, NDArray[Any]]] = []
        scale = 0.0
        for _ in range(40):
            values, noise = f((low[:, None] + (high - low)[:, None] * _POINTS).ravel())
            values, noise = values.reshape(len(low), -1), np.max(noise.reshape(len(low), -1), axis=1)
            scale = max(scale, float(np.max(np.abs(values))))
            rough = ~(np.max(np.abs(values @ _LAST.T), axis=1) <= np.maximum(tolerance * scale, noise))
            found.append((low[~rough], high[~rough], values[~rough]))
            if not np.any(rough):
                break
            if 2 * np.sum(rough) > MOST:
                raise ArithmeticError(f"the function must be smooth on panels; {np.sum(rough)} are not, by rounding")
            middle = (low[rough] + high[rough]) / 2
            low, high = np.concatenate([low[rough], middle]), np.concatenate([middle, high[rough]])
        else:
            raise ArithmeticError(f"the function must be smooth on panels; {len(low)} are not after 40 halvings")
        lows, highs, values = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(lows)
        return cls(np.append(lows[order], np.max(highs)), values[order])

    def __call__(self, x: FloatArray) -> NDArray[Any]:
        """Value at x inside the panels (any shape), by the barycentric formula; NaN for NaN."""
        panel = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, len(self.values) - 1)
        low = self.edges[panel]
        gap = ((x - low) / (self.edges[panel + 1] - low))[..., None] - _POINTS
        hit = gap == 0
        weight = _WEIGHTS / np.where(hit, 1.0, gap)
        weight = np.where(np.any(hit, axis=-1, keepdims=True), 1.0 * hit, weight)
        return np.sum(weight * self.values[panel], axis=-1) / np.sum(weight, axis=-1)


_POINTS = (1 - np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)) / 2
_WEIGHTS = (-1.0) ** np.arange(DEGREE + 1) * np.where(np.isin(np.arange(DEGREE + 1), [0, DEGREE]), 0.5, 1.0)
# rows: the last two coefficients of the Chebyshev expansion from the values
_LAST = np.linalg.inv(np.polynomial.chebyshev.chebvander(2 * _POINTS - 1, DEGREE))[-2:]
