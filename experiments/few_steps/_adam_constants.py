"""What the constants alone say of Adam's steps, for `several_steps`: largest value, variance, loss, law of the bulk."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr

import theory
from experiments.few_steps._one_step_laws import with_outlier
from spectrax import claim
from spectrax.distances import sup_distance
from spectrax.pool import usable_cores
from spectrax.tails import hill

PATH = 0.03  # relative, allowed of the mean-field path: its own bias is 1 to 4 % (docs/few_steps_theory.md)
LOSS = 0.1  # of its loss, whose errors docs/few_steps_theory.md measures up to 8 %: set after those measurements
# of the bulk: the margins that `one_step_spectrum` states for one step, taken over after a first look at later ones
SECOND_VALUE = {2000: 0.02, 0: 0.1}  # relative, from this many samples on: it is an extreme of n
DISTANCE = 0.008  # sup distance, up to rate 1 and from 1000 inputs on: one sample of the law has .003 there
ATOMS = 200  # stored of a population, which has up to 157: always as many, so that a prediction can be extended
EXPONENT = 0.02  # of Hill's exponent, as `heavy_tail_emergence` allows after one step; added after a first look


def predict(c):
    """(optimizer, learning_rate, step): path of every Adam rate; at `bulk_steps` also the law of the bulk."""
    rates = c.adam_rates if "adam" in c.optimizers else ()
    if not rates:
        return xr.Dataset()
    wanted = [(rate, step) for rate in rates for step in c.bulk_steps if step <= c.steps]
    with ThreadPoolExecutor(usable_cores()) as pool:
        laws = {(rate, step): pool.submit(_population, rate, step, c) for rate, step in wanted}
        paths = [theory.adam_path(rate, c.steps, c.samples, c.inputs, c.width, noise_std=c.noise_std) for rate in rates]
    population = np.full((len(rates), c.steps + 1, ATOMS, 2), np.nan)
    for (rate, step), law in laws.items():
        pairs = law.result()
        population[rates.index(rate), step, : len(pairs)] = pairs
    along = ("optimizer", "learning_rate", "step")
    of = {"largest_singular_value": "location", "bulk_variance": "variance", "loss": "loss"}
    data: dict[str, tuple] = {name: (along, [[getattr(path, field) for path in paths]]) for name, field in of.items()}
    if wanted:
        data["bulk_population"] = ((*along, "atom", "part"), population[None])
    coords = {"optimizer": ["adam"], "learning_rate": [float(rate) for rate in rates], "step": list(range(c.steps + 1))}
    return xr.Dataset(data, coords)


def _population(rate, step, c):
    """Pairs (atom, 2) of the law's population; none, with a warning, where it isn't resolved."""
    try:
        law = theory.adam_path_bulk(rate, step, c.samples, c.inputs, c.width, noise_std=c.noise_std)
    except ArithmeticError as error:
        warnings.warn(f"no law of the bulk for adam {rate:g}, step {step}: {error}", stacklevel=2)
        return np.empty((0, 2))
    return np.array(law.population)


def bulk_law(at, step):
    """The predicted law of the bulk's eigenvalues at a step, None where none was asked for or resolved."""
    if "bulk_population" not in at.predicted:
        return None
    pairs = at.predicted["bulk_population"].sel(step=step).transpose("atom", "part").values
    pairs = pairs[np.isfinite(pairs[:, 0])]
    return theory.GeneralizedMarchenkoPastur(at.config["inputs"] / at.config["width"], pairs) if len(pairs) else None


def claims(at, what, values, variance):
    """Stored before anything was trained. values: singular values (step, replicate, rank); variance: of the bulk."""
    loss = at["training_loss"].transpose("iteration", ...).values
    for step in at.steps[1:]:
        says = at.predicted.sel(step=step)
        source, words = "theory.adam_path", f"{what}, step {step}: "
        yield claim.equals(words + "largest singular value from the constants alone", source, values[step, :, -1],
                           float(says["largest_singular_value"]), sigmas=2, relative=PATH)
        yield claim.equals(words + "bulk variance from the constants alone", source, variance[step],
                           float(says["bulk_variance"]), sigmas=2, relative=PATH)
        if np.isfinite(loss[step]).any():  # of the last step where a further one was taken
            yield claim.equals(words + "training loss from the constants alone", source, loss[step],
                               float(says["loss"]), sigmas=2, relative=LOSS)
        if (law := bulk_law(at, step)) is not None:
            yield from _bulk(law, float(says["largest_singular_value"]), words, values[step], at)


def _bulk(law, largest, words, values, at):
    """A law of the inputs - 1 eigenvalues beside the largest one; values (replicate, rank) without zeros of wide W."""
    source, width, count = "theory.adam_path_bulk", at.config["width"], at.config["inputs"]
    within = next(margin for least, margin in SECOND_VALUE.items() if at.config["samples"] >= least)
    says = with_outlier(law, largest, count, width)
    yield claim.equals(words + "second singular value from the constants alone", source, values[:, -2], says[-2],
                       relative=within)
    seen = np.isfinite(values).all(axis=1)
    exponents = [hill(own**2).alpha if there else np.nan for own, there in zip(values, seen, strict=True)]
    yield claim.equals(words + "Hill's exponent from the constants alone", source, exponents, hill(says**2).alpha,
                       tolerance=EXPONENT)
    if count < 1000 or float(at.predicted["learning_rate"]) > 1:
        return
    zeros = count - values.shape[1]
    gaps = [sup_distance(own[:-1] ** 2 / width, law, zeros) if there else np.nan
            for own, there in zip(values, seen, strict=True)]
    yield claim.differs(words + f"bulk within {DISTANCE:g} of its law", source, gaps, DISTANCE, sign=-1)
