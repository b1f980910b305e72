"""Bracketed roots of many functions at once, without derivatives or with them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
WithSlope = Callable[[FloatArray, NDArray[np.intp]], tuple[FloatArray, FloatArray]]
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


def newton_roots(
    f: WithSlope, start: FloatArray, low: FloatArray, high: FloatArray, *, steps: int = 60, floor: float = 4e-16
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Roots of increasing functions in brackets [low, high] (m,), from `start` in them; and which of them settled.

    `f` maps points x (j,) and their indices (j,) to excess and slope (j,), excess < 0 below the root; the slope needs a
    few digits only. Newton's method, bisection where that leaves the bracket; entries that have settled are left alone:
    where f is 0, where x moves by rounding only (`floor` is that of f, in units of the larger end), and after a Newton
    step below 1e-9 of the distance to both ends of the bracket: in that unit Newton squares the error, as functions
    are smooth but at the ends. Above an end at 0 a root is sought by factors of 16, not by halves.
    """
    x, left, right = np.array(start, np.float64), np.array(low, np.float64), np.array(high, np.float64)
    first, last, least = left.copy(), right.copy(), floor * np.maximum(np.abs(left), np.abs(right))
    active, settled = np.arange(len(x)), np.zeros(len(x), bool)
    for _ in range(steps):
        if not len(active):
            break
        at, i = x[active], active
        excess, slope = f(at, i)
        below = excess < 0
        left[i], right[i] = np.where(below, at, left[i]), np.where(below, right[i], at)
        a, b = left[i], right[i]
        with np.errstate(all="ignore"):  # a slope that vanishes or is infinite makes it a bisection
            step = at - excess / slope
        newton = (step >= a) & (step <= b)
        new = np.where(newton, step, np.where(a == 0, b / 16, (a + b) / 2))
        x[i], change = np.where(excess == 0, at, new), np.abs(new - at)
        done = (newton & (change <= 1e-9 * np.minimum(at - first[i], last[i] - at))) | (excess == 0)
        done |= change <= 4e-16 * np.abs(at) + least[i]
        settled[i] = done
        active = active[~done]
    return x, settled


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
