"""Panels draw what they are given, at the right place, and a page redrawn is the same page."""

import doctest
import importlib
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import xarray
from matplotlib.figure import Figure

from spectrax import figures
from spectrax.figures import bins, look, page, tables
from spectrax.spectrum import Spectrum

RATES = [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0, 2000.0, 3000.0]
STEPS = [0, 1, 2, 5, 10]
MODULES = ("look", "key", "marks", "tables", "theory", "curves", "bins", "density", "phases", "groups", "heat", "page")


class BulkLaw:
    """Marchenko-Pastur density of variance 1, written here so that these tests need no theory."""

    kind = "eigenvalues"

    def __init__(self, ratio):
        self.ratio = ratio
        self.bands = (((1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2),)
        self.atoms = ((0.0, 1 - 1 / ratio),) if ratio > 1 else ()

    def pdf(self, x):
        (low, high), x = self.bands[0], np.asarray(x, float)
        root = np.sqrt(np.maximum((high - x) * (x - low), 0.0))
        return root / (2 * np.pi * self.ratio * np.where(x > 0, x, 1.0))


@pytest.fixture
def values():
    """Positive values (optimizer, learning_rate, replicate, step), one run diverged at the last step."""
    rng = np.random.default_rng(0)
    data = np.exp(rng.standard_normal((2, 9, 3, 5)))
    data[1, 8, 0, 4] = np.inf
    coords = {"optimizer": ["gd", "adam"], "learning_rate": RATES, "step": STEPS}
    return xarray.DataArray(data, coords, ("optimizer", "learning_rate", "replicate", "step"), name="test_loss")


def gaussian(rows, cols, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, cols))


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def area(ax):
    filled = ax.patches[0]
    return float(np.sum(filled.get_data().values * np.diff(filled.get_data().edges)))


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_docstrings_hold(name):
    module = importlib.import_module(f"spectrax.figures.{name}")
    assert doctest.testmod(module).failed == 0


def test_importing_figures_loads_neither_matplotlib_nor_jax_nor_xarray():
    code = "import sys, spectrax.figures as f; f.strip('a'); print({'matplotlib', 'jax', 'xarray'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_drawing_leaves_the_global_settings_alone_and_needs_no_pyplot(values, tmp_path):
    before = dict(matplotlib.rcParams)
    figure = figures.draw(lambda result, axes: figures.trajectory(axes(), result), values, caption="n = 1")
    figures.save(figure, tmp_path / "a")
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


# colours


def test_colour_of_a_rate_depends_on_that_rate_alone():
    lightness = [np.dot([0.299, 0.587, 0.114], matplotlib.colors.to_rgb(figures.colour_of(r))) for r in RATES]
    assert np.all(np.diff(lightness) > 0)
    assert figures.colour_of(1e4) == figures.colour_of(1e7)


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf])
def test_colour_of_a_bad_rate_is_refused(rate):
    with pytest.raises(ValueError, match="must be positive and finite"):
        figures.colour_of(rate)


def test_an_optimizer_has_the_same_colour_whichever_others_are_present():
    alone = look.group_styles(Figure(), "optimizer", ["adam"])[0]
    assert look.group_styles(Figure(), "optimizer", ["sgd", "gd", "adam", "mine"])[2] == alone


def test_one_name_keeps_its_look_on_all_panels_of_a_figure():
    figure = Figure()
    first = look.group_styles(figure, "mask", ["random", "magnitude"])
    assert look.group_styles(figure, "mask", ["magnitude", "other"])[0] == first[1]


def test_different_names_never_share_colour_and_marker():
    styles = look.group_styles(Figure(), "mask", [f"m{i}" for i in range(20)])
    assert len({(s["color"], s["marker"]) for s in styles}) == 20


# spectrum


@pytest.mark.parametrize(("shape", "mass"), [((300, 200), 1.0), ((200, 300), 2 / 3)])
def test_histogram_area_is_one_minus_the_atom(shape, mass):
    ax = figures.canvas(7)()
    figures.spectrum(ax, Spectrum.of(gaussian(*shape)), BulkLaw(shape[1] / shape[0]))
    assert area(ax) == pytest.approx(mass, rel=1e-12)  # sums of 80 float64 terms


