"""Neurons that watch a two-layer network train: they see its residuals and don't act on its output."""

import itertools

import jax
import numpy as np
from flax import nnx

from spectrax.alignment import sign_basis
from spectrax.captures import Capture
from spectrax.models import TwoLayer
from spectrax.models.two_layer import Frozen
from spectrax.spectrum import decompose


class Observed(TwoLayer):
    """A TwoLayer with `sets` further sets of `width` neurons, (h, d) each, whose output counts only in the gradient.

    Each set has N(0, 1) weights and a frozen N(0, 1) readout of its own: its rows are trained by the residuals of the
    network that it doesn't belong to, so they are independent of each other given data and residuals.
    """

    def __init__(self, inputs: int, width: int, sets: int, *, rngs: nnx.Rngs):
        super().__init__(inputs, width, rngs=rngs)

        def drawn(*shape):
            return jax.random.normal(rngs.params(), shape)
        self.observers = nnx.List([nnx.Param(drawn(width, inputs)) for _ in range(sets)])
        self.observer_readouts = nnx.List([Frozen(drawn(width)) for _ in range(sets)])

    def __call__(self, x: jax.Array) -> jax.Array:
        """Network output (n,) for x (n, d): the observers add exactly 0 to it, and their own gradient."""
        output = super().__call__(x)
        for weights, readout in zip(self.observers, self.observer_readouts, strict=True):
            hidden = self.activation(x @ weights[...].T * self.input_factor)
            seen = hidden @ readout[...] * self.output_factor
            output = output + (seen - jax.lax.stop_gradient(seen))
        return output


def projections() -> Capture:
    """What the low-dimensional formulas need, of the network's W and of each set of observers with its own readout a.

    projection (col, direction) = W^T U, U an orthonormal basis of span{sgn(a), a}; drift, the largest singular value of
    W_t - W_0; signal_share = |U^T u_1|^2 of the leading left vector.
    """

    def measure(moment, view):
        a = readout_of(moment.state, view.name)
        basis = sign_basis(a)
        return {
            "projection": moment.matrix(view).T @ basis,
            "drift": decompose(moment.drift(view), 1).eigenvalues[-1] ** 0.5 if moment.step else 0.0,
            "signal_share": np.sum((basis.T @ moment.decomposition(view).left[:, 0]) ** 2),
        }

    return Capture("projections", {"projection": ("col", "direction"), "drift": (), "signal_share": ()}, measure)


def readout_of(state, name: str) -> np.ndarray:
    """The readout that belongs to a matrix: W's, or that of `observers/k`; float64 (h,)."""
    rest = state.rest
    found = rest["readout"] if name == "W" else rest["observer_readouts"][_key(rest, name)]
    return np.asarray(found, np.float64)


def _key(rest, name):
    text = name.rpartition("/")[2]
    return next(key for key in itertools.chain([text], [int(text)]) if key in rest["observer_readouts"])


def names_of(sets: int) -> list[str]:
    """Names of the sets among the captured matrices."""
    return [f"observers/{k}" for k in range(sets)]
