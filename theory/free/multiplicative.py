"""Products of free variables: the spectrum of A^{1/2} O B O^T A^{1/2} for a uniformly random orthogonal O."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.band import LARGEST_ROOT
from theory.free.axis import Axis
from theory.free.edges import Branch, branch
from theory.free.fixed_point import contraction, fixed_point
from theory.free.gaps import Inverse, gaps
from theory.free.rotation import rotated
from theory.free.signed import signed_branches
from theory.free.subordinated import Subordinated
from theory.free.transforms import centre, ends, excess, point, require_law, require_positive, stieltjes, width
from theory.law import Law, Pairs
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def free_product(first: Law, second: Law) -> Law:
    """Multiplicative free convolution: eigenvalues of A^{1/2} O B O^T A^{1/2}, A >= 0, O uniformly orthogonal.

        S_product(y) = S_A(y) S_B(y),   S(y) = (1 + y)/y psi^{-1}(y),   psi(z) = int z x/(1 - z x) dF(x)

    One law, of either order, must be on [0, oo); the other may take both signs, and both be unbounded. A constant
    scales; Marchenko-Pastur with finitely many atoms, or with a bounded law that has negative values too, is the sample
    covariance of that population, `GeneralizedMarchenkoPastur`; everything else is a `FreeProduct`. Raises ValueError
    as that does. Source: Voiculescu 1987; Bercovici and Voiculescu 1993; signed laws Arizmendi and Perez-Abreu 2009.

    >>> from theory.laws.point_masses import PointMasses
    >>> free_product(MarchenkoPastur(0.5, 2.0), PointMasses([(1.0, 0.5), (3.0, 0.5)]))
    GeneralizedMarchenkoPastur(ratio=0.5, population=((2.0, 0.5), (6.0, 0.5)))
    """
    for name, law in (("first", first), ("second", second)):
        require_law(name, law)
    for name, law, other in (("first", first, second), ("second", second, first)):
        constant = point(law)
        if constant is not None:
            if constant <= 0 and (constant == 0 or other._ends[0] < 0):
                require_positive(name, law)
            return other.scaled(constant)
    for law, other in ((first, second), (second, first)):
        if isinstance(law, MarchenkoPastur) and isinstance(other, PointMasses):
            return GeneralizedMarchenkoPastur(law.ratio, tuple((law.variance * x, mass) for x, mass in other.atoms))
        if isinstance(law, MarchenkoPastur) and math.isfinite(other._ends[1] - other._ends[0]) and other._ends[0] < 0:
            return GeneralizedMarchenkoPastur(law.ratio, other.scaled(law.variance))
    return FreeProduct(first, second)


@dataclass(frozen=True)
class FreeProduct(Subordinated):
    """Eigenvalues of A^{1/2} O B O^T A^{1/2}, A >= 0 and B with the two laws, O uniformly orthogonal, n -> oo.

        z m(z) = w_1 m_1(w_1) = w_2 m_2(w_2),   w_1 w_2 = z/eta,   eta = 1 + 1/(z m(z))

    w_1 is the fixed point of w -> -z/h_2(-z/h_1(w)), h = F - identity, F = -1/m: the published equations at 1/z and
    1/w. With a law of both signs w_1 is its point, and the map one of the whole upper half plane: w_2 = -z/h_1(w_1) may
    lie in either half plane, off [0, oo). The atom at 0 has the larger of both masses, an atom a b
    mass_1(a) + mass_2(b) - 1 where that is positive. A symmetric B gives a symmetric product, whose square is
    A x A x B^2. Raises ValueError for laws that are constant or of singular values, and where both take negative
    values; ArithmeticError where an equation is not solved.
    Source: Voiculescu 1987; Belinschi and Bercovici 2007, section 3; signed laws Arizmendi and Perez-Abreu 2009;
    atoms Belinschi 2003.

    >>> law = FreeProduct(MarchenkoPastur(1.0), MarchenkoPastur(1.0))  # Fuss-Catalan
    >>> law.bands, round(law.moment(3), 9)
    (((0.0, 6.75),), 12.0)
    """

    first: Law
    second: Law

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            law = require_law(name, getattr(self, name))
            if point(law) is not None:
                raise ValueError(f"{name} must not be constant; got {law!r}; use free_product or scaled")
        if self.first._ends[0] < 0 and self.second._ends[0] < 0:
            raise ValueError(
                "one factor must be >= 0, or A^1/2 B A^1/2 is not defined; got support from "
                f"{self.first._ends[0]:g} and from {self.second._ends[0]:g}; shift or reflect one"
            )

    @classmethod
    def examples(cls) -> Sequence["FreeProduct"]:
        """A gap, zeros, hard edges at 0, projections, an atom between bands, extreme scales, both signs."""
        half = PointMasses([(1.0, 0.5), (2.0, 0.5)])
        coin = PointMasses([(0.0, 0.7), (1.0, 0.3)])
        pairs: list[tuple[Law, Law]] = [
            (MarchenkoPastur(0.5), PointMasses([(1.0, 0.45), (8.0, 0.55)])), (coin, coin),
            (MarchenkoPastur(2.0), PointMasses([(0.0, 0.6), (8.0, 0.4)])), (MarchenkoPastur(1.0), Uniform(1.0, 2.0)),
            (PointMasses([(1.0, 0.45), (5.0, 0.55)]), PointMasses([(1.0, 0.17), (1.3, 0.83)])),
            (Uniform(0.0, 1e8), half.scaled(1e-8)), (half, Uniform(-1.0, 2.0)), (Semicircle(1.0), coin),
            (Uniform(0.0, 1.0), Semicircle(1.0)),
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
        factor = checks.factor(factor)
        return FreeProduct(self.first.scaled(factor), self.second) if factor > 0 else super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """A^{1/2} O B O^T A^{1/2} with sampled matrices of the two laws."""
        base, factor = self._ordered if self._signed else (self.second, self.first)
        values, basis = np.linalg.eigh(factor.sample_matrix(n, rng))
        root = (basis * np.sqrt(np.maximum(values, 0.0))) @ basis.T
        product = root @ rotated(base.sample_matrix(n, rng), rng) @ root
        return (product + product.T) / 2

    def matrix_gap(self, n: int) -> float:
        """Sum of the gaps of both laws."""
        return self.first.matrix_gap(n) + self.second.matrix_gap(n)

    @property
    def _signed(self) -> bool:
        return min(self.first._ends[0], self.second._ends[0]) < 0

    @property
    def _ordered(self) -> tuple[Law, Law]:
        """Both laws, the one that takes negative values first."""
        return (self.second, self.first) if self.second._ends[0] < 0 else (self.first, self.second)

    def _map(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        (base, factor), z = self._ordered, self._off_zero(z)
        return -z / excess(factor, -z / excess(base, w))

    def _transform(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        return w / self._off_zero(z) * stieltjes(self._ordered[0], w)

    def _off_zero(self, z: ComplexArray) -> ComplexArray:
        """At z = 0 the equations read 0/0; next to it a signed product has its limit."""
        return np.asarray(np.where(z == 0, 1e-30 * self._size[1], z), np.complex128) if self._signed else z

    def _start(self, z: ComplexArray) -> ComplexArray:
        if self._signed:
            base, factor = self._ordered
            return np.asarray(z / centre(factor) + 0.5j * width(base), np.complex128)
        # in the sector arg z <= arg w < pi, which T_z maps into itself
        direction = np.exp(0.5j * (np.angle(z) + np.pi))
        return np.asarray(np.abs(z) / centre(self.second) * direction, np.complex128)

    def _solve(self, z: ComplexArray, start: ComplexArray) -> ComplexArray:
        """Opens the sector arg z < arg w < pi to the half plane by a power; for real z > 0 it is the half plane.

        For Re z < 0, where the sector gets thin, T_z is a strong contraction, and Newton's method in log w is safe.
        """
        if self._signed:
            # T multiplies and divides: its rounding is relative, next to 0 too
            return self._settled(z, fixed_point(lambda w, k: self._map(z[k], w), start))
        w = start.copy()
        left = z.real < 0
        power = np.pi / (np.pi - np.angle(z[~left]))
        right = z[~left]

        def step(u: ComplexArray, k: NDArray[np.intp]) -> ComplexArray:
            return (self._map(right[k], right[k] * u ** (1 / power[k])) / right[k]) ** power[k]

        w[~left] = right * fixed_point(step, (start[~left] / right) ** power) ** (1 / power)
        w[left] = contraction(lambda w, k: self._map(z[left][k], w), z[left])
        return self._settled(z, w)

    @property
    def _width(self) -> float:
        """Where the half plane is that of w, the scale of w."""
        return width(self._ordered[0]) if self._signed else super()._width

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        # at 0 the equations read 0/0; E 1/x is the product of both
        off = np.asarray(np.where(z == 0, 1j * self._width, z), np.complex128)
        value = np.asarray(super()._stieltjes(off), np.complex128)
        if np.any(z == 0):
            value[z == 0] = self.first._stieltjes(z[z == 0]) * self.second._stieltjes(z[z == 0])
        return value

    def _branches(self) -> Sequence[Branch]:
        if self._signed:
            base, factor = self._ordered
            pairs = [(a, b) for a in gaps(base, True) for b in gaps(factor, True)]
            return [one for a, b in pairs for one in signed_branches(a, b)]
        pairs = [(a, b) for a in gaps(self.first, True) for b in gaps(self.second, True)]
        return [one for a, b in pairs if (one := branch(a, b, _pairing))]

    def _axis(self, band: int) -> Axis:
        """Next to a hard edge at 0 in the root in which the density times x is smooth."""
        axis = super()._axis(band)
        plain = type(axis) is Axis and axis.low == 0 and not self._signed
        return Axis(axis.low, axis.high, root=_root(self, axis.high)) if plain else axis

    @property
    def tail_index(self) -> float:
        """That of the heavier tail where the means exist; S-transforms of laws without a mean add up their powers.

        A large value of A is felt times the mean of B; where that is 0, through its square root.
        """
        base, factor = self._ordered
        heavy = max(1 / factor.tail_index - 1, 0.0)
        if base.tail_index <= 1:
            return 1 / (1 / base.tail_index + heavy)
        if self._signed and abs(base.mean) <= 1e-14 * width(base):
            least = max(1 / base.tail_index, 0.5)
            return 1 / (least + heavy) if heavy else min(base.tail_index, 2 * factor.tail_index)
        return min(base.tail_index, factor.tail_index)

    @property
    def _reach(self) -> tuple[float, float]:
        (a, b), (c, d) = ends(self._ordered[0]), ends(self._ordered[1])
        return min(a * d, a * c), max(b * d, b * c)

    @property
    def _size(self) -> tuple[float, float]:
        a, b = centre(self.first), centre(self.second)
        return a * b, abs(a) * width(self.second) + abs(b) * width(self.first)

    def _poles(self) -> Pairs:
        zero = max(_at_zero(self.first), _at_zero(self.second))
        pairs = [(a * b, p + q - 1) for a, p in self.first.atoms for b, q in self.second.atoms if a * b != 0]
        if zero > 0:
            return ((0.0, zero), *pairs)
        infinite = self._signed and _diverges(self._ordered[1])
        return ((0.0, 0.0), *pairs) if infinite else tuple(pairs)

    def _scale_at(self, x0: float, size: float) -> float:
        return min(size, abs(x0)) if x0 != 0 else size

    @property
    def _blind(self) -> Pairs:
        """With an atom at 0 also that: the density is what m leaves beside the pole, whose rounding is 1e-9 there."""
        zero = ((0.0, 1e-8),) if self._signed and _at_zero(self._ordered[1]) > 0 else ()
        return (*super()._blind, *zero)

    @property
    def _anchors(self) -> tuple[float, ...]:
        low = self._ordered[1]._ends[0] if self._signed else min(self.first._ends[0], self.second._ends[0])
        return (*super()._anchors, *((0.0,) if low == 0 else ()))


def _at_zero(law: Law) -> float:
    return sum(mass for x, mass in law.atoms if x == 0)


def _diverges(law: Law) -> bool:
    """Whether E 1/X of a law on [0, oo) is infinite."""
    if law._ends[0] > 0:
        return False
    size = width(law)
    with np.errstate(all="ignore"):
        near, nearer = law._stieltjes(np.array([-1e-60 * size, -1e-120 * size], np.complex128)).real
    return bool(nearer > near * (1 + 1e-6))


@functools.lru_cache(maxsize=64)
def _root(law: FreeProduct, size: float) -> float:
    """The r of a density like x^(1/r - 1) at 0, from its slope 100 decades down; 2 where it isn't infinite.

    Beside a mass at 0, whose rounding hides the density so far down, from 12 decades on, to a thousandth. Slopes that
    differ are none.
    """
    atom = _at_zero(law.first) > 0 or _at_zero(law.second) > 0
    decades = np.array([-14.0, -13.0, -12.0] if atom else [-120.0, -100.0, -80.0])
    z = (size * 10**decades).astype(np.complex128)
    try:
        density = law._transform(z, law._solve(z, law._start(z))).imag
    except ArithmeticError:
        return 2.0
    if not np.all(density > 0):
        return 2.0
    slope, check = np.diff(np.log10(density)) / np.diff(decades)
    if slope > -0.01 or abs(slope - check) > 0.01:
        return 2.0
    root = float(1 / max(1 + slope, 1 / LARGEST_ROOT))
    return round(root, 3) if atom else root


def _pairing(first: Inverse, second: Inverse) -> tuple[FloatArray, FloatArray]:
    """x = w_1 w_2 eta, margin (1/e_1 + 1/e_2 - 1) sign(w_1 w_2), e_i = d log eta/d log(1/w_i)."""
    x = np.where(np.abs(first.w) <= np.abs(second.w), first.w * second.r, second.w * first.r)
    return x, np.sign(first.w) * np.sign(second.w) * (first.c + second.c - 1)
