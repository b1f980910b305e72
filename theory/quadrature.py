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


def resolve(f: Callable[[FloatArray], FloatArray], edges: FloatArray, *, depth: int = 54) -> FloatArray:
    """Refines `edges` until every panel integrates each row of `f` to rounding error, and returns the new edges.

    `f` maps an array of shape (m,) to one of shape (rows, m) or (m,). A panel is halved while its integral and the sum
    of those of its halves differ by more than 2e-15 of the integral of |f|, at most `depth` times: a kink or a jump is
    boxed in a panel of width 2^-depth, where its error is below rounding.
    """
    low, high = edges[:-1], edges[1:]
    kept = [edges]
    total = np.sum(_integrals(lambda x: np.abs(f(x)), low, high), axis=-1, keepdims=True)
    for _ in range(depth):
        middle = (low + high) / 2
        error = np.abs(_integrals(f, low, high) - _integrals(f, low, middle) - _integrals(f, middle, high))
        split = np.any(error > 2e-15 * total, axis=0) & (middle > low) & (middle < high)
        if not np.any(split):
            break
        kept.append(middle[split])
        low, high = (
            np.concatenate([low[split], middle[split]]),
            np.concatenate([middle[split], high[split]]),
        )
    return np.unique(np.concatenate(kept))


def integrate(f: Callable[[FloatArray], FloatArray], edges: FloatArray) -> FloatArray:
    """Returns the integral of each row of `f` over the panels between consecutive `edges`: shape (rows,)."""
    return np.sum(_integrals(f, edges[:-1], edges[1:]), axis=-1)


def _integrals(f: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    x, w = panel_points(low, high)
    values = np.atleast_2d(f(x.ravel()))
    return np.einsum("rpn,pn->rp", values.reshape(-1, *x.shape), w)
