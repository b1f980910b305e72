"""Bad input: one line on standard error (what must hold, what came, what to do), exit 2, and nothing is computed."""

import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import spectrax
import theory
from spectrax.spectrum import Spectrum

OWN = Path(__file__).with_name("own_experiment.py")
STUDY = "learning_rate_study"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--learning-rates", "0.1", "0"],
            r"a learning rate must be positive and finite; got 0.0. Remove it from the list.",
        ),
        (["--learning-rates", "-0.1"], "a learning rate must be positive and finite; got -0.1."),
        (["--learning-rates", "nan"], "a learning rate must be positive and finite; got nan."),
        (["--learning-rates", "inf"], "a learning rate must be positive and finite; got inf."),
        (["--learning-rates"], "learning rates must name at least one rate; got none"),
        (["--learning-rates", "fast"], "flags must fit the fields of Config; Error parsing --learning-rates"),
        (["--steps", "0", "2", "1"], "steps must increase strictly; got 1 after 2. Sort them or use schedule.at(...)"),
        (["--steps", "0", "1", "1"], "steps must increase strictly; got 1 after 1."),
        (["--steps", "-1", "1"], "steps must be integers from 0 on; got -1."),
        (["--optimizers", "gd", "adam@100"], "batch must not exceed the number of samples; got 100 of 80. Use full"),
        (["--samples", "0"], "samples must be an integer of at least 1; got 0."),
        (["--inputs", "0"], "inputs must be an integer of at least 1; got 0."),
        (["--width", "0"], "inputs and width must be at least 1; got 40 and 0."),
        (["--width", "-3"], "inputs and width must be at least 1; got 40 and -3."),
        (["--width", "1.5"], "Error parsing --width: invalid literal for int() with base 10: '1.5'."),
        (["--replicates", "0"], "replicates must be an integer of at least 1; got 0."),
        (["--batching", "0"], "batching must be an integer of at least 1; got 0."),
        (["--seed", "-1"], "seed must be an integer of at least 0; got -1."),
        (["--noise-std", "-1"], "noise_std must be finite and not negative; got -1.0."),
        (["--regularisation", "-1"], "regularisation must be finite and not negative; got -1.0."),
        (["--conventions", "mine"], "conventions must be of paper, authors; got ('mine',)."),
        (
            ["--optimizers", "adm"],
            "optimizer must be one of gd, sgd, adam, rmsprop, sign, normalised_gd, muon "
            "or module:attribute; got 'adm'. Did you mean 'adam'?",
        ),
        (["--optimizers", "nowhere:adam"], "optimizer must be an importable module:attribute; got 'nowhere:adam'"),
        (["--optimizers", "math:pi"], "optimizer must be callable; 'math:pi' is float."),
        (["--model", "math:nothing"], "model must be an importable module:attribute; got 'math:nothing'"),
        (
            ["--learning-rate", "1"],
            "a flag must be a field of Config; got --learning-rate. Did you mean --learning-rates?",
        ),
        (["--zzz", "1"], "a flag must be a field of Config; got --zzz. Known: --samples, --inputs,"),
        (["stray"], "flags must fit the fields of Config; Unrecognized options: stray."),
        (["--threads", "0"], "--threads must be at least 1; got 0."),
        (["--threads", "many"], "`spectrax run` must be called as in `spectrax --help`;"),
        (["--config", "missing.toml"], "--config must name a readable file; missing.toml: No such file or directory."),
    ],
)
def test_a_configuration_that_cannot_be_run(refused, tmp_path, flags, message):
    assert message in refused("run", STUDY, "--smoke", *flags)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["rmsprop", "adam@20"])
