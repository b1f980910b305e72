"""Capture of how the singular vectors of the weights, before and after a step, overlap with those of the step."""

import threading
from collections import deque
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np

from spectrax import random_frames
from spectrax.alignment import overlaps as cosines
from spectrax.captures.moment import Capture
from spectrax.captures.weights import readout_of

LEVEL = 0.01  # family-wise, of the entries counted in `beyond`
_KEPT = 8  # decompositions; 20 MB each at 1500 x 1000


class Frames(NamedTuple):
    """All singular values (k,) and vectors, left (rows, k) and right (cols, k), k = min(rows, cols); largest first."""

    values: np.ndarray
    left: np.ndarray
    right: np.ndarray


def frames(matrix: np.ndarray) -> Frames:
    """Every singular value and vector of a (rows, cols) matrix from the smaller float64 Gram matrix.

    A quarter of the time of an SVD. A value s is right to a few 1e-16 s1^2/s, a vector to 1e-16 s1^2 over the distance
    of its eigenvalue s^2 from the next: below some 1e-6 s1 neighbours mix, below 1e-8 s1 all is rounding, and the far
    side (left for tall matrices) isn't orthogonal there. Raises LinAlgError for a non-finite entry.
    """
    w = np.asarray(matrix, dtype=np.float64)
    if not np.isfinite(w).all():
        raise np.linalg.LinAlgError("matrix must be finite; got NaN or infinity. Mark the run as diverged instead.")
    tall = w.shape[0] >= w.shape[1]
    # numpy's eigh, for all vectors: twice as fast as dstemr behind `lapack.symmetric_eigen`, and lets go of the lock
    squares, near = np.linalg.eigh(w.T @ w if tall else w @ w.T)
    near = near[:, ::-1]
    far = (w if tall else w.T) @ near
    norms = np.sqrt(np.einsum("ij,ij->j", far, far))
    far = far / np.where(norms > 0, norms, np.nan)
    left, right = (far, near) if tall else (near, far)
    return Frames(np.sqrt(np.maximum(squares[::-1], 0.0)), left, right)


def resolution(change: np.ndarray, after: np.ndarray, largest: float) -> float:
    """Singular value of an update below which its vectors are rounding.

    The larger of two: the norm of the float32 rounding of the new weights (independent errors of +-1/2 unit in the last
    place, (sqrt rows + sqrt cols) times their root mean square), and the resolution of `frames`,
    sqrt(50 k 2.2e-16) times the largest singular value.
    """
    unit = np.spacing(np.abs(after).astype(np.float32)).astype(np.float64)
    rounding = np.sqrt(np.mean(unit**2) / 12) * sum(np.sqrt(change.shape))
    return float(max(rounding, largest * np.sqrt(50 * min(change.shape) * np.finfo(np.float64).eps)))


