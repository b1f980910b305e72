"""Settings: an axis of task, model, optimizers, rates and length within one study."""

import numpy as np
import pytest

from spectrax import captures, sweep
from spectrax.models import MLP, TwoLayer
from spectrax.optimizers import GD, Adam
from spectrax.result import open_result
from spectrax.store import Store, StoreError
from spectrax.study import Study
from spectrax.sweep import Setting
from spectrax.tasks import SingleIndex

TASK = SingleIndex(30, 12, test_samples=20)


def two_layer(width):
    return lambda rngs: TwoLayer(12, width, rngs=rngs)


def study(settings, **options):
    return Study(TASK, two_layer(18), {"gd": GD()}, (0.1, 1.0), (0, 1, 3), [captures.spectrum(), captures.losses()],
                 replicates=2, settings=settings, **options)


def run(plan, folder):
    header = {"identity": plan.signature(), "experiment": "settings", "axes": list(plan.axes), "coords": plan.coords()}
    with Store.open(folder, header) as store:
        sweep.run(plan, store, workers=1)
    return open_result(folder)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    settings = {
        "plain": Setting(),
        "noisy": Setting(task=SingleIndex(30, 12, noise_std=2.0, test_samples=20)),
        "wide": Setting(model=two_layer(24)),
        "adam": Setting(optimizers={"adam": Adam()}, learning_rates=(0.1,)),
        "short": Setting(last_step=1),
    }
    return run(study(settings), tmp_path_factory.mktemp("settings"))


def test_a_setting_is_an_axis_and_every_run_of_it_equals_the_same_run_of_a_plain_study(result, tmp_path):
    assert result.header["axes"] == ["setting", "optimizer", "learning_rate", "replicate"]
    alone = run(study({}), tmp_path)
    for name in ("eigenvalues", "network_test_loss", "training_loss"):
        here, there = result.at(setting="plain", optimizer="gd")[name], alone.at(optimizer="gd")[name]
        assert np.array_equal(here, there, equal_nan=True), name


def test_settings_share_data_and_initial_weights_where_they_share_task_and_model(result):
    start = result.at(step=0, optimizer="gd", learning_rate=1.0)
    plain = start.at(setting="plain")["eigenvalues"]
    assert plain.equals(start.at(setting="noisy")["eigenvalues"].assign_coords(plain.coords))
    losses = result.at(optimizer="gd", learning_rate=1.0)["training_loss"].isel(iteration=0)
    assert (losses.sel(setting="noisy") > losses.sel(setting="plain")).all()  # the same inputs with louder labels
    assert (losses.sel(setting="short") == losses.sel(setting="plain")).all()


def test_a_matrix_in_several_shapes_is_one_variable_where_it_is_a_scalar(result):
    at = result.at(optimizer="gd", learning_rate=0.1, step=0)
    norms = at["squared_norm"]
    assert norms.sel(setting=["plain", "noisy", "wide", "short"]).notnull().all()
    assert norms.sel(setting="adam").isnull().all()  # it has no such optimizer
    wide = at.at(setting="wide")["eigenvalues"].sum("rank")
    assert np.allclose(wide, norms.sel(setting="wide"), rtol=1e-12)
    table = result.table()
    assert set(table["setting"]) == {"plain", "noisy", "wide", "adam", "short"}
    assert set(table["matrix"]) == {"W"}
    assert len(table) == len(table.groupby(["setting", "optimizer", "learning_rate", "replicate", "step"]))


def test_spectra_of_different_length_are_told_apart_by_shape(tmp_path):
    flat = run(study({"tall": Setting(model=two_layer(18)), "flat": Setting(model=two_layer(6))}), tmp_path)
    with pytest.raises(StoreError, match="settings of one shape"):
        flat["eigenvalues"]
    assert flat.at(setting="flat")["eigenvalues"].sizes["rank"] == 6
    assert flat.at(setting="flat")["eigenvalues"].notnull().all()
    assert flat["squared_norm"].notnull().all()


def test_matrices_of_one_shape_under_different_names_are_kept_apart(tmp_path):
    named = {"two": Setting(), "deep": Setting(model=lambda rngs: MLP(12, (18, 18), rngs=rngs)),
             "deeper": Setting(model=lambda rngs: MLP(12, (18, 18, 18), rngs=rngs))}
    mixed = run(study(named), tmp_path)
    assert mixed.header["matrices"] == {"18x12": ["W"], "18x12 (2)": ["layers/0"], "18x18": ["layers/1"],
                                        "18x18 (2)": ["layers/1", "layers/2"]}
    assert mixed.matrices == ["W", "layers/0", "layers/1", "layers/2"]
    norms = mixed.at(matrix="layers/1")["squared_norm"]
    assert norms.sel(setting=["deep", "deeper"]).notnull().all()
    assert norms.sel(setting="two").isnull().all()
    third = mixed.at(matrix="layers/2")["squared_norm"]
    assert third.notnull().all("step").any("learning_rate").any("replicate").sel(optimizer="gd").values.tolist() == [
        False, False, True]
    rows = mixed.table().groupby(["setting", "matrix"]).size()
    assert set(rows.index) == {("two", "W"), ("deep", "layers/0"), ("deep", "layers/1"), ("deeper", "layers/0"),
                               ("deeper", "layers/1"), ("deeper", "layers/2")}


def test_a_setting_of_its_own_length_ends_there(result):
    short = result.at(setting="short", optimizer="gd")
    assert short["eigenvalues"].notnull().all("rank").all("replicate").all("learning_rate").values.tolist() == [
        True, True, False]
    plain = result.at(setting="plain", optimizer="gd")
    assert np.array_equal(short.at(step=[0, 1])["eigenvalues"], plain.at(step=[0, 1])["eigenvalues"])
    assert (short["diverged"] == 0).all()


def test_the_caption_says_the_steps_of_each_length(result):
    assert result.at(setting=["plain", "short"]).caption() == (
        "2 replicates, steps 0, 1, 3 (plain), steps 0, 1 (short), setting plain, short")
    assert result.caption().endswith("steps 0, 1, 3 (4 settings), steps 0, 1 (short)")
    assert result.at(setting="short").caption().endswith("steps 0, 1, setting short")
    assert result.at(setting="plain").caption().endswith("steps 0, 1, 3, setting plain")
    assert result.at(step=3).caption().endswith("replicates, step 3")  # what a setting doesn't have isn't said of it


def test_more_settings_extend_a_study_and_a_name_keeps_its_meaning(tmp_path):
    first = run(study({"plain": Setting()}), tmp_path)
    both = run(study({"plain": Setting(), "short": Setting(last_step=1)}), tmp_path)
    assert both.at(setting="plain")["eigenvalues"].equals(first.at(setting="plain")["eigenvalues"])
    with pytest.raises(StoreError, match="a setting's name must keep its meaning"):
        run(study({"plain": Setting(last_step=1)}), tmp_path)


def test_a_bad_setting_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="last_step must be a whole number"):
        Setting(last_step=-1)
    with pytest.raises(ValueError, match="learning rates must be given for each optimizer"):
        study({"a": Setting(optimizers={"gd": GD(), "adam": Adam()}, learning_rates={"gd": (1.0,)})})
    with pytest.raises(ValueError, match="optimizers must name at least one"):
        study({"a": Setting(optimizers={})})
