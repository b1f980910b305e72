"""Least squares trained by gradient flow or gradient descent from zero and stopped early, at proportional size."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.population import Alignment, Nodes, Population, nodes, signal_weights
from theory.risk.contour import Contour, contour
from theory.risk.deterministic_equivalent import complex_kappa, equivalent, shaped, upper_edge
from theory.risk.ridge import ridge_risk

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
LATEST = 1e60  # time in units of 1/edge


class FlowRisk(NamedTuple):
    """Floats, or arrays in the shape of the times. test = bias + variance + noise_std^2."""

    test: Any  # mean square error on new data, label noise included
    train: Any  # mean square error on the training data
    norm: Any  # |b|^2
    bias: Any  # part of the test error at noise 0
    variance: Any  # part of the test error that label noise adds through b


def gradient_flow_risk(
    time: ArrayLike, ratio: float, *, population: Population = None, signal_norm: float = 1.0,
    noise_std: float = 0.0, alignment: Alignment = None,
) -> FlowRisk:
    """Risk of the flow db/dt = X^T (y - X b)/n, b(0) = 0, at `time` (scalar or array; infinity: ridgeless).

    The spectral filter 1 - e^{-t S} on the sample covariance S. With R(z) = (S - z)^-1, kappa(z) the effective ridge at
    -z and kappa' that at -z':

        beta^T R(z) Sigma R(z') beta = kappa kappa'/(z z') beta^T Sigma (Sigma + kappa)^-1 (Sigma + kappa')^-1 beta
                                       / (1 - c int t^2/((t + kappa)(t + kappa')) dH)
        bias     = (2 pi i)^-2 oint oint e^{-t (z + z')} beta^T R Sigma R' beta dz dz'
        variance = noise^2 (2 pi i)^-1 oint ((1 - e^{-tz})/z)^2 kappa dz

    One contour round [0, edge] serves all times. Absolute accuracy 1e-13 of |beta|^2 times the top of the population.
    Arguments, limit and errors as `theory.risk.ridge.ridge_risk`, but ratio is one number. The risk is at most 1.69
    times that of ridge with penalty 1/t (isotropic; Ali, Kolter and Tibshirani 2019).
    Source: the deterministic equivalent of two resolvents; isotropic in Ali et al.; agrees with simulation.

    >>> round(gradient_flow_risk(10.0, 0.5, noise_std=0.5).test, 4)
    0.4608
    """
    t, final = _times(time)
    problem = _problem(ratio, population, signal_norm, noise_std, alignment)
    last = float(np.max(t, initial=0.0))
    if last * problem.edge > LATEST:
        raise ValueError(f"time must be at most {LATEST / problem.edge:.3g} here; got {last!r}; pass infinity")
    circle = contour(problem.edge, 1 / max(last, 1 / problem.edge))
    flat = t.ravel()[:, None]
    remaining = np.exp(-flat * circle.points)
    learned = -np.expm1(-flat * circle.points) / circle.points
    risk = FlowRisk(*(shaped(part, t.shape) for part in _risk(problem, circle, remaining, learned)))
    if not np.any(final):
        return risk
    end = ridge_risk(
        0.0, ratio, population=population, signal_norm=signal_norm, noise_std=noise_std, alignment=alignment
    )
    parts = (np.where(final, last, part) for last, part in zip(end, risk, strict=False))
    return FlowRisk(*(part if t.ndim else part.item() for part in parts))


def gradient_descent_risk(
    step: ArrayLike, learning_rate: float, ratio: float, *, population: Population = None, signal_norm: float = 1.0,
    noise_std: float = 0.0, alignment: Alignment = None,
) -> FlowRisk:
    """Risk of b <- b + learning_rate X^T (y - X b)/n from b = 0 after `step` steps (whole numbers >= 0, any shape).

    As `gradient_flow_risk` with (1 - learning_rate z)^step in place of e^{-tz}; the loss is |y - X b|^2/(2n). Above the
    rate 2/edge it diverges, and the accuracy is relative to the largest part.
    Raises ValueError for steps that are not whole numbers >= 0, a rate that is not positive, and as
    `gradient_flow_risk`. Source: the same equivalent with another filter, derived here, checked by simulation.

    >>> round(gradient_descent_risk(20, 0.5, 0.5, noise_std=0.5).test, 4)
    0.4634
    """
    k = checks.array("step", step, "pass whole numbers >= 0")
    bad = (k < 0) | (k != np.floor(k))
    if np.any(bad):
        raise ValueError(f"step must be a whole number >= 0; got {k[bad].flat[0].item()!r}; round it")
    rate = checks.positive("learning_rate", learning_rate, "pass the rate of the loss with 1/(2n)")
    problem = _problem(ratio, population, signal_norm, noise_std, alignment)
    most = max(float(np.max(k, initial=0.0)), 1.0)
    reach = rate * problem.edge * most
    if not reach <= LATEST / 1e20:
        raise ValueError(f"learning_rate times steps must be at most {LATEST / 1e20 / problem.edge:.3g} here; got "
                         f"{rate * most!r}; use gradient_flow_risk at time infinity for the limit")
    right = max((2 + 1 / most) / rate, problem.edge * (1 + 1 / most))
    circle = contour(problem.edge, min(problem.edge, 1 / (rate * most)), right)
    power = k.ravel()[:, None] * np.log1p(-rate * circle.points)
    with np.errstate(all="ignore"):
        parts = _risk(problem, circle, np.exp(power), -np.expm1(power) / circle.points)
    # above 2/edge the risk grows until it overflows
    return FlowRisk(*(shaped(np.where(np.isnan(part), np.inf, part), k.shape) for part in parts))


def _times(time: ArrayLike) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Times with 0 for infinity, and where they are infinite."""
    try:
        if np.iscomplexobj(time):
            raise TypeError
        t = np.asarray(time, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"time must be >= 0; got {checks.shown(time)}; pass numbers or infinity") from None
    bad = ~(t >= 0)
    if np.any(bad):
        raise ValueError(f"time must be >= 0; got {t[bad].flat[0].item()!r}; pass numbers or infinity")
    return np.where(np.isinf(t), 0.0, t), np.isinf(t)


class _Problem(NamedTuple):
    ratio: float
    population: Nodes
    signal: FloatArray  # |beta|^2 times the weights of the signal on the nodes
    noise: float
    edge: float  # of the sample spectrum


def _problem(
    ratio: float, population: Population, signal_norm: float, noise_std: float, alignment: Alignment
) -> _Problem:
    c = checks.positive("ratio", ratio, "pass features / samples")
    h = nodes(population)
    square = checks.square("signal_norm", signal_norm, "pass |beta|")
    noise = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise")
    return _Problem(c, h, square * signal_weights(h, alignment), noise, upper_edge(c, h))


def _risk(problem: _Problem, circle: Contour, remaining: ComplexArray, learned: ComplexArray) -> list[FloatArray]:
    """Risks of filters: `remaining` psi(z) and `learned` (1 - psi)/z, each (filters, points)."""
    z, weights = circle
    h = problem.population
    upper = complex_kappa(z[len(z) // 2 :], problem.ratio, h)
    kappa = np.concatenate([upper[::-1].conj(), upper])
    inverse = 1 / (h.values + kappa[:, None])
    share = kappa * (inverse @ problem.signal)
    cross = (inverse * (h.values * h.weights)) @ inverse.T
    spare = -z / kappa + problem.ratio * kappa[:, None] * cross  # 1 - c int t^2/((t + kappa)(t + kappa'))
    kernel = (inverse * (h.values * problem.signal)) @ inverse.T / spare
    one = remaining * (weights * kappa / z)
    bias = np.sum((one @ kernel) * one, axis=1).real
    shrinkage, rise = _from_zero(problem, z, kappa, inverse)
    variance = problem.noise * (learned**2 @ (weights * rise)).real
    train = (remaining**2 @ (weights * (share - problem.noise / kappa))).real
    norm = (learned**2 @ (weights * (z * share + problem.noise * shrinkage))).real
    return [bias + variance + problem.noise, train, norm, bias, variance]


def _from_zero(
    problem: _Problem, z: ComplexArray, kappa: ComplexArray, inverse: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    """-z/kappa and kappa less their values at z = 0, which integrate to 0 but would leave time times the rounding."""
    c, h = problem.ratio, problem.population
    start = float(equivalent(np.zeros(1), np.array([c]), h).kappa[0])
    if start == 0:
        present = h.values > 0
        return c * kappa * (inverse[:, present] @ h.weights[present]), kappa
    spare = c * kappa * (inverse @ (h.values * h.weights / (h.values + start)))
    return -z / kappa, -z / spare
