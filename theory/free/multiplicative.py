"""Products of free variables: the spectrum of A^{1/2} O B O^T A^{1/2} for a uniformly random orthogonal O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.free.edges import Branch, branch
from theory.free.fixed_point import contraction, fixed_point
from theory.free.gaps import Inverse, gaps
from theory.free.rotation import rotated
from theory.free.subordinated import Subordinated
from theory.free.transforms import excess, point, require_bounded, require_positive
from theory.law import Law, Pairs
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.uniform import Uniform

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def free_product(first: Law, second: Law) -> Law:
    """Multiplicative free convolution: eigenvalues of A^{1/2} O B O^T A^{1/2}, A, B >= 0, O uniformly orthogonal.

    A constant scales; Marchenko-Pastur with finitely many atoms, or with a law that has negative values too, is the
    sample covariance of that population, `GeneralizedMarchenkoPastur`; everything else is a `FreeProduct`. Raises
    ValueError as that does.

    >>> from theory.laws.point_masses import PointMasses
    >>> free_product(MarchenkoPastur(0.5, 2.0), PointMasses([(1.0, 0.5), (3.0, 0.5)]))
    GeneralizedMarchenkoPastur(ratio=0.5, population=((2.0, 0.5), (6.0, 0.5)))
    """
    for name, law in (("first", first), ("second", second)):
        require_bounded(name, law)
    for law, other in ((first, second), (second, first)):
        if isinstance(law, MarchenkoPastur) and isinstance(other, PointMasses) and point(other) is None:
            return GeneralizedMarchenkoPastur(law.ratio, tuple((law.variance * x, mass) for x, mass in other.atoms))
        if isinstance(law, MarchenkoPastur) and other.quantile(0.0) < 0:
            return GeneralizedMarchenkoPastur(law.ratio, other.scaled(law.variance))
    for name, law in (("first", first), ("second", second)):
        require_positive(name, law)
    for law, other in ((first, second), (second, first)):
        constant = point(law)
        if constant is not None:
            return other.scaled(constant)
    return FreeProduct(first, second)


@dataclass(frozen=True)
class FreeProduct(Subordinated):
    """Eigenvalues of A^{1/2} O B O^T A^{1/2}, A and B >= 0 with the two laws, O uniformly orthogonal, n -> oo.

        z m(z) = w_1 m_1(w_1) = w_2 m_2(w_2),   w_1 w_2 = z/eta,   eta = 1 + 1/(z m(z))

    w_1 is the fixed point of w -> -z/h_2(-z/h_1(w)), h = F - identity, F = -1/m: the published equations at 1/z and
    1/w. The atom at 0 has the larger of both masses, an atom a b mass_1(a) + mass_2(b) - 1 where that is positive.
    Raises ValueError for laws that are constant, unbounded, not of eigenvalues or take negative values;
    ArithmeticError where an equation is not solved.
    Source: Voiculescu 1987; Belinschi and Bercovici 2007, theorem 3.1; atoms Belinschi 2003.

    >>> law = FreeProduct(MarchenkoPastur(1.0), MarchenkoPastur(1.0))  # Fuss-Catalan
    >>> law.bands, round(law.moment(3), 9)
    (((0.0, 6.75),), 12.0)
    """

    first: Law
    second: Law

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            law = require_positive(name, require_bounded(name, getattr(self, name)))
            if point(law) is not None:
                raise ValueError(f"{name} must not be constant; got {law!r}; use free_product or scaled")

    @classmethod
    def examples(cls) -> Sequence["FreeProduct"]:
        """A gap, zeros, hard edges at 0, products of projections, an atom between bands, extreme scales."""
        half = PointMasses([(1.0, 0.5), (2.0, 0.5)])
        coin = PointMasses([(0.0, 0.7), (1.0, 0.3)])
        pairs: list[tuple[Law, Law]] = [
            (MarchenkoPastur(0.5), PointMasses([(1.0, 0.45), (8.0, 0.55)])), (coin, coin),
            (MarchenkoPastur(2.0), PointMasses([(0.0, 0.6), (8.0, 0.4)])), (MarchenkoPastur(1.0), Uniform(1.0, 2.0)),
            (PointMasses([(1.0, 0.45), (5.0, 0.55)]), PointMasses([(1.0, 0.17), (1.3, 0.83)])),
            (Uniform(0.0, 1e8), half.scaled(1e-8)),
        ]  # fmt: skip
        return [cls(first, second) for first, second in pairs]

    @property
    def mean(self) -> float:
        """Product of the means."""
        return self.first.mean * self.second.mean

    @property
    def std(self) -> float:
        """Root of variance_1 mean_2^2 + mean_1^2 variance_2."""
        return math.hypot(self.first.std * self.second.mean, self.first.mean * self.second.std)

    def scaled(self, factor: float) -> Law:
        """The product with `first` scaled; reflected for a negative factor."""
        return FreeProduct(self.first.scaled(factor), self.second) if factor > 0 else super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """A^{1/2} O B O^T A^{1/2} with sampled matrices of the two laws."""
        values, basis = np.linalg.eigh(self.first.sample_matrix(n, rng))
        root = (basis * np.sqrt(np.maximum(values, 0.0))) @ basis.T
        product = root @ rotated(self.second.sample_matrix(n, rng), rng) @ root
        return (product + product.T) / 2

    def matrix_gap(self, n: int) -> float:
        """Sum of the gaps of both laws."""
        return self.first.matrix_gap(n) + self.second.matrix_gap(n)

    def _map(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        return -z / excess(self.second, -z / excess(self.first, w))

    def _transform(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        return w / z * self.first._stieltjes(w)

    def _start(self, z: ComplexArray) -> ComplexArray:
        # in the sector arg z <= arg w < pi, which T_z maps into itself
        direction = np.exp(0.5j * (np.angle(z) + np.pi))
        return np.asarray(np.abs(z) / self.second.mean * direction, np.complex128)

    def _solve(self, z: ComplexArray, start: ComplexArray) -> ComplexArray:
        """Opens the sector arg z < arg w < pi to the half plane by a power; for real z > 0 it is the half plane.

        For Re z < 0, where the sector gets thin, T_z is a strong contraction, and Newton's method in log w is safe.
        """
        w = start.copy()
        left = z.real < 0
        power = np.pi / (np.pi - np.angle(z[~left]))
        right = z[~left]

        def step(u: ComplexArray, k: NDArray[np.intp]) -> ComplexArray:
            return (self._map(right[k], right[k] * u ** (1 / power[k])) / right[k]) ** power[k]

        w[~left] = right * fixed_point(step, (start[~left] / right) ** power) ** (1 / power)
        w[left] = contraction(lambda w, k: self._map(z[left][k], w), z[left])
        return w

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        # at 0 the equations read 0/0; E 1/x is the product of both
        value = np.asarray(super()._stieltjes(np.where(z == 0, -self.mean, z)), np.complex128)
        if np.any(z == 0):
            value[z == 0] = self.first._stieltjes(z[z == 0]) * self.second._stieltjes(z[z == 0])
        return value

    def _branches(self) -> Sequence[Branch]:
        pairs = [(a, b) for a in gaps(self.first, True) for b in gaps(self.second, True)]
        return [one for a, b in pairs if (one := branch(a, b, _pairing))]

    def _poles(self) -> Pairs:
        zero = max(sum(mass for x, mass in law.atoms if x == 0) for law in (self.first, self.second))
        pairs = [(a * b, p + q - 1) for a, p in self.first.atoms for b, q in self.second.atoms if a * b > 0]
        return ((0.0, zero), *pairs) if zero > 0 else tuple(pairs)

    @property
    def _anchors(self) -> tuple[float, ...]:
        low = min(self.first._ends[0], self.second._ends[0])
        return (*super()._anchors, *((0.0,) if low == 0 else ()))


def _pairing(first: Inverse, second: Inverse) -> tuple[FloatArray, FloatArray]:
    """x = w_1 w_2 eta, margin (1/e_1 + 1/e_2 - 1) sign(w_1 w_2), e_i = d log eta/d log(1/w_i)."""
    x = np.where(np.abs(first.w) <= np.abs(second.w), first.w * second.r, second.w * first.r)
    return x, np.sign(first.w) * np.sign(second.w) * (first.c + second.c - 1)
