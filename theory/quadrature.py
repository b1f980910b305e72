"""Adaptive Gauss-Legendre panels: integrals to rounding error of functions with kinks, jumps or nearby poles."""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
NODES = 16  # per panel; exact for degree 31


@functools.cache
def gauss_legendre(nodes: int = NODES) -> tuple[FloatArray, FloatArray]:
    """Returns nodes in (0, 1) and weights of total 1, each of shape (nodes,)."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    return (x + 1) / 2, w / 2


def panel_points(low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns the nodes and weights of every panel [low, high], each of shape (..., NODES)."""
    x, w = gauss_legendre()
    length = (high - low)[..., None]
    return low[..., None] + length * x, length * w


def resolve(
    f: Callable[[FloatArray], FloatArray], edges: FloatArray, *, tolerance: float = 2e-15
) -> FloatArray:
    """Refines `edges` until each row of `f` is integrated to `tolerance` of its absolute integral on every panel.

    `f` maps an array of shape (m,) to one of shape (rows, m) or (m,). A kink or a jump is boxed in a panel so narrow
    that its error is below rounding. Returns the new edges.
    """
    total = np.sum(_integrals(lambda x: np.abs(f(x)), edges[:-1], edges[1:]), axis=-1)
    return refine(lambda low, high: _integrals(f, low, high), edges, tolerance * total)


def refine(
    integrals: Callable[[FloatArray, FloatArray], FloatArray], edges: FloatArray, tolerance: FloatArray
) -> FloatArray:
    """Halves panels until an estimate on a panel equals the sum over its halves within `tolerance` (rows,).

    `integrals` maps panels [low, high], each of shape (m,), to estimates of shape (rows, m). At most 54 halvings.
    """
    low, high = edges[:-1], edges[1:]
    kept = [edges]
    for _ in range(54):
        middle = (low + high) / 2
        error = np.abs(integrals(low, high) - integrals(low, middle) - integrals(middle, high))
        split = np.any(error > tolerance[:, None], axis=0) & (middle > low) & (middle < high)
        if not np.any(split):
            break
        kept.append(middle[split])
        low, high = (
            np.concatenate([low[split], middle[split]]),
            np.concatenate([middle[split], high[split]]),
        )
    return np.unique(np.concatenate(kept))


def _integrals(f: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    x, w = panel_points(low, high)
    values = np.atleast_2d(f(x.ravel()))
    return np.einsum("rpn,pn->rp", values.reshape(-1, *x.shape), w)
