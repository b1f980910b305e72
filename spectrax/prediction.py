"""What theory says of a study, stored beside its result before anything is measured."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrax import environment
from spectrax.store import StoreError, write_json

if TYPE_CHECKING:
    import xarray as xr

NAME = "prediction.json"


def store_prediction(module: ModuleType, config: Any, folder: Path, identity: Mapping, *, measured: int) -> Path | None:
    """Writes `module.predict(config)`, an xarray.Dataset, to the folder unless it is there; None without `predict`.

    measured: finished runs that the folder holds; the file says whether it was written before the first one. A file
    of the same study is kept and completed: values that it already holds must come out the same again (to 1e-9), new
    coordinates are added. Raises StoreError where they differ, or where the file is of another study.
    """
    if not hasattr(module, "predict"):
        return None
    path, found = folder / NAME, module.predict(config)
    entry = {"written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
             "before_measurement": measured == 0, "commit": environment.describe().get("commit")}
    if path.is_file():
        old = _read(path)
        if old["identity"] != json.loads(json.dumps(identity)):
            raise StoreError(f"a prediction must be of its study; {path} is of another. Choose another --output.")
        known = _dataset(old["data"])
        _check_unchanged(known, found, path)
        found = found.combine_first(known)
        if found.equals(known):
            return path
        entry = {**entry, "earlier": [*old.get("earlier", []), {k: old[k] for k in entry}]}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, {"identity": identity, **entry, "data": found.to_dict()})
    return path


def read_prediction(folder: Path) -> "xr.Dataset":
    """The stored prediction, dims named as in the result; attrs say when it was written, and whether before measuring.

    Raises StoreError where the folder has none.
    """
    if not (folder / NAME).is_file():
        raise StoreError(f"a prediction must have been stored; {folder} has none. Run `spectrax predict` first.")
    stored = _read(folder / NAME)
    return _dataset(stored["data"]).assign_attrs({k: stored[k] for k in ("written", "before_measurement", "commit")})


def _read(path: Path) -> dict:
    try:
        stored = json.loads(path.read_text())
        _ = [stored[key] for key in ("identity", "written", "before_measurement", "data")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"a stored prediction must be readable; {path} isn't ({type(error).__name__}).") from error
    return stored


def _dataset(stored: dict) -> "xr.Dataset":
    import xarray as xr

    return xr.Dataset.from_dict(stored)


def _check_unchanged(known, found, path) -> None:
    import xarray as xr

    shared = [name for name in known if name in found]
    before, now = xr.align(known[shared], found[shared], join="inner")
    for name in shared:
        # other thread counts move a path of ten steps by 4e-9; another theory moves it by more
        if not np.allclose(before[name], now[name], rtol=1e-7, atol=0, equal_nan=True):
            raise StoreError(f"a stored prediction must not change; {name} in {path} would. Choose another --output.")
