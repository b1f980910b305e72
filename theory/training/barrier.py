"""Loss on the line between two trained two-layer linear networks: the barrier of linear mode connectivity.

Both solutions are balanced and have the same product W2 W1 = U diag(u) V^T; they differ by a rotation of the hidden
layer. With R1, R2 (r x width, orthonormal rows) their hidden bases and O = R1 R2^T the overlaps, the product at
fraction f of the way is U diag(u)^{1/2} (1 - f (1 - f) (2 - O - O^T)) diag(u)^{1/2} V^T.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks

FloatArray = NDArray[np.float64]


def interpolation_loss(
    fraction: ArrayLike, strengths: ArrayLike, overlap: ArrayLike, *, targets: ArrayLike | None = None
) -> Any:
    """Loss |S - W2 W1|^2/2 at `fraction` of the line between the two solutions.

        L(f) = |diag(targets - u) + f (1 - f) diag(u)^{1/2} (2 - O - O^T) diag(u)^{1/2}|^2/2

    `strengths` u (r,), `overlap` O (r, r); `targets` are those reached if not given, so that L is 0 at both ends; with
    weight decay pass the target's singular values. The barrier is L(1/2) - L(0): at most sum (2 u)^2/2, for no overlap
    sum u^2/8 where the targets are reached. Raises ValueError for shapes that don't match or negative strengths.
    Source: derived for this package; exact.

    >>> round(interpolation_loss(0.5, [2.0, 1.0], [[0.0, 0.0], [0.0, 0.0]]), 12)
    0.625
    """
    f = checks.array("fraction", fraction, "pass numbers between 0 and 1")
    u = _strengths(strengths)
    o = checks.array("overlap", overlap, "pass the matrix of overlaps of hidden directions")
    if o.shape != (u.size, u.size):
        raise ValueError(f"overlap must have shape {(u.size, u.size)}; got {o.shape}; pass R1 R2^T of the hidden bases")
    s = u if targets is None else checks.array("targets", targets, "pass singular values of the target")
    if s.shape != u.shape:
        raise ValueError(f"targets must have shape {u.shape}; got {s.shape}; pass one for each strength")
    root = np.sqrt(u)
    gap = root[:, None] * (2 * np.eye(u.size) - o - o.T) * root
    error = np.diag(s - u) + (f * (1 - f))[..., None, None] * gap
    loss = np.sum(error**2, axis=(-2, -1)) / 2
    return loss if loss.ndim else float(loss)


def random_barrier(strengths: ArrayLike, width: int) -> float:
    """Mean barrier L(1/2) over uniformly random rotations of a hidden layer of `width`, the targets being reached.

        sum u^2/8 + ((sum u)^2 + sum u^2)/(16 width)

    Exact for any width >= r. Raises ValueError for a width below the number of strengths.
    Source: derived here from the second moments of Haar rotations, checked by sampled ones.

    >>> random_barrier([2.0, 1.0], 14)
    0.6875
    """
    u = _strengths(strengths)
    width = checks.count("width", width, "pass the width of the hidden layer")
    if width < u.size:
        raise ValueError(f"width must be at least the number of strengths {u.size}; got {width}; pass fewer strengths")
    square = float(np.sum(u**2))
    return square / 8 + (float(np.sum(u)) ** 2 + square) / (16 * width)


def _strengths(strengths: ArrayLike) -> FloatArray:
    u = checks.array("strengths", strengths, "pass singular values of the product", most=1e150)
    if u.ndim != 1 or np.any(u < 0):
        shown = checks.shown(strengths)
        raise ValueError(f"strengths must be a 1-d array of numbers >= 0; got {shown}; pass singular values")
    return u
