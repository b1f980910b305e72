"""Ridge readout and kernel-target alignment of a network's features, from the smaller of Z^T Z and Z Z^T."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from spectrax.lapack import cholesky

CONVENTIONS = ("paper", "authors")


class Readout(NamedTuple):
    """Mean squared errors of the ridge readout on its own (probe) set and on the test set, and the alignment."""

    train_loss: float
    test_loss: float
    kta: float


def ridge_readout(
    probe_features, probe_targets, test_features, test_targets, *, regularisation: float = 0.01
) -> Readout:
    """Ridge fit of the probe targets on features, evaluated on both sets, and the features' kernel-target alignment.

    a = (Z^T Z + (regularisation / h) n I)^-1 Z^T y, features Z (n, h), targets y (n,); float64, Cholesky of the smaller
    of Z^T Z and Z Z^T. KTA = <Z Z^T, y y^T> / (|Z Z^T|_F |y y^T|_F) = |Z^T y|^2 / (|Z^T Z|_F |y|^2), uncentred.
    A system that is singular to rounding (features overflowed or repeated at regularisation 0) gives NaN losses, not an
    exception: a pivot of the Cholesky factor below h eps of the largest diagonal entry (n eps where h > n).
    Source: Kothapalli et al. 2024 (arXiv 2406.04657), evaluation protocol, regularisation 0.01.
    Raises ValueError for a negative or infinite regularisation or mismatched shapes.
    """
    return ridge_path(probe_features, probe_targets, test_features, test_targets, regularisations=(regularisation,))[0]


def ridge_path(
    probe_features, probe_targets, test_features, test_targets, *, regularisations: Sequence[float]
) -> list[Readout]:
    """`ridge_readout` at several regularisations from one Gram matrix, in their order; errors as there."""
    for regularisation in regularisations:
        if not 0 <= regularisation < float("inf"):
            raise ValueError(f"regularisation must be finite and not negative; got {regularisation}.")
    z, y, z_test, y_test = _checked(probe_features, probe_targets, test_features, test_targets)
    n, h = z.shape
    wide = h > n
    with np.errstate(all="ignore"):
        gram = z @ z.T if wide else z.T @ z
        projected = z.T @ y
        alignment = float(projected @ projected / (np.linalg.norm(gram) * (y @ y)))
    diagonal = gram.diagonal().copy()
    found = []
    for regularisation in regularisations:
        gram[np.diag_indices_from(gram)] = diagonal + regularisation / h * n
        factor = _cholesky(gram)
        if factor is None:
            found.append(Readout(float("nan"), float("nan"), alignment))
            continue
        a = z.T @ _solve(factor, y) if wide else _solve(factor, projected)
        # float64 here too: at a small regularisation the prediction is a sum of large terms that cancel
        train, test = (float(np.mean((f @ a - t) ** 2)) for f, t in ((z, y), (z_test, y_test)))
        found.append(Readout(train, test, alignment))
    return found


def _checked(probe_features, probe_targets, test_features, test_targets):
    z, y = np.asarray(probe_features, np.float64), np.asarray(probe_targets, np.float64)
    if z.ndim != 2 or y.shape != z.shape[:1]:
        raise ValueError(f"features must be (n, h) with targets (n,); got {z.shape} and {y.shape}.")
    z_test, y_test = np.asarray(test_features, np.float64), np.asarray(test_targets, np.float64)
    if z_test.ndim != 2 or z_test.shape[1] != z.shape[1] or y_test.shape != z_test.shape[:1]:
        raise ValueError(
            f"test features must be (m, {z.shape[1]}) with targets (m,); got {z_test.shape} and {y_test.shape}."
        )
    return z, y, z_test, y_test


def _cholesky(gram):
    """The lower factor, or None where the matrix is singular: to rounding, a pivot may end just above 0."""
    factor = cholesky(gram)
    smallest = len(gram) * np.finfo(float).eps * np.max(gram.diagonal())
    return factor if factor is not None and np.min(factor.diagonal()) ** 2 > smallest else None


def _solve(factor, right):
    half = solve_triangular(factor, right, lower=True, check_finite=False)
    return solve_triangular(factor, half, lower=True, trans=1, check_finite=False)
