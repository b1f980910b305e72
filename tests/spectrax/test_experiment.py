"""An experiment as a file: what is loaded, how its configuration is read, where its result goes."""

import dataclasses
import hashlib
import sys
from pathlib import Path

import pytest

from spectrax import experiment
from spectrax.experiment import ExperimentError

FILE = '''"""How large is it?"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    samples: int = 20
    learning_rates: tuple[float, ...] = (0.1, 1)
    model: str = "two_layer"
    depth: int | None = None
    clip: bool = True


SMOKE = Config(samples=5)


def run(config):
    return {}
'''


class Plan:
    axes = ("optimizer", "learning_rate", "replicate")

    def __init__(self, steps=(0, 1)):
        self.steps = steps

    def description(self):
        return {"model": "one"}

    def signature(self):
        return {"steps": list(self.steps)}


@pytest.fixture
def module(tmp_path):
    (tmp_path / "large.py").write_text(FILE)
    return experiment.load(tmp_path / "large.py")


def test_an_experiment_is_named_after_its_file_and_hides_no_module_of_that_name(tmp_path):
    (tmp_path / "json.py").write_text(FILE)
    loaded = experiment.load(tmp_path / "json.py")
    assert experiment.name_of(loaded) == "json"
    assert hasattr(sys.modules["json"], "dumps")


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ExperimentError, match=r"must be a Python file; .*nothing\.py doesn't exist"):
        experiment.load(tmp_path / "nothing.py")


def test_the_configuration_comes_from_defaults_then_the_file_then_flags(module, tmp_path):
    (tmp_path / "c.toml").write_text("samples = 7\nclip = false\n")
    assert experiment.configure(module, []) == module.Config()
    assert experiment.configure(module, [], smoke=True).samples == 5
    assert experiment.configure(module, [], smoke=True, file=tmp_path / "c.toml").samples == 7
    both = experiment.configure(module, ["--samples", "9"], smoke=True, file=tmp_path / "c.toml")
    assert both == module.Config(samples=9, clip=False)


@pytest.mark.parametrize(
    "text", ["", "samples = 1\nlearning_rates = [1, 2.5]\nmodel = 'a:b'\ndepth = 3\nclip = true\n"]
)
def test_a_file_may_set_no_field_or_every_field(module, tmp_path, text):
    (tmp_path / "c.toml").write_text(text)
    config = experiment.configure(module, [], file=tmp_path / "c.toml")
    assert config == (module.Config(1, (1.0, 2.5), "a:b", 3, True) if text else module.Config())


def test_a_field_that_json_cannot_hold_is_refused(module):
    broken = dataclasses.replace(module.Config(), model=len)
    with pytest.raises(ExperimentError, match="every Config field must be a number, string or tuple of them"):
        experiment.as_json(broken)


def test_axes_do_not_change_the_identity_and_everything_else_does(module):
    def identity(steps=(0, 1), **changes):
        return experiment.identity(module, dataclasses.replace(module.Config(), **changes), Plan(steps))

    assert identity(learning_rates=(7.0,)) == identity()
    for other in (identity(samples=21), identity(model="a:b"), identity(steps=(0, 2))):
        assert other != identity()
        assert experiment.folder_of("results", other) != experiment.folder_of("results", identity())


def test_a_field_is_an_axis_only_where_the_plan_has_it(module):
    plan = Plan()
    plan.axes = ()
    one, other = (experiment.identity(module, module.Config(learning_rates=(rate,)), plan) for rate in (1.0, 7.0))
    assert one != other


def test_two_files_of_one_name_are_two_experiments(module, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "large.py").write_text(FILE)
    second = experiment.load(tmp_path / "other" / "large.py")
    assert experiment.identity(module, module.Config(), Plan()) != experiment.identity(second, second.Config(), Plan())


def test_an_experiment_may_name_axes_of_its_own(module):
    def identity(samples):
        return experiment.identity(module, module.Config(samples=samples), Plan())

    assert identity(1) != identity(2)
    module.AXES = ("samples",)
    assert identity(1) == identity(2)


def test_the_folder_names_the_experiment_and_is_the_same_in_every_session(module):
    folder = experiment.folder_of("results", {"experiment": "large", "config": {"samples": 20}})
    digest = hashlib.sha256(b'{"config": {"samples": 20}, "experiment": "large"}').hexdigest()
    assert folder == Path("results", "large", digest[:10])


@pytest.mark.parametrize(
    ("flag", "hint"),
    [
        ("--sample", "Did you mean --samples?"),
        ("--learnig-rates", "Did you mean --learning-rates?"),
        ("--no-samples", "Did you mean --samples?"),
        ("--xyz", "Known: --samples, --learning-rates,"),
    ],
)
def test_an_unknown_flag_names_the_nearest(module, flag, hint):
    with pytest.raises(ExperimentError, match="must be a field of Config") as caught:
        experiment.configure(module, [flag, "1"])
    assert hint in str(caught.value)
