"""Data that you already have, as a task."""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from spectrax.tasks.data import Batch, Data, mean_squared_error


@dataclass(frozen=True, eq=False)
class Tensors:
    """The same data for every replicate: only initial weights and shuffling differ between replicates.

    data: train, probe and test batches (float32 jax arrays, x (n, ...), y (n,)) and named unit directions (d,).
    criterion: (output, batch) -> scalar loss. name: what tells two data sets apart in a stored result.
    Raises ValueError where inputs and targets of a batch differ in number.
    """

    data: Data
    name: str
    criterion: Callable = mean_squared_error

    def __post_init__(self):
        for which in ("train", "probe", "test"):
            batch: Batch = getattr(self.data, which)
            if batch.x.shape[0] != batch.y.shape[0]:
                raise ValueError(
                    f"{which} must have as many targets as inputs; got {batch.y.shape[0]} and {batch.x.shape[0]}."
                )

    def draw(self, key: jax.Array) -> Data:
        """The data; the key changes nothing."""
        return self.data

    def loss(self, output: jax.Array, batch: Batch) -> jax.Array:
        """The criterion. Scalar."""
        return self.criterion(output, batch)
