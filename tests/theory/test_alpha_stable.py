"""Symmetric stable laws against series and integrals in 30 digits, closed forms, moments and sums of draws."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory import gaussian
from theory.laws.alpha_stable import AlphaStable, stable_draws


def _pdf(alpha, x):
    """Series of Feller: in x^2 for alpha above 1, in x^-alpha below; each converges for every x."""
    with mp.workdps(60):
        a, x = mp.mpf(alpha), mp.mpf(x)
        if alpha > 1:
            return mp.nsum(lambda k: (-1) ** int(k) * mp.gamma((2 * k + 1) / a) / mp.factorial(2 * k) * x ** (2 * k),
                           [0, mp.inf], method="direct") / (mp.pi * a)
        return mp.nsum(lambda k: (-1) ** int(k + 1) * mp.gamma(a * k + 1) / mp.factorial(k) * mp.sin(k * mp.pi * a / 2)
                       * x ** (-a * k - 1), [1, mp.inf], method="direct") / mp.pi


def _sf(alpha, x):
    """Zolotarev's integral of exp(-x^(a/(a-1)) V) over an angle."""
    with mp.workdps(30):
        a, x = mp.mpf(alpha), mp.mpf(x)

        def kernel(t):
            v = (mp.cos(t) / mp.sin(a * t)) ** (a / (a - 1)) * mp.cos((a - 1) * t) / mp.cos(t)
            return mp.exp(-(x ** (a / (a - 1))) * v)

        integral = mp.quad(kernel, mp.linspace(0, mp.pi / 2, 9)) / mp.pi
        return integral if alpha > 1 else mp.mpf(1) / 2 - integral


@pytest.mark.parametrize(("alpha", "points"), [(0.4, [1e-3, 0.1, 1, 30]), (0.8, [0.3, 1, 4, 1e5]),
                                               (1.3, [1e-6, 0.2, 1, 3]), (1.8, [0.01, 1, 4, 8]), (1.99, [0.5, 3, 6])])
def test_density_agrees_with_its_series(alpha, points):
    law = AlphaStable(alpha)
    for x in points:
        assert law.pdf(x) == pytest.approx(float(_pdf(alpha, x)), rel=1e-11)  # digits lost in x pdf = Im J: 1e3 at 1.99
        assert law.pdf(-x) == law.pdf(x)


@pytest.mark.parametrize(("alpha", "x"), [(0.5, 0.3), (0.5, 20.0), (1.5, 0.5), (1.5, 4.0), (1.9, 3.0)])
def test_distribution_agrees_with_zolotarevs_integral(alpha, x):
    law, exact = AlphaStable(alpha), float(_sf(alpha, x))
    assert law.sf(x) == pytest.approx(exact, rel=1e-11)  # mass of a table of relative accuracy 1e-13
    assert law.cdf(-x) == law.sf(x)
    assert law.cdf(x) == pytest.approx(1 - exact, rel=1e-12)


def test_alpha_1_is_the_cauchy_law_over_hundreds_of_decades():
    law, x = AlphaStable(1.0, 2.0), np.array([0.0, 1e-200, 1e-8, 0.3, 2.0, 1e3, 1e40, 1e150])
    assert law.pdf(x) == pytest.approx(2 / (np.pi * (4 + x**2)), rel=1e-12)
    assert law.sf(x) == pytest.approx(np.arctan2(2, x) / np.pi, rel=1e-12)
    p = np.array([1e-300, 1e-12, 0.1, 0.5, 0.75])
    assert law.quantile(p) == pytest.approx(-2 / np.tan(np.pi * p), rel=1e-11, abs=1e-15)


def test_alpha_2_is_the_gaussian_of_twice_the_squared_scale():
    law, x = AlphaStable(2.0, 3.0), np.array([0.0, 0.1, 3.0, 20.0, 60.0])
    assert law.pdf(x) == pytest.approx(np.exp(-(x**2) / 36) / (6 * math.sqrt(math.pi)), rel=1e-12)
    assert law.sf(x) == pytest.approx([math.erfc(v / 6) / 2 for v in x], rel=1e-12)
    assert law.std == pytest.approx(3 * math.sqrt(2), rel=1e-14)
    assert law.moment(4) == pytest.approx(3 * 18**2, rel=1e-14)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 1.0, 1.5, 1.95])
def test_tail_is_the_power_of_the_characteristic_function(alpha):
    law, x = AlphaStable(alpha), 1e15 ** (1 / alpha)
    power = 2 / math.pi * math.gamma(alpha) * math.sin(math.pi * alpha / 2) * 1e-15
    assert 2 * law.sf(x) == pytest.approx(power, rel=1e-11)  # the next term is x^-alpha = 1e-15 smaller


@pytest.mark.parametrize("alpha", [0.05, 0.6, 1.2, 1.7])
def test_absolute_moments_of_the_table_are_the_closed_form(alpha):
    law = AlphaStable(alpha, 0.5)
    for power in (-0.5, 0.3 * alpha, 0.8 * alpha):
        table = law._table.power_mean(power) * 0.5**power
        assert law.absolute_moment(power) == pytest.approx(table, rel=1e-11)  # the table's mass is right to 1e-13
    assert law.absolute_moment(alpha) == math.inf


@pytest.mark.parametrize("alpha", [0.7, 1.5, 2.0])
def test_moments_of_the_logarithm_give_alpha(alpha):
    law = AlphaStable(alpha, 2.5)
    log_mean = law.expectation(lambda x: np.log(np.abs(x)))
    assert law.log_mean == pytest.approx(log_mean, rel=1e-10)  # adaptive panels
    assert law.log_variance == pytest.approx(law.expectation(lambda x: (np.log(np.abs(x)) - log_mean) ** 2), rel=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 1.3])
def test_a_gaussian_average_of_the_density_is_that_of_the_characteristic_function(alpha):
    left = AlphaStable(alpha).expectation(lambda x: np.exp(-(x**2) / 2))
    assert left == pytest.approx(gaussian.expectation(lambda t: np.exp(-np.abs(t) ** alpha)), rel=1e-9)  # kink of |t|^a


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.6])
def test_sums_of_draws_follow_the_same_law(alpha):
    rng = np.random.default_rng(4)
    total = stable_draws(alpha, (3, 5000), rng).sum(axis=0) / 3 ** (1 / alpha)
    p = np.sort(AlphaStable(alpha).cdf(total))
    gap = np.max(np.abs(p - (np.arange(5000) + 0.5) / 5000))
    assert gap < 2.2 / math.sqrt(5000)  # Kolmogorov: probability 1e-4
    wrong = np.sort(AlphaStable(alpha * 1.15).cdf(total))
    assert np.max(np.abs(wrong - (np.arange(5000) + 0.5) / 5000)) > gap


def test_moments_exist_below_alpha_only():
    law = AlphaStable(1.5)
    assert law.moment(1) == 0.0
    assert law.moment(2) == law.std == math.inf
    assert math.isnan(law.moment(3))
    assert AlphaStable(2.0).tail_index == math.inf


@pytest.mark.parametrize("alpha", [0, -1, 2.1, 0.01, math.nan, None])
def test_bad_alpha_raises_one_line(alpha):
    with pytest.raises(ValueError, match=r"^alpha must (lie in \[0.05, 2\]|be positive and finite); got "):
        AlphaStable(alpha)


def test_bad_scale_and_power_raise_one_line():
    with pytest.raises(ValueError, match="scale must be positive and finite; got 0"):
        AlphaStable(1.5, 0)
    with pytest.raises(ValueError, match="power must be finite and above -1; got"):
        AlphaStable(1.5).absolute_moment(-1)
