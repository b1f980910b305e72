"""The bulk after one step of Adam from constants that may be measured, or changed to see what each one does.

`theory.AdamBulk` takes them from the network; here they are given: the columns' means over their noise, and the squared
pulls of the samples (for the squared loss the residuals). Equal pulls leave noise that the rows share through
the data, no samples at all (infinitely many) leave columns of unequal noise.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import erf, erfc

from theory import gaussian
from theory.law import Law, elementwise
from theory.outliers.rank_one import Detachment, detachment
from theory.quadrature import panel_points
from theory.training.atoms import few_points
from theory.training.column_noise import ColumnNoise
from theory.training.curve_table import CurveTable, curve_table
from theory.training.network import Network, network, sign_step
from theory.training.residual import squared_residuals
from theory.training.spectral_curve import CurveBand, curve_bands

NODES = 8  # panels in t of the coarsest equations; doubled until the law stays
LEVELS = 6
TOLERANCE = 1e-7  # relative; a matrix of these sizes tells 1e-3


@dataclass(frozen=True)
class Case:
    """One network, data set and loss mean |f - y|^power; functions in NumPy."""

    samples: int
    inputs: int
    width: int
    activation: Any = np.tanh  # odd
    teacher: Any = gaussian.softplus
    noise_std: float = 0.3  # of the labels
    power: int = 2  # 1: pulls +-1; 2: pulls are the residuals; 3: their squares

    @property
    def sizes(self) -> tuple[int, int, int]:
        """samples, inputs, width."""
        return self.samples, self.inputs, self.width

    def network(self) -> Network:
        """Constants of the untrained network, c and R those of the pull p(r) = |r|^(power - 1) sgn r over E p'.

        The first gradient sees p(r) in place of r: its mean has c = E p'(r) g'(z) along the teacher and mu E p'(r)
        along the network's own weights, its noise E p^2. Adam doesn't see the scale, and in units of E p' the formulas
        are those of the squared loss.
        """
        net = network(*self.sizes, self.activation, self.teacher, self.noise_std)
        if self.power == 2:
            return net
        noise = math.hypot(math.sqrt(net.output), self.noise_std)

        def mean(of, factor=lambda z: 1.0):
            return gaussian.expectation(lambda z: of(-np.asarray(self.teacher(z)) / noise) * factor(z))

        pull, slope, square = _PULLS[self.power]
        unit = mean(slope) / noise
        return net._replace(c=-mean(pull, lambda z: z) / unit, residual=mean(square) / unit**2)

    def memory(self) -> float:
        """Correlation of a row's noise with the row itself: what its own output adds to the residuals, O(n^-1/2).

            sqrt(2/pi) (E (s s')' - mu^2)/sqrt(h d nu R/n),   E (s s')' = E (z^2 - 1) s^2/2

        The share mu^2 belongs to the mean row. Large for activations that grow fast; `theory.AdamBulk` neglects it.
        """
        net = self.network()
        own = gaussian.expectation(lambda z: (z**2 - 1) * np.square(self.activation(z))) / 2 - net.mu**2
        return math.sqrt(2 / math.pi * net.samples / (net.width * net.inputs * net.nu * net.residual)) * own

    def squares(self) -> np.ndarray:
        """Squared pulls at the n quantiles of |r|, in units of their mean, ascending (n,)."""
        net = network(*self.sizes, self.activation, self.teacher, self.noise_std)
        found = squared_residuals(self.teacher, math.hypot(math.sqrt(net.output), self.noise_std), self.samples)
        found = found ** (self.power - 1)
        return found / np.mean(found)

    def outlier(self, rate: float) -> Detachment:
        """As `theory.adam_step` has it, with the constants of this loss: `location`, isotropic `edge`, `detached`."""
        sign, d, h = sign_step(self.network()), self.inputs, self.width
        variance, theta = 1 + rate**2 * sign.spread, rate * math.sqrt(h * d) * sign.kappa
        signal = theta * (theta - 2 * sign.rho * math.sqrt(d))
        top = (signal + math.hypot(signal, 2 * sign.rho2 * math.sqrt(d) * theta)) / 2
        return detachment(np.asarray(top), h * variance, d * variance)

    def law(self, rate: float, *, squares: Any = None, samples: float | None = None) -> "SharedNoise":
        """The bulk at one rate. squares: others than one's own; samples: of the data that carry the noise."""
        spread = math.sqrt(sign_step(self.network()).odds)
        squares = self.squares() if squares is None else squares
        return SharedNoise(rate, self.inputs, self.width, self.samples if samples is None else samples, spread, squares)


# of a pull p at r = noise (m + N(0, 1)), in units of noise^(power - 1): E p, dE p/dm, E p^2
_PULLS = {
    1: (lambda m: erf(m / math.sqrt(2)), lambda m: 2 * _normal(m), lambda m: np.ones_like(m)),
    3: (lambda m: (1 + m**2) * erf(m / math.sqrt(2)) + 2 * m * _normal(m),
        lambda m: 2 * (m * erf(m / math.sqrt(2)) + 2 * _normal(m)),
        lambda m: 3 + 6 * m**2 + m**4),
}


@dataclass(frozen=True, eq=False, repr=False)
class SharedNoise(Law):
    """Eigenvalues of W1^T W1/width without the outlier; the law of `theory.AdamBulk` with what enters it given.

    samples: n, infinity for columns without shared noise. means: q, or the means of the columns themselves (inputs,).
    squares: squared pulls of the samples, any order and scale (m,), each of weight 1/m. memory: `Case.memory`.
    """

    kind: ClassVar[str] = "eigenvalues"
    learning_rate: float
    inputs: int
    width: int
    samples: float
    means: Any
    squares: Any
    memory: float = 0.0

    def __post_init__(self) -> None:
        square = np.sort(np.asarray(self.squares, dtype=np.float64))
        object.__setattr__(self, "squares", square / np.mean(square))

    @classmethod
    def examples(cls) -> Sequence["SharedNoise"]:
        """Small and large rates, equal and unequal pulls, no shared noise, more inputs than units."""
        square = np.linspace(0.1, 2, 40) ** 2
        return [cls(0.3, 30, 45, 60, 1.5, square), cls(3.0, 30, 45, 60, 1.5, np.ones(1)),
                cls(3.0, 30, 45, np.inf, 1.5, np.ones(1)), cls(1.0, 60, 30, 90, np.linspace(-3, 3, 60), square)]

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """One interval, or several where single samples stand out."""
        return tuple((table.band.low, table.band.high) for table in self._tables)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """((0, 1 - width/inputs),) for more inputs than units."""
        return ((0.0, (self.inputs - self.width) / self.inputs),) if self.inputs > self.width else ()

    @elementwise
    def pdf(self, x):
        """Density of the continuous part."""
        density = np.where(np.isnan(x), x, 0.0)
        for table in self._tables:
            inside = (x >= table.band.low) & (x <= table.band.high)
            density[inside] = table.density(x[inside], self.inputs / self.width)
        return density

    def singular_value(self, rank) -> np.ndarray:
        """Estimate of the singular values of W1, unscaled, of these ranks >= 2, any shape; rank 1 is the outlier."""
        k = np.asarray(rank, dtype=np.float64)
        return np.sqrt(self.width * self.quantile(1 - (k - 1.5) / (self.inputs - 1)))

    def sample_overlap(self, rank, square) -> np.ndarray:
        """E <v, x_i>^2 of the right singular vector v of a rank >= 2 with samples of squared pull rho (in its mean).

            1 + rho (d/n) Im(-(nu/z) (E sqrt(b) R)^2/(1 - rho g))/(pi f(z))

        1 for a vector that knows nothing of the sample (|x_i|^2 = d). From the resolvent (nu - Sigma)^-1 with sample i
        taken out of Sigma; symbols of `theory.training.column_noise`. rank (k,), square (m,): returns (k, m).
        """
        place = self.quantile(1 - (np.asarray(rank, dtype=np.float64) - 1.5) / (self.inputs - 1))
        (noise, curves), rho = self._solved, np.asarray(square, dtype=np.float64)
        found = []
        for z in place:
            curve = next(band for band in curves if band.low.z <= z <= band.high.z)
            near = int(np.argmin(np.abs(curve.z - z)))
            point, size = noise.solve(np.array([z]), curve.point.nu[[near]], curve.point.g[[near]])
            if not size[0] < 1e-6:
                raise ArithmeticError(f"Newton must converge at z = {z:g}; its last step was {size[0]:.1g}")
            nu, g = complex(point.nu[0]), complex(point.g[0])
            inner = nu - noise.floor - noise.gain * np.sum(noise.share * noise.square / (1 - noise.square * g))
            along = np.sum(noise.weight * np.sqrt(noise.gain) / inner)
            pulled = np.imag(-(nu / z) * along**2 / (1 - rho * g)) / (math.pi * float(self.pdf(z)))
            found.append(1 + rho * noise.aspect * pulled)
        return np.array(found)

    @property
    def top(self) -> float:
        """Upper edge as a singular value of W1."""
        return math.sqrt(self.width * self._solved[1][-1].high.z)

    @functools.cached_property
    def _tables(self) -> list[CurveTable]:
        noise, bands = self._solved
        return [curve_table(noise, band) for band in bands]

    @functools.cached_property
    def _solved(self) -> tuple[ColumnNoise, list[CurveBand]]:
        """Equations with so many nodes that twice as many move no point of the curve by more than TOLERANCE."""
        trouble = "no level was tried"
        for level in range(LEVELS):
            try:
                noise, finer = self._equations(NODES << level), self._equations(NODES << (level + 1))
                bands = list(curve_bands(noise))[::-1]
            except ArithmeticError as error:
                trouble = str(error)
                continue
            if all(_same(noise, finer, band) for band in bands):
                return noise, bands
            trouble = "doubling the nodes moves the curve"
        raise ArithmeticError(f"the law must be resolved by {NODES << LEVELS} panels; {trouble}")

    def _equations(self, panels: int) -> ColumnNoise:
        t, weight = self._columns(panels)
        # infinite t: the sign is sure, columns without noise
        beyond, first = erfc(t / math.sqrt(2)), 2 / math.pi * np.exp(-(t**2))
        rate = self.learning_rate
        floor = 1 + rate**2 * (beyond * (2 - beyond) - first) - 2 * rate * self.memory * np.sqrt(first)
        gain = rate**2 * first
        rho, share = few_points(self.squares, 4 * panels, 2 * panels)
        return ColumnNoise(self.inputs / self.width, self.inputs / self.samples, floor, gain, weight, rho, share)

    def _columns(self, panels: int) -> tuple[np.ndarray, np.ndarray]:
        """Points |t| and their weights of total 1."""
        if np.ndim(self.means):
            t, weight = few_points(np.sort(-np.abs(self.means)), 8 * panels, 4 * panels)
            return -t, weight
        end = min(8.3 * self.means, 9 + math.log1p(self.learning_rate))
        edges = np.linspace(0.0, end, panels + 1)
        t, w = (part.ravel() for part in panel_points(edges[:-1], edges[1:]))
        weight = np.append(2 * w * _normal(t / self.means) / self.means, erfc(end / self.means / math.sqrt(2)))
        kept = weight > 1e-17
        return np.append(t, np.inf)[kept], weight[kept] / np.sum(weight[kept])


def _same(noise, finer, band) -> bool:
    here, there = (equations.at(band.point.nu, band.point.g) for equations in (noise, finer))
    return bool(np.max(np.abs(there.z / here.z - 1) + np.abs(there.first - here.first) * here.pull_g) < TOLERANCE)


def _normal(x):
    return np.exp(-np.square(x) / 2) / math.sqrt(2 * math.pi)
