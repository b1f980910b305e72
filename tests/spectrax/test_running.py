"""A study as it runs: what its runs share, what becomes of those that fail, and that no history changes a bit."""

import contextlib
import threading
import time

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spectrax import captures, sweep
from spectrax.models import MLP, TwoLayer
from spectrax.optimizers import GD, Adam
from spectrax.recording import CaptureError
from spectrax.result import open_result
from spectrax.store import Store
from spectrax.tasks import SingleIndex

INPUTS, WIDTH = 8, 12


def two_layer(rngs):
    return TwoLayer(INPUTS, WIDTH, rngs=rngs)


def study(**changes):
    declared = {
        "task": SingleIndex(24, INPUTS, test_samples=8),
        "model": two_layer,
        "optimizers": {"gd": GD(), "adam": Adam()},
        "learning_rates": (0.1, 1.0),
        "steps": (0, 1, 3),
        "captures": [captures.spectrum(), captures.update(), captures.losses(), captures.stability()],
        "replicates": 2,
    }
    return sweep.Study(**(declared | changes))


def stored(plan, folder):
    header = {"identity": plan.signature(), "experiment": "test", "axes": list(plan.axes), "coords": plan.coords()}
    return Store.open(folder, header)


def run(plan, folder, **options):
    with stored(plan, folder) as store:
        session = sweep.run(plan, store, **options)
    return open_result(folder), session


def finished(plan, folder):
    with stored(plan, folder) as store:
        return store.finished()


def arrays(result, **selection):
    found = result.at(**selection)
    return {(name, matrix): found.get(name, matrix) for name in result.variables for matrix in result.matrices}


def assert_same_bits(one, other, **selection):
    first, second = arrays(one, **selection), arrays(other, **selection)
    assert set(first) == set(second)
    for key, array in first.items():
        assert array.identical(second[key]), key


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(study(), tmp_path_factory.mktemp("whole"))[0]


class Counted:
    """A capture that counts its calls by step; `fail(step, calls)` may raise, `pause` makes it slow."""

    def __init__(self, fail=None, pause=0.0):
        self.calls, self.fail, self.pause, self.lock = {}, fail, pause, threading.Lock()

    def capture(self):
        def measure(moment):
            time.sleep(self.pause)
            with self.lock:
                count = self.calls[moment.step] = self.calls.get(moment.step, 0) + 1
            if self.fail is not None:
                self.fail(moment.step, count)
            return {"counted": float(moment.step)}

        return captures.Capture("counted", {"counted": ()}, measure, per_matrix=False)


class Interrupting:
    """A progress bar that presses Ctrl-C after some units."""

    def __init__(self, after):
        self.left = after

    def __call__(self, total, done):
        return contextlib.nullcontext(self)

    def advance(self, units):
        self.left -= units
        if self.left == 0:
            raise KeyboardInterrupt


def exploding(at, factor):
    """Gradient descent whose step number `at` multiplies the gradient by `factor` where the rate is above 0.5."""

    def optimizer(rate):
        def update(updates, state, params=None):
            scale = jnp.where((state == at) & (rate > 0.5), factor, -rate)
            return optax.tree_utils.tree_scale(scale, updates), state + 1

        return optax.GradientTransformation(lambda params: jnp.int32(0), update)

    return optimizer


def test_step_0_is_captured_once_per_replicate(tmp_path):
    counted = Counted()
    run(study(captures=[captures.spectrum(), counted.capture()]), tmp_path)
    assert counted.calls == {0: 2, 1: 8, 3: 8}  # 2 replicates, 8 runs


def test_runs_of_a_replicate_share_data_and_initial_weights_and_then_part(whole):
    start = whole.first()["eigenvalues"]
    assert (start == start.isel(optimizer=0, learning_rate=0)).all()
    assert not (start.sel(replicate=0) == start.sel(replicate=1)).any()
    loss = whole["training_loss"].isel(iteration=0)
    assert (loss == loss.isel(optimizer=0, learning_rate=0)).all()
    assert float(loss.isel(optimizer=0, learning_rate=0).diff("replicate").squeeze()) != 0
    after = whole.at(step=1)["squared_norm"].values
    assert len(set(after.ravel().tolist())) == after.size


