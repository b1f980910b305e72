"""Heat map of a matrix, such as the overlaps of one set of singular vectors with another."""

from typing import Any

import numpy as np

from spectrax.figures import look


@look.panel
def matrix(ax: Any, values: Any, *, limits: tuple[float, float] | None = None, null: Any = None, label: str = "",
           xlabel: str = "", ylabel: str = "") -> None:
    """Draw values (rows, cols) as a heat map with a colour bar, row 0 on top; numbers are written into up to 8 x 8
    cells that are wide enough.

    values: array or DataArray, whose dimensions and coordinates then label the axes; NaN stays white. limits: ends of
    the colour scale, the values' own where None; values of both signs take a map that diverges around 0. null: number
    or (lo, hi), what chance gives, marked on the colour bar. Raises ValueError unless values are two-dimensional.

    >>> import numpy as np
    >>> from spectrax.figures import canvas
    >>> page = canvas(3.4)
    >>> matrix(page(), np.eye(3), null=0.1)
    >>> len(page.figure.axes)
    2
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"values must be two-dimensional, not empty; got shape {array.shape}. Narrow with .at(...).")
    finite = array[np.isfinite(array)]
    low, high = limits or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    if limits is None:
        low, high = (-max(-low, high), max(-low, high)) if low < 0 < high else (min(low, 0.0), max(high, 0.0))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    diverging = low < 0 < high
    image = ax.imshow(array, cmap="RdBu_r" if diverging else "cividis", vmin=low, vmax=high, aspect="auto",
                      interpolation="none", origin="upper")
    ax.set_xlabel(xlabel or _axis(values, 1))
    ax.set_ylabel(ylabel or _axis(values, 0))
    _ticks(ax, values, array.shape)
    if array.shape[0] <= 8 and array.shape[1] <= 8 and finite.size:
        _numbers(ax, image, array)
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, fraction=0.08)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=look.font_of(ax) - 0.5)
    named = getattr(values, "name", None) or "long_name" in getattr(values, "attrs", {})
    bar.set_label(label or (look.axis_label(str(values.name), values) if named else ""), fontsize=look.font_of(ax))
    if null is not None:
        _mark_null(bar.ax, null, look.font_of(ax), (low, high))


def _axis(values, index):
    return look.axis_label(str(values.dims[index])) if hasattr(values, "dims") else ""


def _ticks(ax, values, shape):
    for axis, index in ((ax.yaxis, 0), (ax.xaxis, 1)):
        step = max(1, -(-shape[index] // 10))
        places = np.arange(0, shape[index], step)
        names = places
        if hasattr(values, "dims") and values.dims[index] in values.coords:
            names = np.asarray(values.coords[values.dims[index]].values)[places]
        axis.set_ticks(places, [look.number(n) for n in names])
    ax.tick_params(length=0)


def _numbers(ax, image, array):
    text = "{:.2f}" if np.nanmax(np.abs(array)) >= 0.1 else "{:.1e}"
    cell = 0.8 * ax.get_window_extent().width / ax.figure.dpi / array.shape[1]  # the colour bar takes the rest
    if look.text_width(text.format(-1.0), look.font_of(ax) - 1.0) > cell:
        return
    for (i, j), value in np.ndenumerate(array):
        if np.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
            ax.text(j, i, text.format(value).replace("-", "−"), ha="center", va="center",
                    fontsize=look.font_of(ax) - 1.0, color=look.INK if light else "white")


def _mark_null(bar, null, font, limits):
    low, high = (float(null), float(null)) if np.ndim(null) == 0 else (float(null[0]), float(null[1]))
    if high > low:
        inner = max(low, limits[0]), min(high, limits[1])
        bar.axhspan(*inner, xmax=0.4, facecolor="#eeeeee", edgecolor=look.INK, linewidth=0.6)
    else:
        bar.axhline(low, color=look.INK, linewidth=1.0)
    bar.set_ylim(*limits)
    inside = min(max(0.5 * (low + high), limits[0]), limits[1])
    bar.annotate("null", (0.0, inside), xycoords=("axes fraction", "data"), xytext=(-2, 0), ha="right", va="center",
                 textcoords="offset points", fontsize=font - 1.0, color=look.INK, annotation_clip=False,
                 bbox=dict(facecolor="white", alpha=0.85, linewidth=0, pad=0.5))