def test_atom_shows_predicted_and_measured_mass():
    ax = figures.canvas(7)()
    figures.spectrum(ax, Spectrum.of(gaussian(200, 300)), BulkLaw(1.5))
    assert "mass 0.333 at 0\nmeasured 0.333" in [t.get_text() for t in ax.texts]


def test_exact_zeros_in_an_array_are_the_atom_and_no_bin():
    ax = figures.canvas(7)()
    everything = np.concatenate([np.zeros(100), Spectrum.of(gaussian(200, 300)).values])
    figures.spectrum(ax, everything, BulkLaw(1.5))
    assert area(ax) == pytest.approx(2 / 3, rel=1e-12)  # as above


@pytest.mark.parametrize("log", [False, True])
def test_bins_end_at_the_band_edges_and_cover_the_data(log):
    drawn = np.sort(np.concatenate([np.linspace(0.5, 2, 200), np.linspace(4, 5, 200), [40.0]]))
    edges = bins.bin_edges(drawn, ((0.5, 2.0), (4.0, 5.0)), None, log)
    for end in (0.5, 2.0, 4.0, 5.0):
        assert np.min(np.abs(edges - end)) < 1e-12  # two float64 roundings of log10 and its inverse
    assert edges[0] <= drawn[0]
    assert edges[-1] >= drawn[-1]
    assert np.all(np.diff(edges) > 0)


@pytest.mark.parametrize(("extra", "scale"), [([], "linear"), ([7.0], "linear"), ([5e3], "log"),
                                              (np.geomspace(6, 1e5, 40), "loglog")])
@pytest.mark.parametrize("law", [None, BulkLaw(2 / 3)])
def test_scale_follows_what_lies_beyond_the_bulk(extra, scale, law):
    ax = figures.canvas(7)()
    figures.spectrum(ax, np.concatenate([Spectrum.of(gaussian(300, 200)).values, extra]), law)
    found = {("linear", "linear"): "linear", ("log", "linear"): "log", ("log", "log"): "loglog"}
    assert found[ax.get_xscale(), ax.get_yscale()] == scale


def test_density_on_a_log_axis_keeps_areas_and_meets_the_law():
    law, sample = BulkLaw(2 / 3), Spectrum.of(gaussian(900, 600))
    ax = figures.canvas(7)()
    figures.spectrum(ax, sample, law, scale="log")
    data = ax.patches[0].get_data()
    assert np.sum(data.values * np.diff(np.log10(data.edges))) == pytest.approx(1.0, rel=1e-12)  # float64 sum
    x, y = ax.lines[0].get_data()
    assert np.trapezoid(y, np.log10(x)) == pytest.approx(1.0, abs=1e-4)  # 400 cosine points: error about (pi/400)^2


def test_predicted_outliers_are_open_triangles_and_inside_the_frame():
    ax = figures.canvas(7)()
    figures.spectrum(ax, Spectrum.of(gaussian(300, 200)), outliers=[4.5], predicted=[8.0, np.nan])
    triangle = ax.lines[-1]
    assert triangle.get_xdata().tolist() == [8.0]
    assert triangle.get_markerfacecolor() == "none"
    assert ax.get_xlim()[1] > 8.0


@pytest.mark.parametrize("null", [3.4, (3.1, 3.5), lambda x: np.exp(-x), Spectrum.of(gaussian(30, 20))])
def test_spectrum_takes_every_form_of_null(null):
    axes = figures.canvas(7)
    figures.spectrum(axes(), Spectrum.of(gaussian(300, 200)), null=null)
    assert "null" in labels(axes.figure)


def test_pool_leaves_out_padding_and_counts_zeros():
    pool = figures.density.pooled([np.array([1.0, np.nan, 2.0]), np.array([3.0])], zeros=2)
    assert pool.values.tolist() == [1.0, 2.0, 3.0]
    assert pool.total == 7


