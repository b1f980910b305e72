"""Gradient steps in the mean-field scaling of Ba et al. 2022: one step, several on fresh batches, several on one batch.

    f(x) = a^T s(W x)/sqrt N,   W (N x d) entries N(0, 1/d),   a (N) entries N(0, 1/N),   loss mean (f - y)^2/2
    W_(t+1) = W_t - eta sqrt(N) grad_W loss,   y = g(<x, beta>) + noise,   |beta| = 1,   n samples a step

The network starts at f = O(1/sqrt N): its residual is y. Singular values are those of W, whose bulk ends at
1 + sqrt(N/d). In the scaling of `gradient_step` (entries of variance 1, f = O(1), loss without 1/2) the same run has
the rate `standard_rate`, the labels sqrt(N) y, and singular values sqrt(d) times larger.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import root_scalar

from theory import checks
from theory.activations import Activation
from theory.gaussian import role_constants
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.outliers.rank_one import detachment

FloatArray = NDArray[np.float64]
MOST_STEPS = 1000
LARGEST = 1e100  # of |w|^2, which is squared


class MeanFieldSteps(NamedTuple):
    """Prediction for W_t; its critical_rate detaches the outlier: not `theory.critical_rate` or `kesten_critical_rate`.

    Floats, or arrays in the shape of the learning rates (critical_rate is one float). The other two rates end the
    convergence of training: the edge of stability of full batches, and that of SGD almost surely.
    """

    location: Any  # largest singular value; the edge where nothing is detached
    edge: Any  # 1 + sqrt(N/d)
    detached: Any  # bool
    teacher_overlap: Any  # |<v1, beta>|, not squared, v1 in R^d; 0 below the threshold
    readout_overlap: Any  # |<u1, a/|a|>|
    critical_rate: float  # smallest learning rate at which the outlier detaches


def mean_field_steps(
    learning_rate: ArrayLike, samples: int, inputs: int, width: int, *, steps: int = 1, fresh_batches: bool = True,
    activation: Activation = "tanh", teacher: Activation = "softplus", noise_std: float = 0.3,
) -> MeanFieldSteps:
    """Largest singular value of W after `steps` steps of gradient descent, and overlaps of its vectors.

    With mu = E s', nu = E s'^2 - mu^2, c = E g(z) z, Y = E y^2, k = eta mu^2/sqrt N, l = eta nu d/(n sqrt N): the row
    w = W^T a/|a| gets the component S along beta and the square length |w|^2 = 1 + P; detached iff P > sqrt(N/d).

        fresh:  V <- (1 - k)^2 V + (eta mu)^2 (Y - c^2 + (c - mu S/sqrt N)^2) d/n,   S <- (1 - k) S + eta mu c,
                |w|^2 = (1 - k)^(2 steps) + S^2 + V
        one:    p(x) = sum_(j < steps) (1 - k x - l)^j,   x ~ Marchenko-Pastur(d/n),   S = eta mu c E x p,
                |w|^2 = E (1 - k x p)^2 + (eta mu)^2 E x p^2 (c^2 x + (Y - c^2) d/n)
        location^2 = (1 + P)(N/d + P)/P,   <u1, a/|a|>^2 = (P^2 - N/d)/(P (P + N/d)),
        <v1, beta>^2 = S^2 (P^2 - N/d)/(P^2 (P + 1))

    One step as N -> oo (k = 0) is Ba, Erdogdu, Suzuki, Wang, Wu, Yang 2022, P = (eta mu)^2 (c^2 + Y d/n). k and l are
    of order 1/sqrt N: what is learnt leaves the residual, and the row forgets its start. One step is `gradient_step`
    in another scaling, but for E s^2/N beside Y. `samples` are those of one batch.
    Raises ValueError for rates that are not positive or diverge, sizes or steps below 1, an activation with E s' = 0, a
    jump or float32 values. Derived for this package; three steps at rate 1.5 simulated at N = 175, 350, 700 with
    d = 2 N, n = 4 N: the largest singular value is met to 1.2 % (fresh) and 2.5, 2.5, 1.3 % (one batch), overlaps to
    1 %.

    >>> step = mean_field_steps(2.0, samples=2000, inputs=1000, width=500)
    >>> round(step.location, 3), round(step.teacher_overlap, 3), round(step.critical_rate, 3)
    (1.739, 0.312, 1.657)
    """
    eta = checks.array("learning_rate", learning_rate, "pass rates of the mean-field scaling", above=0)
    steps = checks.count("steps", steps, "pass the number of gradient steps")
    if steps > MOST_STEPS:
        raise ValueError(f"steps must be at most {MOST_STEPS}; got {steps}; the prediction is one for few steps")
    fresh_batches = checks.flag("fresh_batches", fresh_batches, "pass False for several steps on one batch")
    n, d, h = (checks.count(name, value, "pass a size of the network or data set")
               for name, value in (("samples", samples), ("inputs", inputs), ("width", width)))
    noise = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise")
    s, g = role_constants("activation", activation), role_constants("teacher", teacher)
    if abs(s.slope) <= 1e-8 * math.sqrt(s.second_moment) or not math.isfinite(s.slope_second_moment):
        raise ValueError(f"activation must have E s' != 0 and no jump; got E s' = {s.slope:.3g}, "
                         f"E s'^2 = {s.slope_second_moment:.3g}; use one such as numpy.tanh")
    spread = max(s.slope_second_moment - s.slope**2, 0.0)
    task = _Task(s.slope, spread, g.slope, g.second_moment + noise, d / n, h, steps)
    follow = _fresh if fresh_batches else _one
    with np.errstate(over="ignore", invalid="ignore"):
        square, along = follow(eta, task)
    bad = ~(np.abs(square) < LARGEST)
    if np.any(bad):
        first = eta[bad].flat[0].item()
        raise ValueError(f"learning_rate must keep |w|^2 below {LARGEST:g}; got {first!r} for {steps} steps; "
                         "lower it: training diverges")
    shape = h / d
    found = detachment(square - 1, shape, 1.0)
    location, edge, detached = found.location, 1 + math.sqrt(shape), found.detached
    right, left = np.abs(along) * np.sqrt(found.right_overlap / found.power), np.sqrt(found.left_overlap)
    critical = _critical(lambda rate: follow(np.array(rate), task)[0] - 1 - math.sqrt(shape), task)
    if eta.ndim:
        return MeanFieldSteps(location, np.full(eta.shape, edge), detached, right, left, critical)
    return MeanFieldSteps(float(location), edge, bool(detached), float(right), float(left), critical)


def standard_rate(learning_rate: ArrayLike, inputs: int, width: int) -> Any:
    """The rate with which `gradient_step`'s network, trained on labels sqrt(width) y, makes the same step.

        eta_standard = eta inputs/(2 sqrt(width))
    Exact: the two scalings differ by factors of W, a and the loss. Raises ValueError for rates that are not positive
    and sizes below 1. Source: derived here, checked by `gradient_step` and `mean_field_steps`.
    """
    eta = checks.array("learning_rate", learning_rate, "pass rates of the mean-field scaling", above=0)
    d = checks.count("inputs", inputs, "pass the dimension of the data")
    rate = eta * d / (2 * math.sqrt(checks.count("width", width, "pass the number of hidden units")))
    return rate if rate.ndim else float(rate)


class _Task(NamedTuple):
    mu: float
    nu: float
    c: float
    labels: float  # Y
    ratio: float  # d/n
    width: int
    steps: int


def _fresh(eta: FloatArray, task: _Task) -> tuple[FloatArray, FloatArray]:
    """Returns |w|^2 and S."""
    root = math.sqrt(task.width)
    kept = 1 - eta * task.mu**2 / root
    along, noise = np.zeros(eta.shape), np.zeros(eta.shape)
    for _ in range(task.steps):
        residual = task.labels - task.c**2 + (task.c - task.mu * along / root) ** 2
        noise = kept**2 * noise + (eta * task.mu) ** 2 * residual * task.ratio
        along = kept * along + eta * task.mu * task.c
    return kept ** (2 * task.steps) + along**2 + noise, along


def _one(eta: FloatArray, task: _Task) -> tuple[FloatArray, FloatArray]:
    """Returns |w|^2 and S: expectations of polynomials in the eigenvalues of the data."""
    law = MarchenkoPastur(task.ratio)
    values = np.array([_one_rate(law, float(rate), task) for rate in eta.ravel()]).reshape(*eta.shape, 2)
    return values[..., 0], values[..., 1]


def _one_rate(law: MarchenkoPastur, eta: float, task: _Task) -> tuple[float, float]:
    k, memory = (eta * v / math.sqrt(task.width) for v in (task.mu**2, task.nu * task.ratio))
    rest = (task.labels - task.c**2) * task.ratio

    def p(x: FloatArray) -> FloatArray:
        return sum(((1 - k * x - memory) ** j for j in range(1, task.steps)), np.ones_like(x))

    start = law.expectation(lambda x: (1 - k * x * p(x)) ** 2)
    moved = law.expectation(lambda x: x * p(x) ** 2 * (task.c**2 * x + rest))
    along = eta * task.mu * task.c * law.expectation(lambda x: x * p(x))
    return start + (eta * task.mu) ** 2 * moved, along


def _critical(excess: Callable[[float], Any], task: _Task) -> float:
    """Smallest rate at which P reaches the threshold; P may fall first, while the row forgets its start."""
    high = 1 / (abs(task.mu) * math.sqrt(task.labels) * task.steps)
    while excess(high) < 0:
        high *= 1.5
    low = high / 1.5
    while excess(low) > 0:
        low /= 1.5
    return float(root_scalar(lambda rate: float(excess(rate)), bracket=(low, high), rtol=1e-14).root)
