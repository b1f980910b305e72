"""Several steps of Adam from the constants alone: against exact identities, one step, and simulated networks."""

import math
from typing import Any

import numpy as np
import pytest

import theory
from theory.gaussian import softplus
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.training.adam_path import AdamPath, adam_path
from theory.training.conditioned_matrix import ConditionedMatrix
from theory.training.normal_points import Cloud, RotatedCloud, white_lattice
from theory.training.one_step import adam_step

SIZE = (2000, 1000, 1500)  # samples, inputs, width
NAMES = ("loss", "risk", "variance", "memory", "location", "readout_overlap")


def _error(path: AdamPath, name: str) -> np.ndarray:
    assert path.error is not None
    return getattr(path.error, name)


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_repeated_products_give_the_moments_of_marchenko_pastur(rotated, ratio):
    """<v, (X^T X/n)^k v> is the k-th moment; without the memory terms it would be 0."""
    rng = np.random.default_rng(3)
    if rotated:
        fields, forces = RotatedCloud(rng, 5, 400, 400), RotatedCloud(rng, 5, 400, 400)
        start = forces.row(4)
    else:
        fields, forces = (Cloud(white_lattice(rng, 5, 4096)) for _ in range(2))
        start = forces.row(4)
    matrix = ConditionedMatrix(ratio, fields, forces, 5)
    law, v = MarchenkoPastur(ratio), start
    for k in range(1, 5):
        v = np.add(*matrix.transposed_times(np.add(*matrix.times(v)))) * math.sqrt(ratio)
        # linear dynamics meet only means of products of two rows, which clouds carry to rounding
        assert np.mean(start * v) == pytest.approx(law.moment(k), rel=1e-12)


def test_rotated_rows_are_white_and_normal():
    cloud = RotatedCloud(np.random.default_rng(1), 4, 500, 256)
    rows = np.array([cloud.row(k) for k in range(4)])
    assert np.abs(np.mean(rows, axis=2)).max() < 1e-14  # points come in pairs
    gram = np.einsum("kop,lop->okl", rows, rows) / 256
    assert np.abs(gram - np.eye(4)).max() < 1e-12
    # radii are those of normal vectors but for a last whitening: 8 seeds gave 2.984 (.005) and .3945 (.0001) of .3943
    assert np.mean(rows**4) == pytest.approx(3, abs=0.04)
    assert np.mean(np.tanh(rows) ** 2) == pytest.approx(theory.activation_constants(np.tanh).second_moment, rel=0.002)
    weights, values = np.array([1.0, -2.0, 0.5]), rows[3] ** 3
    assert np.allclose(cloud.sum(weights), np.tensordot(weights, rows[:3], 1), atol=1e-13)
    assert np.allclose(cloud.means(values, 3), np.mean(values * rows[:3], axis=(1, 2)), atol=1e-13)


@pytest.mark.parametrize(("activation", "teacher", "noise_std", "size"), [
    (np.tanh, softplus, 0.3, (2000, 1000, 1500)), (np.arctan, np.tanh, 1.0, (1000, 2000, 800)),
])
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_the_first_step_is_the_closed_form(rate, activation, teacher, noise_std, size):
    task: dict[str, Any] = {"activation": activation, "teacher": teacher, "noise_std": noise_std}
    path = adam_path(rate, 1, *size, **task)
    step = adam_step(rate, *size, **task)
    for name in ("location", "edge", "teacher_overlap", "readout_overlap"):
        ours, exact = getattr(path, name)[1], getattr(step, name)
        # four draws: five standard errors, and what 512 points cannot resolve (.3 % measured over sizes of the cloud)
        assert abs(ours - exact) < 5 * _error(path, name)[1] + 4e-3 * exact
    assert path.detached.tolist() == [False, True]
    assert path.variance[1] == pytest.approx(step.bulk.mean, rel=0.01)


