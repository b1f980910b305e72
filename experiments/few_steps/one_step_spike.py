"""Does theory predict the spike after one large step: its place, its vectors, its critical rate? (2406.04657)"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import theory
from experiments.few_steps._stored import rates_with
from spectrax import captures, claim, figures, optimizers, sweep
from spectrax.models import TwoLayer
from spectrax.result import together
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
AXES = ("gd_learning_rates", "adam_learning_rates")
LEVEL = 0.01  # of the detection test


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n
    inputs: int = 1000  # d
    width: int = 1500  # h
    gd_learning_rates: tuple[float, ...] = (10, 300, 1000, 1250, 1300, 1350, 1400, 1500, 1750, 2000, 2500, 3000)
    adam_learning_rates: tuple[float, ...] = (
        0.001,
        0.01,
        0.02,
        0.03,
        0.04,
        0.045,
        0.048,
        0.05,
        0.052,
        0.054,
        0.057,
        0.06,
        0.08,
        0.1,
        0.2,
        0.3,
        1,
        3,
    )
    optimizers: tuple[str, ...] = ("gd", "adam")  # those whose first step theory.gradient_step or adam_step describes
    replicates: int = 5
    noise_std: float = 0.3  # of the labels
    seed: int = 0


SMOKE = Config(
    samples=120, inputs=60, width=90, gd_learning_rates=(1, 80, 400), adam_learning_rates=(0.01, 0.2, 1), replicates=2
)
PREDICT = {"gd": theory.gradient_step, "adam": theory.adam_step}
# largest error in any replicate of the formula of the two directions (theory.projected_outlier), stated beforehand
TWO_DIRECTIONS = {
    ("adam", 0.1): 0.01,
    ("adam", 0.2): 0.003,
    ("adam", 0.3): 0.003,
    ("adam", 1): 0.003,
    ("adam", 3): 0.003,
    ("gd", 3000): 0.006,
}
SOURCE = {"gd": "gradient_step", "adam": "adam_step"}
READOUT = {"gd": "readout_overlap", "adam": "readout_sign_overlap"}


def plan(c: Config) -> sweep.Study:
    for name in c.optimizers:
        optimizers.named(name)  # a name that means nothing is told so first
        if name not in PREDICT:
            raise ValueError(
                f"optimizers must be of {', '.join(PREDICT)}, whose spike theory predicts; got {name!r}. Measure "
                f"it with `spectrax run learning_rate_study --optimizers {name} --learning-rates 0.1 1 --steps 0 1`."
            )
    rates = {"gd": c.gd_learning_rates, "adam": c.adam_learning_rates}
    return sweep.Study(
        task=SingleIndex(c.samples, c.inputs, noise_std=c.noise_std),
        model=lambda rngs: TwoLayer(c.inputs, c.width, rngs=rngs),
        optimizers={name: optimizers.named(name) for name in c.optimizers},
        learning_rates={name: rates[name] for name in c.optimizers},
        steps=(1,),
        replicates=c.replicates,
        seed=c.seed,
        leading=2,
        captures=[captures.spectrum(), captures.overlaps(), captures.outliers(level=LEVEL)],
    )


def predicted(r, optimizer, rates):
    c = r.config
    return PREDICT[optimizer](rates, c["samples"], c["inputs"], c["width"], noise_std=c["noise_std"])


def singular_value(r, index=-1):
    return r["eigenvalues"].isel(rank=index) ** 0.5


def projected(r):
    """Largest singular value from the measured two directions (span of sgn a and a), replicate by replicate."""
    p, norm = r["projection"].transpose("replicate", "col", "direction"), r["squared_norm"] ** 0.5
    return theory.projected_outlier(p.values, norm.values, rows=r.config["width"]).location


def claims(r):
    for optimizer in r.axes["optimizer"]:
        critical = predicted(r, optimizer, 1.0).critical_rate
        for rate in stored_rates(r, optimizer):
            at, what = r.at(optimizer=optimizer, learning_rate=rate, step=1), f"{optimizer} {rate:g}: "
            if rate < 0.8 * critical:
                source = f"theory.{SOURCE[optimizer]}"
                yield claim.absent(what + "no outlier below the critical rate", source, at["outliers"])
            if rate > 1.15 * critical:
                yield from place(r, at, optimizer, rate, what)
                yield from bulk(r, at, optimizer, rate, what)
            if rate > critical:
                yield from vectors(r, at, optimizer, rate, what)
        yield from detection(r, optimizer)


def place(r, at, optimizer, rate, what):
    """The largest singular value: closed form on average, the two measured directions in every replicate."""
    measured, both = singular_value(at), projected(at)
    yield claim.equals(
        what + "largest singular value",
        f"theory.{SOURCE[optimizer]}",
        measured,
        predicted(r, optimizer, rate).location,
        sigmas=2,
        relative=0.01,
    )
    if (optimizer, rate) in TWO_DIRECTIONS:
        allowed = TWO_DIRECTIONS[optimizer, rate]
        yield claim.absent(
            f"{what}the two measured directions give it in every replicate within {allowed:.1%}",
            "theory.projected_outlier",
            abs(both / measured - 1),
            allowed=allowed,
        )


def vectors(r, at, optimizer, rate, what):
    """Overlaps of the leading vectors; near 1 a leading-order theory is off by O(1/n), more than the spread of runs."""
    says = predicted(r, optimizer, rate)
    rule: dict[str, Any] = {"sigmas": 2, "tolerance": 0.1} if says.readout_overlap < 0.95 else {"tolerance": 0.005}
    yield claim.equals(
        what + "overlap with the readout",
        f"theory.{SOURCE[optimizer]}",
        at[READOUT[optimizer]].isel(vector=0),
        says.readout_overlap,
        **rule,
    )
    yield claim.equals(
        what + "overlap with the teacher",
        f"theory.{SOURCE[optimizer]}",
        at["teacher_overlap"].isel(vector=0),
        says.teacher_overlap,
        sigmas=2,
        tolerance=0.1,
    )


def bulk(r, at, optimizer, rate, what):
    """The second singular value: the edge of the isotropic bulk, as far as the noise is isotropic."""
    says, c = predicted(r, optimizer, rate), r.config
    if optimizer == "gd" or rate <= 0.3:
        centre, scale = theory.largest_eigenvalue(c["width"] - 1, c["inputs"] - 1)
        largest = (centre + scale * theory.TracyWidom(1).mean) ** 0.5  # of noise of unit variance
        finite = says.edge * largest / (c["width"] ** 0.5 + c["inputs"] ** 0.5)
        what += "second singular value is the bulk's edge"
        yield claim.equals(what, "Johnstone 2001", singular_value(at, -2), finite, relative=0.01)
    elif rate >= 1:
        what += "the bulk reaches beyond the isotropic edge"
        yield claim.differs(what, f"theory.{SOURCE[optimizer]}", singular_value(at, -2), says.edge, sign=+1)


def detection(r, optimizer):
    """Rate at which the Tracy-Widom test calls the outlier, per replicate, beside the one predicted.

    A replicate that is called at no stored rate (or at all) counts with the outermost rate, which moves no median.
    """
    c, rates = r.config, stored_rates(r, optimizer)
    centre, scale = theory.largest_eigenvalue(c["width"], c["inputs"])
    level = theory.TracyWidom(1).quantile(1 - LEVEL)
    at = r.at(optimizer=optimizer, learning_rate=rates, step=1)
    score = ((at["eigenvalues"].isel(rank=-1) / at["bulk_variance"] - centre) / scale).transpose("replicate", ...)
    score = score.dropna("replicate").values
    fine = np.geomspace(rates[0], rates[-1], 20001)
    says = predicted(r, optimizer, fine)
    edge = (c["width"] ** 0.5 + c["inputs"] ** 0.5) ** 2
    called = ((says.location / says.edge) ** 2 * edge - centre) / scale > level
    if not called.any() or not score.size or not (score.min() < level < score.max()):
        return
    measured = [np.exp(np.interp(level, np.maximum.accumulate(s), np.log(rates))) for s in score]
    what = f"{optimizer}: rate detected at p < {LEVEL:g} in half of the replicates"
    centring = "median" if len(measured) >= 6 else "mean"  # an interval of the median needs six
    yield claim.equals(what, "Tracy-Widom", measured, fine[np.argmax(called)], sigmas=2, relative=0.05, centre=centring)


def stored_rates(r, optimizer):
    """Rates of an optimizer that any replicate has."""
    return rates_with(r.at(optimizer=optimizer, step=1)["squared_norm"])


def spike(r, axes):
    panels = np.reshape(axes(len(r.axes["optimizer"]), 2), (-1, 2))
    for row, optimizer in zip(panels, r.axes["optimizer"], strict=True):
        at = r.at(optimizer=optimizer, learning_rate=stored_rates(r, optimizer), step=1)
        critical = {"critical rate": predicted(r, optimizer, 1.0).critical_rate}
        figures.against(
            row[0],
            singular_value(at),
            theory=lambda x, o=optimizer: predicted(r, o, x).location,
            lines=critical,
            log="x" if optimizer == "gd" else "xy",
        )
        row[0].set(title=optimizer, ylabel="largest singular value of $W_1$")
        both = {"teacher": at["teacher_overlap"].isel(vector=0), "readout": at[READOUT[optimizer]].isel(vector=0)}
        figures.against(
            row[1],
            together(both, "direction"),
            by="direction",
            lines=critical,
            log="x",
            theory={name: lambda x, o=optimizer, n=name: getattr(predicted(r, o, x), f"{n}_overlap") for name in both},
        )
        row[1].set(title=optimizer, ylabel="overlap of leading vector")


def second(r, axes):
    for ax, optimizer in zip(np.ravel(axes(1, len(r.axes["optimizer"]))), r.axes["optimizer"], strict=True):
        at = r.at(optimizer=optimizer, learning_rate=stored_rates(r, optimizer), step=1)
        figures.against(ax, singular_value(at, -2), theory=lambda x, o=optimizer: predicted(r, o, x).edge, log="x")
        ax.set(title=f"{optimizer}: line is the isotropic edge", ylabel="second singular value")


FIGURES = {"spike": spike, "second": second}
