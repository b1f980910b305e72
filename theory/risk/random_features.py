"""Ridge regression on random features: a two-layer network whose first layer stays at its initialisation."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.activations import Activation
from theory.gaussian import role_constants
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.population import Nodes, nodes
from theory.risk.deterministic_equivalent import border, shaped
from theory.risk.ridge import RidgeRisk, source_risk

FloatArray = NDArray[np.float64]
EXTREME = 1e12  # width/inputs, or its inverse: beyond, the law of W W^T is a point


def random_features_risk(
    width: ArrayLike, ridge: ArrayLike, *, samples: float, inputs: float, activation: Activation = "tanh",
    teacher: Activation = "tanh", noise_std: float = 0.0,
) -> RidgeRisk:
    """Risk of b = argmin |y - Phi b|^2/samples + ridge |b|^2 on features Phi = s(X W^T), W fixed at random.

    X (samples x inputs) standard Gaussian, W (width x inputs) of Gaussian entries of variance 1/inputs, no bias;
    y = g(<x, beta>) + noise, |beta| = 1. The predictor is phi^T b: with phi^T b/sqrt(width) and penalty L |b|^2 pass
    ridge = width L. Only the ratios of the three sizes enter; width and ridge broadcast; ridge = 0 is the interpolator
    of least norm, its test error peaks (infinite) at width = samples.

    With m1 = E z s, m*^2 = Var s - m1^2, x the eigenvalues of W W^T (Marchenko-Pastur of ratio psi = width/inputs), the
    features act as Gaussian ones of covariance t(x) = m1^2 x + m*^2, of which kappa, df1, df2 follow as for ridge:

        test = (kappa^2 m1^2 g1^2 psi int x/(t (t + kappa)^2) + g1^2 (1 - m1^2 psi int x/t) + g*^2 + noise^2)/(1 - df2)

    g1 = E z g, g*^2 = Var g - g1^2: what the features can't express acts as noise. Nonzero E s serves as an intercept;
    with E s = 0 the mean of g is not fitted. `bias` counts everything at noise 0. Integrals are over the law of x, so
    nothing cancels as kappa -> 0. At samples = 600 the simulated errors lie within 1 to 4 % (largest of 31 rows of
    6-10 draws: 2.4 standard errors); ridge = 0 adds 1 %.
    Raises ValueError for sizes that are not positive, a negative ridge, constant or float32 callables.
    Source: Mei and Montanari 2022; Gerace et al. 2020, by Gaussian equivalence.

    >>> risk = random_features_risk([200, 600, 1800], 1e-2, samples=600, inputs=400, noise_std=0.05**0.5)
    >>> risk.test.round(3).tolist()
    [0.403, 0.3, 0.216]
    """
    sizes = checks.array("width", width, "pass the number of random features", above=0)
    n = checks.positive("samples", samples, "pass the number of training samples")
    penalty, ratio = border(ridge, sizes / n)
    d = checks.positive("inputs", inputs, "pass the dimension of the inputs")
    noise = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise")
    bad = (sizes < d / EXTREME) | (sizes > EXTREME * d)
    if np.any(bad):
        raise ValueError(f"width must be inputs up to a factor of {EXTREME:g}; got {sizes[bad].flat[0].item()!r} for "
                         f"{d:g} inputs; pass comparable sizes")
    constants = _constants(activation, teacher)
    parts = np.empty((len(RidgeRisk._fields), ratio.size))
    for one in np.unique(ratio):
        here = np.flatnonzero(ratio.ravel() == one)
        features, source, missing = _features(constants, float(one) * n / d)
        arguments = penalty.ravel()[here], ratio.ravel()[here]
        parts[:, here] = source_risk(*arguments, features, source, missing + constants.rest, noise)
    return RidgeRisk(*(shaped(part, ratio.shape) for part in parts))


class _Constants(NamedTuple):
    linear: float  # m1^2
    remainder: float  # m*^2
    signal: float  # g1^2
    rest: float  # variance of the teacher that acts as noise


def _constants(activation: Activation, teacher: Activation) -> _Constants:
    for name, f in (("activation", activation), ("teacher", teacher)):
        constants = role_constants(name, f)
        if constants.variance <= 1e-24 * constants.second_moment:
            raise ValueError(f"{name} must not be constant; got {constants.mean:g} throughout; use one such as 'tanh'")
    s, g = role_constants("activation", activation), role_constants("teacher", teacher)
    linear, signal = s.hermite[1] ** 2, g.hermite[1] ** 2
    remainder, rest = s.variance - linear, g.variance - signal
    remainder = remainder if remainder > 1e-14 * s.variance else 0.0  # a linear activation, up to rounding
    if abs(s.mean) <= 1e-10 * math.sqrt(s.second_moment):
        rest += g.mean**2
    return _Constants(linear, remainder, signal, max(rest, 0.0))


def _features(constants: _Constants, psi: float) -> tuple[Nodes, FloatArray, float]:
    """Eigenvalues of the features' covariance, the weights of the signal's energy on them, and what it misses."""
    rows = nodes(MarchenkoPastur(psi))
    x, t = rows.values, constants.linear * rows.values + constants.remainder
    share = np.where(x > 0, constants.linear * x / np.where(t > 0, t, 1.0), 0.0)
    source = constants.signal * psi * rows.weights * share
    missing = constants.signal * max(0.0, 1 - psi * float(rows.mean(share)))
    return Nodes(t, rows.weights, float(np.min(t)), float(np.max(t))), source, missing
