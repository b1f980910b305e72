"""Figures of one_step_spectrum, and the distance of stored bulks to laws."""

import functools

import numpy as np

from experiments.few_steps import _one_step_laws as laws
from spectrax import figures
from spectrax.distances import sup_distance
from spectrax.figures import key, look
from spectrax.result import together
from spectrax.spectrum import Spectrum

MAIN = "main"
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
    found = r.at(setting=name, optimizer="adam", step=1)["squared_norm"]
    return found.learning_rate.values[found.notnull().any("replicate").values].tolist()


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
    """Bulk and outlier at telling rates, the law through the tail, and what isotropic noise would be."""
    rates = [rate for rate in stored_rates(r, MAIN) if any(np.isclose(rate, s) for s in SHOWN)]
    rates = rates or stored_rates(r, MAIN)
    panels = np.ravel(axes(-(-len(rates) // 3), min(3, len(rates))))
    for ax in panels[len(rates):]:
        ax.set_axis_off()
    case = cases[MAIN]
    for ax, rate in zip(panels, rates, strict=False):
        at = at_point(r, MAIN, rate)
        values = singular_values(at) ** 2 / case.width
        values = values[np.isfinite(values).all(axis=1)]
        out = bool(predicted(at)["detached"])
        spectra = [Spectrum(v, (case.width, case.inputs), scale=case.width) for v in values]
        place = [float(predicted(at)["location"]) ** 2 / case.width] if out else []
        figures.spectrum(ax, spectra, law=laws.of(case, rate), outliers=values[:, -1] if out else (), predicted=place,
                         null=laws.without(case, rate, "isotropic").pdf, scale="loglog", law_name="theory.AdamBulk")
        ax.set(title=rf"$\eta$ = {rate:g}", xlabel=r"eigenvalue of $W_1^\top W_1/h$")
        low = float(np.min(values))
        ax.set_xlim(left=0.7 * low)


def tail(r, axes, cases):
    """Number of singular values beyond a place, per replicate: the law, and the law without each cause."""
    rates = [rate for rate in stored_rates(r, MAIN) if rate >= 1 and any(np.isclose(rate, s) for s in SHOWN)]
    rates = rates or stored_rates(r, MAIN)[-1:]
    case = cases[MAIN]
    for ax, rate in zip(np.ravel(axes(1, len(rates))), rates, strict=True):
        at = at_point(r, MAIN, rate)
        values = singular_values(at)[:, ::-1]
        edge, most = float(predicted(at)["edge"]), int(1.5 * float(predicted(at)["beyond"])) + 5
        count = np.arange(1, most)
        for row in values:
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
    """A number of the main setting against the rate, with the full law and each reduced one."""

    def figure(r, axes, cases):
        ax, at = axes(), r.at(setting=MAIN, optimizer="adam", learning_rate=stored_rates(r, MAIN), step=1)
        says = predicted(at)
        unit = says["edge"] if scaled else 1.0
        figures.against(ax, (measure(at, says) / unit).rename(variable), centre="mean", log="x")
        for words, (ending, dash) in LINES.items():
            y = says[variable + ending] / unit
            ax.plot(says.learning_rate, y, color=look.INK, linestyle=dash, linewidth=0.9, zorder=3)
            key.add(ax, {words: key.line(color=look.INK, linestyle=dash, linewidth=0.9)})
        ax.set(ylabel=label)

    return figure


def second_of(at, says):
    return at["eigenvalues"].isel(rank=-2) ** 0.5


def beyond_of(at, says):
    return (at["eigenvalues"] > says["edge"] ** 2).sum("rank").where(at["squared_norm"].notnull())


def origin(r, axes, cases):
    """Left: the second singular value by loss. Right: overlap of bulk vectors with samples, by rank of the residual."""
    names = [name for name in (MAIN, "loss absolute", "loss cubic") if name in r.axes["setting"]]
    words = {MAIN: "squared loss", "loss absolute": "absolute loss", "loss cubic": "cubic loss"}
    rates = [rate for rate in stored_rates(r, MAIN) if all(rate in stored_rates(r, name) for name in names)]
    panels = np.ravel(axes(1, 1 + min(len(rates), 2)))
    each = {words[n]: r.at(setting=n, optimizer="adam", learning_rate=rates, step=1) for n in names}
    data = {w: second_of(at, None) / predicted(at)["edge"] for w, at in each.items()}
    theory = {w: (predicted(at)["second"] / predicted(at)["edge"]).values for w, at in each.items()}
    figures.against(panels[0], together(data, "loss"), by="loss", theory=theory, centre="mean", null=1.0, log="x")
    panels[0].set(ylabel="second value / isotropic edge")
    for ax, rate in zip(panels[1:], rates[:: max(1, len(rates) - 1)], strict=False):
        chosen = {w: at.at(learning_rate=rate) for w, at in each.items()}
        found = {w: at["sample_overlap"].isel(vector=slice(1, None)).mean("vector") for w, at in chosen.items()}
        says = {w: predicted(at)["sample_overlap"].isel(vector=slice(1, None)).mean("vector").values
                for w, at in chosen.items()}
        figures.against(ax, together(found, "loss"), x="share", by="loss", theory=says, centre="mean", null=1.0,
                        log="xy")
        ax.set(title=rf"$\eta$ = {rate:g}", xlabel="samples, largest residual first, up to share",
               ylabel=r"mean $\langle x_i, v\rangle^2$, ten vectors")


def settings(r, axes, cases):
    """Every setting: second singular value over the predicted one, and distance of the bulk to the law."""
    names = r.axes["setting"]
    rates = [rate for rate in stored_rates(r, names[-1])]
    panels = np.ravel(axes(2, 1, height=2.3))
    ratio, gap = {}, {}
    for rate in rates:
        there = [name for name in names if rate in stored_rates(r, name)]
        points = {name: at_point(r, name, rate) for name in there}
        runs = {name: at["squared_norm"] for name, at in points.items()}
        ratio[rate] = together({n: runs[n].copy(data=100 * (singular_values(at)[:, -2] / float(predicted(at)["second"])
                                                            - 1)) for n, at in points.items()}, "setting")
        gap[rate] = together({n: runs[n].copy(data=distances(at, laws.of(cases[n], rate), cases[n]))
                              for n, at in points.items()}, "setting")
    for ax, data, label, null in zip(panels, (ratio, gap), ("second value, error (%)", "distance of the bulk"),
                                     ((-2.0, 2.0), None), strict=True):
        figures.against(ax, together(data, "learning_rate").rename("value"), x="setting", by="learning_rate", null=null,
                        centre="mean", log="y" if null is None else "")
        ax.set(ylabel=label, xlabel="")
        ax.tick_params(axis="x", rotation=30)
        for line in ax.get_lines():
            line.set_linestyle("none") if line.get_marker() not in ("", "None", None) else None
        for text in ax.get_xticklabels():
            text.set_horizontalalignment("right")


FIGURES = {
    "spectrum": spectrum,
    "tail": tail,
    "second": against_rate("second", "second value / isotropic edge", second_of, scaled=True),
    "hill": against_rate("hill", r"Hill exponent $\alpha$", lambda at, says: at["hill"]),
    "beyond": against_rate("beyond", "values past the isotropic edge", beyond_of),
    "origin": origin,
    "settings": settings,
}
