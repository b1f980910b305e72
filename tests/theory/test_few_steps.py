"""Mean-field steps, the readout's directions over several steps, and numbers of spikes."""

import math
from itertools import pairwise

import numpy as np
import pytest

from theory.gaussian import activation_constants, softplus
from theory.outliers.projected import projected_outlier
from theory.training.mean_field import mean_field_steps, standard_rate
from theory.training.one_step import gradient_step
from theory.training.readout import readout_directions, readout_outlier
from theory.training.spike_count import spike_count, spike_window, two_step_outliers

HUGE = {"samples": 4 * 10**12, "inputs": 2 * 10**12, "width": 10**12}  # the limit, width/inputs 1/2, inputs/samples 1/2
TASK = {"teacher": np.tanh, "noise_std": math.sqrt(0.1)}


def test_one_step_is_the_formula_of_ba_et_al():
    s, g = activation_constants(np.tanh), activation_constants(softplus)
    mu, c, labels = s.slope, g.slope, g.second_moment + 0.09
    for rate in (1.0, 3.0):
        theta = rate * mu * math.sqrt(c**2 + labels / 2)
        step = mean_field_steps(rate, **HUGE)
        if theta**4 <= 0.5:
            assert not step.detached
            continue
        location = math.sqrt((1 + theta**2) * (0.5 + theta**2)) / theta
        excess = (theta**4 - 0.5) / theta**2
        # k is 1e-6 here
        assert step.location == pytest.approx(location, rel=1e-5)
        assert step.teacher_overlap**2 == pytest.approx(c**2 / (c**2 + labels / 2) * excess / (theta**2 + 1), rel=1e-5)
        assert step.readout_overlap**2 == pytest.approx(excess / (theta**2 + 0.5), rel=1e-5)
    assert mean_field_steps(1.0, **HUGE).critical_rate == pytest.approx(
        0.5**0.25 / (mu * math.sqrt(c**2 + labels / 2)), rel=1e-5
    )


@pytest.mark.parametrize("size", [(2000, 1000, 500), (400, 300, 900)])
def test_one_step_is_the_gradient_step_in_another_scaling(size):
    _, d, h = size
    rates = np.array([1.5, 2.5, 4.0, 20.0])
    ours = mean_field_steps(rates, *size)
    root = math.sqrt(h)
    # E s^2 = .394 of the network's own output beside h E y^2: a share of 1e-3 in R, so half of that in its root
    other = gradient_step(standard_rate(rates, d, h), *size, teacher=lambda z: root * softplus(z), noise_std=0.3 * root)
    assert ours.detached.tolist() == other.detached.tolist()
    assert ours.location == pytest.approx(other.location / math.sqrt(d), rel=1e-3)
    assert ours.edge == pytest.approx(other.edge / math.sqrt(d), rel=1e-12)
    assert ours.teacher_overlap == pytest.approx(other.teacher_overlap, abs=4e-3)  # steep next to the threshold
    assert ours.readout_overlap == pytest.approx(other.readout_overlap, abs=4e-3)
    assert standard_rate(ours.critical_rate, d, h) == pytest.approx(other.critical_rate, rel=1e-3)


def test_three_steps_add_signal_and_noise_as_they_should():
    s = activation_constants(np.tanh)
    mu, c, labels = s.slope, s.slope, s.second_moment + 0.1
    fresh, one = (mean_field_steps(1.5, **HUGE, steps=3, fresh_batches=new, **TASK) for new in (True, False))
    # theta of the limit, 1.827 (fresh), and squared overlaps .600 and .478: as first computed and simulated
    theta = 1.5 * mu * math.sqrt(9 * c**2 + 3 * labels / 2)
    assert round(theta, 3) == 1.827
    assert fresh.location == pytest.approx(math.sqrt((1 + theta**2) * (0.5 + theta**2)) / theta, rel=1e-5)
    assert round(fresh.teacher_overlap**2, 3) == 0.600
    assert round(one.teacher_overlap**2, 3) == 0.478
    # noise of one batch adds like the signal: three steps at a rate are one at three times the rate
    assert one[:5] == pytest.approx(mean_field_steps(4.5, **HUGE, **TASK)[:5], rel=1e-5)


