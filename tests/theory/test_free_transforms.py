"""Transforms, their inverses on gaps, and the fixed-point solver by itself."""

import math

import numpy as np
import pytest

from theory.free.additive import FreeSum
from theory.free.edges import bracketed_roots
from theory.free.fixed_point import contraction, fixed_point
from theory.free.gaps import gaps, merged
from theory.free.transforms import cauchy_transform, eta_transform, excess, psi_transform, r_transform, s_transform
from theory.laws.affine import Affine
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.singular_values import SingularValues
from theory.laws.uniform import Uniform
from theory.outliers.tracy_widom import TracyWidom

COIN = PointMasses([(0.0, 0.7), (1.0, 0.3)])
UNIFORM = Uniform(0.0, 1.0)


@pytest.mark.parametrize("law", [MarchenkoPastur(0.3, 2.0), MarchenkoPastur(2.0), Semicircle(0.7)], ids=repr)
def test_inverted_and_closed_r_transforms_agree(law):
    g = np.array([-0.3, -1e-3, -1e-9, 0.0, 1e-12, 1e-4, 0.2])
    hidden = Affine(law, 1.0, 0.0)  # a type without a closed form
    assert r_transform(hidden, g) == pytest.approx(r_transform(law, g), abs=1e-11)  # w - F cancels up to 1e4 widths


def test_r_transform_of_a_coin_is_the_root_of_its_quadratic():
    g = np.array([-2.0, 0.4, 30.0])
    # G = (1-p)/w + p/(w-1): g w^2 - (g + 1) w + 1 - p = 0
    w = ((g + 1) + np.sqrt((g + 1) ** 2 - 4 * g * 0.7)) / (2 * g)
    assert r_transform(COIN, g) == pytest.approx(w - 1 / g, rel=1e-13)


def test_r_transforms_add():
    first, second = UNIFORM, COIN
    g = np.array([-0.6, 1e-5, 0.7])
    both = r_transform(first, g) + r_transform(second, g)
    assert r_transform(FreeSum(first, second), g) == pytest.approx(both, rel=1e-10)  # G of the sum is solved, inverted


def test_r_transform_starts_with_the_free_cumulants():
    g = 1e-3
    series = sum(UNIFORM.free_cumulant(k) * g ** (k - 1) for k in range(1, 6))
    assert r_transform(UNIFORM, g) == pytest.approx(series, rel=1e-13)


def test_s_transforms_have_their_closed_forms():
    z = np.array([-0.25, -1e-6, 0.0, 1e-6, 0.5])
    assert s_transform(MarchenkoPastur(0.4, 2.0), z) == pytest.approx(1 / (2 * (1 + 0.4 * z)), rel=1e-12)
    assert s_transform(COIN, z) == pytest.approx((1 + z) / (0.3 + z), rel=1e-11)


def test_generating_functions_agree_with_moments():
    z = 1e-3
    series = sum(UNIFORM.moment(k) * z**k for k in range(1, 6))
    assert psi_transform(UNIFORM, z) == pytest.approx(series, rel=1e-12)  # cancels three digits
    assert eta_transform(UNIFORM, z) == pytest.approx(series / (1 + series), rel=1e-12)
    assert cauchy_transform(COIN, 2.0) == pytest.approx(0.7 / 2 + 0.3)


@pytest.mark.parametrize("g", [1e6, -1e6, math.nan, math.inf])
def test_arguments_outside_the_range_are_refused(g):
    for transform in (r_transform, s_transform):
        with pytest.raises(ValueError, match=r"^[gz] must (lie in \(.*\), the range outside|be finite); got|; pass"):
            transform(MarchenkoPastur(0.3), g)


def test_laws_without_a_matrix_or_without_bounds_are_refused():
    with pytest.raises(ValueError, match=r"^law must describe eigenvalues; got singular_values; pass the law of"):
        r_transform(SingularValues(MarchenkoPastur(0.5)), 0.1)
    with pytest.raises(ValueError, match=r"^law must describe eigenvalues; got scalar"):
        r_transform(TracyWidom(1), 0.1)
    with pytest.raises(ValueError, match=r"^law must be >= 0"):
        s_transform(Semicircle(), 0.1)


@pytest.mark.parametrize("multiplicative", [False, True])
def test_gaps_invert_their_transform(multiplicative):
    law = PointMasses([(0.5, 0.2), (1.0, 0.3), (4.0, 0.5)])
    for gap in gaps(law, multiplicative):
        y = np.array([-1e5, -3.0, -0.4, 0.3, 1e3])
        w, r, c, rest = gap.at(y)
        value = -law.stieltjes(w)
        assert (w * value - 1 if multiplicative else value) == pytest.approx(y, rel=1e-9)  # 1e-14 near an atom at 1e5
        assert c + rest == pytest.approx(1, abs=1e-15)
        assert r == pytest.approx(w - 1 / value, rel=1e-7, abs=1e-12)
        assert gap.at(np.array([math.inf])).w[0] == gap.start


def test_excess_is_right_far_out_where_it_cancels():
    w = np.array([1e3, 1e6, 1e12, 1e200]) * (1 + 0.5j)
    assert excess(COIN, w) == pytest.approx(-0.3 - 0.21 / (w - 0.7), rel=1e-12)  # -mean - variance/(w - 1 + mean)
    assert excess(UNIFORM, np.array([1e5 + 0j]))[0] == pytest.approx(-0.5 - 1 / 12 / (1e5 - 0.5), rel=1e-13)


def test_neighbouring_pieces_are_merged():
    assert merged(((2.0, 3.0), (0.0, 1.0), (1.0, 2.0), (5.0, 5.0))) == [(0.0, 3.0), (5.0, 5.0)]


def test_rotations_about_a_point_are_solved_although_iteration_only_turns():
    # (w - t)/(w - conj t) -> exp(2i) (w - t)/(w - conj t): no contraction at all
    target = np.array([0.3 + 0.2j, -5 + 1e-6j, 1e8 + 3j])
    turn = np.exp(2j)

    def step(w, k):
        s = turn * (w - target[k]) / (w - target[k].conj())
        return (target[k] - s * target[k].conj()) / (1 - s)

    found = fixed_point(step, np.array([1j, 1j, 1j]))
    assert found.real == pytest.approx(target.real, rel=1e-14)
    assert found[:2].imag == pytest.approx(target[:2].imag, rel=1e-9)  # 1e-16/1e-6 is rounding of the real part


def test_a_map_that_yields_nan_raises_with_its_residual():
    for solve in (fixed_point, contraction):
        message = r"^subordination equation must be solved to 1e-9; residual inf"
        with pytest.raises(ArithmeticError, match=message), np.errstate(all="ignore"):
            solve(lambda w, k: w * math.nan, np.array([1j]))


def test_roots_are_found_to_rounding_in_their_brackets():
    roots = np.array([1e-9, 0.5, 3.0])
    found = bracketed_roots(lambda x: (x - roots) ** 3 + (x - roots), np.array([0.0, 0.0, 2.0]), np.array([1.0, 9, 4]))
    assert found == pytest.approx(roots, rel=1e-13)


def test_the_transforms_of_a_constant_are_constant():
    assert r_transform(PointMasses([(3.0, 1.0)]), 0.1) == 3
    assert s_transform(PointMasses([(3.0, 1.0)]), [0.1, -0.2]).tolist() == [1 / 3, 1 / 3]
