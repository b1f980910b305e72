"""Tasks, one per file: `draw(key) -> Data(train, probe, test, directions)` and `loss(output, batch)`."""

from spectrax.tasks.data import Batch, Data, mean_squared_error
from spectrax.tasks.single_index import SingleIndex
from spectrax.tasks.tensors import Tensors

__all__ = ["Batch", "Data", "SingleIndex", "Tensors", "mean_squared_error"]
