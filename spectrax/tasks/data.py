"""What a task hands to the machinery: batches of samples, and named directions in input space to compare with."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Batch(NamedTuple):
    """Inputs x (n, ...) and targets y (n, ...), float32, on the device."""

    x: jax.Array
    y: jax.Array


class Data(NamedTuple):
    """Train, probe (fresh samples for the ridge readout) and test batches; unit directions (d,) by name."""

    train: Batch
    probe: Batch
    test: Batch
    directions: Mapping[str, jax.Array] = {}


def mean_squared_error(output: jax.Array, batch: Batch) -> jax.Array:
    """Mean of (f - y)^2 over the batch, without 1/2: learning rates refer to this loss. Scalar.

    Raises ValueError where output and targets differ in shape: (n, 1) against (n,) would broadcast to (n, n) unseen.
    """
    if output.shape != batch.y.shape:
        raise ValueError(f"the output must have the shape of the targets; got {output.shape} and {batch.y.shape}. "
                         "Squeeze the model's last axis.")
    return jnp.mean((output - batch.y) ** 2)
