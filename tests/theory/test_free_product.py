"""Free products against Fuss-Catalan, sample covariance and projection laws, the S-transform, and matrices."""

import math

import numpy as np
import pytest

from theory.free.multiplicative import FreeProduct, free_product
from theory.free.transforms import s_transform
from theory.laws.affine import Affine
from theory.laws.fuss_catalan import FussCatalan
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform

SQUARE = MarchenkoPastur(1.0)
COIN = PointMasses([(0.0, 0.7), (1.0, 0.3)])
TWO = PointMasses([(1.0, 0.45), (8.0, 0.55)])


def _inside(law, count=101):
    return np.concatenate([low + (high - low) * np.linspace(0, 1, count + 2)[1:-1] for low, high in law.bands])


def test_two_square_wishart_laws_give_fuss_catalan_of_order_two():
    law, x = FreeProduct(SQUARE, SQUARE), np.concatenate([[1e-12, 1e-6], np.linspace(0, 6.75, 201)[1:-1]])
    assert law.bands == ((0.0, pytest.approx(6.75, rel=1e-15)),)
    q = 27 + 3 * np.sqrt(81 - 12 * x)
    density = 2 ** (1 / 3) * np.sqrt(3) / (12 * np.pi) * (2 ** (1 / 3) * q ** (2 / 3) - 6 * x ** (1 / 3))
    # 1e-11: at x = 6.72 the closed form and the fixed point both lose the two digits of the distance to the edge
    assert law.pdf(x) == pytest.approx(density / (x ** (2 / 3) * q ** (1 / 3)), rel=1e-11)
    assert law.pdf(x) == pytest.approx(FussCatalan(2).pdf(x), rel=1e-11)


def test_three_square_wishart_laws_give_fuss_catalan_of_order_three():
    law, exact = FreeProduct(FreeProduct(SQUARE, SQUARE), SQUARE), FussCatalan(3)
    assert law.bands[0] == pytest.approx((0.0, 256 / 27), rel=1e-11)  # the inner law is differentiated numerically
    x = _inside(exact, 21)
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e-10)  # rounding over the distance to the edge, twice


def test_stieltjes_transform_of_the_product_solves_its_cubic():
    law = FreeProduct(SQUARE, SQUARE)
    z = np.array([-0.5 + 0.1j, 2 + 0.3j, 8 + 1e-3j, -3 - 1j, 1e-3 + 1e-3j, -1e-3, -40.0, 6.8, 1e4, -1 + 1e-9j])
    generating = -z * law.stieltjes(z)  # B = 1 + B^3/z
    assert generating - 1 == pytest.approx(generating**3 / z, rel=1e-11, abs=1e-13)  # z = 6.8 is .05 off the edge
    assert law.stieltjes(-1.0) == pytest.approx(0.6823278038280193, rel=1e-14)  # the real root of m^3 + m = 1


@pytest.mark.parametrize(("ratio", "population"), [(0.5, TWO), (2.0, COIN), (0.05, TWO), (1.0, TWO)])
def test_wishart_times_atoms_is_the_generalized_marchenko_pastur_law(ratio, population):
    law, exact = FreeProduct(MarchenkoPastur(ratio), population), GeneralizedMarchenkoPastur(ratio, population)
    assert np.array(law.bands) == pytest.approx(np.array(exact.bands), rel=1e-12, abs=1e-13)
    x = _inside(exact)
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e-10)  # rounding over the distance to the edge, 1e-2
    assert dict(law.atoms) == pytest.approx(dict(exact.atoms))
    assert free_product(population, MarchenkoPastur(ratio)) == exact


@pytest.mark.parametrize(("p", "q"), [(0.7, 0.7), (0.7, 0.4), (0.2, 0.4)])
def test_products_of_projections_have_the_jacobi_density(p, q):
    law = FreeProduct(PointMasses([(0.0, 1 - p), (1.0, p)]), PointMasses([(0.0, 1 - q), (1.0, q)]))
    root = math.sqrt(4 * p * q * (1 - p) * (1 - q))
    low, high = p + q - 2 * p * q - root, p + q - 2 * p * q + root
    x = _inside(law)
    assert law.bands[0] == pytest.approx((low, high), abs=1e-13)
    exact = np.sqrt((x - low) * (high - x)) / (2 * np.pi * x * (1 - x))
    assert law.pdf(x) == pytest.approx(exact, rel=1e-10)
    atoms = {0.0: 1 - min(p, q)} | ({1.0: p + q - 1} if p + q > 1 else {})
    assert dict(law.atoms) == pytest.approx(atoms)


def test_an_atom_between_bands_has_gaps_on_both_sides():
    law = FreeProduct(PointMasses([(1.0, 0.45), (5.0, 0.55)]), PointMasses([(1.0, 0.17), (1.3, 0.83)]))
    assert dict(law.atoms) == pytest.approx({1.3: 0.28, 6.5: 0.38})
    assert law.bands[0][1] < 1.3 < law.bands[1][0] < law.bands[1][1] < 6.5
    assert law.cdf(3.0) == pytest.approx(0.45, abs=1e-11)  # exact separation, through both gaps


