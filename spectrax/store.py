"""A result on disk: one zarr store whose arrays grow by run, and one JSON file that says what each run is.

    <folder>/study.json      config, axes, the list of runs, sessions (versions, threads, timing); replaced atomically
    <folder>/data.zarr       one group per matrix shape, and `network`; arrays (run, ...), one chunk per run;
                             `done` (run,) is written last, as its own write, so that a killed write leaves no trace
    <folder>/.lock           held while a process writes

Opening reads JSON and numbers only: nothing named inside is imported or run.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

FORMAT = 1
OURS = {"data.zarr", "claims.csv", "figures", "checkpoints", "prediction.json"}  # beside study.json
Values = Mapping[str, Mapping[str, tuple[Sequence[str], Any]]]  # group -> variable -> (dims without run, array)


class StoreError(ValueError):
    """A result that can't be read, written or continued; the message says what must hold and what to do."""


class Store:
    """A result folder open for writing by this process alone; a context manager that lets go of the lock."""

    def __init__(self, folder: Path, header: dict, lock):
        self.folder, self.header, self._lock = folder, header, lock
        self._root = zarr.open_group(store=str(folder / "data.zarr"), mode="a")

    @classmethod
    def open(cls, folder: Path | str, header: dict, *, force: bool = False) -> "Store":
        """Creates the folder, or continues the same study in it; `force` discards what the folder held of a study.

        header: JSON-able, with "identity" (which study this is), "axes" (names of what varies between runs). Raises
        StoreError for a folder that can't be written, another study's result, a folder without a study but with other
        files (`force` or not), a damaged store or one that another process holds.
        """
        folder = Path(folder)
        lock = _locked(folder)
        try:
            return cls(folder, _prepared(folder, header, force), lock)
        except BaseException as error:
            lock.close()
            if isinstance(error, StoreError | KeyboardInterrupt):
                raise
            raise _damaged(folder, error) from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lock.close()

    def register(self, points: Sequence[dict]) -> None:
        """Gives every point a row, new ones after the old, before anything is measured."""
        known = self.header["runs"]
        fresh = [p for p in points if p not in known]
        if fresh:
            self.note(runs=[*known, *fresh])

    def missing(self, points: Sequence[dict]) -> list[dict]:
        """Those of the points (run keys, {axis: value}) that aren't stored as finished, in order."""
        finished = self.finished()
        return [p for p in points if p not in finished]

    def finished(self) -> list[dict]:
        """Keys of the runs whose `done` flag is set; StoreError where the flags can't be read."""
        try:
            done = np.asarray(self._array("done")[:]) if "done" in self._root else ()
        except Exception as error:
            raise _damaged(self.folder, error) from error
        return [p for p, flag in zip(self.header["runs"], done, strict=False) if flag == 1]

    def write(self, point: dict, values: Values) -> None:
        """Stores one finished run: all its variables, then its `done` flag."""
        self.register([point])
        run = self.header["runs"].index(point)
        for group, variables in values.items():
            for name, (dims, array) in variables.items():
                data = np.asarray(array)
                self._variable(f"{group}/{name}", dims, data)[run] = data
        self._variable("done", (), np.int8(0))[run] = np.int8(1)

    def note(self, **entries) -> None:
        """Merges entries into the header and saves it atomically."""
        self.header.update(entries)
        write_json(self.folder / "study.json", self.header)

    def _array(self, path) -> zarr.Array:
        found = self._root[path]
        if not isinstance(found, zarr.Array):
            raise StoreError(f"{path} must be an array; the store {self.folder} holds a group. Use --force.")
        return found

    def _variable(self, path, dims, data) -> zarr.Array:
        rows = len(self.header["runs"])
        if path not in self._root:
            kind = np.float64 if data.dtype.kind == "b" else data.dtype
            return self._root.create_array(
                path,
                shape=(rows, *data.shape),
                chunks=(1, *[max(1, s) for s in data.shape]),
                dtype=kind,
                dimension_names=("run", *dims),
                fill_value=np.nan if np.dtype(kind).kind == "f" else 0,
                compressors=None,
            )
        array = self._array(path)
        if array.shape[0] < rows:
            array.resize((rows, *array.shape[1:]))
        if array.shape[1:] != data.shape:
            raise StoreError(f"{path} must keep its shape {array.shape[1:]}; got {data.shape}. Use another --output.")
        return array


