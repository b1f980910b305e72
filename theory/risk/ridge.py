"""Ridge regression at proportional size: test and training error, norm, and the best penalty."""

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.population import Alignment, Nodes, Population, nodes, signal_weights
from theory.risk.deterministic_equivalent import border, equivalent, shaped

FloatArray = NDArray[np.float64]


class RidgeRisk(NamedTuple):
    """Floats, or arrays in the common shape of ridge and ratio. test = bias + variance + noise_std^2."""

    test: Any  # mean square error on new data, label noise included
    train: Any  # mean square error on the training data
    norm: Any  # |b|^2
    bias: Any  # part of the test error at noise 0
    variance: Any  # part of the test error that label noise adds through b
    sampling_variance: Any  # variance of the prediction over training sets, inputs and noise: test df2
    kappa: Any  # effective ridge


def ridge_risk(
    ridge: ArrayLike, ratio: ArrayLike, *, population: Population = None, signal_norm: float = 1.0,
    noise_std: float = 0.0, alignment: Alignment = None,
) -> RidgeRisk:
    """Risk of b = argmin |y - X b|^2/n + ridge |b|^2 for y = X beta + noise, rows of X of covariance Sigma.

        test  = (kappa^2 beta^T Sigma (Sigma + kappa)^-2 beta + noise^2)/(1 - df2)
        train = (ridge/kappa)^2 test
        |b|^2 = beta^T Sigma^2 (Sigma + kappa)^-2 beta + test c int t/(t + kappa)^2 dH

    `ratio` c = features/samples, |beta| = `signal_norm`; ridge = 0 is the interpolator of least norm (or least
    squares), whose risk is infinite at ratio 1. `population` is the spectrum of Sigma: None for the identity,
    eigenvalues, pairs (value, weight) or a Law. `alignment(t)` weighs the signal: beta^T f(Sigma) beta is
    |beta|^2 E alignment(t) f(t)/E alignment(t); None is an isotropic signal. Arrays broadcast.
    Limit n, p -> oo; relative deviation at finite size about 1/n, fluctuation 1/sqrt(n).
    Raises ValueError for parameters out of range, ArithmeticError if the effective ridge isn't found.
    Source: Dobriban and Wager 2018; Hastie, Montanari, Rosset and Tibshirani 2022.

    >>> risk = ridge_risk([0.0, 0.1], 0.5, noise_std=0.5)
    >>> risk.test.round(4).tolist()
    [0.5, 0.4268]
    """
    penalty, c = border(ridge, ratio)
    h = nodes(population)
    square = checks.square("signal_norm", signal_norm, "pass |beta|")
    noise = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise")
    source = square * signal_weights(h, alignment) * h.values
    risk = source_risk(penalty.ravel(), c.ravel(), h, source, 0.0, noise)
    return RidgeRisk(*(shaped(part, c.shape) for part in risk))


def optimal_ridge(
    ratio: float, *, population: Population = None, signal_norm: float = 1.0, noise_std: float = 0.0,
    alignment: Alignment = None,
) -> float:
    """Penalty >= 0 of least test error; infinite where the null predictor is best.

    ratio noise^2/|beta|^2 for an isotropic signal, whatever the population (Dobriban and Wager 2018); with
    `alignment` the least over a grid of kappa, refined. Arguments and errors as `ridge_risk`.
    Minima between points of that grid, of 400 from 1e-12 to 1e9 of the spectrum, would be missed.

    >>> optimal_ridge(0.5, noise_std=0.5)
    0.125
    """
    c = checks.positive("ratio", ratio, "pass features / samples")
    square = checks.square("signal_norm", signal_norm, "pass |beta|")
    noise = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise")
    if square == 0:
        return float("inf")
    h = nodes(population)
    if alignment is None:
        return c * noise / square
    return _least(c, h, square * signal_weights(h, alignment), noise)


def source_risk(
    ridge: FloatArray, c: FloatArray, h: Nodes, source: FloatArray, unlearnable: float, noise: float
) -> RidgeRisk:
    """Risk for arrays (m,); `source` holds the weights of beta^T Sigma f(Sigma) beta on the nodes.

    `unlearnable` is the variance of a part of the target that acts as noise but isn't label noise.
    """
    e = equivalent(ridge, c, h)
    kappa = e.kappa[:, None]
    inverse = np.where(h.values + kappa > 0, 1 / np.maximum(h.values + kappa, 1e-300), 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        residual = (kappa * inverse) ** 2 @ source + unlearnable
        bias = _quotient(residual, e.spare)
        variance = _quotient(noise * e.df2, e.spare)
        test = _quotient(residual + noise, e.spare)
        train = np.where(e.shrinkage > 0, e.shrinkage**2 * test, 0.0)
        # at kappa = 0 shrinkage = 1 - df2: the product is finite also where the test error is not
        train = np.where(e.shrinkage == e.spare, e.shrinkage * (residual + noise), train)
        spread = c * ((h.values * inverse**2) @ h.weights)
        norm = (h.values * inverse**2) @ source + np.where(test > 0, test * spread, 0.0)
        sampling = np.where(e.df2 > 0, test * e.df2, 0.0)
    return RidgeRisk(test, train, norm, bias, variance, sampling, e.kappa)


def _quotient(above: FloatArray, below: FloatArray) -> FloatArray:
    """above/below; 0 for 0/0: no signal and no noise leave no error, even at the interpolation threshold."""
    return np.where(above == 0, 0.0, above / below)


def _least(c: float, h: Nodes, signal: FloatArray, noise: float) -> float:
    """Minimum over kappa, in which penalty and risk are explicit: ridge = kappa (1 - df1(kappa))."""
    t = h.values[h.values > 0]
    start = float(equivalent(np.zeros(1), np.array([c]), h).kappa[0])
    low = max(start, 1e-12 * float(np.min(t)))
    grid = np.geomspace(low, 1e9 * h.top, 400)

    def slope(kappa: float) -> float:
        inverse = h.values + kappa
        share = h.values / inverse
        spare = 1 - c * float(share**2 @ h.weights)
        residual = kappa**2 * float((h.values / inverse**2) @ signal) + noise
        gain = kappa * float((share**2 / inverse) @ signal)
        return gain * spare - residual * c * float((share**2 / inverse) @ h.weights)

    def ridge(kappa: float) -> float:
        return max(0.0, kappa * (1 - c * float((h.values / (h.values + kappa)) @ h.weights)))

    slopes = np.array([slope(k) for k in grid])
    falls = np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] >= 0))
    brackets = [(float(grid[k]), float(grid[k + 1])) for k in falls]
    found = [ridge(scipy.optimize.root_scalar(slope, bracket=b, xtol=1e-300, rtol=1e-14).root) for b in brackets]
    candidates = np.array([0.0, *found, 1e12 * h.top * (1 + c)])
    risks = source_risk(candidates, np.full(candidates.shape, c), h, signal * h.values, 0.0, noise).test
    best = int(np.argmin(risks))
    return float("inf") if best == len(candidates) - 1 else float(candidates[best])
