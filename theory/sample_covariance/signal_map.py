"""The inverse map of an information-plus-noise matrix, its edges, and the descent that solves it.

    z(w) = w q^2 + variance (1 - ratio) q,   q(w) = 1 - variance ratio f(w),   f(w) = int dH(t)/(t - w)

with H the law of the signal's eigenvalues, ratio = columns/rows <= 1; then m(z) = f/q (Dozier and Silverstein 2007;
Vallet, Loubaton and Mestre 2012). w lies in the upper half plane with z.

At ratio 1 the spectrum begins at 0 if q has a zero w <= 0. Functions take w minus the zero of q below the signal: next
to it q and z keep their digits (`theory.sample_covariance.signal_sums`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.law import Law
from theory.roots import bracketed_roots, interior
from theory.sample_covariance.inverse_map import Population
from theory.sample_covariance.signal_sums import AtomicSums, LawSums
from theory.sample_covariance.u_plane import newton

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
LOGIT = 45.0  # resolves a gap to its rounding at both ends
SCAN = 256  # points per gap; the minimum next to the lowest is then searched to rounding


class SignalMap:
    """z(w) with its derivative; of a wide matrix (ratio > 1) that of its transpose, which has the same squares != 0.

    w is counted from `origin`, which is the zero of q below the signal unless that is next to the signal of a law.
    """

    def __init__(self, signal: Population, ratio: float, variance: float) -> None:
        law = isinstance(signal, Law)
        self.sums = LawSums(signal, ratio, variance) if law else AtomicSums(signal, ratio, variance)
        self.ratio = min(ratio, 1 / ratio)
        self.rest = variance * abs(1 - ratio)  # of the transpose: variance ratio (1 - 1/ratio)
        self.scale = self.sums.largest + variance * max(1.0, ratio)
        self.origin, self.intervals, self.rounding = self.sums.origin, self.sums.intervals, self.sums.rounding
        self.hard = ratio == 1 and self.origin + self.sums.zero <= 0
        self.transform, self.shrinkage = self.sums.transform, self.sums.shrinkage
        self.transform_and_shrinkage = self.sums.transform_and_shrinkage

    def value(self, w: Any) -> Any:
        """z(w)."""
        q = self.shrinkage(w)
        return q * ((self.origin + w) * q + self.rest)

    def value_and_slope(self, w: Any) -> tuple[Any, Any]:
        """z(w) and z'(w)."""
        q, slope = self.sums.shrinkage_and_slope(w)
        w = self.origin + w
        return q * (w * q + self.rest), q * q + slope * (2 * w * q + self.rest)

    def resistance(self, w: FloatArray) -> FloatArray:
        """1 - z'/q^2 for real w: above 1 inside the spectrum, infinite at the signal's values or where q <= 0."""
        q, slope = self.sums.shrinkage_and_slope(w)
        value = -slope / q * (2 * (self.origin + w) + self.rest / q)
        return np.where((q > 0) & np.isfinite(value), value, np.inf)


def edges(signal: SignalMap) -> FloatArray:
    """Returns the intervals of real w that carry bands, shape (bands, 2).

    A gap of the signal holds at most one gap of the spectrum: z' > 0 twice would leave a band without mass between
    (exact separation; Capitaine 2014). Where q <= 0 stationary points of z are no edges.
    """
    with np.errstate(all="ignore"):
        first, last = signal.intervals[0, 0], signal.intervals[-1, 1]
        starts, ends = [_lowest_edge(signal, first)], []
        for low, high in zip(signal.intervals[:-1, 1], signal.intervals[1:, 0], strict=True):
            gap = _gap(signal, low, high)
            if gap is not None:
                ends.append(gap[0])
                starts.append(gap[1])
        ends.append(_root(signal, last, 1.0, 100 * signal.scale))
    return np.stack([starts, ends], axis=1)


def descend(signal: SignalMap, z: ComplexArray) -> ComplexArray:
    """Returns w with z(w) = z, Im w > 0 and Im m > 0, for z (m,) with Im z >= 0; real z must lie in the spectrum.

    Follows each root from large Im z, where w is next to z, in steps that shorten where Newton's method fails.
    Raises ArithmeticError with the residual where it does not arrive.
    """
    height = 100 * (np.abs(z) + signal.scale)
    w = z.real + 1j * height
    factor = np.full(z.shape, 0.5)
    floor = np.maximum(z.imag, 1e-15 * np.minimum(np.abs(z), signal.scale))
    active = np.arange(len(z))
    for _ in range(600):
        if not len(active):
            return w
        below = np.maximum(factor[active] * height[active], floor[active])
        last = below <= floor[active]
        below = np.where(last, z.imag[active], below)
        new, good = newton(signal, w[active], z.real[active] + 1j * below, steps=8)
        # q turning by more than a fraction means that the root was lost for another one
        before, after = signal.shrinkage(w[active]), signal.shrinkage(new)
        good &= (np.abs(after - before) <= 0.5 * np.abs(before)) & ((signal.transform(new) / after).imag > 0)
        w[active] = np.where(good, new, w[active])
        height[active] = np.where(good, below, height[active])
        factor[active] = np.where(good, np.maximum(factor[active] ** 1.3, 0.3), np.sqrt(factor[active]))
        active = active[~(good & last)]
    residual = np.max(np.abs(signal.value(w[active]) - z[active]) / np.abs(z[active]))
    raise ArithmeticError(f"z(w) = z must have a root with Im w > 0; relative residual {residual:.3g}; report the law")


def _lowest_edge(signal: SignalMap, first: float) -> float:
    """Returns the w below the signal at which the spectrum begins; q = 0 there where the edge at 0 is hard."""
    start = first if np.isnan(signal.sums.zero) else signal.sums.zero
    return start if signal.hard else _root(signal, start, -1.0, 100 * signal.scale)


def _zero_of_shrinkage(signal: SignalMap, low: float, high: float) -> float:
    """Returns the zero of the decreasing q in (low, high)."""
    ends = np.array([LOGIT])
    root = bracketed_roots(lambda y: signal.shrinkage(interior(low, high, y)), -ends, ends)
    return float(interior(np.array(low), np.array(high), root)[0])


def _gap(signal: SignalMap, low: float, high: float) -> tuple[float, float] | None:
    """Returns the part of the signal's gap (low, high) that lies outside the spectrum, or None."""
    top = _zero_of_shrinkage(signal, low, high)
    y = np.linspace(-LOGIT, LOGIT, SCAN)
    for _ in range(8):
        i = int(np.clip(np.argmin(signal.resistance(interior(low, top, y))), 1, SCAN - 2))
        y = np.linspace(y[i - 1], y[i + 1], SCAN)
    lowest = float(interior(low, top, y[SCAN // 2 : SCAN // 2 + 1])[0])
    if not signal.resistance(np.array([lowest]))[0] < 1:
        return None
    return _root(signal, low, 1.0, lowest - low), _root(signal, top, -1.0, top - lowest)


def _root(signal: SignalMap, start: float, sign: float, reach: float) -> float:
    """Returns where the resistance falls below 1 within `reach` of `start` on the side `sign`, by log distance."""
    y = np.log([max(1e-32 * reach, 4e-15 * abs(start)), reach])

    def excess(y: FloatArray) -> FloatArray:
        return np.minimum(signal.resistance(start + sign * np.exp(y)), 1e300) - 1

    return float(start + sign * np.exp(bracketed_roots(excess, y[:1], y[1:])[0]))
