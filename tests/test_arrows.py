"""Which way imports point: theory <- spectrax <- experiments; packages load light; files stay short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("theory", "spectrax", "experiments")
FILES = {package: sorted((ROOT / package).rglob("*.py")) for package in PACKAGES}
ALL = [path for files in FILES.values() for path in files]
EXPERIMENTS = [path for path in FILES["experiments"] if path.parent != ROOT / "experiments"]
HEAVY = {"jax", "jaxlib", "flax", "optax", "matplotlib", "xarray", "zarr", "pandas", "tyro", "rich", "scipy", "numpy"}


def imported(path):
    """Absolute dotted names of everything a file imports, at any depth of its code."""
    package = path.relative_to(ROOT).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = (
                ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
                if node.level
                else node.module
            )
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def below(names, *packages):
    return {name for name in names for package in packages if name == package or name.startswith(package + ".")}


def label(path):
    return path.relative_to(ROOT).as_posix()


def test_the_walk_sees_every_form_of_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    path = tmp_path / "a" / "b" / "c.py"
    path.write_text("import x.y\nfrom z import w\ndef f():\n    from . import near\n    from ..far import thing\n")
    assert imported(path) == {"x.y", "z", "z.w", "a.b", "a.b.near", "a.far", "a.far.thing"}


def test_there_is_something_to_walk():
    assert all(len(FILES[package]) > 3 for package in PACKAGES)
    assert len(EXPERIMENTS) >= 3


@pytest.mark.parametrize("path", FILES["theory"], ids=label)
def test_theory_needs_numpy_and_scipy_only(path):
    names = imported(path)
    assert not below(names, "spectrax", "experiments", "scipy.stats")
    outside = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert outside <= {"numpy", "scipy", "theory"} | ({"mpmath"} if "generator" in path.stem else set())


@pytest.mark.parametrize("path", FILES["spectrax"], ids=label)
def test_spectrax_never_imports_experiments(path):
    assert not below(imported(path), "experiments")


@pytest.mark.parametrize("path", EXPERIMENTS, ids=label)
def test_no_experiment_imports_another(path):
    # what begins with an underscore is no experiment and may be shared within a folder
    others = {
        name for name in below(imported(path), "experiments") if not any(p.startswith("_") for p in name.split("."))
    }
    assert others <= {
        "experiments",
        *(".".join(("experiments", p.name)) for p in (ROOT / "experiments").iterdir() if p.is_dir()),
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package, tmp_path):
    program = f"import sys, {package}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert found.stdout.strip() == ""


def test_claims_load_neither_jax_nor_xarray(tmp_path):
    program = "import sys, spectrax.claim; print(*sorted({'jax', 'flax', 'xarray', 'matplotlib'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert found.stdout.strip() == ""


def test_nothing_changes_the_settings_of_jax():
    for path in FILES["spectrax"] + FILES["experiments"]:
        assert "jax.config.update" not in path.read_text(), label(path)


@pytest.mark.parametrize("path", [*ALL, *sorted((ROOT / "tests").rglob("*.py"))], ids=label)
def test_a_file_has_at_most_300_lines_and_says_what_it_is(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text))
