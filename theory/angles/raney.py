"""The Fuss-Catalan law of order s in the angle u of its parametric form, and its generating function B = 1 + w B^(s+1).

    x = sin^(s+1)((s+1) u)/(sin u sin^s(s u)),   0 <= u <= pi/(s+1),   decreasing from the upper edge to 0

At the upper edge u = 0 everything is a power series in u whose leading terms cancel: written through v - sin v it does
not. Near x = 0 the variable is v = pi/(s+1) - u. B(x + i0) = sin((s+1) u)/sin(s u) exp(-i u).
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray

from theory.angles.monotone import Inverse

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
LAG = [(-1) ** k / math.factorial(2 * k + 3) for k in range(8, -1, -1)]  # of (v - sin v)/v^3 in v^2


def sines_from_zero(v: FloatArray, s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """sin u, sin(s u) and sin((s+1) u) for u = pi/(s+1) - v, v at most half the range: no argument near pi."""
    a = s + 1
    sine = np.sin(np.pi * s / a + v) if s < 1 else np.sin(np.pi / a - v)
    sine_of_order = np.sin(s * (np.pi / a - v)) if s < 1 else np.sin(np.pi / a + s * v)
    return sine, sine_of_order, np.sin(a * v)


def sines_from_edge(u: FloatArray, s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """sin u, sin(s u) and sin((s+1) u)."""
    return np.sin(u), np.sin(s * u), np.sin((s + 1) * u)


def root(v: FloatArray, s: float) -> tuple[FloatArray, FloatArray]:
    """x^(1/(s+1)), which starts linearly in v, and its derivative."""
    sine, sine_of_order, sine_of_sum = sines_from_zero(v, s)
    value = sine_of_sum / (sine * sine_of_order**s) ** (1 / (s + 1))
    return value, value * _log_slope(v, s, sine, sine_of_order, sine_of_sum) / (s + 1)


def below(v: FloatArray, s: float) -> tuple[FloatArray, FloatArray]:
    """P(X <= x) and its derivative by v.

    P = ((s+1) v + s sin u sin((s+1) u)/sin(s u))/pi: the phase of s B - log(B - 1), the primitive of B/z.
    """
    sine, sine_of_order, sine_of_sum = sines_from_zero(v, s)
    height = sine * sine_of_sum / sine_of_order / np.pi  # x pdf
    value = (s + 1) * v / np.pi + s * height
    return value, height * _log_slope(v, s, sine, sine_of_order, sine_of_sum)


def drop(u: FloatArray, s: float) -> tuple[FloatArray, FloatArray]:
    """log(edge/x), about s (s+1) u^2/2 at the edge, and its derivative."""
    value = _log_sinc(u) + s * _log_sinc(s * u) - (s + 1) * _log_sinc((s + 1) * u)
    return value, ((s + 1) * _bend((s + 1) * u) - _bend(u) - s * _bend(s * u)) / u


def above(u: FloatArray, s: float) -> tuple[FloatArray, FloatArray]:
    """P(X > x) and its derivative by u.

    P = ((s+1) u - s sin u sin((s+1) u)/sin(s u))/pi, as a sum of positive terms of order u^3.
    """
    sine, sine_of_order, sine_of_sum = sines_from_edge(u, s)
    value = s * _lag(2 * u) / 2 + _lag(u) * (1 + sine / u) + sine**2 / u * _bend(s * u)
    return value / np.pi, sine * sine_of_sum / sine_of_order / np.pi * drop(u, s)[1]


@functools.lru_cache(maxsize=64)
def inverses(s: float) -> tuple[Inverse, Inverse, Inverse, Inverse]:
    """Inverses of `root`, `below`, `drop` and `above`, each on its half of the angles; kept for 64 orders."""
    half = np.pi / (s + 1) / 2
    from_root, from_below, from_drop, from_above = (
        Inverse(functools.partial(f, s=s), half) for f in (root, below, drop, above)
    )
    return from_root, from_below, from_drop, from_above


def generating_function(z: ComplexArray, s: float) -> ComplexArray:
    """The root B of B = 1 + B^(s+1)/z with B -> 1 at infinity, for z off [0, edge].

    On the negative axis B lies in (0, 1) and a concave equation gives it; from there z is turned to its place in steps
    of pi/24, B followed by Newton: the path meets the branch point, the edge, at its end at most.
    Raises ArithmeticError with the residual where the last Newton iteration does not converge.
    """
    z = z + 0.0  # a negative zero as imaginary part would turn the negative axis all the way round
    a, size = s + 1, np.abs(z)
    turn = np.where(z.imag < 0, -1.0, 1.0) * np.pi - np.angle(z)
    b = _on_the_negative_axis(size, s).astype(np.complex128)
    steps = 24
    for k in range(1, steps + 1):
        b = b * np.exp(-1j * turn / steps * (b - 1) / (s * b - a))
        here = -size * np.exp(-1j * turn * k / steps) if k < steps else z
        for _ in range(2 if k < steps else 80):  # at the edge itself every iteration halves the error
            move = (b - 1 - b**a / here) / (1 - a * b**s / here)
            b = b - move
            if not np.any(np.abs(move) > 1e-15 * np.abs(b)):
                break
    residual = np.max(np.abs(b - 1 - b**a / z) / (1 + np.abs(b)), initial=0.0, where=np.isfinite(z))
    if not residual <= 1e-12:
        raise ArithmeticError(f"B = 1 + B^{a:g}/z must be solved to 1e-12; residual {residual:.3g}; report z and order")
    return b


def _on_the_negative_axis(size: FloatArray, s: float) -> FloatArray:
    """B for z = -size, by Newton in y = log(B/(1 - B)): (s+1) log B - log(1 - B) is increasing and concave in y."""
    wanted = np.log(size)
    y = np.where(wanted < 0, wanted / (s + 1), wanted)
    for _ in range(40):
        value = np.logaddexp(0.0, y) - (s + 1) * np.logaddexp(0.0, -y)
        b = 1 / (1 + np.exp(-y))
        step = (wanted - value) / ((s + 1) * (1 - b) + b)
        y = y + step
        if not np.any(np.abs(step) > 1e-9 * (1 + np.abs(y))):
            break
    return 1 / (1 + np.exp(-y))


def _log_slope(
    v: FloatArray, s: float, sine: FloatArray, sine_of_order: FloatArray, sine_of_sum: FloatArray
) -> FloatArray:
    """d log x / dv."""
    a = s + 1
    u = np.pi / a - v
    return a**2 * np.cos(a * v) / sine_of_sum + np.cos(u) / sine + s**2 * np.cos(s * u) / sine_of_order


def _lag(v: FloatArray) -> FloatArray:
    """v - sin v."""
    return np.where(np.abs(v) < 1, v**3 * np.polyval(LAG, v**2), v - np.sin(v))


def _log_sinc(v: FloatArray) -> FloatArray:
    """log(sin(v)/v)."""
    return np.log1p(-_lag(v) / v)


def _bend(v: FloatArray) -> FloatArray:
    """1 - v cot v, for 0 < v < pi."""
    return (2 * v * np.sin(v / 2) ** 2 - _lag(v)) / np.sin(v)
