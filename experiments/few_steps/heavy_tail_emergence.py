"""When does a spectrum turn from bulk to spike to heavy tail, and is the tail a power law? (2406.04657)"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

import theory
from spectrax import captures, claim, figures, optimizers, schedule, sweep
from spectrax.models import TwoLayer
from spectrax.result import together
from spectrax.spectrum import Spectrum
from spectrax.sweep import Setting
from spectrax.tails import hill
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
SHORT, LONG = "few steps", "many steps"
STEP = {"gd": theory.gradient_step, "adam": theory.adam_step}
ALTERNATIVES = {
    "bulk_and_spikes": "Marchenko-Pastur and spikes",
    "lognormal": "lognormal",
    "inverse_marchenko_pastur": "inverse Marchenko-Pastur",
    "high_temperature": "high-temperature MP",
    "inverse_high_temperature": "inverse high-temperature MP",
}
BELOW = 0.8  # of the critical rate: where no outlier is expected after one step
MARGIN = 0.02  # of Hill's exponent: six standard errors of the initial spectrum's, what "the tail stays" means


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n
    inputs: int = 1000  # d
    width: int = 1500  # h
    gd_rates: tuple[float, ...] = (100, 1000, 2000, 3000)  # of gd and sgd
    adam_rates: tuple[float, ...] = (0.01, 0.1, 0.3, 1, 3, 10)
    optimizers: tuple[str, ...] = ("gd", "adam", "sgd@100", "sgd@500", "adam@100", "adam@500")  # @: minibatches of
    steps: tuple[int, ...] = (0, 1, 2, 3, 5, 7, 10)  # captured
    long_steps: int = 0  # length of the runs at the long rates, captured at log-spaced steps; 0: none
    long_gd_rates: tuple[float, ...] = (100, 1000)
    long_adam_rates: tuple[float, ...] = (0.001, 0.01, 0.1)
    bootstrap: int = 100  # draws of the p-value of a power law, at every captured spectrum
    replicates: int = 3
    noise_std: float = 0.3  # of the labels
    seed: int = 0


SMOKE = Config(samples=80, inputs=40, width=60, gd_rates=(1, 100), adam_rates=(0.01, 1.0), steps=(0, 1, 3),
               optimizers=("gd", "adam", "adam@20"), long_steps=20, long_gd_rates=(1,), long_adam_rates=(0.1,),
               bootstrap=5, replicates=2)
AXES = ("gd_rates", "adam_rates", "long_gd_rates", "long_adam_rates")


def plan(c: Config) -> sweep.Study:
    settings = {SHORT: Setting(last_step=c.steps[-1])}
    steps = c.steps
    if c.long_steps:
        steps = schedule.at(*c.steps, *schedule.log_spaced(13, c.long_steps))
        full = {name: optimizers.named(name) for name in c.optimizers if "@" not in name}
        settings[LONG] = Setting(optimizers=full, learning_rates=rates(c, full, long=True))
    return sweep.Study(
        task=SingleIndex(c.samples, c.inputs, noise_std=c.noise_std),
        model=lambda rngs: TwoLayer(c.inputs, c.width, rngs=rngs),
        optimizers={name: optimizers.named(name) for name in c.optimizers},
        learning_rates=rates(c, c.optimizers),
        steps=steps,
        replicates=c.replicates,
        seed=c.seed,
        settings=settings,
        captures=[
            captures.spectrum(),
            captures.overlaps(),
            captures.outliers(initial_variance=1.0),
            captures.tails(bootstrap=c.bootstrap, alternatives=tuple(ALTERNATIVES)),
            captures.readout(conventions=("paper", "authors")),
        ],
    )


def rates(c, names, long=False):
    found = {"gd": c.long_gd_rates if long else c.gd_rates, "adam": c.long_adam_rates if long else c.adam_rates}
    return {name: found["adam" if name.startswith("adam") else "gd"] for name in names}


def predict(c: Config) -> xr.Dataset:
    """After one full-batch step: largest singular value, Hill exponent of the whole spectrum, critical rate."""
    found: list[xr.Dataset] = []
    for name in [name for name in c.optimizers if name in STEP]:
        eta = list(rates(c, (name,))[name])
        says = STEP[name](eta, c.samples, c.inputs, c.width, noise_std=c.noise_std)
        exponents = [exponent_of(law, c, top) for law, top in zip(says.bulk, says.location, strict=True)]
        along = ("optimizer", "learning_rate")
        found.append(xr.Dataset(
            {"largest_singular_value": (along, [says.location]), "hill": (along, [exponents]),
             "detached": (along, [says.detached.astype(float)]),
             "critical_rate": (along[:1], [says.critical_rate])},
            {"optimizer": [name], "learning_rate": [float(rate) for rate in eta]}))
    return xr.merge(found, join="outer", compat="no_conflicts") if found else xr.Dataset()


def exponent_of(law, c, top):
    """Hill's exponent of the predicted eigenvalues: quantiles of the bulk's law and the largest."""
    rank = min(c.inputs, c.width)
    bulk = law.quantile(1 - (rank / c.inputs) * (np.arange(1, rank) - 0.5) / (rank - 1))
    return hill(np.append(bulk * c.width, top**2)).alpha


def claims(r):
    few = r.at(setting=SHORT)
    for name in [name for name in r.axes["optimizer"] if name in STEP]:
        yield from first_step(few.at(optimizer=name), name)
    for name in r.axes["optimizer"]:
        at = few.at(optimizer=name)
        for rate in stored_rates(at):
            yield from last_step(at.at(learning_rate=rate), f"{name} {rate:g}, step {few.config['steps'][-1]}: ")
    yield from without_noise(few)
    if LONG in r.axes["setting"]:
        yield from many_steps(r.at(setting=LONG))


def first_step(at, name):
    """Bulk and spike after one step, against what was predicted."""
    source, critical = f"theory.{STEP[name].__name__}", float(at.predicted["critical_rate"])
    for rate in stored_rates(at):
        here, what = at.at(learning_rate=rate, step=1), f"{name} {rate:g}, step 1: "
        if float(here.predicted["detached"]):
            value, says = here["eigenvalues"].isel(rank=-1) ** 0.5, float(here.predicted["largest_singular_value"])
            yield claim.equals(what + "largest singular value", source, value, says, relative=0.02)
        elif rate < BELOW * critical:
            yield claim.absent(what + "no outlier below the critical rate", source, here["outliers"])
        says = float(here.predicted["hill"])
        yield claim.equals(what + "Hill's exponent", source, here["hill"], says, tolerance=MARGIN)


def last_step(at, what):
    """The paper's reading of the end of the few steps: a heavy tail, a power law rather than anything else."""
    end, start = at.at(step=at.config["steps"][-1]), at.at(step=0)
    yield claim.differs(what + "a heavier tail than at the start", PAPER, end["hill"], start["hill"], sign=-1)
    yield claim.differs(what + "a power law is plausible (bootstrap p > .1)", "Clauset et al. 2009",
                        end["alpha_p_value"], 0.1, sign=+1)
    for name, law in ALTERNATIVES.items():
        words = f"a power law describes the tail better than {law}, by AIC"
        yield claim.differs(what + words, PAPER, preferred(end, name), 0.0, sign=-1)


