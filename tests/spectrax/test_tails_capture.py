"""The capture of tails with every alternative: the pure functions' numbers, and no spectrum that it raises on."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from spectrax import captures, tail_law_fits
from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.nulls import gaussian_eigenvalues
from spectrax.spectrum import Spectrum
from spectrax.tail_alternatives import against_bulk_and_spikes
from spectrax.tails import fit_power_law
from theory import largest_eigenvalue

EVERY = ("lognormal", "bulk", "bulk_and_spikes", "inverse_marchenko_pastur", "high_temperature",
         "inverse_high_temperature")  # fmt: skip
N = 100
NOISE = gaussian_eigenvalues((150, N), np.random.default_rng(0))
PARETO = np.exp(np.random.default_rng(0).standard_exponential(N))
SPECTRA = {
    "zeros": np.zeros(N), "equal": np.ones(N), "two levels": np.repeat([1.0, 2.0], N // 2),
    "one spike over equals": np.append(np.ones(N - 1), 1e6), "rank 5": np.append(np.zeros(N - 5), NOISE[-5:]),
    "rank 30": np.append(np.zeros(N - 30), NOISE[-30:]), "24 decades": np.logspace(-12, 12, N),
    "nearly equal": 1 + 1e-9 * np.linspace(0, 1, N) ** 2, "equal to rounding": 1 + 1e-14 * np.arange(N),
    "1e-12": 1e-12 * NOISE, "1e12": 1e12 * NOISE, "1e-300": 1e-300 * NOISE, "1e300": 1e298 * NOISE,
    "exponent 1.05": PARETO**20, "exponent 60": PARETO ** (1 / 59),
    "heavier than a power law": np.exp(np.log(PARETO) ** 3),
    "rounding and a spike": np.append(1e-16 * NOISE[:-1], 1.0),
    "three levels": np.repeat([1.0, 1e3, 1e9], [40, 30, 30]),
}  # fmt: skip


def taken(capture, values, shape=(150, N)):
    values = np.sort(values)
    moment = SimpleNamespace(spectrum=lambda view: Spectrum(values / shape[0], shape, scale=float(shape[0])),
                             decomposition=lambda view: SimpleNamespace(eigenvalues=values))  # fmt: skip
    return capture.fn(moment, None)


@pytest.mark.parametrize("law_ratio", [None, "shape", 0.5])
@pytest.mark.parametrize("name", SPECTRA)
def test_no_spectrum_raises(name, law_ratio):
    capture = captures.tails(alternatives=EVERY, law_ratio=law_ratio, bootstrap=2)
    for shape in ((150, N), (N, N)):
        found = taken(capture, SPECTRA[name], shape)
        assert list(found) == list(capture.schema)
        assert not any(np.isinf(value) for value in found.values())
        if np.isnan(found["alpha"]):
            assert np.isnan([found[f"likelihood_ratio_{name}"] for name in EVERY]).all()


@pytest.mark.parametrize("shape", [(3, 3), (1, 1), (5, 3), (2, 40)])
def test_few_values_give_nan(shape):
    found = taken(captures.tails(alternatives=EVERY, law_ratio="shape"), np.arange(1.0, min(shape) + 1), shape)
    assert np.isnan([found[f"likelihood_p_{name}"] for name in EVERY]).all()


def test_every_alternative_is_that_of_the_pure_function():
    values = np.sort(np.append(NOISE[:-2], [3 * NOISE[-1], 5 * NOISE[-1]]))
    found, fit = taken(captures.tails(alternatives=EVERY), values), fit_power_law(values)
    spectrum = Spectrum(values / 150, (150, N), scale=150.0)
    variance = fit_variance(spectrum)
    spikes = against_bulk_and_spikes(fit, values, isotropic_law(spectrum.rescaled(1.0), variance),
                                     variance * largest_eigenvalue(150, N).scale)  # fmt: skip
    assert found["spikes_beyond_bulk"] == spikes.spikes == 2
    assert found["likelihood_ratio_bulk_and_spikes"] == spikes.ratio
    for name in EVERY[3:]:
        expected = getattr(tail_law_fits, f"against_{name}")(fit, values)
        assert found[f"likelihood_ratio_{name}"] == expected.ratio
        assert found[f"likelihood_p_{name}"] == expected.p_value
        assert found[f"aic_difference_{name}"] == expected.aic_difference
        assert found[f"law_ratio_{name}"] == expected.law_ratio
    both = tail_law_fits.against_inverse_high_temperature(fit, values)
    assert found["kappa_inverse_high_temperature"] == both.kappa
    assert found["tail_index_inverse_high_temperature"] == both.tail_index


def test_a_ratio_of_the_shape_is_held_and_a_square_matrix_has_none():
    alternatives = ("high_temperature", "inverse_high_temperature")
    capture = captures.tails(alternatives=alternatives, law_ratio="shape")
    found = taken(capture, NOISE)
    # to rounding: 2/3 goes through logarithms
    assert [found[f"law_ratio_{name}"] for name in alternatives] == pytest.approx([2 / 3] * 2, rel=1e-12)
    assert np.isnan(taken(capture, NOISE, (N, N))["kappa_high_temperature"])


def test_the_alternatives_are_part_of_the_signature_and_the_defaults_stay():
    plain = captures.tails()
    assert list(plain.schema) == [
        "hill", "hill_error", "alpha", "alpha_error", "alpha_xmin", "alpha_tail", "alpha_distance",
        "likelihood_ratio_lognormal", "likelihood_p_lognormal", "likelihood_ratio_bulk", "likelihood_p_bulk",
        "tail_outside_bulk"]  # fmt: skip
    assert plain.signature()["bootstrap"] == 0
    assert "law_ratio" not in plain.signature()
    signatures = [captures.tails(alternatives=EVERY, law_ratio=r).signature() for r in (None, "shape", 0.5)]
    assert plain.signature() not in signatures
    assert all(one != other for one, other in pairwise(signatures))


def test_what_can_not_be_an_alternative_is_refused():
    with pytest.raises(ValueError, match="alternatives must be among"):
        captures.tails(alternatives=("normal",))
    with pytest.raises(ValueError, match="law_ratio must lie"):
        captures.tails(law_ratio=1.0)


def test_a_matrix_of_low_rank_has_no_bulk_to_compare_with():
    values = np.append(np.zeros(370), NOISE[-30:])  # the central 80 % vanish, and with them the variance of the bulk
    found = taken(captures.tails(alternatives=EVERY), values, (600, 400))
    assert np.isfinite(found["alpha"])
    assert np.isnan([found["likelihood_ratio_bulk"], found["likelihood_ratio_bulk_and_spikes"]]).all()
    assert found["tail_outside_bulk"] == found["spikes_beyond_bulk"] == found["alpha_tail"]
