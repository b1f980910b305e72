"""Coverage of the intervals, by simulation, and their small-sample rules."""

import numpy as np
import pytest
import scipy.stats

from spectrax.intervals import Summary, correlation, difference, estimate, finite


@pytest.mark.parametrize("n", [2, 5, 30])
def test_the_t_interval_is_scipys(n):
    x = np.random.default_rng(n).standard_normal(n)
    value, error, interval = estimate(x)
    expected = scipy.stats.t.interval(0.95, n - 1, loc=x.mean(), scale=scipy.stats.sem(x))
    assert (value, error) == pytest.approx((x.mean(), scipy.stats.sem(x)), rel=1e-12)
    assert interval == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [6, 10, 25])
def test_the_median_interval_covers_95_percent_whatever_the_law(n):
    rng = np.random.default_rng(0)
    draws = rng.standard_cauchy((2000, n))
    hits = sum(low <= 0.0 <= high for low, high in (estimate(x, "median")[2] for x in draws))
    assert hits / 2000 > 0.95 - 3 * 0.005  # binomial standard error .005; discreteness only adds


def test_small_samples_have_no_interval():
    for sample, centre in (([], "mean"), ([1.0], "mean"), ([1.0] * 5, "median")):
        _, error, interval = estimate(np.array(sample), centre)  # type: ignore[arg-type]
        assert np.isnan(error)
        assert np.isnan(interval).all()


def test_welch_is_scipys_for_samples_and_summaries():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 10), rng.normal(0.3, 3, 5)
    expected = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    for other in (b, Summary(b.mean(), b.std(ddof=1), 5)):
        found = difference(a, other, paired=False)
        assert found.interval == pytest.approx((expected.low, expected.high), rel=1e-9)
    tiny = difference(1e-200 * a, 1e-200 * b, paired=False)
    assert tiny.interval[0] == pytest.approx(1e-200 * expected.low, rel=1e-9)


def test_pairing_removes_what_the_replicates_share():
    rng = np.random.default_rng(2)
    shared = rng.normal(0, 10, 8)
    a, b = shared + rng.normal(1, 0.1, 8), shared + rng.normal(0, 0.1, 8)
    assert difference(a, b).error < 0.1 < 3 < difference(a, b, paired=False).error


def test_unpaired_medians_have_a_resampled_interval():
    rng = np.random.default_rng(3)
    a, b = rng.normal(5, 1, 40), rng.normal(0, 1, 40)
    low, high = difference(a, b, paired=False, centre="median").interval
    assert low < 5 < high
    assert high - low < 2
    assert np.isnan(difference(a[:3], b, paired=False, centre="median").error)


def test_rank_correlation_is_spearmans_with_ties():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 6, 40).astype(float)
    y = x + rng.integers(0, 4, 40)
    value, error, (low, high) = correlation(x, y)
    assert value == pytest.approx(scipy.stats.spearmanr(x, y).statistic, rel=1e-12)
    assert low < value < high
    assert 0 < error < 0.3


def test_nan_is_dropped_and_infinity_leaves_no_interval():
    assert finite([1.0, np.nan, 3.0]).tolist() == [1.0, 3.0]
    assert np.isnan(estimate(np.array([1.0, np.inf, 2.0]))[2]).any()


def test_a_summary_has_no_median():
    with pytest.raises(ValueError, match="Summary"):
        difference([1.0, 2.0], Summary(0.0, 1.0, 5), centre="median")
