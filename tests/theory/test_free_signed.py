"""Free products with a law of both signs against squares, moments of free variables, Marchenko-Pastur and matrices."""

import math

import numpy as np
import pytest

from theory.free.multiplicative import FreeProduct, free_product
from theory.laws.affine import Affine
from theory.laws.f_matrix import FMatrix
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform
from theory.laws.wachter import Wachter

COIN = PointMasses([(0.0, 0.5), (1.0, 0.5)])
SIGN = PointMasses([(-1.0, 0.5), (1.0, 0.5)])
TWO = PointMasses([(1.0, 0.5), (4.0, 0.5)])
UNIFORM = Uniform(1.0, 2.0)
PAIRS = [
    (UNIFORM, Semicircle(1.0)),
    (TWO, Uniform(-1.0, 2.0)),
    (TWO, SIGN),
    (Uniform(0.0, 1.0), SIGN),
    (PointMasses([(-1.0, 0.3), (0.0, 0.2), (2.0, 0.5)]), UNIFORM),
    (COIN, Uniform(-1.0, 2.0)),
    (PointMasses([(-1.0, 0.2), (3.0, 0.8)]), PointMasses([(1.0, 0.6), (1.5, 0.4)])),
    (Uniform(0.0, 1.0), Semicircle(1.0)),
    (UNIFORM, Semicircle(1.0).shifted(-5.0)),
]


def _inside(law, count=101):
    return np.concatenate([low + (high - low) * np.linspace(0, 1, count + 2)[1:-1] for low, high in law.bands])


def _third(first, second):
    """E (AB)^3 of free A, B in moments a_j, b_j: the sum over non-crossing partitions of 3 with their complements."""
    (a1, a2, a3), (b1, b2, b3) = ([law.moment(k) for k in (1, 2, 3)] for law in (first, second))
    k2, k3 = a2 - a1**2, a3 - 3 * a1 * a2 + 2 * a1**3  # free cumulants of A
    return k3 * b1**3 + 3 * k2 * a1 * b1 * b2 + a1**3 * b3


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_moments_are_those_of_free_variables(first, second):
    law = free_product(first, second)
    assert law.cdf(math.inf) == 1
    assert law.moment(1) == pytest.approx(first.mean * second.mean, abs=1e-10 * law.std)
    assert law.moment(2) == pytest.approx(law.std**2 + law.mean**2, rel=1e-10)
    assert law.moment(3) == pytest.approx(_third(first, second), abs=1e-10 * (law.moment(2) + law.std) ** 1.5)
    other = free_product(second, first)
    assert np.array(other.bands) == pytest.approx(np.array(law.bands), rel=1e-12)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_rotated_matrices_multiply_to_the_law(first, second):
    law, n = free_product(first, second), 400
    values = np.linalg.eigvalsh(law.sample_matrix(n, np.random.default_rng(2)))
    for x, _ in law.atoms:
        values = np.where(np.abs(values - x) < 1e-9, x, values)
    rank = np.arange(n) / n
    gap = max(np.max(rank + 1 / n - law.cdf(values)), np.max(law.cdf(np.nextafter(values, -np.inf)) - rank))
    assert gap < 8 / n  # as for positive products; 2.4/n to 3.5/n measured


@pytest.mark.parametrize("first", [UNIFORM, TWO, Uniform(0.0, 1.0)])
def test_squares_of_products_with_signs_are_products_of_two_copies(first):
    # (A x B)^2 = A x A x B^2 for symmetric B (Arizmendi and Perez-Abreu 2009); here B^2 = 1
    law, square = free_product(first, SIGN), FreeProduct(first, Affine(first, 1.0, 0.0))
    low, high = law.bands[-1]
    assert (low**2, high**2) == pytest.approx(square.bands[-1], rel=1e-12, abs=1e-13)
    x = _inside(law, 31)
    x = x[x > 0]
    assert law.pdf(x) == pytest.approx(x * square.pdf(x**2), rel=1e-10)  # rounding over the distance to the edges
    assert 2 * law.sf(x) == pytest.approx(square.sf(x**2), abs=1e-11)


def test_the_square_of_a_product_with_a_semicircle_is_a_sample_covariance():
    # the square of a semicircle is Marchenko-Pastur of ratio 1
    law = free_product(UNIFORM, Semicircle(1.0))
    square = FreeProduct(FreeProduct(UNIFORM, Affine(UNIFORM, 1.0, 0.0)), MarchenkoPastur(1.0))
    x = np.linspace(0.1, 3.0, 20)
    assert law.pdf(x) == pytest.approx(x * square.pdf(x**2), rel=1e-10)
    assert law.pdf(0.0) == pytest.approx(math.log(2) / math.pi, rel=1e-13)  # E 1/A times the density of B


