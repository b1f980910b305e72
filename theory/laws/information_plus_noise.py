"""Information plus noise: squared singular values of a deterministic signal in a matrix of independent entries."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.band import Band
from theory.law import Law, Pairs, elementwise
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.roots import bracketed_roots
from theory.sample_covariance.inverse_map import Population, as_population
from theory.sample_covariance.signal_edge import SignalEdge
from theory.sample_covariance.signal_map import SignalMap, descend, edges
from theory.sample_covariance.signal_sums import LawSums
from theory.sample_covariance.u_plane import newton

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
POINTS = 48  # per band, from which other points start


@dataclass(frozen=True)
class InformationPlusNoise(Law):
    """Eigenvalues of M^T M for M = A + sqrt(variance/n) X of shape (n, p), A deterministic, n, p -> oo.

        m(z) = int dH(t) / (t/b - b z + variance (1 - ratio)),   b = 1 + variance ratio m(z)

    `ratio` is p/n (columns over rows), `signal` the law H of the p eigenvalues of A^T A, pairs (value, weight) or a
    `Law`, `variance` that of an entry of sqrt(n)(M - A): the noise alone is MarchenkoPastur(ratio, variance). For ratio
    above 1, A^T A has rank at most n, so the signal must have an atom of at least 1 - 1/ratio at 0; the same atom
    remains in the law. At ratio 1 the edge at 0 is hard unless the signal keeps the spectrum away from it.
    Density right to about 1e-12 up to the edges, mass to 1e-12; for a signal that is a law, whose density is sampled
    once, 1e-11 off the edges if that is as good. Raises ValueError for a ratio outside [1e-15, 1e15], a variance
    outside 1e-12 to 1e20 of the signal, a signal with negative values or too few zeros; ArithmeticError with the
    residual if the equation should not converge.
    Source: Dozier and Silverstein 2007 (theirs is M M^T of the transpose); edges by Vallet, Loubaton and Mestre 2012
    where q = 1/b > 0 (`theory.sample_covariance.signal_map`).

    >>> law = InformationPlusNoise(0.4, [(1.0, 0.5), (6.0, 0.5)], 0.25)
    >>> [[round(x, 4) for x in band] for band in law.bands]
    [[0.5989, 1.9], [4.8313, 7.9622]]
    """

    kind: ClassVar[str] = "eigenvalues"
    ratio: float
    signal: Population
    variance: float = 1.0

    def __post_init__(self) -> None:
        ratio = checks.within("ratio", self.ratio, 1e-15, 1e15, "pass columns / rows of the matrix")
        variance = checks.positive("variance", self.variance, "pass the variance of one entry")
        signal = as_population(self.signal)
        points = [x for p in signal.bands for x in p] if isinstance(signal, Law) else [t for t, _ in signal]
        if min(points) < 0 or np.isinf(max(points)):
            raise ValueError(f"signal must have bounded values >= 0; got {signal!r}; pass the eigenvalues of A^T A")
        atoms = signal.atoms if isinstance(signal, Law) else signal
        zero, least = sum(w for t, w in atoms if t == 0), max(0.0, 1 - 1 / ratio)
        if zero < least - 1e-12:
            raise ValueError(f"signal must have weight {least:g} at 0 (rank of A^T A); got {zero:g}; add zeros")
        if max(points) > 0 and not 1e-12 <= variance / max(points) <= 1e20:
            raise ValueError(f"variance must lie between 1e-12 and 1e20 of the signal's largest value {max(points):g}; "
                             f"got {variance:g}; leave out the smaller of the two")
        if not (1e-150 <= variance <= 1e150 and max(points) <= 1e150):
            raise ValueError("variance and signal must have sizes from 1e-150 to 1e150; got a variance of "
                             f"{variance:g} and a largest value of {max(points):g}; rescale both")
        for name, value in (("ratio", ratio), ("variance", variance), ("signal", signal)):
            object.__setattr__(self, name, value)

    @classmethod
    def examples(cls) -> Sequence["InformationPlusNoise"]:
        """Split and merged bands, a signal with zeros, square and wide matrices, weak and strong noise, a law."""
        return [
            cls(0.4, ((1.0, 0.5), (6.0, 0.5)), 0.25),
            cls(0.5, ((0.0, 0.7), (4.0, 0.3))),
            cls(1.0, ((0.0, 0.5), (4.0, 0.5))),
            cls(1.0, ((3.0, 0.5), (4.0, 0.5)), 0.5),
            cls(2.0, ((0.0, 0.63), (5.0, 0.37))),
            cls(0.1, ((1.0, 0.5), (1.3, 0.5)), 1e-2),
            cls(0.5, ((1.0, 1.0),), 50.0),
            cls(0.6, MarchenkoPastur(0.3), 0.3),
        ]

    @property
    def bands(self) -> Pairs:
        """The intervals of the continuous part."""
        return tuple((band.low, band.high) for band in self._bands)

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - 1/ratio),) for ratio above 1: noise fills every other direction."""
        return ((0.0, (self.ratio - 1) / self.ratio),) if self.ratio > 1 else ()

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part."""
        density = np.where(np.isnan(x), x, 0.0)
        for k, band in enumerate(self._bands):
            inside = (x >= band.low) & (x <= band.high)
            if np.any(inside):
                density[inside] = self._density(k, x[inside])
        return density

    @property
    def mean(self) -> float:
        """E t + variance."""
        signal = self.signal
        return (signal.mean if isinstance(signal, Law) else float(sum(w * t for t, w in signal))) + self.variance

    def scaled(self, factor: float) -> Law:
        """Signal and variance times `factor`; reflected for a negative factor."""
        factor = checks.factor(factor)
        if factor <= 0:
            return super().scaled(factor)
        signal = self.signal
        new = signal.scaled(factor) if isinstance(signal, Law) else tuple((factor * t, w) for t, w in signal)
        return InformationPlusNoise(self.ratio, new, factor * self.variance)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """M^T M for M of shape (rows, n), rows next to n/ratio: Gaussian noise on a diagonal of roots of quantiles."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows = max(1, round(n / self.ratio))
        law = self.signal
        if not isinstance(law, Law):
            from theory.laws.point_masses import PointMasses

            law = PointMasses(law)
        values = np.sort(law.quantile((np.arange(n) + 0.5) / n))[::-1]
        matrix = np.sqrt(self.variance / rows) * rng.standard_normal((rows, n))
        rank = min(rows, n)
        matrix[np.arange(rank), np.arange(rank)] += np.sqrt(values[:rank])
        return matrix.T @ matrix

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        m = np.full(z.shape, complex(np.nan, np.nan))
        mirrored = np.where(z.imag < 0, z.conj(), z)
        inside = self._on_support(z) | np.isnan(z)
        up = ~inside & (z.imag != 0)
        if np.any(up):
            m[up] = self._transform(descend(self._map, mirrored[up]))
        real = ~inside & (z.imag == 0)
        if np.any(real):
            m[real] = self._transform(self._on_axis(z.real[real]))
        m = np.where(z.imag < 0, m.conj(), m)
        return m / self.ratio - (1 - 1 / self.ratio) / z if self.ratio > 1 else m

    def _transform(self, w: ComplexArray | FloatArray) -> ComplexArray:
        transform, shrinkage = self._map.transform_and_shrinkage(w)
        return np.asarray(transform / shrinkage, dtype=np.complex128)

    def _density(self, k: int, x: FloatArray) -> FloatArray:
        """Density in band k; closer than 1e-12 |x| to an edge, where x - edge has no digits, as a root of it."""
        band = self._bands[k]
        low, high = band.from_low(x), band.from_high(x)
        least = np.maximum(1e-12 * np.abs(x), 1e-60 * self._map.scale)
        distance = np.minimum(low, high)
        close = distance < least
        exact = self._edge_maps[k]
        shifted = np.where(close, x + np.where(low < high, least, -least), x)
        angles, stored = self._curve[k]
        start = np.interp(band.angle(shifted), angles, stored.real) + 1j * np.interp(
            band.angle(shifted), angles, stored.imag
        )
        w, good = newton(self._map, start, shifted, steps=20)
        m = self._transform(w)
        good &= m.imag > 0
        if not np.all(good):
            w[~good] = descend(self._map, shifted[~good] + 0j)
            m[~good] = self._transform(w[~good])
        value = m.imag / np.pi / max(1.0, self.ratio)
        value = np.where(close, value * np.sqrt(distance / (distance + least)), value)
        sides = zip(exact, self._edges[k], (low <= high, high < low), (low, -high), strict=True)
        for edge, point, here, away in sides:
            here = here & (distance > 0)
            if edge is not None and np.any(here):
                value[here] = self._beside(edge, away[here], w[here] - point, close[here], value[here])
        return np.where((x == 0) & self._map.hard, np.inf, value)

    def _beside(
        self, edge: SignalEdge, distance: FloatArray, start: ComplexArray, close: NDArray[np.bool_], value: FloatArray
    ) -> FloatArray:
        """Density at a signed distance from an edge, from the offset of w from it; `value` where that isn't found."""
        start = np.where(close, 1j * np.abs(start), start)
        s, good = edge.offset(distance, start)
        density = edge.transform(s) / np.pi / max(1.0, self.ratio)
        return np.where(good & (np.abs(density - value) < 1e-3 * value), density, value)

    def _on_axis(self, x: FloatArray) -> FloatArray:
        points = np.array(self.bands)
        gap = np.searchsorted(points.ravel(), x) // 2
        ends = np.concatenate([[-np.inf], self._edges.ravel(), [np.inf]]).reshape(-1, 2)
        far = 10 * (np.abs(x) + self._map.scale) * (1 + self._map.ratio)
        low = np.where(np.isinf(ends[gap, 0]), -far, ends[gap, 0])
        high = np.where(np.isinf(ends[gap, 1]), far, ends[gap, 1])
        return bracketed_roots(lambda w: self._map.value(w) - x, low, high)

    @functools.cached_property
    def _map(self) -> SignalMap:
        return SignalMap(self.signal, self.ratio, self.variance)

    @functools.cached_property
    def _edges(self) -> FloatArray:
        return edges(self._map)

    @functools.cached_property
    def _bands(self) -> tuple[Band, ...]:
        with np.errstate(all="ignore"):
            images = self._map.value(self._edges.ravel()).reshape(-1, 2)
        images[0, 0] = 0.0 if self._map.hard else max(images[0, 0], 0.0)
        exact = [[Decimal(float(x)) if edge is None else edge.image for edge, x in zip(pair, row, strict=True)]
                 for pair, row in zip(self._edge_maps, images, strict=True)]
        return tuple(Band.exact(low, high) for low, high in exact)

    @functools.cached_property
    def _edge_maps(self) -> list[tuple[SignalEdge | None, SignalEdge | None]]:
        """The exact soft edges of every band, for a signal of pairs."""
        found = [[self._edge_map(k, side) for side in (0, 1)] for k in range(len(self._edges))]
        return [(low, high) for low, high in found]

    def _edge_map(self, k: int, side: int) -> SignalEdge | None:
        sums = self._map.sums
        if isinstance(sums, LawSums) or (self._map.hard and k == side == 0):
            return None
        return sums.edge(float(self._edges[k, side]))

    @functools.cached_property
    def _curve(self) -> tuple[tuple[FloatArray, ComplexArray], ...]:
        """Angles and w per band, its edges included."""
        inner = np.linspace(0, np.pi, POINTS)[1:-1]
        result = []
        with np.errstate(all="ignore"):
            for band, ends in zip(self._bands, self._edges, strict=True):
                w = descend(self._map, band.at(inner).astype(np.complex128))
                result.append((np.linspace(0, np.pi, POINTS), np.concatenate([[ends[0]], w, [ends[1]]])))
        return tuple(result)
