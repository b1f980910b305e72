"""Phases of spectra whose phase is known by construction."""

import numpy as np
import pytest

from spectrax import nulls
from spectrax.nulls import gaussian_eigenvalues
from spectrax.outliers import find_outliers
from spectrax.phase import BULK, HEAVY_TAIL, SPIKES, critical_values, phase_of
from spectrax.spectrum import Spectrum

SHAPES = [(300, 200), (200, 300)]


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(nulls, "_memory", {})
        yield


def planted(shape, strengths=(), tail=0.0, seed=0):
    """Rows with variances (1 - U)^(-2 tail): isotropic at tail 0; orthogonal spikes beside it."""
    rng = np.random.default_rng(seed)
    scale = (1 - rng.uniform(size=(shape[0], 1))) ** -tail
    u, v = (np.linalg.qr(rng.standard_normal((size, max(1, len(strengths)))))[0] for size in shape)
    signal = (u * strengths) @ v.T if len(strengths) else 0.0
    return Spectrum.of(scale * rng.standard_normal(shape) + signal)


@pytest.mark.parametrize("shape", SHAPES)
def test_pure_noise_is_bulk(shape):
    phases = [phase_of(Spectrum(gaussian_eigenvalues(shape, np.random.default_rng(s)), shape)) for s in range(100)]
    codes = [p.code for p in phases]
    assert codes.count(BULK) >= 95  # 1 % false spikes: 99 expected, 94 has probability .0005
    assert codes.count(HEAVY_TAIL) == 0  # needs three failures at once
    assert all(p.spikes == 0 for p in phases if p.name == "bulk")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 3])
def test_spikes_are_counted(shape, count):
    phases = [phase_of(planted(shape, np.linspace(30, 40, count), seed=s)) for s in range(20)]
    assert [p.name for p in phases].count(f"bulk + {count} spikes") >= 18  # one more in 1 % of draws
    assert {p.code for p in phases} == {SPIKES}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bulk_of_unequal_rows_is_heavy_tailed_and_its_spike_is_still_found(shape):
    for strengths in ((), (3000.0,)):
        phases = [phase_of(planted(shape, strengths, tail=0.3, seed=s)) for s in range(10)]
        assert {p.name for p in phases} == {"heavy tail"}
        assert [p.spikes for p in phases].count(len(strengths)) >= 9


def one_step(optimizer, rate, seed, samples=500, inputs=250, width=375):
    """Weights after one full-batch step: softplus of one direction, noise .3, tanh network, frozen Gaussian readout."""
    rng = np.random.default_rng(seed)
    x_nd, beta_d = rng.standard_normal((samples, inputs)), rng.standard_normal(inputs)
    y_n = np.logaddexp(0, x_nd @ beta_d / np.linalg.norm(beta_d)) + 0.3 * rng.standard_normal(samples)
    w_hd, a_h = rng.standard_normal((width, inputs)), rng.standard_normal(width)
    z_nh = np.tanh(x_nd @ w_hd.T / inputs**0.5)
    residual_n = z_nh @ a_h / width**0.5 - y_n
    gradient = 2 / (samples * (width * inputs) ** 0.5) * (residual_n[:, None] * (1 - z_nh**2) * a_h).T @ x_nd
    return w_hd - rate * (gradient if optimizer == "gd" else gradient / (np.abs(gradient) + 1e-8))


@pytest.mark.parametrize(
    ("optimizer", "rate", "name"),
    [("gd", 0.0, "bulk"), ("gd", 100.0, "bulk"), ("gd", 700.0, "bulk + 1 spikes"), ("adam", 0.01, "bulk"),
     ("adam", 0.3, "bulk + 1 spikes"), ("adam", 1.0, "heavy tail")],
)  # fmt: skip
def test_one_step_of_training_passes_from_bulk_to_spike_to_heavy_tail(optimizer, rate, name):
    names = [phase_of(Spectrum.of(one_step(optimizer, rate, seed))).name for seed in range(4)]
    assert names.count(name) >= 3  # 1 % false calls each; seeds next to a boundary differ


def test_the_evidence_decides():
    p = phase_of(planted((300, 200), tail=0.3))
    e = p.evidence
    assert e["isotropic"] == 0.0
    assert e["sup_distance"] > e["sup_critical"]
    assert e["past_edge"] >= e["past_edge_needed"]
    assert e["hill"] < e["hill_critical"]
    assert p.code == HEAVY_TAIL


def test_a_bulk_that_is_only_lighter_than_noise_is_no_heavy_tail():
    even = Spectrum(np.linspace(1.0, 2.0, 200), (300, 200))
    p = phase_of(even)
    assert p.name == "bulk"
    assert p.evidence["isotropic"] == 0.0  # not Marchenko-Pastur, and the evidence says so


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_scale_and_kind_do_not_matter(scale):
    s = planted((300, 200), (40.0,))
    for view in (Spectrum(s.values * scale, s.shape), s.singular_values(), s.rescaled(1.0)):
        assert phase_of(view).name == phase_of(s).name == "bulk + 1 spikes"


def test_critical_values_and_outliers_can_be_passed():
    s = planted((300, 200), (40.0,))
    critical = critical_values((300, 200))
    found = find_outliers(s, critical=critical.sup)
    assert phase_of(s, found, critical=critical) == phase_of(s)


def test_the_zero_matrix_is_bulk():
    assert phase_of(Spectrum(np.zeros(20), (30, 20))).name == "bulk"
