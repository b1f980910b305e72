"""A spike correlated with the noise: the uncorrelated limit, the first step of training, sampled matrices."""

import math

import numpy as np
import pytest

from theory.gaussian import activation_constants, softplus
from theory.outliers.correlated import correlated_spike
from theory.outliers.projected import projected_outlier
from theory.outliers.spikes import spiked_rectangular
from theory.training.one_step import adam_step


@pytest.mark.parametrize("ratio", [0.01, 0.5, 1.0, 4.0])
def test_without_correlation_it_is_the_independent_spike(ratio):
    strength = ratio**0.25 * np.array([0.0, 0.7, 1.0, 1 + 1e-9, 1.3, 5.0, 1e3, 1e100])
    found, exact = correlated_spike(strength, ratio, 0.0), spiked_rectangular(strength, ratio)
    assert found.detached.tolist() == exact.detached.tolist()
    assert found.location == pytest.approx(exact.location, rel=1e-14)
    assert found.threshold == pytest.approx(exact.threshold, rel=1e-15)
    assert found.left_overlap == pytest.approx(exact.left_overlap, rel=1e-6)  # 1e-16/1e-9 next to the threshold
    assert found.right_overlap[4:] == pytest.approx(exact.right_overlap[4:], rel=1e-13)


def test_first_step_of_adam_is_a_correlated_spike():
    samples, d, h, rate = 2000, 1000, 1500, np.array([0.03, 0.05, 0.08, 0.3, 3.0])
    s, g = activation_constants(np.tanh), activation_constants(softplus)
    residual = s.second_moment + g.second_moment + 0.3**2
    zeta = math.sqrt(g.hermite[1] ** 2 + s.slope**2 + residual * d / samples)
    q2 = s.slope**2 * zeta**2 * samples / ((s.slope_second_moment - s.slope**2) * residual * d)
    kappa = math.sqrt(2 / math.pi * math.asin(q2 / (1 + q2)))
    along = math.sqrt(2 / math.pi * q2 / (1 + q2)) / kappa
    own, other = (along * s.slope / zeta * math.sqrt(x) for x in (2 / math.pi, 1 - 2 / math.pi))
    t, variance = rate * math.sqrt(h * d) * kappa, h * (1 + rate**2 * (1 - kappa**2))
    # the correlation is with the first weights, of unit entries; the step's noise adds to their rows, not to it
    share = np.sqrt(h / variance)
    found = correlated_spike(t, d / h, -own * share, other * share, variance)
    expected = adam_step(rate, samples, d, h)
    assert found.detached.tolist() == expected.detached.tolist()
    assert found.location == pytest.approx(expected.location, rel=1e-12)
    assert found.left_overlap == pytest.approx(expected.readout_overlap**2, rel=1e-10)  # 1e-13 near the threshold
    # the documented overlap with an independent direction, here the teacher's
    corner, mixed = t * (t - 2 * own * math.sqrt(d)), other * math.sqrt(d) * t
    top = (corner + np.hypot(corner, 2 * mixed)) / 2
    cosine = along * g.hermite[1] / zeta
    teacher = found.left_overlap * cosine**2 * t**2 * (top + variance) / (top * (top + d / h * variance))
    assert teacher == pytest.approx(expected.teacher_overlap**2, rel=1e-10)


@pytest.mark.parametrize(("own", "other"), [(0.0, 0.0), (0.5, 0.3), (-0.5, 0.3), (-0.9, 0.0), (0.0, -0.9)])
def test_at_the_threshold_the_outlier_joins_the_edge(own, other):
    critical = correlated_spike(1.0, 0.4, own, other, 2.0).threshold
    edge = math.sqrt(2) * (1 + math.sqrt(0.4))
    at, above = (correlated_spike(critical * (1 + step), 0.4, own, other, 2.0) for step in (0, 1e-7))
    assert (at.detached, at.left_overlap, at.right_overlap) == (False, 0.0, 0.0)
    assert at.location == pytest.approx(edge, rel=1e-15)
    assert above.location == pytest.approx(edge, rel=1e-12)  # leaves quadratically
    further = correlated_spike(critical * (1 + 2e-7), 0.4, own, other, 2.0)
    # overlaps grow linearly from 0; second order 1e-7, rounding of strength - threshold 1e-9
    assert further.left_overlap == pytest.approx(2 * above.left_overlap, rel=1e-5)
    assert further.right_overlap == pytest.approx(2 * above.right_overlap, rel=1e-5)


