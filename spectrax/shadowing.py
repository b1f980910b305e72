"""Is the `theory` that Python would import ours? A user's own theory.py in the way would end in an obscure error."""

import importlib.util
import sys
from pathlib import Path


def check_theory() -> None:
    """Raises ImportError, in one line, where another module called `theory` comes first on the import path."""
    module = sys.modules.get("theory")
    spec = getattr(module, "__spec__", None) if module is not None else importlib.util.find_spec("theory")
    origin = getattr(module, "__file__", None) or (spec.origin if spec is not None else None)
    home = Path(__file__).resolve().parent.parent
    if origin is None or Path(origin).resolve().parent.parent != home:
        raise ImportError(f"`theory` must be the package that comes with spectrax; Python finds {origin}. "
                          "Rename that file or start Python in another folder.")
