"""Does something else describe the tail better than a power law? Likelihood ratios against lognormal and bulk law.

Laws that are fitted to the tail, inverse and high-temperature Marchenko-Pastur, are in `tail_law_fits`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import airy, erfc, erfcx, itairy

from spectrax.tails import TailFit, tail_values

_NOISE_REACH = 2.02  # 99 % quantile of the Tracy-Widom law of real matrices
_STEEPEST, _FLATTEST = -35.0, 100.0  # of the standardised cut: below, erfcx overflows; above, it is a power law


@dataclass(frozen=True)
class LikelihoodRatio:
    """Sum of log density differences, power law minus alternative: positive favours the power law.

    ratio: the sum over the `inside` values. p_value: two-sided, of a difference this large where both are equally far
    from the truth (Vuong 1989); above .1 the sign says nothing. outside: tail values that the alternative excludes
    (density 0), left out of the ratio and themselves evidence against it. spikes: values that the alternative places
    beyond its bulk, part of the ratio. parameters: of the alternative; the power law has 1, xmin being common to all.
    """

    ratio: float
    p_value: float
    inside: int
    outside: int = 0
    spikes: int = 0
    parameters: int = 1

    @property
    def aic_difference(self) -> float:
        """AIC of the power law minus that of the alternative: positive favours the alternative."""
        return -2.0 * self.ratio + 2.0 * (1 - self.parameters)


def against_lognormal(fit: TailFit, values: np.ndarray) -> LikelihoodRatio:
    """Power law against the lognormal cut at xmin, fitted by likelihood to the same tail.

    y = ln(x/xmin) is exponential under one and normal(mu, s^2) cut at 0 under the other; mean y and mean y^2 are
    sufficient, and with t = -mu/s, g(t) = phi(t)/(1 - Phi(t)):
      mean y^2/(mean y)^2 = (1 + t^2 - t g)/(g - t)^2, increasing in t from 1 to 2 (the exponential), one root.
    The power law is the limit t -> infinity of the lognormal: the ratio is never positive beyond rounding, and 0 with
    p = 1 where mean y^2 >= 2 (mean y)^2, a tail at least as heavy as a power law's.
    Source: Clauset, Shalizi, Newman 2009, section 5. NaN where there is no fit.
    """
    tail = tail_values(fit, values)
    if tail.size == 0:
        return LikelihoodRatio(float("nan"), float("nan"), 0)
    y = np.log(tail / fit.xmin)
    mean = y.mean()
    target = np.mean(y**2) / mean**2
    if target >= _moment_ratio(_FLATTEST):
        return LikelihoodRatio(0.0, 1.0, tail.size, parameters=2)
    cut = _solve(target)
    scale = mean / (_mills(cut) - cut)
    z = y / scale
    lognormal = -0.5 * z**2 - cut * z - np.log(scale * np.sqrt(np.pi / 2.0) * erfcx(cut / np.sqrt(2.0)))
    return vuong(np.log(fit.alpha - 1.0) - (fit.alpha - 1.0) * y - lognormal, parameters=2)


def against_law(fit: TailFit, values: np.ndarray, law: Any) -> LikelihoodRatio:
    """Power law against a law of the bulk, on the tail values where that law has a density.

    Both densities are taken on the window from xmin to the law's upper edge b and divided by their mass there:
    law.pdf(x)/(F(b) - F(xmin)) and x^-alpha normalised on [xmin, b], alpha as fitted on the whole tail. Tail values
    where the law has no density (above b, in a gap) are counted in `outside`. The law isn't fitted here: give it the
    variance of the bulk. NaN ratio where fewer than 2 values lie inside.
    """
    tail = tail_values(fit, values)
    edge = law.bands[-1][1]
    density = np.asarray(law.pdf(tail))
    usable = (density > 0) & np.isfinite(density)
    inside = int(usable.sum())
    if inside < 2:
        return LikelihoodRatio(float("nan"), float("nan"), inside, tail.size - inside)
    mass = float(law.sf(fit.xmin) - law.sf(edge))
    y, span = np.log(tail[usable] / fit.xmin), np.log(edge / fit.xmin)
    exponent = fit.alpha - 1.0
    # densities of y: that of x times x
    power = np.log(exponent) - exponent * y - np.log(-np.expm1(-exponent * span))
    return vuong(power - np.log(density[usable] * tail[usable] / mass), tail.size - inside)


def against_bulk_and_spikes(fit: TailFit, values: np.ndarray, law: Any, unit: float) -> LikelihoodRatio:
    """Power law against a law of the bulk with spikes beyond it, on all tail values: 2 parameters.

    unit: the Tracy-Widom scale of the law's upper edge b. Up to c = b + 2.02 unit, which noise passes once in a hundred
    matrices, the density is the bulk's at finite size: that of the law times rho(u)/(sqrt(-u)/pi) next to b,
      u = (x - b)/unit,   rho(u) = Ai'^2 - u Ai^2 + Ai (1 - int_u^oo Ai)/2, the mean density of real matrices' edges.
    Values above c are spikes, k of the m values. Nothing is assumed of where they lie: beyond c both models share the
    power law's own shape, so that the places of spikes decide nothing and their number does: each costs the
    alternative ln(k/m), the power law the log of its mass beyond c, and each other value ln(1 - k/m) or the log of
    the rest. The share k/m is fitted, and so is the law's variance, to the whole spectrum and before: 2 parameters.
    With all values beyond c the ratio is 0 and p is 1: there is no bulk to compare with. With more than a tenth of the
    eigenvalues beyond c it isn't one with spikes either; look at `spikes`. Values below the law's lower edge are
    `outside`, as in `against_law`. NaN where there is no fit.
    """
    tail = tail_values(fit, values)
    if tail.size == 0:
        return LikelihoodRatio(float("nan"), float("nan"), 0, parameters=2)
    end = law.bands[-1][1] + _NOISE_REACH * unit
    exponent, y = fit.alpha - 1.0, np.log(tail / fit.xmin)
    power = np.log(exponent) - exponent * y
    bulk = tail <= end
    share = 1.0 - bulk.mean()
    alternative = np.full(tail.size, -np.inf)
    if bulk.any():
        density, mass = _finite_bulk(law, unit, tail[bulk]), _finite_mass(law, unit, fit.xmin, end)
        with np.errstate(divide="ignore"):  # below the lower edge there is no density
            alternative[bulk] = np.log(density * (tail[bulk] / mass)) + np.log1p(-share)
    if not bulk.all():
        alternative[~bulk] = power[~bulk] + exponent * np.log(max(end, fit.xmin) / fit.xmin) + np.log(share)
    known = np.isfinite(alternative)
    return vuong((power - alternative)[known], tail.size - int(known.sum()), int(tail.size - bulk.sum()), parameters=2)


def vuong(differences: np.ndarray, outside: int = 0, spikes: int = 0, parameters: int = 1) -> LikelihoodRatio:
    """Ratio and p-value from the log density differences of single values (m,), power law minus alternative."""
    if differences.size == 0:
        return LikelihoodRatio(float("nan"), float("nan"), 0, outside, spikes, parameters)
    spread = differences.std() * differences.size**0.5
    total = float(differences.sum())
    p_value = float(erfc(abs(total) / (np.sqrt(2.0) * spread))) if spread > 0 else 1.0
    return LikelihoodRatio(total, p_value, differences.size - spikes, outside, spikes, parameters)


def _finite_bulk(law, unit, x):
    """Density of the bulk near its upper edge at finite size; the law's own from 12 units inside."""
    edge = law.bands[-1][1]
    u = np.clip((x - edge) / unit, -12.0, None)
    ai, slope, _, _ = airy(u)
    rho = slope**2 - u * ai**2 + 0.5 * ai * (2.0 / 3.0 + itairy(u)[0])
    inside = -1e-6  # the law's density A sqrt(b - x)/pi there gives A
    edge_density = np.asarray(law.pdf(edge + inside * unit)) * np.pi / np.sqrt(-inside)
    limit = np.asarray(law.pdf(np.minimum(x, edge + inside * unit))) / np.sqrt(-np.minimum(u, inside)) * np.pi
    smooth = np.clip((u + 12.0) / 6.0, 0.0, 1.0)
    near = np.where(u > inside, edge_density, limit) * rho
    return np.where(smooth > 0, smooth * near + (1.0 - smooth) * np.asarray(law.pdf(x)), np.asarray(law.pdf(x)))


def _finite_mass(law, unit, low, high):
    edge = law.bands[-1][1]
    inner = max(edge - 12.0 * unit, low)
    far = float(law.sf(low) - law.sf(inner))
    x, w = np.polynomial.legendre.leggauss(48)
    nodes = 0.5 * (1.0 + x)
    total = far
    if inner < edge:  # in the root of the distance to the edge
        distance = (edge - inner) * nodes**2
        total += (edge - inner) * float(w @ (_finite_bulk(law, unit, edge - distance) * nodes))
    start = max(edge, inner)
    return total + 0.5 * (high - start) * float(w @ _finite_bulk(law, unit, start + (high - start) * nodes))


def _mills(t):
    return np.sqrt(2.0 / np.pi) / erfcx(t / np.sqrt(2.0))


def _moment_ratio(t):
    g = _mills(t)
    return (1.0 + t * (t - g)) / (g - t) ** 2


def _solve(target):
    low, high = _STEEPEST, _FLATTEST
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _moment_ratio(middle) < target else (low, middle)
    return 0.5 * (low + high)
