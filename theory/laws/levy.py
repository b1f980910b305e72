"""Levy matrices: eigenvalues of random matrices whose entries have no variance."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.heavy_tails.levy_equation import solve
from theory.heavy_tails.log_table import REACH, LogTable, tabulate
from theory.heavy_tails.tabulated import TabulatedPositiveLaw, TabulatedSymmetricLaw
from theory.law import Law, Pairs, _order, _whole
from theory.laws.alpha_stable import stable_draws

FloatArray = NDArray[np.float64]
RANGE = (0.1, 1.95)  # of alpha: below it x overflows in the tail, above it integrals decay too slowly


@dataclass(frozen=True)
class LevyWigner(TabulatedSymmetricLaw):
    """Eigenvalues of a symmetric n x n matrix with independent entries of tail index alpha < 2, as n -> oo.

        P(|X_ij| > t) ~ (t/scale)^-alpha/n,   pdf(x) ~ (alpha/2) scale^alpha |x|^(-1 - alpha)
        pdf(0) = Gamma(1 + 2/alpha) (Gamma(1 + alpha/2)/Gamma(1 - alpha/2))^(1/alpha)/(pi scale)

    The scale at which spectra converge is n^(1/alpha) times that of one entry, and single entries make the largest
    eigenvalues: pairs +-|X_ij|. Relative accuracy 1e-11 over the whole axis (`theory.heavy_tails.levy_equation`; x^2
    follows `LevyWishart(alpha, 1)`). Finite-size error of the cdf about .4/sqrt(n).
    Raises ValueError for alpha outside [0.1, 1.95] (2 would be the semicircle, at another scale), ArithmeticError
    where the equation doesn't converge.
    Source: Cizeau and Bouchaud 1994; Ben Arous and Guionnet 2008; Belinschi, Dembo, Guionnet 2009.

    >>> law = LevyWigner(1.0)
    >>> round(law.pdf(0.0) * math.pi, 9), round(law.sf(100.0) * 200, 2)
    (1.0, 1.0)
    """

    kind: ClassVar[str] = "eigenvalues"
    _power: ClassVar[int] = 2
    alpha: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", _checked(self.alpha))
        object.__setattr__(self, "scale", checks.within("scale", self.scale, 1e-100, 1e100, "pass that of the entries"))

    @classmethod
    def examples(cls) -> Sequence["LevyWigner"]:
        """From a tail without even a mean to nearly finite variance."""
        return [cls(0.5), cls(1.0), cls(1.5), cls(1.9), cls(0.3), cls(1.2, 1e8)]

    @property
    def tail_index(self) -> float:
        """alpha."""
        return self.alpha

    def free_cumulant(self, k: int) -> float:
        """The mean 0 where it exists; NaN or infinite otherwise."""
        return self.moment(1) if _order(k) == 1 else _missing(k)

    def scaled(self, factor: float) -> Law:
        """The same alpha with |factor| times the scale: the law is even."""
        factor = checks.factor(factor)
        return LevyWigner(self.alpha, self.scale * abs(factor))

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """A symmetric (n, n) matrix of symmetric stable entries."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        upper = np.triu(self.scale * _entries(self.alpha, (n, n), n, rng))
        return upper + np.triu(upper, 1).T

    def matrix_gap(self, n: int) -> float:
        """1.5/sqrt(n): single large entries decide; the largest of 240 draws at n = 400 was .9/sqrt(n), at alpha .5."""
        return 1.5 / math.sqrt(n)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        # odd in z, and z times the transform of the squares at z^2
        y = z / self.scale
        return y * _transform(self.alpha / 2, 1.0, y**2) / self.scale

    @property
    def _table(self) -> LogTable:
        return levy_table(self.alpha / 2, 1.0)

    @property
    def _unit(self) -> float:
        return self.scale

    @property
    def _density_at_zero(self) -> float:
        return density_at_zero(self.alpha) / self.scale