def write_json(path: Path, content: dict) -> None:
    """Writes JSON so that a reader sees the old or the new file, never a part; the old one survives a kill."""
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps(content, indent=1))
    os.replace(fresh, path)


def read_header(folder: Path | str) -> dict:
    """The study.json of a result folder; StoreError where it is missing, damaged or of another format."""
    path = Path(folder) / "study.json"
    if not path.is_file():
        raise StoreError(f"a result folder must hold study.json; {folder} doesn't. Give the path that `run` printed.")
    try:
        header = json.loads(path.read_text())
        known = header["format"]
        if not isinstance(header["experiment"], str) or not all(isinstance(s, dict) for s in header["sessions"]):
            raise TypeError("experiment must be a name, sessions a list")
        runs_are_keys = all(isinstance(run, dict) and set(run) == set(header["axes"]) for run in header["runs"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"study.json must be the JSON that a study wrote; {path} is damaged ({_first_line(error)}). "
            "Restore it, or use --force to start afresh."
        ) from error
    if known != FORMAT:
        raise StoreError(f"study.json must have format {FORMAT}; {path} has {known!r}. Use the spectrax that wrote it.")
    if not runs_are_keys:
        raise StoreError(f"study.json must list its runs by {header['axes']}; {path} is damaged. Use --force.")
    return header


def _prepared(folder, header, force):
    header = {"format": FORMAT, "runs": [], "sessions": [], **header}
    existing = folder / "study.json"
    for stale in folder.glob("study.*.tmp"):  # of a process that was killed while writing; the lock is ours
        stale.unlink(missing_ok=True)
    if not existing.exists():
        # `figures` or a table without a store beside it may be anybody's: not even `force` may delete it
        damaged = force and (folder / "data.zarr").is_dir()
        ours = {".lock", "prediction.json"} | (OURS if damaged else set())
        strangers = sorted(p.name for p in folder.iterdir() if p.name not in ours and not p.name.endswith(".tmp"))
        if strangers:
            raise StoreError(
                f"the output folder must be empty or hold this study; {folder} holds {strangers[0]!r}. "
                "Choose another --output."
            )
    if force:
        (folder / "claims.csv").unlink(missing_ok=True)
        (folder / "prediction.json").unlink(missing_ok=True)
        for path in (folder / "data.zarr", folder / "figures", folder / "checkpoints"):
            shutil.rmtree(path, ignore_errors=True)
    if force or not existing.exists():
        write_json(existing, header)
        return header
    old = read_header(folder)
    if old.get("identity") != header["identity"]:
        raise StoreError(
            f"the output folder must hold this study; {folder} holds {old.get('experiment')!r} with another "
            "configuration. Choose another --output, or --force to replace it."
        )
    return {**old, **header, "runs": old["runs"], "sessions": old["sessions"]}


def _locked(folder: Path):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".lock").open("a")
    except OSError as error:
        raise StoreError(
            f"the output folder must be writable; {folder}: {error.strerror}. Choose another --output."
        ) from error
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.close()
            raise StoreError(
                f"one process at a time may write a store; another holds {folder}. Wait for it, or choose "
                "another --output."
            ) from error
    return handle


def _damaged(folder, error) -> StoreError:
    return StoreError(
        f"a store must be readable to be continued; {folder} is damaged "
        f"({type(error).__name__}: {_first_line(error)}). Use --force to start it afresh."
    )


def _first_line(error) -> str:
    return (str(error).splitlines() or [""])[0][:160]
