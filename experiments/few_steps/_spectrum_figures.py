"""Figures of one_step_spectrum, and the distance of stored bulks to laws."""

import functools

import numpy as np

from experiments.few_steps import _one_step_laws as laws
from experiments.few_steps._stored import rates_with
from spectrax import figures
from spectrax.distances import sup_distance
from spectrax.figures import key, look
from spectrax.result import together
from spectrax.spectrum import Spectrum

MAIN, BARE = "main", "no epsilon"  # Adam as in the paper, and nearly the sign of the gradient, as theory has it
SHOWN = (0.1, 0.3, 1.0, 3.0, 10.0)
LINES = {"full law": ("", "-"), **{words: (f"_{name}", dash) for (name, words), dash in
                                   zip(laws.WITHOUT.items(), ("--", "-.", ":"), strict=True)}}


@functools.lru_cache(maxsize=512)
def at_point(r, name, rate):
    """One setting at one rate after the step."""
    return r.at(setting=name, optimizer="adam", learning_rate=rate, step=1)


@functools.lru_cache(maxsize=512)
def predicted(at):
    """What was predicted of it: narrowing takes a quarter of a second, and dozens of claims ask."""
    return at.predicted.load()


def stored_rates(r, name):
    """Rates of a setting that any replicate has."""
    return rates_with(r.at(setting=name, optimizer="adam", step=1)["squared_norm"])


def singular_values(at):
    """Of W1, (replicate, rank), ascending."""
    return np.sqrt(at["eigenvalues"].transpose("replicate", "rank").values)


def bulk(at, case):
    """Eigenvalues of W1^T W1/h (replicate, rank) without the outlier, where one is predicted."""
    values = singular_values(at) ** 2 / case.width
    return values[:, :-1] if predicted(at)["detached"] else values


def distances(at, which, case):
    """Kolmogorov distance of each replicate's bulk to a law, or to a law of its own; NaN where a run is missing."""
    values = bulk(at, case)
    each = which if isinstance(which, list) else [which] * len(values)
    zeros = case.inputs - min(case.inputs, case.width)
    return np.array([sup_distance(v, law, zeros) if law is not None and np.isfinite(v).all() else np.nan
                     for v, law in zip(values, each, strict=True)])


