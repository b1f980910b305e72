"""Outliers of spiked models against sampled matrices, limits and dualities."""

import math

import numpy as np
import pytest

from theory import (
    MarchenkoPastur,
    correlated_spike,
    largest_eigenvalue,
    projected_outlier,
    spiked_covariance,
    spiked_rectangular,
    spiked_wigner,
    strength_from_outlier,
)

SEEDS = range(6)


def _leading(matrix):
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    return s[0], u[:, 0], vt[0]


@pytest.mark.parametrize(("strength", "shape"), [(1.5, (400, 200)), (2.0, (200, 400)), (1.2, (400, 100))])
def test_rectangular_outlier_is_met_by_sampled_matrices(strength, shape):
    rows, cols = shape
    found = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(shape) * math.sqrt(2.25 / rows)
        u, v = np.zeros(rows), np.zeros(cols)
        u[0] = v[0] = 1
        s, a, b = _leading(noise + 1.5 * strength * np.outer(u, v))
        found.append((s, (a @ u) ** 2, (b @ v) ** 2))
    theory = spiked_rectangular(1.5 * strength, cols / rows, variance=2.25)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(len(SEEDS))
    # four standard errors of six seeds and a finite-size bias of order 1/cols
    assert np.all(np.abs(mean - np.array(theory[:3])) < 4 * error + 2 / min(shape))


@pytest.mark.parametrize(("spike", "shape"), [(3.0, (600, 200)), (4.0, (200, 300)), (0.1, (800, 200))])
def test_covariance_outlier_is_met_by_sampled_matrices(spike, shape):
    rows, cols = shape
    found = []
    for seed in SEEDS:
        x = np.random.default_rng(seed).standard_normal(shape)
        x[:, 0] *= math.sqrt(spike)
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        k = 0 if spike > 1 else -1
        scores = x[:, 0] / np.linalg.norm(x[:, 0])
        found.append((s[k] ** 2 / rows, (u[:, k] @ scores) ** 2, vt[k, 0] ** 2))
    theory = spiked_covariance(spike, cols / rows)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(len(SEEDS))
    assert theory.detached
    assert np.all(np.abs(mean - np.array(theory[:3])) < 4 * error + 2 / cols)  # as above


@pytest.mark.parametrize("strength", [2.0, -1.5])
def test_wigner_outlier_is_met_by_sampled_matrices(strength):
    n, found = 300, []
    for seed in SEEDS:
        g = np.random.default_rng(seed).standard_normal((n, n))
        matrix = (g + g.T) / math.sqrt(2 * n)
        matrix[0, 0] += strength
        values, vectors = np.linalg.eigh(matrix)
        k = -1 if strength > 0 else 0
        found.append((values[k], vectors[0, k] ** 2))
    theory = spiked_wigner(strength)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(len(SEEDS))
    assert np.all(np.abs(mean - np.array(theory[:2])) < 4 * error + 2 / n)


@pytest.mark.parametrize("ratio", [0.01, 0.5, 1.0, 3.0, 100.0])
def test_at_the_threshold_location_joins_the_edge_and_overlaps_vanish(ratio):
    for f in (spiked_rectangular, spiked_covariance):
        critical = f(2.0, ratio).threshold
        at, above = f(critical, ratio), f(critical * (1 + 1e-9), ratio)
        assert at.left_overlap == at.right_overlap == 0
        assert not at.detached
        assert above.detached
        # next to the threshold location leaves quadratically, overlaps linearly with a slope of order 1
        assert above.location == pytest.approx(at.location, rel=1e-12)
        assert 0 < above.right_overlap < 1e-7
        assert 0 < above.left_overlap < 1e-7


def test_overlaps_near_the_threshold_keep_their_digits():
    # d(right)/dt at t = c^(1/4): 4 t^3/(t^2 (t^2 + c))
    c, step = 0.25, 1e-12
    critical = c**0.25
    strength = critical * (1 + step)
    t = strength - critical  # exact difference of doubles
    slope = 4 * critical / (critical**2 + c)
    assert spiked_rectangular(strength, c).right_overlap == pytest.approx(slope * t, rel=1e-3)  # 1e-16/1e-12


def test_below_the_threshold_are_edge_and_zero():
    law = MarchenkoPastur(0.25)
    low, high = law.bands[0]
    assert spiked_covariance([1.0, 1.4, 0.6], 0.25).location == pytest.approx([high, high, low])
    result = spiked_rectangular([0.0, 0.3], 0.25)
    assert result.location == pytest.approx(math.sqrt(high), rel=1e-15)
    assert result.left_overlap.tolist() == result.right_overlap.tolist() == [0, 0]
    assert spiked_wigner([0.0, 1.0, -1.0]).location.tolist() == [2, 2, -2]


def test_rectangular_outlier_of_the_transpose_exchanges_overlaps():
    # transposing changes the normalisation from rows to cols: strength scales by sqrt(ratio)
    a = spiked_rectangular(2.0, 0.3)
    b = spiked_rectangular(2.0 / math.sqrt(0.3), 1 / 0.3)
    assert a.location == pytest.approx(b.location * math.sqrt(0.3), rel=1e-14)
    assert (a.left_overlap, a.right_overlap) == pytest.approx((b.right_overlap, b.left_overlap), rel=1e-13)


def test_strength_is_recovered_from_the_location():
    strength = np.array([0.9, 1.0, 2.0, 50.0])
    location = spiked_rectangular(strength, 0.4, variance=0.5).location
    # near the threshold d(strength)/d(location) is large: 1e-13 there
    assert strength_from_outlier(location, 0.4, variance=0.5) == pytest.approx(strength, rel=1e-12)
    assert strength_from_outlier(1.0, 0.4) == 0.0


