"""Laws and captures of the whole spectrum after one step: limits, an independent network, sampled matrices."""

import math

import numpy as np
import pytest

import theory
from experiments.few_steps import _one_step_laws as laws
from experiments.few_steps import _samples
from experiments.few_steps._noise_laws import Case, SharedNoise
from spectrax import keys, training
from spectrax.captures import Moment
from spectrax.matrices import views
from spectrax.models import Network, TwoLayer
from spectrax.optimizers import Adam
from spectrax.training import Program
from theory import testing
from theory.training.network import sign_step

N, D, H = 80, 30, 40
FULL = Case(2000, 1000, 1500)


@pytest.mark.parametrize("law", SharedNoise.examples(), ids=["pulls", "equal", "unshared", "own columns"])
def test_the_law_with_given_constants_passes_the_law_suite(law):
    testing.check(law)


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0])
def test_with_the_constants_of_the_network_it_is_the_adam_bulk(rate):
    rank = np.array([2, 3, 50, 900])
    expected = theory.AdamBulk(rate, 2000, 1000, 1500).singular_value(rank)
    assert FULL.law(rate).singular_value(rank) == pytest.approx(expected, rel=1e-6)  # TOLERANCE of the nodes, tenfold


def test_a_column_per_quantile_is_the_gaussian_profile():
    from scipy.special import ndtri

    spread = math.sqrt(sign_step(FULL.network()).odds)
    columns = SharedNoise(3.0, 1000, 1500, 2000, spread * ndtri((np.arange(20000) + 0.5) / 20000), FULL.squares())
    # the midpoint rule in probability: its error is of the order of 1/points
    assert columns.singular_value([2, 500]) == pytest.approx(FULL.law(3.0).singular_value([2, 500]), rel=2e-4)


def test_each_cause_left_out_shortens_the_tail_and_without_all_it_is_isotropic():
    each = [laws.without(FULL, 3.0, other) for other in laws.WITHOUT]
    seconds = [laws.singular_values(law, FULL, 3.0)[-2] for law in (laws.of(FULL, 3.0), *each)]
    assert (np.diff(seconds) < -1.0).all()
    says = theory.adam_step(3.0, *FULL.sizes)
    assert math.sqrt(1500 * each[-1].bands[-1][1]) == pytest.approx(says.edge, rel=1e-12)
    # unequal columns change no mean
    assert [law.mean for law in each] == pytest.approx([says.bulk.mean] * 3, rel=1e-6)


@pytest.mark.parametrize("rate", [0.01, 0.06, 3.0])
def test_the_outlier_of_the_squared_loss_is_that_of_adam_step(rate):
    found, says = FULL.outlier(rate), theory.adam_step(rate, *FULL.sizes)
    assert bool(found.detached) == says.detached
    assert (float(found.location), float(found.edge)) == pytest.approx((says.location, says.edge), rel=1e-12)


@pytest.mark.parametrize("power", [1, 3])
def test_constants_of_other_losses_are_those_of_drawn_residuals(power):
    case = Case(2000, 1000, 1500, power=power)
    rng = np.random.default_rng(0)
    z, noise = rng.standard_normal((2, 2_000_000))
    size = math.hypot(math.sqrt(case.network().output), 0.3)
    r = size * noise - np.logaddexp(0, z)
    pull = np.sign(r) * np.abs(r) ** (power - 1)
    unit = np.mean(pull * noise) / size  # E p', by Stein's lemma
    net = case.network()
    # five standard errors of two million draws of a pull with kurtosis up to 40
    assert net.c == pytest.approx(-np.mean(pull * z) / unit, abs=0.015)
    assert net.residual == pytest.approx(np.mean(pull**2) / unit**2, rel=0.02)
    quantile = np.quantile(pull**2, [0.1, 0.5, 0.99]) / np.mean(pull**2)
    assert np.quantile(case.squares(), [0.1, 0.5, 0.99]) == pytest.approx(quantile, rel=0.03, abs=1e-3)


