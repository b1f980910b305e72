"""Figures of singular_vector_overlaps: profiles by rank, leading overlaps by step, heat maps of the matrices."""

import numpy as np
import xarray as xr

from experiments.few_steps import _update_overlaps as predicted
from experiments.few_steps._stored import rates_with
from spectrax import figures, random_frames
from spectrax.result import together

SIDES = ("left", "right")
SHORT = {"before": "$W_t$", "after": "$W_{t+1}$"}


def stored_rates(r, name):
    """Rates of an optimizer that any replicate has."""
    return rates_with(r.at(optimizer=name, step=r.steps[0])["update_resolved"])


def label(name, rate):
    """As "SGD 2000, batch 100" of "sgd@100"."""
    word = {"gd": "GD", "sgd": "SGD", "adam": "Adam"}.get(name.partition("@")[0], name)
    batch = name.partition("@")[2]
    return f"{word} {rate:g}" + (f", batch {batch}" if batch else "")


def profiles(kind_of, setting):
    """First update's leading vectors, seen from W_0 and from W_1 at two rates: means over bins of ranks."""

    def figure(r, axes):
        full = [o for o in r.axes["optimizer"] if "@" not in o] or r.axes["optimizer"]
        panels = [(o, rate, when) for o in full for rate, when in shown_profiles(r, o)]
        columns = max(sum(p[0] == o for p in panels) for o in full)
        grid = np.reshape(axes(len(full), columns), (len(full), -1))
        for row, name in zip(grid, full, strict=True):
            mine = [p for p in panels if p[0] == name]
            for ax in row[len(mine) :]:
                ax.set_axis_off()
            for ax, (_, rate, when) in zip(row, mine, strict=False):
                at, lines = r.at(optimizer=name, learning_rate=rate, step=r.steps[0]), {}
                if kind_of(name) and r.steps[0] == 0:
                    lines = theory_lines(r, at, when, kind_of(name), rate, setting(r, name))
                draw_profile(ax, r, at, when, lines)
                ax.set_title(f"{label(name, rate)}: {'$W_0$' if when == 'before' else '$W_1$'}")

    return figure


def shown_profiles(r, name):
    """(rate, when): before the step once, since only rounding depends on the rate, and after it at telling rates."""
    rates = [rate for _, rate in telling(r, [name])]
    return [(rates[-1], "before"), *((rate, "after") for rate in rates)]


def theory_lines(r, at, when, kind, rate, sizes):
    """Side -> (ranks, overlaps) as theory has them, binned as the measured ones; nothing where it has none."""
    if when == "before":
        eigenvalue = (at["before_singular_values"] ** 2).mean("replicate").values / r.config["width"]
        values = {"left": np.ones(eigenvalue.size), "right": predicted.start(kind, *sizes).right(eigenvalue)}
    elif kind == "adam" and rate > 0.3:
        return {}  # the bulk isn't isotropic
    else:
        found = predicted.after(kind, rate, *sizes)
        values = {"left": found.left, "right": found.right}
    return {side: binned(y, np.arange(y.size)) for side, y in values.items()}


def draw_profile(ax, r, at, when, lines):
    """Overlaps of the update's leading vectors with those of the weights, over rank, beside chance and `lines`."""
    found = {side: at[f"{side}_{when}_profile"].isel(profile_vector=0) for side in SIDES}
    first, size = bins(found["left"].sizes["weight_rank"])
    middle = first + (size + 1) / 2  # ranks from 1
    both = {
        side: xr.DataArray(
            [binned(values, np.arange(values.size))[1] for values in data.transpose("replicate", ...).values],
            {"replicate": data.replicate.values, "rank": middle},
            ("replicate", "rank"),
        )
        for side, data in found.items()
    }
    chance = [random_frames.mean_quantile(r.config["inputs"], size, p) for p in (0.025, 0.975)]
    series, start = together(both, "side"), when == "before"
    log = "x" if start else "xy"
    figures.against(ax, series, x="rank", by="side", theory=lines or None, null=tuple(chance), log=log)
    ax.set(xlabel="rank of the weights' vector", ylabel="overlap$^2$ / chance")
    if start:
        ax.set_ylim(0, 5)
    else:
        ax.set_ylim(bottom=max(0.3 * float(series.median("replicate").min()), 1e-5))


def bins(ranks):
    """(first rank from 0, number of ranks) of bins that grow geometrically."""
    edges = np.unique(np.round(np.geomspace(1, ranks + 1, 14)).astype(int)) - 1
    return edges[:-1], np.diff(edges)


def binned(values, ranks):
    """(middle rank, mean) of a profile over the bins."""
    first, size = bins(ranks.size)
    return first + (size + 1) / 2, np.add.reduceat(values, first) / size


def over_steps(r, axes):
    """Squared overlap of the two leading vectors at each step, full batches, for rates that move something."""
    runs = telling(r, [o for o in r.axes["optimizer"] if "@" not in o] or r.axes["optimizer"])
    for row, side in zip(np.reshape(axes(2, 2), (2, 2)), SIDES, strict=True):
        size = r.config["width" if side == "left" else "inputs"]
        for ax, when in zip(row, SHORT, strict=True):
            draw_leading(ax, r, runs, f"{side}_{when}_corner", size)
            ax.set(title=f"{side} vectors, {SHORT[when]}", ylabel="squared overlap, first")