@dataclass(frozen=True)
class LevyWishart(TabulatedPositiveLaw):
    """Eigenvalues of X^T X for X of shape (rows, cols) with independent entries of tail index alpha < 2.

        P(|X_ij| > t) ~ (t/scale)^-alpha/rows,   sf(x) ~ (scale^2/x)^(alpha/2)

    as rows, cols -> oo at ratio = cols/rows. No power of rows beyond that: X^T X is not divided by rows. The largest
    eigenvalues are squares of the largest entries, so the tail index is alpha/2 < 1 and no moment exists; that of
    singular values is alpha. For ratio above 1 an atom of mass 1 - 1/ratio sits at 0. At ratio 1 pdf(0) is infinite;
    otherwise the density dies like exp(-x^(-p)) at 0, and is 0 where x pdf < 1e-14.
    Relative accuracy 1e-11 in the tail and bulk. Finite-size error of the cdf about .6/sqrt(cols).
    Raises ValueError for alpha outside [0.1, 1.95], a ratio or scale out of range, ArithmeticError where the equation
    doesn't converge.
    Source: Belinschi, Dembo, Guionnet 2009; equations in `theory.heavy_tails.levy_equation`.

    >>> law = LevyWishart(1.0, 0.5)
    >>> round(law.sf(1e8) * 1e4, 4), law.mean
    (1.0, inf)
    """

    kind: ClassVar[str] = "eigenvalues"
    alpha: float
    ratio: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", _checked(self.alpha))
        object.__setattr__(self, "ratio", checks.within("ratio", self.ratio, 1e-15, 1e15, "pass columns / rows"))
        object.__setattr__(self, "scale", checks.within("scale", self.scale, 1e-100, 1e100, "pass that of the entries"))

    @classmethod
    def examples(cls) -> Sequence["LevyWishart"]:
        """Wide, square and tall matrices for heavy and heavier tails."""
        triples = [(1, 1, 1), (1, 0.5, 1), (1.5, 0.3, 1), (1.5, 3, 1), (0.6, 1, 1), (0.6, 0.1, 1), (1.7, 0.5, 1),
                   (1.2, 0.9, 1e-4)]
        return [cls(*triple) for triple in triples]

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - 1/ratio),) for ratio above 1."""
        return ((0.0, (self.ratio - 1) / self.ratio),) if self.ratio > 1 else ()

    @property
    def tail_index(self) -> float:
        """alpha/2."""
        return self.alpha / 2

    def moment(self, k: int) -> float:
        """Infinite for k >= 1."""
        _whole(k)
        return math.inf if k else 1.0

    @property
    def std(self) -> float:
        """Infinite."""
        return math.inf

    def free_cumulant(self, k: int) -> float:
        """The mean, infinite; NaN for higher orders."""
        return math.inf if _order(k) == 1 else _missing(k)

    def scaled(self, factor: float) -> Law:
        """sqrt(factor) times the scale; reflected for a negative factor."""
        factor = checks.factor(factor)
        if factor > 0:
            return LevyWishart(self.alpha, self.ratio, self.scale * math.sqrt(factor))
        return super().scaled(factor)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """X^T X (n, n) for X of shape (rows, n) with symmetric stable entries, rows next to n/ratio."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows = max(1, round(n / self.ratio))
        x = self.scale * _entries(self.alpha, (rows, n), rows, rng)
        return x.T @ x

    def matrix_gap(self, n: int) -> float:
        """2.4/sqrt(n): the largest of 300 draws at n = 400 was 1.6/sqrt(n), at alpha .6 and ratio .1."""
        return 2.4 / math.sqrt(n)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        value = _transform(self.alpha / 2, min(self.ratio, 1 / self.ratio), z / self._unit)
        value = value * (self._weight / self._unit)
        return value + sum((mass / (x - z) for x, mass in self.atoms), np.zeros(z.shape, complex))

    @property
    def _table(self) -> LogTable:
        return levy_table(self.alpha / 2, min(self.ratio, 1 / self.ratio))

    @property
    def _weight(self) -> float:
        return min(1.0, 1 / self.ratio)

    @property
    def _unit(self) -> float:
        # X^T has entries of tail t^-alpha/rows = ratio t^-alpha/cols
        return self.scale**2 * max(1.0, self.ratio) ** (2 / self.alpha)


