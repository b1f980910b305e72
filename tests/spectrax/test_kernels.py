"""Kernels: the matrix-free stability edge against the dense tangent kernel and against gradient descent itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax import keys, training
from spectrax.kernels import conjugate_kernel, stability_edge
from spectrax.models import MLP, Network, TwoLayer
from spectrax.optimizers import GD
from spectrax.tasks import Batch
from spectrax.training import Program

# the relative tolerance of Lanczos that stability_edge states
LANCZOS = 1e-3


class Linear:
    """f(x) = x w."""

    def init(self, key):
        return {"w": jax.random.normal(key, (6,))}

    def apply(self, params, x):
        return x @ params["w"]


def inputs(n, d, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal((n, d)), jnp.float32)


def dense_edge(network, params, rest, x):
    """n / lambda_max(J J^T) from the whole Jacobian J (n, number of weights)."""
    jacobian = jax.jacobian(lambda p: network.apply(p, rest, x)[0])(params)
    j = np.concatenate([np.asarray(leaf, np.float64).reshape(len(x), -1) for leaf in jax.tree.leaves(jacobian)], axis=1)
    return len(x) / np.linalg.eigvalsh(j @ j.T)[-1]


MODELS = {
    "paper": lambda rngs: TwoLayer(20, 30, rngs=rngs),
    "standard": lambda rngs: TwoLayer(20, 30, rngs=rngs, scaling="standard", readout="rademacher", train_readout=True),
    "deep": lambda rngs: MLP(20, (15, 10), rngs=rngs, activation=jax.nn.relu, train_readout=True),
}


@pytest.mark.parametrize(
    ("name", "n"), [("paper", 60), ("standard", 60), ("deep", 60), ("paper", 1), ("paper", 2), ("paper", 3)])
def test_the_stability_edge_is_that_of_the_dense_tangent_kernel(name, n):
    x = inputs(n, 20)
    network = Network.of(MODELS[name], x)
    params, rest = network.init(keys.stream(0, "init"))
    expected = dense_edge(network, params, rest, x)
    assert stability_edge(network, params, rest, x) == pytest.approx(expected, rel=LANCZOS)


def linear_case():
    x = inputs(40, 6)
    network = Network.of(Linear(), x)
    params, rest = network.init(keys.stream(0, "init"))
    closed = 2 / np.linalg.eigvalsh(2 / 40 * np.asarray(x, np.float64).T @ np.asarray(x, np.float64))[-1]
    return network, params, rest, x, closed


def test_the_edge_of_a_linear_model_is_two_over_the_largest_curvature():
    network, params, rest, x, closed = linear_case()
    assert stability_edge(network, params, rest, x) == pytest.approx(closed, rel=LANCZOS)


@pytest.mark.parametrize(("relative", "grows"), [(0.99, False), (1.01, True)])
def test_gradient_descent_turns_unstable_at_the_edge(relative, grows):
    network, params, rest, x, _ = linear_case()
    edge = stability_edge(network, params, rest, x)
    program = Program(network, GD())
    state = training.start(params, rest, program=program, samples=40, trace=401, key=keys.stream(0, "shuffle"))
    state = training.advance(state, relative * edge, Batch(x, jnp.zeros(40)), 401, program=program)
    losses = np.asarray(state.losses, np.float64)
    # along the steepest direction the error is multiplied by 1 - 2 relative each step, the loss by its square; after
    # 200 steps the others are below 1e-6. Rounding of the rate, 1e-7 relative, counts 800 times at most; the loss at
    # .99 has fallen to 1e-6 of its start, where rounding of the weights begins to show
    assert losses[400] / losses[200] == pytest.approx((1 - 2 * relative) ** 400, rel=0.01 if grows else 0.05)
    assert bool(losses[400] > losses[200]) is grows


def test_the_edge_of_a_two_layer_network_separates_settling_from_leaving():
    x = inputs(60, 20)
    network = Network.of(lambda rngs: TwoLayer(20, 4000, rngs=rngs), x)  # wide: nearly linear in its weights
    params, rest = network.init(keys.stream(0, "init"))
    edge, program = stability_edge(network, params, rest, x), Program(network, GD())
    y = network.apply(params, rest, x)[0] + 1e-3 * inputs(60, 1)[:, 0]   # a small error stays in the linear regime
    ends = []
    for relative in (0.9, 1.1):
        state = training.start(params, rest, program=program, samples=60, trace=41, key=keys.stream(0, "shuffle"))
        losses = training.advance(state, relative * edge, Batch(x, y), 41, program=program).losses
        ends.append(float(losses[40] / losses[0]))
    # the steepest direction's share of the error, about 1/60, times 1.2^80 = 2e6 above the edge
    assert ends[0] < 1
    assert ends[1] > 100


def test_a_network_that_its_weights_do_not_move_has_no_edge():
    x = inputs(10, 20)
    network = Network.of(lambda rngs: TwoLayer(20, 30, rngs=rngs, activation=jnp.zeros_like), x)
    assert stability_edge(network, *network.init(keys.stream(0, "init")), x) == float("inf")


@pytest.mark.parametrize("n", [1, 10])
def test_an_overflowing_tangent_kernel_gives_nan(n):
    x = inputs(n, 20)
    network = Network.of(lambda rngs: TwoLayer(20, 30, rngs=rngs, activation=lambda z: 1e30 * z), x)
    assert np.isnan(stability_edge(network, *network.init(keys.stream(0, "init")), x))


@pytest.mark.parametrize(("n", "h"), [(30, 50), (50, 30), (40, 40)])
def test_the_conjugate_kernel_has_the_eigenvalues_of_the_dense_n_by_n_matrix(n, h):
    z_nh = (np.random.default_rng(1).standard_normal((n, h)) / np.sqrt(h)).astype(np.float32)
    spectrum = conjugate_kernel(jnp.asarray(z_nh))
    dense = np.linalg.eigvalsh(z_nh.astype(np.float64) @ z_nh.T.astype(np.float64))
    # float64 eigenvalues of a matrix of norm 4
    np.testing.assert_allclose(np.concatenate([np.zeros(spectrum.zeros), spectrum.values]), dense, atol=1e-14 * n)
    assert spectrum.zeros == max(0, n - h)
    assert (spectrum.cols, spectrum.scale, spectrum.kind) == (n, 1.0, "eigenvalues")
