"""Captures that judge a spectrum: its distance to the law, its outliers and phase, its tail."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from spectrax import phase, tail_alternatives, tail_law_fits
from spectrax import tails as power_law
from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.captures.moment import Capture
from spectrax.distances import edge_error, sup_distance, wasserstein
from spectrax.outliers import find_outliers
from theory import largest_eigenvalue


def outliers(level: float = 0.01, initial_variance: float | None = None) -> Capture:
    """What of the spectrum Marchenko-Pastur explains: distances to it, outliers, phase; see `outliers.Outliers`.

    bulk_variance is fitted; sup_distance (beside sup_critical, the null's 99 %), wasserstein_distance and edge_distance
    (Tracy-Widom units) are of the whole spectrum to the law of that variance. outliers: the count to believe, `called`
    by Tracy-Widom or `detached` by spacings; top_p_value of the largest eigenvalue. beyond_isotropic_bulk: eigenvalues
    past the edge + 5 units at initial_variance, beyond_trace_edge: past the bare edge at variance |W|_F^2/(rows cols).
    phase: 0 bulk, 1 bulk + spikes, 2 heavy tail, with spikes. All NaN for a matrix without a bulk (all 0, or rank one).
    """

    def measure(moment, view):
        spectrum = moment.spectrum(view)
        if not fit_variance(spectrum) > 0:
            return {name: np.nan for name in names}
        critical = phase.critical_values(view.shape)
        found = find_outliers(spectrum, level=level, critical=critical.sup, initial_variance=initial_variance)
        judged = phase.phase_of(spectrum, found, critical=critical)
        law = isotropic_law(spectrum, found.variance)
        values, zeros = spectrum.values, spectrum.zeros
        return {
            "bulk_variance": found.variance,
            "sup_distance": sup_distance(values, law, zeros),
            "sup_critical": found.critical,
            "wasserstein_distance": wasserstein(values, law, zeros),
            "edge_distance": edge_error(values, law, zeros)[0],
            "isotropic": found.isotropic,
            "outliers": found.count,
            "called": found.called,
            "detached": found.detached,
            "top_p_value": found.p_values[0],
            "beyond_isotropic_bulk": found.beyond_isotropic_bulk,
            "beyond_fitted_edge": found.beyond_fitted_edge,
            "beyond_trace_edge": found.beyond_trace_edge,
            "phase": judged.code,
            "spikes": judged.spikes,
        }

    names = (
        "bulk_variance",
        "sup_distance",
        "sup_critical",
        "wasserstein_distance",
        "edge_distance",
        "isotropic",
        "outliers",
        "called",
        "detached",
        "top_p_value",
        "beyond_isotropic_bulk",
        "beyond_fitted_edge",
        "beyond_trace_edge",
        "phase",
        "spikes",
    )
    options = {"level": level, "initial_variance": initial_variance}
    return Capture("outliers", {name: () for name in names}, measure, options=options)


def tails(
    authors: bool = False,
    bootstrap: int = 0,
    *,
    alternatives: Sequence[str] = ("lognormal", "bulk"),
    law_ratio: float | Literal["shape"] | None = None,
) -> Capture:
    """Tail exponents of the eigenvalues of W^T W, and what else may describe the tail; see `tails`.

    hill (upper half, the authors' PL_Alpha_Hill) and hill_error; alpha, alpha_error, alpha_xmin (of W^T W), alpha_tail
    (number of values) and alpha_distance of the Clauset-Shalizi-Newman fit. authors: also alpha_authors, their
    one-sided scan. bootstrap: draws of the goodness-of-fit p-value alpha_p_value; 0: none.
    For each of `alternatives`, on the same tail: likelihood_ratio_NAME (negative: the alternative describes the tail
    better) and likelihood_p_NAME. NAME is one of
      lognormal; bulk, Marchenko-Pastur inside its band alone, with tail_outside_bulk, the values left out of the ratio;
      bulk_and_spikes, that law and spikes beyond it (spikes_beyond_bulk), all values judged;
      inverse_marchenko_pastur, high_temperature, inverse_high_temperature, fitted, with law_ratio_NAME, for the last
      two kappa_NAME and kappa_error_NAME, for the last tail_index_NAME, to compare with alpha - 1.
    All but the first two also have aic_difference_NAME (positive: the alternative is the better; that of lognormal is
    -2 likelihood_ratio_lognormal - 2). law_ratio: holds the ratio of the high-temperature laws, "shape" at the smaller
    over the larger dimension; None: free. NaN: no fit (fewer than 25 values, or all equal), no law (a bulk of variance
    0, a ratio of 1), a kappa at the end of its range or one that the likelihood doesn't bend in.
    Raises ValueError for an unknown alternative and a law_ratio outside (0, 1).
    """
    if unknown := set(alternatives) - set(_ALTERNATIVES):
        raise ValueError(f"alternatives must be among {', '.join(_ALTERNATIVES)}; got {sorted(unknown)}.")
    if isinstance(law_ratio, float | int) and not 0.0 < law_ratio < 1.0:
        raise ValueError(f"law_ratio must lie between 0 and 1; got {law_ratio}. Use None to fit it.")

    def measure(moment, view):
        values = moment.decomposition(view).eigenvalues
        upper = power_law.hill(values)
        fit = power_law.fit_power_law(values)
        found = {
            "hill": upper.alpha,
            "hill_error": upper.alpha_error,
            "alpha": fit.alpha,
            "alpha_error": fit.alpha_error,
            "alpha_xmin": fit.xmin,
            "alpha_tail": fit.tail,
            "alpha_distance": fit.distance,
        }
        for name in alternatives:
            ratio = _against(name, fit, values, moment.spectrum(view), law_ratio)
            found[f"likelihood_ratio_{name}"], found[f"likelihood_p_{name}"] = ratio.ratio, ratio.p_value
            found |= {variable: getattr(ratio, field) for variable, field in _ALTERNATIVES[name].items()}
        if authors:
            found["alpha_authors"] = power_law.fit_power_law(values, method="authors").alpha
        if bootstrap:
            found["alpha_p_value"] = power_law.bootstrap_p_value(fit, values, draws=bootstrap)
        return {name: np.float64(value) for name, value in found.items()}

    names = ["hill", "hill_error", "alpha", "alpha_error", "alpha_xmin", "alpha_tail", "alpha_distance"]
    for name in alternatives:
        names += [f"likelihood_ratio_{name}", f"likelihood_p_{name}", *_ALTERNATIVES[name]]
    names += ["alpha_authors"] * authors + ["alpha_p_value"] * (bootstrap > 0)
    options = {"bootstrap": bootstrap} | ({} if law_ratio is None else {"law_ratio": law_ratio})
    return Capture("tails", {name: () for name in names}, measure, options=options)


def _of(name, *fields):
    return {f"{field}_{name}": field for field in ("aic_difference", *fields)}


_ALTERNATIVES: dict[str, dict[str, str]] = {  # alternative -> what is kept of it: variable -> field
    "lognormal": {},
    "bulk": {"tail_outside_bulk": "outside"},
    "bulk_and_spikes": _of("bulk_and_spikes") | {"spikes_beyond_bulk": "spikes"},
    "inverse_marchenko_pastur": _of("inverse_marchenko_pastur", "law_ratio"),
    "high_temperature": _of("high_temperature", "law_ratio", "kappa", "kappa_error"),
    "inverse_high_temperature": _of("inverse_high_temperature", "law_ratio", "kappa", "kappa_error", "tail_index"),
}


def _against(name, fit, values, spectrum, law_ratio):
    """The likelihood ratio of one alternative; NaN where its law doesn't exist."""
    if name == "lognormal":
        return tail_alternatives.against_lognormal(fit, values)
    if name == "inverse_marchenko_pastur":
        return tail_law_fits.against_inverse_marchenko_pastur(fit, values)
    if name.endswith("high_temperature"):
        against = getattr(tail_law_fits, f"against_{name}")
        ratio = min(spectrum.shape) / max(spectrum.shape) if law_ratio == "shape" else law_ratio
        return tail_law_fits.FittedRatio(np.nan, np.nan, 0) if ratio == 1.0 else against(fit, values, ratio)
    variance = fit_variance(spectrum)
    if fit.tail == 0 or not variance > 0:
        return tail_alternatives.LikelihoodRatio(np.nan, np.nan, 0, fit.tail, fit.tail)
    law = isotropic_law(spectrum.rescaled(1.0), variance)
    if name == "bulk":
        return tail_alternatives.against_law(fit, values, law)
    unit = variance * largest_eigenvalue(*spectrum.shape).scale
    return tail_alternatives.against_bulk_and_spikes(fit, values, law, unit)
