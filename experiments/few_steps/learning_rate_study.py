"""Which part of the spectrum is noise and which was learned, over optimizer, learning rate and step? (2406.04657)"""

from dataclasses import dataclass

import numpy as np

import theory
from experiments.few_steps import _reference_table
from spectrax import captures, claim, figures, models, optimizers, sweep
from spectrax.alignment import RandomOverlap
from spectrax.models.network import has_features
from spectrax.spectrum import Spectrum
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
SOURCE = {"gd": "gradient_step", "adam": "adam_step"}     # in theory
OURS = "two_layer"  # the model that the one-step theory describes
PAST = 0.1  # allowed of the number past the initial edge, where the finite-size edge is rounded; set after a first look


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n
    inputs: int = 1000  # d
    width: int = 1500  # h
    learning_rates: tuple[float, ...] = (1e-3, 1e-2, 0.1, 1, 10, 100, 1000, 2000, 3000)
    optimizers: tuple[str, ...] = ("gd", "adam")  # gd, sgd, adam or module:attribute
    replicates: int = 3
    steps: tuple[int, ...] = (0, 1, 2, 5, 10)  # captured
    test_samples: int = 4000  # behind test_loss; the authors' 200 are too few to tell runs apart
    noise_std: float = 0.3  # of the labels
    regularisation: float = 0.01  # of the ridge readout
    conventions: tuple[str, ...] = ("paper",)  # features; "authors": scaled by 1/sqrt(d) once more
    metrics: str = "all"  # "authors": what their code measures, and the outliers
    batch: int = 100  # of sgd
    model: str = OURS  # or module:attribute, called as f(inputs, width, rngs=...)
    seed: int = 0
    batching: int = 1  # runs trained side by side; 1: bitwise equal to single runs


SMOKE = Config(samples=80, inputs=40, width=60, learning_rates=(0.1, 1, 100), replicates=2, steps=(0, 1, 2), batch=20)


def plan(c: Config) -> sweep.Study:
    model = models.TwoLayer if c.model == OURS else optimizers.attribute(c.model, "model")
    return sweep.Study(
        task=SingleIndex(c.samples, c.inputs, noise_std=c.noise_std, test_samples=c.test_samples),
        model=lambda rngs: model(c.inputs, c.width, rngs=rngs),
        optimizers={
            name: optimizers.SGD(batch=c.batch) if name == "sgd" else optimizers.named(name) for name in c.optimizers
        },
        learning_rates=c.learning_rates,
        steps=c.steps,
        replicates=c.replicates,
        seed=c.seed,
        batching=c.batching,
        captures=measured(c, model),
    )


def measured(c, model):
    if c.metrics not in ("all", "authors"):
        raise ValueError(f"metrics must be all or authors; got {c.metrics!r}.")
    theirs = [
        captures.spectrum(),
        captures.overlaps(),
        captures.outliers(initial_variance=1.0),
        captures.tails(authors="authors" in c.conventions),
    ]
    if has_features(lambda rngs: model(c.inputs, c.width, rngs=rngs)):
        theirs.append(captures.readout(c.regularisation, c.conventions))
    ours = [captures.leading_vectors(), captures.update(), captures.losses(), captures.stability()]
    return theirs + (ours if c.metrics == "all" else [])


def one_step(r, optimizer, rates):
    step = {"gd": theory.gradient_step, "adam": theory.adam_step}[optimizer]
    return step(rates, r.config["samples"], r.config["inputs"], r.config["width"], noise_std=r.config["noise_std"])


def described(r):
    """Optimizers whose first step the theory describes: none for another model."""
    return [o for o in r.axes["optimizer"] if o in ("gd", "adam") and r.config["model"] == OURS]


def first_matrix(r):
    return r.at(matrix=r.matrices[0])


def claims(r):
    r = first_matrix(r)
    if 0 in r.steps:
        pick = {"optimizer": r.axes["optimizer"][0], "learning_rate": r.axes["learning_rate"][0]}
        yield claim.absent("no outlier at initialisation", "Marchenko-Pastur", r.at(step=0, **pick)["outliers"])
    if 1 in r.steps:
        yield from after_one_step(r)
    if {"gd", "adam"} <= set(described(r)) and 1.0 in r.axes["learning_rate"] and {0, 10} <= set(r.steps):
        yield from after_ten_steps(r)
    if r.config["model"] == OURS:
        yield from _reference_table.comparison(r)


