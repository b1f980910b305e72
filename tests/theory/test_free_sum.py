"""Free sums against closed forms, 40-digit arithmetic, a second route through the same equations, and matrices."""

import math
import time

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory.free.additive import FreeSum, free_sum
from theory.laws.affine import Affine
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform

FAIR = PointMasses([(0.0, 0.5), (1.0, 0.5)])
UNFAIR = PointMasses([(0.0, 0.7), (1.0, 0.3)])
SIGN = PointMasses([(-1.0, 0.5), (1.0, 0.5)])
THREE = PointMasses([(-1.0, 0.35), (0.0, 0.3), (2.0, 0.35)])


def _inside(law, count=101):
    return np.concatenate([low + (high - low) * np.linspace(0, 1, count + 2)[1:-1] for low, high in law.bands])


def _hidden(law):
    """The same law under a type whose R-transform the package doesn't know: the coupled equations are solved."""
    return Affine(law, 1.0, 0.0)


def test_two_fair_coins_give_the_arcsine_law():
    law, x = FreeSum(FAIR, FAIR), np.linspace(0, 2, 1001)[1:-1]
    assert law.bands == ((0.0, 2.0),)
    assert law.atoms == ()
    # 1e-11: next to x = 1 the fixed point is the whole half plane, and the density is interpolated
    assert law.pdf(x) == pytest.approx(1 / (np.pi * np.sqrt(x * (2 - x))), rel=1e-11)
    assert law.cdf(x) == pytest.approx(0.5 + np.arcsin(x - 1) / np.pi, abs=1e-11)
    assert law.pdf([0.0, 2.0]).tolist() == [math.inf, math.inf]
    assert law.pdf(1 + 1e-14) == pytest.approx(1 / np.pi, rel=1e-11)


def test_two_unfair_coins_keep_an_atom_and_have_exact_edges():
    law = FreeSum(UNFAIR, UNFAIR)
    half = math.sqrt(1 - 0.4**2)
    assert law.atoms == ((0.0, pytest.approx(0.4, abs=1e-15)),)
    assert law.bands[0] == pytest.approx((1 - half, 1 + half), abs=1e-14)  # rounding of x next to 1
    x = _inside(law)
    exact = np.sqrt(half**2 - (x - 1) ** 2) / (np.pi * x * (2 - x))
    assert law.pdf(x) == pytest.approx(exact, rel=1e-11)  # as for fair coins


def test_semicircles_and_free_poisson_laws_of_one_jump_stay_in_their_family():
    # 1e-13: rounding, larger by 1/(1 - x/edge) next to the edges; both laws go through the general equations here
    for exact, law in (
        (Semicircle(0.8), FreeSum(_hidden(Semicircle(0.5)), _hidden(Semicircle(0.3)))),
        (MarchenkoPastur(0.3, 2.0), FreeSum(_hidden(MarchenkoPastur(0.5, 1.2)), _hidden(MarchenkoPastur(0.75, 0.8)))),
        (MarchenkoPastur(1.5, 2.0), FreeSum(_hidden(MarchenkoPastur(2.5, 1.2)), MarchenkoPastur(3.75, 0.8))),
    ):
        assert law.bands[0] == pytest.approx(exact.bands[0], rel=1e-14)
        assert law.pdf(_inside(exact)) == pytest.approx(exact.pdf(_inside(exact)), rel=1e-12)
        assert dict(law.atoms) == pytest.approx(dict(exact.atoms))
    assert free_sum(Semicircle(0.5), Semicircle(0.3)) == Semicircle(0.8)
    assert free_sum(MarchenkoPastur(0.5, 1.5), MarchenkoPastur(1.5, 0.5)) == MarchenkoPastur(0.375, 2.0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (MarchenkoPastur(0.4), Semicircle(0.2)),
        (MarchenkoPastur(4.0), Semicircle(0.01)),
        (THREE, Semicircle(0.05)),
        (THREE, MarchenkoPastur(3.0, 0.1)),
        (MarchenkoPastur(3.0), MarchenkoPastur(0.2)),
    ],
)
def test_one_scalar_equation_and_two_coupled_ones_agree(first, second):
    law, other = FreeSum(first, second), FreeSum(_hidden(second), _hidden(first))
    assert np.array(law.bands) == pytest.approx(np.array(other.bands), abs=3e-12)  # F - w at scale 10, hidden laws only
    assert dict(law.atoms) == pytest.approx(dict(other.atoms), abs=1e-14)
    x = _inside(law)
    assert law.pdf(x) == pytest.approx(other.pdf(x), rel=1e-11)  # 1e-15 over the distance to the edge, 1e-2 here
    z = np.array([0.3 + 1e-9j, -8.0, 1.0 + 2j, 30.0 - 1e-3j, 9.7 + 1e-12j])
    assert law.stieltjes(z) == pytest.approx(other.stieltjes(z), rel=1e-10)  # at 1e-9 above a band or edge


