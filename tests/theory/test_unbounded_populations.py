"""Populations without ends, over decades or down to 0 under a generalised Marchenko-Pastur law: tails, 0, refusals."""

import math
import time

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import (
    AlphaStable,
    Exponential,
    FMatrix,
    FreePoisson,
    GeneralizedMarchenkoPastur,
    HighTemperatureMarchenkoPastur,
    InverseHighTemperatureMarchenkoPastur,
    InverseMarchenkoPastur,
    LevyWishart,
    MarchenkoPastur,
    Semicircle,
    Uniform,
)
from theory.law import Law

LIGHT: dict[str, Law] = {
    "kappa 40": HighTemperatureMarchenkoPastur(0.5, 40),
    "kappa 2000": HighTemperatureMarchenkoPastur(0.5, 2000),
    "inverse, kappa 400": InverseHighTemperatureMarchenkoPastur(0.5, 400),
}


@pytest.mark.parametrize("name", LIGHT)
def test_a_population_with_light_tails_keeps_mass_and_mean(name):
    # its bulk has a soft edge beyond all but 1e-16 of the population's mass
    law = GeneralizedMarchenkoPastur(0.5, LIGHT[name])
    x = law.quantile(np.array([0.01, 0.3, 0.9, 0.999]))
    assert law.cdf(x) + law.sf(x) == pytest.approx(np.ones(4), abs=1e-12)  # quadrature to 1e-14 on each of 50 panels
    assert law.expectation(lambda x: x) == pytest.approx(LIGHT[name].mean, rel=1e-12)
    edge = np.array([0.0, 1e-9, 1e-3, 4.5, 9.0, 50.0])
    assert np.all(law.pdf(edge) >= 0)


def test_the_high_temperature_population_tends_to_the_marchenko_pastur_population():
    x = np.linspace(0.05, 4, 50)
    limit = GeneralizedMarchenkoPastur(0.5, MarchenkoPastur(0.5)).pdf(x)
    errors = [np.max(np.abs(GeneralizedMarchenkoPastur(0.5, HighTemperatureMarchenkoPastur(0.5, kappa)).pdf(x) - limit))
              for kappa in (400, 2000)]
    assert errors[0] / errors[1] == pytest.approx(5, rel=0.02)  # 1/kappa, with a term 1/kappa^2


def test_the_tail_over_an_exponential_population_keeps_relative_accuracy():
    law, c = GeneralizedMarchenkoPastur(0.5, Exponential()), mp.mpf("0.5")
    with mp.workdps(40):

        def psi(u):
            return u * (1 + c * (u * mp.exp(-u) * mp.ei(u) - 1))

        for x in (25, 33, 37, 45, 100, 600):
            u = mpmath.findroot(lambda v, x=x: psi(v) - x, mp.mpf(x) - 1)
            # 1e-8: 3e-9 is lost to the mass 1e-16 itself where it is no longer seen by the curve
            assert law.pdf(x) == pytest.approx(float(mp.exp(-u) / mp.diff(psi, u)), rel=1e-8)
            assert law.logsf(x) == pytest.approx(float(-u), abs=1e-8)


@pytest.mark.parametrize("population", [Exponential(), Uniform(0, 1), Semicircle(), Exponential().shifted(-1),
                                        Exponential().scaled(-1), HighTemperatureMarchenkoPastur(0.5, 2)], ids=repr)
def test_the_density_at_zero_is_that_of_the_population_over_the_rank_left(population):
    # psi(u) = (1 - ratio) u next to 0, and every matrix is singular there at ratio 1
    law = GeneralizedMarchenkoPastur(0.5, population)
    assert law.pdf(0.0) == pytest.approx(2 * population.pdf(0.0), rel=1e-14)
    x = np.array([1e-30, 1e-12]) * (-1 if population.bands[0][1] == 0 else 1)
    assert law.pdf(x) == pytest.approx(np.full(2, law.pdf(0.0)), rel=1e-9)  # the density varies by x log x
    assert GeneralizedMarchenkoPastur(1.0, population).pdf(0.0) == math.inf


@pytest.mark.parametrize("population", [MarchenkoPastur(1.0), Uniform(0, 1)], ids=repr)
def test_mass_next_to_a_pole_over_a_population_down_to_zero_is_found(population):
    law = GeneralizedMarchenkoPastur(1.0, population)  # pdf ~ x^(-2/3): 1e-22 of the band holds 5e-8 of the mass
    assert law.cdf(0.3) + law.sf(0.3) == pytest.approx(1, abs=1e-12)