@pytest.mark.parametrize("pair", [(MarchenkoPastur(0.4), Uniform(1.0, 2.0)), (TWO, Uniform(0.5, 1.0)), (TWO, TWO)])
def test_s_transforms_multiply(pair):
    law, z = FreeProduct(*pair), np.array([-0.9, -0.5, -1e-3, 0.0, 0.2])
    expected = s_transform(pair[0], z) * s_transform(pair[1], z)
    assert s_transform(law, z) == pytest.approx(expected, rel=1e-10)  # inverting the solved equation once more


def test_products_of_bands_touching_zero_start_at_zero():
    assert FreeProduct(Uniform(0.0, 1.0), TWO).bands[0][0] == 0
    assert FreeProduct(MarchenkoPastur(2.0), MarchenkoPastur(2.0)).atoms == ((0.0, 0.5),)
    assert FreeProduct(Uniform(1.0, 2.0), TWO).stieltjes(0.0) == pytest.approx(math.log(2) * (0.45 + 0.55 / 8))


def test_mean_and_variance_are_those_of_free_variables():
    law = FreeProduct(TWO, Uniform(1.0, 2.0))
    assert law.mean == pytest.approx(law.moment(1), rel=1e-11)
    assert law.std**2 == pytest.approx(law.moment(2) - law.moment(1) ** 2, rel=1e-10)


@pytest.mark.parametrize("pair", [(MarchenkoPastur(0.5), Uniform(1.0, 4.0)), (COIN, TWO)])
def test_rotated_matrices_multiply_to_the_law(pair):
    law, n = FreeProduct(*pair), 400
    values = np.linalg.eigvalsh(law.sample_matrix(n, np.random.default_rng(1)))
    rank = (np.arange(n) + 0.5) / n
    inside = law.pdf(values) > 0
    assert np.max(np.abs(law.cdf(values) - rank)[inside]) < 8 / n  # as for sums
    assert max(values) == pytest.approx(law.bands[-1][1], rel=0.05)  # n^(-2/3) = .018


def test_a_population_of_both_signs_is_a_generalised_marchenko_pastur_law():
    # the free cumulants of the product with Marchenko-Pastur of ratio 1 are the moments of the population
    law = free_product(Semicircle(), SQUARE)
    assert [law.moment(k) for k in (1, 2, 3, 4)] == pytest.approx([0.0, 1.0, 0.0, 4.0], abs=1e-8)
    assert law.bands[0][0] == pytest.approx(-law.bands[-1][1], rel=1e-10)


def test_negative_values_and_constants_are_refused_or_scaled():
    assert free_product(SQUARE, PointMasses([(2.0, 1.0)])) == MarchenkoPastur(1.0, 2.0)
    with pytest.raises(ValueError, match=r"^second must be >= 0 and not the constant 0; got support from"):
        free_product(SQUARE, PointMasses([(0.0, 1.0)]))
    for bad in (Semicircle(), Affine(SQUARE, 1.0, -0.5), PointMasses([(-2.0, 1.0)])):
        with pytest.raises(ValueError, match=r"^(one factor|second) must be >= 0.*; got support from"):
            free_product(Uniform(-1.0, 2.0), bad)
    assert free_product(SQUARE, PointMasses([(-2.0, 1.0)])) == SQUARE.scaled(-2.0)
    with pytest.raises(ValueError, match=r"^first must not be constant; got .*; use free_product"):
        FreeProduct(PointMasses([(2.0, 1.0)]), SQUARE)
    assert FreeProduct(SQUARE, SQUARE).scaled(-1.0).bands == ((-6.75, 0.0),)


@pytest.mark.parametrize("small", [0.1, 1e-2, 1e-4, 1e-6])
def test_a_pair_of_values_decades_apart_times_itself_is_symmetric(small):
    # x -> small^2/x maps the law to itself: both factors are inverse to themselves times `small`
    pair = PointMasses([(small, 0.5), (1.0, 0.5)])
    law = free_product(pair, pair)
    y = small * (1 / small) ** np.array([1e-3, 0.1, 0.5, 0.9, 0.99, 0.999])
    x = small**2 / y
    # 1e-12: the rounding of x next to the hard edges at small^2 and 1
    assert x * law.pdf(x) == pytest.approx(y * law.pdf(y), rel=1e-11)
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)
    assert law.cdf(small) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [(2, 2), (1.5, 2.5), (3, 3), (5, 5)])
def test_the_mass_at_hard_edges_of_higher_order_is_kept(first, second):
    # pdf ~ x^(-k/(k + 1)), k = first + second: a power series in x^(1/(k + 1)), resolved to 1e-14 per panel
    law, exact = free_product(FussCatalan(first), FussCatalan(second)), FussCatalan(first + second)
    x = np.array([1e-12, 1e-6, 1e-2, 1.0])
    assert law.cdf(x) == pytest.approx(exact.cdf(x), abs=1e-13)
    assert law.sf(x) == pytest.approx(exact.sf(x), abs=1e-13)
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-13)