def vector_overlaps(blocks: int = 100, corner: int = 20, profiles: int = 5) -> Capture:
    """Squared overlaps of all singular vectors of W_t ("before") and W_{t+1} ("after") with those of the update M_t.

    M_t = W_{t+1} - W_t. For each side ("left" in R^rows, "right" in R^cols), before and after, ranks from the largest
    singular value down, float32, in units of the random mean (1/rows, 1/cols), so that noise is 1:
      SIDE_WHEN (weight_block, update_block)            <w_i, m_j>^2, means over blocks x blocks; every entry where 0
      SIDE_WHEN_corner (weight_vector, update_vector)   the `corner` leading vectors of both, entry by entry
      SIDE_WHEN_profile (profile_vector, weight_rank)   the `profiles` leading vectors of M_t with every one of W
      SIDE_WHEN_cumulated                               its share in the leading ranks of W: sums, up to 1
      SIDE_WHEN_beyond ()                               entries of the whole matrix past the family-wise 1 % level
    before_singular_values, after_singular_values (weight_rank,) of the weights. update_singular_values (update_rank,),
    update_resolved (): how many of them lie above float32 rounding and the resolution of the decomposition
    (`resolution`): vectors beyond are noise, whatever their overlaps.
    update_readout_overlap, update_sign_overlap (left, with a/|a| and sgn(a)/sqrt h), update_teacher_overlap,
    update_backward_overlap (right, with the teacher and with W_t^T a), each (profile_vector,): absolute cosines, NaN
    where the matrix has no such direction. A step that changes nothing has no vectors: all NaN.
    Null: see `random_frames`. Raises ValueError for counts below 0 (blocks) or 1.
    """
    random_frames.block_means(np.zeros((1, 1)), blocks)
    for name, value in (("corner", corner), ("profiles", profiles)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1; got {value!r}. Count leading vectors.")
    made = _Recent(_KEPT)

    def measure(moment, view):
        weights, change = moment.matrix(view), moment.update(view)
        after = view.read(moment.after.params).astype(np.float64)
        of_change = frames(change)
        whole = {"before": made.frames(weights), "after": made.frames(after)}
        found: dict[str, Any] = {}
        for side in ("left", "right"):
            for when, of_weights in whole.items():
                both = getattr(of_weights, side).T @ getattr(of_change, side)
                if of_change.values[0] == 0:
                    both[:] = np.nan
                found |= _summaries(f"{side}_{when}", both, getattr(of_change, side).shape[0], blocks, corner, profiles)
        floor = resolution(change, after, of_change.values[0])
        found |= {f"{when}_singular_values": of_weights.values for when, of_weights in whole.items()}
        found["update_singular_values"] = of_change.values
        found["update_resolved"] = np.sum(of_change.values > floor)
        return found | _directions(moment, view, weights, of_change, profiles)

    options = {"blocks": blocks, "corner": corner, "profiles": profiles}
    return Capture("vector_overlaps", _schema(), measure, uses_update=True, options=options)


def _summaries(name, cosine, dimension, blocks, corner, profiles):
    units = dimension * cosine**2
    level = random_frames.entry_level(dimension, units.size, LEVEL)
    profile = units[:, :profiles].T
    return {
        name: random_frames.block_means(units, blocks).astype(np.float32),
        f"{name}_corner": units[:corner, :corner].astype(np.float32),
        f"{name}_profile": profile.astype(np.float32),
        f"{name}_cumulated": (profile.cumsum(axis=1) / dimension).astype(np.float32),
        f"{name}_beyond": np.sum(units > level) if np.isfinite(units).all() else np.nan,
    }


def _directions(moment, view, weights, of_change, profiles):
    rows, cols = view.shape
    left, right = of_change.left[:, :profiles], of_change.right[:, :profiles]
    if of_change.values[0] == 0:
        return dict.fromkeys(_COSINES, np.full(right.shape[1], np.nan))
    teacher = moment.data.directions.get("teacher") if view == moment.views[0] else None
    readout = readout_of(moment.state) if view == moment.views[-1] else None
    found = dict.fromkeys(_COSINES, np.full(right.shape[1], np.nan))
    if teacher is not None and np.shape(teacher) == (cols,):
        found["update_teacher_overlap"] = cosines(right, np.asarray(teacher))
    if readout is not None and readout.shape == (rows,):
        found["update_readout_overlap"] = cosines(left, readout)
        found["update_sign_overlap"] = cosines(left, np.sign(readout))
        found["update_backward_overlap"] = cosines(right, weights.T @ readout)
    return found


_COSINES = ("update_readout_overlap", "update_sign_overlap", "update_teacher_overlap", "update_backward_overlap")


def _schema():
    schema: dict[str, tuple[str, ...]] = {}
    for side in ("left", "right"):
        for when in ("before", "after"):
            name = f"{side}_{when}"
            schema[name] = ("weight_block", "update_block")
            schema[f"{name}_corner"] = ("weight_vector", "update_vector")
            schema[f"{name}_profile"] = schema[f"{name}_cumulated"] = ("profile_vector", "weight_rank")
            schema[f"{name}_beyond"] = ()
    schema |= dict.fromkeys(("before_singular_values", "after_singular_values"), ("weight_rank",))
    schema |= {"update_singular_values": ("update_rank",), "update_resolved": ()}
    return schema | dict.fromkeys(_COSINES, ("profile_vector",))


class _Recent:
    """Decompositions of the last few matrices, shared between workers: W_{t+1} of one moment is W_t of the next."""

    def __init__(self, size: int):
        self._lock = threading.Lock()
        self._kept: deque[tuple[np.ndarray, Future]] = deque(maxlen=size)

    def frames(self, matrix: np.ndarray) -> Frames:
        """`frames(matrix)`; a worker that asks for what another one is making waits for it."""
        with self._lock:
            known = next((made for other, made in self._kept if np.array_equal(other, matrix)), None)
            promise = known or Future()
            if known is None:
                self._kept.append((matrix, promise))
        if known is None:
            try:
                promise.set_result(frames(matrix))
            except BaseException as error:
                promise.set_exception(error)
        return promise.result()
