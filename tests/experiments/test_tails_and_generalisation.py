"""tails_and_generalisation: the correlations of runs whose tails and losses are known, and what a source must be."""

import numpy as np
import pandas as pd
import pytest

from experiments.catalogue import catalogue
from spectrax import experiment

module = experiment.load(catalogue()["tails_and_generalisation"])


def runs(optimizers, replicates=3, sign=1.0):
    """A table in which the loss rises (sign 1) or falls with Hill's exponent within every replicate."""
    rng, rows = np.random.default_rng(0), []
    for replicate in range(replicates):
        for optimizer in optimizers:
            for rate, hill in enumerate(rng.normal(size=6)):
                rows.append({"setting": "", "optimizer": optimizer, "learning_rate": float(rate), "step": 1,
                             "replicate": replicate, "hill": hill, "alpha": -hill, "test_loss": sign * np.exp(hill)})
    return pd.DataFrame(rows)


def measured(monkeypatch, table):
    monkeypatch.setattr(module, "changes", lambda result: table)
    monkeypatch.setattr(module, "folder_of", lambda c, source: source)
    monkeypatch.setattr(module, "open_result", lambda path: None)
    return module.measure(module.Config(), "stored")["rank_correlation"][1]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_monotone_relation_has_rank_correlation_one_in_its_sign(monkeypatch, sign):
    found = measured(monkeypatch, runs(["gd", "adam", "sgd@100"], sign=sign))
    for subset in range(len(module.SUBSETS)):
        np.testing.assert_allclose(found[subset, 0, 0, :3], sign, atol=1e-12)  # Hill, paper's features
        np.testing.assert_allclose(found[subset, 1, 0, :3], -sign, atol=1e-12)  # alpha was set to fall with it
    assert np.isnan(found[..., 3:]).all()  # three replicates
    assert np.isnan(found[:, :, 1]).all()  # the authors' features were not captured


def test_a_subset_without_runs_says_nothing(monkeypatch):
    found = measured(monkeypatch, runs(["gd"]))
    named = dict(zip(module.SUBSETS, found, strict=True))
    assert np.isfinite(named["full-batch gd"][0, 0, :3]).all()
    assert np.isnan(named["full-batch adam"]).all()
    assert np.isnan(named["minibatch"]).all()


@pytest.mark.parametrize(("name", "subset"), [("adam@100", "minibatch"), ("sgd", "minibatch"), ("gd", "full-batch gd"),
                                              ("adam, no momentum", "full-batch adam"), ("adam", "full-batch adam")])
def test_an_optimizer_belongs_to_its_subset_alone(name, subset):
    assert [key for key, belongs in module.SUBSETS.items() if belongs(name)] == ["all", subset]


def test_a_missing_source_is_refused_before_anything_is_measured(tmp_path):
    with pytest.raises(ValueError, match=r"'learning_rate_study' is none below .* Run `spectrax run learning_rate"):
        module.plan(module.Config(results=str(tmp_path)))


def test_a_source_with_further_runs_is_another_study(own, tmp_path):
    def study(replicates):
        own("--output", str(tmp_path / "source"), "--replicates", str(replicates))
        return module.plan(module.Config(sources=(str(tmp_path / "source"),))).signature()

    once, again, more = study(1), study(1), study(2)
    assert once == again
    assert once != more
