"""The law of a sum of Gram matrices of consecutive random layers: what conjugate and tangent kernels are made of."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.band import Rooted
from theory.kernels.continuation import solved
from theory.kernels.edges import Edge, hard, rank, root, support
from theory.kernels.layers import Layers, equations, moments
from theory.kernels.panels import Panels, resolve
from theory.law import Law, Pairs, _whole, elementwise
from theory.laws.marchenko_pastur import wishart

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
NEAR = 1e-8  # of the local scale: nearer to an edge its square root is more accurate than the rounding of x allows


@dataclass(frozen=True)
class LayerSum(Law):
    """Eigenvalues of sum_l q_l X_l^T X_l, l = 0..L, with X_l Gaussian of covariance (1 - b^2) + b^2 X_{l-1}^T X_{l-1}.

    `ratios` are n/d, n/h_1, ..., n/h_L, `weights` the q_l >= 0 (the last positive), `slope` b in (0, 1]. X_0 is d x n
    with independent entries of variance 1/d, X_l has h_l rows and entries of order 1/sqrt(h_l). With one ratio it is
    Marchenko-Pastur, with b = 1 and the last weight alone a product of Wishart matrices.
    Equations and source: `theory.kernels.layers`. Every value solves them with a checked branch; edges are their real
    double roots. An atom at 0 has the mass by which the ranks fall short of n.
    Raises ValueError for parameters out of range, ArithmeticError where a solution or the total mass fails to 1e-8.

    >>> law = LayerSum((0.5, 0.75), (0.0, 1.0), 0.9)
    >>> [round(x, 6) for x in law.bands[0]]
    [0.011961, 4.585974]
    """

    ratios: tuple[float, ...]
    weights: tuple[float, ...]
    slope: float

    def __post_init__(self) -> None:
        ratios = tuple(checks.positive("ratio", g, "pass n/d, n/h_1, ...") for g in self.ratios)
        weights = tuple(checks.non_negative("weight", q, "pass q_0, ..., q_L") for q in self.weights)
        slope = checks.positive("slope", self.slope, "pass b = E s', in (0, 1]; for b = 0 keep the last layer alone")
        if slope > 1:
            raise ValueError(f"slope must be at most 1; got {slope!r}; divide the activation by its standard deviation")
        if len(ratios) != len(weights) or not weights or weights[-1] == 0:
            raise ValueError(f"weights must be one per ratio, the last positive; got {weights!r} for {ratios!r}; "
                             "drop the layers above the last with a weight")
        for name, value in (("ratios", ratios), ("weights", weights), ("slope", slope)):
            object.__setattr__(self, name, value)

    @classmethod
    def examples(cls) -> Sequence["LayerSum"]:
        """Products and sums, up to three layers; several bands, atoms, hard and nearly hard edges, extreme ratios."""
        return [
            cls((0.3,), (1.0,), 0.5), cls((2.0, 4 / 3), (0.93, 1.0), 0.96), cls((4.0, 3.0), (0.9, 1.0), 0.6),
            cls((0.5, 1.0), (0.0, 1.0), 0.9), cls((0.7, 1.001), (0.0, 1.0), 0.9), cls((1e4, 1e2), (0.9, 1.0), 0.95),
            cls((2.0, 1.3, 1.1), (0.8, 0.9, 1.0), 0.9), cls((1e-4, 1e-4), (0.0, 1.0), 0.9),
            cls((0.5, 0.8), (0.0, 1.0), 1.0), cls((0.5, 2.0), (0.3, 1.0), 1e-3),
        ]

    @property
    def bands(self) -> Pairs:
        """One interval per pair of edges."""
        return tuple((piece.low.y, piece.high.y) for piece in _pieces(self))

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - rank/n),) where the ranks of the layers fall short of n."""
        missing = 1 - rank(self._layers)
        return ((0.0, missing),) if missing > 0 else ()

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part, relative accuracy about 1e-12 off the edges."""
        density = np.where(np.isnan(x), x, 0.0)
        for piece in _pieces(self):
            inside = (x >= piece.low.y) & (x <= piece.high.y)
            if np.any(inside):
                density[inside] = _density(self._layers, piece, x[inside])
        if hard(self._layers):
            density[x == 0] = np.inf
        return density

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atom included; absolute accuracy 1e-12."""
        total = np.where(np.isnan(x), x, 0.0) + sum((m * (x >= a) for a, m in self.atoms), np.zeros(1))
        for piece in _pieces(self):
            total = total + piece.panels.below(piece.band.angle(x))
        return np.where(x >= self._ends[1], 1.0, np.minimum(total, 1.0))

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x), summed from above."""
        total = np.where(np.isnan(x), x, 0.0) + sum((m * (x < a) for a, m in self.atoms), np.zeros(1))
        for piece in _pieces(self):
            total = total + piece.panels.above(piece.band.angle(x))
        return np.where(x < self._ends[0], 1.0, np.clip(total, 0.0, 1.0))

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}, off the edges right to 1e-12 of the band's width."""
        checks.probabilities(p)
        x, start = np.where(np.isnan(p), p, 0.0), sum(m for _, m in self.atoms)
        for piece in _pieces(self):
            mass = float(np.sum(piece.panels.masses))
            here = p > start
            x[here] = piece.band.at(piece.panels.angle(np.minimum(p[here] - start, mass)))
            start += mass
        # At p = 1 a rounding error in the total would move the edge by its power 2/3.
        x[p == 1], x[p == 0] = self._ends[1], self._ends[0]
        return x

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(X), atom included, for f smooth on the scale of each band."""
        total = sum(mass * float(f(np.array([x]))[0]) for x, mass in self.atoms)
        for piece in _pieces(self):
            total += float(np.sum(piece.panels.shares.ravel() * f(piece.band.at(piece.panels.nodes.ravel()))))
        return total

    def moment(self, k: int) -> float:
        """E X^k, from the equations as power series in 1/x: exact up to rounding."""
        _whole(k)
        return float(moments(self._layers, k)[k])

    @property
    def std(self) -> float:
        """Standard deviation, from the centred square."""
        mean = self.mean
        return math.sqrt(self.expectation(lambda x: (x - mean) ** 2))

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """The sum for Gaussian layers, d and h_l the whole numbers next to n/ratio, at least 1."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        gram, total, square = np.eye(n), np.zeros((n, n)), 1.0
        for ratio, weight in zip(self.ratios, self.weights, strict=True):
            rows = max(1, round(n / ratio))
            covariance = (1 - square) * np.eye(n) + square * gram
            # eigh, not Cholesky: with b = 1 the covariance is singular where a layer below is narrow
            values, vectors = np.linalg.eigh(covariance) if self.slope == 1 else (None, np.linalg.cholesky(covariance))
            root = vectors if values is None else vectors * np.sqrt(np.maximum(values, 0.0))
            gram = root @ (wishart(n, rows, rng) / rows) @ root.T
            total += weight * gram
            square = self.slope**2
        return (total + total.T) / 2

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        ends = np.array([x for pair in (*self.bands, *((x, x) for x, _ in self.atoms)) for x in pair])
        upper = np.where(z.imag < 0, np.conj(z), z)
        wanted = np.isfinite(z) & ~self._on_support(z)
        at = upper[wanted]
        nearest = np.min(np.abs(at[:, None] - ends), axis=1, initial=math.inf)
        value = np.where(np.isinf(z), 0j, complex(np.nan, np.nan)).astype(np.complex128)
        _, value[wanted] = solved(self._layers, at, nearest)
        value = np.where(z.imag == 0, value.real, value)
        return np.where(z.imag < 0, np.conj(value), value)

    @property
    def _layers(self) -> Layers:
        return Layers(self.ratios, self.weights, self.slope**2)


