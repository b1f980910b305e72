"""The inverse of the Stieltjes transform of a sample covariance matrix, in the coordinate of its population.

    psi(u) = u (1 + ratio int t/(u - t) dH(t)),   psi'(u) = 1 - ratio int t^2/(u - t)^2 dH(t)

With H the population and m_ the Stieltjes transform of the companion matrix, psi(-1/m_(z)) = z (Silverstein 1995, eq.
1.4; Silverstein and Choi 1995). u lies in the upper half plane with z. For real u off the support of H, psi(u) is
where a spike u of the population appears in the sample, if psi'(u) > 0 (Bai and Yao 2012).
"""

import functools
import math
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.law import Law, Pairs

if TYPE_CHECKING:
    from theory.sample_covariance.continuous_map import ContinuousMap

FloatArray = NDArray[np.float64]
Population = Law | Pairs


def psi(population: Law | Sequence[Sequence[float]], ratio: float, u: Any) -> Any:
    """psi(u) = u (1 + ratio int t/(u - t) dH) for real u off the population's support, or complex u; any shape.

    `population` is a law or pairs (value, weight), `ratio` columns over rows. On the support the value is infinite or
    meaningless. Raises ValueError for a ratio that is not positive or a population that is no distribution.

    >>> round(psi([(1.0, 1.0)], 0.25, 3.0), 6)
    3.375
    """
    return _apply(0, population, ratio, u)


def psi_slope(population: Law | Sequence[Sequence[float]], ratio: float, u: Any) -> Any:
    """psi'(u) = 1 - ratio int t^2/(u - t)^2 dH; positive where a spike u leaves the bulk. Arguments as in `psi`.

    >>> round(psi_slope([(1.0, 1.0)], 0.25, 3.0), 6)
    0.9375
    """
    return _apply(1, population, ratio, u)


def as_population(population: Any) -> Population:
    """Returns a law as it is, anything purely atomic as sorted pairs ((value, weight), ...) with distinct values.

    Raises ValueError unless it is a law of real numbers or pairs with finite values and positive weights of sum 1.
    """
    if isinstance(population, Law):
        if population.kind == "singular_values":
            raise ValueError("population must be a law of eigenvalues; got singular values; pass the law of squares")
        return population if population.bands else population.atoms
    remedy = "pass pairs (value, weight) or a law"
    try:
        pairs = checks.array("population", population, remedy)
    except ValueError:
        raise ValueError(f"population must be a law or finite pairs; got {population!r}; {remedy}") from None
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        raise ValueError(f"population must be pairs (value, weight); got {population!r}; {remedy}")
    if np.any(pairs[:, 1] <= 0):
        raise ValueError(f"weights must be positive; got {np.min(pairs[:, 1]):g}; leave values of weight 0 out")
    total = math.fsum(pairs[:, 1])
    if abs(total - 1) > 1e-9:
        raise ValueError(f"weights must add to 1; got {total:.12g}; divide them by their sum")
    values, place = np.unique(pairs[:, 0], return_inverse=True)
    weights = np.bincount(place, pairs[:, 1]) / total
    return tuple((float(x), float(w)) for x, w in zip(values + 0.0, weights, strict=True))


@functools.lru_cache(maxsize=64)
def inverse_map(population: Population, ratio: float) -> "AtomicMap | ContinuousMap":
    """Returns psi with its derivatives for a checked population; kept for the 64 used last."""
    if not isinstance(population, Law):
        return AtomicMap(np.array(population), ratio)
    from theory.sample_covariance.continuous_map import ContinuousMap

    return ContinuousMap(population, ratio)


