"""Exponents of stochastic gradient descent against exact moments, 30-digit integrals and simulated recursions."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory.heavy_tails import kesten
from theory.heavy_tails.kesten import kesten_critical_rate, kesten_exponent, log_growth, log_moment

SIZES = [(1, 1), (1, 4), (2, 1), (5, 3), (100, 10), (1000, 100), (3, 1000)]


@pytest.mark.parametrize(("dimension", "batch"), SIZES)
def test_second_moment_is_lost_at_the_rate_of_mean_square_stability(dimension, batch):
    # E |A e|^2 = 1 - 2 rate + rate^2 (batch + dimension + 1)/batch
    rate = 2 * batch / (batch + dimension + 1)
    # 1e-10: log E |A e|^2 is right to 1e-15, and falls to zero between kappa 0 and 2 by 1e-3 for 1000 inputs
    assert kesten_exponent(rate, dimension, batch) == pytest.approx(2, rel=1e-10)
    for r in (0.3 * rate, 3 * rate):
        exact = 1 - 2 * r + r**2 * (batch + dimension + 1) / batch
        assert log_moment(r, 2.0, dimension, batch) == pytest.approx(math.log(exact), rel=1e-12, abs=1e-14)


# rounding of E R, 1e-16 of the rate, over the effect of kappa, 8 rate^2/dimension: dimension^2 1e-17, fourfold for 10^6
@pytest.mark.parametrize(("dimension", "tolerance"), [(10**4, 1e-8), (10**6, 1e-4)])
def test_many_dimensions_keep_the_exponent_of_lost_variance(dimension, tolerance):
    assert kesten_exponent(2 / (2 + dimension), dimension) == pytest.approx(2, rel=tolerance)


@pytest.mark.parametrize(("dimension", "batch"), SIZES)
def test_fourth_moment_is_that_of_chi_squared_variables(dimension, batch):
    r, b, d = 0.4 / batch, batch, dimension - 1
    q = [math.prod(b + 2 * j for j in range(k)) for k in range(5)]  # E Q^k
    # (1 - 2 r Q + r^2 Q (Q + R))^2 with E R = d, E R^2 = d (d + 2)
    exact = (1 - 4 * r * q[1] + 4 * r**2 * q[2] + 2 * r**2 * (q[2] + d * q[1]) - 4 * r**3 * (q[3] + d * q[2])
             + r**4 * (q[4] + 2 * d * q[3] + d * (d + 2) * q[2]))
    assert log_moment(0.4, 4.0, dimension, batch) == pytest.approx(math.log(exact), rel=1e-11)


def test_exponent_four_sits_at_the_root_of_a_cubic():
    # E (1 - r z^2)^4 = 1: -4 + 18 r - 60 r^2 + 105 r^3 = 0
    rate = next(r.real for r in np.roots([105, -60, 18, -4]) if abs(r.imag) < 1e-12)
    assert kesten_exponent(rate) == pytest.approx(4, rel=1e-11)


@pytest.mark.parametrize("rate", [0.05, 0.4, 1.0, 2.4])
def test_exponent_solves_its_equation_in_30_digits(rate):
    with mp.workdps(30):
        r, kappa = mp.mpf(rate), mp.mpf(kesten_exponent(rate))
        ends = [0, 1, 1 / mp.sqrt(r), 6, 10, 14, 20]
        moment = 2 * mp.quad(lambda z: abs(1 - r * z * z) ** kappa * mp.npdf(z), sorted(ends))
        slope = 2 * mp.quad(lambda z: mp.log(abs(1 - r * z * z)) * abs(1 - r * z * z) ** kappa * mp.npdf(z),
                            sorted(ends))
    assert abs((moment - 1) / slope / kappa) < 1e-10  # one Newton step is the error


def test_critical_rate_of_one_dimension_is_the_published_number():
    assert kesten_critical_rate() == pytest.approx(2.42124952103683604, rel=1e-14)


@pytest.mark.parametrize(("dimension", "batch"), [(1, 1), (4, 2), (50, 10)])
def test_exponent_falls_from_infinity_to_zero_at_the_critical_rate(dimension, batch):
    critical = kesten_critical_rate(dimension, batch)
    assert log_growth(critical, dimension, batch) == pytest.approx(0, abs=1e-13)
    rates = critical * np.array([0.2, 0.5, 0.8, 0.99, 0.9999])
    exponents = [kesten_exponent(r, dimension, batch) for r in rates]
    assert np.all(np.diff(exponents) < 0)
    assert exponents[-1] < 0.02
    with pytest.raises(ValueError, match=r"rate must be below the critical one, .*; got .*; lower it or raise batch"):
        kesten_exponent(critical * 1.0001, dimension, batch)


def test_large_batches_tend_to_gradient_descent():
    # A -> (1 - rate) I: growth log|1 - rate| up to 1/batch
    assert log_growth(0.5, 1, 100_000) == pytest.approx(math.log(0.5), abs=1e-4)


@pytest.mark.parametrize(("dimension", "batch", "rate"), [(1, 1, 0.9), (3, 2, 0.7), (6, 1, 0.2)])
def test_products_of_sampled_matrices_grow_at_the_computed_rate(dimension, batch, rate):
    rng, runs, steps = np.random.default_rng(2), 4000, 20
    w, logs = np.zeros((runs, dimension)), np.zeros((runs, steps))
    w[:, 0] = 1
    for k in range(steps):
        x = rng.standard_normal((runs, batch, dimension))
        w = w - rate / batch * np.einsum("rbd,rb->rd", x, np.einsum("rbd,rd->rb", x, w))
        norm = np.linalg.norm(w, axis=1)
        logs[:, k], w = np.log(norm), w / norm[:, None]
    error = np.std(logs) / math.sqrt(logs.size)  # steps are independent: that is the reduction to |A e|
    assert abs(np.mean(logs) - log_growth(rate, dimension, batch)) < 4 * error
    moment = np.mean(np.exp(0.5 * logs))
    assert moment == pytest.approx(math.exp(log_moment(rate, 0.5, dimension, batch)), abs=4 * error)


def test_the_stationary_law_of_the_recursion_has_the_exponent():
    rng, rate = np.random.default_rng(0), 1.0
    w = np.zeros(40_000)
    for _ in range(150):  # forgets its start as exp(-.63 steps)
        w = (1 - rate * rng.standard_normal(w.size) ** 2) * w + rng.standard_normal(w.size)
    top = np.sort(np.abs(w))[-400:]
    hill = 1 / np.mean(np.log(top[1:] / top[0]))
    assert hill == pytest.approx(kesten_exponent(rate), rel=4 / math.sqrt(400))  # 4 standard errors


def test_rates_too_small_for_a_tail_raise_with_the_moment():
    with pytest.raises(ArithmeticError, match=r"tail exponent must be below 1000; log moment .*; raise rate"):
        kesten_exponent(1e-4)


@pytest.mark.parametrize("bad", [0, -1, math.nan, "x"])
def test_bad_parameters_raise_one_line(bad):
    for call in (lambda: kesten_exponent(bad), lambda: log_growth(0.1, bad), lambda: kesten_critical_rate(1, bad)):
        with pytest.raises(ValueError, match=r"^(rate|dimension|batch) must be .*; got .*; pass "):
            call()


def test_a_wrong_kink_would_be_noticed(monkeypatch):
    # the split at |A e| = 0 is what the digits rest on
    segment = kesten._segment
    monkeypatch.setattr(kesten, "_segment", lambda low, high: segment(low, high * (1 + 1e-6)))
    with pytest.raises(AssertionError):
        test_critical_rate_of_one_dimension_is_the_published_number()
