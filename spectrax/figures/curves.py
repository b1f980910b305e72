"""Value against an axis: `against` for any axis and grouping, `trajectory` for values over steps coloured by rate."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from spectrax.figures import key, look, marks
from spectrax.figures.theory import theory_curves


class Summary(NamedTuple):
    """Centre and spread over runs at each position, all of shape (m,), NaN where no run has a value; `runs` counts."""

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: np.ndarray


@look.panel
def against(ax: Any, data: Any, x: str = "learning_rate", by: str | None = None, *, theory: Any = None,
            null: Any = None, spread: str = "replicate", centre: str = "median", log: str = "auto",
            lines: Mapping[str, float] | None = None) -> None:
    """Draw values against the axis `x`: one line per value of `by`, centre and spread over the dimension `spread`.

    data: DataArray with the dimensions x, optionally by and spread, all others of size 1; non-finite entries are
    missing runs, and a cross on the frame marks positions where some runs have a value and some don't.
    centre: "median" with a min-max band, or "mean" with +- one standard error; which one stands in the key.
    theory: thin dark line; a callable of x, a DataArray, values (m,), (x, values) with a grid of their own, or a mapping
    from values of `by` (or of x) to one of these. null: number, (lo, hi) or callable of x. lines: label -> position of
    a vertical line. log: "auto" or the letters of the log axes. Raises ValueError for a dimension that is missing or
    was not narrowed down, and for an unknown centre.

    >>> import numpy as np, xarray
    >>> from spectrax.figures import canvas
    >>> loss = xarray.DataArray(np.ones((3, 2)), {"learning_rate": [0.1, 1.0, 10.0]}, ("learning_rate", "replicate"))
    >>> ax = canvas(3.4)()
    >>> against(ax, loss, theory=lambda rate: rate / rate, lines={"critical": 0.5})
    >>> ax.get_xscale(), ax.get_xlabel()
    ('log', 'learning rate $\\\\eta$')
    """
    positions, groups, table = table_of(data, x, [by] if by else [], spread)
    styles = look.group_styles(ax.figure, by, [g[0] for g in groups]) if by else [{"color": look.PALETTE[0], "marker": "o"}]
    names = [g[0] for g in groups] if by else [None]
    entries = {}
    for name, samples, style in zip(names, table, styles, strict=True):
        _curve(ax, positions, summarise(samples, centre), {**style, "linestyle": "-"})
        if by:
            entries[_group_name(by, name)] = key.line(**style)
    key.add(ax, entries)
    _finish(ax, data, x, positions, table, log)
    _key_of_spread(ax, table, centre, spread)
    for index, curve_x, curve_y in theory_curves(theory, positions, names, table, by, ax.get_xscale() == "log"):
        colour = look.darker(styles[index]["color"]) if index is not None and len(names) > 1 else look.INK
        ax.plot(curve_x, curve_y, color=colour, linewidth=0.9, zorder=3)
        key.add(ax, {"theory": key.line(color=look.INK, linewidth=0.9)})
    _add_marks(ax, null, lines, positions, table, centre)


@look.panel
def trajectory(ax: Any, data: Any, x: str = "step", by: str = "learning_rate", *, style_by: str = "optimizer",
               theory: Any = None, null: Any = None, spread: str = "replicate", centre: str = "median",
               log: str = "auto", lines: Mapping[str, float] | None = None) -> None:
    """Draw values over steps: colour and marker per learning rate (`colour_of`), line style per optimizer.

    data: DataArray with the dimensions x and by, optionally style_by and spread. Everything else as in `against`;
    theory is a callable of x, a DataArray, values, or a mapping from values of `by`, drawn for the first line style.
    """
    second = [style_by] if style_by in data.dims and data.sizes[style_by] > 1 else []
    positions, groups, table = table_of(data, x, [by, *second], spread)
    first = list(dict.fromkeys(g[0] for g in groups))
    looks = dict(zip(first, look.group_styles(ax.figure, by, first), strict=True))
    dashes = {name: look.LINESTYLES[i % 4] for i, name in enumerate(dict.fromkeys(g[-1] for g in groups))} if second else {}
    for group, samples in zip(groups, table, strict=True):
        _curve(ax, positions, summarise(samples, centre), {**looks[group[0]], "linestyle": dashes.get(group[-1], "-")})
    key.add(ax, {look.number(n): key.line(color="#555555", linestyle=d) for n, d in dashes.items()})
    key.add(ax, {_group_name(by, name): key.line(**style) for name, style in looks.items()})
    _finish(ax, data, x, positions, table, log)
    _key_of_spread(ax, table, centre, spread)
    for index, curve_x, curve_y in theory_curves(theory, positions, first, table, by, ax.get_xscale() == "log"):
        colour = look.INK if index is None else look.darker(looks[first[index]]["color"])
        ax.plot(curve_x, curve_y, color=colour, linewidth=0.9, zorder=3)
        key.add(ax, {"theory": key.line(color=look.INK, linewidth=0.9)})
    _add_marks(ax, null, lines, positions, table, centre)


def table_of(data: Any, x: str, by: Iterable[str], spread: str) -> tuple[np.ndarray, list[tuple], np.ndarray]:
    """Positions (m,), the groups' labels, and values (groups, m, runs), non-finite entries as NaN.

    Raises ValueError for data without named dimensions, without x or by, or with a dimension left over.
    """
    if not hasattr(data, "dims"):
        raise ValueError(f"data must be a DataArray with named dimensions; got {type(data).__name__}. "
                         "Take a variable of a result: result['name'].")
    by = list(by)
    missing = [name for name in (x, *by) if name not in data.dims]
    if missing:
        raise ValueError(f"data must have the dimension {missing[0]!r}; got {tuple(data.dims)}. Choose among these.")
    left = [f"{d} ({data.sizes[d]})" for d in data.dims if d not in (x, spread, *by) and data.sizes[d] > 1]
    if left:
        raise ValueError(f"data must vary along {', '.join((x, *by, spread))} only; got also {', '.join(left)}. "
                         f"Narrow it: result.at({left[0].split(' ')[0]}=...).")
    data = data.isel({d: 0 for d in data.dims if d not in (x, spread, *by)})
    data = data if spread in data.dims else data.expand_dims(spread)
    data = data.transpose(*by, x, spread)
    values = np.asarray(data.values, dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    labels = [_coordinate(data, name).tolist() for name in by]
    groups = [tuple(labels[i][j] for i, j in enumerate(at)) for at in np.ndindex(*values.shape[: len(by)])]
    table = values.reshape(-1, *values.shape[len(by):])
    order = np.argsort(_coordinate(data, x), kind="stable") if _coordinate(data, x).dtype.kind in "iuf" else slice(None)
    filled = [i for i in range(len(groups)) if np.isfinite(table[i]).any()] or list(range(len(groups)))
    return _coordinate(data, x)[order], [groups[i] for i in filled], table[filled][:, order]


def summarise(samples: np.ndarray, centre: str = "median") -> Summary:
    """Centre and spread of samples (m, runs), NaN left out: median with min and max, or mean -+ one standard error.

    The standard error is std (n - 1 in the denominator) / sqrt(n), 0 for one run. Raises ValueError for another centre.
    """
    if centre not in ("median", "mean"):
        raise ValueError(f"centre must be 'median' (with min-max) or 'mean' (with s.e.); got {centre!r}.")
    runs = np.isfinite(samples).sum(axis=-1)
    middle, low, high = (np.full(runs.shape, np.nan) for _ in range(3))
    for i in np.flatnonzero(runs):
        values = samples[i][np.isfinite(samples[i])]
        if centre == "median":
            middle[i], low[i], high[i] = np.median(values), values.min(), values.max()
        else:
            error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else 0.0
            middle[i], low[i], high[i] = values.mean(), values.mean() - error, values.mean() + error
    return Summary(middle, low, high, runs)


def _coordinate(data, name):
    return np.asarray(data.coords[name].values) if name in data.coords else np.arange(data.sizes[name])


def _group_name(dimension, value):
    if dimension == "learning_rate":
        return rf"$\eta$ = {look.number(value)}"
    return f"{dimension.replace('_', ' ')} {look.number(value)}" if isinstance(value, int | float) else look.number(value)


def _curve(ax, positions, summary, style):
    """One line with its band; positions without any run are passed over, since grids of several groups interleave."""
    there = summary.runs > 0
    at = positions[there] if positions.dtype.kind in "iuf" else np.flatnonzero(there)
    ax.plot(at, summary.middle[there], zorder=2.5, markeredgewidth=0, **style)
    if np.any(summary.high[there] > summary.low[there]):
        ax.fill_between(at, summary.low[there], summary.high[there], color=style["color"], alpha=0.18, linewidth=0, zorder=2)
        ax.vlines(at, summary.low[there], summary.high[there], color=style["color"], alpha=0.55, linewidth=0.8, zorder=2)
    partial = there & (summary.runs < summary.runs.max())
    if partial.any():
        where = positions[partial] if positions.dtype.kind in "iuf" else np.flatnonzero(partial)
        cross = dict(marker="x", color=style["color"], linestyle="none", markersize=4.5)
        ax.plot(where, np.zeros(where.size), transform=ax.get_xaxis_transform(), clip_on=False, zorder=5, **cross)
        key.add(ax, {"some runs without value": key.line(**{**cross, "color": look.INK})})


def _finish(ax, data, x, positions, table, log):
    ax.set_xlabel(look.axis_label(x, getattr(data, "coords", {}).get(x)))
    ax.set_ylabel(look.axis_label(str(data.name or "value"), data))
    if positions.dtype.kind not in "iuf":
        ax.set_xticks(np.arange(positions.size), [look.number(p) for p in positions])
    marks.scale_axes(ax, log, x, positions if positions.dtype.kind in "iuf" else np.arange(positions.size), table)
    if ax.get_xscale() == "linear" and positions.dtype.kind in "iu" and 1 < positions.size <= 8:
        ax.set_xticks(positions)


def _key_of_spread(ax, table, centre, spread):
    runs = table.shape[-1]
    if runs > 1:
        words = f"median, min–max of {runs} {spread}s" if centre == "median" else f"mean ± s.e. of {runs} {spread}s"
        key.add(ax, {words: key.patch(color="#777777", alpha=0.25, linewidth=0)})


def _add_marks(ax, null, lines, positions, table, centre):
    at = positions.astype(float) if positions.dtype.kind in "iuf" else np.arange(positions.size, dtype=float)
    marks.draw_null(ax, null, at)
    if lines:
        low, high = ax.get_xlim()
        span = [v for v in lines.values() if v > 0 or ax.get_xscale() != "log"]
        log_axis = ax.get_xscale() == "log"
        ax.set_xlim(*_widened(low, high, span, log_axis))
        middles = np.array([summarise(samples, centre).middle for samples in table])
        marks.draw_lines(ax, {k: v for k, v in lines.items() if v in span}, at, middles)


def _widened(low, high, values, log_axis):
    """Axis limits that hold the values with a little room beside them."""
    a, b, v = (np.log(t) if log_axis else np.asarray(t, float) for t in (low, high, [x for x in values] or [low]))
    margin = 0.04 * (b - a)
    a, b = min(a, v.min() - margin), max(b, v.max() + margin)
    return (np.exp(a), np.exp(b)) if log_axis else (a, b)
