"""What a panel takes from a DataArray: positions, groups and runs as plain arrays, and their centre and spread."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np


class Table(NamedTuple):
    """positions (m,) along an axis, labels of the groups, values (groups, m, runs) with NaN where a run has none."""

    positions: np.ndarray
    groups: list[tuple]
    values: np.ndarray

    @property
    def numeric(self) -> bool:
        """Whether positions are numbers, rather than names at 0, 1, 2, ..."""
        return self.positions.dtype.kind in "iuf"

    @property
    def places(self) -> np.ndarray:
        """Where the positions lie on the axis: themselves, or 0, 1, 2, ... for names; float64 (m,)."""
        return self.positions.astype(float) if self.numeric else np.arange(self.positions.size, dtype=float)


class Summary(NamedTuple):
    """Centre and spread over runs at each position, all of shape (m,), NaN where no run has a value; `runs` counts."""

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: np.ndarray


def table_of(data: Any, x: str, by: Iterable[str], spread: str) -> Table:
    """Table of a DataArray: positions along x, one group per combination of `by`, runs along spread (one if absent).

    Numeric positions come sorted; groups without any value are left out, unless all are.

    Raises ValueError for data without named dimensions, without x or by, or with a dimension left over.
    """
    if not hasattr(data, "dims"):
        raise ValueError(f"data must be a DataArray with named dimensions; got {type(data).__name__}. "
                         "Take a variable of a result: result['name'].")
    by = list(by)
    missing = [name for name in (x, *by) if name not in data.dims]
    if missing:
        raise ValueError(f"data must have the dimension {missing[0]!r}; got {tuple(data.dims)}. Choose among these.")
    left = [f"{d} ({data.sizes[d]})" for d in data.dims if d not in (x, spread, *by) and data.sizes[d] > 1]
    if left:
        raise ValueError(f"data must vary along {', '.join((x, *by, spread))} only; got also {', '.join(left)}. "
                         f"Narrow it: result.at({left[0].split(' ')[0]}=...).")
    data = data.isel({d: 0 for d in data.dims if d not in (x, spread, *by)})
    data = data if spread in data.dims else data.expand_dims(spread)
    data = data.transpose(*by, x, spread)
    values = np.asarray(data.values, dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    labels = [_coordinate(data, name).tolist() for name in by]
    groups = [tuple(labels[i][j] for i, j in enumerate(at)) for at in np.ndindex(*values.shape[: len(by)])]
    flat = values.reshape(-1, *values.shape[len(by):])
    order = np.argsort(_coordinate(data, x), kind="stable") if _coordinate(data, x).dtype.kind in "iuf" else slice(None)
    filled = [i for i in range(len(groups)) if np.isfinite(flat[i]).any()] or list(range(len(groups)))
    return Table(_coordinate(data, x)[order], [groups[i] for i in filled], flat[filled][:, order])


def summarise(samples: np.ndarray, centre: str = "median") -> Summary:
    """Centre and spread of samples (m, runs), NaN left out: median with min and max, or mean -+ one standard error.

    The standard error is std (n - 1 in the denominator) / sqrt(n), 0 for one run. Raises ValueError for another centre.
    """
    if centre not in ("median", "mean"):
        raise ValueError(f"centre must be 'median' (with min-max) or 'mean' (with s.e.); got {centre!r}.")
    runs = np.isfinite(samples).sum(axis=-1)
    middle, low, high = (np.full(runs.shape, np.nan) for _ in range(3))
    for i in np.flatnonzero(runs):
        values = samples[i][np.isfinite(samples[i])]
        if centre == "median":
            middle[i], low[i], high[i] = np.median(values), values.min(), values.max()
        else:
            error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else 0.0
            middle[i], low[i], high[i] = values.mean(), values.mean() - error, values.mean() + error
    return Summary(middle, low, high, runs)


def _coordinate(data, name):
    return np.asarray(data.coords[name].values) if name in data.coords else np.arange(data.sizes[name])
