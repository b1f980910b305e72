"""The command line in this process: surroundings of its own for each test, and what it answers."""

import sys
import warnings
from pathlib import Path

import pytest

from experiments.__main__ import main
from spectrax import training

OWN = Path(__file__).with_name("own_experiment.py")


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch, tmp_path):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # the command line sets its own
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call():
    """call(*words) -> exit status of the command."""

    def status(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return ended.value.code

    return status


@pytest.fixture
def own(call, capsys):
    """own(*words) runs the small experiment of these tests, well and without a word."""

    def run(*words):
        assert call("run", OWN, "--smoke", "--quiet", "--no-figures", *words) == 0
        capsys.readouterr()

    return run


@pytest.fixture
def refused(call, capsys, monkeypatch):
    """refused(*words) -> the one line that the command prints; training anything fails the test."""

    def compute(*_, **__):
        raise AssertionError("nothing may be computed")

    def message(*words):
        with monkeypatch.context() as patch:
            patch.setattr(training, "advance", compute)
            assert call(*words) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("spectrax: ")
        assert said.err.count("\n") == 1
        return said.err.strip()

    return message
