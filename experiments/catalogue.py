"""Which experiments there are: names, files and questions, read without importing any of them."""

import ast
import difflib
from pathlib import Path

HOME = Path(__file__).resolve().parent


def catalogue() -> dict[str, Path]:
    """Experiment name -> file: every module below this folder that defines Config, in order of name."""
    found = {}
    for path in sorted(HOME.rglob("*.py"), key=lambda p: p.stem):
        if path.parent != HOME and not path.name.startswith("_") and "class Config" in path.read_text():
            if path.stem in found:
                raise ValueError(f"experiments must have different names; {path} and {found[path.stem]} don't.")
            found[path.stem] = path
    return found


def question(path: Path) -> str:
    """First line of the file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "no question stated").splitlines()[0]


def locate(name: str) -> Path:
    """File of an experiment given by name or by the path of a user's own file; ValueError names the nearest."""
    if name.endswith(".py") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise ValueError(
                f"an experiment must be a name or a Python file; {name} doesn't exist. See `spectrax list`."
            )
        return path
    known = catalogue()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
        raise ValueError(f"an experiment must be one of `spectrax list` or a Python file; got {name!r}. {hint}")
    return known[name]
