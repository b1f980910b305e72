"""Stieltjes transforms of laws with one band that solve a quadratic equation: its roots without cancellation."""

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
    anchors = (0.0, band.low, band.high)
    nearest = np.argmin([np.abs(z - x) for x in anchors], axis=0)
    values = np.array([float(constant + slope * Decimal(x)) for x in anchors])
    return values[nearest] + float(slope) * (z - np.array(anchors)[nearest])


def quotient(p: NDArray[np.complex128], root: NDArray[np.complex128], top: complex, bottom: NDArray[np.complex128],
             ) -> NDArray[np.complex128]:
    """The root m = top/(p - root) = (p + root)/bottom of a quadratic equation, by the form that does not cancel."""
    plus, minus = p + root, p - root
    by_minus = np.abs(minus) >= np.abs(plus)
    return np.where(by_minus, top / np.where(by_minus, minus, 1.0), plus / np.where(by_minus, 1.0, bottom))
