"""Which part of Adam makes the heavy tail: the sign, either average, or the size of the step? (2406.04657)"""

from dataclasses import dataclass

import numpy as np

import theory
from spectrax import captures, claim, figures, optimizers, sweep
from spectrax.models import TwoLayer
from spectrax.optimizers import GD, Adam, Matched, Muon, RMSprop, SignDescent
from spectrax.result import together
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
PARTS = {
    "adam": Adam(),  # with its own step length
    "adam matched": Matched(Adam()),
    "adam, no momentum": Matched(Adam(b1=0.0)),
    "adam, no memory of squares": Matched(Adam(b2=0.0)),
    "rmsprop": Matched(RMSprop()),
    "sign descent": Matched(SignDescent()),
    "normalised gd": Matched(GD()),
    "normalised gd, momentum": Matched(GD(momentum=0.9)),
    "gd at adam's length": Matched(GD(), length=Adam()),
    "orthogonalised": Matched(Muon()),
}
ELEMENTWISE = tuple(PARTS)[:6]  # the gradient's entries are divided by something of their own size
WHOLE = ("normalised gd", "normalised gd, momentum", "gd at adam's length")
MOMENTUM = {"adam matched": "adam, no momentum", "normalised gd, momentum": "normalised gd"}  # with it: without it
MARGIN = 0.02  # of Hill's exponent, about six standard errors of the initial one: what "the bulk stays" means
ERROR = {"elementwise": 0.01, "whole": 0.02}  # allowed of the two directions' formula, relative; set before any run


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n
    inputs: int = 1000  # d
    width: int = 1500  # h
    learning_rates: tuple[float, ...] = (0.1, 1.0)  # root mean square of every update's entries
    parts: tuple[str, ...] = tuple(PARTS)  # or gd, adam, ..., module:attribute, each at its own length
    steps: tuple[int, ...] = (0, 1, 2, 3, 5, 7, 10)  # captured
    replicates: int = 4
    noise_std: float = 0.3  # of the labels
    seed: int = 0


SMOKE = Config(samples=80, inputs=40, width=60, learning_rates=(1.0,), replicates=2, steps=(0, 1, 3),
               parts=("adam", "sign descent", "normalised gd", "orthogonalised"))


def plan(c: Config) -> sweep.Study:
    if 0 not in c.steps:
        raise ValueError(f"steps must hold 0, which every change is measured from; got {list(c.steps)}. Add 0.")
    return sweep.Study(
        task=SingleIndex(c.samples, c.inputs, noise_std=c.noise_std),
        model=lambda rngs: TwoLayer(c.inputs, c.width, rngs=rngs),
        optimizers={name: PARTS[name] if name in PARTS else optimizers.named(name) for name in c.parts},
        learning_rates=c.learning_rates,
        steps=c.steps,
        replicates=c.replicates,
        seed=c.seed,
        captures=[captures.spectrum(), captures.overlaps(), captures.outliers(), captures.tails(), captures.update(),
                  captures.readout(conventions=("paper", "authors"))],
    )


def claims(r):
    for rate in r.axes["learning_rate"]:
        at, last = r.at(learning_rate=rate), r.steps[-1]
        start = at.at(optimizer=r.axes["optimizer"][0], step=0)["hill"]
        for name in r.axes["optimizer"]:
            end, what = at.at(optimizer=name, step=last), f"{name}, {rate:g}, step {last}: "
            if name in ELEMENTWISE:
                yield claim.differs(what + "the tail is heavier than at the start", "ours", end["hill"], start, sign=-1)
            elif name in WHOLE:
                words = "the bulk's exponent stays"
                yield claim.equivalent(what + words, "ours", end["hill"], start, margin=MARGIN)
            elif name == "orthogonalised":
                yield claim.differs(what + "the tail is lighter than at the start", "ours", end["hill"], start, sign=+1)
        yield from against_adam(at, rate, last)
        yield from with_momentum(at, rate, last)
        for name in r.axes["optimizer"]:
            if name in ELEMENTWISE or name in WHOLE:
                yield from formula(at.at(optimizer=name), f"{name}, {rate:g}", name in ELEMENTWISE)


def against_adam(at, rate, last):
    """What is missing or added when one part goes: the same exponent as Adam's, or another?"""
    names = at.axes["optimizer"]
    if "adam matched" not in names:
        return
    whole = at.at(optimizer="adam matched", step=last)["hill"]
    for name in ("adam, no momentum", "adam, no memory of squares", "rmsprop", "sign descent"):
        if name in names:
            part, what = at.at(optimizer=name, step=last)["hill"], f"{name}, {rate:g}, step {last}: "
            yield claim.differs(what + "another exponent than the whole Adam's", "ours", part, whole)