def preferred(at, name):
    """AIC of the power law minus that of the alternative: positive where the alternative is the better.

    Not the bare ratio: the lognormal and the inverse high-temperature law contain the power law and never lose by it.
    """
    if name == "lognormal":  # one parameter more
        return -2 * at["likelihood_ratio_lognormal"] - 2
    return at[f"aic_difference_{name}"]


def without_noise(few):
    """Heavy tails without gradient noise: full batch has them, and minibatches don't have heavier ones."""
    last = few.config["steps"][-1]
    for name in [name for name in few.axes["optimizer"] if "@" in name]:
        full = {"sgd": "gd"}.get(name.partition("@")[0], name.partition("@")[0])
        if full in few.axes["optimizer"]:
            for rate in stored_rates(few.at(optimizer=name)):
                noisy, whole = (few.at(optimizer=o, learning_rate=rate, step=last)["hill"] for o in (name, full))
                yield claim.differs(f"{name} {rate:g}, step {last}: another exponent than the full batch's", PAPER,
                                    noisy, whole)


def many_steps(r):
    for name in r.axes["optimizer"]:
        at = r.at(optimizer=name)
        for rate in stored_rates(at):
            here = at.at(learning_rate=rate)
            what = f"{name} {rate:g}, step {r.steps[-1]}: a heavier tail than at the start"
            yield claim.differs(what, PAPER, here.last()["hill"], here.first()["hill"], sign=-1)


def stored_rates(at):
    found = at["squared_norm"].isel(step=0)
    return found.learning_rate.values[found.notnull().any("replicate").values].tolist()


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


def over_steps(variable, label, names=None, log="", zero=None):
    """A variable over steps, a line per rate, a panel per optimizer; grey: the initial spectrum's range, or `zero`."""

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
            null = (float(start.min()), float(start.max())) if zero is None else zero
            figures.trajectory(ax, data, null=null if np.isfinite(null).all() else None, log=log)
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
            figures.trajectory(ax, (preferred(at, alternative) / at["alpha_tail"]).rename("aic"), null=0.0, log="")
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
            figures.trajectory(ax, data, null=(float(start.min()), float(start.max())), log="x")
            ax.set(title=name, ylabel=label)


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


FIGURES = {
    "frames": frames,
    "phases": phases,
    "hill": over_steps("hill", r"Hill exponent $\alpha$"),
    "alpha": over_steps("alpha", r"fitted exponent $\alpha$", names=tuple(STEP)),
    "p_value": over_steps("alpha_p_value", "p-value of a power law", names=tuple(STEP), zero=0.1),
    "alternatives": alternatives,
    "noise": noise,
    "long": long_runs,
}
