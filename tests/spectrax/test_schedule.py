"""Captured steps: sorted, strictly increasing, from 0 on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrax import schedule


def test_at_sorts_and_drops_repetitions():
    assert schedule.at(10, 0, 1, 10) == (0, 1, 10)


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_at_always_passes_the_check(steps):
    assert schedule.check(schedule.at(*steps)) == tuple(sorted(set(steps)))


@given(st.integers(2, 60), st.integers(1, 10**7))
def test_log_spaced_starts_at_0_and_ends_at_the_last_step(count, last):
    steps = schedule.log_spaced(count, last)
    assert steps[0] == 0
    assert steps[-1] == last
    assert len(steps) <= count + 1
    assert list(steps) == sorted(set(steps))


def test_log_spaced_steps_are_equal_in_ratio():
    assert schedule.log_spaced(5, 10_000) == (0, 1, 10, 100, 1000, 10_000)


def test_numpy_integers_and_whole_floats_become_plain_ints():
    steps = schedule.check((np.int64(0), 5.0, np.int32(7)))
    assert steps == (0, 5, 7)
    assert all(type(step) is int for step in steps)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((0, 10, 5), "increase strictly; got 5 after 10"),
        ((0, 3, 3), "increase strictly; got 3 after 3"),
        ((), "at least one step"),
        ((-1, 2), "integers from 0 on; got -1"),
        ((0, 1.5), "integers from 0 on; got 1.5"),
        ((0, True), "integers from 0 on; got True"),
        ((0, float("nan")), "integers from 0 on; got nan"),
        ((0, float("inf")), "integers from 0 on; got inf"),
        ((0, np.float64("inf")), "integers from 0 on; got"),
        ((0, "two"), "integers from 0 on; got 'two'"),
    ],
)
def test_bad_steps_are_refused_in_one_line(steps, message):
    with pytest.raises(ValueError, match=message) as caught:
        schedule.check(steps)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("count", "last"), [(0, 10), (5, 0)])
def test_log_spaced_needs_a_positive_count_and_last_step(count, last):
    with pytest.raises(ValueError, match="count and last must be at least 1"):
        schedule.log_spaced(count, last)