def test_a_narrow_network_learns_less():
    # |W - W_0| = 1.752, 1.774, 1.789 for the same three steps, where the residual's noise was held fixed: below 1.827
    wide = [mean_field_steps(1.5, 4 * h, 2 * h, h, steps=3, **TASK).location for h in (175, 350, 700, 10**8)]
    assert np.all(np.diff(wide) > 0)
    assert wide[:3] == pytest.approx([2.097, 2.131, 2.165], rel=0.012)  # simulated; errors .011, .016, .020


def _run(seed, fresh, width=175, rate=1.5, steps=3):
    rng = np.random.default_rng(seed)
    n, d = 4 * width, 2 * width
    w, a = rng.standard_normal((width, d)) / math.sqrt(d), rng.standard_normal(width) / math.sqrt(width)
    beta = rng.standard_normal(d)
    beta /= np.linalg.norm(beta)
    for step in range(steps):
        if fresh or step == 0:
            x = rng.standard_normal((n, d))
            y = np.tanh(x @ beta) + math.sqrt(0.1) * rng.standard_normal(n)
        z = np.tanh(x @ w.T)
        w = w - rate / n * ((1 - z**2) * (z @ a / math.sqrt(width) - y)[:, None] * a).T @ x
    squares, vectors = np.linalg.eigh(w @ w.T)
    value, left = math.sqrt(squares[-1]), vectors[:, -1]
    return value, abs(left @ w @ beta) / value, abs(left @ a) / np.linalg.norm(a)


@pytest.mark.parametrize("fresh", [True, False])
def test_simulated_steps_meet_the_prediction(fresh):
    draws = np.array([_run(seed, fresh) for seed in range(6)])
    step = mean_field_steps(1.5, 700, 350, 175, steps=3, fresh_batches=fresh, **TASK)
    expected = np.array([step.location, step.teacher_overlap, step.readout_overlap])
    error = draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    # three standard errors, and the finite width: 2.2 % and 1.2 % for the location over sixty networks
    assert np.all(np.abs(draws.mean(axis=0) - expected) < 3 * error + 0.02 * expected)


def test_one_batch_is_the_linear_dynamics_of_its_residual():
    # r <- r - eta/sqrt N (mu^2 X X^T/n + nu d/n) r: what the rows learn together, and what each remembers of the batch
    activation, rate, n, d, width = (lambda z: np.sin(2 * z)), 4.0, 1600, 800, 100
    s = activation_constants(activation)
    mu, nu, c, labels = s.slope, s.slope_second_moment - s.slope**2, 0.6, 1.0
    assert rate * nu * d / n / math.sqrt(width) > 0.3  # the memory matters here
    lengths, along = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x, w = rng.standard_normal((n, d)), rng.standard_normal(d) / math.sqrt(d)
        beta = np.eye(d)[0]
        r = c * x @ beta + math.sqrt(labels - c**2) * rng.standard_normal(n) - mu / math.sqrt(width) * x @ w
        for _ in range(4):
            w = w + rate * mu / n * (x.T @ r)
            r = r - rate / math.sqrt(width) * (mu**2 / n * (x @ (x.T @ r)) + nu * d / n * r)
        lengths.append(w @ w)
        along.append(w @ beta)
    step = mean_field_steps(rate, n, d, width, steps=4, fresh_batches=False, activation=activation,
                            teacher=lambda z: c * z, noise_std=math.sqrt(labels - c**2))
    p = np.mean(lengths) - 1
    # fluctuations of four draws: 1/sqrt(4 n) of each
    assert step.location == pytest.approx(math.sqrt((1 + p) * (width / d + p) / p), rel=0.02)
    overlap = np.mean(along) * math.sqrt((p**2 - width / d) / (p**2 * (p + 1)))
    assert step.teacher_overlap == pytest.approx(overlap, rel=0.03)


@pytest.mark.parametrize("fresh", [True, False])
def test_outlier_detaches_at_the_critical_rate(fresh):
    arguments = {"samples": 400, "inputs": 200, "width": 300, "steps": 4, "fresh_batches": fresh}
    critical = mean_field_steps(1.0, **arguments).critical_rate
    below, above = (mean_field_steps(critical * (1 + sign * 1e-6), **arguments) for sign in (-1, 1))
    assert not below.detached
    assert above.detached
    assert below.location == below.edge
    assert below.teacher_overlap == below.readout_overlap == 0
    assert above.location == pytest.approx(above.edge, rel=1e-9)
    assert 0 < above.readout_overlap < 0.02  # square root of 1e-6 times a slope of some units


