"""Two studies that would train differently are told apart; the same one is recognised whatever its addresses."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import spectrax
from spectrax import captures
from spectrax.identity import described
from spectrax.models import TwoLayer
from spectrax.optimizers import GD, Adam
from spectrax.store import StoreError
from spectrax.tasks import SingleIndex


def make(scale):
    return lambda z: scale * z


def test_functions_differ_by_their_code_and_by_what_they_close_over():
    assert described(make(2.0)) == described(make(2.0))
    assert described(make(2.0)) != described(make(3.0))
    assert described(make(2.0), closures=False) == described(make(3.0), closures=False)
    assert described(lambda z: z + 1) != described(lambda z: z + 2)
    assert described(lambda z, a=1: z + a) != described(lambda z, a=2: z + a)


def test_dataclasses_partials_classes_and_arrays_differ_by_their_parts():
    assert described(Adam()) == described(Adam())
    assert described(Adam()) != described(Adam(b1=0.5))
    assert described(partial(optax.adam, b1=0.5)) != described(partial(optax.adam, b1=0.6))
    assert described(np.arange(3.0)) != described(np.arange(3.0) + 1e-9)
    assert described(TwoLayer) == described(TwoLayer) != described(SingleIndex)


def test_a_set_in_the_code_is_described_whatever_its_order():
    assert "0x" not in str(described(lambda z: z in {"a", "b", "c"}))


@pytest.mark.parametrize(
    "other",
    [
        {"model": lambda rngs: TwoLayer(6, 8, rngs=rngs, activation=jnp.sin)},
        {"task": SingleIndex(20, 6, test_samples=8, link=lambda z: 100 * z)},
        {"task": SingleIndex(20, 6, test_samples=8, link=lambda z: 3 * z)},
    ],
)
def test_another_lambda_is_another_study(tmp_path, other):
    task = SingleIndex(20, 6, test_samples=8, link=lambda z: 2 * z)
    options = {"model": lambda rngs: TwoLayer(6, 8, rngs=rngs), "task": task, "optimizers": {"o": GD()}}
    options |= {"learning_rates": (0.1,), "steps": (0, 1), "captures": [captures.spectrum], "out": tmp_path}
    spectrax.sweep(**options, replicates=1)
    with pytest.raises(StoreError, match="must hold this study"):
        spectrax.sweep(**(options | other), replicates=2)


def test_one_name_means_one_optimizer_in_a_store(tmp_path):
    options = {"model": lambda rngs: TwoLayer(6, 8, rngs=rngs), "task": SingleIndex(20, 6, test_samples=8)}
    options |= {"learning_rates": (0.1,), "steps": (0, 1), "captures": [captures.spectrum], "out": tmp_path}
    spectrax.sweep(**options, optimizers={"o": partial(optax.adam, b1=0.9)}, replicates=1)
    for changed in (GD(), partial(optax.adam, b1=0.5)):
        with pytest.raises(StoreError, match="an optimizer's name must keep its meaning"):
            spectrax.sweep(**options, optimizers={"o": changed}, replicates=2)
    grown = spectrax.sweep(**options, optimizers={"o": partial(optax.adam, b1=0.9), "gd": GD()}, replicates=2)
    assert grown.axes["optimizer"] == ["o", "gd"]
