"""Matrices in general position: uniformly random orthogonal bases."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def rotated(matrix: FloatArray, rng: np.random.Generator) -> FloatArray:
    """O matrix O^T for a uniformly random orthogonal O, shapes (n, n)."""
    basis, triangle = np.linalg.qr(rng.standard_normal(matrix.shape))
    basis = basis * np.sign(np.diag(triangle))  # without the signs the basis isn't uniform
    return basis @ matrix @ basis.T
