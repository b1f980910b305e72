"""An experiment as a file: loading it by path, its configuration from flags and files, the folder of its result."""

import contextlib
import dataclasses
import difflib
import hashlib
import importlib.util
import io
import json
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

AXIS_FIELDS = {"learning_rates": "learning_rate", "optimizers": "optimizer", "replicates": "replicate"}


class ExperimentError(ValueError):
    """A file that isn't an experiment, or a configuration that doesn't fit it."""


def load(path: Path | str) -> ModuleType:
    """The experiment module at a path. Only ever called with a path from the command line or from the catalogue.

    Raises ExperimentError where the file is missing, fails to import, or lacks Config and one of plan, run.
    """
    path = Path(path)
    if not path.is_file():
        raise ExperimentError(f"an experiment must be a Python file; {path} doesn't exist. See `spectrax list`.")
    spec = importlib.util.spec_from_file_location(f"spectrax_experiment_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ExperimentError(f"{path} must import without error; got {type(error).__name__}: {error}.") from error
    for needed in (("Config",), ("plan", "run")):
        if not any(hasattr(module, name) for name in needed):
            raise ExperimentError(f"an experiment must define {' or '.join(needed)}; {path} doesn't. See the README.")
    missing = dataclasses.MISSING
    if not dataclasses.is_dataclass(module.Config) or any(
        f.default is missing and f.default_factory is missing for f in dataclasses.fields(module.Config)
    ):
        raise ExperimentError(f"Config of {path} must be a frozen dataclass with a default for every field.")
    return module


def name_of(module: ModuleType) -> str:
    """The experiment's name: its file's."""
    return Path(str(module.__file__)).stem


def configure(module: ModuleType, flags: list[str], *, file: Path | str | None = None, smoke: bool = False) -> Any:
    """Config from defaults (or SMOKE), then a TOML or JSON file, then flags: `--learning-rates 0.1 1 --width 300`.

    Raises ExperimentError for an unknown field or flag (names the nearest) and for a value of another type.
    """
    import tyro

    if smoke and not hasattr(module, "SMOKE"):
        raise ExperimentError(f"{name_of(module)} must define SMOKE to be run at that size; it doesn't.")
    config = module.SMOKE if smoke else module.Config()
    if file is not None:
        config = _parsed(module, config, _flags_of(config, Path(file)), f"values in {file}")
    fields = [f.name for f in dataclasses.fields(config)]
    switches = [f"no_{name}" for name in fields if isinstance(getattr(config, name), bool)]
    if any(flag in ("--help", "-h") for flag in flags):
        return tyro.cli(
            module.Config,
            args=["--help"],
            default=config,
            prog=f"spectrax run {name_of(module)}",
            description=module.__doc__,
        )
    for flag in flags:
        if flag.startswith("--"):
            _known(flag[2:].split("=")[0].replace("-", "_"), fields + switches, "flag", prefix="--")
    return _parsed(module, config, flags, "flags")


def identity(module: ModuleType, config: Any, plan: Any) -> dict:
    """What makes two results the same study: experiment, configuration without its axes, task, model, capture schemas.

    A field is an axis where the plan has it (`learning_rates` for learning_rate, ...) or the module's AXES names it.
    A file of your own is also told by its place: two of one name are two experiments.
    """
    axes = {field for field, axis in AXIS_FIELDS.items() if axis in plan.axes} | set(getattr(module, "AXES", ()))
    kept = {k: v for k, v in as_json(config).items() if k not in axes}
    found = {"experiment": name_of(module), "config": kept, "plan": plan.signature(), **plan.description()}
    path, home = Path(str(module.__file__)).resolve(), Path(__file__).resolve().parent.parent / "experiments"
    if home not in path.parents:
        found["place"] = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return json.loads(json.dumps(found))


def folder_of(root: Path | str, identity: dict) -> Path:
    """results/<experiment>/<hash of the identity>."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]
    return Path(root) / identity["experiment"] / digest


def as_json(config: Any) -> dict:
    """The configuration as JSON values; ExperimentError for a field that has none."""
    try:
        return json.loads(json.dumps(dataclasses.asdict(config), allow_nan=True))
    except TypeError as error:
        raise ExperimentError(
            f"every Config field must be a number, string or tuple of them; {error}. Use a name."
        ) from error


def _parsed(module, config, flags, what):
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return tyro.cli(module.Config, args=flags, default=config, prog=name_of(module))
    except SystemExit as error:
        raise ExperimentError(
            f"{what} must fit the fields of Config; {_message(said.getvalue()) or ' '.join(flags)}. "
            f"See `spectrax run {name_of(module)} --help`."
        ) from error


def _flags_of(config, path):
    """A file's values as flags, so that both are checked and converted by one parser."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ExperimentError(f"--config must name a readable file; {path}: {error.strerror}.") from error
    try:
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise ExperimentError(f"--config must be JSON (.json) or TOML; {path}: {error}.") from error
    if not isinstance(values, dict):
        raise ExperimentError(f"--config must hold fields with their values; {path} holds a {type(values).__name__}.")
    fields = [f.name for f in dataclasses.fields(config)]
    flags = []
    for key, value in values.items():
        _known(key, fields, f"field in {path}")
        flag = "--" + key.replace("_", "-")
        if isinstance(value, bool):
            flags.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            flags += [flag, *map(str, value if isinstance(value, list) else [value])]
    return flags


def _message(box):
    """What stands between the first two rules of tyro's box, whichever characters it is drawn with."""
    parts = re.split(r"-{3,}", re.sub(r"[^\x20-\x7e\n]", "-", box))
    return " ".join(parts[min(1, len(parts) - 1)].split()).strip(" -.")[:200]


def _known(name, fields, what, prefix=""):
    if name not in fields:

        def shown(field):
            return prefix + (field.replace("_", "-") if prefix else field)

        near = difflib.get_close_matches(name, fields, n=1)
        hint = f"Did you mean {shown(near[0])}?" if near else f"Known: {', '.join(map(shown, fields))}."
        raise ExperimentError(f"a {what} must be a field of Config; got {shown(name)}. {hint}")
