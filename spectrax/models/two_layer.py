"""The two-layer network of the learning-rate study, and the variable type of a frozen readout."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx


class Frozen(nnx.Variable):
    """A weight that is drawn at initialisation and never trained; not an nnx.Param, so no optimizer sees it."""


class TwoLayer(nnx.Module):
    """f(x) = a^T sigma(W x / sqrt d) / sqrt h for x (n, d): output (n,), features (n, h).

    W (h, d) ~ N(0, 1) entries, matrix layout (out, in); readout a (h,) ~ N(0, 1) ("gaussian") or +-1 ("rademacher"),
    no biases. scaling "ntk": as written, the paper's. scaling "standard": the same function at initialisation with the
    factors inside the weights, W ~ N(0, 1/d) and a ~ N(0, 1/h), so that a learning rate acts d times as strongly on W.
    train_readout: the readout is a trained parameter (default: frozen, as in the paper).
    Source: Kothapalli et al. 2024 (arXiv 2406.04657), section 3.
    Raises ValueError for sizes below 1 or an unknown scaling or readout.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        *,
        rngs: nnx.Rngs,
        activation: Callable = jnp.tanh,
        scaling: str = "ntk",
        readout: str = "gaussian",
        train_readout: bool = False,
    ):
        if inputs < 1 or width < 1:
            raise ValueError(f"inputs and width must be at least 1; got {inputs} and {width}.")
        if scaling not in ("ntk", "standard"):
            raise ValueError(f"scaling must be 'ntk' or 'standard'; got {scaling!r}.")
        draws = {"gaussian": jax.random.normal, "rademacher": jax.random.rademacher}
        if readout not in draws:
            raise ValueError(f"readout must be one of {sorted(draws)}; got {readout!r}.")
        inside = scaling == "standard"
        self.activation = activation
        self.input_factor = 1.0 if inside else inputs**-0.5
        self.output_factor = 1.0 if inside else width**-0.5
        w = jax.random.normal(rngs.params(), (width, inputs)) * (inputs**-0.5 if inside else 1.0)
        a = draws[readout](rngs.params(), (width,)).astype(jnp.float32) * (width**-0.5 if inside else 1.0)
        self.W = nnx.Param(w)
        self.readout = (nnx.Param if train_readout else Frozen)(a)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Network output (n,) for x (n, d)."""
        return self._hidden(x) @ self.readout[...] * self.output_factor

    def features(self, x: jax.Array) -> jax.Array:
        """sigma(W x / sqrt d) / sqrt h, shape (n, h): what the ridge readout and the conjugate kernel see."""
        return self._hidden(x) * self.W[...].shape[0] ** -0.5

    def _hidden(self, x):
        return self.activation(x @ self.W[...].T * self.input_factor)
