"""Fits of inverse and high-temperature laws: known parameters come back, maxima are maxima, and the truth wins."""

import numpy as np
import pytest
from scipy.integrate import quad

from spectrax import tail_law_fits
from spectrax.tail_law_fits import (
    against_high_temperature,
    against_inverse_high_temperature,
    against_inverse_marchenko_pastur,
)
from spectrax.tails import fit_power_law, tail_values
from theory import HighTemperatureMarchenkoPastur, InverseHighTemperatureMarchenkoPastur, InverseMarchenkoPastur

EVERY = (against_inverse_marchenko_pastur, against_high_temperature, against_inverse_high_temperature)
HIGH = [(against_high_temperature, HighTemperatureMarchenkoPastur),
        (against_inverse_high_temperature, InverseHighTemperatureMarchenkoPastur)]  # fmt: skip


def draws(law, n=1000, seed=0):
    return law.quantile(np.random.default_rng(seed).uniform(size=n))


def pareto(alpha, n, seed):
    return np.exp(np.random.default_rng(seed).standard_exponential(n) / (alpha - 1))


def likelihood(law, tail):
    """Log likelihood of a law of `theory` cut at the smallest value."""
    return np.sum(np.log(law.pdf(tail)) - np.log(law.sf(tail[0])))


def power_likelihood(fit, tail):
    return np.sum(np.log((fit.alpha - 1) / fit.xmin) - fit.alpha * np.log(tail / fit.xmin))


@pytest.mark.parametrize(("against", "law"), [
    (against_inverse_marchenko_pastur, InverseMarchenkoPastur(0.5, 2.0)),
    (against_high_temperature, HighTemperatureMarchenkoPastur(0.5, 4.0, 3.0)),
    (against_inverse_high_temperature, InverseHighTemperatureMarchenkoPastur(0.5, 4.0, 3.0))])  # fmt: skip
@pytest.mark.parametrize("minimum_tail", [200, 850])
def test_the_ratio_is_that_of_the_law_of_theory_it_found(against, law, minimum_tail):
    values = draws(law)
    fit = fit_power_law(values, minimum_tail)
    found, tail = against(fit, values), tail_values(fit, values)
    # the table interpolates densities to 2e-4 a value at these kappa, 4e-2 in all; the inverse law is exact
    expected = power_likelihood(fit, tail) - likelihood(found.law, tail)
    assert found.ratio == pytest.approx(expected, abs=0.1)
    # a maximum: at least as likely as the truth
    assert found.ratio < power_likelihood(fit, tail) - likelihood(law, tail) + 0.1


@pytest.mark.parametrize(("against", "kind"), HIGH)
@pytest.mark.parametrize("kappa", [2.0, 4.0, 20.0])
def test_a_known_kappa_comes_back_within_its_standard_error(against, kind, kappa):
    found = [against(fit_power_law(x, 900), x, 0.5) for x in (draws(kind(0.5, kappa, 3.0), 1000, s) for s in range(10))]
    scores = [np.log(f.kappa / kappa) * f.kappa / f.kappa_error for f in found if np.isfinite(f.kappa_error)]
    # 25 draws gave mean scores of -.16 to .25 and deviations of .67 to 1.03; of ten, the mean has a deviation of .3
    assert len(scores) >= 9
    assert abs(np.mean(scores)) < 4 * 1.03 / 10**0.5
    assert np.std(scores) < 1.03 * (1 + 4 / 20**0.5)
    # kappa 2: 2.02 and 2.08 +- .34 and .17; 4: 4.0 and 4.2 +- .9 and .5; 20: 18.9 and 19.1 +- 8 and 5 (medians)
    assert np.median([f.variance for f in found]) == pytest.approx(3.0, rel=0.1)
    assert all(f.parameters == 2 and f.law_ratio == pytest.approx(0.5) for f in found)


def test_the_tail_index_of_an_inverse_law_is_known_where_kappa_is_not():
    found = [against_inverse_high_temperature(fit_power_law(x, 500), x)
             for x in (pareto(3.0, 1000, seed) for seed in range(8))]  # fmt: skip
    # the power law itself: index alpha - 1 = 2, known to 2/sqrt(tail) = .09; no shoulder tells kappa
    assert np.median([f.tail_index for f in found]) == pytest.approx(2.0, abs=0.25)


