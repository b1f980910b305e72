"""What may be declared, and `spectrax.sweep` over one's own model: bad input stops before a folder is made."""

import contextlib
import subprocess
import sys
import time
import warnings

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

import spectrax
from spectrax import captures, environment, sweep
from spectrax.models import TwoLayer
from spectrax.optimizers import GD
from spectrax.store import Store, StoreError, read_header
from spectrax.tasks import SingleIndex


class Mine(nnx.Module):
    """A user's own module: a flax layer with bias, and features."""

    def __init__(self, rngs):
        self.hidden = nnx.Linear(6, 10, rngs=rngs)
        self.readout = nnx.Linear(10, 1, rngs=rngs)

    def __call__(self, x):
        return self.readout(self.features(x))[:, 0]

    def features(self, x):
        return jnp.tanh(self.hidden(x))


class MineInLinen(linen.Module):
    """The same in flax's older interface."""

    @linen.compact
    def __call__(self, x):
        return linen.Dense(1, name="readout")(jnp.tanh(linen.Dense(10, name="hidden")(x)))[:, 0]


TASK = SingleIndex(20, 6, test_samples=8)
OPTIONS = {"task": TASK, "optimizers": {"adam": optax.adam}, "learning_rates": (0.01, 0.1), "steps": (0, 2)}


def study(**changes):
    declared = {
        "task": TASK,
        "model": lambda rngs: TwoLayer(6, 10, rngs=rngs),
        "optimizers": {"gd": GD()},
        "learning_rates": (0.1,),
        "steps": (0, 1),
        "captures": [captures.spectrum()],
    }
    return sweep.Study(**(declared | changes))


@pytest.mark.parametrize("model", [Mine, MineInLinen()], ids=["nnx", "linen"])
def test_a_users_own_model_is_trained_measured_stored_and_opened(tmp_path, model):
    result = spectrax.sweep(model, **OPTIONS, replicates=2, out=tmp_path / "out", captures=[captures.spectrum()])
    assert result.matrices == ["hidden"]
    values = result["eigenvalues"]
    assert values.shape == (1, 2, 2, 2, 6)
    assert np.isfinite(values).all()
    assert spectrax.open(tmp_path / "out")["eigenvalues"].identical(values)


def test_the_default_captures_need_nothing_but_matrices(tmp_path):
    result = spectrax.sweep(Mine, **(OPTIONS | {"learning_rates": (0.1,)}), replicates=1, out=tmp_path)
    assert {"eigenvalues", "left_vectors", "outliers", "alpha", "update_norm"} <= set(result.variables)


def test_sweep_is_both_the_function_and_the_module_that_declares():
    assert callable(spectrax.sweep)
    assert spectrax.sweep.Study is sweep.Study


def test_running_it_again_trains_nothing_and_more_replicates_extend_it(tmp_path):
    few = {"captures": [captures.spectrum()], "out": tmp_path}
    first = spectrax.sweep(Mine, **OPTIONS, replicates=1, **few)
    again = spectrax.sweep(Mine, **OPTIONS, replicates=1, **few)
    assert again["eigenvalues"].identical(first["eigenvalues"])
    assert len(again.header["sessions"]) == 1
    more = spectrax.sweep(Mine, **OPTIONS, replicates=2, **few)
    assert more["eigenvalues"].sel(replicate=[0]).identical(first["eigenvalues"])
    assert [s["runs"] for s in more.header["sessions"]] == [2, 2]