class AtomicMap:
    """psi of a population of finitely many values; sums over them, right to rounding at every scale."""

    rounding = 2e-15  # of psi, relative

    def __init__(self, pairs: FloatArray, ratio: float) -> None:
        self.ratio = ratio
        self.zero = float(np.sum(pairs[pairs[:, 0] == 0, 1]))
        pairs = pairs[pairs[:, 0] != 0]
        self.values, self.weights = pairs[:, 0], pairs[:, 1]
        self.masses = ratio * self.weights * self.values**2  # of ratio t^2 dH in psi' = 1 - int masses/(u - t)^2
        self.excess_at_zero = ratio * (1 - self.zero) - 1
        if abs(self.excess_at_zero) < 8 * np.finfo(float).eps:  # ratio H{t != 0} = 1 up to the rounding of its input
            self.excess_at_zero = 0.0
        self.largest = np.max(np.abs(self.values), initial=0.0)
        self._nearest = np.min(np.abs(self.values), initial=np.inf)

    @property
    def intervals(self) -> Pairs:
        """Support of the population without 0, which doesn't enter psi'."""
        return tuple((float(t), float(t)) for t in self.values)

    def value(self, u: Any) -> Any:
        """psi(u), elementwise for u (m,)."""
        return u * self.factor(u)

    def factor(self, u: Any) -> Any:
        """psi(u)/u, with its digits next to u = 0 too."""
        return self._factor(u, 1 / (u[:, None] - self.values))

    def value_and_slope(self, u: Any) -> tuple[Any, Any]:
        """psi(u) and psi'(u), elementwise for u (m,)."""
        r = 1 / (u[:, None] - self.values)
        return u * self._factor(u, r), 1 - (r * r) @ self.masses.astype(r.dtype)

    def transform(self, u: Any) -> Any:
        """int dH/(t - u) over the population, its zeros included."""
        return -(1 / (u[:, None] - self.values)) @ self.weights.astype(u.dtype) - (self.zero / u if self.zero else 0.0)

    def excess(self, u: FloatArray) -> FloatArray:
        """-psi'(u) for real u, with its digits next to u = 0 too."""
        r = 1 / (u[:, None] - self.values)
        weights = self.ratio * self.weights
        near = self.excess_at_zero + u * ((r * r * (2 * self.values - u[:, None])) @ weights)
        return np.where(np.abs(u) < self._nearest / 2, near, (r * r) @ self.masses - 1)

    def excess_slope(self, u: FloatArray) -> FloatArray:
        """-psi''(u)/2 for real u; increases through every gap of the population."""
        r = 1 / (u[:, None] - self.values)
        return -(r**3) @ self.masses

    def height(self, a: FloatArray) -> FloatArray:
        """The v >= 0 with Im psi(a + iv) = 0, i.e. int masses/((a - t)^2 + v^2) = 1, to 1e-5; 0 where there is none.

        Newton for s = v^2 on 1/int = 1, a concave increasing function of s: from the left it climbs without overshoot.
        """
        square = (a[:, None] - self.values) ** 2
        near = np.abs(a) < self._nearest / 2
        s = np.maximum(np.max(self.masses - square, axis=1), 0.0)
        for _ in range(60):
            r = 1 / (square + s[:, None])
            g = r @ self.masses
            above = g - 1
            if np.any(near):  # as in `excess`
                t, x = self.values, a[near][:, None]
                part = (x * (2 * t - x) - s[near][:, None]) * r[near]
                above[near] = self.excess_at_zero + self.ratio * (part @ self.weights)
            step = g * above / ((r * r) @ self.masses)
            step = np.where(np.isfinite(step), step, 0.0)
            s = np.maximum(s + step, 0.0)
            if np.all(np.abs(step) <= 1e-5 * s):
                break
        return np.sqrt(s)

    def exact_edge(self, u: float) -> tuple[Decimal, float]:
        """psi in 50 digits at the rounded root u of psi', which is the edge to twice its digits, and (root - u)."""
        with localcontext() as context:
            context.prec = 50
            x, c = Decimal(u), Decimal(self.ratio)
            rows = [(Decimal(float(t)), c * Decimal(float(w))) for t, w in zip(self.values, self.weights, strict=True)]
            if self.excess_at_zero == 0 and u == 0:
                return Decimal(0), 0.0
            if abs(u) < self._nearest / 2:  # as in `excess`: weights that don't add to 1 exactly must not matter
                excess = c * (1 - Decimal(self.zero)) - 1
                rest = -excess - x * sum(w * (2 * t - x) / (x - t) ** 2 for t, w in rows)
                value = x * (x * sum(w / (x - t) for t, w in rows) - excess)
            else:
                rest = 1 - sum(w * (t / (x - t)) ** 2 for t, w in rows)
                value = x * (1 + sum(w * t / (x - t) for t, w in rows))
            bend = sum(w * t * t / (x - t) ** 3 for t, w in rows)
            return value, float(-rest / (2 * bend)) if bend else 0.0

    def _factor(self, u: Any, r: Any) -> Any:
        weights = (self.ratio * self.weights).astype(r.dtype)
        factor = 1 + r @ (weights * self.values)
        # Next to 0 the terms -1 of every t/(u - t) are summed beforehand, or a nearly hard edge would lose its digits.
        near = np.abs(u) < self._nearest / 2
        return np.where(near, u * (r @ weights) - self.excess_at_zero, factor) if np.any(near) else factor


def _apply(which: int, population: Any, ratio: float, u: Any) -> Any:
    ratio = checks.positive("ratio", ratio, "pass columns / rows of the matrix")
    u = np.asarray(u)
    points = u.astype(np.complex128 if np.iscomplexobj(u) else np.float64)
    with np.errstate(all="ignore"):
        value = inverse_map(as_population(population), ratio).value_and_slope(points.ravel())[which].reshape(u.shape)
    return value if u.ndim else value.item()
