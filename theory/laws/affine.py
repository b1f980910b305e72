"""The law of a scaled and shifted variable, for any law."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.law import Law, Pairs, _whole, elementwise
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.roots import newton_roots

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Affine(Law):
    """factor X + offset for X following `law`; a negative factor reflects.

        pdf(x) = law.pdf((x - offset)/factor)/|factor|

    `Law.scaled` and `Law.shifted` return it where a law has no scale of its own. The kind is that of `law`, and so is
    the accuracy, but for the rounding of factor x + offset next to an edge.
    Raises ValueError for a factor that is 0 or not finite, an offset that is not finite.

    >>> Affine(MarchenkoPastur(0.25), 2.0, -1.0).bands
    ((-0.5, 3.5),)
    """

    law: Law
    factor: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.law, Law):
            raise ValueError(f"law must be a Law; got {self.law!r}; pass an instance such as MarchenkoPastur(0.5)")
        object.__setattr__(self, "factor", checks.factor(self.factor))
        object.__setattr__(self, "offset", checks.number("offset", self.offset, "pass a number"))

    @property
    def kind(self) -> str:  # type: ignore[override]
        """That of `law`."""
        return self.law.kind

    @classmethod
    def examples(cls) -> Sequence["Affine"]:
        """Shifts, reflections and scales of a law with a band and one with an atom."""
        pairs = ((2.0, -1.0), (-1.0, 0.0), (-0.5, 3.0), (1e-8, 0.0), (1e8, 0.0))
        return [cls(MarchenkoPastur(c), a, b) for c in (0.25, 3.0) for a, b in pairs]

    @property
    def bands(self) -> Pairs:
        """Images of the bands of `law`."""
        return self._image(self.law.bands)

    @property
    def window(self) -> Pairs:
        """Images of the window of `law`."""
        return self._image(self.law.window)

    @property
    def tail_index(self) -> float:
        """That of `law`."""
        return self.law.tail_index

    @property
    def atoms(self) -> Pairs:
        """Images of the atoms of `law`."""
        return tuple(sorted((self._map(x), mass) for x, mass in self.law.atoms))

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part."""
        return self.law.pdf(self._back(x)) / abs(self.factor)

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(factor X + offset <= x)."""
        if self.factor > 0:
            return self.law.cdf(self._back(x))
        return self.law.sf(self._back(x)) + self._mass_at(x)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(factor X + offset > x)."""
        if self.factor > 0:
            return self.law.sf(self._back(x))
        return self.law.cdf(self._back(x)) - self._mass_at(x)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}."""
        checks.probabilities(p)
        if self.factor > 0:
            return np.asarray(self._map(self.law.quantile(p)))
        if self.bands == self.window:
            return np.asarray(super().quantile(p))
        return np.asarray(self._map(_upper_quantile(self.law, p)))

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(factor X + offset), by the rule of `law`."""
        return self.law.expectation(lambda x: f(self._map(x)))

    def moment(self, k: int) -> float:
        """E (factor X + offset)^k; by quadrature where there is an offset. Not finite from the tail index on."""
        _whole(k)
        if self.offset == 0 or k >= self.tail_index:
            return self.factor**k * self.law.moment(k)
        return super().moment(k)

    @property
    def mean(self) -> float:
        """factor E X + offset."""
        return self._map(self.law.mean)

    @property
    def std(self) -> float:
        """|factor| times that of `law`."""
        return abs(self.factor) * self.law.std

    def free_cumulant(self, k: int) -> float:
        """factor^k times that of `law`, the offset added to the first."""
        return self.factor**k * self.law.free_cumulant(k) + (self.offset if k == 1 else 0.0)

    def scaled(self, factor: float) -> "Affine":
        """The law of factor times this variable."""
        factor = checks.factor(factor)
        return Affine(self.law, self.factor * factor, self.offset * factor)

    def shifted(self, offset: float) -> "Affine":
        """The law of this variable plus offset."""
        offset = checks.number("offset", offset, "pass a number")
        return Affine(self.law, self.factor, self.offset + offset)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """factor times a matrix of `law`, plus offset on the diagonal."""
        matrix = self.factor * self.law.sample_matrix(n, rng)
        return matrix + self.offset * np.eye(*matrix.shape)

    def matrix_gap(self, n: int) -> float:
        """That of `law`."""
        return self.law.matrix_gap(n)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self.law._stieltjes((z - self.offset) / self.factor) / self.factor

    def _map(self, x: Any) -> Any:
        return self.factor * x + self.offset

    def _back(self, x: FloatArray) -> FloatArray:
        y = (x - self.offset) / self.factor
        for a, _ in self.law.atoms:  # rounding must not carry a point over an atom, nor off it
            side = np.sign(x - self._map(a)) * np.sign(self.factor)
            y = np.where(side > 0, np.maximum(y, a), np.where(side < 0, np.minimum(y, np.nextafter(a, -np.inf)), y))
            y = np.where(side == 0, a, y)
        # what underflows stays beside an atom at 0, not on it
        least = np.copysign(5e-324, (x - self.offset) * np.sign(self.factor))
        return np.where((y == 0) & (x != self.offset), least, y)

    def _image(self, bands: Pairs) -> Pairs:
        return tuple(sorted((min(ends), max(ends)) for ends in ((self._map(a), self._map(b)) for a, b in bands)))

    def _mass_at(self, x: FloatArray) -> FloatArray:
        return sum((mass * (x == a) for a, mass in self.atoms), np.zeros(x.shape))


def _upper_quantile(law: Law, p: FloatArray) -> FloatArray:
    """The x with P(X >= x) = p, for a law with an infinite band, whose tables would not end.

    1 - p loses the digits of a small p: from its quantile on, Newton's method for log sf in the logarithm of the
    distance from the median, in which a power tail is a straight line.
    """
    x = np.array(law.quantile(1 - np.maximum(p, 1e-15 * (p > 0))), np.float64)
    middle = float(law.quantile(0.5))
    far = (p > 0) & (p < 0.1) & (x > middle) & ~np.isin(x, [a for a, _ in law.atoms])
    wanted, start = np.log(p[far]), np.log(x[far] - middle)

    def excess(log_distance: FloatArray, i: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        at = middle + np.exp(log_distance)
        return wanted[i] - law.logsf(at), law.pdf(at) * np.exp(log_distance) / law.sf(at)

    largest = np.full(start.shape, math.log(1e307))
    log_distance, settled = newton_roots(excess, start, start - 1, largest, steps=200, floor=0.0)
    if not np.all(settled):
        raise ArithmeticError(f"quantile of the reflected law must settle; it doesn't for {law!r}; report the law")
    x[far] = np.where(log_distance < largest - 1, middle + np.exp(log_distance), np.inf)
    return x
