"""Integrals over a law of kernels with a pole next to its support, from one table of its density.

The density is sampled once, as a polynomial per panel of the angle of `theory.band`. Panels no longer than their
distance from the pole are summed over their Gauss nodes; the others are halved, the polynomial evaluated on the halves:
the law itself, whose density may be the root of an equation, is not asked again.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.law import Law
from theory.quadrature import NODES, gauss_legendre, panel_points

FloatArray = NDArray[np.float64]
Kernel = Callable[[FloatArray, Any], Any]
Powers = tuple[tuple[int, int], ...]
HALVINGS = 44  # of a panel at a kink of the density
ROUNDING = 4e-15  # of the largest density: a panel is resolved when its last coefficients are below
NOISE = 1e-7  # below, coefficients that halving doesn't lower are the noise of the density
CLOSE = 0.75  # lengths of a panel: nearer to a pole 16 nodes would lose digits
LEAST = 1e-60  # length of a panel; there is no closer pole
CHUNK = 2**18  # nodes at a time


@dataclass(frozen=True)
class Panels:
    """Density per angle of one band over its factor, at the Gauss nodes of panels of the angle."""

    band: Band
    soft: tuple[bool, bool]  # whether the law's density is finite at the lower end, at the upper
    low: FloatArray  # (panels,) angles
    high: FloatArray
    density: FloatArray  # (panels, nodes)

    @property
    def mass(self) -> float:
        """Mass of the band."""
        return float(np.sum(self._nodes[3]))

    def integrals(self, u: Any, kernel: Kernel) -> Any:
        """Integrals of kernel(x, x - u) over the band for u (m,), shape (rows, m)."""
        x, from_end, ends, masses = self._nodes
        pole, start, near = self._poles(u)
        terms = kernel(x, (ends - u[:, None]) + from_end)
        sums = np.einsum("rmpn,pn->rmp", terms.reshape(*terms.shape[:-1], *masses.shape), masses)
        return self._add_near(np.sum(np.where(near, 0.0, sums), axis=-1), kernel, u, pole, start, near)

    def moments(self, u: Any, powers: Powers) -> Any:
        """The integrals of x^j/(x - u)^k over the band for (j, k) of `powers`, by products of matrices."""
        x, from_end, ends, masses = self._nodes
        pole, start, near = self._poles(u)
        inverse = 1 / ((ends - u[:, None]) + from_end)
        if np.any(near):
            inverse = np.where(np.repeat(near, NODES, axis=1), 0.0, inverse)
        orders = {1: inverse, **{k: inverse**k for _, k in powers if k > 1}}
        total = np.stack([orders[k] @ (masses.ravel() * x**j).astype(inverse.dtype) for j, k in powers])
        return self._add_near(total, _kernel(powers), u, pole, start, near)

    def _poles(self, u: Any) -> tuple[Any, Any, NDArray[np.bool_]]:
        """Returns the pole's angle, panels' low ends as seen from it, and which are too near for their nodes."""
        pole = _angle(self.band, u)
        start, length = self.low - pole[:, None], self.high - self.low
        return pole, start, _gap(start, length) < CLOSE * length

    @functools.cached_property
    def _nodes(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Points, their signed distances from the nearer end, that end, and masses by panel."""
        t, w = panel_points(self.low, self.high)
        band, upper = self.band, t.ravel() > np.pi / 2
        distance = np.where(upper, -band.width * np.cos(t.ravel() / 2) ** 2, band.width * np.sin(t.ravel() / 2) ** 2)
        masses = w * _factor(self.soft, t) * self.density
        ends = np.where(upper, band.high, band.low)  # x - u keeps its digits next to an end
        return ends + distance, distance, ends, masses

    def _add_near(
        self, total: Any, kernel: Kernel, u: Any, pole: Any, start: Any, near: NDArray[np.bool_]
    ) -> Any:
        """Adds the near panels, halved: from `start` on t - pole keeps its digits however close they are."""
        point, panel = np.nonzero(near)
        start, length, density = start[near], (self.high - self.low)[panel], self.density[panel]
        first, second = _halving()
        nodes, weights = gauss_legendre()
        real = not np.iscomplexobj(u)
        while len(point):
            point, length = np.tile(point, 2), np.tile(length / 2, 2)
            start = np.concatenate([start, start + length[: len(start)]])
            density = np.concatenate([density @ first, density @ second])
            near = (_gap(start, length) < CLOSE * length) & (length > LEAST)
            done = ~near
            offset, at = start[done, None] + length[done, None] * nodes, pole[point[done], None]
            # width (sin^2(t/2) - sin^2(pole/2))
            d = self.band.width * np.sin(offset / 2) * np.sin(at + offset / 2)
            d = d.real if real else d
            masses = density[done] * weights * length[done, None] * _factor(self.soft, (at + offset).real)
            terms = kernel((u[point[done], None] + d).real, d) * masses
            for row, part in zip(total, np.sum(terms, axis=-1), strict=True):
                np.add.at(row, point[done], part)
            point, start, length, density = point[near], start[near], length[near], density[near]
        return total


