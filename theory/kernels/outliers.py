"""Outliers of trained first-layer weights, and of the conjugate kernel that these weights make.

Network f(x) = v^T s(W x/sqrt d)/sqrt h, W (h x d) and x standard Gaussian, |v|^2 = h, s normalised, loss
|f - y|^2/(2n), labels y = label_scale g(<beta, x>) + noise with g normalised; b = E s', b_t = E g'. Training moves W
mainly along v: it is W_0 with the row v^T W_0/|v| replaced by q = W^T v/|v|, of squared norm h theta.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from theory import checks
from theory.activations import Activation
from theory.kernels.activations import NormalizedActivation, normalized
from theory.outliers.rank_one import detachment
from theory.outliers.spikes import Outlier, _outlier

FloatArray = NDArray[np.float64]
LARGEST = 1e140  # of what is squared


class ReadoutDirection(NamedTuple):
    """Expected strength theta = |W^T v|^2/(|v|^2 h) of the weights along the readout, and where they point.

    `teacher_overlap`, |<q/|q|, beta>|, is not squared, like that of `OneStep` and `MeanFieldSteps`; overlaps of an
    `Outlier` are squares, and to be multiplied with `teacher_overlap_squared`.
    """

    strength: FloatArray | float  # theta
    teacher_overlap_squared: FloatArray | float  # <q/|q|, beta>^2

    @property
    def teacher_overlap(self) -> Any:
        """|<q/|q|, beta>|, not squared."""
        value = np.sqrt(self.teacher_overlap_squared)
        return value if np.ndim(value) else float(value)


def trained_weights_outlier(strength: ArrayLike, ratio: ArrayLike) -> Outlier:
    """Outlier of W^T W/h where one row direction has squared norm h theta and the rest is Gaussian.

        theta = strength, r = ratio = d/h:   detached iff theta > r + sqrt(r);   location = theta + theta/(theta - r)
        right overlap <v1, q/|q|>^2 = 1 - r/(theta - r)^2,   left <u1, v/|v|>^2 = theta (right overlap)/location

    At initialisation theta = r. Both overlaps are squares, as of every `Outlier`: multiply the right one by
    `ReadoutDirection.teacher_overlap_squared` for <v1, beta>^2. Exact in the limit for q independent of the other rows;
    both from a measured q and from the functions below. Where the readout is trained too, only a rough guide: v moves.
    Raises ValueError for a strength or ratio that is not positive. Source: Benaych-Georges and Nadakuditi 2012 with
    signal^2 = theta - r; derived for trained weights for this package.

    >>> outlier = trained_weights_outlier(4.0, 2 / 3)
    >>> round(outlier.location, 6), round(outlier.right_overlap, 6), round(outlier.threshold, 6)
    (5.2, 0.94, 1.483163)
    """
    theta = checks.array("strength", strength, "pass |W^T v|^2/(|v|^2 h)", above=0)
    r = checks.array("ratio", ratio, "pass d/h, columns over rows of W", above=0)
    theta, r = np.broadcast_arrays(theta, r)
    root = np.sqrt(r)
    found = detachment(theta - r, 1.0, r, detached=theta > r + root)
    # q, with its noise, points closer to v1 than the signal alone: by (P + r)/P
    right = found.excess / found.power
    return _outlier(found.eigenvalue, found.left_overlap, right, r + root, found.detached)


def gradient_step_direction(
    learning_rate: ArrayLike, samples: int, inputs: int, width: int, *,
    activation: Activation = "tanh", teacher: Activation = "softplus", noise_std: float = 0.3,
) -> ReadoutDirection:
    """Expected theta and <q/|q|, beta>^2 after one full-batch step of rate eta from random weights.

        k = eta b/sqrt d,   h theta = d - 2 k b sqrt d + k^2 ((1 + d/n)(b_t^2 + b^2) + (d/n)(2 - b_t^2 - b^2 + noise^2))
        <q/|q|, beta>^2 = (k b_t)^2/(h theta)            (teacher_overlap_squared; teacher_overlap is its root)

    The step of interest has eta of order d. Conventions as above: the loss carries 1/2 and both functions are
    normalised, unlike `theory.training.one_step`, which also keeps finite-width terms. At (n, d, h) = (1600, 400, 600)
    locations and overlaps come out 5 % low.
    Raises ValueError for rates that are not positive or above 1e140, sizes below 1, a negative noise_std.
    Source: derived for this package as the leading order of one step, checked by simulation.

    >>> step = gradient_step_direction(800.0, 1600, 400, 600)
    >>> round(trained_weights_outlier(step.strength, 400 / 600).location, 2), round(step.teacher_overlap, 2)
    (5.27, 0.75)
    """
    eta = checks.array("learning_rate", learning_rate, "pass rates of the loss with 1/2", above=0, most=LARGEST)
    n, d, h = (checks.count(name, value, "pass a size of the network or data set")
               for name, value in (("samples", samples), ("inputs", inputs), ("width", width)))
    noise = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise")
    b, b_t = normalized(activation).slope, normalized(teacher, "teacher").slope
    k = eta * b / math.sqrt(d)
    linear = b_t**2 + b**2
    square = d - 2 * k * b * math.sqrt(d) + k**2 * ((1 + d / n) * linear + d / n * (2 - linear + noise))
    return _direction(square / h, (k * b_t) ** 2 / square)


def interpolating_direction(
    label_scale: ArrayLike, ratio: ArrayLike, *, activation: Activation = "tanh", teacher: Activation = "softplus"
) -> ReadoutDirection:
    """theta after training W to the end at a small rate on n >> d samples: the linear part of f is that of the labels.

        theta = r (label_scale b_t/b)^2, r = d/h;   outlier iff (label_scale b_t/b)^2 > 1 + 1/sqrt(r);   q along beta

    So labels of unit variance leave no outlier for a wide network, larger ones do. The readout is kept fixed.
    Raises ValueError for a label_scale or ratio that is not positive or overflows, an activation with E s' = 0.
    Limit n >> d and small rates, noiseless labels. Source: derived for this package, checked by trained networks.

    >>> theta = interpolating_direction([1.0, 2.0], 2 / 3).strength
    >>> trained_weights_outlier(theta, 2 / 3).detached.tolist()
    [False, True]
    """
    remedy = "pass the standard deviation of the noiseless labels"
    scale = checks.array("label_scale", label_scale, remedy, above=0, most=LARGEST)
    r = checks.array("ratio", ratio, "pass d/h, columns over rows of W", above=0)
    b, b_t = _sloped(activation).slope, normalized(teacher, "teacher").slope
    theta = r * (scale * b_t / b) ** 2
    return _direction(theta, np.ones_like(theta))


def conjugate_outlier(
    weight_eigenvalue: ArrayLike, activation: Activation, samples_per_input: float, samples_per_width: float
) -> Outlier:
    """Outlier of the conjugate kernel S^T S/h, S = s(W X/sqrt d), that an outlier of W^T W/h makes on fresh data X.

        l = b^2 (h/d) weight_eigenvalue + 1 - b^2,   g = h/n,   nu = law of b^2 W W^T/d + 1 - b^2
        location = psi(l)/g,   psi(l) = l (1 + g int x/(l - x) dnu),   psi'(l) = 1 - g int x^2/(l - x)^2 dnu
        detached iff psi'(l) > 0
        left overlap (hidden units, with W's left vector u: <., u>^2) = l psi'(l)/psi(l),
        right overlap (samples, with S^T u/|S^T u|) = psi'(l)

    `threshold` is the weight eigenvalue from which on there is an outlier, always above the bulk of W^T W/h; below it
    the location is the edge of the bulk. On the data W was trained on it is wrong, 12-19 % low in four
    trained networks, since W depends on them.
    Raises ValueError for values that are not positive, ratios outside [1e-12, 1e12], an activation with E s' = 0.
    Source: Bai and Yao 2012 and Benaych-Georges and Nadakuditi 2011 for the population nu; Wang, Wu and Fan 2024.
    Limit n, d, h -> oo; for W as of `trained_weights_outlier`, on data independent of W.

    >>> outlier = conjugate_outlier(6.0, "tanh", 4.0, 8 / 3)
    >>> round(outlier.location, 3), outlier.detached
    (23.947, True)
    """
    values = checks.array("weight_eigenvalue", weight_eigenvalue, "pass eigenvalues of W^T W/h", above=0, most=LARGEST)
    per_input = checks.within("samples_per_input", samples_per_input, 1e-12, 1e12, "pass n/d")
    per_width = checks.within("samples_per_width", samples_per_width, 1e-12, 1e12, "pass n/h")
    square = _sloped(activation).slope ** 2
    g, c = 1 / per_width, per_input / per_width
    critical = _critical(square, g, c)
    threshold = _spread(critical, c) / c
    detached = values > threshold
    safe = np.where(detached, values * c, threshold * c)
    half = (safe - 1 - c) / 2
    # (w - 1 - c)^2 - 4 c, factorised: no cancellation next to the edge of W
    p = half + np.sqrt((half - math.sqrt(c)) * (half + math.sqrt(c)))
    p = np.where(detached, p, critical)
    population, psi, slope = _population_map(p, square, g, c)
    return _outlier(psi / g, population * slope / psi, slope, np.full(values.shape, threshold), detached)


def _population_map(
    p: Any, square: float, g: float, c: float
) -> tuple[Any, Any, Any]:
    """Returns l, psi(l), psi'(l) at the point w = 1 + c + p + c/p of W W^T/d, p > sqrt(c), ratio c = h/d.

    There int dF/(w - t) = 1/(p + c) for Marchenko-Pastur, so every integral over nu is rational in p.
    """
    resolvent = 1 / (p + c)
    resolvent2 = resolvent**2 / (1 - c / p**2)  # int dF/(w - t)^2
    population = 1 - square + square * _spread(p, c)
    ratio = population / square
    first = ratio * resolvent - 1
    second = ratio**2 * resolvent2 - 2 * ratio * resolvent + 1
    return population, population * (1 + g * first), 1 - g * second


def _spread(p: Any, c: float) -> Any:
    return 1 + c + p + c / p


def _critical(square: float, g: float, c: float) -> float:
    """The p at which psi' = 0: psi' rises from -infinity at sqrt(c) to 1."""
    def slope(logarithm: float) -> float:
        return float(_population_map(math.sqrt(c) * (1 + math.exp(logarithm)), square, g, c)[2])

    low, high = -1.0, 1.0
    while slope(low) > 0:
        low -= 2.0
    while slope(high) < 0:
        high += 2.0
    root: Any = brentq(slope, low, high, xtol=1e-14)
    return math.sqrt(c) * (1 + math.exp(root))


def _sloped(activation: Activation) -> NormalizedActivation:
    constants = normalized(activation)
    if constants.slope == 0:
        raise ValueError(f"activation must have E s' != 0, or hidden units don't see W x; got {activation!r}; use one "
                         "that is not even")
    return constants


def _direction(strength: FloatArray, overlap: FloatArray) -> ReadoutDirection:
    if strength.ndim:
        return ReadoutDirection(strength, overlap)
    return ReadoutDirection(float(strength), float(overlap))
