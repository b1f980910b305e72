"""What was claimed, what was measured over replicates, and does it hold? Loads neither jax nor xarray.

Every function takes samples over replicates (one-dimensional array-likes; NaN dropped, pairwise where paired), makes
the 95 % interval itself (`intervals`), and gives one verdict by one rule:
  "holds" where the whole interval lies inside what the claim allows, "fails" where the whole of it lies outside, else
  "undecided". One replicate has no interval and decides nothing. `equals(sigmas=)`, for a theory without error, and
  `absent`, for counts, state rules of their own.
Student's t interval of the mean; `centre="median"`: order statistics of the median (6 replicates or more).
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import numpy as np
from scipy.special import stdtrit

from spectrax.intervals import (
    Centre,
    Interval,
    Summary,
    centre_of,
    correlation,
    difference,
    estimate,
    finite,
    paired_samples,
)

__all__ = ["Claim", "Summary", "absent", "correlates", "differs", "equals", "equivalent", "table", "write_csv"]

_ENOUGH = 6  # replicates: below, an interval of k standard errors says little
Verdict = Literal["holds", "fails", "undecided"]

_COLUMNS: tuple[str, ...] = (
    "statement", "source", "predicted", "measured", "error", "low", "high", "n", "verdict", "detail",
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """One statement put beside its measurement.

    predicted, measured: in the units of the statement. interval: 95 %, of the quantity that `detail` names (for all but
    `absent` and `correlates` the difference measured - predicted), and error its standard error. n: replicates used.
    """

    statement: str
    source: str
    predicted: float
    measured: float
    error: float
    n: int
    interval: Interval
    verdict: Verdict
    detail: str = ""


def equals(
    statement: str,
    source: str,
    measured: Any,
    predicted: Any,
    *,
    tolerance: float | None = None,
    relative: float | None = None,
    sigmas: float | None = None,
    centre: Centre = "mean",
) -> Claim:
    """The measured quantity is the predicted one, within a stated tolerance; the interval is of measured - predicted.

    predicted: a number, or one per replicate. tolerance: absolute; relative: share of |predicted| (the mean of it);
    with both, the smaller holds. With sigmas = k the rule is another, that of a theory without error: holds where
    |measured - predicted| <= k standard errors and <= the tolerance, provided that the data could have told: a
    standard error below the tolerance or, without one, at least 6 replicates. Fails where the gap exceeds 3.3 standard
    errors beyond chance (99.9 % interval: dozens of such claims are made at once) or the whole 95 % interval lies
    outside the tolerance. Else undecided.
    Raises ValueError where neither tolerance, relative nor sigmas is given.

    >>> equals("mean is 1", "example", [0.99, 1.01, 1.0, 1.02], 1.0, tolerance=0.1).verdict
    'holds'
    """
    bounds = [b for b in (tolerance, relative, sigmas) if b is not None]
    if not bounds or min(bounds) < 0:
        raise ValueError("equals must have a tolerance, relative or sigmas >= 0; got none. State one beforehand.")
    sample, reference = paired_samples(measured, predicted)
    value, expected = centre_of(sample, centre), centre_of(reference, "mean")
    gap, error, interval = estimate(sample - reference, centre)
    candidates = [tolerance, None if relative is None else relative * abs(expected)]
    allowed = min([x for x in candidates if x is not None], default=np.inf)
    if sigmas is None:
        verdict, rule = _inside(interval, -allowed, allowed), f"difference within {allowed:.3g}"
    else:
        verdict = _exact(gap, error, interval, sample.size, sigmas, allowed)
        rule = f"difference within {sigmas:g} standard errors" + (f" and {allowed:.3g}" if np.isfinite(allowed) else "")
    return Claim(statement, source, expected, value, error, sample.size, interval, verdict, rule)


def _exact(gap, error, interval, n, sigmas, allowed) -> Verdict:
    """Verdict on a prediction without error of its own; see `equals`."""
    if not error >= 0:
        return "undecided"
    informative = error <= allowed if np.isfinite(allowed) else n >= _ENOUGH
    if informative and abs(gap) <= min(allowed, sigmas * error):
        return "holds"
    excluded = abs(gap) > max(sigmas, stdtrit(n - 1, 0.9995)) * error
    outside = interval[0] > allowed or interval[1] < -allowed
    return "fails" if excluded or outside else "undecided"


def equivalent(
    statement: str,
    source: str,
    sample: Any,
    other: Any = 0.0,
    *,
    margin: float,
    paired: bool = True,
    centre: Centre = "mean",
) -> Claim:
    """Two quantities differ by less than a margin stated beforehand; the interval is of sample - other.

    other: a number, a sample (paired replicate by replicate, or not), or a published `Summary`.
    Raises ValueError for a margin that isn't positive, or paired samples of different length.
    """
    if not margin > 0:
        raise ValueError(f"margin must be positive; got {margin}. State before measuring what would not matter.")
    value, reference, error, interval, n = difference(sample, other, paired, centre)
    verdict = _inside(interval, -margin, margin)
    return Claim(statement, source, reference, value, error, n, interval, verdict, f"difference within {margin:g}")


def absent(statement: str, source: str, counts: Any, allowed: float = 0, *, words: str | None = None) -> Claim:
    """Something that is counted doesn't occur: no more than `allowed` in any replicate.

    words: what exceeds, for the rule, where counts are of something else: "replicates above" and `allowed` where None.

    Holds where no replicate exceeds it, fails where more than half do, else undecided: a single exceedance can be a
    false alarm of the count. The interval is the range of the counts. One replicate: undecided.
    """
    sample = finite(counts)
    n, above = sample.size, int((sample > allowed).sum())
    value, error, _ = estimate(sample)
    interval = (float(sample.min()), float(sample.max())) if n else (np.nan, np.nan)
    verdict = "undecided" if n < 2 or 0 < 2 * above <= n else "fails" if above else "holds"
    detail = f"{above} of {n} {words or f'replicates above {allowed:g}'}; interval is the range"
    return Claim(statement, source, float(allowed), value, error, n, interval, verdict, detail)


def differs(
    statement: str, source: str, a: Any, b: Any, *, paired: bool = True, sign: int = 0, centre: Centre = "mean"
) -> Claim:
    """a and b differ (sign 0), a is above b (+1) or below (-1); the interval is of a - b.

    Fails where the interval lies on the wrong side; for sign 0 nothing can fail, since an interval around 0 doesn't
    show equality: use `equivalent` for that. b: as `other` of `equivalent`. Raises ValueError for another sign.
    """
    _check_sign(sign, (-1, 0, 1))
    value, reference, error, interval, n = difference(a, b, paired, centre)
    detail = {0: "difference is not 0", 1: "difference is positive", -1: "difference is negative"}[sign]
    return Claim(statement, source, reference, value, error, n, interval, _side(interval, sign), detail)


def correlates(statement: str, source: str, x: Any, y: Any, sign: int) -> Claim:
    """x and y go together over replicates or runs: Spearman's rank correlation has this sign (+1 or -1).

    95 % percentile interval of 2000 resampled sets of pairs, seeded; fewer than 5 pairs, or one side constant:
    undecided. Raises ValueError for another sign or different lengths.
    """
    _check_sign(sign, (-1, 1))
    first, second = paired_samples(x, y)
    value, error, interval = correlation(first, second)
    detail = "Spearman's rank correlation"
    return Claim(statement, source, float(sign), value, error, first.size, interval, _side(interval, sign), detail)


def table(claims: Iterable[Claim]) -> list[list[str]]:
    """Rows of strings, the header first: for a terminal or a report."""
    rows = [list(_COLUMNS)]
    for c in claims:
        numbers = [f"{x:.4g}" for x in (c.predicted, c.measured, c.error, *c.interval)]
        rows.append([c.statement, c.source, *numbers, str(c.n), c.verdict, c.detail])
    return rows


def read_csv(path: str | PathLike[str]) -> list[Claim]:
    """The claims that `write_csv` wrote. Raises ValueError for a file of another form."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or tuple(rows[0]) != _COLUMNS or any(len(row) != len(_COLUMNS) for row in rows):
        raise ValueError(f"claims.csv must have the columns {', '.join(_COLUMNS)}; {path} hasn't. Run it again.")
    return [_from_row(*row) for row in rows[1:]]


