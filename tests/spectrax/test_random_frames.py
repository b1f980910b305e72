"""What chance gives for squared overlaps: exact laws against sampled orthogonal matrices."""

import numpy as np
import pytest
from scipy.special import betainc

from spectrax.alignment import RandomOverlap
from spectrax.random_frames import block_means, block_spread, block_starts, entry_level, mean_quantile


def orthogonal(d, draws, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        q, r = np.linalg.qr(rng.standard_normal((d, d)))
        yield q * np.sign(np.diag(r))


def test_the_entry_level_is_the_quantile_of_one_overlap_where_one_is_looked_at():
    # the same Beta quantile through its lower tail
    assert entry_level(50, 1, 0.01) == pytest.approx(50 * RandomOverlap(50).quantile(0.99) ** 2, rel=1e-10)


def test_a_whole_orthogonal_matrix_exceeds_the_entry_level_about_as_rarely_as_stated():
    d, draws, level = 12, 4000, 0.2
    above = [np.any(d * q**2 > entry_level(d, d * d, level)) for q in orthogonal(d, draws)]
    # Bonferroni: at most .2, and at least .2 - .2^2/2; three standard errors of 4000 draws are .019
    assert 0.2 - 0.02 - 0.019 < np.mean(above) < 0.2 + 0.019


def test_the_mean_of_some_overlaps_is_a_beta_variable():
    for count in (1, 3, 19):
        x = mean_quantile(20, count, np.array([0.01, 0.5, 0.99]))
        np.testing.assert_allclose(betainc(count / 2, (20 - count) / 2, x * count / 20), [0.01, 0.5, 0.99], rtol=1e-10)
    assert mean_quantile(20, 20, 0.3) == 1.0
    assert mean_quantile(20, np.array([1, 5, 20]), 0.975).shape == (3,)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 3), (8, 8), (5, 8)])
def test_the_spread_of_a_block_is_exact(rows, cols):
    d, draws = 8, 6000
    means = np.array([8 * np.mean(q[:rows, :cols] ** 2) for q in orthogonal(d, draws)])
    # a standard deviation of 6000 draws is known to about 1.5 %; a full row of the matrix has a mean of exactly 1
    assert block_spread(d, rows, cols) == pytest.approx(means.std(), rel=0.05, abs=1e-12)


def test_small_blocks_have_the_spread_of_independent_squares():
    assert block_spread(10_000, 10, 10) == pytest.approx(2**0.5 / 10, rel=2e-3)    # corrections of order 20/d


def test_block_means_are_means_over_nearly_equal_blocks():
    x = np.random.default_rng(0).standard_normal((10, 7))
    found = block_means(x, 3)
    assert block_starts(10, 3).tolist() == [0, 3, 6]
    assert block_starts(7, 3).tolist() == [0, 2, 4]
    assert found.shape == (3, 3)
    assert found[1, 2] == pytest.approx(x[3:6, 4:].mean(), rel=1e-12)
    assert block_means(x, 0) is x
    np.testing.assert_allclose(block_means(x, 50), x, rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: entry_level(1, 5), "dimension must be at least 2"),
        (lambda: entry_level(5, 5, 0.0), r"probability in \(0, 1\)"),
        (lambda: mean_quantile(5, 6, 0.5), "count must lie in 1 .. dimension"),
        (lambda: mean_quantile(5, 2, 1.5), r"p in \[0, 1\]"),
        (lambda: block_spread(5, 6, 1), "a block must fit"),
        (lambda: block_means(np.eye(3), -1), "blocks must be an integer of at least 0; got -1"),
    ],
)
def test_impossible_questions_are_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
