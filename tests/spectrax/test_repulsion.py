"""The table of high-temperature laws agrees with `theory`, which solves one law at a time by Taylor series."""

import numpy as np
import pytest

from spectrax import repulsion
from theory import HighTemperatureMarchenkoPastur

LAWS = [(0.21, 0.0105), (0.3, 4.0), (1.0, 0.5), (1.0, 20.0), (2.9, 95.0), (10.0, 1.0), (30.0, 0.05), (48.0, 20.0)]


def reference(p, b):
    """The law of `theory` in units of y, y = exp(t)."""
    ratio = b / (p + b)
    return HighTemperatureMarchenkoPastur(ratio, 2 * b, b / ratio)


@pytest.mark.parametrize(("p", "b"), LAWS)
def test_one_integration_is_the_law_of_theory(p, b):
    t = np.log(p + 2 * b) + repulsion.OFFSETS
    density = reference(p, b).pdf(np.exp(t)) * np.exp(t)
    there = density > 1e-14
    found = repulsion.curves(np.array([p]), np.array([b]))[0]
    # Runge-Kutta of fourth order with 1000 steps a side; measured 4e-10 to 6e-6, the largest at kappa 190
    assert np.max(np.abs(found - np.log(np.where(there, density, 1.0)))[there]) < 2e-5


@pytest.mark.parametrize(("p", "b"), LAWS)
def test_a_law_between_the_tabulated_ones_has_their_accuracy(p, b):
    law, curve = reference(p, b), repulsion.table().curve(np.log(p), np.log(b))
    t = np.log(law.quantile(np.linspace(1e-4, 1 - 1e-4, 200)))
    t = t[t > curve.middle + repulsion.OFFSETS[0]]
    gaps = curve.log_density(t) - np.log(law.pdf(np.exp(t))) - t
    # cubic interpolation over .17 in ln p and .14 in ln b: measured below 2e-4 for kappa up to 8, at 40 and more up to
    # 4e-2 and mostly a constant, which a truncated density divides out: deviation at most 4e-3 there
    assert np.max(np.abs(gaps)) < (4e-4 if b < 5 else 0.08)
    assert np.std(gaps) < (2e-4 if b < 5 else 8e-3)


@pytest.mark.parametrize(("p", "b"), [(0.3, 4.0), (1.0, 0.5), (10.0, 1.0), (30.0, 0.05)])
def test_masses_are_those_of_theory_on_both_sides(p, b):
    law, curve = reference(p, b), repulsion.table().curve(np.log(p), np.log(b))
    for level in (1e-3, 0.2, 0.7):
        low, high = law.quantile(level), law.quantile(1 - level)
        # the curve's own error, and 2e-4 of three Gauss nodes in the cell of the cut at steep slopes
        # at p = .3 also the power below the table, which y^p reaches but slowly: 1.3e-2
        assert curve.log_mass(np.log(low), above=False) == pytest.approx(np.log(level), abs=1e-3 if p >= 1 else 0.03)
        assert curve.log_mass(np.log(high), above=True) == pytest.approx(np.log(level), abs=1e-3)


def test_below_the_table_the_density_is_the_power_of_the_law():
    curve = repulsion.table().curve(np.log(3.0), np.log(2.0))
    first = curve.middle + repulsion.OFFSETS[0]
    values = curve.log_density(np.array([first - 20.0, first - 10.0]))
    # p itself is a node only by chance: interpolation in ln p
    assert values[1] - values[0] == pytest.approx(30.0, rel=1e-6)
    assert curve.log_mass(first - 10.0, above=False) == pytest.approx(values[1] - np.log(3.0), abs=1e-5)


def test_far_above_the_bulk_there_is_no_mass():
    curve = repulsion.table().curve(0.0, 0.0)
    assert curve.log_mass(50.0, above=True) == -np.inf
    assert curve.log_density(np.array([9.0]))[0] == pytest.approx(-np.exp(9.0), rel=0.01)  # y^slope e^-y


def test_the_edges_of_the_table_hold_what_lies_beyond():
    table = repulsion.table()
    assert np.array_equal(table.curve(99.0, 99.0).values, table.curve(np.log(50.0), np.log(100.0)).values)