def _from_row(statement, source, predicted, measured, error, low, high, n, verdict, detail) -> Claim:
    interval = float(low), float(high)
    return Claim(statement, source, float(predicted), float(measured), float(error), int(n), interval, verdict, detail)


def write_csv(claims: Iterable[Claim], path: str | PathLike[str]) -> None:
    """The claims as CSV, numbers with all their digits, the header as in `table`."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for c in claims:
            numbers = [repr(float(x)) for x in (c.predicted, c.measured, c.error, *c.interval)]
            writer.writerow([c.statement, c.source, *numbers, c.n, c.verdict, c.detail])


def _inside(interval, low, high) -> Verdict:
    if np.isnan(interval).any():
        return "undecided"
    if low <= interval[0] and interval[1] <= high:
        return "holds"
    return "fails" if interval[0] > high or interval[1] < low else "undecided"


def _side(interval, sign) -> Verdict:
    above, below = interval[0] > 0, interval[1] < 0  # both false for NaN
    if sign == 0:
        return "holds" if above or below else "undecided"
    right, wrong = (above, below) if sign > 0 else (below, above)
    return "holds" if right else "fails" if wrong else "undecided"


def _check_sign(sign, allowed):
    if sign not in allowed:
        raise ValueError(f"sign must be one of {allowed}; got {sign!r}. It is the sign of a - b or of the correlation.")
