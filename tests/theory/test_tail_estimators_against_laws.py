"""Hill's estimator and power-law fits on laws whose tail index is known: bias, stated errors and their coverage."""

import math

import numpy as np
import pytest

from spectrax.tails import fit_power_law, hill
from theory.laws.alpha_stable import AlphaStable
from theory.laws.high_temperature import InverseHighTemperatureMarchenkoPastur
from theory.laws.levy import LevyWigner, LevyWishart
from theory.laws.marchenko_pastur import MarchenkoPastur


@pytest.mark.parametrize("law", [AlphaStable(1.5), LevyWigner(1.5), LevyWishart(1.0, 0.5),
                                 InverseHighTemperatureMarchenkoPastur(0.5, 4.0)], ids=repr)
def test_stated_error_of_hill_covers_the_exponent_in_the_far_tail(law):
    # draws beyond the quantile 1 - 1e-10, where every one of the tails is a power to 1e-5
    rng, n, runs = np.random.default_rng(3), 200, 400
    tail = [law.quantile(1 - 1e-10 * rng.random(n)) for _ in range(runs)]
    fits = [hill(values, fraction=1.0) for values in tail]
    exact = 1 + law.tail_index
    z = np.array([(fit.alpha - exact) / fit.alpha_error for fit in fits])
    # quantile(1 - u) sees u rounded to 1e-16, one part in 1e6; .95 +- 4 binomial errors of .011
    assert 0.90 < np.mean(np.abs(z) < 1.96) <= 0.99
    assert np.mean([fit.alpha for fit in fits]) == pytest.approx(exact, abs=6 * law.tail_index / math.sqrt(n * runs))


def test_errors_smaller_by_half_would_not_cover():
    rng, law = np.random.default_rng(3), AlphaStable(1.5)
    fits = [hill(law.quantile(1 - 1e-10 * rng.random(200)), fraction=1.0) for _ in range(200)]
    assert np.mean([abs(fit.alpha - 2.5) < 1.96 * fit.alpha_error / 2 for fit in fits]) < 0.8


@pytest.mark.parametrize(("alpha", "ratio"), [(1.0, 0.5), (1.5, 1.0)])
def test_hill_finds_the_index_of_eigenvalues_of_levy_matrices(alpha, ratio):
    law, n = LevyWishart(alpha, ratio), 300
    estimates = []
    for seed in range(6):
        values = np.linalg.eigvalsh(law.sample_matrix(n, np.random.default_rng(seed)))
        estimates.append(hill(values, fraction=0.04).alpha)
    # 6 x 12 values: standard error of the index 12 %; at 4 % of the mass the law's own slope is within 10 % of it
    assert np.mean(estimates) - 1 == pytest.approx(alpha / 2, rel=0.4)
    squares = [hill(values**0.5, fraction=0.04).alpha for values in [np.maximum(values, 0)]]
    # exponents of densities of eigenvalues and of singular values: alpha_sv - 1 = 2 (alpha_ev - 1)
    assert squares[0] - 1 == pytest.approx(2 * (estimates[-1] - 1), rel=1e-12)


def test_fit_of_a_stable_sample_finds_tail_and_index():
    law = AlphaStable(1.5)
    fits = [fit_power_law(np.abs(law.sample(4000, np.random.default_rng(seed))), minimum_tail=100) for seed in range(6)]
    for fit in fits:
        # the law approaches its tail from above: local exponents beyond |x| = 3 run from 3 to 2.5
        assert abs(fit.alpha - 2.5) < 4 * fit.alpha_error + 0.2
        assert fit.xmin > 1.5
    assert np.mean([fit.alpha for fit in fits]) == pytest.approx(2.5, abs=0.25)


def test_fit_also_returns_an_exponent_where_there_is_no_tail():
    # why an exponent alone says nothing: the bulk of Marchenko and Pastur gets one, and a small stated error
    law = MarchenkoPastur(0.5)
    fit = fit_power_law(law.quantile((np.arange(500) + 0.5) / 500))
    assert math.isfinite(fit.alpha)
    assert fit.alpha_error < fit.alpha / 4


def test_the_index_of_inverse_spectra_is_found_at_large_samples():
    law = InverseHighTemperatureMarchenkoPastur(0.4, 2.0)  # p = 1.5
    draws = law.sample(40_000, np.random.default_rng(5))
    estimate = hill(draws, fraction=0.005)
    # local exponents approach p as x^-1 and x^-p: 5 % off at the quantile .995
    assert estimate.alpha - 1 == pytest.approx(law.tail_index, abs=4 * estimate.alpha_error + 0.1)
