"""The key of a figure: one legend above all panels, where it covers no data; panels add what they draw to it."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from spectrax.figures import look


def add(ax: Any, entries: Mapping[str, Any]) -> None:
    """Add labelled handles to the key of the Axes' figure; a label that is there already is kept as it is.

    On a figure with constrained layout the key lies outside the panels, above them, and a figure of `canvas` grows by
    the lines that it takes; elsewhere it is a legend of the Axes, above its frame.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = ax.figure
    shared = isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)
    owner = figure if shared else ax
    known: dict[str, Any] = owner.__dict__.setdefault("_key_entries", {})
    before = len(known)
    for label, handle in entries.items():
        known.setdefault(label, handle)
    if len(known) == before:
        return
    font = look.font_of(ax) - 0.5
    room = figure.get_size_inches()[0] * (1.0 if shared else ax.get_position().width)
    labels = sorted(known, key=lambda label: look.text_width(label, font) > 8 * font / 72)  # long ones share a column
    handles = [known[label] for label in labels]
    columns = _columns(labels, font, room)
    look_of_it = dict(ncols=columns, frameon=False, fontsize=font, handlelength=1.9, columnspacing=1.3,
                      handletextpad=0.5, borderaxespad=0.2, borderpad=0.1, labelspacing=0.3)
    if not shared:
        ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), **look_of_it)
        return
    if "_key" in figure.__dict__:
        figure.__dict__["_key"].remove()
    figure.__dict__["_key"] = figure.legend(handles, labels, loc="outside upper center", **look_of_it)
    _grow(figure, -(-len(known) // columns), font)


def line(**style: Any) -> Any:
    """Handle of a line or of a marker (`linestyle="none"`)."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **style)


def patch(**style: Any) -> Any:
    """Handle of a filled area."""
    from matplotlib.patches import Patch

    return Patch(**style)


def _columns(labels, font, room):
    """Most columns whose widths, each that of its longest label, fit into `room` inches; filled column by column."""
    widths = [look.text_width(label, font) + 3.7 * font / 72 for label in labels]
    for columns in range(len(labels), 1, -1):
        rows, longer = divmod(len(labels), columns)
        ends = [rows * i + min(i, longer) for i in range(columns + 1)]
        if sum(max(widths[a:b]) for a, b in pairwise(ends)) <= room - 0.1:
            rows = -(-len(labels) // columns)
            return -(-len(labels) // rows)
    return 1


def _grow(figure, rows, font):
    """Give the key's lines height of their own, so that the panels keep theirs (pages of `canvas` only)."""
    if "_page" not in figure.__dict__:
        return
    height = rows * 1.45 * font / 72
    figure.set_figheight(figure.get_figheight() + height - figure.__dict__.get("_key_height", 0.0))
    figure.__dict__["_key_height"] = height
