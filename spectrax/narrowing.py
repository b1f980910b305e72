"""Choosing by value along named dimensions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

SETTING = "setting"  # the dimension of a study whose groups of runs differ; see spectrax.setting


def narrow(data, selection: Mapping[str, Any]):
    """A DataArray at chosen values: name -> value (its dimension goes) or list (it stays); other names are passed."""
    for name, wanted in selection.items():
        if name not in data.dims:
            continue
        values = data.coords[name].values.tolist()
        index = [position(values, v, name) for v in listed(wanted)]
        data = data.isel({name: index if isinstance(wanted, list | tuple) else index[0]})
    return data


def listed(wanted):
    """The value or values as a sequence."""
    return wanted if isinstance(wanted, list | tuple) else (wanted,)


def position(values, wanted, name: str) -> int:
    """Index of a value, numbers to a relative 1e-6 (rates are float32); ValueError where it isn't there."""
    for i, value in enumerate(values):
        if value == wanted or (
            isinstance(value, float)
            and isinstance(wanted, int | float)
            and np.isclose(value, wanted, rtol=1e-6, atol=0)
        ):
            return i
    raise ValueError(f"{name} must be one of {', '.join(map(str, values))}; got {wanted!r}.")
