"""Fixed points of analytic self-maps of the upper half plane, to which subordination reduces free convolution.

Such a map T has at most one fixed point in the half plane (Denjoy and Wolff 1926), so whatever converges inside is the
right branch, on the real spectral axis too. Plain iteration is slow there and, for laws of two atoms, only rotates.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
SelfMap = Callable[[ComplexArray, NDArray[np.intp]], ComplexArray]

STEPS = 300
FREE_STEPS = 40
OFFSET = 1e-3  # of Im w, for the slope: three digits gained per step, and rounding harmless next to edges and cusps
NUDGE = 2e-8  # relative, for the slope in log w
EPS = np.finfo(float).eps


def fixed_point(step: SelfMap, start: ComplexArray, scale: float = 0.0) -> ComplexArray:
    """Solves T(w) = w for w in the upper half plane at many points at once; `start` has shape (m,), Im > 0.

    `step(w, k)` evaluates the map of the points with indices k, shape (j,), at w, shape (j,). In the disc around the
    iterate w the map is replaced by the Moebius map with the same value and slope; its fixed point in the disc is the
    next iterate. That is Newton's method, but it never leaves the half plane, and it is exact for Moebius maps. Where
    it does not lower the hyperbolic distance from w to T(w), the plain step T(w) is taken, which can't raise it.
    `scale` is the size of the numbers that T adds up, so that its rounding is known where w itself is near 0.
    Raises ArithmeticError where the residual |T(w) - w|/(|T(w)| + |w| + scale) stays above 1e-9.
    """
    w = start.astype(np.complex128)  # the best iterate so far
    image, trial = w.copy(), w.copy()  # T at the last iterate, and the next one
    distance, residual = np.full(w.shape, np.inf), np.full(w.shape, np.inf)
    failures = np.zeros(w.shape, int)
    active = np.arange(len(w))
    for count in range(STEPS):
        if not len(active):
            return w
        here = trial[active]
        value, slope = _value_and_slope(step, here, active)
        gap = np.abs((value - here) / (value - here.conj()))  # pseudo-hyperbolic distance from w to T(w)
        left = relative_residual(here, value, scale)
        move = _disc_fixed_point(here, value, slope)
        following = _moved(here, move)
        best = left <= residual[active]
        w[active[best]], residual[active[best]] = here[best], left[best]
        # on the way from far off a good step may raise the distance for a while
        better = gap <= distance[active] * (10.0 if count < FREE_STEPS else 1.0)
        trial[active] = np.where(better, following, image[active])
        image[active] = value
        distance[active] = np.where(better, gap, np.inf)
        failures[active[~best]] += 1
        converged = better & ((np.abs(move) < 1e-11) | (left < EPS / 2))
        w[active[converged]] = following[converged]
        # next to an edge rounding of T keeps the steps from shrinking further
        floor = np.where(failures[active] > 15, 1e-12, 8 * EPS)
        stuck = (failures[active] > 4) & (residual[active] < floor)
        active = active[~(converged | stuck)]
    require_small(residual[active])
    return w


def contraction(step: SelfMap, start: ComplexArray) -> ComplexArray:
    """Solves T(w) = w by Newton's method in log w, for maps that contract strongly in it; w off zero.

    Raises ArithmeticError as `fixed_point` does.
    """
    w, active = start.astype(np.complex128), np.arange(len(start))
    residual = np.zeros(w.shape)
    for count in range(STEPS):
        here = w[active]
        value = step(here, active)
        slope = np.log(step(here * (1 + NUDGE), active) / value) / np.log1p(NUDGE)
        move = np.log(value / here) / (1 - slope)
        w[active] = here * np.exp(move)
        residual[active] = relative_residual(here, value)
        # where rounding keeps the steps from shrinking further, a dozen steps have long reached it
        active = active[~((np.abs(move) < 1e-11) | ((count > 12) & (residual[active] < 1e-12)))]
        if not len(active):
            return w
    require_small(residual[active])
    return w


def relative_residual(w: ComplexArray, value: ComplexArray, scale: float = 0.0) -> FloatArray:
    """Returns |value - w|/(|value| + |w| + scale)."""
    return np.abs(value - w) / (np.abs(value) + np.abs(w) + scale)


def require_small(residual: FloatArray) -> None:
    """Raises ArithmeticError naming the largest residual where it is above 1e-9 or NaN."""
    worst = np.max(np.where(np.isnan(residual), np.inf, residual), initial=0.0)
    if worst > 1e-9:
        raise ArithmeticError(
            f"subordination equation must be solved to 1e-9; residual {worst:.1e} after {STEPS} steps; "
            "check that stieltjes of both laws is accurate next to the real axis (theory.testing.check)"
        )


def _value_and_slope(
    step: SelfMap, w: ComplexArray, active: NDArray[np.intp]
) -> tuple[ComplexArray, ComplexArray]:
    offset = 1j * OFFSET * w.imag
    both = step(np.concatenate([w, w + offset]), np.concatenate([active, active]))
    value, moved = both[: len(w)], both[len(w) :]
    return value, (moved - value) / offset


def _disc_fixed_point(w: ComplexArray, value: ComplexArray, slope: ComplexArray) -> ComplexArray:
    """Fixed point, in the coordinate (v - w)/(v - conj w), of the Moebius map with value and slope of T at w.

    That map is (a + c s)/(1 + conj(a) c s), |c| <= 1 by Schwarz and Pick, so one root of its quadratic is in the disc.
    """
    across = value - w.conj()
    a = (value - w) / across
    c = -slope * (w.imag / np.maximum(value.imag, 1e-300)) * (across.conj() / across)
    c = c / np.maximum(np.abs(c), 1.0)
    root = np.sqrt((1 - c) ** 2 + 4 * np.abs(a) ** 2 * c)
    root = np.where(((1 - c).conj() * root).real < 0, -root, root)
    s = 2 * a / ((1 - c) + root)
    s = np.where(np.isfinite(s), s, a)
    return s * np.minimum(1.0, 0.999 / np.maximum(np.abs(s), 0.5))


def _moved(w: ComplexArray, s: ComplexArray) -> ComplexArray:
    """The point with disc coordinate s around w; its imaginary part keeps its digits."""
    scale = w.imag / np.abs(1 - s) ** 2
    return (w.real - 2 * s.imag * scale) + 1j * (scale * (1 - np.abs(s)) * (1 + np.abs(s)))
