"""Inverse and high-temperature Marchenko-Pastur laws fitted to a tail: does one of them beat the power law?

Each law is cut at xmin, x >= xmin with its density divided by its mass there, and fitted by maximum likelihood to the
values that the power law was fitted to. `ratio` is a free parameter of the laws by default: in the matrix model that
they come from (Hodgkinson, Wang, Mahoney 2025) it is set by the exponent of a determinant, hence by temperatures, and
not by the shape of the weights; the authors' code fits it too. Pass the matrix's own to hold it.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from spectrax import repulsion
from spectrax.tail_alternatives import LikelihoodRatio, vuong
from spectrax.tails import TailFit, tail_values
from theory import HighTemperatureMarchenkoPastur, InverseHighTemperatureMarchenkoPastur, InverseMarchenkoPastur

_NAN = float("nan")
_LARGEST_LOG = 40.0  # of xmin over the lower edge: from there on the lower edge is 0 for the tail
_NOTHING = -1e6  # log density where there is none: a finite likelihood lets the simplex find its way back
_BINS = 40  # of the tail in the scan for a start


@dataclass(frozen=True)
class FittedRatio(LikelihoodRatio):
    """A likelihood ratio and the law behind it, at its maximum of likelihood on the tail.

    law_ratio and variance: of the law's class in `theory`, in the units of the values. kappa with its standard error
    kappa_error from the observed information, NaN where the likelihood is flat or kappa at the end of its range, .02 to
    200: there the law is a Gamma law (or 1 over one), here Marchenko-Pastur. tail_index: p of sf ~ x^-p of an inverse
    high-temperature law, to compare with alpha - 1. NaN fields where a law has no such parameter.
    """

    law_ratio: float = _NAN
    variance: float = _NAN
    kappa: float = _NAN
    kappa_error: float = _NAN
    tail_index: float = _NAN
    law: Any = None


def against_inverse_marchenko_pastur(fit: TailFit, values: np.ndarray) -> FittedRatio:
    """Power law against an inverse Marchenko-Pastur law on [a, b], a < xmin and b > max free: 2 parameters.

    Its density x^-2 sqrt((x - a)(b - x)) falls like x^(-3/2) between the edges, and every value must lie below b: no
    value is set aside as a spike. NaN fields where there is no fit.
    """
    tail = tail_values(fit, values)
    if tail.size < 2:
        return _none(tail)
    logs = np.log(tail / fit.xmin)

    def minus(q):
        return -np.sum(_inverse_density(logs, *q))

    starts = [(low, high) for low in (0.05, 1.0, 20.0) for high in (0.02, 0.3, 2.0)]
    best = min(starts, key=minus)
    found = _simplex(minus, best, (0.5, 0.3), [(1e-9, _LARGEST_LOG), (1e-9, _LARGEST_LOG)])
    if found is None:
        return _none(tail)
    low, high = fit.xmin * np.exp(-found[0]), tail[-1] * np.exp(found[1])
    root = np.sqrt(high / low)
    q = (root - 1.0) / (root + 1.0)
    law = _made(InverseMarchenkoPastur, q**2, 1.0 / (low * (1.0 + q) ** 2))
    return _compared(fit, logs, _inverse_density(logs, *found), 2, law_ratio=q**2,
                     variance=1.0 / (low * (1.0 + q) ** 2), law=law)  # fmt: skip


def against_high_temperature(fit: TailFit, values: np.ndarray, ratio: float | None = None) -> FittedRatio:
    """Power law against `theory.HighTemperatureMarchenkoPastur`: kappa, variance and, where None, ratio are free.

    3 parameters, 2 with a given ratio below 1. Above its bulk the density falls like exp(-c x). NaN where no fit is.
    """
    return _high_temperature(fit, values, ratio, inverse=False)


def against_inverse_high_temperature(fit: TailFit, values: np.ndarray, ratio: float | None = None) -> FittedRatio:
    """Power law against `theory.InverseHighTemperatureMarchenkoPastur`: kappa, variance and the ratio are free.

    3 parameters, 2 with a given ratio below 1. With a free ratio the power law is its limit (xmin far beyond the
    bulk), for alpha from 1.2 to 51: the log likelihood ratio is never positive beyond the search's .05, and AIC, not
    Vuong's p-value, decides. The tail index is known well, kappa only where the tail bends and with the ratio held: of
    1000 values, 900 in the tail, kappa 4 comes back as 4.2 with an error of .5; with a free ratio the error is larger
    than kappa. NaN fields where there is no fit.
    """
    return _high_temperature(fit, values, ratio, inverse=True)


def _high_temperature(fit, values, ratio, inverse):
    tail = tail_values(fit, values)
    if ratio is not None and not 0.0 < ratio < 1.0:
        raise ValueError(f"ratio must lie between 0 and 1; got {ratio}. Pass the smaller over the larger dimension.")
    if tail.size < 2:
        return _none(tail)
    logs = np.log(tail / fit.xmin)

    limits = [_kappa_limits(ratio), (-18.0, 5.5)] + ([np.log(repulsion.POWERS)] if ratio is None else [])
    minus, found = _best(logs, ratio, inverse, limits)
    if found is None:
        return _none(tail)
    log_power, log_b = _parameters(found, ratio)
    p, b = np.exp(log_power), np.exp(log_b)
    middle = np.log(p + 2.0 * b)
    unit = np.exp(-(found[1] + middle)) * (1.0 / fit.xmin if inverse else fit.xmin)
    law_ratio, variance = b / (p + b), unit * (p + b)
    law = _made(InverseHighTemperatureMarchenkoPastur if inverse else HighTemperatureMarchenkoPastur,
                law_ratio, 2.0 * b, variance)  # fmt: skip
    error = 2.0 * b * _deviation(minus, found, limits)
    return _compared(fit, logs, _cut_density(logs, found, ratio, inverse), len(found), law_ratio=float(law_ratio),
                     variance=float(variance), kappa=float(2.0 * b), kappa_error=float(error),
                     tail_index=float(p) if inverse else _NAN, law=law)  # fmt: skip


def _parameters(q, ratio):
    """ln p, ln b of q = (ln b, place of xmin relative to the middle, ln p where the ratio is free)."""
    return (q[2] if ratio is None else q[0] + np.log(1.0 / ratio - 1.0)), q[0]


def _kappa_limits(ratio):
    low, high = np.log(repulsion.HALF_KAPPAS)
    if ratio is None:
        return low, high
    shift = np.log(1.0 / ratio - 1.0)
    inner = max(low, np.log(repulsion.POWERS[0]) - shift), min(high, np.log(repulsion.POWERS[1]) - shift)
    return inner if inner[0] < inner[1] else (low, high)


def _cut_density(logs, q, ratio, inverse):
    """Log density of ln x on the cut tail, (m,)."""
    curve = repulsion.table().curve(*_parameters(q, ratio))
    cut = q[1] + curve.middle
    with np.errstate(all="ignore"):  # far above the bulk there is neither density nor mass
        mass = curve.log_mass(cut, above=not inverse)
        density = curve.log_density(cut - logs if inverse else cut + logs) - mass
    return np.where(density > _NOTHING, density, _NOTHING) if np.isfinite(mass) else np.full(logs.shape, _NOTHING)


def _inverse_density(logs, below, above):
    """Log density of y = ln(x/xmin) of the inverse law with edges xmin e^-below and max e^above, cut at xmin.

    f(y) ~ sqrt((e^y - a)(b - e^y)) e^-y; its mass by 64 Gauss-Legendre nodes of y = Y sin^2(angle), which removes both
    square roots.
    """
    edge = logs[-1] + above

    def shape(y):
        return 0.5 * (np.log(-np.expm1(-y - below)) + np.log(-np.expm1(y - edge)) - y)

    nodes, weights = _legendre()
    angle = 0.5 * np.pi * nodes
    inside = shape(np.minimum(edge * np.sin(angle) ** 2, edge * (1 - 1e-15)))
    top = inside.max()
    mass = np.sum(weights * np.exp(inside - top) * np.sin(2.0 * angle)) * 0.5 * np.pi * edge
    with np.errstate(divide="ignore"):
        return shape(logs) - top - np.log(mass)


@functools.cache
def _legendre():
    x, w = np.polynomial.legendre.leggauss(64)
    return 0.5 + 0.5 * x, 0.5 * w


def _best(logs, ratio, inverse, limits):
    """Maximum of likelihood: two starts from a scan, climbed with the tail in bins, and the better one with all values.

    One start is not enough: far from the truth these laws resemble each other at quite different parameters.
    """
    counts = np.diff(np.linspace(0, logs.size, min(_BINS, logs.size) + 1).astype(int))
    places = np.add.reduceat(logs, np.concatenate([[0], np.cumsum(counts)[:-1]])) / counts
    size = np.array([0.6, 0.3, 0.3])[: len(limits)]

    def rough(q):
        return -float(_cut_density(places, q, ratio, inverse) @ counts)

    def minus(q):
        return -float(np.sum(_cut_density(logs, q, ratio, inverse)))

    climbed = [_simplex(rough, start, size, limits, 0.02) for start in _scan(places, counts, ratio, inverse)]
    start = min((q for q in climbed if q is not None), key=minus)
    # a new simplex on the other side: on the ridge along which the parameters trade places the first may collapse
    return minus, _simplex(minus, start, -0.5 * size, limits)


def _scan(places, counts, ratio, inverse):
    """The best of some laws and places of xmin, and the best of those whose kappa or ratio differ much from it."""
    laws, values, masses, slopes = _coarse(ratio, inverse)
    size = values.shape[1]
    cuts = np.concatenate([np.linspace(0, 480, 10), np.linspace(500, size - 12, 24)]).astype(int)
    at = cuts[:, None] + ((-1 if inverse else 1) * places / repulsion.STEP).astype(int)
    density = values[:, np.clip(at, 0, size - 1)] + slopes[:, None, None] * np.minimum(at, 0)
    likelihood = np.where(at >= size, _NOTHING, density) @ counts - counts.sum() * masses[:, cuts]
    best_cut, best = np.argmax(likelihood, axis=1), np.max(likelihood, axis=1)
    first = int(np.argmax(best))
    far = np.max(np.abs(laws - laws[first]), axis=1) > 1.5
    second = int(np.argmax(np.where(far, best, -np.inf)))
    return [(laws[i][1], repulsion.OFFSETS[cuts[best_cut[i]]], laws[i][0])[: 3 if ratio is None else 2]
            for i in (first, second)]  # fmt: skip


@functools.lru_cache(maxsize=32)
def _coarse(ratio, inverse):
    """Some laws (laws, 2) of ln p, ln b: log densities, log masses beyond each point, slopes below the first."""
    low, high = _kappa_limits(ratio)
    half_kappas = np.linspace(low, high, 9 if ratio is None else 24)
    powers = repulsion.log_spaced(repulsion.POWERS, 10) if ratio is None else np.zeros(1)
    laws = [_parameters((b, 0.0, p), ratio) for p in powers for b in half_kappas]
    curves = [repulsion.table().curve(*law) for law in laws]
    values = np.maximum(np.array([c.values for c in curves]), _NOTHING)
    density = np.exp(values)
    slopes = values[:, 1] - values[:, 0]
    if inverse:
        mass = np.cumsum(density, axis=1) + density[:, :1] / slopes[:, None]
    else:
        mass = np.cumsum(density[:, ::-1], axis=1)[:, ::-1]
    return np.array(laws), values, np.log(np.maximum(mass * repulsion.STEP, 1e-300)), slopes


def _simplex(minus, start, size, limits, precision=1e-3):
    """The minimum by Nelder and Mead's method within limits; None where there is none that is finite."""
    low, high = np.array(limits).T
    start, size = np.clip(start, low, high), np.array(size)
    corners = np.vstack([start, start + np.diag(np.where(start + size <= high, size, -size))])
    options = {"initial_simplex": np.clip(corners, low, high), "xatol": 0.05, "fatol": precision, "maxfev": 300}
    found = minimize(minus, start, method="Nelder-Mead", bounds=limits, options=options)
    return found.x if np.isfinite(found.fun) else None


