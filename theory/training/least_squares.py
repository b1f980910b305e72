"""Full-batch descent on a quadratic loss: what is left of each mode, and the loss under any law of curvatures.

Loss (w - w*)^T H (w - w*)/2. After k steps from rest a mode of curvature x keeps the fraction p_k(x) of its error:
p_k(x) = (1 - eta x)^k for gradient descent, and p_{k+1} = a p_k - b p_{k-1}, p_1 = 1 - (step of the method) x, with

    heavy_ball  a = 1 + m - eta x,             b = m                   (conventions of theory.training.stability)
    ema, adam   the same with eta (1 - m); for adam x are curvatures of the preconditioned Hessian, held fixed
    nesterov    a = (1 + m)(1 - eta x),        b = m (1 - eta x)
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.population import Alignment, Population, nodes, signal_weights
from theory.training.stability import Method, checked

FloatArray = NDArray[np.float64]


class LossCurve(NamedTuple):
    """Floats, or arrays in the shape of the steps."""

    loss: Any  # E (w - w*)^T H (w - w*)/2
    error: Any  # E |w - w*|^2


def error_mode(
    step: ArrayLike, curvature: ArrayLike, learning_rate: float, *, method: Method = "gradient_descent",
    momentum: float = 0.0,
) -> Any:
    """Fraction p_k(x) of the error of a mode of curvature x left after k steps; step and curvature broadcast.

        p_k = r^k + (p_1 - r) r^{k-1} (1 - c^k)/(1 - c),   r, r c the roots of z^2 - a z + b, |c| <= 1

    Relative accuracy 1e-15 k where it doesn't pass through 0. Raises ValueError for steps that are not whole numbers
    >= 0, rates that are not positive, and as `theory.training.stability.critical_sharpness`.
    Exact for quadratic losses. Source: derived here from the two-term recursion, checked by iterating it.

    >>> round(error_mode(10, 0.5, 0.1), 6), round(error_mode(10, 0.5, 0.1, method="heavy_ball", momentum=0.5), 6)
    (0.598737, 0.354144)
    """
    k = _steps(step)
    x = checks.array("curvature", curvature, "pass eigenvalues of the Hessian")
    eta = checks.positive("learning_rate", learning_rate, "pass a rate")
    method, m = checked(method, momentum)
    k, x = checks.together(step=k, curvature=x)
    left = _remaining(k, eta * x, method, m)
    return left if left.ndim else float(left)


def loss_curve(
    step: ArrayLike, learning_rate: float, curvature: Population, *, method: Method = "gradient_descent",
    momentum: float = 0.0, distance: float = 1.0, alignment: Alignment = None,
) -> LossCurve:
    """Loss distance^2 E x p_k(x)^2/2 and error distance^2 E p_k(x)^2 after k steps from |w - w*| = `distance`.

    `curvature` is the spectrum of H: eigenvalues, pairs (value, weight) or a Law; `alignment(x)` weighs the initial
    error along the eigenvectors (None: isotropic). For least squares |y - X w|^2/(2n) with isotropic data the law is
    MarchenkoPastur(d/n), and this is the loss without label noise; with it see `theory.risk.gradient_flow`.
    Raises ValueError as `error_mode` and `theory.population.nodes`. For laws the powers are resolved adaptively:
    relative accuracy 1e-12 at 100 steps, 1e-11 at 10^4, at a cost that grows like the number of steps.
    Exact for given eigenvalues; for a Law the limit of large size, in which one run fluctuates by order 1/sqrt(size).
    Source: derived here, checked by sampled problems.

    >>> from theory import MarchenkoPastur
    >>> loss_curve([0, 10, 100], 0.5, MarchenkoPastur(0.25)).loss.round(8).tolist()
    [0.5, 0.00063312, 0.0]
    """
    k = _steps(step)
    eta = checks.positive("learning_rate", learning_rate, "pass a rate")
    method, m = checked(method, momentum)
    flat = k.ravel()[:, None]

    def square(x: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return _remaining(flat, eta * x, method, m) ** 2

    h = nodes(curvature, rows=square)
    weights = checks.square("distance", distance, "pass |w - w*| at step 0") * signal_weights(h, alignment)
    left = square(h.values)
    parts = (left @ (h.values * weights) / 2, left @ weights)
    return LossCurve(*(part.reshape(k.shape) if k.ndim else part.item() for part in parts))


def _remaining(k: FloatArray, x: FloatArray, method: Method, m: float) -> FloatArray:
    """p_k at eta x = `x`."""
    if m == 0:
        with np.errstate(over="ignore"):  # a diverging mode
            return np.asarray((1 - x) ** k)
    first = 1 - (1 - m) * x if method in ("ema", "adam") else 1 - (1 + m) * x if method == "nesterov" else 1 - x
    if method == "nesterov":
        total, product = (1 + m) * (1 - x), m * (1 - x)
    else:
        total, product = m + first, m + 0 * x
    half = total / 2
    with np.errstate(over="ignore"):  # a diverging mode
        root = np.sqrt((half**2 - product).astype(np.complex128))
    larger = np.where(half >= 0, half + root, half - root)  # for complex roots either has the larger modulus
    safe = np.where(larger == 0, 1.0, larger)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        turn = np.log(product / safe**2)  # of c, the ratio of the roots
        series = np.where(turn == 0, k, np.expm1(k * turn) / np.where(turn == 0, 1.0, np.expm1(turn)))
        series = np.where(k == 0, 0.0, np.where(product == 0, 1.0, series))
        left = np.exp(k * np.log(safe)) * (1 + (first - safe) / safe * series)
    value = np.where(np.isnan(left.real), np.inf, left.real)  # a diverging mode that overflowed
    return np.where(k == 0, 1.0, np.where(larger == 0, np.where(k == 1, first, 0.0), value))


def _steps(step: ArrayLike) -> FloatArray:
    k = checks.array("step", step, "pass whole numbers >= 0")
    bad = (k < 0) | (k != np.floor(k))
    if np.any(bad):
        raise ValueError(f"step must be a whole number >= 0; got {k[bad].flat[0].item()!r}; round it")
    return k
