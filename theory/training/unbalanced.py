"""One mode of a two-layer linear network with unequal layers: the Riccati equation of X = (a + b)^2.

    X' = 2 (s - decay) X - X^2/2 + c^2/2,   c = c0 e^{-2 decay t} = a^2 - b^2 >= 0,   u = a b = (X - c^2/X)/4

X = N/D makes it linear, (N, D)' = [[s', c^2/2], [1/2, -s']] (N, D) with s' = s - decay: no entry off the diagonal is
negative, so nothing cancels. Derived for this package; without decay it is Saxe et al. 2014, appendix.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray

from theory.quadrature import gauss_legendre

FloatArray = NDArray[np.float64]
STAGES = 8


def strength(t: FloatArray, s: float, start: float, c: float, decay: float) -> FloatArray:
    """u at times of any shape."""
    root = math.hypot(c, 2 * start)
    first = root + 2 * start
    if first == 0:
        return np.zeros(t.shape)
    x = _constant(t, s, first, c) if decay == 0 else _decaying(t, s, first, c, decay)
    rest = c * np.exp(-2 * decay * t)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x > 0, (x - rest) * (1 + rest / np.where(x > 0, x, 1.0)) / 4, 0.0)


def _constant(t: FloatArray, s: float, first: float, c: float) -> FloatArray:
    """exp of a constant matrix; k - s tanh(k t) with its cancellation carried out."""
    k = math.hypot(s, c / 2)
    if k == 0:
        return first / (1 + first * t / 2)
    fade = np.exp(-2 * k * t)
    tanh = -np.expm1(-2 * k * t) / (1 + fade)
    plus, minus = (k + abs(s)), (c / 2) ** 2 / (k + abs(s))  # k + |s|, k - |s|
    growing = (plus if s > 0 else minus) - s * 2 * fade / (1 + fade)  # k + s tanh
    decaying = (minus if s > 0 else plus) + s * 2 * fade / (1 + fade)  # k - s tanh
    return (first * growing + c**2 / 2 * tanh) / (first / 2 * tanh + decaying)


def _decaying(t: FloatArray, s: float, first: float, c: float, decay: float) -> FloatArray:
    scale = max(abs(s - decay), c, first, decay)
    last = float(np.max(t, initial=0.0))
    if last * scale > 8000:
        raise ValueError(f"time must be at most {8000 / scale:.3g} here; got {last!r}; use stationary_strength")
    grid = np.linspace(0.0, last, 2 + math.ceil(last * scale))
    edges = np.union1d(grid, t.ravel())
    steps = _transfer(edges[:-1], np.diff(edges), s - decay, c, decay)
    values, n, d = [first], first, 1.0
    for (a, b), (e, f) in steps:
        n, d = a * n + b * d, e * n + f * d
        total = n + d
        n, d = n / total, d / total
        values.append(n / d)
    return np.array(values)[np.searchsorted(edges, t)]


def _transfer(start: FloatArray, length: FloatArray, rate: float, c: float, decay: float) -> list[list[list[float]]]:
    """Propagators (panels, 2, 2) by Gauss collocation, of order 2 STAGES."""
    nodes, weights, matrix = _collocation()
    h = length[:, None]
    square = 0.5 * c**2 * np.exp(-4 * decay * (start[:, None] + h * nodes))
    m = np.empty((len(start), STAGES, 2, 2))
    m[..., 0, 0], m[..., 0, 1], m[..., 1, 0], m[..., 1, 1] = rate, square, 0.5, -rate
    system = np.eye(2 * STAGES) - np.einsum("p,piab,ij->piajb", length, m, matrix).reshape(-1, 2 * STAGES, 2 * STAGES)
    slopes = np.linalg.solve(system, m.reshape(-1, 2 * STAGES, 2)).reshape(-1, STAGES, 2, 2)
    return (np.eye(2) + np.einsum("p,i,piab->pab", length, weights, slopes)).tolist()


@functools.cache
def _collocation() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Nodes, weights and the matrix of integrals of the Lagrange polynomials from 0 to each node."""
    x, w = gauss_legendre(STAGES)
    powers = np.arange(STAGES)
    legendre = np.polynomial.legendre.legvander(2 * x - 1, STAGES - 1)
    inner, inner_weights = gauss_legendre(STAGES)
    at = np.polynomial.legendre.legvander((2 * x[:, None] * inner - 1).ravel(), STAGES - 1)
    integrals = np.einsum("i,ijk,j->ik", x, at.reshape(STAGES, STAGES, STAGES), inner_weights)
    coefficients = (2 * powers[:, None] + 1) * legendre.T * w  # values at nodes to Legendre coefficients
    return x, w, integrals @ coefficients
