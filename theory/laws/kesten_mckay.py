"""The Kesten-McKay law: eigenvalues of random regular graphs, and of sums of free signs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.angles.arc_mixture import ArcMixture
from theory.angles.quadratic import quotient, split
from theory.band import Band
from theory.law import Law, Pairs, _order, _whole, elementwise
from theory.laws.wachter import Wachter, projection_arcs

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class KestenMcKay(Law):
    """Eigenvalues of the adjacency matrix of a random `degree`-regular graph on n -> oo vertices.

        pdf(x) = degree sqrt(e^2 - x^2) / (2 pi (degree^2 - x^2)),   e = 2 sqrt(degree - 1)

    The free convolution power of order `degree` of a fair sign +-1, for every real degree > 1: variance `degree`, at 2
    the arcsine law, and X/sqrt(degree) tends to the semicircle. Below 2, atoms of mass 1 - degree/2 sit at +-degree.
    Raises ValueError for a degree that is not finite and above 1 (at 1 the law is the sign itself).
    Source: Kesten 1959; McKay 1981; free powers: Bercovici and Voiculescu 1995.

    >>> law = KestenMcKay(3)
    >>> round(law.bands[0][1], 9), law.moment(4)
    (2.828427125, 15.0)
    """

    kind: ClassVar[str] = "eigenvalues"
    degree: float

    def __post_init__(self) -> None:
        degree = checks.positive("degree", self.degree, "pass the number of neighbours of a vertex")
        if not degree > 1:
            raise ValueError(f"degree must be above 1; got {self.degree!r}; at 1 pass PointMasses([(-1, .5), (1, .5)])")
        object.__setattr__(self, "degree", degree)
        with localcontext() as context:
            context.prec = 60
            edge = 2 * (Decimal(degree) - 1).sqrt()
            band = Band.exact(-edge, edge)
        atoms = ((-degree, 1 - degree / 2), (degree, 1 - degree / 2)) if degree < 2 else ()
        # X = degree (2 W - 1) for W of Wachter(degree/2, degree/2)
        object.__setattr__(self, "_mixture", ArcMixture(band, projection_arcs(degree / 2, degree / 2), atoms))

    @classmethod
    def examples(cls) -> Sequence["KestenMcKay"]:
        """Graphs, degrees between whole numbers, atoms, hard and nearly hard edges, and the limit of the semicircle."""
        return [cls(d) for d in (3, 2, 4.5, 1.5, 1.01, 2.0001, 1.9999, 50, 1e8)]

    @property
    def bands(self) -> Pairs:
        """((-e, e),)"""
        return ((self._mixture.band.low, self._mixture.band.high),)

    @property
    def atoms(self) -> Pairs:
        """Mass 1 - degree/2 at -degree and degree, for degree below 2."""
        return self._mixture.atoms

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part; relative accuracy 1e-15 up to the edges."""
        band, d = self._mixture.band, self.degree
        inside = np.clip(x, band.low, band.high)
        square = (band.from_low(inside) / (d + inside)) * (band.from_high(inside) / (d - inside))
        density = np.sqrt(square / (d + inside) / (d - inside)) * (d / (2 * np.pi))
        density[band.outside(x)] = 0.0
        density[np.abs(x) == d] = np.inf if d == 2 else 0.0  # a soft edge may round to the degree
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atoms included; absolute accuracy 1e-15."""
        return self._mixture.cdf(x)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper end."""
        return self._mixture.sf(x)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; -degree and degree within the masses of the atoms."""
        return self._mixture.quantile(p)

    def moment(self, k: int) -> float:
        """sum_j j/(2m - j) C(2m - j, m) degree^j (degree - 1)^(m - j) for k = 2m, the closed walks; 0 for odd k."""
        _whole(k)
        half, d = k // 2, self.degree
        if k % 2 or k == 0:
            return float(k == 0)
        walks = (j * math.comb(k - j, half) / (k - j) * d**j * (d - 1) ** (half - j) for j in range(1, half + 1))
        return math.fsum(walks)

    @property
    def std(self) -> float:
        """Standard deviation, sqrt(degree)."""
        return math.sqrt(self.degree)

    def free_cumulant(self, k: int) -> float:
        """degree (-1)^(m-1) Catalan(m-1) for k = 2m, degree times that of a sign; 0 for odd k."""
        half, odd = divmod(_order(k), 2)
        return 0.0 if odd else self.degree * (-1.0) ** (half - 1) * (math.comb(2 * half - 2, half - 1) // half)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """degree times the n x n corner of a random symmetric matrix of n degree signs in a uniform basis.

        A free power of any real order, where a graph needs a whole one.
        """
        corner = Wachter(self.degree / 2, self.degree / 2).sample_matrix(n, rng)
        return self.degree * (2 * corner - np.eye(n))

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        d = self.degree
        root = d * split(self._mixture.band, z)
        return quotient((2 - d) * z, root, 2 * (d - 1), 2 * (d - z) * (d + z))

    _mixture: ClassVar[ArcMixture]
