"""Free powers and free compressions: sums of t free copies, and corners of rotated matrices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.free.edges import Branch
from theory.free.gaps import Gap, gaps
from theory.free.rotation import rotated
from theory.free.subordinated import Subordinated
from theory.free.transforms import centre, ends, excess, point, require_law, stieltjes, width
from theory.law import Law, Pairs
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def free_power(law: Law, power: float) -> Law:
    """The law with R-transform power R(g), power >= 1: for whole numbers the free sum of that many copies.

    Constants, semicircles and Marchenko-Pastur laws give one of their kind, the rest a `FreePower`; the law may take
    both signs and be unbounded. Raises ValueError for a power below 1, at which the law need not exist, and for laws
    that `FreePower` refuses. Source: Nica and Speicher 1996; 2006, corollary 14.13.

    >>> free_power(Semicircle(1.0), 2.5)
    Semicircle(variance=2.5)
    """
    require_law("law", law)
    power = _at_least_one(power)
    constant = point(law)
    if constant is not None:
        return law.scaled(power) if constant else law
    if isinstance(law, Semicircle):
        return Semicircle(power * law.variance)
    if isinstance(law, MarchenkoPastur):
        return MarchenkoPastur(law.ratio / power, law.variance * power)
    return law if power == 1 else FreePower(law, power)


def free_compression(law: Law, fraction: float) -> Law:
    """Eigenvalues of the upper left corner, `fraction` of the rows and columns, of a matrix in a random basis.

    R_fraction(g) = R(fraction g) (Nica and Speicher 1996): the free power 1/fraction, scaled by `fraction`. The corner
    of A is P A P for a projection P onto random directions, without the zeros. The law may take both signs and be
    unbounded. Raises ValueError for a fraction outside (0, 1] and for laws that `FreePower` refuses.

    >>> free_compression(MarchenkoPastur(0.5), 0.5)
    MarchenkoPastur(ratio=0.25, variance=1.0)
    """
    fraction = checks.positive("fraction", fraction, "pass rows of the corner / rows of the matrix")
    if fraction > 1:
        raise ValueError(f"fraction must be at most 1; got {fraction!r}; pass rows of the corner / rows of the matrix")
    return free_power(law, 1 / fraction).scaled(fraction) if fraction < 1 else require_law("law", law)


@dataclass(frozen=True)
class FreePower(Subordinated):
    """The law with R-transform power R(g), power > 1.

        m(z) = m_1(w),   w = (z + (power - 1) F_1(w))/power,   F_1 = -1/m_1

    An atom power a has mass power mass_1(a) - (power - 1) where that is positive.
    Raises ValueError for a power that is not above 1, laws that are constant or of singular values.
    Source: Nica and Speicher 1996; 2006, corollary 14.13; atoms and subordination Belinschi and Bercovici 2004.

    >>> signs = PointMasses([(-1.0, 0.5), (1.0, 0.5)])
    >>> [round(x, 12) for x in FreePower(signs, 5.0).bands[0]]  # Kesten-McKay of degree 5
    [-4.0, 4.0]
    """

    law: Law
    power: float

    def __post_init__(self) -> None:
        require_law("law", self.law)
        power = _at_least_one(self.power)
        if power == 1 or point(self.law) is not None:
            raise ValueError(f"law must not be constant and power not 1; got {self.law!r}, {power}; use free_power")
        object.__setattr__(self, "power", power)

    @classmethod
    def examples(cls) -> Sequence["FreePower"]:
        """Atoms, a power next to 1, a gap, large powers, extreme scales."""
        three = PointMasses([(-1.0, 0.35), (0.0, 0.3), (2.0, 0.35)])
        pairs: list[tuple[Law, float]] = [
            (PointMasses([(0.0, 0.7), (1.0, 0.3)]), 1.2), (three, 1.5), (three, 2.0), (Uniform(0.0, 1.0), 1.01),
            (PointMasses([(1e-8, 0.5), (4e-8, 0.5)]), 10 / 3), (MarchenkoPastur(0.3).shifted(-1.0), 50.0),
        ]  # fmt: skip
        return [cls(law, power) for law, power in pairs]

    @property
    def mean(self) -> float:
        """power times the mean."""
        return self.power * self.law.mean

    @property
    def std(self) -> float:
        """sqrt(power) times the standard deviation."""
        return math.sqrt(self.power) * self.law.std

    @property
    def tail_index(self) -> float:
        """That of the law."""
        return self.law.tail_index

    def free_cumulant(self, k: int) -> float:
        """power times the free cumulant."""
        return self.power * self.law.free_cumulant(k)

    def scaled(self, factor: float) -> "FreePower":
        """The power of the scaled law."""
        return FreePower(self.law.scaled(factor), self.power)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """power/k times a corner of the sum of k = floor(power) rotated matrices, whose size is n power/k."""
        n, copies = checks.count("size of the matrix", n, "pass n >= 1"), math.floor(self.power)
        size = max(n, round(n * self.power / copies))
        total = sum((rotated(self.law.sample_matrix(size, rng), rng) for _ in range(copies)), np.zeros((size, size)))
        return self.power / copies * total[:n, :n]

    def matrix_gap(self, n: int) -> float:
        """One gap of the law per copy."""
        return (math.floor(self.power) + 1) * self.law.matrix_gap(n)

    def _map(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        share = 1 / self.power
        return z * share + (1 - share) * (w + excess(self.law, w))

    @property
    def _resolution(self) -> float:
        """Next to a hard edge at 0 w and F(w) vanish together: T keeps relative digits there."""
        return 0.0 if self.law._ends[0] == 0 else super()._resolution

    def _start(self, z: ComplexArray) -> ComplexArray:
        return super()._start(z - (self.power - 1) * centre(self.law))

    def _transform(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        return stieltjes(self.law, w)

    def _branches(self) -> Sequence[Branch]:
        return [self._branch(gap) for gap in gaps(self.law, False)]

    def _branch(self, gap: Gap) -> Branch:
        """x = power w - (power - 1) F, margin dx/dw 1/(power F')."""

        def evaluate(y: FloatArray) -> tuple[FloatArray, FloatArray]:
            w, r, c, _ = gap.at(y)
            return w + (self.power - 1) * r, c - (1 - 1 / self.power)

        y = gap.table[1]
        # for powers next to 1 the band that stems from y = 0 on an inner gap is narrow
        fine = np.min(np.abs(y[y != 0])) * np.geomspace(1e-8, 1, 81)[:-1]
        inside = (y[0] < 0 < y[-1]) and not gap.outer
        y = np.sort(np.concatenate([y, fine, -fine])) if inside else y
        return Branch(evaluate, y[y != 0], gap.lowest, gap.highest, gap.below, gap.above)

    @property
    def _reach(self) -> tuple[float, float]:
        low, high = ends(self.law)
        return self.power * low, self.power * high

    @property
    def _size(self) -> tuple[float, float]:
        return self.power * centre(self.law), self.power * width(self.law)

    def _about(self, x: float) -> "FreePower | None":
        places = [a for a, _ in self.law.atoms if self.power * a == x]
        return FreePower(self.law.shifted(-places[0]), self.power) if places else None

    def _poles(self) -> Pairs:
        return tuple((self.power * x, self.power * mass - (self.power - 1)) for x, mass in self.law.atoms)


def _at_least_one(power: float) -> float:
    power = checks.positive("power", power, "pass a number >= 1")
    if power < 1:
        raise ValueError(f"power must be at least 1; got {power!r}; a free root need not exist")
    return power
