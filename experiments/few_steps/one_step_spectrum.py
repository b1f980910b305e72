"""Does theory predict the whole spectrum after one step of Adam, and where does its tail come from? (2406.04657)"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import xarray as xr

from experiments.few_steps import _one_step_laws as laws
from experiments.few_steps import _samples
from experiments.few_steps import _spectrum_figures as drawn
from experiments.few_steps._noise_laws import Case
from experiments.few_steps._spectrum_figures import (
    BARE,
    MAIN,
    at_point,
    distances,
    predicted,
    singular_values,
    stored_rates,
)
from spectrax import captures, claim, sweep
from spectrax.models import TwoLayer
from spectrax.optimizers import Adam
from spectrax.sweep import Setting

PAPER = "2406.04657"
VECTORS = 11  # leading singular vectors: the outlier's and ten of the bulk

# margins, stated beforehand
SECOND = {2000: 0.02, 0: 0.1}  # of the mean second singular value, from this many samples on: it is an extreme of n
KS = {1.0: 0.008, np.inf: 0.012}  # of the mean distance between bulk and law, up to this rate; from 1000 inputs on
EXPONENT = 2  # standard errors
SAME_HILL = 0.02  # what two laws may differ by and still have one exponent
BEYOND = (5.0, 0.05)  # of the number past the isotropic edge: so many, and this share of it
PAST = 1.01  # times the edge of the law, from rate 1 on of the replicate's own: what lies past it is an outlier
OUTLIER = 0.02  # of the largest singular value
OVERLAP = 0.15  # of the mean squared overlap with the samples of largest residual
OWN_SECOND = {"cubic": 0.05}  # as SECOND, against the replicate's own law, where the tail hangs on single samples


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n of the main setting and of the others, which change one thing each
    inputs: int = 1000  # d
    width: int = 1500  # h
    noise_std: float = 0.3  # of the labels
    epsilon: float = 1e-8  # Adam's, of the main setting; theory neglects it, and so do all other settings
    learning_rates: tuple[float, ...] = (0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.3, 0.6, 1, 2, 3, 6, 10)
    other_rates: tuple[float, ...] = (1, 3, 10)  # of the other settings
    sizes: tuple[str, ...] = ("4000x1000x1500", "2000x1000x500", "1000x1000x2000", "500x250x375")  # n x d x h
    activations: tuple[str, ...] = ("erf", "sin", "cube")  # the main setting has tanh
    teachers: tuple[str, ...] = ("abs", "sin", "relu", "square_plus_linear")  # the main setting has softplus
    noises: tuple[float, ...] = (0.0, 1.0)  # further noise_std
    losses: tuple[str, ...] = ("absolute", "cubic")  # controls: equal pulls, and squares of the residuals as pulls
    replicates: int = 8
    seed: int = 0


SMOKE = Config(
    samples=120, inputs=60, width=90, learning_rates=(0.3, 1.0), other_rates=(1.0,), sizes=("100x60x30",),
    activations=(), teachers=(), noises=(), losses=("absolute",), replicates=2,
)
AXES = ("other_rates", "activations", "teachers", "noises", "losses")
# name -> (in jax, in NumPy)
ACTIVATIONS = {
    "tanh": (jnp.tanh, np.tanh),
    "erf": (jax.scipy.special.erf, scipy.special.erf),
    "sin": (jnp.sin, np.sin),
    "cube": (lambda z: z**3 / 15**0.5, lambda z: z**3 / 15**0.5),
}
TEACHERS = {
    "softplus": (jax.nn.softplus, lambda z: np.logaddexp(0.0, z)),
    "abs": (jnp.abs, np.abs),
    "sin": (jnp.sin, np.sin),
    "relu": (jax.nn.relu, lambda z: np.maximum(z, 0.0)),
    "square_plus_linear": (lambda z: (z**2 - 1) / 2**0.5 + z, lambda z: (z**2 - 1) / 2**0.5 + z),
}
NEGLIGIBLE = 1e-15  # entries of the gradient are of the order of 1e-5: their share below this is 1e-10
LOSSES = {"absolute": 1, "squared": 2, "cubic": 3}


@dataclass(frozen=True)
class Point:
    """One setting by names."""

    samples: int
    inputs: int
    width: int
    noise_std: float
    activation: str = "tanh"
    teacher: str = "softplus"
    loss: str = "squared"
    epsilon: float = NEGLIGIBLE

    def setting(self, rates):
        """As the study trains it."""
        task = _samples.PowerLoss(self.samples, self.inputs, TEACHERS[self.teacher][0], self.noise_std,
                                  test_samples=1, power=LOSSES[self.loss])
        d, h, activation = self.inputs, self.width, ACTIVATIONS[self.activation][0]
        return Setting(task, lambda rngs: TwoLayer(d, h, rngs=rngs, activation=activation),
                       optimizers={"adam": Adam(eps=self.epsilon)}, learning_rates=rates)

    def case(self):
        """As theory sees it."""
        return Case(self.samples, self.inputs, self.width, ACTIVATIONS[self.activation][1], TEACHERS[self.teacher][1],
                    self.noise_std, LOSSES[self.loss])


def points(c):
    """Name -> point; `c` is a Config or, of a stored result, its dictionary."""
    c = c if isinstance(c, Config) else replace(Config(), **c)  # lists for tuples
    main = Point(c.samples, c.inputs, c.width, c.noise_std)
    found = {MAIN: replace(main, epsilon=c.epsilon), BARE: main}
    for size in c.sizes:
        n, d, h = map(int, size.split("x"))
        found[f"size {size}"] = replace(main, samples=n, inputs=d, width=h)
    found |= {f"activation {s}": replace(main, activation=s) for s in c.activations}
    found |= {f"teacher {g}": replace(main, teacher=g) for g in c.teachers}
    found |= {f"noise {s:g}": replace(main, noise_std=float(s)) for s in c.noises}
    return found | {f"loss {name}": replace(main, loss=name) for name in c.losses}


def rates_of(c, name):
    return c.learning_rates if name in (MAIN, BARE) else c.other_rates


def plan(c: Config) -> sweep.Study:
    every = points(c)
    main = every[MAIN].setting(c.learning_rates)
    return sweep.Study(
        task=main.task,
        model=main.model,
        optimizers={"adam": Adam(eps=c.epsilon)},
        learning_rates=c.learning_rates,
        steps=(1,),
        replicates=c.replicates,
        seed=c.seed,
        leading=VECTORS,
        settings={name: point.setting(rates_of(c, name)) for name, point in every.items()},
        captures=[
            captures.spectrum(),
            captures.overlaps(),
            captures.tails(),
            _samples.pulls(*(max(getattr(p, side) for p in every.values()) for side in ("samples", "inputs"))),
            _samples.sample_overlaps(),
        ],
    )


def predict(c: Config) -> xr.Dataset:
    """Of the full law: outlier, second singular value, Hill's exponent, number past the isotropic edge, overlaps.

    For the main setting and the losses also the second value, exponent and number with each cause of the tail left out.
    """
    found: list[xr.Dataset] = []
    for name, point in points(c).items():
        explained = name in (MAIN, BARE) or name.startswith("loss")
        for rate in rates_of(c, name):
            says = laws.prediction(point.case(), float(rate), VECTORS, explained)
            data = {k: (("setting", "learning_rate", *dims), np.asarray(v)[None, None])
                    for k, (dims, v) in says.items()}
            coords = {"setting": [name], "learning_rate": [float(rate)], "share": list(_samples.SHARES)}
            found.append(xr.Dataset(data, coords))
    return xr.merge(found, join="outer", compat="no_conflicts")


def claims(r):
    every = points(r.config)
    for name in r.axes["setting"]:
        for rate in stored_rates(r, name):
            at, what = at_point(r, name, rate), f"{name}, rate {rate:g}: "
            own = own_laws(r, name, rate)
            yield from spectrum(at, own, every[name], what, rate)
            yield claim.equals(what + "Hill's exponent", "theory.AdamBulk", at["hill"], float(predicted(at)["hill"]),
                               sigmas=EXPONENT)
            if name in (MAIN, BARE) or name.startswith("loss"):
                yield from localised(at, what, rate, every[name])
    yield from causes(r)


def own_laws(r, name, rate):
    """One law per replicate, from its own pulls and mean gradient from rate 1 on; None where the run is missing."""
    at, case = at_point(r, name, rate), points(r.config)[name].case()
    squares, drive = (at[v].transpose("replicate", ...).values for v in ("squared_pull", "drive"))
    each = zip(squares, drive, strict=True)
    return [None if np.isnan(q).all() else laws.of(case, rate) if rate < 1 else
            laws.measured(case, rate, s.tobytes(), q.tobytes()) for s, q in each]


def spectrum(at, own, point, what, rate):
    """Outlier, second singular value, distance of the bulk, number past the isotropic edge and past any edge."""
    says, values = predicted(at), singular_values(at)
    if says["detached"]:
        yield claim.equals(what + "largest singular value", "theory.adam_step", values[:, -1],
                           float(says["location"]), relative=OUTLIER)
        past = [np.sum(v > PAST * law.top) if law else np.nan for v, law in zip(values, own, strict=True)]
        yield claim.equals(what + "one value past the edge of the law", "theory.AdamBulk", past, 1.0, tolerance=0.5)
    within = next(margin for least, margin in SECOND.items() if point.samples >= least)
    yield claim.equals(what + "second singular value", "theory.AdamBulk", values[:, -2], float(says["second"]),
                       relative=within)
    if rate >= 1:
        second = [law.singular_value(2) if law else np.nan for law in own]
        yield claim.equals(what + "second singular value from the replicate's own residuals", "theory.AdamBulk",
                           values[:, -2], second, relative=OWN_SECOND.get(point.loss, within))
    if point.inputs >= 1000 or point.inputs == at.config["inputs"]:
        allowed = next(margin for most, margin in KS.items() if rate <= most)
        gaps = distances(at, laws.of(point.case(), rate), point.case())
        yield claim.differs(what + f"the bulk's distribution lies within {allowed:g} of the law", "theory.AdamBulk",
                            gaps, allowed, sign=-1)
        if rate >= 1:
            nearer = distances(at, own, point.case())
            yield claim.differs(what + "nearer to the law from the replicate's own residuals", "theory.AdamBulk",
                                nearer, gaps, sign=-1)
            yield claim.differs(what + f"within {allowed:g} of the law from the replicate's own residuals",
                                "theory.AdamBulk", nearer, allowed, sign=-1)
    count = np.where(np.isfinite(values[:, 0]), np.sum(values > float(says["edge"]), axis=1), np.nan)
    expected = float(says["beyond"])
    yield claim.equals(what + "number past the isotropic edge", "theory.AdamBulk", count, expected,
                       tolerance=BEYOND[0] + BEYOND[1] * expected)


def localised(at, what, rate, point):
    """The bulk's leading vectors point at samples of large residual, as much as theory says; never with equal pulls."""
    if rate < 1 or point.loss == "cubic":  # there whole vectors belong to single samples: see the figure
        return
    most = group_overlap(at["sample_overlap"], 0.01)
    rest = at["sample_overlap"].isel(vector=slice(1, None)).sel(share=1.0).mean("vector")
    if point.loss == "absolute":
        yield claim.equivalent(what + "bulk vectors overlap alike with samples of large and small residual", "ours",
                               most / rest, 1.0, margin=OVERLAP)
        return
    expected = float(group_overlap(predicted(at)["sample_overlap"], 0.01))
    yield claim.differs(what + "bulk vectors point at samples of large residual", "ours", most, rest, sign=+1)
    yield claim.equals(what + "overlap of ten bulk vectors with the 1 % largest residuals", "resolvent", most, expected,
                       relative=OVERLAP)


