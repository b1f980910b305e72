"""A multilayer perceptron of any depth, its widths growing in proportion to the data."""

import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.models.two_layer import Frozen


class MLP(nnx.Module):
    """f(x) = a^T z_L / sqrt h_L with z_l = sigma(W_l z_{l-1} / sqrt h_{l-1}), z_0 = x (n, d): output (n,).

    widths: hidden widths h_1 ... h_L, at least one; W_l (h_l, h_{l-1}) and a (h_L,) have N(0, 1) entries, no biases
    (Wang et al. 2024, arXiv 2211.06506, eq. 1: linear width, h_l of the order of the number of samples). The weights
    appear as layers/0 ... layers/L-1, layout (out, in). train_readout: the readout is trained (default: frozen).
    Raises ValueError for sizes below 1 or no hidden layer.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        *,
        rngs: nnx.Rngs,
        activation: Callable = jnp.tanh,
        train_readout: bool = False,
    ):
        sizes = (inputs, *widths)
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"inputs and at least one hidden width must be at least 1; got {inputs} and {widths!r}.")
        self.activation = activation
        draws = [jax.random.normal(rngs.params(), (out, into)) for into, out in itertools.pairwise(sizes)]
        self.layers = nnx.List([nnx.Param(w) for w in draws])
        self.readout = (nnx.Param if train_readout else Frozen)(jax.random.normal(rngs.params(), (sizes[-1],)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Network output (n,) for x (n, d)."""
        return self.features(x) @ self.readout[...]

    def features(self, x: jax.Array) -> jax.Array:
        """Last hidden layer over sqrt h_L, shape (n, h_L)."""
        for weight in self.layers:
            x = self.activation(x @ weight[...].T / x.shape[-1] ** 0.5)
        return x / x.shape[-1] ** 0.5
