"""What heavy_tail_emergence draws, and the names of settings and alternatives that its claims share."""

import numpy as np

import theory
from experiments.few_steps._stored import rates_with
from spectrax import figures
from spectrax.result import together
from spectrax.spectrum import Spectrum

SHORT, LONG = "few steps", "many steps"
STEP = {"gd": theory.gradient_step, "adam": theory.adam_step}
ALTERNATIVES = {
    "bulk_and_spikes": "Marchenko-Pastur and spikes",
    "lognormal": "lognormal",
    "inverse_marchenko_pastur": "inverse Marchenko-Pastur",
    "high_temperature": "high-temperature MP",
    "inverse_high_temperature": "inverse high-temperature MP",
}


def preferred(at, name):
    """AIC of the power law minus that of the alternative: positive where the alternative is the better.

    Not the bare ratio: the lognormal and the inverse high-temperature law contain the power law and never lose by it.
    """
    if name == "lognormal":  # one parameter more
        return -2 * at["likelihood_ratio_lognormal"] - 2
    return at[f"aic_difference_{name}"]


def stored_rates(at):
    """Rates of the optimizer and setting that `at` is narrowed to."""
    return rates_with(at["squared_norm"].isel(step=0))


def frames(r, axes):
    """From bulk to spike to heavy tail: spectra of Adam at a middle rate, over the captured steps."""
    at, shape = r.at(setting=SHORT, optimizer=shown(r)), (r.config["width"], r.config["inputs"])
    chosen = stored_rates(at)
    rate = 1.0 if 1.0 in chosen else chosen[-1]
    steps = [*r.config["steps"][:5], r.config["steps"][-1]] if len(r.config["steps"]) > 6 else r.config["steps"]
    panels = np.ravel(axes(-(-len(steps) // 3), 3))
    for ax in panels[len(steps):]:
        ax.set_axis_off()
    for ax, step in zip(panels, steps, strict=False):
        here = at.at(learning_rate=rate, step=step)
        values = here["eigenvalues"].transpose("replicate", "rank").values / shape[0]
        counts = np.nan_to_num(here["outliers"].values).astype(int)
        seen = np.isfinite(values).all(axis=1)
        if seen.any():
            top = [x for v, k in zip(values[seen], counts[seen], strict=True) for x in v[v.size - k:]]
            spectra = [Spectrum(v, shape, scale=shape[0]) for v in values[seen]]
            figures.spectrum(ax, spectra, law=theory.MarchenkoPastur.of(shape, 1.0), outliers=top,
                             scale="loglog", law_name="law of the initial weights")
        ax.set(title=rf"{shown(r)}, $\eta$ = {rate:g}, step {step}", xlabel=r"eigenvalue of $W^\top W/h$")


def shown(r):
    """The optimizer whose spectra are drawn."""
    return "adam" if "adam" in r.axes["optimizer"] else r.axes["optimizer"][0]


def phases(r, axes):
    """Phase over rate and step, with the critical rate of one step."""
    names = r.axes["optimizer"]
    panels = np.ravel(axes(-(-len(names) // 2), 2))
    for ax in panels[len(names):]:
        ax.set_axis_off()
    for ax, name in zip(panels, names, strict=False):
        at = r.at(setting=SHORT, optimizer=name)
        known = name in STEP
        lines = {"critical rate of one step": float(at.predicted["critical_rate"])} if known else {}
        here = at.at(learning_rate=stored_rates(at), step=list(r.config["steps"]))
        figures.phase_map(ax, here["phase"], counts=here["spikes"], lines=lines)
        ax.set_title(name)


def over_steps(variable, label, names=None, log="", threshold=None):
    """A variable over steps, a line per rate, a panel per optimizer; grey: initial spectra's range, or a threshold."""

    def figure(r, axes):
        few = r.at(setting=SHORT, step=list(r.config["steps"]))
        chosen = [name for name in r.axes["optimizer"] if names is None or name in names]
        panels = np.ravel(axes(-(-len(chosen) // 2), 2))
        for ax in panels[len(chosen):]:
            ax.set_axis_off()
        for ax, name in zip(panels, chosen, strict=False):
            at = few.at(optimizer=name)
            data = at.at(learning_rate=stored_rates(at))[variable]
            start = data.isel(step=0)
            null = (float(start.min()), float(start.max())) if threshold is None else threshold
            words = "initial weights" if threshold is None else f"threshold {threshold:g}"
            null = null if np.isfinite(null).all() else None
            figures.trajectory(ax, data, null=null, null_name=words, log=log)
            ax.set(title=name, ylabel=label)

    return figure


def alternatives(r, axes):
    """AIC of the power law minus the alternative's, per tail value, full batch; above 0 the alternative is better."""
    few = r.at(setting=SHORT, step=list(r.config["steps"]))
    chosen = [name for name in r.axes["optimizer"] if name in STEP]
    panels = np.reshape(axes(len(chosen), len(ALTERNATIVES), height=1.9), (len(chosen), -1))
    for row, name in zip(panels, chosen, strict=True):
        at = few.at(optimizer=name)
        at = at.at(learning_rate=stored_rates(at))
        for ax, (alternative, law) in zip(row, ALTERNATIVES.items(), strict=True):
            figures.trajectory(ax, (preferred(at, alternative) / at["alpha_tail"]).rename("aic"), null=0.0,
                               null_name="equally good", log="")
            ax.set(title=f"{name}, against\n{law}", ylabel="AIC difference per value")


def long_runs(r, axes):
    """Hill's exponent, outliers and test loss over many steps at small rates."""
    if LONG not in r.axes["setting"]:
        ax = axes()
        ax.text(0.5, 0.5, "no long runs: --long-steps 10000", ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()
        return
    names = [name for name in r.axes["optimizer"] if name in STEP]
    wanted = {"hill": r"Hill exponent $\alpha$", "outliers": "outliers", "test_loss": "ridge test loss"}
    panels = np.reshape(axes(len(names), len(wanted)), (len(names), -1))
    for row, name in zip(panels, names, strict=True):
        at = r.at(setting=LONG, optimizer=name)
        at = at.at(learning_rate=stored_rates(at))
        for ax, (variable, label) in zip(row, wanted.items(), strict=True):
            start = at[variable].isel(step=0)
            data = at[variable].isel(step=slice(1, None))
            figures.trajectory(ax, data, null=(float(start.min()), float(start.max())),
                               null_name="initial weights", log="x")
            ax.set(title=name, ylabel=label)
            if variable == "outliers":
                ax.set_ylim(-0.1, 1.1 * max(1.0, float(data.max())))


def noise(r, axes):
    """Full batch beside minibatches: Hill's exponent after the few steps, against the rate."""
    few = r.at(setting=SHORT, step=r.config["steps"][-1])
    panels = np.ravel(axes(1, 2))
    for ax, kind in zip(panels, ("gd", "adam"), strict=True):
        names = [name for name in r.axes["optimizer"] if name.startswith("adam") == (kind == "adam")]
        if names:
            data = together({name: few.at(optimizer=name)["hill"] for name in names}, "optimizer")
            figures.against(ax, data.dropna("learning_rate", how="all"), by="optimizer", log="x")
            ax.set(title=f"{kind}: full batch and minibatches", ylabel=r"Hill exponent $\alpha$")
