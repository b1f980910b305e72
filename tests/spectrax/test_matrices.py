"""Matrix views: which weights are matrices, their names, their layout."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from spectrax import keys
from spectrax.matrices import MatrixView, views
from spectrax.models import MLP, Network, TwoLayer


class Stacked(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = linen.tanh(linen.Dense(6, name="hidden")(x))
        return linen.Dense(1, name="readout")(x)[:, 0]


class Biased(nnx.Module):
    def __init__(self, rngs):
        self.first, self.second = nnx.Linear(5, 7, rngs=rngs), nnx.Linear(7, 3, rngs=rngs)

    def __call__(self, x):
        return self.second(jnp.tanh(self.first(x))).sum(-1)


def params_of(model, inputs=5):
    return Network.of(model, jnp.zeros((2, inputs))).init(keys.stream(0, "init"))[0]


def test_the_weight_of_a_two_layer_network_is_seen_as_stored():
    params = params_of(lambda rngs: TwoLayer(5, 7, rngs=rngs, train_readout=True))
    (view,) = views(params)     # the readout is a vector
    assert view == MatrixView("W", ("W",), (7, 5))
    np.testing.assert_array_equal(view.read(params), params["W"])


def test_layers_of_an_mlp_are_named_by_their_place():
    params = params_of(lambda rngs: MLP(5, (4, 3), rngs=rngs))
    found = views(params)
    assert [(v.name, v.shape) for v in found] == [("layers/0", (4, 5)), ("layers/1", (3, 4))]
    for i, view in enumerate(found):
        np.testing.assert_array_equal(view.read(params), params["layers"][i])


@pytest.mark.parametrize(
    ("model", "expected"),
    [(Biased, {"first": (7, 5), "second": (3, 7)}), (Stacked(), {"hidden": (6, 5)})],   # a column (6, 1) is no matrix
)
def test_flax_kernels_are_seen_transposed_as_outputs_by_inputs(model, expected):
    params = params_of(model)
    found = views(params)
    assert {v.name: v.shape for v in found} == expected
    for view in found:
        assert view.transposed
        assert view.read(params).shape == view.shape
        np.testing.assert_array_equal(view.read(params), np.asarray(params[view.name]["kernel"]).T)


def test_vectors_scalars_rows_columns_and_tensors_are_no_matrices():
    params = {name: jnp.zeros(shape) for name, shape in
              {"a": (3,), "b": (), "c": (1, 3), "d": (3, 1), "e": (2, 3, 4)}.items()}
    assert views(params) == ()


def test_a_bare_kernel_keeps_its_name():
    (view,) = views({"kernel": jnp.zeros((3, 2))})
    assert (view.name, view.shape, view.transposed) == ("kernel", (2, 3), True)


def test_views_are_hashable_and_keep_the_training_precision():
    params = {"W": jnp.ones((3, 2), jnp.float32)}
    (view,) = views(params)
    assert hash(view) == hash(views(params)[0])
    assert view.read(params).dtype == np.float32
