"""Random-feature ridge against simulated networks, its closed form in the Stieltjes transform, and limits."""

import math

import mpmath
import numpy as np
import pytest

from theory.gaussian import activation_constants
from theory.risk.random_features import random_features_risk
from theory.risk.ridge import ridge_risk


def relu(z):
    return np.maximum(z, 0.0)


def identity(z):
    return 1.0 * z


def square(z):
    return z**2 - 1


SIZE = {"samples": 600, "inputs": 400}
# simulated at n = 600, d = 400, six to ten networks each: (mean, standard error) of test, training error and norm
MEASURED = [
    (np.tanh, np.tanh, 0.05, 1e-2, {200: ((0.399, 0.007), (0.1909, 0.0057), (1.059, 0.023)),
                                    600: ((0.302, 0.008), (0.0205, 0.0007), (1.852, 0.043)),
                                    1800: ((0.217, 0.007), (0.00082, 0.00003), (0.653, 0.011))}),
    (np.tanh, np.tanh, 0.05, 1e-4, {200: ((0.426, 0.007), (0.186, 0.004), (1.29, 0.03)),
                                    480: ((0.664, 0.032), (0.0281, 0.0014), (7.34, 0.26)),
                                    600: ((1.699, 0.090), (0.00246, 0.00025), (22.2, 1.0)),
                                    1800: ((0.223, 0.007), None, (0.867, 0.021))}),
    (relu, np.tanh, 0.05, 1e-2, {200: ((0.462, 0.007), (0.2146, None), None), 480: ((0.556, 0.012), None, None),
                                 600: ((0.561, 0.015), None, None), 900: ((0.411, 0.010), None, None),
                                 1800: ((0.250, 0.005), None, None)}),
    (relu, np.tanh, 0.05, 1e-4, {480: ((1.034, 0.027), None, None), 600: ((3.99, 0.13), None, None),
                                 900: ((0.531, 0.013), None, None)}),
    (relu, relu, 0.1, 1e-2, {200: ((0.531, 0.010), None, None), 600: ((0.779, 0.018), None, None),
                             1800: ((0.436, 0.007), None, None)}),
    (np.tanh, relu, 0.1, 1e-2, {200: ((0.700, 0.013), None, None), 600: ((0.927, 0.021), None, None),
                                1800: ((0.857, 0.023), None, None)}),
    (np.tanh, np.sin, 0.05, 1e-2, {200: ((0.448, 0.009), None, None), 600: ((0.375, 0.011), None, None),
                                   1800: ((0.315, 0.013), None, None)}),
    (np.tanh, np.tanh, 0.05, 0.0, {300: ((0.438, 0.013), (0.112, 0.005), None)}),
]


@pytest.mark.parametrize(("activation", "teacher", "noise", "ridge", "rows"), MEASURED)
def test_measured_networks_are_met_within_their_errors(activation, teacher, noise, ridge, rows):
    risk = random_features_risk(list(rows), ridge, **SIZE, activation=activation, teacher=teacher,
                                noise_std=math.sqrt(noise))
    for k, measured in enumerate(rows.values()):
        for value, row in zip((risk.test[k], risk.train[k], risk.norm[k]), measured, strict=True):
            if row and row[1]:
                # 2.4 standard errors were the most among all rows; 1 % is the finite size
                assert abs(value - row[0]) < 2.5 * row[1] + 0.01 * value


