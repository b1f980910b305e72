"""Several full-batch steps of Adam on a two-layer network, from the constants alone: loss, mean row, variance, outlier.

Student, teacher and loss of `theory.training.one_step`; the readout a is frozen. Adam does not see |a|, so that given
the data X and the residuals r the rows w of W, flipped by sign(a), are independent and alike. Their law closes with r:

    h_i = x_i . w/sqrt d,   r_i = sqrt(2 h/pi) E_w s(h_i) + phi_i - y_i,   g = X^T (r s'(h))/n,   w <- w - eta Adam(g)

phi is the Gaussian fluctuation of a finite width, of covariance E s s'. X is eliminated by `ConditionedMatrix`, once
for what all rows share (m = E w, beta, and sums over rows with the deviations of |a|, such as W0^T a), once for w - m:
that is the dynamical mean-field theory of the run, with memory in both directions. It is solved forward in time over
populations of samples and inputs, each with a population of rows. The derivation is in docs/few_steps_theory.md.
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


class AdamPath(NamedTuple):
    """Prediction after 0, 1, ..., steps steps, arrays (steps + 1,); `error` holds the same, as standard errors."""

    loss: FloatArray  # mean (f - y)^2 over the training samples
    risk: FloatArray  # the same over fresh samples
    mean_square: FloatArray  # |m|^2/d of the mean row m of W flipped by sign(a)
    mean_teacher: FloatArray  # <m, beta>
    variance: FloatArray  # S2, of the entries of the flipped rows around m
    memory: FloatArray  # mean of (w - m) times the initial w: the part of W0 that is left
    location: FloatArray  # largest singular value of W; the edge where nothing is detached
    edge: FloatArray  # of an isotropic bulk of variance S2
    detached: NDArray[np.bool_]
    teacher_overlap: FloatArray  # |<v1, beta>|, not squared; 0 below the threshold
    readout_overlap: FloatArray  # |<u1, sign(a)/sqrt h>|
    error: "AdamPath | None" = None  # of the populations' averages, from the spread of `draws`


class _Means(NamedTuple):
    """Averages over the populations at one step."""

    loss: float
    risk: float
    square: float  # E m^2
    teacher: float  # E m beta, beta of variance 1
    variance: float
    memory: float
    mixing: float  # E m alpha E_w[(w - m) w0], alpha = W0^T a/sqrt h


def adam_path(
    learning_rate: float, steps: int, samples: int, inputs: int, width: int, *, activation: Activation = "tanh",
    teacher: Activation = "softplus", noise_std: float = 0.3, decay: tuple[float, float] = (0.9, 0.999),
    particles: int = 512, draws: int = 4, seed: int = 0,
) -> AdamPath:
    """Loss, risk, mean row, bulk variance and outlier over the first steps of full-batch Adam; nothing is measured.

        P0 = h |m|^2 + 2 sqrt(2 h/pi) C,   L = sqrt(h (1 - 2/pi)) C,   C = d E m alpha E_w[(w - m) w0]
        P = (P0 + sqrt(P0^2 + 4 L^2))/2,   location^2 = (P + h S2)(P + d S2)/P   iff P > sqrt(h d) S2
        cos2 = P^2/(P^2 + L^2),   <u1, sign(a)/sqrt h>^2 = cos2 (P^2 - h d S2^2)/(P (P + h S2)),
        <v1, beta>^2 = cos2 h <m, beta>^2 (P^2 - h d S2^2)/(P^2 (P + d S2))

    alpha = W0^T a/sqrt h. After one step these are the formulas of `adam_step`. `decay` is Adam's (beta1, beta2), with
    bias correction; epsilon is neglected; (0, 0) is sign descent. Limit n, d, h -> oo at fixed ratios, with the order
    1/sqrt h in f kept. The bulk is taken as isotropic in `location` and the overlaps.

    Averages run over `particles` samples and inputs times `particles` rows, `draws` times, and are the same for the
    same seed: time grows as steps^2 particles^2 draws (3 s for ten steps), memory as 40 steps particles^2 bytes.
    Once the network has fitted (a loss of some 4 % of the first) the populations' own noise grows from step to step:
    go no further than `error` stays small.

    Six networks of n, d, h = 2000, 1000, 1500, ten steps, rates .03 to 3: S2 is met to .5 %, the location to 1.1 %,
    loss and risk to their errors of 2 to 5 %, at worst 13 % (of which 1024 particles leave 10 %). At rate .3 beyond
    step 6, where the mean row is weakest beside the bulk, the location is met to 4.3 %, the readout overlap to 13 %.
    Raises ValueError for rates that are not positive, sizes below 1, decays outside [0, 1), fewer than 2 draws,
    particles that are odd or fewer than 16 (steps + 2), and activations that are not odd or that `adam_step` refuses.

    >>> path = adam_path(1.0, 2, samples=2000, inputs=1000, width=1500, particles=256, draws=2)
    >>> [float(f"{loss:.1g}") for loss in path.loss], bool(path.detached[2])
    ([1.0, 200.0, 40.0], True)
    """
    eta = checks.positive("learning_rate", learning_rate, "pass the rate of Adam")
    count = checks.count("steps", steps, "pass the number of steps")
    size = checks.count("particles", particles, "pass an even number of some hundreds")
    repeats = checks.count("draws", draws, "pass 2 or more, for an error estimate")
    net = network(samples, inputs, width, activation, teacher, noise_std)
    activation, teacher = function(activation), function(teacher, "teacher")
    _refuse(activation, count, size, repeats, decay)
    runs = [
        _Run(net, (activation, teacher, float(noise_std)), count, size, np.random.default_rng([seed, draw]))
        for draw in range(repeats)
    ]
    means = np.array([run.path(eta, count, decay) for run in runs])  # (draws, steps + 1, averages)
    spread = _prediction(means, net)
    errors = [np.std(value, axis=0, ddof=1) / math.sqrt(repeats) for value in spread[:-1]]
    return _prediction(np.mean(means, axis=0), net)._replace(error=AdamPath(*errors))


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


class _Run:
    """Populations of samples and inputs (size,), and of rows seen from each of them (size, size)."""

    def __init__(
        self, net: Network, task: tuple[Callable, Callable, float], steps: int, size: int, rng: np.random.Generator
    ) -> None:
        self.net = net
        self.activation, teacher, self.noise_std = task
        ratio = net.inputs / net.samples
        noise, rest, *fields = white_lattice(rng, 2 * steps + 4, size)
        self.beta, self.alpha, *forces = white_lattice(rng, 2 * steps + 2, size)
        self.shared = ConditionedMatrix(ratio, Cloud(np.array(fields)), Cloud(np.array(forces)), 2 * steps + 2)
        along_beta, along_alpha = (self.shared.times(v)[0] for v in (self.beta, self.alpha))
        self.fields, self.forces = (RotatedCloud(rng, steps + 1, size, size) for _ in range(2))
        self.own = ConditionedMatrix(ratio, self.fields, self.forces, steps + 1)
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

    def path(self, eta: float, steps: int, decay: tuple[float, float]) -> list[_Means]:
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

    def _measure(self, rows: FloatArray, step: int) -> tuple[_Means, FloatArray]:
        """Averages, and the pull r s'(h) of each sample on each row."""
        mean = np.mean(rows, axis=1)
        own = rows - mean[:, None]
        noise, memory = self._fields(mean, own, step)
        field = noise + memory
        residual = self._output(field) - self.labels
        risk = float(np.mean((self._output(noise) - self.clean) ** 2)) + self.noise_std**2
        kept = own * self.start
        means = _Means(float(np.mean(residual**2)), risk, float(np.mean(mean**2)), float(np.mean(mean * self.beta)),
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


def _prediction(means: FloatArray, net: Network) -> AdamPath:
    """From averages (..., 7)."""
    loss, risk, square, teacher, variance, memory, mixing = np.moveaxis(means, -1, 0)
    d, h = net.inputs, net.width
    teacher = teacher * math.sqrt(d)
    corner = math.sqrt(h * (1 - COHERENT**2)) * d * mixing
    signal = h * d * square + 2 * math.sqrt(h) * COHERENT * d * mixing
    top = (signal + np.hypot(signal, 2 * corner)) / 2
    threshold = math.sqrt(h * d) * variance
    detached = top > threshold
    edge = (math.sqrt(h) + math.sqrt(d)) * np.sqrt(variance)
    safe = np.where(detached, top, threshold)
    location = np.where(detached, np.sqrt((safe + h * variance) * (1 + d * variance / safe)), edge)
    cos2 = safe**2 / (safe**2 + corner**2)
    excess = (safe - threshold) * (safe + threshold)
    left = cos2 * excess / (safe * (safe + h * variance))
    right = cos2 * h * teacher**2 * excess / (safe**2 * (safe + d * variance))
    return AdamPath(loss, risk, square, teacher, variance, memory, location, edge, detached, np.sqrt(right),
                    np.sqrt(left))
