"""What sums, products and powers of free variables share: density and transform at the subordinated point."""

import functools
import math
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.free.edges import Branch, support
from theory.free.fixed_point import fixed_point, relative_residual, require_small
from theory.law import Law, Pairs, elementwise

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Subordinated(Law):
    """A law whose transform at z is that of another law at the point w(z) solving w = T_z(w) (Voiculescu 1993).

    Belinschi and Bercovici 2007: T_z maps the upper half plane into itself, for real z too, so the density at a real x
    is that of the interior fixed point of T_x; there is no limit in Im z to take.
    """

    @abstractmethod
    def _map(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        """T_z(w)."""

    @abstractmethod
    def _transform(self, z: ComplexArray, w: ComplexArray) -> ComplexArray:
        """Stieltjes transform at z from the fixed point w."""

    @abstractmethod
    def _branches(self) -> Sequence[Branch]:
        """Pairs of gaps to be searched for edges."""

    @abstractmethod
    def _poles(self) -> Pairs:
        """((x, mass), ...), in any order: atoms have a positive mass, zero mass makes the density infinite."""

    @property
    def _anchors(self) -> tuple[float, ...]:
        """Where edges may lie that are no critical points."""
        return tuple(x for x, mass in _poles(self).items() if not math.isnan(mass))

    @property
    def atoms(self) -> Pairs:
        """By Bercovici and Voiculescu 1998; exact."""
        return tuple((x, mass) for x, mass in _poles(self).items() if mass > 0)

    @property
    def bands(self) -> Pairs:
        """From the critical points of the inverse map on the real axis; right to rounding error of the larger law."""
        return _bands(self)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part."""
        density = np.where(np.isnan(x), np.nan, 0.0)
        for band, (low, high) in enumerate(self.bands):
            inside = (x > low) & (x < high)
            if np.any(inside):
                density[inside] = self._density(x[inside], band)
        for x0, mass in _poles(self).items():
            if mass == 0:
                density[x == x0] = np.inf
        return density

    def _density(self, x: FloatArray, band: int) -> FloatArray:
        low, high = self.bands[band]
        for x0, mass in _poles(self).items():
            reach = 2e-4 * (high - low)
            near = np.abs(x - x0) < reach
            if math.isnan(mass) and np.any(near) and low < x0 - 3 * reach and x0 + 3 * reach < high:
                # T_x is nearly the identity here: the fixed point is lost, the density is smooth
                nodes = x0 + reach * np.array([-3.0, -1.5, 1.5, 3.0])
                value = x.copy()
                value[near] = _lagrange(nodes, self._density(nodes, band), x[near])
                value[~near] = self._density(x[~near], band)
                return value
        z = x.astype(np.complex128)
        return np.maximum(self._transform(z, self._solve(z, _guide(self, band).start(x))).imag / np.pi, 0.0)

    def _stieltjes(self, z: ComplexArray) -> ComplexArray:
        upper: ComplexArray = np.where(z.imag < 0, z.conj(), z)
        distance = self._distance(upper.real)
        near = upper.imag < 1e-4 * distance
        value = np.full(z.shape, complex(np.nan, np.nan))
        usual = ~near & (upper.imag > 0) & np.isfinite(upper)
        value[usual] = self._transform(upper[usual], self._solve(upper[usual], self._start(upper[usual])))
        if np.any(near):
            value[near] = self._transform(upper[near], self._polished(upper[near], distance[near]))
        return np.where(z.imag < 0, value.conj(), value)

    def _solve(self, z: ComplexArray, start: ComplexArray) -> ComplexArray:
        low, high = self._ends
        return fixed_point(lambda w, k: self._map(z[k], w), start, high - low)

    def _start(self, z: ComplexArray) -> ComplexArray:
        low, high = self._ends
        return z + 0.5j * (high - low)

    def _polished(self, z: ComplexArray, distance: FloatArray) -> ComplexArray:
        """w(z) on the real axis off the support, or so near to it that Im w is lost in the rounding of Re w.

        From the solution a little above, by Newton steps in which real and imaginary part keep their own digits.
        """
        height = 1e-4 * np.minimum(distance, np.abs(z.real) + self._ends[1] - self._ends[0])
        above: ComplexArray = np.asarray(z.real + 1j * height, np.complex128)
        w = self._solve(above, self._start(above))
        w = w.real + 1j * w.imag * (z.imag / height)
        offset = 1e-3j * height
        for _ in range(4):
            value = self._map(z, w)
            slope = (self._map(z, w + offset) - value) / offset
            w = w + (value - w) / (1 - slope)
        require_small(relative_residual(w, self._map(z, w), self._ends[1] - self._ends[0]))
        return w

    def _distance(self, x: FloatArray) -> FloatArray:
        """Distance of real x to the support."""
        pieces = (*self.bands, *((a, a) for a, _ in self.atoms))
        return np.min([np.maximum(np.maximum(low - x, x - high), 0.0) for low, high in pieces], axis=0)


class _Guide:
    """Fixed points on one band at equal angles: starts for the solver that save most of its steps."""

    def __init__(self, law: Subordinated, low: float, high: float) -> None:
        self.band = Band(low, high)
        self.angle = np.linspace(0, np.pi, 131)[1:-1]
        x = self.band.at(self.angle).astype(np.complex128)
        self.w = law._solve(x, law._start(x))

    def start(self, x: FloatArray) -> ComplexArray:
        """Interpolates; Im w falls like the angle towards the edges."""
        t = self.band.angle(x)
        end = np.minimum(np.minimum(t / self.angle[0], (np.pi - t) / self.angle[0]), 1.0)
        real, imag = np.interp(t, self.angle, self.w.real), np.interp(t, self.angle, self.w.imag)
        return real + 1j * np.maximum(imag * end, 1e-12 * np.max(self.w.imag))


@functools.lru_cache(maxsize=64)
def _poles(law: Subordinated) -> dict[float, float]:
    """Atoms with their masses; points of infinite density with mass 0; points where T_x is the identity with NaN.

    T_x is the identity for two laws of two atoms, equal up to a shift, at the point that belongs to both pairs.
    """
    pairs = sorted(law._poles())
    scale = max((abs(x) for x, _ in pairs), default=0.0)
    result: dict[float, float] = {}
    for x, mass in pairs:
        if mass > 1e-14:
            result[x] = mass
        elif mass > -1e-14:
            same = [y for y in result if abs(x - y) <= 1e-14 * scale]
            result[same[0] if same else x] = math.nan if same else 0.0
    return result


@functools.lru_cache(maxsize=64)
def _bands(law: Subordinated) -> Pairs:
    poles = _poles(law)
    pieces = support(law._branches(), law._anchors)
    for x, mass in poles.items():
        if mass == 0:  # a band ends where its density is infinite, so that quadrature sees a hard edge
            pieces = tuple(piece for low, high in pieces for piece in _split(low, high, x))
    return pieces


def _split(low: float, high: float, x: float) -> Pairs:
    return ((low, x), (x, high)) if low < x < high else ((low, high),)


@functools.lru_cache(maxsize=64)
def _guide(law: Subordinated, band: int) -> _Guide:
    with np.errstate(all="ignore"):
        return _Guide(law, *law.bands[band])


def _lagrange(nodes: FloatArray, values: FloatArray, x: FloatArray) -> FloatArray:
    """The polynomial through (nodes, values) at x."""
    one = np.eye(len(nodes))
    factors = np.where(one == 1, 1.0, (x[:, None, None] - nodes) / (nodes[:, None] - nodes + one))
    return np.prod(factors, axis=-1) @ values
