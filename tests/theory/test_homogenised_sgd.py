"""Loss curves of SGD against the Volterra equation, simulated runs, and rates against slopes."""

import math

import mpmath
import numpy as np
import pytest

from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.population import nodes
from theory.risk.homogenised_sgd import batch_sgd, homogenised_sgd, streaming_sgd
from theory.risk.sgd_stability import sgd_decay_rate, sgd_stability
from theory.training.least_squares import loss_curve

RATIOS = [0.2, 0.5, 1.0, 1.5, 4.0]


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("rate", [0.4, 1.7, 2.2])
def test_loss_solves_the_volterra_equation(ratio, rate):
    h = nodes(MarchenkoPastur(ratio, 1 / ratio))
    x, w = np.polynomial.legendre.leggauss(40)
    for t in (0.3, 2.0):
        s, weights = t * (x + 1) / 2, t * w / 2
        kernel = rate**2 * ratio * np.exp(-2 * rate * (t - s)[:, None] * h.values) @ (h.weights * h.values**2)
        curve = homogenised_sgd(np.append(s, t), rate, ratio, signal_norm=1.2, noise_norm=0.5)
        right = curve.noiseless[-1] + np.sum(weights * kernel * curve.loss[:-1])
        assert curve.loss[-1] == pytest.approx(right, rel=1e-12)  # 40 points resolve a smooth kernel
        flow = 0.72 * h.mean(h.values * np.exp(-2 * rate * t * h.values))
        flow += 0.125 * (ratio * h.mean(np.exp(-2 * rate * t * h.values)) + 1 - ratio)
        assert curve.noiseless[-1] == pytest.approx(flow, rel=1e-12)


def test_stored_curve_is_reproduced():
    # computed independently by exponential steps: independent entries, r = .5, |x~| = 1, |eta| = .5
    loss = homogenised_sgd([1, 2, 5], 0.8, 0.5, noise_norm=0.5).loss
    assert loss == pytest.approx([0.2571, 0.1527, 0.1098], abs=6e-5)
    kwargs = {"fraction": 0.1, "noise_norm": 0.5}
    steps = [10, 20, 50]
    assert batch_sgd(steps, 0.8, 0.5, **kwargs).loss == pytest.approx([0.2920, 0.1723, 0.1214], abs=6e-5)
    without = batch_sgd(steps, 0.8, 0.5, replacement=False, **kwargs).loss
    assert without == pytest.approx([0.2622, 0.1552, 0.1116], abs=6e-5)


def test_measured_batches_are_met_within_their_errors():
    # n = 1500, batches of 150, runs over one matrix: mean and standard error at t = 1, 2, 5 epochs
    kwargs = {"fraction": 0.1, "noise_norm": 0.5}
    for replacement, rows in ((True, ((0.2935, 0.0023), (0.1727, 0.0014), (0.1206, 0.0007))),
                              (False, ((0.2624, 0.0020), (0.1546, 0.0010), (0.1107, 0.0006)))):
        loss = batch_sgd([10, 20, 50], 0.8, 0.5, replacement=replacement, **kwargs).loss
        for value, (mean, error) in zip(loss, rows, strict=True):
            assert abs(value - mean) < 2.5 * error


def _problem(rng, n, d, noise):
    a = rng.standard_normal((n, d))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    x = rng.standard_normal(d)
    eta = rng.standard_normal(n)
    x, eta = x / np.linalg.norm(x), noise * eta / np.linalg.norm(eta)
    return a, a @ x + eta


@pytest.mark.parametrize(("n", "d", "rate"), [(600, 300, 0.8), (300, 450, 1.2)])
def test_simulated_runs_follow_the_curve(n, d, rate):
    rng = np.random.default_rng(0)
    runs = []
    for _ in range(6):  # matrices, with eight runs each
        a, b = _problem(rng, n, d, 0.5)
        x, losses = np.zeros((8, d)), []
        for k in range(2 * n):
            chosen = rng.integers(n, size=8)
            rows = a[chosen]
            x -= rate * (np.sum(rows * x, axis=1) - b[chosen])[:, None] * rows
            if k + 1 in (n // 2, n, 2 * n):
                losses.append(np.mean(np.sum((x @ a.T - b) ** 2, axis=1)) / 2)
        runs.append(losses)
    mean, error = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1) / math.sqrt(6)
    curve = homogenised_sgd([0.5, 1, 2], rate, d / n, noise_norm=0.5)
    # five degrees of freedom; corrections of order 1/n
    assert np.all(np.abs(mean - curve.loss) < 4 * error + 0.01 * curve.loss)
    assert np.all(np.abs(mean - curve.noiseless) > 8 * error)  # the noise of sampling shows


