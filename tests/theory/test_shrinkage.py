"""Shrinkage and thresholds of singular values: the error they minimise, published values, denoised matrices."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from theory.outliers.shrinkage import hard_threshold, optimal_shrinkage
from theory.outliers.spikes import spiked_rectangular

NORMS = {"frobenius": "fro", "operator": 2, "nuclear": "nuc"}


def _error(shrunk, strength, ratio, norm):
    """Norm of signal minus estimate in the plane of the signal's vectors and of what the noisy ones add."""
    outlier = spiked_rectangular(strength, ratio)
    left, right = (np.array([math.sqrt(v), math.sqrt(1 - v)]) for v in (outlier.left_overlap, outlier.right_overlap))
    return np.linalg.norm(np.diag([strength, 0.0]) - shrunk * np.outer(left, right), norm)


@pytest.mark.parametrize("loss", NORMS)
@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("excess", [1.05, 1.5, 4.0])
def test_shrunk_value_minimises_the_error(loss, ratio, excess):
    strength = excess * ratio**0.25
    location = spiked_rectangular(strength, ratio).location
    shrunk = optimal_shrinkage(location, ratio, loss=loss)
    brackets = [(0.0, strength), (0.5 * strength, 1.5 * strength), (0.0, 2 * strength)]
    best = min(
        minimize_scalar(lambda x: _error(x, strength, ratio, NORMS[loss]), bounds=b, method="bounded").fun
        for b in brackets
    )
    assert _error(shrunk, strength, ratio, NORMS[loss]) <= best * (1 + 1e-12)


def test_strength_itself_is_worse_in_operator_norm_unless_the_matrix_is_square():
    for ratio, gain in ((1.0, 1.0), (0.25, 1.05), (3.0, 1.03)):
        strength = 1.2 * ratio**0.25
        shrunk = optimal_shrinkage(spiked_rectangular(strength, ratio).location, ratio, loss="operator")
        kept = _error(strength, strength, ratio, 2)
        assert kept >= gain * _error(shrunk, strength, ratio, 2) * (1 - 1e-8)
        larger, smaller = max(1.0, ratio), min(1.0, ratio)
        closed = strength * math.sqrt((strength**2 + smaller) / (strength**2 + larger))
        assert shrunk == pytest.approx(closed, rel=1e-12)


