"""Free convolutions of laws without ends: the Cauchy law's closed form, scalar equations, cumulants, matrices."""

import math

import numpy as np
import pytest

from theory import testing
from theory.free.additive import FreeSum, free_sum
from theory.free.compression import FreePower, free_compression, free_power
from theory.free.multiplicative import FreeProduct, free_product
from theory.free.transforms import r_transform, s_transform
from theory.laws.affine import Affine
from theory.laws.alpha_stable import AlphaStable
from theory.laws.exponential import Exponential
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.laws.high_temperature import HighTemperatureMarchenkoPastur
from theory.laws.levy import LevyWigner
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.singular_values import SingularValues
from theory.laws.uniform import Uniform

COIN = PointMasses([(0.0, 0.5), (1.0, 0.5)])
EXPONENTIAL = Exponential(1.0)
P = np.array([1e-6, 0.01, 0.3, 0.7, 0.99, 1 - 1e-6])


@pytest.mark.parametrize("law", [Semicircle(), MarchenkoPastur(0.4), COIN, Uniform(0.0, 1.0), EXPONENTIAL], ids=repr)
def test_cauchy_noise_moves_the_transform_into_the_half_plane(law):
    total, x = free_sum(AlphaStable(1.0, 0.5), law), np.array([-1e8, -30.0, -1.0, 0.0, 0.3, 2.0, 100.0, 1e6])
    assert total.bands == ((-math.inf, math.inf),)
    # 1e-12: two solved equations, relative all the way down the tail
    assert total.pdf(x) == pytest.approx(np.array([law.stieltjes(complex(v, 0.5)).imag for v in x]) / np.pi, rel=1e-12)
    z = np.array([0.3 + 0.2j, -5 - 1e-3j, 1e5 + 1j])
    assert total.stieltjes(z) == pytest.approx(law.stieltjes(z + np.array([0.5j, -0.5j, 0.5j])), rel=1e-13)
    assert total.sf(1e9) * 1e9 * np.pi == pytest.approx(0.5, rel=1e-7)  # first correction 1e-9, quadrature of 1e-10
    assert total.cdf(total.quantile(P)) == pytest.approx(P, abs=1e-12)
    assert math.isinf(total.std)


@pytest.mark.parametrize("second", [Semicircle(0.5), MarchenkoPastur(0.5)], ids=repr)
def test_one_scalar_equation_and_two_coupled_ones_agree_without_an_end(second):
    law, other = FreeSum(EXPONENTIAL, second), FreeSum(Affine(second, 1.0, 0.0), EXPONENTIAL)
    assert law.bands[0] == pytest.approx(other.bands[0], rel=1e-11)  # a square-root edge of size 1
    assert law.bands[0][1] == math.inf
    x = law.quantile(P)
    assert other.cdf(x) == pytest.approx(P, abs=1e-11)  # the quadrature's tolerance is 1e-12
    assert law.pdf(x) == pytest.approx(other.pdf(x), rel=1e-10)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (EXPONENTIAL, Uniform(0.0, 1.0)),
        (EXPONENTIAL, COIN.scaled(5.0)),
        (EXPONENTIAL, Exponential(0.5).scaled(-1.0)),
        (AlphaStable(2.0), Semicircle(1.0)),
        (PointMasses([(-20.0, 0.1), (0.0, 0.9)]), Exponential(0.1)),
    ],
)
def test_free_cumulants_of_unbounded_laws_add(first, second):
    law = free_sum(first, second)
    for k in (1, 2, 3):
        size = law.std**k
        summed = first.free_cumulant(k) + second.free_cumulant(k)
        mean, m2, m3 = (law.expectation(lambda x, j=j: x**j) for j in (1, 2, 3))
        own = {1: mean, 2: m2 - mean**2, 3: m3 - 3 * mean * m2 + 2 * mean**3}[k]
        assert own / size == pytest.approx(summed / size, abs=1e-10)  # quadrature to 1e-12 of the larger moments


def test_exponential_powers_are_sums_of_copies_and_compress():
    power, twice = free_power(EXPONENTIAL, 2.0), FreeSum(EXPONENTIAL, EXPONENTIAL)
    x = twice.quantile(P)
    assert power.bands[0] == pytest.approx(twice.bands[0], rel=1e-12)
    assert power.cdf(x) == pytest.approx(P, abs=1e-11)
    corner = free_compression(EXPONENTIAL, 0.4)
    assert corner.expectation(lambda x: x**2) == pytest.approx(1 + 0.4, rel=1e-10)  # mean 1, variance 0.4


@pytest.mark.parametrize(
    "law",
    [
        FreeSum(EXPONENTIAL, Semicircle(1.0)),
        FreePower(EXPONENTIAL, 2.5),
        FreeProduct(EXPONENTIAL, Uniform(0.5, 1.5)),
        FreeProduct(Uniform(1.0, 2.0), EXPONENTIAL.shifted(-0.5)),
    ],
    ids=repr,
)
def test_matrices_follow_laws_without_an_end(law):
    values = np.linalg.eigvalsh(law.sample_matrix(400, np.random.default_rng(0)))
    assert np.max(np.abs(law.cdf(values) - (np.arange(400) + 0.5) / 400)) < 8 / 400  # as for bounded sums