def group_overlap(data, share):
    """Mean over the bulk's vectors and all samples up to a share, by the largest residual."""
    sizes = np.diff(_samples.SHARES, prepend=0.0)
    upto = data.isel(vector=slice(1, None)).mean("vector").sel(share=[s for s in _samples.SHARES if s <= share])
    return (upto * sizes[: upto.sizes["share"]]).sum("share", skipna=False) / share


def causes(r):
    """What makes the tail: each cause left out in theory, and the residuals' own tail left out in a measurement."""
    case = points(r.config)[BARE].case()
    for rate in [x for x in stored_rates(r, BARE) if x >= 1]:
        at, what = at_point(r, BARE, rate), f"rate {rate:g}: "
        says, second = predicted(at), singular_values(at)[:, -2]
        full = distances(at, laws.of(case, rate), case)
        yield claim.equivalent(what + "columns of unequal noise alone give Hill's exponent", "theory.AdamBulk",
                               at["hill"], float(says["hill_profile"]), margin=SAME_HILL)
        for other, words in laws.WITHOUT.items():
            yield claim.differs(what + f"the second singular value lies beyond {words}", "theory.AdamBulk", second,
                                float(says[f"second_{other}"]), sign=+1)
            yield claim.differs(what + f"the full law is nearer than {words}", "theory.AdamBulk", full,
                                distances(at, laws.without(case, rate, other), case), sign=-1)
        for name, sign in (("loss absolute", -1), ("loss cubic", +1)):
            if name in r.axes["setting"] and rate in stored_rates(r, name):
                changed = singular_values(at_point(r, name, rate))[:, -2]
                words = "equal pulls shorten" if sign < 0 else "squared residuals as pulls lengthen"
                yield claim.differs(what + f"{words} the tail", "theory.AdamBulk", changed / second, 1.0, sign=sign)
        if rate in stored_rates(r, MAIN):
            shorter = singular_values(at_point(r, MAIN, rate))[:, -2] / second
            yield claim.differs(what + f"Adam's epsilon of {r.config['epsilon']:g} shortens the tail",
                                "signs of small gradients", shorter, 1.0, sign=-1)


def with_cases(draw):
    return lambda r, axes: draw(r, axes, {name: point.case() for name, point in points(r.config).items()})


FIGURES = {name: with_cases(draw) for name, draw in drawn.FIGURES.items()}
