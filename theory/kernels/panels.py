"""Polynomials on panels of a band's angle: the solution of the layer equations, and the mass below any point.

In the angle, or in the power of it that `theory.kernels.edges.root` gives, both are analytic up to the edges, so
panels of 16 Gauss-Legendre nodes, halved where the highest Legendre coefficients have not died out, hold them to
rounding: a nearly closed gap or a nearly hard edge costs panels, not digits.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from theory.quadrature import NODES, gauss_legendre, panel_points
from theory.roots import newton_roots

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
RESOLVED = 1e-13  # of the mass of the whole law: size of the last coefficients of a panel that is not halved
Solve = Callable[[FloatArray, ComplexArray | None], tuple[ComplexArray, FloatArray]]


class Panels(NamedTuple):
    """P panels of the angle [0, pi]."""

    edges: FloatArray  # (P + 1,)
    k: ComplexArray  # (L + 1, P, NODES) solutions at the nodes
    integral: FloatArray  # (NODES + 1, P) Legendre coefficients of the mass from the panel's lower end
    shares: FloatArray  # (P, NODES) mass that each node stands for

    @property
    def masses(self) -> FloatArray:
        """Mass of each panel, (P,)."""
        return np.sum(self.shares, axis=-1)

    @property
    def nodes(self) -> FloatArray:
        """Angles of the nodes, (P, NODES)."""
        return panel_points(self.edges[:-1], self.edges[1:])[0]

    def guess(self, t: FloatArray) -> ComplexArray:
        """Interpolates the solution at angles t (N,); returns (L + 1, N)."""
        panel, s = self._local(t)
        weights = _interpolation(s)
        return np.einsum("lnj,nj->ln", self.k[:, panel], weights)

    def density(self, t: FloatArray) -> FloatArray:
        """Mass per angle, from the polynomials."""
        panel, s = self._local(t)
        slope = np.asarray(legendre.legder(self.integral, scl=2.0))
        value = legendre.legval(2 * s - 1, slope[:, panel], tensor=False)
        return value / (self.edges[panel + 1] - self.edges[panel])

    def below(self, t: FloatArray) -> FloatArray:
        """Mass of the angles below t."""
        panel, s = self._local(t)
        before = np.concatenate([[0.0], np.cumsum(self.masses)])
        mass = before[panel] + legendre.legval(2 * s - 1, self.integral[:, panel], tensor=False)
        return np.where(t <= 0, 0.0, np.maximum(mass, 0.0))

    def above(self, t: FloatArray) -> FloatArray:
        """Mass of the angles above t, summed from the top."""
        panel, s = self._local(t)
        after = np.concatenate([np.cumsum(self.masses[::-1])[::-1], [0.0]])
        mass = after[panel] - legendre.legval(2 * s - 1, self.integral[:, panel], tensor=False)
        return np.where(t >= np.pi, 0.0, np.maximum(mass, 0.0))

    def angle(self, mass: FloatArray) -> FloatArray:
        """The angle below which the mass lies."""
        heights = np.cumsum(self.masses)
        panel = np.minimum(np.searchsorted(heights, mass), len(heights) - 1)
        own = self.masses[panel]
        wanted = mass - (heights[panel] - own)
        integral = self.integral[:, panel]
        slope = legendre.legder(integral, scl=2.0)

        def excess(s: FloatArray, i: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
            value, rate = (np.asarray(legendre.legval(2 * s - 1, c[:, i], tensor=False), np.float64)
                           for c in (integral, slope))
            return value - wanted[i], rate

        s, _ = newton_roots(excess, np.clip(wanted / own, 0.0, 1.0), np.zeros(mass.shape), np.ones(mass.shape))
        start, end = self.edges[panel], self.edges[panel + 1]
        return start + (end - start) * s

    def _local(self, t: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        panel = np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.edges) - 2)
        start, end = self.edges[panel], self.edges[panel + 1]
        return panel, (t - start) / (end - start)


def resolve(solve: Solve, edges: FloatArray) -> Panels:
    """Builds panels from `solve`, which maps angles (N,) and guesses or None to k (L + 1, N) and the mass per angle."""
    low, high = edges[:-1], edges[1:]
    guess: ComplexArray | None = None
    done: list[Panels] = []
    while True:
        t, w = panel_points(low, high)
        k, density = solve(t.ravel(), guess)
        k, mass = k.reshape(-1, *t.shape), density.reshape(t.shape) * (high - low)[:, None]
        coefficients = _legendre_transform() @ mass.T
        rough = np.max(np.abs(coefficients[-2:]), axis=0) > RESOLVED
        rough &= high - low > 1e-13
        integral = np.asarray(legendre.legint(coefficients, lbnd=-1, scl=0.5), dtype=np.float64)
        shares = w * density.reshape(t.shape)
        done.append(Panels(low[~rough], k[:, ~rough], integral[:, ~rough], shares[~rough]))
        if not np.any(rough):
            break
        middle = (low + high)[rough] / 2
        halves = np.stack([low[rough], middle, middle, high[rough]], axis=1)
        low, high = halves[:, ::2].ravel(), halves[:, 1::2].ravel()
        x, _ = gauss_legendre()
        guess = np.concatenate([k[:, rough] @ _interpolation(x / 2 + side).T for side in (0, 0.5)], axis=-1)
        guess = guess.reshape(len(guess), -1)
    return _joined(done, float(edges[-1]))


def _joined(parts: list[Panels], end: float) -> Panels:
    starts = np.concatenate([part.edges for part in parts])
    order = np.argsort(starts)
    k = np.concatenate([part.k for part in parts], axis=1)[:, order]
    integral = np.concatenate([part.integral for part in parts], axis=1)[:, order]
    return Panels(np.append(starts[order], end), k, integral, np.concatenate([part.shares for part in parts])[order])


def _interpolation(s: FloatArray) -> FloatArray:
    """Values (N, NODES) at s in [0, 1] of the polynomials that are 1 at one Gauss-Legendre node and 0 at the others."""
    return legendre.legvander(2 * s - 1, NODES - 1) @ _legendre_transform()


@functools.cache
def _legendre_transform() -> FloatArray:
    """Matrix from values at the Gauss-Legendre nodes to Legendre coefficients."""
    x, w = gauss_legendre()
    vander = legendre.legvander(2 * x - 1, NODES - 1)
    return (2 * np.arange(NODES) + 1)[:, None] * (vander * w[:, None]).T
