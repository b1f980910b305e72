"""Models: their formulas against NumPy, their scalings and readouts, and the one face for three kinds of model."""

import functools
from typing import Any

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from scipy.stats import kstest

from spectrax import keys, training
from spectrax.models import MLP, Network, TwoLayer
from spectrax.models.network import check_factory, has_features
from spectrax.optimizers import GD
from spectrax.tasks import Batch
from spectrax.training import Program

# float32 sums of at most 60 terms of order 1
ROUNDING = 3e-6
X_HOST = np.random.default_rng(0).standard_normal((9, 60)).astype(np.float32)
X = jnp.asarray(X_HOST)


def parts(model, replicate=0, example=X) -> tuple[Any, Any, Any]:
    network = Network.of(model, jnp.asarray(example))
    return network, *network.init(keys.stream(0, "init", replicate))


def as_float64(tree):
    return jax.tree.map(lambda a: np.asarray(a, np.float64), tree)


@pytest.mark.parametrize(("activation", "by_hand"), [(jnp.tanh, np.tanh), (jax.nn.relu, lambda z: np.maximum(z, 0))])
def test_the_two_layer_network_is_its_formula(activation, by_hand):
    network, params, rest = parts(lambda rngs: TwoLayer(60, 40, rngs=rngs, activation=activation))
    w, a = as_float64((params["W"], rest["readout"]))
    hidden = by_hand(X_HOST.astype(np.float64) @ w.T / np.sqrt(60))
    np.testing.assert_allclose(network.apply(params, rest, X)[0], hidden @ a / np.sqrt(40), atol=ROUNDING)
    np.testing.assert_allclose(network.features(params, rest, X), hidden / np.sqrt(40), atol=ROUNDING)


def test_standard_scaling_is_the_same_function_with_the_factors_inside_the_weights():
    ntk, standard = (parts(lambda rngs, s=s: TwoLayer(60, 40, rngs=rngs, scaling=s)) for s in ("ntk", "standard"))
    # the same draws: the weights differ by exactly the factors, the functions by rounding
    np.testing.assert_allclose(standard[1]["W"], np.asarray(ntk[1]["W"]) / np.sqrt(60), rtol=3e-7)
    np.testing.assert_allclose(standard[2]["readout"], np.asarray(ntk[2]["readout"]) / np.sqrt(40), rtol=3e-7)
    for function in ("apply", "features"):
        a, b = (getattr(n, function)(p, r, X) for n, p, r in (ntk, standard))
        np.testing.assert_allclose(*((v[0] if function == "apply" else v) for v in (a, b)), atol=ROUNDING)


def test_a_step_under_standard_scaling_moves_the_function_d_times_as_far_through_w():
    y = jnp.asarray(np.sin(X_HOST[:, 0]))
    moved = []
    for scaling, rate in (("ntk", 0.06), ("standard", 0.001)):
        network, params, rest = parts(lambda rngs, s=scaling: TwoLayer(60, 40, rngs=rngs, scaling=s))
        program = Program(network, GD())
        state = training.start(params, rest, program=program, samples=9, trace=1, key=keys.stream(0, "shuffle"))
        after = training.advance(state, rate, Batch(X, y), 1, program=program)
        moved.append(np.asarray(network.apply(after.params, rest, X)[0] - network.apply(params, rest, X)[0]))
    # differences of float32 outputs of order 1 that move by about .02
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-6)
    assert np.abs(moved[0]).max() > 1e-3


def test_weights_and_gaussian_readout_are_standard_normal():
    _, params, rest = parts(lambda rngs: TwoLayer(200, 300, rngs=rngs), example=jnp.zeros((1, 200)))
    # p < 1e-4 rejects a true normal once in 10^4 seeds; 6e4 and 300 draws
    assert kstest(np.asarray(params["W"]).ravel(), "norm").pvalue > 1e-4
    assert kstest(np.asarray(rest["readout"]), "norm").pvalue > 1e-4
    assert params["W"].dtype == rest["readout"].dtype == jnp.float32