def test_overlaps_never_exceed_one_and_strong_signals_have_them_at_one():
    strength = np.geomspace(1e-3, 1e70, 3001)
    pairs = ((1.0, 0.5), (4.0, 0.5))
    for ratio in (1e-6, 0.3, 1.0, 1e6):
        for outlier in (spiked_rectangular(strength, ratio), spiked_covariance(strength, ratio),
                        spiked_covariance(strength, ratio, population=pairs), correlated_spike(strength, ratio, -0.3)):
            for overlap in (outlier.left_overlap, outlier.right_overlap):
                assert np.all((overlap >= 0) & (overlap <= 1))
                assert overlap[-1] == pytest.approx(1, abs=1e-15)
            assert np.all(np.isfinite(outlier.location))
    assert spiked_wigner(-1e200)[:3] == (-1e200, 1.0, 1.0)
    assert spiked_covariance(1e200, 0.5)[:3] == (1e200, 1.0, 1.0)
    assert correlated_spike(1e149, 0.5, 0.1, 0.2)[:3] == pytest.approx((1e149, 1, 1), rel=1e-15)
    assert strength_from_outlier(1e149, 0.5) == pytest.approx(1e149, rel=1e-15)
    for ratio in (0.3, 0.5):  # a spike of 0 may round to 1
        assert spiked_covariance(0.0, ratio, population=pairs).right_overlap <= 1


def test_arguments_broadcast_and_scalars_give_floats():
    for f in (spiked_rectangular, spiked_covariance):
        result = f(np.linspace(0.1, 4, 5), np.array([[0.5], [2.0]]))
        assert all(np.shape(v) == (2, 5) for v in result)
        assert [type(v) for v in f(2.0, 0.5)] == [float, float, float, float, bool]
    assert [type(v) for v in spiked_wigner(2.0)] == [float, float, float, float, bool]
    assert spiked_rectangular(1e150, 1.0).location == pytest.approx(1e150)


@pytest.mark.parametrize(
    "call",
    [
        lambda: spiked_covariance(-1.0, 0.5),
        lambda: spiked_covariance(2.0, 0.0),
        lambda: spiked_rectangular(-1.0, 0.5),
        lambda: spiked_rectangular([1.0, np.nan], 0.5),
        lambda: spiked_rectangular(1.0, np.inf),
        lambda: spiked_rectangular(1.0, 0.5, variance=0.0),
        lambda: spiked_wigner(1.0, variance=-1.0),
        lambda: strength_from_outlier("a", 0.5),
        lambda: strength_from_outlier(-3.0, 0.5),
        lambda: spiked_rectangular(1e160, 0.5),
        lambda: correlated_spike(1e160, 0.5, 0.1),
        lambda: spiked_rectangular([1.0, 2.0], [0.1, 0.2, 0.3]),
    ],
)
def test_bad_parameters_raise_one_line(call):
    with pytest.raises(ValueError, match=r"^\w+ must (be|not be|broadcast)[^\n]*; got [^\n]*; [^\n]*$"):
        call()


def _planted(seed, h=200, d=150, k=2):
    rng = np.random.default_rng(seed)
    u = np.linalg.qr(rng.standard_normal((h, k)))[0]
    w = 0.5 * rng.standard_normal((h, d)) + u @ (rng.standard_normal((k, d)) * [[3.0], [0.6]])
    return w, u


def test_projection_predicts_the_largest_singular_value():
    for seed in SEEDS:
        w, u = _planted(seed)
        result = projected_outlier(w.T @ u, np.linalg.norm(w), rows=len(w))
        assert result.detached
        assert result.variance == pytest.approx(0.25, rel=0.03)  # 30000 entries: standard error .8 %
        assert result.location == pytest.approx(np.linalg.norm(w, 2), rel=0.01)  # fluctuation of order 1/d


def test_projection_of_pure_noise_gives_the_edge():
    rng = np.random.default_rng(0)
    w, u = rng.standard_normal((200, 150)), np.linalg.qr(rng.standard_normal((200, 2)))[0]
    result = projected_outlier(w.T @ u, np.linalg.norm(w), rows=200)
    assert not result.detached
    assert result.location == result.edge
    centre, scale = largest_eigenvalue(200, 150)
    assert np.linalg.norm(w, 2) ** 2 == pytest.approx(centre - 1.2 * scale, abs=5 * scale)
    assert result.edge**2 == pytest.approx(centre, rel=0.03)  # variance to .8 % and n - 1 against n


def test_projections_of_several_states_are_stacked():
    states = [_planted(seed) for seed in range(3)]
    one = [projected_outlier(w.T @ u, np.linalg.norm(w), 200).location for w, u in states]
    stacked = projected_outlier(np.stack([w.T @ u for w, u in states]), [np.linalg.norm(w) for w, _ in states], 200)
    assert stacked.location.tolist() == pytest.approx(one, rel=1e-14)
    with pytest.raises(ValueError, match=r"^projection must be \(..., cols, k\), frobenius"):
        projected_outlier(np.ones((3, 4, 1)), 5.0, 10)
    with pytest.raises(ValueError, match="orthonormalise U"):
        projected_outlier(np.ones((4, 1)), 1.0, 10)
    with pytest.raises(ValueError, match="fewer than rows"):
        projected_outlier(np.ones((4, 3)), 10.0, 3)