def density_at_zero(alpha: float) -> float:
    """The density of `LevyWigner(alpha)` at 0."""
    log_ratio = math.lgamma(1 + alpha / 2) - math.lgamma(1 - alpha / 2)
    return math.exp(math.lgamma(1 + 2 / alpha) + log_ratio / alpha) / math.pi


@functools.lru_cache(maxsize=64)
def levy_table(a: float, ratio: float) -> LogTable:
    """Returns the table of `LevyWishart(2 a, ratio)` for ratio <= 1."""

    def mass(t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """x pdf(x) at x = exp(t), -Im H/pi on the cut from above, where (-x)^-a = x^-a e^(i pi a); and its error."""
        y = np.asarray(math.gamma(1 - a) * np.exp(-a * t + 1j * np.pi * a), dtype=np.complex128)
        h, error = solve(a, ratio, y)
        return np.maximum(-h.imag, 1e-320) / np.pi, error / np.pi

    def log_density(t: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, error = mass(t)
        return np.log(value), error / value

    end = min(REACH, 40 / a)
    if ratio == 1:
        # the density of sqrt(x) is constant there, with a mass below 1e-17; 8/a, as for small a scales spread
        start = -2 * math.log(density_at_zero(2 * a)) - 80 - 8 / a
        return tabulate(log_density, np.linspace(start, end, 17), lower=0.5, upper=a)
    start = _lowest(a, mass)
    return tabulate(log_density, np.linspace(start, end, 17), upper=a)


def _lowest(a: float, mass: Callable[[FloatArray], tuple[FloatArray, FloatArray]]) -> float:
    """The t below which x pdf(x) drowns in its error, in steps of the scale of exp(-x^(-a/(1 - a)))."""

    def known(t: float) -> bool:
        value, error = mass(np.array([t]))
        return bool(value[0] > 3 * error[0])

    t, step = math.lgamma(1 - a) / a, (1 - a) / a
    while known(t - step):
        t -= step
    while step > 1e-13:  # for alpha near 2 the edge is nearly as sharp as that of Marchenko-Pastur
        step /= 2
        t -= step if known(t - step) else 0.0
    return t


def _transform(a: float, ratio: float, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """m(z) = -H/z for z off [0, oo), elementwise; NaN on it."""
    valid = np.isfinite(z) & ~((z.imag == 0) & (z.real >= 0))
    point = np.where(valid, z, -1.0)
    h, _ = solve(a, ratio, np.asarray(math.gamma(1 - a) * (-point) ** -a, dtype=np.complex128))
    return np.where(valid, -h / point, np.where(np.isinf(z), 0.0, complex(np.nan, np.nan)))


def _entries(alpha: float, shape: tuple[int, int], size: int, rng: np.random.Generator) -> FloatArray:
    """Symmetric stable entries with P(|X| > t) ~ t^-alpha/size.

    Not Pareto: with their sharp lower end spectra converge as size^(1 - 2/alpha), near alpha 2 not at all.
    """
    tail = 2 / math.pi * math.gamma(alpha) * math.sin(math.pi * alpha / 2)
    return (size * tail) ** (-1 / alpha) * stable_draws(alpha, shape, rng)


def _checked(alpha: float) -> float:
    value = checks.positive("alpha", alpha, "pass the tail index of the entries, between 0.1 and 1.95")
    low, high = RANGE
    if not low <= value <= high:
        remedy = "from 2 on the semicircle and Marchenko-Pastur laws hold" if value > high else "its tail overflows"
        raise ValueError(f"alpha must lie in [{low}, {high}]; got {alpha!r}; {remedy}")
    return value


def _missing(k: int) -> float:
    return math.inf if k == 2 else math.nan
