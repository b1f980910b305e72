"""Inverse Marchenko-Pastur, Wachter, F-matrix, Kesten-McKay and arcsine laws: identities, limits, sampled matrices."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory.laws.arcsine import Arcsine
from theory.laws.f_matrix import FMatrix
from theory.laws.inverse_marchenko_pastur import InverseMarchenkoPastur
from theory.laws.kesten_mckay import KestenMcKay
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.wachter import Wachter


@pytest.mark.parametrize("law", [Wachter(1, 1), Wachter(1, 2), Wachter(3, 1), FMatrix(1, 0.3), KestenMcKay(2)])
def test_hard_edges_are_infinite_and_nothing_is_nan(law):
    (low, high), = law.bands
    special = np.array([0.0, -0.0, low, high, 1.0, np.inf, -np.inf, 5e-324, 1e-310, 1e308])
    for f in (law.pdf, law.cdf, law.sf, law.logsf):
        assert not np.any(np.isnan(f(special)))
    hard = {0.0: isinstance(law, FMatrix) or getattr(law, "dof_a", 0) == 1, 1.0: getattr(law, "dof_b", 0) == 1}
    for edge in (low, high):
        assert (law.pdf(edge) == math.inf) == hard.get(edge, isinstance(law, KestenMcKay))


def test_a_soft_edge_that_rounds_to_one_is_not_hard():
    law = Wachter(3.0, 1 + 2.0**-52)  # 1 - high is 1e-33
    assert law.bands[0][1] == 1.0
    assert law.pdf(1.0) == 0.0
    assert law.cdf(1.0) == 1.0


def test_dof_of_one_both_is_the_arcsine_law():
    x = np.linspace(0.01, 0.99, 15)
    for f in ("pdf", "cdf", "sf"):
        assert getattr(Wachter(1, 1), f)(x) == pytest.approx(getattr(Arcsine(0, 1), f)(x), rel=1e-14)
        assert getattr(KestenMcKay(2), f)(4 * x - 2) == pytest.approx(getattr(Arcsine(-2, 2), f)(4 * x - 2), rel=1e-14)


def test_swapping_both_matrices_reflects_the_wachter_law():
    x = np.linspace(0.05, 0.95, 13)  # A (A + B)^-1 + B (A + B)^-1 = 1
    assert Wachter(0.6, 1.7).cdf(x) == pytest.approx(Wachter(1.7, 0.6).sf(1 - x), abs=1e-15)


def test_f_matrix_is_the_moebius_image_of_wachter():
    law, x = FMatrix(2.0, 0.4), np.linspace(0, 40, 17)
    assert law.cdf(x) == pytest.approx(Wachter(0.5, 2.5).cdf(x / (x + 5)), abs=1e-14)


def test_f_matrix_tends_to_marchenko_pastur_and_to_its_inverse():
    x = np.linspace(0.05, 4, 11)
    # first corrections are of the order of the small ratio
    assert FMatrix(0.5, 1e-9).cdf(x) == pytest.approx(MarchenkoPastur(0.5).cdf(x), abs=1e-8)
    assert FMatrix(1e-9, 0.5).cdf(x) == pytest.approx(InverseMarchenkoPastur(0.5).cdf(x), abs=1e-8)


def test_inverse_law_is_the_law_of_the_inverse():
    law, other, x = InverseMarchenkoPastur(0.4, 2.0), MarchenkoPastur(0.4, 2.0), np.linspace(0.1, 4, 19)
    assert law.cdf(x) == pytest.approx(other.sf(1 / x), abs=1e-15)
    assert law.moment(1) == pytest.approx(other.expectation(lambda y: 1 / y), rel=1e-13)
    # the quadrature resolves the mass to 1e-14; y^-4 is 300 times larger at the lower edge than its mean
    assert law.moment(4) == pytest.approx(other.expectation(lambda y: y**-4.0), rel=1e-10)


def test_kesten_mckay_tends_to_the_semicircle():
    x = np.linspace(-1.9, 1.9, 9)  # first correction of order 1/degree
    assert KestenMcKay(1e10).cdf(1e5 * x) == pytest.approx(Semicircle().cdf(x), abs=1e-9)


def test_kesten_mckay_counts_closed_walks_on_the_tree():
    # 3-regular tree: 1, 3, 15, 87, 543 closed walks of length 0, 2, 4, 6, 8 (McKay 1981)
    assert [KestenMcKay(3).moment(k) for k in range(9)] == [1, 0, 3, 0, 15, 0, 87, 0, 543]


def test_arcsine_moments_are_central_binomial_and_trinomial_coefficients():
    assert [Arcsine(0, 4).moment(k) for k in range(6)] == [1, 2, 6, 20, 70, 252]  # E (2 + 2 cos U)^k
    assert [Arcsine(-1, 3).moment(k) for k in range(7)] == [1, 1, 3, 7, 19, 51, 141]  # E (1 + 2 cos U)^k


def test_f_matrix_has_its_textbook_mean_and_second_moment():
    for c, d in ((0.5, 0.25), (3.0, 0.5), (1e3, 0.9)):
        law = FMatrix(c, d)
        assert law.mean == pytest.approx(1 / (1 - d), rel=1e-15)
        assert law.moment(2) == pytest.approx((1 + c - c * d) / (1 - d) ** 3, rel=1e-14)


@pytest.mark.parametrize("law", [Wachter(0.7, 2), Wachter(3, 0.5), FMatrix(2, 0.3), InverseMarchenkoPastur(0.3, 2),
                                 KestenMcKay(2.5), KestenMcKay(1.4), Arcsine(-1, 4)], ids=repr)
def test_free_cumulants_follow_from_the_s_transform(law):
    # S of order ten from the moments of quadrature would cancel; instead sum kappa_k g^k = z(g) g - 1 at g = -m(z)
    kappa = [law.free_cumulant(k) for k in range(1, 80)]
    (low, high), = law.bands
    z = complex(0.0, 60 * (high - low + abs(low)))
    g = -law.stieltjes(z)
    series = sum(k * g**n for n, k in enumerate(kappa, 1))
    assert abs(series - (z * g - 1)) < 1e-13  # z g - 1 is a difference of ones; the series converges like 1/60^k


def test_free_cumulants_of_wachter_hold_at_any_order():
    # (N^2 - 2 (b - a) w + w^2)^(1/2), the generating function of order 12 by 60-digit Taylor coefficients
    with mp.workdps(60):
        a, b = mp.mpf("0.7"), mp.mpf(2)
        n = a + b
        c = mp.taylor(lambda w: (mp.sqrt(n**2 - 2 * (b - a) * w + w**2) + w - n) / 2, 0, 12)
    for k in range(1, 13):
        assert Wachter(0.7, 2.0).free_cumulant(k) == pytest.approx(float(c[k]), rel=1e-12)


@pytest.mark.parametrize("law", [Wachter(2, 3), Wachter(0.5, 0.8), FMatrix(0.5, 0.25), FMatrix(2, 0.4), Arcsine(-1, 3),
                                 InverseMarchenkoPastur(0.5), KestenMcKay(1.5), KestenMcKay(3.7)], ids=repr)
def test_sampled_matrices_follow_the_law(law):
    for seed in range(2):
        values = np.sort(np.linalg.eigvalsh(law.sample_matrix(300, np.random.default_rng(seed))))
        for x, _ in law.atoms:
            values[np.abs(values - x) < 1e-9] = x
        rank = np.arange(1, 301) / 300
        gap = max(np.max(rank - law.cdf(values)), np.max(law.cdf(np.nextafter(values, -9.0)) - rank + 1 / 300))
        assert gap < law.matrix_gap(300)  # 5/n, arcsine 10/n; largest of 150 draws at n = 200: 4.3/n, arcsine 6.0/n


@pytest.mark.parametrize("degree", [4, 6])
def test_random_regular_graphs_follow_kesten_mckay(degree):
    rng, n = np.random.default_rng(0), 600
    matrix = np.zeros((n, n))
    for _ in range(degree // 2):
        matrix[np.arange(n), rng.permutation(n)] += 1
    values = np.sort(np.linalg.eigvalsh(matrix + matrix.T))
    gap = np.max(np.abs(KestenMcKay(degree).cdf(values) - np.arange(1, n + 1) / n))
    assert gap < 6 / n  # largest of 20 graphs of each degree 4.1/n, 1/n of it the eigenvalue at `degree`


def test_scaling_keeps_the_type_where_the_law_has_a_scale():
    assert InverseMarchenkoPastur(0.5, 2.0).scaled(4.0) == InverseMarchenkoPastur(0.5, 0.5)
    assert Arcsine(-1, 3).scaled(-2.0) == Arcsine(-6, 2)
    assert Arcsine(-1, 3).shifted(1.0) == Arcsine(0, 4)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, "x", None])
def test_bad_parameters_raise_one_line(bad):
    for call in (lambda: Wachter(bad, 2), lambda: Wachter(2, bad), lambda: FMatrix(bad, 0.5), lambda: FMatrix(1, bad),
                 lambda: InverseMarchenkoPastur(bad), lambda: InverseMarchenkoPastur(0.5, bad),
                 lambda: KestenMcKay(bad)):
        with pytest.raises(ValueError, match=r"^\w+ must be positive and finite; got .*; pass [^\n]*$"):
            call()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Wachter(0.3, 0.6), r"dof_a \+ dof_b must exceed 1.*got 0.3 \+ 0.6; pass"),
    (lambda: Wachter(0.5, 0.5), r"dof_a \+ dof_b must exceed 1.*PointMasses"),
    (lambda: FMatrix(0.5, 1.0), r"ratio_b must be below 1.*got 1.0; pass"),
    (lambda: InverseMarchenkoPastur(1.0), r"ratio must be below 1.*got 1.0; pass"),
    (lambda: KestenMcKay(1.0), r"degree must be above 1; got 1.0; at 1 pass"),
    (lambda: Arcsine(1.0, 1.0), r"ends of the interval must increase; got 1.0, 1.0; pass"),
    (lambda: Arcsine(0.0, math.inf), r"ends of the interval must be finite; got"),
])
def test_parameters_without_a_law_raise_and_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_the_wachter_law_becomes_at_full_rank_is_what_its_error_says():
    law, limit = Wachter(0.3, 0.7 + 1e-12), PointMasses([(0, 0.7), (1, 0.3)])
    assert law.atoms == pytest.approx(np.array(limit.atoms), abs=1e-11)
