"""What a spectral law is: bands, atoms and a density; distribution function, quantiles, moments and transform follow.

A new law is a file with a frozen dataclass deriving from `Law` that states `bands`, `atoms` (if any), `pdf` and
`examples`; everything else has a default that is right to about 1e-13 and may be overridden by a closed form.
`theory.testing.check(law)` tests the whole contract.
"""

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks

if TYPE_CHECKING:
    from theory.outliers.tracy_widom import EdgeScale

FloatArray = NDArray[np.float64]
Pairs = tuple[tuple[float, float], ...]


def elementwise(method: Callable[[Any, FloatArray], FloatArray]) -> Callable[[Any, ArrayLike], Any]:
    """Lets a method written for float64 arrays of at least one axis take any shape; a scalar gives a float.

    Floating-point warnings are silenced inside: infinities and zeros at edges are values of the law, not mistakes.
    """

    @functools.wraps(method)
    def call(self: Any, x: ArrayLike) -> Any:
        x = checks.numbers("argument of a law", x)
        with np.errstate(all="ignore"):
            if x.ndim:
                return method(self, x)
            return float(method(self, x[None])[0])

    return call


class Law(ABC):
    """A probability law on the real line: a density on finitely many bands, and atoms.

        F(x) = P(X <= x) = sum of atoms at or below x + integral of pdf,   m(z) = int dF(x)/(x - z) = -G(z)

    What is there: `bands`, `atoms`, `pdf`; `cdf`, `sf`, `logsf`, `quantile`; `moment`, `mean`, `std`, `free_cumulant`,
    `expectation`, `tail_index`; `stieltjes`; `scaled`, `shifted`; `sample`, `sample_matrix`, `edge_scale`. The defaults
    integrate `pdf` in the angle of each band, right to about 1e-13 (ArithmeticError where panels don't resolve it).
    Every function takes arrays of any shape and returns the same shape; a scalar gives a float; NaN gives NaN.
    Instances are immutable and hashable: tables for the derived functions are made once per law and kept.
    """

    kind: ClassVar[str] = "eigenvalues"  # or "singular_values", "scalar"; kinds are never compared with each other

    @property
    @abstractmethod
    def bands(self) -> Pairs:
        """Closed intervals ((low, high), ...) carrying the continuous part, in increasing order."""

    @property
    def atoms(self) -> Pairs:
        """Point masses ((x, mass), ...) in increasing order of x."""
        return ()

    @abstractmethod
    def pdf(self, x: ArrayLike, /) -> Any:
        """Density of the continuous part; 0 outside the bands; infinite only at a hard edge, never NaN for real x."""

    @classmethod
    @abstractmethod
    def examples(cls) -> Sequence["Law"]:
        """Instances that span the parameters; the law suite runs over them."""

    @property
    def tail_index(self) -> float:
        """Moments of this order and above don't exist; infinite where all do."""
        return float("inf")

    @property
    def window(self) -> Pairs:
        """Finite intervals holding the continuous mass up to rounding; a law with infinite bands overrides it."""
        return self.bands

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atoms included."""
        below = sum((t.below(x) for t in _tables(self)), np.where(np.isnan(x), x, 0.0))
        total = np.minimum(below + sum((m * (x >= a) for a, m in self.atoms), np.zeros(1)), 1.0)
        return np.where(x >= self._ends[1], 1.0, total)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x), summed from above: relative accuracy is kept up to the upper edge."""
        above = sum((t.above(x) for t in _tables(self)), np.where(np.isnan(x), x, 0.0))
        total = np.minimum(above + sum((m * (x < a) for a, m in self.atoms), np.zeros(1)), 1.0)
        return np.where((x < self._ends[0]) | (x == -math.inf), 1.0, total)

    @elementwise
    def logsf(self, x: FloatArray) -> FloatArray:
        """log P(X > x); -inf above the support."""
        return np.log(self.sf(x))

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; the ends of the support at 0 and 1; ValueError outside [0, 1]."""
        from theory.tables import quantile

        return quantile(self, checks.probabilities(p))

    def moment(self, k: int) -> float:
        """E X^k for a whole number k >= 0, atoms included."""
        _whole(k)
        return self.expectation(lambda x: x**k)

    @property
    def mean(self) -> float:
        """E X."""
        return self.moment(1)

    @property
    def std(self) -> float:
        """Standard deviation, from the centred square: no cancellation for a narrow law far from zero."""
        mean = self.mean
        return math.sqrt(self.expectation(lambda x: (x - mean) ** 2))

    def stieltjes(self, z: Any) -> Any:
        """int dF(x)/(x - z), atoms included, for complex z of both half planes and real z off the support.

        Complex z give complex values, real z real ones; 0 at infinity. On the support itself the value is NaN: the
        limits from above and below differ there.
        """
        z = checks.numbers("z", z, np.complex128) if np.iscomplexobj(z) else checks.numbers("z", z)
        complex_input = np.iscomplexobj(z)
        flat = z.astype(np.complex128).ravel()
        infinite = np.isinf(flat)
        with np.errstate(all="ignore"):
            values = self._stieltjes(np.where(infinite, 1j * abs(self.window[0][1] if self.bands else 1.0), flat))
        values = np.where(self._on_support(flat), complex(np.nan, np.nan), values)
        values = np.where(infinite, 0.0, values).reshape(z.shape)
        values = values if complex_input else np.real(values)
        return values if z.ndim else values.item()

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(X), atoms included, for real f smooth on the scale of each band; `f` maps (m,) to (m,)."""
        atoms = sum(mass * float(f(np.array([x]))[0]) for x, mass in self.atoms)
        return float(atoms + sum(t.integral(f) for t in _tables(self)))

    def free_cumulant(self, k: int) -> float:
        """Free cumulant of order k >= 1: the mean, the variance, then those whose sums are the cumulants of free sums.

        From the centred moments (Speicher 1994), by m_n = sum_s kappa_s sum_{i_1 + ... + i_s = n - s} m_i1 ... m_is.
        Raises ValueError for k < 1; infinite or NaN where the moments don't exist.
        """
        mean = self.mean
        if _order(k) == 1:
            return mean
        std = self.std
        centred = [1.0, 0.0, *(self.expectation(lambda x, j=j: ((x - mean) / std) ** j) for j in range(2, k + 1))]
        return _free_cumulants(centred)[k] * std**k

    def scaled(self, factor: float) -> "Law":
        """The law of factor X, factor != 0; of the same type where the law has a scale of its own.

        Raises ValueError unless factor is one finite number other than 0.
        """
        from theory.laws.affine import Affine

        return Affine(self, factor, 0.0)

    def shifted(self, offset: float) -> "Law":
        """The law of X + offset; ValueError unless offset is one finite number."""
        from theory.laws.affine import Affine

        return Affine(self, 1.0, offset)

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draws n independent values, shape (n,), by inverting the distribution function.

        Eigenvalues of one matrix repel each other and are not such draws: `sample_matrix` gives them.
        """
        return self.quantile(rng.random(checks.count("number of draws", n, "pass n >= 1")))

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draws a symmetric n x n matrix whose spectrum tends to the law as n -> oo.

        The random matrix that the law is known for; where a law has none, its n quantiles in a uniformly random basis.
        """
        n = checks.count("size of the matrix", n, "pass n >= 1")
        values = self.quantile((np.arange(n) + 0.5) / n)
        basis, triangle = np.linalg.qr(rng.standard_normal((n, n)))
        basis = basis * np.sign(np.diag(triangle))  # without the signs the basis isn't uniform
        return (basis * values) @ basis.T

    def matrix_gap(self, n: int) -> float:
        """Sup distance between the law and the spectrum of `sample_matrix(n)` that under .1 % of the draws exceed.

        5/n: the largest of 300 Wigner or Wishart matrices at n = 300 was 4.4/n, since eigenvalues repel. A law whose
        matrices fluctuate more (heavy tails, narrow bands with a finite-size bias) states its own.
        """
        return 5 / n

    def edge_scale(self, n: int, edge: Literal["upper", "lower"] = "upper") -> "EdgeScale":
        """Tracy-Widom centre and scale of the extreme one of n eigenvalues; ValueError where the edge isn't soft."""
        from theory.outliers.edge import edge_scale

        return edge_scale(self, n, edge)

    @property
    def _ends(self) -> tuple[float, float]:
        points = [x for pair in (*self.bands, *((x, x) for x, _ in self.atoms)) for x in pair]
        return min(points), max(points)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        value = sum((mass / (x - z) for x, mass in self.atoms), np.zeros(z.shape, np.complex128))
        return value + sum((t.stieltjes(z) for t in _tables(self)), np.zeros(z.shape, np.complex128))

    def _on_support(self, z: NDArray[np.complex128]) -> NDArray[np.bool_]:
        intervals = (*self.bands, *((x, x) for x, _ in self.atoms))
        inside = np.zeros(z.shape, bool)
        for low, high in intervals:
            inside |= (z.real >= low) & (z.real <= high)
        return inside & (z.imag == 0)


def _free_cumulants(moments: Sequence[float]) -> list[float]:
    """Free cumulants (index 0 unused) from moments m_0 = 1, m_1, ...; coefficients of M(z)^s are built up in z."""
    order = len(moments) - 1
    kappa = [0.0] * (order + 1)
    for n in range(1, order + 1):
        known, power = 0.0, np.eye(1, order + 1)[0]
        for s in range(1, n + 1):
            power = np.convolve(power, moments)[: order + 1]
            if s < n:
                known += kappa[s] * power[n - s]
        kappa[n] = float(moments[n] - known)
    return kappa


def _tables(law: Law) -> tuple[Any, ...]:
    from theory.tables import tables

    return tables(law)


def _whole(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
        raise ValueError(f"order of a moment must be a whole number >= 0; got {k!r}; pass 0, 1, 2, ...")


def _order(k: int) -> int:
    _whole(k)
    if k < 1:
        raise ValueError(f"order of a free cumulant must be at least 1; got {k!r}; pass 1, 2, 3, ...")
    return k
