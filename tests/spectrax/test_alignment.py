"""Overlaps, agreement and the chance level of a random direction."""

import numpy as np
import pytest

from spectrax.alignment import RandomOverlap, agreement, overlaps


def orthonormal(d, k, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, k)))[0]


def test_overlaps_are_absolute_cosines_whatever_the_length_and_sign():
    q = orthonormal(20, 3)
    np.testing.assert_allclose(overlaps(-5.0 * q, q[:, 1]), [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(overlaps(q, 2 * q[:, 0] - 2 * q[:, 2]), [0.5**0.5, 0, 0.5**0.5], atol=1e-15)
    assert overlaps(q, q[:, :2]).shape == (3, 2)
    assert overlaps(q[:, 0], q[:, 0]) == pytest.approx(1.0, rel=1e-15)


def test_a_zero_direction_has_no_overlap_to_speak_of():
    assert np.isnan(overlaps(orthonormal(5, 2), np.zeros(5))).all()


def test_agreement_with_the_same_space_sums_to_one():
    q = orthonormal(30, 4)
    rotated = q @ orthonormal(4, 4, seed=1)
    a = agreement(q, rotated)
    np.testing.assert_allclose(a.sum(0), 1.0, rtol=1e-13)
    np.testing.assert_allclose(a.sum(1), 1.0, rtol=1e-13)
    np.testing.assert_allclose(agreement(q, rotated), agreement(rotated, q).T)
    assert (agreement(q, orthonormal(30, 6, seed=2)).sum(1) <= 1.0 + 1e-13).all()


def test_lengths_and_norms_are_checked():
    with pytest.raises(ValueError, match="unit length"):
        agreement(2.0 * orthonormal(5, 2), orthonormal(5, 2))
    with pytest.raises(ValueError, match="share their length"):
        overlaps(orthonormal(5, 2), np.ones(6))
    with pytest.raises(ValueError, match="columns"):
        overlaps(np.ones((2, 2, 2)), np.ones(2))


@pytest.mark.parametrize("dimension", [2, 5, 300])
def test_one_random_overlap_follows_the_beta_law(dimension):
    draws = np.random.default_rng(0).standard_normal((40_000, dimension))
    cosines = np.abs(draws[:, 0]) / np.linalg.norm(draws, axis=1)
    law = RandomOverlap(dimension)
    # empirical cdf of 4e4 draws: standard error at most .0025, five points tested
    for p in (0.05, 0.3, 0.5, 0.9, 0.99):
        assert np.mean(cosines <= law.quantile(p)) == pytest.approx(p, abs=4 * 0.0025)
    assert law.expected == pytest.approx(cosines.mean(), rel=4 / 200)
    second_moment = 2 * 0.5 * np.mean([x**2 for x in law.quantile((np.arange(2000) + 0.5) / 2000)])
    assert second_moment == pytest.approx(1 / dimension, rel=1e-3)  # squared overlaps with a basis sum to 1


@pytest.mark.parametrize("count", [5, 200])
def test_the_largest_of_many_orthonormal_overlaps(count):
    draws = np.random.default_rng(1).standard_normal((4000, 200))
    largest = np.abs(draws[:, :count]).max(axis=1) / np.linalg.norm(draws, axis=1)
    law = RandomOverlap(200, count)
    # independence is an approximation with relative error 1/d = .005; standard error of the mean below .003 of it
    assert law.expected == pytest.approx(largest.mean(), rel=0.015)
    assert np.mean(largest > law.quantile(0.95)) == pytest.approx(0.05, abs=0.015)


def test_cdf_sf_and_quantile_agree_and_the_tail_keeps_its_digits():
    law = RandomOverlap(1000, 20)
    p = np.array([0.0, 0.1, 0.5, 0.999, 1.0])
    np.testing.assert_allclose(law.cdf(law.quantile(p)), p, atol=1e-12)
    np.testing.assert_allclose(law.sf(np.array([0.0, 0.05, 0.1])), 1 - law.cdf(np.array([0.0, 0.05, 0.1])), atol=1e-12)
    # 20 times the tail of one: the union bound is exact where it is tiny
    assert law.sf(0.4) == pytest.approx(20 * RandomOverlap(1000).sf(0.4), rel=1e-9)
    assert 0 < law.sf(0.4) < 1e-30


@pytest.mark.parametrize("arguments", [(1, 1), (5, 0), (5, 6)])
def test_impossible_counts_are_refused(arguments):
    with pytest.raises(ValueError, match="dimension must be at least 2"):
        RandomOverlap(*arguments)


def test_a_probability_outside_the_unit_interval_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        RandomOverlap(5).quantile(1.5)
