"""Every experiment of the catalogue at SMOKE size: it runs, claims, draws, and draws again without training."""

import csv
from pathlib import Path

import pytest

from experiments.catalogue import catalogue, question
from spectrax import experiment, gridding, training
from spectrax.result import open_result

OWN = Path(__file__).with_name("own_experiment.py")
SELECT = {
    "learning_rate_study": ("optimizer=adam",),
    "one_step_spike": ("optimizer=gd",),
    "one_step_spectrum": ("setting=main",),
    "marchenko_pastur_at_init": ("inputs=20", "inputs=40"),
    "laws_gallery": ("replicate=0",),
    "outlier_calibration": ("shape=30x20",),
    "generalisation_factors": ("optimizer=adam",),
    "adam_anatomy": ("optimizer=adam",),
    "heavy_tail_emergence": ("optimizer=adam",),
    "several_steps": ("optimizer=adam",),
    "tails_and_generalisation": ("source=trained here",),
    "singular_vector_overlaps": ("optimizer=adam",),
}
COLUMNS = ["statement", "source", "predicted", "measured", "error", "low", "high", "n", "verdict", "detail"]


def state(folder):
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and "figures" not in path.parts
    }


def test_each_experiment_states_its_question_and_its_paper():
    assert set(SELECT) <= set(catalogue())
    for path in catalogue().values():
        module = experiment.load(path)
        assert question(path).endswith(")")
        assert "?" in question(path)
        assert module.PAPER
        assert module.FIGURES
        assert isinstance(module.SMOKE, module.Config)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(catalogue()))
def test_an_experiment_runs_claims_draws_and_draws_again_without_training(name, call, tmp_path, capsys, monkeypatch):
    module = experiment.load(catalogue()[name])
    out = tmp_path / "out"
    assert call("run", name, "--smoke", "--quiet", "--output", str(out)) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert f"result  {out}" in said.out

    result = open_result(out)
    assert len(result._finished) == len(module.plan(module.SMOKE).points())
    with (out / "claims.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    for row in rows:
        assert row["verdict"] in ("holds", "fails", "undecided")
        assert float(row["predicted"]) == float(row["predicted"])  # a number, and no NaN
        assert row["statement"]
        assert row["source"]
        assert row["statement"].split(":")[0] in said.out
    for figure in module.FIGURES:
        assert (out / "figures" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert (out / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")
        assert f"{out / 'figures' / figure}.png" in said.out

    def refuse(*_, **__):
        raise AssertionError("redrawing must not train")

    for module_, function in ((training, "advance"), (training, "advance_many"), (gridding, "measure_all")):
        monkeypatch.setattr(module_, function, refuse)
    before = state(out)
    figure = next(iter(module.FIGURES))
    select = [word for pair in SELECT[name] for word in ("--select", pair)]
    assert call("redraw", str(out), "--figure", figure, "--width", "3.4", *select) == 0
    narrow = sorted((out / "figures").glob(f"{figure}_*_3.4in.*"))
    assert [path.suffix for path in narrow] == [".pdf", ".png"]
    assert capsys.readouterr().out.split() == [str(narrow[1]), str(narrow[0])]
    assert state(out) == before


@pytest.mark.parametrize("allowed", [0, -1])
def test_a_smoke_run_says_last_that_its_sizes_are_too_small_for_the_claims(call, capsys, allowed):
    flags = (OWN, "--quiet", "--no-figures", "--allowed", allowed)
    for command_ in ("run", "check"):
        status = call(command_, *flags, "--smoke")
        assert status == int(command_ == "check" and allowed < 0)  # the exit status is that of any size
        assert capsys.readouterr().out.splitlines()[-1] == (
            "a smoke run: its sizes are too small for the claims, whatever their verdicts; run without --smoke"
        )
    call("check", *flags, "--learning-rates", 0.1)
    assert "smoke" not in capsys.readouterr().out


def test_a_column_figure_is_as_wide_as_asked(call, tmp_path):
    from matplotlib.image import imread

    own = str(catalogue()["marchenko_pastur_at_init"])
    assert call("run", own, "--smoke", "--quiet", "--no-figures", "--output", str(tmp_path / "out")) == 0
    assert call("redraw", str(tmp_path / "out"), "--width", "3.4", "--output", str(tmp_path / "paper")) == 0
    assert imread(tmp_path / "paper" / "distance_3.4in.png").shape[1] == round(3.4 * 200)  # 200 dpi
    assert not (tmp_path / "out" / "figures").exists()
