"""Risk and training far from proportional size, and where numbers overflow: right, or refused on one line."""

import math
import warnings

import numpy as np
import pytest

import theory
from theory import (
    MarchenkoPastur,
    adam_step,
    gradient_descent_risk,
    gradient_flow_risk,
    gradient_step,
    loss_curve,
    mean_field_steps,
    mode_strength,
    optimal_ridge,
    random_features_risk,
    ridge_risk,
)
from theory.population import nodes


@pytest.mark.parametrize("ratio", [1e-8, 1e-4, 1e4, 1e6, 1e8])
def test_isotropic_flow_at_extreme_ratios_is_an_expectation_over_marchenko_pastur(ratio):
    t = np.array([0.0, 0.1, 1.0, 1e3]) / max(1.0, ratio)
    risk = gradient_flow_risk(t, ratio, noise_std=0.3)
    h = nodes(MarchenkoPastur(ratio))
    x, left = h.values, np.exp(-t[:, None] * h.values)
    learned = np.where(x > 0, (1 - left) ** 2 / np.where(x > 0, x, 1.0), 0.0)
    # 1e-13 as documented
    assert risk.bias == pytest.approx(left**2 @ h.weights, abs=1e-13)
    assert risk.variance == pytest.approx(0.09 * ratio * learned @ h.weights, abs=1e-13)


@pytest.mark.parametrize("ratio", [1e4, 1e8, 1e12])
def test_ridge_with_far_more_features_than_samples_keeps_its_digits(ratio):
    ridge = np.array([0.0, 0.1, 10.0])
    # kappa^2 - kappa (ridge + ratio - 1) = ridge, whose positive root has no cancellation
    b = ridge + ratio - 1
    kappa = (b + np.sqrt(b**2 + 4 * ridge)) / 2
    df2 = ratio / (1 + kappa) ** 2
    expected = ((kappa / (1 + kappa)) ** 2 + 0.09) / (1 - df2)
    risk = ridge_risk(ridge, ratio, noise_std=0.3)
    assert risk.kappa == pytest.approx(kappa, rel=1e-13)
    # ratio - 1 rounds by 1e-16 of itself, 1/kappa of which decides: 1e-16
    assert risk.test == pytest.approx(expected, rel=1e-13)


def test_large_ridges_and_rates_give_finite_predictions():
    assert ridge_risk(1e300, 0.5).test == 1.0
    for step in (gradient_step(1e50, 200, 100, 150), adam_step(1e50, 200, 100, 150)):
        assert math.isfinite(step.location)
        assert 0 < step.readout_overlap <= 1
        assert 0 < step.teacher_overlap <= 1


@pytest.mark.parametrize("call", [
    lambda: gradient_step(1e60, 200, 100, 150), lambda: adam_step([1.0, 1e60], 200, 100, 150),
    lambda: gradient_step(1.0, 200, 100, 150, noise_std=1e200),
    lambda: mean_field_steps(1e3, 100, 100, 100, steps=1000),
    lambda: mean_field_steps(1e3, 100, 100, 100, steps=1000, fresh_batches=False),
    lambda: mean_field_steps(1e100, 100, 100, 100),
    lambda: ridge_risk(0.1, 1e300), lambda: ridge_risk([0.1, 0.2], [0.5, 1.0, 2.0]),
    lambda: ridge_risk(0.1, 0.5, noise_std=1e200), lambda: optimal_ridge(0.5, noise_std=1e200),
    lambda: gradient_flow_risk(1e300, 0.5), lambda: gradient_descent_risk(1, 0.1, 0.5, signal_norm=1e200),
    lambda: loss_curve(1, 0.1, [1.0], distance=1e200), lambda: mode_strength([1.0, 2.0], [1.0, 2.0, 3.0], 0.5),
    lambda: random_features_risk(1e-20, 0.1, samples=10, inputs=10),
])
def test_what_overflows_or_does_not_broadcast_is_refused_on_one_line(call):
    with pytest.raises(ValueError, match=r"^\w[\w^| ]* must [^\n]*; got [^\n]*; [^\n]*$"):
        call()


HUGE = {
    "homogenised_sgd": [(1.0, 1e160, 0.5), (1.0, 0.5, 1e100), (1.0, 0.5, 1e-100)], "streaming_sgd": [(1.0, 1e200)],
    "sgd_stability": [(1e-300,), (1e40,)], "sgd_decay_rate": [(0.5, 1e100)], "random_barrier": [([1e160, 1.0], 10)],
    "gradient_descent_risk": [(1e100, 0.1, 0.5), (1, 1e100, 0.5), (1, 0.1, 1e100)], "escape_time": [(1e300, 0.1, 0.5)],
    "stationary_strength": [(1e300, 0.1)], "gradient_step_direction": [(1e160, 200, 100, 150)],
    "interpolating_direction": [(1e200, 0.5)],
    "conjugate_outlier": [(1e160, "tanh", 0.5, 0.5), (5.0, "tanh", 1e200, 0.5), (5.0, "tanh", 0.5, 1e-300)],
    "GeneralizedMarchenkoPastur": [(1e-40, ((1.0, 0.5), (2.0, 0.5)))], "FreePoisson": [(1e-100, ((1.0, 1.0),))],
    "InformationPlusNoise": [(1e-100, ((1.0, 1.0),)), (0.5, ((1.0, 1.0),), 1e-30), (0.5, ((1.0, 1.0),), 1e200)],
    "LevyWishart": [(1.5, 1e100), (1.5, 0.5, 1e160)],
}


@pytest.mark.parametrize(("name", "arguments"), [(name, a) for name, each in HUGE.items() for a in each], ids=str)
def test_sizes_beyond_what_doubles_resolve_are_refused_on_one_line(name, arguments):
    with pytest.raises(ValueError, match=r"^\w[\w ]* must [^\n]*; got [^\n]*; [^\n]*$"):
        getattr(theory, name)(*arguments)


@pytest.mark.parametrize("ratio", [1e-12, 1e12])
def test_the_stability_of_sgd_at_the_extreme_ratios_taken_is_that_of_rows_of_norm_one(ratio):
    # 1e-16 of its place over the half width 2 sqrt(r) of the band, or its inverse: 1e-10
    stability = theory.sgd_stability(ratio)
    assert stability.critical_rate == pytest.approx(2, rel=1e-9)
    r = math.sqrt(ratio)
    assert stability.onset == pytest.approx(2 * r / (r * r - r + 1), rel=1e-3)


def test_a_diverging_mode_is_infinite_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert theory.error_mode(3, 1e300, 0.1, method="heavy_ball", momentum=0.5) == math.inf
        assert theory.loss_curve([2], 1e200, [1.0, 2.0]).loss[0] == math.inf
