"""Stieltjes transforms of laws with one band that solve a quadratic equation: its roots without cancellation."""

import functools
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from theory.band import Band


def split(band: Band, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """sqrt(z - a) sqrt(z - b), the branch of sqrt((z - a)(z - b)) that is z at infinity, cut along the band only."""
    return np.sqrt((z - band.low) - band.low_tail) * np.sqrt((z - band.high) - band.high_tail)


def linear(
    band: Band, z: NDArray[np.complex128], constant: Decimal, slope: Decimal
) -> NDArray[np.complex128]:
    """constant + slope z, from its exact value at whichever of 0 and the band's ends is nearest to z.

    A narrow band far from zero, an edge next to a zero of the line, and an atom far from the band cost no digits.
    """
    at_zero, at_low, at_high = _values(band, constant, slope)
    rate, from_low, from_high = float(slope), z - band.low, z - band.high
    size, low, high = np.abs(z), np.abs(from_low), np.abs(from_high)
    near_edge = np.where(low <= high, at_low + rate * from_low, at_high + rate * from_high)
    return np.where(size < np.minimum(low, high), at_zero + rate * z, near_edge)


def quotient(p: NDArray[np.complex128], root: NDArray[np.complex128], top: complex, bottom: NDArray[np.complex128],
             ) -> NDArray[np.complex128]:
    """The root m = top/(p - root) = (p + root)/bottom of a quadratic equation, by the form that does not cancel."""
    plus, minus = p + root, p - root
    by_minus = np.abs(minus) >= np.abs(plus)
    return np.where(by_minus, top / np.where(by_minus, minus, 1.0), plus / np.where(by_minus, 1.0, bottom))


@functools.lru_cache(maxsize=256)
def _values(band: Band, constant: Decimal, slope: Decimal) -> tuple[float, float, float]:
    """Values of the line at 0 and at both ends of the band, which cancel in doubles."""
    at_zero, at_low, at_high = (float(constant + slope * Decimal(x)) for x in (0.0, band.low, band.high))
    return at_zero, at_low, at_high