@pytest.mark.parametrize("power", [1, 2])
def test_vectors_of_sampled_matrices_overlap_with_the_samples_as_the_resolvent_says(power):
    n, d, h, rate, ranks, draws = 400, 200, 300, 3.0, 10, 12
    case, rng, found = Case(n, d, h, power=power), np.random.default_rng(1), []
    square = case.squares()[::-1]
    for _ in range(draws):
        t = math.sqrt(sign_step(case.network()).odds) * rng.standard_normal(d)
        slope = 2 / math.pi * np.exp(-(t**2))
        floor = 1 + rate**2 * (1 - np.array([math.erf(x / math.sqrt(2)) for x in t]) ** 2 - slope)
        x = rng.standard_normal((n, d))
        shared = rng.standard_normal((h, n)) @ (x * np.sqrt(square / n)[:, None]) * (rate * np.sqrt(slope))
        w = rng.standard_normal((h, d)) * np.sqrt(floor) + shared
        found.append((x @ np.linalg.svd(w, full_matrices=False)[2][:ranks].T) ** 2)
    measured = np.mean(found, axis=(0, 2))
    expected = case.law(rate).sample_overlap(np.arange(2, ranks + 2), square).mean(axis=0)
    ends = _samples.group_ends(n)
    for start, end in zip([0, *ends[2:-1]], ends[2:], strict=True):  # the first three groups hold twelve samples
        # 12 samples x 10 vectors x 12 draws of a squared Gaussian: 4 % each, three of these
        assert np.mean(measured[start:end]) == pytest.approx(np.mean(expected[start:end]), rel=0.12)
    assert expected[: ends[2]].mean() > (3 if power == 2 else 1)
    assert np.ptp(expected) == pytest.approx(0, abs=1e-9) or power == 2


def moment_of(power, steps):
    task = _samples.PowerLoss(N, D, test_samples=1, power=power)
    data = task.draw(keys.stream(0, "data"))
    network = Network.of(lambda rngs: TwoLayer(D, H, rngs=rngs), data.train.x)
    params, rest = network.init(keys.stream(0, "init"))
    program = Program(network, Adam(), task.loss)
    state = training.start(params, rest, program=program, samples=N, trace=steps + 1, key=keys.stream(0, "shuffle"))
    state = training.advance(state, 0.5, data.train, steps, program=program)
    return Moment(state, data, program, views(params), leading=D, initial=params)


def first_residuals(moment):
    w = np.asarray(moment.initial["W"], np.float64)
    x, y = (np.asarray(a, np.float64) for a in moment.data.train)
    a = np.asarray(moment.state.rest["readout"], np.float64)
    return np.tanh(x @ w.T / D**0.5) @ a / H**0.5 - y, x


@pytest.mark.parametrize("power", [1, 2, 3])
def test_pulls_are_powers_of_the_residuals_whatever_the_scale_of_the_loss(power):
    moment = moment_of(power, steps=0)
    r, x = first_residuals(moment)
    pull = np.sign(r) * np.abs(r) ** (power - 1)
    found = _samples.pulls(N + 7, D + 2).fn(moment)
    # float32 outputs: 1e-6 of the largest residual
    np.testing.assert_allclose(found["squared_pull"][:N], pull**2 / np.mean(pull**2), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["drive"][:D], x.T @ pull / (N * np.mean(pull**2)) ** 0.5, rtol=1e-4, atol=1e-4)
    assert np.isnan(found["squared_pull"][N:]).all()
    assert np.isnan(found["drive"][D:]).all()


def test_overlaps_with_the_samples_of_all_vectors_are_the_samples_lengths():
    moment = moment_of(2, steps=1)
    r, x = first_residuals(moment)
    found = _samples.sample_overlaps().fn(moment, moment.views[0])["sample_overlap"]
    lengths = np.sum(x**2, axis=1)[np.argsort(-np.abs(r))]
    ends = _samples.group_ends(N)
    expected = [lengths[start:end].mean() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    np.testing.assert_allclose(found.sum(axis=1), expected, rtol=1e-10)


@pytest.mark.parametrize("samples", [6, 40, 2000, 4001])
def test_every_group_of_samples_has_one_and_together_they_are_all(samples):
    ends = _samples.group_ends(samples)
    assert (np.diff(ends, prepend=0) > 0).all()
    assert ends[-1] == samples


def test_the_law_of_a_replicate_uses_its_own_pulls_and_columns():
    spread, net = 1.3, FULL.network()
    t = np.append(np.linspace(-2, 2, 1000), np.nan)
    square = np.append(np.linspace(0.1, 3, 2000), np.nan)
    found = laws.measured(FULL, 1.0, square.tobytes(), (spread * t).tobytes())
    columns = spread * t[:-1] * net.mu / math.sqrt(net.nu)
    expected = SharedNoise(1.0, 1000, 1500, 2000, columns, square[:-1])
    assert found.singular_value([2, 700]) == pytest.approx(expected.singular_value([2, 700]), rel=1e-12)
