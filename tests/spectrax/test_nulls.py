"""The sampled null: exact law of the draws, caching in memory and on disk, p-values."""

import numpy as np
import pytest

from spectrax import nulls
from spectrax.distances import sup_distance
from spectrax.nulls import Sample, gaussian_eigenvalues, null_of
from spectrax.spectrum import Spectrum
from theory import MarchenkoPastur


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(nulls, "_memory", {})
    return tmp_path / "spectrax" / "nulls"


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (6, 6), (1, 1), (9, 1)])
def test_chi_bidiagonal_draws_have_the_law_of_dense_matrices(shape):
    rng, draws, p = np.random.default_rng(0), 4000, min(shape)
    fast = np.array([gaussian_eigenvalues(shape, rng) for _ in range(draws)])
    dense = np.linalg.svd(rng.standard_normal((draws, *shape)), compute_uv=False)[:, ::-1] ** 2
    assert fast.shape == (draws, p)
    # means of each ordered eigenvalue and of its square, within 5 standard errors of the difference
    for power in (1, 2):
        a, b = fast**power, dense**power
        error = np.sqrt((a.var(0) + b.var(0)) / draws)
        assert (np.abs(a.mean(0) - b.mean(0)) < 5 * error).all()


def test_sup_distance_of_the_draws_is_that_of_dense_matrices():
    rng, shape = np.random.default_rng(1), (60, 40)
    law = MarchenkoPastur.of(shape, 1.0)
    dense = [sup_distance(Spectrum.of(rng.standard_normal(shape)).values, law) for _ in range(200)]
    null = null_of(shape)
    # two samples of 200: medians differ by at most 4 standard errors, 1.25 sd sqrt(2/200) each
    assert abs(np.median(dense) - null.sup.median) < 4 * 1.25 * np.std(dense) * 0.1


def test_eigenvalues_repel_so_the_distance_falls_like_one_over_n():
    small, large = (null_of((3 * p // 2, p), draws=100).sup.median * p for p in (50, 400))
    # measured 2.1 and 2.9: a logarithm; independent points would grow by sqrt(8) = 2.8, from 0.83 sqrt(50) = 5.9
    assert 1.5 < small < large < 4.0
    assert large / small < 1.7


def test_fitting_the_variance_brings_the_law_nearer():
    known, fitted = (null_of((60, 40), fitted=f).wasserstein.median for f in (False, True))
    assert fitted < known


def test_wide_matrices_share_the_null_of_their_transpose_by_mass():
    tall, wide = null_of((60, 40), draws=400), null_of((40, 60), draws=400)
    # the 40 nonzero of 60 eigenvalues carry 2/3 of the mass; medians of 400 draws are right to 2 %
    assert wide.sup.median == pytest.approx(tall.sup.median * 2 / 3, rel=0.08)
    assert wide.hill.median == pytest.approx(tall.hill.median, rel=0.02)


def test_largest_eigenvalue_follows_tracy_widom_in_edge_units():
    edge = null_of((150, 100), draws=400).edge_upper.draws
    # mean -1.207 and deviation 1.268 (beta = 1), reached at rate n^(-2/3), here about .1; standard error .063
    assert edge.mean() == pytest.approx(-1.207, abs=0.35)
    assert edge.std() == pytest.approx(1.268, abs=0.2)


def test_a_second_process_finds_the_same_draws_on_disk(folder, monkeypatch):
    first = null_of((30, 20), draws=20)
    assert [f.name for f in folder.iterdir()] == [f"30x20_eigenvalues_known_20draws_seed0_v{nulls._VERSION}.npz"]
    monkeypatch.setattr(nulls, "_memory", {})
    monkeypatch.setattr(nulls, "_sampled", None)  # sampling again would raise
    np.testing.assert_array_equal(null_of((30, 20), draws=20).sup.draws, first.sup.draws)


@pytest.mark.parametrize("damage", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_a_damaged_file_is_sampled_again(folder, monkeypatch, damage):
    first = null_of((30, 20), draws=20)
    next(folder.iterdir()).write_bytes(damage)
    monkeypatch.setattr(nulls, "_memory", {})
    np.testing.assert_array_equal(null_of((30, 20), draws=20).sup.draws, first.sup.draws)


def test_a_file_of_another_length_is_not_trusted(folder, monkeypatch):
    null_of((30, 20), draws=10)
    path = next(folder.iterdir())
    path.rename(folder / path.name.replace("10draws", "20draws"))
    monkeypatch.setattr(nulls, "_memory", {})
    assert null_of((30, 20), draws=20).sup.draws.size == 20


def test_an_unwritable_folder_leaves_the_draws_in_memory(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    null = null_of((30, 20), draws=10)
    assert null_of((30, 20), draws=10) is null


def test_options_are_told_apart():
    tables = [
        null_of((30, 20), draws=10),
        null_of((30, 20), draws=10, fitted=True),
        null_of((30, 20), draws=10, seed=1),
        null_of((30, 20), draws=10, kind="singular_values"),
    ]
    assert len({t.wasserstein.draws.tobytes() for t in tables}) == 4


def test_progress_is_reported_while_sampling_only():
    seen = []
    for _ in range(2):
        null_of((10, 5), draws=3, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_the_gumbel_quantile_continues_the_draws():
    draws = np.random.default_rng(0).gumbel(3.0, 0.5, 20_000)
    for p in (0.5, 0.99, 0.999):
        # moments of 2e4 draws: the quantile at .999 is right to about 1 %
        assert Sample(draws).gumbel_quantile(p) == pytest.approx(3.0 - 0.5 * np.log(-np.log(p)), rel=0.02)
    few, many = (null_of((60, 40), draws=n, seed=n).sup for n in (200, 4000))
    assert np.mean(many.draws > few.gumbel_quantile(0.999)) < 0.003  # measured .0000 to .0008


def test_p_values_count_the_observation_itself():
    sample = Sample(np.arange(1.0, 100.0))
    assert sample.p_value(1000.0) == pytest.approx(0.01)
    assert sample.p_value(0.0) == 1.0
    assert sample.p_value(0.0, "below") == pytest.approx(0.01)
    assert sample.p_value(0.0, "both") == pytest.approx(0.02)
    assert sample.p_value(50.0, "both") == 1.0
    assert np.isnan(sample.p_value(np.nan))
    assert sample.median == 50.0
    assert sample.band == pytest.approx((3.45, 96.55))


@pytest.mark.parametrize("call", [lambda: null_of((0, 5)), lambda: null_of((5, 5), draws=0)])
def test_shapes_and_draws_below_one_are_refused(call):
    with pytest.raises(ValueError, match="at least 1"):
        call()


def test_a_single_entry_has_a_null():
    null = null_of((1, 1), draws=5)
    assert np.isfinite(null.sup.draws).all()
    assert np.isnan(null.edge_lower.median)