def test_stable_laws_and_levy_matrices_convolve_with_their_tails():
    for law in (FreeSum(AlphaStable(1.5), AlphaStable(0.7)), FreeSum(AlphaStable(0.5), Semicircle(1.0)),
                FreePower(LevyWigner(1.2), 2.5), FreeProduct(AlphaStable(1.5), Uniform(1.0, 2.0))):  # fmt: skip
        far = law.quantile(1 - 1e-6) * np.array([1.0, 10.0])
        slope = -np.diff(np.log(law.sf(far)))[0] / math.log(10)
        assert slope == pytest.approx(law.tail_index, rel=1e-2)  # corrections of the order of the tail, 1e-6^(1/alpha)
        assert law.cdf(law.quantile(P)) == pytest.approx(P, abs=1e-11)
        assert law.cdf(1e290) == pytest.approx(1.0, abs=1e-11)  # the total of all panels
    assert math.isnan(FreeSum(AlphaStable(0.5), Semicircle(1.0)).moment(1))
    assert FreeSum(AlphaStable(1.5), Uniform(0.0, 1.0)).moment(1) == 0.5


def test_tails_of_products_without_a_mean_lengthen():
    # S-transforms y^(1/alpha - 1) multiply; a mean of 0 makes B feel the root of A only
    assert FreeProduct(AlphaStable(0.7), PointMasses([(1.0, 0.5), (4.0, 0.5)])).tail_index == 0.7
    assert FreeProduct(EXPONENTIAL, AlphaStable(1.5)).tail_index == 1.5


def test_wishart_times_exponential_is_the_generalized_marchenko_pastur_law():
    law, exact = free_product(MarchenkoPastur(0.5), EXPONENTIAL), GeneralizedMarchenkoPastur(0.5, EXPONENTIAL)
    x = np.geomspace(1e-3, 30.0, 40)
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e-11)
    assert law.cdf(x) == pytest.approx(exact.cdf(x), abs=1e-11)


def test_transforms_invert_on_the_side_that_has_an_end():
    g, z = np.array([-2.0, -0.5, -1e-3]), np.array([-0.9, -0.5, -1e-2])
    total = r_transform(EXPONENTIAL, g) + r_transform(Uniform(0.0, 1.0), g)
    own = g[1:]  # the sum starts above 0, and its G ends at -1.9
    assert r_transform(FreeSum(EXPONENTIAL, Uniform(0.0, 1.0)), own) == pytest.approx(total[1:], rel=1e-9)
    product = s_transform(EXPONENTIAL, z) * s_transform(MarchenkoPastur(0.5), z)
    assert s_transform(FreeProduct(EXPONENTIAL, MarchenkoPastur(0.5)), z) == pytest.approx(product, rel=1e-9)
    with pytest.raises(ValueError, match=r"^g must lie in \(-.*, 0\), the range outside the support; got 0\.5"):
        r_transform(EXPONENTIAL, 0.5)
    with pytest.raises(ValueError, match=r"^law must be bounded on one side; got LevyWigner"):
        r_transform(LevyWigner(1.5), 0.5)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_exponential_sums_converge_at_every_scale(scale):
    # of 96 such laws 5 to 13 failed before Im w was allowed to fall far below the rounding of Re w
    for law in (FreeSum(EXPONENTIAL.scaled(scale), Uniform(0.0, 3 * scale)),
                FreeSum(PointMasses([(-20 * scale, 0.1), (0.0, 0.9)]), Exponential(scale / 10)),
                FreeSum(EXPONENTIAL.scaled(scale), PointMasses([(0.0, 0.5), (3 * scale, 0.5)]))):  # fmt: skip
        assert law.expectation(lambda x: x) == pytest.approx(law.mean, abs=1e-11 * law.std)


@pytest.mark.slow
def test_a_sum_with_power_tails_passes_the_suite():
    # not among the examples, as other unbounded laws aren't: the suite asks for half a million densities, 10 to 40 s
    testing.check(FreeSum(AlphaStable(1.0), COIN))


@pytest.mark.slow
def test_high_temperature_laws_convolve():
    law = FreeSum(HighTemperatureMarchenkoPastur(0.5, 2.0), Uniform(-1.0, 1.0))
    assert law.expectation(lambda x: (x - 1) ** 2) == pytest.approx(1.0 + 1 / 3, rel=1e-10)  # variances 1 and 1/3


def test_singular_values_are_refused():
    with pytest.raises(ValueError, match=r"^second must describe eigenvalues; got singular_values; pass the law of"):
        free_sum(EXPONENTIAL, SingularValues(MarchenkoPastur(0.5)))
