"""Modes of deep linear networks against direct integration, matrix gradient flow, closed forms and limits."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.integrate

from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.training.barrier import interpolation_loss, random_barrier
from theory.training.deep_linear import escape_time, imbalance, mode_strength, unbalanced_strength
from theory.training.stationary import effective_rank, rank_curve, stationary_strength

TIMES = np.array([0, 0.1, 0.5, 1, 2, 5, 10, 20.0])
# target, start, decay: growth, growth under decay, death from below the threshold, from above, no and negative target
MODES = [(1, 1e-2, 0), (1, 0.3, 0.3), (1, 1e-3, 0.3), (1, 0.9, 0.3), (1, 2, 0.3), (1, 2, 0.9), (0.5, 0.3, 0),
         (-0.5, 0.3, 0), (0, 0.3, 0), (0, 0.3, 0.2), (3, 1e-4, 0.01)]


def _integrated(depth, s, start, decay):
    """log u by an explicit method of order 8."""
    def slope(t, x):
        return depth * (np.exp((1 - 2 / depth) * x) * (s - np.exp(x)) - decay)

    solution = scipy.integrate.solve_ivp(slope, (0, 20), [math.log(start)], t_eval=TIMES, method="DOP853",
                                         rtol=1e-12, atol=1e-13)
    return np.exp(solution.y[0])


@pytest.mark.parametrize("depth", [2, 2.5, 3, 4, 20])
@pytest.mark.parametrize(("s", "start", "decay"), MODES)
def test_strength_agrees_with_direct_integration(depth, s, start, decay):
    u = mode_strength(TIMES, s, start, depth=depth, weight_decay=decay)
    # the integrator's tolerance of log u, added up over some hundred steps
    assert u == pytest.approx(_integrated(depth, s, start, decay), rel=2e-10, abs=1e-200)


def test_product_of_matrices_under_gradient_flow_has_these_strengths():
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in range(2))
    s, start, decay, depth = np.array([3.0, 2.0, 1.0, 0.2]), np.array([0.01, 0.02, 0.1, 0.5]), 0.3, 3
    hidden = [np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in range(depth - 1)]
    sides = [v, *hidden, u]
    weights = np.stack([b @ np.diag(start ** (1 / depth)) @ a.T for a, b in itertools.pairwise(sides)])

    def slope(t, flat):
        w1, w2, w3 = flat.reshape(3, 4, 4)
        error = w3 @ w2 @ w1 - u @ np.diag(s) @ v.T
        gradient = np.stack([(w3 @ w2).T @ error, w3.T @ error @ w1.T, error @ (w2 @ w1).T])
        return -(gradient + decay * flat.reshape(3, 4, 4)).ravel()

    w = scipy.integrate.solve_ivp(slope, (0, 1.5), weights.ravel(), method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    w1, w2, w3 = w.reshape(3, 4, 4)
    reached = np.diag(u.T @ w3 @ w2 @ w1 @ v)
    assert reached == pytest.approx(mode_strength(1.5, s, start, depth=3, weight_decay=decay), rel=1e-9)  # tolerances


def test_balancedness_decays_exactly_whatever_the_loss():
    rng = np.random.default_rng(1)
    first, decay, target = rng.standard_normal((2, 3, 3)), 0.3, rng.standard_normal((3, 3))

    def slope(t, flat):
        w1, w2 = flat.reshape(2, 3, 3)
        error = w2 @ w1 - target
        return -(np.stack([w2.T @ error, error @ w1.T]) + decay * flat.reshape(2, 3, 3)).ravel()

    w1, w2 = scipy.integrate.solve_ivp(slope, (0, 2), first.ravel(), method="DOP853", rtol=1e-11,
                                       atol=1e-12).y[:, -1].reshape(2, 3, 3)
    before = first[1].T @ first[1] - first[0] @ first[0].T
    assert w2.T @ w2 - w1 @ w1.T == pytest.approx(imbalance(2.0, before, decay), abs=1e-9)  # tolerances
    assert imbalance(2.0, 1.0, 0.3) == pytest.approx(0.30119, abs=5e-6)  # digits quoted


def test_depth_two_is_the_logistic_curve_from_1e_300_to_saturation():
    for t in (0, 300, 345.4, 345.9, 400, 1e5):
        with mpmath.workdps(40):
            x, start = mpmath.exp(-2 * mpmath.mpf(t)), mpmath.mpf(1e-300)
            exact = start / (x + start * (1 - x))
        # rounding 2 t = 691 by 1e-16 of itself moves e^{2t} by 7e-14 of itself
        assert mode_strength(t, 1.0, 1e-300) == pytest.approx(float(exact), rel=2e-13)
    assert mode_strength(0.0, 1.0, 5e-324) == 5e-324
    assert mode_strength([0.0, 1.0, 1e300], 0.5, 0.0).tolist() == [0.0, 0.0, 0.0]


def test_target_equal_to_decay_and_below_fade_without_nan():
    t = np.array([0.0, 1.0, 1e3, 1e300])
    # 1/(2 t + 1/u0), the middle of growth and decay
    assert mode_strength(t, 0.4, 0.5, weight_decay=0.4) == pytest.approx(1 / (2 * t + 2), rel=1e-15)
    near = mode_strength(3.0, 0.4, 0.5, weight_decay=0.4 + 1e-13)
    assert near == pytest.approx(1 / 8, rel=1e-11)  # 1e-13 times the time
    assert mode_strength(t, 0.1, 0.5, weight_decay=0.4)[2:].tolist() == pytest.approx([0, 0], abs=1e-250)


def test_depth_four_has_its_closed_form():
    s, first, x = 1.3, 0.1, np.array([0.11, 0.5, 0.9, 1.1])
    root = math.sqrt(s)
    t = ((1 / first - 1 / x) / s + s**-1.5 * (np.arctanh(x / root) - np.arctanh(first / root))) / 2
    assert escape_time(s, first**2, x**2, depth=4) == pytest.approx(t, rel=1e-13)  # some hundred roundings
    assert mode_strength(t, s, first**2, depth=4) == pytest.approx(x**2, rel=1e-12)


def test_infinite_depth_has_its_closed_form_and_is_the_limit():
    s, first, end = 1.3, 0.05, 1.1
    t = math.log(end * (s - first) / (first * (s - end))) / s**2 + (1 / first - 1 / end) / s
    assert escape_time(s, first, end, depth=math.inf) == pytest.approx(t, rel=1e-13)
    assert mode_strength(t, s, first, depth=math.inf) == pytest.approx(end, rel=1e-12)
    # q = 1 - 2/depth enters as u^{-2/depth}: log(1/.05) 2/depth = 6e-6
    assert escape_time(s, first, end, depth=1e6) * 1e6 == pytest.approx(t, rel=1e-5)


def test_general_depth_at_two_is_the_logistic_curve():
    for s, start, decay in MODES:
        near = mode_strength(TIMES, s, start, depth=2 + 1e-13, weight_decay=decay)
        # u^{1e-13}: log u of at most some 25
        assert near == pytest.approx(mode_strength(TIMES, s, start, weight_decay=decay), rel=1e-10)


@pytest.mark.parametrize("depth", [2, 3, 5.5, math.inf])
def test_strength_at_the_escape_time_is_the_one_asked_for(depth):
    for s, start, decay, end in ((1, 0.2, 0.05, 0.7), (2, 1e-6, 0.0, 1.99), (1, 3, 0.1, 1.5), (1, 1e-2, 0.5, 1e-9)):
        t = escape_time(s, start, end, depth=depth, weight_decay=decay)
        if depth == 2 and (s, decay) == (1, 0.5):
            assert t == math.inf  # at depth 2 it grows
            continue
        assert mode_strength(t, s, start, depth=depth, weight_decay=decay) == pytest.approx(end, rel=1e-11)


def test_escape_from_a_tiny_start_is_slower_than_any_exponential_above_depth_two():
    start = np.array([1e-3, 1e-6, 1e-300])
    assert escape_time(1.0, start, 0.5) == pytest.approx(np.log((1 - start) / start) / 2, rel=1e-14)
    # int du/(3 u^{4/3}) = u^{-1/3}
    assert escape_time(1.0, 1e-300, 0.5, depth=3) == pytest.approx(1e100, rel=1e-12)
    assert escape_time(1.0, [0.0, 0.2, 0.6], 0.5, weight_decay=0.7).tolist()[:2] == [math.inf, math.inf]
    assert escape_time(1.0, 0.5, [0.5, 0.4, 1.0]).tolist() == [0.0, math.inf, math.inf]


def test_a_start_at_the_threshold_stays_and_beside_it_runs_to_either_side():
    stay = stationary_strength(1.0, 0.3, depth=3)
    for factor, end in ((1 - 1e-9, 0.0), (1 + 1e-9, stay.strength)):
        u = mode_strength(300.0, 1.0, stay.threshold * factor, depth=3, weight_decay=0.3)
        assert u == pytest.approx(end, abs=1e-9)
    assert mode_strength(60.0, 1.0, stay.threshold, depth=3, weight_decay=0.3) == stay.threshold
    assert mode_strength(60.0, 1.0, stay.strength, depth=3, weight_decay=0.3) == stay.strength


def test_modes_linger_at_the_strength_where_two_roots_have_met():
    # dl/dt = -depth (delta + q s top^q (l - log top)^2/2) beside it: time pi/(depth sqrt(q s top^q delta/2))
    q, top, delta = 1 / 3, 1 / 4, 1e-9
    critical = stationary_strength(1.0, 0.3, depth=3).critical_decay
    t = escape_time(1.0, 0.5, 0.05, depth=3, weight_decay=critical + delta)
    assert t == pytest.approx(math.pi / (3 * math.sqrt(q * top**q * delta / 2)), rel=1e-3)  # sqrt(delta) and its log
    below = mode_strength([1e4, 1e7], 1.0, 0.5, depth=3, weight_decay=critical - delta)
    assert np.all(below > top)


def _unbalanced_exact(s, start, c, decay):
    root = math.hypot(c, 2 * start)
    a = math.sqrt((root + c) / 2)

    def slope(t, y):
        a, b = y
        return [b * (s - a * b) - decay * a, a * (s - a * b) - decay * b]

    solution = scipy.integrate.solve_ivp(slope, (0, 20), [a, start / a], t_eval=TIMES, method="DOP853",
                                         rtol=1e-12, atol=1e-13)
    return solution.y[0] * solution.y[1]


@pytest.mark.parametrize(("s", "start", "c", "decay"), [
    (1, 0, 2, 0), (1, 1e-3, 0.1, 0), (1, 0.3, 1e-8, 0.2), (2, 0.3, 5, 0.2), (0.3, 0.3, 5, 0.6), (0, 0.3, 0.5, 0),
    (0, 0.3, 0.5, 0.1), (-1, 0.3, 0.5, 0.1), (-1, 0.3, 0.5, 0),
])
def test_unbalanced_strength_agrees_with_the_two_layers_integrated(s, start, c, decay):
    u = unbalanced_strength(TIMES, s, start, c, weight_decay=decay)
    assert u == pytest.approx(_unbalanced_exact(s, start, c, decay), abs=1e-11)  # tolerance of the integrator
    assert unbalanced_strength(TIMES, s, start, -c, weight_decay=decay).tolist() == u.tolist()


def test_unbalanced_strength_with_decay_is_a_quotient_of_bessel_functions():
    # with xi = c/(4 decay), order m = s/(2 decay) + 1/2: (a + b)/(a - b) = (I_m + k K_m)/(-I_{m-1} + k K_{m-1})
    s, start, c, decay, t = 1.0, 0.3, 0.8, 0.25, 3.0
    with mpmath.workdps(30):
        m, xi = mpmath.mpf(s) / (2 * decay) + mpmath.mpf(1) / 2, mpmath.mpf(c) / (4 * decay)
        root = mpmath.sqrt(c**2 + 4 * start**2)
        first = (root + 2 * start) / c
        k = (mpmath.besseli(m, xi) + first * mpmath.besseli(m - 1, xi)) / (
            first * mpmath.besselk(m - 1, xi) - mpmath.besselk(m, xi))
        now = xi * mpmath.exp(-2 * decay * t)
        ratio = (mpmath.besseli(m, now) + k * mpmath.besselk(m, now)) / (
            -mpmath.besseli(m - 1, now) + k * mpmath.besselk(m - 1, now))
        exact = float(decay * now * (ratio - 1 / ratio))
    assert unbalanced_strength(t, s, start, c, weight_decay=decay) == pytest.approx(exact, abs=1e-13)  # as documented


def test_balanced_layers_are_the_limit_of_unbalanced_ones():
    for decay in (0.0, 0.2):
        u = unbalanced_strength(TIMES, 1.0, 0.01, 0.0, weight_decay=decay)
        assert u == pytest.approx(mode_strength(TIMES, 1.0, 0.01, weight_decay=decay), rel=1e-12)


def test_stationary_strength_is_the_soft_threshold_at_depth_two():
    decay = np.array([0.0, 0.3, 1.0, 2.0])
    assert stationary_strength(1.0, decay).strength.tolist() == [1.0, 0.7, 0.0, 0.0]


@pytest.mark.parametrize("depth", [2.1, 3, 4, 100, math.inf])
def test_stationary_strength_and_threshold_solve_their_equation(depth):
    q = 1 - 2 / depth
    critical = stationary_strength(2.0, 0.0, depth=depth).critical_decay
    for decay in (1e-12, 0.1 * critical, 0.9 * critical, critical * (1 - 1e-12)):
        stay = stationary_strength(2.0, decay, depth=depth)
        for u in (stay.strength, stay.threshold):
            assert u**q * (2 - u) == pytest.approx(decay, rel=1e-13)
        assert stay.threshold < stay.strength
    assert stationary_strength(2.0, critical * (1 + 1e-12), depth=depth).strength == 0.0


def test_critical_decay_and_equal_losses_have_their_values():
    stay = stationary_strength(1.0, 0.3, depth=3)
    assert stay.critical_decay == pytest.approx(0.4725, abs=5e-5)  # digits quoted
    # at the decay of equal losses (s - u)^2/2 + decay depth u^{2/depth}/2 is the loss s^2/2 of 0
    decay = stay.equal_loss_decay
    u = stationary_strength(1.0, decay, depth=3).strength
    assert (1 - u) ** 2 + decay * 3 * u ** (2 / 3) == pytest.approx(1.0, rel=1e-14)


def test_modes_settle_at_the_stationary_strength():
    for depth in (2, 3, 6):
        u = mode_strength(300.0, 1.0, 0.5, depth=depth, weight_decay=0.1)
        assert u == pytest.approx(stationary_strength(1.0, 0.1, depth=depth).strength, rel=1e-13)


def test_effective_rank_counts_equal_strengths_and_falls_with_decay():
    assert effective_rank([2.0, 2.0, 2.0, 0.0]) == pytest.approx(3.0, rel=1e-15)
    assert effective_rank(np.zeros((2, 3))).tolist() == [0.0, 0.0]
    assert effective_rank(np.full(4, 1e-320)) == pytest.approx(4.0, rel=1e-12)
    targets = np.sqrt(MarchenkoPastur(0.5).quantile((np.arange(50) + 0.5) / 50))
    curve = rank_curve(targets, np.linspace(0, 2, 30))
    assert np.all(np.diff(curve.effective[curve.hard > 0]) < 0)
    assert np.all(curve.effective <= np.maximum(curve.hard, 0) + 1e-12)
    assert curve.hard[0] == 50
    assert curve.hard[-1] == 0
    assert rank_curve(targets, 0.0).hard == 50


def test_interpolation_loss_is_that_of_the_matrices():
    rng = np.random.default_rng(2)
    u, s, width = np.array([3.0, 2.0, 0.5]), np.array([3.2, 2.1, 0.9]), 7
    first, second = (np.linalg.qr(rng.standard_normal((width, width)))[0][:3] for _ in range(2))
    for f in (0.0, 0.3, 0.5, 1.0):
        root = np.diag(np.sqrt(u))
        w1 = (1 - f) * first.T @ root + f * second.T @ root
        w2 = (1 - f) * root @ first + f * root @ second
        loss = np.sum((np.diag(s) - w2 @ w1) ** 2) / 2
        assert interpolation_loss(f, u, first @ second.T, targets=s) == pytest.approx(loss, rel=1e-13)


def test_barrier_has_its_limits():
    u = np.array([3.0, 2.0, 1.0])
    assert interpolation_loss(0.5, u, np.eye(3)) == 0.0
    assert interpolation_loss(0.5, u, np.zeros((3, 3))) == pytest.approx(np.sum(u**2) / 8, rel=1e-15)
    o = np.array([0.9, 0.5, -0.2])
    assert interpolation_loss(0.5, u, np.diag(o)) == pytest.approx(np.sum(u**2 * (1 - o) ** 2) / 8, rel=1e-15)
    f = np.linspace(0, 1, 5)
    shape = interpolation_loss(f, u, np.zeros((3, 3))) / interpolation_loss(0.5, u, np.zeros((3, 3)))
    assert shape == pytest.approx((4 * f * (1 - f)) ** 2, rel=1e-14)


def test_mean_barrier_of_random_rotations():
    rng = np.random.default_rng(3)
    u, width, draws = np.array([3.0, 2.0, 1.0]), 6, 3000
    losses = []
    for _ in range(draws):
        q, r = np.linalg.qr(rng.standard_normal((width, width)))
        losses.append(interpolation_loss(0.5, u, (q * np.sign(np.diag(r)))[:3, :3]))
    assert random_barrier([3.0], 1) == 9 / 4  # O = 1 or -1: 0 or 9/2
    error = np.std(losses) / math.sqrt(draws)
    assert abs(np.mean(losses) - random_barrier(u, width)) < 3 * error
    assert error < 0.01 * random_barrier(u, width)  # the 1/width part is 23 %


@pytest.mark.parametrize("call", [
    lambda: mode_strength(-1.0, 1.0, 0.1), lambda: mode_strength(1.0, 1.0, -0.1),
    lambda: mode_strength(1.0, math.nan, 0.1),
    lambda: mode_strength(1.0, 1.0, 0.1, depth=1), lambda: mode_strength(1.0, 1.0, 0.1, weight_decay=-1),
    lambda: mode_strength(1.0, 1.0, 0.1, depth=math.nan), lambda: unbalanced_strength(1.0, [1.0, 2.0], 0.1, 0.1),  # type: ignore[arg-type]
    lambda: unbalanced_strength(1e9, 1.0, 0.1, 0.1, weight_decay=0.1), lambda: stationary_strength(-1.0, 0.1),
    lambda: stationary_strength(1.0, 0.1, depth=1.5), lambda: effective_rank([1.0, -1.0]),
    lambda: interpolation_loss(0.5, [1.0, 2.0], np.eye(3)), lambda: interpolation_loss(0.5, [-1.0], np.eye(1)),
    lambda: interpolation_loss(0.5, [1.0], np.eye(1), targets=[1.0, 2.0]), lambda: random_barrier([1.0, 2.0], 1),
])
def test_bad_input_raises_one_line(call):
    with pytest.raises(ValueError, match=r"^[\w ]+ must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
