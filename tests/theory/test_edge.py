"""Tracy-Widom scale at an edge: closed forms, refusals, and extreme eigenvalues of sampled matrices."""

import math

import numpy as np
import pytest
from scipy.linalg import eigvalsh_tridiagonal

from theory.laws.affine import Affine
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.singular_values import SingularValues
from theory.outliers.edge import edge_scale, outlier_p_value, square_root_edge
from theory.outliers.tracy_widom import TracyWidom, largest_eigenvalue


@pytest.mark.parametrize("variance", [1e-16, 1.0, 1e16])
@pytest.mark.parametrize("edge", ["upper", "lower"])
def test_scale_of_the_semicircle_is_n_to_the_minus_two_thirds(variance, edge):
    centre, scale = edge_scale(Semicircle(variance), 1000, edge)
    std = math.sqrt(variance)
    assert centre == pytest.approx((2 if edge == "upper" else -2) * std, rel=1e-15)
    assert scale == pytest.approx(std / 100, rel=1e-12)  # ten interpolated values of 1e-15, reach 1/16


@pytest.mark.parametrize("ratio", [1e-6, 1e-4, 0.1, 0.5, 0.9, 1 - 1e-6, 1 + 1e-6, 3.0, 1e4])
def test_scale_of_marchenko_pastur_is_that_of_johnstone_and_feldheim_sodin(ratio):
    rows, cols = 1e6 / ratio, 1e6
    a, b = math.sqrt(rows), math.sqrt(cols)
    law = MarchenkoPastur(ratio, 2.0)
    centre, scale = edge_scale(law, int(cols))
    # the distance to an edge b of a band of width w is known to 1e-16 b/w: 2.5e-14 at ratio 1e-4, 2.5e-13 at 1e-6
    assert centre == law.bands[0][1]
    assert scale * rows / 2 == pytest.approx((a + b) * (1 / a + 1 / b) ** (1 / 3), rel=1e-10)
    if ratio < 1:
        lower = edge_scale(law, int(cols), "lower")
        assert lower.centre == law.bands[0][0]
        # 1/a - 1/b cancels to 5e-7 of itself at ratio 1 - 1e-6: the formula is known to 2e-10 there
        assert lower.scale * rows / 2 == pytest.approx(abs(a - b) * abs(1 / a - 1 / b) ** (1 / 3), rel=1e-9)


def test_limit_of_largest_eigenvalue_is_the_scale_of_the_law():
    rows, cols = 4 * 10**10, 10**10
    limit, finite = edge_scale(MarchenkoPastur(0.25), cols), largest_eigenvalue(rows, cols)
    assert finite.scale / rows == pytest.approx(limit.scale, rel=1e-9)  # n - 1 for n
    assert finite.centre / rows == pytest.approx(limit.centre, rel=1e-9)


def test_law_offers_its_edge_scale():
    assert Semicircle().edge_scale(1000) == edge_scale(Semicircle(), 1000)
    assert Semicircle().edge_scale(1000, "lower").centre == -2
    plain = MarchenkoPastur(0.5).edge_scale(100)
    moved = Affine(MarchenkoPastur(0.5), -3.0, 1.0).edge_scale(100, "lower")
    assert moved.centre == pytest.approx(1 - 3 * plain.centre, rel=1e-14)
    assert moved.scale == pytest.approx(3 * plain.scale, rel=1e-12)


def test_singular_values_have_soft_upper_edges_of_the_mapped_scale():
    eigen, singular = (law.edge_scale(100) for law in (MarchenkoPastur(0.5), SingularValues(MarchenkoPastur(0.5))))
    # d(s)/d(s^2) = 1/(2 s)
    assert singular.scale == pytest.approx(eigen.scale / (2 * math.sqrt(eigen.centre)), rel=1e-11)


@pytest.mark.parametrize(
    ("law", "edge"),
    [
        (MarchenkoPastur(1.0), "lower"),  # hard
        (SingularValues(MarchenkoPastur(1.0)), "lower"),  # jump
        (MarchenkoPastur(3.0), "lower"),  # atom
        (PointMasses([(1.0, 1.0)]), "upper"),
        (TracyWidom(1), "upper"),  # infinite
    ],
)
def test_edges_that_are_not_soft_are_refused(law, edge):
    with pytest.raises(ValueError, match=rf"^density must vanish as a square root at the {edge} edge; got .*; at a"):
        edge_scale(law, 100, edge)


def test_a_cusp_is_no_square_root():
    class Cusp(Semicircle):
        def pdf(self, x):
            return np.cbrt(np.maximum(4 - np.asarray(x) ** 2, 0.0))

    assert square_root_edge(Cusp(), -2.0, 2.0, True) is None
    assert square_root_edge(Semicircle(), -2.0, 2.0, True) is not None


@pytest.mark.parametrize(
    "call",
    [
        lambda: edge_scale("x", 10),
        lambda: edge_scale(Semicircle(), 0),
        lambda: edge_scale(Semicircle(), 10, "left"),
        lambda: outlier_p_value(math.nan, Semicircle(), 10),
    ],
)
def test_bad_parameters_raise_one_line(call):
    with pytest.raises(ValueError, match=r"^[^;\n]* must [^\n]*; got [^\n]*; [^\n]*$"):
        call()


def _largest_wishart(rows, cols, rng):
    """Largest eigenvalue of X^T X/rows from its tridiagonal form (Dumitriu and Edelman 2002)."""
    a, b = np.sqrt(rng.chisquare(rows - np.arange(cols))), np.sqrt(rng.chisquare(np.arange(cols - 1, 0, -1)))
    diagonal = a**2 + np.append(0.0, b**2)
    return eigvalsh_tridiagonal(diagonal, a[:-1] * b, select="i", select_range=(cols - 1, cols - 1))[0] / rows


def _largest_wigner(n, rng):
    side = np.sqrt(rng.chisquare(np.arange(n - 1, 0, -1)) / n)
    diagonal = rng.standard_normal(n) * math.sqrt(2 / n)
    return eigvalsh_tridiagonal(diagonal, side, select="i", select_range=(n - 1, n - 1))[0]


def test_p_values_of_the_null_are_uniform_or_conservative():
    rng = np.random.default_rng(0)
    wishart = np.array([_largest_wishart(200, 100, rng) for _ in range(1000)])
    wigner = np.array([_largest_wigner(200, rng) for _ in range(1000)])
    # standard errors of 1000 draws: .007 at .05, .016 at .5
    centred = outlier_p_value(wishart, MarchenkoPastur(0.5), 100)
    assert 0.03 < np.mean(centred < 0.05) < 0.07
    assert 0.44 < np.mean(centred < 0.5) < 0.56
    limit = outlier_p_value(wigner, Semicircle(), 200)
    assert 0.02 < np.mean(limit < 0.05) < 0.06  # measured .039 of 3000
    assert outlier_p_value(-wigner, Semicircle(), 200, "lower") == pytest.approx(limit, rel=1e-12)


def test_p_value_of_an_outlier_is_small_and_of_a_bulk_eigenvalue_one():
    law = MarchenkoPastur(0.5)
    assert outlier_p_value(4.0, law, 300) < 1e-20
    assert outlier_p_value(1.0, law, 300) == 1.0
    assert isinstance(outlier_p_value(3.0, law, 300), float)
