"""The one integral behind the Marchenko-Pastur and semicircle distribution functions, and its inverse.

    mass(t, q) = (2/pi) int_0^t sin^2 u / (1 + q^2 - 2 q cos u) du,   -1 <= q <= 1,   mass(pi, q) = 1

t is the angle in the band. Marchenko-Pastur of ratio c <= 1 has q = sqrt(c), the semicircle q = 0; the mass above the
angle t is mass(pi - t, -q).
"""

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.quadrature import gauss_legendre

FloatArray = NDArray[np.float64]
HALF = np.pi / 2


def mass(t: FloatArray, q: float, one_minus_q: float) -> FloatArray:
    """Evaluates the integral for t in [0, pi/2] with small relative error; `one_minus_q` is 1 - q without rounding.

    Gauss-Legendre with 16 nodes where the poles at u = +-i log q are further than t/1.5; the closed form elsewhere,
    (t + q sin t - (1 - q^2)/q^2 (phi - q sin t))/pi with phi = atan2(q sin t, 1 - q cos t), whose terms cancel for
    small t (and for small q, where it is never used).
    """
    near = np.inf if q <= 0 else -1.5 * np.log1p(-one_minus_q)
    smooth = ~(t >= near)  # NaN counts as smooth; t = near = 0 at a hard edge does not: there the slope is 0/0
    if np.all(smooth):
        return _by_quadrature(t, q, one_minus_q)
    result = np.empty(t.shape)
    result[smooth] = _by_quadrature(t[smooth], q, one_minus_q)
    result[~smooth] = _by_formula(t[~smooth], q, one_minus_q)
    return result


def shares(band: Band, x: FloatArray, q: float, one_minus_q: float) -> tuple[FloatArray, FloatArray]:
    """Returns the shares of the band's mass below and above x, each without cancellation at its own edge."""
    t = band.angle(x)
    low = ~(t > HALF)
    share = np.empty(x.shape)
    share[low] = mass(t[low], q, one_minus_q)
    share[~low] = mass(band.angle_from_high(x[~low]), -q, 1 + q)
    return np.where(low, share, 1 - share), np.where(low, 1 - share, share)


def slope(t: FloatArray, q: float, one_minus_q: float) -> FloatArray:
    """Derivative of `mass` by t."""
    square = np.sin(t / 2) ** 2
    return 8 / np.pi * square * (1 - square) / (one_minus_q**2 + 4 * q * square)


def inverse(p: FloatArray, q: float, one_minus_q: float) -> FloatArray:
    """Returns t with mass(t, q) = p for 0 <= p <= mass(pi/2, q).

    Newton in log t and log p, where the curve is concave with a slope between 3 (square-root edge) and about 1 (hard
    edge): it converges from anywhere, and in three steps from the interpolated start.
    """
    grid = np.linspace(np.log(1e-7), np.log(HALF), 160)
    log_p = np.log(p)
    heights = np.log(mass(np.exp(grid), q, one_minus_q))
    log_t = np.interp(log_p, heights, grid) + np.minimum(log_p - heights[0], 0.0) / 3
    for _ in range(12):
        t = np.exp(log_t)
        value = mass(t, q, one_minus_q)
        step = (log_p - np.log(value)) * value / (t * slope(t, q, one_minus_q))
        step = np.where(p > 0, step, 0.0)
        log_t = np.minimum(log_t + step, grid[-1])
        if not np.any(np.abs(step) > 1e-9):  # quadratic: the step after this one is below rounding
            break
    return np.where(p > 0, np.exp(log_t), 0.0 * p)


def _by_quadrature(t: FloatArray, q: float, one_minus_q: float) -> FloatArray:
    x, w = gauss_legendre()
    return t * (slope(t[..., None] * x, q, one_minus_q) @ w)


def _by_formula(t: FloatArray, q: float, one_minus_q: float) -> FloatArray:
    sine = np.sin(t)
    phi = np.arctan2(q * sine, one_minus_q + 2 * q * np.sin(t / 2) ** 2)
    return (t + q * sine - one_minus_q * (1 + q) / q**2 * (phi - q * sine)) / np.pi
