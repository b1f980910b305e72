"""Levy matrices against the cavity equations in 25 digits, closed forms, limits and sampled matrices."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory import MarchenkoPastur, Semicircle, testing
from theory.heavy_tails.levy_equation import solve, stretched
from theory.laws.levy import LevyWigner, LevyWishart, density_at_zero


def _cavity(alpha, ratio, z, steps=150):
    """m(z) of X^T X from M = f(M'), M' = f(ratio M) by damped iteration, f and m by quadrature of their definitions."""
    with mp.workdps(20):
        a = mp.mpf(alpha) / 2
        p, g = mp.sqrt(-mp.mpc(z)), mp.gamma(1 - a)
        # tau = s^(1/a): the power at 0 is gone

        def f(k):
            return mp.quad(lambda s: mp.exp(-p * s ** (1 / a) - k * s), [0, 1, 4, 16, 80]) / (a * mp.gamma(a))

        column = row = mp.mpc(1)
        for _ in range(steps):
            new = f(g * row)
            column, row = (column + new) / 2, (row + f(ratio * g * column)) / 2
            if abs(new - column) < 1e-13:
                break
        h = mp.quad(lambda t: mp.exp(-p * t - g * row * t**a), [0, 0.01, 1, 4, 16, 80]) * p
        return complex(-h / z)


@pytest.mark.parametrize(("alpha", "ratio"), [(1.5, 1.0), (1.0, 0.4), (1.2, 3.0)])
def test_stieltjes_solves_the_cavity_equations(alpha, ratio):
    law = LevyWishart(alpha, ratio)
    z = complex(0.7, 0.9)
    # 1e-10: the damped iteration stops at 1e-13/(1 - contraction), the quadrature at t^a near 0
    assert law.stieltjes(z) == pytest.approx(_cavity(alpha, ratio, z), rel=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.7])
def test_density_of_levy_wigner_solves_the_single_cavity_equation_on_the_axis(alpha):
    law, x = LevyWigner(alpha), 0.8
    with mp.workdps(25):
        a, g = mp.mpf(alpha) / 2, mp.gamma(1 - mp.mpf(alpha) / 2)
        turn = mp.expjpi(mp.mpf(1) / 8)  # contour tau = r e^(i pi/8), as a real one does not converge

        def m(k):
            f = lambda s: mp.exp(1j * x * turn * s ** (1 / a) - k * turn**a * s)  # noqa: E731
            return turn**a * mp.quad(f, [0, 0.5, 2, 8, 40, 160]) / (a * mp.gamma(a))

        k = mp.findroot(lambda k: k - g * m(k), mp.mpc(g * (1 - 0.3j)), tol=1e-20)
        f = lambda r: mp.exp(1j * x * turn * r - k * turn**a * r**a)  # noqa: E731
        density = mp.re(turn * mp.quad(f, [0, 1e-6, 1e-3, 0.1, 1, 4, 16, 64, 200])) / mp.pi
    assert law.pdf(x) == pytest.approx(float(density), rel=1e-10)  # quadrature of r^a near 0


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 1.5, 1.9])
def test_density_at_zero_is_the_closed_form(alpha):
    law = LevyWigner(alpha, 3.0)
    closed = law.pdf(0.0)
    assert closed == pytest.approx(density_at_zero(alpha) / 3, rel=1e-15)
    assert law.pdf(1e-16 / closed) == pytest.approx(closed, rel=1e-12)  # even and smooth; 1e-13 s^-2 at alpha = .2
    assert 1 - 2 * law.sf(1e-13 / closed) == pytest.approx(2e-13, rel=1e-3)  # 1 - sf rounds to 1e-16


def test_density_at_zero_is_1_over_pi_for_alpha_1():
    assert LevyWigner(1.0).pdf(0.0) == pytest.approx(1 / math.pi, rel=1e-15)


@pytest.mark.parametrize("alpha", [0.6, 1.0, 1.6])
def test_tails_are_those_of_the_largest_entries_with_their_correction(alpha):
    # inverting q = y S(q) to second order, sf_W = Re: one power of x^-a further than the largest entries
    a, wishart, wigner = alpha / 2, LevyWishart(alpha), LevyWigner(alpha)
    for x in (1e3 ** (1 / a), 1e5 ** (1 / a)):
        y = x**-a
        first = y
        s1 = math.gamma(1 + 2 * a) / (2 * math.gamma(1 + a))
        # 1 - H = Gamma(1 + a)(q - s1 q^2 + ...), q = y - s1 y^2: together -2 s1 (Gamma(1 - a) y)^2; the next is cubic
        second = -2 * s1 * math.gamma(1 - a) ** 2 * math.gamma(1 + a) * math.sin(2 * math.pi * a) / (2 * math.pi * a)
        assert wishart.sf(x) == pytest.approx(first + second * y**2, rel=10 * (math.gamma(1 - a) * y) ** 2)
        assert wigner.sf(math.sqrt(x)) == pytest.approx(wishart.sf(x) / 2, rel=1e-13)
    far = 1e20 ** (1 / a)
    assert wishart.sf(far) == pytest.approx(1e-20, rel=1e-12)
    assert wishart.pdf(far) == pytest.approx(a * 1e-20 / far, rel=1e-12)


@pytest.mark.parametrize("law", [LevyWishart(1.0, 0.5), LevyWishart(1.7, 4.0), LevyWigner(0.8)], ids=repr)
def test_survival_function_and_quantile_are_inverse_over_hundreds_of_decades(law):
    p = np.array([1e-12, 1e-3, 0.1, 0.24])
    x = law.quantile(1 - p)
    assert law.sf(x) == pytest.approx(p, abs=2e-16, rel=1e-11)  # 1 - p rounds to 1e-16


def test_eigenvalues_of_both_products_agree():
    # X X^T is the law of X^T, whose entries have the tail t^-alpha/rows = (ratio^(1/alpha)/t)^alpha/cols
    alpha, ratio, x = 1.3, 2.5, np.array([0.3, 1.0, 4.0, 1e5])
    tall, wide = LevyWishart(alpha, ratio), LevyWishart(alpha, 1 / ratio, ratio ** (1 / alpha))
    assert tall.sf(x) == pytest.approx(wide.sf(x) / ratio, rel=1e-13)
    assert tall.atoms == ((0.0, pytest.approx(0.6)),)


def test_ratios_next_to_one_join_the_square_case():
    x = np.array([0.05, 0.5, 2.0, 50.0])
    for ratio in (1 - 1e-4, 1 + 1e-4):
        # the law is smooth in the ratio away from 0
        assert LevyWishart(1.4, ratio).sf(x) == pytest.approx(LevyWishart(1.4).sf(x), rel=2e-4)


def test_alpha_next_to_2_tends_to_semicircle_and_marchenko_pastur():
    alpha = 1.9
    spread = math.gamma(1 - alpha / 2) ** (1 / alpha)  # entries' variance is Gamma(1 - alpha/2) up to 2 - alpha
    u, x = np.linspace(-1.5, 1.5, 7), np.linspace(0.3, 2.2, 6)
    # 0.1: the tail beyond the edge, of mass 2 - alpha, is the first correction
    assert LevyWigner(alpha, 1 / spread).cdf(u) == pytest.approx(Semicircle().cdf(u), abs=0.1)
    assert LevyWishart(alpha, 0.3, 1 / spread).cdf(x) == pytest.approx(MarchenkoPastur(0.3).cdf(x), abs=0.1)


def test_no_moment_of_a_covariance_matrix_exists():
    law = LevyWishart(1.9, 0.5)
    assert law.moment(0) == 1.0
    assert law.mean == law.std == law.moment(3) == math.inf
    assert law.free_cumulant(1) == math.inf
    assert law.tail_index == 0.95


def test_moments_of_a_symmetric_matrix_exist_below_alpha():
    assert LevyWigner(1.5).mean == 0.0
    assert math.isnan(LevyWigner(0.9).mean)
    assert LevyWigner(1.5).std == math.inf
    assert LevyWigner(1.5).absolute_moment(1.5) == math.inf
    assert LevyWigner(1.5).absolute_moment(1.0) == pytest.approx(
        LevyWigner(1.5).expectation(np.abs), rel=1e-11  # another quadrature; the tail by panels
    )


@pytest.mark.parametrize(("alpha", "ratio"), [(0.8, 1.0), (1.3, 0.4), (1.7, 1.0)])
def test_student_entries_give_the_same_law(alpha, ratio):
    # universality: Student's t with alpha degrees of freedom, P(|T| > t) ~ c t^-alpha
    constant = 2 * math.gamma((alpha + 1) / 2) * alpha ** ((alpha - 2) / 2) / (
        math.sqrt(math.pi) * math.gamma(alpha / 2))
    n, law, gaps = 400, LevyWishart(alpha, ratio), []
    rows = round(n / ratio)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_t(alpha, (rows, n)) / (constant * rows) ** (1 / alpha)
        values = np.sort(np.linalg.eigvalsh(x.T @ x))
        gaps.append(np.max(np.abs(law.cdf(values) - (np.arange(n) + 0.5) / n)))
    # .02 is typical of stable entries at n = 400; Student's own centre moves the law by n^(1 - 2/alpha), .35 at 1.7
    assert np.mean(gaps) < (0.05 if alpha < 1.5 else 0.1)


def test_stretched_exponential_transform_agrees_with_the_error_function():
    # a = 1/2: H = 1 - sqrt(pi)/2 q e^(q^2/4) erfc(q/2)
    q = np.array([0.3 + 0.2j, 0.99 + 0j, 1.01 + 0.1j, 3 + 3j, 20j, 1e4 + 1e4j])
    with mp.workdps(40):
        exact = [complex(1 - mp.sqrt(mp.pi) / 2 * mp.mpc(v) * mp.exp(mp.mpc(v) ** 2 / 4) * mp.erfc(mp.mpc(v) / 2))
                 for v in q]
    h, s, slope = stretched(0.5, q)
    assert h == pytest.approx(np.array(exact), rel=1e-12)  # 1000 terms of a sum of roundings
    assert 1 - h == pytest.approx(math.gamma(1.5) * q * s, rel=1e-12, abs=1e-15)
    assert (stretched(0.5, q * (1 + 1e-6))[1] - s) / (1e-6 * q) == pytest.approx(slope, rel=1e-4)  # forward difference


def test_equation_that_does_not_converge_raises_with_its_residual():
    with pytest.raises(ArithmeticError, match="Levy equation must converge; residual"):
        solve(0.5, 0.5, np.array([complex(math.nan, 1.0)]))


@pytest.mark.parametrize("alpha", [0.0, -1, 2.0, 0.05, 2.5, math.nan, "x"])
def test_bad_alpha_raises_one_line(alpha):
    for law in (LevyWigner, LevyWishart):
        with pytest.raises(ValueError, match=r"^alpha must (lie in \[0.1, 1.95\]|be positive and finite); got "):
            law(alpha)


@pytest.mark.parametrize("bad", [0, -2, math.inf, None])
def test_bad_ratio_or_scale_raises_one_line(bad):
    for call in (lambda: LevyWishart(1.0, bad), lambda: LevyWishart(1.0, 1.0, bad), lambda: LevyWigner(1.0, bad)):
        with pytest.raises(ValueError, match="must be positive and finite; got "):
            call()


def test_the_suite_notices_a_wrong_tail():
    class Broken(LevyWishart):
        def pdf(self, x):
            return LevyWishart.pdf(self, x) * np.where(np.asarray(x) > 1e6, 1.001, 1.0)

    with pytest.raises(AssertionError, match="Broken"):
        testing.check(Broken(1.0))  # of the mass 1e-3 lies beyond 1e6: an error of 1e-6
