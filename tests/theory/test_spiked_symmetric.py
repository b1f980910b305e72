"""Outliers of symmetric matrices beside any bulk: closed forms, atoms, hard edges, gaps, sampled matrices."""

import math

import numpy as np
import pytest

from theory.laws.affine import Affine
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.point_masses import PointMasses
from theory.laws.semicircle import Semicircle
from theory.laws.uniform import Uniform
from theory.outliers.general_bulk import spiked_symmetric
from theory.outliers.spikes import spiked_wigner


@pytest.mark.parametrize("variance", [1.0, 1e-16, 1e16])
def test_semicircle_gives_spiked_wigner(variance):
    strength = math.sqrt(variance) * np.array([0.0, 0.5, 1 + 1e-9, 1.3, 4.0, 1e12])
    for sign in (1, -1):
        outlier = spiked_symmetric(Semicircle(variance), sign * strength)[(sign + 1) // 2]
        exact = spiked_wigner(sign * strength, variance)
        chosen = slice(1, None)  # strength 0 belongs to the upper edge by convention
        for name in ("location", "left_overlap", "right_overlap", "threshold"):
            # 1e-9 from the threshold the overlap is known to 1e-16/1e-9
            assert getattr(outlier, name)[chosen] == pytest.approx(getattr(exact, name)[chosen], rel=3e-6)
            assert getattr(outlier, name)[3:] == pytest.approx(getattr(exact, name)[3:], rel=1e-13)
        assert outlier.detached.tolist() == exact.detached.tolist()


def test_shifted_bulk_shifts_the_outlier():
    strength = np.array([1.2, 3.0])
    plain, shifted = (spiked_symmetric(law, strength)[1] for law in (Semicircle(), Affine(Semicircle(), 1.0, 100.0)))
    assert shifted.location == pytest.approx(plain.location + 100, rel=1e-14)
    # pdf at a distance d from the edge carries the rounding 1e-14 of 102: 1e-11 where the fit of the edge ends
    assert shifted.left_overlap == pytest.approx(plain.left_overlap, rel=1e-10)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("strength", [0.4, 1.2, 6.0, -0.3, -5.0])
def test_symmetric_signal_beside_marchenko_pastur_follows_the_r_transform(ratio, strength):
    # G(x) = 1/t means x = t + R(1/t) = t + t/(t - ratio); the overlap is dx/dt where that is positive
    location, overlap = strength + strength / (strength - ratio), 1 - ratio / (strength - ratio) ** 2
    found = [o for o in spiked_symmetric(MarchenkoPastur(ratio), strength) if o.detached]
    assert len(found) == (overlap > 0)
    for outlier in found:
        assert outlier.location == pytest.approx(location, rel=1e-13)
        assert outlier.left_overlap == outlier.right_overlap == pytest.approx(overlap, rel=1e-12)


def test_strong_signal_pushes_its_outlier_through_an_inner_gap_into_the_band():
    law = MarchenkoPastur(3.0)
    low = law.bands[0][0]
    enters, leaves = math.sqrt(3) * (math.sqrt(3) - 1), math.sqrt(3) * (math.sqrt(3) + 1)
    strength = np.array([0.0, 0.999 * enters, 1.001 * enters, 0.999 * leaves, 1.001 * leaves])
    below, gap, above = spiked_symmetric(law, strength)
    assert not np.any(below.detached)
    assert gap.detached.tolist() == [False, True, False, False, False]
    assert above.detached.tolist() == [False, False, False, False, True]
    assert gap.location[2:] == pytest.approx(low, rel=1e-14)
    assert gap.location[[0, 1]] == pytest.approx([0.0, low], abs=1e-5)  # square of the distance .001 to the edge
    assert gap.threshold.tolist() == [0] * 5  # an atom lets go at once


def test_signal_beside_two_atoms_is_a_two_by_two_matrix():
    # N = +-1 in equal parts: G(x) = x/(x^2 - 1), so x = (t +- sqrt(t^2 + 4))/2 with overlaps x^2/(x^2 + 1)
    below, gap, above = spiked_symmetric(PointMasses([(-1.0, 0.5), (1.0, 0.5)]), 1.0)
    golden = (1 + math.sqrt(5)) / 2
    assert (above.location, above.left_overlap) == pytest.approx((golden, golden**2 / (golden**2 + 1)), rel=1e-13)
    assert (gap.location, gap.left_overlap) == pytest.approx((1 - golden, 1 / (golden**2 + 1)), rel=1e-13)
    assert (below.location, below.detached, below.threshold) == (-1.0, False, math.inf)


def test_hard_edges_let_go_of_every_signal():
    strength = np.array([1e-3, 0.1, 1.0, 30.0])
    law = Affine(MarchenkoPastur(1.0), -1.0)  # hard upper edge at 0, R(z) = -1/(1 + z)
    above = spiked_symmetric(law, strength)[-1]
    assert above.detached.all()
    assert above.location == pytest.approx(strength - strength / (1 + strength), rel=1e-10)
    assert above.left_overlap == pytest.approx(1 - (1 + strength) ** -2.0, rel=1e-10)


def test_jump_of_the_density_lets_go_of_every_signal():
    # uniform on [-1, 1]: G = log((x + 1)/(x - 1))/2, x = coth(1/t), overlap 1/(t sinh(1/t))^2
    strength = np.array([0.2, 1.0, 5.0])
    above = spiked_symmetric(Uniform(-1.0, 1.0), strength)[1]
    assert above.threshold.tolist() == [0, 0, 0]
    assert spiked_symmetric(Uniform(-1.0, 1.0), 0.01)[1].location == 1.0  # e^-200 beyond the edge
    assert above.location == pytest.approx(1 / np.tanh(1 / strength), rel=1e-13)
    # at .2 the outlier is 9e-5 from the edge, with a logarithm to resolve
    assert above.left_overlap == pytest.approx((strength * np.sinh(1 / strength)) ** -2.0, rel=1e-11)


def test_outlier_in_a_gap_is_met_by_sampled_matrices():
    p, rows, found = 200, 4000, []
    std = np.sqrt(np.where(np.arange(p) % 2, 1.0, 4.0) / rows)
    theory = spiked_symmetric(GeneralizedMarchenkoPastur(0.05, [(1.0, 0.5), (4.0, 0.5)]), 2.0)
    assert [o.detached for o in theory] == [False, True, True]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((rows, p)) * std
        u = rng.standard_normal(p)
        u /= np.linalg.norm(u)
        values, vectors = np.linalg.eigh(x.T @ x + 2 * np.outer(u, u))
        nearest = [np.argmin(np.abs(values - o.location)) for o in theory[1:]]
        found.append([*values[nearest], *(vectors[:, nearest].T @ u) ** 2])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(6)
    expected = [o.location for o in theory[1:]] + [o.left_overlap for o in theory[1:]]
    assert np.all(np.abs(mean - expected) < 4 * error + 2 / p)  # as above
