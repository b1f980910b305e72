"""One step of gradient descent and Adam: closed forms against measured tables and simulated networks."""

import math

import numpy as np
import pytest

import theory
from theory import adam_step, gradient_step
from theory.gaussian import activation_constants, softplus

SIZE = {"samples": 2000, "inputs": 1000, "width": 1500}
# rate: largest singular value, readout and teacher overlap of the closed form as first computed, to the digits quoted
ADAM = {
    0.05: (70.68, 0.374, 0.212), 0.06: (74.06, 0.647, 0.343), 0.08: (86.71, 0.8299, 0.402),
    0.1: (102.80, 0.8989, 0.415), 0.3: (295.17, 0.9904, 0.408), 1.0: (999.2, 0.9990, 0.399),
    3.0: (3018.5, 0.9997, 0.396),
}
# simulated at full size, 16 networks: mean and standard error of the largest singular value and the readout overlap
ADAM_MEASURED = {
    0.05: (70.59, 0.09, 0.366, 0.026), 0.06: (73.98, 0.17, 0.645, 0.006), 0.08: (86.64, 0.24, 0.8286, 0.0019),
    0.1: (102.77, 0.27, 0.8983, 0.0010), 0.3: (295.75, 0.70, 0.9904, 0.0004), 1.0: (1001.9, 2.4, 0.9991, 0.0002),
    3.0: (3027.0, 7.3, 0.9998, 0.0002),
}


def test_adam_reproduces_the_table_of_closed_forms():
    step = adam_step(list(ADAM), **SIZE)
    for k, (location, readout, teacher) in enumerate(ADAM.values()):
        assert step.detached[k]
        assert step.location[k] == pytest.approx(location, abs=0.06 if location > 900 else 0.006)  # digits quoted
        assert step.readout_overlap[k] == pytest.approx(readout, abs=6e-4 if readout < 0.8 else 6e-5)
        assert step.teacher_overlap[k] == pytest.approx(teacher, abs=6e-4)


def test_adam_agrees_with_measured_networks_within_two_standard_errors():
    step = adam_step(list(ADAM_MEASURED), **SIZE)
    for k, (location, error, readout, spread) in enumerate(ADAM_MEASURED.values()):
        assert abs(step.location[k] - location) < 2 * error
        assert abs(step.readout_overlap[k] - readout) < 2 * spread


def test_gradient_descent_reproduces_its_numbers():
    step = gradient_step([1000.0, 1250.0, 1500.0, 2000.0, 3000.0], **SIZE)
    assert step.edge == pytest.approx(math.sqrt(1500) + math.sqrt(1000))
    assert step.detached.tolist() == [False, False, True, True, True]
    assert step.location == pytest.approx([70.35, 70.35, 73.16, 87.31, 125.07], abs=0.006)
    # measured over six networks .415, .484, .481; between-network deviation .02, so standard error .01
    assert step.teacher_overlap[2:] == pytest.approx([0.415, 0.484, 0.481], abs=0.02)
    assert step.teacher_overlap[3] == pytest.approx(0.486, abs=6e-4)
    assert step.readout_overlap[3] == pytest.approx(0.844, abs=6e-4)
    assert step.critical_rate == pytest.approx(1255, rel=0.01)


def test_critical_rate_of_adam_is_its_closed_form():
    # S2 = 1: [b + sqrt(b^2 + A sqrt(hd))]/(A kappa sqrt(hd)), b = sqrt(d) rho, A = 1 + rho2^2 sqrt(d/h); the full
    # condition has S2 = 1 + .32 eta^2 = 1.0007, which moves the rate by 3e-4 of itself
    n, d, h = SIZE["samples"], SIZE["inputs"], SIZE["width"]
    s, g = activation_constants(np.tanh), activation_constants(softplus)
    nu, c, r = s.slope_second_moment - s.slope**2, g.slope, s.second_moment + g.second_moment + 0.09
    zeta = math.sqrt(c**2 + s.slope**2 + r * d / n)
    q2 = s.slope**2 * zeta**2 * n / (nu * r * d)
    kappa = math.sqrt(2 / math.pi * math.asin(q2 / (1 + q2)))
    rho_v = math.sqrt(2 / math.pi * q2 / (1 + q2)) / kappa
    rho, rho2 = (rho_v * s.slope * math.sqrt(f) / zeta for f in (2 / math.pi, 1 - 2 / math.pi))
    assert (zeta, kappa**2, rho, rho2) == pytest.approx((1.14876, 0.67959, 0.3810, 0.2879), abs=1.1e-4)
    b, a, t = math.sqrt(d) * rho, 1 + rho2**2 * math.sqrt(d / h), math.sqrt(h * d)
    closed = (b + math.sqrt(b**2 + a * t)) / (a * kappa * t)
    assert closed == pytest.approx(0.04654, abs=5e-6)
    critical = adam_step(0.1, **SIZE).critical_rate
    assert critical == pytest.approx(closed, abs=1e-4)
    assert critical == pytest.approx(0.04656, abs=1e-5)


@pytest.mark.parametrize("step", [adam_step, gradient_step])
@pytest.mark.parametrize("size", [(2000, 1000, 1500), (500, 1000, 300), (4000, 200, 900), (60, 30, 40)])
def test_outlier_detaches_at_the_critical_rate(step, size):
    critical = step(1.0, *size).critical_rate
    below, above = step(critical * (1 - 1e-6), *size), step(critical * (1 + 1e-6), *size)
    assert not below.detached
    assert above.detached
    assert below.location == below.edge
    assert below.teacher_overlap == below.readout_overlap == 0
    assert above.location == pytest.approx(above.edge, rel=1e-9)  # leaves the edge quadratically
    assert 0 < above.readout_overlap < 0.01  # square root of 1e-6 times a slope of order 1
    assert above.teacher_overlap > 0


