"""compare: kinds, fits, distances beside their nulls, and the refusals."""

import numpy as np
import pytest

from spectrax import nulls
from spectrax.comparison import compare
from spectrax.spectrum import Spectrum
from theory import MarchenkoPastur, SingularValues, TracyWidom


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(nulls, "_memory", {})
        yield


def draw(shape, seed=0, std=1.0):
    return std * np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("shape", [(120, 80), (80, 120)])
@pytest.mark.parametrize("kind", ["eigenvalues", "singular_values"])
def test_noise_lies_inside_its_null(shape, kind):
    p_values = []
    for seed in range(20):
        s = Spectrum.of(draw(shape, seed, std=3.0))
        c = compare(s if kind == "eigenvalues" else s.singular_values())
        assert c.law.kind == kind
        assert c.fitted
        d = c.distances
        p_values.append([d.sup.p_value, d.wasserstein.p_value, d.edge_upper.p_value, d.edge_lower.p_value])
    # uniform under the null: the mean of 20 has standard error .065
    assert (np.abs(np.mean(p_values, axis=0) - 0.5) < 4 * 0.065).all()


def test_the_known_law_gives_distances_with_the_known_null():
    c = compare(Spectrum.of(draw((120, 80))), MarchenkoPastur.of((120, 80), 1.0))
    assert not c.fitted
    assert not c.null.fitted
    assert c.distances.sup.p_value > 0.005
    low, high = c.distances.sup.null_band
    assert low < c.distances.sup.null_median < high


def test_a_wrong_law_is_farther_than_every_draw():
    c = compare(Spectrum.of(draw((120, 80))), MarchenkoPastur(1.0 / 3.0))
    assert c.distances.sup.p_value == pytest.approx(1 / 201)
    assert c.distances.wasserstein.p_value == pytest.approx(1 / 201)


def test_a_law_one_tenth_off_in_ratio_is_noticed():
    # an independent-sample Kolmogorov test lets this pass (decision 8)
    c = compare(Spectrum.of(draw((300, 200))), MarchenkoPastur(0.9 * 2 / 3))
    assert c.distances.sup.p_value == pytest.approx(1 / 201)


def test_kinds_do_not_mix_and_the_message_names_the_remedy():
    s = Spectrum.of(draw((30, 20)))
    law = MarchenkoPastur(2 / 3)
    with pytest.raises(ValueError, match="law describes") as caught:
        compare(s.singular_values(), law)
    assert str(caught.value) == (
        "law describes eigenvalues but spectrum holds singular values; pass spectrum.squared()."
    )
    with pytest.raises(ValueError, match=r"but spectrum holds eigenvalues; pass spectrum\.singular_values\(\)\."):
        compare(s, SingularValues(law))
    with pytest.raises(ValueError, match="law must describe a spectrum"):
        compare(s, TracyWidom(1))


def test_a_spectrum_without_a_bulk_needs_a_law():
    with pytest.raises(ValueError, match="Pass a law"):
        compare(Spectrum.of(np.zeros((4, 3))))


def test_outliers_and_phase_belong_to_the_spectrum():
    u, v = draw(120, 1), draw(80, 2)
    w = draw((120, 80)) + 40 * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
    c = compare(Spectrum.of(w))
    assert c.outliers.count == 1
    assert c.phase.name == "bulk + 1 spikes"
    assert c.variance == pytest.approx(1.0, rel=0.06)
    assert c.distances.edge_upper.p_value < 0.02


def test_the_plot_shows_spectrum_and_law():
    c = compare(Spectrum.of(draw((120, 80))))
    figure = c.plot()
    axes = figure.axes[0]
    heights, edges, _ = axes.patches[0].get_data()
    # the histogram has the mass inside its range: all of it but an eigenvalue or two past the edge
    assert np.sum(heights * np.diff(edges)) == pytest.approx(1.0, abs=0.03)
    assert any(np.max(line.get_ydata()) == pytest.approx(np.max(c.law.pdf(line.get_xdata()))) for line in axes.lines)
    assert c.plot(axes) is figure


def test_a_matrix_in_place_of_its_spectrum_is_refused():
    with pytest.raises(ValueError, match=r"spectrum must be a Spectrum; got ndarray. Pass Spectrum.of\(matrix\)"):
        compare(np.eye(3))


def test_a_comparison_prints_distances_phase_and_outliers():
    report = compare(Spectrum.of(np.random.default_rng(0).standard_normal((60, 40))))
    text = str(report)
    assert f"sup distance {report.distances.sup.value:.4g}" in text
    assert text.endswith("beside isotropic noise: bulk, outliers 0")
    assert "values" in repr(report)
    assert len(repr(report)) < 200
