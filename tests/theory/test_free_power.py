"""Free powers and compressions against Kesten-McKay, Wachter, moments of corners, and matrices."""

import numpy as np
import pytest

from theory.free.additive import FreeSum
from theory.free.compression import FreePower, free_compression, free_power
from theory.laws.affine import Affine
from theory.laws.kesten_mckay import KestenMcKay
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform
from theory.laws.wachter import Wachter

SIGN = PointMasses([(-1.0, 0.5), (1.0, 0.5)])


def _inside(law, count=101):
    return np.concatenate([low + (high - low) * np.linspace(0, 1, count + 2)[1:-1] for low, high in law.bands])


@pytest.mark.parametrize("degree", [1.01, 1.5, 2.0, 2.0001, 3.0, 50.0, 1e4])
def test_powers_of_a_fair_sign_are_kesten_mckay_laws(degree):
    law, exact = FreePower(SIGN, degree), KestenMcKay(degree)
    assert law.bands[0] == pytest.approx(exact.bands[0], rel=1e-13 * max(1.0, degree / 1e3))  # (degree - 1)(w - F)
    x = _inside(exact)
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e-12 * max(1.0, degree / 10))  # T' is 1 - 1/degree
    assert dict(law.atoms) == pytest.approx(dict(exact.atoms))
    if degree != 2:  # hard edges off 0, where the density carries the rounding of x
        assert law.cdf(x[::10]) == pytest.approx(exact.cdf(x[::10]), abs=1e-11)


def test_whole_powers_are_sums_of_copies():
    law = MarchenkoPastur(0.3).shifted(-1.0)
    twice, power = FreeSum(law, law), FreePower(law, 2.0)
    assert power.bands[0] == pytest.approx(twice.bands[0], rel=1e-13)
    assert power.pdf(_inside(power)) == pytest.approx(twice.pdf(_inside(power)), rel=1e-11)


def test_semicircles_and_free_poisson_laws_keep_their_family():
    assert free_power(Semicircle(2.0), 1.5) == Semicircle(3.0)
    assert free_power(MarchenkoPastur(3.0, 0.5), 2.0) == MarchenkoPastur(1.5, 1.0)
    law = FreePower(Affine(MarchenkoPastur(3.0, 0.5), 1.0, 0.0), 2.0)
    exact = MarchenkoPastur(1.5, 1.0)
    assert law.pdf(_inside(exact)) == pytest.approx(exact.pdf(_inside(exact)), rel=1e-11)
    assert dict(law.atoms) == pytest.approx(dict(exact.atoms))
    assert free_power(PointMasses([(2.0, 1.0)]), 3.0).atoms == ((6.0, 1.0),)


@pytest.mark.parametrize(("p", "fraction"), [(0.3, 0.5), (0.5, 0.5), (0.3, 0.9), (0.6, 0.05)])
def test_corners_of_random_projections_follow_the_wachter_law(p, fraction):
    law = free_compression(PointMasses([(0.0, 1 - p), (1.0, p)]), fraction)
    exact = Wachter(p / fraction, (1 - p) / fraction)
    assert np.array(law.bands) == pytest.approx(np.array(exact.bands), abs=1e-13)
    x = _inside(exact)
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=1e-10)
    assert np.array(law.atoms) == pytest.approx(np.array(exact.atoms), abs=1e-14)


def test_moments_of_a_corner_follow_from_its_free_cumulants():
    law = free_compression(PointMasses([(1.0, 0.5), (4.0, 0.5)]), 0.3)
    # kappa_k -> fraction^(k-1) kappa_k; simulated corners of size 360: 2.5003, 6.926, 20.70, 65.08
    assert [law.moment(k) for k in range(1, 5)] == pytest.approx([2.5, 6.925, 20.6875, 65.1496], rel=1e-5)
    assert [law.free_cumulant(k) for k in (1, 2, 3)] == pytest.approx([2.5, 0.3 * 2.25, 0.0], abs=1e-12)


def test_compressing_twice_is_compressing_once():
    law = Uniform(0.0, 1.0)
    twice, once = free_compression(free_compression(law, 0.8), 0.5), free_compression(law, 0.4)
    assert twice.bands[0] == pytest.approx(once.bands[0], rel=1e-9)  # the inner law is differentiated numerically
    x = _inside(once, 9)
    assert twice.pdf(x) == pytest.approx(once.pdf(x), rel=1e-10)


def test_corners_of_matrices_follow_the_law():
    law, rng, n = FreePower(PointMasses([(0.0, 0.7), (1.0, 0.3)]), 2.5), np.random.default_rng(0), 400
    values = np.linalg.eigvalsh(law.sample_matrix(n, rng))
    assert np.max(np.abs(law.cdf(values) - (np.arange(n) + 0.5) / n)[law.pdf(values) > 0]) < 8 / n  # as for sums


@pytest.mark.parametrize("bad", [0.5, 0.0, -1.0, np.nan, np.inf, "x"])
def test_powers_below_one_are_refused(bad):
    for call in (lambda: free_power(SIGN, bad), lambda: FreePower(SIGN, bad)):
        with pytest.raises(ValueError, match=r"^power must be (at least 1|positive and finite); got .*; "):
            call()


@pytest.mark.parametrize("bad", [1.5, 0.0, -0.1, np.nan, None])
def test_fractions_outside_the_unit_interval_are_refused(bad):
    with pytest.raises(ValueError, match=r"^fraction must be (at most 1|positive and finite); got .*; pass rows"):
        free_compression(SIGN, bad)


def test_the_trivial_power_is_the_law_itself():
    assert free_power(SIGN, 1.0) is SIGN
    assert free_compression(SIGN, 1) is SIGN
    with pytest.raises(ValueError, match=r"^law must not be constant and power not 1; got "):
        FreePower(SIGN, 1.0)
