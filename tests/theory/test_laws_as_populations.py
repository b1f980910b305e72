"""Sample covariance and information plus noise over laws that are themselves roots of equations."""

import time

import numpy as np
import pytest

from theory import (
    GeneralizedMarchenkoPastur,
    InformationPlusNoise,
    MarchenkoPastur,
    NeuralKernel,
    Semicircle,
    Uniform,
    free_product,
    free_sum,
)
from theory.law import Law
from theory.sample_covariance.node_table import NodeTable

POPULATIONS: dict[str, Law] = {
    "free sum": free_sum(Uniform(2.0, 3.0), Semicircle(0.1)),
    "free product": free_product(MarchenkoPastur(0.5), Uniform(1.0, 2.0)),
    "generalised": GeneralizedMarchenkoPastur(0.2, ((1.0, 0.5), (3.0, 0.5))),
    "generalised twice": GeneralizedMarchenkoPastur(0.2, MarchenkoPastur(0.4)),
    "information plus noise": InformationPlusNoise(0.4, ((1.0, 0.5), (6.0, 0.5)), 0.25),
    "kernel": NeuralKernel.examples()[0],  # with an atom at 0 and a nearly hard edge
    "nearly hard": MarchenkoPastur(1.0),
}
names = pytest.mark.parametrize("name", POPULATIONS)


@names
@pytest.mark.parametrize("distance", [1e-1, 1e-4, 1e-8])
def test_the_table_has_the_transform_of_its_law(name, distance):
    law = POPULATIONS[name]
    low, high = law.bands[0]
    z = np.array([low, low + 0.4 * (high - low), high]) + 1j * distance * (high - low)
    own = law._stieltjes(z)
    table = NodeTable(law)
    got = table.moments(z, (0, 1))[0] - table.zero / z
    # the law's own solution next to the axis is exact to a rounding of z, 1e-16/distance at an edge, to its root inside
    assert got == pytest.approx(own, rel=1e-12 + 1e-15 / distance)


@pytest.mark.parametrize("name", [name if name != "generalised twice" else pytest.param(name, marks=pytest.mark.slow)
                                  for name in POPULATIONS])
def test_sample_covariance_over_a_law_is_a_free_product(name):
    population = POPULATIONS[name]
    law = GeneralizedMarchenkoPastur(0.3, population)
    other = free_product(MarchenkoPastur(0.3), population)
    z = np.array([1.0, 3.0, law.bands[0][0]]) + np.array([0.2j, 0.05j, 0.1j])
    assert law.stieltjes(z) == pytest.approx(other.stieltjes(z), rel=1e-10)  # the fixed point's stated residual
    assert np.array(law.bands) == pytest.approx(np.array(other.bands), rel=1e-7)  # edges of products: README's accuracy


@names
def test_mass_over_a_law_is_one(name):
    population = POPULATIONS[name]
    for law in (GeneralizedMarchenkoPastur(0.3, population), InformationPlusNoise(0.3, population, 0.4)):
        atoms = sum(mass for _, mass in law.atoms)
        assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)  # quadrature to 1e-14 per panel
        mean = population.mean + (0.4 if isinstance(law, InformationPlusNoise) else 0.0)
        assert law.expectation(lambda x: x) == pytest.approx(mean, rel=1e-11)
        p = atoms + (1 - atoms) * np.linspace(0.01, 0.99, 9)
        assert law.cdf(law.quantile(p)) == pytest.approx(p, abs=1e-12)


@names
def test_a_population_of_quantiles_comes_near_the_law(name):
    population = POPULATIONS[name]
    atoms = [(float(t), 1 / 60) for t in population.quantile((np.arange(60) + 0.5) / 60)]
    x = population.mean * np.array([0.5, 1.0, 1.5])
    for kind in (lambda h: GeneralizedMarchenkoPastur(0.5, h), lambda h: InformationPlusNoise(0.5, h, 0.4)):
        # quantiles leave out the tails of the last 60th
        assert kind(population).cdf(x) == pytest.approx(kind(atoms).cdf(x), abs=5e-3)


def test_a_gap_that_the_population_leaves_open_is_found():
    law = GeneralizedMarchenkoPastur(0.3, POPULATIONS["information plus noise"])
    assert law.components == pytest.approx((0.5, 0.5), abs=1e-12)
    values = np.linalg.eigvalsh(law.sample_matrix(600, np.random.default_rng(0)))
    (_, low), (high, _) = law.bands
    assert np.count_nonzero(values < (low + high) / 2) == 300
    assert np.max(np.abs(law.cdf(values) - (np.arange(600) + 0.5) / 600)) < law.matrix_gap(600)


@pytest.mark.parametrize("kind", [lambda h: GeneralizedMarchenkoPastur(0.3, h),
                                  lambda h: InformationPlusNoise(0.3, h, 0.4)])
@names
def test_a_thousand_points_over_a_law_take_less_than_two_seconds(name, kind):
    x = np.linspace(0.2, 6, 1000)
    start = time.process_time()
    kind(POPULATIONS[name].scaled(1.0 + 1e-3)).pdf(x)
    assert time.process_time() - start < 2  # .1 to .8 s on an idle core; 30 s with the law's own transform