def test_rates_broadcast_and_scalars_give_floats():
    for fresh in (True, False):
        table = mean_field_steps(np.full((2, 3), 2.0), 400, 200, 100, steps=2, fresh_batches=fresh)
        assert all(np.shape(v) == (2, 3) for v in table[:5])
        single = mean_field_steps(2.0, 400, 200, 100, steps=2, fresh_batches=fresh)
        assert [type(v) for v in single] == [float, float, bool, float, float, float]
        assert table.location[1, 2] == single.location


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"learning_rate": -1.0}, "learning_rate must be finite and above 0"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"width": 0}, "width must be a whole number"),
        ({"noise_std": math.nan}, "noise_std must be finite"),
        ({"activation": np.abs}, "activation must have E s' != 0 and no jump"),
        ({"activation": np.sign}, "activation must have E s' != 0 and no jump"),
    ],
)
def test_bad_steps_raise_one_line(change, reason):
    with pytest.raises(ValueError, match=rf"^{reason}[^\n]*; got [^\n]*; [^\n]*$"):
        mean_field_steps(**{"learning_rate": 1.0, "samples": 20, "inputs": 10, "width": 15, **change})


def _train(rate, steps, n=400, d=200, h=300):
    """Full-batch gradient descent in the standard scaling; yields the outlier's prediction after every step."""
    rng = np.random.default_rng(0)
    x, w, a = rng.standard_normal((n, d)), rng.standard_normal((h, d)), rng.standard_normal(h)
    beta = rng.standard_normal(d)
    y = softplus(x @ beta / np.linalg.norm(beta)) + 0.3 * rng.standard_normal(n)
    for _ in range(steps):
        z = np.tanh(x @ w.T / math.sqrt(d))
        w = w - rate * 2 / (n * math.sqrt(h * d)) * ((1 - z**2) * (z @ a / math.sqrt(h) - y)[:, None] * a).T @ x
        yield readout_outlier(w, a)


def test_the_flag_falls_where_the_readout_no_longer_explains_the_outlier():
    run = list(_train(rate=500.0, steps=8))
    errors = [outlier.location / outlier.measured - 1 for outlier in run]
    for outlier, error in zip(run, errors, strict=True):
        assert abs(error) < 0.06 or not outlier.explained  # largest error of an explained one over six runs: 4.5 %
    assert all(outlier.explained for outlier in run[:3])
    assert np.all(np.abs(errors[:3]) < 0.05)  # first order in 1/d beside the growth of other modes: 3.5 % at the third
    assert not any(outlier.explained for outlier in run[-2:])  # it has fitted, and the mode is another
    assert np.all(np.array(errors[-2:]) < -0.1)


def test_a_planted_readout_direction_is_explained_and_another_is_not():
    rng = np.random.default_rng(1)
    h, d = 400, 300
    a, w = rng.standard_normal(h), rng.standard_normal((h, d))
    basis = readout_directions(a)
    right = rng.standard_normal(d) / math.sqrt(d)
    planted = readout_outlier(w + 60 * np.outer(basis @ [0.6, 0.8], right), a)
    assert planted.explained
    assert planted.share == pytest.approx(planted.expected_share, abs=0.02)  # fluctuates by 1/sqrt(h) of its rest
    assert planted.location == pytest.approx(planted.measured, rel=0.01)
    other = rng.standard_normal(h) / math.sqrt(h)
    assert not readout_outlier(w + 60 * np.outer(other, right), a).explained
    assert readout_outlier(w, a).explained  # nothing planted, nothing detached


def test_directions_are_orthonormal_and_span_the_readout():
    a = np.random.default_rng(0).standard_normal(50)
    basis = readout_directions(a)
    assert basis.T @ basis == pytest.approx(np.eye(2), abs=1e-14)
    assert basis @ (basis.T @ a) == pytest.approx(a, abs=1e-14)
    assert basis[:, 0] == pytest.approx(np.sign(a) / math.sqrt(50))
    assert readout_directions(np.array([2.0, -2.0, 2.0])).shape == (3, 1)
    w = np.random.default_rng(1).standard_normal((50, 20))
    assert readout_outlier(w, a)[:3] == projected_outlier(w.T @ basis, np.linalg.norm(w), 50)[:3]