class Piece(NamedTuple):
    """A band with the solution on panels of its angle."""

    low: Edge
    high: Edge
    scales: tuple[float, float]  # length on which the density changes next to each end
    band: Rooted
    panels: Panels


@functools.lru_cache(maxsize=64)
def _pieces(law: LayerSum) -> tuple[Piece, ...]:
    layers, failure = law._layers, ""
    for fineness in (1, 6, 36):  # a band narrower than the search grid leaves mass missing
        try:
            with np.errstate(all="ignore"):
                bands = support(layers, fineness)
                ends = [0.0, *(edge.y for pair in bands for edge in pair)]
                pieces = tuple(_piece(layers, low, high, ends) for low, high in bands)
        except ArithmeticError as error:  # solutions don't continue across a gap that was not seen
            failure = str(error)
            continue
        mass = sum(float(np.sum(piece.panels.masses)) for piece in pieces) + 1 - rank(layers)
        if abs(mass - 1) < 1e-9:
            return pieces
        failure = f"mass of bands {[(a.y, b.y) for a, b in bands]} and of the atom must add to 1; got {mass!r}"
    raise ArithmeticError(f"{failure} for {layers}; use less extreme ratios")


def _piece(layers: Layers, low: Edge, high: Edge, ends: list[float]) -> Piece:
    band = Rooted(low.y, high.y, root=root(layers) if low.y < 0.1 * high.y else 2.0)
    first, last = (min([band.width, *(abs(edge.y - x) for x in ends if x != edge.y)]) for edge in (low, high))

    def solve(t: FloatArray, guess: ComplexArray | None) -> tuple[ComplexArray, FloatArray]:
        y = band.at(t)
        k, trace = solved(layers, y, np.minimum(y - low.y, high.y - y), guess)
        return k, trace.imag / np.pi * band.jacobian(t)

    ratios = band.width / first if low.k is not None else 1e6, band.width / last
    down, up = (np.pi * 0.5 ** np.arange(1, 3 + math.ceil(math.log2(r) / power))
                for r, power in zip(ratios, (band.root, 2.0), strict=True))
    panels = resolve(solve, np.unique([0.0, *down, *(np.pi - up), np.pi]))
    return Piece(low, high, (first, last), band, panels)


def _density(layers: Layers, piece: Piece, y: FloatArray) -> FloatArray:
    """Im m/pi at y inside the band: Newton from the interpolated solution; square roots next to edges."""
    t = piece.band.angle(y)
    # Next to a hard edge the terms that fix the solution drop under rounding: there the panel's polynomial goes on.
    polynomial = np.zeros(y.shape, bool) if piece.low.k is not None else t < 1e-3 * piece.panels.edges[1]
    density = np.where(polynomial, piece.panels.density(t) / piece.band.jacobian(t), 0.0)
    rest = ~polynomial
    distances = y - piece.low.y, piece.high.y - y
    for edge, distance, own in zip((piece.low, piece.high), distances, piece.scales, strict=True):
        if edge.k is not None and edge.direction is not None:
            near = distance <= NEAR * own
            k = edge.k[:, None] + 1j * edge.direction[:, None] * np.sqrt(distance[near])
            density[near] = np.abs(equations(layers, k, y[near]).trace.imag) / np.pi
            rest &= ~near
    at = y[rest]
    _, trace = solved(layers, at, np.minimum(at - piece.low.y, piece.high.y - at), piece.panels.guess(t[rest]))
    density[rest] = trace.imag / np.pi
    return density