def test_every_run_equals_the_run_taken_alone(whole, tmp_path):
    for optimizer, rate in (("gd", 1.0), ("adam", 0.1)):
        alone, _ = run(
            study(optimizers={optimizer: study().optimizers[optimizer]}, learning_rates=(rate,)), tmp_path / optimizer
        )
        assert_same_bits(whole, alone, optimizer=optimizer, learning_rate=rate)


def test_a_stored_loss_belongs_to_every_step(whole):
    assert whole["training_loss"].sizes["iteration"] == 5  # 3 steps, one more for the last update, the loss after it
    assert np.isfinite(whole["training_loss"].isel(iteration=slice(0, 4))).all()
    assert np.isnan(whole["training_loss"].isel(iteration=4)).all()


def test_what_is_measured_once_needs_no_captured_step_0(whole, tmp_path):
    late, _ = run(study(steps=(1, 3)), tmp_path)
    assert late["stability_edge"].identical(whole["stability_edge"])
    assert late["eigenvalues"].equals(whole.at(step=[1, 3])["eigenvalues"])


def test_matrices_of_different_shape_go_into_groups_of_their_own(tmp_path):
    result, _ = run(study(model=lambda rngs: MLP(INPUTS, (12, 8, 12), rngs=rngs), replicates=1), tmp_path)
    assert result.header["matrices"] == {"12x8": ["layers/0", "layers/2"], "8x12": ["layers/1"]}
    assert result.get("eigenvalues", "layers/0").sizes["rank"] == 8
    assert np.isfinite(result.get("eigenvalues", "layers/1")).all()
    assert not result.get("eigenvalues", "layers/0").equals(result.get("eigenvalues", "layers/2"))


@pytest.mark.parametrize("factor", [jnp.nan, jnp.inf])
def test_a_run_that_leaves_the_finite_numbers_is_kept_and_marked_with_its_step(tmp_path, factor):
    plan = study(optimizers={"gd": exploding(1, factor)}, steps=(0, 1, 2, 3))
    result, _ = run(plan, tmp_path / "both")
    at = result.at(optimizer="gd", learning_rate=1.0)
    assert at["diverged"].values.tolist() == [1.0, 1.0]
    assert at["diverged_step"].values.tolist() == [2.0, 2.0]
    finite = at["eigenvalues"].notnull().all("rank").all("replicate")
    assert finite.values.tolist() == [True, True, False, False]
    # the update of step 1 leads to weights that aren't finite
    assert at["update_norm"].notnull().all("replicate").values.tolist() == [True, False, False, False]
    calm, _ = run(
        study(optimizers={"gd": exploding(1, factor)}, steps=(0, 1, 2, 3), learning_rates=(0.1,)), tmp_path / "calm"
    )
    assert calm["diverged"].values.tolist() == [[[0.0, 0.0]]]
    assert np.isnan(calm["diverged_step"]).all()
    assert_same_bits(result, calm, optimizer="gd", learning_rate=0.1)


def test_a_loss_that_overflows_marks_the_run_though_its_weights_are_finite(tmp_path):
    # identity activation: weights of order 1e25 give outputs of that order, whose squares exceed float32's 3e38
    linear = study(
        model=lambda rngs: TwoLayer(INPUTS, WIDTH, rngs=rngs, activation=lambda z: z),
        optimizers={"gd": GD()},
        learning_rates=(0.01, 1e25),
        steps=(0, 1),
    )
    result, _ = run(linear, tmp_path)
    assert np.isfinite(result["eigenvalues"]).all()
    assert result.at(optimizer="gd")["diverged"].values.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_a_loss_above_its_start_is_marked_apart_from_divergence(tmp_path):
    result, _ = run(study(optimizers={"gd": GD()}, learning_rates=(0.1, 1e4)), tmp_path)
    loss = result["training_loss"]
    assert (result["loss_above_start"] == (loss.isel(iteration=3) > loss.isel(iteration=0))).all()
    assert result.at(optimizer="gd")["loss_above_start"].values.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert (result["diverged"] == 0).all()