# six simulated networks at full size: means and standard errors after these steps
MEASURED_STEPS = [1, 2, 3, 4, 6, 8, 10]
MEASURED = {
    0.1: {
        "loss": (
            [2.083, 0.8927, 0.6139, 0.7214, 0.3924, 0.3293, 0.3058],
            [0.044, 0.022, 0.013, 0.023, 0.0078, 0.0095, 0.0075],
        ),
        "risk": (
            [2.292, 1.973, 1.725, 1.678, 1.494, 1.474, 1.468],
            [0.021, 0.018, 0.018, 0.015, 0.018, 0.02, 0.015],
        ),
        "variance": (
            [1.003, 1.011, 1.018, 1.027, 1.043, 1.058, 1.07],
            [0.00031, 0.00029, 0.00031, 0.00033, 0.00043, 0.00057, 0.00068],
        ),
        "location": (
            [103.3, 97.47, 86.59, 80.79, 76.07, 81.01, 82.43],
            [0.4, 0.71, 0.52, 0.28, 0.33, 0.44, 0.7],
        ),
    },
    0.3: {
        "loss": (
            [26.23, 4.017, 6.234, 9.744, 3.139, 1.96, 2.89],
            [0.51, 0.092, 0.15, 0.21, 0.055, 0.057, 0.068],
        ),
        "risk": (
            [17.41, 5.305, 5.079, 7.63, 4.087, 2.277, 3.169],
            [0.19, 0.051, 0.093, 0.1, 0.088, 0.058, 0.038],
        ),
        "variance": (
            [1.03, 1.087, 1.136, 1.207, 1.389, 1.575, 1.746],
            [0.00049, 0.00048, 0.00088, 0.0012, 0.0024, 0.004, 0.0053],
        ),
        "location": (
            [296.5, 167.0, 142.7, 174.0, 126.8, 118.1, 157.0],
            [1.3, 0.6, 1.5, 0.78, 0.65, 0.58, 2.0],
        ),
    },
    1: {
        "loss": (
            [189.3, 41.55, 16.74, 23.66, 11.01, 2.941, 1.169],
            [3.4, 1.2, 0.65, 0.44, 0.22, 0.083, 0.057],
        ),
        "risk": (
            [141.8, 46.0, 19.25, 29.7, 31.16, 21.36, 14.73],
            [1.8, 1.1, 0.4, 0.39, 0.44, 0.4, 0.36],
        ),
        "variance": (
            [1.323, 2.112, 3.018, 4.124, 7.012, 10.4, 13.82],
            [0.0052, 0.0062, 0.0071, 0.0083, 0.011, 0.017, 0.026],
        ),
        "location": (
            [1003.0, 623.3, 433.2, 592.7, 757.0, 734.5, 684.1],
            [4.0, 6.5, 4.3, 1.6, 2.3, 4.0, 5.7],
        ),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("rate", list(MEASURED))
def test_ten_steps_agree_with_measured_networks(rate):
    path = adam_path(rate, 10, *SIZE)
    for name, table in MEASURED[rate].items():
        found, error = np.array(table)
        ours = getattr(path, name)[MEASURED_STEPS]
        both = np.sqrt(error**2 + _error(path, name)[MEASURED_STEPS] ** 2)
        # four standard errors of both, and 1/sqrt(h) = 2.6 % for the finite width. It tells: after ten steps at rate 1
        # the loss is 294 without the memory terms and 25 with those of the inputs alone, measured 1.17
        assert np.all(np.abs(ours - found) < 4 * both + 0.026 * found), name


def test_small_networks_follow_the_path():
    n, d, h, rate, steps = 400, 200, 300, 1.0, 3
    runs = np.array([_train(seed, n, d, h, rate, steps) for seed in range(12)])
    mean, error = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1) / math.sqrt(len(runs))
    path = adam_path(rate, steps, n, d, h, draws=2)
    for k, name in enumerate(("loss", "variance", "location")):
        # three standard errors, and 1/sqrt(h) = 6 % of finite size
        assert np.all(np.abs(getattr(path, name)[1:] - mean[k]) < 3 * error[k] + 0.06 * mean[k]), name
    # overshoot: the second step undoes most of what the first one did
    assert path.loss[1] > 20 * path.loss[0] > 3 * path.loss[2]


def _train(seed: int, n: int, d: int, h: int, rate: float, steps: int) -> np.ndarray:
    """Loss, variance of the flipped rows and largest singular value after 1, ..., steps steps, (3, steps)."""
    rng = np.random.default_rng(seed)
    x, a, w = rng.standard_normal((n, d)), rng.standard_normal(h), rng.standard_normal((h, d))
    beta = rng.standard_normal(d)
    y = softplus(x @ beta / np.linalg.norm(beta)) + 0.3 * rng.standard_normal(n)
    first, second, found = np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, steps + 1):
        s = np.tanh(x @ w.T / math.sqrt(d))
        gradient = ((s @ a / math.sqrt(h) - y)[:, None] * (1 - s**2) * a).T @ x
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        w = w - rate * first / (1 - 0.9**t) / np.sqrt(second / (1 - 0.999**t))
        flipped = np.sign(a)[:, None] * w
        loss = np.mean((np.tanh(x @ w.T / math.sqrt(d)) @ a / math.sqrt(h) - y) ** 2)
        found.append((loss, np.sum(np.var(flipped, axis=0)) / (d * (1 - 1 / h)), np.linalg.norm(w, 2)))
    return np.array(found).T


def test_the_same_seed_gives_the_same_path():
    one, two, other = (adam_path(0.5, 2, 60, 30, 40, particles=64, draws=2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.loss, two.loss)
    assert not np.array_equal(one.loss, other.loss)


def test_a_linear_activation_is_no_obstacle():
    path = adam_path(0.1, 3, 200, 100, 100, activation=lambda z: 1.0 * z, particles=128, draws=2)
    assert all(np.all(np.isfinite(getattr(path, name))) for name in NAMES)
    assert path.variance == pytest.approx(np.ones(4), abs=0.02)  # without curvature rows share every gradient


@pytest.mark.parametrize(("wrong", "message"), [
    ({"learning_rate": 0.0}, "learning_rate must be positive"),
    ({"steps": 0}, "steps must be a whole number"),
    ({"particles": 101}, "particles must be even"),
    ({"particles": 40}, "at least 16"),
    ({"draws": 1}, "draws must be 2 or more"),
    ({"decay": (0.9, 1.0)}, "decay must lie in"),
    ({"activation": lambda z: np.tanh(z) + 0.1 * (z**4 - 6 * z**2)}, "activation must be odd"),
])
def test_wrong_arguments_are_named(wrong, message):
    right = {"learning_rate": 0.1, "steps": 2, "samples": 60, "inputs": 30, "width": 40, "particles": 64, "draws": 2}
    options: Any = {**right, **wrong}
    with pytest.raises(ValueError, match=message):
        adam_path(**options)
