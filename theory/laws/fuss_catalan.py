"""The Fuss-Catalan law: squared singular values of a product of random matrices."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.angles import raney
from theory.band import Band
from theory.law import Law, Pairs, _order, _whole, elementwise
from theory.quadrature import panel_points, resolve

FloatArray = NDArray[np.float64]
Parametric = Callable[[FloatArray, float], tuple[FloatArray, FloatArray]]


LARGEST = 150  # the median is 1e-46 there, the quantile at .01 is 1e-302


@dataclass(frozen=True)
class FussCatalan(Law):
    """Eigenvalues of M^T M for M a product of `order` independent n x n matrices with entries of variance 1/n.

        x = sin^(s+1)((s+1) u)/(sin u sin^s(s u)),   pdf = sin u sin((s+1) u)/(pi x sin(s u)),   0 < u < pi/(s+1)

    s = order may be any real number above 0: the free multiplicative power s of Marchenko-Pastur of ratio 1, which is
    order 1. The mean is 1, the upper edge (s+1)^(s+1)/s^s, and pdf ~ x^(-s/(s+1)) at the hard edge 0. The powers of
    sin(pi/(s+1) - u) that make x small underflow below P(X < x) of about 1e-308^(1/(s+1)): at order 40 that is 2e-8.
    Raises ValueError for an order that is not positive and finite.
    Source: Penson and Zyczkowski 2011; the parametric form: Haagerup and Moller 2013, theorem 3.

    >>> law = FussCatalan(2)
    >>> round(law.bands[0][1], 12), law.moment(3), round(law.cdf(1.0), 9)
    (6.75, 12.0, 0.685823642)
    """

    kind: ClassVar[str] = "eigenvalues"
    order: float

    def __post_init__(self) -> None:
        order = checks.positive("order", self.order, "pass the number of factors")
        if order > LARGEST:
            raise ValueError(f"order must be at most {LARGEST}; got {order!r}; quantiles underflow above it")
        object.__setattr__(self, "order", order)
        with localcontext() as context:
            context.prec = 60
            s = Decimal(order)
            object.__setattr__(self, "_band", Band.exact(Decimal(0), (s + 1) * ((s + 1) / s) ** s))

    @classmethod
    def examples(cls) -> Sequence["FussCatalan"]:
        """Products, roots and a power between whole numbers."""
        return [cls(s) for s in (1, 2, 0.5, 0.1, 1.5, 0.01)]

    @property
    def bands(self) -> Pairs:
        """((0, (s+1)^(s+1)/s^s),)"""
        return ((0.0, self._band.high),)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density; infinite at 0; relative accuracy 1e-13 up to the edge."""
        low, high, v, u = self._parameters(x)
        density = np.where(np.isnan(x), np.nan, np.where(x == 0, np.inf, 0.0))
        for here, (sine, sine_of_order, sine_of_sum) in (
            (low, raney.sines_from_zero(v, self.order)), (high, raney.sines_from_edge(u, self.order))
        ):
            density[here] = sine * (sine_of_sum / x[here]) / sine_of_order / np.pi
        density[x == self._band.high] = 0.0  # u may be 0 there
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x); relative accuracy is kept down to 0."""
        low, high, v, u = self._parameters(x)
        result = np.where(np.isnan(x), np.nan, (x >= self._band.high) * 1.0)
        result[low], result[high] = raney.below(v, self.order)[0], 1 - raney.above(u, self.order)[0]
        return result

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper edge."""
        low, high, v, u = self._parameters(x)
        result = np.where(np.isnan(x), np.nan, (x <= 0) * 1.0)
        result[low], result[high] = 1 - raney.below(v, self.order)[0], raney.above(u, self.order)[0]
        return result

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; 0 where it underflows."""
        checks.probabilities(p)
        s = self.order
        _, from_below, _, from_above = raney.inverses(s)
        middle = float(raney.below(np.array(self._half), s)[0])
        low, high = p <= middle, p > middle
        x = np.where(np.isnan(p), np.nan, 0.0)
        x[low] = raney.root(from_below(p[low]), s)[0] ** (s + 1)
        u = from_above(1 - p[high])
        fall = np.where(u > 0, np.expm1(-raney.drop(np.maximum(u, 1e-300), s)[0]), 0.0)
        x[high] = self._band.high + self._band.high * fall
        return x

    def moment(self, k: int) -> float:
        """E X^k = C((s+1) k, k)/(s k + 1), the Fuss-Catalan number."""
        _whole(k)
        return _raney(self.order + 1, k)

    @property
    def std(self) -> float:
        """Standard deviation, sqrt(s)."""
        return math.sqrt(self.order)

    def free_cumulant(self, k: int) -> float:
        """C(s k, k - 1)/k, from S(z) = (1 + z)^-s."""
        return _raney(self.order, _order(k))

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(X) for real f smooth on (0, edge], by quadrature in the angle, in which the hard edge is smooth."""
        s, edge = self.order, self._band.high
        low = self._integral(raney.below, lambda v: raney.root(v, s)[0] ** (s + 1), f)
        return low + self._integral(raney.above, lambda u: edge * np.exp(-raney.drop(u, s)[0]), f)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """M^T M for M the product of `order` Gaussian matrices where that is a whole number; quantiles otherwise."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        if self.order != int(self.order):
            return super().sample_matrix(n, rng)
        product = np.eye(n)
        for _ in range(int(self.order)):
            product = rng.standard_normal((n, n)) @ product / math.sqrt(n)
        return product.T @ product

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        z = np.where(self._on_support(z), np.nan, z)
        return -raney.generating_function(z, self.order) / z

    @property
    def _half(self) -> float:
        return math.pi / (self.order + 1) / 2

    def _parameters(self, x: FloatArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_], FloatArray, FloatArray]:
        """Where x lies in the lower and the upper half of the angles, with the angle from the end of that half."""
        s, band = self.order, self._band
        middle = float(raney.root(np.array(self._half), s)[0] ** (s + 1))
        low, high = (x > 0) & (x <= middle), (x > middle) & (x < band.high)
        from_root, _, from_drop, _ = raney.inverses(s)
        v = from_root(x[low] ** (1 / (s + 1)))
        u = from_drop(np.log1p(band.from_high(x[high]) / x[high]))
        return low, high, v, u

    def _integral(
        self, mass: Parametric, place: Callable[[FloatArray], FloatArray], f: Callable[[FloatArray], FloatArray]
    ) -> float:
        def integrand(t: FloatArray) -> FloatArray:
            return f(place(t)) * mass(t, self.order)[1]

        edges = resolve(integrand, np.linspace(0, self._half, 5))
        t, w = panel_points(edges[:-1], edges[1:])
        return float(np.sum(w * integrand(t.ravel()).reshape(t.shape)))

    _band: ClassVar[Band]


def _raney(p: float, k: int) -> float:
    """C(p k, k - 1)/k = prod_{j=0}^{k-2} (p k - j)/(j + 2), for k >= 1; 1 for k = 0."""
    return math.prod((p * k - j) / (j + 2) for j in range(k - 1))
