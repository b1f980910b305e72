"""A spectrum is drawn as the density of all its eigenvalues, beside its law, on an axis where both can be read."""

import numpy as np
import pytest

from spectrax import figures
from spectrax.figures import bins, density
from spectrax.spectrum import Spectrum


class BulkLaw:
    """Marchenko-Pastur density of variance 1, written here so that these tests need no theory."""

    kind = "eigenvalues"

    def __init__(self, ratio):
        self.ratio = ratio
        self.bands = (((1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2),)
        self.atoms = ((0.0, 1 - 1 / ratio),) if ratio > 1 else ()

    def pdf(self, x):
        (low, high), x = self.bands[0], np.asarray(x, float)
        root = np.sqrt(np.maximum((high - x) * (x - low), 0.0))
        return root / (2 * np.pi * self.ratio * np.where(x > 0, x, 1.0))


def gaussian(rows, cols, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, cols))


def area(ax):
    filled = ax.patches[0]
    return float(np.sum(filled.get_data().values * np.diff(filled.get_data().edges)))


@pytest.mark.parametrize(("shape", "mass"), [((300, 200), 1.0), ((200, 300), 2 / 3)])
def test_histogram_area_is_one_minus_the_atom(shape, mass):
    ax = figures.canvas(7)()
    figures.spectrum(ax, Spectrum.of(gaussian(*shape)), BulkLaw(shape[1] / shape[0]))
    assert area(ax) == pytest.approx(mass, rel=1e-12)  # sums of 80 float64 terms


def test_atom_shows_predicted_and_measured_mass():
    ax = figures.canvas(7)()
    figures.spectrum(ax, Spectrum.of(gaussian(200, 300)), BulkLaw(1.5))
    assert "mass 0.333 at 0\nmeasured 0.333" in [t.get_text() for t in ax.texts]


@pytest.mark.parametrize("ratio", [1.5, 3.0, 100.0])
def test_atom_stands_inside_the_frame(ratio):
    # at 3 the bulk starts at .54, at 100 the atom is farther from it than the bulk is wide
    ax = figures.canvas(7)()
    figures.spectrum(ax, BulkLaw(ratio).bands[0][0] + np.linspace(0.0, 1.0, 50), BulkLaw(ratio), scale="linear")
    arrow = next(t for t in ax.texts if not t.get_text())
    low, high = ax.get_xlim()
    across = (arrow.xy[0] - low) / (high - low) if arrow.xycoords[0] == "data" else arrow.xy[0]
    assert 0 < across < 0.2


def test_exact_zeros_in_an_array_are_the_atom_and_no_bin():
    ax = figures.canvas(7)()
    everything = np.concatenate([np.zeros(100), Spectrum.of(gaussian(200, 300)).values])
    figures.spectrum(ax, everything, BulkLaw(1.5))
    assert area(ax) == pytest.approx(2 / 3, rel=1e-12)  # as above


@pytest.mark.parametrize("log", [False, True])
def test_bins_end_at_the_band_edges_and_cover_the_data(log):
    drawn = np.sort(np.concatenate([np.linspace(0.5, 2, 200), np.linspace(4, 5, 200), [40.0]]))
    edges = bins.bin_edges(drawn, ((0.5, 2.0), (4.0, 5.0)), None, log)
    for end in (0.5, 2.0, 4.0, 5.0):
        assert np.min(np.abs(edges - end)) < 1e-12  # two float64 roundings of log10 and its inverse
    assert edges[0] <= drawn[0]
    assert edges[-1] >= drawn[-1]
    assert np.all(np.diff(edges) > 0)


@pytest.mark.parametrize(("extra", "scale"), [([], "linear"), ([7.0], "linear"), ([5e3], "log"),
                                              (np.geomspace(6, 1e5, 40), "loglog")])