def after_one_step(r):
    """Place and number of outliers against the closed forms."""
    for optimizer in described(r):
        source = f"theory.{SOURCE[optimizer]}"
        for rate in r.axes["learning_rate"]:
            at, says = r.at(optimizer=optimizer, learning_rate=rate, step=1), one_step(r, optimizer, rate)
            what = f"{optimizer} {rate:g}, step 1: "
            if says.detached:
                largest = at["eigenvalues"].isel(rank=-1) ** 0.5
                yield claim.equals(what + "largest singular value", source, largest, says.location, relative=0.05)
                past = optimizer == "gd" or rate**2 <= r.config["width"]  # beyond, see theory.AdamBulk
                says_past = past_initial_edge(r, says) if past else np.nan
                if optimizer == "adam" or says_past < 1.5:  # bulk past the edge of isotropic noise would be counted
                    yield claim.equals(what + "one true outlier", source, at["outliers"], 1.0, tolerance=0.5)
                if past:
                    yield claim.equals(what + "eigenvalues past the edge of the initial weights", source + ".bulk",
                                       at["beyond_isotropic_bulk"], says_past, tolerance=0.5 + PAST * says_past)
            elif rate < 0.8 * says.critical_rate:
                yield claim.absent(what + "no outlier below the critical rate", source, at["outliers"])


def past_initial_edge(r, says):
    """Expected number past the initial Marchenko-Pastur edge + 5 Tracy-Widom units, the outlier included."""
    rows, cols = r.config["width"], r.config["inputs"]
    edge = ((rows**0.5 + cols**0.5) ** 2 + 5 * theory.largest_eigenvalue(rows, cols).scale) / rows
    return float(says.detached) + (cols - 1) * float(says.bulk.sf(edge))


def after_ten_steps(r):
    """What the paper says of small gradient steps and of Adam, and whether the ridge readout gained."""
    edge = (r.config["width"] ** 0.5 + r.config["inputs"] ** 0.5) ** 2
    end, init = r.at(step=10, learning_rate=1.0), r.at(step=0, learning_rate=1.0, optimizer="adam")
    adam, largest = end.at(optimizer="adam"), end.at(optimizer="gd")["eigenvalues"].isel(rank=-1)
    what = "gd 1, step 10: the largest eigenvalue stays at the edge"
    yield claim.equivalent(what, PAPER, largest, edge, margin=0.02 * edge)
    what = "adam 1, step 10: the tail is heavier than at the start"
    yield claim.differs(what, PAPER, adam["hill"], init["hill"], sign=-1)
    if "test_loss" in r:
        what = "adam 1, step 10: the ridge test loss is higher than at the start"
        yield claim.differs(what, "ours", adam["test_loss"], init["test_loss"], sign=+1)


def overview(r, axes):
    names = r.axes["optimizer"]
    panels = np.reshape(axes(2, len(names)), (2, -1))
    for optimizer, above, below in zip(names, *panels, strict=True):
        draw_spectrum(above, r, optimizer, telling_rates(r, optimizer, 1)[-1])
        draw_phases(below, r, optimizer)


def spectra(r, axes):
    names = r.axes["optimizer"]
    chosen = {optimizer: telling_rates(r, optimizer, 2) for optimizer in names}
    columns = max(map(len, chosen.values()))
    panels = np.reshape(axes(len(names), columns), (len(names), -1))
    for row, (optimizer, rates) in zip(panels, chosen.items(), strict=True):
        for ax in row[len(rates) :]:
            ax.set_axis_off()
        for ax, rate in zip(row, rates, strict=False):
            draw_spectrum(ax, r, optimizer, rate)


def telling_rates(r, optimizer, count):
    """Stored rates to show: the paper's where they are, else the smallest with an outlier, else the largest."""
    stored = r.axes["learning_rate"]
    paper = [rate for rate in {"gd": (1000.0, 2000.0), "adam": (0.1, 1.0)}.get(optimizer, ()) if rate in stored]
    at = r.at(optimizer=optimizer, step=shown_step(r))
    spiked = [rate for rate in stored if float(at.at(learning_rate=rate)["outliers"].max()) > 0]
    return (paper if len(paper) >= count else spiked[:count] or stored[-count:])[-count:]


def shown_step(r):
    return 1 if 1 in r.steps else r.steps[-1]


