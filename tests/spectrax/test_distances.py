"""Distances against brute force on a fine grid, and their invariances."""

import numpy as np
import pytest

from spectrax.bulk_fit import isotropic_law
from spectrax.distances import edge_error, sup_distance, wasserstein
from spectrax.nulls import gaussian_eigenvalues
from spectrax.spectrum import Spectrum
from theory import MarchenkoPastur, SingularValues, largest_eigenvalue

CASES = [((300, 200), 1.0), ((200, 300), 1.0), ((300, 200), 1.7), ((100, 100), 1.0)]


def brute(values, law, zeros):
    """sup and W1 on 4e5 points, from the definition."""
    x = np.linspace(-0.01, max(values[-1], law.bands[-1][1]) * 1.01, 400_001)
    empirical = (np.searchsorted(values, x, side="right") + zeros * (x >= 0)) / (values.size + zeros)
    gap = np.abs(empirical - law.cdf(x))
    return gap.max(), gap.sum() * (x[1] - x[0])


@pytest.mark.parametrize(("shape", "variance"), CASES)
def test_distances_agree_with_their_definition(shape, variance):
    s = Spectrum(gaussian_eigenvalues(shape, np.random.default_rng(0)) / shape[0], shape)
    law = MarchenkoPastur(shape[1] / shape[0], variance)
    sup, area = brute(s.values, law, s.zeros)
    unit = (law.bands[0][1] - law.bands[0][0]) / 4
    # the grid misses the very jump by up to pdf times its step of 1e-5; at ratio 1 the density is large near 0
    assert sup_distance(s.values, law, s.zeros) == pytest.approx(sup, abs=2e-3 if shape == (100, 100) else 1e-4)
    # linear interpolation of F between neighbours: stated 1e-3 at 1000 eigenvalues, coarser here
    assert wasserstein(s.values, law, s.zeros) == pytest.approx(area / unit, rel=2e-2)


def test_exact_quantiles_have_the_smallest_possible_sup_distance():
    law = MarchenkoPastur(0.5)
    values = law.quantile((np.arange(100) + 0.5) / 100)
    assert sup_distance(values, law) == pytest.approx(0.005, rel=1e-9)  # half a jump on either side
    # each jump leaves a quarter of itself on average: width/(4 n) in units of width/4
    assert wasserstein(values, law) == pytest.approx(0.01, rel=0.02)


def test_sup_is_one_when_everything_lies_beside_the_band():
    law = MarchenkoPastur(0.5)
    assert sup_distance(np.array([50.0, 60.0]), law) == 1.0
    # both values move by their distance to the mean 1 of the law
    quarter = (law.bands[0][1] - law.bands[0][0]) / 4
    assert wasserstein(np.array([50.0, 60.0]), law) == pytest.approx(54.0 / quarter, rel=1e-3)


@pytest.mark.parametrize("shape", [(300, 200), (200, 300)])
def test_distances_do_not_depend_on_scale_and_sup_not_on_the_kind(shape):
    s = Spectrum(gaussian_eigenvalues(shape, np.random.default_rng(5)), shape)
    law, tiny = isotropic_law(s, 1.1), s.rescaled(1e12)
    small = isotropic_law(tiny, 1.1)
    for f in (sup_distance, wasserstein, edge_error):
        # scale free up to rounding; a density near the edge amplifies it to about 1e-9
        np.testing.assert_allclose(f(tiny.values, small, s.zeros), f(s.values, law, s.zeros), rtol=1e-7)
    roots = s.singular_values()
    found = sup_distance(roots.values, SingularValues(law), s.zeros)
    assert found == pytest.approx(sup_distance(s.values, law, s.zeros), rel=1e-9)


def test_zeros_meet_the_atom():
    law = MarchenkoPastur(1.5)
    values = law.quantile(1 / 3 + (np.arange(200) + 0.5) / 300)
    assert sup_distance(values, law, 100) == pytest.approx(0.5 / 300, rel=1e-6)
    assert sup_distance(values, law, 0) > 0.3


def test_edge_unit_is_the_tracy_widom_scale():
    rows, cols = 1500, 1000
    law = MarchenkoPastur(cols / rows, rows)  # eigenvalues of W^T W itself
    unit = largest_eigenvalue(rows, cols)[1]
    top = law.bands[0][1]
    values = np.linspace(100.0, top + 3 * unit, cols)
    # Johnstone's scale has n - 1 for n and the density is read off at 1e-5 of the band: both O(1e-3)
    assert edge_error(values, law)[0] == pytest.approx(3.0, rel=5e-3)


def test_lower_edge_error_is_positive_outside():
    law = MarchenkoPastur(0.25)
    assert edge_error(np.linspace(0.2, 2.0, 50), law)[1] > 0 > edge_error(np.linspace(0.3, 2.0, 50), law)[1]


def test_a_hard_edge_has_no_tracy_widom_unit():
    upper, lower = edge_error(np.linspace(0.01, 3.9, 50), MarchenkoPastur(1.0))
    assert np.isfinite(upper)
    assert np.isnan(lower)


def test_a_wrong_edge_is_noticed():
    values = gaussian_eigenvalues((300, 200), np.random.default_rng(6)) / 300
    right, wrong = (edge_error(values, MarchenkoPastur(2 / 3, v))[0] for v in (1.0, 1.1))
    assert wrong < right - 3  # a tenth of the edge is about 8 units at this size
