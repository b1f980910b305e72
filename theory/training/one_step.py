"""What one full-batch step of gradient descent or Adam does to the spectrum of a two-layer network's first weights.

Student f(x) = a^T s(W x/sqrt d)/sqrt h, W (h x d) and a (h) standard Gaussian, a frozen; teacher y = g(<x, beta>) +
noise, |beta| = 1, x standard Gaussian; loss mean (f - y)^2 over n samples, without 1/2. W1 is W after one step.
With z ~ N(0, 1): mu = E s', nu = E s'^2 - mu^2, c = E g(z) z, R = E s^2 + E g^2 + noise_std^2.

Both steps leave a bulk with one outlier, whose vectors point at the readout (left) and at the teacher (right). The
bulk is `step.bulk`, heavier than Marchenko-Pastur at large rates (`GradientBulk`, `AdamBulk`). Leading order in
n, d, h -> oo at fixed ratios; simulated at n, d, h = 2000, 1000, 1500 the largest singular value is met to .5 %
(gradient descent) and .4 % (Adam). Near the threshold the finite-size edge, about one Tracy-Widom scale below the
limit, is felt.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.activations import Activation
from theory.outliers.rank_one import Detachment, detachment
from theory.training.network import Network, SignStep, network, sign_step

FloatArray = NDArray[np.float64]
LARGEST = 1e50  # rate: its fourth power times the sizes stays finite


class _Fields(NamedTuple):
    """Prediction for W1; floats, or arrays in the shape of the learning rates (critical_rate is one float)."""

    location: Any  # largest singular value of W1; the edge where nothing is detached
    edge: Any  # upper edge of the bulk, a singular value
    detached: Any  # bool
    teacher_overlap: Any  # |<v1, beta>|, not squared; 0 below the threshold
    readout_overlap: Any  # |<u1, r>|, r = a/|a| (gradient descent) or sign(a)/sqrt(h) (Adam)
    critical_rate: float  # at which the outlier detaches, not the edge of stability; infinite where none does


class OneStep(_Fields):
    """Prediction for W1; its critical_rate detaches the outlier: not `theory.critical_rate` or `kesten_critical_rate`.

    Floats, or arrays in the shape of the learning rates (critical_rate is one float). The other two rates end the
    convergence of training: the edge of stability of full batches, and that of SGD almost surely.
    """

    _bulk: Callable[[], Any]

    @property
    def bulk(self) -> Any:
        """Law of the other eigenvalues of W1^T W1/width; for arrays of rates a flat tuple with one law per rate.

        `GradientBulk` after gradient descent, `AdamBulk` after Adam; solved when first used.
        Raises AttributeError where the prediction was not made by `gradient_step` or `adam_step`.
        """
        if "_bulk" not in self.__dict__:
            raise AttributeError("bulk is known only of what gradient_step or adam_step returned; call one of them")
        return self._bulk()


def gradient_step(
    learning_rate: ArrayLike, samples: int, inputs: int, width: int, *,
    activation: Activation = "tanh", teacher: Activation = "softplus", noise_std: float = 0.3,
) -> OneStep:
    """Largest singular value of W1 and overlaps of its vectors after one step of gradient descent.

        k = 2 mu^2 eta/d,   P = (1 - k)^2 d - d + (2 mu eta)^2 (R/n + c^2/d),   detached iff P > sqrt(h d)
        location^2 = (P + h)(P + d)/P,   edge = sqrt h + sqrt d
        <u1, a/|a|>^2 = (P^2 - h d)/(P (P + h)),   <v1, beta>^2 = (2 mu eta c)^2/d (P^2 - h d)/(P^2 (P + d))

    (1 - k)^2 is the correlation of the gradient with W. Arrays of rates broadcast.
    Raises ValueError for rates that are not positive and finite, sizes below 1, activations with E s'' != 0 (not odd),
    E s' = 0 or float32 values. Derived for this package; agrees with simulation (see the module).

    >>> step = gradient_step(2000.0, samples=2000, inputs=1000, width=1500)
    >>> round(step.location, 2), round(step.teacher_overlap, 3), round(step.readout_overlap, 3)
    (87.31, 0.486, 0.844)
    """
    eta = _rates(learning_rate)
    net = network(samples, inputs, width, activation, teacher, noise_std)
    mu, c, d, h = net.mu, net.c, net.inputs, net.width
    linear = 4 * mu**2
    square = linear * (mu**2 / d + net.residual / net.samples + c**2 / d)
    signal = eta * (eta * square - linear)  # P: the two terms with d itself cancel in exact arithmetic
    found = detachment(signal, h, d)
    right = (2 * mu * eta * c) ** 2 / d * found.right_overlap / found.power
    critical = (linear + math.sqrt(linear**2 + 4 * square * math.sqrt(h * d))) / (2 * square)
    bulk = functools.partial(_gradient_bulk, eta, samples, inputs, width, activation, teacher, noise_std)
    return _result(found, right, found.left_overlap, critical, bulk)


def adam_step(
    learning_rate: ArrayLike, samples: int, inputs: int, width: int, *,
    activation: Activation = "tanh", teacher: Activation = "softplus", noise_std: float = 0.3,
) -> OneStep:
    """Largest singular value of W1 and overlaps of its vectors after the first step of Adam, which is -eta sign(G).

        |zeta|^2 = c^2 + mu^2 + R d/n,   q^2 = mu^2 |zeta|^2 n/(nu R d),   kappa^2 = (2/pi) asin(q^2/(1 + q^2))
        S2 = 1 + eta^2 (1 - kappa^2),   theta = eta sqrt(h d) kappa,   rho_v = sqrt(2/pi) q/(sqrt(1 + q^2) kappa)
        rho = rho_v mu sqrt(2/pi)/|zeta|,   rho2 = rho_v mu sqrt(1 - 2/pi)/|zeta|
        P0 = theta^2 - 2 rho sqrt(d) theta,   L = rho2 sqrt(d) theta,   P = (P0 + sqrt(P0^2 + 4 L^2))/2
        detached iff P > sqrt(h d) S2;   location^2 = (P + h S2)(P + d S2)/P,   edge = (sqrt h + sqrt d) sqrt(S2)
        cos2 = P^2/(P^2 + L^2);   <u1, sign(a)/sqrt h>^2 = cos2 (P^2 - h d S2^2)/(P (P + h S2)),
        <v1, beta>^2 = cos2 (theta rho_v c/|zeta|)^2 (P^2 - h d S2^2)/(P^2 (P + d S2))

    Adam's epsilon is neglected; valid while it is far below the entries of the gradient. `edge` is that of an isotropic
    bulk: for rates above about .5 the bulk is no longer isotropic and reaches beyond it, without further outliers;
    `bulk.singular_value(2)` is the second singular value.
    `critical_rate` solves P = sqrt(h d) S2. Arrays of rates broadcast. Raises ValueError as `gradient_step` does.
    Source: derived for this package from -eta sign(G), the first step of bias-corrected Adam; agrees with simulation
    (see the module).

    >>> step = adam_step([0.03, 0.06, 1.0], samples=2000, inputs=1000, width=1500)
    >>> step.location.round(2).tolist(), round(step.critical_rate, 4)
    ([70.36, 74.06, 999.22], 0.0466)
    """
    eta = _rates(learning_rate)
    net = network(samples, inputs, width, activation, teacher, noise_std)
    c, d, h = net.c, net.inputs, net.width
    sign = sign_step(net)
    variance = 1 + eta**2 * sign.spread
    theta = eta * math.sqrt(h * d) * sign.kappa
    signal = theta * (theta - 2 * sign.rho * math.sqrt(d))
    mixing = sign.rho2 * math.sqrt(d) * theta
    root = np.hypot(signal, 2 * mixing)
    top = np.where(signal > 0, (signal + root) / 2, 2 * mixing**2 / (root - np.minimum(signal, 0.0)))
    found = detachment(top, h * variance, d * variance)
    cos2 = found.power**2 / (found.power**2 + mixing**2)
    along = theta * sign.rho_v * c / sign.zeta
    right = cos2 * along**2 * found.right_overlap / found.power
    critical = _critical_adam_rate(net, sign)
    bulk = functools.partial(_adam_bulk, eta, samples, inputs, width, activation, teacher, noise_std)
    return _result(found, right, cos2 * found.left_overlap, critical, bulk)


def _rates(learning_rate: ArrayLike) -> FloatArray:
    eta = checks.array("learning_rate", learning_rate, "pass rates of the loss without 1/2", above=0)
    if np.any(eta > LARGEST):
        raise ValueError(f"learning_rate must be at most {LARGEST:g}; got {np.max(eta).item()!r}; pass a smaller rate")
    return eta


def _critical_adam_rate(net: Network, sign: SignStep) -> float:
    """Smallest positive root in eta of S2 (P0/T - S2) + (L/T)^2 = 0, T = sqrt(h d): the same as P = T S2."""
    d, t = net.inputs, math.sqrt(net.width * net.inputs)
    w, k, b = sign.spread, sign.kappa, sign.rho * math.sqrt(d)
    a = t * k**2 - w
    quartic = [w * a, -2 * b * k * w, a - w + (sign.rho2 * k) ** 2 * d, -2 * b * k, -1.0]
    roots = np.roots(np.trim_zeros(quartic, "f"))
    real = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0)]
    return float(np.min(real, initial=np.inf))


def _result(
    found: Detachment, right: FloatArray, left: FloatArray, critical: float, bulk: Callable[[], Any]
) -> OneStep:
    location, detached = found.location, found.detached
    edge, right, left = np.broadcast_to(found.edge, location.shape), np.sqrt(right), np.sqrt(left)
    if not np.all(np.isfinite([location, right, left])):
        raise ArithmeticError("prediction must be finite; got inf or NaN; pass a smaller learning_rate or noise_std")
    if location.ndim:
        step = OneStep(location, edge, detached, right, left, critical)
    else:
        step = OneStep(float(location), float(edge), bool(detached), float(right), float(left), critical)
    step._bulk = bulk
    return step


def _gradient_bulk(eta: FloatArray, *rest: Any) -> Any:
    from theory.training.gradient_bulk import GradientBulk

    laws = tuple(GradientBulk(float(rate), *rest) for rate in eta.ravel())
    return laws if eta.ndim else laws[0]


def _adam_bulk(eta: FloatArray, *rest: Any) -> Any:
    from theory.training.adam_bulk import AdamBulk

    laws = tuple(AdamBulk(float(rate), *rest) for rate in eta.ravel())
    return laws if eta.ndim else laws[0]
