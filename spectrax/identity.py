"""What a task, model or optimizer is, in JSON values that are the same in every process: for telling studies apart."""

import dataclasses
import functools
import hashlib
import types
from typing import Any

import numpy as np

from spectrax.tasks import Tensors


def described(thing: Any, *, closures: bool = True) -> Any:
    """A description that differs where two objects would train differently, as far as their code and values show it.

    Dataclasses by their fields, functions by name and compiled code, partials by their parts, arrays by a hash; never
    an address. closures: also the values that functions close over; without them where a configuration that is
    compared by itself holds these values (an experiment's Config, whose axes may be extended). Functions that a
    function calls by name are not followed. Another Python version compiles to another description.
    """
    again = functools.partial(described, closures=closures)
    if thing is None or isinstance(thing, str | int | float):
        return thing
    if isinstance(thing, list | tuple):
        return [again(part) for part in thing]
    if isinstance(thing, dict):
        return {str(key): again(value) for key, value in thing.items()}
    if isinstance(thing, Tensors):
        return {"type": "Tensors", "name": thing.name, "criterion": again(thing.criterion)}
    if isinstance(thing, functools.partial):
        return {"partial": again(thing.func), "args": again(thing.args), "keywords": again(thing.keywords)}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {f.name: again(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
        return {"type": type(thing).__qualname__, **fields}
    if isinstance(thing, types.FunctionType):
        return _function(thing, closures)
    if isinstance(thing, type):
        methods = {n: _digest(m.__code__) for n, m in vars(thing).items() if isinstance(m, types.FunctionType)}
        return {"class": thing.__qualname__, "methods": methods}
    if hasattr(thing, "shape") and hasattr(thing, "dtype"):
        return {"array": list(thing.shape), "hash": hashlib.sha256(np.asarray(thing).tobytes()).hexdigest()[:16]}
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"


def _function(function, closures):
    found: dict[str, Any] = {"function": function.__qualname__, "code": _digest(function.__code__)}
    if closures:
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        found["closure"] = {key: described(cell.cell_contents) for key, cell in cells.items()}
        found["defaults"] = described([*(function.__defaults__ or ()), function.__kwdefaults__ or {}])
    return found


def _digest(code) -> str:
    parts = [code.co_code, repr(code.co_names).encode()]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            parts.append(_digest(constant).encode())
        elif isinstance(constant, frozenset):  # its order changes with the process
            parts.append(repr(sorted(map(repr, constant))).encode())
        else:
            parts.append(repr(constant).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
