"""Singular modes of a deep linear network trained by gradient flow: strength against time, and when a mode starts.

Loss |S - W_N ... W_1|^2/2 + (weight_decay/2) sum |W_l|^2 on whitened inputs, weights balanced and aligned with the
singular vectors of the target S: every mode of the product evolves on its own, and a mode of target s has strength u,

    du/dt = depth u^{2 - 2/depth} (s - u) - depth weight_decay u,

which for depth 2 is 2 u (s - weight_decay - u). Each layer carries the singular value u^{1/depth}. With
learning rate eta and whitened inputs of variance v, k steps are the time eta v k.
Sources: Saxe, McClelland and Ganguli 2014 (depth 2); Arora, Cohen and Hazan 2018 (any depth). Long-time values and
ranks are in `theory.training.stationary`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.training import deep_modes, unbalanced
from theory.training.stationary import LARGEST, checked_depth

FloatArray = NDArray[np.float64]


def mode_strength(
    time: ArrayLike, target: ArrayLike, start: ArrayLike, *, depth: float = 2, weight_decay: float = 0.0
) -> Any:
    """Strength u(time) of balanced modes with strength `start` at time 0; the three arrays broadcast.

        depth 2:   u = u0/(e^{-2 s' t} + u0 (1 - e^{-2 s' t})/s'),   s' = target - weight_decay of any sign
        others:    by quadrature of t(log u), inverted

    `depth` is any number >= 2; math.inf is the limit in which `time` counts depth times time. Relative accuracy 1e-13
    times the e-foldings of u, from start = 1e-300 to saturation. Raises ValueError for negative times, starts or decay,
    depth below 2; ArithmeticError where the inversion fails.
    Limit of small rates; steps of size eta deviate by O(eta target). Source: Saxe et al. 2014 (depth 2), Arora et al.
    2018 (equation of any depth); its inversion is derived here, checked by integrating the equation.

    >>> mode_strength([0.0, 5.0, 20.0], 1.0, 1e-4).round(4).tolist()
    [0.0001, 0.6878, 1.0]
    >>> round(mode_strength(20.0, 1.0, 1e-2, depth=3), 4)
    1.0
    """
    t, s, u = _arguments(time, target, start)
    depth, decay = _static(depth, weight_decay)
    if depth == 2:
        return _scalar(_logistic(t, s - decay, u))
    return _scalar(_by_mode(lambda s, u, t: deep_modes.strength(t, s, u, depth, decay), t, s, u))


def escape_time(
    target: ArrayLike, start: ArrayLike, end: ArrayLike, *, depth: float = 2, weight_decay: float = 0.0
) -> Any:
    """Time at which a balanced mode passes from strength `start` to `end`; infinite where it never does.

        depth 2:   log[end (s' - start)/(start (s' - end))]/(2 s'),   s' = target - weight_decay

    Arguments, accuracy and errors as `mode_strength`.
    Source: Saxe et al. 2014 for depth 2 without decay; with decay, and for other depths, derived here, checked by
    `mode_strength` and by integrating the equation of the module.

    >>> round(escape_time(1.0, 1e-6, 0.5), 4), round(escape_time(0.5, 1e-6, 0.25), 4)
    (6.9078, 13.1224)
    """
    e, s, u = _arguments(end, target, start)
    depth, decay = _static(depth, weight_decay)
    if depth == 2:
        return _scalar(_logistic_time(s - decay, u, e))
    return _scalar(_by_mode(lambda s, u, e: deep_modes.passage(e, s, u, depth, decay), e, s, u))


def unbalanced_strength(
    time: ArrayLike, target: float, start: float, imbalance: float, *, weight_decay: float = 0.0
) -> Any:
    """Strength u = a b of one mode of a two-layer network whose layers start unequal: imbalance = a^2 - b^2.

        du/dt = sqrt(c^2 + 4 u^2) (s - u) - 2 weight_decay u,   c = imbalance e^{-2 weight_decay t}

    (a + b)^2 obeys a Riccati equation, solved in closed form without decay and by collocation of order 16 with it.
    Only |imbalance| matters. A mode of start = 0 grows if it is unbalanced. Absolute accuracy 1e-13 of
    max(target, |imbalance|, start). Raises ValueError as `mode_strength`, and with decay for times beyond 8000 divided
    by that maximum, where the stationary strength is reached.
    Source: Saxe et al. 2014, appendix, without decay; with it derived here (`theory.training.unbalanced`), checked by
    integrating the equation.

    >>> round(unbalanced_strength(1.0, 1.0, 0.0, 2.0), 6)
    0.906588
    """
    t, s, u = _arguments(time, target, start)
    _, decay = _static(2, weight_decay)
    if not s.size or np.ptp(s) or np.ptp(u):
        raise ValueError(f"target and start must be single numbers; got shape {s.shape}; call once for each mode")
    c = checks.number("imbalance", imbalance, "pass a^2 - b^2 of the two layers")
    return _scalar(unbalanced.strength(t, float(s.flat[0]), float(u.flat[0]), abs(c), decay))


def imbalance(time: ArrayLike, start: ArrayLike, weight_decay: float) -> Any:
    """W_{l+1}^T W_{l+1} - W_l W_l^T at `time`, in any entry or norm: start e^{-2 weight_decay t}.

    Exact under gradient flow for every deep linear network and loss (Du, Hu and Lee 2018); for ReLU networks it holds
    of each neuron's squared norms. Steps of size eta change it by O(eta) of the gradients' squares.
    Raises ValueError for times or a decay that are negative, and a start that is not finite.

    >>> round(imbalance(2.0, 1.0, 0.3), 5)
    0.30119
    """
    t, _, _ = _arguments(time, 1.0, 0.0)
    first, decay = checks.array("start", start, "pass the imbalance at time 0"), _static(2, weight_decay)[1]
    t, first = checks.together(time=t, start=first)
    return _scalar(first * np.exp(-2 * decay * t))


def _logistic(t: FloatArray, rate: FloatArray, u: FloatArray) -> FloatArray:
    """u0 e^{x}/(1 + u0 (e^{x} - 1)/s'), x = 2 s' t, split so that neither exponential overflows nor u0 is inverted."""
    x = np.clip(2 * rate * t, -1400.0, 1300.0)  # beyond, every double u0 has saturated or vanished
    ascent = np.exp(np.maximum(x, 0) / 2)
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        share = np.where(rate == 0, 2 * t, -np.expm1(-np.abs(x)) / np.abs(rate))
        rising = u * ascent / (np.exp(-np.maximum(x, 0) / 2) + u * ascent * share)
        falling = u * np.exp(np.minimum(x, 0)) / (1 + u * share)
        return np.where(rate > 0, rising, falling)


def _logistic_time(rate: FloatArray, u: FloatArray, end: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = (end - u) / u / (rate - end)
        apart = np.log(end / u) + np.log((rate - u) / (rate - end))
        logarithm = np.where(np.abs(rate * x) < 1, np.log1p(rate * x), apart)
        time = np.where(rate == 0, x / 2, logarithm / (2 * rate))
    time = np.where((u == end), 0.0, np.where((u > 0) & (end > 0), time, np.inf))
    return np.where(np.isfinite(time) & (time >= 0), time, np.inf)


def _by_mode(
    solve: Callable[[float, float, FloatArray], FloatArray], x: FloatArray, s: FloatArray, u: FloatArray
) -> FloatArray:
    """Calls `solve` once for each distinct mode, with all its arguments x."""
    x, s, u = checks.together(time=x, target=s, start=u)
    modes, which = np.unique(np.stack([s.ravel(), u.ravel()]), axis=1, return_inverse=True)
    result = np.empty(x.size)
    for k, (target, start) in enumerate(modes.T):
        here = which.ravel() == k
        result[here] = solve(float(target), float(start), x.ravel()[here])
    return result.reshape(x.shape)


def _arguments(time: ArrayLike, target: ArrayLike, start: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    t = checks.array("time and strengths", time, "pass numbers >= 0")
    s = checks.array("target", target, "pass singular values of the target", most=LARGEST)
    u = checks.array("start", start, "pass strengths >= 0", most=LARGEST)
    for name, values in (("time and strengths", t), ("start", u)):
        if np.any(values < 0):
            raise ValueError(f"{name} must be >= 0; got {values[values < 0].flat[0].item()!r}; pass numbers >= 0")
    checks.together(time=t, target=s, start=u)
    s, u = np.broadcast_arrays(s, u)
    return t, s, u


def _static(depth: float, weight_decay: float) -> tuple[float, float]:
    decay = checks.non_negative("weight_decay", weight_decay, "pass the factor of the squared weights over 2")
    return checked_depth(depth), decay


def _scalar(values: FloatArray) -> Any:
    return values if np.ndim(values) else float(values)
