"""The sums f and q over the signal of an information-plus-noise matrix, in the distance from the zero of q below it.

    f = int dH(t)/(t - w),   q = 1 - strength f = -strength (w - zero) int dH(t)/((t - w)(t - zero))

The second form of q keeps its digits where q is small: next to a lower edge that is, or nearly is, 0.
Both classes take w minus `origin`, which is the zero or, where q needs no such care, 0. A wide matrix (ratio > 1) comes
as its transpose, of which H is the law of all eigenvalues but the share 1 - 1/ratio of zeros.
"""

import copy
import math
from decimal import Decimal, localcontext
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from theory.law import Law, Pairs
from theory.roots import bracketed_roots
from theory.sample_covariance.continuous_map import ContinuousMap
from theory.sample_covariance.inverse_map import inverse_map
from theory.sample_covariance.signal_edge import DIGITS, SignalEdge, signal_edge

FloatArray = NDArray[np.float64]
ExactPairs = list[tuple[Decimal, Decimal]]
SMALL = 0.1  # of q, where the form relative to the zero is worth another sum over a law


class AtomicSums:
    """Sums over pairs, whose zero of q is found in decimals."""

    rounding = 4e-15  # of z, relative

    def __init__(self, signal: Pairs, ratio: float, variance: float) -> None:
        with localcontext() as context:
            context.prec = DIGITS
            exact = Decimal(ratio)
            pairs, strength = _transposed(signal, max(Decimal(1), exact)), Decimal(variance) * min(Decimal(1), exact)
            origin = _zero(pairs, strength)
            if ratio == 1 and _is_critical(pairs, strength, origin):
                origin = Decimal(0)
            self._exact = pairs, strength, Decimal(variance) * abs(1 - exact), origin
            self.distances = np.array([float(t - origin) for t, _ in pairs])
        self.origin, self.strength = float(origin), float(strength)
        self.zero = 0.0  # of q; NaN where there is none below the signal
        self.weights = np.array([float(h) for _, h in pairs])
        self.intervals = np.stack([self.distances, self.distances], axis=1)
        self.largest = max(t for t, _ in signal)

    def transform(self, w: Any) -> Any:
        """f."""
        return (1 / (self.distances - w[:, None])) @ self.weights.astype(w.dtype)

    def shrinkage(self, w: Any) -> Any:
        """q."""
        return self._shrinkage(w, 1 / (self.distances - w[:, None]))

    def transform_and_shrinkage(self, w: Any) -> tuple[Any, Any]:
        """f and q."""
        r = 1 / (self.distances - w[:, None])
        return r @ self.weights.astype(r.dtype), self._shrinkage(w, r)

    def shrinkage_and_slope(self, w: Any) -> tuple[Any, Any]:
        """q and q'."""
        r = 1 / (self.distances - w[:, None])
        return self._shrinkage(w, r), -self.strength * ((r * r) @ self.weights.astype(r.dtype))

    def edge(self, w: float) -> SignalEdge | None:
        """The edge next to w, exact."""
        pairs, strength, rest, origin = self._exact
        with localcontext() as context:
            context.prec = DIGITS
            return signal_edge(pairs, strength, rest, origin + Decimal(w))

    def _shrinkage(self, w: Any, r: Any) -> Any:
        return -self.strength * w * (r @ (self.weights / self.distances).astype(r.dtype))


class LawSums:
    """Sums over a law, by its table; relative to the zero of q where that keeps away from the law and q is small."""

    rounding = 2e-14  # twice that of the table

    def __init__(self, signal: Law, ratio: float, variance: float) -> None:
        self._wide, self.strength = max(1.0, ratio), variance * min(1.0, ratio)
        self._map = copy.copy(cast(ContinuousMap, inverse_map(signal, 1.0)))  # f and its slope know no ratio
        share = self._map.zero - (1 - 1 / self._wide)
        self._map.zero = share if share > 4e-16 else 0.0
        self.largest = self._map.largest
        intervals = np.array(sorted({*self._map.intervals, *([(0.0, 0.0)] if self._map.zero else [])}))
        self.origin, self._relative = 0.0, False
        first = intervals[0, 0]
        gap = self._gap_to_zero(first)
        zero = first - gap
        if gap and zero < first / 2:
            _, slope = self.shrinkage_and_slope(np.array([zero]))
            critical = ratio == 1 and abs(zero * slope[0]) < 1e-15  # as `_is_critical`
            self.origin, self._relative = 0.0 if critical else zero, True
        self.zero = math.nan if not gap else 0.0 if self._relative else zero
        self.intervals = intervals - self.origin

    def transform(self, w: Any) -> Any:
        """f."""
        return self._wide * self._map.transform(self.origin + w)

    def shrinkage(self, w: Any) -> Any:
        """q."""
        return self._careful(w, 1 - self.strength * self.transform(w))

    def transform_and_shrinkage(self, w: Any) -> tuple[Any, Any]:
        """f and q."""
        f = self.transform(w)
        return f, self._careful(w, 1 - self.strength * f)

    def shrinkage_and_slope(self, w: Any) -> tuple[Any, Any]:
        """q and q'."""
        f, slope = self._map.transform_and_slope(self.origin + w)
        strength = self.strength * self._wide
        return self._careful(w, 1 - strength * f), -strength * slope

    def _careful(self, w: Any, q: Any) -> Any:
        """Replaces q where it is small."""
        small = np.abs(q) < SMALL
        if self._relative and np.any(small):
            part = self._wide * self._map.divided_difference(self.origin + w[small], self.origin)
            q[small] = -self.strength * w[small] * part
        return q

    def _gap_to_zero(self, first: float) -> float:
        """Returns the distance from the zero of q up to the law; 0 if there is none above 1e-50 of the scale."""
        scale = self.largest + self.strength
        ends = np.log(np.array([[max(1e-50 * scale, 4e-16 * abs(first))], [100 * scale]]))
        with np.errstate(all="ignore"):
            if self.shrinkage(first - np.exp(ends[0]))[0] >= 0:
                return 0.0
            return float(np.exp(bracketed_roots(lambda y: self.shrinkage(first - np.exp(y)), *ends)[0]))


def _transposed(signal: Pairs, wide: Decimal) -> ExactPairs:
    """Returns the pairs of the transpose; a weight at 0 of rounding only is none."""
    pairs = {Decimal(t): wide * Decimal(h) for t, h in signal}
    zero = pairs.pop(Decimal(0), Decimal(0)) - (wide - 1)
    return ([(Decimal(0), zero)] if zero > Decimal("4e-16") * wide else []) + list(pairs.items())


def _zero(pairs: ExactPairs, strength: Decimal) -> Decimal:
    """Returns the zero of q below the signal. 1/f is concave in the distance: Newton's method climbs to its root."""
    first, weight = pairs[0]
    distance, last = strength * weight, Decimal(0)
    while abs(distance - last) > Decimal("1e-40") * distance:
        r = [1 / (t - first + distance) for t, _ in pairs]
        f = sum((h * x for x, (_, h) in zip(r, pairs, strict=True)), Decimal(0))
        slope = sum((h * x * x for x, (_, h) in zip(r, pairs, strict=True)), Decimal(0))
        last, distance = distance, distance + (strength * f - 1) * f / slope
    return first - distance


def _is_critical(pairs: ExactPairs, strength: Decimal, zero: Decimal) -> bool:
    """True if a change of the variance by rounding would move the zero to 0."""
    return strength * abs(zero) * sum((h / (t - zero) ** 2 for t, h in pairs), Decimal(0)) < Decimal("1e-15")
