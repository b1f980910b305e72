"""Map of phases over two axes: bulk, bulk and spikes, heavy tail; every replicate is seen, spikes are counted."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from spectrax.figures import key, look
from spectrax.figures.tables import table_of

PHASES = (("bulk", "#d6e4f0"), ("bulk + spikes", "#f2a65a"), ("heavy tail", "#6a3d8f"))
MISSING = ("diverged or missing", "#ffffff")


@look.panel
def phase_map(ax: Any, codes: Any, x: str = "step", y: str = "learning_rate", counts: Any = None,
              lines: Mapping[str, float] | None = None, *, null: Any = None, spread: str = "replicate") -> None:
    """Draw the phase of each cell: 0 bulk, 1 bulk + spikes, 2 heavy tail; NaN or negative: diverged or missing.

    codes: DataArray with the dimensions x and y, optionally `spread`, whose members share their cell as stripes, so
    that disagreement shows. counts: DataArray of the same dimensions, the number of spikes, written where the phase is
    1, or 2 with any (lowest-highest where members differ). lines: label -> value of y (critical rates, stability edge),
    drawn between the rows that it separates, or through its own row. null: one code per row, or one for all: the phase
    of pure noise, drawn as a first column. Raises ValueError for a dimension missing or left over, another code.

    >>> import xarray
    >>> from spectrax.figures import canvas
    >>> ax = canvas(3.4)()
    >>> axes = {"learning_rate": [0.1, 1.0], "step": [0, 1]}
    >>> codes = xarray.DataArray([[0, 0], [0, 1]], axes, tuple(axes))
    >>> phase_map(ax, codes, lines={"critical": 0.5})
    >>> [line.get_ydata()[0] for line in ax.lines]
    [0.5]
    """
    columns, rows, table = _cells(codes, x, y, spread)
    known = np.isnan(table) | (table < 0) | np.isin(table, (0, 1, 2))
    if not known.all():
        raise ValueError(f"codes must be 0, 1, 2 or negative or NaN; got {table[~known][0]:g}.")
    shift = 0
    if null is not None:
        shift = 1
        noise = np.broadcast_to(np.asarray(null(rows) if callable(null) else null, float), (rows.size,))
        table = np.concatenate([np.broadcast_to(noise[:, None, None], (rows.size, 1, table.shape[2])), table], axis=1)
    _draw_cells(ax, table)
    if counts is not None:
        _write_counts(ax, table[:, shift:], _cells(counts, x, y, spread)[2], shift)
    names = ["null"] * shift + [look.number(c) for c in columns]
    ax.set_xticks(np.arange(len(names)), names)
    ax.set_yticks(np.arange(rows.size), [look.number(r) for r in rows])
    ax.tick_params(length=0)
    ax.set_xlabel(look.axis_label(x))
    ax.set_ylabel(look.axis_label(y))
    _draw_levels(ax, lines or {}, rows)


def _cells(data, x, y, spread):
    """Positions along x, along y (ascending), and values (rows, columns, runs)."""
    columns, groups, table = table_of(data, x, [y], spread)
    every = np.asarray(data.coords[y].values) if y in data.coords else np.arange(data.sizes[y])
    full = np.full((every.size, *table.shape[1:]), np.nan)  # rows without any value are kept: they are diverged
    for (name,), row in zip(groups, table, strict=True):
        full[np.flatnonzero(every == name)[0]] = row
    order = np.argsort(every) if every.dtype.kind in "iuf" else np.arange(every.size)
    return columns, every[order], full[order]


def _draw_cells(ax, table):
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Rectangle

    rows, columns, runs = table.shape
    code = np.where(np.isnan(table) | (table < 0), 3, table)
    shown = np.sort(code, axis=-1).reshape(rows, columns * runs)  # equal phases side by side: their share is an area
    colours = ListedColormap([*(colour for _, colour in PHASES), MISSING[1]])
    ax.pcolormesh(np.linspace(-0.5, columns - 0.5, columns * runs + 1), np.arange(rows + 1) - 0.5, shown, cmap=colours,
                  vmin=-0.5, vmax=3.5, edgecolors="none", linewidth=0, antialiased=False)
    for i, j in np.argwhere(code.max(axis=-1) == 3):
        share = np.mean(code[i, j] == 3)
        ax.add_patch(Rectangle((j + 0.5 - share, i - 0.5), share, 1.0, facecolor="none", edgecolor="#9a9a9a",
                               hatch="//////", linewidth=0))
    ax.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, color="white", linewidth=1.2)
    ax.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, color="white", linewidth=1.2)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(-0.5, rows - 0.5)
    present = set(np.unique(shown).astype(int).tolist())
    entries = {name: key.patch(facecolor=colour, edgecolor="#888888", linewidth=0.4) for name, colour in PHASES}
    if 3 in present:
        entries[MISSING[0]] = key.patch(facecolor=MISSING[1], edgecolor="#888888", linewidth=0.4, hatch="//////")
    key.add(ax, entries)


def _write_counts(ax, table, counts, shift):
    if counts.shape[:2] != table.shape[:2]:
        raise ValueError(f"counts must have a cell for each code; got {counts.shape[:2]} for {table.shape[:2]}.")
    for i, j in np.ndindex(*table.shape[:2]):
        spiked = (table[i, j] == 1) | (table[i, j] == 2)
        found = counts[i, j][spiked] if counts.shape == table.shape else counts[i, j]
        found = found[np.isfinite(found)]
        heavy = bool((table[i, j][spiked] == 2).all())
        if spiked.any() and found.size and not (heavy and found.max() == 0):
            low, high = int(found.min()), int(found.max())
            text = f"{low}" if low == high else f"{low}–{high}"
            before = np.mean(table[i, j] == 0)  # stripes are sorted by phase
            size = look.font_of(ax) - (0.5 if len(text) < 4 else 2.0)  # "8–12" must stay in its cell
            ax.text(j + shift - 0.5 + before + 0.5 * spiked.mean(), i, text, ha="center", va="center",
                    fontsize=size, color="white" if np.median(table[i, j][spiked]) > 1.5 else look.INK)


def _draw_levels(ax, lines, rows):
    """Horizontal lines, between rows or through the row of that very value; labels beside the map, stacked."""
    places = defaultdict(list)
    for label, value in sorted(lines.items(), key=lambda item: item[1]):
        same = np.flatnonzero(np.isclose(rows, value, rtol=1e-9, atol=0))
        places[float(same[0]) if same.size else float(np.sum(rows < value)) - 0.5].append(label)
    for place, labels in places.items():
        ax.axhline(place, color=look.INK, linewidth=1.1, linestyle="--", clip_on=False)
        ax.annotate("\n".join(labels), (1.0, place), xycoords=("axes fraction", "data"), xytext=(3, 0), va="center",
                    textcoords="offset points", fontsize=look.font_of(ax) - 1.0, color=look.INK, linespacing=1.1)
