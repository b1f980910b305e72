"""Integrals against a law's density by quadrature alone, in coordinates fit for its edges and tails.

The angle of `theory.band` on each interval of the window; log |x| where the law states a finite `tail_index`: no window
in x could hold a power tail. `theory.testing` compares what a law promises with these.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.law import Law
from theory.quadrature import panel_points, resolve

FloatArray = NDArray[np.float64]


def expectation(law: Law, f: Callable[[FloatArray], Any]) -> Any:
    """E f(X) by quadrature of the density and the sum over atoms."""
    total = sum((mass * f(np.array(x)) for x, mass in law.atoms), 0.0)
    for band, start, end in _charts(law):
        inside = [float(band.angle(np.array(x))) for x, _ in law.atoms]
        edges = np.array([start, *sorted(t for t in inside if start < t < end), end])
        total = total + _integral(law, band, edges, f)
    return total


def below(law: Law, x: float) -> float:
    """P(X <= x) by quadrature."""
    total = sum(mass for a, mass in law.atoms if a <= x)
    for band, start, end in _charts(law):
        angle = min(float(band.angle(np.array(x))), end)
        if angle > start:
            total += float(_integral(law, band, np.array([start, angle]), np.ones_like))
    return total


def central(law: Law) -> tuple[tuple[float, float], ...]:
    """Intervals on whose scale the law varies: its window, or without heavy tails' 5 % on each side."""
    return law.window if law.tail_index == math.inf else ((law.quantile(0.05), law.quantile(0.95)),)


def _charts(law: Law) -> list[tuple[Any, float, float]]:
    """What carries the mass as (coordinate, start, end), in increasing order of x."""
    if law.tail_index == math.inf:
        return [(Band(low, high), 0.0, math.pi) for low, high in law.window]
    size = law.quantile(0.75)
    # next to 0 the mass is below rounding, or the window ends before; moments reach farther out than mass
    least, most = size * 1e-40, size * 1e45
    charts: list[tuple[Any, float, float]] = []
    for low, high in law.window:
        if low < 0:
            charts.append((_Decades(-1), -math.log(max(-low, most)), -math.log(max(-high, least))))
        if high > 0:
            charts.append((_Decades(1), math.log(max(low, least)), math.log(max(high, most))))
    return charts


@dataclass(frozen=True)
class _Decades:
    """The half line of a sign in the coordinate t = sign log |x|, in which power tails are smooth."""

    sign: int

    def angle(self, x: FloatArray) -> FloatArray:
        return self.sign * np.log(np.maximum(self.sign * x, 0.0))

    def at(self, t: FloatArray) -> FloatArray:
        return self.sign * np.exp(self.sign * t)

    def jacobian(self, t: FloatArray) -> FloatArray:
        return np.exp(self.sign * t)


def _integral(law: Law, band: Any, edges: FloatArray, f: Callable[[FloatArray], Any]) -> Any:
    def density(t: FloatArray) -> FloatArray:
        x = band.at(t)
        value = law.pdf(x)
        # dx/dt at the angle of the rounded x: next to a hard edge its rounding then cancels that of pdf
        return np.where(np.isinf(value), 0.0, value) * band.jacobian(band.angle(x))

    def rows(t: FloatArray) -> FloatArray:
        value = f(band.at(t)) * density(t)
        return np.stack([value.real, value.imag])

    if isinstance(band, _Decades):  # a panel of 16 nodes may pass over a few decades among hundreds
        edges = np.unique(np.concatenate([np.linspace(a, b, 17) for a, b in itertools.pairwise(edges)]))
    edges = resolve(rows, edges, tolerance=1e-12)
    t, w = panel_points(edges[:-1], edges[1:])
    return np.sum(w * f(band.at(t)) * density(t)).item()
