"""Outliers of trained weights and of the kernels they make, against sampled matrices and the bulk they leave."""

import math

import numpy as np
import pytest

from theory.kernels.activations import normalized
from theory.kernels.kernel import conjugate_kernel
from theory.kernels.outliers import (
    conjugate_outlier,
    gradient_step_direction,
    interpolating_direction,
    trained_weights_outlier,
)
from theory.outliers.spikes import spiked_rectangular
from theory.training.one_step import gradient_step


@pytest.mark.parametrize("ratio", [0.1, 2 / 3, 1.0, 4.0])
def test_a_strong_row_is_a_rectangular_spike(ratio):
    # location and left overlap depend on the signal alone: |q|^2/h = r + signal^2
    signal = np.array([0.5, 1.2, 3.0, 40.0]) * ratio**0.25
    ours, theirs = trained_weights_outlier(ratio + signal**2, ratio), spiked_rectangular(signal, ratio)
    assert ours.location == pytest.approx(theirs.location**2, rel=1e-13)
    assert ours.left_overlap == pytest.approx(theirs.left_overlap, rel=1e-12)
    assert list(ours.detached) == list(theirs.detached) == [False, True, True, True]
    assert ours.threshold == pytest.approx(ratio + math.sqrt(ratio), rel=1e-15)


def test_overlaps_vanish_continuously_at_the_threshold():
    at = trained_weights_outlier(2 / 3 + math.sqrt(2 / 3) * (1 + np.array([-1e-9, 1e-12, 1e-6])), 2 / 3)
    assert at.right_overlap == pytest.approx([0, 2e-12, 2e-6], rel=2e-3)  # rounding of theta over 1e-12: 1e-3
    edge = (1 + math.sqrt(2 / 3)) ** 2
    assert at.location == pytest.approx(edge, rel=1e-11)


def test_sampled_weights_with_a_strong_row_meet_the_prediction():
    h, d, theta = 900, 600, 4.0
    predicted = trained_weights_outlier(theta, d / h)
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        w, v = rng.standard_normal((h, d)), rng.choice([-1.0, 1.0], h) / math.sqrt(h)
        q = rng.standard_normal(d)
        q *= math.sqrt(theta * h) / np.linalg.norm(q)
        u, s, vt = np.linalg.svd(w + np.outer(v, q - v @ w), full_matrices=False)
        found.append([s[0] ** 2 / h, (vt[0] @ q) ** 2 / (q @ q), (u[:, 0] @ v) ** 2])
    mean = np.mean(found, axis=0)
    # spread 1/sqrt(h) per draw for the location, less for the overlaps; means of 3
    assert mean[0] == pytest.approx(predicted.location, abs=0.08)
    assert mean[1:] == pytest.approx([predicted.right_overlap, predicted.left_overlap], abs=0.02)


def test_one_step_meets_the_measured_outliers():
    # (n, d, h) = (1600, 400, 600), tanh student, softplus teacher, noise .3; three networks: location and overlap
    measured = {1.5: (3.76, 0.437), 2: (5.59, 0.551), 3: (11.93, 0.524), 4: (21.43, 0.497)}
    for kappa, (location, overlap) in measured.items():
        step = gradient_step_direction(400.0 * kappa, 1600, 400, 600)
        outlier = trained_weights_outlier(step.strength, 400 / 600)
        assert outlier.location == pytest.approx(location, rel=0.06)  # d, h are 400, 600: 5 % low
        assert outlier.right_overlap * step.teacher_overlap_squared == pytest.approx(overlap, rel=0.06)
    small = trained_weights_outlier(gradient_step_direction([200.0, 400.0], 1600, 400, 600).strength, 400 / 600)
    assert not np.any(small.detached)


def test_one_step_of_a_sampled_network_moves_the_readout_direction_as_expected():
    n, d, h, eta = 1200, 300, 450, 600.0
    student, teacher = normalized("tanh"), normalized("softplus")
    strengths, overlaps = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        w, x, v = rng.standard_normal((h, d)), rng.standard_normal((d, n)), rng.choice([-1.0, 1.0], h)
        beta = rng.standard_normal(d)
        beta /= np.linalg.norm(beta)
        y = (np.logaddexp(0, beta @ x) - teacher.mean) / teacher.std + 0.3 * rng.standard_normal(n)
        z = w @ x / math.sqrt(d)
        residual = y - v @ np.tanh(z) / student.std / math.sqrt(h)
        w = w + eta / (n * math.sqrt(h * d)) * (np.outer(v, residual) * (1 - np.tanh(z) ** 2) / student.std) @ x.T
        q = w.T @ v / math.sqrt(h)
        strengths.append(q @ q / h)
        overlaps.append((q @ beta) ** 2 / (q @ q))
    step = gradient_step_direction(eta, n, d, h)
    assert np.mean(strengths) == pytest.approx(step.strength, rel=0.12)  # 5 % low, and 5 % per draw
    assert np.mean(overlaps) == pytest.approx(step.teacher_overlap_squared, rel=0.12)


def test_a_small_rate_leaves_an_outlier_only_for_strong_labels():
    ratio = 2 / 3
    b, b_t = normalized("tanh").slope, normalized("softplus").slope
    critical = math.sqrt(1 + 1 / math.sqrt(ratio)) * b / b_t
    theta = interpolating_direction(critical * np.array([1 - 1e-9, 1 + 1e-9]), ratio).strength
    assert list(trained_weights_outlier(theta, ratio).detached) == [False, True]
    # measured, W only: label scale 2: 4.066, 3: 7.65 at (1600, 400, 600), where n = 4 d adds 2 and 8 %
    strong = trained_weights_outlier(interpolating_direction([2.0, 3.0], ratio).strength, ratio)
    assert strong.location == pytest.approx([4.066, 7.653], rel=0.09)
    assert interpolating_direction(1.0, ratio).teacher_overlap == 1.0


