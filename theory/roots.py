"""Bracketed roots of many functions at once, without derivatives."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
STEPS = 120  # twice the halvings of a bracket to rounding: bisection alone would be done by then


def bracketed_roots(
    f: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, *, tolerance: float = 4e-16
) -> FloatArray:
    """Returns one root of each entry of f in its bracket [low, high] (m,), to `tolerance` relative to its size.

    `f` maps (m,) to (m,), entry by entry, and may be infinite. Where f has one sign at both ends, the end with the
    smaller |f| is returned: a root beyond the bracket by rounding. Inverse quadratic interpolation, bisection where
    that is not safe (Chandrupatla 1997); a hundred roots cost little more than one.
    """
    a, b = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    fa, fb = f(a), f(b)
    c, fc = a, fa
    fraction = np.where(np.sign(fa) == np.sign(fb), (np.abs(fb) < np.abs(fa)).astype(float), 0.5)
    frozen = (np.sign(fa) == np.sign(fb)) | (fa == 0) | (fb == 0)
    best = np.where(np.abs(fa) < np.abs(fb), a, b)
    for _ in range(STEPS):
        x = np.where(frozen, best, a + fraction * (b - a))
        fx = f(x)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(frozen, best, np.where(np.abs(fa) < np.abs(fb), a, b))
        allowed = tolerance * np.abs(best) + 5e-324
        frozen = frozen | (fa == 0) | (np.abs(b - a) <= allowed)
        if np.all(frozen):
            break
        fraction = _fraction(a, b, c, fa, fb, fc)
        least = np.minimum(0.5, 0.5 * allowed / np.maximum(np.abs(b - a), 5e-324))
        fraction = np.clip(fraction, least, 1 - least)
    return best


def interior(low: FloatArray | float, high: FloatArray | float, logit: FloatArray) -> FloatArray:
    """Returns low + (high - low)/(1 + exp(-logit)), resolved at both ends and strictly between them."""
    x = np.where(logit < 0, low + (high - low) / (1 + np.exp(-logit)), high - (high - low) / (1 + np.exp(logit)))
    return np.clip(x, np.nextafter(low, high), np.nextafter(high, low))


def _fraction(
    a: FloatArray, b: FloatArray, c: FloatArray, fa: FloatArray, fb: FloatArray, fc: FloatArray
) -> FloatArray:
    """Where between a (0) and b (1) the next point lies."""
    with np.errstate(all="ignore"):  # equal or infinite values make it a bisection
        position, height = (a - b) / (c - b), (fa - fb) / (fc - fb)
        curved = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    safe = (height**2 < position) & ((1 - height) ** 2 < 1 - position) & np.isfinite(curved)
    return np.where(safe, curved, 0.5)