@pytest.mark.parametrize(("activation", "teacher"), [(np.tanh, np.tanh), (relu, np.sin)])
@pytest.mark.parametrize("width", [100, 400, 600, 1800])
def test_integrals_are_the_closed_form_in_the_stieltjes_transform(activation, teacher, width):
    s, g = activation_constants(activation), activation_constants(teacher)
    n, d, noise, ridge = 600, 400, 0.05, 1e-3
    with mpmath.workdps(40):
        m1, g1 = mpmath.mpf(s.slope) ** 2, mpmath.mpf(g.slope) ** 2
        star, rest = s.variance - m1, g.variance - g1 + noise + (g.mean**2 if abs(s.mean) < 1e-10 else 0)
        psi, alpha = mpmath.mpf(width) / d, mpmath.mpf(width) / n
        low, high = (1 - mpmath.sqrt(psi)) ** 2, (1 + mpmath.sqrt(psi)) ** 2

        def transform(z):
            m = -2 / ((z - 1 + psi) - mpmath.sqrt((low - z) * (high - z)))
            return m, -(psi * m**2 + m) / (2 * psi * z * m + z + psi - 1)

        def excess(kappa):
            m, _ = transform(-(star + kappa) / m1)
            return kappa * (1 - alpha * (1 - kappa / m1 * m)) - ridge

        kappa = mpmath.findroot(excess, (ridge, ridge + alpha * (m1 + star)), solver="anderson", tol=1e-60)
        s0, s1 = star / m1, (star + kappa) / m1
        (m0, _), (m, slope) = transform(-s0), transform(-s1)
        df2 = alpha * (1 - 2 * kappa / m1 * m + kappa**2 / m1**2 * slope)
        j = -s0 / (s1 - s0) ** 2 * m0 + s0 / (s1 - s0) ** 2 * m + s1 / (s1 - s0) * slope
        test = (kappa**2 * g1 * psi * j / m1**2 + g1 * (1 - psi * (1 - s0 * m0)) + rest) / (1 - df2)
        norm = g1 * psi * (m - s1 * slope) / m1 + test * alpha * (m / m1 - kappa * slope / m1**2)
        expected = [float(v) for v in (test, (ridge / kappa) ** 2 * test, norm, test * df2, kappa)]
    risk = random_features_risk(width, ridge, samples=n, inputs=d, activation=activation, teacher=teacher,
                                noise_std=math.sqrt(noise))
    found = [risk.test, risk.train, risk.norm, risk.sampling_variance, risk.kappa]
    assert found == pytest.approx(expected, rel=1e-11)  # g*^2, m*^2 by cancellation: 1e-15/m*^2


def test_linear_features_of_full_rank_are_ridge_on_the_inputs():
    # infinitely many linear features have the kernel (width/inputs) x x^T: ridge width/inputs times smaller
    wide = random_features_risk(4e8, 1e3, samples=600, inputs=400, activation=identity, teacher=identity, noise_std=0.5)
    plain = ridge_risk(1e3 / 1e6, 400 / 600, noise_std=0.5)
    assert (wide.test, wide.train) == pytest.approx((plain.test, plain.train), rel=2e-3)  # 1/sqrt(psi) = 1e-3
    # ridge 0 on at least as many features as inputs is least squares
    kwargs = {"samples": 600, "inputs": 400, "activation": identity, "teacher": identity, "noise_std": 0.5}
    risk = random_features_risk([500, 5000], 0.0, **kwargs)
    assert risk.test == pytest.approx(ridge_risk(0.0, 400 / 600, noise_std=0.5).test, rel=1e-12)
    few = random_features_risk(100, 0.0, **kwargs)  # the signal's three quarters that they miss act as noise
    assert few.test == pytest.approx((0.25 + 0.75) / (1 - 100 / 600), rel=1e-12)


def test_features_without_a_linear_part_learn_nothing_but_the_mean():
    risk = random_features_risk([100, 600, 2000], 1e-2, **SIZE, activation=square, teacher=np.tanh, noise_std=0.3)
    g = activation_constants(np.tanh)
    total = g.second_moment + 0.09
    assert np.all(risk.test > total)
    assert risk.test == pytest.approx(total / (1 - risk.sampling_variance / risk.test), rel=1e-12)


def test_mean_of_the_teacher_counts_unless_the_activation_gives_an_intercept():
    def shifted(z):
        return np.tanh(z) + 3.0

    plain, teacher = (random_features_risk(300, 1e-2, **SIZE, teacher=g) for g in (np.tanh, shifted))
    assert teacher.test / plain.test > 9  # odd activation: 3^2 acts as noise
    both = [random_features_risk(300, 1e-2, **SIZE, activation=relu, teacher=g).test for g in (np.tanh, shifted)]
    assert both[0] == pytest.approx(both[1], rel=1e-10)