def with_momentum(at, rate, last):
    """At equal length of every update: does momentum make the tail heavier?"""
    for moving, still in MOMENTUM.items():
        if {moving, still} <= set(at.axes["optimizer"]):
            ends = (at.at(optimizer=name, step=last)["hill"] for name in (moving, still))
            what = f"{moving}, {rate:g}, step {last}: a heavier tail than {still}"
            yield claim.differs(what, "ours", *ends, sign=-1)


def formula(at, what, elementwise):
    """The largest singular value from the measured projection on sgn(a) and a, step by step."""
    allowed = ERROR["elementwise" if elementwise else "whole"]
    for step in at.steps[1:]:
        here = at.at(step=step)
        yield claim.equals(f"{what}, step {step}: largest singular value from two directions",
                           "theory.projected_outlier", largest(here), predicted(here), relative=allowed)


def largest(at):
    return (at["eigenvalues"].isel(rank=-1) ** 0.5).values


def predicted(at):
    projection, norm = at["projection"].transpose("replicate", "col", "direction"), at["squared_norm"] ** 0.5
    there = np.isfinite(norm.values)
    found = np.full(norm.shape, np.nan)
    if there.any():
        found[there] = theory.projected_outlier(
            projection.values[there], norm.values[there], rows=at.config["width"]).location
    return found


def rate_of_figure(r):
    return 1.0 if 1.0 in r.axes["learning_rate"] else r.axes["learning_rate"][-1]


def over_steps(variable, label, log="auto", null=False, per_entry=False):
    """One line per optimizer over steps, a panel per rate; null: the initial weights' range, where they have one.

    per_entry: a Frobenius norm as the root mean square of the matrix' entries, which is the rate where it is matched.
    """

    def figure(r, axes):
        rates = r.axes["learning_rate"]
        for ax, rate in zip(np.ravel(axes(1, len(rates), height=3.2)), rates, strict=True):
            start = r.at(learning_rate=rate).at(step=0)[variable]
            band = (float(start.min()), float(start.max())) if null and start.notnull().any() else None
            values = r.at(learning_rate=rate)[variable]
            values = values / (r.config["width"] * r.config["inputs"]) ** 0.5 if per_entry else values
            figures.against(ax, values, x="step", by="optimizer", null=band, null_name="initial weights", log=log)
            ax.set(title=rf"$\eta$ = {rate:g}", ylabel=label)

    return figure


def spectra(r, axes):
    """Spectra after the last step, one panel per optimizer, with the law of the initial weights."""
    from spectrax.spectrum import Spectrum

    rate, shape = rate_of_figure(r), (r.config["width"], r.config["inputs"])
    names = r.axes["optimizer"]
    panels = np.ravel(axes(-(-len(names) // 2), 2))
    for ax in panels[len(names):]:
        ax.set_axis_off()
    for ax, name in zip(panels, names, strict=False):
        values = r.last().at(optimizer=name, learning_rate=rate)["eigenvalues"].transpose("replicate", "rank").values
        seen = [Spectrum(v / shape[0], shape, scale=shape[0]) for v in values if np.isfinite(v).all()]
        if seen:
            figures.spectrum(ax, seen, law=theory.MarchenkoPastur.of(shape, 1.0), law_name="law of the initial weights")
        ax.set(title=f"{name}, step {r.steps[-1]}", xlabel=r"eigenvalue of $W^\top W/h$")


def outlier(r, axes):
    """Largest singular value over its prediction from two measured directions."""
    rate = rate_of_figure(r)
    ratios = {}
    for name in r.axes["optimizer"]:
        at = r.at(optimizer=name, learning_rate=rate)
        ratio = at["squared_norm"].isel(step=slice(1, None)).transpose("step", "replicate").copy()
        ratio.values = [largest(at.at(step=s)) / predicted(at.at(step=s)) for s in at.steps[1:]]
        ratios[name] = ratio.rename("ratio")
    ax = axes(height=3.4)
    figures.against(ax, together(ratios, "optimizer"), x="step", by="optimizer", null=1.0,
                    null_name="formula", log="")
    ax.set(ylabel="largest singular value / formula")


FIGURES = {
    "hill": over_steps("hill", r"Hill exponent $\alpha$", log="", null=True),
    "spectra": spectra,
    "update_rank": over_steps("update_stable_rank", "stable rank of the update", log="y"),
    "update_norm": over_steps("update_norm", "root mean square of the next update", log="", per_entry=True),
    "outlier": outlier,
    "test_loss": over_steps("test_loss", "ridge test loss", log="", null=True),
}