@pytest.mark.parametrize("bad", [np.zeros(3), np.ones((2, 2)), [1.0, math.nan], 1.0])
def test_bad_readouts_raise(bad):
    with pytest.raises(ValueError, match=r"^readout must [^\n]*; got [^\n]*; pass [^\n]*$"):
        readout_directions(bad)


def test_weights_of_another_shape_raise():
    with pytest.raises(ValueError, match=r"^weights must be \(h, d\) .*; got \(4, 3\) and \(3,\); transpose them$"):
        readout_outlier(np.ones((4, 3)), np.ones(3))


def test_windows_of_exponents_join_and_hold_their_count():
    ends = [spike_window(count) for count in range(1, 30)]
    assert ends[0] == (0, 0.25)
    assert all(a[1] == pytest.approx(b[0], rel=1e-15) for a, b in pairwise(ends))
    for count, (low, high) in enumerate(ends, start=1):
        assert spike_count((low + high) / 2) == count
        # the k-th spike n^(alpha k - (k - 1)/2) grows up to k = count and fades beyond
        middle = (low + high) / 2
        assert middle * count > (count - 1) / 2
        assert middle * (count + 1) < count / 2
    assert spike_count(-1.0) == 0


@pytest.mark.parametrize("exponent", [0.0, 0.25, 1 / 3, 0.375, 0.5, 2.0, math.nan])
def test_exponents_without_a_number_of_spikes_raise(exponent):
    with pytest.raises(ValueError, match=r"^exponent must [^\n]*; got [^\n]*; [^\n]*$"):
        spike_count(exponent)


def _two_steps(seed, first, second, width=800):
    """Singular values over the edge, and shares of left vectors in the span of a, a^2, a^3, after two fresh batches."""
    rng, d, n = np.random.default_rng(seed), width // 2, 2 * width
    w, a = rng.standard_normal((width, d)) / math.sqrt(d), rng.standard_normal(width) / math.sqrt(width)
    for rate in (2 * width**first, 2 * width**second):
        x = rng.standard_normal((n, d))
        y = x[:, 0] + (x[:, 0] ** 2 - 1) / 2 + 0.3 * rng.standard_normal(n)
        z = np.tanh(x @ w.T + 0.7)
        w = w - rate * ((1 - z**2) * (z @ a / math.sqrt(width) - y)[:, None] * a).T @ x / n
    basis = np.linalg.qr(np.stack([a, a**2 * math.sqrt(width), a**3 * width], axis=1))[0]
    left, values, _ = np.linalg.svd(w, full_matrices=False)
    return values[:3] / (1 + math.sqrt(width / d)), np.sum((basis.T @ left[:, :3]) ** 2, axis=0)


def test_second_step_adds_outliers_along_powers_of_the_readout():
    assert two_step_outliers(0.35, 0.4) == 2
    values, shares = (np.mean(part, axis=0) for part in zip(*(_two_steps(k, 0.35, 0.4) for k in range(3)), strict=True))
    assert values[0] > 5  # the readout's own
    assert shares[0] > 0.95
    assert values[1] > 1.08  # the first of the two: 1.15, 1.11, 1.09; without it 1.02, 1.05, 1.01
    assert shares[1] > 0.25  # .57, .51, .45; chance 3/800, without it .02 at most
    assert two_step_outliers(0.0, 0.4) == 0
    values, shares = (np.mean(part, axis=0) for part in zip(*(_two_steps(k, 0.0, 0.4) for k in range(3)), strict=True))
    assert values[0] > 5
    assert shares[1] < 0.1


def test_two_steps_make_the_floor_of_the_ratio():
    assert [two_step_outliers(a, 0.4) for a in (0.0, 0.1, 0.2, 0.3, 0.4)] == [0, 1, 1, 2, 4]
    assert two_step_outliers(0.3, 0.2) == 1
    for bad in ((-0.1, 0.2), (0.2, 0.5), (math.nan, 0.1)):
        with pytest.raises(ValueError, match=r"^(first|second) must .*; got .*; pass the exponent of a learning rate$"):
            two_step_outliers(*bad)
