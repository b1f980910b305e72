"""A law of finitely many atoms: populations, spectra of finite matrices."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.law import Law, Pairs, _order, _whole, elementwise

FloatArray = NDArray[np.float64]
REMEDY = "pass pairs (value, weight), such as [(1, .5), (3, .5)]"


@dataclass(frozen=True)
class PointMasses(Law):
    """The law with P(X = value) = weight for each of the pairs (value, weight); it has no bands.

    Stieltjes transform sum weight/(value - z); moments sum weight value^k; all functions right to rounding.
    Pairs are put in increasing order, equal values merged, and weights divided by their sum, which must be 1 to 1e-12.
    Raises ValueError for no pairs, values that are not finite, weights that are not positive or of another sum.

    >>> law = PointMasses([(3.0, 0.25), (1.0, 0.5), (3.0, 0.25)])
    >>> law.atoms
    ((1.0, 0.5), (3.0, 0.5))
    >>> law.mean, law.quantile(0.6)
    (2.0, 3.0)
    """

    kind: ClassVar[str] = "eigenvalues"
    pairs: Iterable[tuple[float, float]]

    def __post_init__(self) -> None:
        values, weights = _columns(self.pairs)
        total = math.fsum(weights)
        if not abs(total - 1) <= 1e-12:
            raise ValueError(f"weights must sum to 1; got a sum of {total!r}; divide them by it")
        order = np.argsort(values, kind="stable")
        distinct, start = np.unique(values[order] + 0.0, return_index=True)  # + 0: no negative zero
        merged = np.add.reduceat(weights[order], start) / total
        object.__setattr__(self, "pairs", tuple(zip(distinct.tolist(), merged.tolist(), strict=True)))

    @classmethod
    def of(cls, values: ArrayLike, weights: ArrayLike | None = None) -> "PointMasses":
        """Returns the law of these values; without weights the empirical law, each value counting once."""
        values = checks.array("values", values, "pass finite numbers").ravel()
        if not values.size:
            raise ValueError("values must not be empty; got none; pass at least one")
        if weights is None:
            weights = np.full(values.shape, 1 / values.size)
        weights = checks.array("weights", weights, "pass one positive number for each value").ravel()
        if weights.shape != values.shape:
            raise ValueError(
                f"weights must match the values; got {weights.size} for {values.size}; pass one for each value"
            )
        return cls(list(zip(values.tolist(), weights.tolist(), strict=True)))

    @classmethod
    def examples(cls) -> Sequence["PointMasses"]:
        """A sign, three atoms, tiny weights, both signs, and extreme scales."""
        rows = [[(-1, 0.5), (1, 0.5)], [(1, 0.2), (3, 0.4), (10, 0.4)], [(0, 1 - 1e-6), (1, 1e-6)],
                [(-2, 0.3), (0, 0.3), (5, 0.4)], [(1e-16, 0.5), (3e-16, 0.5)], [(1e16, 0.5), (3e16, 0.5)]]
        return [cls(row) for row in rows]

    @property
    def bands(self) -> Pairs:
        """(): there is no continuous part."""
        return ()

    @property
    def atoms(self) -> Pairs:
        """The pairs."""
        return tuple(self.pairs)  # type: ignore[arg-type]

    @property
    def values(self) -> FloatArray:
        """Places of the atoms, increasing, shape (atoms,)."""
        return np.array([x for x, _ in self.pairs])

    @property
    def weights(self) -> FloatArray:
        """Masses of the atoms, shape (atoms,)."""
        return np.array([mass for _, mass in self.pairs])

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part: 0."""
        return np.where(np.isnan(x), np.nan, 0.0)

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x)."""
        heights = np.concatenate([[0.0], self._heights])
        return np.where(np.isnan(x), np.nan, heights[np.searchsorted(self.values, x, side="right")])

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x), summed from above."""
        heights = np.concatenate([np.cumsum(self.weights[::-1])[::-1], [0.0]])
        heights[0] = 1.0
        return np.where(np.isnan(x), np.nan, heights[np.searchsorted(self.values, x, side="right")])

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; the smallest value at 0."""
        checks.probabilities(p)
        return np.where(np.isnan(p), np.nan, self.values[np.searchsorted(self._heights, np.nan_to_num(p))])

    def moment(self, k: int) -> float:
        """E X^k, the sum over the atoms."""
        _whole(k)
        return math.fsum(self.weights * self.values**k)

    def free_cumulant(self, k: int) -> float:
        """From the centred moments; 0 for k above 1 where there is one atom only."""
        return super().free_cumulant(k) if _order(k) == 1 or len(self.atoms) > 1 else 0.0

    def scaled(self, factor: float) -> "PointMasses":
        """The law of factor X; factor 0 is refused, as everywhere."""
        factor = checks.factor(factor)
        return PointMasses([(factor * x, mass) for x, mass in self.atoms])

    def shifted(self, offset: float) -> "PointMasses":
        """The law of X + offset."""
        offset = checks.number("offset", offset, "pass a number")
        return PointMasses([(x + offset, mass) for x, mass in self.atoms])

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return (1 / (self.values - z[:, None])) @ self.weights

    @property
    def _heights(self) -> FloatArray:
        heights = np.cumsum(self.weights)
        heights[-1] = 1.0
        return np.minimum(heights, 1.0)


def _columns(pairs: Any) -> tuple[FloatArray, FloatArray]:
    table = checks.array("pairs", list(pairs) if isinstance(pairs, Iterable) else pairs, REMEDY)
    if table.ndim != 2 or table.shape[1] != 2:
        raise ValueError(f"pairs must be a non-empty sequence of (value, weight); got shape {table.shape}; {REMEDY}")
    return table[:, 0], checks.array("weights", table[:, 1], REMEDY, above=0.0)