def test_sign_of_the_correlation_moves_the_threshold():
    low, none, high = correlated_spike(1.0, 0.5, [0.6, 0.0, -0.6]).threshold
    assert low < none < high
    # rows in other directions lower it whatever the sign
    expected = none / math.sqrt(1 + 0.36 * math.sqrt(0.5))
    assert correlated_spike(1.0, 0.5, 0.0, [0.6, -0.6]).threshold == pytest.approx([expected] * 2, rel=1e-14)


def _sampled(strength, own, other, seed, rows=500, cols=350):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((rows, cols)) * math.sqrt(2.25 / rows)
    free = rng.standard_normal(cols)
    directions = np.stack([noise[0], noise[1], free])
    v = np.array([own, other, math.sqrt(1 - own**2 - other**2)]) @ (
        directions / np.linalg.norm(directions, axis=1, keepdims=True)
    )
    noise[0] += 1.5 * strength * v
    return noise, v / np.linalg.norm(v)


@pytest.mark.parametrize(
    ("strength", "own", "other"), [(2.0, -0.4, 0.5), (1.5, 0.5, 0.5), (1.2, 0.0, 0.9), (2.5, -0.9, 0.3)]
)
def test_correlated_outlier_is_met_by_sampled_matrices(strength, own, other):
    found = []
    for seed in range(12):
        matrix, v = _sampled(strength, own, other, seed)
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
        found.append((values[-1] ** 0.5, (matrix[0] @ vectors[:, -1]) ** 2 / values[-1], (v @ vectors[:, -1]) ** 2))
    theory = correlated_spike(1.5 * strength, 0.7, own, other, 2.25)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(12)
    # four standard errors of twelve seeds, and a finite-size bias of order 1/cols
    allowed = 4 * error + 4 / 350
    assert np.all(np.abs(mean - np.array(theory[:3])) < allowed)
    # the independent formula is off by more: the test can fail
    naive = spiked_rectangular(1.5 * strength, 0.7, 2.25)
    assert np.any(np.abs(mean - np.array(naive[:3])) > allowed)


def test_projection_on_both_directions_gives_the_same_location():
    matrix, _ = _sampled(2.0, -0.4, 0.5, 0)
    projected = projected_outlier(matrix[:2].T, np.linalg.norm(matrix), rows=500)
    # the projection uses the noise's own rows, which fluctuate by 1/sqrt(cols)
    assert projected.location == pytest.approx(correlated_spike(3.0, 0.7, -0.4, 0.5, 2.25).location, rel=0.03)


def test_arguments_broadcast_and_scalars_give_floats():
    assert [type(v) for v in correlated_spike(2.0, 0.5, 0.1)] == [float, float, float, float, bool]
    found = correlated_spike(np.linspace(0, 3, 4), np.array([[0.5], [2.0]]), 0.3, 0.1)
    assert all(np.shape(v) == (2, 4) for v in found)


@pytest.mark.parametrize(
    "call",
    [
        lambda: correlated_spike(-1.0, 0.5, 0.0),
        lambda: correlated_spike(1.0, 0.0, 0.0),
        lambda: correlated_spike(1.0, 0.5, 0.8, 0.8),
        lambda: correlated_spike(1.0, 0.5, math.nan),
        lambda: correlated_spike(1.0, 0.5, 0.0, 0.0, 0.0),
    ],
)
def test_bad_parameters_raise_one_line(call):
    with pytest.raises(ValueError, match=r"^[^;\n]* must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
