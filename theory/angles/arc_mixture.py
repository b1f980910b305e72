"""Masses of a band with density sqrt((b - x)(x - a)) over a product of linear factors: a mixture of arcs.

By partial fractions such a density is a sum of terms weight/(1 + q^2 - 2 q cos t) sin^2 t in the angle t of the band,
each the integrand of `theory.angles.arc`. The laws that use it have positive weights only: nothing cancels.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.angles import arc
from theory.angles.monotone import Inverse
from theory.band import Band
from theory.law import Pairs

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ArcMixture:
    """Distribution function and quantiles of one band and of atoms beside it, from arcs (mass, q, 1 - |q|).

    A Moebius map x -> x/(x + k) or 1/x takes angles into angles by tan^2(t/2) -> stretch tan^2(t/2): laws so related
    share their arcs.
    """

    band: Band
    arcs: tuple[tuple[float, float, float], ...]
    atoms: Pairs = ()
    stretch: float = 1.0

    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atoms included."""
        below, _ = self._shares(x)
        total = below + sum((mass * (x >= a) for a, mass in self.atoms), np.zeros(1))
        return np.where(x >= self._ends[1], 1.0, total)

    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x); relative accuracy is kept up to the upper end."""
        _, above = self._shares(x)
        total = above + sum((mass * (x < a) for a, mass in self.atoms), np.zeros(1))
        return np.where(x < self._ends[0], 1.0, total)

    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}; ValueError outside [0, 1]."""
        checks.probabilities(p)
        first = math.fsum(mass for x, mass in self.atoms if x <= self.band.low)
        last = math.fsum(mass for x, mass in self.atoms if x >= self.band.high)
        x = self._place(np.maximum(p - first, 0.0), np.maximum((1 - p) - last, 0.0))
        lowest, highest = self._ends
        x = np.where((p <= first) & (first > 0), lowest, x)
        return np.where((p > 1 - last) | (p == 1), highest, x)

    def _mass(self, t: FloatArray, sign: float) -> tuple[FloatArray, FloatArray]:
        """Mass between the lower end (the upper one for sign -1) and the angle t <= pi/2 from it; its derivative."""
        value, slope = np.zeros(t.shape), np.zeros(t.shape)
        for mass, q, rest in self.arcs:
            one_minus_q = rest if sign * q >= 0 else 1 + abs(q)
            value = value + mass * arc.mass(t, sign * q, one_minus_q)
            slope = slope + mass * arc.slope(t, sign * q, one_minus_q)
        return value, slope

    @functools.cached_property
    def _inverses(self) -> tuple[Inverse, Inverse]:
        return tuple(Inverse(functools.partial(self._mass, sign=sign), arc.HALF) for sign in (1.0, -1.0))  # type: ignore[return-value]

    def _shares(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns the band's masses below and above x, each without cancellation at its own end."""
        total = math.fsum(mass for mass, _, _ in self.arcs)
        from_low, from_high = np.sqrt(self.stretch * self.band.from_low(x)), np.sqrt(self.band.from_high(x))
        t = 2 * np.arctan2(from_low, from_high)
        low = ~(t > arc.HALF)
        part = np.empty(x.shape)
        part[low], _ = self._mass(t[low], 1.0)
        from_top = 2 * np.arctan2(from_high[~low], from_low[~low])
        part[~low], _ = self._mass(from_top, -1.0)
        return np.where(low, part, total - part), np.where(low, total - part, part)

    def _place(self, below: FloatArray, above: FloatArray) -> FloatArray:
        """Returns x from the band's masses below and above it, by the smaller one."""
        low = below <= float(self._mass(np.array(arc.HALF), 1.0)[0])
        from_low, from_high = np.empty(below.shape), np.empty(below.shape)  # up to a factor
        t = self._inverses[0](below[low]) / 2
        from_low[low], from_high[low] = np.sin(t) ** 2, self.stretch * np.cos(t) ** 2
        t = self._inverses[1](above[~low]) / 2
        from_low[~low], from_high[~low] = np.cos(t) ** 2, self.stretch * np.sin(t) ** 2
        # from the nearer end in x, which under a large stretch isn't the nearer one in mass
        step = self.band.width / (from_low + from_high)
        return np.where(from_low < from_high, self.band.low + step * from_low, self.band.high - step * from_high)

    @property
    def _ends(self) -> tuple[float, float]:
        places = [self.band.low, self.band.high, *(x for x, _ in self.atoms)]
        return min(places), max(places)
