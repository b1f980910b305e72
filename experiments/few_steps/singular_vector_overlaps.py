"""Which singular vectors of the weights, before and after a step, are those of the update? (2406.04657)"""

from dataclasses import dataclass
from typing import Any

from scipy.special import gammainccinv

import theory
from experiments.few_steps import _update_overlap_figures as draw
from experiments.few_steps import _update_overlaps as predicted
from spectrax import captures, claim, optimizers, sweep
from spectrax.models import TwoLayer
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
AXES = ("gd_learning_rates", "adam_learning_rates", "gd_minibatch_rates", "adam_minibatch_rates")


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n
    inputs: int = 1000  # d
    width: int = 1500  # h
    optimizers: tuple[str, ...] = ("gd", "adam", "sgd@500", "sgd@100", "adam@500", "adam@100")  # NAME@batch
    gd_learning_rates: tuple[float, ...] = (10, 1000, 2000)  # small; just below the critical rate 1260; above it
    adam_learning_rates: tuple[float, ...] = (0.001, 0.1, 1)  # critical: .0466
    gd_minibatch_rates: tuple[float, ...] = (2000,)
    adam_minibatch_rates: tuple[float, ...] = (0.1,)
    steps: tuple[int, ...] = tuple(range(10))  # captured: W_t, the step M_t from there, W_{t+1}
    replicates: int = 3
    blocks: int = 100  # resolution of the stored overlap matrices; 0: every entry (48 MB a run and step)
    corner: int = 20  # leading vectors stored entry by entry
    noise_std: float = 0.3  # of the labels
    seed: int = 0


SMOKE = Config(
    samples=120,
    inputs=60,
    width=90,
    optimizers=("gd", "adam", "adam@40"),
    gd_learning_rates=(400,),
    adam_learning_rates=(0.001, 0.5),
    adam_minibatch_rates=(0.5,),
    steps=(0, 1),
    replicates=2,
    blocks=20,
    corner=8,
)

# Stated before the first run at full size
SLOPE = 0.1  # of the profile in the eigenvalue; one replicate has a standard error of sqrt(2/d)/sqrt(d/h) = .055
COSINE = 0.05  # of two directions; standard error of one replicate 1/sqrt(d) = .03
SQUARE, NEAR_ONE = 0.05, 0.005  # squared overlaps of leading vectors; near 1 theory is off by O(1/n)
SHARE = 0.03  # of a vector in the leading tenth of ranks
ISOTROPIC = 0.3  # Adam's rate up to which the bulk is isotropic
SIGNS = 0.5  # least squared overlap of an Adam step's leading left vector with sgn(a)


def plan(c: Config) -> sweep.Study:
    return sweep.Study(
        task=SingleIndex(c.samples, c.inputs, noise_std=c.noise_std),
        model=lambda rngs: TwoLayer(c.inputs, c.width, rngs=rngs),
        optimizers={name: optimizers.named(name) for name in c.optimizers},
        learning_rates={name: rates_of(c, name) for name in c.optimizers},
        steps=c.steps,
        replicates=c.replicates,
        seed=c.seed,
        captures=[captures.vector_overlaps(c.blocks, c.corner)],
    )


def rates_of(c, name):
    rates = {
        ("gd", False): c.gd_learning_rates,
        ("gd", True): c.gd_minibatch_rates,
        ("adam", False): c.adam_learning_rates,
        ("adam", True): c.adam_minibatch_rates,
    }
    return rates["gd" if name.startswith(("gd", "sgd")) else "adam", batch_of(name) is not None]


def batch_of(name):
    return getattr(optimizers.named(name), "batch", None)


def kind_of(name):
    """The optimizer whose first step theory describes, "" for others; a minibatch is a smaller data set there."""
    return {"gd": "gd", "sgd": "gd", "adam": "adam"}.get(name.partition("@")[0], "")


def setting(r, name):
    """(samples of the first step, inputs, width, noise)."""
    c = r.config
    return batch_of(name) or c["samples"], c["inputs"], c["width"], c["noise_std"]


def one_step(r, name, rate):
    samples, inputs, width, noise = setting(r, name)
    step = {"gd": theory.gradient_step, "adam": theory.adam_step}[kind_of(name)]
    return step(rate, samples, inputs, width, noise_std=noise)


def claims(r):
    for name in filter(kind_of, r.axes["optimizer"]):
        rates = draw.stored_rates(r, name)
        if 0 in r.steps:
            yield from at_the_start(r, name, rates[-1])
            for rate in rates:
                yield from after_the_step(r, name, rate)
        for rate in rates:
            yield from later(r, name, rate)
    yield from minibatches(r)


