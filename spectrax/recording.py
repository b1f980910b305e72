"""From captured moments to a stored run: jobs, the assembly of their values by step, the writing."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from spectrax.captures.moment import Moment
from spectrax.store import Store
from spectrax.study import Study

NETWORK = "network"


class CaptureError(RuntimeError):
    """A capture that raised; the message names it, the step and the matrix."""


def capture_all(moment: Moment, captures) -> dict[tuple[str, str], dict[str, Any]]:
    """(capture name, matrix name or "") -> {variable: value}; runs in a worker. CaptureError names the culprit."""
    found = {}
    for capture in captures:
        for view in moment.views if capture.per_matrix else (None,):
            try:
                values = capture.fn(moment, view) if view is not None else capture.fn(moment)
            except Exception as error:
                where = f"step {moment.step}" + (f", matrix {view.name}" if view else "")
                raise CaptureError(
                    f"capture {capture.name} failed at {where}: {type(error).__name__}: {error}"
                ) from error
            if set(values) != set(capture.schema):
                raise CaptureError(
                    f"capture {capture.name} must return {sorted(capture.schema)}; got {sorted(values)}."
                )
            found[capture.name, view.name if view else ""] = values
    return found


class RunRecord:
    """One run while it is trained: the futures of its captured steps, then its arrays."""

    def __init__(self, point: dict, study: Study, seen, groups: Mapping[tuple[int, int], str]):
        self.point, self.study, self.views, self._group_of = point, study, seen, groups
        self.diverged_step: int | None = None
        self._futures: list[tuple[int, Future]] = []
        self._losses = np.array([])
        self._first_loss = self._last_loss = np.nan

    @property
    def diverged(self) -> bool:
        """Whether weights or loss have become non-finite at a captured step."""
        return self.diverged_step is not None

    @property
    def complete(self) -> bool:
        """Whether all captures of the run have ended, well or not; False for good where one was dropped."""
        return all(future.done() and not future.cancelled() for _, future in self._futures)

    def mark_diverged(self, step: int) -> None:
        """From this captured step on there is nothing to measure; the first mark counts."""
        self.diverged_step = step if self.diverged_step is None else self.diverged_step

    def reuse(self, step: int, future: Future | None) -> None:
        """Takes the values of a job that another run's step 0 shares."""
        if future is not None:
            self._futures.append((step, future))

    def restore(self, step: int, jobs: dict) -> None:
        """Takes the values of a step that an earlier session captured."""
        future: Future = Future()
        future.set_result(jobs)
        self._futures.append((step, future))

    def captured(self) -> list[tuple[int, dict]]:
        """Step and values of everything captured so far, after waiting for it; raises what a capture raised."""
        return [(step, future.result()) for step, future in self._futures]

    def submit(self, pool, step: int, moment: Moment, captures) -> None:
        """Queues the captures of one step."""
        if captures:
            self._futures.append((step, pool.submit(capture_all, moment, captures)))

    def end(self, state, first_loss: float, last_loss: float) -> None:
        """Takes the losses of every step when training is over, and those on the whole train set at start and end."""
        self._losses = np.asarray(state.losses)
        self._first_loss, self._last_loss = first_loss, last_loss
        if not np.isfinite(self._losses[: int(state.step)]).all():
            self.mark_diverged(self.study.steps[-1])

    def values(self) -> Mapping[str, Mapping[str, tuple[tuple[str, ...], Any]]]:
        """Arrays of the whole run by group, steps first; raises the CaptureError of a capture that failed."""
        by_step: dict[int, dict] = {}
        for step, future in self._futures:
            by_step.setdefault(step, {}).update(future.result())
        groups: dict[str, dict[str, tuple[tuple[str, ...], Any]]] = {NETWORK: self._summary()}
        for capture in self.study.captures:
            for variable, dims in capture.schema.items():
                if capture.per_matrix:
                    self._matrix_variable(groups, capture, variable, dims, by_step)
                else:
                    array = self._stacked(capture, "", variable, by_step)
                    if array is not None:
                        groups[NETWORK][variable] = (dims, array[0]) if capture.once else (("step", *dims), array)
        return groups

    def _matrix_variable(self, groups, capture, variable, dims, by_step):
        shapes = list(dict.fromkeys(view.shape for view in self.views))
        for shape in shapes:
            arrays = [self._stacked(capture, v.name, variable, by_step) for v in self.views if v.shape == shape]
            present = [a for a in arrays if a is not None]
            if len(present) < len(arrays):
                continue
            stacked = np.stack(present)
            group = groups.setdefault(self._group_of[shape], {})
            group[variable] = (
                (("matrix", *dims), stacked[:, 0]) if capture.once else (("matrix", "step", *dims), stacked)
            )

    def _stacked(self, capture, matrix, variable, by_step):
        """(steps, ...) with NaN where a step has no value; None where no step has one."""
        found = {
            step: _floating(jobs[capture.name, matrix][variable])
            for step, jobs in by_step.items()
            if (capture.name, matrix) in jobs
        }
        if not found:
            return None
        like = next(iter(found.values()))
        if capture.once:
            return like[None]
        return np.stack([found.get(step, np.full_like(like, np.nan)) for step in self.study.steps])

    def _summary(self):
        above = float(self._last_loss > self._first_loss) if np.isfinite(self._last_loss) else np.nan
        return {
            "training_loss": (("iteration",), self._losses.astype(np.float64)),
            "first_loss": ((), self._first_loss),
            "last_loss": ((), self._last_loss),
            "diverged": ((), float(self.diverged)),
            "diverged_step": ((), np.nan if self.diverged_step is None else float(self.diverged_step)),
            "loss_above_start": ((), above),
        }


class Recorder:
    """Writes runs in a thread of its own as their captures end; `close` writes what is complete and lets errors out."""

    def __init__(self, store: Store):
        self._store = store
        self._open: list[tuple[RunRecord, Callable[[], None]]] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._writing: list[Future] = []

    def add(self, record: RunRecord, then: Callable[[], None] = lambda: None) -> None:
        """Hands over a run whose training is over; `then` is called when it is stored."""
        self._open.append((record, then))
        self.poll()

    def poll(self) -> None:
        """Starts writing the runs that are complete; raises what a capture or a write raised."""
        ready = [r for r in self._open if r[0].complete]  # asked once: a capture may end between two questions
        self._open = [r for r in self._open if r not in ready]
        self._writing += [self._writer.submit(self._write, *r) for r in ready]
        for future in [f for f in self._writing if f.done()]:
            self._writing.remove(future)
            future.result()

    def close(self) -> None:
        """Writes every complete run (captures are over: the pool has been left), then raises the first error."""
        ready = [r for r in self._open if r[0].complete]
        self._writing += [self._writer.submit(self._write, *r) for r in ready]
        self._writer.shutdown(wait=True)
        for future in self._writing:
            future.result()

    def _write(self, record, then):
        self._store.write(record.point, record.values())
        then()


def _floating(value) -> np.ndarray:
    array = np.asarray(value)
    return array if array.dtype.kind == "f" else array.astype(np.float64)
