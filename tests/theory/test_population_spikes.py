"""Spikes of covariance matrices with general populations: closed forms, the companion's transform, sampled matrices."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.outliers.spikes import spiked_covariance
from theory.outliers.tracy_widom import TracyWidom

PAIR = [(1.0, 0.5), (4.0, 0.5)]


def _psi(spike, ratio, pairs):
    return spike * (1 + ratio * sum(w * t / (spike - t) for t, w in pairs))


def _edges(ratio, pairs):
    """Edges of the bulk of two variances: all real stationary values of z(m), from a quartic."""
    (s, v), (t, w) = pairs
    one, two = np.convolve([s, 1], [s, 1]), np.convolve([t, 1], [t, 1])
    quartic = np.convolve(one, two)
    quartic[:3] -= ratio * (v * s**2 * two + w * t**2 * one)
    roots = np.roots(quartic)
    m = roots.real[np.abs(roots.imag) < 1e-9]
    return np.sort(-1 / m + ratio * (v * s / (1 + s * m) + w * t / (1 + t * m)))


@pytest.mark.parametrize("ratio", [1e-4, 0.05, 0.25, 0.9, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("population", [[(1.0, 1.0)], PointMasses([(1.0, 1.0)]), [(1.0, 0.3), (1.0, 0.7)]])
def test_white_population_gives_the_closed_form(ratio, population):
    root = math.sqrt(ratio)
    spike = [0.0, 0.1, 0.9, 1.0, 1.1, 1 + root, 1 + 1.001 * root, 1.5, 2.0, 5.0, 1e8, max(0.0, 1 - 1.001 * root)]
    found, exact = spiked_covariance(spike, ratio, population), spiked_covariance(spike, ratio)
    assert found.detached.tolist() == exact.detached.tolist()
    # lower edges are differences: absolute error 1e-15 of the largest variance
    assert found.location == pytest.approx(exact.location, rel=1e-13, abs=1e-15)
    assert found.threshold == pytest.approx(exact.threshold, rel=1e-13, abs=1e-15)
    # 1e-3 of root(ratio) beside the threshold: 1e-16/(1e-3 root)
    assert found.left_overlap == pytest.approx(exact.left_overlap, rel=1e-11)
    assert found.right_overlap == pytest.approx(exact.right_overlap, rel=1e-11)


@pytest.mark.parametrize("ratio", [0.05, 0.25])
def test_spikes_leave_below_between_and_above_the_components(ratio):
    edges = _edges(ratio, PAIR)
    assert len(edges) == 4
    thresholds = spiked_covariance([0.999, 1.001, 3.999, 4.001], ratio, PAIR)
    assert not thresholds.detached.any()
    assert thresholds.location == pytest.approx(edges, rel=1e-12)
    low, left, right, high = thresholds.threshold
    spike = np.array([0.5 * low, 0.7 * left + 0.3 * right, 0.3 * left + 0.7 * right, 1.5 * high])
    found = spiked_covariance(spike, ratio, PAIR)
    assert found.detached.all()
    for k, x in enumerate(spike):
        slope = float(mp.diff(lambda a: _psi(a, ratio, PAIR), x))
        assert found.location[k] == pytest.approx(_psi(x, ratio, PAIR), rel=1e-14)
        assert found.left_overlap[k] == pytest.approx(slope, rel=1e-12)
        assert found.right_overlap[k] == pytest.approx(x * slope / _psi(x, ratio, PAIR), rel=1e-12)
        assert not np.any((edges[::2] <= found.location[k]) & (found.location[k] <= edges[1::2]))
    assert found.threshold == pytest.approx([low, left, right, high], rel=1e-14)


def test_filled_gap_holds_no_outlier_and_names_the_nearest_threshold():
    # at ratio .5 the bulk of {1, 4} is one band
    assert len(_edges(0.5, PAIR)) == 2
    found = spiked_covariance([0.9, 1.0, 2.0, 3.9, 4.0, 8.0], 0.5, PAIR)
    low, high = _edges(0.5, PAIR)
    assert found.detached.tolist() == [False] * 5 + [True]
    assert found.location[:5] == pytest.approx([low, low, low, high, high], rel=1e-12)
    assert set(found.left_overlap[:5]) == {0.0}


def test_population_given_as_a_law_uses_its_transform():
    # int t/(a - t) dH = a G(a) - 1, G = 2/(a - 1 + h + sqrt((a - 1 - h)^2 - 4 h)) for Marchenko-Pastur of ratio h
    h, ratio, spike = mp.mpf(0.2), 0.5, np.array([2.5, 3.0, 10.0, 1e6])

    def psi(a):
        return a + ratio * a * (2 * a / (a - 1 + h + mp.sqrt((a - 1 - h) ** 2 - 4 * h)) - 1)

    found = spiked_covariance(spike, ratio, MarchenkoPastur(0.2))
    with mp.workdps(40):
        exact = [float(psi(mp.mpf(x))) for x in spike]
        slope = [float(mp.diff(psi, mp.mpf(x))) for x in spike]
        threshold = float(mp.findroot(lambda a: mp.diff(psi, a), mp.mpf(2.42)))
    assert found.location == pytest.approx(exact, rel=1e-14)
    assert found.left_overlap == pytest.approx(slope, rel=1e-12)  # .04 from the threshold
    assert found.right_overlap == pytest.approx(spike * slope / exact, rel=1e-12)
    assert found.threshold == pytest.approx([threshold] * 4, rel=1e-13)


def test_zeros_of_the_population_only_dilute_it():
    # a fraction 1 - w of zeros leaves X with w p columns
    spike = np.array([0.2, 1.3, 2.5])
    diluted, pure = spiked_covariance(spike, 0.5, [(0.0, 0.6), (1.0, 0.4)]), spiked_covariance(spike, 0.2)
    for name in ("location", "left_overlap", "right_overlap", "threshold"):
        assert getattr(diluted, name) == pytest.approx(getattr(pure, name), rel=1e-13)


def test_overlaps_near_the_threshold_keep_their_digits():
    threshold = spiked_covariance(5.0, 0.25, PAIR).threshold
    step = 2.0 ** -np.arange(20, 36)
    found = spiked_covariance(threshold * (1 + step), 0.25, PAIR)
    slope = found.left_overlap / step
    assert found.detached.all()
    assert slope == pytest.approx(slope[-1], rel=2e-5)  # second order 2e-6; rounding of the threshold 1e-16/3e-11
    at = spiked_covariance(threshold, 0.25, PAIR)
    assert (at.detached, at.left_overlap, at.right_overlap) == (False, 0.0, 0.0)


def test_scale_of_the_population_carries_over():
    unit = spiked_covariance([0.4, 2.2, 7.0], 0.05, PAIR)
    for scale in (1e-12, 1e12):
        found = spiked_covariance(np.array([0.4, 2.2, 7.0]) * scale, 0.05, [(t * scale, w) for t, w in PAIR])
        assert found.location == pytest.approx(unit.location * scale, rel=1e-13)
        assert found.right_overlap == pytest.approx(unit.right_overlap, rel=1e-12)


def test_arguments_broadcast():
    found = spiked_covariance(np.linspace(0.1, 9, 5), np.array([[0.05], [0.5], [0.05]]), PAIR)
    assert all(np.shape(v) == (3, 5) for v in found)
    assert found.location[0].tolist() == found.location[2].tolist()
    one = spiked_covariance(9.0, 0.5, PAIR)
    assert [type(v) for v in one] == [float, float, float, float, bool]
    assert one.location == pytest.approx(found.location[1, 4], rel=1e-15)


def test_spikes_of_two_variances_are_met_by_sampled_matrices():
    spike, ratio, p, found = np.array([0.3, 2.0, 8.0]), 0.05, 200, []
    theory = spiked_covariance(spike, ratio, PAIR)
    assert theory.detached.all()
    std = np.sqrt(np.concatenate([spike, np.where(np.arange(p) % 2, 1.0, 4.0)]))
    for seed in range(6):
        x = np.random.default_rng(seed).standard_normal((int(p / ratio), p + 3)) * std
        values, vectors = np.linalg.eigh(x.T @ x / len(x))
        k = [np.argmin(np.abs(values - location)) for location in theory.location]
        scores = x[:, :3] / np.linalg.norm(x[:, :3], axis=0)
        left = x @ vectors[:, k] / np.sqrt(values[k] * len(x))
        found.append([values[k], np.sum(left * scores, axis=0) ** 2, vectors[[0, 1, 2], k] ** 2])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(6)
    # four standard errors of six seeds, and a finite-size bias of order spike/p
    assert np.all(np.abs(mean - np.array(theory[:3])) < 4 * error + 2 * np.maximum(spike, 1) / p)


@pytest.mark.parametrize(
    "population",
    [[(1.0, 0.5)], [(1.0, -0.5), (2.0, 1.5)], [(-1.0, 1.0)], [(0.0, 1.0)], [], [1.0, 2.0], "x", [(math.inf, 1.0)],
     Semicircle(), TracyWidom(1)],
)
def test_bad_populations_raise_one_line(population):
    with pytest.raises(ValueError, match=r"^\w+ must [^\n]*; got [^\n]*; [^\n]*$"):
        spiked_covariance(2.0, 0.5, population)
