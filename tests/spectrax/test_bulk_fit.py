"""The fitted variance finds the noise and not the outliers, in any shape and scale."""

import numpy as np
import pytest

from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.nulls import gaussian_eigenvalues
from spectrax.spectrum import Spectrum
from theory import MarchenkoPastur

SHAPES = [(300, 200), (200, 300), (250, 250), (1000, 20)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("std", [1e-6, 1.0, 1e5])
def test_variance_of_gaussian_entries_is_found(shape, std):
    w = std * np.random.default_rng(1).standard_normal(shape)
    # the trace, the best estimate, has relative error sqrt(2/(rows cols)); a fit of 80 % up to twice that; four of them
    assert fit_variance(Spectrum.of(w)) == pytest.approx(std**2, rel=4 * 2 * (2 / w.size) ** 0.5)


def test_the_exact_quantiles_give_back_their_variance():
    law = MarchenkoPastur(0.4, 2.5)
    values = law.quantile((np.arange(200) + 0.5) / 200)
    assert fit_variance(Spectrum(values, (500, 200), scale=500.0)) == pytest.approx(2.5, rel=1e-12)


@pytest.mark.parametrize("shape", [(300, 200), (200, 300)])
def test_scale_kind_and_transposition_do_not_change_it(shape):
    s = Spectrum.of(np.random.default_rng(2).standard_normal(shape))
    turned = Spectrum(s.rescaled(1.0).values, shape[::-1])
    for other in (s.rescaled(1.0), s.singular_values(), turned):
        assert fit_variance(other) == pytest.approx(fit_variance(s), rel=1e-12)


def test_outliers_above_hardly_move_it_and_dropping_them_even_less():
    shape = (300, 200)
    values = gaussian_eigenvalues(shape, np.random.default_rng(3))
    thinned = np.delete(values, slice(10, None, 20))
    clean, spiked = Spectrum(values, shape), Spectrum(np.concatenate([thinned, [1e6] * 10]), shape)
    # ten of 200 above shift the levels by .025 on average, d ln q/dp is about 3 to 5: measured 11 %; the trace: 1e4
    assert fit_variance(spiked) == pytest.approx(fit_variance(clean), rel=0.13)
    assert fit_variance(Spectrum(np.concatenate([values, [1e6] * 10]), (310, 210)), drop=10) == pytest.approx(
        fit_variance(clean), rel=1e-12
    )


def test_the_trace_would_be_moved_by_the_same_outliers():
    shape = (300, 200)
    values = gaussian_eigenvalues(shape, np.random.default_rng(3))
    values[-1] = 1e6
    assert values.sum() / 6e4 > 10 * fit_variance(Spectrum(values, shape))


def test_isotropic_law_is_in_the_scale_of_the_spectrum():
    w = np.random.default_rng(4).standard_normal((300, 200))
    assert isotropic_law(Spectrum.of(w), 1.0) == MarchenkoPastur.of((300, 200), 1.0)
    law = isotropic_law(Spectrum.of(w, scale=1.0), 1.0)
    assert law.bands[-1][1] == pytest.approx((300**0.5 + 200**0.5) ** 2, rel=1e-12)


def test_degenerate_spectra_have_a_variance():
    assert fit_variance(Spectrum(np.zeros(3), (5, 3))) == 0.0
    assert fit_variance(Spectrum(np.array([4.0]), (4, 1))) == pytest.approx(1.0, rel=0.3)  # one value: the median


@pytest.mark.parametrize(("keywords", "message"), [({"central": 0.0}, "central"), ({"drop": 3}, "drop must lie")])
def test_bad_arguments_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        fit_variance(Spectrum(np.ones(3), (5, 3)), **keywords)


def test_a_part_of_a_spectrum_is_refused():
    with pytest.raises(ValueError, match="whole spectrum"):
        fit_variance(Spectrum(np.ones(2), (5, 3)))
