"""A long run's state and captured values on disk, from which the same command goes on, to the same bits."""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.recording import RunRecord
from spectrax.training import State

SECONDS = 60.0  # of training between two checkpoints: shorter runs leave none
FIRST_STRIDE = 50  # steps before the speed is known


class Checkpoint:
    """One run's checkpoint, a file of NumPy arrays: weights, optimizer state, losses, keys, and what was captured.

    The file is replaced atomically, removed once the run is stored, and ignored with a warning where it doesn't fit.
    A run is the same bits in any chunks (`training.advance`), so a resumed run ends as an undisturbed one does.
    """

    def __init__(self, folder: Path, point: Mapping[str, Any]):
        digest = hashlib.sha256(json.dumps(dict(point), sort_keys=True).encode()).hexdigest()[:16]
        self.path = folder / "checkpoints" / f"{digest}.npz"
        self._begun = self._saved = time.perf_counter()
        self._first: int | None = None

    def stride(self, at: int) -> int:
        """Steps to take from step `at` before asking `due` again: about a quarter of the time between checkpoints."""
        if self._first is None:
            self._first = at
        taken = at - self._first
        if not taken:
            return FIRST_STRIDE
        return max(1, int(0.25 * SECONDS * taken / (time.perf_counter() - self._begun)))

    def due(self) -> bool:
        """Whether the last checkpoint, or the run's start, is long enough ago."""
        return time.perf_counter() - self._saved >= SECONDS

    def save(self, state: State, record: RunRecord) -> None:
        """Writes the state and the captured values, after waiting for the captures in flight."""
        captured = record.captured()
        arrays: dict[str, Any] = {f"state/{i}": _plain(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        keys = [[step, *job, variable] for step, jobs in captured for job, found in jobs.items() for variable in found]
        values = [value for _, jobs in captured for found in jobs.values() for value in found.values()]
        arrays |= {f"captured/{i}": np.asarray(value) for i, value in enumerate(values)}
        self.path.parent.mkdir(exist_ok=True)
        fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
        with fresh.open("wb") as file:
            np.savez(file, keys=np.array(json.dumps(keys)), **arrays)
        os.replace(fresh, self.path)
        self._saved = time.perf_counter()

    def load(self, like: State, record: RunRecord) -> tuple[State, int] | None:
        """The saved state and the last captured step, its values handed to the record; None where there is none."""
        if not self.path.is_file():
            return None
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                leaves, structure = jax.tree.flatten(like)
                state = jax.tree.unflatten(
                    structure, [_restored(stored[f"state/{i}"], leaf) for i, leaf in enumerate(leaves)]
                )
                found: dict[int, dict[tuple[str, str], dict[str, Any]]] = {}
                for i, (step, capture, matrix, variable) in enumerate(json.loads(str(stored["keys"]))):
                    found.setdefault(step, {}).setdefault((capture, matrix), {})[variable] = stored[f"captured/{i}"]
        except Exception as error:
            reason = (str(error).splitlines() or [""])[0]
            warnings.warn(f"a checkpoint must fit its run; {self.path} doesn't ({reason}). The run starts afresh.",
                          stacklevel=2)
            return None
        for step, jobs in found.items():
            record.restore(step, jobs)
        return state, max(found, default=-1)

    def remove(self) -> None:
        """Deletes the file, and the folder with the last one."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def _plain(leaf) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _restored(array, leaf):
    if array.shape != _plain(leaf).shape or array.dtype != _plain(leaf).dtype:
        raise ValueError(f"an array of {array.dtype}{array.shape} where {leaf.dtype}{leaf.shape} belongs")
    if _is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=str(jax.random.key_impl(leaf)))
    return jnp.asarray(array)


def _is_key(leaf) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))