@pytest.mark.parametrize("second", [PointMasses([(0.0, 0.8), (0.3, 0.2)]), PointMasses([(-3.0, 0.1), (0.1, 0.9)])])
def test_density_and_edges_solve_the_equations_to_forty_digits(second):
    law = FreeSum(THREE, second)

    def f(atoms, w):
        return -1 / sum(mp.mpf(mass) / (mp.mpf(a) - w) for a, mass in atoms)

    with mp.workdps(40):

        def residual(x, w):
            other = x + f(THREE.atoms, w) - w
            return x + f(second.atoms, other) - other - w

        for x in _inside(law, 5):
            start = complex(law._solve(np.array([x + 0j]), law._start(np.array([x + 0j])))[0])
            w = mpmath.findroot(lambda w, x=x: residual(mp.mpf(x), w), mp.mpc(start))
            assert w.imag > 0
            exact = (-1 / f(THREE.atoms, w)).imag / mp.pi
            assert law.pdf(x) == pytest.approx(float(exact), rel=1e-13)  # some hundred roundings of 1e-16
        for low, high in law.bands:
            for edge, side in ((low, -1), (high, 1)):
                # one step of 1e-10 outside the edge the solution has turned real
                beyond = law.stieltjes(edge + side * 1e-10)
                assert math.isfinite(beyond)
                assert law.pdf(edge - side * 1e-10) > 0


@pytest.mark.parametrize("variance", [1 - 1e-6, 0.5, 1e-4, 1e-10])
def test_signs_plus_semicircle_have_two_bands_up_to_variance_one(variance):
    law = FreeSum(SIGN, Semicircle(variance))
    # x = u + s u/(u^2 - 1) is stationary at u^2 = 1 + s/2 +- sqrt(s^2 + 8 s)/2; u_-^2 u_+^2 = 1 - s
    root = (variance + math.sqrt(variance**2 + 8 * variance)) / 2
    u = np.array([math.sqrt((1 - variance) / (1 + root)), math.sqrt(1 + root)])
    gap = np.array([(-variance - root) / (1 + root), root])  # u^2 - 1 without cancellation
    inner, outer = u * (1 + variance / gap)
    assert len(law.bands) == 2
    # edges are right to rounding of u, 1e-16, times its size 1; the gap at 1 - 1e-6 is 1e-9 wide
    assert law.bands[1] == pytest.approx((inner, outer), abs=2e-14)
    assert law.cdf(0.0) == pytest.approx(0.5, abs=1e-11)


def test_signs_plus_semicircle_have_one_band_above_variance_one():
    assert len(FreeSum(SIGN, Semicircle(1 + 1e-6)).bands) == 1
    assert FreeSum(SIGN, Semicircle(1.0)).pdf(0.3) > 0  # the cusp itself


def test_an_atom_in_a_gap_and_one_at_the_end_have_exact_masses():
    law = FreeSum(THREE, PointMasses([(0.0, 0.8), (0.3, 0.2)]))
    assert law.atoms == tuple((x, pytest.approx(mass, abs=1e-15)) for x, mass in ((-1, 0.15), (0, 0.1), (2, 0.15)))
    assert law.cdf(math.inf) == 1
    mass = [law.cdf(high) - law.cdf(np.nextafter(low, -10)) for low, high in law.bands]
    assert mass == pytest.approx([0.2, 0.2, 0.2], abs=1e-11)  # exact separation: mass .35, .3, .35 around each value


