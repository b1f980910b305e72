"""The Gaussian constants through which activations enter the theory of wide networks.

An activation is used centred and scaled to unit variance, s = (f - E f)/std f of z ~ N(0, 1); its laws depend on it by
b = E s' and, for the tangent kernel, a = E s'^2.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.activations import Activation
from theory.gaussian import activation_constants, role_constants

FloatArray = NDArray[np.float64]


class NormalizedActivation(NamedTuple):
    """Constants of s = (f - mean)/std."""

    mean: float  # E f
    std: float
    slope: float  # b = E s', in [-1, 1]
    slope_square: float  # a = E s'^2 >= 1; infinite where f jumps


class GaussianEquivalent(NamedTuple):
    """Constants of f(z) ~ mean + linear z + noise xi, xi ~ N(0, 1) independent of z; f itself, not scaled."""

    mean: float  # mu_0 = E f
    linear: float  # mu_1 = E f z
    noise: float  # mu_* = (E f^2 - mu_0^2 - mu_1^2)^(1/2)


def normalized(activation: Activation, role: str = "activation") -> NormalizedActivation:
    """Mean and standard deviation of f, and b = E s', a = E s'^2 of the normalised s; right to 1e-12, kinks included.

    Raises ValueError for an unknown name, a constant function, or one that does not return float64.

    >>> relu = normalized("relu")
    >>> round(relu.slope, 6), round(relu.slope_square, 6)
    (0.856429, 1.466942)
    """
    constants = role_constants(role, activation)
    std = math.sqrt(constants.variance)
    if std <= 1e-12 * math.sqrt(constants.second_moment) or std == 0:
        raise ValueError(f"{role} must not be constant; got a variance of {constants.variance:.3g}; pass a "
                         "function that varies on [-3, 3]")
    slope = constants.slope / std
    # Even and linear functions are met exactly, not up to rounding: their kernels have other supports.
    if abs(slope) < 1e-13:
        slope = 0.0
    if abs(slope) > 1 - 1e-13:
        return NormalizedActivation(constants.mean, std, math.copysign(1.0, slope), 1.0)
    return NormalizedActivation(constants.mean, std, slope, constants.slope_second_moment / std**2)


def gaussian_equivalent(activation: Activation) -> GaussianEquivalent:
    """Constants by which f(W x) may be replaced with mu_0 1 + mu_1 W x + mu_* xi.

    For features f(W x), rows of W and x independent of each other with |w_i| = 1 and entries of x of unit variance,
    xi a standard Gaussian vector: covariances, spectra and the risk of ridge regression agree in the limit n ~ d ~ h.
    With b = mu_1/std f the conjugate kernel's population is b^2 X^T X/d + (1 - b^2).
    Raises ValueError as `normalized` does. Source: Goldt et al. 2020; Mei and Montanari 2022; Hu and Lu 2023.

    >>> [round(c, 6) for c in gaussian_equivalent("relu")]
    [0.398942, 0.5, 0.301405]
    """
    constants = activation_constants(activation)
    rest = constants.variance - constants.slope**2
    # a difference below 1e-13 of the variance is rounding: the function is linear
    noise = math.sqrt(rest) if rest > 1e-13 * constants.variance else 0.0
    return GaussianEquivalent(constants.mean, constants.slope, noise)


def derivative(f: Callable[[Any], Any]) -> Callable[[FloatArray], FloatArray]:
    """Central difference of step 1e-5: right to 1e-10, and a kink is hit with probability 1e-5."""
    return lambda z: (f(z + 1e-5) - f(z - 1e-5)) / 2e-5


def finite_slope(activation: Activation) -> NormalizedActivation:
    """As `normalized`; raises ValueError where f jumps, which leaves no tangent kernel."""
    constants = normalized(activation)
    if not math.isfinite(constants.slope_square):
        raise ValueError(f"activation must have no jump, since E s'^2 must be finite; got {activation!r}; use a "
                         "continuous one such as 'tanh', or conjugate_kernel")
    return constants
