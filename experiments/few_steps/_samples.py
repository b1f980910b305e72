"""What single samples do to a step: how hard each pulls on the untrained network, and which vectors point at them."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.captures import Capture
from spectrax.tasks import SingleIndex
from spectrax.tasks.data import Batch

SHARES = (0.0025, 0.01, 0.03, 0.1, 0.3, 1.0)  # upper ends of groups of samples, largest residuals first


@dataclass(frozen=True)
class PowerLoss(SingleIndex):
    """A single-index task with the loss mean |f - y|^power: power 1 pulls at every sample equally, 2 is the square."""

    power: int = 2

    def loss(self, output: jax.Array, batch: Batch) -> jax.Array:
        """Mean of |f - y|^power. Scalar."""
        return jnp.mean(jnp.abs(output - batch.y) ** self.power)


def pulls(samples: int, inputs: int) -> Capture:
    """Of the untrained network, once: how hard each sample pulls, p_i = dL/df_i, and where all together pull.

    squared_pull (sample,) = p^2 over its mean. drive (input,) = X^T p/sqrt(n <p^2>), the gradient's mean row in units
    of its noise but for factors of the activation: t = drive mu/sqrt nu. NaN from the task's own n and d on.
    """

    def measure(moment):
        pull = _pulls(moment.state.params, moment)
        x, mean = np.asarray(moment.data.train.x, np.float64), np.mean(pull**2)
        square, drive = np.full(samples, np.nan), np.full(inputs, np.nan)
        square[: len(x)] = pull**2 / mean
        drive[: x.shape[1]] = x.T @ pull / (len(x) * mean) ** 0.5
        return {"squared_pull": square, "drive": drive}

    return Capture("pulls", {"squared_pull": ("sample",), "drive": ("input",)}, measure, per_matrix=False, once=True,
                   options={"samples": samples, "inputs": inputs})


def sample_overlaps() -> Capture:
    """sample_overlap (share, vector): mean <x_i, v>^2 of the leading right vectors v over groups of training samples.

    Groups by the residual |f - y| of the untrained network, largest first, up to SHARES of the samples, each at least
    one. A vector that knows nothing of a sample has 1.
    """

    def measure(moment, view):
        ends = group_ends(moment.data.train.x.shape[0])
        order = np.argsort(-np.abs(_residuals(moment.initial, moment)), kind="stable")
        x = np.asarray(moment.data.train.x, np.float64)[order]
        square = (x @ moment.decomposition(view).right) ** 2
        sums = np.cumsum(square, axis=0)[ends - 1]
        counts = np.diff(ends, prepend=0)
        return {"sample_overlap": np.diff(sums, axis=0, prepend=0.0) / counts[:, None]}

    return Capture("sample_overlaps", {"sample_overlap": ("share", "vector")}, measure, coords={"share": SHARES})


def group_ends(samples: int) -> np.ndarray:
    """Number of samples up to the end of each group, (shares,) of ints; every group has at least one."""
    ends = np.ceil(np.array(SHARES) * samples - 1e-9).astype(int)
    return np.minimum(np.maximum(ends, np.arange(1, len(ends) + 1)), samples)


def _residuals(params, moment):
    return np.asarray(_outputs(params, moment.state.rest, moment.data.train.x, network=moment.program.network)
                      - moment.data.train.y, np.float64)


def _pulls(params, moment):
    train, program = moment.data.train, moment.program
    output = _outputs(params, moment.state.rest, train.x, network=program.network)
    return np.asarray(jax.grad(program.loss)(output, train), np.float64)


@partial(jax.jit, static_argnames=("network",))
def _outputs(params, rest, x, *, network):
    return network.apply(params, rest, x)[0]
