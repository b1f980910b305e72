"""Edge of stability: the sharpness at which an optimiser stops to contract on a quadratic.

Linear stability of w(k+1) from w(k) and a velocity, on a loss of curvature x (momentum m, learning rate eta):

    gradient_descent  w <- w - eta g                                         stable for eta x < 2
    heavy_ball        v <- m v + g;            w <- w - eta v                2 (1 + m)
    ema               v <- m v + (1 - m) g;    w <- w - eta v                2 (1 + m)/(1 - m)
    nesterov          v <- m v + g;            w <- w - eta (g + m v)        2 (1 + m)/(1 + 2 m)

heavy_ball and nesterov as in torch and optax without dampening. Adam moves like `ema` on the preconditioned Hessian
D^{-1} H, D = diag(sqrt(second moment) + epsilon), while D is slow: 38/eta for m = .9. Full-batch training is seen to
hover there (Cohen et al. 2021, 2022).
"""

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.population import Population, nodes

FloatArray = NDArray[np.float64]
Method = Literal["gradient_descent", "heavy_ball", "ema", "nesterov"]


def critical_sharpness(learning_rate: ArrayLike, *, method: Method = "gradient_descent", momentum: float = 0.0) -> Any:
    """Largest stable curvature for each learning rate: 2/eta, and the factors of the module's table.

    For Adam pass method="ema", momentum=beta1 and compare with the preconditioned Hessian. Raises ValueError for rates
    that are not positive, momentum outside [0, 1), an unknown method, momentum for plain gradient descent.

    >>> round(critical_sharpness(0.01, method="ema", momentum=0.9), 9)
    3800.0
    """
    eta = checks.array("learning_rate", learning_rate, "pass rates", above=0)
    sharpness = _factor(*checked(method, momentum)) / eta
    return sharpness if sharpness.ndim else float(sharpness)


def critical_rate(curvature: Population, *, method: Method = "gradient_descent", momentum: float = 0.0) -> float:
    """Largest stable learning rate for Hessian eigenvalues given one by one, as pairs, or as a Law (its upper edge).

    Gradient descent on least squares with isotropic data, the Hessian X^T X/n: 2/(variance (1 + sqrt(d/n))^2).
    Raises ValueError as `critical_sharpness`, and for an unbounded law.

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

    >>> iteration_matrix(3.0, 0.5, method="heavy_ball", momentum=0.9).tolist()
    [[-0.5, -0.9], [1.5, 0.9]]
    """
    method, m = checked(method, momentum)
    eta = checks.positive("learning_rate", learning_rate, "pass a rate")
    x = eta * checks.array("curvature", curvature, "pass eigenvalues of the Hessian")
    gain = (1 - m) * x if method == "ema" else x
    ahead = m if method == "nesterov" else 1.0  # weights of v and g in the step of w
    now = 1.0 if method == "nesterov" else 0.0
    rows = [[1 - ahead * gain - now * x, -ahead * m + 0 * x], [gain, m + 0 * x]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def checked(method: Method, momentum: float) -> tuple[Method, float]:
    """The two arguments, or ValueError."""
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}; got {method!r}; pass one of these")
    m = checks.non_negative("momentum", momentum, "pass the factor of the old velocity")
    if m >= 1:
        raise ValueError(f"momentum must be below 1; got {momentum!r}; pass the factor of the old velocity")
    if m and method == "gradient_descent":
        raise ValueError(f"momentum must be 0 for gradient_descent; got {momentum!r}; pass another method")
    return method, m


def _factor(method: Method, m: float) -> float:
    return 2 * (1 + m) / {"gradient_descent": 1.0, "heavy_ball": 1.0, "ema": 1 - m, "nesterov": 1 + 2 * m}[method]
