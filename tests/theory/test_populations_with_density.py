"""The Marchenko-Pastur law of a population: its inverse map, populations with a density, speed and bad input."""

import math
import time

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import MarchenkoPastur, Semicircle
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.uniform import Uniform
from theory.sample_covariance.inverse_map import psi, psi_slope

THIRD = 1 / 3


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(50):
        yield


def test_inverse_map_returns_the_argument_of_the_transform():
    # psi(-1/m_(z)) = z, in the gap of the spectrum and beyond it
    population = [(1.0, 0.5), (4.0, 0.5)]
    law = GeneralizedMarchenkoPastur(0.05, population)
    z = np.array([-1.0, 0.3, 2.0, 6.5, 1 + 2j])
    companion = 0.05 * law.stieltjes(z) - 0.95 / z
    assert psi(population, 0.05, -1 / companion) == pytest.approx(z, rel=1e-11)
    u, h = np.array([-2.0, 0.4, 2.0, 5.0, 3 + 1j]), 1e-5
    difference = (psi(population, 0.05, u + h) - psi(population, 0.05, u - h)) / (2 * h)
    assert psi_slope(population, 0.05, u) == pytest.approx(difference, rel=1e-8)
    assert isinstance(psi(population, 0.05, 5.0), float)
    assert psi(Uniform(1, 2), 0.3, 5.0) == pytest.approx(5 * (1 + 0.3 * (5 * math.log(4 / 3) - 1)), rel=1e-14)


@pytest.mark.parametrize("ratio", [0.5, 1 - 1e-6, 1 + 1e-6, 3.0])
def test_edges_of_a_uniform_population_solve_their_closed_equation(ratio):
    law, c = GeneralizedMarchenkoPastur(ratio, Uniform(1.0, 3.0)), mp.mpf(ratio)

    def slope(u):
        return 1 - c * (1 - u * mp.log((u - 1) / (u - 3)) + u**2 / ((u - 1) * (u - 3)))

    for edge, start in zip(law.bands[0], law._spectrum.edges[0], strict=True):
        u = mpmath.findroot(slope, (mp.mpf(start) * (1 + mp.mpf("1e-4")), mp.mpf(start)))
        exact = u * (1 - c + c * u / 2 * mp.log((u - 1) / (u - 3)))
        # at ratio 1 -+ 1e-6 the edge 4e-13 is the small rest of terms of size 1e-6
        assert edge == pytest.approx(float(exact), rel=1e-9 if abs(ratio - 1) < 1e-5 else 1e-13)


def test_a_population_on_both_sides_of_zero_keeps_its_mass():
    for ratio, atom in ((0.5, 0.0), (3.0, 2 / 3)):
        law = GeneralizedMarchenkoPastur(ratio, Semicircle())
        assert law.components == pytest.approx((1 - atom,), abs=1e-15)
        assert law.moment(0) == 1
        assert law.cdf(0.0) == pytest.approx(0.5 + atom / 2, abs=1e-12)  # symmetric
        assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-11)
    # at 0 the population's density, over the share 1 - ratio of the matrix's rank that it takes
    assert GeneralizedMarchenkoPastur(0.5, Semicircle()).pdf(1e-9) == pytest.approx(2 / math.pi, rel=1e-7)


@pytest.mark.parametrize("ratio", [1e-3, 0.5, 1.0, 20.0])
def test_a_uniform_population_has_the_density_of_its_closed_equation(ratio):
    law = GeneralizedMarchenkoPastur(ratio, Uniform(1.0, 3.0))

    def equation(u, x):
        return u * (1 - ratio + ratio * u / 2 * mp.log((u - 1) / (u - 3))) - x

    (low, high), = law.bands
    for fraction in (0.1, 0.5, 0.9):
        x = low + fraction * (high - low)
        u = law._spectrum.point(np.zeros(1, int), np.array([x]), np.array([x - low]), np.array([high - x]))[1][0]
        exact = mpmath.findroot(lambda v, x=x: equation(v, x), mp.mpc(u))
        assert exact.imag > 0
        # cancellation of -1 - u m_H at ratio 20: 1e-16 times ratio (|u|/width)^2
        assert law.pdf(x) == pytest.approx(float(exact.imag / abs(exact) ** 2 / mp.pi / ratio), rel=1e-10)
    assert law.cdf(high) == 1
    assert law.mean == pytest.approx(2, rel=1e-12)