def test_wishart_times_a_law_of_both_signs_is_the_generalized_marchenko_pastur_law():
    population = Uniform(-1.0, 3.0)
    law, exact = FreeProduct(MarchenkoPastur(0.5), population), GeneralizedMarchenkoPastur(0.5, population)
    assert np.array(law.bands) == pytest.approx(np.array(exact.bands), rel=1e-13)
    x = _inside(exact)
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e-11)
    assert law.cdf(x) == pytest.approx(exact.cdf(x), abs=1e-12)
    assert free_product(MarchenkoPastur(0.5), population) == exact


def test_a_coin_compresses_a_semicircle():
    law, x = free_product(COIN, Semicircle(1.0)), np.linspace(-1.4, 1.4, 41)
    assert law.atoms == ((0.0, 0.5),)
    # the corner of half the rows is a semicircle of half the variance; at the atom the density is interpolated from
    # 1e-8 away, where the rounding of the pole is 1e-9
    expected = 0.5 * Semicircle(0.5).pdf(x)
    assert law.pdf(x) == pytest.approx(expected, rel=3e-9)
    assert law.pdf(x[x != 0]) == pytest.approx(expected[x != 0], rel=1e-11)
    assert law.bands[0] == pytest.approx((-math.sqrt(2), math.sqrt(2)), rel=1e-13)


def test_hard_edges_off_zero_keep_mass_and_mean():
    law = free_product(TWO, SIGN)
    assert law.bands == ((-4.0, -1.0), (1.0, 4.0))
    p = np.array([1e-6, 1e-4, 0.1])
    distance = law.quantile(p) + 4
    # the law of X^2 is that of two copies of {1, 4}; next to 16 its cdf rises like the root of the distance
    assert distance[1] / distance[0] == pytest.approx(1e4, rel=1e-3)
    assert law.expectation(lambda x: x**2) == pytest.approx(6.25, rel=1e-11)


def test_transforms_of_a_signed_product_solve_both_equations():
    law, z = free_product(TWO, Uniform(-1.0, 2.0)), np.array([0.3 + 3j, -2.0 - 4j, 9.0 + 0j, -50.0 + 0j])
    direct = [law.expectation(lambda x, v=v: (1 / (x - v)).real) for v in z]
    assert law.stieltjes(z).real == pytest.approx(np.array(direct), rel=1e-9, abs=1e-12)  # quadrature
    assert law.stieltjes(z.conj()) == pytest.approx(law.stieltjes(z).conj(), rel=1e-13)


def test_two_laws_of_both_signs_are_refused():
    for first, second in ((Semicircle(), SIGN), (Uniform(-1.0, 2.0), SIGN), (Semicircle(), Semicircle())):
        with pytest.raises(ValueError, match=r"^one factor must be >= 0, or A\^1/2 B A\^1/2 is not defined; got"):
            free_product(first, second)


def _beside_zeros(atoms, x):
    """Density of the product of a unit semicircle with these atoms, from g = E a/(x - a g), m = E 1/(x - a g)."""
    a, p = (np.array(part)[:, None] for part in zip(*atoms, strict=True))
    g = np.full(x.shape, -1j)
    for _ in range(200):  # real x: contracts in the lower half plane, halved steps don't rotate
        g = (g + np.sum(p * a / (x - a * g), axis=0)) / 2
    for _ in range(8):
        value = np.sum(p * a / (x - a * g), axis=0) - g
        g = g - value / (np.sum(p * (a / (x - a * g)) ** 2, axis=0) - 1)
    return -np.sum(np.where(a > 0, p / (x - a * g), 0), axis=0).imag / np.pi


def test_a_narrow_peak_beside_an_atom_at_zero_is_not_smoothed_away():
    atoms = [(0.0, 0.5), (1e-3, 0.1), (1.0, 0.4)]
    law = free_product(PointMasses(atoms), Semicircle(1.0))
    x = np.array([1e-7, 1e-5, 1e-4, 3e-4, 1e-3, 0.1])
    # 1e-11 where the pole of the atom is 1e-9 away
    assert law.pdf(x) == pytest.approx(_beside_zeros(atoms, x), rel=1e-10)
    assert law.pdf(0.0) == pytest.approx(law.pdf(1e-9), rel=1e-9)
    assert law.cdf(0.0) == pytest.approx(0.75, abs=1e-13)
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("factor", [FMatrix(1.01, 0.5), Wachter(0.99, 0.9)], ids=repr)
def test_mass_is_kept_beside_an_atom_at_zero(factor):
    assert free_product(factor, Semicircle(1.0)).expectation(np.ones_like) == pytest.approx(1, abs=1e-12)
