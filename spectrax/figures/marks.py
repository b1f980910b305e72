"""Marks that several panels share: the null band, labelled lines at critical rates, the choice of a log axis."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.figures import key, look


def draw_null(ax: Any, null: Any, x: np.ndarray, name: str = "null") -> None:
    """Draw what values are compared with over the positions x (m,): a light grey band or line, `name` in the key.

    null: a number (level), (lo, hi) with numbers or arrays (m,), an array (m,), or a callable of x that returns one of
    these. Raises ValueError for another shape.
    """
    if null is None:
        return
    values = null(x) if callable(null) else null
    if isinstance(values, tuple | list) and len(values) == 2:
        low, high = (np.broadcast_to(np.asarray(v, float), x.shape) for v in values)
        if np.ndim(values[0]) == 0 and np.ndim(values[1]) == 0:
            ax.axhspan(low[0], high[0], color=look.NULL, alpha=0.6, linewidth=0, zorder=0)
        else:
            ax.fill_between(x, low, high, color=look.NULL, alpha=0.6, linewidth=0, zorder=0)
        key.add(ax, {name: key.patch(color=look.NULL, alpha=0.6, linewidth=0)})
        return
    level = np.asarray(values, float)
    if level.shape == (2, x.size) or (level.shape == (2,) and x.size != 2):
        return draw_null(ax, (level[0], level[1]), x, name)
    if level.ndim == 0:
        ax.axhline(float(level), color="#a8a8a8", linewidth=1.4, zorder=0)
    elif level.shape == x.shape:
        ax.plot(x, level, color="#a8a8a8", linewidth=1.4, zorder=0)
    else:
        raise ValueError(f"null must be a number, (lo, hi) or one value per position; got shape {level.shape} "
                         f"for {x.size} positions. Pass (lo, hi) or a callable of x.")
    key.add(ax, {name: key.line(color="#a8a8a8", linewidth=1.4)})


def whole_ticks(ax: Any, y: np.ndarray, null: Any, x: np.ndarray) -> None:
    """Integer ticks on a linear y axis where the values y (NaN left out) are counts: all whole, and so is the null."""
    null = null(x) if callable(null) else null
    levels = () if null is None else null if isinstance(null, tuple | list) else (null,)
    every = np.concatenate([np.ravel(np.asarray(v, float)) for v in (y, *levels)])
    if ax.get_yscale() == "linear" and np.all(np.mod(every[np.isfinite(every)], 1) == 0):
        whole(ax.yaxis, min_n_ticks=1)  # 1: where all counts are equal


def whole(axis: Any, **options: Any) -> None:
    """Integer ticks where an axis chooses its ticks itself; those that were set stay."""
    from matplotlib.ticker import MaxNLocator

    if isinstance(axis.get_major_locator(), MaxNLocator):
        axis.get_major_locator().set_params(integer=True, **options)


def draw_lines(ax: Any, lines: Mapping[str, float], x: np.ndarray, curves: np.ndarray) -> None:
    """Draw labelled vertical lines, label -> position; a label stands along its line, where fewer data are.

    x (m,), curves (k, m): what is drawn, in data coordinates, NaN allowed. Call it after limits and scales are set.
    """
    font = look.font_of(ax) - 1.0
    width, height = ax.get_window_extent().size / ax.figure.dpi
    cloud = [_in_axes(ax, x, curve) for curve in curves]
    given = sorted(lines.items(), key=lambda item: item[1])
    places = [_in_axes(ax, np.array([v]), np.array([ax.get_ylim()[1]]))[0, 0] * width for _, v in given]
    strip = 1.5 * font / 72
    for index, (label, position) in enumerate(given):
        ax.axvline(position, color="#777777", linewidth=0.8, linestyle=look.LINESTYLES[1 + index % 3], zorder=1)
        before = places[index - 1] if index else 0.0
        after = places[index + 1] if index + 1 < len(places) else width + strip
        crowded = places[index] - before < strip * (2 if index > 1 else 1)  # the one before may stand on this side
        beside = 1 if crowded and after - places[index] >= strip else -1
        at = places[index] + 0.5 * beside * strip
        length = 1.25 * look.text_width(label, font) / height  # the layout comes later and makes the panel lower
        near = [c[np.abs(c[:, 0] * width - at) < 0.6 * strip, 1] for c in cloud]
        near = np.concatenate(near) if near else np.zeros(0)
        covered = [int(np.sum((near > end - length) & (near < end + 0.02))) for end in (0.98, 0.5 + length / 2, length)]
        height_there, anchor = ((0.98, "top"), (0.5, "center"), (0.02, "bottom"))[int(np.argmin(covered))]
        ax.annotate(label, (position, height_there), xycoords=("data", "axes fraction"), rotation=90,
                    xytext=(2 * beside, 0), textcoords="offset points", ha="left" if beside > 0 else "right",
                    va=anchor, fontsize=font, color="#555555", zorder=4,
                    bbox=dict(facecolor="white", alpha=0.75, linewidth=0, pad=0.3))


def _in_axes(ax, x, y):
    """Axes fractions (points, 2) of a polyline, filled in between its corners."""
    there = np.isfinite(y)
    corners = ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([x[there], y[there]])))
    if len(corners) < 2:
        return corners.reshape(-1, 2)
    fine = np.linspace(0, len(corners) - 1, 40 * len(corners))
    return np.column_stack([np.interp(fine, np.arange(len(corners)), corners[:, i]) for i in (0, 1)])


def scale_axes(ax: Any, log: str, x_name: str, x: np.ndarray, y: np.ndarray) -> None:
    """Set log axes. log: "auto", or the letters of the log axes among "x" and "y" ("" for none).

    "auto": x for learning rates and for positive values over a factor of 30 and more, symmetric-log where they start at
    0 (steps); y for positive values over a factor of 50. Raises ValueError for another string.
    """
    if log != "auto" and not set(log) <= {"x", "y"}:
        raise ValueError(f"log must be 'auto' or made of the letters x and y; got {log!r}.")
    finite = y[np.isfinite(y)]
    numeric = x.size > 0 and np.issubdtype(x.dtype, np.number)
    if log == "auto":
        wants_x = numeric and (x_name == "learning_rate" or x.max() >= 30 * max(x.min(), 1))
        wants_y = finite.size > 0 and finite.min() > 0 and finite.max() > 50 * finite.min()
    else:
        wants_x, wants_y = numeric and "x" in log, "y" in log
    if wants_x and x.min() > 0:
        ax.set_xscale("log")
    elif wants_x and x.min() == 0:
        ax.set_xscale("symlog", linthresh=1.0, linscale=0.5)
    if wants_y and finite.size and finite.min() > 0:
        ax.set_yscale("log")
    elif wants_y and finite.size:
        smallest = np.abs(finite[finite != 0]).min() if np.any(finite) else 1.0
        ax.set_yscale("symlog", linthresh=float(smallest))
