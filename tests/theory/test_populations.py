"""Point masses, uniform and exponential populations, and the free compound Poisson law built on them."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory.laws.exponential import Exponential
from theory.laws.free_poisson import FreePoisson
from theory.laws.kesten_mckay import KestenMcKay
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.uniform import Uniform

THREE = PointMasses([(10, 0.25), (1, 0.5), (3, 0.25)])


def test_point_masses_are_sorted_merged_and_normalised():
    assert PointMasses([(2, 0.25), (1, 0.5), (2, 0.25)]).atoms == ((1.0, 0.5), (2.0, 0.5))
    law = PointMasses([(1, 0.1)] * 10)  # the sum is 1 - 1e-16
    assert law.atoms == ((1.0, 1.0),)
    assert str(PointMasses([(-0.0, 0.5), (0.0, 0.5)]).atoms) == "((0.0, 1.0),)"
    assert math.fsum(PointMasses([(1, 0.5 + 4e-13), (2, 0.5)]).weights) == pytest.approx(1, rel=3e-16, abs=0)
    assert PointMasses(((1, 0.5), (2, 0.5))) == PointMasses([[2.0, 0.5], [1.0, 0.5]])
    assert len({THREE, PointMasses(THREE.atoms)}) == 1
    assert PointMasses(iter([(1, 1)])).atoms == ((1.0, 1.0),)


def test_point_masses_of_values_are_their_empirical_law():
    assert PointMasses.of([3, 1, 3, 3]).atoms == ((1.0, 0.25), (3.0, 0.75))
    assert PointMasses.of([3, 1], [0.2, 0.8]).atoms == ((1.0, 0.8), (3.0, 0.2))
    values = np.random.default_rng(0).standard_normal(1001)
    law = PointMasses.of(values)
    assert law.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert law.std == pytest.approx(np.std(values), rel=1e-12)
    assert law.quantile(0.5) == np.median(values)


def test_point_masses_jump_at_their_values():
    x = np.array([0.9, 1.0, 2.0, 3.0, 9.9, 10.0, 11.0, -np.inf, np.inf, np.nan])
    assert THREE.cdf(x) == pytest.approx([0, 0.5, 0.5, 0.75, 0.75, 1, 1, 0, 1, np.nan], nan_ok=True)
    assert THREE.sf(x) == pytest.approx([1, 0.5, 0.5, 0.25, 0.25, 0, 0, 1, 0, np.nan], nan_ok=True)
    assert THREE.quantile([0, 0.5, 0.500001, 0.75, 0.76, 1]).tolist() == [1, 1, 3, 3, 10, 10]
    assert THREE.pdf([1.0, 2.0]).tolist() == [0.0, 0.0]
    assert THREE.bands == ()


def test_point_masses_keep_tiny_upper_tails():
    law = PointMasses([(0, 1 - 1e-13), (1, 1e-13)])
    assert law.sf(0.5) == pytest.approx(1e-13, rel=1e-15, abs=0)


def test_point_masses_have_sums_as_moments_and_transform():
    z = np.array([2.0, 1 + 1j, -3 - 0.2j])
    expected = 0.5 / (1 - z) + 0.25 / (3 - z) + 0.25 / (10 - z)
    assert THREE.stieltjes(z) == pytest.approx(expected, rel=1e-15)
    assert math.isnan(THREE.stieltjes(3.0))
    assert [THREE.moment(k) for k in range(3)] == pytest.approx([1, 3.75, 27.75], rel=1e-15)
    assert THREE.expectation(lambda x: 1 / x) == pytest.approx(0.5 + 1 / 12 + 1 / 40, rel=1e-15)
    assert THREE.sample(1000, np.random.default_rng(0)).mean() == pytest.approx(3.75, abs=0.5)  # four standard errors


def test_a_sign_has_the_catalan_numbers_as_free_cumulants():
    sign = PointMasses([(-1, 0.5), (1, 0.5)])
    assert [sign.free_cumulant(k) for k in range(1, 9)] == pytest.approx([0, 1, 0, -1, 0, 2, 0, -5], abs=1e-13)


def test_a_constant_has_no_free_cumulant_but_its_mean():
    constant = PointMasses([(5, 1)])
    assert [constant.free_cumulant(k) for k in (1, 2, 3)] == [5, 0, 0]
    assert constant.std == 0
    assert constant.quantile(0.3) == 5


def test_point_masses_scale_and_shift():
    assert THREE.scaled(-2.0).atoms == ((-20.0, 0.25), (-6.0, 0.25), (-2.0, 0.5))
    assert THREE.shifted(1.0).atoms == ((2.0, 0.5), (4.0, 0.25), (11.0, 0.25))


def test_matrices_of_point_masses_have_exactly_their_eigenvalues():
    values = np.linalg.eigvalsh(THREE.sample_matrix(40, np.random.default_rng(0)))
    assert values == pytest.approx([1] * 20 + [3] * 10 + [10] * 10, rel=1e-12)


@pytest.mark.parametrize(("pairs", "message"), [
    ([], r"pairs must be a non-empty sequence of \(value, weight\); got shape \(0,\); pass pairs"),
    ([1, 2], r"pairs must be a non-empty sequence .* got shape \(2,\)"),
    ([(1, 2, 3)], r"got shape \(1, 3\)"),
    ([(1, 0.5), (2, 0.4)], r"weights must sum to 1; got a sum of 0.9; divide"),
    ([(1, 1 + 1e-11)], r"weights must sum to 1"),
    ([(1, 0.5), (2, 0.0), (3, 0.5)], r"weights must be finite and above 0; got .*0.0"),
    ([(1, 1.5), (2, -0.5)], r"weights must be finite and above 0; got .*-0.5"),
    ([(math.inf, 1)], r"pairs must be finite; got .*inf"),
    ([(1, math.nan)], r"pairs must be finite; got .*nan"),
    ("ab", r"pairs must be finite"),
    (3, r"pairs must be a non-empty sequence"),
])
def test_bad_point_masses_raise_and_say_what_to_do(pairs, message):
    with pytest.raises(ValueError, match=message):
        PointMasses(pairs)


def test_bad_values_and_weights_raise():
    with pytest.raises(ValueError, match="values must not be empty"):
        PointMasses.of([])
    with pytest.raises(ValueError, match="weights must match the values; got 1 for 2"):
        PointMasses.of([1, 2], [1.0])
    with pytest.raises(ValueError, match="factor must not be 0; got 0; a constant is PointMasses"):
        THREE.scaled(0.0)


@pytest.mark.parametrize("z", [0.3 + 1e-14j, 0.5 - 1e-9j, 1 + 1e-10j, 1e-12j, 2.0, -1e-9, 1 + 1e-12, 1e10, 1e8j, 3 - 4j,
                               1.6, 0.4 + 0.9j])
def test_uniform_transform_is_the_logarithm(z):
    with mp.workdps(40):
        w = mp.mpmathify(z)
        exact = complex(mp.log(1 - w) - mp.log(-w)) if np.imag(z) else float(mp.log((1 - w) / -w))
    expected = pytest.approx(exact, rel=1e-14, abs=0)  # some ten roundings
    assert Uniform().stieltjes(z) == expected
    assert Uniform(0, 2.0**64).stieltjes(2.0**64 * z) * 2.0**64 == expected
    assert -Uniform(-1, 0).stieltjes(-z) == expected


def test_uniform_moments_of_both_signs_do_not_cancel():
    law = Uniform(-1.0, 3.0)
    assert [law.moment(k) for k in range(5)] == pytest.approx([1, 1, 7 / 3, 5, 61 / 5], rel=1e-15)
    assert Uniform(1e8, 1e8 + 1).std == pytest.approx(1 / math.sqrt(12), rel=1e-15)


RADII = [1e-8, 1e-3, 0.1, 1, 3, 4.9, 5.1, 8, 15, 25, 39.9, 40.1, 45, 60, 200, 1e6]
ANGLES = [1e-12, 1e-6, 1e-3, 0.05, 0.2, 0.4, 0.5, 0.8, 1, 1.5, 2, 2.5, 3, np.pi - 1e-8]


def test_exponential_transform_is_right_to_5e_13_near_and_far_from_the_axis():
    z = np.array([r * np.exp(1j * t) for r in RADII for t in ANGLES])
    with mp.workdps(40):
        exact = np.array([complex(mp.exp(-mp.mpmathify(v)) * mp.e1(-mp.mpmathify(v))) for v in z])
    law = Exponential()
    # scipy's power series, which cancels for |z| up to 5 in the left half plane, is the largest error
    assert np.max(np.abs(law.stieltjes(z) / exact - 1)) < 5e-13
    assert np.max(np.abs(law.stieltjes(z.conj()) / exact.conj() - 1)) < 5e-13
    assert Exponential(3.0).stieltjes(3 * z) == pytest.approx(exact / 3, rel=1e-12, abs=0)


def test_exponential_transform_keeps_the_density_above_the_axis():
    x = np.array([0.01, 1, 10, 30, 39.5, 40.5, 60, 300])
    # 1e-160 above the axis the slope of the real part adds nothing to exp(-300); 3e-14 of it is scipy's rounding
    limit = Exponential().stieltjes(x + 1e-160j).imag / np.pi
    assert limit == pytest.approx(np.exp(-x), rel=1e-12, abs=0)


def test_exponential_transform_on_the_negative_axis():
    # E1(x) exp(x) at 1: Gompertz' constant
    assert Exponential().stieltjes(-1.0) == pytest.approx(0.596347362323194074341, rel=1e-14)
    assert Exponential().stieltjes(-1e5) == pytest.approx(1e-5 * (1 - 1e-5 + 2e-10 - 6e-15), rel=1e-14, abs=0)


def test_exponential_keeps_both_tails():
    law = Exponential(2.0)
    assert law.sf(1400.0) == pytest.approx(math.exp(-700), rel=1e-12, abs=0)
    assert law.logsf(1e6) == -5e5
    assert law.cdf(1e-20) == pytest.approx(5e-21, rel=1e-15, abs=0)
    assert law.quantile([0.0, 1.0]).tolist() == [0.0, math.inf]
    assert law.logsf([-1.0, -np.inf, np.nan]) == pytest.approx([0, 0, np.nan], nan_ok=True)


def test_exponential_free_cumulants_follow_from_the_factorials():
    # moments k! give 1, 1, 2, 7, 34, 206, 1476 (Speicher's recursion in integers)
    assert [Exponential().free_cumulant(k) for k in range(1, 8)] == [1, 1, 2, 7, 34, 206, 1476]


@pytest.mark.parametrize("rate", [0.25, 1.0, 4.0])
def test_unit_jumps_give_marchenko_pastur(rate):
    law, other = FreePoisson(rate, [(2.0, 1.0)]), MarchenkoPastur(1 / rate, 2 * rate)
    x = np.linspace(0.05, 20, 41)
    assert law.bands[0] == pytest.approx(other.bands[0], rel=1e-13, abs=1e-15)
    assert np.array(law.atoms) == pytest.approx(np.array(other.atoms), rel=1e-15)
    assert law.cdf(x) == pytest.approx(other.cdf(x), abs=1e-12)
    assert law.pdf(x) == pytest.approx(other.pdf(x), rel=1e-9, abs=1e-12)
    z = np.array([1 + 1j, -2.0, 3 - 0.01j])
    assert law.stieltjes(z) == pytest.approx(other.stieltjes(z), rel=1e-11)
    assert [law.moment(k) for k in range(6)] == pytest.approx([other.moment(k) for k in range(6)], rel=1e-13)


def test_free_poisson_cumulants_are_moments_of_the_jumps():
    law = FreePoisson(0.7, [(-1, 0.25), (2, 0.75)])
    assert [law.free_cumulant(k) for k in (1, 2, 3)] == pytest.approx([0.875, 2.275, 4.025], rel=1e-14)
    assert law.mean == pytest.approx(0.875, rel=1e-14)
    assert law.std == pytest.approx(math.sqrt(2.275), rel=1e-14)
    assert FreePoisson(2, Exponential(1)).free_cumulant(4) == 48


def test_symmetric_jumps_give_a_symmetric_law():
    law = FreePoisson(0.5, [(-1, 0.5), (1, 0.5)])
    x = np.linspace(0.01, 2, 9)
    assert law.atoms == ((0.0, 0.5),)
    assert law.cdf(-x) == pytest.approx(law.sf(x), abs=1e-13)
    assert law.quantile(0.1) == pytest.approx(-law.quantile(0.9), rel=1e-12)
    assert law.quantile([0.26, 0.5, 0.74]).tolist() == [0, 0, 0]


def test_signs_of_high_rate_are_gaussian_like_and_signs_themselves_are_kesten_mckay():
    # free Poisson with signs has kappa_2m = rate, free powers of a sign kappa_2m = rate (-1)^(m-1) Catalan(m-1)
    rate = 1e4
    first, second = FreePoisson(rate, [(-1, 0.5), (1, 0.5)]), KestenMcKay(rate)
    x = np.linspace(-1.9, 1.9, 9) * math.sqrt(rate)
    assert first.cdf(x) == pytest.approx(second.cdf(x), abs=1e-3)  # both semicircular to O(1/rate)


def test_zero_jumps_do_nothing():
    x = np.linspace(-0.5, 6, 20)
    law, other = FreePoisson(2.0, [(0, 0.6), (1, 0.4)]), FreePoisson(0.8, [(1, 1)])
    assert law.cdf(x) == pytest.approx(other.cdf(x), abs=1e-13)
    assert law.atoms[0][1] == pytest.approx(0.2, rel=1e-14)


def test_free_poisson_matrices_follow_the_law():
    pairs = [(1, 0.5), (4, 0.5)]
    for law in (FreePoisson(0.5, [(1, 0.5), (-2, 0.5)]), FreePoisson(3, pairs), FreePoisson(2, Uniform(1, 2))):
        values = np.sort(np.linalg.eigvalsh(law.sample_matrix(300, np.random.default_rng(0))))
        values[np.abs(values) < 1e-10] = 0
        rank = np.arange(1, 301) / 300
        gap = max(np.max(rank - law.cdf(values)), np.max(law.cdf(np.nextafter(values, -99)) - rank + 1 / 300))
        assert gap < 5 / 300  # eigenvalues repel: largest of 150 draws 3.8/n


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, "x", None])
def test_bad_rates_and_scales_raise_one_line(bad):
    for call in (lambda: Exponential(bad), lambda: FreePoisson(bad, [(1, 1)])):
        with pytest.raises(ValueError, match=r"^\w+ must be positive and finite; got .*; pass [^\n]*$"):
            call()


def test_bad_jumps_and_intervals_raise():
    with pytest.raises(ValueError, match="0 alone"):
        FreePoisson(1.0, [(0, 1)])
    with pytest.raises(ValueError, match="sum"):
        FreePoisson(1.0, [(1, 0.5)])
    with pytest.raises(ValueError, match=r"ends of the interval must increase; got 2.0, 1.0"):
        Uniform(2, 1)
