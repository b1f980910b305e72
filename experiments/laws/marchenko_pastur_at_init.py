"""Does the initial spectrum follow the Marchenko-Pastur law, and from which size on? (Marchenko and Pastur 1967)"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

import theory
from spectrax import claim, figures, keys, sweep
from spectrax.distances import edge_error, sup_distance, wasserstein
from spectrax.matrices import views
from spectrax.models import Network, TwoLayer
from spectrax.nulls import null_of
from spectrax.spectrum import Spectrum

PAPER = "Marchenko and Pastur 1967"
AXES = ("inputs", "replicates")


@dataclass(frozen=True)
class Config:
    inputs: tuple[int, ...] = (25, 50, 100, 200, 400, 800, 1600)  # d, columns of W
    aspect: float = 1.5  # h/d
    wrong_ratio: float = 1.1  # a law whose ratio is off by this factor, as contrast
    replicates: int = 20
    seed: int = 0


SMOKE = Config(inputs=(10, 20, 40), replicates=3)


def plan(c: Config) -> sweep.Grid:
    if min(c.inputs) < 2 or not c.aspect > 0 or not c.wrong_ratio > 0 or c.replicates < 1:
        raise ValueError(f"inputs must be at least 2, aspect, wrong_ratio and replicates positive; got {c}.")
    return sweep.Grid(
        lambda inputs, replicate: measure(c, inputs, replicate),
        {"inputs": c.inputs, "replicate": range(c.replicates)},
        seconds=lambda inputs, replicate: expected_seconds(c, inputs),
    )


def expected_seconds(c: Config, inputs: int) -> float:
    """One spectrum, and a replicate's share of the 200 draws of the null (each of the order of inputs^2)."""
    return 0.003 + 2e-10 * c.aspect * inputs**3 + 200 * 1e-8 * inputs**2 / c.replicates


def measure(c: Config, inputs: int, replicate: int) -> dict:
    """Distances of one freshly initialised network's W^T W/h from the law, and the null of pure noise of its shape."""
    shape = (max(2, round(c.aspect * inputs)), inputs)
    network = Network.of(lambda rngs: TwoLayer(inputs, shape[0], rngs=rngs), jnp.zeros((1, inputs)))
    params, _ = network.init(keys.stream(c.seed, f"init {inputs}", replicate))
    spectrum = Spectrum.of(views(params)[0].read(params))
    law, null = theory.MarchenkoPastur.of(shape, 1.0), null_of(shape)
    wrong = theory.MarchenkoPastur(law.ratio * c.wrong_ratio, law.variance)
    values, zeros = spectrum.values, spectrum.zeros
    upper, lower = edge_error(values, law, zeros)
    return {
        "sup_distance": ((), sup_distance(values, law, zeros)),
        "null_median": ((), null.sup.median),
        "null_band": (("end",), np.array(null.sup.band)),
        "wrong_distance": ((), sup_distance(values, wrong, zeros)),
        "wasserstein_distance": ((), wasserstein(values, law, zeros)),
        "edge_upper": ((), upper),
        "edge_lower": ((), lower),
        "edge_null": ((), null.edge_upper.draws.mean()),
    }


def claims(r):
    for d in r.axes["inputs"]:
        at = r.at(inputs=d)
        yield claim.equals(
            f"d = {d}: distance to the law is that of noise (within a quarter)",
            "sampled noise",
            at["sup_distance"],
            at["null_median"],
            relative=0.25,
        )
    for d in r.axes["inputs"][-1:]:
        at = r.at(inputs=d)
        yield claim.equals(
            f"d = {d}: largest eigenvalue, Tracy-Widom units past the edge",
            "Johnstone 2001",
            at["edge_upper"],
            at["edge_null"],
            sigmas=2,
        )
        yield claim.differs(
            f"d = {d}: a ratio wrong by {r.config['wrong_ratio']:g} is told apart",
            "ours",
            at["wrong_distance"],
            at["null_band"].isel(end=1),
            sign=+1,
        )
    if len(r.axes["inputs"]) < 2:
        return  # one size has no exponent
    yield onset(r)
    slopes = [slope(r["sup_distance"].isel(replicate=i)) for i in range(r["sup_distance"].sizes["replicate"])]
    yield claim.equals(
        "distance falls with d as that of noise does: exponent",
        "sampled noise",
        slopes,
        slope(r["null_median"].isel(replicate=0)),
        tolerance=0.1,
    )


def onset(r):
    """From which size on: the smallest from which the median distance lies inside the noise's band at every size."""
    low, high = (r["null_band"].isel(end=i, replicate=0) for i in (0, 1))
    median = r["sup_distance"].median("replicate")
    outside = ((median < low) | (median > high)).values
    known = np.flatnonzero(outside)
    first = int(known[-1]) + 1 if known.size else 0
    sizes = r.axes["inputs"]
    if first == len(sizes):
        what = f"d = {sizes[-1]}, the largest: the median distance lies inside the 95 % band of noise"
        return claim.Claim(what, "ours", 0.0, 1.0, np.nan, 1, (1.0, 1.0), "fails", "1 of 1 sizes outside the band")
    what = f"from d = {sizes[first]} on the median distance lies inside the 95 % band of noise"
    return claim.absent(what, "ours", outside[first:].astype(float), words="sizes outside the band")


def slope(distances):
    """Exponent of the distances (inputs,) as a power of d; NaN where a size is missing."""
    known = distances.notnull().all()
    return np.polyfit(np.log(distances.inputs), np.log(distances), 1)[0] if known else np.nan


def distance(r, axes):
    one, two = axes(1, 2)
    scaled = r["sup_distance"] * r["sup_distance"].inputs
    band = (r["null_band"] * r["null_band"].inputs).isel(replicate=0)
    noise = (band.isel(end=0), band.isel(end=1))
    for ax, data in ((one, scaled), (two, r["wrong_distance"] * r["wrong_distance"].inputs)):
        figures.against(ax, data, x="inputs", null=noise, null_name="pure noise, 95 %")
    one.set(xlabel="inputs $d$", ylabel=r"$d\,\sup|F_d - F|$", title="its own law")
    two.set(
        xlabel="inputs $d$", ylabel=r"$d\,\sup|F_d - F|$", title=f"ratio {r.config['wrong_ratio']:g} times too large"
    )


FIGURES = {"distance": distance}