def test_density_is_infinite_where_masses_add_to_one_and_bands_meet_there():
    law = FreeSum(FAIR, PointMasses([(-1.0, 0.25), (0.0, 0.5), (1.0, 0.25)]))
    assert law.pdf([0.0, 1.0]).tolist() == [math.inf, math.inf]
    assert (0.0, 1.0) in law.bands
    distance = np.geomspace(1e-10, 1e-5, 200)
    for density in (law.pdf(distance), law.pdf(1 - distance)):
        flat = density * np.sqrt(distance)
        # |x|^-1/2; the relative correction is of the order of its root, 3e-3, rounding of x 1e-16/1e-10
        assert flat == pytest.approx(np.full(200, flat[100]), rel=1e-2)


def test_sums_of_sums_do_not_depend_on_their_order():
    first = FreeSum(FreeSum(MarchenkoPastur(0.5), UNFAIR), Semicircle(0.1))
    second = FreeSum(FreeSum(MarchenkoPastur(0.5), Semicircle(0.1)), UNFAIR)
    assert first.bands[0] == pytest.approx(second.bands[0], abs=1e-8)  # the inner law is differentiated numerically
    x = _inside(first, 7)
    assert first.pdf(x) == pytest.approx(second.pdf(x), rel=1e-10)


def test_a_small_perturbation_of_a_continuous_law_hardly_moves_it():
    law, x = FreeSum(Uniform(0.0, 1.0), Semicircle(1e-12)), np.linspace(0.05, 0.95, 7)
    assert law.pdf(x) == pytest.approx(np.ones(7), rel=1e-9)  # variance times second derivative of a smooth part
    assert law.bands[0] == pytest.approx((0.0, 1.0), abs=1e-5)


@pytest.mark.parametrize(
    ("first", "second"), [(MarchenkoPastur(0.5), UNFAIR), (THREE, Semicircle(0.05)), (Uniform(0.0, 1.0), FAIR)]
)
def test_rotated_matrices_add_to_the_law(first, second):
    law, n = FreeSum(first, second), 500
    values = np.linalg.eigvalsh(law.sample_matrix(n, np.random.default_rng(0)))
    ends = np.array(law.bands)
    rank = (np.arange(n) + 0.5) / n
    gap = np.max(np.abs(law.cdf(values) - rank)[np.abs(law.pdf(values)) > 0])
    assert gap < 8 / n  # both matrices within 2/n to 3/n of their laws, and the sum alike
    # edges fluctuate by n^(-2/3) = .016 of a band of width 1
    assert min(values) == pytest.approx(min(ends[0, 0], *(x for x, _ in law.atoms), ends[0, 0]), abs=0.06)
    assert max(values) == pytest.approx(ends[-1, 1], abs=0.06)


def test_thousand_points_of_two_laws_are_fast_from_cold():
    law = FreeSum(MarchenkoPastur(0.37).shifted(0.1), MarchenkoPastur(2.3).scaled(-1.0))
    start = time.process_time()
    law.pdf(np.linspace(law.bands[0][0], law.bands[-1][1], 1000))
    assert time.process_time() - start < 0.5  # 20 to 40 ms measured; the rest is for a busy machine


def test_constants_shift():
    assert free_sum(MarchenkoPastur(0.5), PointMasses([(2.0, 1.0)])) == MarchenkoPastur(0.5).shifted(2.0)
    with pytest.raises(ValueError, match=r"^second must not be constant; got .*; use free_sum"):
        FreeSum(MarchenkoPastur(0.5), PointMasses([(2.0, 1.0)]))


@pytest.mark.parametrize("bad", [3, None, "x"])
def test_what_is_no_law_is_refused(bad):
    for call in (lambda: FreeSum(bad, FAIR), lambda: FreeSum(FAIR, bad), lambda: free_sum(FAIR, bad)):
        with pytest.raises(ValueError, match=r"^(first|second) must be a Law; got .*; pass an instance"):
            call()
