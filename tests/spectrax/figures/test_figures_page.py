"""A page keeps its width, hides nothing, and redrawn is the same page."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from spectrax import figures
from spectrax.figures import look, page


def test_panels_stack_on_a_column_and_keep_their_shape():
    axes = figures.canvas(3.4)(2, 2)
    assert axes.shape == (2, 2)
    assert [ax.get_subplotspec().rowspan.start for ax in axes.flat] == [0, 1, 2, 3]
    assert figures.canvas(7)(1, 3)[2].get_subplotspec().colspan.start == 2
    assert {ax.get_subplotspec().colspan.start for ax in figures.canvas(7)(1, 4)} == {0, 1}


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_everything_drawn_lies_inside_the_page(values, codes, width):
    axes = figures.canvas(width, "a long caption with sizes, rates, steps and seeds " * 4)
    first, second = axes(1, 2)
    figures.against(first, values.sel(step=10), by="optimizer", lines={"critical rate": 0.05, "stability edge": 1500.0})
    figures.phase_map(second, codes, lines={"critical rate": 0.05})
    axes.figure.set_dpi(200)  # as saved: at fewer dots hinting widens text
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


def test_titles_have_the_font_of_the_page_whoever_sets_them():
    ax = figures.canvas(3.4)()
    title = ax.set_title("GD")
    assert ax.get_title(loc="left") == "GD"
    assert title.get_size() == look.font_of(ax) + 0.5


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
