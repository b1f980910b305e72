"""A page: the panels of one figure at a paper's width, a caption below, and the figure saved as PNG and PDF."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spectrax.figures import look

NARROWEST = 1.9  # inches that a panel needs; more columns than fit go into further rows
DPI = 200


class Canvas:
    """Lays out the Axes of one figure; `canvas` makes it. Call it once; `figure` is the Figure afterwards."""

    def __init__(self, width: float, caption: str, font: float):
        self.width, self.caption, self.font = width, caption, font
        self._figure: Any = None

    @property
    def figure(self) -> Any:
        """The matplotlib Figure. Raises RuntimeError before the canvas was called."""
        if self._figure is None:
            raise RuntimeError("axes() must be called before `figure`; got no call. Call it in the figure function.")
        return self._figure

    def __call__(self, rows: int = 1, cols: int = 1, *, height: float | None = None, share: str = "") -> Any:
        """One Axes, or an array of Axes: (cols,) or (rows,) where the other is 1, else (rows, cols).

        height: of one row of panels in inches, 0.62 of a panel's width within 1.8 to 2.6 where None. share: "x", "y" or
        "xy": axes that all panels have in common. Columns that would be narrower than 1.9 inches are stacked into
        further rows; the array keeps its shape. Raises RuntimeError at the second call, ValueError for no panels.
        """
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        if self._figure is not None:
            raise RuntimeError("axes() must be called once; got a second call. Ask for all panels: axes(rows, cols).")
        if rows < 1 or cols < 1:
            raise ValueError(f"rows and cols must be at least 1; got {rows} and {cols}.")
        across = max(1, min(cols, int(self.width // NARROWEST)))
        across = -(-cols // (-(-cols // across)))  # filled evenly: 4 columns of which 3 fit become 2 + 2
        down = rows * -(-cols // across)
        panel = height or float(np.clip(0.62 * self.width / across, 1.8, 2.6))
        with matplotlib.rc_context(look.settings(self.font)):
            caption = wrap(self.caption, self.font - 1.0, self.width - 0.15)
            extra = (caption.count("\n") + 1) * 1.3 * (self.font - 1.0) / 72 if caption else 0.0
            engine = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.04)
            figure = Figure(figsize=(self.width, down * panel + extra), layout=engine)
            figure.__dict__["_page"] = True
            grid = figure.add_gridspec(down, across)
            panels = np.empty(rows * cols, dtype=object)
            for i in range(rows * cols):
                row, col = divmod(i, cols)
                place = grid[row * (down // rows) + col // across, col % across]
                first = panels[0] if i else None
                panels[i] = figure.add_subplot(place, sharex=first if "x" in share else None,
                                               sharey=first if "y" in share else None)
                # a title takes its size from the settings of the moment it is set: make these the page's
                panels[i].__dict__["set_title"] = look.panel(type(panels[i]).set_title).__get__(panels[i])
            if caption:
                small = dict(fontsize=self.font - 1.0, color="#555555", linespacing=1.15)
                figure.supxlabel(caption, x=0.01, ha="left", **small)
        self._figure = figure
        if rows * cols == 1:
            return panels[0]
        return panels.reshape(rows, cols) if rows > 1 and cols > 1 else panels


def canvas(width: float = 7.0, caption: str = "", font: float | None = None) -> Canvas:
    """A page of `width` inches (3.4 a column, 7 a page) whose height follows from its panels; call it for the Axes.

    caption: the line of sizes, rates, steps, seeds and spread; written small below the panels, wrapped to the width.
    font: base size in points, 7.5 on a column and 8.5 on a page where None. Raises ValueError for a width below 2.

    >>> axes = canvas(3.4, "n = 2000, d = 1000, h = 1500, 3 replicates")
    >>> [ax.get_subplotspec().rowspan.start for ax in axes(1, 3)]
    [0, 1, 2]
    """
    if not (np.isfinite(width) and 2.0 <= width <= 40.0):
        raise ValueError(f"width must be in inches, from 2 to 40; got {width}. Use 3.4 for a column, 7 for a page.")
    return Canvas(float(width), caption, float(font or (7.5 if width < 5 else 8.5)))


def draw(figure_function: Callable[[Any, Canvas], Any], result: Any, *, width: float = 7.0,
         caption: str | None = None) -> Any:
    """Figure of a stored result: calls `figure_function(result, axes)` under the page's style.

    caption: `result.caption()` where None. Titles and texts that the function adds itself get the page's fonts. Raises
    RuntimeError where the function doesn't call axes().
    """
    import matplotlib

    axes = canvas(width, result.caption() if caption is None else caption)
    with matplotlib.rc_context(look.settings(axes.font)):
        figure_function(result, axes)
    return axes.figure


def save(figure: Any, stem: str | Path) -> list[Path]:
    """Write stem.png (200 dpi) and stem.pdf (vectors), making folders; a figure drawn again gives the same bytes.

    Raises OSError where the folder can't be written.
    """
    import matplotlib

    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(stem.name + end) for end in (".png", ".pdf")]
    font = look.font_of(figure.axes[0]) if figure.axes else 8.0
    with matplotlib.rc_context(look.settings(font)):
        figure.savefig(paths[0], dpi=DPI, metadata={"Software": None})
        engine = figure.get_layout_engine()
        figure.set_layout_engine("none")  # the panels stay where the first file has them: laying out takes a third
        try:
            figure.savefig(paths[1], metadata={"CreationDate": None, "Creator": None, "Producer": None})
        finally:
            figure.set_layout_engine(engine)
    return paths


def wrap(text: str, font: float, width: float) -> str:
    """The text broken into lines of at most `width` inches; formulas between dollars stay whole."""
    lines, current = [], ""
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", text):
        longer = f"{current} {word}" if current else word
        if current and look.text_width(longer, font) > width:
            lines.append(current)
            current = word
        else:
            current = longer
    return "\n".join([*lines, current]) if current else ""
