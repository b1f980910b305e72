"""Weight spectra of trained networks beside random-matrix theory. Names load lazily: importing this costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING

from spectrax.shadowing import check_theory

if TYPE_CHECKING:
    from spectrax import sweep as sweep
    from spectrax.comparison import compare as compare
    from spectrax.result import open_result as open
    from spectrax.spectrum import Spectrum as Spectrum

__all__ = ["Spectrum", "compare", "open", "sweep"]
__version__ = "0.1.0"

_HOME = {"Spectrum": ("spectrax.spectrum", "Spectrum"), "compare": ("spectrax.comparison", "compare"),
         "open": ("spectrax.result", "open_result"), "sweep": ("spectrax.sweep", None)}


def __getattr__(name: str):
    if not name.startswith("__"):
        check_theory()  # a file called theory.py in the user's folder would fail later, and obscurely
    if name not in _HOME:
        raise AttributeError(f"module 'spectrax' has no attribute {name!r}")
    module, attribute = _HOME[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
