"""Thresholds of linear stability against spectral radii of the iterations themselves."""

import math

import numpy as np
import pytest

from theory.laws.affine import Affine
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.training.stability import critical_rate, critical_sharpness, iteration_matrix

METHODS = [("gradient_descent", 0.0), ("heavy_ball", 0.5), ("heavy_ball", 0.9), ("ema", 0.9), ("ema", 0.95),
           ("nesterov", 0.3), ("nesterov", 0.9), ("adam", 0.9)]


def _radius(x, method, momentum):
    return np.max(np.abs(np.linalg.eigvals(iteration_matrix(x, 0.01, method=method, momentum=momentum))))


@pytest.mark.parametrize(("method", "momentum"), METHODS)
def test_spectral_radius_passes_one_at_the_critical_sharpness(method, momentum):
    edge = critical_sharpness(0.01, method=method, momentum=momentum)
    assert _radius(edge * (1 - 1e-9), method, momentum) < 1 < _radius(edge * (1 + 1e-9), method, momentum)
    inside = np.linspace(0.01, 0.999, 50) * edge
    assert max(_radius(x, method, momentum) for x in inside) < 1  # no second window below


def test_constants_are_those_of_the_literature():
    # Cohen et al. 2022: 38/eta for Adam with beta1 = .9; supplementing values by bisection of the spectral radius
    values = {("gradient_descent", 0.0): 2.0, ("heavy_ball", 0.9): 3.8, ("adam", 0.9): 38.0, ("ema", 0.9): 38.0,
              ("ema", 0.95): 78.0, ("nesterov", 0.9): 1.3571428571428572}
    for (method, momentum), value in values.items():
        assert critical_sharpness(1.0, method=method, momentum=momentum) == pytest.approx(value, rel=1e-13)
    assert critical_sharpness([0.1, 0.2]).tolist() == pytest.approx([20.0, 10.0])


@pytest.mark.parametrize(("method", "momentum"), METHODS)
def test_matrix_is_the_written_iteration(method, momentum):
    eta, x, w, v = 0.3, 0.7, 1.3, -0.4
    g = x * w
    new = momentum * v + ((1 - momentum) if method in ("ema", "adam") else 1.0) * g
    step = {"gradient_descent": g, "nesterov": g + momentum * new}.get(method, new)
    moved = iteration_matrix(x, eta, method=method, momentum=momentum) @ [w, eta * v]
    if method == "gradient_descent":
        assert moved[0] == pytest.approx(w - eta * step - momentum * eta * v, rel=1e-15)
    else:
        assert moved == pytest.approx([w - eta * step, eta * new], rel=1e-14)


def _adam_growth(sharpness, rate):
    """Of the largest |w|, from steps 300-400 to 500-600 of Adam with beta2 near 1, on a quadratic of that curvature."""
    w, moment, second, sizes = 1e-60, 0.0, 1.0, []  # so small that g^2 moves D in no step
    for k in range(1, 601):
        g = sharpness * w
        moment, second = 0.9 * moment + 0.1 * g, (1 - 1e-9) * second + 1e-9 * g**2
        w -= rate * moment / (1 - 0.9**k) / math.sqrt(second)
        sizes.append(abs(w))
    return max(sizes[500:]) / max(sizes[300:400])


def test_adam_itself_is_stable_below_38_over_the_rate_only():
    edge = critical_sharpness(0.1, method="adam", momentum=0.9)
    assert _adam_growth(0.999 * edge, 0.1) < 0.1  # 1e-5: 200 steps
    assert _adam_growth(1.001 * edge, 0.1) > 10  # 376


@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_critical_rate_of_isotropic_least_squares(ratio):
    law = MarchenkoPastur(ratio, 0.7)
    assert critical_rate(law) == pytest.approx(2 / (0.7 * (1 + np.sqrt(ratio)) ** 2), rel=1e-15)
    doubled = critical_rate(Affine(law, 2.0), method="heavy_ball", momentum=0.5)
    assert doubled == pytest.approx(0.75 * critical_rate(law), rel=1e-15)


def test_critical_rate_of_given_eigenvalues_and_sampled_data():
    assert critical_rate([0.1, 4.0, 0.0]) == 0.5
    x = np.random.default_rng(0).standard_normal((1200, 400))
    top = np.linalg.eigvalsh(x.T @ x / 1200)
    # largest eigenvalue below the edge by about a Tracy-Widom scale, 1 % of it at n = 1200
    assert critical_rate(top) == pytest.approx(critical_rate(MarchenkoPastur(1 / 3)), rel=0.03)


@pytest.mark.parametrize("call", [
    lambda: critical_sharpness(0.0), lambda: critical_sharpness(0.1, method="adam"),
    lambda: critical_sharpness(0.1, method="lion"),  # type: ignore[arg-type]
    lambda: critical_sharpness(0.1, momentum=0.9), lambda: critical_sharpness(0.1, method="ema", momentum=1.0),
    lambda: critical_sharpness(0.1, method="ema", momentum=-0.1), lambda: iteration_matrix(1.0, -1.0),
])
def test_bad_input_raises_one_line(call):
    with pytest.raises(ValueError, match=r"^\w+ must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
