"""Runs what was declared: a `Study` of training runs or a `Grid` of anything else; `sweep(model, ...)` in one call."""

import dataclasses
import datetime
import re
import sys
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrax import environment
from spectrax.captures.moment import Capture
from spectrax.result import Result, open_result
from spectrax.store import Store, StoreError
from spectrax.study import Grid, Study
from spectrax.tasks import Tensors

__all__ = ["Grid", "Study", "check", "run", "sweep"]


def run(plan: Study | Grid, store: Store, *, progress: Callable | None = None, workers: int | None = None) -> dict:
    """Runs the plan's points that the store misses, writing each when it is finished; returns what the session did.

    progress(total, done_before) -> context manager with `advance(n)`; workers: capture threads (one per core).
    KeyboardInterrupt passes through once the jobs in flight are finished and the runs they complete are stored.
    The session (versions, machine, timing) goes into the store; where it differs from the last one in what may change
    bits, it warns and goes on.
    """
    points = plan.points()
    store.register(points)
    missing = store.missing(points)
    if not missing:
        return {"runs": 0, "seconds": 0.0}
    earlier = store.header["sessions"]
    here = {"started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), **environment.describe()}
    changed = environment.differences(earlier[-1], here) if earlier else []
    if changed:
        warnings.warn(f"the stored runs were made elsewhere: {'; '.join(changed)}. Bits may differ.", stacklevel=2)
    store.note(sessions=[*earlier, here])  # before the runs: a killed session leaves its trace, too
    session = _execute(plan, missing, store, progress=progress, workers=workers, finished=len(points) - len(missing))
    store.note(sessions=[*earlier, {**here, **session}])
    return session


def check(plan: Study | Grid) -> None:
    """Raises what the plan's model raises for wrong sizes, without drawing weights: before a folder is made."""
    if isinstance(plan, Study):
        from spectrax.models.network import check_factory

        check_factory(plan.model)


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
    plan = Study(
        task, model, optimizers, learning_rates, tuple(steps), captures or default_captures(), replicates, **options
    )
    named = re.sub(r" at 0x[0-9a-f]+", "", repr(task))  # functions print an address that changes with the process
    identity = {"study": plan.signature(), "task": named, "model": getattr(model, "__qualname__", type(model).__name__)}
    header = {
        "identity": identity,
        "experiment": "sweep",
        "axes": list(plan.axes),
        "coords": plan.coords(),
        "config": {},
    }
    check(plan)
    with Store.open(out, header) as store:
        run(plan, store)
    return open_result(out)


def default_captures() -> list[Capture]:
    """What needs nothing but weight matrices."""
    from spectrax import captures

    return [captures.spectrum(), captures.leading_vectors(), captures.outliers(), captures.tails(), captures.update()]


def _execute(plan, missing, store, **options):
    if isinstance(plan, Grid):
        from spectrax.gridding import measure_all

        return measure_all(plan, missing, store, **options)
    from spectrax.running import train_all

    return train_all(plan, missing, store, **options)


def _note_optimizers(store, optimizers):
    """One name must mean one optimizer in a store: results under the same name would be mixed otherwise."""
    known, given = store.header.get("optimizers", {}), {name: _described(o) for name, o in optimizers.items()}
    for name, description in given.items():
        if known.get(name, description) != description:
            raise StoreError(
                f"an optimizer's name must keep its meaning in a store; {name!r} is stored as {known[name]}, "
                f"got {description}. Use another name or another folder."
            )
    store.note(optimizers={**known, **given})


def _described(thing):
    """What tells two objects apart, the same in every process: JSON values, no addresses."""
    if thing is None or isinstance(thing, str | int | float):
        return thing
    if isinstance(thing, list | tuple):
        return [_described(part) for part in thing]
    if isinstance(thing, Tensors):
        return {"type": "Tensors", "name": thing.name}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {f.name: _described(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
        return {"type": type(thing).__qualname__, **fields}
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"


def _sizes(task):
    return {name: getattr(task, name) for name in ("samples", "inputs") if isinstance(getattr(task, name, None), int)}


class _CallableModule(types.ModuleType):
    """`spectrax.sweep` is both this module and the function of the same name."""

    def __call__(self, model, **options) -> Result:
        return sweep(model, **options)


sys.modules[__name__].__class__ = _CallableModule