def draw_spectrum(ax, r, optimizer, rate):
    """All replicates' spectra with the law of the initial weights, their outliers and the predicted one."""
    step = shown_step(r)
    at = r.at(optimizer=optimizer, learning_rate=rate, step=step)
    rows, cols = next(group for group, names in r.header["matrices"].items() if r.matrices[0] in names).split("x")
    shape = int(rows), int(cols)
    spectra = at["eigenvalues"].transpose("replicate", "rank").values / shape[0]
    counts = np.nan_to_num(at["outliers"].values).astype(int)
    seen = np.isfinite(spectra).all(axis=1)
    variance = 1.0 if r.config["model"] == OURS else float(r.at(step=r.steps[0])["bulk_variance"].median())
    says = one_step(r, optimizer, rate) if optimizer in described(r) and step == 1 else None
    figures.spectrum(
        ax,
        [Spectrum(values, shape, scale=shape[0]) for values in spectra[seen]],
        law=theory.MarchenkoPastur.of(shape, variance**0.5),
        outliers=[x for values, k in zip(spectra[seen], counts[seen], strict=True) for x in values[values.size - k :]],
        predicted=[says.location**2 / shape[0]] if says is not None and says.detached else [],
        law_name="law of the initial weights",
    )
    comma = "\n" if len(r.axes["optimizer"]) > 2 else ", "  # narrow panels
    ax.set(title=f"{optimizer}{comma}$\\eta$ = {rate:g}, step {step}", xlabel=r"eigenvalue of $W^\top W/h$")


def phases(r, axes):
    for ax, optimizer in zip(np.ravel(axes(1, len(r.axes["optimizer"]))), r.axes["optimizer"], strict=True):
        draw_phases(ax, r, optimizer)


def draw_phases(ax, r, optimizer):
    """Phase over rate and step, with the one-step critical rate, for gradient descent also the stability edge."""
    at, lines = r.at(optimizer=optimizer), {}
    if optimizer in described(r):
        critical = one_step(r, optimizer, 1.0).critical_rate
        lines[f"critical {critical:.4g}"] = critical
    if optimizer == "gd" and "stability_edge" in r:
        edge = float(r["stability_edge"].median())
        lines[f"stability edge {edge:.3g}"] = edge
    figures.phase_map(ax, at["phase"], counts=at["spikes"], lines=lines)
    ax.set_title(optimizer)


def against_rate(variable, label, vector=None, paired=False, log="auto", chance=None):
    """A figure of one variable against the rate, a line per captured step; paired: minus the replicate's step 0.

    The grey band: what pure chance gives (chance(r)), else the range of the initial networks.
    """

    def figure(r, axes):
        for ax, optimizer in zip(np.ravel(axes(1, len(r.axes["optimizer"]))), r.axes["optimizer"], strict=True):
            ax.set(title=optimizer, ylabel=label)
            if variable not in r or len(r.steps) < 2:
                ax.text(0.5, 0.5, "not captured", ha="center", va="center", transform=ax.transAxes)
                continue
            data = r.at(optimizer=optimizer)[variable]
            data = data if vector is None else data.isel(vector=vector)
            start = data.isel(step=0)
            null = 0.0 if paired else chance(r) if chance else (float(start.min()), float(start.max()))
            words = "no change" if paired else "chance, 95 %" if chance else "initial weights"
            figures.against(
                ax, (data - start if paired else data).isel(step=slice(1, None)), by="step", null=null, null_name=words,
                log=log,
            )
            ax.set_ylabel(label)

    return figure


def chance_overlap(r):
    """Central 95 % of the overlap of a random direction with the teacher."""
    chance = RandomOverlap(r.config["inputs"])
    return float(chance.quantile(0.025)), float(chance.quantile(0.975))


def losses(r, axes):
    for ax, optimizer in zip(np.ravel(axes(1, len(r.axes["optimizer"]))), r.axes["optimizer"], strict=True):
        figures.trajectory(ax, r.at(optimizer=optimizer)["training_loss"], x="iteration", log="y")
        ax.set(title=optimizer, xlabel="step", ylabel="training loss")


FIGURES = {
    name: lambda r, axes, draw=draw: draw(first_matrix(r), axes)
    for name, draw in {
        "overview": overview,
        "spectra": spectra,
        "phases": phases,
        "losses": losses,
        "test_loss": against_rate("test_loss", "ridge test loss minus start", paired=True, log="x"),
        "kta": against_rate("kta", "kernel-target alignment", log="x"),
        "alignment": against_rate(
            "teacher_overlap", r"$|\langle v_1, \beta\rangle|$", vector=0, log="x", chance=chance_overlap
        ),
        "hill": against_rate("hill", r"Hill exponent $\alpha$", log="x"),
        "outliers": against_rate("outliers", "outliers", log="x"),
    }.items()
}
