"""Runs what was declared: `sweep.Study` of training runs, `sweep.Grid` of anything else; `sweep(model, ...)` in one call."""

import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrax.captures.moment import Capture
from spectrax.result import Result, open_result
from spectrax.store import Store
from spectrax.study import Grid, Study

__all__ = ["Grid", "Study", "run", "sweep"]


def run(plan: Study | Grid, store: Store, *, progress: Callable | None = None, workers: int | None = None) -> dict:
    """Runs the plan's points that the store misses, writing each when it is finished; returns what the session did.

    progress(total, done_before) -> context manager with `advance(n)`; workers: capture threads (one per core).
    KeyboardInterrupt passes through once the jobs in flight are finished and the runs they complete are stored.
    """
    points = plan.points()
    store.register(points)
    missing = store.missing(points)
    if isinstance(plan, Grid):
        from spectrax.gridding import measure_all as execute
    else:
        from spectrax.running import train_all as execute
    return execute(plan, missing, store, progress=progress, workers=workers, finished=len(points) - len(missing))


def sweep(
    model: Any,
    *,
    task: Any,
    optimizers: Mapping[str, Callable],
    learning_rates: Sequence[float] | Mapping[str, Sequence[float]],
    steps: Sequence[int],
    captures: Sequence[Capture] | None = None,
    replicates: int = 3,
    out: Path | str,
    **options,
) -> Result:
    """Trains your own model on your own task over learning rates, stores it in the folder `out`, returns the result.

    model: factory rngs -> flax module; task: draw(key) -> Data, loss(output, batch); optimizers: {"adam": optax.adam}.
    captures: None takes spectra, vectors, outliers, tails and updates of every matrix. options: as in Study. Running
    it again resumes; more rates or replicates extend. Errors as in Study and Store.
    """
    plan = Study(task, model, optimizers, learning_rates, tuple(steps), captures or default_captures(), replicates, **options)
    identity = {"study": plan.signature(), "task": repr(task), "model": getattr(model, "__qualname__", type(model).__name__)}
    header = {"identity": identity, "experiment": "sweep", "axes": list(plan.axes), "coords": plan.coords(), "config": {}}
    with Store.open(out, header) as store:
        run(plan, store)
    return open_result(out)


def default_captures() -> list[Capture]:
    """What needs nothing but weight matrices."""
    from spectrax import captures

    return [captures.spectrum(), captures.leading_vectors(), captures.outliers(), captures.tails(), captures.update()]


class _CallableModule(types.ModuleType):
    """`spectrax.sweep` is both this module and the function of the same name."""

    def __call__(self, model, **options) -> Result:
        return sweep(model, **options)


sys.modules[__name__].__class__ = _CallableModule