def test_a_capture_that_raises_is_named_and_finished_runs_are_stored(whole, tmp_path):
    def fail(step, count):
        if step == 3 and count == 3:
            raise ZeroDivisionError("division by nothing")

    plans = [study(captures=[*study().captures, Counted(f).capture()]) for f in (fail, None)]
    with pytest.raises(
        CaptureError, match=r"^capture counted failed at step 3: ZeroDivisionError: division by nothing$"
    ):
        run(plans[0], tmp_path, workers=1)
    assert finished(plans[0], tmp_path)[:2] == plans[0].points()[:2]
    mended, session = run(plans[1], tmp_path)
    assert session["runs"] < 7
    assert mended["eigenvalues"].identical(whole["eigenvalues"])


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda moment, view: {"x": 1 / 0}, r"capture broken failed at step 0, matrix W: ZeroDivisionError"),
        (lambda moment, view: {"y": 1.0}, r"capture broken must return \['x'\]; got \['y'\]\."),
    ],
)
def test_a_broken_capture_is_named_with_its_matrix_or_what_it_should_return(tmp_path, fn, message):
    with pytest.raises(CaptureError, match=message):
        run(study(captures=[captures.Capture("broken", {"x": ()}, fn)]), tmp_path)


@pytest.mark.parametrize("after", [1, 5, 8, 22])
def test_an_interrupted_study_keeps_its_finished_runs_and_ends_as_if_undisturbed(whole, tmp_path, after):
    with pytest.raises(KeyboardInterrupt):
        run(study(), tmp_path, progress=Interrupting(after))
    kept = finished(study(), tmp_path)
    assert len(kept) >= (after - 1) // 3 - 1  # a run has 3 units; the last one's captures may have been dropped
    result, session = run(study(), tmp_path)
    assert session["runs"] == 8 - len(kept)
    assert_same_bits(whole, result)


def test_an_interruption_drops_the_captures_that_wait_and_still_comes_through(tmp_path):
    slow, quick = Counted(pause=0.1), Counted()
    plans = [
        study(optimizers={"gd": GD()}, learning_rates=(0.1, 0.2, 0.5, 1.0), captures=[c.capture()])
        for c in (slow, quick)
    ]
    with pytest.raises(KeyboardInterrupt):
        run(plans[0], tmp_path, workers=1, progress=Interrupting(9))
    assert sum(slow.calls.values()) < 7  # of step 0 and two further steps of three runs
    result, _ = run(plans[1], tmp_path)
    assert (result["counted"] == result["counted"].step).all()


def test_more_rates_keep_the_old_runs_and_equal_a_fresh_study(whole, tmp_path):
    run(study(learning_rates=(1.0,)), tmp_path)
    grown, session = run(study(), tmp_path)
    assert session["runs"] == 4
    assert_same_bits(whole, grown)


def test_more_replicates_and_optimizers_keep_the_old_runs_and_equal_a_fresh_study(whole, tmp_path):
    first, _ = run(study(optimizers={"gd": GD()}, replicates=1), tmp_path)
    before = arrays(first)
    grown, session = run(study(), tmp_path)
    assert session["runs"] == 6
    for key, array in arrays(grown, optimizer=["gd"], replicate=[0]).items():
        assert array.equals(before[key])
    assert_same_bits(whole, grown)


def test_a_finished_study_trains_nothing(whole, tmp_path):
    counted = Counted()
    plan = study(captures=[counted.capture()])
    run(plan, tmp_path)
    calls = dict(counted.calls)
    again, session = run(plan, tmp_path)
    assert session["runs"] == 0
    assert counted.calls == calls
    assert again.matrices == ["W"]


def test_batching_is_recorded_told_apart_and_equal_to_rounding(whole, tmp_path):
    plan = study(batching=3, learning_rates=(0.1, 1.0), optimizers={"gd": GD()})
    assert plan.signature() != study().signature()
    batched, session = run(plan, tmp_path)  # 2 rates in chunks of 3: padded
    assert session["mapping"] == "vmap of 3"
    single = whole.at(optimizer=["gd"])["eigenvalues"]
    # float32 weights of order 1, 4 steps: 1e-6 of the largest eigenvalue, 10 times the rounding of one product
    np.testing.assert_allclose(batched["eigenvalues"], single, rtol=0, atol=1e-6 * float(single.max()))
