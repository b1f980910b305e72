"""Kernels of linear networks: products of Wishart matrices, whose lower edge is hard where layers are square."""

import numpy as np
import pytest

from theory.kernels.kernel import conjugate_kernel
from theory.laws.fuss_catalan import FussCatalan

EPS = np.finfo(float).eps


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 12])
def test_a_linear_network_of_square_layers_has_the_fuss_catalan_law(depth):
    law, exact = conjugate_kernel("identity", 1, 1, depth=depth), FussCatalan(depth + 1)
    assert [law.moment(k) for k in range(5)] == pytest.approx([exact.moment(k) for k in range(5)], rel=1e-13)
    p = np.array([1e-3, 0.01, 0.1, 0.3, 0.7, 0.99])
    x = exact.quantile(p)
    assert law.cdf(x) == pytest.approx(p, abs=2e-15)  # ten panels' rounding
    assert law.sf(x) == pytest.approx(1 - p, abs=2e-15)
    # the equations' rounding over the power x^(1/(depth + 2)) by which layers differ, .001 at the least
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e3 * EPS)
    # cdf goes like that power, so quantiles have depth + 2 times the relative error of p
    assert law.quantile(p) == pytest.approx(x, rel=20 * (depth + 2) * EPS / 1e-3)
    z = np.array([-1e-6, -1.0, 1 + 0.1j, -1e-3 + 1e-3j, 1.2 * exact.bands[0][1]])
    assert law.stieltjes(z) == pytest.approx(exact.stieltjes(z), rel=1e-12)  # as the density


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_density_of_a_linear_network_keeps_its_digits_down_to_the_hard_edge(depth):
    law, exact = conjugate_kernel("identity", 1, 1, depth=depth), FussCatalan(depth + 1)
    x = 10.0 ** np.arange(-100, -1, 7)
    # the first panel's polynomial is right to some 1e-14 of the mass, and that panel holds 1/1000 of it
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=2e-11)


@pytest.mark.parametrize("off", [1e-3, -1e-3, 1e-6, -1e-6])
@pytest.mark.parametrize("depth", [1, 2])
def test_nearly_square_linear_networks_keep_their_mass_and_moments(depth, off):
    law = conjugate_kernel("identity", 1 + off, 1 + off, depth=depth)
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)  # panels are resolved to 1e-13 of all mass
    assert law.expectation(lambda x: x**2) == pytest.approx(law.moment(2), rel=1e-12)


@pytest.mark.parametrize("ratios", [(1, 1 + 1e-6), (1, 1 - 1e-3, 1 - 1e-3), (1 - 1e-3, 1 - 1e-3, 1, 1), (0.5, 1, 1)])
def test_layers_of_which_some_tie_keep_their_mass(ratios):
    law = conjugate_kernel("identity", ratios[0], ratios[1:])
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)
    assert law.expectation(lambda x: x) == pytest.approx(1, rel=1e-12)


def test_the_lower_edge_of_a_nearly_square_product_is_the_extremum_of_its_inverse_transform():
    g = 1 - 1e-3
    law = conjugate_kernel("identity", g, g, depth=2)
    # x(u) = (1 + u)/u (1 + g u)^3 has its extremum on (-1/g, -1) where 1/(1 + u) - 1/u + 3 g/(1 + g u) = 0
    u = np.min(np.roots([3 * g, 2 * g, -1.0]))
    assert -1 / g < u < -1
    # 1 + g u and 1 + u, of order 1e-3, are differences of numbers next to 1; so are those in the equations of layers
    assert law.bands[0][0] == pytest.approx((1 + u) / u * (1 + g * u) ** 3, rel=1e-11)
