"""The bulk of W^T W/width after one step of gradient descent: units with a large readout weight get more noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from theory import checks, gaussian
from theory.activations import function
from theory.training.atoms import few_points
from theory.training.column_noise import ColumnNoise
from theory.training.curve_table import Level
from theory.training.network import network
from theory.training.residual import squared_residuals
from theory.training.step_bulk import StepBulk

FloatArray = NDArray[np.float64]
LEVELS = tuple((False, level) for level in range(6))  # doublings of the points for readout weights and residuals


@dataclass(frozen=True, repr=False)
class GradientBulk(StepBulk):
    """Eigenvalues of W1^T W1/width, but for the outlier, after one step of gradient descent; see `gradient_step`.

    The gradient of unit j is a_j times a common row and noise that the units share through the data. With R, mu, nu as
    in `gradient_step` and rho_i the squares of the residuals over their mean, the rows of W1 have the covariance

        Sigma_j = (1 - omega a_j^2)^2 + tau^2 a_j^2 C,   C = X^T diag(rho) X/n
        tau^2 = 4 eta^2 nu R/(n h d),   omega = 2 eta (E (s s')' - mu^2)/(h d),   E (s s')' = E (z^2 - 1) s(z)^2/2

    omega is what a unit's own output adds to the residuals. For inputs > width an atom of mass 1 - width/inputs sits
    at 0. As n, h -> oo the law has no upper edge, for readout weights and residuals are unbounded; a_j and rho_i are
    therefore their h and n quantiles (i - 1/2)/h and (i - 1/2)/n, and everything near the upper edge belongs to these
    sizes: `singular_value` is the estimate to compare with a matrix, the edge an upper bound to it. At rates of the
    order of the critical one this is Marchenko-Pastur as n h d -> oo.
    Derived for this package for odd activations: W1^T is a matrix of the kind met after Adam, with the units for
    columns (`theory.training.column_noise`). Simulated, 30 networks of n, d, h = 400, 200, 300 at rates 2000 and 3000:
    second singular value 33.9 (s.e. .2; here 33.5) and 38.9 (.4; 37.8) where the isotropic edge is 31.5; sup distance
    to the law .014 and .016, to Marchenko-Pastur .046 and .081.
    Raises ValueError as `gradient_step` does, and for functions that cannot be hashed; ArithmeticError where the
    equations are not resolved.

    >>> law = GradientBulk(3000.0, samples=400, inputs=200, width=300)
    >>> round(law.singular_value(2), 2)
    37.82
    """

    _transposed: ClassVar[bool] = True

    @classmethod
    def examples(cls) -> Sequence["GradientBulk"]:
        """Small to large rates; more inputs than units, as many, fewer; units that stand out."""
        sizes = [(1.0, 60, 30, 40), (100.0, 60, 30, 40), (3000.0, 200, 100, 100), (200.0, 50, 80, 40)]
        return [*(cls(*size) for size in sizes), cls(100.0, 100, 50, 100, np.sin, np.abs, 0.0)]

    @property
    def _levels(self) -> tuple[Sequence[Level], Sequence[Level]]:
        return LEVELS, LEVELS

    def _equations(self, profile: Level, samples: Level) -> ColumnNoise:
        """Few points for a^2 and rho; the columns of the transposed weights are units."""
        square, rho = _squares(self)
        point, weight = few_points(square, 32 * 2 ** profile[1], 10 * 2 ** profile[1])
        floor, gain = _profile(self, point)
        rho, share = few_points(rho, 32 * 2 ** samples[1], 10 * 2 ** samples[1])
        return ColumnNoise(self.width / self.inputs, self.width / self.samples, floor, gain, weight, rho, share)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """W^T W/rows for W with n columns and rows of covariance Sigma_j: stratified a and rho, Gaussian X."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows, samples = (max(1, round(n * size / self.inputs)) for size in (self.width, self.samples))
        square, rho = _squares(self)
        floor, gain = _profile(self, square[(2 * np.arange(rows) + 1) * self.width // (2 * rows)])
        rho = rho[(2 * np.arange(samples) + 1) * self.samples // (2 * samples)]
        x = rng.standard_normal((samples, n)) * np.sqrt(rho[:, None] / samples)
        noise = rng.standard_normal((rows, samples)) @ x
        w = rng.standard_normal((rows, n)) * np.sqrt(floor)[:, None] + noise * np.sqrt(gain)[:, None]
        return w.T @ w / rows


def _profile(law: GradientBulk, square: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns (1 - omega a^2)^2 and tau^2 a^2."""
    net = network(law.samples, law.inputs, law.width, law.activation, law.teacher, law.noise_std)
    activation, hd = function(law.activation, "activation"), law.width * law.inputs
    own = gaussian.expectation(lambda z: (z**2 - 1) * np.square(activation(z))) / 2 - net.mu**2
    tau2 = 4 * law.learning_rate**2 * net.nu * net.residual / (law.samples * hd)
    return (1 - 2 * law.learning_rate * own / hd * square) ** 2, tau2 * square


def _squares(law: GradientBulk) -> tuple[FloatArray, FloatArray]:
    """The quantiles of a^2 (h,) and of rho (n,), ascending."""
    net = network(law.samples, law.inputs, law.width, law.activation, law.teacher, law.noise_std)
    noise = math.hypot(math.sqrt(net.output), law.noise_std)
    rho = squared_residuals(function(law.teacher, "teacher"), noise, law.samples)
    return ndtri(0.5 + (np.arange(law.width) + 0.5) / (2 * law.width)) ** 2, rho / np.mean(rho)
