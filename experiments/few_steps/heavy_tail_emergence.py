"""When does a spectrum turn from bulk to spike to heavy tail, and is the tail a power law? (2406.04657)"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from experiments.few_steps import _emergence_figures as draw
from experiments.few_steps._emergence_figures import ALTERNATIVES, LONG, SHORT, STEP, preferred, stored_rates
from spectrax import captures, claim, optimizers, schedule, sweep
from spectrax.models import TwoLayer
from spectrax.sweep import Setting
from spectrax.tails import hill
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
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
    if 0 not in c.steps:
        raise ValueError(f"steps must hold 0, which every change is measured from; got {list(c.steps)}. Add 0.")
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
        eta = [float(rate) for rate in rates(c, (name,))[name]]
        location, detached, exponents = np.transpose([says(c, name, rate) for rate in eta])
        critical = STEP[name](1.0, c.samples, c.inputs, c.width, noise_std=c.noise_std).critical_rate
        along = ("optimizer", "learning_rate")
        found.append(xr.Dataset(
            {"largest_singular_value": (along, [location]), "hill": (along, [exponents]),
             "detached": (along, [detached]), "critical_rate": (along[:1], [critical])},
            {"optimizer": [name], "learning_rate": eta}))
    return xr.merge(found, join="outer", compat="no_conflicts") if found else xr.Dataset()


def says(c, name, rate):
    """Largest singular value, whether it is detached, and Hill's exponent; NaN where a rate is too extreme for them."""
    try:
        step = STEP[name](rate, c.samples, c.inputs, c.width, noise_std=c.noise_std)
        return step.location, float(step.detached), exponent_of(step.bulk, c, step.location)
    except (ArithmeticError, ValueError):
        return np.nan, np.nan, np.nan


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
    for rate in stored_rates(at) if 1 in at.steps else ():
        here, what = at.at(learning_rate=rate, step=1), f"{name} {rate:g}, step 1: "
        if not np.isfinite(float(here.predicted["detached"])):
            continue
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


def without_noise(few):
    """Heavy tails need no gradient noise (`last_step`); does noise add to them? Set after a first look: it does."""
    last = few.config["steps"][-1]
    for name in [name for name in few.axes["optimizer"] if "@" in name]:
        full = {"sgd": "gd"}.get(name.partition("@")[0], name.partition("@")[0])
        if full in few.axes["optimizer"]:
            for rate in stored_rates(few.at(optimizer=name)):
                noisy, whole = (few.at(optimizer=o, learning_rate=rate, step=last)["hill"] for o in (name, full))
                yield claim.differs(f"{name} {rate:g}, step {last}: a heavier tail than the full batch's", "ours",
                                    noisy, whole, sign=-1)


def many_steps(r):
    for name in r.axes["optimizer"]:
        at = r.at(optimizer=name)
        for rate in stored_rates(at):
            here = at.at(learning_rate=rate)
            what = f"{name} {rate:g}, step {r.steps[-1]}: a heavier tail than at the start"
            yield claim.differs(what, PAPER, here.last()["hill"], here.first()["hill"], sign=-1)


FIGURES = {
    "frames": draw.frames,
    "phases": draw.phases,
    "hill": draw.over_steps("hill", r"Hill exponent $\alpha$"),
    "alpha": draw.over_steps("alpha", r"fitted exponent $\alpha$", names=tuple(STEP)),
    "p_value": draw.over_steps("alpha_p_value", "p-value of a power law", names=tuple(STEP), threshold=0.1),
    "alternatives": draw.alternatives,
    "noise": draw.noise,
    "long": draw.long_runs,
}
