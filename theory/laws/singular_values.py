"""The law of singular values that belongs to a law of eigenvalues of W^T W."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.law import Law, Pairs, _whole, elementwise
from theory.laws.marchenko_pastur import MarchenkoPastur

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SingularValues(Law):
    """sqrt(X) for X following `law`, a law of eigenvalues on [0, oo).

        pdf(s) = 2 s law.pdf(s^2)

    Singular values of W / sqrt(rows) where `law` describes W^T W / rows: the scaling is that of `law`. At a hard edge
    of `law` (Marchenko-Pastur of ratio 1) the density at 0 is finite, 2/pi for unit variance: the quarter circle.
    As accurate as `law`. Raises ValueError for a law with mass below 0 or not of eigenvalues.

    >>> law = SingularValues(MarchenkoPastur(0.25))
    >>> law.bands
    ((0.5, 1.5),)
    """

    kind: ClassVar[str] = "singular_values"
    law: Law

    def __post_init__(self) -> None:
        if not isinstance(self.law, Law) or self.law.kind != "eigenvalues":
            raise ValueError(f"law must describe eigenvalues; got {self.law!r}; pass the law of W^T W")
        lowest = min(x for x, _ in (*self.law.bands, *self.law.atoms))
        if lowest < 0:
            raise ValueError(f"eigenvalues of W^T W must be >= 0; got a law from {lowest:g} on; pass the law of W^T W")

    @classmethod
    def examples(cls) -> Sequence["SingularValues"]:
        """Roots of Marchenko-Pastur laws, with hard edge and with atom."""
        return [cls(MarchenkoPastur(c, v)) for c, v in ((0.25, 1), (1, 1), (4, 1), (1 - 1e-6, 1), (0.5, 1e-16))]

    @property
    def bands(self) -> Pairs:
        """Roots of the bands of `law`."""
        return tuple((math.sqrt(low), math.sqrt(high)) for low, high in self.law.bands)

    @property
    def window(self) -> Pairs:
        """Roots of the window of `law`."""
        return tuple((math.sqrt(low), math.sqrt(high)) for low, high in self.law.window)

    @property
    def tail_index(self) -> float:
        """Twice that of `law`."""
        return 2 * self.law.tail_index

    @property
    def atoms(self) -> Pairs:
        """Roots of the atoms of `law`."""
        return tuple((math.sqrt(x), mass) for x, mass in self.law.atoms)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density; at 0 its limit from the right."""
        x = np.where(x == 0, 1e-150, x)  # the square stays above the smallest double: 0 times infinity is avoided
        positive = np.maximum(x, 1e-150)
        return np.where(x < 0, 0.0, np.where(np.isinf(x), 0.0, 2 * positive * self.law.pdf(positive**2)))

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(sqrt(X) <= x)."""
        return np.where(x < 0, 0.0, self.law.cdf(x**2))

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(sqrt(X) > x)."""
        return np.where(x < 0, 1.0, self.law.sf(x**2))

    @elementwise
    def logsf(self, x: FloatArray) -> FloatArray:
        """log P(sqrt(X) > x)."""
        return np.where(x < 0, 0.0, self.law.logsf(x**2))

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """Root of the quantile of `law`."""
        return np.sqrt(self.law.quantile(p))

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(sqrt X), by the rule of `law`."""
        return self.law.expectation(lambda x: f(np.sqrt(np.maximum(x, 0.0))))

    def scaled(self, factor: float) -> Law:
        """Singular values of factor W; reflected for a negative factor."""
        factor = checks.factor(factor)
        return SingularValues(self.law.scaled(factor * factor)) if factor > 0 else super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """A symmetric matrix (n, n) with these singular values: the root of a matrix of `law`."""
        values, vectors = np.linalg.eigh(self.law.sample_matrix(n, rng))
        rounding = 1e-13 * values[-1]  # its root would lie far off an atom at 0
        return (vectors * np.sqrt(np.where(values > rounding, values, 0.0))) @ vectors.T

    def matrix_gap(self, n: int) -> float:
        """That of `law`."""
        return self.law.matrix_gap(n)

    def moment(self, k: int) -> float:
        """E X^(k/2): the moment of `law` for even k, by quadrature for odd k."""
        _whole(k)
        if k >= self.tail_index:
            return math.inf
        return self.law.moment(k // 2) if k % 2 == 0 else super().moment(k)
