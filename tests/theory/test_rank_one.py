"""The one formula for a direction that leaves isotropic noise, against 40 digits and against its own symmetries."""

import mpmath as mp
import numpy as np
import pytest

from theory import spiked_rectangular, trained_weights_outlier
from theory.outliers.rank_one import detachment


@pytest.mark.parametrize("power", [1.0001, 2.0, 1e8])
@pytest.mark.parametrize(("rows", "cols"), [(1.0, 0.3), (1e-7, 1e9), (3e100, 2e100), (1e-160, 1e-170)])
def test_location_and_overlaps_agree_with_40_digits(power, rows, cols):
    found = detachment(np.array(power * np.sqrt(rows) * np.sqrt(cols)), rows, cols)
    with mp.workdps(40):
        p, r, c = (mp.mpf(float(x)) for x in (found.power, rows, cols))
        excess = (p**2 - r * c) / p
        expected = mp.sqrt((p + r) * (p + c) / p), excess / (p + r), excess / (p + c)
    # P - T cancels: its relative error is the rounding 2e-16 of T over 1 - T/P, a part in ten thousand
    tolerance = 4e-16 / (1 - 1 / power) + 1e-15
    assert found.detached
    for value, exact in zip((found.location, found.left_overlap, found.right_overlap), expected, strict=True):
        assert float(value) == pytest.approx(float(exact), rel=tolerance)


def test_exchanging_rows_and_columns_exchanges_the_overlaps():
    p = np.geomspace(0.1, 100, 50)
    one, other = detachment(p, 2.0, 0.7), detachment(p, 0.7, 2.0)
    assert one.location.tolist() == pytest.approx(other.location.tolist(), rel=4e-16)  # two roundings
    assert one.left_overlap.tolist() == other.right_overlap.tolist()


def test_at_and_below_the_threshold_only_the_edge_is_left():
    found = detachment(np.array([-1.0, 0.0, 1e-300, np.sqrt(0.25)]), 1.0, 0.25)
    assert not np.any(found.detached)
    assert found.location.tolist() == [1.5] * 4
    assert found.left_overlap.tolist() == found.right_overlap.tolist() == [0.0] * 4


@pytest.mark.parametrize("ratio", [1e-8, 0.3, 4.0, 1e6])
@pytest.mark.parametrize("distance", [1e-12, 1e-9, 1e-6])
def test_next_to_the_threshold_overlaps_lose_no_more_digits_than_the_strength_has(ratio, distance):
    strength = ratio**0.25 * (1 + distance)
    found = spiked_rectangular(strength, ratio)
    with mp.workdps(40):
        t2, c = mp.mpf(strength) ** 2, mp.mpf(ratio)
        left, right = ((t2**2 - c) / (t2 * (t2 + x)) for x in (1, c))
    # the strength is rounded to 1e-16 of itself and the threshold too, of which `distance` is left
    assert found.left_overlap == pytest.approx(float(left), rel=2e-16 / distance)
    assert found.right_overlap == pytest.approx(float(right), rel=2e-16 / distance)


def test_trained_weights_are_the_square_of_a_spiked_rectangle():
    theta = np.array([1.6, 2.0, 9.0])
    trained, spike = trained_weights_outlier(theta, 0.7), spiked_rectangular(np.sqrt(theta - 0.7), 0.7)
    assert trained.location == pytest.approx(spike.location**2, rel=2e-15)  # five roundings
    assert trained.left_overlap == pytest.approx(spike.left_overlap, rel=1e-14)  # 1 - T/P is .07 at the first
