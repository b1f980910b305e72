"""The package as a whole: what it imports, what it lists, its examples."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import theory

MODULES = [module.name for module in pkgutil.walk_packages(theory.__path__, "theory.")]


def test_every_listed_name_loads():
    assert set(theory.__all__) <= set(dir(theory))
    for name in theory.__all__:
        assert getattr(theory, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Marchenko'"):
        theory.Marchenko  # noqa: B018


def test_nothing_heavy_is_imported():
    # a fresh interpreter: this one may have loaded anything
    program = (
        "import sys, theory; light = 'numpy' not in sys.modules\n"
        f"import importlib; [importlib.import_module(m) for m in {MODULES!r}]\n"
        "theory.adam_step(.1, 20, 10, 15); theory.TracyWidom(1).cdf(0.0); theory.testing.check(theory.Semicircle())\n"
        "heavy = {'jax', 'matplotlib', 'scipy.stats', 'pytest', 'spectrax', 'experiments', 'mpmath'}\n"
        "heavy &= set(sys.modules)\n"
        "print(light, sorted(heavy))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=_root())
    assert found.stdout.strip() == "True []"


@pytest.mark.parametrize("name", ["theory", *MODULES])
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def _root() -> str:
    return str(importlib.import_module("pathlib").Path(theory.__file__).parents[1])
