"""Recovering a population from sampled spectra, with the Wasserstein distance to the truth."""

import math

import numpy as np
import pytest

from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.sample_covariance.estimate_population import estimate_population

TRUE = ((1.0, 1 / 3), (3.0, 1 / 3), (10.0, 1 / 3))


def _quantiles(pairs):
    values, weights = np.array(pairs).T
    p = (np.arange(6000) + 0.5) / 6000
    return values[np.minimum(np.searchsorted(np.cumsum(weights), p), len(values) - 1)]


def _distance(pairs):
    return float(np.mean(np.abs(_quantiles(pairs) - _quantiles(TRUE))))


def _spectrum(p, n, seed):
    x = np.random.default_rng(seed).standard_normal((n, p)) * np.sqrt(np.repeat([1.0, 3.0, 10.0], p // 3))
    return np.maximum(np.linalg.eigvalsh(x.T @ x / n), 0.0)


@pytest.mark.parametrize(
    ("p", "n", "allowed"),
    [(300, 3000, 0.03), (300, 600, 0.3)],  # largest of four draws .017 and .18; taking eigenvalues as they are: .7, 2
)
def test_three_values_are_recovered(p, n, allowed):
    for seed in range(3):
        values = _spectrum(p, n, seed)
        estimate = estimate_population(values, p / n)
        assert _distance(estimate) < allowed
        assert np.mean(np.abs(np.sort(values) - np.repeat([1.0, 3.0, 10.0], p // 3))) > 3 * _distance(estimate)


@pytest.mark.parametrize(("ratio", "allowed"), [(0.1, 0.004), (0.5, 0.001), (0.9, 0.016), (2.0, 0.03)])
def test_the_limiting_spectrum_gives_its_population_back(ratio, allowed):
    # quantiles of the law don't fluctuate: what remains is 1/p, the grid and the condition; found half of `allowed`
    law = GeneralizedMarchenkoPastur(ratio, TRUE)
    estimate = estimate_population(law.quantile((np.arange(2000) + 0.5) / 2000), ratio)
    assert _distance(estimate) < allowed


def test_the_mean_is_kept_and_the_estimate_is_a_distribution():
    for p, n in ((300, 600), (300, 300), (300, 150)):
        values = _spectrum(p, n, 5)
        pairs = np.array(estimate_population(values, p / n))
        assert np.sum(pairs[:, 1]) == pytest.approx(1, abs=1e-12)
        assert np.all(pairs > 0)
        assert np.all(np.diff(pairs[:, 0]) > 0)
        assert np.sum(pairs[:, 0] * pairs[:, 1]) == pytest.approx(np.mean(values), rel=0.05)  # sampling: 1 %


def test_units_do_not_matter():
    values = _spectrum(150, 600, 0)
    plain = np.array(estimate_population(values, 0.25))
    for factor in (1e-8, 1e8):
        assert np.array(estimate_population(values * factor, 0.25)) == pytest.approx(plain * [factor, 1], rel=1e-6)


@pytest.mark.parametrize(
    ("values", "ratio"),
    [([1.0, -1.0], 0.5), ([0.0, 0.0], 0.5), ([1.0], 0.5), ([], 0.5), ([1.0, math.nan], 0.5), ([1.0, 2.0], 0.0)],
)
def test_bad_spectra_raise_one_line(values, ratio):
    with pytest.raises(ValueError, match=r"^\w+ must .*; got .*; [^\n]*$"):
        estimate_population(values, ratio)


@pytest.mark.parametrize("ratio", [0.2, 2.0])
def test_zeros_of_the_population_are_found(ratio):
    share = 0.3 if ratio < 1 else 0.7  # above ratio 1 more zeros than the rank leaves
    law = GeneralizedMarchenkoPastur(ratio, [(0, share), (5, 1 - share)])
    found = estimate_population(law.quantile((np.arange(500) + 0.5) / 500), ratio)
    assert found[0] == (0.0, pytest.approx(share, abs=1e-3))
    assert sum(w for x, w in found if 4.9 < x < 5.1) == pytest.approx(1 - share, abs=1e-3)
