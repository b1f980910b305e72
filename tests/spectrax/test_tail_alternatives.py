"""Likelihood ratios: the truth wins, and each maximum agrees with a numerical one."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import log_ndtr

from spectrax.nulls import gaussian_eigenvalues
from spectrax.tail_alternatives import against_law, against_lognormal
from spectrax.tails import fit_power_law
from theory import MarchenkoPastur


def lognormal_maximum(y):
    """Largest log likelihood of a normal cut at 0, by a general optimiser."""

    def minus(parameters):
        mu, scale = parameters[0], np.exp(parameters[1])
        z = (y - mu) / scale
        return -np.sum(-0.5 * z**2 - np.log(scale) - 0.5 * np.log(2 * np.pi) - log_ndtr(mu / scale))

    starts = [(y.mean(), np.log(y.std())), (-1.0, 0.0), (0.0, np.log(y.mean()))]
    return -min(minimize(minus, s, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-10}).fun for s in starts)


@pytest.mark.parametrize("power", [0.3, 1.0, 2.0])
def test_the_lognormal_is_fitted_at_its_maximum(power):
    values = np.exp(np.abs(np.random.default_rng(0).standard_normal(400)) ** power)
    fit = fit_power_law(values, minimum_tail=300)
    y = np.log(np.sort(values)[-fit.tail :] / fit.xmin)
    power_law = np.sum(np.log(fit.alpha - 1) - (fit.alpha - 1) * y)
    ratio = against_lognormal(fit, values).ratio
    expected = min(power_law - lognormal_maximum(y), 0.0)
    # the optimiser stops within 1e-6 of the maximum; near the power-law limit the cap at t = 100 costs below .01
    assert ratio == pytest.approx(expected, abs=1e-5 if expected < -0.1 else 0.05)


def test_a_lognormal_tail_is_told_from_a_power_law():
    values = np.exp(np.abs(np.random.default_rng(1).standard_normal(4000)))
    found = against_lognormal(fit_power_law(values, minimum_tail=2000), values)
    assert found.ratio < 0
    assert found.p_value < 1e-3


def test_a_power_law_is_not_beaten_significantly():
    p_values = []
    for seed in range(30):
        values = np.exp(np.random.default_rng(seed).standard_exponential(1000) / 1.5)
        found = against_lognormal(fit_power_law(values), values)
        assert found.ratio <= 1e-9
        p_values.append(found.p_value)
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_a_tail_heavier_than_a_power_law_has_no_lognormal():
    values = np.exp(np.random.default_rng(2).standard_exponential(2000) ** 2)
    found = against_lognormal(fit_power_law(values, minimum_tail=1900), values)
    assert (found.ratio, found.p_value) == (0.0, 1.0)


def test_noise_is_told_from_a_power_law_by_its_own_law():
    shape = (600, 400)
    values = gaussian_eigenvalues(shape, np.random.default_rng(0))
    found = against_law(fit_power_law(values, 100), values, MarchenkoPastur(400 / 600, 600.0))
    assert found.ratio < 0
    assert found.p_value < 0.1
    assert found.outside <= 2  # the largest eigenvalue passes the limiting edge now and then


def test_values_outside_the_band_are_counted_apart():
    shape = (600, 400)
    values = gaussian_eigenvalues(shape, np.random.default_rng(0))
    spiked = np.concatenate([values, values[-1] * np.array([2.0, 3.0, 4.0])])
    fit = fit_power_law(spiked, 100)
    law = MarchenkoPastur(400 / 600, 600.0)
    found = against_law(fit, spiked, law)
    assert found.outside == 3 + int(np.sum(values > law.bands[0][1]))
    assert found.inside + found.outside == fit.tail


def test_both_densities_have_unit_mass_on_the_window():
    # the ratio of a sample of one point each, integrated: exp(-difference) weighted by the power law is the law's mass
    law = MarchenkoPastur(0.5)
    values = law.quantile((np.arange(200) + 0.5) / 200)
    fit = fit_power_law(values, 50)
    edge = law.bands[0][1]
    mass = quad(lambda x: law.pdf(x) / (law.sf(fit.xmin) - law.sf(edge)), fit.xmin, edge)[0]
    exponent = fit.alpha - 1
    power = quad(lambda x: exponent / x * (x / fit.xmin) ** -exponent, fit.xmin, edge)[0]
    tail = np.sort(values)[-fit.tail :]
    expected = np.log(exponent / tail * (tail / fit.xmin) ** -exponent / power) - np.log(law.pdf(tail) / mass)
    expected += np.log(law.sf(fit.xmin) - law.sf(edge))
    assert against_law(fit, values, law).ratio == pytest.approx(expected.sum(), rel=1e-6)


def test_a_law_below_the_whole_tail_leaves_nothing_to_compare():
    values = 100.0 * np.exp(np.random.default_rng(0).standard_exponential(200))
    fit = fit_power_law(values)
    found = against_law(fit, values, MarchenkoPastur(0.5))
    assert np.isnan(found.ratio)
    assert (found.inside, found.outside) == (0, fit.tail)


def test_no_fit_gives_no_ratio():
    values = np.ones(100)
    assert np.isnan(against_lognormal(fit_power_law(values), values).ratio)
    assert np.isnan(against_law(fit_power_law(values), values, MarchenkoPastur(0.5)).ratio)
