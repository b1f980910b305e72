"""The parts of the few-step experiments that decide their claims, each against a case whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from experiments.catalogue import catalogue
from experiments.few_steps import _emergence_figures
from spectrax import captures, experiment, sweep, tail_alternatives, tails
from spectrax.models import TwoLayer
from spectrax.optimizers import GD
from spectrax.reporting import notable
from spectrax.result import open_result
from spectrax.store import Store
from spectrax.sweep import Study
from spectrax.tasks import SingleIndex

several, factors = (experiment.load(catalogue()[name]) for name in ("several_steps", "generalisation_factors"))


@pytest.mark.parametrize("shape", [(300, 200), (200, 300)])
def test_beside_places_the_outlier_of_wide_and_of_tall_matrices(shape):
    rng, found, says = np.random.default_rng(0), [], []
    theta = 2 * min(shape) ** 0.5
    for _ in range(10):
        w, u, v = rng.normal(size=shape), *(rng.normal(size=n) for n in shape)
        spike = theta * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
        found.append(np.linalg.norm(w + spike, 2))
        says.append(several.beside(np.linalg.svd(w, compute_uv=False)[::-1], theta, *shape))
    # single matrices fluctuate by 1, the mean of ten by a third; with rows - cols of the wrong sign it is 5 off
    assert np.mean(found) == pytest.approx(np.mean(says), abs=1.0)


def test_beside_leaves_the_top_for_no_update_and_says_nothing_of_what_is_not_finite():
    values = np.array([1.0, 2.0, 3.0])
    assert several.beside(values, 0.0, 4, 3) == 3.0
    assert np.isnan(several.beside(values, np.inf, 4, 3))
    assert np.isnan(several.beside(values * np.nan, 1.0, 4, 3))


def test_bulk_gap_is_null_between_equal_samples_and_seen_between_others():
    rng = np.random.default_rng(1)
    own = np.sort(rng.normal(size=400))
    assert several.bulk_gap(own, np.stack([own, own])) == pytest.approx(1 / 399, rel=1e-12)  # one step of the function
    shifted = several.bulk_gap(own, np.stack([own + 1, own + 1]))
    assert shifted == pytest.approx(0.38, abs=0.08)  # 2 Phi(1/2) - 1; three deviations of 400 draws
    assert np.isnan(several.bulk_gap(own * np.nan, own[None]))


def test_a_missing_replicate_is_no_count_of_outliers(monkeypatch):
    own = np.tile(np.r_[np.linspace(0, 0.8, 9), 5.0], (2, 2, 1))  # (step, replicate, rank): one value far out
    own[:, 1] = np.nan
    fresh = np.tile(np.linspace(0, 1, 10), (3, 2, 2, 1))
    monkeypatch.setattr(several, "singular_values", lambda at: own)
    monkeypatch.setattr(several, "observed", lambda at: fresh)
    (found,) = several.one_outlier(type("At", (), {"steps": [0, 1]})(), "x")
    assert (found.measured, found.n) == (1.0, 1)


def test_the_preferred_law_is_the_one_that_was_drawn():
    for seed in range(5):
        values = np.sort(np.random.default_rng(seed).pareto(1.5, 3000) + 1)
        fit = tails.fit_power_law(values)
        at = xr.Dataset({"likelihood_ratio_lognormal": tail_alternatives.against_lognormal(fit, values).ratio})
        assert -2 <= float(_emergence_figures.preferred(at, "lognormal")) < 2  # it contains the power law: charged 2
    bulk = np.linalg.eigvalsh((w := np.random.default_rng(0).normal(size=(600, 400))).T @ w)
    ratio = tail_alternatives.against_lognormal(tails.fit_power_law(bulk), bulk).ratio
    assert float(_emergence_figures.preferred(xr.Dataset({"likelihood_ratio_lognormal": ratio}), "lognormal")) > 5


def test_normalised_weights_have_unit_root_mean_square_even_where_squares_overflow():
    params = {"W": np.float32(1e25) * np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)}
    found = np.asarray(factors.normalised(params)["W"], np.float64)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(1.0, rel=1e-5)  # float32
    assert np.corrcoef(found.ravel(), params["W"].ravel().astype(float))[0, 1] == pytest.approx(1.0, abs=1e-6)


def run(folder, **changes):
    plan = Study(**{"task": SingleIndex(24, 8, test_samples=8), "model": lambda rngs: TwoLayer(8, 12, rngs=rngs),
                    "optimizers": {"gd": GD()}, "learning_rates": (0.1,), "steps": (0, 1), "replicates": 1} | changes)
    header = {"identity": "own", "experiment": "own", "axes": list(plan.axes), "coords": plan.coords()}
    with Store.open(folder, header) as store:
        sweep.run(plan, store)
    return open_result(folder)


def test_a_matrix_without_a_bulk_has_no_outliers_and_stops_nothing(tmp_path):
    result = run(tmp_path, project=lambda params: {name: 0 * value for name, value in params.items()},
                 captures=[captures.spectrum(), captures.outliers()])
    assert result["outliers"].isnull().values.ravel().tolist() == [False, True]
    assert result["phase"].isnull().values.ravel().tolist() == [False, True]


def test_a_singular_ridge_system_is_kept_and_named(tmp_path):
    # the rate makes all rows of W parallel and tanh +-1: one feature up to its sign, a Gram matrix of rank one
    result = run(tmp_path, learning_rates=(0.1, 1e10), replicates=2, captures=[captures.readout(regularisation=0.0)])
    singular = result["test_loss"].isnull().any("step").sel(optimizer="gd")
    assert singular.transpose("learning_rate", "replicate").values.tolist() == [[False, False], [True, True]]
    assert result["kta"].notnull().all()
    said = [line for line in notable(result) if "singular" in line]
    assert said == ["2 of 4 runs met a singular ridge system: test_loss is missing there; raise the regularisation "
                    "(gd 1e+10)"]


@pytest.mark.parametrize("name", ["adam_anatomy", "generalisation_factors", "heavy_tail_emergence"])
def test_steps_without_the_start_are_refused_before_training(call, name, capsys):
    assert call("run", name, "--smoke", "--steps", "1", "3") != 0
    assert "steps must hold 0" in capsys.readouterr().err


@pytest.mark.slow
def test_a_diverging_rate_leaves_the_claims_of_the_others(call, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("run", "several_steps", "--smoke", "--quiet", "--no-figures", "--optimizers", "gd", "--gd-rates", "60",
                "1e20", "1e38", "--output", out) == 0
    said = capsys.readouterr().out
    assert "gd 60, step 1: largest singular value from two directions" in said or "gd 60, step 1: the flag" in said


def test_levels_of_a_factor_are_whole_numbers_where_they_count_something():
    settings = ["base", "samples 500", "depth 2", "depth 3", "noise 0.5", "teacher relu"]
    stored = SimpleNamespace(axes={"setting": settings}, config={"samples": 2000, "noise_std": 0.3, "width": 1500})
    found = {factor: list(named) for factor, named in factors.levels(stored).items()}
    assert found == {"samples": [500, 2000], "depth": [1, 2, 3], "noise": [0.3, 0.5], "teacher": ["relu", "softplus"]}
    assert {type(level) for factor in ("samples", "depth") for level in found[factor]} == {int}