def test_an_optimizer_whose_spike_is_not_predicted_is_sent_to_the_study_that_takes_rates_for_any(refused, name):
    said = refused("run", "one_step_spike", "--smoke", "--optimizers", "gd", name)
    assert said.startswith("spectrax: optimizers must be of gd, adam, whose spike theory predicts; got '" + name)
    assert f"`spectrax run learning_rate_study --optimizers {name} --learning-rates 0.1 1 --steps 0 1`" in said
    assert "Did you mean 'adam'?" in refused("run", "one_step_spike", "--smoke", "--optimizers", "adm")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "learning_rate_studdy"], "got 'learning_rate_studdy'. Did you mean learning_rate_study?"),
        (
            ["run", "zzz"],
            "an experiment must be one of `spectrax list` or a Python file; got 'zzz'. Known: adam_anatomy,",
        ),
        (
            ["run", "mine.py"],
            "an experiment must be a name or a Python file; mine.py doesn't exist. See `spectrax list`.",
        ),
        (["run"], "run must be told which experiment; got none. See `spectrax list`."),
        (
            ["rn", STUDY],
            "a command must be one of list, run, predict, check, show, redraw; got 'rn'. See `spectrax --help`.",
        ),
        (["list", "more"], "unrecognized arguments: more."),
        (["show"], "the following arguments are required: result."),
        (
            ["show", "nothing"],
            "a result must be a folder that `run` printed, or an experiment with one below ./results; got 'nothing'.",
        ),
        (["show", "."], "a result folder must hold study.json; . doesn't. Give the path that `run` printed."),
    ],
)
def test_a_command_that_cannot_be_understood(refused, tmp_path, words, message):
    assert message in refused(*words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.toml", "samples: 3", "--config must be JSON (.json) or TOML; c.toml:"),
        ("c.json", "{", "--config must be JSON (.json) or TOML; c.json:"),
        ("c.toml", "sample = 3", "a field in c.toml must be a field of Config; got sample. Did you mean samples?"),
        ("c.json", "[3]", "--config must hold fields with their values; c.json holds a list."),
        (
            "c.toml",
            'samples = "many"',
            "values in c.toml must fit the fields of Config; Error parsing --samples: invalid literal for int()",
        ),
        (
            "c.toml",
            "learning_rates = [0.1, 'fast']",
            "values in c.toml must fit the fields of Config; Error parsing --learning-rates:",
        ),
    ],
)
def test_a_configuration_file_that_does_not_fit(refused, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    assert message in refused("run", STUDY, "--smoke", "--config", name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nowhere", "own.py must import without error; got ModuleNotFoundError: No module named 'nowhere'."),
        ("def plan(", "own.py must import without error; got SyntaxError:"),
        ("x = 1", "an experiment must define Config; own.py doesn't. See the README."),
        ("class Config: pass", "an experiment must define plan or run; own.py doesn't. See the README."),
        (
            "class Config: pass\ndef plan(c): pass",
            "Config of own.py must be a frozen dataclass with a default for every field.",
        ),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass Config:\n    n: int\ndef plan(c): pass",
            "Config of own.py must be a frozen dataclass with a default for every field.",
        ),
    ],
)
def test_a_file_that_is_no_experiment(refused, tmp_path, text, message):
    (tmp_path / "own.py").write_text(text)
    assert message in refused("run", "own.py")


def test_smoke_of_an_experiment_that_has_none(refused, tmp_path):
    (tmp_path / "own.py").write_text(OWN.read_text().replace("SMOKE = ", "OTHER = "))
    assert "own must define SMOKE to be run at that size; it doesn't." in refused("run", "own.py", "--smoke")


def test_a_file_called_theory_in_the_way_of_the_command_line(tmp_path):
    (tmp_path / "theory.py").write_text("x = 1\n")
    for words in (["list"], ["run", STUDY, "--smoke"]):
        found = subprocess.run(
            [sys.executable, "-m", "experiments", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert found.returncode == 2
        assert found.stdout == ""
        assert found.stderr == (
            f"spectrax: `theory` must be the package that comes with spectrax; Python finds "
            f"{tmp_path / 'theory.py'}. Rename that file or start Python in another folder.\n"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "import spectrax; spectrax.compare",
        "import spectrax; spectrax.open",
        "from spectrax import Spectrum",
        "from spectrax import captures",
        "import theory, spectrax; spectrax.sweep",
    ],
)
def test_a_file_called_theory_in_the_way_of_a_script(tmp_path, statement):
    (tmp_path / "theory.py").write_text("x = 1\n")
    (tmp_path / "script.py").write_text(statement + "\n")
    found = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].startswith(
        "ImportError: `theory` must be the package that comes with spectrax;"
    )


def test_a_law_of_eigenvalues_against_singular_values():
    weights = np.random.default_rng(0).standard_normal((30, 20))
    eigenvalues = Spectrum.of(weights)
    singular = Spectrum(np.sqrt(eigenvalues.values), eigenvalues.shape, kind="singular_values")
    law = theory.MarchenkoPastur.of((30, 20), 1.0)
    for spectrum, other in ((singular, law), (eigenvalues, theory.SingularValues(law))):
        with pytest.raises(ValueError, match=r"law describes .* but .* holds .* pass ") as caught:
            spectrax.compare(spectrum, other)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("activation", [jnp.tanh, lambda z: np.tanh(z).astype(np.float32)], ids=["jax", "numpy"])
def test_a_float32_activation_where_float64_is_needed(activation):
    for predict in (theory.activation_constants, lambda f: theory.gradient_step(1.0, 20, 10, 15, activation=f)):
        with pytest.raises(ValueError, match="must return float64; got float32") as caught:
            predict(activation)
        assert "\n" not in str(caught.value)