def draw_leading(ax, r, runs, variable, size):
    """Squared overlap of both leading vectors over steps, a line per (optimizer, rate); size: dimension of the side."""
    lines = {
        label(name, rate): r.at(optimizer=name, learning_rate=rate)[variable].isel(weight_vector=0, update_vector=0)
        / size
        for name, rate in runs
    }
    chance = tuple(float(random_frames.mean_quantile(size, 1, p)) / size for p in (0.025, 0.975))
    figures.against(ax, together(lines, "run"), x="step", by="run", null=chance, log="")
    ax.set_ylim(-0.03, 1.03)


def telling(r, names):
    """(optimizer, rate): the largest rate of each, and the second largest where it is within a factor of 20."""
    pairs = []
    for name in names:
        rates = stored_rates(r, name)
        pairs += [(name, rate) for rate in rates[-2:] if rate >= 0.05 * rates[-1]]
    return pairs


def minibatches(r, axes):
    """Overlaps of the leading right vectors over the steps and singular values of the first update, by batch."""
    families = {"gd": ("gd", "sgd"), "adam": ("adam",)}
    panels = np.reshape(axes(2, 2), (2, 2))
    for row, (family, words) in zip(panels, families.items(), strict=True):
        names = [o for o in r.axes["optimizer"] if o.partition("@")[0] in words]
        rates = [set(stored_rates(r, name)) for name in names]
        common = sorted(set.intersection(*rates)) if rates else []
        if not common:
            for ax in row:
                nothing(ax, f"no {family} run")
            continue
        runs = [(name, common[-1]) for name in names]
        draw_leading(row[0], r, runs, "right_before_corner", r.config["inputs"])
        row[0].set(title=f"right vectors, {SHORT['before']}", ylabel="squared overlap, first")
        values = {label(*run): r.at(optimizer=run[0], learning_rate=run[1], step=r.steps[0]) for run in runs}
        spectra = together({word: at["update_singular_values"] for word, at in values.items()}, "run")
        ranks = np.arange(1, spectra.sizes["update_rank"] + 1)
        # below, the decomposition is rounding
        spectra = spectra.where(spectra.min("replicate") > 1e-8 * spectra.max("update_rank").max("replicate"))
        figures.against(row[1], spectra.assign_coords(update_rank=ranks), x="update_rank", by="run", log="xy")
        row[1].set(title="first update", xlabel="rank", ylabel="singular value of $M_0$")


def matrices(r, axes):
    """Block means of all overlaps at the first, second and last captured step; null: 99 % of the blocks.

    Dashed: where the update's vectors become rounding.
    """

    def panel(ax, at, variable, dimension, ranks):
        data = at[variable].mean("replicate")
        coarser = max(1, data.sizes["weight_block"] // 25)  # drawn; what is stored is finer
        data = data.coarsen(dict.fromkeys(data.dims, coarser), boundary="trim").mean()
        size = ranks / data.sizes["weight_block"]
        spread = random_frames.block_spread(dimension, int(size), int(size)) / at[variable].sizes["replicate"] ** 0.5
        null = tuple(np.log10([max(1 - 2.6 * spread, 1e-2), 1 + 2.6 * spread]))
        figures.matrix(ax, np.log10(data.clip(min=1e-3)), limits=(-0.5, 0.5), null=null, **names(variable))
        shown = np.arange(0, data.sizes["weight_block"], max(1, data.sizes["weight_block"] // 4))
        ticks(ax, shown, np.floor(shown * size).astype(int) + 1)
        resolved = float(at["update_resolved"].min())
        if resolved < ranks:
            ax.axvline(resolved / size - 0.5, color="#222222", linewidth=0.8, linestyle="--")

    heat_maps(r, axes, panel)


def corners(r, axes):
    """The leading vectors entry by entry, from chance up; null: up to the family-wise 1 % level of the whole matrix."""

    def panel(ax, at, variable, dimension, ranks):
        data = at[f"{variable}_corner"].mean("replicate")
        level, top = np.log10([random_frames.entry_level(dimension, ranks**2), dimension])
        figures.matrix(ax, np.log10(data.clip(min=1)), limits=(0, top), null=(0, min(level, top)), **names(variable))
        shown = np.arange(0, data.sizes["weight_vector"], 5)
        ticks(ax, shown, shown + 1)

    heat_maps(r, axes, panel)


def heat_maps(r, axes, panel):
    """Means over replicates of one run: full-batch Adam where there is one, at its first telling rate."""
    name = "adam" if "adam" in r.axes["optimizer"] else r.axes["optimizer"][0]
    rate = telling(r, [name])[0][1]
    steps = sorted({r.steps[0], r.steps[min(1, len(r.steps) - 1)], r.steps[-1]})
    kinds = [(side, when) for side in SIDES for when in SHORT]
    for row, (side, when) in zip(np.reshape(axes(4, len(steps)), (4, -1)), kinds, strict=True):
        for ax, step in zip(row, steps, strict=True):
            at = r.at(optimizer=name, learning_rate=rate, step=step)
            size = r.config["width" if side == "left" else "inputs"]
            panel(ax, at, f"{side}_{when}", size, min(r.config["inputs"], r.config["width"]))
            ax.set_title(f"{label(name, rate)}, t = {step}: {side}")


def ticks(ax, places, ranks):
    """The same ranks along both axes."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(places, [str(rank) for rank in ranks])


def names(variable):
    """Labels of the axes and of the colour bar."""
    when = SHORT[variable.split("_")[1]]
    return {"xlabel": "rank in $M_t$", "ylabel": f"rank in {when}", "label": r"$\log_{10}$(overlap / chance)"}


def nothing(ax, text):
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
