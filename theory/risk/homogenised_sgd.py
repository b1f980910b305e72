"""The loss of stochastic gradient descent on a large least-squares problem: a deterministic curve.

A (n x d) has rows of norm 1 up to O(d^-1/2) and no preferred directions, ratio r = d/n; the loss is the sum
f(x) = |A x - b|^2/2 with b = A x~ + eta, x starts at 0. A step is x <- x - gamma a_i (a_i x - b_i), i uniform; time
counts epochs, n steps each. mu is the law of the d eigenvalues of A^T A, zeros included: for independent entries of
variance 1/d, MarchenkoPastur(r, 1/r), which is the default. The loss along SGD is

    psi(t) = F(t) + int_0^t K(t - s) psi(s) ds,   K(t) = gamma^2 r int x^2 e^{-2 gamma x t} dmu,
    F(t)   = |x~|^2/2 int x e^{-2 gamma x t} dmu + |eta|^2/2 (r int e^{-2 gamma x t} dmu + 1 - r),

F the loss along gradient flow. Each eigenvalue's share of the loss decays and is fed by psi: a linear system, diagonal
plus rank one, solved by its eigenvectors for any time at once. Fluctuations of one run are of order n^-1/2.
Source: Paquette, Lee, Pedregosa and Paquette 2021; stability and rates in `theory.risk.sgd_stability`.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.population import Alignment, Population, Rows, nodes, signal_weights
from theory.risk.deterministic_equivalent import shaped

FloatArray = NDArray[np.float64]
MOST_STEPS = 1e4  # for which a mode that neither decays nor diverges is resolved by the nodes


class SGDCurve(NamedTuple):
    """Floats, or arrays in the shape of the times."""

    loss: Any  # psi
    noiseless: Any  # F: the same without the noise of sampling, that is gradient flow (or full batches)


def homogenised_sgd(
    time: ArrayLike, learning_rate: float, ratio: float, *, population: Population = None, signal_norm: float = 1.0,
    noise_norm: float = 0.0, alignment: Alignment = None,
) -> SGDCurve:
    """Loss |A x - b|^2/2 after `time` epochs of single-sample SGD (batches of o(n) too: time = steps batch/n).

    `population` is mu as eigenvalues, pairs (value, weight) or a Law, `signal_norm` = |x~|, `noise_norm` = |eta|;
    `alignment` as in `theory.risk.ridge.ridge_risk`. Relative accuracy 1e-12 for rate times time up to 1e6; above the
    critical rate of `sgd_stability`, 2/(r int x dmu), the loss grows as that of SGD does, and is infinite from where
    it exceeds 1e308. Raises ValueError for parameters out of range.
    Source: Paquette, Lee, Pedregosa and Paquette 2021; agrees with simulation. Fluctuations as in the module.

    >>> curve = homogenised_sgd([0.0, 1.0, 10.0], 0.8, 0.5, noise_norm=0.5)
    >>> curve.loss.round(4).tolist()
    [1.125, 0.2571, 0.1047]
    """
    t = _times("time", time)
    rate = _rate(learning_rate, "pass the step size for rows of norm 1")
    modes = _multi_pass(ratio, population, signal_norm, noise_norm, alignment, rate * float(np.max(t, initial=0.0)))
    kicks = rate**2 * modes.kicks
    flat = t.ravel()
    loss = _flow(_response(-2 * rate * modes.values, kicks, modes.energy), flat, modes.floor)
    flow = modes.floor + np.exp(-2 * rate * flat[:, None] * modes.values) @ modes.energy
    return SGDCurve(shaped(_overflowed(loss), t.shape), shaped(flow, t.shape))


def streaming_sgd(
    time: ArrayLike, learning_rate: float, *, population: Population = None, signal_norm: float = 1.0,
    noise_std: float = 0.0, alignment: Alignment = None,
) -> SGDCurve:
    """Half the test error, noise included, of one-pass SGD x <- x - (gamma/d) (a x - b) a on fresh rows of covariance.

    The rows a are Gaussian with the eigenvalues `population` of their covariance (None: identity); time = steps/d.
    The same equation with r = 1, F = |x~|^2/2 int x e^{-2 gamma x t} dH + noise_std^2/2. Stable iff gamma E x < 2;
    above, it grows to infinity as `homogenised_sgd` does; errors as there.
    Source: Paquette et al. 2021 and the same for streams; agrees with simulation.
    Raises ValueError for times below 0, a rate that is not positive, and as `homogenised_sgd`.

    >>> curve = streaming_sgd([1.0, 10.0], 0.5, population=[(0.5, 0.5), (2.0, 0.5)], noise_std=0.3)
    >>> curve.loss.round(4).tolist()
    [0.2803, 0.0676]
    """
    t = _times("time", time)
    rate = _rate(learning_rate, "pass the step size times the dimension")
    floor = checks.square("noise_std", noise_std, "pass the standard deviation of the label noise") / 2
    h = nodes(population, finest=_finest(rate * float(np.max(t, initial=0.0))))
    energy = _square(signal_norm) / 2 * signal_weights(h, alignment) * h.values
    with np.errstate(over="ignore"):  # eigenvalues of 1e160: infinite
        response = _response(-2 * rate * h.values, rate**2 * h.weights * h.values**2, energy)
    flow = floor + np.exp(-2 * rate * t.ravel()[:, None] * h.values) @ energy
    return SGDCurve(shaped(_overflowed(_flow(response, t.ravel(), floor)), t.shape), shaped(flow, t.shape))


def batch_sgd(
    step: ArrayLike, learning_rate: float, ratio: float, *, fraction: float, replacement: bool = True,
    population: Population = None, signal_norm: float = 1.0, noise_norm: float = 0.0, alignment: Alignment = None,
) -> SGDCurve:
    """Loss after `step` updates x <- x - gamma sum over a batch of a_i (a_i x - b_i), of `fraction` z = batch/n.

    Shares y of the loss follow y(k+1) = (1 - gamma z x)^2 y(k) + gamma^2 z q r w x^2 psi(k), w the weights of mu, with
    q = 1 for batches drawn with replacement and 1 - z without (fraction 1 is gradient descent). `noiseless` is full
    gradient descent with rate gamma z. Diverging rates give what the recursion gives, infinity from 1e308 on: without
    the feeding iff gamma z x > 2 for some x, with it from lower rates on. A mode that neither grows nor decays within
    1e4 steps is resolved as for 1e4 of them. Otherwise as `homogenised_sgd`.
    Derived from its discrete steps for this package; checked by the recursion and by simulation.
    Raises ValueError for steps that are not whole numbers >= 0, a fraction outside (0, 1], and as `homogenised_sgd`.

    >>> curve = batch_sgd([10, 50], 0.8, 0.5, fraction=0.1, noise_norm=0.5)
    >>> curve.loss.round(4).tolist()
    [0.292, 0.1214]
    """
    k = _times("step", step)
    if np.any(k != np.floor(k)):
        raise ValueError(f"step must be a whole number >= 0; got {k[k != np.floor(k)].flat[0].item()!r}; round it")
    z = checks.positive("fraction", fraction, "pass batch size / samples")
    if z > 1:
        raise ValueError(f"fraction must be at most 1; got {z!r}; pass batch size / samples")
    rate = _rate(learning_rate, "pass the step size for rows of norm 1") * z
    replacement = checks.flag("replacement", replacement, "pass False for batches drawn without it")
    last = float(np.max(k, initial=0.0))
    r = checks.positive("ratio", ratio, "pass columns / rows of A")
    largest = _largest_factor(rate, law_of_rows(r, population))
    # beyond exp(1600) all is infinite; and powers carry the rounding of x, which halving panels would chase for ever
    power = min(last, MOST_STEPS, 800 / math.log(largest) if largest > 1 else math.inf)

    def slowest(x: FloatArray) -> FloatArray:  # scaled: where it diverges it may overflow
        return (np.abs(1 - rate * x) / largest) ** (2 * power)

    modes = _multi_pass(ratio, population, signal_norm, noise_norm, alignment, rate * last, slowest)
    decay = (1 - rate * modes.values) ** 2
    kicks = rate**2 / z * (1 if replacement else 1 - z) * modes.kicks
    flat = k.ravel()
    loss = _powers(_response(decay, kicks, modes.energy), flat, modes.floor)
    with np.errstate(over="ignore", invalid="ignore"):
        descent = _overflowed(modes.floor + decay ** flat[:, None] @ modes.energy)
    return SGDCurve(shaped(_overflowed(loss), k.shape), shaped(descent, k.shape))


def _largest_factor(rate: float, population: Population) -> float:
    """The largest |1 - rate x| on the support of a law, at least 1: one number for all panels, or none would agree."""
    ends = [x for band in getattr(population, "bands", ()) for x in band]
    return max([1.0, *(abs(1 - rate * x) for x in ends if math.isfinite(x))])


def _overflowed(loss: FloatArray) -> FloatArray:
    """A diverging loss that overflowed is infinite; inf - inf among its modes would be NaN."""
    return np.where(np.isnan(loss), np.inf, loss)


class _Modes(NamedTuple):
    values: FloatArray  # eigenvalues above 0
    kicks: FloatArray  # r w x^2
    energy: FloatArray  # share of the initial loss
    floor: float  # part of the loss that no x can lower


class _Response(NamedTuple):
    """The loss as a sum over the decays of the modes and the eigenvalues of the fed system."""

    decay: FloatArray
    own: FloatArray  # weights of the decays
    rates: FloatArray
    answer: FloatArray  # weights of the eigenvalues
    fed: FloatArray  # response of each eigenvalue per unit of constant loss


def law_of_rows(ratio: float, population: Population) -> Population:
    """The given population, or that of independent entries of variance 1/d."""
    if population is not None:
        return population
    # beyond, the band is narrower than 1e6 units in the last place of its own position
    r = checks.within("ratio", ratio, 1e-12, 1e12, "pass eigenvalues of A^T A as the population")
    return MarchenkoPastur(r, 1 / r)


def _multi_pass(
    ratio: float, population: Population, signal_norm: float, noise_norm: float, alignment: Alignment, reach: float,
    rows: Rows | None = None,
) -> _Modes:
    r = checks.positive("ratio", ratio, "pass columns / rows of A")
    noise = checks.square("noise_norm", noise_norm, "pass the norm of the noise vector") / 2
    h = nodes(law_of_rows(r, population), finest=_finest(reach), rows=rows)
    energy = _square(signal_norm) / 2 * signal_weights(h, alignment) * h.values + noise * r * h.weights
    moving = h.values > 0
    rank = r * float(np.sum(h.weights[moving]))
    if rank > 1 + 1e-9:
        raise ValueError(f"A^T A has at most n eigenvalues above 0; got {rank:.3g} n; include the zeros")
    kicks = r * h.weights * h.values**2
    return _Modes(h.values[moving], kicks[moving], energy[moving], noise * max(0.0, 1 - rank))


def _response(decay: FloatArray, kicks: FloatArray, energy: FloatArray) -> _Response:
    """Solves y' = decay y + kicks (sum y + F) from y = 0, F the sum of the freely decaying energies.

    The matrix is made symmetric by the roots of the kicks; every pair of an eigenvalue and a decay contributes
    fed energy (e^{rate t} - e^{decay t})/(rate - decay). Starting the system from the energies instead would divide
    them by the roots of the kicks: slow modes, hardly kicked, would lose their digits.
    """
    root = np.sqrt(kicks)
    rates, vectors = np.linalg.eigh(np.diag(decay) + np.outer(root, root))
    fed = (root @ vectors) ** 2
    gap = rates[:, None] - decay
    inverse = np.where(gap == 0, 0.0, 1 / np.where(gap == 0, 1.0, gap))  # modes that aren't kicked
    return _Response(decay, energy * (1 - fed @ inverse), rates, fed * (inverse @ energy), fed)


def _flow(r: _Response, t: FloatArray, floor: float) -> FloatArray:
    t = t[:, None]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        grown = np.where(r.rates == 0, t, np.expm1(r.rates * t) / r.rates)
        return np.exp(r.decay * t) @ r.own + np.exp(r.rates * t) @ r.answer + floor * (1 + grown @ r.fed)


def _powers(r: _Response, k: FloatArray, floor: float) -> FloatArray:
    k, rates = k[:, None], np.maximum(r.rates, 0.0)  # the system is positive: below 0 is rounding
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        power = rates**k
        grown = np.where(rates == 1, k, (power - 1) / (rates - 1))
        return r.decay**k @ r.own + power @ r.answer + floor * (1 + grown @ r.fed)


def _finest(reach: float) -> float:
    """Scale of x below which exp(-2 gamma x t) varies by 1 %."""
    return 0.005 / max(reach, 1.0)


def _square(signal_norm: float) -> float:
    return checks.square("signal_norm", signal_norm, "pass the norm of the solution")


def _rate(learning_rate: float, remedy: str) -> float:
    return checks.within("learning_rate", learning_rate, 1e-150, 1e100, remedy)


def _times(name: str, values: ArrayLike) -> FloatArray:
    t = checks.array(name, values, "pass numbers >= 0")
    if np.any(t < 0):
        raise ValueError(f"{name} must be >= 0; got {t[t < 0].flat[0].item()!r}; pass numbers >= 0")
    return t
