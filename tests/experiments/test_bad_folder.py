"""Bad output folders and results, each a one-line error and exit 2; a stranger's result runs nothing that it names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import spectrax
from spectrax import experiment
from spectrax.store import Store

OWN = Path(__file__).with_name("own_experiment.py")


def test_an_output_folder_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "file").write_text("")
    message = refused("run", OWN, "--smoke", "--output", "file/below")
    assert (
        message == "spectrax: the output folder must be writable; file/below: Not a directory. Choose another --output."
    )


def test_an_output_folder_that_holds_another_study(refused, own):
    own("--output", "out")
    for flags in (["--samples", 99], ["--steps", 0, 1], ["--seed", 1]):
        message = refused("run", OWN, "--smoke", "--output", "out", *flags)
        assert (
            "the output folder must hold this study; out holds 'own_experiment' with another configuration." in message
        )
        assert "Choose another --output, or --force to replace it." in message
        assert "must hold this study" in refused("run", OWN, "--smoke", "--dry-run", "--output", "out", *flags)


def test_an_output_folder_that_holds_something_else(refused, tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    for flags in ([], ["--force"]):
        message = refused("run", OWN, "--smoke", "--output", ".", *flags)
        assert "must be empty or hold this study; . holds 'thesis.tex'. Choose another --output." in message
    assert (tmp_path / "thesis.tex").read_text() == "all of it"


def test_two_processes_on_one_store(refused, own):
    module = experiment.load(OWN)
    plan = module.plan(module.SMOKE)
    held = experiment.identity(module, module.SMOKE, plan)
    program = (
        "from spectrax.store import Store\n"
        f"header = dict(identity={held!r}, experiment='own_experiment', config={{}}, coords={{}})\n"
        "with Store.open('out', {**header, 'axes': []}):\n    print(flush=True)\n    input()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    try:
        other.stdout.readline()
        message = refused("run", OWN, "--smoke", "--output", "out")
        assert message == (
            "spectrax: one process at a time may write a store; another holds out. "
            "Wait for it, or choose another --output."
        )
    finally:
        other.communicate("\n", timeout=30)
    own("--output", "out")


@pytest.mark.parametrize(
    "file", ["study.json", "data.zarr/zarr.json", "data.zarr/done/zarr.json", "data.zarr/done/c/0"]
)
def test_a_damaged_store(refused, own, tmp_path, file):
    own("--output", "out")
    path = tmp_path / "out" / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    message = refused("run", OWN, "--smoke", "--output", "out")
    assert "damaged" in message
    assert "use --force" in message.replace("Use", "use")
    assert "must" in refused("show", "out")
    own("--output", "out", "--force")


def test_a_damaged_variable(refused, own, tmp_path):
    own("--output", "out")
    for path in (tmp_path / "out" / "data.zarr" / "12x8" / "eigenvalues" / "c").rglob("0"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:3])
    message = refused("run", OWN, "--smoke", "--output", "out", "--quiet")
    assert "every stored array must be readable; 12x8/eigenvalues of out isn't" in message


def test_figures_and_selections_that_are_not_there(refused, own):
    own("--output", "out")
    draw = ["redraw", "out", "--experiment", OWN]
    for flags, message in (
        (["--figure", "nothing"], "a figure must be one of norm; got 'nothing'."),
        (["--select", "optimizer=adam"], "optimizer must be one of gd; got 'adam'."),
        (["--select", "rate=1"], "a selection must name one of optimizer, learning_rate, replicate, step, matrix;"),
        (["--select", "optimizer"], "--select must be AXIS=VALUE; got 'optimizer'."),
        (["--width", "0"], "--width must lie between 2 and 40 inches; got 0."),
        (["--width", "nan"], "--width must lie between 2 and 40 inches; got nan."),
    ):
        assert message in refused(*draw, *flags)


@pytest.mark.parametrize(
    "named", ["stranger", "stranger.py", "./stranger.py", "../stranger.py", "strangers/stranger.py", "[/bold]"]
)
def test_a_strangers_result_runs_nothing_that_it_names(call, refused, capsys, tmp_path, named):
    (tmp_path / "strangers").mkdir()
    for folder in (tmp_path, tmp_path / "strangers"):
        (folder / "stranger.py").write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    config = {"model": "stranger:Model", "optimizers": ["stranger:optimizer"]}
    header = {
        "identity": {},
        "experiment": named,
        "axes": ["replicate"],
        "coords": {},
        "config": config,
        "paper": "stranger.py",
        "sessions": [],
    }
    with Store.open(tmp_path / "out", header) as store:
        store.write({"replicate": 0}, {"network": {"loss": ((), 1.0)}})
    sys.path.insert(0, str(tmp_path))
    assert call("show", "out") == 0
    assert "model = stranger:Model" in capsys.readouterr().out
    message = refused("redraw", "out")
    assert f"a result of your own experiment must be drawn with --experiment FILE.py; it holds {named!r}." in message
    spectrax.open(tmp_path / "out").table()
    assert "stranger" not in sys.modules
    assert not list(tmp_path.rglob("*.ran"))


def test_a_name_of_several_lines_stays_on_one(refused, own, tmp_path):
    own("--output", "out")
    path = tmp_path / "out" / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "experiment": "line\nbreak"}))
    assert "holds 'line\\nbreak'" in refused("run", OWN, "--smoke", "--samples", 5, "--output", "out")
