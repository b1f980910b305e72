"""Looks belong to names and rates, imports stay light, examples hold."""

import doctest
import importlib
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from spectrax import figures
from spectrax.figures import look

RATES = [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0, 2000.0, 3000.0]
MODULES = ("look", "key", "marks", "tables", "theory", "curves", "bins", "density", "phases", "groups", "heat", "page")


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


def test_colour_of_a_rate_depends_on_that_rate_alone():
    lightness = [np.dot([0.299, 0.587, 0.114], matplotlib.colors.to_rgb(figures.colour_of(r))) for r in RATES]
    assert np.all(np.diff(lightness) > 0)
    assert figures.colour_of(1e4) == figures.colour_of(1e7)
    assert figures.colour_of(1.0) == matplotlib.colors.to_hex(matplotlib.colormaps["viridis"](0.93 / 2))


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