def test_deep_quantiles_are_those_of_the_population():
    law = GeneralizedMarchenkoPastur(0.5, AlphaStable(2.0))  # Gaussian of variance 2
    p = np.array([1e-200, 1e-40, 1e-18])
    assert law.cdf(law.quantile(p)) == pytest.approx(p, rel=1e-9)
    assert np.all(np.diff(law.quantile(np.append(p, [1e-16, 1e-12]))) > 0)


@pytest.mark.parametrize("population", [AlphaStable(1.5), LevyWishart(1.5, 0.5),
                                        InverseHighTemperatureMarchenkoPastur(0.5, 4)], ids=repr)
def test_power_tails_below_three_are_refused_with_the_way_out(population):
    for kind in (GeneralizedMarchenkoPastur, FreePoisson):
        with pytest.raises(ValueError, match=r"tail index of at least 3; got .*hundred of its quantiles"):
            kind(0.5, population)


def test_the_way_out_of_a_power_tail_is_one():
    p = (np.arange(200) + 0.5) / 200
    population = InverseHighTemperatureMarchenkoPastur(0.5, 4)
    law = GeneralizedMarchenkoPastur(0.5, tuple((value, 1 / 200) for value in population.quantile(p)))
    rng = np.random.default_rng(0)
    n = 1000
    half = rng.standard_normal((2 * n, n)) * np.sqrt(population.quantile((np.arange(n) + 0.5) / n) / (2 * n))
    values = np.linalg.eigvalsh(half.T @ half)
    x = np.array([0.5, 1.0, 5.0])
    shares = np.searchsorted(values, x) / n
    assert law.cdf(x) == pytest.approx(shares, abs=law.matrix_gap(n))


def test_a_power_tail_is_that_of_the_population():
    population = InverseHighTemperatureMarchenkoPastur(0.5, 10)
    law = GeneralizedMarchenkoPastur(0.5, population)
    assert law.tail_index == FreePoisson(0.5, population).tail_index == 5
    assert law.moment(5) == math.inf
    x = np.array([1e3, 1e6, 1e9])
    assert law.sf(x) / population.sf(x) == pytest.approx(np.ones(3), rel=0.01)  # u = x - ratio: 5/x and less
    assert law.sf(x[2]) / population.sf(x[2]) == pytest.approx(1 + 6.25e-9, abs=1e-11)


def test_nan_is_answered_at_once():
    laws = [GeneralizedMarchenkoPastur(0.5, population) for population in (Exponential(), LIGHT["kappa 2000"])]
    start = time.process_time()
    for law in laws:
        assert np.all(np.isnan(law.pdf(np.full(1000, np.nan))))
    assert time.process_time() - start < 2  # the population's table; no point is solved


@pytest.mark.parametrize(("ratio", "population"), [
    (0.5, InverseMarchenkoPastur(0.9935)), (0.2, FMatrix(0.01, 0.9999)), (0.9, InverseMarchenkoPastur(0.999)),
], ids=str)
def test_a_population_over_many_decades_keeps_its_lower_part(ratio, population):
    # next to 0 psi is linear only below the smallest value, a millionth of the largest and less
    law = GeneralizedMarchenkoPastur(ratio, population)
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)


def test_an_inverse_wishart_population_gives_the_f_matrix_down_to_its_lower_edge():
    law, f = GeneralizedMarchenkoPastur(0.5, InverseMarchenkoPastur(0.995)), FMatrix(0.5, 0.995)
    x = f.quantile(np.array([1e-6, 1e-3, 0.05, 0.5, 0.99]))
    assert law.pdf(x) == pytest.approx(f.pdf(x), rel=1e-10)
    assert law.cdf(x) == pytest.approx(f.cdf(x), abs=1e-11)


def test_a_cubic_pole_keeps_its_law_to_the_smallest_doubles():
    population = ((1, 0.5), (-1, 0.5))
    law = GeneralizedMarchenkoPastur(1.0, population)  # E 1/T = 0: psi(u) = u^3 + ... next to 0
    x = np.array([1e-30, 1e-40, 1e-100, 1e-300])
    expected = np.sqrt(3) / 2 / np.pi * x ** (-1 / 3)  # u = x^(1/3) exp(i pi/3), pdf = Im u/(pi |u|^2)
    assert law.pdf(x) == pytest.approx(expected, rel=1e-9)
    assert law.cdf(0.0) == pytest.approx(0.5, abs=1e-14)
    assert FreePoisson(1.0, population).quantile(0.5) == pytest.approx(0, abs=1e-15)