@pytest.mark.parametrize("ratio", [0.1, 1.0, 5.0])
def test_frobenius_and_nuclear_have_their_closed_forms(ratio):
    s = (1 + math.sqrt(ratio)) * np.array([1.01, 1.3, 3.0, 1e6])
    root = np.sqrt((s**2 - 1 - ratio) ** 2 - 4 * ratio)
    # the reference cancels next to the edge: 1e-16/.01
    assert optimal_shrinkage(s, ratio) == pytest.approx(root / s, rel=1e-12)
    x = np.sqrt((s**2 - 1 - ratio + root) / 2)
    nuclear = np.maximum(x**4 - ratio - math.sqrt(ratio) * x * s, 0) / (x**2 * s)
    assert optimal_shrinkage(s, ratio, loss="nuclear") == pytest.approx(nuclear, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("loss", NORMS)
@pytest.mark.parametrize("ratio", [1e-6, 0.3, 1.0, 1e6])
def test_strong_signals_are_left_alone(loss, ratio):
    strength = np.geomspace(1e3, 1e70, 2001) * max(1.0, ratio**0.5)
    shrunk = optimal_shrinkage(spiked_rectangular(strength, ratio).location, ratio, loss=loss)
    # the overlaps differ from 1 by ratio-free 1e-6 at most
    assert shrunk == pytest.approx(strength, rel=3e-6)


@pytest.mark.parametrize("loss", NORMS)
def test_bulk_is_set_to_zero_and_scale_carries_over(loss):
    s = np.array([0.0, 0.5, 1.5, 1.500001, 2.0, 10.0])
    unit = optimal_shrinkage(s, 0.25, loss=loss)
    assert unit[:3].tolist() == [0, 0, 0]
    assert np.all(unit <= s)
    scaled = optimal_shrinkage(1e8 * s, 0.25, variance=1e16, loss=loss)
    assert scaled[4:] == pytest.approx(1e8 * unit[4:], rel=1e-13)
    assert isinstance(optimal_shrinkage(2.0, 0.25, loss=loss), float)


def test_transposed_matrix_is_shrunk_alike():
    # entries of variance 1/rows become 1/cols: the scale changes by sqrt(ratio)
    for loss in NORMS:
        wide = optimal_shrinkage(5.0, 4.0, loss=loss)
        assert wide == pytest.approx(optimal_shrinkage(5.0, 0.25, variance=4.0, loss=loss), rel=1e-13)
    assert hard_threshold(4.0, 1.0) == pytest.approx(hard_threshold(0.25, 4.0), rel=1e-15)
    assert hard_threshold(4.0, median=1.0) == pytest.approx(hard_threshold(0.25, median=1.0), rel=1e-15)


def test_hard_threshold_has_its_published_values():
    assert hard_threshold(1.0, 1.0) == pytest.approx(4 / math.sqrt(3), rel=1e-15)
    omega = [hard_threshold(c, median=1.0) for c in (0.25, 0.5, 1.0)]
    assert omega == pytest.approx([1.83687, 2.17119, 2.85836], abs=5e-6)  # six published digits
    assert hard_threshold(0.5, median=3.0) == pytest.approx(3 * omega[1], rel=1e-15)


@pytest.mark.parametrize("ratio", [0.05, 0.5, 1.0, 2.0])
def test_at_the_hard_threshold_keeping_costs_as_much_as_dropping(ratio):
    location = hard_threshold(ratio, 1.0)
    y = location**2 - 1 - ratio
    strength = math.sqrt((y + math.sqrt(y**2 - 4 * ratio)) / 2)
    assert _error(location, strength, ratio, "fro") == pytest.approx(strength, rel=1e-12)
    above = spiked_rectangular(1.1 * strength, ratio).location
    assert _error(above, 1.1 * strength, ratio, "fro") < 1.1 * strength


def test_sampled_matrices_are_denoised_to_the_predicted_error():
    rows, cols, ratio, strength, losses, thresholds = 500, 250, 0.5, 1.2, [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        signal = np.zeros((rows, cols))
        signal[0, 0] = strength
        noisy = signal + rng.standard_normal((rows, cols)) / math.sqrt(rows)
        u, s, vt = np.linalg.svd(noisy, full_matrices=False)
        losses.append(np.linalg.norm((u * optimal_shrinkage(s, ratio)) @ vt - signal) ** 2)
        thresholds.append(hard_threshold(ratio, median=float(np.median(s))))
    outlier = spiked_rectangular(strength, ratio)
    expected = strength**2 * (1 - outlier.left_overlap * outlier.right_overlap)
    # measured spread of one loss .1; four standard errors of six
    assert np.mean(losses) == pytest.approx(expected, abs=4 * np.std(losses, ddof=1) / math.sqrt(6) + 2 / cols)
    assert np.mean(thresholds) == pytest.approx(hard_threshold(ratio, 1.0), rel=0.01)  # median to 1/cols


@pytest.mark.parametrize(
    "call",
    [
        lambda: optimal_shrinkage(-1.0, 0.5),
        lambda: optimal_shrinkage(1.0, 0.0),
        lambda: optimal_shrinkage(1.0, 0.5, variance=0.0),
        lambda: optimal_shrinkage(1.0, 0.5, loss="l2"),
        lambda: hard_threshold(0.0, 1.0),
        lambda: hard_threshold(0.5),
        lambda: hard_threshold(0.5, 1.0, median=1.0),
        lambda: hard_threshold(0.5, -1.0),
        lambda: hard_threshold(0.5, median=0.0),
    ],
)
def test_bad_parameters_raise_one_line(call):
    with pytest.raises(ValueError, match=r"^[^;\n]* must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
