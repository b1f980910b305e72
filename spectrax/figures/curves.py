"""Value against an axis: `against` for any axis and grouping, `trajectory` for values over steps coloured by rate."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.figures import key, look, marks
from spectrax.figures.tables import Table, summarise, table_of
from spectrax.figures.theory import theory_curves

Lines = Mapping[str, float]

DODGE = 0.16  # between the marks of several groups at one category, categories being 1 apart


@look.panel
def against(ax: Any, data: Any, x: str = "learning_rate", by: str | None = None, *, theory: Any = None,
            null: Any = None, null_name: str = "null", spread: str = "replicate", centre: str = "median",
            log: str = "auto", lines: Lines | None = None) -> None:
    """Draw values against the axis `x`: one line per value of `by`, centre and spread over the dimension `spread`.

    data: DataArray with the dimensions x, optionally by and spread, all others of size 1; non-finite entries are
    missing runs, and a cross on the frame marks positions where some runs have a value and some don't.
    centre: "median" with a min-max band, or "mean" with +- one standard error; which one stands in the key.
    theory: thin dark line; a callable of x, a DataArray, values (m,), (x, values) with a grid of their own, or a
    mapping from values of `by` (or of x) to one of these. null: number, (lo, hi) or callable of x, drawn in grey;
    null_name: what it is, for the key ("null": what chance alone gives). lines: label -> position of a vertical line.
    log: "auto" or the letters of the log axes. Raises ValueError for a dimension that is missing or was not narrowed
    down, and for an unknown centre.

    >>> import numpy as np, xarray
    >>> from spectrax.figures import canvas
    >>> loss = xarray.DataArray(np.ones((3, 2)), {"learning_rate": [0.1, 1.0, 10.0]}, ("learning_rate", "replicate"))
    >>> ax = canvas(3.4)()
    >>> against(ax, loss, theory=lambda rate: rate / rate, lines={"critical": 0.5})
    >>> ax.get_xscale(), ax.get_xlabel()
    ('log', 'learning rate $\\\\eta$')
    """
    table = table_of(data, x, [by] if by else [], spread)
    names = [group[0] for group in table.groups] if by else [None]
    plain = [{"color": look.PALETTE[0], "marker": "o"}]
    styles = look.group_styles(ax.figure, by, names) if by else plain
    if by:
        key.add(ax, {_group_name(by, name): key.line(**style) for name, style in zip(names, styles, strict=True)})
    _draw(ax, data, x, table, [{"linestyle": "-", **style} for style in styles], spread, centre, log)
    _add_marks(ax, table, by, names, styles, theory=theory, null=(null, null_name), lines=lines,
               centre=centre)


@look.panel
def trajectory(ax: Any, data: Any, x: str = "step", by: str = "learning_rate", *, style_by: str = "optimizer",
               theory: Any = None, null: Any = None, null_name: str = "null", spread: str = "replicate",
               centre: str = "median", log: str = "auto", lines: Lines | None = None) -> None:
    """Draw values over steps: colour and marker per learning rate (`colour_of`), line style per optimizer.

    data: DataArray with the dimensions x and by, optionally style_by and spread. theory: a callable of x, a DataArray,
    values, or a mapping from values of `by` to one of these. Everything else, and what raises, as in `against`.
    """
    second = [style_by] if style_by in getattr(data, "dims", ()) and data.sizes[style_by] > 1 else []
    table = table_of(data, x, [by, *second], spread)
    names = list(dict.fromkeys(group[0] for group in table.groups))
    styles = look.group_styles(ax.figure, by, names)
    kinds = list(dict.fromkeys(group[1] for group in table.groups)) if second else []
    dashes = {kind: look.LINESTYLES[i % len(look.LINESTYLES)] for i, kind in enumerate(kinds)}
    each = [{**styles[names.index(group[0])], "linestyle": dashes.get(group[-1], "-")} for group in table.groups]
    key.add(ax, {look.number(kind): key.line(color="#555555", linestyle=dash) for kind, dash in dashes.items()})
    key.add(ax, {_group_name(by, name): key.line(**style) for name, style in zip(names, styles, strict=True)})
    _draw(ax, data, x, table, each, spread, centre, log)
    _add_marks(ax, table, by, names, styles, theory=theory, null=(null, null_name), lines=lines,
               centre=centre)


def _draw(ax, data, x, table: Table, styles, spread, centre, log):
    """Curves with their bands, axes with labels and scales, and what the band is in the key."""
    for index, (samples, style) in enumerate(zip(table.values, styles, strict=True)):
        beside = 0.0 if table.numeric else DODGE * (index - (len(styles) - 1) / 2)
        _curve(ax, table.places + beside, summarise(samples, centre), style, joined=table.numeric)
    ax.set_xlabel(look.axis_label(x, data.coords[x] if x in data.coords else None))
    ax.set_ylabel(look.axis_label(str(data.name or "value"), data))
    marks.scale_axes(ax, log, x, table.places, table.values)
    if not table.numeric:
        ax.set_xticks(table.places, [look.number(position) for position in table.positions])
        ax.set_xlim(-0.5, table.positions.size - 0.5)
    elif ax.get_xscale() == "linear" and table.positions.dtype.kind in "iu":
        if 1 < table.positions.size <= 8:
            ax.set_xticks(table.positions)
        marks.whole(ax.xaxis)  # no 2.5 among steps
    elif ax.get_xscale() == "log" and 1 < table.positions.size <= 8 and _decades(table.places) < 2:
        ax.set_xticks(table.places, [look.number(position) for position in table.positions])
        ax.set_xticks([], minor=True)
    runs = table.values.shape[-1]
    if runs > 1:
        what = f"{runs} runs" if spread == "replicate" else f"{runs} {spread}s"
        words = f"median, range of {what}" if centre == "median" else f"mean ± s.e. of {what}"
        key.add(ax, {words: key.patch(color="#777777", alpha=0.25, linewidth=0)})


def _decades(places):
    return np.log10(places.max() / places.min())


def _curve(ax, places, summary, style, joined=True):
    """One line with its band; positions without any run are passed over, since grids of several groups interleave.

    Categories have no order, so nothing joins them: marks with their bars.
    """
    there = summary.runs > 0
    x, low, high, colour = places[there], summary.low[there], summary.high[there], style["color"]
    sparse = max(1, x.size // 15)  # markers of a long trace would hide it
    drawn = style if joined else {**style, "linestyle": "none"}
    ax.plot(x, summary.middle[there], zorder=2.5, markeredgewidth=0, markevery=sparse, **drawn)
    if np.any(high > low):
        if joined:
            ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, zorder=2)
        ax.vlines(x[::sparse], low[::sparse], high[::sparse], color=colour, alpha=0.55, linewidth=0.8, zorder=2)
    partial = there & (summary.runs < summary.runs.max(initial=0))
    if partial.any():
        cross = dict(marker="x", linestyle="none", markersize=4.5)
        frame = ax.get_xaxis_transform()
        zero = np.zeros(int(partial.sum()))
        ax.plot(places[partial], zero, transform=frame, clip_on=False, zorder=5, color=colour, **cross)
        key.add(ax, {"runs missing": key.line(color=look.INK, **cross)})


def _add_marks(ax, table: Table, by, names, styles, *, theory, null, lines, centre):
    owner = [next(i for i, group in enumerate(table.groups) if not by or group[0] == name) for name in names]
    log = ax.get_xscale() == "log"
    for index, x, y in theory_curves(theory, table.places, names, table.values[owner], by, log):
        several = index is not None and len(names) > 1
        ax.plot(x, y, color=look.darker(styles[index]["color"]) if several else look.INK, linewidth=0.9, zorder=3)
        key.add(ax, {"theory": key.line(color=look.INK, linewidth=0.9)})
    marks.draw_null(ax, null[0], table.places, null[1])
    marks.whole_ticks(ax, table.values, null[0], table.places)
    shown = {label: v for label, v in (lines or {}).items() if np.isfinite(v) and (v > 0 or not log)}
    if shown:
        low, high = ax.get_xlim()
        ax.set_xlim(*_widened(low, high, shown.values(), log))
        middles = np.array([summarise(samples, centre).middle for samples in table.values])
        marks.draw_lines(ax, shown, table.places, middles)


def _widened(low, high, values, log):
    """Axis limits that hold the values with a little room beside them."""
    to, back = (np.log, np.exp) if log else (float, float)
    a, b = to(low), to(high)
    margin = 0.04 * (b - a)
    return back(min(a, to(min(values)) - margin)), back(max(b, to(max(values)) + margin))


def _group_name(dimension, value):
    if dimension == "learning_rate":
        return rf"$\eta$ = {look.number(value)}"
    words = dimension.replace("_", " ")
    return f"{words} {look.number(value)}" if isinstance(value, int | float) else look.number(value)
