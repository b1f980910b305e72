"""Outside the laws: what is no argument raises ValueError on one line, and nothing returns NaN."""

import inspect
import math

import numpy as np
import pytest

import theory
from theory import gaussian
from theory.heavy_tails import kesten
from theory.law import Law

NETWORK = {"learning_rate": 1.0, "samples": 20, "inputs": 10, "width": 15}
FUNCTIONS = {"activation": "tanh", "teacher": "softplus"}
PROBLEM = {"population": [1.0, 2.0], "signal_norm": 1.0, "alignment": None}
BULK = theory.MarchenkoPastur(0.5)
METHOD = {"method": "heavy_ball", "momentum": 0.5}
CALLS = [
    (theory.gradient_step, {**NETWORK, **FUNCTIONS, "noise_std": 0.3}),
    (theory.adam_step, {**NETWORK, **FUNCTIONS, "noise_std": 0.3}),
    (theory.AdamBulk, {**NETWORK, **FUNCTIONS, "noise_std": 0.3}),
    (theory.GradientBulk, {**NETWORK, **FUNCTIONS, "noise_std": 0.3}),
    (theory.mean_field_steps, {**NETWORK, **FUNCTIONS, "noise_std": 0.3, "steps": 2, "fresh_batches": True}),
    (theory.standard_rate, {"learning_rate": 1.0, "inputs": 10, "width": 15}),
    (theory.readout_outlier, {"weights": np.arange(12.0).reshape(4, 3), "readout": [1.0, -1.0, 2.0, 0.5]}),
    (theory.readout_directions, {"readout": [1.0, -1.0, 2.0]}),
    (theory.spike_count, {"exponent": 0.1}), (theory.spike_window, {"count": 2}),
    (theory.two_step_outliers, {"first": 0.1, "second": 0.2}),
    (theory.mode_strength, {"time": 1.0, "target": 1.0, "start": 0.1, "depth": 3, "weight_decay": 0.1}),
    (theory.escape_time, {"target": 1.0, "start": 0.1, "end": 0.5, "depth": 2, "weight_decay": 0.1}),
    (theory.unbalanced_strength, {"time": 1.0, "target": 1.0, "start": 0.1, "imbalance": 0.5, "weight_decay": 0.1}),
    (theory.imbalance, {"time": 1.0, "start": 1.0, "weight_decay": 0.1}),
    (theory.stationary_strength, {"target": 1.0, "weight_decay": 0.1, "depth": 3}),
    (theory.effective_rank, {"strengths": [1.0, 2.0]}),
    (theory.rank_curve, {"targets": [1.0, 2.0], "weight_decay": 0.1, "depth": 2}),
    (theory.interpolation_loss, {"fraction": 0.5, "strengths": [1.0, 2.0], "overlap": np.eye(2)}),
    (theory.random_barrier, {"strengths": [1.0, 2.0], "width": 10}),
    (theory.error_mode, {"step": 3, "curvature": 0.5, "learning_rate": 0.1, **METHOD}),
    (theory.loss_curve, {"step": 3, "learning_rate": 0.1, "curvature": [1.0], **METHOD, "distance": 1.0}),
    (theory.critical_sharpness, {"learning_rate": 0.1, **METHOD}),
    (theory.critical_rate, {"curvature": [1.0, 2.0], **METHOD}),
    (theory.iteration_matrix, {"curvature": [1.0, 2.0], "learning_rate": 0.1, **METHOD}),
    (theory.homogenised_sgd, {"time": 1.0, "learning_rate": 0.5, "ratio": 0.5, **PROBLEM, "noise_norm": 0.1}),
    (theory.streaming_sgd, {"time": 1.0, "learning_rate": 0.5, **PROBLEM, "noise_std": 0.1}),
    (theory.batch_sgd, {"step": 1, "learning_rate": 0.5, "ratio": 0.5, "fraction": 0.5, "replacement": True,
                        **PROBLEM, "noise_norm": 0.1}),
    (theory.sgd_stability, {"ratio": 0.5, "population": [1.0, 2.0]}),
    (theory.sgd_decay_rate, {"learning_rate": 0.5, "ratio": 0.5, "population": [1.0, 2.0]}),
    (theory.kesten_exponent, {"rate": 0.5, "dimension": 2, "batch": 2}),
    (theory.kesten_critical_rate, {"dimension": 2, "batch": 2}),
    (kesten.log_growth, {"rate": 0.5, "dimension": 2, "batch": 2}),
    (kesten.log_moment, {"rate": 0.5, "power": 1.0, "dimension": 2, "batch": 2}),
    (theory.ridge_risk, {"ridge": 0.1, "ratio": 0.5, **PROBLEM, "noise_std": 0.1}),
    (theory.optimal_ridge, {"ratio": 0.5, **PROBLEM, "noise_std": 0.1}),
    (theory.gradient_flow_risk, {"time": 1.0, "ratio": 0.5, **PROBLEM, "noise_std": 0.1}),
    (theory.gradient_descent_risk, {"step": 1, "learning_rate": 0.1, "ratio": 0.5, **PROBLEM, "noise_std": 0.1}),
    (theory.random_features_risk, {"width": 10, "ridge": 0.1, "samples": 20, "inputs": 10, **FUNCTIONS}),
    (theory.deterministic_equivalent, {"ridge": 0.1, "ratio": 0.5, "population": [1.0, 2.0]}),
    (theory.conjugate_kernel, {"activation": "tanh", "samples_per_input": 0.5, "samples_per_width": 0.5, "depth": 1}),
    (theory.tangent_kernel, {"activation": "tanh", "samples_per_input": 0.5, "samples_per_width": 0.5, "depth": 1}),
    (theory.trained_weights_outlier, {"strength": 2.0, "ratio": 0.5}),
    (theory.gradient_step_direction, {**NETWORK, **FUNCTIONS, "noise_std": 0.3}),
    (theory.interpolating_direction, {"label_scale": 1.0, "ratio": 0.5, **FUNCTIONS}),
    (theory.conjugate_outlier, {"weight_eigenvalue": 5.0, "activation": "tanh", "samples_per_input": 2.0,
                                "samples_per_width": 2.0}),
    (theory.activation_constants, {"f": "tanh", "order": 3}),
    (theory.gaussian_equivalent, {"activation": "tanh"}), (gaussian.expectation, {"f": "tanh"}),
    (theory.spiked_covariance, {"spike": 3.0, "ratio": 0.5, "population": [(1.0, 0.5), (2.0, 0.5)]}),
    (theory.spiked_rectangular, {"strength": 2.0, "ratio": 0.5, "variance": 1.0}),
    (theory.spiked_wigner, {"strength": 2.0, "variance": 1.0}),
    (theory.strength_from_outlier, {"location": 2.0, "ratio": 0.5, "variance": 1.0}),
    (theory.spiked, {"law": BULK, "strength": 2.0, "ratio": 0.5}),
    (theory.signal_strength, {"law": BULK, "location": 2.0, "ratio": 0.5}),
    (theory.spiked_symmetric, {"law": BULK, "strength": 2.0}),
    (theory.correlated_spike, {"strength": 2.0, "ratio": 0.5, "own": 0.1, "other": 0.1, "variance": 1.0}),
    (theory.projected_outlier, {"projection": np.ones((3, 1)), "frobenius": 5.0, "rows": 4}),
    (theory.optimal_shrinkage, {"singular_values": 2.0, "ratio": 0.5, "variance": 1.0, "loss": "nuclear"}),
    (theory.hard_threshold, {"ratio": 0.5, "variance": 1.0}), (theory.edge_scale, {"law": BULK, "n": 100}),
    (theory.outlier_p_value, {"location": 3.0, "law": BULK, "n": 100}),
    (theory.largest_eigenvalue, {"rows": 100, "cols": 50}),
]
NEVER = [math.nan, [math.nan, 1.0], "spam", 1j, np.array([1j]), object(), [[1.0], [1.0, 2.0]], {}]
PERHAPS = [math.inf, -math.inf, -1.0, 0, 2.5, [], np.ones((2, 2, 2)), [1.0, 2.0, 3.0], [0.0], (1, 2), True,
           1e30, 1e-30]


@pytest.mark.parametrize(("call", "arguments"), CALLS, ids=[call.__name__ for call, _ in CALLS])
def test_no_argument_that_is_none_passes_and_nothing_returns_nan(call, arguments):
    assert set(arguments) <= set(inspect.signature(call).parameters)
    for name in arguments:
        for value in NEVER:
            with pytest.raises(ValueError, match=r"^[^\n]* must [^\n]*; got [^\n]*; [^\n]*$"):
                call(**{**arguments, name: value})
        for value in PERHAPS:
            try:
                result = call(**{**arguments, name: value})
            except ValueError as error:
                assert "; got " in str(error) and "\n" not in str(error), (name, value, str(error))  # noqa: PT017, PT018
            except ArithmeticError as error:
                assert type(error) is ArithmeticError, (name, value)  # no OverflowError or ZeroDivisionError  # noqa: PT017
            else:
                assert not _has_nan(result), (name, value, result)


def _has_nan(result):
    if isinstance(result, tuple):
        return any(_has_nan(part) for part in result)
    return not isinstance(result, Law) and bool(np.any(np.isnan(np.asarray(result, dtype=complex))))