def test_a_marchenko_pastur_population_at_ratio_one_is_the_fuss_catalan_law():
    law = GeneralizedMarchenkoPastur(1.0, MarchenkoPastur(1.0))
    x = np.array([1e-3, 0.1, 1.0, 4.0, 6.7])
    root = 3 * (9 + np.sqrt(81 - 12 * x))
    top = 2 ** (1 / 3) * root ** (2 / 3) - 6 * x ** (1 / 3)
    exact = 2 ** (1 / 3) * math.sqrt(3) / (12 * math.pi) * top / (x ** (2 / 3) * root ** (1 / 3))  # Penson, Zyczkowski
    assert law.bands[0] == pytest.approx((0, 27 / 4), abs=1e-12)
    assert law.pdf(x) == pytest.approx(exact, rel=1e-9)
    assert [law.moment(k) for k in range(5)] == pytest.approx([1, 1, 3, 12, 55], rel=1e-12)


def test_a_generalised_law_may_be_the_population_of_another():
    # the order of the two ratios doesn't matter: eigenvalues of products of three independent factors
    population = ((1.0, 0.5), (3.0, 0.5))
    first = GeneralizedMarchenkoPastur(0.5, GeneralizedMarchenkoPastur(0.2, population))
    second = GeneralizedMarchenkoPastur(0.2, GeneralizedMarchenkoPastur(0.5, population))
    assert first.bands[0] == pytest.approx(second.bands[0], rel=1e-10)
    x = np.linspace(0.3, 7.0, 9)
    assert first.pdf(x) == pytest.approx(second.pdf(x), rel=1e-9)


def test_a_purely_atomic_law_equals_its_pairs():
    pairs = ((1.0, 0.25), (2.0, 0.75))
    assert GeneralizedMarchenkoPastur(0.5, PointMasses(pairs)) == GeneralizedMarchenkoPastur(0.5, pairs[::-1])
    assert hash(GeneralizedMarchenkoPastur(0.5, [[1, 0.25], [2, 0.75]])) == hash(GeneralizedMarchenkoPastur(0.5, pairs))


@pytest.mark.parametrize(("ratio", "population"), [(0.4, ((1, 0.5), (5, 0.5))), (3.0, ((-1, 0.25), (2, 0.75)))])
def test_sampled_matrices_follow_the_law(ratio, population):
    law = GeneralizedMarchenkoPastur(ratio, population)
    for seed in range(2):
        values = np.linalg.eigvalsh(law.sample_matrix(300, np.random.default_rng(seed)))
        values = values[np.abs(values) > 1e-9]
        inside = law.cdf(values[values > 0]) + 0.0
        ranks = 1 - np.arange(len(inside))[::-1] / 300
        assert np.max(np.abs(inside - ranks)) < law.matrix_gap(300)  # null: about 3/n, as for Marchenko-Pastur


def test_a_thousand_cold_points_take_milliseconds():
    def seconds(scale):
        law = GeneralizedMarchenkoPastur(0.1, ((scale, THIRD), (3 * scale, THIRD), (10 * scale, THIRD)))
        start = time.perf_counter()
        law.pdf(np.linspace(0.5, 15, 1000) * scale)
        return time.perf_counter() - start

    seconds(1.0)
    assert min(seconds(1 + k / 100) for k in range(1, 6)) < 0.05  # 5 ms on an idle core; a loop over points takes 1 s


@pytest.mark.parametrize(
    "population", [[], [(1.0, 0.5)], [(1.0, -1.0), (2.0, 2.0)], [(math.nan, 1.0)], [1.0, 2.0], "ab", [(0.0, 1.0)], None]
)
def test_bad_populations_raise_one_line(population):
    with pytest.raises(ValueError, match=r"^\w+ must .*; got .*; [^\n]*$"):
        GeneralizedMarchenkoPastur(0.5, population)


@pytest.mark.parametrize("ratio", [0, -1, math.nan, math.inf, "x"])
def test_bad_ratios_raise_one_line(ratio):
    with pytest.raises(ValueError, match=r"^ratio must be positive and finite; got .*; pass [^\n]*$"):
        GeneralizedMarchenkoPastur(ratio, [(1.0, 1.0)])


def test_population_of_singular_values_raises():
    from theory import SingularValues

    with pytest.raises(ValueError, match="population must be a law of eigenvalues; got singular values"):
        GeneralizedMarchenkoPastur(0.5, SingularValues(MarchenkoPastur(0.5)))
