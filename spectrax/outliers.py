"""Which eigenvalues left the bulk? Step-down Tracy-Widom where the bulk is isotropic noise, spacings where it isn't."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.distances import sup_distance
from spectrax.nulls import null_of
from spectrax.spectrum import Spectrum
from theory import TracyWidom, largest_eigenvalue

_FOLLOWING = 20  # spacings that set the scale of the one tested: enough for a mean, few enough to stay in the tail


@dataclass(frozen=True, eq=False)
class Outliers:
    """Eigenvalues outside the bulk, with the evidence.

    count: `called` where the bulk is isotropic, else `detached`. called: step-down Tracy-Widom count. detached: leading
    eigenvalues set apart from whatever bulk there is. p_values: (called + 1,) of the step-down, the last one the first
    not significant (or `most` reached). variance: of one entry, of the bulk without the called.
    isotropic: the bulk without the called follows Marchenko-Pastur, `distance` <= `critical` (sup distances).
    beyond_isotropic_bulk: eigenvalues past the Marchenko-Pastur edge + 5 Tracy-Widom units, at the initial variance
    where it is given, else at the fitted one. beyond_fitted_edge: past the bare edge at the fitted variance.
    beyond_trace_edge: past the bare edge at the variance |W|_F^2/(rows cols).
    """

    count: int
    called: int
    detached: int
    p_values: np.ndarray
    variance: float
    isotropic: bool
    distance: float
    critical: float
    beyond_isotropic_bulk: int
    beyond_fitted_edge: int
    beyond_trace_edge: int
    values: np.ndarray


def find_outliers(
    spectrum: Spectrum,
    variance: float | None = None,
    level: float = 0.01,
    most: int = 50,
    *,
    initial_variance: float | None = None,
    critical: float | None = None,
    gap_level: float = 0.05,
) -> Outliers:
    """Outliers of a spectrum, `values` (count,) descending in the spectrum's own scale and kind.

    variance: of one entry of the noise, where known; None fits it anew after each call. most: calls at most, and at
    most half of the eigenvalues. critical: largest sup distance of an isotropic bulk; None takes
    `null_of(shape, fitted=True).sup.gumbel_quantile(0.999)`, sampled once per shape (seconds): pass it where
    thousands of calls are made. gap_level: of `detached`, higher since that test is conservative for eigenvalues.
    False alarms of the step-down on pure noise of 300 x 200, 4000 draws: .046 at level .05, .009 at .01.
    Raises ValueError for a level outside (0, 1), a negative variance, or a spectrum that isn't whole.
    """
    _check(variance, level)
    _check(variance, gap_level)
    squares = spectrum.squared()
    p_values, called = step_down(squares, variance, level, most)
    noise = fit_variance(squares, drop=called) if variance is None else variance
    distance = _bulk_distance(squares, noise, called)
    if critical is None:
        critical = null_of(spectrum.shape, fitted=True).sup.gumbel_quantile(0.999)
    isotropic = bool(distance <= critical)
    apart = detached(squares.values, gap_level, most)
    count = called if isotropic else apart
    trace = float(squares.values.sum() * squares.scale / (spectrum.rows * spectrum.cols))
    return Outliers(
        count=count, called=called, detached=apart, p_values=p_values, variance=noise, isotropic=isotropic,
        distance=distance, critical=float(critical),
        beyond_isotropic_bulk=beyond(squares, noise if initial_variance is None else initial_variance, margin=5.0),
        beyond_fitted_edge=beyond(squares, noise), beyond_trace_edge=beyond(squares, trace),
        values=spectrum.values[::-1][:count].copy(),
    )  # fmt: skip


def step_down(
    spectrum: Spectrum, variance: float | None = None, level: float = 0.01, most: int = 50
) -> tuple[np.ndarray, int]:
    """Tracy-Widom p-values of the largest eigenvalues in turn, and how many are called before the first above level.

    After k calls the next is tested as the largest eigenvalue of pure noise of shape (rows - k, cols - k), with the
    variance fitted without the k: with fixed dimensions the first p-value beside 10 spikes is already hopeless.
    p = 1 - F_1((l/variance - centre)/scale), centre and scale of Johnstone 2001 (theorem 1.1).
    """
    _check(variance, level)
    values = spectrum.squared().values * spectrum.scale
    limit = min(most, values.size // 2)
    p_values = _p_values(spectrum, values, variance, 0, 1)
    if p_values[0] < level and limit > 0:
        p_values = np.concatenate([p_values, _p_values(spectrum, values, variance, 1, limit + 1)])
    not_called = np.flatnonzero(~(p_values < level))
    called = min(int(not_called[0]) if not_called.size else limit, limit)
    return p_values[: called + 1], called


def detached(values: np.ndarray, level: float = 0.05, most: int = 50) -> int:
    """Number of leading eigenvalues apart from the bulk, whatever its law: the last significant gap among `most`.

    values (p,) ascending. Under a Pareto-type tail the spacings i (ln l_i - ln l_(i+1)), l_1 the largest, are
    independent exponentials of one mean (Renyi 1953; Weissman 1978), so that a spacing x has
    p = (1 + x/(m mean))^-m, mean that of the m = 20 next ones. Repulsion of eigenvalues and a light edge, whose
    spacings grow with i, make it conservative. Levels 6/(pi i)^2 sum to the whole, so the first gap keeps most power.
    """
    positive = values[values > 0][::-1]
    tested = min(most, positive.size - _FOLLOWING - 1)
    if tested < 1:
        return 0
    logs = np.log(positive[: tested + _FOLLOWING + 1])
    ranks = np.arange(1, logs.size)
    spacings = ranks * (logs[:-1] - logs[1:])
    sums = np.cumsum(np.concatenate([[0.0], spacings]))
    following = sums[_FOLLOWING + 1 :] - sums[1 : spacings.size - _FOLLOWING + 1]
    chosen = spacings[:tested]
    safe = np.where(following[:tested] > 0, following[:tested], 1.0)
    log_p = -_FOLLOWING * np.log1p(np.where(following[:tested] > 0, chosen / safe, np.where(chosen > 0, np.inf, 0.0)))
    significant = np.flatnonzero(log_p < np.log(level * 6.0 / (np.pi * ranks[:tested]) ** 2))
    return int(significant[-1] + 1) if significant.size else 0


def beyond(spectrum: Spectrum, variance: float, margin: float = 0.0) -> int:
    """Eigenvalues above variance ((sqrt rows + sqrt cols)^2 + margin Tracy-Widom units), W^T W undivided.

    The bare edge where margin is 0; with margin 5 and the initial variance, the count of the reference table.
    """
    values = spectrum.squared().values * spectrum.scale
    edge = (spectrum.rows**0.5 + spectrum.cols**0.5) ** 2
    if margin > 0:
        edge = edge + margin * float(_centring(spectrum.shape, 1)[1][0])
    return int(np.sum(values > variance * edge))


def _p_values(spectrum, values, variance, first, last):
    calls = np.arange(first, last)
    if variance is None:
        noise = np.array([fit_variance(spectrum, drop=int(k)) for k in calls])
    else:
        noise = np.full(calls.size, float(variance))
    centre, unit = _centring(spectrum.shape, last)
    largest = values[values.size - 1 - calls]
    # no noise at all: every positive eigenvalue is an outlier, a zero one isn't
    score = np.where(noise > 0, (largest / np.where(noise > 0, noise, 1.0) - centre[first:]) / unit[first:], np.inf)
    score = np.where((noise > 0) | (largest > 0), score, -np.inf)
    return np.atleast_1d(np.asarray(TracyWidom(1).sf(score), dtype=np.float64))


@lru_cache(maxsize=256)
def _centring(shape, count):
    # the centring isn't defined for one number alone, which no test could call: 1 x 1 is taken as 2 x 1
    large, small = (size - np.arange(count) for size in (max(shape), min(shape)))
    return tuple(np.asarray(part, dtype=np.float64) for part in largest_eigenvalue(np.maximum(large, 2), small))


def _bulk_distance(spectrum, variance, called):
    if not variance > 0:
        return 0.0 if not spectrum.values[: spectrum.values.size - called].any() else 1.0
    kept = spectrum.values[: spectrum.values.size - called]
    shape = (spectrum.rows - called, spectrum.cols - called)
    bulk = Spectrum(kept, shape, scale=spectrum.scale)
    return sup_distance(bulk.values, isotropic_law(bulk, variance), bulk.zeros)


def _check(variance, level):
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie in (0, 1); got {level}. Use 0.05 or 0.01.")
    if variance is not None and not (np.isfinite(variance) and variance >= 0):
        raise ValueError(f"variance must be finite and not negative; got {variance}. Pass that of one entry.")
