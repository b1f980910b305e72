"""Reflected and shifted laws, those with infinite bands among them, whose tables would never end."""

import math

import numpy as np
import pytest

from theory import (
    Affine,
    AlphaStable,
    Exponential,
    FMatrix,
    GeneralizedMarchenkoPastur,
    HighTemperatureMarchenkoPastur,
    InverseHighTemperatureMarchenkoPastur,
    LevyWishart,
    MarchenkoPastur,
    SingularValues,
    TracyWidom,
)

ENDLESS = [Exponential(1.0), InverseHighTemperatureMarchenkoPastur(0.5, 2.0), HighTemperatureMarchenkoPastur(0.5, 2.0),
           LevyWishart(1.0, 0.5), SingularValues(LevyWishart(1.0, 0.5)), Affine(AlphaStable(0.3), 1.0, 3.0),
           TracyWidom(2)]


@pytest.mark.parametrize("law", ENDLESS, ids=repr)
def test_quantile_of_a_reflected_law_with_an_infinite_band_keeps_relative_accuracy(law):
    reflected = law.scaled(-2.0)
    p = np.array([1e-100, 1e-18, 1e-10, 1e-6, 1e-3, 0.05, 0.3, 0.5, 0.9, 1 - 1e-6])
    x = reflected.quantile(p)
    finite = np.isfinite(x)  # the quantile of a very heavy tail overflows
    assert np.all(finite[1:])
    # the tail's own accuracy: log sf, up to 230 in size, to a few roundings
    assert reflected.cdf(x[finite]) == pytest.approx(p[finite], rel=1e-13)
    assert reflected.quantile([0.0, 1.0]).tolist() == [-math.inf, -2.0 * law.quantile(0.0)]


def test_quantile_of_a_reflected_law_overflows_to_minus_infinity():
    assert LevyWishart(1.0, 0.5).scaled(-1.0).quantile(1e-300) == -math.inf


def test_quantiles_at_0_and_1_are_the_ends_of_infinite_bands_too():
    law = GeneralizedMarchenkoPastur(0.5, Exponential(1.0))
    assert law.quantile([0.0, 1.0]).tolist() == [0.0, math.inf]
    assert law.scaled(-1.0).quantile([0.0, 1.0]).tolist() == [-math.inf, 0.0]


def test_a_reflected_atom_keeps_its_share_of_the_probabilities():
    law = HighTemperatureMarchenkoPastur(3.0, 4.0).scaled(-1.0)  # two thirds at 0
    assert law.quantile([0.34, 0.6, 0.99]).tolist() == [0.0, 0.0, 0.0]
    assert law.quantile(0.33) < 0


@pytest.mark.parametrize("factor", [1.0, -1.0, 0.3, -7e5])
def test_an_atom_stays_at_its_image_however_that_is_rounded(factor):
    law = Affine(Affine(MarchenkoPastur(3.0), 1.0, 0.3), factor, 4.2)
    (place, mass), = law.atoms
    around = np.nextafter(place, [-math.inf, place, math.inf])
    below, at, above = law.cdf(around)
    assert at - below == pytest.approx(mass, abs=1e-15)
    assert above == at
    assert law.sf(around).tolist() == pytest.approx([1 - below, 1 - at, 1 - above], abs=1e-15)
    assert law.quantile(at - mass / 2) == place


@pytest.mark.parametrize("law", [AlphaStable(1.5), LevyWishart(1.0, 0.5)], ids=repr)
def test_moments_that_do_not_exist_stay_so_after_a_shift(law):
    shifted = law.shifted(3.0)
    assert shifted.moment(0) == 1.0
    assert not math.isfinite(shifted.moment(2))


@pytest.mark.parametrize(("ratio", "z"), [(1e-10, 1 + 3e-5j), (1e-15, 1 + 1e-7j), (1e-15, 1.0000001 + 0j)])
def test_transform_of_a_narrow_marchenko_pastur_law_keeps_its_digits(ratio, z):
    from mpmath import mp

    with mp.workdps(50):
        c, y = mp.mpf(ratio), mp.mpc(z)
        root = mp.sqrt(y - (1 - mp.sqrt(c)) ** 2) * mp.sqrt(y - (1 + mp.sqrt(c)) ** 2)
        exact = complex((1 - c - y + root) / (2 * c * y))
    # 1 - ratio, rounded, would cost 1e-16/sqrt(ratio)
    assert abs(MarchenkoPastur(ratio).stieltjes(z) / exact - 1) < 2e-15


def test_transform_next_to_an_atom_far_below_its_band_keeps_its_digits():
    from mpmath import mp

    law, z = FMatrix(1e10, 1 - 1e-6), 1e7 + 1e4j  # the band begins at 1e16
    with mp.workdps(50):
        c, d, y = mp.mpf(law.ratio_a), mp.mpf(law.ratio_b), mp.mpc(z)
        h = mp.sqrt(c + d - c * d)
        root = mp.sqrt(y - ((1 - h) / (1 - d)) ** 2) * mp.sqrt(y - ((1 + h) / (1 - d)) ** 2)
        exact = complex((1 - c - (1 + d) * y + (1 - d) * root) / (2 * y * (c + d * y)))
    assert abs(law.stieltjes(z) / exact - 1) < 2e-15
