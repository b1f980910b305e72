"""Likelihood ratios: the truth wins, and each maximum agrees with a numerical one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import log_ndtr

from spectrax import tail_alternatives
from spectrax.nulls import gaussian_eigenvalues
from spectrax.tail_alternatives import against_bulk_and_spikes, against_law, against_lognormal
from spectrax.tails import fit_power_law
from theory import MarchenkoPastur, largest_eigenvalue


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


SHAPE = (600, 400)
BULK, UNIT = MarchenkoPastur(400 / 600, 600.0), largest_eigenvalue(*SHAPE).scale


def spiked(count, seed):
    """Noise whose largest values give way to `count` spikes above 1.1 edges, scale-free beyond."""
    rng = np.random.default_rng(seed)
    noise = gaussian_eigenvalues(SHAPE, rng)
    return np.sort(np.append(noise[count:], 1.1 * BULK.bands[0][1] * np.exp(rng.standard_exponential(count))))


def test_the_density_of_the_edge_counts_the_eigenvalues_of_simulated_noise():
    edge, end = BULK.bands[0][1], BULK.bands[0][1] + 6 * UNIT
    draws = np.array([gaussian_eigenvalues(SHAPE, np.random.default_rng(seed)) for seed in range(400)])
    for u in (-8.0, -4.0, -2.0, 0.0):
        counts = np.sum(draws > edge + u * UNIT, axis=1)
        expected = 400 * tail_alternatives._finite_mass(BULK, UNIT, edge + u * UNIT, end)
        # corrections of order 400^(-2/3), .02 of a unit's count; the limiting law itself counts .25 too few everywhere
        assert counts.mean() == pytest.approx(expected, abs=4 * counts.std() / 20 + 0.04)


@pytest.mark.parametrize("spikes", [0, 1, 3, 10])
def test_a_bulk_and_its_spikes_beat_the_power_law(spikes):
    for seed in range(6):
        values = spiked(spikes, seed)
        found = against_bulk_and_spikes(fit_power_law(values), values, BULK, UNIT)
        # one in a hundred noise matrices passes the limit by itself
        assert found.spikes in (spikes, spikes + 1)
        assert found.inside + found.spikes == fit_power_law(values).tail
        # 100 of 100 noise spectra: ratio negative with p < .1, median -10.5
        assert found.ratio < 0
        assert found.aic_difference > 0


def test_a_true_power_law_that_reaches_into_the_bulk_beats_bulk_and_spikes():
    for seed in range(5):
        values = 300.0 * np.exp(np.random.default_rng(seed).standard_exponential(400) / 1.5)
        found = against_bulk_and_spikes(fit_power_law(values), values, BULK, UNIT)
        assert found.ratio > 0
        assert found.p_value < 1e-3
        assert found.spikes > 0


def test_where_spikes_lie_decides_nothing_and_how_many_does():
    values = spiked(3, 0)
    fit = fit_power_law(values)
    tail, end = np.sort(values)[-fit.tail :], BULK.bands[0][1] + 2.02 * UNIT
    places = replace(fit, total=fit.tail)
    one = against_bulk_and_spikes(places, tail, BULK, UNIT)
    other = against_bulk_and_spikes(places, np.append(tail[:-3], end * np.array([1.01, 2.0, 50.0])), BULK, UNIT)
    fewer = against_bulk_and_spikes(places, np.append(tail[:-2], end * np.array([0.99, 0.98])), BULK, UNIT)
    # sums of differences of logarithms: rounding
    assert other.ratio == pytest.approx(one.ratio, abs=1e-9)
    assert abs(fewer.ratio - one.ratio) > 0.5


def test_bulk_and_spikes_is_a_density_on_the_whole_tail():
    values = spiked(5, 1)
    fit = fit_power_law(values)
    tail, edge = np.sort(values)[-fit.tail :], BULK.bands[0][1]
    end, share = edge + 2.02 * UNIT, 5 / fit.tail
    mass = tail_alternatives._finite_mass(BULK, UNIT, fit.xmin, end)
    inside = quad(lambda x: tail_alternatives._finite_bulk(BULK, UNIT, np.array([x]))[0], fit.xmin, end,
                  points=[edge - 12 * UNIT, edge - 6 * UNIT, edge], limit=200)[0]  # fmt: skip
    # 48 nodes where the density oscillates five times, and adaptive quadrature
    assert inside == pytest.approx(mass, rel=1e-4)
    density = tail_alternatives._finite_bulk(BULK, UNIT, tail[:-5]) * (1 - share) / mass
    spikes = share * (fit.alpha - 1) / tail[-5:] * (tail[-5:] / end) ** (1 - fit.alpha)
    power = (fit.alpha - 1) / fit.xmin * (tail / fit.xmin) ** -fit.alpha
    expected = np.sum(np.log(power)) - np.sum(np.log(density)) - np.sum(np.log(spikes))
    assert against_bulk_and_spikes(fit, values, BULK, UNIT).ratio == pytest.approx(expected, rel=1e-9)


def test_a_tail_beyond_the_bulk_has_nothing_to_compare():
    values = 1e4 * np.exp(np.random.default_rng(0).standard_exponential(200))
    found = against_bulk_and_spikes(fit_power_law(values), values, BULK, UNIT)
    assert found.ratio == pytest.approx(0.0, abs=1e-9)
    assert found.spikes == fit_power_law(values).tail
    none = against_bulk_and_spikes(fit_power_law(np.ones(50)), np.ones(50), BULK, UNIT)
    assert np.isnan([none.ratio, none.p_value]).all()
    below = against_bulk_and_spikes(fit_power_law(values), values, MarchenkoPastur(0.5, 1e9), 1e6)
    assert below.outside == fit_power_law(values).tail
    assert np.isnan(below.ratio)


def test_aic_counts_the_parameters():
    values = np.exp(np.random.default_rng(0).standard_exponential(400) / 1.5)
    found = against_lognormal(fit_power_law(values), values)
    assert found.parameters == 2
    assert found.aic_difference == pytest.approx(-2 * found.ratio - 2)
