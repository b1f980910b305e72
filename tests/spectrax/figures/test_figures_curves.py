"""Curves pass through what was measured, theory through what was predicted, and gaps are said."""

import numpy as np
import pytest
import xarray

from spectrax import figures
from spectrax.figures import tables

RATES = [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0, 2000.0, 3000.0]


def test_median_and_range_leave_out_missing_runs():
    summary = tables.summarise(np.array([[1.0, np.nan, 3.0, 8.0], [np.nan] * 4]))
    assert [float(part[0]) for part in summary] == [3.0, 1.0, 8.0, 3.0]
    assert np.isnan(summary.middle[1])
    assert summary.runs[1] == 0


def test_mean_has_its_standard_error_around_it():
    sample = np.array([1.0, 2.0, 6.0])
    summary = tables.summarise(sample[None], "mean")
    error = np.std(sample, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose([s[0] for s in summary[:3]], [3.0, 3 - error, 3 + error], rtol=1e-15)  # one rounding


def test_curves_pass_through_the_medians(values):
    ax = figures.canvas(7)()
    figures.against(ax, values.sel(step=5), by="optimizer")
    expected = values.sel(step=5, optimizer="adam").median("replicate").values
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), expected)


def test_missing_runs_are_marked_on_the_frame(values, labels):
    axes = figures.canvas(7)
    ax = axes()
    figures.against(ax, values.sel(step=10), by="optimizer")
    cross = [line for line in ax.lines if line.get_marker() == "x"]
    assert [c.get_xdata().tolist() for c in cross] == [[3000.0]]
    assert "runs missing" in labels(axes.figure)


def test_rates_that_an_optimizer_did_not_run_break_no_line():
    coords = {"optimizer": ["gd", "adam"], "learning_rate": [1.0, 2.0, 3.0]}
    data = xarray.DataArray([[1.0, np.nan, 3.0], [np.nan, 2.0, np.nan]], coords, tuple(coords))
    ax = figures.canvas(7)()
    figures.against(ax, data, by="optimizer")
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1.0, 3.0], [2.0]]


@pytest.mark.parametrize("theory", [
    lambda rate: 2 * rate, {r: 2 * r for r in RATES}, 2 * np.array(RATES), (RATES, 2 * np.array(RATES)),
    xarray.DataArray(2 * np.array(RATES), {"learning_rate": RATES}, ("learning_rate",))])
def test_theory_of_every_form_is_the_same_line(values, theory):
    ax = figures.canvas(7)()
    figures.against(ax, values.sel(step=5, optimizer="gd"), theory=theory)
    x, y = ax.lines[1].get_data()
    np.testing.assert_allclose(y, 2 * x, rtol=1e-15)  # a product by 2 is exact
    assert (x.min(), x.max()) == (RATES[0], pytest.approx(RATES[-1], rel=1e-12))  # ends of a geometric grid


def test_theory_by_group_is_drawn_for_each_group_and_named_once(values, labels):
    axes = figures.canvas(7)
    ax = axes()
    figures.against(ax, values.sel(step=5), by="optimizer", theory={"gd": lambda r: r, "adam": lambda r: 3 * r})
    ratios = [float(line.get_ydata()[5] / line.get_xdata()[5]) for line in ax.lines[2:4]]
    assert ratios == [1.0, 3.0]
    assert labels(axes.figure).count("theory") == 1


def test_theory_with_foreign_keys_is_refused(values):
    with pytest.raises(ValueError, match="keyed by the values of optimizer"):
        figures.against(figures.canvas(7)(), values.sel(step=5), by="optimizer", theory={"sgd": lambda r: r})


@pytest.mark.parametrize("null", [1.0, (0.9, 1.1), lambda x: (0 * x, 0 * x + 1), lambda x: 0 * x + 1, [1.0] * 9])
def test_every_form_of_null_is_drawn(values, null, labels):
    axes = figures.canvas(7)
    figures.against(axes(), values.sel(step=5), by="optimizer", null=null)
    assert "null" in labels(axes.figure)


@pytest.mark.parametrize("null", [0.1, (0.9, 1.1)])
def test_the_key_calls_the_grey_line_or_band_what_the_caller_does(values, null, labels):
    chosen = values.sel(step=5, learning_rate=1.0)
    for draw in (lambda ax, **grey: figures.against(ax, values.sel(step=5), by="optimizer", **grey),
                 lambda ax, **grey: figures.trajectory(ax, values.sel(optimizer="gd"), **grey),
                 lambda ax, **grey: figures.strip(ax, chosen, **grey),
                 lambda ax, **grey: figures.strip(chosen.name, **grey)({chosen.name: chosen}, lambda: ax)):
        axes = figures.canvas(7)
        draw(axes(), null=null, null_name="threshold")
        assert "threshold" in labels(axes.figure)
        assert "null" not in labels(axes.figure)


def test_null_of_another_length_is_refused(values):
    with pytest.raises(ValueError, match="null must be"):
        figures.against(figures.canvas(7)(), values.sel(step=5), by="optimizer", null=np.ones(4))


def test_vertical_lines_widen_the_axis_and_carry_their_labels(values):
    ax = figures.canvas(7)()
    figures.against(ax, values.sel(step=5, optimizer="gd"), lines={"critical": 1e5, "edge": 0.3})
    assert ax.get_xlim()[1] > 1e5
    assert {text.get_text() for text in ax.texts} == {"critical", "edge"}


