"""The equation of Levy matrices, reduced to one entire function of one complex unknown.

    H(q) = int_0^oo exp(-s - q s^a) ds,   1 - H(q) = Gamma(1 + a) q S(q),   a = alpha/2 in (0, 1)
    q = y S(q'),   q' = ratio y S(q),   y = Gamma(1 - a) (-z)^-a,   m(z) = -H(q)/z

m is the Stieltjes transform of X^T X for entries with P(|X_ij| > t) = t^-alpha/rows. These are the equations
M = f(M'), f(K) = (1/Gamma(a)) int t^(a-1) exp(-p t - K t^a) dt, p^2 = -z, of the cavity method (Cizeau and Bouchaud
1994; Ben Arous and Guionnet 2008; Belinschi, Dembo, Guionnet 2009), with q = K p^-a in place of K: the unknown stays of
order one where f runs over hundreds of decades, and integration by parts ties the density to the unknown.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
CHUNK = 64  # points whose integrals are summed at once; near arg q = pi a and a = 1 each takes some 10^4 nodes
MARGIN = 0.01  # least distance, in Im t, to where an integrand ceases to decay; .02 is met, at alpha 1.95
TOLERANCE = 1e-11  # of log q - log(right-hand side)


def solve(a: float, ratio: float, y: ComplexArray) -> tuple[ComplexArray, FloatArray]:
    """Returns H(q) (m,) and the error of Im H, for ratio <= 1 and y in the sector |arg y| <= pi a.

    Newton's method for log q from the solution at a = 1, which is that of Marchenko and Pastur. At ratio 1 the two
    equations are one, q = y S(q): for z -> 0 the pair would fix the product q q' only.
    The error is that of the integrals through the derivative of H by log q: next to a sharp edge its root.
    Raises ArithmeticError with the residual where it doesn't converge.
    """
    with np.errstate(all="ignore"):
        log_q, phase = np.log(_start(a, ratio, y)), np.angle(y)
        slope, last = np.ones_like(y), np.full(y.shape, math.inf)
        active = np.arange(len(y))
        for _ in range(80):
            residual, slope[active] = _residual(a, ratio, y[active], np.exp(log_q[active]))
            step = residual / slope[active]
            # a step is at most 1/2, and the phase stays between 0 and that of y: no point leaves its basin
            new = log_q[active] - step / np.maximum(1.0, 2 * np.abs(step))
            low, high = np.minimum(phase[active], 0.0), np.maximum(phase[active], 0.0)
            log_q[active] = new.real + 1j * np.clip(new.imag, low, high)
            size, before = np.abs(residual), last[active]
            last[active] = size
            # Newton goes on until rounding stops it; at a sharp edge, a double root, each step still divides by 4
            active = active[~((size < 1e-15) | ((size > before / 3) & (size < TOLERANCE)))]
            if not len(active):
                h = stretched(a, np.exp(log_q))[0]
                return h, 1e-15 / (1 - a) * np.abs(h * (1 - h) / slope)
    worst = float(np.max(last[active]))
    raise ArithmeticError(f"Levy equation must converge; residual {worst:.1e} for alpha {2 * a:g}, ratio {ratio:g}")


def stretched(a: float, q: ComplexArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """H(q), S(q) and S'(q) for |arg q| < pi: a power series inside the unit circle, integrals outside."""
    result = np.empty((3, *q.shape), complex)
    inside = np.abs(q) < 1
    result[:, inside] = _series(a, q[inside])
    outside = np.flatnonzero(~inside)
    order = outside[np.argsort(np.abs(np.angle(q[outside])))]  # points of a chunk share the spacing of the worst
    for first in range(0, len(order), CHUNK):
        chunk = order[first : first + CHUNK]
        result[:, chunk] = _integrals(a, q[chunk])
    return result[0], result[1], result[2]


def _residual(a: float, ratio: float, y: ComplexArray, q: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """log q - log(right-hand side) and its derivative by log q."""
    _, value, slope = stretched(a, q)
    if ratio == 1:
        return np.log(q / (y * value)), 1 - q * slope / value
    other = ratio * y * value
    _, value_other, slope_other = stretched(a, other)
    product = (q * slope / value) * (other * slope_other / value_other)
    return np.log(q / (y * value_other)), 1 - product


def _start(a: float, ratio: float, y: ComplexArray) -> ComplexArray:
    """The solution with H = 1/(1 + g q), g = Gamma(1 + a): g q^2 + (1 - g (1 - ratio) y) q = y, q ~ y at 0."""
    g = math.gamma(1 + a)
    root = np.sqrt(1 + g * y * (1 + math.sqrt(ratio)) ** 2) * np.sqrt(1 + g * y * (1 - math.sqrt(ratio)) ** 2)
    # the roots of the discriminant are negative; 2 y/(b + root) has no cancellation for small y
    return 2 * y / (1 - g * (1 - ratio) * y + root)


def _series(a: float, q: ComplexArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    s, slope = np.zeros_like(q), np.zeros_like(q)
    for coefficient in _coefficients(a)[::-1]:
        slope = slope * q + s
        s = s * q + coefficient
    return 1 - math.gamma(1 + a) * q * s, s, slope


@functools.lru_cache(maxsize=64)
def _coefficients(a: float) -> FloatArray:
    """Coefficients of S, (-1)^j Gamma(a (j + 1) + 1)/((j + 1)! Gamma(1 + a)), down to 1e-18."""
    j = np.arange(2000)
    size = gammaln(a * (j + 1) + 1) - gammaln(j + 2) - gammaln(1 + a)
    count = int(np.argmax(size < -41)) or len(j)
    return np.exp(size[:count]) * (-1.0) ** j[:count]


def _integrals(a: float, q: ComplexArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Trapezoidal rule in t, s = c exp(t - exp(-t) - i angle), on the ray where both exponentials decay alike.

    The error falls like exp(-2 pi d/h) with d the distance, in Im t, to where one of them ceases to decay.
    """
    phase = np.angle(q)
    angle = phase / (1 + a)
    margin = max(MARGIN, float(np.min(np.pi / 2 - np.abs(angle))))
    spacing = margin / 8
    scale = np.minimum(1.0, np.abs(q) ** (-1 / a))
    decay = (40 + 8 / a) / math.sin(margin)  # exp(-decay) beats the powers of s before it
    end = max(1.0, min(math.log(decay) / a, math.log(decay / float(np.min(scale)))))
    t = np.arange(-math.log(40 / a), end + spacing, spacing)
    u = t - np.exp(-t)
    real, real_power, weight = np.exp(u), np.exp(a * u), spacing * (1 + np.exp(-t))
    turn = scale * np.exp(-1j * angle)  # s = turn real, s^a = turn^a real^a: one complex exponential per node
    turn_power = scale**a * np.exp(-1j * a * angle)
    values = np.exp(-np.multiply.outer(turn, real) - np.multiply.outer(q * turn_power, real_power))
    columns = np.stack([weight * real, weight * real_power, weight * real_power**2], axis=1)
    h, first, second = (values @ columns).T * np.stack([turn, turn_power, turn_power**2])
    return h, first / math.gamma(a), -second / math.gamma(a)
