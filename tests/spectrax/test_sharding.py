"""Runs side by side: mapped on one device, spread over several, or vectorised by choice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest
from training_cases import begin

from spectrax import captures, keys, sweep, training
from spectrax.models import Network, TwoLayer
from spectrax.optimizers import GD, SGD, Adam
from spectrax.result import open_result
from spectrax.store import Store
from spectrax.tasks import SingleIndex


class Scaled(TwoLayer):
    """The factor inside: its gradient ends in a product with a number, which XLA may merge into the optimizer's."""

    def _hidden(self, x):
        return self.activation(x @ (self.W[...] * self.input_factor).T)


def run_study(folder):
    """Trains and stores a small study on all devices of this process; returns what the session did."""
    taken = [captures.spectrum(), captures.leading_vectors(), captures.overlaps(), captures.update(), captures.losses()]
    study = sweep.Study(
        SingleIndex(60, 24, test_samples=60), lambda rngs: Scaled(24, 36, rngs=rngs),
        {"sgd": SGD(batch=20), "adam": Adam()},
        {"sgd": tuple(np.geomspace(0.1, 1e3, 9)), "adam": (0.01, 0.1, 1.0)}, (0, 1, 4), taken, replicates=2)
    header = {"identity": study.signature(), "experiment": "sharding", "axes": list(study.axes),
              "coords": study.coords()}
    with Store.open(folder, header) as store:
        session = sweep.run(study, store, workers=1)
    return {"devices": jax.device_count(), "mapping": session["mapping"], "runs": session["runs"]}


@pytest.fixture(scope="module")
def case():
    train = SingleIndex(200, 100, test_samples=1).draw(keys.stream(0, "data")).train
    network = Network.of(lambda rngs: TwoLayer(100, 150, rngs=rngs), train.x)
    return network, *network.init(keys.stream(0, "init")), train


def stacked(state, runs):
    return jax.tree.map(lambda a: jnp.stack([a] * runs), state)


def numbers(state):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state._replace(key=jax.random.key_data(state.key)))]


@pytest.mark.parametrize(
    ("optimizer", "on_devices"), [(GD(), False), (Adam(), False), (Adam(), True), (SGD(batch=64), True)])
def test_mapped_runs_equal_single_runs_to_the_last_bit(case, optimizer, on_devices):
    program, first = begin(case, optimizer)
    rates = (0.01, 0.1, 1.0, 3.0)
    devices = jax.devices()[:1] if on_devices else ()
    many = stacked(first, 4)
    for count in (3, 4):
        many = training.advance_many(many, rates, case[-1], count, program=program, devices=devices)
    for i, rate in enumerate(rates):
        alone = training.advance(first, rate, case[-1], 7, program=program)
        for mapped, single in zip(numbers(many), numbers(alone), strict=True):
            np.testing.assert_array_equal(mapped[i], single, strict=True)


def test_vectorised_runs_equal_single_runs_up_to_rounding(case):
    program, first = begin(case, GD())
    rates = (1.0, 10.0, 30.0)
    many = training.advance_many(stacked(first, 3), rates, case[-1], 5, program=program, vectorised=True)
    for i, rate in enumerate(rates):
        alone = training.advance(first, rate, case[-1], 5, program=program)
        # sums of 200 float32 terms in another order, five steps of order 1 or less
        np.testing.assert_allclose(many.params["W"][i], alone.params["W"], atol=1e-5)


def test_runs_that_do_not_fill_the_devices_are_refused(case):
    program, first = begin(case, GD())
    with pytest.raises(ValueError, match="runs must fill the devices; got 3 runs on 2 devices"):
        training.advance_many(stacked(first, 3), (1, 2, 3), case[-1], 1, program=program, devices=jax.devices()[:1] * 2)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The study on one device: its folder, what the session said, the training programs it compiled."""
    compiled = []

    def listen(event: str, duration_secs: float, **facts):
        if event.endswith("backend_compile_duration") and "_advance" in str(facts.get("fun_name", "")):
            compiled.append(facts["fun_name"])

    folder = tmp_path_factory.mktemp("study") / "one"
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        said = run_study(folder)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return folder, said, compiled


def test_a_study_compiles_once_per_optimizer_for_all_rates_replicates_and_gaps(alone):
    _, said, compiled = alone
    assert said == {"devices": 1, "mapping": "separate runs", "runs": 24}
    assert len(compiled) == 2


@pytest.mark.slow
def test_a_study_on_four_devices_stores_the_numbers_of_one_device_to_the_last_bit(tmp_path, alone):
    settings = {**os.environ, "PYTHONPATH": str(Path(__file__).parent),
                "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=4"}
    program = "import json, sys, test_sharding; print(json.dumps(test_sharding.run_study(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program, str(tmp_path / "four")], env=settings,
                          capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    # nine rates on four devices: the last of three chunks is padded; so is the one of adam's three rates
    assert json.loads(done.stdout) == {"devices": 4, "mapping": "shard_map over 4 devices", "runs": 24}
    single, spread = (open_result(folder) for folder in (alone[0], tmp_path / "four"))
    assert set(single.variables) == set(spread.variables)
    assert {"eigenvalues", "training_loss", "update_eigenvalues", "network_test_loss"} <= set(single.variables)
    for name in single.variables:
        np.testing.assert_array_equal(spread[name], single[name], err_msg=name, strict=True)
    # 24 runs of 3 steps and 24 eigenvalues; the rest of the grid is NaN, as no run has that optimizer and rate
    assert np.isfinite(single["eigenvalues"]).sum() == 24 * 3 * 24
