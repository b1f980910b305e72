"""The bulk after a step of gradient descent: a second formula, networks, and the limits in which it is known."""

import math

import numpy as np
import pytest

from theory import GradientBulk, MarchenkoPastur, gradient_step
from theory.gaussian import softplus
from theory.training import gradient_bulk

SIZES = [(3000.0, 400, 200, 300), (300.0, 60, 80, 40), (30000.0, 2000, 1000, 1500)]


def _rows(law):
    """Floor and gain of each unit, weights rho of each sample."""
    square, rho = gradient_bulk._squares(law)
    return *gradient_bulk._profile(law, square), rho


def _transform(law, z):
    """int dF/(x - z) by iteration over the resolvent of the rows' mean covariance; nothing is transposed or contracted.

        q = 1/(A - z + B e),  A = mean_j floor_j/(1 + t_j),  B = mean_j gain_j/(1 + t_j)
        t_j = (d/h) q (floor_j + gain_j e),  e = mean_i rho_i/(1 + (d/n) B rho_i q)
    """
    floor, gain, rho = _rows(law)
    n, d, h = law.samples, law.inputs, law.width
    q, e = -1 / z, 1.0 + 0j
    for _ in range(20000):
        t = d / h * q * (floor + gain * e)
        a, b = np.mean(floor / (1 + t)), np.mean(gain / (1 + t))
        e_next = np.mean(rho / (1 + d / n * b * rho * q))
        q_next = 1 / (a - z + b * e_next)
        if abs(q_next - q) + abs(e_next - e) < 1e-14:
            return q_next
        q, e = (q + q_next) / 2, (e + e_next) / 2
    raise AssertionError(f"the iteration must converge; it did not at z = {z}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("z", [0.5 + 0.3j, 2 + 0.5j, 5 + 0.2j, -1 + 1j])
def test_the_transform_solves_the_equations_of_the_rows(size, z):
    law = GradientBulk(*size)
    # the law's few points stand for all quantiles to 1e-11; the transform is a quadrature over the density
    assert complex(law.stieltjes(z)) == pytest.approx(_transform(law, z), rel=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_the_mean_is_that_of_the_rows_variances(size):
    law = GradientBulk(*size)
    floor, gain, _ = _rows(law)
    assert law.mean == pytest.approx(np.mean(floor + gain), rel=1e-10)  # mass and edges to 1e-12


def _network_values(seed, rate, n, d, h):
    rng = np.random.default_rng(seed)
    x, w, a = rng.standard_normal((n, d)), rng.standard_normal((h, d)), rng.standard_normal(h)
    beta = rng.standard_normal(d)
    y = softplus(x @ beta / np.linalg.norm(beta)) + 0.3 * rng.standard_normal(n)
    z = np.tanh(x @ w.T / math.sqrt(d))
    gradient = ((1 - z**2) * (z @ a / math.sqrt(h) - y)[:, None] * a).T @ x * 2 / (n * math.sqrt(h * d))
    return np.linalg.eigvalsh((w - rate * gradient).T @ (w - rate * gradient)) / h


def _gap(law, values):
    cdf, n = law.cdf(values), len(values)
    return max(np.max(np.arange(1, n + 1) / n - cdf), np.max(cdf - np.arange(n) / n))


def test_simulated_networks_follow_the_law_and_not_marchenko_pastur():
    rate, n, d, h = 3000.0, 400, 200, 300
    law = GradientBulk(rate, n, d, h)
    bulks = [_network_values(seed, rate, n, d, h)[:-1] for seed in range(8)]
    # 30 networks: .016 and .081, single ones within .008 of that
    assert np.mean([_gap(law, bulk) for bulk in bulks]) < 0.025
    assert np.mean([_gap(MarchenkoPastur(d / h), bulk) for bulk in bulks]) > 0.06
    second = np.mean([math.sqrt(h * bulk[-1]) for bulk in bulks])
    # 30 networks: 38.9 with a deviation of 2.2, the law 37.8: three standard errors of eight, and that difference
    assert second == pytest.approx(law.singular_value(2), abs=3 * 2.2 / math.sqrt(8) + 1.1)
    assert second > 1.1 * (math.sqrt(d) + math.sqrt(h))


def test_small_rates_and_linear_networks_leave_marchenko_pastur():
    bulk, p = MarchenkoPastur(30 / 40), np.linspace(0, 1, 21)
    assert GradientBulk(1e-6, 60, 30, 40).quantile(p) == pytest.approx(bulk.quantile(p), rel=1e-7)  # omega a^2 = 1e-8
    # no noise without curvature, and a linear unit's own output is all in its mean row
    linear = GradientBulk(50.0, 60, 30, 40, activation=lambda z: 2.0 * z)
    assert linear.quantile(p) == pytest.approx(bulk.quantile(p), rel=1e-9, abs=1e-12)


def test_a_large_readout_weight_lifts_one_unit_out_of_the_bulk():
    low, high = GradientBulk(300.0, 60, 30, 40).bands[-1]
    assert high > 3 * MarchenkoPastur(30 / 40).bands[0][1]
    assert low > 0


def test_the_step_names_the_law_of_its_bulk():
    step = gradient_step(3000.0, 400, 200, 300)
    assert step.bulk == GradientBulk(3000.0, 400, 200, 300)
    assert step.bulk.singular_value(2) < step.location
    with pytest.raises(ValueError, match=r"rank must lie in \[2, 200\]; got 1; rank 1 is the outlier"):
        step.bulk.singular_value(1)
