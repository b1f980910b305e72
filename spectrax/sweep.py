"""Runs what was declared: a `Study` of training runs or a `Grid` of anything else; `sweep(model, ...)` in one call."""

import contextlib
import datetime
import json
import sys
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrax import environment
from spectrax.captures.moment import Capture
from spectrax.identity import described
from spectrax.result import Result, open_result
from spectrax.setting import Setting
from spectrax.store import Store, StoreError
from spectrax.study import Grid, Study

__all__ = ["Grid", "Setting", "Study", "check", "run", "sweep"]


def run(
    plan: Study | Grid,
    store: Store,
    *,
    progress: Callable | None = None,
    workers: int | None = None,
    closures: bool = False,
) -> dict:
    """Runs the plan's points that the store misses, writing each when it is finished; returns what the session did.

    progress(total, done_before) -> context manager with `advance(n)`; workers: capture threads (one per core).
    KeyboardInterrupt passes through once the jobs in flight are finished and the runs they complete are stored.
    The session (versions, machine, timing) goes into the store; where it differs from the last one in what may change
    bits, it warns and goes on. closures: whether optimizers are told apart by what they close over, too; see
    identity.described. Raises StoreError where the name of an optimizer or setting means another in the store.
    """
    points = plan.points()
    if isinstance(plan, Study):
        _note_meanings(store, plan, closures)
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
    """Raises what the plan's model raises for wrong sizes, without drawing weights: before a folder is made.

    And ValueError for a minibatch larger than the train set.
    """
    if isinstance(plan, Study):
        from spectrax.models.network import check_factory

        for name in plan.settings or (None,):
            setting = plan.setting(name)
            check_factory(setting.model)
            _check_batches(setting)


def _check_batches(setting: Any) -> None:
    batches = [batch for o in (setting.optimizers or {}).values() if (batch := getattr(o, "batch", None)) is not None]
    if not batches:
        return
    import jax

    from spectrax.training import check_batch

    with contextlib.suppress(jax.errors.JAXTypeError):  # a task that can't be traced is checked when it runs
        check_batch(max(batches), jax.eval_shape(setting.task.draw, jax.random.key(0)).train.x.shape[0])


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
        task,
        model,
        optimizers,
        learning_rates,
        tuple(steps),
        default_captures() if captures is None else captures,
        replicates,
        **options,
    )
    identity = json.loads(json.dumps({"study": plan.signature(), **plan.description(closures=True)}))
    header = {
        "identity": identity,
        "experiment": "sweep",
        "axes": list(plan.axes),
        "coords": plan.coords(),
        "config": {},
    }
    check(plan)
    with Store.open(out, header) as store:
        run(plan, store, closures=True)
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


def _note_meanings(store, plan, closures):
    """One name must mean one optimizer or setting in a store: results under the same name would be mixed otherwise."""
    optimizers: dict[str, Any] = {name: described(o, closures=closures) for name, o in plan.optimizers.items()}
    settings = {}
    for name in plan.settings:
        whole = plan.setting(name)
        settings[name] = {**whole.description(closures), "last_step": whole.last_step}
        for optimizer, factory in (plan.settings[name].optimizers or {}).items():
            optimizers[f"{optimizer} of {name}"] = described(factory, closures=closures)
    for what, whose, given in (("optimizers", "an optimizer's", optimizers), ("settings", "a setting's", settings)):
        known = store.header.get(what, {})
        for name, description in json.loads(json.dumps(given)).items():
            if known.get(name, description) != description:
                raise StoreError(
                    f"{whose} name must keep its meaning in a store; {name!r} was another one in {store.folder}. "
                    "Use another name or another output folder."
                )
        if given:
            store.note(**{what: {**known, **given}})


class _CallableModule(types.ModuleType):
    """`spectrax.sweep` is both this module and the function of the same name."""

    def __call__(self, model, **options) -> Result:
        return sweep(model, **options)


sys.modules[__name__].__class__ = _CallableModule
