"""Bracketed roots of many functions at once."""

import numpy as np
import pytest

from theory.roots import bracketed_roots


def test_roots_of_many_functions_are_found_to_rounding():
    shift = np.geomspace(1e-12, 0.99, 50)
    root = bracketed_roots(lambda x: x**3 - shift, np.zeros(50), np.ones(50))
    assert root == pytest.approx(np.cbrt(shift), rel=1e-14)


def test_infinite_ends_and_steep_functions_are_no_obstacle():
    root = bracketed_roots(lambda x: np.tan(np.pi * (x - 0.5)) - 1e6, np.zeros(3), np.ones(3))
    assert root == pytest.approx(0.5 + np.arctan(1e6) / np.pi, rel=1e-15)
    with np.errstate(divide="ignore"):
        root = bracketed_roots(lambda x: 1 / x - 3, np.zeros(1), np.ones(1))
    assert root == pytest.approx(1 / 3, rel=1e-15)


def test_a_root_beyond_the_bracket_by_rounding_is_its_end():
    root = bracketed_roots(lambda x: x - np.array([-1e-17, 1 + 1e-15, 0.25]), np.zeros(3), np.ones(3))
    assert root.tolist() == [0.0, 1.0, 0.25]


def test_few_evaluations_are_enough_for_smooth_functions():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return np.exp(x) - np.array([1.1, 2.0, 2.7])

    bracketed_roots(f, np.zeros(3), np.ones(3))
    assert calls < 20  # bisection takes 53
