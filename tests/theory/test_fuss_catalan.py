"""The Fuss-Catalan law against 40-digit arithmetic, the closed density of order 2, limits and products of matrices."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory.angles import raney
from theory.angles.monotone import Inverse
from theory.laws.fuss_catalan import FussCatalan
from theory.laws.marchenko_pastur import MarchenkoPastur

ORDERS = [0.01, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 7.3, 40.0]


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(90):  # an angle 1e-31 from the end of its range costs as many
        yield


def _at(s, u):
    """x, pdf and P(X > x) at the angle u, from the parametric form."""
    s = mp.mpf(s)
    a = s + 1
    x = mp.sin(a * u) ** a / (mp.sin(u) * mp.sin(s * u) ** s)
    pdf = mp.sin(u) * mp.sin(a * u) / (mp.pi * x * mp.sin(s * u))
    return x, pdf, (a * u - s * mp.sin(u) * mp.sin(a * u) / mp.sin(s * u)) / mp.pi


def _exact(s, x):
    """pdf and P(X > x) at a double x, by the angle found between brackets: from the end of the range that is nearer."""
    edge = (mp.mpf(s) + 1) * ((mp.mpf(s) + 1) / s) ** mp.mpf(s)
    wanted, top = mp.log(edge / mp.mpf(x)), mp.pi / (mp.mpf(s) + 1)
    angle = (lambda t: top - mp.exp(t)) if wanted > 5 else (lambda t: mp.exp(t))
    t = mp.findroot(lambda t: mp.log(mp.log(edge / _at(s, angle(t))[0]) / wanted),
                    (-80 + mp.log(top), mp.log(top) - 1e-6), solver="anderson", tol=1e-90, maxsteps=400, verify=False)
    found, pdf, above = _at(s, angle(t))
    assert abs(found / x - 1) < mp.mpf(10) ** -25
    return pdf, above


def _points(law):
    high = law.bands[0][1]
    return [high * f for f in (1e-30, 1e-12, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6, 1 - 1e-9)]


@pytest.mark.parametrize("order", ORDERS)
def test_density_and_distribution_are_right_to_1e_13_at_both_ends(order):
    law = FussCatalan(order)
    for x in _points(law):
        pdf, above = _exact(order, x)
        # measured 1.5e-14 at orders .01 and 40, where terms larger by max(2/(3 s), 2 s/3) cancel; 3e-15 between
        assert abs(law.pdf(x) / pdf - 1) < 1e-13
        assert abs(law.cdf(x) / (1 - above) - 1) < 1e-13
        assert abs(law.sf(x) / above - 1) < 1e-13


@pytest.mark.parametrize("order", ORDERS)
def test_quantile_is_right_to_1e_12_of_the_width(order):
    law = FussCatalan(order)
    for p in (1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999):
        x = law.quantile(p)
        if x > 1e-300:
            pdf, above = _exact(order, x)
            error = (1 - above - mp.mpf(p)) / pdf
            assert abs(error) < 1e-12 * law.bands[0][1]
            assert abs(error) < 1e-12 * x + 2 * np.spacing(1.0) / pdf  # and relatively, down to the hard edge


@pytest.mark.parametrize(("order", "k"), [(0.5, 0), (0.5, 2), (3.0, 0), (3.0, 1), (3.0, 2)])
def test_parametric_form_has_the_raney_numbers_as_moments(order, k):
    # the formula itself, by quadrature in 20 digits: E X^k = C((s+1) k, k)/(s k + 1)
    def integrand(u):
        return -_at(order, u)[0] ** k * mp.diff(lambda v: _at(order, v)[2], u)

    with mp.workdps(20):
        top = mp.pi / (mp.mpf(order) + 1)
        value = -mp.quad(integrand, [0, top / 2, top])
    assert float(value) == pytest.approx(FussCatalan(order).moment(k), rel=1e-10)


def test_order_two_has_the_density_of_penson_and_zyczkowski():
    x = np.linspace(0.01, 6.7, 23)
    root = 27 + 3 * np.sqrt(81 - 12 * x)
    expected = (2 ** (1 / 3) * math.sqrt(3) / (12 * math.pi)
                * (2 ** (1 / 3) * root ** (2 / 3) - 6 * x ** (1 / 3)) / (x ** (2 / 3) * root ** (1 / 3)))
    assert FussCatalan(2).pdf(x) == pytest.approx(expected, rel=1e-12)  # the formula cancels near the edge


def test_order_one_is_marchenko_pastur_of_ratio_one():
    law, other, x = FussCatalan(1), MarchenkoPastur(1.0), np.linspace(1e-3, 3.999, 29)
    for f in ("pdf", "cdf", "sf"):
        assert getattr(law, f)(x) == pytest.approx(getattr(other, f)(x), rel=1e-13)
    z = np.array([0.3 + 0.1j, -2.0, 5.0, 1 - 3j, 4.001])
    assert law.stieltjes(z) == pytest.approx(other.stieltjes(z), rel=1e-12)
    assert [law.free_cumulant(k) for k in range(1, 7)] == [1] * 6


def test_moments_are_fuss_catalan_numbers():
    assert [FussCatalan(2).moment(k) for k in range(7)] == [1, 1, 3, 12, 55, 273, 1428]
    assert [FussCatalan(3).moment(k) for k in range(6)] == [1, 1, 4, 22, 140, 969]
    assert [FussCatalan(3).free_cumulant(k) for k in range(1, 6)] == [1, 3, 12, 55, 273]


@pytest.mark.parametrize("order", ORDERS)
def test_expectations_reproduce_the_moments(order):
    law = FussCatalan(order)
    for k in (0, 1, 2, 3):
        assert law.expectation(lambda x, k=k: x**k) == pytest.approx(law.moment(k), rel=1e-13)


@pytest.mark.parametrize("order", ORDERS)
def test_stieltjes_transform_solves_its_equation_on_the_right_branch(order):
    law = FussCatalan(order)
    edge = law.bands[0][1]
    for z in (-1e-200, -0.3, -1e9, 1.001, 3.0, 1e15, 0.2 + 1e-8j, 0.9 - 1e-3j, 1 + 1e-4j, 5e-4 + 1e-9j, 1e6j, -2 - 1j):
        value = law.stieltjes(z * edge)
        b = -value * z * edge
        w, c, a = mp.mpmathify(complex(z * edge)), mp.mpmathify(complex(b)), mp.mpf(order) + 1
        error = (c - 1 - c**a / w) / (1 - a * c ** (a - 1) / w) / c  # one exact Newton step
        # next to the branch point the equation magnifies the rounding of z by 1/sqrt(z/edge - 1) = 100
        assert abs(error) < 1e-12
        # the branch: m maps each half plane into itself, is positive below the support and negative above it
        assert value.imag * np.imag(z) > 0 if np.imag(z) else value * z < 0


def test_imaginary_part_of_the_transform_is_the_density():
    for order in ORDERS:
        law = FussCatalan(order)
        x = law.quantile(np.array([0.2, 0.5, 0.8]))
        x = x[x > 1e-9]
        limit = law.stieltjes(x + 1e-13j * x).imag / np.pi
        assert limit == pytest.approx(law.pdf(x), rel=1e-9)  # 1e-13 relative step, magnified by the order at most


def test_a_generating_function_that_does_not_exist_is_reported():
    with pytest.raises(ArithmeticError, match="must be solved to 1e-12; residual"), np.errstate(all="ignore"):
        raney.generating_function(np.array([0j]), 1.0)
    assert math.isnan(FussCatalan(2).stieltjes(0.0))


def test_an_inverse_that_cannot_converge_raises_with_its_residual():
    wrong = Inverse(lambda t: (t + t**3, -1 - 3 * t**2), 1.0)
    with pytest.raises(ArithmeticError, match=r"inverse must converge; residual .* of"), np.errstate(all="ignore"):
        wrong(np.array([0.3]))


def test_inverse_of_a_power_is_exact_over_three_hundred_decades():
    inverse = Inverse(lambda t: (t**2, 2 * t), 2.0)
    values = np.array([0.0, 1e-300, 1e-9, 1.0, 4.0, 5.0, np.nan])
    expected = np.array([0, 1e-150, 10**-4.5, 1, 2, 2, np.nan])
    # the rounding of a logarithm of 345 is 4e-14
    assert inverse(values) == pytest.approx(expected, rel=1e-13, abs=0, nan_ok=True)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_products_of_gaussian_matrices_follow_the_law(order):
    law = FussCatalan(order)
    for seed in range(2):
        values = np.sort(np.linalg.eigvalsh(law.sample_matrix(300, np.random.default_rng(seed))))
        rank = np.arange(1, 301) / 300
        assert np.max(np.abs(law.cdf(values) - rank)) < 5 / 300  # eigenvalues repel: largest of 150 draws 4.2/n


def test_bad_orders_raise_one_line():
    for bad in (0, -1, math.nan, math.inf, "x", None):
        with pytest.raises(ValueError, match=r"^order must be positive and finite; got .*; pass [^\n]*$"):
            FussCatalan(bad)