def test_a_rademacher_readout_holds_both_signs_equally():
    _, _, rest = parts(lambda rngs: TwoLayer(60, 4000, rngs=rngs, readout="rademacher"))
    readout = np.asarray(rest["readout"])
    assert readout.dtype == np.float32
    assert set(readout.tolist()) == {-1.0, 1.0}
    assert abs(readout.sum()) < 4 * np.sqrt(4000)   # four standard deviations


@pytest.mark.parametrize("model", [functools.partial(TwoLayer, 60, 40), functools.partial(MLP, 60, (40, 30))])
def test_a_frozen_readout_is_no_parameter_and_a_trained_one_is(model):
    _, params, rest = parts(lambda rngs: model(rngs=rngs))
    assert "readout" not in params
    assert "readout" in rest
    _, params, rest = parts(lambda rngs: model(rngs=rngs, train_readout=True))
    assert "readout" in params
    assert "readout" not in rest


@pytest.mark.parametrize("widths", [(5,), (40, 30), (20, 20, 20, 10)])
def test_an_mlp_of_any_depth_is_its_formula(widths):
    network, params, rest = parts(lambda rngs: MLP(60, widths, rngs=rngs))
    z = X_HOST.astype(np.float64)
    assert [w.shape for _, w in sorted(params["layers"].items())] == list(zip(widths, (60, *widths), strict=False))
    for _, w in sorted(as_float64(params["layers"]).items()):
        z = np.tanh(z @ w.T / np.sqrt(z.shape[1]))
    features = z / np.sqrt(widths[-1])
    np.testing.assert_allclose(network.features(params, rest, X), features, atol=ROUNDING)
    np.testing.assert_allclose(network.apply(params, rest, X)[0], features @ as_float64(rest["readout"]), atol=ROUNDING)


def test_an_mlp_of_one_layer_is_the_two_layer_network():
    mlp, params, rest = parts(lambda rngs: MLP(60, (40,), rngs=rngs))
    two = parts(lambda rngs: TwoLayer(60, 40, rngs=rngs))[0]
    output = two.apply({"W": params["layers"][0]}, rest, X)[0]
    np.testing.assert_allclose(mlp.apply(params, rest, X)[0], output, atol=ROUNDING)


def test_replicates_differ_and_a_key_gives_the_same_weights_again():
    network, params, _ = parts(lambda rngs: TwoLayer(60, 40, rngs=rngs))
    np.testing.assert_array_equal(network.init(keys.stream(0, "init"))[0]["W"], params["W"])
    assert not np.array_equal(network.init(keys.stream(0, "init", 1))[0]["W"], params["W"])


class Dense(linen.Module):
    """A Linen module of the user's, with features and running statistics."""

    normalised: bool = False

    def setup(self):
        self.hidden = linen.Dense(40, use_bias=False)
        self.readout = linen.Dense(1, use_bias=False)
        self.norm = linen.BatchNorm(use_running_average=False) if self.normalised else None

    def features(self, x):
        hidden = jnp.tanh(self.hidden(x))
        return hidden if self.norm is None else self.norm(hidden)

    def __call__(self, x):
        return self.readout(self.features(x))[:, 0]


class Pair:
    """A pure init/apply pair."""

    def init(self, key):
        return {"W": jax.random.normal(key, (40, 60))}

    def apply(self, params, x):
        return jnp.tanh(x @ params["W"].T).sum(-1)


@pytest.mark.parametrize("model", [Dense(), lambda rngs: Dense()])
def test_a_linen_module_is_taken_as_it_is_or_from_a_factory(model):
    network, params, rest = parts(model)
    assert rest == {}
    hidden = np.tanh(X_HOST.astype(np.float64) @ as_float64(params["hidden"]["kernel"]))
    np.testing.assert_allclose(network.features(params, rest, X), hidden, atol=ROUNDING)
    expected = hidden @ as_float64(params["readout"]["kernel"])[:, 0]
    np.testing.assert_allclose(network.apply(params, rest, X)[0], expected, atol=ROUNDING)


