"""Edge of stability: the sharpness at which an optimiser stops to contract on a quadratic.

Linear stability of w(k+1) from w(k) and a velocity, on a loss of curvature x (momentum m, learning rate eta):

    gradient_descent  w <- w - eta g                                         stable for eta x < 2
    heavy_ball        v <- m v + g;            w <- w - eta v                2 (1 + m)
    ema               v <- m v + (1 - m) g;    w <- w - eta v                2 (1 + m)/(1 - m)
    nesterov          v <- m v + g;            w <- w - eta (g + m v)        2 (1 + m)/(1 + 2 m)
    adam              v <- m v + (1 - m) g;    w <- w - eta D^{-1} v         2 (1 + m)/(1 - m), x of D^{-1} H

heavy_ball and nesterov as in torch and optax without dampening. `adam` is `ema` on the preconditioned Hessian D^{-1} H
(or its symmetric form D^{-1/2} H D^{-1/2}, of the same eigenvalues), D = diag(sqrt(second moment) + epsilon) with the
bias of both moments corrected, m = beta1: 38/eta for beta1 = .9. It holds while D changes slowly, that is with beta2
near 1, after the first few 1/(1 - beta1) steps. Full-batch training is seen to hover at these values: Cohen, Kaur, Li,
Kolter and Talwalkar 2021 for gradient descent and heavy ball, Cohen et al. 2022 for Adam (both in the introduction).
"""

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.population import Population, nodes

FloatArray = NDArray[np.float64]
Method = Literal["gradient_descent", "heavy_ball", "ema", "nesterov", "adam"]


def critical_sharpness(learning_rate: ArrayLike, *, method: Method = "gradient_descent", momentum: float = 0.0) -> Any:
    """Largest stable curvature for each learning rate: 2/eta, and the factors of the module's table.

    For Adam, method="adam" and momentum=beta1, it is that of the preconditioned Hessian D^{-1} H, not of H. Raises
    ValueError for rates that are not positive, momentum outside [0, 1), an unknown method, momentum for plain gradient
    descent, none for Adam. Source: the roots of `iteration_matrix`, and the module's.

    >>> round(critical_sharpness(0.01, method="adam", momentum=0.9), 9)
    3800.0
    """
    eta = checks.array("learning_rate", learning_rate, "pass rates", above=0)
    sharpness = _factor(*checked(method, momentum)) / eta
    return sharpness if sharpness.ndim else float(sharpness)


def critical_rate(curvature: Population, *, method: Method = "gradient_descent", momentum: float = 0.0) -> float:
    """Edge of stability of full-batch training, not an outlier's (`OneStep`) or SGD's (`kesten_critical_rate`) rate.

    The largest learning rate at which training contracts on a quadratic loss: the factor of `critical_sharpness` over
    the largest Hessian eigenvalue, for eigenvalues given one by one, as pairs, or as a Law (its upper edge); of the
    preconditioned Hessian for method="adam". Gradient descent on least squares with isotropic data, the Hessian
    X^T X/n: 2/(variance (1 + sqrt(d/n))^2).
    Other critical rates: `OneStep.critical_rate` and `MeanFieldSteps.critical_rate`, at which an outlier detaches;
    `sgd_stability(...).critical_rate`, from which on the mean loss of single-sample SGD diverges, and
    `kesten_critical_rate`, from which on its iterates do almost surely.
    Raises ValueError as `critical_sharpness`, and for an unbounded law.
    Source: as `critical_sharpness`; the edge of a Law is where a large random Hessian ends.

    >>> from theory import MarchenkoPastur
    >>> round(critical_rate(MarchenkoPastur(0.25)), 6)
    0.888889
    """
    ends = [high for _, high in getattr(curvature, "bands", ())]
    if any(math.isinf(high) for high in ends):
        raise ValueError(f"curvature must be bounded; got the bands {ends}; no learning rate is stable")
    return _factor(*checked(method, momentum)) / nodes(curvature).top


def iteration_matrix(
    curvature: ArrayLike, learning_rate: float, *, method: Method = "gradient_descent", momentum: float = 0.0
) -> FloatArray:
    """Matrices (..., 2, 2) that take (w, v), v scaled by the learning rate, one step on; stable iff all |roots| < 1.

    One for each curvature; arguments and errors as `critical_sharpness`, curvatures of any sign.
    Exact for quadratic losses. Source: the updates of the module's table, written as matrices.

    >>> iteration_matrix(3.0, 0.5, method="heavy_ball", momentum=0.9).tolist()
    [[-0.5, -0.9], [1.5, 0.9]]
    """
    method, m = checked(method, momentum)
    eta = checks.positive("learning_rate", learning_rate, "pass a rate")
    x = eta * checks.array("curvature", curvature, "pass eigenvalues of the Hessian")
    gain = (1 - m) * x if method in ("ema", "adam") else x
    ahead = m if method == "nesterov" else 1.0  # weights of v and g in the step of w
    now = 1.0 if method == "nesterov" else 0.0
    rows = [[1 - ahead * gain - now * x, -ahead * m + 0 * x], [gain, m + 0 * x]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def checked(method: Method, momentum: float) -> tuple[Method, float]:
    """The two arguments, or ValueError."""
    if not isinstance(method, str) or method not in get_args(Method):
        names = ", ".join(get_args(Method))
        raise ValueError(f"method must be one of {names}; got {checks.shown(method)}; pass one of these")
    m = checks.non_negative("momentum", momentum, "pass the factor of the old velocity")
    if m >= 1:
        raise ValueError(f"momentum must be below 1; got {momentum!r}; pass the factor of the old velocity")
    if m and method == "gradient_descent":
        raise ValueError(f"momentum must be 0 for gradient_descent; got {momentum!r}; pass another method")
    if not m and method == "adam":
        raise ValueError(f"momentum must be beta1 > 0 for adam; got {momentum!r}; pass .9, or another method")
    return method, m


def _factor(method: Method, m: float) -> float:
    below = {"gradient_descent": 1.0, "heavy_ball": 1.0, "ema": 1 - m, "nesterov": 1 + 2 * m, "adam": 1 - m}
    return 2 * (1 + m) / below[method]
