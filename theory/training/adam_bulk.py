"""The bulk of W^T W/width after one step of Adam, heavier than Marchenko-Pastur: the noise is shared by the rows."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, ndtri

from theory import checks
from theory.activations import function
from theory.quadrature import panel_points
from theory.training.atoms import few_points
from theory.training.column_contour import ContourNoise
from theory.training.column_noise import ColumnNoise
from theory.training.curve_table import Level
from theory.training.network import network, sign_step
from theory.training.residual import squared_residuals
from theory.training.step_bulk import StepBulk

FloatArray = NDArray[np.float64]
# nodes in t, on the real axis or off it, with doublings from 128; and doublings of the points for the residuals
COLUMNS = ((False, 0), (False, 1), (True, 0), (True, 1), (True, 2), (False, 3), (False, 5))
SAMPLES = tuple((False, level) for level in range(6))


@dataclass(frozen=True, repr=False)
class AdamBulk(StepBulk):
    """Eigenvalues of W1^T W1/width, but for the outlier, after the first step of Adam; see `adam_step` for the network.

    Every column k of the gradient has a mean t_k ~ N(0, q^2) in units of its noise, and the columns' noise is
    correlated through the data. With v = erf(t/sqrt 2), c1^2 = (2/pi) exp(-t^2) and rho_i the squares of the
    residuals over their mean, the rows of W1 are independent with covariance

        Sigma = 1 + eta^2 (diag(1 - v^2 - c1^2) + D_c1 C D_c1),   C = X^T diag(rho) X/n

    q^2 as in `adam_step`; mean 1 + eta^2 (1 - kappa^2). For inputs > width an atom of mass 1 - width/inputs sits at 0.
    As n -> oo the law has no upper edge, for residuals are unbounded; rho_i are therefore the n quantiles
    (i - 1/2)/n of the squared residual, and everything near the upper edge belongs to this n: `singular_value` is the
    estimate to compare with a matrix, the edge an upper bound to it. For small rates this is Marchenko-Pastur. Above
    rates of some sqrt(width) columns in which no row's sign differs have no noise, and leave the law: at 3000 it has
    942 of 1000 eigenvalues past the initial edge where 834 are measured (790 columns with a flip expected).
    Derived for this package for odd activations; simulated at n, d, h = 2000, 1000, 1500 the second singular value is
    met to 1 %, the distribution function to .003 - .007, of which .003 is the fluctuation of one matrix.
    Raises ValueError as `adam_step` does, and for functions that cannot be hashed; ArithmeticError where the equations
    are not resolved, not seen in 220 random cases with sizes of 10 to 1e5 and rates of 1e-3 to 30.
    Numerics: `theory.training.column_noise`; edges to 1e-12, mass to 1e-13, mean to 1e-12. Some 30 ms at rate 1 and
    130 ms at 10; a second where width and samples far exceed inputs, half a minute where dozens of samples stand out.

    >>> law = AdamBulk(1.0, samples=2000, inputs=1000, width=1500)
    >>> round(law.singular_value(2), 2), round(law.mean, 5)
    (86.62, 1.32041)
    """

    @classmethod
    def examples(cls) -> Sequence["AdamBulk"]:
        """Small to large rates; more inputs than units, as many, fewer; few samples, with bands for single ones."""
        sizes = [(0.01, 60, 30, 40), (1.0, 60, 30, 40), (30.0, 200, 100, 100), (1.0, 50, 80, 40), (2.0, 2, 200, 100)]
        return [*(cls(*size) for size in sizes), cls(1.0, 100, 50, 100, np.sin, np.abs, 0.0)]

    @property
    def _levels(self) -> tuple[Sequence[Level], Sequence[Level]]:
        return COLUMNS, SAMPLES

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """W^T W/rows for W with n columns and rows of covariance Sigma: stratified t and rho, Gaussian X."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows, samples = (max(1, round(n * size / self.inputs)) for size in (self.width, self.samples))
        spread, square = _means_and_squares(self)
        floor, gain = _profile(self.learning_rate, spread * ndtri((np.arange(n) + 0.5) / n))
        rho = square[(2 * np.arange(samples) + 1) * self.samples // (2 * samples)]
        x = rng.standard_normal((samples, n)) * np.sqrt(rho[:, None] / samples) * np.sqrt(gain)
        w = rng.standard_normal((rows, n)) * np.sqrt(floor) + rng.standard_normal((rows, samples)) @ x
        return w.T @ w / rows

    def _equations(self, profile: Level, samples: Level) -> ColumnNoise:
        """The two profiles: Gauss-Legendre panels in t, with a remainder where c1 = 0, and few points for rho."""
        off_axis, level = profile
        spread, square = _means_and_squares(self)
        # beyond: either no mass is left, or nothing of the noise (eta c1 and eta (1 - v) are below rounding)
        end = min(8.3 * spread, math.sqrt(2 * (37 + 2 * math.log(max(self.learning_rate, 1.0)))))
        edges = np.linspace(0.0, end, 8 * 2 ** (0 if off_axis else level) + 1)
        t, w = panel_points(edges[:-1], edges[1:])
        t, w = t.ravel(), (w * np.exp(-((t / spread) ** 2) / 2)).ravel() * (math.sqrt(2 / math.pi) / spread)
        floor, gain = _profile(self.learning_rate, t)
        weight = np.append(w, erfc(end / spread / math.sqrt(2)))
        kept = weight > 1e-17
        rho, share = few_points(square, 32 * 2 ** samples[1], 10 * 2 ** samples[1])
        floor, gain = np.append(floor, 1.0)[kept], np.append(gain, 0.0)[kept]
        sizes = self.inputs / self.width, self.inputs / self.samples
        plain = (*sizes, floor, gain, weight[kept] / np.sum(weight[kept]), rho, share)
        if not off_axis:
            return ColumnNoise(*plain)
        curve = functools.partial(_profile, self.learning_rate)
        # another level takes another path: a pole between the two would be noticed
        return ContourNoise(*plain, spread, end, curve, 0.8**level, 0.7 / 2**level)


def _profile(rate: float, t: Any) -> tuple[Any, Any]:
    """Returns 1 + eta^2 (1 - v^2 - c1^2) and eta^2 c1^2; t real, or complex with Re t >= 0."""
    first = 2 / math.pi * np.exp(-(t**2))
    beyond = erfc((t if np.iscomplexobj(t) else np.abs(t)) / math.sqrt(2))
    return 1 + rate**2 * (beyond * (2 - beyond) - first), rate**2 * first


def _means_and_squares(law: AdamBulk) -> tuple[float, FloatArray]:
    """Returns q and rho."""
    net = network(law.samples, law.inputs, law.width, law.activation, law.teacher, law.noise_std)
    square = squared_residuals(function(law.teacher), math.hypot(math.sqrt(net.output), law.noise_std), law.samples)
    return math.sqrt(sign_step(net).odds), square / np.mean(square)