def test_running_statistics_of_a_linen_module_are_kept_apart_and_move():
    network, params, rest = parts(Dense(normalised=True))
    assert set(rest) == {"batch_stats"}
    program = Program(network, GD())
    state = training.start(params, rest, program=program, samples=9, trace=2, key=keys.stream(0, "shuffle"))
    after = training.advance(state, 0.01, Batch(X, jnp.zeros(9)), 2, program=program)
    before, now = (s.rest["batch_stats"]["norm"]["mean"] for s in (state, after))
    assert not np.array_equal(before, now)


def test_a_pure_pair_is_taken_without_features():
    network, params, rest = parts(Pair())
    assert rest == {}
    assert network.features is None
    np.testing.assert_array_equal(network.apply(params, rest, X)[0], Pair().apply(params, X))


def test_statistics_of_an_nnx_module_move_with_training():
    class Normalised(nnx.Module):
        def __init__(self, rngs):
            self.hidden, self.norm = nnx.Linear(60, 8, rngs=rngs), nnx.BatchNorm(8, rngs=rngs)

        def __call__(self, x):
            return self.norm(self.hidden(x)).sum(-1)

    network, params, rest = parts(Normalised)
    assert set(params) == {"hidden", "norm"}
    _, after = network.apply(params, rest, X)
    assert not np.array_equal(after["norm"]["mean"], rest["norm"]["mean"])
    assert jax.tree.structure(after) == jax.tree.structure(rest)


def test_a_factory_that_makes_fresh_functions_compiles_once_for_all_replicates():
    def factory(rngs):
        return TwoLayer(60, 12, rngs=rngs, activation=lambda z: jnp.tanh(z) + 0.01 * z)

    compiled = []

    def listen(event: str, duration_secs: float, **facts):
        if event.endswith("backend_compile_duration") and "_advance" in str(facts.get("fun_name", "")):
            compiled.append(facts["fun_name"])

    network = Network.of(factory, X)
    program = Program(network, GD())
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for replicate in range(3):
            params, rest = network.init(keys.stream(0, "init", replicate))
            state = training.start(params, rest, program=program, samples=9, trace=1, key=keys.stream(0, "shuffle"))
            training.advance(state, 0.1, Batch(X, jnp.zeros(9)), 1, program=program)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert len(compiled) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rngs: TwoLayer(0, 3, rngs=rngs), "inputs and width must be at least 1; got 0 and 3"),
        (lambda rngs: TwoLayer(3, -1, rngs=rngs), "inputs and width must be at least 1; got 3 and -1"),
        (lambda rngs: TwoLayer(3, 3, rngs=rngs, scaling="mup"), "scaling must be 'ntk' or 'standard'; got 'mup'"),
        (lambda rngs: TwoLayer(3, 3, rngs=rngs, readout="uniform"), "readout must be one of .*; got 'uniform'"),
        (lambda rngs: MLP(3, (), rngs=rngs), "at least one hidden width must be at least 1"),
        (lambda rngs: MLP(3, (4, 0), rngs=rngs), "at least one hidden width must be at least 1"),
        (lambda rngs: MLP(0, (4,), rngs=rngs), "at least one hidden width must be at least 1"),
        (lambda rngs: "network", "the model factory must return a flax module; got str"),
        (42, "model must be a factory rngs -> module, a Linen module or have init and apply; got 42"),
    ],
)
def test_bad_models_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        Network.of(make, X)
    assert "\n" not in str(caught.value)


def test_wrong_sizes_are_found_before_weights_are_drawn():
    with pytest.raises(ValueError, match="inputs and width must be at least 1"):
        check_factory(lambda rngs: TwoLayer(3, 0, rngs=rngs))
    for fine in (lambda rngs: TwoLayer(10**6, 10**6, rngs=rngs), Dense(), Pair()):  # 4 TB, were it drawn
        check_factory(fine)


def test_a_model_tells_whether_it_has_features():
    assert has_features(lambda rngs: TwoLayer(3, 4, rngs=rngs))
    assert not has_features(lambda rngs: nnx.Linear(3, 1, rngs=rngs))
