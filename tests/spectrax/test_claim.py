"""Verdicts: one rule for all claims, checked on samples whose truth is known."""

import csv
import subprocess
import sys

import numpy as np
import pytest
import xarray

from spectrax.claim import Summary, absent, correlates, differs, equals, equivalent, table, write_csv

WORDS = ("a statement", "a source")


def draw(mean, std=1.0, n=10, seed=0):
    x = np.random.default_rng(seed).standard_normal(n)
    return mean + std * (x - x.mean()) / x.std(ddof=1)  # exact mean and deviation


@pytest.mark.parametrize(
    ("mean", "std", "verdict"),
    [
        (1.0, 0.01, "holds"),
        (1.5, 0.01, "fails"),
        (0.5, 0.01, "fails"),
        (1.1, 0.01, "undecided"),
        (1.0, 1.0, "undecided"),
    ],
)
def test_equals_needs_its_whole_interval_inside(mean, std, verdict):
    c = equals(*WORDS, draw(mean, std), 1.0, tolerance=0.1)
    assert c.verdict == verdict
    assert (c.measured, c.predicted, c.n) == (pytest.approx(mean), 1.0, 10)
    assert c.error == pytest.approx(std / 10**0.5)
    assert c.interval[0] == pytest.approx(mean - 1 - 2.262157 * std / 10**0.5)  # t quantile, 9 degrees of freedom


def test_relative_tolerance_scales_with_the_prediction_and_the_smaller_one_holds():
    assert equals(*WORDS, draw(1009.0), 1000.0, relative=0.01).verdict == "holds"
    assert equals(*WORDS, draw(1009.0), 1000.0, relative=0.01, tolerance=5.0).verdict == "fails"
    assert equals(*WORDS, draw(-1009.0), -1000.0, relative=0.01).verdict == "holds"


def test_sigmas_ask_for_agreement_within_the_standard_error():
    sample = draw(10.0, 1.0, n=16)  # standard error .25
    assert equals(*WORDS, sample, 10.4, sigmas=2).verdict == "holds"
    assert equals(*WORDS, sample, 10.6, sigmas=2).verdict == "undecided"  # 2.4 standard errors happen by chance
    assert equals(*WORDS, sample, 11.2, sigmas=2).verdict == "fails"  # 4.8 don't
    assert equals(*WORDS, [1.0], 1.0, sigmas=2).verdict == "undecided"


def test_sigmas_hold_only_where_the_data_could_have_told():
    sample = draw(10.0, 1.0, n=16)
    assert equals(*WORDS, sample, 10.4, sigmas=2, relative=0.05).verdict == "holds"
    assert equals(*WORDS, sample, 10.01, sigmas=2, relative=0.01).verdict == "undecided"  # error .25 above .1
    assert equals(*WORDS, sample[:5], sample[:5].mean(), sigmas=2).verdict == "undecided"  # five, no tolerance
    assert equals(*WORDS, sample, 12.0, sigmas=20, relative=0.05).verdict == "fails"  # wholly outside the tolerance


def test_a_true_prediction_hardly_ever_fails_under_sigmas():
    rng = np.random.default_rng(1)
    verdicts = [equals(*WORDS, rng.normal(1.0, 0.2, 8), 1.0, sigmas=2, relative=0.5).verdict for _ in range(2000)]
    assert verdicts.count("fails") <= 10  # expected 2 of 2000 at the 99.9 % interval; 10 is beyond 5 s.d.


def test_a_prediction_per_replicate_is_compared_replicate_by_replicate():
    predicted = np.linspace(1.0, 100.0, 8)
    c = equals(*WORDS, predicted * 1.001, predicted, relative=0.01)
    assert c.verdict == "holds"
    assert c.error < 0.05


def test_a_correct_claim_fails_in_few_percent_of_repetitions():
    rng = np.random.default_rng(0)
    verdicts = [equals(*WORDS, rng.normal(1.0, 0.2, 10), 1.0, tolerance=1e-9).verdict for _ in range(1000)]
    assert verdicts.count("fails") / 1000 == pytest.approx(0.05, abs=3 * 0.007)


def test_one_replicate_decides_nothing():
    one = [3.0]
    claims = [equals(*WORDS, one, 3.0, tolerance=1.0), equivalent(*WORDS, one, margin=9.0), absent(*WORDS, [0]),
              differs(*WORDS, one, [1.0]), correlates(*WORDS, one, one, 1), absent(*WORDS, [np.nan])]  # fmt: skip
    assert {c.verdict for c in claims} == {"undecided"}


def test_the_median_ignores_a_wild_replicate():
    sample = np.append(draw(1.0, 0.01, n=15), 1e9)
    assert equals(*WORDS, sample, 1.0, tolerance=0.1).verdict == "undecided"
    assert equals(*WORDS, sample, 1.0, tolerance=0.1, centre="median").verdict == "holds"
    assert equals(*WORDS, np.append(draw(1.0, 0.01), np.inf), 1.0, tolerance=0.1, centre="median").verdict == "holds"


