"""Error modes against the iterations, and loss curves against matrices and moments."""

import numpy as np
import pytest

from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.training.least_squares import error_mode, loss_curve
from theory.training.stability import iteration_matrix

METHODS = [("gradient_descent", 0.0), ("heavy_ball", 0.5), ("heavy_ball", 0.9), ("ema", 0.9), ("nesterov", 0.3),
           ("nesterov", 0.9)]


@pytest.mark.parametrize(("method", "momentum"), METHODS)
def test_modes_are_those_of_the_iteration(method, momentum):
    # complex, real and double roots, curvature 0, a root of 0 (x = 1 for Nesterov), and divergence
    x = np.array([0, 1e-9, 0.01, 0.1, 0.5, 1 - 1e-10, 1.0, 1.2, 1.9, 2.5, 30.0, (1 - np.sqrt(momentum)) ** 2])
    steps = np.arange(60)
    left = error_mode(steps[:, None], x, 1.0, method=method, momentum=momentum)
    matrix = iteration_matrix(x, 1.0, method=method, momentum=momentum)
    state = np.zeros((len(x), 2))
    state[:, 0] = 1
    for k in steps:
        # rounding grows with the number of steps and, at double roots, by their condition
        assert left[k] == pytest.approx(state[:, 0], rel=1e-11, abs=1e-12)
        state = np.einsum("xab,xb->xa", matrix, state)


def test_scalar_arguments_give_a_float():
    assert error_mode(3, 0.5, 0.2) == pytest.approx(0.9**3, rel=1e-15)
    assert isinstance(error_mode(3, 0.5, 0.2, method="heavy_ball", momentum=0.5), float)
    assert isinstance(loss_curve(3, 0.5, [1.0]).loss, float)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.0])
def test_loss_of_few_steps_is_a_polynomial_of_moments(ratio):
    law, eta = MarchenkoPastur(ratio), 0.4
    m = [law.moment(k) for k in range(6)]
    curve = loss_curve([0, 1, 2], eta, law, distance=3.0)
    two = [1, -4 * eta, 6 * eta**2, -4 * eta**3, eta**4]  # (1 - eta x)^4
    expected = [m[1], m[1] - 2 * eta * m[2] + eta**2 * m[3], sum(a * b for a, b in zip(two, m[1:], strict=True))]
    assert curve.loss == pytest.approx(4.5 * np.array(expected), rel=1e-12)
    assert curve.error[2] == pytest.approx(9 * sum(a * b for a, b in zip(two, m[:5], strict=True)), rel=1e-12)


@pytest.mark.parametrize(("method", "momentum", "rate"), [
    ("gradient_descent", 0.0, 0.68), ("heavy_ball", 0.9, 1.0), ("nesterov", 0.9, 0.4)])
def test_loss_of_many_steps_resolves_the_oscillations(method, momentum, rate):
    law = MarchenkoPastur(0.5)
    (low, high), = law.bands
    t = (np.arange(20000) + 0.5) * np.pi / 20000  # periodic and smooth: the midpoint rule is exact to rounding
    x = (low + high) / 2 - (high - low) / 2 * np.cos(t)
    weights = law.pdf(x) * (high - low) / 2 * np.sin(t) * np.pi / 20000
    for k in (30, 400):
        exact = weights @ (x * error_mode(k, x, rate, method=method, momentum=momentum) ** 2) / 2
        value = loss_curve(k, rate, law, method=method, momentum=momentum).loss
        assert value == pytest.approx(exact, rel=1e-11)  # roundings of the k-th power


def test_loss_at_the_hard_edge_falls_like_a_power():
    # density x^{-1/2}/pi at 0: loss ~ int x e^{-2 eta k x} x^{-1/2}/(2 pi) = Gamma(3/2) (2 eta k)^{-3/2}/(2 pi)
    k = 1e6
    expected = np.sqrt(np.pi) / 2 * (2 * 0.3 * k) ** -1.5 / (2 * np.pi)
    assert loss_curve(k, 0.3, MarchenkoPastur(1.0)).loss == pytest.approx(expected, rel=1e-5)  # next order 1/k


@pytest.mark.parametrize("method", ["gradient_descent", "heavy_ball", "nesterov"])
def test_sampled_problem_follows_the_curve(method):
    rng = np.random.default_rng(0)
    n, d, momentum = 400, 200, 0.0 if method == "gradient_descent" else 0.8
    x = rng.standard_normal((n, d))
    hessian, w, v = x.T @ x / n, np.eye(d), np.zeros((d, d))  # a start in every direction: no fluctuation from it
    curve = loss_curve(np.arange(15), 0.3, MarchenkoPastur(d / n), method=method, momentum=momentum)
    for k in range(15):
        # after k steps the modes within 1/k of the lower edge are left, whose place fluctuates by n^{-2/3} = 2 %
        assert np.sum(w * (hessian @ w)) / (2 * d) == pytest.approx(curve.loss[k], rel=0.01 + 0.01 * k)
        g = hessian @ w
        v = momentum * v + g
        w = w - 0.3 * (g + momentum * v if method == "nesterov" else v)


def test_alignment_weighs_the_initial_error():
    values = np.array([0.5, 2.0])
    curve = loss_curve(3, 0.1, values, alignment=lambda x: x**2)
    share = values**2 / np.sum(values**2)
    assert curve.error == pytest.approx(share @ (1 - 0.1 * values) ** 6, rel=1e-14)


@pytest.mark.parametrize("call", [
    lambda: error_mode(-1, 1.0, 0.1), lambda: error_mode(1.5, 1.0, 0.1), lambda: error_mode(1, 1.0, 0.0),
    lambda: error_mode(1, np.inf, 0.1), lambda: loss_curve(1, 0.1, [-1.0]), lambda: loss_curve(1, 0.1, []),
    lambda: loss_curve(1, 0.1, [[1.0, 0.5]]), lambda: loss_curve(1, 0.1, [1.0], distance=-1),
    lambda: loss_curve(1, 0.1, [1.0], alignment=lambda x: -x),
])
def test_bad_input_raises_one_line(call):
    with pytest.raises(ValueError, match=r"^\w+ must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