def _simulate(kind, seed, rates, n=1000, d=500, h=750):
    rng = np.random.default_rng(seed)
    x, w, a = rng.standard_normal((n, d)), rng.standard_normal((h, d)), rng.standard_normal(h)
    beta = rng.standard_normal(d)
    beta /= np.linalg.norm(beta)
    y = np.logaddexp(0, x @ beta) + 0.3 * rng.standard_normal(n)
    z = np.tanh(x @ w.T / math.sqrt(d))
    residual = z @ a / math.sqrt(h) - y
    gradient = 2 / (n * math.sqrt(h * d)) * ((1 - z**2) * residual[:, None] * a).T @ x
    update, readout = (np.sign(gradient), np.sign(a)) if kind == "adam" else (gradient, a)
    readout = readout / np.linalg.norm(readout)
    basis = np.linalg.qr(np.stack([np.sign(a), a], axis=1))[0]
    rows = []
    for rate in rates:
        new = w - rate * update
        u, s, v = _leading(new)
        projected = theory.projected_outlier(new.T @ basis, np.linalg.norm(new), h)
        rows.append((s, abs(v @ beta), abs(u @ readout), projected.location / s))
    return rows


def _leading(matrix):
    """Leading singular triple by power iteration on the Gram matrix: outlier over edge is 1.1 at least here."""
    gram = matrix.T @ matrix
    for _ in range(7):
        gram = gram @ gram
        gram /= np.linalg.norm(gram)
    v = gram[:, np.argmax(np.diag(gram))]
    v = v / np.linalg.norm(v)
    s = np.linalg.norm(matrix @ v)
    return matrix @ v / s, s, v


@pytest.mark.parametrize(
    ("kind", "step", "rates"), [("adam", adam_step, [0.12, 0.3, 1.0]), ("gradient", gradient_step, [1000.0, 1500.0])]
)
def test_simulated_networks_meet_the_prediction(kind, step, rates):
    draws = np.array([_simulate(kind, seed, rates) for seed in range(6)])
    predicted = step(rates, 1000, 500, 750)
    mean, error = draws.mean(axis=0), draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    expected = np.stack([predicted.location, predicted.teacher_overlap, predicted.readout_overlap], axis=1)
    # three standard errors of six networks, and a finite-size error of 1 %, twice that measured at twice the size
    assert np.all(np.abs(mean[:, :3] - expected) < 3 * error[:, :3] + 0.01 * expected)
    # network by network from its own two directions: no fluctuation left but that of the edge, order d^(-2/3) = 1.6 %
    assert np.all(np.abs(draws[:, :, 3] - 1) < 0.016)


def test_rates_broadcast_and_scalars_give_floats():
    for step in (adam_step, gradient_step):
        table = step(np.full((2, 3), 0.5), 100, 50, 70)
        assert all(np.shape(v) == (2, 3) for v in table[:5])
        single = step(0.5, 100, 50, 70)
        assert [type(v) for v in single] == [float, float, bool, float, float, float]
        assert table.location[1, 2] == single.location


def test_overlaps_stay_below_one_over_the_whole_axis():
    rates = np.logspace(-8, 8, 300)
    for step in (adam_step, gradient_step):
        for size in ((2000, 1000, 1500), (100, 1000, 50), (10**6, 10, 20), (1, 1, 1)):
            result = step(rates, *size)
            assert np.all(np.isfinite(result.location))
            assert np.all(result.location >= result.edge * (1 - 1e-12))
            for overlap in (result.teacher_overlap, result.readout_overlap):
                assert np.all((overlap >= 0) & (overlap <= 1))


def test_other_activations_and_teachers_are_taken():
    erf = lambda z: np.sin(z)  # noqa: E731
    linear = adam_step(0.2, **SIZE, activation=lambda z: 1.0 * z, teacher=np.tanh)
    assert linear.edge == pytest.approx(math.sqrt(1500) + math.sqrt(1000))  # no noise in the sign: S2 = 1
    assert adam_step(0.2, **SIZE, activation=erf, teacher=np.abs).teacher_overlap == pytest.approx(0.0)  # E g z = 0
    quiet = gradient_step(2000.0, **SIZE, noise_std=0.0)
    assert quiet.teacher_overlap > gradient_step(2000.0, **SIZE, noise_std=1.0).teacher_overlap


@pytest.mark.parametrize("step", [adam_step, gradient_step])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be finite and above 0; got"),
        ({"learning_rate": [1.0, -1.0]}, "learning_rate must be finite and above 0; got"),
        ({"learning_rate": math.nan}, "learning_rate must be finite and above 0; got"),
        ({"learning_rate": math.inf}, "learning_rate must be finite and above 0; got"),
        ({"samples": 0}, "samples must be a whole number of at least 1; got"),
        ({"inputs": 2.5}, "inputs must be a whole number of at least 1; got"),
        ({"width": -3}, "width must be a whole number of at least 1; got"),
        ({"noise_std": -0.1}, "noise_std must be finite and not negative; got"),
        ({"activation": lambda z: np.maximum(z, 0.0)}, r"activation must have E s''\(z\) = 0; got"),
        ({"activation": lambda z: z**3 - 3 * z}, "activation must have E s' != 0"),
        ({"activation": np.sign}, "activation must have E s' != 0 and no jump"),
        ({"activation": lambda z: np.tanh(z).astype(np.float32)}, "activation must return float64; got float32"),
    ],
)
def test_bad_input_raises_one_line(step, change, reason):
    arguments = {"learning_rate": 0.1, **SIZE, **change}
    with pytest.raises(ValueError, match=rf"^{reason}[^\n]*; [^\n]*$"):
        step(**arguments)
