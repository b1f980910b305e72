"""psi of `inverse_map` for a population that is a law with bands, through its Stieltjes transform."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.law import Law, Pairs
from theory.quadrature import panel_points
from theory.roots import bracketed_roots
from theory.tables import tables

FloatArray = NDArray[np.float64]
STENCIL = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))  # first derivative to order 8
FAR = 3.0  # times the largest |t|; beyond it Gauss sums replace the transform


class ContinuousMap:
    """psi of a law, psi(u) = u (1 - ratio - ratio u m_H(u)), m_H = int dH/(t - u).

    Derivatives are difference quotients, right to 1e-6 off the real axis and 1e-8 on it: they set steps of Newton's
    method and roots of psi', at which psi is stationary, so that no result inherits their error.
    """

    rounding = 1e-14  # of psi, relative

    def __init__(self, law: Law, ratio: float) -> None:
        self.law, self.ratio = law, ratio
        self.zero = sum(mass for x, mass in law.atoms if x == 0)
        self.excess_at_zero = ratio * (1 - self.zero) - 1
        if abs(self.excess_at_zero) < 8 * np.finfo(float).eps:
            self.excess_at_zero = 0.0
        self.largest = max(abs(x) for pair in (*law.window, *((x, x) for x, _ in law.atoms)) for x in pair)
        self._values, self._masses = _nodes(law)
        low, high = np.array(self.intervals).T
        self._nearest = np.min(np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high))))

    @property
    def intervals(self) -> Pairs:
        """Support of the population without an atom at 0; overlapping intervals are merged."""
        merged: list[tuple[float, float]] = []
        for low, high in sorted((*self.law.bands, *((x, x) for x, _ in self.law.atoms if x != 0))):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return tuple(merged)

    def value(self, u: Any) -> Any:
        """psi(u), elementwise for u (m,)."""
        return u * self.factor(u)

    def factor(self, u: Any) -> Any:
        """psi(u)/u."""
        result = 1 - self.ratio - self.ratio * u * self.transform(u)
        far = np.abs(u) > FAR * self.largest
        if np.any(far):  # -1 - u m_H cancels there
            result[far] = 1 + self.ratio * ((1 / (u[far][:, None] - self._values)) @ (self._masses * self._values))
        return np.where(u == 0, -self.excess_at_zero, result)

    def value_and_slope(self, u: Any) -> tuple[Any, Any]:
        """psi(u) and psi'(u), elementwise for u (m,)."""
        if not np.iscomplexobj(u):
            return self.value(u), -self.excess(u)
        value = self.value(u)
        # upwards, where psi is smooth on the scale of the population even if u all but touches the real axis
        h = 1j * np.maximum(1e-3 * u.imag, 1e-7 * np.abs(u))
        return value, (4 * self.value(u + h) - 3 * value - self.value(u + 2 * h)) / (2 * h)

    def transform(self, u: Any) -> Any:
        """int dH/(t - u) over the population."""
        value = self.law._stieltjes(u.astype(np.complex128))
        return value if np.iscomplexobj(u) else value.real

    def transform_slope(self, u: Any) -> Any:
        """int dH/(t - u)^2, by a difference quotient."""
        if not np.iscomplexobj(u):
            h = 0.05 * self._distance(u)
            return sum(w * (self.transform(u + k * h) - self.transform(u - k * h)) for k, w in STENCIL) / h
        h = 1j * np.maximum(1e-3 * u.imag, 1e-7 * np.abs(u))
        return (4 * self.transform(u + h) - 3 * self.transform(u) - self.transform(u + 2 * h)) / (2 * h)

    def excess(self, u: FloatArray) -> FloatArray:
        """-psi'(u) for real u off the support."""
        h = 0.05 * self._distance(u)
        near = np.abs(u) < self._nearest / 2
        close = np.empty(0)
        if np.any(near):  # ratio (1 + 2 u m + u^2 m'): next to 0 the error of m' is multiplied by u^2
            v, k = u[near], h[near]
            slope = sum(w * (self._nonzero(v + j * k) - self._nonzero(v - j * k)) for j, w in STENCIL) / k
            close = self.excess_at_zero + self.ratio * v * (2 * self._nonzero(v) + v * slope)
        result = -sum(w * (self.value(u + j * h) - self.value(u - j * h)) for j, w in STENCIL) / h
        if np.any(near):
            result[near] = close
        return result

    def excess_slope(self, u: FloatArray) -> FloatArray:
        """-psi''(u)/2 for real u, to 1e-6: it locates the minimum of -psi' in a gap, which is flat there."""
        h = 0.02 * self._distance(u)
        return -(self.value(u + h) - 2 * self.value(u) + self.value(u - h)) / (2 * h**2)

    def height(self, a: FloatArray) -> FloatArray:
        """The v >= 0 with Im psi(a + iv) = 0, to 1e-5; 0 where there is none above 1e-25 of the scale."""
        top = np.log(1.01 * np.sqrt(self.ratio) * self.largest)

        def excess(y: FloatArray) -> FloatArray:
            v = np.exp(y)
            return -self.value(a + 1j * v).imag / v

        low = np.full(a.shape, top + np.log(1e-25 * min(1.0, np.sqrt(self.ratio))))
        outside = ~(excess(low) > 0)
        return np.where(outside, 0.0, np.exp(bracketed_roots(excess, low, np.full(a.shape, top), tolerance=1e-6)))

    def _nonzero(self, u: FloatArray) -> FloatArray:
        """int dH/(t - u) over t != 0."""
        return self.transform(u) + (self.zero / u if self.zero else 0.0)

    def _distance(self, u: FloatArray) -> FloatArray:
        ends = np.array([x for pair in self.intervals for x in pair if np.isfinite(x)])
        return np.min(np.abs(u[:, None] - ends), axis=1)


def _nodes(law: Law) -> tuple[FloatArray, FloatArray]:
    """Returns values and masses whose sums are the integrals over the law of functions smooth on its scale."""
    values, masses = [np.array([x for x, _ in law.atoms])], [np.array([mass for _, mass in law.atoms])]
    for table in tables(law):
        t, w = panel_points(table.edges[:-1], table.edges[1:])
        values.append(table.band.at(t).ravel())
        masses.append((w * table.density(t)).ravel())
    return np.concatenate(values), np.concatenate(masses)