def test_singular_values_against_a_law_of_eigenvalues_name_the_remedy():
    with pytest.raises(ValueError, match=r"pass spectrum\.squared\(\)"):
        figures.spectrum(figures.canvas(7)(), Spectrum.of(gaussian(30, 20)).singular_values(), BulkLaw(2 / 3))


@pytest.mark.parametrize("bad", [[], [np.nan, np.inf]])
def test_empty_spectrum_is_refused(bad):
    with pytest.raises(ValueError, match="at least one finite value"):
        figures.spectrum(figures.canvas(7)(), np.array(bad))


@pytest.mark.parametrize("odd", [[1.0], [0.0, 0.0], [2.0, 2.0, 2.0], [-1.0, 0.0, 1.0]])
@pytest.mark.parametrize("scale", ["auto", "linear"])
def test_degenerate_spectra_are_drawn(odd, scale, tmp_path):
    axes = figures.canvas(3.4)
    figures.spectrum(axes(), np.array(odd), scale=scale)
    figures.save(axes.figure, tmp_path / "odd")


# against, trajectory


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


def test_missing_runs_are_marked_on_the_frame(values):
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


def test_theory_by_group_is_drawn_for_each_group_and_named_once(values):
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
def test_every_form_of_null_is_drawn(values, null):
    axes = figures.canvas(7)
    figures.against(axes(), values.sel(step=5), by="optimizer", null=null)
    assert "null" in labels(axes.figure)


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


# phase map


def phases(values):
    return xarray.zeros_like(values.sel(optimizer="gd"))


def mesh(ax):
    return ax.collections[0].get_array()


def test_replicates_of_a_cell_share_its_area(values):
    codes = phases(values)
    codes[3, 0, 2] = 1
    ax = figures.canvas(7)()
    figures.phase_map(ax, codes)
    assert mesh(ax).shape == (9, 15)
    assert np.argwhere(mesh(ax) == 1).tolist() == [[3, 8]]  # row of rate 1, last of three stripes of step 2


def test_rates_that_diverged_throughout_keep_their_row(values):
    codes = phases(values)
    codes[8] = np.nan
    codes[7] = -1
    ax = figures.canvas(7)()
    figures.phase_map(ax, codes)
    assert np.all(mesh(ax)[7:] == 3)
    assert len(ax.get_yticks()) == 9


def test_counts_are_written_where_there_are_spikes(values):
    codes, counts = phases(values), phases(values)
    codes[3, :, 2] = 1
    counts[3, :, 2] = [1, 1, 3]
    ax = figures.canvas(7)()
    figures.phase_map(ax, codes, counts=counts, null=0)
    assert [(t.get_text(), *t.get_position()) for t in ax.texts] == [("1–3", 3.0, 3)]  # the null's column comes first


@pytest.mark.parametrize(("rate", "place"), [(1255.0, 6.5), (0.0465, 1.5), (1e-5, -0.5), (1e5, 8.5), (10.0, 4.0)])
def test_level_lies_between_the_rows_it_separates(values, rate, place):
    ax = figures.canvas(7)()
    figures.phase_map(ax, phases(values), lines={"critical": rate})
    assert ax.lines[0].get_ydata()[0] == place


def test_unknown_phase_is_refused(values):
    with pytest.raises(ValueError, match="codes must be 0, 1, 2"):
        figures.phase_map(figures.canvas(7)(), phases(values) + 5)


# strip, matrix