def spectrum(r, axes, cases):
    """The bulk at telling rates, its law through the tail, and what isotropic noise would be; titles: the outlier."""
    rates = [rate for rate in stored_rates(r, MAIN) if any(np.isclose(rate, s) for s in SHOWN)]
    rates, case = rates or stored_rates(r, MAIN), cases[MAIN]
    panels = np.ravel(axes(-(-len(rates) // 2), min(2, len(rates))))
    for ax in panels[len(rates):]:
        ax.set_axis_off()
    for ax, rate in zip(panels, rates, strict=False):
        at = at_point(r, MAIN, rate)
        values, top = bulk(at, case), singular_values(at)[:, -1]
        spectra = [Spectrum(v, (case.width, case.inputs), scale=case.width) for v in values if np.isfinite(v).all()]
        figures.spectrum(ax, spectra, law=laws.of(case, rate), scale="loglog", law_name="theory.AdamBulk")
        isotropic = laws.without(case, rate, "isotropic")
        low, high = isotropic.bands[-1]
        x = np.geomspace(low, high, 400)
        line = {"color": look.ACCENT, "linewidth": 0.9, "linestyle": ":"}
        ax.plot(x, isotropic.pdf(x), **line)
        key.add(ax, {"isotropic noise of the same variance": key.line(**line)})
        words = f"outlier {np.nanmean(top):.0f}, theory {float(predicted(at)['location']):.0f}"
        title = rf"$\eta$ = {rate:g}" + (f", {words}" if predicted(at)["detached"] else ", no outlier")
        ax.set(title=title, xlabel=r"bulk eigenvalue of $W_1^\top W_1/h$")


def tail(r, axes, cases):
    """Number of singular values beyond a place, per replicate: the law, and the law without each cause of the tail."""
    rates = [rate for rate in stored_rates(r, BARE) if rate >= 1 and any(np.isclose(rate, s) for s in SHOWN)]
    rates = rates or stored_rates(r, BARE)[-1:]
    case = cases[BARE]
    for ax, rate in zip(np.ravel(axes(1, len(rates))), rates, strict=True):
        at = at_point(r, BARE, rate)
        values = singular_values(at)[:, ::-1]
        edge, most = float(predicted(at)["edge"]), int(1.5 * float(predicted(at)["beyond"])) + 5
        count = np.arange(1, most)
        for row in values[np.isfinite(values).all(axis=1)]:
            ax.plot(row[1:most] / edge, count, color=look.PALETTE[0], alpha=0.35, linewidth=0.7)
        key.add(ax, {"measured, one line per replicate": key.line(color=look.PALETTE[0], alpha=0.6)})
        for words, (ending, dash) in LINES.items():
            law = laws.without(case, rate, ending[1:]) if ending else laws.of(case, rate)
            x = laws.singular_values(law, case, rate)[::-1][1:most] / edge
            ax.plot(x, count, color=look.INK, linestyle=dash, linewidth=1.0)
            key.add(ax, {words: key.line(color=look.INK, linestyle=dash, linewidth=1.0)})
        ax.set_yscale("log")
        ax.set(title=rf"$\eta$ = {rate:g}", xlabel="singular value / isotropic edge", ylabel="bulk values beyond")


def against_rate(variable, label, measure, scaled=False):
    """A number against the rate with the full law and each reduced one; right: measured minus the full law."""

    def figure(r, axes, cases):
        left, right = np.ravel(axes(1, 2, height=2.6))
        words = {MAIN: f"Adam, epsilon {r.config['epsilon']:g}", BARE: "Adam, no epsilon"}
        names = [name for name in words if name in r.axes["setting"]]
        each = {words[n]: r.at(setting=n, optimizer="adam", learning_rate=stored_rates(r, n), step=1) for n in names}
        says = next(iter(each.values())).predicted.drop_vars("setting", errors="ignore")
        unit = says["edge"] if scaled else 1.0
        data = together({w: measure(at, at.predicted) / unit for w, at in each.items()}, "setting").rename(variable)
        full = says[variable] / unit
        for ax, shift in ((left, 0.0), (right, full)):
            figures.against(ax, data - shift, by="setting", centre="mean", log="x")
            for name, (ending, dash) in LINES.items():
                line = {"color": look.INK, "linestyle": dash, "linewidth": 0.9}
                ax.plot(says.learning_rate, says[variable + ending] / unit - shift, zorder=3, **line)
                key.add(ax, {name: key.line(**line)})
            ax.set(ylabel=label)
        gap = np.nanmax(np.abs((data - full).mean("replicate").values))
        reduced = np.nanmax(np.abs((says[f"{variable}_profile"] / unit - full).values))
        reach = 1.6 * max(gap, reduced)  # isotropic noise is far outside
        right.set(ylabel="minus the full law", ylim=(-reach, reach))

    return figure


def second_of(at, says):
    """The measured second singular value; `says`, as the drawing hands it to every variable, isn't needed."""
    return at["eigenvalues"].isel(rank=-2) ** 0.5


def beyond_of(at, says):
    """How many eigenvalues lie past the predicted isotropic edge; NaN where the run is missing."""
    return (at["eigenvalues"] > says["edge"] ** 2).sum("rank").where(at["squared_norm"].notnull())


def origin(r, axes, cases):
    """Left: the second singular value by loss. Right: overlap of bulk vectors with samples, by rank of the residual."""
    names = [name for name in (BARE, "loss absolute", "loss cubic") if name in r.axes["setting"]]
    words = {BARE: "squared loss", "loss absolute": "absolute loss", "loss cubic": "cubic loss"}
    rates = [rate for rate in stored_rates(r, BARE) if all(rate in stored_rates(r, name) for name in names)]
    panels = np.ravel(axes(1, 1 + min(len(rates), 2), height=2.2))
    each = {words[n]: r.at(setting=n, optimizer="adam", learning_rate=rates, step=1) for n in names}
    data = {w: second_of(at, None) / predicted(at)["edge"] for w, at in each.items()}
    theory = {w: (predicted(at)["second"] / predicted(at)["edge"]).values for w, at in each.items()}
    figures.against(panels[0], together(data, "loss"), by="loss", theory=theory, centre="mean", null=1.0,
                    null_name="isotropic edge or chance", log="x")
    panels[0].set(title="second singular value", ylabel="over the isotropic edge")
    for ax, rate in zip(panels[1:], rates[:: max(1, len(rates) - 1)], strict=False):
        chosen = {w: at.at(learning_rate=rate) for w, at in each.items()}
        found = {w: at["sample_overlap"].isel(vector=slice(1, None)).mean("vector") for w, at in chosen.items()}
        says = {w: predicted(at)["sample_overlap"].isel(vector=slice(1, None)).mean("vector").values
                for w, at in chosen.items()}
        figures.against(ax, together(found, "loss"), x="share", by="loss", theory=says, centre="mean", null=1.0,
                        null_name="isotropic edge or chance", log="xy")
        ax.set(title=rf"overlap, $\eta$ = {rate:g}", xlabel="largest residuals, up to share",
               ylabel=r"mean $\langle x_i, v\rangle^2$")


def settings(r, axes, cases):
    """Every setting: error of the second singular value and distance of the bulk; mean and standard error."""
    names = r.axes["setting"]
    rates = stored_rates(r, names[-1])
    upper, lower = np.ravel(axes(2, 1, height=2.4))
    for k, rate in enumerate(rates):
        style = {"color": look.colour_of(rate), "marker": look.marker_of(rate), "linestyle": "none"}
        key.add(upper, {rf"$\eta$ = {rate:g}, mean ± s.e.": key.line(**style)})
        for place, name in enumerate(names):
            if rate in stored_rates(r, name):
                at, x = at_point(r, name, rate), place + 0.2 * (k - (len(rates) - 1) / 2)
                error = 100 * (singular_values(at)[:, -2] / float(predicted(at)["second"]) - 1)
                for ax, y in ((upper, error), (lower, distances(at, laws.of(cases[name], rate), cases[name]))):
                    y = y[np.isfinite(y)]
                    ax.errorbar(x, np.mean(y), np.std(y, ddof=1) / len(y) ** 0.5 if len(y) > 1 else 0.0, **style)
    upper.axhspan(-2, 2, color=look.NULL, alpha=0.5, zorder=0)
    upper.set(ylabel="second value, error (%)", xticks=range(len(names)), xticklabels=[])
    lower.set(ylabel="distance, bulk to law", ylim=(0, None))
    lower.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], rotation=35, ha="right")


FIGURES = {
    "spectrum": spectrum,
    "tail": tail,
    "second": against_rate("second", "second value / isotropic edge", second_of, scaled=True),
    "hill": against_rate("hill", r"Hill exponent $\alpha$", lambda at, says: at["hill"]),
    "beyond": against_rate("beyond", "values past the isotropic edge", beyond_of),
    "origin": origin,
    "settings": settings,
}
