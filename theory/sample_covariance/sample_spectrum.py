"""Points of the spectrum of a sample covariance matrix: from x, or its distances to the edges, to u with psi(u) = x."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.sample_covariance import near_edge, thin_tail, u_plane
from theory.sample_covariance.inverse_map import AtomicMap, Population, inverse_map
from theory.sample_covariance.support import edge_points

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

MILESTONES = 48  # per band


class SampleSpectrum:
    """Bands, their masses, and the solution of psi(u) = x on them; made once per population and ratio."""

    def __init__(self, population: Population, ratio: float) -> None:
        inverse = inverse_map(population, ratio)
        self.inverse: Any = inverse  # an AtomicMap or a ContinuousMap
        self.edges = edge_points(inverse)  # (bands, 2) real u
        self.bands, self._edge_tails = _bands(inverse, self.edges)
        ends = np.array([(b.low, b.high, b.low_tail, b.high_tail) for b in self.bands]).reshape(-1, 4)
        self._images, self._tails = ends[:, :2], ends[:, 2:]
        self.low, self.high = ends[:, 0], ends[:, 1]
        self.width = np.array([b.width for b in self.bands])

    @functools.cached_property
    def curve(self) -> u_plane.Curve:
        """The curve of u over the bands."""
        with np.errstate(all="ignore"):
            return u_plane.curve(self.inverse, *self._finite)

    @functools.cached_property
    def masses(self) -> FloatArray:
        """Mass of every band by exact separation (Bai and Silverstein 1999): that of the population between its edges.

        A band whose interval of u contains 0 carries H{t != 0} - 1/ratio less, the rank that the matrix lacks.
        """
        below, above = self.edges.T
        inverse = self.inverse
        if isinstance(inverse, AtomicMap):
            cumulated = np.concatenate([[0.0], np.cumsum(inverse.weights)])
            first, last = (np.searchsorted(inverse.values, end) for end in (below, above))
            share = cumulated[last] - cumulated[first]
        else:
            share = inverse.mass_between(below, above)
        lost = max(inverse.excess_at_zero, 0.0) / inverse.ratio
        return share - np.where((below < 0) & (above > 0), lost, 0.0)

    def band_of(self, x: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Returns the index of the last band that begins at or below x, and whether x lies in it."""
        k = np.clip(np.searchsorted(self.low, x, side="right") - 1, 0, len(self.low) - 1)
        return k, (x >= self.low[k]) & (x <= self.high[k])

    def distances(self, k: NDArray[np.intp], x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns the distances of x to the lower and the upper edge of band k."""
        low, high = (x - self.low[k]) - self._tails[k, 0], (self.high[k] - x) + self._tails[k, 1]
        return np.maximum(low, 0.0), np.maximum(high, 0.0)

    def point(
        self, k: NDArray[np.intp], x: FloatArray, from_low: FloatArray, from_high: FloatArray
    ) -> tuple[FloatArray, ComplexArray]:
        """Returns the real u of the edge of band k that is nearer to x, and the offset of u from it.

        Of a population with bands, whose edges may be at infinity, 0 and u itself.
        """
        if not isinstance(self.inverse, AtomicMap):
            return np.zeros(x.shape), self._off_edges(x, from_low, from_high)
        lower = from_low <= from_high
        edge, b = self._edge(k, lower)
        distance = np.where(lower, from_low, -from_high)
        s, near = near_edge.leading(self.inverse, b, distance)
        s[distance == 0] = 0.0
        far = ~near & (distance != 0)
        least = 1e-20 * self.inverse.largest
        cusp = far & (edge == 0) & (np.abs(x) < least)  # psi(u) ~ u^3 where E 1/T = 0, which `leading` leaves out
        s[far] = self._solve(np.where(cusp, np.copysign(least, x), x)[far]) - edge[far]
        s[cusp] *= np.cbrt(np.abs(x[cusp]) / least)
        # elsewhere the offset from the edge would cost digits of Im u
        polish = near | ((np.abs(s) <= 4 * s.imag) & ~cusp)
        s[polish] = near_edge.offset(self.inverse, b[polish], distance[polish], s[polish])
        return edge, s

    def mass_below(
        self, k: NDArray[np.intp], x: FloatArray, from_low: FloatArray, from_high: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Returns the masses of band k below and above x; the smaller keeps its digits next to an edge."""
        _, s = self.point(k, x, from_low, from_high)
        lower = from_low <= from_high
        near = self.mass_from_edge(k, lower, s)
        rest = np.maximum(self.masses[k] - near, 0.0)
        return np.where(lower, near, rest), np.where(lower, rest, near)

    def mass_from_edge(self, k: NDArray[np.intp], lower: NDArray[np.bool_], s: ComplexArray) -> FloatArray:
        """Returns the mass between the lower (else upper) edge of band k and the point at offset s from it."""
        return near_edge.mass(self.inverse, *self._edge(k, lower), s)

    def thin_density(
        self, k: NDArray[np.intp], x: FloatArray, inside: NDArray[np.bool_]
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Returns the density of a continuous population's sample where u is real, else 0; and what of x is left."""
        value, near = thin_tail.density_at_zero(self.inverse, x)
        tail = self.window != self._images
        beyond = (tail[k, 0] & (x <= self.window[k, 0])) | (tail[k, 1] & (x >= self.window[k, 1]))
        beyond &= inside & ~near & np.isfinite(x)
        value = np.where(inside & near, value, 0.0)
        value[beyond] = thin_tail.density(self.inverse, self._real(x[beyond]))
        return value, inside & ~near & ~beyond & np.isfinite(x)

    def with_tail(self, x: FloatArray, share: FloatArray, *, lower: bool) -> FloatArray:
        """Returns the share of the window's mass below x (else above), completed by that of the population's tail."""
        tail = self._tails_of_law[0 if lower else 1]
        if tail is None:
            return share
        (u, end), law = tail, self.inverse.law
        mass = law.cdf if lower else law.sf
        beyond = x < end if lower else x > end
        result = np.minimum(share + mass(u), 1.0)
        result[beyond] = mass(np.where(np.isinf(x[beyond]), x[beyond], self._real(x[beyond])))
        return result

    def quantile_in_tail(self, p: FloatArray, x: FloatArray) -> FloatArray:
        """Returns the quantiles `x` of p with those in the lower tail replaced: psi of the population's."""
        tail = self._tails_of_law[0]
        if tail is None:
            return x
        below = (p > 0) & (p < self.inverse.law.cdf(tail[0]))
        x[below] = self.inverse.value(self.inverse.law.quantile(p[below]))
        return x

    @functools.cached_property
    def _tails_of_law(self) -> list[tuple[float, float] | None]:
        """(u, x) where the lower tail of the population begins, and the upper one; None where there is none."""
        edges, images = self._finite
        ends = [x for x, _ in self.inverse.law.atoms] + ([0.0] if self.inverse.excess_at_zero > 0 else [])
        tails: list[tuple[float, float] | None] = []
        for place, sign in (((0, 0), 1.0), ((-1, 1), -1.0)):
            alone = all(sign * x > sign * edges[place] for x in ends)
            moved = edges[place] != self.edges[place]
            tails.append((float(edges[place]), float(images[place])) if moved and alone else None)
        return tails

    def _real(self, x: FloatArray) -> FloatArray:
        return u_plane.on_axis(self.inverse, *self._finite, x)

    @functools.cached_property
    def milestones(self) -> tuple[FloatArray, FloatArray]:
        """Angles in the bands, pi more for every band, and the continuous mass below them: brackets of quantiles."""
        k = np.repeat(np.arange(len(self.bands)), MILESTONES)
        t = np.tile(np.linspace(0, np.pi, MILESTONES), len(self.bands))
        from_low, from_high = self.width[k] * np.sin(t / 2) ** 2, self.width[k] * np.cos(t / 2) ** 2
        inner = (t > 0) & (t < np.pi)
        below = np.where(t > 0, self.masses[k], 0.0)
        x = np.where(t < np.pi / 2, self.low[k] + from_low, self.high[k] - from_high)
        below[inner], _ = self.mass_below(k[inner], x[inner], from_low[inner], from_high[inner])
        return t + np.pi * k, np.maximum.accumulate(below + np.concatenate([[0.0], np.cumsum(self.masses)])[k])

    def transform(self, z: ComplexArray) -> ComplexArray:
        """Returns the Stieltjes transform of the sample's law for z of both half planes and real z off the bands."""
        # z m(z) = u m_H(u): free of the cancellation in (m_ + (1 - ratio)/z)/ratio, and of that in psi(u)/u next to
        # an atom at 0, where psi vanishes at a u that doesn't
        mirrored = np.where(z.imag < 0, z.conj(), z)
        u_times_transform, near = self._beside_edges(mirrored)
        u = self.off_support(mirrored[~near])
        population = self.inverse.transform(u)
        m = np.where(near, u_times_transform, 0.0) / mirrored
        rest = mirrored[~near]
        m[~near] = np.where(rest == 0, population / self.inverse.factor(u), population * u / rest)
        return np.where(z.imag < 0, m.conj(), m)

    def _beside_edges(self, z: ComplexArray) -> tuple[ComplexArray, NDArray[np.bool_]]:
        """Returns u m_H(u) for z with Im z >= 0 next to an edge, from the offset of u from it, and where."""
        inverse = self.inverse
        if not isinstance(inverse, AtomicMap):
            return np.zeros(z.shape, np.complex128), np.zeros(z.shape, bool)
        nearest = np.argmin(np.nan_to_num(np.abs(z[:, None] - self._images.ravel()), nan=np.inf), axis=1)
        k, lower = nearest // 2, nearest % 2 == 0
        edge, b = self._edge(k, lower)
        distance = (z - self._images.ravel()[nearest]) - self._tails.ravel()[nearest]
        s, near = near_edge.leading(inverse, b, distance)
        near &= np.isfinite(z) & (distance != 0) & (edge != 0)
        outward = np.where(lower, -s.real, s.real)  # at real z off the bands
        s = np.where(np.where(z.imag > 0, s.imag, outward) < 0, -s, s)
        s[near] = near_edge.offset(inverse, b[near], distance[near], s[near])
        u, t_minus_u = edge + s, -(b + s[:, None])
        return u * ((1 / t_minus_u) @ inverse.weights.astype(np.complex128)) - inverse.zero, near

    def off_support(self, z: ComplexArray) -> ComplexArray:
        """Returns u with psi(u) = z for z of both half planes and for real z off the bands."""
        u = np.full(z.shape, complex(np.nan, np.nan))
        up, real = z.imag != 0, (z.imag == 0) & np.isfinite(z.real)
        mirrored = np.where(z.imag < 0, z.conj(), z)
        if np.any(up):
            u[up] = u_plane.above_curve(self.inverse, self.curve, mirrored[up])
        if np.any(real):
            u[real] = u_plane.on_axis(self.inverse, self.edges, self._images, z.real[real])
        return np.where(z.imag < 0, u.conj(), u)

    def _edge(self, k: NDArray[np.intp], lower: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Returns the lower (else upper) edge u of band k and its differences from the population's values."""
        side = np.where(lower, 0, 1)
        edge = self.edges[k, side]
        return edge, (edge[:, None] - self.inverse.values) + self._edge_tails[k, side][:, None]

    def _off_edges(self, x: FloatArray, from_low: FloatArray, from_high: FloatArray) -> ComplexArray:
        """Solves at least 1e-12 |x| inside the band; closer to an edge x - edge has no digits, Im u is its root."""
        # stands for 0, where psi(u) = x may be u = 0: the mass below is x^(1/3) at most at an edge, x^(1/2) inside,
        # where u of 1e-16 has no digits in the angle of the population
        tiny = (1e-45 if np.any(self.edges == 0) else 1e-30) * self.inverse.largest
        least = np.maximum(1e-12 * np.abs(x), tiny)
        x = np.where(np.abs(x) < tiny, np.copysign(tiny, x), x)
        distance = np.minimum(from_low, from_high)
        close = distance < least
        inward = np.where(from_low < from_high, least, -least)
        u = self._solve(np.where(close, x + inward, x))
        return np.where(close, u.real + 1j * u.imag * np.sqrt(distance / np.where(close, least, 1.0)), u)

    def _solve(self, x: FloatArray) -> ComplexArray:
        return u_plane.on_curve(self.inverse, self.curve, x)

    @functools.cached_property
    def _finite(self) -> tuple[FloatArray, FloatArray]:
        """Edges in u and their images, those behind tails replaced by where the mass beyond is below rounding."""
        if isinstance(self.inverse, AtomicMap):
            return self.edges, self._images
        edges = thin_tail.ends_of_tails(self.inverse, self.edges)
        points = edges[edges != self.edges]
        images = np.array(self._images)
        images[edges != self.edges] = self.inverse.value(points + 1j * self.inverse.height(points)).real
        return edges, images

    @property
    def window(self) -> FloatArray:
        """Finite intervals that hold the bands' mass up to rounding, (bands, 2)."""
        return self._finite[1]


def _bands(inverse: Any, edges: FloatArray) -> tuple[tuple[Band, ...], FloatArray]:
    """Returns the images of the edges in u, and the second doubles of the edges themselves."""
    if isinstance(inverse, AtomicMap):
        exact = [[inverse.exact_edge(float(u)) for u in pair] for pair in edges]
        bands = tuple(Band.exact(low + 0, high + 0) for (low, _), (high, _) in exact)  # + 0: no negative zero
        return bands, np.array([[low, high] for (_, low), (_, high) in exact]).reshape(-1, 2)
    images = np.where(np.isfinite(edges), inverse.value(edges.ravel()).reshape(edges.shape), edges) + 0.0
    if np.any(np.isnan(images)):
        raise ArithmeticError(f"edges of the spectrum must be found; got {images.tolist()} at u = {edges.tolist()}; "
                              "pass the population as atoms, its transform is too inexact next to its own edges")
    return tuple(Band(float(low), float(high)) for low, high in images), np.zeros(edges.shape)
