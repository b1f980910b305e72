"""The command line as a user types it: every command and flag, quick answers, exit statuses."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.catalogue import catalogue
from spectrax import experiment
from spectrax.result import open_result

OWN = Path(__file__).with_name("own_experiment.py")
RUN = ("run", OWN, "--quiet", "--no-figures")
MODULES = [*catalogue().values(), OWN]
HEAVY = {"jax", "flax", "xarray", "zarr", "pandas", "matplotlib", "scipy", "numpy", "tyro"}


def command(*words, program=("-m", "experiments"), cwd=None):
    return subprocess.run(
        [sys.executable, *program, *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.mark.parametrize("words", [["list"], ["--help"], ["--version"]])
def test_list_help_and_version_answer_in_half_a_second_and_load_nothing_heavy(words, tmp_path):
    def seconds():
        begun = time.perf_counter()
        assert command(*words, cwd=tmp_path).returncode == 0
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(3)) < 0.5  # the quickest of three: other work shares the machine
    said = command(*words, program=("-X", "importtime", "-m", "experiments"), cwd=tmp_path).stderr
    loaded = {
        line.split("|")[-1].strip().split(".")[0] for line in said.splitlines() if line.startswith("import time:")
    }
    assert "experiments" in loaded
    assert not HEAVY & loaded


def test_list_names_every_experiment_with_its_question(call, capsys):
    assert call("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(catalogue())
    assert all("?" in line for line in lines)


def test_the_installed_command_is_the_same_as_the_module(tmp_path):
    installed = Path(sys.executable).with_name("spectrax")
    if not installed.exists():
        pytest.skip("the package is not installed beside this interpreter")
    found = subprocess.run([installed, "list"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert found.stdout == command("list", cwd=tmp_path).stdout
    assert found.returncode == 0


def test_help_says_the_commands_and_no_command_is_an_error(call, capsys):
    assert call("--help") == 0
    said = capsys.readouterr().out
    for word in ("list", "run NAME|FILE.py", "check", "show RESULT", "redraw RESULT"):
        assert word in said
    assert call() == 2


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_help_of_an_experiment_lists_a_flag_for_every_field(call, path, capsys):
    assert call("run", path, "--help") == 0
    said = capsys.readouterr().out
    for field in dataclasses.fields(experiment.load(path).Config):
        assert f"--{field.name.replace('_', '-')}" in said


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_every_field_can_be_set_by_its_flag(path):
    module = experiment.load(path)
    flags = []
    for name, value in dataclasses.asdict(module.SMOKE).items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            flags += [flag if value else flag.replace("--", "--no-")]
        else:
            flags += [flag, *map(str, value if isinstance(value, tuple) else (value,))]
    assert experiment.configure(module, flags) == module.SMOKE


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (["--learning-rates", "0.5", "1e-3", "2"], "learning_rates", (0.5, 1e-3, 2.0)),
        (["--learning-rates=0.5"], "learning_rates", (0.5,)),
        (["--optimizers", "gd", "adam"], "optimizers", ("gd", "adam")),
        (["--allowed", "-1"], "allowed", -1),
        (["--clip"], "clip", True),
        (["--no-clip"], "clip", False),
        (["--learning_rates", "3"], "learning_rates", (3.0,)),
    ],
)
def test_flags_take_the_types_of_their_fields(flags, field, value):
    assert getattr(experiment.configure(experiment.load(OWN), flags), field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.toml", 'samples = 30\nlearning_rates = [0.5, 2]\noptimizers = ["adam"]\n'),
        ("c.json", '{"samples": 30, "learning_rates": [0.5, 2], "optimizers": ["adam"]}'),
    ],
)
def test_a_configuration_file_sets_fields_and_flags_win(call, name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert call(*RUN, "--config", name, "--samples", 26, "--steps", 0, 1, "--output", "out") == 0
    result = open_result("out")
    assert result.config["samples"] == 26
    assert result.axes == {"optimizer": ["adam"], "learning_rate": [0.5, 2.0], "replicate": [0, 1]}
    assert result.steps == [0, 1]


def test_a_users_own_file_runs_stores_and_draws_like_ours(call, capsys, tmp_path):
    assert call("run", OWN, "--smoke") == 0
    said = capsys.readouterr()
    (folder,) = tmp_path.glob("results/own_experiment/*")
    assert f"result  {folder.relative_to(tmp_path)}" in said.out
    assert "no eigenvalue is negative" in said.out
    assert "own_experiment: 6/6 (100 %)" in said.err
    assert sorted(p.name for p in (folder / "figures").iterdir()) == ["norm.pdf", "norm.png"]
    assert (folder / "claims.csv").is_file()


def test_rates_replicates_and_optimizers_extend_a_result_and_anything_else_makes_another(call, capsys, tmp_path):
    assert call(*RUN, "--smoke") == 0
    assert call(*RUN, "--smoke", "--learning-rates", 0.5, "--replicates", 1) == 0
    assert call(*RUN, "--smoke", "--optimizers", "adam") == 0
    (folder,) = tmp_path.glob("results/own_experiment/*")
    assert open_result(folder).axes == {"optimizer": ["gd", "adam"], "learning_rate": [0.1, 0.5], "replicate": [0, 1]}
    assert len(open_result(folder)._finished) == 5
    for flags in (["--samples", 25], ["--steps", 0, 1], ["--seed", 1], ["--batching", 2]):
        assert call(*RUN, "--smoke", *flags) == 0
    assert len(list(tmp_path.glob("results/own_experiment/*"))) == 5


def test_the_same_command_again_trains_nothing_and_says_the_same(call, capsys, tmp_path):
    assert call(*RUN, "--smoke", "--output", "out") == 0
    first = capsys.readouterr().out
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "data.zarr").rglob("*")}
    assert call(*RUN, "--smoke", "--output", "out") == 0
    assert capsys.readouterr().out == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "data.zarr").rglob("*")} == stored
    assert len(open_result("out").header["sessions"]) == 1


def test_force_replaces_what_another_configuration_left(call, capsys):
    assert call(*RUN, "--smoke", "--output", "out") == 0
    assert call(*RUN, "--smoke", "--samples", 30, "--output", "out") == 2
    assert "must hold this study" in capsys.readouterr().err
    assert call(*RUN, "--smoke", "--samples", 30, "--output", "out", "--force") == 0
    assert open_result("out").config["samples"] == 30


@pytest.mark.slow
def test_threads_limits_training_and_captures(tmp_path):
    found = command("run", OWN, "--smoke", "--quiet", "--no-figures", "--threads", 1, "--output", "out", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    (session,) = open_result(tmp_path / "out").header["sessions"]
    assert session["cores"] == 1
    assert session["workers"] == 1


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(call, capsys, tmp_path):
    assert call(*RUN, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "own_experiment: 4 runs, 0 stored, 4 to do" in said
    assert "expected time: about" in said
    assert "MiB" in said
    assert "result  results/own_experiment/" in said
    assert list(tmp_path.iterdir()) == []
    assert call(*RUN, "--smoke") == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    capsys.readouterr()
    assert call(*RUN, "--dry-run") == 0
    assert "own_experiment: 4 runs, 2 stored, 2 to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_dry_run_of_measurements_without_training_says_what_it_can(call, capsys, tmp_path):
    assert call("run", "marchenko_pastur_at_init", "--smoke", "--dry-run") == 0
    assert "9 runs, 0 stored, 9 to do" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_show_says_what_a_result_holds_by_path_and_by_name(call, capsys, tmp_path):
    assert call("run", "marchenko_pastur_at_init", "--inputs", 10, "--replicates", 2, "--quiet", "--no-figures") == 0
    (folder,) = tmp_path.glob("results/marchenko_pastur_at_init/*")
    capsys.readouterr()
    assert call("show", "marchenko_pastur_at_init") == 0
    said = capsys.readouterr().out
    for words in (
        "aspect = 1.5",
        "2 of 2 runs stored",
        "inputs: 10",
        "sup_distance",
        "jax 0.",
        "commit",
        "reference  measured",
    ):
        assert words in said
    assert call("show", folder.relative_to(tmp_path)) == 0
    assert capsys.readouterr().out == said


def test_check_exits_1_where_a_claim_fails_and_0_where_none_does(call, capsys):
    assert call("check", OWN, "--smoke", "--quiet", "--no-figures") == 0
    assert "holds" in capsys.readouterr().out
    assert call("check", OWN, "--smoke", "--quiet", "--no-figures", "--allowed", "-1") == 1
    assert "fails" in capsys.readouterr().out
    assert call(*RUN, "--smoke", "--allowed", "-1") == 0  # run only reports


@pytest.mark.slow
def test_an_optimizer_and_a_model_come_from_the_users_own_module(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import optax\nfrom spectrax.models import TwoLayer\n\n\ndef lion(rate):\n    return optax.lion(rate)\n\n\n"
        "def wide(inputs, width, *, rngs):\n    return TwoLayer(inputs, 2 * width, rngs=rngs)\n"
    )
    installed = Path(sys.executable).with_name("spectrax")
    start = [installed] if installed.exists() else [sys.executable, "-m", "experiments"]
    flags = [
        "--smoke",
        "--quiet",
        "--no-figures",
        "--output",
        "out",
        "--optimizers",
        "mine:lion",
        "gd",
        "--model",
        "mine:wide",
    ]
    found = subprocess.run([*start, "run", OWN, *flags], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert found.returncode == 0, found.stderr
    result = open_result(tmp_path / "out")
    assert result.axes["optimizer"] == ["mine:lion", "gd"]
    assert result.header["matrices"] == {"24x8": ["W"]}


def test_redraw_narrows_and_draws_a_users_own_result_with_the_file_that_is_given(call, capsys, tmp_path):
    assert call(*RUN, "--optimizers", "gd", "adam", "--output", "out") == 0
    assert call("redraw", "out") == 2
    assert "must be drawn with --experiment FILE.py; it holds 'own_experiment'" in capsys.readouterr().err
    assert (
        call(
            "redraw",
            "out",
            "--experiment",
            OWN,
            "--select",
            "optimizer=adam",
            "--select",
            "learning_rate=0.1",
            "--select",
            "learning_rate=1",
            "--output",
            "paper",
        )
        == 0
    )
    drawn = tmp_path / "paper" / "norm_optimizer-adam_learning_rate-0.1-1.png"
    assert drawn.is_file()
    assert str(drawn.relative_to(tmp_path)) in capsys.readouterr().out


def test_an_experiment_may_measure_without_training(call, capsys, tmp_path):
    (tmp_path / "measured.py").write_text(
        '"""How large is four?"""\nimport dataclasses\nfrom spectrax import claim\n\n\n'
        "@dataclasses.dataclass(frozen=True)\nclass Config:\n    value: float = 4.0\n\n\n"
        "def run(config):\n    return {'seen': (('draw',), [config.value] * 3)}\n\n\n"
        "def claims(r):\n    yield claim.equals('four', 'arithmetic', r['seen'], 4.0, tolerance=1e-9)\n"
    )
    assert call("check", "measured.py", "--quiet") == 0
    assert "holds" in capsys.readouterr().out
    assert call("check", "measured.py", "--quiet", "--value", "5") == 1


def test_a_result_records_configuration_experiment_and_paper(call):
    assert call(*RUN, "--smoke", "--output", "out") == 0
    header = json.loads(Path("out/study.json").read_text())
    assert header["experiment"] == "own_experiment"
    assert header["paper"] == "none"
    assert header["config"] == json.loads(json.dumps(dataclasses.asdict(experiment.load(OWN).SMOKE)))
