"""The bulk of W^T W/width after one step of Adam, heavier than Marchenko-Pastur: the noise is shared by the rows."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc, ndtri

from theory import checks
from theory.activations import Activation, function
from theory.law import Law, Pairs, elementwise
from theory.quadrature import panel_points
from theory.training.atoms import few_points
from theory.training.column_contour import ContourNoise
from theory.training.column_noise import ColumnNoise
from theory.training.curve_table import CurveTable, curve_table
from theory.training.network import network, sign_step
from theory.training.residual import squared_residuals
from theory.training.spectral_curve import CurveBand, curve_bands

FloatArray = NDArray[np.float64]
TOLERANCE = 1e-11  # relative change of the equations with finer nodes; beside single samples rounding is 1e-12
# nodes in t, on the real axis or off it, with doublings from 128; and doublings of the points for the residuals
COLUMNS = ((False, 0), (False, 1), (True, 0), (True, 1), (True, 2), (False, 3), (False, 5))
SAMPLES = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True, repr=False)
class AdamBulk(Law):
    """Eigenvalues of W1^T W1/width, but for the outlier, after the first step of Adam; see `adam_step` for the network.

    Every column k of the gradient has a mean t_k ~ N(0, q^2) in units of its noise, and the columns' noise is
    correlated through the data. With v = erf(t/sqrt 2), c1^2 = (2/pi) exp(-t^2) and rho_i the squares of the
    residuals over their mean, the rows of W1 are independent with covariance

        Sigma = 1 + eta^2 (diag(1 - v^2 - c1^2) + D_c1 C D_c1),   C = X^T diag(rho) X/n

    q^2 as in `adam_step`; mean 1 + eta^2 (1 - kappa^2). For inputs > width an atom of mass 1 - width/inputs sits at 0.
    As n -> oo the law has no upper edge, for residuals are unbounded; rho_i are therefore the n quantiles
    (i - 1/2)/n of the squared residual, and everything near the upper edge belongs to this n: `singular_value` is the
    estimate to compare with a matrix, the edge an upper bound to it. For small rates this is Marchenko-Pastur.
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

    kind: ClassVar[str] = "eigenvalues"
    learning_rate: float
    samples: int
    inputs: int
    width: int
    activation: Activation = "tanh"  # odd; a name of `theory.activations` becomes its function
    teacher: Activation = "softplus"
    noise_std: float = 0.3  # of the labels

    def __post_init__(self) -> None:
        rate = checks.positive("learning_rate", self.learning_rate, "pass the rate of Adam")
        net = network(self.samples, self.inputs, self.width, self.activation, self.teacher, self.noise_std)
        for name in ("activation", "teacher"):
            object.__setattr__(self, name, function(getattr(self, name), name))
            try:
                hash(getattr(self, name))
            except TypeError:
                raise ValueError(f"{name} must be hashable; got {getattr(self, name)!r}; pass a function") from None
        checked = {"learning_rate": rate, "samples": net.samples, "inputs": net.inputs, "width": net.width,
                   "noise_std": float(self.noise_std)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Names the functions, without their addresses: the same in every process."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return "AdamBulk(" + ", ".join(f"{name}={getattr(value, '__name__', value)}" for name, value in values) + ")"

    @classmethod
    def examples(cls) -> Sequence["AdamBulk"]:
        """Small to large rates; more inputs than units, as many, fewer; few samples, with bands for single ones."""
        sizes = [(0.01, 60, 30, 40), (1.0, 60, 30, 40), (30.0, 200, 100, 100), (1.0, 50, 80, 40), (2.0, 2, 200, 100)]
        return [*(cls(*size) for size in sizes), cls(1.0, 100, 50, 100, np.sin, np.abs, 0.0)]

    @property
    def bands(self) -> Pairs:
        """One interval, or several where single samples stand out."""
        return tuple((table.band.low, table.band.high) for table in _tables(self))

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - width/inputs),) for more inputs than units."""
        return ((0.0, (self.inputs - self.width) / self.inputs),) if self.inputs > self.width else ()

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part; absolute accuracy 1e-12 of its maximum."""
        density = np.where(np.isnan(x), x, 0.0)
        for table in _tables(self):
            inside = (x >= table.band.low) & (x <= table.band.high)
            density[inside] = table.density(x[inside], self.inputs / self.width)
        return density

    def singular_value(self, rank: ArrayLike) -> Any:
        """Finite-size estimate of the singular value of W1 of that rank; 1 is the outlier's, so rank >= 2.

            sqrt(width quantile(1 - (rank - 3/2)/(inputs - 1)))

        With the outlier's location these are all the singular values: Hill's exponent or the number beyond an
        isotropic edge follow. Raises ValueError for ranks outside [2, inputs].
        """
        k = checks.array("rank", rank, "pass 2 for the largest of the bulk")
        if np.any((k < 2) | (k > self.inputs)):
            bad = k[(k < 2) | (k > self.inputs)].flat[0]
            raise ValueError(f"rank must lie in [2, {self.inputs}]; got {bad:g}; rank 1 is the outlier of `adam_step`")
        value = np.sqrt(self.width * self.quantile(1 - (k - 1.5) / (self.inputs - 1)))
        return value if k.ndim else float(value)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """W^T W/rows for W with n columns and rows of covariance Sigma: stratified t and rho, Gaussian X."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        rows, samples = (max(1, round(n * size / self.inputs)) for size in (self.width, self.samples))
        spread, square = _means_and_squares(self)
        floor, gain = _profile(self.learning_rate, spread * ndtri((np.arange(n) + 0.5) / n))
        rho = square[np.arange(samples) * self.samples // samples]
        x = rng.standard_normal((samples, n)) * np.sqrt(rho[:, None] / samples) * np.sqrt(gain)
        w = rng.standard_normal((rows, n)) * np.sqrt(floor) + rng.standard_normal((rows, samples)) @ x
        return w.T @ w / rows


@functools.lru_cache(maxsize=64)
def _tables(law: AdamBulk) -> tuple[CurveTable, ...]:
    """Solves with few nodes, and again with more, or off the axis, until that moves nothing."""
    column, sample, trouble = 0, 0, ""
    while column < len(COLUMNS) and sample < len(SAMPLES):
        noise = _noise(law, COLUMNS[column], SAMPLES[sample])
        off_axis, level = COLUMNS[column]
        finer = [_noise(law, (off_axis, level + 1), SAMPLES[sample]), _noise(law, COLUMNS[column], SAMPLES[sample] + 1)]
        try:
            found, moved = _resolved(noise, finer)
            if max(moved) < TOLERANCE:
                return tuple(curve_table(noise, band) for band in found)
            trouble = f"doubling them moves it by {max(moved):.1g}: learning_rate or width/inputs is too large"
        except ArithmeticError as error:
            moved, trouble = [math.inf, math.inf], str(error)
        column, sample = column + (not moved[0] < TOLERANCE), sample + (not moved[1] < TOLERANCE)
    raise ArithmeticError(f"{law!r} must be resolved by {128 * 2 ** COLUMNS[-1][1]} nodes; {trouble}")


def _resolved(noise: ColumnNoise, finer: list[ColumnNoise]) -> tuple[list[CurveBand], list[float]]:
    """The bands in increasing order, and by how much each of the finer equations differs at their points.

    Only the uppermost bands where the difference is too large.
    """
    found, worst = [], [0.0] * len(finer)
    for band in curve_bands(noise):
        here = noise.at(band.point.nu, band.point.g)
        for k, equations in enumerate(finer):
            there = equations.at(band.point.nu, band.point.g)
            moved = np.abs(there.z / here.z - 1) + np.abs(there.first - here.first) * here.pull_g
            worst[k] = max(worst[k], float(np.nan_to_num(np.max(moved), nan=math.inf)))
        found.append(band)
        if not max(worst) < TOLERANCE:
            break
    return found[::-1], worst


def _noise(law: AdamBulk, columns: tuple[bool, int], samples: int) -> ColumnNoise:
    """The two profiles: Gauss-Legendre panels in t, with a remainder where c1 = 0, and few points for rho."""
    off_axis, level = columns
    spread, square = _means_and_squares(law)
    # beyond: either no mass is left, or nothing of the noise (eta c1 and eta (1 - v) are below rounding)
    end = min(8.3 * spread, math.sqrt(2 * (37 + 2 * math.log(max(law.learning_rate, 1.0)))))
    edges = np.linspace(0.0, end, 8 * 2 ** (0 if off_axis else level) + 1)
    t, w = panel_points(edges[:-1], edges[1:])
    t, w = t.ravel(), (w * np.exp(-((t / spread) ** 2) / 2)).ravel() * (math.sqrt(2 / math.pi) / spread)
    floor, gain = _profile(law.learning_rate, t)
    weight = np.append(w, erfc(end / spread / math.sqrt(2)))
    kept = weight > 1e-17
    rho, share = few_points(square, 32 * 2**samples, 10 * 2**samples)
    floor, gain = np.append(floor, 1.0)[kept], np.append(gain, 0.0)[kept]
    sizes = law.inputs / law.width, law.inputs / law.samples
    plain = (*sizes, floor, gain, weight[kept] / np.sum(weight[kept]), rho, share)
    if not off_axis:
        return ColumnNoise(*plain)
    profile = functools.partial(_profile, law.learning_rate)
    # another level takes another path: a pole between the two would be noticed
    return ContourNoise(*plain, spread, end, profile, 0.8**level, 0.7 / 2**level)


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
