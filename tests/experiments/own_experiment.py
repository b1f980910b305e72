"""Has W^T W of a tiny network a negative eigenvalue? A user's own file, small enough to run in a second."""

import time
from dataclasses import dataclass

from spectrax import captures, claim, figures, models, optimizers, sweep
from spectrax.tasks import SingleIndex

PAPER = "none"


@dataclass(frozen=True)
class Config:
    samples: int = 24  # n
    inputs: int = 8  # d
    width: int = 12  # h
    learning_rates: tuple[float, ...] = (0.1, 1.0)
    optimizers: tuple[str, ...] = ("gd",)
    model: str = "two_layer"  # or module:attribute
    replicates: int = 2
    steps: tuple[int, ...] = (0, 1, 2)
    seed: int = 0
    batching: int = 1
    allowed: int = 0  # negative eigenvalues that the claim allows: -1 makes it fail
    clip: bool = False  # of eigenvalues at 0, before they are counted
    pause: float = 0.0  # seconds that each capture sleeps


SMOKE = Config(learning_rates=(0.1,))


def plan(c: Config) -> sweep.Study:
    model = models.TwoLayer if c.model == "two_layer" else optimizers.attribute(c.model, "model")
    return sweep.Study(
        task=SingleIndex(c.samples, c.inputs, test_samples=8),
        model=lambda rngs: model(c.inputs, c.width, rngs=rngs),
        optimizers={name: optimizers.named(name) for name in c.optimizers},
        learning_rates=c.learning_rates,
        steps=c.steps,
        replicates=c.replicates,
        seed=c.seed,
        batching=c.batching,
        captures=[captures.spectrum(), slow(c.pause)],
    )


def slow(pause):
    def measure(moment):
        time.sleep(pause)
        return {"step_seen": float(moment.step)}

    return captures.Capture("slow", {"step_seen": ()}, measure, per_matrix=False)


def claims(r):
    values = r.last().at(optimizer=r.axes["optimizer"][0], learning_rate=r.axes["learning_rate"][0])["eigenvalues"]
    values = values.clip(min=0) if r.config["clip"] else values
    yield claim.absent("no eigenvalue is negative", "linear algebra", (values < -1e-9).sum("rank"), r.config["allowed"])


def norm(r, axes):
    figures.against(axes(), r.last().at(optimizer=r.axes["optimizer"][0])["squared_norm"])


FIGURES = {"norm": norm}