def test_another_process_recognises_the_same_study(tmp_path):
    # functions inside a task or model have addresses, which another process doesn't share
    program = (
        "import sys, spectrax, optax\nfrom spectrax import captures\nfrom spectrax.models import TwoLayer\n"
        "from spectrax.tasks import SingleIndex\n"
        "r = spectrax.sweep(lambda rngs: TwoLayer(6, 8, rngs=rngs), task=SingleIndex(20, 6, test_samples=8),"
        " optimizers={'adam': optax.adam}, learning_rates=(.01, .1), steps=(0, 2), captures=[captures.spectrum],"
        " replicates=1, out=sys.argv[1])\nprint(len(r.header['sessions']))\n"
    )
    for _ in range(2):
        command = [sys.executable, "-c", program, str(tmp_path)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.stdout == "1\n", found.stderr


def test_another_model_or_other_steps_are_another_study(tmp_path):
    options = {"captures": [captures.spectrum()], "replicates": 1, "out": tmp_path}
    spectrax.sweep(Mine, **OPTIONS, **options)
    with pytest.raises(StoreError, match="must hold this study"):
        spectrax.sweep(MineInLinen(), **OPTIONS, **options)
    with pytest.raises(StoreError, match="must hold this study"):
        spectrax.sweep(Mine, **(OPTIONS | {"steps": (0, 3)}), **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rates": (0.1, 0.0)}, r"a learning rate must be positive and finite; got 0\.0\."),
        ({"learning_rates": (-1,)}, r"must be positive and finite; got -1\.0\."),
        ({"learning_rates": (float("nan"),)}, "must be positive and finite; got nan"),
        ({"learning_rates": (float("inf"),)}, "must be positive and finite; got inf"),
        ({"learning_rates": ()}, "must name at least one rate; got none"),
        ({"learning_rates": (0.1, 0.1)}, "must be distinct"),
        ({"learning_rates": {"sgd": (0.1,)}}, "must be given for each optimizer; 'gd' is missing"),
        ({"steps": (0, 2, 1)}, r"steps must increase strictly; got 1 after 2\. Sort them or use schedule\.at"),
        ({"steps": (0, 1, 1)}, "steps must increase strictly; got 1 after 1"),
        ({"steps": (-1, 0)}, "steps must be integers from 0 on; got -1"),
        ({"steps": ()}, "steps must name at least one step"),
        ({"replicates": 0}, "replicates must be an integer of at least 1; got 0"),
        ({"replicates": True}, "replicates must be an integer of at least 1; got True"),
        ({"batching": 0}, "batching must be an integer of at least 1"),
        ({"leading": 0}, "leading must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0; got -1"),
        ({"optimizers": {}}, "optimizers must name at least one"),
        ({"captures": []}, "captures must be at least one, each once"),
        ({"captures": [captures.spectrum(), captures.spectrum()]}, "captures must be at least one, each once"),
    ],
)
def test_a_study_that_cannot_be_run_is_refused_when_it_is_declared(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        study(**changes)
    assert "\n" not in str(caught.value)


def test_a_model_of_wrong_size_stops_before_a_folder_is_made(tmp_path):
    with pytest.raises(ValueError, match="inputs and width must be at least 1; got 6 and 0"):
        spectrax.sweep(lambda rngs: TwoLayer(6, 0, rngs=rngs), **OPTIONS, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_factory_that_needs_the_values_of_its_draws_is_not_refused():
    def factory(rngs):
        model = TwoLayer(6, 10, rngs=rngs)
        assert float(model.readout[...].sum()) != 0  # can't be known without drawing
        return model

    sweep.check(study(model=factory))


def test_a_grid_measures_each_missing_point_once(tmp_path):
    seen = []

    def measure(side, power):
        seen.append((side, power))
        return {"value": ((), float(side**power)), "row": (("place",), np.arange(3.0) * side)}

    def run(sides):
        grid = sweep.Grid(measure, {"side": sides, "power": (3,)}, {"place": ["a", "b", "c"]})
        header = {"identity": grid.signature(), "experiment": "grid", "axes": list(grid.axes), "coords": grid.coords()}
        with Store.open(tmp_path, header) as store:
            sweep.run(grid, store)
        return spectrax.open(tmp_path)

    run((2,))
    result = run((2, 5))
    assert sorted(seen) == [(2, 3), (5, 3)]
    assert result["value"].sel(power=3).values.tolist() == [8.0, 125.0]
    assert float(result["row"].sel(side=5, place="c").squeeze()) == 10.0


def test_a_grid_that_fails_keeps_the_points_it_measured(tmp_path):
    def measure(side):
        if side == 3:
            raise ValueError("three is not measured")
        return {"value": ((), float(side))}

    grid = sweep.Grid(measure, {"side": (1, 2, 3)})
    header = {"identity": grid.signature(), "experiment": "grid", "axes": list(grid.axes), "coords": grid.coords()}
    with Store.open(tmp_path, header) as store, pytest.raises(ValueError, match="three is not measured"):
        sweep.run(grid, store, workers=1)
    assert spectrax.open(tmp_path)["value"].values.tolist() == [1.0, 2.0]


def test_an_interrupted_grid_keeps_the_points_in_flight(tmp_path):
    def measure(side):
        time.sleep(0.05)
        return {"value": ((), float(side))}

    class Interrupting:
        def advance(self, units):
            raise KeyboardInterrupt

    grid = sweep.Grid(measure, {"side": (1, 2, 3, 4, 5, 6)})
    header = {"identity": grid.signature(), "experiment": "grid", "axes": list(grid.axes), "coords": grid.coords()}
    with Store.open(tmp_path, header) as store:
        with pytest.raises(KeyboardInterrupt):
            sweep.run(grid, store, workers=1, progress=lambda total, done: contextlib.nullcontext(Interrupting()))
        assert store.finished() in ([{"side": 1}, {"side": 2}], [{"side": 1}, {"side": 2}, {"side": 3}])
        sweep.run(grid, store)
    assert spectrax.open(tmp_path)["value"].values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_a_session_records_versions_threads_mapping_and_timing(tmp_path):
    spectrax.sweep(Mine, **OPTIONS, replicates=1, out=tmp_path, captures=[captures.spectrum()])
    (session,) = read_header(tmp_path)["sessions"]
    assert session["versions"]["spectrax-rmt"] == spectrax.__version__
    assert session["mapping"] == "separate runs"
    assert 0 < session["training_seconds"] < session["seconds"]
    assert {"jax", "flax", "optax", "numpy", "scipy"} <= set(session["versions"])
    assert {
        "started",
        "commit",
        "cores",
        "device",
        "matmul_precision",
        "mapping",
        "seconds",
        "training_seconds",
    } <= set(session)


def test_going_on_elsewhere_warns_and_goes_on(tmp_path, monkeypatch):
    options = {"out": tmp_path, "captures": [captures.spectrum()]}
    spectrax.sweep(Mine, **OPTIONS, replicates=1, **options)
    here = environment.describe()
    monkeypatch.setattr(environment, "describe", lambda: {**here, "cores": 99})
    with pytest.warns(
        UserWarning, match=r"the stored runs were made elsewhere: cores was \d+, is 99\. Bits may differ"
    ):
        spectrax.sweep(Mine, **OPTIONS, replicates=2, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.undo()
        spectrax.sweep(Mine, **OPTIONS, replicates=2, **options)  # nothing to do, nothing to warn of


def test_a_killed_session_leaves_its_trace(tmp_path):
    class Killed(BaseException):
        pass

    def die(moment):
        raise Killed

    deadly = captures.Capture("spectrum", captures.spectrum().schema, die, per_matrix=False)
    with pytest.raises(Killed):
        spectrax.sweep(Mine, **OPTIONS, replicates=1, out=tmp_path, captures=[deadly])
    (session,) = read_header(tmp_path)["sessions"]
    assert "started" in session
    assert "versions" in session
    assert "seconds" not in session


def test_a_model_without_a_matrix_warns_and_keeps_its_network_captures(tmp_path):
    class Vector:
        def init(self, key):
            return {"w": jnp.zeros(6)}

        def apply(self, params, x):
            return x @ params["w"]

    with pytest.warns(UserWarning, match="no trained matrix"):
        result = spectrax.sweep(Vector(), **OPTIONS, replicates=1, out=tmp_path, captures=[captures.losses()])
    assert np.isfinite(result["network_test_loss"]).all()
