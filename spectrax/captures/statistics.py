"""Captures that judge a spectrum: its distance to the law, its outliers and phase, its tail."""

import numpy as np

from spectrax import phase, tail_alternatives
from spectrax import tails as power_law
from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.captures.moment import Capture
from spectrax.distances import edge_error, sup_distance, wasserstein
from spectrax.outliers import find_outliers


def outliers(level: float = 0.01, initial_variance: float | None = None) -> Capture:
    """What of the spectrum Marchenko-Pastur explains: distances to it, outliers, phase; see `outliers.Outliers`.

    bulk_variance is fitted; sup_distance (beside sup_critical, the null's 99 %), wasserstein_distance and edge_distance
    (Tracy-Widom units) are of the whole spectrum to the law of that variance. outliers: the count to believe, `called`
    by Tracy-Widom or `detached` by spacings; top_p_value of the largest eigenvalue. beyond_isotropic_bulk: eigenvalues
    past the edge + 5 units at initial_variance, beyond_trace_edge: past the bare edge at variance |W|_F^2/(rows cols).
    phase: 0 bulk, 1 bulk + spikes, 2 heavy tail, with spikes.
    """

    def measure(moment, view):
        spectrum = moment.spectrum(view)
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


def tails(authors: bool = False, bootstrap: int = 0) -> Capture:
    """Tail exponents of the eigenvalues of W^T W; see `tails`.

    hill (upper half, the authors' PL_Alpha_Hill) and hill_error; alpha, alpha_error, alpha_xmin (of W^T W), alpha_tail
    (number of values) and alpha_distance of the Clauset-Shalizi-Newman fit; likelihood_ratio_lognormal and
    likelihood_ratio_bulk (negative: the alternative describes the tail better) with p-values, and how many tail values
    lie outside the bulk law (tail_outside_bulk). authors: also alpha_authors, their one-sided scan.
    bootstrap: draws of the goodness-of-fit p-value alpha_p_value; 0: none (a draw costs one fit).
    """

    def measure(moment, view):
        spectrum = moment.spectrum(view)
        values = moment.decomposition(view).eigenvalues
        upper = power_law.hill(values)
        fit = power_law.fit_power_law(values)
        law = isotropic_law(spectrum.rescaled(1.0), fit_variance(spectrum))
        lognormal, bulk = (
            tail_alternatives.against_lognormal(fit, values),
            tail_alternatives.against_law(fit, values, law),
        )
        found = {
            "hill": upper.alpha,
            "hill_error": upper.alpha_error,
            "alpha": fit.alpha,
            "alpha_error": fit.alpha_error,
            "alpha_xmin": fit.xmin,
            "alpha_tail": fit.tail,
            "alpha_distance": fit.distance,
            "likelihood_ratio_lognormal": lognormal.ratio,
            "likelihood_p_lognormal": lognormal.p_value,
            "likelihood_ratio_bulk": bulk.ratio,
            "likelihood_p_bulk": bulk.p_value,
            "tail_outside_bulk": bulk.outside,
        }
        if authors:
            found["alpha_authors"] = power_law.fit_power_law(values, method="authors").alpha
        if bootstrap:
            found["alpha_p_value"] = power_law.bootstrap_p_value(fit, values, draws=bootstrap)
        return {name: np.float64(value) for name, value in found.items()}

    names = [
        "hill",
        "hill_error",
        "alpha",
        "alpha_error",
        "alpha_xmin",
        "alpha_tail",
        "alpha_distance",
        "likelihood_ratio_lognormal",
        "likelihood_p_lognormal",
        "likelihood_ratio_bulk",
        "likelihood_p_bulk",
        "tail_outside_bulk",
    ]
    names += ["alpha_authors"] * authors + ["alpha_p_value"] * (bootstrap > 0)
    return Capture("tails", {name: () for name in names}, measure, options={"bootstrap": bootstrap})