@pytest.mark.parametrize(("activation", "per_input", "per_width"),
                         [("tanh", 4.0, 8 / 3), ("relu", 0.5, 0.75), ("tanh", 2.0, 0.2), ("erf", 1.0, 1.0)])
def test_the_edge_without_outlier_is_that_of_the_kernels_law(activation, per_input, per_width):
    # one side integrates over the spectrum of W, the other over that of the data
    outlier = conjugate_outlier(0.1, activation, per_input, per_width)
    law = conjugate_kernel(activation, per_input, per_width)
    assert outlier.location == pytest.approx(law.bands[-1][1], rel=1e-12)  # quadratic in the error 1e-14 of the root
    assert not outlier.detached
    assert outlier.left_overlap == outlier.right_overlap == 0


def test_an_outlier_rises_from_the_edge_without_a_jump():
    threshold = conjugate_outlier(0.1, "tanh", 4.0, 8 / 3).threshold
    edge = conjugate_outlier(threshold * (1 - 1e-12), "tanh", 4.0, 8 / 3)
    above = conjugate_outlier(threshold * (1 + np.array([1e-8, 1e-6])), "tanh", 4.0, 8 / 3)
    assert above.location == pytest.approx(edge.location, rel=1e-6)
    assert np.all(above.detached)
    # overlaps are linear in the distance to the threshold: their slopes there are O(10)
    assert above.left_overlap[0] == pytest.approx(above.left_overlap[1] / 100, rel=1e-3)
    assert 0 < above.left_overlap[1] < 1e-4
    edge_of_weights = (1 + math.sqrt((8 / 3) / 4.0)) ** 2
    assert threshold > edge_of_weights


def test_a_linear_layer_with_many_samples_keeps_the_weights_outlier():
    # n >> h: X X^T/n tends to 1, so S S^T/h has the spectrum of (n/h) W W^T/d
    outlier = conjugate_outlier(6.0, "identity", 4e8, 4e8 / 1.5)
    assert outlier.location == pytest.approx(4e8 / 1.5 * 6.0 * 1.5, rel=1e-7)
    assert outlier.left_overlap == pytest.approx(1, abs=1e-7)  # first order in h/n


def test_fresh_data_see_the_weights_outlier_where_predicted():
    n, d, h = 1200, 300, 450
    found, predicted = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        w, v, q = rng.standard_normal((h, d)), np.ones(h) / math.sqrt(h), rng.standard_normal(d)
        w += np.outer(v, math.sqrt(6.0 * h) * q / np.linalg.norm(q) - v @ w)
        left, s, _ = np.linalg.svd(w / math.sqrt(h), full_matrices=False)
        features = np.tanh(w @ rng.standard_normal((d, n)) / math.sqrt(d)) / normalized("tanh").std / math.sqrt(h)
        u, t, vt = np.linalg.svd(features, full_matrices=False)
        along = features.T @ left[:, 0]
        found.append([t[0] ** 2, (u[:, 0] @ left[:, 0]) ** 2, (vt[0] @ along) ** 2 / (along @ along)])
        outlier = conjugate_outlier(s[0] ** 2, "tanh", n / d, n / h)
        predicted.append([outlier.location, outlier.left_overlap, outlier.right_overlap])
    mean, expected = np.mean(found, axis=0), np.mean(predicted, axis=0)
    # tanh flattens the strong direction: -2 % at this theta; spread sqrt(2/n) = 4 % per draw
    assert mean[0] == pytest.approx(expected[0], rel=0.06)
    assert mean[1:] == pytest.approx(expected[1:], abs=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trained_weights_outlier(0.0, 1.0), r"strength must be finite and above 0; got .*; pass"),
        (lambda: trained_weights_outlier(1.0, -1.0), r"ratio must be finite and above 0; got .*; pass d/h"),
        (lambda: gradient_step_direction(0.0, 1, 1, 1), r"learning_rate must be .*; got .*; pass rates"),
        (lambda: gradient_step_direction(1.0, 0, 1, 1), r"samples must be a whole number .*; got 0; pass"),
        (lambda: interpolating_direction(1.0, 1.0, activation="abs"), r"activation must have E s' != 0.*; got 'abs'"),
        (lambda: conjugate_outlier(3.0, "cos", 1.0, 1.0), r"activation must have E s' != 0.*; got 'cos'; use"),
        (lambda: conjugate_outlier(-3.0, "tanh", 1.0, 1.0), r"weight_eigenvalue must be .*; got .*; pass"),
    ],
)
def test_bad_input_raises_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_overlap_with_the_teacher_is_no_square_as_that_of_a_step():
    direction = gradient_step_direction([800.0, 1600.0], 1600, 400, 600)
    assert direction.teacher_overlap == pytest.approx(np.sqrt(direction.teacher_overlap_squared), rel=1e-15)
    assert isinstance(gradient_step_direction(800.0, 1600, 400, 600).teacher_overlap, float)
    # W of a step in the other scaling, far above the threshold, where v1 is q: same c, 1/n noise and R
    step = gradient_step(1e9, 10**7, 400, 600, activation="erf", teacher="erf", noise_std=0.0)
    far = gradient_step_direction(1e9, 10**7, 400, 600, activation="erf", teacher="erf", noise_std=0.0)
    # mu^2/(2 mu^2): student and teacher alike; terms of 1/n and of the bulk are below 1e-4
    assert [step.teacher_overlap, far.teacher_overlap] == pytest.approx([0.5**0.5] * 2, rel=1e-3)