def test_simulated_stream_follows_the_curve():
    rng = np.random.default_rng(1)
    d, rate, noise, runs = 200, 0.5, 0.3, 60
    values = np.where(np.arange(d) < d / 2, 0.5, 2.0)
    error = rng.standard_normal((runs, d)) / math.sqrt(d)
    losses = []
    for k in range(2 * d):
        a = rng.standard_normal((runs, d)) * np.sqrt(values)
        error -= rate / d * (np.sum(a * error, axis=1) + noise * rng.standard_normal(runs))[:, None] * a
        if k + 1 in (d // 2, 2 * d):
            losses.append((np.sum(error**2 * values, axis=1) + noise**2) / 2)
    mean, spread = np.mean(losses, axis=1), np.std(losses, axis=1) / math.sqrt(runs)
    curve = streaming_sgd([0.5, 2], rate, population=[(0.5, 0.5), (2.0, 0.5)], noise_std=noise)
    assert np.all(np.abs(mean - curve.loss) < 3.5 * spread + 0.01 * curve.loss)
    assert np.all(np.abs(mean - curve.noiseless) > 5 * spread)


def test_loss_starts_at_its_exact_value_and_ends_at_the_noise_floor():
    curve = homogenised_sgd([0.0, 2000.0], 0.8, 0.5, signal_norm=2.0, noise_norm=0.5)
    assert curve.loss[0] == pytest.approx(4 / 2 * 2 + 0.125, rel=1e-13)  # E x = 1/r
    assert curve.loss[1] == pytest.approx(0.125 * 0.5 / (1 - 0.4), rel=1e-12)
    assert homogenised_sgd(2000.0, 0.8, 2.0, noise_norm=0.5).loss == pytest.approx(0.0, abs=1e-12)


def test_small_rates_are_gradient_flow():
    curve = homogenised_sgd(1e5, 1e-5, 0.5, noise_norm=0.5)
    assert curve.loss == pytest.approx(curve.noiseless, rel=1e-5)
    assert homogenised_sgd(1.0, 1.0, 0.5, noise_norm=0.5).noiseless == pytest.approx(curve.noiseless, rel=1e-12)


def test_all_samples_in_a_batch_are_gradient_descent():
    for ratio in (0.5, 1.0):
        steps = np.array([0, 1, 7, 300])
        curve = batch_sgd(steps, 0.3, ratio, fraction=1.0, replacement=False)
        exact = loss_curve(steps, 0.3, MarchenkoPastur(ratio, 1 / ratio)).loss
        assert curve.loss == pytest.approx(exact, rel=1e-11, abs=1e-300)
        assert curve.noiseless == pytest.approx(exact, rel=1e-11, abs=1e-300)


def test_batch_recursion_is_that_of_the_modes():
    values, ratio, rate, z = np.array([0.0, 0.5, 1.0, 2.5]), 0.8, 0.7, 0.25
    weights = np.full(4, 0.25)
    y = 0.5 * weights * values + 0.125 * ratio * weights * (values > 0)
    floor = 0.125 * (1 - ratio * 0.75)
    for k in range(6):
        curve = batch_sgd(k, rate, ratio, fraction=z, replacement=False, population=values, noise_norm=0.5)
        assert curve.loss == pytest.approx(np.sum(y) + floor, rel=1e-13)
        kick = rate**2 * z * (1 - z) * ratio * weights * values**2 * (np.sum(y) + floor)
        y = (1 - rate * z * values) ** 2 * y + kick


def test_small_batches_are_the_continuous_equation():
    curve = homogenised_sgd([1.0, 3.0], 0.8, 0.5, noise_norm=0.5)
    batches = batch_sgd([10000, 30000], 0.8, 0.5, fraction=1e-4, noise_norm=0.5)
    assert batches.loss == pytest.approx(curve.loss, rel=1e-3)  # first order in the fraction times rate^2 x^2 = 4e-4


def test_given_eigenvalues_of_a_matrix_replace_the_law():
    rng = np.random.default_rng(0)
    a, _ = _problem(rng, 600, 300, 0.0)
    values = np.linalg.eigvalsh(a.T @ a)
    given = homogenised_sgd([0.5, 2, 5], 0.8, 0.5, population=values, noise_norm=0.5)
    law = homogenised_sgd([0.5, 2, 5], 0.8, 0.5, noise_norm=0.5)
    assert given.loss == pytest.approx(law.loss, rel=0.01)  # spectra differ by O(1/n)


@pytest.mark.parametrize("ratio", RATIOS)
def test_onset_has_its_closed_form_and_the_critical_rate_is_two(ratio):
    stability = sgd_stability(ratio)
    assert stability.critical_rate == pytest.approx(2.0, rel=1e-13)
    root = math.sqrt(ratio)
    assert stability.onset == pytest.approx(2 * root / (ratio - root + 1), rel=1e-11)


@pytest.mark.parametrize(("ratio", "rate"), [(0.5, 1.9), (0.5, 2.2), (3.0, 1.8), (0.1, 1.0)])
def test_rate_is_the_malthusian_root_and_the_slope_of_the_loss(ratio, rate):
    found = sgd_decay_rate(rate, ratio)
    with mpmath.workdps(25):
        r = mpmath.mpf(ratio)
        low, high = (1 - mpmath.sqrt(r)) ** 2 / r, (1 + mpmath.sqrt(r)) ** 2 / r

        def integrand(t):
            x = (low + high) / 2 - (high - low) / 2 * mpmath.cos(t)
            return x * ((high - low) / 2 * mpmath.sin(t)) ** 2 / (2 * mpmath.pi) / (2 * rate * x - found)

        feed = rate**2 * r * mpmath.quad(integrand, mpmath.linspace(0, mpmath.pi, 7))
    assert float(feed) == pytest.approx(1.0, abs=1e-11)  # conditioning of the root next to the edge
    t = np.array([60.0, 61.0]) if found > 0 else np.array([30.0, 31.0])
    loss = homogenised_sgd(t, rate, ratio).loss
    assert math.log(loss[0] / loss[1]) == pytest.approx(found, rel=1e-2)  # e^{-(2 gamma low - L) t} of the branch cut


def test_below_the_onset_the_rate_is_that_of_gradient_flow_with_a_power():
    rate = sgd_decay_rate(0.8, 0.5)
    assert rate == pytest.approx(1.6 * (1 - math.sqrt(0.5)) ** 2 / 0.5, rel=1e-14)
    loss = homogenised_sgd([60.0, 60.01], 0.8, 0.5).loss
    slope = math.log(loss[0] / loss[1]) / 0.01
    assert slope == pytest.approx(rate + 1.5 / 60, rel=2e-3)  # next order 1/t^2


def test_rates_above_critical_diverge_and_below_converge():
    for population, ratio in ((None, 0.5), ([0.2, 1.0, 3.0], 0.7), (MarchenkoPastur(2.0, 0.3), 2.0)):
        critical = sgd_stability(ratio, population=population).critical_rate
        assert sgd_decay_rate(0.999 * critical, ratio, population=population) > 0
        assert sgd_decay_rate(1.001 * critical, ratio, population=population) < 0
    assert sgd_stability(0.7, population=[0.2, 1.0, 3.0]).onset == 0.0
    loss = homogenised_sgd([1.0, 1e4], 2.0, 0.5, noise_norm=1.0).loss  # critical: linear growth
    assert loss[1] / 1e4 == pytest.approx(2.0, rel=1e-3)


def _descended(steps, rate, ratio, fraction):
    """Loss of the recursion of the modes, step by step, on 300 nodes of the Marchenko-Pastur law; and of descent."""
    law = MarchenkoPastur(ratio, 1 / ratio)
    (low, high), = law.bands
    t, w = np.polynomial.legendre.leggauss(300)
    t, w = (t + 1) * np.pi / 2, w * np.pi / 2
    x = low + (high - low) * np.sin(t / 2) ** 2
    w = w * law.pdf(x) * (high - low) * np.sin(t) / 2
    y = plain = x * w / 2
    for _ in range(steps):
        y = (1 - rate * fraction * x) ** 2 * y + rate**2 * fraction * ratio * w * x**2 * np.sum(y)
        plain = (1 - rate * fraction * x) ** 2 * plain
    return np.sum(y), np.sum(plain)


@pytest.mark.parametrize(("rate", "ratio", "fraction"), [(3.0, 0.5, 0.5), (1.9, 0.5, 0.3), (2.5, 0.5, 0.1)])
def test_diverging_batches_follow_the_recursion_until_they_overflow(rate, ratio, fraction):
    curve = batch_sgd([1, 30, 1_000_000], rate, ratio, fraction=fraction)
    for k, step in enumerate((1, 30)):
        loss, plain = _descended(step, rate, ratio, fraction)
        assert curve.loss[k] == pytest.approx(loss, rel=1e-11)  # measured 2e-13
        assert curve.noiseless[k] == pytest.approx(plain, rel=1e-11)
    assert curve.loss[2] == math.inf  # once this took for ever


def test_every_diverging_loss_ends_as_infinity():
    wide = MarchenkoPastur(0.9, 100.0)
    assert homogenised_sgd([1.0, 1e6], 300.0, 0.9, population=wide).loss.tolist() == [math.inf, math.inf]
    assert streaming_sgd([1.0, 1e6], 300.0, population=wide).loss.tolist() == [math.inf, math.inf]
    assert batch_sgd([300, 10**6], 300.0, 0.9, population=wide, fraction=1.0).noiseless.tolist() == [math.inf] * 2
    assert batch_sgd([300], 300.0, 0.5, population=[0.1, 1e4, 0.0, 0.0], fraction=0.5).loss.tolist() == [math.inf]


def test_many_steps_at_a_hard_edge_fall_like_a_power():
    loss = batch_sgd([10**5, 10**6], 0.5, 1.0, fraction=0.5).loss
    assert loss[0] / loss[1] == pytest.approx(10**1.5, rel=1e-4)  # steps^(-3/2), next order 1/steps


def test_shapes_follow_the_arguments():
    assert isinstance(homogenised_sgd(1.0, 0.5, 0.5).loss, float)
    assert homogenised_sgd(np.ones((2, 3)), 0.5, 0.5).noiseless.shape == (2, 3)
    assert batch_sgd(np.ones((2, 1)), 0.5, 0.5, fraction=0.1).loss.shape == (2, 1)
    assert isinstance(streaming_sgd(0.0, 0.5).loss, float)


@pytest.mark.parametrize("call", [
    lambda: homogenised_sgd(-1.0, 0.5, 0.5), lambda: homogenised_sgd(1.0, 0.0, 0.5),
    lambda: homogenised_sgd(1.0, 0.5, -1.0),
    lambda: homogenised_sgd(1.0, 0.5, 0.5, noise_norm=-1), lambda: homogenised_sgd(1.0, 0.5, 0.5, signal_norm=math.nan),
    lambda: homogenised_sgd(math.inf, 0.5, 0.5), lambda: batch_sgd(1.5, 0.5, 0.5, fraction=0.1),
    lambda: batch_sgd(1, 0.5, 0.5, fraction=1.5), lambda: batch_sgd(1, 0.5, 0.5, fraction=0.0),
    lambda: streaming_sgd(1.0, 0.5, noise_std=-1), lambda: sgd_stability(0.0), lambda: sgd_decay_rate(-1.0, 0.5),
    lambda: homogenised_sgd(1.0, 0.5, 1.5, population=[1.0, 2.0]),
])
def test_bad_input_raises_one_line(call):
    with pytest.raises(ValueError, match=r"^[\w^]+ (\w+ )?(must|has) [^\n]*; got [^\n]*; [^\n]*$"):
        call()
