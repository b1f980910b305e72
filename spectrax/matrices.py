"""Which weights of a network are matrices, under which name, and in which layout."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np


@dataclass(frozen=True)
class MatrixView:
    """One trained parameter seen as a matrix (outputs, inputs); `path` leads to it in the parameter tree."""

    name: str
    path: tuple[Any, ...]
    shape: tuple[int, int]
    transposed: bool = False

    def read(self, params) -> np.ndarray:
        """The matrix (rows = outputs, cols = inputs) in its training precision, on the host."""
        leaf = params
        for key in self.path:
            leaf = leaf[key]
        array = np.asarray(leaf)
        return array.T if self.transposed else array


def views(params) -> tuple[MatrixView, ...]:
    """Every two-dimensional trained weight with both sides above 1, in the order of the parameter tree.

    Flax's `kernel` is stored (in, out) and seen transposed; any other name is taken as (out, in). The name is the path
    without a trailing `kernel`: `W`, `layers/0`, `encoder/dense`. params: nested dicts of arrays (or their shapes).
    """
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if len(leaf.shape) != 2 or min(leaf.shape) < 2:
            continue
        keys = tuple(getattr(part, "key", getattr(part, "idx", None)) for part in path)
        flax = keys[-1] == "kernel"
        name = "/".join(str(k) for k in (keys[:-1] if flax and len(keys) > 1 else keys))
        shape = tuple(leaf.shape[::-1] if flax else leaf.shape)
        found.append(MatrixView(name, keys, shape, transposed=flax))
    return tuple(found)