@pytest.mark.parametrize("alpha", [2.0, 3.0, 4.0, 6.0])
def test_no_fitted_law_beats_a_true_power_law(alpha):
    for seed in range(4):
        values = pareto(alpha, 1000, seed)
        fit = fit_power_law(values)
        inverse, high, both = (against(fit, values) for against in EVERY)
        # of 20 samples an exponent none was called by AIC; inverse: median ratios 133 to 457; high: 349 down to 12
        assert max(inverse.aic_difference, high.aic_difference, both.aic_difference) < 0
        assert inverse.ratio > 0
        assert inverse.p_value < 0.1
        assert both.ratio < 0.05  # it contains the power law as a limit, which the search reaches to .05


@pytest.mark.parametrize(("law", "winner"), [(InverseMarchenkoPastur(0.9), 0), (InverseMarchenkoPastur(0.5), 0)])
def test_an_inverse_marchenko_pastur_tail_is_recognised(law, winner):
    for seed in range(4):
        values = draws(law, 1000, seed)
        fit = fit_power_law(values)
        found = [against(fit, values) for against in EVERY]
        # best AIC of power law, lognormal and these three in 20 of 20 samples; median ratios -22 and -41
        assert np.argmax([f.aic_difference for f in found]) == winner
        assert found[winner].ratio < -5


def test_a_high_temperature_tail_is_told_from_a_power_law():
    law = HighTemperatureMarchenkoPastur(0.5, 4.0)
    found = [against_high_temperature(fit_power_law(x), x) for x in (draws(law, 1000, seed) for seed in range(10))]
    # AIC prefers it in .9 of 20 samples, and p < .1 in .75, though the power law chose its xmin for itself
    assert np.mean([f.aic_difference > 0 for f in found]) >= 0.6
    longer = [against_high_temperature(fit_power_law(x, 500), x, 0.5) for x in (draws(law, 1000, s) for s in range(4))]
    assert all(f.ratio < 0 and f.p_value < 1e-3 for f in longer)


def test_an_inverse_high_temperature_tail_is_told_from_a_power_law_once_its_shoulder_is_in_it():
    law = InverseHighTemperatureMarchenkoPastur(0.5, 4.0)
    # far out it is a power law: with the xmin that suits the power law, AIC prefers it in .35 of 20 samples only
    for seed in range(4):
        values = draws(law, 1000, seed)
        found = against_inverse_high_temperature(fit_power_law(values, 800), values, 0.5)
        assert found.ratio < 0
        assert found.p_value < 1e-3
        assert found.tail_index == pytest.approx(2.0, rel=0.5)


def test_the_cut_inverse_law_has_unit_mass():
    logs = np.linspace(0.0, 2.0, 5)
    for below, above in ((1e-6, 0.1), (0.5, 1e-3), (30.0, 3.0)):
        def density(y, below=below, above=above):
            return np.exp(tail_law_fits._inverse_density(np.append(logs[:-1], y), below, logs[-1] + above - y)[-1])

        # the largest value sets the edge, which is held at 2 + above; 64 nodes against adaptive quadrature
        assert quad(density, 0.0, 2.0 + above, limit=400)[0] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_ratios_do_not_depend_on_the_scale(scale):
    values = draws(InverseHighTemperatureMarchenkoPastur(0.5, 4.0), 300)
    for against in EVERY:
        one, other = (against(fit_power_law(x, 200), x) for x in (values, scale * values))
        # logarithms to 1e-14; the simplex takes the same path but for rounding
        assert other.ratio == pytest.approx(one.ratio, abs=2e-3)
        power = -1 if "inverse" in against.__name__ else 1
        assert other.variance == pytest.approx(one.variance * scale**power, rel=0.1)


def test_a_ratio_outside_its_range_is_refused_and_no_fit_gives_nan():
    values = np.ones(50)
    for against in EVERY:
        assert np.isnan(against(fit_power_law(values), values).ratio)
    with pytest.raises(ValueError, match="ratio must lie"):
        against_high_temperature(fit_power_law(pareto(3.0, 50, 0)), pareto(3.0, 50, 0), 1.0)
