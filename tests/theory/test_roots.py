"""Bracketed roots of many functions at once."""

import numpy as np
import pytest

from theory.roots import bracketed_roots, newton_roots


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


def test_newton_finds_roots_to_rounding_where_the_slope_vanishes_at_the_ends():
    # as the mass of a band does in the angle: t - sin t
    wanted = np.concatenate([np.geomspace(1e-12, 1, 40), np.pi - np.geomspace(1e-12, 1, 40)])
    start, low, high = wanted, np.zeros(80), np.full(80, np.pi)
    root, settled = newton_roots(lambda t, i: (t - np.sin(t) - wanted[i], 1 - np.cos(t)), start, low, high)
    assert np.all(settled)
    # the spacing of doubles next to pi is 4.4e-16
    assert root - np.sin(root) == pytest.approx(wanted, abs=4.5e-16)


def test_newton_halves_the_bracket_where_its_step_would_leave_it():
    shift = np.array([-0.999, 0.0, 0.5, 0.999999])
    root, settled = newton_roots(
        lambda x, i: (np.tanh(20 * x) - shift[i], 20 / np.cosh(20 * x) ** 2), np.full(4, 0.9), -np.ones(4), np.ones(4)
    )
    assert np.all(settled)
    # of tanh next to 1 rounding 1e-16 of the value is 3e-12 of the root
    assert root == pytest.approx(np.arctanh(shift) / 20, rel=1e-11, abs=1e-15)


def test_newton_resolves_roots_far_below_their_bracket():
    wanted = np.geomspace(1e-60, 1, 61)

    def f(x, i):
        return x**2 - wanted[i] ** 2, 2 * x

    root, settled = newton_roots(f, np.full(61, 0.5), np.zeros(61), np.full(61, 2.0), steps=220, floor=0.0)
    assert np.all(settled)
    assert root == pytest.approx(wanted, rel=1e-15)


def test_entries_that_have_settled_are_not_evaluated_again():
    sizes = []

    def f(x, i):
        sizes.append(len(i))
        return x - np.array([0.5, 0.25])[i] + 0.1 * (x**3 - 0.125) * (i == 1), 1 + 0.3 * x**2 * (i == 1)

    newton_roots(f, np.full(2, 0.5), np.zeros(2), np.ones(2))
    assert sizes[0] == 2
    assert sizes[-1] == 1
