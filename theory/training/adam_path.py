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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.activations import Activation
from theory.training.adam_populations import COHERENT, AdamRun
from theory.training.network import Network

FloatArray = NDArray[np.float64]


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
    1/sqrt h in f kept. The bulk is taken as isotropic in `location` and the overlaps; `adam_path_bulk` has its law.

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
    run = AdamRun(learning_rate, steps, samples, inputs, width, activation, teacher, noise_std, decay, particles, draws)
    net = run.net
    means = np.array([populations.path(run) for populations in run.populations(seed)])  # (draws, steps + 1, averages)
    spread = _prediction(means, net)
    errors = [np.std(value, axis=0, ddof=1) / math.sqrt(run.draws) for value in spread[:-1]]
    return _prediction(np.mean(means, axis=0), net)._replace(error=AdamPath(*errors))


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
