"""Which factors of data, network and training make few large steps pay in ridge test loss? (2406.04657)"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from spectrax import captures, claim, figures, sweep
from spectrax.intervals import rank_correlation
from spectrax.models import MLP, TwoLayer
from spectrax.optimizers import GD, Adam, StepDecay
from spectrax.result import together
from spectrax.sweep import Setting
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
BASE = "base"
LABELS = {
    "samples": "samples $n$",
    "noise": "label noise",
    "decay": "rate factor per step",
    "width": "width $h$",
    "depth": "hidden layers",
    "activation": "activation",
    "teacher": "teacher",
    "weights": "weights",
}
RIDGE = "ridge"  # a factor of the readout alone: every run has the whole path


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n of the base; every other factor is varied alone around it
    inputs: int = 1000  # d
    width: int = 1500  # h
    noise_std: float = 0.3  # of the labels
    adam_rate: float = 1.0
    gd_rate: float = 2000.0
    samples_levels: tuple[int, ...] = (500, 1000, 4000, 8000)
    noise_levels: tuple[float, ...] = (0.1, 0.5, 0.7)
    decay_levels: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)  # rate times this after each step
    width_levels: tuple[int, ...] = (500, 1000, 3000)
    depth_levels: tuple[int, ...] = (2, 3, 4)  # hidden layers of equal width; the base has one
    activations: tuple[str, ...] = ("erf", "sin", "relu", "linear")  # the base has tanh
    teachers: tuple[str, ...] = ("linear", "relu", "sin", "square")  # the base has softplus
    weight_normalisation: bool = True  # whether to add it: |W|_F held at sqrt(h d) after every step
    regularisation: float = 0.01  # lambda of the ridge readout
    ridge_path: tuple[float, ...] = (1e-4, 1e-3, 0.1, 1.0, 10.0, 100.0)  # further lambdas, on every run
    steps: tuple[int, ...] = (0, 1, 10)  # captured
    replicates: int = 5
    test_samples: int = 4000  # the authors' 200 are too few to tell runs apart
    seed: int = 0


SMOKE = Config(
    samples=60, inputs=24, width=36, adam_rate=0.5, gd_rate=60.0, samples_levels=(30,), noise_levels=(0.7,),
    decay_levels=(0.4,), width_levels=(18,), depth_levels=(2,), activations=("relu",), teachers=("linear",),
    ridge_path=(0.1, 10.0), steps=(0, 1, 3), replicates=2, test_samples=60,
)
ACTIVATIONS = {"erf": jax.scipy.special.erf, "sin": jnp.sin, "relu": jax.nn.relu, "linear": lambda z: z}
TEACHERS = {
    "linear": lambda z: z,
    "relu": jax.nn.relu,
    "sin": jnp.sin,
    "square": lambda z: (z**2 - 1) / 2**0.5,
}


def plan(c: Config) -> sweep.Study:
    if 0 not in c.steps:
        raise ValueError(f"steps must hold 0, which every change is measured from; got {list(c.steps)}. Add 0.")
    return sweep.Study(
        task=task(c),
        model=lambda rngs: TwoLayer(c.inputs, c.width, rngs=rngs),
        optimizers={"adam": Adam(), "gd": GD()},
        learning_rates={"adam": (c.adam_rate,), "gd": (c.gd_rate,)},
        steps=c.steps,
        replicates=c.replicates,
        seed=c.seed,
        settings=settings(c),
        captures=[
            captures.spectrum(),
            captures.overlaps(),
            captures.outliers(),
            captures.tails(),
            captures.readout(c.regularisation, ("paper", "authors"), c.ridge_path),
        ],
    )


def task(c, **changed):
    return SingleIndex(**{"samples": c.samples, "inputs": c.inputs, "noise_std": c.noise_std,
                          "test_samples": c.test_samples, **changed})


def settings(c):
    """Every level of every factor, one factor at a time: "samples 500", "depth 3", ..."""
    found = {BASE: Setting()}
    found |= {f"samples {n}": Setting(task=task(c, samples=n)) for n in c.samples_levels}
    found |= {f"noise {s:g}": Setting(task=task(c, noise_std=s)) for s in c.noise_levels}
    found |= {f"teacher {g}": Setting(task=task(c, link=TEACHERS[g])) for g in c.teachers}
    found |= {f"decay {g:g}": Setting(optimizers=decaying(g)) for g in c.decay_levels}
    found |= {f"width {h}": Setting(model=two_layer(c, width=h)) for h in c.width_levels}
    found |= {f"activation {s}": Setting(model=two_layer(c, activation=ACTIVATIONS[s])) for s in c.activations}
    found |= {f"depth {k}": Setting(model=deep(c, k)) for k in c.depth_levels}
    if c.weight_normalisation:
        found["weights normalised"] = Setting(project=normalised)
    return found


def decaying(factor):
    schedule = StepDecay(1, factor)
    return {"adam": Adam(schedule=schedule), "gd": GD(schedule=schedule)}


def two_layer(c, width=None, activation=jnp.tanh):
    return lambda rngs: TwoLayer(c.inputs, width or c.width, rngs=rngs, activation=activation)


def deep(c, layers):
    return lambda rngs: MLP(c.inputs, (c.width,) * layers, rngs=rngs)


def normalised(params):
    """Weights at Frobenius norm sqrt(size); the authors rescale before each forward pass, we after each step."""
    def rescaled(w):
        unit = w / jnp.max(jnp.abs(w))  # squares of weights beyond 1e19 would overflow
        return unit * (w.size**0.5 / jnp.linalg.norm(unit))

    return jax.tree.map(rescaled, params)


def levels(r):
    """Factor -> {level: setting}; the base stands in each factor that has numbers, at its own number."""
    found: dict[str, dict] = {}
    for name in r.axes["setting"]:
        if name != BASE:
            factor, _, level = name.partition(" ")
            found.setdefault(factor, {})[_number(level)] = name
    own = {"samples": r.config["samples"], "noise": r.config["noise_std"], "width": r.config["width"], "depth": 1,
           "decay": 1.0, "activation": "tanh", "teacher": "softplus", "weights": "free"}
    return {factor: dict(sorted({own[factor]: BASE, **named}.items(), key=_by_number))
            for factor, named in found.items()}


def _number(level):
    """The level as it was given: a whole number (samples, width, depth), another number, or a name."""
    if level.isdigit():
        return int(level)
    return float(level) if level.replace(".", "").isdigit() else level


def _by_number(pair):
    return (0, pair[0], "") if isinstance(pair[0], float | int) else (1, 0, pair[0])


def first_layer(r, setting):
    """One setting, its first matrix."""
    at = r.at(setting=setting)
    return at.at(matrix="layers/0" if setting.startswith("depth") else "W")


def gain(r, variable="test_loss"):
    """Change since the start, replicate by replicate."""
    return leading(r[variable].isel(step=-1, drop=True) - r[variable].sel(step=0, drop=True))


def leading(data):
    """Of the leading singular vector, where there are several."""
    return data.isel(vector=0) if "vector" in data.dims else data


def claims(r):
    for optimizer in r.axes["optimizer"]:
        at = r.at(optimizer=optimizer, learning_rate=r.config[f"{optimizer}_rate"])
        for name in r.axes["setting"]:
            change = gain(at.at(setting=name))
            what = f"{optimizer}, {name}: training lowers the ridge test loss"
            yield claim.differs(what, PAPER, change, 0.0 * change, sign=-1)
            change = gain(at.at(setting=name), "kta")
            what = f"{optimizer}, {name}: training raises the kernel-target alignment"
            yield claim.differs(what, PAPER, change, 0.0 * change, sign=+1)
        yield from with_a_factor(at, optimizer)
        yield from tuned(at, optimizer)


def with_a_factor(at, optimizer):
    """What the authors' four studies vary: does the end of training depend on it, in order of the levels?

    One rank correlation per replicate: the levels of a replicate share data and initial weights.
    """
    expected = {"samples": -1, "noise": +1, "decay": +1}  # of the test loss; a larger factor: the rate stays larger
    for factor, sign in expected.items():
        named = levels(at).get(factor, {})
        if len(named) > 1:
            ends = np.stack([at.at(setting=name).last()["test_loss"].values for name in named.values()], axis=1)
            each = [rank_correlation(np.array(list(named))[known], end[known])
                    for end, known in zip(ends, np.isfinite(ends), strict=True)]
            word = "grows" if sign > 0 else "falls"
            what = f"{optimizer}: the test loss {word} with {factor}, rank correlation in each replicate"
            yield claim.differs(what, PAPER, each, 0.0, sign=sign)


def tuned(at, optimizer):
    """At the best lambda of the path on each side: is a trained feature map still better?

    Chosen by the mean test loss of all replicates, which flatters both sides alike: seven lambdas, 4000 test samples.
    """
    base = at.at(setting=BASE)
    best = [whole_path(base.at(step=s)).mean("replicate").argmin("regularisation") for s in (0, base.steps[-1])]
    start, end = (whole_path(base.at(step=s)).isel(regularisation=int(k))
                  for s, k in zip((0, base.steps[-1]), best, strict=True))
    what = f"{optimizer}: trained features are better at the best ridge of each, found on the test set"
    yield claim.differs(what, "ours", end, start, sign=-1)


def whole_path(at):
    """Test loss over all regularisations, the main one included."""
    import xarray as xr

    main = at["test_loss"].expand_dims(regularisation=[at.config["regularisation"]])
    return xr.concat([at["test_loss_path"], main], "regularisation").sortby("regularisation")


def against_levels(variable, label, *, paired=True):
    """A panel per factor: the change of a variable (or its end) over its levels; empty where a run has no value."""

    def figure(r, axes):
        factors = levels(r)
        panels = np.ravel(axes(-(-len(factors) // 3), 3, height=2.1))
        for ax in panels[len(factors):]:
            ax.set_axis_off()
        for ax, (factor, named) in zip(panels, factors.items(), strict=False):
            lines = {}
            for optimizer in r.axes["optimizer"]:
                at = r.at(optimizer=optimizer, learning_rate=r.config[f"{optimizer}_rate"])
                value = gain if paired else lambda of, name: leading(of.last()[name])
                lines[optimizer] = together(
                    {level: value(first_layer(at, name), variable) for level, name in named.items()}, factor)
            data = together(lines, "optimizer")
            data = data.where(data.notnull().all("replicate"))
            figures.against(ax, data, x=factor, by="optimizer", null=0.0 if paired else None,
                            null_name="no change", centre="mean", log="x" if factor in ("samples", "width") else "")
            ax.set(xlabel=LABELS.get(factor, factor), ylabel=label)
            if isinstance(next(iter(named)), str):
                ax.tick_params(axis="x", rotation=30)

    return figure


def ridge(r, axes):
    """Test loss against the ridge, at each captured step of the base."""
    for ax, optimizer in zip(np.ravel(axes(1, len(r.axes["optimizer"]))), r.axes["optimizer"], strict=True):
        at = r.at(setting=BASE, optimizer=optimizer, learning_rate=r.config[f"{optimizer}_rate"])
        data = together({step: whole_path(at.at(step=step)) for step in at.steps}, "step")
        figures.against(ax, data, x="regularisation", by="step", centre="mean", log="xy")
        ax.set(title=optimizer, xlabel=r"ridge $\lambda$", ylabel="ridge test loss")


FIGURES = {
    "test_loss": against_levels("test_loss", "change of loss"),
    "test_loss_authors": against_levels("test_loss_authors", "change of authors' loss"),
    "kta": against_levels("kta", "change of alignment"),
    "hill": against_levels("hill", r"change of Hill $\alpha$"),
    "overlap": against_levels("teacher_overlap", "overlap with teacher", paired=False),
    "ridge": ridge,
}
