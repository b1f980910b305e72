"""`spectrax predict`: theory is stored before anything is measured, and doesn't change afterwards."""

import json

import numpy as np
import pytest

from spectrax import experiment, runner
from spectrax.result import open_result
from spectrax.store import StoreError

OWN = '''"""Does the norm grow? (none)"""
from dataclasses import dataclass

import xarray as xr

from spectrax import captures, claim, figures, sweep
from spectrax.models import TwoLayer
from spectrax.optimizers import GD
from spectrax.tasks import SingleIndex

PAPER = "none"


@dataclass(frozen=True)
class Config:
    learning_rates: tuple[float, ...] = (0.1, 1.0)
    slope: float = 2.0
    replicates: int = 2


SMOKE = Config()
FACTOR = 1.0


def plan(c):
    return sweep.Study(SingleIndex(24, 8, test_samples=8), lambda rngs: TwoLayer(8, 12, rngs=rngs), {"gd": GD()},
                       c.learning_rates, (0, 1), [captures.spectrum()], replicates=c.replicates)


def predict(c):
    rates = list(c.learning_rates)
    norms = [FACTOR * c.slope * rate for rate in rates]
    return xr.Dataset({"norm": ("learning_rate", norms)}, {"learning_rate": rates})


def claims(r):
    for rate in r.axes["learning_rate"]:
        at = r.at(learning_rate=rate)
        norm = float(at.predicted["norm"])
        yield claim.equals(f"norm at {rate}", "none", at.last()["squared_norm"], norm, tolerance=1)


def norm(r, axes):
    figures.against(axes(), r.last().at(optimizer="gd")["squared_norm"])


FIGURES = {"norm": norm}
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "predicted.py"
    path.write_text(OWN)
    return path


def test_predict_stores_theory_and_trains_nothing(file, call, capsys, tmp_path):
    out = tmp_path / "out"
    assert call("predict", file, "--output", out) == 0
    said = capsys.readouterr().out
    assert "before anything was measured" in said
    assert "norm (learning_rate 2): 0.2 to 2" in said
    assert [p.name for p in out.iterdir()] == ["prediction.json"]
    stored = json.loads((out / "prediction.json").read_text())
    assert stored["data"]["data_vars"]["norm"]["data"] == [0.2, 2.0]
    assert call("run", file, "--quiet", "--output", out) == 0
    assert json.loads((out / "prediction.json").read_text()) == stored  # the run kept it
    assert "norm at 0.1" in capsys.readouterr().out
    assert call("show", out) == 0
    assert "before anything was measured" in capsys.readouterr().out


def test_a_run_stores_its_prediction_first_and_claims_read_it(file, tmp_path):
    module = experiment.load(file)
    result = runner.run_experiment(module, module.Config(), output=tmp_path / "out")
    assert result.predicted.attrs["before_measurement"] is True
    assert float(result.at(learning_rate=1.0).predicted["norm"]) == 2.0


def test_a_prediction_made_after_a_run_says_so(file, tmp_path):
    module = experiment.load(file)
    result = runner.run_experiment(module, module.Config(), output=tmp_path / "out")
    (result.path / "prediction.json").unlink()
    runner.predict(module, module.Config(), output=result.path)
    assert open_result(result.path).predicted.attrs["before_measurement"] is False


def test_more_rates_extend_a_prediction_whose_old_values_stay(file, tmp_path):
    module = experiment.load(file)
    runner.predict(module, module.Config(), output=tmp_path / "out")
    result = runner.run_experiment(module, module.Config(learning_rates=(0.1, 10.0)), output=tmp_path / "out")
    assert result.predicted["norm"].sel(learning_rate=[0.1, 1.0, 10.0]).values.tolist() == [0.2, 2.0, 20.0]


def test_theory_that_changed_is_refused(file, tmp_path, monkeypatch):
    module = experiment.load(file)
    runner.predict(module, module.Config(), output=tmp_path / "out")
    monkeypatch.setattr(module, "FACTOR", 1.0 + 1e-6)
    with pytest.raises(StoreError, match="a stored prediction must not change; norm"):
        runner.predict(module, module.Config(), output=tmp_path / "out")
    with pytest.raises(StoreError, match="is of another"):
        runner.predict(module, module.Config(slope=3.0), output=tmp_path / "out")


def test_an_experiment_without_predictions_is_refused(call, capsys):
    assert call("predict", "marchenko_pastur_at_init") == 2
    assert "must define predict(config)" in capsys.readouterr().err


def test_a_result_without_a_prediction_says_what_to_do(file, tmp_path):
    module = experiment.load(file)
    result = runner.run_experiment(module, module.Config(), output=tmp_path / "out")
    (result.path / "prediction.json").unlink()
    with pytest.raises(StoreError, match="Run `spectrax predict` first"):
        _ = open_result(result.path).predicted
    (result.path / "prediction.json").write_text("{")
    with pytest.raises(StoreError, match="must be readable"):
        _ = open_result(result.path).predicted
    assert np.isfinite(result.last()["squared_norm"]).all()
