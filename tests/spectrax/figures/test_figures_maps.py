"""Phase maps show each replicate, strips each run, heat maps their sign."""

import numpy as np
import pytest

from spectrax import figures
from spectrax.figures import strip


def mesh(ax):
    return ax.collections[0].get_array()


def test_replicates_of_a_cell_share_its_area(codes):
    codes[3, 0, 2] = 1
    ax = figures.canvas(7)()
    figures.phase_map(ax, codes)
    assert mesh(ax).shape == (9, 15)
    assert np.argwhere(mesh(ax) == 1).tolist() == [[3, 8]]  # row of rate 1, last of three stripes of step 2


def test_rates_that_diverged_throughout_keep_their_row(codes):
    codes[8] = np.nan
    codes[7] = -1
    ax = figures.canvas(7)()
    figures.phase_map(ax, codes)
    assert np.all(mesh(ax)[7:] == 3)
    assert len(ax.get_yticks()) == 9


def test_counts_are_written_where_there_are_spikes(codes):
    counts = codes.copy()
    codes[3, :, 2] = 1
    counts[3, :, 2] = [1, 1, 3]
    ax = figures.canvas(7)()
    figures.phase_map(ax, codes, counts=counts, null=0)
    assert [(t.get_text(), *t.get_position()) for t in ax.texts] == [("1–3", 3.0, 3)]  # the null's column comes first


@pytest.mark.parametrize(("rate", "place"), [(1255.0, 6.5), (0.0465, 1.5), (1e-5, -0.5), (1e5, 8.5), (10.0, 4.0)])
def test_level_lies_between_the_rows_it_separates(codes, rate, place):
    ax = figures.canvas(7)()
    figures.phase_map(ax, codes, lines={"critical": rate})
    assert ax.lines[0].get_ydata()[0] == place


def test_unknown_phase_is_refused(codes):
    with pytest.raises(ValueError, match="codes must be 0, 1, 2"):
        figures.phase_map(figures.canvas(7)(), codes + 5)



def test_strip_by_name_is_a_figure_function(values):
    function = strip("test_loss", by="optimizer", at={"learning_rate": 1.0}, pairs=True)
    figure = figures.draw(function, {"test_loss": values}, caption="n = 1")
    dots = [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    np.testing.assert_array_equal(np.sort(dots[0].get_ydata()), np.sort(values.values[0, 3, :, -1]))
    assert function.__name__ == "test_loss"


def test_strip_says_how_many_runs_are_there(values):
    ax = figures.canvas(7)()
    strip(ax, values.sel(learning_rate=3000.0))
    assert ax.get_xticklabels()[1].get_text() == "Adam\n2 of 3 runs"


def test_matrix_of_both_signs_is_centred_at_zero():
    ax = figures.canvas(7)()
    figures.matrix(ax, np.array([[-1.0, 0.2], [np.nan, 0.5]]), null=(-0.1, 0.1))
    assert ax.images[0].get_clim() == (-1.0, 1.0)
    assert [t.get_text() for t in ax.texts] == ["−1.00", "0.20", "0.50"]


def test_matrix_with_another_number_of_dimensions_is_refused():
    with pytest.raises(ValueError, match="two-dimensional"):
        figures.matrix(figures.canvas(7)(), np.ones(3))
