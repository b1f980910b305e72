"""Where a population's density is so thin that u is real up to rounding: tails, and the neighbourhood of 0.

To first order in the density h of the population at real u, with psi' taken without that density,

    psi(u) = x,   pdf(x) = h(u)/psi'(u),   P(X > x) = P(T > u) in the upper tail,   P(X <= x) = P(T <= u) in the lower

from Im psi = 0, that is psi'(u) Im u = pi ratio u^2 h(u), and pdf = Im u/(pi ratio |u|^2). What is left out is of the
relative size |u| h(u), the mass of the population that is left.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.sample_covariance.support import zeros_beyond

FloatArray = NDArray[np.float64]
THIN = 1e-16  # |u| h(u), below rounding of psi
LINEAR = 1e-9  # relative: psi(u)/u against psi'(0)
FLAT = 1e-14  # next to 0, where h may change by its own size within |u|


def ends_of_tails(inverse: Any, edges: FloatArray) -> FloatArray:
    """Returns the edges (bands, 2) in u with those at infinity, or at 0 behind a thin tail, brought in to its begin.

    A tail may be so thin that the sample's bulk has a soft edge beyond all of the population's mass: its u is returned.
    """
    law, result = inverse.law, np.array(edges)
    for side, sign, p in ((0, -1.0, 1e-16), (1, 1.0, 1 - 1.2e-16)):
        for k in np.flatnonzero(np.isinf(edges[:, side])):
            window = law.window[0][0] if side == 0 else law.window[-1][1]
            result[k, side] = _begin(inverse, window, sign, float(law.quantile(p)))
        for k in np.flatnonzero(edges[:, side] == 0) if inverse.excess_at_zero < 0 else ():
            window = min((pair[side] for pair in law.window), key=abs)
            thin = _thin_until(law, -sign * inverse.largest)
            if sign * window < 0 and abs(thin) > 1e-12 * inverse.largest:
                result[k, side] = _begin(inverse, window, sign, thin)
    return result


def density_at_zero(inverse: Any, x: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Returns the density at those x that are next to 0, with u = x/psi'(0), and which they are."""
    if inverse.excess_at_zero == 0:  # psi'(0) = 0
        return np.where(x == 0, np.inf, 0.0), x == 0
    near = (np.abs(x) <= 1e-6 * inverse.largest) & (inverse.excess_at_zero < 0)
    if not np.any(near):
        return np.zeros(x.shape), near
    u = np.where(near, x, 0.0) / -inverse.excess_at_zero
    h = np.asarray(inverse.law.pdf(u))
    near &= (u == 0) | (np.abs(u) * h <= FLAT)
    # and psi(u) must be psi'(0) u there: not where a population of small values begins just beyond
    off = near & (u != 0)
    if np.any(off):
        above = u[off] * (1 + 0.1j * np.sign(u[off]))
        near[off] = np.abs(inverse.value(above) / above / -inverse.excess_at_zero - 1) <= LINEAR
    return h / -inverse.excess_at_zero, near


def density(inverse: Any, u: FloatArray) -> FloatArray:
    """h(u)/psi'(u) at real u of a tail; next to a soft edge, where psi' = 0, h is below rounding and has no pole."""
    # above the axis by more than the local density h spreads psi', by less than psi' varies: each counts 1e-10
    slope = inverse.value_and_slope(u + 3e-6j * np.abs(u))[1].real
    return inverse.law.pdf(u) / np.maximum(slope, 1e-7)


def _begin(inverse: Any, window: float, sign: float, thin: float) -> float:
    """Returns where the population is `thin`; where u still spreads there, its window's end or an edge beyond."""
    if inverse.height(np.array([thin]))[0] <= 1e-9 * abs(thin):
        return thin
    return float(zeros_beyond(inverse, np.array([window]), sign)[0])


def _thin_until(law: Any, reach: float) -> float:
    """Returns the u, on the side of `reach` of 0, up to which |u| h(u) stays below rounding."""
    u = reach * 2.0 ** -np.arange(0.0, 400.0)
    with np.errstate(all="ignore"):
        thick = np.flatnonzero(~(np.abs(u) * law.pdf(u) <= THIN))
    return float(u[thick[-1]]) / 2 if len(thick) else reach
