"""What is distributed: names, version, entry point, and what a newcomer's installation brings along."""

import ast
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

import spectrax
from experiments.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirement_names(requirements):
    return {requirement.split(">")[0].split("[")[0].strip() for requirement in requirements}


def test_the_distribution_has_its_own_name_and_three_packages():
    assert PROJECT["project"]["name"] == "spectrax-rmt"  # the plain name belongs to another project
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["spectrax", "theory", "experiments"]
    for package in ("spectrax", "theory", "experiments"):
        assert (ROOT / package / "__init__.py").is_file()


def test_the_version_is_the_same_everywhere():
    assert PROJECT["project"]["version"] == spectrax.__version__
    assert f"## {spectrax.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert f"version: {spectrax.__version__}" in (ROOT / "CITATION.cff").read_text().replace('"', "")


def test_the_command_says_the_version_of_the_distribution(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{PROJECT['project']['name']} {PROJECT['project']['version']}\n"


def test_the_installed_distribution_is_this_one():
    try:
        installed = distribution("spectrax-rmt")
    except PackageNotFoundError:
        pytest.skip("run from a checkout that isn't installed")
    assert installed.version == spectrax.__version__
    (script,) = [entry for entry in installed.entry_points if entry.group == "console_scripts"]
    assert script.name == "spectrax"
    assert script.load() is main


def test_the_files_that_the_metadata_names_exist():
    project = PROJECT["project"]
    for name in (project["readme"], *project["license-files"]):
        assert (ROOT / name).is_file()
    assert project["license"] == "MIT"
    assert "MIT License" in (ROOT / "LICENSE").read_text()


def test_every_third_party_import_is_declared():
    import ast
    import sys

    imported = set()
    for package in ("spectrax", "theory", "experiments"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
                imported |= {name.split(".")[0] for name in names}
    outside = imported - sys.stdlib_module_names - {"spectrax", "theory", "experiments"}
    declared = requirement_names(PROJECT["project"]["dependencies"])
    optional = requirement_names(PROJECT["project"]["optional-dependencies"]["test"])
    assert outside <= declared | (optional & {"mpmath"})  # mpmath: only the generator of a table
    assert declared <= outside, "a declared requirement that nothing imports"


def test_init_files_do_nothing_but_name_what_is_there():
    for package in ("spectrax", "theory", "experiments"):
        for path in (ROOT / package).rglob("__init__.py"):
            made = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef | ast.For)]
            assert not made, path
            # that of theory is a table of contents, each name in it, in __all__ and for the type checker
            assert len(path.read_text().splitlines()) < (300 if path.parent.name == "theory" else 100), path
