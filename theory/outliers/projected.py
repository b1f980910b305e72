"""The leading singular value of trained weights, from their projection on a few known left directions."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from theory import checks
from theory.outliers.rank_one import detachment


class ProjectedOutlier(NamedTuple):
    """Leading singular value predicted from a projection; floats, or arrays of the leading shape."""

    location: Any  # largest singular value of W, the edge where nothing is detached
    edge: Any  # (sqrt(rows) + sqrt(cols)) sqrt(variance)
    detached: Any  # bool
    variance: Any  # of the entries orthogonal to the directions


def projected_outlier(projection: ArrayLike, frobenius: ArrayLike, rows: int) -> ProjectedOutlier:
    """Largest singular value of W (rows x cols) = signal on k left directions U + independent isotropic noise.

        M = W^T U,   S2 = (|W|_F^2 - |M|_F^2)/((rows - k) cols),   P = largest eigenvalue of M^T M - cols S2
        location^2 = (P + rows S2)(P + cols S2)/P   if P > sqrt(rows cols) S2,   else the Marchenko-Pastur edge

    `projection` is M of shape (..., cols, k), U (rows, k) has orthonormal columns; `frobenius` is |W|_F of shape (...).
    For two-layer networks U spans the signs of the readout (Adam), or these and the readout itself (both optimizers).
    Over the first ten steps of Adam the error is at most 1 %; for gradient descent it holds until the loss is fitted.
    Raises ValueError where shapes disagree, k >= rows, or |M|_F exceeds |W|_F. Exact as rows, cols -> oo if the
    complement is independent of M. Derived for this package, from `rank_one.detachment`.

    >>> w = np.outer([1.0, 1.0, -1.0, -1.0], [3.0, 4.0]) + 0.5 * np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])
    >>> found = projected_outlier(w.T @ np.array([[0.5], [0.5], [-0.5], [-0.5]]), np.linalg.norm(w), 4)
    >>> round(found.location, 3), found.detached
    (10.067, True)
    """
    m = checks.array("projection", projection, "pass W^T U of shape (..., cols, k)")
    norm = checks.array("frobenius", frobenius, "pass the Frobenius norm of W", above=0)
    rows = checks.count("rows", rows, "pass the number of rows of W")
    if m.ndim < 2 or m.shape[:-2] != norm.shape:
        raise ValueError(f"projection must be (..., cols, k), frobenius (...); got {m.shape} and {norm.shape}; reshape")
    cols, k = m.shape[-2:]
    if k >= rows:
        raise ValueError(f"directions must be fewer than rows; got {k} for {rows}; drop some")
    rest = norm**2 - np.sum(m**2, axis=(-2, -1))
    if np.any(rest <= 0):
        raise ValueError("projection must be smaller than W; got |M|_F >= |W|_F; orthonormalise U and pass |W|_F")
    variance = rest / ((rows - k) * cols)
    signal = np.linalg.svd(m, compute_uv=False)[..., 0] ** 2 - cols * variance
    found = detachment(signal, rows * variance, cols * variance)
    if signal.ndim:
        return ProjectedOutlier(found.location, found.edge, found.detached, variance)
    return ProjectedOutlier(float(found.location), float(found.edge), bool(found.detached), float(variance))
