"""Networks, optimizers and beginnings that the tests of training share."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spectrax import keys, training
from spectrax.models import Network, TwoLayer
from spectrax.optimizers import GD, SGD, Adam, StepDecay
from spectrax.tasks import SingleIndex
from spectrax.training import Program

SMALL = (200, 100, 150)  # n, d, h
PAPER = (2000, 1000, 1500)
OPTIMIZERS = {
    "gd": GD(),
    "momentum": GD(momentum=0.9),
    "gd_schedule": GD(schedule=StepDecay(every=2)),
    "sgd": SGD(batch=64, momentum=0.5),
    "adam": Adam(),
    "adam_decay": Adam(weight_decay=0.01),
    "optax_factory": optax.rmsprop,
}


def problem(sizes, replicate=0, model=TwoLayer, **options):
    """(network, params, rest, train set) of model(d, h, rngs=..., **options); sizes: n, d, h."""
    n, d, h = sizes
    data = SingleIndex(n, d, test_samples=1).draw(keys.stream(0, "data", replicate))
    network = Network.of(lambda rngs: model(d, h, rngs=rngs, **options), data.train.x)
    return network, *network.init(keys.stream(0, "init", replicate)), data.train


def begin(case, optimizer, trace=16, **options):
    network, params, rest, train = case
    program = Program(network, optimizer, **options)
    return program, training.start(params, rest, program=program, samples=train.x.shape[0], trace=trace,
                                   key=keys.stream(0, "shuffle"))


def assert_same_bits(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = (jax.random.key_data(v) if jnp.issubdtype(v.dtype, jax.dtypes.prng_key) else v for v in (x, y))
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y), strict=True)
