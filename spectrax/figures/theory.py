"""Predicted curves of a panel, from the forms in which a prediction comes: callable, DataArray, values, mapping."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Curve = tuple[int | None, np.ndarray, np.ndarray]


def theory_curves(theory: Any, positions: np.ndarray, names: list, table: np.ndarray, by: str | None,
                  log: bool) -> Iterator[Curve]:
    """Yield (group index or None for all, x, y) of each predicted curve.

    positions (m,); names of the groups; table (groups, m, runs) says over which part of x a group has runs.
    A callable is drawn on 300 points between the first and the last position. Raises ValueError for a mapping whose
    keys are neither groups nor positions, and for values of another length than positions.
    """
    if theory is None:
        return
    if isinstance(theory, Mapping):
        groups = {i: theory[name] for i, name in enumerate(names) if name in theory}
        if groups:
            for index, part in groups.items():
                seen = np.isfinite(table[index]).any(axis=-1)
                own = positions[seen] if seen.any() else positions
                full = not callable(part) and not isinstance(part, tuple) and np.size(part) == positions.size
                yield from ((index, x, y) for x, y in _curves(part, positions if full else own, log))
            return
        numeric = all(isinstance(k, int | float | np.number) for k in theory)
        if not numeric or not theory:
            raise ValueError(f"theory must be keyed by the values of {by or 'x'}; got {list(theory)[:3]}, "
                             f"have {names[:3]}.")
        points = sorted((float(k), float(v)) for k, v in theory.items())
        yield None, np.array([p[0] for p in points]), np.array([p[1] for p in points])
    elif by is not None and by in getattr(theory, "dims", ()):
        for index, name in enumerate(names):
            if name not in theory.coords[by].values:
                continue
            yield from ((index, x, y) for x, y in _curves(theory.sel({by: name}), positions, log))
    else:
        yield from ((None, x, y) for x, y in _curves(theory, positions, log))


def _curves(part: Any, positions, log):
    named = hasattr(part, "dims")
    if not named and callable(part):
        low, high = float(np.min(positions)), float(np.max(positions))
        grid = np.geomspace(low, high, 300) if log and low > 0 else np.linspace(low, high, 300)
        yield grid, np.broadcast_to(np.asarray(part(grid), float), grid.shape)
        return
    if named:
        curve: Any = part
        curve = curve.squeeze()
        if curve.ndim != 1:
            raise ValueError(f"theory must vary along one axis beside the groups; got {tuple(curve.dims)}. Narrow it.")
        name = curve.dims[0]
        x = np.asarray(curve.coords[name].values) if name in curve.coords else np.arange(curve.size)
        y = np.asarray(curve.values, float)
    elif isinstance(part, tuple) and len(part) == 2 and np.ndim(part[0]) == 1:
        x, y = (np.asarray(p, float) for p in part)
    else:
        x, y = positions, np.asarray(part, float)
        y = np.broadcast_to(y, x.shape) if y.ndim == 0 else y
    if x.shape != y.shape:
        raise ValueError(f"theory must have one value per position; got {y.size} for {x.size}. "
                         "Pass (x, values) for a grid of its own.")
    order = np.argsort(x)
    yield x[order], y[order]