def at_the_start(r, name, rate):
    """The first update seen from W0, at the largest rate: it is the same at all, but for rounding."""
    at, what, kind = r.at(optimizer=name, learning_rate=rate, step=0), f"{name} {rate:g}: ", kind_of(name)
    says = predicted.start(kind, *setting(r, name))
    along, of = ("readout", "a") if kind == "gd" else ("sign", "sgn a")
    yield claim.equals(
        f"{what}M_0's leading left vector is {of}",
        "ours",
        at[f"update_{along}_overlap"].isel(profile_vector=0),
        1.0,
        tolerance=NEAR_ONE,
    )
    yield claim.equals(
        f"{what}cosine of M_0's leading right vector with W_0^T a",
        "ours",
        at["update_backward_overlap"].isel(profile_vector=0),
        says.share**0.5,
        sigmas=2,
        tolerance=COSINE,
    )
    for side, slope in (("left", 0.0), ("right", says.share)):
        yield claim.equals(
            f"{what}slope of its overlap with W_0's {side} vectors in their eigenvalue",
            "ours",
            slopes(r, at, side),
            slope,
            sigmas=2,
            tolerance=SLOPE,
        )
    entries = at["left_before_beyond"] + at["right_before_beyond"]
    yield claim.absent(f"{what}entries of W_0 x M_0 past the 1 % level", "random directions", entries)
    yield claim.absent(f"{what}blocks of W_0 x M_0 past the 1 % level", "random directions", blocks_beyond(r, at))


def slopes(r, at, side):
    """Least squares of the profile of M_0's leading vector in the eigenvalues of W_0^T W_0/h, per replicate."""
    profile = at[f"{side}_before_profile"].isel(profile_vector=0)
    eigenvalue = at["before_singular_values"] ** 2 / r.config["width"]
    deviation = eigenvalue - eigenvalue.mean("weight_rank")
    return (deviation * profile).sum("weight_rank", skipna=False) / (deviation**2).sum("weight_rank")


def blocks_beyond(r, at):
    """Blocks of both sides past the family-wise level of means of independent squares, per replicate."""
    size = min(r.config["inputs"], r.config["width"])
    side = size // (min(r.config["blocks"], size) or size)
    found = []
    for matrix in (at["left_before"], at["right_before"]):
        cells = matrix.sizes["weight_block"] * matrix.sizes["update_block"]
        level = gammainccinv(0.5 * side**2, 0.01 / cells) / (0.5 * side**2)
        count = (matrix > level).sum(("weight_block", "update_block"))
        found.append(count.where(matrix.notnull().all(("weight_block", "update_block"))))
    return found[0] + found[1]


def after_the_step(r, name, rate):
    """The first update seen from W1: the leading vectors, and the leading tenth of ranks."""
    at, what = r.at(optimizer=name, learning_rate=rate, step=0), f"{name} {rate:g}: "
    says, critical = predicted.after(kind_of(name), rate, *setting(r, name)), one_step(r, name, rate).critical_rate
    tenth = max(1, len(says.left) // 10)
    for side in ("left", "right"):
        size, value = r.config["width" if side == "left" else "inputs"], getattr(says, side)
        if rate > 1.15 * critical:
            top = value[0] / size
            rule: dict[str, Any] = {"sigmas": 2, "tolerance": SQUARE} if top < 0.95 else {"tolerance": NEAR_ONE}
            measured = at[f"{side}_after_corner"].isel(weight_vector=0, update_vector=0) / size
            stated = f"{what}squared overlap of W_1's and M_0's {side} vectors"
            yield claim.equals(stated, "ours", measured, top, **rule)
        if kind_of(name) == "gd" or rate <= ISOTROPIC:
            share = at[f"{side}_after_cumulated"].isel(profile_vector=0, weight_rank=tenth - 1)
            stated = f"{what}share of M_0's leading {side} vector in W_1's leading tenth"
            yield claim.equals(stated, "ours", share, value[:tenth].sum() / size, sigmas=2, tolerance=SHARE)


def later(r, name, rate):
    """What holds at every captured step: nothing stands out at small rates; Adam's updates keep to sgn(a)."""
    at, what = r.at(optimizer=name, learning_rate=rate), f"{name} {rate:g}: "
    if rate * (r.steps[-1] + 1) < 0.5 * one_step(r, name, rate).critical_rate:
        most = (at["left_after_beyond"] + at["right_after_beyond"]).max("step", skipna=False)
        yield claim.absent(f"{what}entries of W_t+1 x M_t past the 1 % level at any step", "ours", most, allowed=1)
    if kind_of(name) == "adam":
        least = at["update_sign_overlap"].isel(profile_vector=0).min("step", skipna=False) ** 2
        yield claim.absent(
            f"{what}distance of M_t's leading left vector from sgn a at any step",
            "ours",
            1 - least,
            allowed=1 - SIGNS,
        )


def minibatches(r):
    """With fresh samples at each step the update's right vector is less the one that the weights have taken up."""
    for name in r.axes["optimizer"]:
        full = kind_of(name)
        if batch_of(name) is None or full not in r.axes["optimizer"] or 1 not in r.steps:
            continue
        for rate in set(draw.stored_rates(r, name)) & set(draw.stored_rates(r, full)):
            top = [
                r.at(optimizer=o, learning_rate=rate, step=1)["right_before_corner"].isel(
                    weight_vector=0, update_vector=0
                )
                / r.config["inputs"]
                for o in (full, name)
            ]
            stated = f"{name} {rate:g}: the full batch's M_1 is nearer to W_1, leading right vectors"
            yield claim.differs(stated, "ours", *top, sign=+1)


FIGURES = {
    "profiles": draw.profiles(kind_of, setting),
    "steps": draw.over_steps,
    "matrices": draw.matrices,
    "corners": draw.corners,
    "minibatches": draw.minibatches,
}
