"""Sums of free variables: the spectrum of A + O B O^T for a uniformly random orthogonal O."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.free.divisible import ClosedR, closed_r_transform
from theory.free.edges import Branch, branch
from theory.free.gaps import Gap, Inverse, gaps
from theory.free.rotation import rotated
from theory.free.subordinated import Subordinated
from theory.free.transforms import excess, point, require_bounded
from theory.law import Law, Pairs
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def free_sum(first: Law, second: Law) -> Law:
    """Additive free convolution: eigenvalues of A + O B O^T, A and B with the two laws, O uniformly orthogonal.

    A constant shifts; two semicircles and two Marchenko-Pastur laws of equal jump ratio variance give one of their
    kind; everything else is a `FreeSum`. Raises ValueError as that does.

    >>> from theory import MarchenkoPastur, Semicircle
    >>> free_sum(Semicircle(0.5), Semicircle(0.25))
    Semicircle(variance=0.75)
    >>> [round(x, 6) for x in free_sum(MarchenkoPastur(0.25), Semicircle(0.04)).bands[0]]
    [0.119101, 2.302709]
    """
    require_bounded("first", first)
    require_bounded("second", second)
    for law, other in ((first, second), (second, first)):
        constant = point(law)
        if constant is not None:
            return other.shifted(constant)
    if isinstance(first, Semicircle) and isinstance(second, Semicircle):
        return Semicircle(first.variance + second.variance)
    if isinstance(first, MarchenkoPastur) and isinstance(second, MarchenkoPastur):
        jump, variance = first.ratio * first.variance, first.variance + second.variance
        if math.isclose(jump, second.ratio * second.variance, rel_tol=1e-15):
            return MarchenkoPastur(jump / variance, variance)
    return FreeSum(first, second)


@dataclass(frozen=True)
class FreeSum(Subordinated):
    """Eigenvalues of A + O B O^T, with A and B following `first` and `second` and O uniformly orthogonal, n -> oo.

        m(z) = m_1(w_1) = m_2(w_2),   w_1 + w_2 = z + F(z),   F = -1/m

    w_1 is the fixed point of w -> z + h_2(z + h_1(w)), h = F - identity; where `second` is a semicircle or
    Marchenko-Pastur law, of w -> z - R_2(G_1(w)). An atom a + b has mass mass_1(a) + mass_2(b) - 1 where that is
    positive. Raises ValueError for laws that are constant, unbounded or not of eigenvalues; ArithmeticError where an
    equation is not solved.
    Source: Voiculescu 1986; Belinschi and Bercovici 2007, theorem 4.1; atoms Bercovici and Voiculescu 1998.
    """

    first: Law
    second: Law

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            law = require_bounded(name, getattr(self, name))
            if point(law) is not None:
                raise ValueError(f"{name} must not be constant; got {law!r}; use free_sum or shifted")

    @classmethod
    def examples(cls) -> Sequence["FreeSum"]:
        """Hard edges, atoms, three bands, a tiny third atom, opposite signs, extreme ratios and scales."""
        fair, unfair = PointMasses([(0.0, 0.5), (1.0, 0.5)]), PointMasses([(0.0, 0.7), (1.0, 0.3)])
        three = PointMasses([(-1.0, 0.35), (0.0, 0.3), (2.0, 0.35)])
        sparse = PointMasses([(0.0, 1 - 1e-6), (3.0, 1e-6)])
        pairs: list[tuple[Law, Law]] = [
            (fair, fair), (unfair, unfair), (three, Semicircle(0.05)), (three, MarchenkoPastur(3.0, 0.1)),
            (three, PointMasses([(0.0, 0.835), (0.3, 0.165)])), (Semicircle(1.0), sparse),
            (MarchenkoPastur(0.2), MarchenkoPastur(3.0).scaled(-1.0)), (MarchenkoPastur(1e-4), Semicircle(1e-4)),
            (Uniform(0.0, 1e8), fair.scaled(1e8)),
        ]  # fmt: skip
        return [cls(first, second) for first, second in pairs]

    @property
    def mean(self) -> float:
        """Sum of the means."""
        return self.first.mean + self.second.mean

    @property
    def std(self) -> float:
        """Root of the sum of the variances."""
        return math.hypot(self.first.std, self.second.std)

    def free_cumulant(self, k: int) -> float:
        """Sum of the free cumulants."""
        return self.first.free_cumulant(k) + self.second.free_cumulant(k)

    def scaled(self, factor: float) -> "FreeSum":
        """The sum of the scaled laws."""
        return FreeSum(self.first.scaled(factor), self.second.scaled(factor))

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """A + O B O^T with sampled matrices of the two laws."""
        return self.first.sample_matrix(n, rng) + rotated(self.second.sample_matrix(n, rng), rng)

    def matrix_gap(self, n: int) -> float:
        """Sum of the gaps of both laws."""
        return self.first.matrix_gap(n) + self.second.matrix_gap(n)

    def _map(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        base, added = self._ordered
        closed = closed_r_transform(added)
        if closed:
            return z - closed.value(-base._stieltjes(w))
        return z + excess(added, z + excess(base, w))

    def _start(self, z: ComplexArray) -> ComplexArray:
        return super()._start(z - self._ordered[1].mean)

    def _transform(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        return self._ordered[0]._stieltjes(w)

    def _branches(self) -> Sequence[Branch]:
        base, added = self._ordered
        closed = closed_r_transform(added)
        if closed:
            return [_divisible_branch(gap, closed) for gap in gaps(base, False)]
        pairs = [(a, b) for a in gaps(base, False) for b in gaps(added, False)]
        return [one for a, b in pairs if (one := branch(a, b, _pairing))]

    def _poles(self) -> Pairs:
        return tuple((a + b, p + q - 1) for a, p in self.first.atoms for b, q in self.second.atoms)

    @property
    def _ordered(self) -> tuple[Law, Law]:
        return _ordered(self.first, self.second)


@functools.lru_cache(maxsize=64)
def _ordered(first: Law, second: Law) -> tuple[Law, Law]:
    """Returns both laws, the second the one whose R-transform is known, else the narrower one.

    The point that belongs to a narrow law passes near infinity inside bands, where the equation loses its digits.
    """
    known = [bool(closed_r_transform(law)) for law in (first, second)]
    swap = known[0] if known[0] != known[1] else first.std < second.std
    return (second, first) if swap else (first, second)


def _divisible_branch(gap: Gap, closed: ClosedR) -> Branch:
    """x = w + R(y), margin dx/dw 1/F'."""

    def evaluate(y: FloatArray) -> tuple[FloatArray, FloatArray]:
        w, _, c, _ = gap.at(y)
        return w + closed.value(y), c - y**2 * closed.slope(y)

    return Branch(evaluate, gap.table[1], gap.lowest, gap.highest, gap.outer)


def _pairing(first: Inverse, second: Inverse) -> tuple[FloatArray, FloatArray]:
    """x = w_1 + w_2 - 1/y, margin 1/F_1' + 1/F_2' - 1 = (1 - T')/(F_1' F_2')."""
    x = np.where(np.abs(first.w) <= np.abs(second.w), first.w + second.r, second.w + first.r)
    # c is next to 1 on an outer gap far out, next to 0 on the inner one that goes with it
    swap = first.c > second.c
    return x, np.where(swap, second.c - first.rest, first.c - second.rest)