def test_double_descent_peaks_at_width_equal_to_samples():
    width = np.array([100, 300, 500, 590, 600, 610, 700, 1200, 6000])
    test = random_features_risk(width, 1e-6, **SIZE, noise_std=0.3).test
    assert np.argmax(test) == 4
    assert np.all(np.diff(test[4:]) < 0)
    assert random_features_risk(600, 0.0, **SIZE, noise_std=0.3).test == math.inf


@pytest.mark.parametrize("width", [300, 1200])
def test_vanishing_ridge_tends_to_none_without_cancellation(width):
    ridges = [1e-6, 1e-9, 1e-12, 1e-15, 0.0]
    risk = random_features_risk(width, ridges, **SIZE, noise_std=0.2)
    assert risk.test[1:] == pytest.approx(np.full(4, risk.test[-1]), rel=1e-6)  # linear in the ridge
    assert risk.test[3] == pytest.approx(risk.test[-1], rel=1e-11)
    assert risk.norm[3] == pytest.approx(risk.norm[-1], rel=1e-11)
    assert (risk.train[-1] == 0) == (width > 600)


def test_bias_and_variance_add_up():
    risk = random_features_risk([100, 600, 900], [[1e-3], [1e-1]], **SIZE, noise_std=0.4)
    assert risk.test == pytest.approx(risk.bias + risk.variance + 0.16, rel=1e-14)
    quiet = random_features_risk([100, 600, 900], [[1e-3], [1e-1]], **SIZE)
    assert risk.bias == pytest.approx(quiet.test, rel=1e-13)


def test_simulated_networks_have_these_errors():
    rng = np.random.default_rng(0)
    n, d, ridge, noise, draws = 300, 200, 1e-2, 0.3, 12
    widths = (150, 450)
    rows = []
    for _ in range(draws):
        beta = rng.standard_normal(d)
        beta /= np.linalg.norm(beta)
        x, fresh = rng.standard_normal((n, d)), rng.standard_normal((1500, d))
        y = np.tanh(x @ beta) + noise * rng.standard_normal(n)
        for h in widths:
            w = rng.standard_normal((h, d)) / math.sqrt(d)
            phi = np.tanh(x @ w.T)
            b = np.linalg.solve(phi.T @ phi / n + ridge * np.eye(h), phi.T @ y / n)
            test = np.mean((np.tanh(fresh @ beta) - np.tanh(fresh @ w.T) @ b) ** 2) + noise**2
            rows.append([test, np.mean((y - phi @ b) ** 2), b @ b])
    rows = np.array(rows).reshape(draws, len(widths), 3)
    mean, error = rows.mean(axis=0), rows.std(axis=0, ddof=1) / math.sqrt(draws)
    risk = random_features_risk(widths, ridge, samples=n, inputs=d, noise_std=noise)
    theory = np.stack([risk.test, risk.train, risk.norm], axis=1)
    assert np.all(np.abs(mean - theory) < 3 * error + 0.02 * theory)  # finite size 1 to 4 % at n = 600 and below
    assert np.all(error < 0.07 * theory)


@pytest.mark.parametrize("call", [
    lambda: random_features_risk(0, 0.1, **SIZE), lambda: random_features_risk(10, -0.1, **SIZE),
    lambda: random_features_risk(10, 0.1, samples=0, inputs=1),
    lambda: random_features_risk(10, 0.1, samples=1, inputs=-1),
    lambda: random_features_risk(10, 0.1, **SIZE, noise_std=-1),
    lambda: random_features_risk(10, 0.1, **SIZE, activation=np.ones_like),
    lambda: random_features_risk(10, 0.1, **SIZE, activation=lambda z: np.tanh(z).astype(np.float32)),
])
def test_bad_input_raises_one_line(call):
    with pytest.raises(ValueError, match=r"^\w+ must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
