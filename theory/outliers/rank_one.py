"""The transition of Baik, Ben Arous and Peche: what noise makes of one direction that carries more than noise does.

Every prediction beside isotropic noise ends here: spikes, steps of gradient descent and Adam, trained weights. They
differ in P, the square length that the signal adds to its row, and in how much of it points where.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


class Detachment(NamedTuple):
    """Where a signal of square strength `power` leaves isotropic noise; arrays of one shape.

        T = sqrt(rows cols);   detached iff P > T;   location^2 = (P + rows)(P + cols)/P,   edge = sqrt rows + sqrt cols
        left overlap (P^2 - T^2)/(P (P + rows)),   right overlap (P^2 - T^2)/(P (P + cols))

    `rows` and `cols` are the sizes of the matrix times the variance of an entry: the noise has left vectors in R^rows.
    """

    power: FloatArray  # P, and T where nothing is detached
    rows: FloatArray | float
    cols: FloatArray | float
    detached: NDArray[np.bool_]
    excess: FloatArray  # (P^2 - T^2)/P, factorised; 0 where nothing is detached

    @property
    def edge(self) -> FloatArray:
        """Largest singular value of the noise."""
        return np.sqrt(self.rows) + np.sqrt(self.cols)

    @property
    def eigenvalue(self) -> FloatArray:
        """The square of the largest singular value; that of the edge where nothing is detached."""
        return (self.power + self.rows) * (1 + self.cols / self.power)

    @property
    def location(self) -> FloatArray:
        """Largest singular value; exactly the edge where nothing is detached."""
        return np.where(self.detached, np.sqrt(self.eigenvalue), self.edge)

    @property
    def left_overlap(self) -> FloatArray:
        """Squared, in R^rows; 0 where nothing is detached, and never above 1 by rounding."""
        return np.minimum(self.excess / (self.power + self.rows), 1.0)

    @property
    def right_overlap(self) -> FloatArray:
        """Squared, in R^cols; 0 where nothing is detached, and never above 1 by rounding."""
        return np.minimum(self.excess / (self.power + self.cols), 1.0)


def detachment(
    power: FloatArray, rows: ArrayLike, cols: ArrayLike, *, detached: NDArray[np.bool_] | None = None,
    above: FloatArray | None = None,
) -> Detachment:
    """Returns what becomes of a signal; `above` is P - T, for callers that know it without cancellation.

    `detached` is P > T unless a caller knows it better. Leading order in rows, cols -> oo at a fixed ratio.
    Source: Baik, Ben Arous and Peche 2005; in this form Benaych-Georges and Nadakuditi 2012, section 3.1.
    """
    r, c = np.asarray(rows, np.float64), np.asarray(cols, np.float64)
    critical = np.sqrt(r) * np.sqrt(c)  # of the product, which may underflow, it would be 0
    out = power > critical if detached is None else detached
    safe = np.where(out, power, critical)
    rise = np.where(out, power - critical if above is None else above, 0.0)
    return Detachment(safe, r, c, out, rise * (1 + critical / safe))
