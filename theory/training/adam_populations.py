"""Populations that stand for a two-layer network under full-batch Adam: samples, inputs, and the rows seen from each.

The equations are those of `theory.training.adam_path`, whose averages are taken here, step by step.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory import checks
from theory.activations import Activation, function
from theory.training.conditioned_matrix import ConditionedMatrix
from theory.training.network import Network, network
from theory.training.normal_points import Cloud, RotatedCloud, white_lattice

FloatArray = NDArray[np.float64]
COHERENT = math.sqrt(2 / math.pi)  # E|a|
SLOPE_STEP = 1e-4


class Means(NamedTuple):
    """Averages over the populations at one step."""

    loss: float
    risk: float
    square: float  # E m^2
    teacher: float  # E m beta, beta of variance 1
    variance: float
    memory: float
    mixing: float  # E m alpha E_w[(w - m) w0], alpha = W0^T a/sqrt h


class AdamRun:
    """What `adam_path` is asked for, checked; its populations, one for each draw. Raises what `adam_path` says."""

    def __init__(
        self, learning_rate: float, steps: int, samples: int, inputs: int, width: int, activation: Activation,
        teacher: Activation, noise_std: float, decay: tuple[float, float], particles: int, draws: int,
    ) -> None:
        self.eta = checks.positive("learning_rate", learning_rate, "pass the rate of Adam")
        self.steps = checks.count("steps", steps, "pass the number of steps")
        self.size = checks.count("particles", particles, "pass an even number of some hundreds")
        self.draws = checks.count("draws", draws, "pass 2 or more, for an error estimate")
        self.net = network(samples, inputs, width, activation, teacher, noise_std)
        self.task = function(activation), function(teacher, "teacher"), float(noise_std)
        self.decay = decay
        _refuse(self.task[0], self.steps, self.size, self.draws, decay)

    def populations(
        self, seed: int, matrix: type[ConditionedMatrix] = ConditionedMatrix
    ) -> list["AdamPopulations"]:
        """One for each draw; the same for the same seed. matrix: what the rows' own vectors meet."""
        return [
            AdamPopulations(self.net, self.task, self.steps, self.size, np.random.default_rng([seed, draw]), matrix)
            for draw in range(self.draws)
        ]


