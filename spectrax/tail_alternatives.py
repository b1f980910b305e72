"""Does something else describe the tail better than a power law? Likelihood ratios against lognormal and bulk law."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erfc, erfcx

from spectrax.tails import TailFit, tail_values

_STEEPEST, _FLATTEST = -35.0, 100.0  # of the standardised cut: below, erfcx overflows; above, it is a power law


@dataclass(frozen=True)
class LikelihoodRatio:
    """Sum of log density differences, power law minus alternative: positive favours the power law.

    ratio: the sum over the `inside` values. p_value: two-sided, of a difference this large where both are equally far
    from the truth (Vuong 1989); above .1 the sign says nothing. outside: tail values that the alternative excludes
    (density 0), left out of the ratio and themselves evidence against it.
    """

    ratio: float
    p_value: float
    inside: int
    outside: int = 0


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
        return LikelihoodRatio(0.0, 1.0, tail.size)
    cut = _solve(target)
    scale = mean / (_mills(cut) - cut)
    z = y / scale
    lognormal = -0.5 * z**2 - cut * z - np.log(scale * np.sqrt(np.pi / 2.0) * erfcx(cut / np.sqrt(2.0)))
    return _vuong(np.log(fit.alpha - 1.0) - (fit.alpha - 1.0) * y - lognormal)


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
    return _vuong(power - np.log(density[usable] * tail[usable] / mass), tail.size - inside)


def _vuong(differences, outside=0):
    spread = differences.std() * differences.size**0.5
    total = float(differences.sum())
    p_value = float(erfc(abs(total) / (np.sqrt(2.0) * spread))) if spread > 0 else 1.0
    return LikelihoodRatio(total, p_value, differences.size, outside)


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
