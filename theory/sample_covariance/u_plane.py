"""Solves psi(u) = z in the upper half plane: at real z of the spectrum on the curve Im psi(u) = 0, elsewhere above it.

For every real a there is at most one v > 0 with Im psi(a + iv) = 0, a scalar monotone equation, and along this curve
psi increases (Ledoit and Wolf 2017, section 3, in u = -1/m_). A coarse curve, refined until its chords are good
starts, is stored per law; a point is found by Newton's method from the chord above it. `inverse` is a map of
`theory.sample_covariance.inverse_map`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.roots import bracketed_roots

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
STEPS = 6  # of Newton's method from the middle of a chord, or it is halved
HALVINGS = 50  # a touch of the axis or a cusp takes one per factor 2 of a
CHUNK = 2**12  # points solved at a time: temporaries stay in the cache


@dataclass(frozen=True)
class Curve:
    """Points (a, v) of the curve and x = psi(a + iv), in increasing order; bands follow one another."""

    a: FloatArray
    v: FloatArray
    x: FloatArray

    def bracket(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns Re u at the neighbours of x."""
        i = np.clip(np.searchsorted(self.x, x) - 1, 0, len(self.x) - 2)
        return self.a[i], self.a[i + 1]

    def start(self, x: FloatArray) -> ComplexArray:
        """Interpolates u at x: a and v^2 are linear in x next to an edge."""
        i = np.clip(np.searchsorted(self.x, x) - 1, 0, len(self.x) - 2)
        width = self.x[i + 1] - self.x[i]
        s = np.clip((x - self.x[i]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
        square = self.v[i] ** 2 * (1 - s) + self.v[i + 1] ** 2 * s
        return self.a[i] * (1 - s) + self.a[i + 1] * s + 1j * np.sqrt(square)


def curve(inverse: Any, edges: FloatArray, images: FloatArray) -> Curve:
    """Returns the curve over the intervals `edges` (bands, 2) of real u, whose images under psi are `images`.

    Starts from cosine points between the values of the population and halves what bends.
    """
    values = np.unique([x for pair in inverse.intervals for x in (*pair, 0.0)])  # at 0 the curve may touch the axis
    pieces = [_cosine(np.concatenate([[low], values[(values > low) & (values < high)], [high]])) for low, high in edges]
    a = np.concatenate(pieces)
    v, x = _heights(inverse, a)
    for k, at in ((0, [0, *np.cumsum([len(p) for p in pieces])[:-1]]), (1, np.cumsum([len(p) for p in pieces]) - 1)):
        v[at], x[at] = 0.0, images[:, k]
    # at a touch of the axis, or an edge of the population that rounding can't tell from one, there is no point to use
    ends = np.isin(a, edges)
    a, v, x = a[ends | (v > 0)], v[ends | (v > 0)], x[ends | (v > 0)]
    fresh = np.append(v[:-1] + v[1:] > 0, False)  # intervals to halve, but no gap of the spectrum
    for _ in range(HALVINGS):
        left: Any = np.flatnonzero(fresh)
        middle = (a[left] + a[left + 1]) / 2
        keep = (middle > a[left]) & (middle < a[left + 1])
        left, middle = left[keep], middle[keep]
        if not len(left):
            break
        height, image = _heights(inverse, middle)
        left, middle, height, image = (part[height > 0] for part in (left, middle, height, image))
        _, solved = newton(inverse, Curve(a, v, x).start(image), image, steps=STEPS)
        wide = np.diff(a)[left] > 1e-3 * height  # narrower, a chord fails by rounding only, at a cusp
        bent = wide & ~solved
        fresh = np.zeros(len(a), bool)
        fresh[left] = bent
        a, v, x = (np.insert(old, left + 1, new) for old, new in ((a, middle), (v, height), (x, image)))
        fresh = np.insert(fresh, left + 1, bent)
    return Curve(a, v, np.maximum.accumulate(x))


def on_curve(inverse: Any, start: Curve, x: FloatArray) -> ComplexArray:
    """Returns the u with Im u > 0 and psi(u) = x for x (m,) inside the bands, to the conditioning of the equation.

    Raises ArithmeticError with the residual where neither Newton's method nor bisection along the curve finds it.
    """
    u = start.start(x)
    solved = np.empty(len(x), bool)
    for i in range(0, len(x), CHUNK):
        part = slice(i, i + CHUNK)
        u[part], solved[part] = newton(inverse, u[part], x[part])
    if not np.all(solved):
        rest = x[~solved]
        u[~solved] = _bisect(inverse, *start.bracket(rest), rest.astype(np.complex128))
        residual = np.max(np.abs(inverse.value(u[~solved]) - rest) / np.abs(rest))
        if not residual < 1e-7:
            raise ArithmeticError(f"psi(u) = x must have a root at every x of a band; relative residual {residual:.3g}")
    return u


def above_curve(inverse: Any, start: Curve, z: ComplexArray) -> ComplexArray:
    """Returns the u with Im u > 0 and psi(u) = z for z (m,) with Im z > 0; there is one.

    Raises ArithmeticError with the residual where neither Newton's method nor bisection finds it.
    """
    nearest = np.clip(z.real, start.x[0], start.x[-1])
    u, solved = newton(inverse, start.start(nearest) + (z - nearest), z)
    solved |= _exhausted(inverse, u, z)
    if not np.all(solved):
        rest = z[~solved]
        reach = (inverse.ratio + np.sqrt(inverse.ratio)) * inverse.largest  # bounds |Re psi(u) - Re u| above the curve
        u[~solved] = _bisect(inverse, rest.real - reach, rest.real + reach, rest)
    residual = np.abs(inverse.value(u) - z) / np.abs(z)
    wrong = ~((residual <= 1e-9) | _exhausted(inverse, u, z)) & np.isfinite(z)
    if np.any(wrong):
        raise ArithmeticError(f"psi(u) = z must have a root for Im z > 0; relative residual {residual[wrong][0]:.3g}")
    # Newton stops at rounding of |u|; Im psi is as exact as Im u, so that next to the axis Im u can be too
    value, slope = inverse.value_and_slope(u)
    step = ((z - value) / slope).imag
    return u + 1j * np.where(np.abs(step) < 0.1 * u.imag, step, 0.0)


def on_axis(inverse: Any, edges: FloatArray, images: FloatArray, x: FloatArray) -> FloatArray:
    """Returns the real u with psi(u) = x and psi'(u) > 0 for x (m,) off the bands; psi increases through every gap."""
    band = (np.searchsorted(images.ravel(), x) + 1) // 2  # the number of bands below x
    ends = np.concatenate([[-np.inf], edges.ravel(), [np.inf]]).reshape(-1, 2)
    low, high = ends[band].T
    scale = np.max(np.abs(edges[np.isfinite(edges)]), initial=0.0)
    # psi(u) - u stays bounded: a multiple of it brackets the root beyond the outermost edges
    far = 4 * (np.abs(x) + np.max(np.abs(images[np.isfinite(images)])) + scale) * max(1.0, inverse.ratio)
    low, high = np.where(np.isinf(low), -far, low), np.where(np.isinf(high), far, high)
    return bracketed_roots(lambda u: inverse.value(u) - x, low, high)


def newton(inverse: Any, u: ComplexArray, z: Any, steps: int = 40) -> tuple[ComplexArray, NDArray[np.bool_]]:
    """Newton's method for psi(u) = z; steps that would leave the upper half plane are cut. Returns u, converged."""
    active = np.arange(len(u))
    u, solved = np.array(u), np.zeros(len(u), bool)
    for _ in range(steps):
        here, target = u[active], z[active]
        value, slope = inverse.value_and_slope(here)
        rest = target - value
        step = rest / slope
        cut = here.imag + step.imag <= 0
        step = np.where(cut, step * (0.7 * here.imag / np.where(cut, -step.imag, 1.0)), step)
        exact = np.abs(rest) <= inverse.rounding * np.abs(target)  # of psi, which next to an edge may throw u far off
        u[active] = np.where(exact & (np.abs(step) > 0.01 * here.imag), here, here + step)
        # the step after one of 1e-9 is below rounding; one below the spacing of u is rounding itself
        done = exact | ((np.abs(step) <= np.maximum(1e-9 * here.imag, 4e-16 * np.abs(here))) & ~cut)
        solved[active] = done
        active = active[~done]
        if not len(active):
            break
    return u, solved


def _exhausted(inverse: Any, u: ComplexArray, z: ComplexArray) -> NDArray[np.bool_]:
    """True where Newton's step from u is below rounding of u: beside an atom at 0, psi(u) = z cancels for small z."""
    value, slope = inverse.value_and_slope(u)
    return np.abs(z - value) <= 1e-14 * np.abs(u * slope)


def _heights(inverse: Any, a: FloatArray) -> tuple[FloatArray, FloatArray]:
    v = inverse.height(a)
    return v, inverse.value(a + 1j * v).real


def _cosine(ends: FloatArray, points: int = 8) -> FloatArray:
    """Returns the ends and points between them that are dense at both."""
    fraction = np.sin(np.linspace(0, np.pi / 2, points, endpoint=False)) ** 2
    inner = ends[:-1, None] + np.diff(ends)[:, None] * fraction
    return np.unique(np.append(inner.ravel(), ends[-1]))


def _bisect(inverse: Any, low: FloatArray, high: FloatArray, z: ComplexArray) -> ComplexArray:
    """Finds u between Re u = low and high by halving the level line Im psi = Im z, along which Re psi increases.

    Slow, but it never fails; polished by Newton's method where that converges.
    """

    def level(a: FloatArray) -> ComplexArray:
        v = inverse.height(a)
        above = z.imag > 0
        if np.any(above):  # Im u - Im psi(u) lies between 0 and the bound added below
            y = np.maximum(z.imag, 5e-324)
            top = np.log(y + 1.01 * np.sqrt(inverse.ratio) * inverse.largest)
            found = bracketed_roots(lambda t: inverse.value(a + 1j * np.exp(t)).imag / y - 1, np.log(y), top)
            v = np.where(above, np.exp(found), v)
        return a + 1j * v

    for _ in range(60):
        middle = (low + high) / 2
        image = inverse.value(level(middle)).real
        low, high = np.where(image < z.real, middle, low), np.where(image < z.real, high, middle)
    u = level((low + high) / 2)
    polished, good = newton(inverse, u, z)
    return np.where(good, polished, u)
