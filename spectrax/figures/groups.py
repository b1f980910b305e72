"""Replicates per category: one dot per run, a bar at the median, pairs joined where runs share their data."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spectrax.figures import key, look, marks
from spectrax.figures.tables import table_of


def strip(where: Any, data: Any = None, by: str = "optimizer", *, null: Any = None, null_name: str = "null",
          spread: str = "replicate", pairs: bool = False, log: str = "",
          at: Mapping[str, Any] | None = None) -> Callable[..., None] | None:
    """Draw the distribution over replicates for each value of `by`: a dot per run, a bar at the median.

    where: an Axes, with data a DataArray with the dimensions by and spread; or the name of a variable of a result: then
    a figure function `fn(result, axes)` comes back, for the FIGURES of an experiment. A dimension step that is left
    over is taken at its last entry; `at` narrows others. pairs: join the dots of one replicate by a grey line. null:
    number, (lo, hi) or callable of the positions; null_name: what it is, for the key. log: "y" for a log axis. Raises
    ValueError as `against` does.

    >>> strip("test_loss", by="optimizer").__name__
    'test_loss'
    """
    if not isinstance(where, str):
        return _draw(where, data, by, (null, null_name), spread, pairs, log, at)

    def figure(result: Any, axes: Callable[..., Any]) -> None:
        _draw(axes(), result[where], by, (null, null_name), spread, pairs, log, at)

    figure.__name__ = where
    figure.__doc__ = f"Distribution of {where.replace('_', ' ')} over {spread}s for each {by.replace('_', ' ')}."
    return figure


@look.panel
def _draw(ax, data, by, null, spread, pairs, log, at):
    if at:
        data = data.sel(at)
    if "step" in getattr(data, "dims", ()) and by != "step":
        data = data.isel(step=-1)
    table = table_of(data.expand_dims("_one") if hasattr(data, "dims") else data, "_one", [by], spread)
    names, samples = [group[0] for group in table.groups], table.values[:, 0, :]
    styles = look.group_styles(ax.figure, by, names)
    places = np.arange(len(names), dtype=float)
    if pairs:
        ax.plot(places, samples, color="#bbbbbb", linewidth=0.6, zorder=1)
    for place, values, style in zip(places, samples, styles, strict=True):
        there = values[np.isfinite(values)]
        beside = place + (0.0 if pairs else 1.0) * _sideways(there)
        ax.plot(beside, there, linestyle="none", markersize=3.4, markeredgewidth=0, alpha=0.8, zorder=2, **style)
        if there.size:
            ax.hlines(np.median(there), place - 0.22, place + 0.22, color=look.INK, linewidth=1.2, zorder=3)
    ax.set_xticks(places, [_named(n, values) for n, values in zip(names, samples, strict=True)])
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_xlabel(look.axis_label(by) if by != "optimizer" else "")
    ax.set_ylabel(look.axis_label(str(data.name or "value"), data))
    marks.scale_axes(ax, log, by, places, samples)
    marks.draw_null(ax, null[0], places, null[1])
    marks.whole_ticks(ax, samples, null[0], places)
    key.add(ax, {f"one dot per {spread}, bar: median": key.line(color="#555555", marker="o", linestyle="none")})


def _named(name, values):
    there = int(np.isfinite(values).sum())
    return look.number(name) + (f"\n{there} of {values.size} runs" if there < values.size else "")


def _sideways(values):
    """Offsets that keep equal values apart: runs next to each other in rank alternate around the middle. Shape (n,)."""
    pattern = np.array([0.0, 0.5, -0.5, 1.0, -1.0])
    ranks = np.argsort(np.argsort(values))
    return 0.13 * pattern[ranks % pattern.size] if values.size > 1 else np.zeros(values.size)
