"""Captures of the weight matrices: spectra, vectors, overlaps, updates."""

import numpy as np

from spectrax import alignment
from spectrax.captures.moment import Capture
from spectrax.spectrum import Spectrum, decompose


def spectrum() -> Capture:
    """Full float64 spectrum of W^T W (unnormalised, ascending), Frobenius norm squared, stable and effective rank."""

    def measure(moment, view):
        parts = moment.decomposition(view)
        whole = Spectrum(parts.eigenvalues, view.shape)
        return {
            "eigenvalues": parts.eigenvalues,
            "squared_norm": parts.eigenvalues.sum(),
            "stable_rank": whole.stable_rank,
            "effective_rank": whole.effective_rank,
        }

    schema = {"eigenvalues": ("rank",), "squared_norm": (), "stable_rank": (), "effective_rank": ()}
    return Capture("spectrum", schema, measure)


def leading_vectors() -> Capture:
    """The study's `leading` singular vectors, largest first, unit, float32: left (row, vector), right (col, vector)."""

    def measure(moment, view):
        parts = moment.decomposition(view)
        return {"left_vectors": parts.left.astype(np.float32), "right_vectors": parts.right.astype(np.float32)}

    return Capture("leading_vectors", {"left_vectors": ("row", "vector"), "right_vectors": ("col", "vector")}, measure)


def overlaps() -> Capture:
    """Absolute overlaps of the leading vectors with known directions, each of shape (vector,), NaN where none fits.

    teacher_overlap: right vectors of the first matrix (in the order of the parameter tree) with the task's "teacher".
    readout_overlap, readout_sign_overlap: left vectors of the last matrix with a/|a| and sgn(a)/sqrt h of the weight
    called `readout`, trained or frozen. Also `projection` (col, direction) = W^T U, U an orthonormal
    basis of span{sgn(a), a} with its first column along sgn(a): what `theory.projected_outlier` predicts the largest
    singular value from.
    """

    def measure(moment, view):
        parts, (rows, cols) = moment.decomposition(view), view.shape
        teacher = moment.data.directions.get("teacher") if view == moment.views[0] else None
        readout = readout_of(moment.state) if view == moment.views[-1] else None
        missing = np.full(parts.right.shape[1], np.nan)
        found = {
            "teacher_overlap": missing,
            "readout_overlap": missing,
            "readout_sign_overlap": missing,
            "projection": np.full((cols, 2), np.nan),
        }
        if teacher is not None and teacher.shape == (cols,):
            found["teacher_overlap"] = alignment.overlaps(parts.right, np.asarray(teacher))
        if readout is not None and readout.shape == (rows,):
            basis = alignment.sign_basis(readout)
            found["readout_overlap"] = alignment.overlaps(parts.left, readout)
            found["readout_sign_overlap"] = alignment.overlaps(parts.left, basis[:, 0])
            found["projection"] = moment.matrix(view).T @ basis
        return found

    schema = {
        "teacher_overlap": ("vector",),
        "readout_overlap": ("vector",),
        "readout_sign_overlap": ("vector",),
        "projection": ("col", "direction"),
    }
    return Capture("overlaps", schema, measure)


def update() -> Capture:
    """The update M = W_{t+1} - W_t: its spectrum, norm and stable rank, and its squared overlaps with W_t.

    update_eigenvalues (rank,) of M^T M ascending; update_left_overlap, update_right_overlap (vector, update_vector):
    <u_i(W), u_j(M)>^2 and <v_i(W), v_j(M)>^2 of the leading vectors. float32 weights resolve an update only down to
    6e-8 of the weight: below that M is rounding.
    """

    def measure(moment, view):
        of_weights, change = moment.decomposition(view), moment.update(view)
        parts = decompose(change, moment.leading)
        whole = Spectrum(parts.eigenvalues, view.shape)
        return {
            "update_eigenvalues": parts.eigenvalues,
            "update_norm": np.sqrt(parts.eigenvalues.sum()),
            "update_stable_rank": whole.stable_rank,
            "update_left_overlap": (of_weights.left.T @ parts.left) ** 2,
            "update_right_overlap": (of_weights.right.T @ parts.right) ** 2,
        }

    schema = {
        "update_eigenvalues": ("rank",),
        "update_norm": (),
        "update_stable_rank": (),
        "update_left_overlap": ("vector", "update_vector"),
        "update_right_overlap": ("vector", "update_vector"),
    }
    return Capture("update", schema, measure, uses_update=True)


def readout_of(state) -> np.ndarray | None:
    """The weight vector called `readout`, trained or frozen, float64; None where there is none or it is zero."""
    for tree in (state.params, state.rest):
        if isinstance(tree, dict) and "readout" in tree and not isinstance(tree["readout"], dict):
            vector = np.asarray(tree["readout"], np.float64)
            return vector if vector.ndim == 1 and np.any(vector) else None
    return None
