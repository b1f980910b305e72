"""Hard edges at 0, where the density grows like a negative power: transforms, masses and S-transforms next to them."""

import mpmath as mp
import numpy as np
import pytest

from theory import (
    Exponential,
    FreeProduct,
    MarchenkoPastur,
    PointMasses,
    Semicircle,
    Uniform,
    conjugate_kernel,
    free_power,
    free_product,
    s_transform,
)
from theory.laws.fuss_catalan import FussCatalan

EPS = np.finfo(float).eps
NEAR = -1 + 10.0 ** -np.arange(1, 11)


@pytest.mark.parametrize("order", [0.5, 1, 2, 3, 6])
def test_the_s_transform_keeps_its_digits_towards_minus_one(order):
    # a root in log t of 60 to 100 is right to some 1e-14
    exact = (1 + NEAR) ** -order
    assert s_transform(FussCatalan(order), NEAR) == pytest.approx(exact, rel=1e-13)
    product = free_product(FussCatalan(order), FussCatalan(0.5))
    assert s_transform(product, NEAR) == pytest.approx(exact * (1 + NEAR) ** -0.5, rel=1e-13)


def test_the_s_transform_is_right_down_to_the_mass_at_zero():
    # S = 1/(1 + ratio z) towards -1/ratio; ratio z + 1 has the rounding of z over its distance from there
    distance = 10.0 ** -np.arange(1, 9)
    z = -0.5 + distance
    assert s_transform(MarchenkoPastur(2.0), z) == pytest.approx(1 / (1 + 2 * z), rel=1e-6)
    assert s_transform(MarchenkoPastur(2.0), z[:4]) == pytest.approx(1 / (1 + 2 * z[:4]), rel=1e-11)
    assert s_transform(MarchenkoPastur(1.0), NEAR) == pytest.approx(1 / (1 + NEAR), rel=1e-13)


def test_the_s_transform_of_a_density_that_ends_at_zero_meets_mpmath():
    with mp.workdps(30):
        for distance in (1e-2, 1e-6):
            q = mp.mpf(-1 + distance) + 1
            t = mp.findroot(lambda t, q=q: t * mp.exp(t) * mp.e1(t) - q, (q / 100, q), "anderson")  # E t/(t + X)
            assert s_transform(Exponential(1.0), -1 + distance) == pytest.approx(float(q / (1 - q) / t), rel=1e-13)


def test_the_s_transform_of_a_linear_network_is_a_power_as_far_as_its_equations_reach():
    # rounding of the equations over x^(1/4), which is 1 + z
    found = s_transform(conjugate_kernel("identity", 1, 1, depth=2), NEAR[:6])
    assert np.all(np.abs(found * (1 + NEAR[:6]) ** 3 - 1) < 4 * EPS / (1 + NEAR[:6]))


def test_the_range_of_the_s_transform_ends_at_minus_one():
    with pytest.raises(ValueError, match=r"z must lie in \(-1, 0.333333\)"):
        s_transform(FussCatalan(3), -1.0)


@pytest.mark.parametrize("order", [0.5, 1, 3])
def test_the_transform_on_the_negative_axis_is_one_from_both_sides(order):
    law = FussCatalan(order)
    for x in (-1e-9, -0.3, -50.0):
        assert law.stieltjes(complex(x, -0.0)) == pytest.approx(law.stieltjes(x), rel=1e-14)
        assert law.stieltjes(complex(x, 0.0)) == pytest.approx(law.stieltjes(x), rel=1e-14)


@pytest.mark.parametrize(("first", "second"), [(0.5, 0.25), (2, 1), (3, 3), (4, 4), (10, 10)])
def test_products_of_fuss_catalan_laws_have_the_law_of_the_summed_order(first, second):
    law, exact = free_product(FussCatalan(first), FussCatalan(second)), FussCatalan(first + second)
    p = np.array([1e-3, 0.01, 0.1, 0.5, 0.9])
    x = exact.quantile(p)
    assert law.cdf(x) == pytest.approx(p, abs=5e-14)  # panels are halved to 1e-14 of the mass, each
    assert law.sf(x) == pytest.approx(1 - p, abs=5e-14)
    # p of .001 has 5e-11 of itself, times the order plus one
    assert law.quantile(p) == pytest.approx(x, rel=5e-11 * (first + second + 1))
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e-13)


def test_a_hard_edge_with_a_logarithm_keeps_its_mass():
    # E 1/X of the uniform law diverges like a logarithm, and no power of x makes the density smooth
    law = free_product(FussCatalan(3), Uniform(0.0, 2.0))
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)  # some 30 panels of 1e-14
    assert law.expectation(lambda x: x**2) == pytest.approx(law.mean**2 + law.std**2, rel=1e-12)


@pytest.mark.parametrize("power", [1.001, 1.0001, 1.00001])
def test_powers_next_to_one_of_a_hard_edge_keep_their_mass_and_find_their_edge(power):
    law = free_power(FussCatalan(3), power)
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-13)  # some 30 panels of 1e-14
    assert law.expectation(lambda x: x) == pytest.approx(power, rel=1e-13)
    # w = -q^4/(1 - q) and F = -q^3/(1 - q) for q = 1 + psi(1/w): x = power w - (power - 1) F is largest at the edge
    with mp.workdps(40):
        q = 0.75 * (mp.mpf(power) - 1)  # to leading order
        q = mp.findroot(lambda q: mp.diff(lambda q: (-power * q**4 + (power - 1) * q**3) / (1 - q), q), q)
        edge = (-power * q**4 + (power - 1) * q**3) / (1 - q)
    # the edge is a difference of terms of its own size; power - 1 has the rounding of power over itself
    assert law.bands[0][0] == pytest.approx(float(edge), rel=1e-13)
    assert law.bands[0][0] > 0


COIN, WIDE = PointMasses([(0.0, 0.7), (1.0, 0.3)]), MarchenkoPastur(2.0)


@pytest.mark.parametrize(
    "law",
    [
        FreeProduct(COIN, COIN),
        FreeProduct(COIN.scaled(1e8), COIN),
        free_product(WIDE, WIDE),
        FreeProduct(FreeProduct(WIDE, WIDE), WIDE),
    ],
    ids=["coins", "scaled coins", "two wide matrices", "three wide matrices"],
)
def test_a_hard_edge_beside_a_mass_at_zero_keeps_its_mass(law):
    # 100 decades down the rounding of the mass at 0 is all that is left of the transform
    assert law.bands[0][0] == 0
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)
    assert law.expectation(lambda x: x) == pytest.approx(law.mean, rel=1e-12)


def test_a_signed_product_finds_its_edges_beside_a_law_that_reaches_zero():
    law = free_product(FussCatalan(1), Semicircle(1.0))  # its gaps share their nodes with those of sums
    assert law.bands[0][0] == pytest.approx(-law.bands[-1][1], rel=1e-12)
