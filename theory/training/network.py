"""The untrained two-layer network at its first step: the constants that enter every closed form of this package.

Student f(x) = a^T s(W x/sqrt d)/sqrt h, W (h x d) and a (h) standard Gaussian; teacher y = g(<x, beta>) + noise.
"""

import math
from typing import NamedTuple

from theory import checks
from theory.activations import Activation
from theory.gaussian import role_constants


class Network(NamedTuple):
    """Sizes, and expectations over z ~ N(0, 1)."""

    samples: int  # n
    inputs: int  # d
    width: int  # h
    mu: float  # E s'
    nu: float  # E s'^2 - mu^2
    c: float  # E g(z) z
    output: float  # E s^2, the variance of f
    residual: float  # R = E s^2 + E g^2 + noise_std^2, of f - y


class SignStep(NamedTuple):
    """The sign of the first gradient, rows flipped by sign(a): a mean row correlated with W, and independent rows."""

    zeta: float  # length of the gradient's mean row
    odds: float  # q^2 = mu^2 |zeta|^2 n/(nu R d): square of the mean over that of the noise, per entry
    kappa: float  # kappa^2 = (2/pi) asin(q^2/(1 + q^2)), the share of the mean in the sign
    spread: float  # 1 - kappa^2
    rho_v: float  # correlation of the sign's mean row with the gradient's
    rho: float  # correlation of the mean row with the rows of W, along sign(a)
    rho2: float  # the same along the rest of a


def network(
    samples: int, inputs: int, width: int, activation: Activation, teacher: Activation, noise_std: float
) -> Network:
    """Raises ValueError for sizes below 1, activations with E s'' != 0 (not odd), E s' = 0, jumps or float32 values."""
    n, d, h = (checks.count(name, value, "pass a size of the network or data set")
               for name, value in (("samples", samples), ("inputs", inputs), ("width", width)))
    noise = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise")
    s, g = role_constants("activation", activation), role_constants("teacher", teacher)
    scale = math.sqrt(s.second_moment)
    if abs(s.hermite[2]) > 1e-8 * scale:
        curvature = math.sqrt(2) * s.hermite[2]
        raise ValueError(f"activation must have E s''(z) = 0; got {curvature:.3g}; use an odd one such as numpy.tanh")
    if abs(s.slope) <= 1e-8 * scale or not math.isfinite(s.slope_second_moment):
        raise ValueError(f"activation must have E s' != 0 and no jump; got E s' = {s.slope:.3g}, "
                         f"E s'^2 = {s.slope_second_moment:.3g}; use one such as numpy.tanh")
    spread = max(s.slope_second_moment - s.slope**2, 0.0)
    if spread < 1e-13 * s.slope_second_moment:
        spread = 0.0  # a linear activation, up to the rounding of its constants
    residual = s.second_moment + g.second_moment + noise
    return Network(n, d, h, s.slope, spread, g.hermite[1], s.second_moment, residual)


def sign_step(net: Network) -> SignStep:
    """Constants of the sign of the first gradient."""
    n, d, mu = net.samples, net.inputs, abs(net.mu)
    square = net.c**2 + mu**2 + net.residual * d / n
    mean, noise = mu**2 * square * n, net.nu * net.residual * d
    share = mean / (mean + noise)  # q^2/(1 + q^2), finite also for a linear activation
    kappa2 = 2 / math.pi * math.asin(share)
    kappa, zeta = math.sqrt(kappa2), math.sqrt(square)
    rho_v = math.sqrt(2 / math.pi * share) / kappa
    rho = rho_v * mu * math.sqrt(2 / math.pi) / zeta
    rho2 = rho_v * mu * math.sqrt(1 - 2 / math.pi) / zeta
    return SignStep(zeta, mean / noise if noise else math.inf, kappa, 1 - kappa2, rho_v, rho, rho2)