def _deviation(minus, q, limits):
    """Standard deviation of q[0] from the observed information; NaN where it isn't positive or q[0] is at a limit."""
    if min(q[0] - limits[0][0], limits[0][1] - q[0]) < 0.1:
        return _NAN
    h = 0.05 * np.eye(len(q))
    centre, hessian = minus(q), np.empty((len(q), len(q)))
    for i in range(len(q)):
        for j in range(i + 1):
            if i == j:
                second = minus(q + h[i]) - 2.0 * centre + minus(q - h[i])
            else:
                both = minus(q + h[i] + h[j]) + minus(q - h[i] - h[j])
                second = 0.5 * (both - minus(q + h[i] - h[j]) - minus(q - h[i] + h[j])) / 2.0
            hessian[i, j] = hessian[j, i] = second / 0.05**2
    if not (np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian)[0] > 0):
        return _NAN
    return np.linalg.inv(hessian)[0, 0] ** 0.5


def _compared(fit, logs, density, parameters, **fitted):
    power = np.log(fit.alpha - 1.0) - (fit.alpha - 1.0) * logs
    found = vuong(power - density)
    return FittedRatio(found.ratio, found.p_value, logs.size, parameters=parameters, **fitted)


def _made(kind, *parameters):
    try:
        return kind(*(float(x) for x in parameters))
    except (ValueError, ArithmeticError):  # a ratio that rounds to 1, a variance out of range
        return None


def _none(tail):
    return FittedRatio(_NAN, _NAN, tail.size)