class AdamPopulations:
    """Populations of samples and inputs (size,), and of rows seen from each of them (size, size)."""

    def __init__(
        self, net: Network, task: tuple[Callable, Callable, float], steps: int, size: int, rng: np.random.Generator,
        matrix: type[ConditionedMatrix],
    ) -> None:
        self.net = net
        self.activation, teacher, self.noise_std = task
        ratio = net.inputs / net.samples
        noise, rest, *fields = white_lattice(rng, 2 * steps + 4, size)
        self.beta, self.alpha, *forces = white_lattice(rng, 2 * steps + 2, size)
        self.shared = ConditionedMatrix(ratio, Cloud(np.array(fields)), Cloud(np.array(forces)), 2 * steps + 2)
        along_beta, along_alpha = (self.shared.times(v)[0] for v in (self.beta, self.alpha))
        self.fields, self.forces = (RotatedCloud(rng, steps + 1, size, size) for _ in range(2))
        self.own = matrix(ratio, self.fields, self.forces, steps + 1)
        self.start = self.forces.row(steps)  # W0
        self.clean = np.asarray(teacher(along_beta), dtype=np.float64)
        self.labels = self.clean + self.noise_std * noise
        # deviations of |a| over the rows, over sqrt h: a random direction, whose sum with s(h_i) is phi. Samples and
        # inputs each see it in their own population of rows, and have its sums with each new direction in common
        self.from_samples = self._bent(_directions(rng, size), along_alpha, rest)
        self.from_inputs = _turned(_directions(rng, size), self.start, self.alpha)

    def _bent(self, weights: FloatArray, along: FloatArray, rest: FloatArray) -> FloatArray:
        """`weights` whose sums with h_i, and with the rest of s(h_i), at the start are those given: evenly spread."""
        field = self.fields.row(0)
        output = np.asarray(self.activation(field))
        bent = output - np.mean(output * field, axis=1, keepdims=True) * field
        norm = np.sqrt(np.mean(bent**2, axis=1, keepdims=True))
        bent = bent / np.where(norm > 1e-9, norm, np.inf)  # of a linear activation nothing is left
        return _turned(_turned(weights, field, along), bent, rest)

    def path(self, run: AdamRun) -> list[Means]:
        """Averages after 0, 1, ..., run.steps steps; to be called once."""
        eta, steps, decay = run.eta, run.steps, run.decay
        first = second = np.zeros_like(self.start)
        rows, found = self.start, []
        for step in range(steps + 1):
            means, pull = self._measure(rows, step)
            found.append(means)
            if step == steps:
                break
            gradient = self._gradient(pull, step)
            first = decay[0] * first + (1 - decay[0]) * gradient
            second = decay[1] * second + (1 - decay[1]) * gradient**2
            scale = np.sqrt(second / (1 - decay[1] ** (step + 1))) + 1e-300
            rows = rows - eta * first / (1 - decay[0] ** (step + 1)) / scale
        return found

    def _measure(self, rows: FloatArray, step: int) -> tuple[Means, FloatArray]:
        """Averages, and the pull r s'(h) of each sample on each row."""
        mean = np.mean(rows, axis=1)
        own = rows - mean[:, None]
        noise, memory = self._fields(mean, own, step)
        field = noise + memory
        residual = self._output(field) - self.labels
        risk = float(np.mean((self._output(noise) - self.clean) ** 2)) + self.noise_std**2
        kept = own * self.start
        means = Means(float(np.mean(residual**2)), risk, float(np.mean(mean**2)), float(np.mean(mean * self.beta)),
                       float(np.mean(own**2)), float(np.mean(kept)),
                       float(np.mean(mean * self.alpha * np.mean(kept, axis=1))))
        up, down = (np.asarray(self.activation(field + move)) for move in (SLOPE_STEP, -SLOPE_STEP))
        return means, residual[:, None] * (up - down) / (2 * SLOPE_STEP)

    def _fields(self, mean: FloatArray, own: FloatArray, step: int) -> tuple[FloatArray, FloatArray]:
        """h_i of each row as noise and memory."""
        noise, memory = self.own.times(own)
        if not step:
            return noise, memory  # the mean is 0, and W0^T a was met before
        drift, _ = self.shared.times(np.sum(self.from_inputs * self.own.newest_input, axis=1))
        self.from_samples = _turned(self.from_samples, self.fields.row(step), drift)
        shared_noise, shared_memory = self.shared.times(mean)
        return noise + shared_noise[:, None], memory + shared_memory[:, None]

    def _gradient(self, pull: FloatArray, step: int) -> FloatArray:
        """Of each row at each input, up to a factor that Adam does not see."""
        mean = np.mean(pull, axis=1)
        shared = np.add(*self.shared.transposed_times(mean))
        own = np.add(*self.own.transposed_times(pull - mean[:, None]))
        drift, _ = self.shared.transposed_times(np.sum(self.from_samples * self.own.newest_sample, axis=1))
        self.from_inputs = _turned(self.from_inputs, self.forces.row(step), drift)
        return shared[:, None] + own

    def _output(self, field: FloatArray) -> FloatArray:
        """f of each sample, (size,): the coherent part and the fluctuation of a finite width."""
        output = np.asarray(self.activation(field))
        return COHERENT * math.sqrt(self.net.width) * np.mean(output, axis=1) + np.sum(self.from_samples * output, 1)


def _directions(rng: np.random.Generator, size: int) -> FloatArray:
    """Normal vectors of length about 1 and mean 0, one per line, (size, size)."""
    weights = rng.standard_normal((size, size)) / math.sqrt(size)
    return weights - np.mean(weights, axis=1, keepdims=True)


def _turned(weights: FloatArray, direction: FloatArray, wanted: FloatArray) -> FloatArray:
    """`weights` moved along `direction`, of mean square 1 on each line, to the wanted sums with it."""
    missing = wanted - np.sum(weights * direction, axis=1)
    return weights + missing[:, None] * direction / direction.shape[1]


def _refuse(activation: Callable, steps: int, size: int, draws: int, decay: tuple[float, float]) -> None:
    z = np.linspace(0.0, 6.0, 61)
    up, down = np.asarray(activation(z)), np.asarray(activation(-z))
    uneven = float(np.max(np.abs(up + down)))
    if uneven > 1e-9 * float(np.max(np.abs(up))):
        raise ValueError(f"activation must be odd; got |s(z) + s(-z)| up to {uneven:.3g}; use one such as numpy.tanh")
    if size % 2 or size < 16 * (steps + 2):
        raise ValueError(f"particles must be even and at least 16 (steps + 2) = {16 * (steps + 2)}; got {size}; "
                         "pass more")
    if draws < 2:
        raise ValueError(f"draws must be 2 or more; got {draws}; one run has no error estimate")
    if not all(0 <= value < 1 for value in decay):
        raise ValueError(f"decay must lie in [0, 1); got {decay!r}; pass Adam's (beta1, beta2)")