def test_equivalence_is_shown_by_the_whole_interval():
    assert equivalent(*WORDS, draw(0.0, 0.1), margin=0.2).verdict == "holds"
    assert equivalent(*WORDS, draw(0.0, 1.0), margin=0.2).verdict == "undecided"
    assert equivalent(*WORDS, draw(1.0, 0.1), margin=0.2).verdict == "fails"
    assert equivalent(*WORDS, draw(5.0, 0.1), Summary(5.05, 0.1, 5), margin=0.3).verdict == "holds"
    assert equivalent(*WORDS, draw(5.0, 0.1), draw(5.0, 0.1, n=7), margin=0.3, paired=False).verdict == "holds"


def test_absence_counts_replicates():
    assert absent(*WORDS, [0, 0, 0]).verdict == "holds"
    assert absent(*WORDS, [0, 0, 1]).verdict == "undecided"
    assert absent(*WORDS, [1, 2, 0]).verdict == "fails"
    assert absent(*WORDS, [1, 1, 1], allowed=1).verdict == "holds"
    assert absent(*WORDS, [0, 2], allowed=1).detail.startswith("1 of 2 replicates above 1;")
    assert absent(*WORDS, [0, 0, 1], words="sizes outside the band").detail.startswith("1 of 3 sizes outside the band;")


def test_a_difference_has_a_sign_and_can_be_wrong():
    a, b = draw(2.0, 0.1), draw(1.0, 0.1, seed=1)
    assert differs(*WORDS, a, b).verdict == "holds"
    assert differs(*WORDS, a, b, sign=1).verdict == "holds"
    assert differs(*WORDS, a, b, sign=-1).verdict == "fails"
    assert differs(*WORDS, a, draw(2.0, 0.1, seed=2)).verdict == "undecided"
    assert differs(*WORDS, a, 1.0, sign=1).verdict == "holds"
    assert differs(*WORDS, a, b[:5], paired=False).verdict == "holds"


def test_correlation_is_of_ranks_and_has_a_sign():
    x = np.arange(20.0)
    assert correlates(*WORDS, x, np.exp(x), 1).verdict == "holds"
    assert correlates(*WORDS, x, -x, 1).verdict == "fails"
    assert correlates(*WORDS, x, np.random.default_rng(0).standard_normal(20), 1).verdict == "undecided"
    assert correlates(*WORDS, x, np.ones(20), 1).verdict == "undecided"


def test_nan_is_dropped_pairwise():
    a, b = np.array([1.0, np.nan, 3.0, 4.0]), np.array([0.0, 1.0, np.nan, 3.0])
    c = differs(*WORDS, a, b)
    assert c.n == 2
    assert c.interval == (1.0, 1.0)


def test_labelled_arrays_are_taken_as_they_are():
    sample = xarray.DataArray(draw(1.0, 0.01), dims="replicate", coords={"replicate": np.arange(10)})
    assert equals(*WORDS, sample, xarray.DataArray(1.0), tolerance=0.1).verdict == "holds"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: equals(*WORDS, [1.0, 2.0], 1.0), "tolerance"),
        (lambda: equals(*WORDS, [1.0, 2.0], 1.0, tolerance=-1.0), "tolerance"),
        (lambda: equals(*WORDS, np.ones((2, 2)), 1.0, tolerance=1.0), "one-dimensional"),
        (lambda: equals(*WORDS, [1.0, 2.0], [1.0, 2.0, 3.0], tolerance=1.0), "one value per replicate"),
        (lambda: equals(*WORDS, [1.0], 1.0, tolerance=1.0, centre="mode"), "centre"),  # type: ignore[arg-type]
        (lambda: equivalent(*WORDS, [1.0], margin=0.0), "margin"),
        (lambda: differs(*WORDS, [1.0], [1.0], sign=2), "sign"),
        (lambda: correlates(*WORDS, [1.0], [1.0], 0), "sign"),
    ],
)
def test_bad_claims_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_table_and_csv_carry_every_field(tmp_path):
    claims = [equals("x, \"quoted\"", "eq. 1", draw(1.0, 0.01), 1.0, tolerance=0.1), absent(*WORDS, [0, 0])]
    write_csv(claims, tmp_path / "claims.csv")
    with open(tmp_path / "claims.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    shown = table(claims)
    assert rows[0] == shown[0]
    assert [len(r) for r in rows] == [len(r) for r in shown] == [10] * 3
    assert rows[1][0] == 'x, "quoted"'
    assert float(rows[1][3]) == claims[0].measured
    assert (rows[1][8], shown[2][8]) == ("holds", "holds")


def test_loading_claims_loads_neither_jax_nor_slow_packages():
    code = "import sys, spectrax.claim; print({'jax', 'xarray', 'scipy.stats', 'theory'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
