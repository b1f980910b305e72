"""Does a sampled matrix follow each law of the package, as closely as its size allows? (the source of each law)"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import theory
from spectrax import claim, figures, sweep
from spectrax.distances import sup_distance, wasserstein
from spectrax.spectrum import Spectrum
from theory import Law

PAPER = "the source in each law's docstring"
AXES = ("replicates",)
TWO = ((1.0, 0.5), (6.0, 0.5))  # a population of two atoms
COIN = theory.PointMasses(((-1.0, 0.5), (1.0, 0.5)))


@dataclass(frozen=True)
class Config:
    size: int = 1000  # rows of the symmetric matrices
    replicates: int = 5
    seed: int = 0


SMOKE = Config(size=200, replicates=2)
FAMILIES: dict[str, dict[str, Callable[[], Law]]] = {
    "classical": {
        "Marchenko-Pastur, ratio .25": lambda: theory.MarchenkoPastur(0.25),
        "Marchenko-Pastur, ratio 3": lambda: theory.MarchenkoPastur(3.0),
        "inverse, ratio .3": lambda: theory.InverseMarchenkoPastur(0.3),
        "semicircle": lambda: theory.Semicircle(1.0),
        "Wachter, 2 and 1.5": lambda: theory.Wachter(2.0, 1.5),
        "F-matrix, ratios .5 and .4": lambda: theory.FMatrix(0.5, 0.4),
        "Kesten-McKay, degree 3": lambda: theory.KestenMcKay(3.0),
        "arcsine": lambda: theory.Arcsine(-1.0, 1.0),
        "Fuss-Catalan, order 2": lambda: theory.FussCatalan(2),
    },
    "population": {
        "population {1, 3, 10}": lambda: theory.GeneralizedMarchenkoPastur(
            0.1, ((1.0, 0.4), (3.0, 0.4), (10.0, 0.2))),
        "population {-1, 2}": lambda: theory.GeneralizedMarchenkoPastur(0.2, ((-1.0, 0.5), (2.0, 0.5))),
        "exponential population": lambda: theory.GeneralizedMarchenkoPastur(0.5, theory.Exponential(1.0)),
        "free Poisson, rate .6": lambda: theory.FreePoisson(0.6, TWO),
        "information plus noise": lambda: theory.InformationPlusNoise(0.4, TWO, 0.25),
        "singular values, ratio .5": lambda: theory.SingularValues(theory.MarchenkoPastur(0.5)),
    },
    "free probability": {
        "coin + coin": lambda: theory.free_sum(COIN, COIN),
        "coin + semicircle": lambda: theory.free_sum(COIN, theory.Semicircle(0.3)),
        "noise + semicircle": lambda: theory.free_sum(theory.MarchenkoPastur(0.5), theory.Semicircle(0.3)),
        "uniform + coin": lambda: theory.free_sum(theory.Uniform(0.0, 2.0), COIN),
        "Wachter x uniform": lambda: theory.free_product(theory.Wachter(2.0, 1.5), theory.Uniform(1.0, 2.0)),
        "compression of {1, 6}": lambda: theory.free_compression(theory.PointMasses(TWO), 0.4),
    },
    "kernels": {
        "CK, tanh, .5, .75": lambda: theory.conjugate_kernel("tanh", 0.5, 0.75),
        "CK, relu, 2, .5": lambda: theory.conjugate_kernel("relu", 2.0, 0.5),
        "CK, tanh, depth 2": lambda: theory.conjugate_kernel("tanh", 0.5, (0.75, 0.6), depth=2),
        "NTK, tanh, .5, .75": lambda: theory.tangent_kernel("tanh", 0.5, 0.75),
        "NTK, relu, .5, .75": lambda: theory.tangent_kernel("relu", 0.5, 0.75),
        "NTK, tanh, depth 2": lambda: theory.tangent_kernel("tanh", 0.5, (0.75, 0.6), depth=2),
    },
    "training": {
        f"Adam's step, rate {rate:g}": lambda rate=rate: theory.adam_step(rate, 2000, 1000, 1500).bulk
        for rate in (0.3, 1.0, 3.0)
    } | {"gradient step, rate 3000, n = 400": lambda: theory.gradient_step(3000.0, 400, 200, 300).bulk},
    "heavy tails": {
        "Levy-Wigner, index 1": lambda: theory.LevyWigner(1.0),
        "Levy-Wigner, index 1.5": lambda: theory.LevyWigner(1.5),
        "Levy-Wishart, index 1.5": lambda: theory.LevyWishart(1.5, 0.5),
        "high temperature": lambda: theory.HighTemperatureMarchenkoPastur(0.5, 2.0),
    },
}
SCALES = {"kernels": "log", "training": "log", "heavy tails": "loglog"}
# kernels of one hidden layer whose finite-size error is that of the eigenvalues, not of a smeared gap
SHARP = ("CK, tanh, .5, .75", "CK, relu, 2, .5", "NTK, tanh, .5, .75",
         "NTK, relu, .5, .75")
# n/d and n/h; the labels themselves seed the draws
TITLES = {"CK, tanh, .5, .75": "CK, tanh, n/d .5, n/h .75", "CK, relu, 2, .5": "CK, relu, n/d 2, n/h .5",
          "NTK, tanh, .5, .75": "NTK, tanh, n/d .5, n/h .75", "NTK, relu, .5, .75": "NTK, relu, n/d .5, n/h .75"}
LAWS = {label: make for family in FAMILIES.values() for label, make in family.items()}


def plan(c: Config) -> sweep.Grid:
    if c.size < 10 or c.replicates < 1:
        raise ValueError(f"size must be at least 10 and replicates at least 1; got {c}.")
    return sweep.Grid(
        lambda law, replicate: measure(c, law, replicate),
        {"law": [*LAWS], "replicate": range(c.replicates)},
        seconds=lambda law, replicate: 0.2 + 3e-9 * c.size**3,
    )


def measure(c: Config, label: str, replicate: int) -> dict:
    """Eigenvalues of one sampled matrix (singular values for such a law), and their distances from the law."""
    law = LAWS[label]()
    rng = np.random.default_rng([c.seed, zlib.crc32(label.encode()), replicate])
    values = spectrum_of(law.sample_matrix(c.size, rng), law)
    return {
        "values": (("rank",), values),
        "sup_distance": ((), sup_distance(values, law)),
        "wasserstein_distance": ((), wasserstein(values, law)),
        "allowed": ((), law.matrix_gap(c.size)),
    }


def spectrum_of(matrix: np.ndarray, law: Law) -> np.ndarray:
    """Eigenvalues or singular values (n,) ascending; those within rounding of an atom are put on it."""
    singular = law.kind == "singular_values"
    values = np.linalg.svd(matrix, compute_uv=False)[::-1] if singular else np.linalg.eigvalsh(matrix)
    for place, _ in law.atoms:
        values = np.where(np.abs(values - place) < 1e-9 * np.abs(values).max(), place, values)
    return values


def claims(r):
    for label in r.axes["law"]:
        at, law = r.at(law=label), LAWS[label]()
        outside = (at["sup_distance"] > at["allowed"]).astype(float)
        yield claim.absent(f"{label}: matrices too far from the law for their size", "the law's matrix_gap", outside,
                           words="matrices too far")
        if label in SHARP and r.config["size"] >= 1000:
            yield claim.equals(f"{label}: KS distance at most .006", "Fan and Wang 2020", at["sup_distance"], 0.003,
                               tolerance=0.003)
        if np.isfinite(law.moment(2)):
            # two hundredths of a standard deviation: finite matrices have a mean off by about 1/n
            yield claim.equals(f"{label}: mean", "the law's moments", at["values"].mean("rank"), law.mean,
                               tolerance=0.02 * law.std)


def panel(ax, values, law: Law, scale: str) -> None:
    """One spectrum beside its law; on logarithmic axes the positive half, as a share of the whole."""
    low, high = law.window[0][0], law.window[-1][1]
    scale = "auto" if 0 < high < 20 * low else scale  # a decade or less is read better on a linear axis
    kept = values if scale == "auto" else values[values > 0]
    drawn = Spectrum(kept, (kept.size, kept.size), kind=law.kind) if law.kind == "singular_values" else kept
    figures.spectrum(ax, drawn, law, scale=scale, zeros=int(values.size - kept.size))


def panels_of(family: str):
    """The figure of one family: every law over the eigenvalues of one matrix."""

    def figure(r, axes):
        labels, c, drawn = [*FAMILIES[family]], r.config, r.axes["replicate"][0]
        axes.caption = f"n = {c['size']}, one sampled matrix per law (replicate {drawn}), seed {c['seed']}"
        panels = np.ravel(axes(-(-len(labels) // 3), 3))
        for ax in panels[len(labels) :]:
            ax.set_visible(False)
        for ax, label in zip(panels, labels, strict=False):
            law = LAWS[label]()
            values = r.at(law=label)["values"].isel(replicate=0).values
            panel(ax, values, law, SCALES.get(family, "auto"))
            quantity = "singular value" if law.kind == "singular_values" else "eigenvalue"
            ax.set(title=TITLES.get(label, label), xlabel=quantity)

    figure.__doc__ = f"Laws of the family {family} over one sampled matrix each."
    return figure


FIGURES = {family.replace(" ", "_"): panels_of(family) for family in FAMILIES}