@pytest.mark.parametrize("law", [None, BulkLaw(2 / 3)])
def test_scale_follows_what_lies_beyond_the_bulk(extra, scale, law):
    ax = figures.canvas(7)()
    figures.spectrum(ax, np.concatenate([Spectrum.of(gaussian(300, 200)).values, extra]), law)
    found = {("linear", "linear"): "linear", ("log", "linear"): "log", ("log", "log"): "loglog"}
    assert found[ax.get_xscale(), ax.get_yscale()] == scale


def test_density_on_a_log_axis_keeps_areas_and_meets_the_law():
    law, sample = BulkLaw(2 / 3), Spectrum.of(gaussian(900, 600))
    ax = figures.canvas(7)()
    figures.spectrum(ax, sample, law, scale="log")
    data = ax.patches[0].get_data()
    assert np.sum(data.values * np.diff(np.log10(data.edges))) == pytest.approx(1.0, rel=1e-12)  # float64 sum
    x, y = ax.lines[0].get_data()
    assert np.trapezoid(y, np.log10(x)) == pytest.approx(1.0, abs=1e-4)  # 400 cosine points: error about (pi/400)^2


@pytest.mark.parametrize("law", [None, BulkLaw(2 / 3)])
@pytest.mark.parametrize("seed", range(5))
def test_no_value_falls_beside_the_bins_of_a_log_axis(law, seed):
    drawn = Spectrum.of(gaussian(90, 60, seed)).values
    edges = bins.bin_edges(drawn, law.bands if law else (), None, True)
    assert np.histogram(drawn, edges)[0].sum() == 60


def test_predicted_outliers_are_open_triangles_and_inside_the_frame():
    ax = figures.canvas(7)()
    figures.spectrum(ax, Spectrum.of(gaussian(300, 200)), outliers=[4.5], predicted=[8.0, np.nan])
    triangle = ax.lines[-1]
    assert triangle.get_xdata().tolist() == [8.0]
    assert triangle.get_markerfacecolor() == "none"
    assert ax.get_xlim()[1] > 8.0


@pytest.mark.parametrize("null", [3.4, (3.1, 3.5), lambda x: np.exp(-x), Spectrum.of(gaussian(30, 20))])
def test_spectrum_takes_every_form_of_null(null, labels):
    axes = figures.canvas(7)
    figures.spectrum(axes(), Spectrum.of(gaussian(300, 200)), null=null)
    assert "null" in labels(axes.figure)
    axes = figures.canvas(7)
    figures.spectrum(axes(), Spectrum.of(gaussian(300, 200)), null=null, null_name="observers")
    assert "observers" in labels(axes.figure)
    assert "null" not in labels(axes.figure)


def test_pool_leaves_out_padding_and_counts_zeros():
    pool = density.pooled([np.array([1.0, np.nan, 2.0]), np.array([3.0])], zeros=2)
    assert pool.values.tolist() == [1.0, 2.0, 3.0]
    assert pool.total == 7


def test_singular_values_against_a_law_of_eigenvalues_name_the_remedy():
    with pytest.raises(ValueError, match=r"pass spectrum\.squared\(\)"):
        figures.spectrum(figures.canvas(7)(), Spectrum.of(gaussian(30, 20)).singular_values(), BulkLaw(2 / 3))


@pytest.mark.parametrize("bad", [[], [np.nan, np.inf]])
def test_empty_spectrum_is_refused(bad):
    with pytest.raises(ValueError, match="at least one finite value"):
        figures.spectrum(figures.canvas(7)(), np.array(bad))


@pytest.mark.parametrize("odd", [[1.0], [0.0, 0.0], [2.0, 2.0, 2.0], [-1.0, 0.0, 1.0]])
@pytest.mark.parametrize("scale", ["auto", "linear"])
def test_degenerate_spectra_are_drawn(odd, scale, tmp_path):
    axes = figures.canvas(3.4)
    figures.spectrum(axes(), np.array(odd), scale=scale)
    assert all(path.stat().st_size > 1000 for path in figures.save(axes.figure, tmp_path / "odd"))