def test_strip_by_name_is_a_figure_function(values):
    function = figures.strip("test_loss", by="optimizer", at={"learning_rate": 1.0}, pairs=True)
    figure = figures.draw(function, {"test_loss": values}, caption="n = 1")
    dots = [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    np.testing.assert_array_equal(np.sort(dots[0].get_ydata()), np.sort(values.values[0, 3, :, -1]))
    assert function.__name__ == "test_loss"


def test_strip_says_how_many_runs_are_there(values):
    ax = figures.canvas(7)()
    figures.strip(ax, values.sel(learning_rate=3000.0))
    assert ax.get_xticklabels()[1].get_text() == "Adam\n2 of 3 runs"


def test_matrix_of_both_signs_is_centred_at_zero():
    ax = figures.canvas(7)()
    figures.matrix(ax, np.array([[-1.0, 0.2], [np.nan, 0.5]]), null=(-0.1, 0.1))
    assert ax.images[0].get_clim() == (-1.0, 1.0)
    assert [t.get_text() for t in ax.texts] == ["−1.00", "0.20", "0.50"]


def test_matrix_with_another_number_of_dimensions_is_refused():
    with pytest.raises(ValueError, match="two-dimensional"):
        figures.matrix(figures.canvas(7)(), np.ones(3))


# page


def test_panels_stack_on_a_column_and_keep_their_shape():
    axes = figures.canvas(3.4)(2, 2)
    assert axes.shape == (2, 2)
    assert [ax.get_subplotspec().rowspan.start for ax in axes.flat] == [0, 1, 2, 3]
    assert figures.canvas(7)(1, 3)[2].get_subplotspec().colspan.start == 2
    assert {ax.get_subplotspec().colspan.start for ax in figures.canvas(7)(1, 4)} == {0, 1}


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_everything_drawn_lies_inside_the_page(values, width):
    axes = figures.canvas(width, "a long caption with sizes, rates, steps and seeds " * 4)
    first, second = axes(1, 2)
    figures.against(first, values.sel(step=10), by="optimizer", lines={"critical rate": 0.05, "stability edge": 1500.0})
    figures.phase_map(second, phases(values), lines={"critical rate": 0.05})
    axes.figure.draw_without_rendering()
    box = axes.figure.get_tightbbox()
    inches = axes.figure.get_size_inches()
    assert inches[0] == width
    # half a line width, 0.01 in., may stick out at the frame
    assert box.x0 > -0.01
    assert box.y0 > -0.01
    assert box.x1 < inches[0] + 0.01
    assert box.y1 < inches[1] + 0.01


def test_key_grows_the_page_and_covers_no_panel(values):
    axes = figures.canvas(3.4)
    ax = axes()
    bare = axes.figure.get_figheight()
    figures.trajectory(ax, values)
    axes.figure.draw_without_rendering()
    key_box = axes.figure.legends[0].get_window_extent()
    assert axes.figure.get_figheight() > bare
    assert key_box.y0 > ax.get_window_extent().y1


def test_panels_draw_on_anybodys_axes(values, tmp_path):
    figure = Figure()
    ax = figure.add_subplot()
    figures.against(ax, values.sel(step=5), by="optimizer")
    figures.save(figure, tmp_path / "plain")
    assert [text.get_text() for text in ax.get_legend().get_texts()][:2] == ["GD", "Adam"]


def test_redrawn_figure_is_saved_with_the_same_bytes(values, tmp_path):
    def once(stem):
        figure = figures.draw(lambda r, axes: figures.trajectory(axes(), r), values, width=3.4, caption="n = 1")
        return [path.read_bytes() for path in figures.save(figure, stem)]

    assert once(tmp_path / "new" / "folder" / "v1.0") == once(tmp_path / "b")
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == ["v1.0.pdf", "v1.0.png"]


def test_png_has_200_dots_per_inch(tmp_path):
    axes = figures.canvas(3.4)
    axes()
    png, _ = figures.save(axes.figure, tmp_path / "a")
    assert matplotlib.image.imread(png).shape[1] == 680


def test_caption_is_wrapped_to_the_width():
    text = "n = 2000, d = 1000, h = 1500, rates $a b c$ and many more words " * 3
    lines = page.wrap(text, 7.0, 3.0).split("\n")
    assert len(lines) > 3
    assert max(look.text_width(line, 7.0) for line in lines) <= 3.0
    assert " ".join(lines).split() == text.split()


def test_a_second_call_of_axes_and_a_figure_before_the_first_are_refused():
    axes = figures.canvas(7)
    with pytest.raises(RuntimeError, match="must be called before"):
        _ = axes.figure
    axes()
    with pytest.raises(RuntimeError, match="called once"):
        axes()


@pytest.mark.parametrize("width", [0.0, np.nan, 100.0])
def test_widths_that_fit_no_paper_are_refused(width):
    with pytest.raises(ValueError, match="width must be"):
        figures.canvas(width)
