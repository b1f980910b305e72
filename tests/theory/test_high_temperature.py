"""The high-temperature Marchenko-Pastur law against Tricomi's function in 40 digits, limits and sampled ensembles."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory import MarchenkoPastur, testing
from theory.heavy_tails.associated_laguerre import associated_laguerre, continued_fraction
from theory.laws.high_temperature import HighTemperatureMarchenkoPastur as Law
from theory.laws.high_temperature import InverseHighTemperatureMarchenkoPastur as InverseLaw


def _pdf(law, x):
    """The density as published, with ratio on either side of 1: for a below -1 the formula is that of the transpose."""
    with mp.workdps(40 + int(law.kappa)):
        b = mp.mpf(law.kappa) / 2
        c = b / (mp.mpf(law.ratio) * law.variance)
        a, y = b * (1 / mp.mpf(law.ratio) - 1) - 1, c * mp.mpf(x)
        u = mp.hyperu(b, -a, mp.mpc(-y, 0))
        return float(c * y**a * mp.exp(-y) / (mp.gamma(b + 1) * mp.gamma(a + b + 1) * abs(u) ** 2))


@pytest.mark.parametrize("law", [Law(0.5, 2.0), Law(0.8, 0.7), Law(0.3, 13.0, 5.0), Law(0.5, 60.0), Law(1e-4, 2e-3),
                                 Law(0.95, 3.0), Law(1.5, 3.3)], ids=repr)
def test_density_is_that_of_tricomis_function(law):
    size = law.mean
    points = [0.01, 0.5, 1.0, 2.5] if law.kappa < 30 else [0.5, 1.0, 1.6]
    for x in points:
        # 1e-11: hundreds of Taylor steps with some 20 roundings of 1e-16 each
        assert law.pdf(x * size) == pytest.approx(_pdf(law, x * size), rel=1e-11)


def test_density_keeps_its_digits_in_both_tails():
    law = Law(0.5, 3.0)  # y = 3 x, a = .5
    for x in (1e-200, 1e-20, 1e-6, 20.0, 80.0, 200.0):
        assert law.pdf(x) == pytest.approx(_pdf(law, x), rel=1e-11)
    assert law.cdf(1e-100) == pytest.approx(law.pdf(1e-100) * 1e-100 / 1.5, rel=1e-12)
    assert law.sf(200.0) == pytest.approx(law.pdf(200.0) / 3, rel=0.02)  # e^-y y^..: first correction a/y


@pytest.mark.parametrize(("ratio", "kappa"), [(0.5, 2000.0), (0.01, 2000.0), (0.99, 2000.0), (0.5, 0.5), (1e-4, 2e-3)])
def test_table_reproduces_the_moments_of_the_jacobi_matrix(ratio, kappa):
    law = Law(ratio, kappa)
    for k in (1, 2, 5):
        # mass, mean and spread together fix normalisation, place and width; 1e-10 at 2000 Taylor steps
        assert law.expectation(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=1e-10)
    assert law.moment(2) == pytest.approx(1 + ratio * (1 + 2 / kappa), rel=1e-13)
    assert law.std**2 == pytest.approx(ratio * (1 + 2 / kappa), rel=1e-14)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.7), (40.0, 3.0), (2.0, 20.0)])
def test_stieltjes_is_a_ratio_of_tricomis_functions(a, b):
    ratio = 1 / (1 + (a + 1) / b)
    law = Law(ratio, 2 * b)
    unit = (a + b + 1)
    for z in (-1.0, -0.01, 3 + 0.5j, 0.4 - 0.1j):
        with mp.workdps(40 + int(b)):
            y = -mp.mpc(z) * unit
            y = y if z.imag <= 0 else mp.conj(y)  # principal values of U hold in the half plane Im y >= 0 and below
            exact = unit * mp.hyperu(b + 1, 1 - a, y) / mp.hyperu(b, -a, y)
            exact = complex(exact if z.imag <= 0 else mp.conj(exact))
        assert law.stieltjes(complex(z)) == pytest.approx(exact, rel=1e-11)


def test_vanishing_repulsion_gives_the_gamma_law():
    shape, kappa = 2.5, 1e-4
    law = Law(kappa / 2 / shape, kappa)
    x = np.array([0.05, 0.5, 1.0, 3.0])
    gamma = shape**shape * x ** (shape - 1) * np.exp(-shape * x) / math.gamma(shape)
    assert law.pdf(x) == pytest.approx(gamma, rel=1e-3)  # first order in kappa/2 = 5e-5 times logarithms


@pytest.mark.parametrize("ratio", [0.25, 0.9, 4.0])
def test_strong_repulsion_gives_marchenko_pastur(ratio):
    x = np.linspace(0.05, 4, 30)
    for kappa in (200.0, 2000.0):
        # the correction to smooth averages is O(1/kappa); the cdf oscillates by as much
        gap = np.max(np.abs(Law(ratio, kappa).cdf(x) - MarchenkoPastur(ratio).cdf(x)))
        assert gap < 4 / kappa * max(1, ratio)


def test_scale_and_transpose_are_exact():
    law, x = Law(0.4, 3.0), np.array([0.1, 1.0, 4.0])
    assert Law(0.4, 3.0, 1e-200).pdf(x * 1e-200) == pytest.approx(1e200 * law.pdf(x), rel=1e-12)
    # X X^T has the nonzero eigenvalues of X^T X: kappa = beta cols
    assert Law(2.5, 7.5).sf(x) == pytest.approx(law.sf(x / 2.5) / 2.5, rel=1e-13)
    assert Law(2.5, 7.5).atoms == ((0.0, pytest.approx(0.6)),)
    assert Law(2.5, 7.5).mean == pytest.approx(1, rel=1e-13)


@pytest.mark.parametrize(("ratio", "kappa"), [(0.5, 1.0), (0.8, 20.0), (2.0, 5.0)])
def test_sampled_ensembles_follow_the_law(ratio, kappa):
    law, n, draws = Law(ratio, kappa), 200, 12
    values = np.concatenate([np.linalg.eigvalsh(law.sample_matrix(n, np.random.default_rng(s))) for s in range(draws)])
    values = np.sort(np.where(values < 1e-12, 0, values))
    gap = np.abs(law.cdf(values) - (np.arange(values.size) + 0.5) / values.size)[values > 0]
    assert np.max(gap) < 2 / math.sqrt(values.size) + 1 / n  # independent draws at worst, and a bias of 1/n
    other = Law(ratio, 4 * kappa)
    assert np.max(np.abs(other.cdf(values) - law.cdf(values))) > 2 / math.sqrt(values.size) / 4


def test_inverse_law_has_the_tail_index_and_mean_of_its_formula():
    law = InverseLaw(0.2, 1.5, 2.0)  # p = 3
    assert law.tail_index == pytest.approx(3, rel=1e-14)
    assert law.mean == pytest.approx(1 / (1 - 0.2 - 2 * 0.2 / 1.5) / 2, rel=1e-12)
    assert law.moment(3) == math.inf
    assert law.sf(1e80) / law.sf(1e81) == pytest.approx(1e3, rel=1e-11)
    x = np.array([0.1, 0.7, 5.0, 300.0])
    assert law.pdf(x) == pytest.approx(Law(0.2, 1.5, 2.0).pdf(1 / x) / x**2, rel=1e-12)
    p = np.array([1e-9, 0.3, 1 - 1e-9])
    assert law.quantile(p) == pytest.approx(1 / Law(0.2, 1.5, 2.0).quantile(1 - p), rel=1e-6)  # 1 - 1e-9 keeps 7 digits


def test_inverse_law_is_that_of_inverted_matrices():
    law = InverseLaw(0.5, 4.0)
    matrix, inverse = (one.sample_matrix(50, np.random.default_rng(1)) for one in (Law(0.5, 4.0), law))
    assert matrix @ inverse == pytest.approx(np.eye(50), abs=1e-9)  # condition number 1e4


def test_continued_fraction_next_to_the_axis_raises_with_its_residual():
    with pytest.raises(ArithmeticError, match="continued fraction must converge; residual"):
        continued_fraction(0.0, 1.0, np.array([2.0 + 1e-9j]))


def test_mass_of_the_table_is_one_without_normalisation():
    # the Wronskian fixes the density; its integral is then a check, made on every construction to 1e-9
    table = associated_laguerre(0.3, 0.7)
    with mp.workdps(30):
        u = mp.hyperu(mp.mpf("0.7"), mp.mpf("-0.3"), mp.mpc(-1, 0))
        exact = mp.exp(-1) / (mp.gamma(1.7) * mp.gamma(2) * abs(u) ** 2)
    assert math.exp(table.log_density(np.zeros(1))[0]) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("bad", [0, -1, math.inf, "x"])
def test_bad_parameters_raise_one_line(bad):
    for call in (lambda: Law(bad, 1.0), lambda: Law(0.5, bad), lambda: Law(0.5, 2.0, bad),
                 lambda: InverseLaw(bad, 1.0)):
        with pytest.raises(ValueError, match=r"^(ratio|kappa|variance) must be positive and finite; got "):
            call()


def test_ratios_whose_quantiles_underflow_raise_one_line():
    for ratio, kappa in ((1.0, 2.0), (0.999, 2.0), (1.001, 2.0), (0.5, 0.01)):
        with pytest.raises(ValueError, match=r"^power of x in cdf at 0 must be at least 0.05; got .*; pass "):
            Law(ratio, kappa)
    with pytest.raises(ValueError, match=r"^ratio must be below 1; got 2; "):
        InverseLaw(2, 4.0)


def test_the_suite_notices_a_wrong_power_at_zero():
    class Broken(Law):
        def pdf(self, x):
            return Law.pdf(self, x) * (1 + 1e-5 * np.exp(-np.asarray(x)))

    with pytest.raises(AssertionError, match="Broken"):
        testing.check(Broken(0.5, 2.0))
