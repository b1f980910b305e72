"""Outliers: false alarms on noise, power beside many spikes, and a bulk that isn't isotropic."""

import numpy as np
import pytest

from spectrax import nulls
from spectrax.nulls import gaussian_eigenvalues, null_of
from spectrax.outliers import beyond, detached, find_outliers, step_down
from spectrax.spectrum import Spectrum

SHAPE = (300, 200)


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(nulls, "_memory", {})
        yield


def noise(seed, shape=SHAPE):
    return Spectrum(gaussian_eigenvalues(shape, np.random.default_rng(seed)), shape)


def spiked(strengths, seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.standard_normal((size, len(strengths))))[0] for size in shape)
    return Spectrum.of(rng.standard_normal(shape) + (u * strengths) @ v.T)


def heteroscedastic(seed, shape=SHAPE, spike=0.0):
    """Rows with Pareto variances: a bulk far past the isotropic edge, with no outlier of its own."""
    rng = np.random.default_rng(seed)
    scale = (1 - rng.uniform(size=(shape[0], 1))) ** -0.3
    u, v = (x / np.linalg.norm(x) for x in (rng.standard_normal(size) for size in shape))
    return Spectrum.of(scale * rng.standard_normal(shape) + spike * np.outer(u, v))


@pytest.mark.parametrize(("variance", "low", "high"), [(None, 0.03, 0.06), (1.0, 0.03, 0.06)])
def test_false_alarms_at_level_5_percent_are_near_5_percent(variance, low, high):
    draws = 1000
    rate = sum(step_down(noise(seed), variance, level=0.05)[1] > 0 for seed in range(draws)) / draws
    # known variance .046, fitted .042 (decision 19); binomial standard error .007
    assert low - 0.007 < rate < high + 0.007


@pytest.mark.parametrize("shape", [SHAPE, SHAPE[::-1]])
def test_ten_planted_spikes_are_all_found(shape):
    # threshold (rows cols)^(1/4) = 15.7; the weakest spike sits 8 Tracy-Widom units above the edge
    strengths = np.linspace(24.0, 34.0, 10)
    found = [find_outliers(spiked(strengths, seed, shape), level=0.01) for seed in range(10)]
    assert [f.count for f in found].count(10) >= 9  # level .01: an eleventh in one of a hundred
    for f in found:
        assert f.variance == pytest.approx(1.0, rel=0.05)
        assert f.p_values.size == f.called + 1


def test_with_fixed_variance_and_dimensions_the_last_spikes_would_be_missed():
    s = spiked(np.linspace(18.5, 22.0, 10), seed=1)
    stepwise = step_down(s, level=0.01)[1]
    inflated = float(s.values.sum() * s.scale / (SHAPE[0] * SHAPE[1]))  # the trace, spikes included
    assert stepwise > step_down(s, inflated, level=0.01)[1]


def test_spikes_below_the_threshold_are_not_called():
    called = [find_outliers(spiked(np.array([8.0]), seed)).count for seed in range(40)]
    assert sum(c > 0 for c in called) <= 3  # 1 % false alarms: .4 expected, 4 has probability .001


def test_values_are_the_outliers_in_the_scale_and_kind_of_the_spectrum():
    s = spiked(np.array([40.0, 60.0]))
    for view in (s, s.singular_values(), s.rescaled(1.0)):
        found = find_outliers(view, level=0.01)
        assert found.count == 2
        np.testing.assert_array_equal(found.values, view.values[:-3:-1])


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_answer_does_not_depend_on_the_scale(scale):
    s = spiked(np.array([40.0]))
    found, other = find_outliers(s), find_outliers(Spectrum(s.values * scale, s.shape))
    for field in ("count", "detached", "beyond_fitted_edge", "beyond_trace_edge"):
        assert getattr(other, field) == getattr(found, field)
    np.testing.assert_allclose(other.p_values, found.p_values, rtol=1e-6)


def test_noise_is_called_isotropic_and_its_critical_value_can_be_passed():
    critical = null_of(SHAPE, fitted=True).sup.gumbel_quantile(0.999)
    found = [find_outliers(noise(seed), critical=critical) for seed in range(300)]
    assert sum(not f.isotropic for f in found) <= 3  # at most .0008 each (4000 draws): 3 of 300 has probability .002
    assert find_outliers(noise(0)).critical == critical


def test_a_heavy_bulk_is_not_called_outliers():
    found = [find_outliers(heteroscedastic(seed), initial_variance=1.0) for seed in range(10)]
    assert not any(f.isotropic for f in found)
    assert min(f.beyond_isotropic_bulk for f in found) > 10  # the isotropic edge alone would have called these
    assert sum(f.count for f in found) <= 1  # count is `detached` here; level .05


def test_a_spike_outside_a_heavy_bulk_is_detached():
    found = [find_outliers(heteroscedastic(seed, spike=2000.0)) for seed in range(10)]
    assert [f.count for f in found].count(1) >= 9


def test_spacings_of_a_pareto_sample_are_rarely_called_gaps():
    rng = np.random.default_rng(0)
    hits = sum(detached(np.sort(rng.pareto(1.5, 200)), level=0.05) > 0 for _ in range(1000))
    # exact level .05 by the union bound, up to the truncation of its sum at 50 terms; binomial error .007
    assert 0.02 < hits / 1000 < 0.05 + 3 * 0.007


def test_detached_counts_everything_above_the_last_gap():
    bulk = noise(3).values
    top = bulk[-1]
    assert detached(np.concatenate([bulk, top * np.array([50.0, 52.0, 55.0])])) == 3
    assert detached(bulk) == 0
    assert detached(np.zeros(100)) == 0
    assert detached(np.arange(1.0, 6.0)) == 0  # too few for a scale
    assert detached(np.ones(100)) == 0


def test_beyond_counts_past_the_edge():
    s = noise(4)
    edge = (300**0.5 + 200**0.5) ** 2
    raised = Spectrum(np.concatenate([s.values[:-2], [1.01 * edge, 2 * edge]]), SHAPE)
    assert beyond(raised, 1.0) == 2
    assert beyond(raised, 1.0, margin=5.0) == 1  # 5 units are 7 % of this edge
    assert beyond(raised, 4.0) == 0


def test_degenerate_spectra_have_an_answer():
    zero = find_outliers(Spectrum(np.zeros(30), (40, 30)), critical=0.1)
    assert (zero.count, zero.isotropic) == (0, True)
    rank_one = np.zeros(30)
    rank_one[-1] = 5.0
    assert find_outliers(Spectrum(rank_one, (40, 30)), critical=0.1).count == 1
    assert find_outliers(Spectrum(np.array([2.0]), (1, 1)), critical=1.0).called == 0


@pytest.mark.parametrize(
    ("keywords", "message"), [({"level": 0.0}, "level"), ({"level": 1.0}, "level"), ({"variance": -1.0}, "variance")]
)
def test_bad_arguments_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        find_outliers(noise(0), **keywords)