class NodeTable:
    """Panels of every band of a law, and its atoms apart from one at 0."""

    def __init__(self, law: Law) -> None:
        atoms = np.array([(x, mass) for x, mass in law.atoms if x != 0]).reshape(-1, 2)
        self.atoms, self.atom_masses = atoms.T
        self.zero = sum(mass for x, mass in law.atoms if x == 0)
        with np.errstate(all="ignore"):
            bands = [_panels(law, Band(low, high)) for low, high in law.window]
        share = (1 - self.zero - math.fsum(self.atom_masses)) / math.fsum(panels.mass for panels in bands)
        self.defect = abs(share - 1)
        if not self.defect < 1e-6:
            raise ArithmeticError(f"density of the population must carry its mass; got {1 / share:.9g} of it from "
                                  f"{law!r}; pass pairs (value, weight), such as quantiles")
        self.bands = [replace(panels, density=share * panels.density) for panels in bands]

    def integrals(self, u: Any, kernel: Kernel) -> Any:
        """The integrals of the rows of `kernel` over t != 0 for u (m,), shape (rows, m).

        `kernel(t, t - u)` gives shape (rows, *shape of t - u), the poles of its rows lie at u.
        """
        return self._in_chunks(u, lambda panels, part: panels.integrals(part, kernel), kernel)

    def moments(self, u: Any, *powers: tuple[int, int]) -> Any:
        """The integrals of t^j/(t - u)^k over t != 0 for (j, k) of `powers`, shape (powers, m)."""
        return self._in_chunks(u, lambda panels, part: panels.moments(part, powers), _kernel(powers))

    def _in_chunks(self, u: Any, of_band: Callable[[Panels, Any], Any], kernel: Kernel) -> Any:
        nodes = NODES * sum(len(panels.low) for panels in self.bands) + len(self.atoms)
        step = max(1, CHUNK // nodes)
        parts = []
        with np.errstate(all="ignore"):
            for i in range(0, max(1, len(u)), step):
                part = u[i : i + step]
                atoms = np.sum(kernel(self.atoms, self.atoms - part[:, None]) * self.atom_masses, axis=-1)
                parts.append(atoms + sum(of_band(panels, part) for panels in self.bands))
        return np.concatenate(parts, axis=-1)


def _kernel(powers: Powers) -> Kernel:
    return lambda t, d: np.stack([t**j / d**k for j, k in powers])


def _panels(law: Law, band: Band) -> Panels:
    """Halves panels until the Legendre series of the density has decayed, or meets the density's own noise."""
    inner = sorted(float(band.angle(np.array(x))) for x, _ in law.atoms if band.low < x < band.high)
    edges = np.array([0.0, *inner, math.pi])
    low, high = edges[:-1], edges[1:]
    before = np.full(low.shape, np.inf)
    soft = (bool(np.isfinite(law.pdf(band.low))), bool(np.isfinite(law.pdf(band.high))))
    kept: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    most = 0.0
    for _ in range(HALVINGS):
        t, _ = panel_points(low, high)
        density, factor = _sampled(law, band, soft, low, high), _factor(soft, t)
        most = max(most, float(np.max(np.abs(density * factor))))
        tail = np.max(np.abs(density @ _last_coefficients()), axis=1) * np.max(factor, axis=1)
        noise = (tail > 0.7 * before) & (tail < NOISE * most)
        split = (tail > ROUNDING * most) & (tail * (high - low) > ROUNDING / 4 * most) & ~noise
        kept.append((low[~split], high[~split], density[~split]))
        if not np.any(split):
            break
        low, high, before = low[split], high[split], np.tile(tail[split], 2)
        middle = (low + high) / 2
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
    else:
        kept.append((low, high, _sampled(law, band, soft, low, high)))
    low, high, density = (np.concatenate([part[k] for part in kept]) for k in range(3))
    order = np.argsort(low)
    return Panels(band, soft, low[order], high[order], density[order])


def _sampled(law: Law, band: Band, soft: tuple[bool, bool], low: FloatArray, high: FloatArray) -> FloatArray:
    """Returns the density per angle over its factor at the nodes of panels, (panels, nodes).

    The law is asked at rounded x, which next to an edge belong to other angles: the slope takes the values back.
    """
    t, _ = panel_points(low, high)
    x = band.at(t)
    value = law.pdf(x.ravel()).reshape(x.shape)
    rounded = band.angle(x)
    density = np.where(np.isinf(value) | (rounded <= 0), 0.0, value * band.jacobian(rounded) / _factor(soft, rounded))
    return density - density @ _derivative() * (rounded - t) / (high - low)[:, None]


def _factor(soft: tuple[bool, bool], t: FloatArray) -> FloatArray:
    """Returns what the density per angle vanishes with at soft ends: next to them its rest keeps its digits."""
    return (np.sin(t / 2) if soft[0] else 1.0) * (np.cos(t / 2) if soft[1] else np.ones(t.shape))


def _angle(band: Band, u: Any) -> Any:
    """Returns the complex angle at which x = u, from the nearer end."""
    below, above = ((u - band.low) / band.width).astype(complex), ((band.high - u) / band.width).astype(complex)
    from_low, from_high = 2 * np.arcsin(np.sqrt(below)), np.pi - 2 * np.arcsin(np.sqrt(above))
    return np.where(below.real < 0.5, from_low, from_high)


def _gap(start: Any, length: FloatArray) -> FloatArray:
    """Returns the distance of 0 from panels that begin at the complex `start`."""
    return np.hypot(np.maximum(np.maximum(start.real, -start.real - length), 0.0), start.imag)


@functools.cache
def _legendre() -> FloatArray:
    """Returns the matrix (nodes, nodes) that takes values at the Gauss nodes, as a row, to Legendre coefficients."""
    x, w = gauss_legendre()
    order = np.arange(NODES)
    return (w[:, None] * np.polynomial.legendre.legvander(2 * x - 1, NODES - 1)) * (2 * order + 1)


def _last_coefficients() -> FloatArray:
    return _legendre()[:, -3:]


@functools.cache
def _halving() -> tuple[FloatArray, FloatArray]:
    """Returns the matrices that take values at the nodes of a panel, as a row, to those of its two halves."""
    x, _ = gauss_legendre()
    first, second = (np.polynomial.legendre.legvander(y, NODES - 1).T for y in (x - 1, x))
    return _legendre() @ first, _legendre() @ second


@functools.cache
def _derivative() -> FloatArray:
    """Returns the matrix that takes values at the nodes of a panel, as a row, to slopes times its length."""
    x, _ = gauss_legendre()
    slopes = [np.polynomial.legendre.Legendre.basis(k, domain=[0, 1]).deriv()(x) for k in range(NODES)]
    return _legendre() @ np.stack(slopes)
