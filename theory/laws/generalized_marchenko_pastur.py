"""The Marchenko-Pastur law of a population: eigenvalues of a sample covariance matrix of correlated columns."""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.law import Law, Pairs, _order, _whole, elementwise
from theory.laws.marchenko_pastur import MarchenkoPastur, wishart
from theory.sample_covariance.inverse_map import AtomicMap, Population, as_population
from theory.sample_covariance.sample_spectrum import SampleSpectrum

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
LIGHTEST_TAIL = 3.0  # below, the window holds too many decades for panels in its angle


@dataclass(frozen=True)
class GeneralizedMarchenkoPastur(Law):
    """Eigenvalues of T^1/2 X^T X T^1/2 / n for X (n, p) with independent entries of mean 0 and variance 1, n, p -> oo.

        x = psi(u) = u (1 + ratio int t/(u - t) dH(t)),   pdf(x) = Im u/(pi ratio |u|^2),   Im u > 0

    `ratio` is p/n (columns over rows); `population` is the law H of the eigenvalues of T (p, p): pairs (value, weight)
    or a `Law`; values may be 0 or negative (then of X^T X T/n). The atom at 0 is max(H{0}, 1 - 1/ratio); where
    ratio H{t != 0} = 1 the density is infinite at 0. For pairs edges carry two doubles, the density has relative
    accuracy 1e-14 up to them and the distribution function 1e-14; for a population that is a law, whose density is
    sampled once, about 1e-11 off the edges, 1e-12 and 1e-13 for edges, if the law's own density is that good.
    An unbounded population has an unbounded sample, whose tails keep relative accuracy
    (`theory.sample_covariance.thin_tail`). Raises ValueError for a ratio outside [1e-15, 1e15], a population that is no
    distribution, is 0, has values outside 1e-150 to 1e150 or over more than 16 decades, or a power tail of index below
    3 (pass its quantiles); ArithmeticError with the residual if the equation should not converge.
    Source: Marchenko and Pastur 1967, Silverstein 1995; support by Silverstein and Choi 1995, numerics after Ledoit
    and Wolf 2017 (`theory.sample_covariance.u_plane`), with the companion's u = -1/m_.

    >>> law = GeneralizedMarchenkoPastur(0.05, [(1.0, 0.5), (4.0, 0.5)])
    >>> [[round(x, 6) for x in band] for band in law.bands]
    [[0.682179, 1.300376], [2.870652, 5.396793]]
    >>> law.components
    (0.5, 0.5)
    """

    kind: ClassVar[str] = "eigenvalues"
    ratio: float
    population: Population

    def __post_init__(self) -> None:
        ratio = checks.within("ratio", self.ratio, 1e-15, 1e15, "pass columns / rows of the matrix")
        population = as_population(self.population)
        if population == ((0.0, 1.0),):
            raise ValueError("population must not be 0 alone; got weight 1 at 0; every eigenvalue is 0 then")
        if isinstance(population, Law):
            if population.tail_index < LIGHTEST_TAIL:
                raise ValueError(f"population must have a tail index of at least {LIGHTEST_TAIL:g}; got "
                                 f"{population.tail_index:g} from {population!r}; pass some hundred of its quantiles "
                                 "as pairs of equal weights")
        else:
            sizes = [abs(t) for t, _ in population if t != 0]
            if not (1e-150 <= max(sizes) <= 1e150 and max(sizes) <= 1e16 * min(sizes)):
                raise ValueError("population must have sizes from 1e-150 to 1e150, nonzero ones within 16 decades; got "
                                 f"{min(sizes):g} to {max(sizes):g}; rescale it, or put the smallest at 0")
        object.__setattr__(self, "ratio", ratio)
        object.__setattr__(self, "population", population)

    @classmethod
    def examples(cls) -> Sequence["GeneralizedMarchenkoPastur"]:
        """Split and merged bands, hard edges, zeros, negative values, scales far apart, extreme ratios, laws."""
        third = 1 / 3
        pairs: list[tuple[float, Population]] = [
            (0.1, ((1.0, third), (3.0, third), (10.0, third))),
            (1.0, ((1.0, third), (3.0, third), (10.0, third))),
            (1e-4, ((1.0, 0.5), (1.02, 0.5))),
            (1e4, ((1.0, 0.5), (2.0, 0.5))),
            (0.3, ((0.0, 0.5), (2.0, 0.25), (5.0, 0.25))),
            (1.25, ((0.0, 0.2), (2.0, 0.8))),
            (0.5, ((-1.0, 0.5), (2.0, 0.5))),
            (1.5, ((-2.0, 0.3), (-1.0, 0.7))),
            (1 - 1e-6, ((1.0, 0.5), (2.0, 0.5))),
            (0.4, MarchenkoPastur(0.2)),
            (0.3, MarchenkoPastur(3.0)),
        ]
        return [cls(ratio, population) for ratio, population in pairs]

    @property
    def bands(self) -> Pairs:
        """The intervals of the continuous part, all of them, from a convex function per gap of the population."""
        return tuple((band.low, band.high) for band in self._spectrum.bands)

    @property
    def tail_index(self) -> float:
        """That of the population."""
        return self.population.tail_index if isinstance(self.population, Law) else math.inf

    @property
    def window(self) -> Pairs:
        """The bands; of an unbounded population, up to where the mass beyond is below rounding; cut at a pole at 0."""
        cut = [0.0] if self._spectrum.inverse.excess_at_zero == 0 and not self._closed_form else []
        points = [[low, *(x for x in cut if low < x < high), high] for low, high in self._spectrum.window.tolist()]
        return tuple(pair for row in points for pair in itertools.pairwise(row))

    @property
    def components(self) -> tuple[float, ...]:
        """Mass of each band, the population's mass that it stems from (exact separation; Bai and Silverstein 1999)."""
        return tuple(float(mass) for mass in self._spectrum.masses)

    @property
    def atoms(self) -> Pairs:
        """((0, max(H{0}, 1 - 1/ratio)),) where that is positive."""
        inverse = self._spectrum.inverse
        mass = inverse.zero + max(inverse.excess_at_zero, 0.0) / self.ratio
        return ((0.0, mass),) if mass > 0 else ()

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part."""
        spectrum = self._spectrum
        k, inside = spectrum.band_of(x)
        density = np.where(np.isnan(x), x, 0.0)
        if not self._closed_form:
            thin, inside = spectrum.thin_density(k, x, inside)
            density += thin
        k, x = k[inside], x[inside]
        from_low, from_high = spectrum.distances(k, x)
        edge, s = spectrum.point(k, x, from_low, from_high)
        size = np.abs(edge + s)
        value = s.imag / size / size / (np.pi * self.ratio)
        soft = (from_low == 0) | (from_high == 0)
        density[inside] = np.where(soft, np.where(size == 0, np.inf, 0.0), value)
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atom included; for pairs in closed form along the curve of u, absolute accuracy 1e-14."""
        if self._closed_form:
            return self._shares(x)[0]
        return self._spectrum.with_tail(x, np.asarray(super().cdf(x)), lower=True)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        if self._closed_form:
            return self._shares(x)[1]
        return self._spectrum.with_tail(x, np.asarray(super().sf(x)), lower=False)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}, right to 1e-14 of the band's width for p off the edges."""
        checks.probabilities(p)
        if not self._closed_form:
            return self._spectrum.quantile_in_tail(p, np.asarray(super().quantile(p)))
        from theory.sample_covariance.sample_quantile import quantile

        return quantile(self._spectrum, self.atoms, p)

    def moment(self, k: int) -> float:
        """E X^k = M_k/ratio, M_k the moment whose free cumulants are ratio int t^j dH, those of the companion."""
        _whole(k)
        if k == 0:
            return 1.0
        return _free_moments([self.ratio * self._power(j) for j in range(1, k + 1)])[k] / self.ratio

    @property
    def std(self) -> float:
        """sqrt(Var H + ratio (E H)^2)."""
        return math.sqrt(self.free_cumulant(2))

    def free_cumulant(self, k: int) -> float:
        """M_k/ratio, M_k the moment whose free cumulants are ratio times those of the population (Nica, Speicher)."""
        own = [self.ratio * self._population_law.free_cumulant(j) for j in range(1, _order(k) + 1)]
        return _free_moments(own)[k] / self.ratio

    def scaled(self, factor: float) -> "GeneralizedMarchenkoPastur":
        """The same ratio with the population times `factor`."""
        factor = checks.factor(factor)
        if isinstance(self.population, Law):
            return GeneralizedMarchenkoPastur(self.ratio, self.population.scaled(factor))
        return GeneralizedMarchenkoPastur(self.ratio, tuple((factor * t, w) for t, w in self.population))

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """T^1/2 X^T X T^1/2/rows for Gaussian X of shape (rows, n), rows next to n/ratio, T the n quantiles of H.

        S^1/2 T S^1/2 with S = X^T X/rows, which has the same eigenvalues, where T has negative values.
        """
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows = max(1, round(n / self.ratio))
        values, sample = self._population_law.quantile((np.arange(n) + 0.5) / n), wishart(n, rows, rng) / rows
        if np.min(values) >= 0:
            return np.sqrt(values)[:, None] * sample * np.sqrt(values)
        squares, vectors = np.linalg.eigh(sample)
        root = (vectors * np.sqrt(np.maximum(squares, 0.0))) @ vectors.T
        matrix = (root * values) @ root
        return (matrix + matrix.T) / 2

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        return self._spectrum.transform(np.where(self._on_support(z), np.nan, z))

    @property
    def _closed_form(self) -> bool:
        return isinstance(self._spectrum.inverse, AtomicMap)

    @functools.cached_property
    def _spectrum(self) -> SampleSpectrum:
        with np.errstate(all="ignore"):
            return SampleSpectrum(self.population, self.ratio)

    @functools.cached_property
    def _population_law(self) -> Law:
        if isinstance(self.population, Law):
            return self.population
        from theory.laws.point_masses import PointMasses

        return PointMasses(self.population)

    def _power(self, j: int) -> float:
        """int t^j dH."""
        if isinstance(self.population, Law):
            return self.population.moment(j)
        return math.fsum(w * t**j for t, w in self.population)

    def _shares(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns cdf and sf."""
        spectrum, masses = self._spectrum, self._spectrum.masses
        k, inside = spectrum.band_of(x)
        below = np.where(x > spectrum.high[k], masses[k], 0.0)
        above = masses[k] - below
        from_low, from_high = spectrum.distances(k[inside], x[inside])
        below[inside], above[inside] = spectrum.mass_below(k[inside], x[inside], from_low, from_high)
        cumulated = np.concatenate([[0.0], np.cumsum(masses)])
        rest = np.concatenate([np.cumsum(masses[::-1])[::-1], [0.0]])
        atom = self.atoms[0][1] if self.atoms else 0.0
        cdf = np.where(x >= self._ends[1], 1.0, cumulated[k] + below + atom * (x >= 0))
        sf = np.where(x < self._ends[0], 1.0, rest[k + 1] + above + atom * (x < 0))
        nan = np.where(np.isnan(x), x, 0.0)
        return np.minimum(cdf, 1.0) + nan, np.minimum(sf, 1.0) + nan


def _free_moments(cumulants: Sequence[float]) -> list[float]:
    """Moments m_0..m_n from free cumulants of orders 1..n.

    m_k = sum_s kappa_s sum_{i_1 + ... + i_s = k - s} m_i1 ... m_is.
    """
    order = len(cumulants)
    moments = [1.0] + [0.0] * order
    for k in range(1, order + 1):
        power, total = np.eye(1, k)[0], 0.0
        for s in range(1, k + 1):
            power = np.convolve(power, moments[:k])[:k]  # coefficients of M(z)^s below z^k
            total += cumulants[s - 1] * power[k - s]
        moments[k] = float(total)
    return moments
