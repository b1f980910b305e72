"""A stored result by name: labelled arrays over optimizer, rate, replicate and step; tables. Nothing is run."""

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from spectrax.caption import caption_of
from spectrax.narrowing import SETTING, listed, narrow, position
from spectrax.prediction import read_prediction
from spectrax.store import StoreError, read_header

MATRIX = "matrix"


@dataclass(frozen=True, eq=False)
class Result:
    """Everything a study measured. `result["eigenvalues"]` is an xarray.DataArray, NaN where a run is missing.

    `at(optimizer="adam", learning_rate=1.0, step=1)` narrows it, `first()` and `last()` take the outer steps,
    `table()` gives one pandas row per run and step. Values are read from disk when asked for.
    """

    path: Path
    header: dict
    selection: Mapping[str, Any] = field(default_factory=dict)
    _read_before: dict[str, Any] = field(default_factory=dict, repr=False)  # shared by all narrowed results

    @property
    def config(self) -> dict:
        """The experiment's configuration, as stored."""
        return self.header.get("config", {})

    @property
    def predicted(self) -> xr.Dataset:
        """What theory said before anything was measured, narrowed as the result is; StoreError where there is none."""
        found = self._shared("predicted", lambda: read_prediction(self.path))
        for name, wanted in self.selection.items():
            found = found.map(functools.partial(narrow, selection={name: wanted}), keep_attrs=True)
        return found

    @property
    def axes(self) -> dict[str, list]:
        """Values of each axis between runs that are stored and selected, sorted (names in order of appearance)."""
        return {axis: self._chosen(axis, values) for axis, values in self._all_axes.items()}

    @property
    def _all_axes(self) -> dict[str, list]:
        return self._shared("axes", self._find_axes)

    def _find_axes(self):
        columns = {axis: [run[axis] for run in self._finished] for axis in self.header["axes"]}
        return {
            a: sorted(set(c)) if not any(isinstance(v, str) for v in c) else list(dict.fromkeys(c))
            for a, c in columns.items()
        }

    @property
    def matrices(self) -> list[str]:
        """Names of the captured weight matrices."""
        return list(dict.fromkeys(name for names in self.header.get("matrices", {}).values() for name in names))

    @property
    def steps(self) -> list[int]:
        """Captured steps that are selected."""
        return self._chosen("step", self._all_steps)

    @property
    def _all_steps(self) -> list[int]:
        return self.header.get("coords", {}).get("step", [])

    def _chosen(self, name, values):
        return [values[position(values, v, name)] for v in listed(self.selection.get(name, values))]

    @property
    def variables(self) -> dict[str, list[str]]:
        """Names of the stored variables, each with the groups (matrix shapes, or `network`) that hold it."""
        return self._shared("variables", self._find_variables)

    def _find_variables(self):
        found: dict[str, list[str]] = {}
        with self._readable("data.zarr"):
            for group, members in self._root.groups():
                for name in members.array_keys():
                    found.setdefault(name, []).append(group)
        return dict(sorted(found.items()))

    def __contains__(self, name: str) -> bool:
        return name in self.variables

    def __getitem__(self, name: str) -> xr.DataArray:
        """One variable, dims (axes of the runs..., step, ...); KeyError names the nearest. See `get` for its matrix."""
        return self.get(name)

    def get(self, name: str, matrix: str | None = None) -> xr.DataArray:
        """One variable of one matrix; the matrix may stay unnamed where there is one of that name only."""
        if name not in self.variables:
            import difflib

            near = difflib.get_close_matches(name, self.variables, n=3)
            raise KeyError(
                f"a variable must be one of the stored ones; got {name!r}. Nearest: {', '.join(near) or 'none'}."
            )
        matrix = matrix if matrix is not None else self.selection.get(MATRIX)
        parts = [self._of_group(name, group, matrix) for group in self._unambiguous(name, matrix)]
        # runs of several settings may have a matrix of this name in several shapes: each has values for its own
        parts = [part for part in parts if bool(part.notnull().any())] or parts[:1]
        if len({part.shape for part in parts}) > 1:
            shapes = ", ".join(str(dict(part.sizes)) for part in parts)
            raise StoreError(f"{name} must be asked for settings of one shape; got {shapes}. Narrow: at(setting=...).")
        return functools.reduce(lambda a, b: a.fillna(b), parts)

    def _of_group(self, name, group, matrix):
        data = self._unstacked(f"{group}/{name}")
        names = self.header.get("matrices", {}).get(group)
        if names:
            data = data.assign_coords({MATRIX: names})
            chosen = matrix if matrix is not None else (names[0] if len(names) == 1 else None)
            data = data if chosen is None else data.sel({MATRIX: chosen}, drop=True)
        return narrow(data, {k: v for k, v in self.selection.items() if k != MATRIX})

    def at(self, **selection) -> "Result":
        """Narrowed to given values: at(optimizer="adam", learning_rate=1.0, step=[0, 10], matrix="W").

        A scalar drops its dimension, a list keeps it; a later choice of the same name replaces an earlier. Raises
        ValueError for a name that isn't a dimension or a value that isn't stored.
        """
        known = {**self._all_axes, "step": self._all_steps, MATRIX: self.matrices}
        for name, wanted in selection.items():
            if name not in known:
                raise ValueError(f"a selection must name one of {', '.join(known)}; got {name!r}.")
            for value in listed(wanted):
                position(known[name], value, name)
        return replace(self, selection={**self.selection, **selection})

    def first(self) -> "Result":
        """At the first captured step."""
        return self.at(step=self._captured()[0])

    def last(self) -> "Result":
        """At the last captured step."""
        return self.at(step=self._captured()[-1])

    def _captured(self):
        if not self.steps:
            raise ValueError("first() and last() must have captured steps to choose from; this result has none.")
        return self.steps

    def table(self) -> pd.DataFrame:
        """One row per run, step and matrix, one column per scalar variable; run-wide scalars repeat at each step."""
        frames = []
        chosen = self.selection.get(MATRIX)
        for matrix in [m for m in self.matrices if chosen in (None, m)] or [None]:
            columns = {}
            for name in self.variables:
                groups = self._groups(name, matrix)
                if not groups or not set(self._dims(f"{groups[0]}/{name}")) <= {MATRIX, "step"}:
                    continue  # not a scalar, or this matrix' shape doesn't have the variable
                columns[name] = self.get(name, matrix)
            if columns:
                whole = xr.Dataset(columns)
                whole = whole if whole.dims else whole.expand_dims("row")
                frame = whole.to_dataframe().reset_index().drop(columns="row", errors="ignore")
                if SETTING in self.header["axes"] and matrix is not None:  # a setting may lack this matrix
                    own = [name for name in columns if "network" not in self.variables[name]]
                    frame = frame.dropna(how="all", subset=own)
                frames.append(frame if matrix is None else frame.assign(matrix=matrix))
        if not frames:
            return pd.DataFrame()
        table = pd.concat(frames, ignore_index=True)
        keys = [k for k in (*self.header["axes"], "step", MATRIX) if k in table]
        values = [c for c in table if c not in keys]
        return table.set_index(keys).dropna(how="all", subset=values).reset_index()

    def caption(self) -> str:
        """One line for a figure: sizes, replicates and steps of what is stored and selected."""
        return caption_of(self)

    def _shared(self, key, make):
        """Read once for a result and everything narrowed from it."""
        if key not in self._read_before:
            self._read_before[key] = make()
        return self._read_before[key]

    @property
    def _root(self) -> zarr.Group:
        return self._shared("root", self._opened)

    def _opened(self) -> zarr.Group:
        try:
            return zarr.open_group(store=str(self.path / "data.zarr"), mode="r")
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(
                f"a result must hold data.zarr; {self.path} has none that opens ({error}). "
                "Run the study again with --force."
            ) from error

    @property
    def _finished(self) -> list[dict]:
        return [run for run, flag in zip(self.header["runs"], self._done, strict=False) if flag]

    @property
    def _done(self) -> np.ndarray:
        return self._shared("done", self._find_done)

    def _find_done(self):
        with self._readable("done"):
            return np.asarray(self._root["done"][...]) == 1 if "done" in self._root else np.zeros(0, bool)  # type: ignore[index]

    @contextlib.contextmanager
    def _readable(self, path):
        try:
            yield
        except Exception as error:
            raise StoreError(
                f"every stored array must be readable; {path} of {self.path} isn't "
                f"({type(error).__name__}). Run the study again with --force."
            ) from error

    def _unambiguous(self, name, matrix) -> list[str]:
        """Groups that hold the variable for one matrix: one, or one per shape where the study has settings."""
        groups = self._groups(name, matrix)
        named = self.header.get("matrices", {})
        of_one_name = matrix is not None or len({tuple(named.get(g, [])) for g in groups}) == 1
        if not groups or (len(groups) > 1 and not (SETTING in self.header["axes"] and of_one_name)):
            raise StoreError(
                f"{name} must be asked for one matrix; it is stored for {', '.join(self.matrices)}. "
                'Use result.get(name, matrix="...").'
            )
        return groups

    def _groups(self, name, matrix):
        known = self.header.get("matrices", {})
        return [g for g in self.variables[name] if matrix is None or matrix in known.get(g, [matrix])]

    def _dims(self, path) -> list[str]:
        with self._readable(path):
            return list(self._root[path].metadata.dimension_names)[1:]  # type: ignore[union-attr]

    def _unstacked(self, path) -> xr.DataArray:
        return self._shared(path, lambda: self._read_unstacked(path))

    def _read_unstacked(self, path):
        dims = self._dims(path)
        with self._readable(path):
            flat = np.asarray(self._root[path][...])  # type: ignore[index]
        axes = self._all_axes
        full = np.full(
            [*[len(v) for v in axes.values()], *flat.shape[1:]],
            np.nan,
            flat.dtype if flat.dtype.kind == "f" else np.float64,
        )
        for run, done, row in zip(self.header["runs"], self._done, flat, strict=False):
            if done:
                full[tuple(values.index(run[axis]) for axis, values in axes.items())] = row
        coords = {**axes, **{d: v for d, v in self.header.get("coords", {}).items() if d in dims}}
        coords = {k: np.array(v, dtype=object) if v and isinstance(v[0], str) else v for k, v in coords.items()}
        return xr.DataArray(full, dims=[*axes, *dims], coords=coords, name=path.split("/")[-1])


def open_result(path: Path | str) -> Result:
    """The result in a folder (as `run` prints it), read-only; StoreError where there is none or it is damaged."""
    path = Path(path)
    header = read_header(path)
    result = Result(path, header)
    _ = result._root
    return result


def together(arrays: Mapping[str, xr.DataArray], dimension: str) -> xr.DataArray:
    """Arrays of the same dims as one, along a new first dimension labelled by their names."""
    parts = [array.drop_vars([c for c in array.coords if c not in array.dims]) for array in arrays.values()]
    return xr.concat(parts, dim=pd.Index(list(arrays), name=dimension), coords="minimal", compat="override")
