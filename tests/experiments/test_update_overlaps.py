"""Predicted overlaps of the first update's leading vectors with the weights', against one step taken in float64."""

import numpy as np
import pytest

import theory
from experiments.few_steps import _update_overlaps as predicted

N, D, H, NOISE = 600, 300, 450, 0.3
DRAWS = 6


def one_step(kind, rate, seed, samples=N):
    """W0, M0, W1 of the network that theory describes, written out without the package."""
    rng = np.random.default_rng(seed)
    x, w, a = rng.standard_normal((samples, D)), rng.standard_normal((H, D)), rng.standard_normal(H)
    beta = rng.standard_normal(D)
    y = np.log1p(np.exp(x @ beta / np.linalg.norm(beta))) + NOISE * rng.standard_normal(samples)
    z = np.tanh(x @ w.T / D**0.5)
    r = z @ a / H**0.5 - y
    gradient = 2 / (samples * (H * D) ** 0.5) * ((r[:, None] * (1 - z**2)) * a).T @ x
    change = -rate * (np.sign(gradient) if kind == "adam" else gradient)
    return w, change, w + change


def profile(matrix, change, side):
    """Squared overlaps of the change's leading vector with all of the matrix', in units of chance."""
    part = {"left": 0, "right": 2}[side]
    vectors, of_change = (np.linalg.svd(x, full_matrices=False)[part] for x in (matrix, change))
    if side == "left":
        return H * (vectors.T @ of_change[:, 0]) ** 2
    return D * (vectors @ of_change[0]) ** 2


@pytest.mark.parametrize("kind", ["gd", "adam"])
def test_the_update_sees_the_initial_weights_through_the_backward_pass_alone(kind):
    share = predicted.start(kind, N, D, H, NOISE).share
    slopes = {"left": [], "right": []}
    for seed in range(DRAWS):
        w, change, _ = one_step(kind, 1.0, seed)
        eigenvalue = np.linalg.svd(w, compute_uv=False) ** 2 / H
        for side, found in slopes.items():
            found.append(np.polyfit(eigenvalue, profile(w, change, side), 1)[0])
    # one draw: sqrt(2/d)/sqrt(d/h) = .1, six .04; three of these
    assert np.mean(slopes["right"]) == pytest.approx(share, abs=0.12)
    assert np.mean(slopes["left"]) == pytest.approx(0, abs=0.12)
    assert share > 0.2


@pytest.mark.parametrize(("kind", "samples"), [("gd", N), ("adam", N), ("gd", 100), ("adam", 100)])
def test_the_square_root_of_the_share_is_the_cosine_with_the_backward_pass(kind, samples):
    cosines = []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        rng.standard_normal((samples, D))
        rng.standard_normal((H, D))
        a = rng.standard_normal(H)  # the same stream as one_step
        w, change, _ = one_step(kind, 1.0, seed, samples)
        backward = w.T @ a
        cosines.append(abs(np.linalg.svd(change)[2][0] @ backward) / np.linalg.norm(backward))
    # one draw: 1/sqrt(d) = .06, six .024; three of these
    assert np.mean(cosines) == pytest.approx(predicted.start(kind, samples, D, H, NOISE).share ** 0.5, abs=0.07)


@pytest.mark.parametrize(("kind", "factor"), [("gd", 0.8), ("gd", 1.6), ("adam", 0.8), ("adam", 2.0)])
def test_the_profile_after_the_step_is_the_predicted_one_below_and_above_the_threshold(kind, factor):
    step = {"gd": theory.gradient_step, "adam": theory.adam_step}[kind]
    rate = factor * step(1.0, N, D, H, noise_std=NOISE).critical_rate
    says = predicted.after(kind, rate, N, D, H, NOISE)
    found = {"left": [], "right": []}
    for seed in range(16):
        _, change, w = one_step(kind, rate, seed)
        for side, profiles in found.items():
            profiles.append(profile(w, change, side))
    for side, size in (("left", H), ("right", D)):
        mean, expected = np.mean(found[side], axis=0), getattr(says, side)
        tenth = D // 10
        # the share in 30 of 300 ranks varies by .08 from draw to draw, since |zeta| does: three errors of 16 draws
        assert mean[:tenth].sum() / size == pytest.approx(expected[:tenth].sum() / size, abs=0.06)
        assert mean[-150:].sum() / size == pytest.approx(expected[-150:].sum() / size, abs=0.03)
        if says.detached:
            assert mean[0] / size == pytest.approx(expected[0] / size, abs=0.06)
        # without the signal the leading tenth would hold a tenth (of the left ones 30 of 450)
        assert abs(expected[:tenth].sum() / size - tenth / size) > 0.08


def test_the_leading_overlaps_are_those_of_the_one_step_theory():
    for kind, rates, step in (("gd", (1500, 3000), theory.gradient_step), ("adam", (0.06, 0.1, 1), theory.adam_step)):
        for rate in rates:
            says = predicted.after(kind, rate, 2000, 1000, 1500, NOISE)
            expected = step(rate, 2000, 1000, 1500, noise_std=NOISE).readout_overlap ** 2
            assert says.left[0] / 1500 == pytest.approx(expected, rel=1e-9)    # two closed forms, one of 2 x 2 algebra


@pytest.mark.parametrize(("kind", "rate"), [("gd", 1e-6), ("gd", 1000), ("gd", 2000), ("adam", 1e-6), ("adam", 0.1)])
@pytest.mark.parametrize(("inputs", "width"), [(1000, 1500), (900, 600)])
def test_right_vectors_share_out_the_whole_of_the_update(kind, rate, inputs, width):
    says = predicted.after(kind, rate, 2000, inputs, width, NOISE)
    ranks = min(inputs, width)
    assert says.left.shape == says.right.shape == (ranks,)
    assert (says.left > 0).all()
    whole, size = (says.right, inputs) if inputs <= width else (says.left, width)
    # a sum over ranks for an integral over the bulk: 1/ranks at a square-root edge
    assert whole.sum() / size == pytest.approx(1, abs=1.5 / ranks)


@pytest.mark.parametrize("kind", ["gd", "adam"])
def test_a_vanishing_step_leaves_the_profile_of_the_start(kind):
    says, start = predicted.after(kind, 1e-9, 2000, 1000, 1500, NOISE), predicted.start(kind, 2000, 1000, 1500, NOISE)
    eigenvalue = theory.MarchenkoPastur(2 / 3).quantile(1 - (np.arange(1000) + 0.5) / 1000)
    # the resolvent is taken 1e-9 above the axis, which a square-root edge makes 3e-5
    np.testing.assert_allclose(says.left, 1, atol=1e-4)
    np.testing.assert_allclose(says.right, start.right(eigenvalue), atol=1e-4)
