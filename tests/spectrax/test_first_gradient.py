"""The first gradient of a replicate, taken once for all optimizers and rates: no bit differs from a run of its own."""

import functools
import gc
import weakref

import jax
import numpy as np
import pytest
from training_cases import OPTIMIZERS, PAPER, SMALL, assert_same_bits, begin, problem

from spectrax import captures, keys, running, sweep, training
from spectrax.models import MLP, TwoLayer
from spectrax.optimizers import GD, SGD, Adam
from spectrax.result import open_result
from spectrax.setting import Setting
from spectrax.store import Store
from spectrax.tasks import SingleIndex

FULL_BATCH = [optimizer for optimizer in OPTIMIZERS.values() if getattr(optimizer, "batch", None) is None]
MODELS = {
    "two_layer": TwoLayer,
    "trained_readout": functools.partial(TwoLayer, activation=jax.nn.relu, train_readout=True),
    "deep": lambda d, h, rngs: MLP(d, (h, h), rngs=rngs),
}


def first_gradient(case):
    program, state = begin(case, GD())
    return training.gradient(state, case[-1], program=program)


def assert_same_step(case, found, rate, program, state):
    along = training.step_along(state, rate, found, program=program)
    assert_same_bits(along, training.advance(state, rate, case[-1], 1, program=program))
    assert int(along.step) == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_step_along_the_known_gradient_equals_the_step_to_the_last_bit(model):
    case = problem(SMALL, model=MODELS[model])
    found = first_gradient(case)
    for optimizer in FULL_BATCH:
        for rate in (1e-3, 30.0):
            assert_same_step(case, found, rate, *begin(case, optimizer))


@pytest.mark.parametrize(("name", "rate"), [("gd", 1000.0), ("adam", 0.1)])
def test_it_does_so_at_the_size_of_the_paper(name, rate):
    case = problem(PAPER)
    assert_same_step(case, first_gradient(case), rate, *begin(case, OPTIMIZERS[name]))


def test_projection_acts_after_the_step_along_a_known_gradient():
    case = problem(SMALL)
    halved = begin(case, GD(), project=lambda tree: jax.tree.map(lambda w: w / 2, tree))
    assert_same_step(case, first_gradient(case), 30.0, *halved)


def test_a_known_gradient_is_refused_where_minibatches_are_seen():
    case = problem(SMALL)
    program, state = begin(case, SGD(batch=64))
    with pytest.raises(ValueError, match="must be of the whole batch; got minibatches of 64"):
        training.step_along(state, 0.1, first_gradient(case), program=program)


def run(folder, **changes):
    declared = {
        "task": SingleIndex(24, 8, test_samples=8),
        "model": lambda rngs: TwoLayer(8, 12, rngs=rngs),
        "optimizers": {"gd": GD(), "adam": Adam()},
        "learning_rates": (0.1, 1.0),
        "steps": (0, 1, 3),
        "captures": [captures.spectrum(), captures.update()],
        "replicates": 2,
    }
    plan = sweep.Study(**(declared | changes))
    header = {"identity": plan.signature(), "experiment": "test", "axes": list(plan.axes), "coords": plan.coords()}
    with Store.open(folder, header) as store:
        sweep.run(plan, store)
    return open_result(folder)


def test_a_study_takes_it_once_per_replicate_and_stores_what_it_would_store_without(tmp_path, monkeypatch):
    taken, gradient = [], training.gradient
    monkeypatch.setattr(training, "gradient", lambda *a, **k: taken.append(1) or gradient(*a, **k))
    shared = run(tmp_path / "shared")
    assert len(taken) == 2
    monkeypatch.setattr(
        training, "step_along",
        lambda state, rate, found, *, program: training.advance(state, rate, batch, 1, program=program),
    )
    for replicate in range(2):
        batch = SingleIndex(24, 8, test_samples=8).draw(keys.stream(0, "data", replicate)).train
        alone = run(tmp_path / "alone", replicates=replicate + 1)
    for name in ("eigenvalues", "update_norm", "training_loss", "last_loss"):
        assert alone[name].identical(shared[name]), name


def test_each_setting_takes_its_own_and_minibatches_before_it_do_not_spoil_it(tmp_path, monkeypatch):
    taken, gradient = [], training.gradient
    monkeypatch.setattr(training, "gradient", lambda *a, **k: taken.append(gradient(*a, **k)) or taken[-1])
    optimizers = {"sgd": SGD(batch=8), "gd": GD()}
    quiet, loud = (Setting(task=SingleIndex(24, 8, noise_std=noise, test_samples=8)) for noise in (0.0, 3.0))
    found = run(tmp_path, optimizers=optimizers, settings={"quiet": quiet, "loud": loud}, replicates=1)
    losses = found.at(optimizer="gd", learning_rate=0.1)["training_loss"].isel(iteration=0)
    np.testing.assert_allclose(losses.to_numpy().ravel(), [float(g.loss) for g in taken], rtol=1e-7)
    assert len(taken) == 2
    assert losses.to_numpy().min() < 0.5 * losses.to_numpy().max()


def test_what_begins_a_replicate_is_let_go_with_it(tmp_path, monkeypatch):
    begun, start = [], running._Start
    monkeypatch.setattr(running, "_Start", lambda *a: begun.append(weakref.ref(made := start(*a))) or made)
    gc.disable()
    try:
        run(tmp_path)
        left = [made() is not None for made in begun]  # data, weights and gradient: none waits for the collector
    finally:
        gc.enable()
    assert left == [False, False]


def test_minibatches_have_gradients_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "gradient", lambda *a, **k: pytest.fail("taken of the whole batch"))
    losses = run(tmp_path, optimizers={"sgd": SGD(batch=8)})["training_loss"]
    assert np.isfinite(losses.to_numpy()[..., :3]).all()
