"""psi of `inverse_map` for a population that is a law with bands, through a table of its density."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.law import Law, Pairs
from theory.sample_covariance.node_table import NodeTable

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class ContinuousMap:
    """psi of a law, as sums over the nodes of `NodeTable`: those of `AtomicMap`, right to about 1e-14 of their terms.

    The transform of the law itself is not used: that of a free convolution, say, carries the error of its iteration,
    and takes too long.
    """

    rounding = 1e-14  # of psi, relative

    def __init__(self, law: Law, ratio: float) -> None:
        self.law, self.ratio = law, ratio
        self.table = NodeTable(law)
        self.zero = self.table.zero
        self.excess_at_zero = ratio * (1 - self.zero) - 1
        if abs(self.excess_at_zero) < 8 * np.finfo(float).eps:
            self.excess_at_zero = 0.0
        self.largest = max(abs(x) for pair in (*law.window, *((x, x) for x, _ in law.atoms)) for x in pair)
        low, high = np.array(self.intervals).T
        self._nearest = np.min(np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high))))

    @property
    def intervals(self) -> Pairs:
        """Support of the population without an atom at 0; overlapping intervals are merged."""
        merged: list[tuple[float, float]] = []
        for low, high in sorted((*self.law.bands, *((x, x) for x, _ in self.law.atoms if x != 0))):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return tuple(merged)

    def mass_between(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """Mass of t != 0 in [low, high], whose ends lie in gaps of the population."""
        points = [(p.band.low, p.mass) for p in self.table.bands]
        points += list(zip(self.table.atoms, self.table.atom_masses, strict=True))
        x, mass = np.array(points).T
        return np.sum(np.where((x >= low[:, None]) & (x <= high[:, None]), mass, 0.0), axis=1)

    def value(self, u: Any) -> Any:
        """psi(u), elementwise for u (m,)."""
        return u * self.factor(u)

    def factor(self, u: Any) -> Any:
        """psi(u)/u, with its digits next to u = 0 too."""
        transform, first = self.table.moments(u, (0, 1), (1, 1))
        return self._factor(u, transform, first)

    def value_and_slope(self, u: Any) -> tuple[Any, Any]:
        """psi(u) and psi'(u), elementwise for u (m,)."""
        sums = self.table.moments(u, (0, 1), (1, 1), (2, 2))
        return u * self._factor(u, sums[0], sums[1]), 1 - self.ratio * sums[2]

    def transform(self, u: Any) -> Any:
        """int dH/(t - u) over the population, its zeros included."""
        return self.table.moments(u, (0, 1))[0] - (self.zero / u if self.zero else 0.0)

    def transform_and_slope(self, u: Any) -> tuple[Any, Any]:
        """int dH/(t - u) and int dH/(t - u)^2 over the population, its zeros included."""
        first, second = self.table.moments(u, (0, 1), (0, 2))
        return (first - self.zero / u, second + self.zero / u**2) if self.zero else (first, second)

    def divided_difference(self, u: Any, v: float) -> Any:
        """int dH/((t - u)(t - v)), a divided difference of the transform; v lies below t or is 0."""
        value = self.table.integrals(u, lambda t, d: (1 / (d * (t - v)))[None])[0]
        return value + self.zero / (u * v) if self.zero else value

    def excess(self, u: FloatArray) -> FloatArray:
        """-psi'(u) for real u off the support, with its digits next to u = 0 too."""
        far, first, transform = self.table.moments(u, (2, 2), (1, 2), (0, 1))
        rest = u * (first + transform)
        return np.where(self._near(u, rest), self.excess_at_zero + self.ratio * rest, self.ratio * far - 1)

    def excess_slope(self, u: FloatArray) -> FloatArray:
        """-psi''(u)/2 for real u; increases through every gap of the population."""
        return self.ratio * self.table.moments(u, (2, 3))[0]

    def height(self, a: FloatArray) -> FloatArray:
        """The v >= 0 with Im psi(a + iv) = 0, to 1e-5; 0 where there is none above 1e-25 of the scale.

        Newton for s = v^2 on 1/int = 1 as in `AtomicMap`; it climbs from the left, or falls there in one step.
        """
        least = (1e-25 * min(1.0, math.sqrt(self.ratio)) * math.sqrt(self.ratio) * self.largest) ** 2
        most = 1.01 * self.ratio * self.largest**2
        s = np.clip(self._guess(a), least, most)
        active = np.arange(len(a))
        for _ in range(60):
            here, square = a[active], s[active]
            total, excess, second = self._sums_above(here, np.sqrt(square))
            new = square + total * excess / second
            new = np.where(np.isfinite(new), np.maximum(new, 1e-4 * square), 1e-4 * square)
            s[active] = np.maximum(new, least)
            active = active[~(np.abs(new - square) <= 1e-5 * square) & (new > least)]
            if not len(active):
                break
        return np.where(s > least, np.sqrt(s), 0.0)

    def _sums_above(self, a: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Returns int = ratio int t^2/|t - a - iv|^2 dH, int - 1 with its digits next to 0, and -d int/d(v^2)."""

        def kernel(t: FloatArray, d: Any) -> Any:
            inverse = 1 / (d.real**2 + d.imag**2)
            return np.stack([t * t * inverse, (t * inverse) ** 2, (t + d.real) * inverse, inverse])

        far, second, linear, square = self.table.integrals(a + 1j * v, kernel).real
        rest, total = a * linear - v * v * square, self.ratio * far
        near = self.excess_at_zero + self.ratio * rest
        return total, np.where(self._near(a, rest), near, total - 1), self.ratio * second

    def _guess(self, a: FloatArray) -> FloatArray:
        """Returns v^2 to leading order in the ratio: v is pi ratio a^2 times the population's density."""
        step = 1e-9 * np.abs(a) + 1e-30 * self.largest
        density = np.abs(self.table.moments(a + 1j * step, (0, 1))[0].imag)
        return (self.ratio * a**2 * density) ** 2

    def _factor(self, u: Any, transform: Any, first: Any) -> Any:
        """psi/u from int dH/(t - u) and int t dH/(t - u)."""
        factor = 1 - self.ratio * first
        # Next to 0 the terms -1 of every t/(u - t) are summed beforehand, or a nearly hard edge would lose its digits.
        rest = u * transform
        return np.where(self._near(u, rest), -self.ratio * rest - self.excess_at_zero, factor)

    def _near(self, u: Any, rest: Any) -> NDArray[np.bool_]:
        """Whether u is next to 0: nearer than the population or, where that reaches 0, where the `rest` is small."""
        return np.abs(u) < self._nearest / 2 if self._nearest > 0 else np.abs(rest) < 0.25
