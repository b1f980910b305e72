"""Ten steps: is there one outlier, do two directions place it, and are Adam's rows independent? (2406.04657)"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.optimize import brentq

import theory
from experiments.few_steps import _adam_constants, _observers
from experiments.few_steps._stored import rates_with
from spectrax import captures, claim, figures, optimizers, sweep
from spectrax.result import together
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
WITHIN = 0.01  # relative, allowed of the formula where it holds
VALID = 1 - 2 * WITHIN  # of the formula's own share of u_1 in span{sgn a, a}: what lies outside costs s_1 half as much
BULK = 0.0051  # sup distance allowed between the network's bulk and its observers', Adam: the largest of three
SECOND = 0.014  # networks of another implementation (few_steps.md, 3.1), as this, between their second singular values
BEYOND = 1.01  # times the largest bulk singular value of any set of observers: past it, an outlier
LABELS = {"two directions": "two directions", "rayleigh": "|Wᵀu|", "independent": "BBP, W₀ + drift",
          "chain": "BBP, one step"}


@dataclass(frozen=True)
class Config:
    samples: int = 2000  # n
    inputs: int = 1000  # d
    width: int = 1500  # h
    gd_rates: tuple[float, ...] = (2000,)
    adam_rates: tuple[float, ...] = (0.1, 1.0)
    optimizers: tuple[str, ...] = ("gd", "adam")
    observers: int = 4  # sets of h fresh neurons that the same residuals train
    steps: int = 10  # every one is captured
    bulk_steps: tuple[int, ...] = (2, 5)  # of these, for Adam, the law of the bulk is predicted: 10 takes minutes
    replicates: int = 4
    noise_std: float = 0.3  # of the labels
    seed: int = 0


SMOKE = Config(samples=80, inputs=40, width=60, gd_rates=(60,), adam_rates=(1.0,), observers=2, steps=3,
               bulk_steps=(2,), replicates=2)
AXES = ("gd_rates", "adam_rates")


def plan(c: Config) -> sweep.Study:
    if any(step < 1 for step in c.bulk_steps):
        raise ValueError(f"bulk_steps must be at least 1; got {c.bulk_steps}. The start is Marchenko-Pastur's.")
    return sweep.Study(
        task=SingleIndex(c.samples, c.inputs, noise_std=c.noise_std),
        model=lambda rngs: _observers.Observed(c.inputs, c.width, c.observers, rngs=rngs),
        optimizers={name: optimizers.named(name) for name in c.optimizers},
        learning_rates={name: c.adam_rates if name.startswith("adam") else c.gd_rates for name in c.optimizers},
        steps=tuple(range(c.steps + 1)),
        replicates=c.replicates,
        seed=c.seed,
        leading=1,
        captures=[captures.spectrum(), _observers.projections(), captures.update()],
    )


def predict(c: Config) -> xr.Dataset:
    """What follows from the constants alone, of Adam."""
    return _adam_constants.predict(c)


def runs(r):
    """(optimizer, rate, result narrowed to the run's replicates) of everything stored."""
    for name in r.axes["optimizer"]:
        norm = r.at(optimizer=name, step=0, matrix="W")["squared_norm"]
        for rate in rates_with(norm):
            yield name, rate, r.at(optimizer=name, learning_rate=rate)


def singular_values(at, matrix="W"):
    """(step, replicate, rank), ascending."""
    values = at.get("eigenvalues", matrix).transpose("step", "replicate", "rank").values
    return np.sqrt(np.maximum(values, 0.0))


def predictions(at):
    """Largest singular value by four rules, each (step, replicate); NaN where a run has no values.

    two directions: theory.projected_outlier; rayleigh: the best vector of span{sgn a, a} alone, without the bulk;
    independent: BBP of W_0 and an independent W_t - W_0; chain: BBP of the measured W_(t-1) and an independent update.
    """
    c, w = at.config, at.at(matrix="W")
    h, d = c["width"], c["inputs"]
    projection = w["projection"].transpose("step", "replicate", "col", "direction").values
    norm = np.sqrt(w["squared_norm"].transpose("step", "replicate").values)
    found = {name: np.full(norm.shape, np.nan) for name in LABELS}
    there = np.isfinite(norm) & np.isfinite(projection).all(axis=(-2, -1))
    if there.any():
        two = theory.projected_outlier(projection[there], norm[there], rows=h)
        found["two directions"][there] = two.location
        found["rayleigh"][there] = np.linalg.svd(projection[there], compute_uv=False)[:, 0]
        drift = w["drift"].transpose("step", "replicate").values[there]
        found["independent"][there] = [bbp(theta, h, d) for theta in drift]
    before, update = singular_values(at), w["update_eigenvalues"].transpose("step", "replicate", "rank").values
    for step in range(1, len(norm)):
        for k in range(norm.shape[1]):
            if np.isfinite(update[step - 1, k, -1]) and there[step, k]:
                found["chain"][step, k] = beside(before[step - 1, k], update[step - 1, k, -1] ** 0.5, h, d)
    return found


def bbp(theta, rows, cols):
    """Largest singular value of unit noise (rows, cols) plus an independent rank one of norm theta."""
    at = theory.spiked_rectangular(max(theta, 1e-300) / rows**0.5, cols / rows)
    return at.location * rows**0.5


def beside(values, theta, rows, cols):
    """Largest singular value of a matrix with these singular values plus an independent rank one of norm theta.

    D(z) = 1/theta^2 beyond the largest, D = phi phi~ of the empirical spectrum (Benaych-Georges and Nadakuditi 2012).
    values: all min(rows, cols) of them, ascending. NaN where anything is not finite.
    """
    top = values[-1]
    if not (np.isfinite(top) and np.isfinite(theta)):
        return np.nan
    if theta <= 1e-12 * top:
        return top

    def excess(z):
        phi = np.sum(z / ((z - values) * (z + values)))
        return phi * (phi + abs(rows - cols) / z) / (rows * cols) - 1 / theta**2

    return brentq(excess, top * (1 + 1e-12), top + 10 * theta + 10 * rows**0.5)


def claims(r):
    for name, rate, at in runs(r):
        measured, says = singular_values(at)[:, :, -1], predictions(at)
        share = consistency(at)
        for step in at.steps[1:]:
            what = f"{name} {rate:g}, step {step}: "
            yield from formula(what, measured[step], {k: v[step] for k, v in says.items()}, share[step])
        if name == "adam":
            yield from _adam_constants.claims(at, f"{name} {rate:g}", singular_values(at), bulk_variance(at))
            yield from independent_rows(at, f"{name} {rate:g}")
        yield from one_outlier(at, f"{name} {rate:g}")


def bulk_variance(at, matrix="W"):
    """Mean square of a matrix off span{sgn a, a}, (step, replicate)."""
    w, c = at.at(matrix=matrix), at.config
    inside = (w["projection"] ** 2).sum("col").sum("direction", skipna=False)
    return ((w["squared_norm"] - inside) / ((c["width"] - 2) * c["inputs"])).transpose("step", "replicate").values


def formula(what, measured, says, share):
    """Where the flag stands the formula holds, and beats the simpler rules; where it falls, say how far off it is.

    Nothing is claimed below the threshold, where there is no outlier and no flag.
    """
    two, source = says["two directions"], "theory.projected_outlier"
    share = share[np.isfinite(share)]
    if not share.size:
        return
    if share.mean() > VALID:
        yield claim.equals(what + "largest singular value from two directions", source, measured, two, relative=WITHIN)
        for other in ("rayleigh", "independent", "chain"):
            yield claim.differs(what + f"nearer than {other}", source, error(two, measured),
                                error(says[other], measured), sign=-1)
    else:
        yield claim.differs(what + "the flag has fallen and the formula is off by over 1 %", source,
                            error(two, measured), WITHIN, sign=+1)


def consistency(at, matrix="W"):
    """The validity flag: |U^T u_1|^2 of the leading left vector over what the formula says of it, (step, replicate).

    (P^2 - h d S2^2)/(P (P + h S2)); 1 where the outlier is the signal on span{sgn a, a}, lower for another mode.
    Defined after a first look at steps 4 to 10 of gradient descent.
    """
    w, c = at.at(matrix=matrix), at.config
    h, d = c["width"], c["inputs"]
    projection = w["projection"].transpose("step", "replicate", "col", "direction").values
    variance = bulk_variance(at, matrix)
    signal = np.full(variance.shape, np.nan)
    there = np.isfinite(projection).all(axis=(-2, -1))
    signal[there] = np.linalg.svd(projection[there], compute_uv=False)[:, 0] ** 2
    signal = signal - d * variance
    says = (signal**2 - h * d * variance**2) / (signal * (signal + h * variance))
    share = w["signal_share"].transpose("step", "replicate").values
    return np.where(says > 0, share / np.where(says > 0, says, 1.0), np.nan)


def error(predicted, measured):
    return np.abs(predicted / measured - 1)


def observed(at):
    """Singular values of every set of observers, (set, step, replicate, rank)."""
    return np.stack([singular_values(at, name) for name in _observers.names_of(at.config["observers"])])


def independent_rows(at, what):
    """The network's own rows against fresh ones trained by the same residuals: bulk and second singular value."""
    own, fresh = singular_values(at), observed(at)
    for step in at.steps[1:]:
        gaps = [bulk_gap(own[step, k], fresh[:, step, k]) for k in range(own.shape[1])]
        yield claim.differs(f"{what}, step {step}: bulk within {BULK:g} of its observers'", "rows iid given the data",
                            gaps, BULK, sign=-1)
        yield claim.equals(f"{what}, step {step}: second singular value as its observers'", "rows iid given the data",
                           own[step, :, -2], fresh[:, step, :, -2].mean(axis=0), relative=SECOND)


def bulk_gap(own, fresh):
    """Sup distance between the distribution function of one set's bulk and the mean of the others', tops left out."""
    pooled, own = np.sort(fresh[:, :-1].ravel()), own[:-1]
    if not np.isfinite(own).all():
        return np.nan
    expected = np.searchsorted(pooled, own, "right") / pooled.size
    ranks = np.arange(own.size)
    return max(np.max(np.abs(expected - (ranks + 1) / own.size)), np.max(np.abs(expected - ranks / own.size)))


def one_outlier(at, what):
    """Singular values past the largest bulk value of any set of observers: one, whatever the isotropic edge says."""
    own, fresh = singular_values(at), observed(at)
    edge = BEYOND * fresh[:, :, :, -2].max(axis=0)
    there = np.isfinite(own).all(axis=-1) & np.isfinite(edge)
    counts = np.where(there, (own > edge[:, :, None]).sum(axis=-1), np.nan)
    for step in at.steps[1:]:
        yield claim.equals(f"{what}, step {step}: true outliers", "observers' bulk", counts[step], 1.0, tolerance=0.5)


def largest(r, axes):
    """Error of each rule over the steps."""
    panels = np.ravel(axes(1, sum(1 for _ in runs(r)), height=2.6))
    for ax, (name, rate, at) in zip(panels, runs(r), strict=True):
        measured, says = singular_values(at)[:, :, -1], predictions(at)
        like = at.at(matrix="W")["squared_norm"].transpose("step", "replicate")
        errors = {LABELS[k]: like.copy(data=100 * (v / measured - 1))[1:] for k, v in says.items()}
        if name == "adam":
            says = at.predicted["largest_singular_value"].values[:, None]
            errors["constants alone"] = like.copy(data=100 * (says / measured - 1))[1:]
        figures.against(ax, together(errors, "rule").rename("error"), x="step", by="rule", log="",
                        null=(-100 * WITHIN, 100 * WITHIN), null_name=f"tolerance, {100 * WITHIN:g} %")
        ax.set_yscale("symlog", linthresh=1.0)
        ax.set(title=rf"{name}, $\eta$ = {rate:g}", ylabel="error of $s_1$ (%)")


def bulks(r, axes):
    """Bulk of the network and of its observers after the last step, and where the isotropic edge would be."""
    from spectrax.spectrum import Spectrum

    panels = np.ravel(axes(1, sum(1 for _ in runs(r)), height=2.6))
    shape = r.config["width"], r.config["inputs"]
    for ax, (name, rate, at) in zip(panels, runs(r), strict=True):
        own, fresh = singular_values(at)[-1], observed(at)[:, -1]
        seen = np.isfinite(own).all(axis=1)
        spectra = [Spectrum(v[:-1] ** 2 / shape[0], shape, scale=shape[0]) for v in own[seen]]
        if spectra:
            null = fresh[:, seen, :-1].ravel() ** 2 / shape[0]
            figures.spectrum(ax, spectra, null=null, null_name="observers", scale="loglog")
        ax.set(title=rf"{name}, $\eta$ = {rate:g}, step {at.steps[-1]}", xlabel=r"eigenvalue of $W^\top W/h$, bulk")


def laws(r, axes):
    """Bulk of Adam's network beside its law from the constants alone, at the steps for which it was predicted."""
    from spectrax.spectrum import Spectrum

    shape = r.config["width"], r.config["inputs"]
    found = [(name, rate, at, step, law) for name, rate, at in runs(r) if name == "adam" for step in at.steps[1:]
             if (law := _adam_constants.bulk_law(at, step)) is not None]
    panels = np.ravel(axes(max(1, -(-len(found) // 2)), min(2, max(1, len(found))), height=2.4))
    for ax, (name, rate, at, step, law) in zip(panels, found, strict=False):
        own = singular_values(at)[step]
        spectra = [Spectrum(v[:-1] ** 2 / shape[0], shape, scale=shape[0]) for v in own[np.isfinite(own).all(axis=1)]]
        if spectra:
            isotropic = theory.MarchenkoPastur(law.ratio, law.mean)
            figures.spectrum(ax, spectra, law=law, null=isotropic.pdf, null_name="isotropic", scale="loglog")
        ax.set(title=rf"{name}, $\eta$ = {rate:g}, step {step}", xlabel=r"eigenvalue of $W^\top W/h$, bulk")
    for ax in panels[len(found):]:
        ax.set_axis_off()


def flag(r, axes):
    """The validity flag over the steps, network and observers."""
    panels = np.ravel(axes(1, sum(1 for _ in runs(r)), height=2.4))
    for ax, (name, rate, at) in zip(panels, runs(r), strict=True):
        like = at.at(matrix="W")["squared_norm"].transpose("step", "replicate")
        of = {k: like.copy(data=consistency(at, m))[1:] for k, m in (("network", "W"), ("observers", "observers/0"))}
        figures.against(ax, together(of, "rows").rename("flag"), x="step", by="rows", null=VALID,
                        null_name=f"threshold {VALID:g}", log="")
        ax.set(title=rf"{name}, $\eta$ = {rate:g}", ylabel=r"$|U^\top u_1|^2$ / formula")
        ax.set_ylim(0, max(1.1, ax.get_ylim()[1]))  # past 1.1 next to the threshold


FIGURES = {"largest": largest, "bulks": bulks, "laws": laws, "flag": flag}