def test_a_dimension_left_over_names_the_remedy(values):
    with pytest.raises(ValueError, match=r"result\.at\(step=\.\.\.\)"):
        figures.against(figures.canvas(7)(), values, by="optimizer")


def test_a_missing_dimension_and_a_bare_array_are_refused(values):
    with pytest.raises(ValueError, match="must have the dimension 'width'"):
        figures.against(figures.canvas(7)(), values, x="width")
    with pytest.raises(ValueError, match="named dimensions"):
        figures.against(figures.canvas(7)(), np.ones(3))


@pytest.mark.parametrize(("wrong", "match"), [({"centre": "mode"}, "centre must be"), ({"log": "z"}, "log must be")])
def test_unknown_options_are_refused(values, wrong, match):
    with pytest.raises(ValueError, match=match):
        figures.against(figures.canvas(7)(), values.sel(step=5), by="optimizer", **wrong)


def test_trajectory_colours_by_rate_and_dashes_by_optimizer(values):
    ax = figures.canvas(7)()
    figures.trajectory(ax, values)
    curves = [line for line in ax.lines if line.get_marker() != "x"]
    assert [line.get_color() for line in curves[::2]] == [figures.colour_of(r) for r in RATES]
    assert [line.get_linestyle() for line in curves[:2]] == ["-", "--"]


def test_names_on_the_axis_stand_at_their_places(values):
    ax = figures.canvas(7)()
    figures.against(ax, values.sel(step=5, learning_rate=1.0), x="optimizer")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["GD", "Adam"]


@pytest.mark.parametrize("counts", [[0, 1, 1, 2], [0, 0, 0, 0], [1, 1, 2, 3], [0, 3, 40, 900]])
@pytest.mark.parametrize("null", [None, 0.0, (0.0, 1.0), lambda x: 0 * x])
def test_an_axis_of_counts_has_whole_ticks(counts, null):
    axes = {"step": [0, 1, 2, 3], "optimizer": ["gd"]}
    data = xarray.DataArray(np.array(counts, float)[:, None], axes, tuple(axes), name="outliers")
    for draw in (figures.against, figures.strip):
        ax = figures.canvas(7)()
        options = {"x": "step", "log": ""} if draw is figures.against else {"by": "step"}
        draw(ax, data.isel(optimizer=0), null=null, **options)
        assert ax.get_yticks().size
        assert np.all(ax.get_yticks() % 1 == 0)


@pytest.mark.parametrize(("values", "null"), [([0.0, 0.0], 0.1), ([0.0, 0.0], (0.0, 0.5)), ([0.5, 1.0], None)])
def test_other_values_keep_their_ticks_between_whole_numbers(values, null):
    ax = figures.canvas(7)()
    figures.against(ax, xarray.DataArray(values, {"step": [0, 1]}, ("step",)), x="step", null=null, log="")
    assert np.any(ax.get_yticks() % 1 != 0)


@pytest.mark.parametrize("last", [2, 8, 12, 20, 25])
def test_an_axis_of_steps_has_whole_ticks(last):
    ax = figures.canvas(3.4)()
    steps = np.arange(last + 1)
    figures.against(ax, xarray.DataArray(0.1 * steps, {"step": steps}, ("step",)), x="step", log="")
    assert np.all(ax.get_xticks() % 1 == 0)


def test_categories_are_marks_beside_each_other_that_no_line_joins():
    coords = {"optimizer": ["gd", "adam"], "activation": ["tanh", "erf", "relu"]}
    data = xarray.DataArray(np.arange(12.0).reshape(2, 3, 2), coords, ("optimizer", "activation", "replicate"))
    ax = figures.canvas(7)()
    figures.against(ax, data, x="activation", by="optimizer")
    assert [line.get_linestyle() for line in ax.lines] == ["None", "None"]
    gd, adam = (line.get_xdata() for line in ax.lines)
    assert np.all(gd < adam)
    np.testing.assert_allclose((gd + adam) / 2, [0, 1, 2], atol=1e-15)  # around the tick of their category
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["tanh", "erf", "relu"]


def test_a_short_logarithmic_axis_has_its_ticks_at_what_was_run():
    data = xarray.DataArray([1.0, 2.0, 3.0], {"width": [500, 1500, 3000]}, ("width",))
    ax = figures.canvas(7)()
    figures.against(ax, data, x="width", log="x")
    assert ax.get_xticks().tolist() == [500, 1500, 3000]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["500", "1500", "3000"]
    assert ax.get_xticks(minor=True).size == 0


@pytest.mark.parametrize("last", [4, 12])
def test_counts_are_drawn_twice_on_one_axes_and_keep_the_ticks_that_were_set(last):
    ax = figures.canvas(3.4)()
    ax.set_yticks([0.0, 2.5])
    steps = np.arange(last + 1)
    for offset in (0, 1):
        figures.against(ax, xarray.DataArray(steps + offset, {"step": steps}, ("step",)), x="step", log="")
    assert ax.get_yticks().tolist() == [0.0, 2.5]
    assert np.all(ax.get_xticks() % 1 == 0)
