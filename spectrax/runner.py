"""From an experiment and a configuration to a stored result with claims and figures."""

import functools
import re
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from spectrax import claim as claims_module
from spectrax import experiment, sweep
from spectrax.prediction import store_prediction
from spectrax.result import Result, open_result
from spectrax.store import Store
from spectrax.study import Grid, Study


def plan_of(module: ModuleType, config: Any) -> Study | Grid:
    """The experiment's plan; an experiment with `run(config)` instead becomes a grid of one point."""
    if hasattr(module, "plan"):
        return module.plan(config)
    return Grid(functools.partial(module.run, config))


def run_experiment(
    module: ModuleType,
    config: Any,
    *,
    root: Path | str = "results",
    output: Path | str | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Any = None,
) -> Result:
    """Runs what the result misses and stores it; the result is at `output`, else root/<experiment>/<hash>.

    Raises ExperimentError, StoreError or ValueError, each in one line, before anything is computed; a session on
    another version, commit or number of cores than an earlier one warns and goes on.
    """
    plan = plan_of(module, config)
    identity = experiment.identity(module, config, plan)
    folder = Path(output) if output is not None else experiment.folder_of(root, identity)
    header = {
        "identity": identity,
        "experiment": identity["experiment"],
        "config": experiment.as_json(config),
        "axes": list(plan.axes),
        "coords": plan.coords(),
        "paper": getattr(module, "PAPER", ""),
    }
    sweep.check(plan)
    with Store.open(folder, header, force=force) as store:
        store.note(config=header["config"])
        store_prediction(module, config, folder, identity, measured=len(store.finished()))
        sweep.run(plan, store, progress=progress, workers=workers)
    return open_result(folder)


def predict(
    module: ModuleType, config: Any, *, root: Path | str = "results", output: Path | str | None = None
) -> Path:
    """Stores what the experiment's `predict(config)` says where `run_experiment` will store the result; its path.

    `run_experiment` does the same before its first run. Raises ExperimentError for an experiment without predictions.
    """
    if not hasattr(module, "predict"):
        raise experiment.ExperimentError(
            f"an experiment must define predict(config) to be predicted; {experiment.name_of(module)} doesn't."
        )
    identity = experiment.identity(module, config, plan_of(module, config))
    folder = Path(output) if output is not None else experiment.folder_of(root, identity)
    measured = len(open_result(folder)._finished) if (folder / "study.json").is_file() else 0
    path = store_prediction(module, config, folder, identity, measured=measured)
    assert path is not None
    return path


def evaluate(module: ModuleType, result: Result) -> list[claims_module.Claim]:
    """The experiment's claims on a stored result, also written to claims.csv beside it where the folder allows."""
    found = list(module.claims(result)) if hasattr(module, "claims") else []
    try:
        claims_module.write_csv(found, result.path / "claims.csv")
    except OSError as error:
        warnings.warn(f"claims.csv could not be written to {result.path}: {error.strerror}.", stacklevel=2)
    return found


def draw(
    module: ModuleType,
    result: Result,
    *,
    names: list[str] | None = None,
    width: float = 7.0,
    output: Path | str | None = None,
) -> list[Path]:
    """Draws the experiment's figures (all, or those named) from the stored result; paths of PNG and PDF files.

    width: inches, 7 for a page, 3.4 for a column. output: folder, else `figures` in the result.
    Raises ExperimentError for a figure that the experiment doesn't have.
    """
    from spectrax import figures

    known = getattr(module, "FIGURES", {})
    for name in names or ():
        if name not in known:
            raise experiment.ExperimentError(f"a figure must be one of {', '.join(known) or 'none'}; got {name!r}.")
    folder = Path(output) if output is not None else result.path / "figures"
    paths = []
    for name in names or known:
        figure = figures.draw(known[name], result, width=width)
        paths += figures.save(figure, folder / "_".join([name, *_variant(result, width)]))
    return paths


def estimate(plan: Study | Grid, missing: list[dict]) -> dict[str, float]:
    """Expected wall seconds and peak memory (MiB) of the missing points, from operation counts and a 0.3 s calibration.

    A training step is 3 products of (n, d) x (d, h) per matrix; a captured matrix 2 Gram matrices and reductions; a
    readout features, Gram matrix and Cholesky. Good to a factor of about 2 for two-layer networks on a quiet machine;
    a Grid says the seconds of its points itself (`Grid.seconds`), NaN where it doesn't.
    """
    from spectrax.pool import usable_cores

    if isinstance(plan, Grid):
        seconds = [plan.seconds(**point) for point in missing] if plan.seconds else [float("nan")]
        return {"seconds": sum(seconds) / usable_cores(), "memory": float("nan")}
    import jax

    from spectrax.matrices import views
    from spectrax.models.network import Network

    single, double = _calibrate()
    data = jax.eval_shape(plan.task.draw, jax.random.key(0))
    example = data.train.x
    network = Network.of(plan.model, jax.numpy.zeros((1, *example.shape[1:])))
    params, _ = jax.eval_shape(network.init, jax.random.key(0))
    n, total = example.shape[0], data.train.x.shape[0] + data.probe.x.shape[0] + data.test.x.shape[0]
    weights = sum(v.shape[0] * v.shape[1] for v in views(params))
    small = sum(min(v.shape) ** 2 * (max(v.shape) + 3 * min(v.shape)) for v in views(params))
    names = {c.name for c in plan.captures}
    # all vectors of three matrices and their products: as long as four spectra
    spectra = 1 + ("update" in names) + 4 * ("vector_overlaps" in names)
    per_step = 6.0 * n * weights / single
    read = 0.0
    if "readout" in names:
        width = max((v.shape[0] for v in views(params)), default=1)
        read = 2.0 * (total - n) * weights / single + (n * width**2 + width**3 / 3) / double
    per_capture = (2.0 * spectra * small / double + read) * 0.65  # captures run beside training
    steps = plan.steps[-1] + any(c.uses_update for c in plan.captures)
    seconds = len(missing) * (steps * per_step + len(plan.steps) * per_capture)
    memory = 850 + (4.0 * total * sum(example.shape[1:]) + 12 * 4 * weights + 6 * 24 * weights) / 2**20
    return {"seconds": seconds, "memory": memory}


def _variant(result, width):
    """What tells a narrowed or narrow figure's file from the full one: it must not replace it."""
    for axis, chosen in result.selection.items():
        values = chosen if isinstance(chosen, list) else [chosen]
        yield re.sub(r"[^\w.+-]", "-", "-".join(map(str, [axis, *values])))
    if width != 7.0:
        yield f"{width:g}in"


def _calibrate():
    """(float32 products per second in jax, float64 in NumPy on all cores), flop/s."""
    import jax.numpy as jnp
    import numpy as np

    a = jnp.ones((1200, 1200))
    (a @ a).block_until_ready()
    b = np.ones((800, 800))
    np.dot(b, b)
    begun = time.perf_counter()
    for _ in range(3):
        (a @ a).block_until_ready()
    middle = time.perf_counter()
    for _ in range(3):
        np.dot(b, b)
    return 3 * 2 * 1200.0**3 / (middle - begun), 3 * 2 * 800.0**3 / (time.perf_counter() - middle)
