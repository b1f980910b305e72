"""The orthogonality measure of the associated Laguerre polynomials, by a continued fraction and Kummer's equation.

    J = tridiagonal, J_00 = a + b + 1, J_nn = 2n + a + 2b + 1, J_n,n+1^2 = (b + 1 + n)(a + b + 1 + n)
    pdf(y) = y^a e^-y / (Gamma(b + 1) Gamma(a + b + 1) |u(y)|^2),   u(y) = U(b, -a, -y)
    m(z) = (J - z)^-1_00 = u'(z)/(b u(z))

Model II of Askey and Wimp 1984 and of Ismail, Letessier and Valent 1988. U on its cut overflows, cancels and has poles
in its series where a is whole; so m comes from the continued fraction at one point above the middle of the measure,
and Taylor series of y u'' + (y - a) u' + b u = 0 lead from there to the axis and along it, outwards: the direction in
which both solutions of the equation keep their digits. Imaginary parts enter by the Wronskian alone, so the density
keeps relative accuracy in both tails.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.heavy_tails.log_table import REACH, LogTable, tabulate

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
ORDER = 32  # Taylor terms: steps of a quarter of |y| and of three radians leave 1e-19
UNDERFLOW = -740.0  # log of the smallest double
MOST_STEPS = 20_000


@dataclass(frozen=True, eq=False)
class _Steps:
    """Taylor polynomials of u on consecutive intervals of the real axis, scaled by exp(-log_scale)."""

    edges: FloatArray  # (steps + 1,), increasing
    centres: FloatArray  # (steps,)
    lengths: FloatArray  # (steps,), signed
    coefficients: ComplexArray  # (ORDER + 1, steps), of powers of (y - centre)/length
    log_scale: FloatArray  # (steps,)

    def log_square(self, y: FloatArray) -> FloatArray:
        """log |u(y)|^2."""
        step = np.clip(np.searchsorted(self.edges, y, side="right") - 1, 0, len(self.centres) - 1)
        share = (y - self.centres[step]) / self.lengths[step]
        value = np.zeros(y.shape, complex)
        for row in self.coefficients[::-1]:
            value = value * share + row[step]
        return 2 * (np.log(np.abs(value)) + self.log_scale[step])


@functools.lru_cache(maxsize=64)
def associated_laguerre(a: float, b: float) -> LogTable:
    """Returns the measure as a table in log y, for a > -1 and b > 0.

    Relative accuracy of the density 1e-11 for b up to 1e3. Raises ArithmeticError where it isn't reached.
    """
    middle = 2 * b + a + 1
    start = complex(middle, math.sqrt((b + 1) * (a + b + 1)))
    u, r = complex(1), complex(continued_fraction(a, b, np.array([start]))[0])
    u, r = march(a, b, start, complex(middle), u, r)
    # y^a e^-y is taken relative to the middle: for large a the logarithm would lose digits
    log_weight = math.log((r / u).imag * abs(u) ** 2 / math.pi)
    up = _outwards(a, b, middle, u, r, log_weight, upwards=True)
    down = _outwards(a, b, middle, u, r, log_weight, upwards=False)
    steps = _join(down[0][::-1], up[0])
    low, high = steps.edges[0], steps.edges[-1]
    _, u_low, r_low, scale_low = down

    error = 1e-15 * math.sqrt((b + 1) * (a + b + 1))  # rounding of the logarithms that cancel

    def log_density(t: FloatArray) -> tuple[FloatArray, FloatArray]:
        y = np.exp(t)
        # below the first step u = A + B y^(1 + a): what y adds to the equation is under rounding
        rise = low * b * r_low / (1 + a)
        flat = u_low + rise * np.expm1((1 + a) * np.minimum(t - math.log(low), 0.0))
        below = 2 * (np.log(np.abs(flat)) + scale_low)
        square = np.where(y < low, below, steps.log_square(np.clip(y, low, high)))
        return log_weight + _log_weight(a, middle, y) + t - square, np.full(t.shape, error)

    start, end = math.log(low), math.log(high)
    if low > _least(b):  # the density underflows there
        return tabulate(log_density, np.linspace(start, end, 17))
    edges = np.append(np.linspace(-REACH, start, 17)[:-1], np.linspace(start, end, 17))
    return tabulate(log_density, edges, lower=1 + a)


def stieltjes(a: float, b: float, z: ComplexArray) -> ComplexArray:
    """m(z) of shape (m,), NaN on [0, oo): the continued fraction, next to the measure from above it and then down."""
    on_support = (z.imag == 0) & (z.real >= 0)
    finite = np.isfinite(z) & ~on_support
    point = np.asarray(np.where(finite, z.real + 1j * np.abs(z.imag), -1.0), dtype=np.complex128)
    value = _truncated(a, b, point, 1024)
    near = np.abs(value - _truncated(a, b, point, 512)) > 1e-15 * np.abs(value)
    value[near] = _from_above(a, b, point[near])
    value = np.where(z.imag < 0, value.conj(), value)
    return np.where(finite, value, np.where(np.isnan(z) | on_support, complex(np.nan, np.nan), 0.0))


def _from_above(a: float, b: float, point: ComplexArray) -> ComplexArray:
    height = 1 + 1.5 * np.sqrt(np.abs(point))
    start = np.asarray(point + 1j * np.maximum(height - point.imag, 0.0), dtype=np.complex128)
    u, r = march(a, b, start, point, np.ones(point.shape, complex), continued_fraction(a, b, start))
    return np.asarray(r / u, dtype=np.complex128)


def continued_fraction(a: float, b: float, z: ComplexArray) -> ComplexArray:
    """m(z) = (J - z)^-1_00 from its continued fraction, for z well off the half line, else ArithmeticError."""
    depth, value, error = 256, np.zeros(z.shape, complex), math.inf
    while depth <= 2**16:
        previous, value = value, _truncated(a, b, z, depth)
        error = float(np.max(np.abs(value - previous) / np.abs(value), initial=0.0))
        if error < 4e-16 or (error < 1e-14 and depth >= 4096):
            return value
        depth *= 2
    raise ArithmeticError(f"continued fraction must converge; residual {error:.1e}; move z off the axis")


def march(a: float, b: float, start: Any, end: Any, u: Any, r: Any) -> tuple[Any, Any]:
    """Leads (u, r = u'/b) from `start` to `end` by Taylor steps; scalars, or arrays elementwise."""
    z = start
    for _ in range(MOST_STEPS):
        gap = end - z
        share = np.minimum(1.0, step_length(a, b, z) / np.maximum(np.abs(gap), 1e-300))
        u_terms, r_terms = taylor(a, b, z, gap * share, u, r)
        u, r = sum(u_terms), sum(r_terms)
        scale = np.maximum(np.abs(u), np.abs(r))
        u, r, z = u / scale, r / scale, np.where(share >= 1, end, z + gap * share)[()]
        if np.all(share >= 1):
            return u, r
    raise ArithmeticError(f"Taylor steps must reach their end; stopped at {z!r} before {end!r}; move z off 0")


def step_length(a: float, b: float, z: Any) -> Any:
    """At most |z|/4, three units of the faster local exponent (z s^2 + (z - a) s + b = 0), its own scale sqrt|z|."""
    fastest = (np.abs(z - a) + np.sqrt(np.abs((z - a) ** 2 - 4 * b * z))) / (2 * np.abs(z))
    return np.minimum(np.minimum(np.abs(z) / 4, np.sqrt(np.abs(z))), 3 / np.maximum(fastest, 1e-300))


def taylor(a: float, b: float, z: Any, h: Any, u: Any, r: Any) -> tuple[list[Any], list[Any]]:
    """Taylor terms of u(z + h) and r(z + h), from u' = b r and z r' = (a - z) r - u."""
    us, rs, before = [u], [r], 0.0
    for k in range(ORDER):
        following = ((a - z - k) * rs[k] - h * before - us[k]) * (h / (z * (k + 1)))
        us.append(b * h * rs[k] / (k + 1))
        before = rs[k]
        rs.append(following)
    return us, rs


def _truncated(a: float, b: float, z: ComplexArray, depth: int) -> ComplexArray:
    value = np.zeros(z.shape, complex)
    for n in range(depth, 0, -1):
        value = 1 / (2 * n + a + 2 * b + 1 - z - (b + 1 + n) * (a + b + 1 + n) * value)
    return 1 / (a + b + 1 - z - (b + 1) * (a + b + 1) * value)


def _log_weight(a: float, middle: float, y: Any) -> Any:
    """log of y^a e^-y, divided by its value in the middle."""
    share = (y - middle) / middle
    return a * np.where(share > -0.5, np.log1p(np.maximum(share, -0.5)), np.log(y / middle)) - (y - middle)


def _least(b: float) -> float:
    """Below it the terms with y in y u'' + (y - a) u' + b u = 0 are under rounding."""
    return 1e-18 / (1 + b)


_Row = tuple[float, float, list[complex], float]  # centre, length, Taylor terms of u, logarithm of their scale


def _outwards(
    a: float, b: float, start: float, u: complex, r: complex, log_weight: float, *, upwards: bool
) -> tuple[list[_Row], complex, complex, float]:
    """Steps from `start` to where the density underflows or y is negligible; then u, r and the log of their scale."""
    y, log_scale, rows = start, 0.0, []
    for _ in range(MOST_STEPS):
        length = float(step_length(a, b, y)) * (1 if upwards else -1)
        us, rs = taylor(a, b, y, length, u, r)
        rows.append((y, length, us, log_scale))
        u, r, y = sum(us), sum(rs), y + length
        scale = max(abs(u), abs(r))
        u, r, log_scale = u / scale, r / scale, log_scale + math.log(scale)
        log_mass = log_weight + float(_log_weight(a, start, y)) + math.log(y) - 2 * (math.log(abs(u)) + log_scale)
        if log_mass < UNDERFLOW or (not upwards and y <= _least(b)):
            return rows, u, r, log_scale
    raise ArithmeticError(f"Taylor steps must reach the tail; stopped at y = {y}; a = {a}, b = {b} are too large")


def _join(down: list[_Row], up: list[_Row]) -> _Steps:
    centres, lengths, coefficients, scales = zip(*down, *up, strict=True)
    ends = [row[0] + row[1] for row in down] + [up[0][0]] + [row[0] + row[1] for row in up]
    return _Steps(np.array(ends), np.array(centres), np.array(lengths), np.array(coefficients).T, np.array(scales))
