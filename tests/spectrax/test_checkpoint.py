"""Checkpoints: a long run killed in the middle goes on from weights and optimizer state, to the same bits."""

import numpy as np
import pytest

from spectrax import captures, checkpoint, sweep, training
from spectrax.captures import Capture
from spectrax.models import TwoLayer
from spectrax.optimizers import SGD, Adam
from spectrax.result import open_result
from spectrax.store import Store
from spectrax.study import Study
from spectrax.tasks import SingleIndex

STEPS = (0, 3, 400, 700)


def study(optimizers, extra=()):
    taken = [captures.spectrum(), captures.update(), captures.stability(), *extra]
    return Study(SingleIndex(30, 12, test_samples=20), lambda rngs: TwoLayer(12, 18, rngs=rngs), optimizers, (0.01,),
                 STEPS, taken, replicates=1)


def run(plan, folder):
    header = {"identity": "checkpoint", "experiment": "checkpoint", "axes": list(plan.axes), "coords": plan.coords()}
    with Store.open(folder, header) as store:
        sweep.run(plan, store, workers=1)
    return open_result(folder)


class Killed(BaseException):
    """As if the process had been killed: nothing after it is run."""


@pytest.fixture
def always(monkeypatch):
    """A checkpoint at every opportunity; counts the training steps that a session takes."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint.Checkpoint, "stride", lambda self, at: 50)
    taken = []
    advance = training.advance

    def counted(state, rate, batch, steps, *, program):
        taken.append(int(steps))
        return advance(state, rate, batch, steps, program=program)

    monkeypatch.setattr(training, "advance", counted)
    return taken


@pytest.mark.parametrize("optimizers", [{"adam": Adam()}, {"sgd": SGD(momentum=0.5, batch=7)}], ids=["adam", "sgd"])
@pytest.mark.parametrize("at", [250, 550])
def test_a_killed_run_goes_on_from_its_checkpoint_to_the_same_bits(optimizers, at, always, tmp_path, monkeypatch):
    undisturbed = run(study(optimizers), tmp_path / "whole")
    save, saved = checkpoint.Checkpoint.save, []

    def kill(self, state, record):
        save(self, state, record)
        saved.append(int(state.step))
        if saved[-1] >= at:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.Checkpoint, "save", kill)
        with pytest.raises(Killed):
            run(study(optimizers), tmp_path / "killed")
    assert len(list((tmp_path / "killed" / "checkpoints").glob("*.npz"))) == 1
    always.clear()
    resumed = run(study(optimizers), tmp_path / "killed")
    assert sum(always) == STEPS[-1] + 1 - saved[-1]  # no step is taken twice
    for name in undisturbed.variables:
        assert undisturbed[name].equals(resumed[name]), name
    assert not (tmp_path / "killed" / "checkpoints").exists()


def test_a_run_of_seconds_leaves_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint.Checkpoint, "save", lambda *_: pytest.fail("saved"))
    assert run(study({"adam": Adam()}), tmp_path)["eigenvalues"].notnull().all()


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_checkpoint_that_does_not_fit_is_ignored_with_a_warning(damage, always, tmp_path, monkeypatch):
    def broken(moment):
        if moment.step == 400:
            raise OSError("no")
        return {"value": 0.0}

    last = Capture("last", {"value": ()}, broken, per_matrix=False)
    with pytest.raises(RuntimeError, match="last"):
        run(study({"adam": Adam()}, [last]), tmp_path)
    path = next((tmp_path / "checkpoints").glob("*.npz"))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        with np.load(path) as stored:
            arrays = dict(stored)
        arrays["state/0"] = np.zeros((2, 2), np.float32)
        np.savez(path, **arrays)
    with pytest.warns(UserWarning, match="checkpoint must fit its run"):
        resumed = run(study({"adam": Adam()}), tmp_path)
    assert resumed["eigenvalues"].equals(run(study({"adam": Adam()}), tmp_path / "fresh")["eigenvalues"])
