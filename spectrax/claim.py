"""What was claimed, what was measured over replicates, and does it hold? Loads neither jax nor xarray.

Every function takes samples over replicates (one-dimensional array-likes; NaN dropped, pairwise where paired), makes
the 95 % interval itself, and gives one verdict by one rule:
  "holds" where the whole interval lies inside what the claim allows, "fails" where the whole of it lies outside, else
  "undecided". One replicate has no interval and decides nothing.
Student's t interval of the mean; `centre="median"`: order statistics of the median (6 replicates or more).
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import bdtr, stdtrit

Verdict = Literal["holds", "fails", "undecided"]
Centre = Literal["mean", "median"]

_LEVEL = 0.95
_RESAMPLES = 2000
_COLUMNS = ("statement", "source", "predicted", "measured", "error", "low", "high", "n", "verdict", "detail")


@dataclass(frozen=True)
class Claim:
    """One statement put beside its measurement.

    predicted, measured: in the units of the statement. error: standard error of `measured`. interval: 95 %, of the
    quantity that `detail` names (often a difference). n: replicates used.
    """

    statement: str
    source: str
    predicted: float
    measured: float
    error: float
    n: int
    interval: tuple[float, float]
    verdict: Verdict
    detail: str = ""


class Summary(NamedTuple):
    """A published sample of which only mean, standard deviation (n - 1 in its divisor) and size are known."""

    mean: float
    std: float
    n: int


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
    |measured - predicted| <= k standard errors, and <= the tolerance where one is given; fails otherwise.
    Raises ValueError where neither tolerance, relative nor sigmas is given.

    >>> equals("mean is 1", "example", [0.99, 1.01, 1.0, 1.02], 1.0, tolerance=0.1).verdict
    'holds'
    """
    bounds = [b for b in (tolerance, relative, sigmas) if b is not None]
    if not bounds or min(bounds) < 0:
        raise ValueError("equals must have a tolerance, relative or sigmas, not negative; got none. State one beforehand.")
    sample, reference = _paired(measured, predicted)
    value, expected = _centre(sample, centre), _centre(reference, "mean")
    difference, error, interval = _estimate(sample - reference, centre)
    allowed = min([x for x in (tolerance, None if relative is None else relative * abs(expected)) if x is not None],
                  default=np.inf)  # fmt: skip
    if sigmas is None:
        verdict, rule = _inside(interval, -allowed, allowed), f"difference within {allowed:.3g}"
    else:
        limit = min(allowed, sigmas * error)
        verdict = "undecided" if np.isnan(limit) else "holds" if abs(difference) <= limit else "fails"
        rule = f"difference within {sigmas:g} standard errors" + (f" and {allowed:.3g}" if np.isfinite(allowed) else "")
    return Claim(statement, source, expected, value, error, sample.size, interval, verdict, rule)


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
    value, reference, error, interval, n = _difference(sample, other, paired, centre)
    verdict = _inside(interval, -margin, margin)
    return Claim(statement, source, reference, value, error, n, interval, verdict, f"difference within {margin:g}")


def absent(statement: str, source: str, counts: Any, allowed: float = 0) -> Claim:
    """Something that is counted doesn't occur: no more than `allowed` in any replicate.

    Holds where no replicate exceeds it, fails where more than half do, else undecided: a single exceedance can be a
    false alarm of the count. The interval is the range of the counts. One replicate: undecided.
    """
    sample = _sample(counts)
    if sample.size == 0:
        return Claim(statement, source, float(allowed), np.nan, np.nan, 0, (np.nan, np.nan), "undecided", "no replicate")
    above = int((sample > allowed).sum())
    verdict = "undecided" if sample.size < 2 else "holds" if above == 0 else "fails" if 2 * above > sample.size else "undecided"
    value, error, _ = _estimate(sample, "mean")
    interval = (float(sample.min()), float(sample.max()))
    detail = f"{above} of {sample.size} replicates above {allowed:g}"
    return Claim(statement, source, float(allowed), value, error, sample.size, interval, verdict, detail)


def differs(
    statement: str, source: str, a: Any, b: Any, *, paired: bool = True, sign: int = 0, centre: Centre = "mean"
) -> Claim:
    """a and b differ (sign 0), a is above b (+1) or below (-1); the interval is of a - b.

    Fails where the interval lies on the wrong side; for sign 0 nothing can fail, since an interval around 0 doesn't
    show equality: use `equivalent` for that. b: as `other` of `equivalent`. Raises ValueError for another sign.
    """
    _check_sign(sign, (-1, 0, 1))
    value, reference, error, interval, n = _difference(a, b, paired, centre)
    detail = {0: "difference is not 0", 1: "difference is positive", -1: "difference is negative"}[sign]
    return Claim(statement, source, reference, value, error, n, interval, _side(interval, sign), detail)


def correlates(statement: str, source: str, x: Any, y: Any, sign: int) -> Claim:
    """x and y go together over replicates or runs: Spearman's rank correlation has this sign (+1 or -1).

    95 % percentile interval of 2000 resampled sets of pairs, seeded; fewer than 5 pairs, or one side constant:
    undecided. Raises ValueError for another sign or different lengths.
    """
    _check_sign(sign, (-1, 1))
    first, second = _paired(x, y)
    n = first.size
    if n < 5 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return Claim(statement, source, float(sign), np.nan, np.nan, n, (np.nan, np.nan), "undecided", "too few pairs")
    chosen = np.random.default_rng(0).integers(n, size=(_RESAMPLES, n))
    value = float(_rank_correlation(first[None], second[None])[0])
    resampled = _rank_correlation(first[chosen], second[chosen])
    low, high = (float(q) for q in np.nanquantile(resampled, [0.5 - _LEVEL / 2, 0.5 + _LEVEL / 2]))
    error, verdict = float(np.nanstd(resampled)), _side((low, high), sign)
    return Claim(statement, source, float(sign), value, error, n, (low, high), verdict, "Spearman's rank correlation")


def table(claims: Iterable[Claim]) -> list[list[str]]:
    """Rows of strings, the header first: for a terminal or a report."""
    rows = [list(_COLUMNS)]
    for c in claims:
        numbers = [f"{x:.4g}" for x in (c.predicted, c.measured, c.error, *c.interval)]
        rows.append([c.statement, c.source, *numbers, str(c.n), c.verdict, c.detail])
    return rows


def write_csv(claims: Iterable[Claim], path: str | PathLike[str]) -> None:
    """The claims as CSV, numbers with all their digits, the header as in `table`."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for c in claims:
            numbers = [repr(float(x)) for x in (c.predicted, c.measured, c.error, *c.interval)]
            writer.writerow([c.statement, c.source, *numbers, c.n, c.verdict, c.detail])


def _array(sample):
    values = np.asarray(sample, dtype=np.float64)
    if values.ndim > 1:
        raise ValueError(f"sample must be one-dimensional, over replicates; got shape {values.shape}. Select the rest first.")
    return np.atleast_1d(values)


def _sample(sample):
    values = _array(sample)
    return values[~np.isnan(values)]


def _paired(a, b):
    """Both as arrays of one length, without the replicates where either is NaN; a single b serves all of a."""
    first, second = _array(a), _array(b)
    if np.ndim(b) == 0:
        second = np.full(first.size, second[0])
    if first.size != second.size:
        raise ValueError(
            f"paired samples must have one value per replicate; got {first.size} and {second.size}. Pass paired=False."
        )
    both = ~(np.isnan(first) | np.isnan(second))
    return first[both], second[both]


def _centre(sample, centre):
    if centre not in ("mean", "median"):
        raise ValueError(f"centre must be 'mean' or 'median'; got {centre!r}.")
    if sample.size == 0:
        return float("nan")
    return float(sample.mean() if centre == "mean" else np.median(sample))


def _estimate(sample, centre):
    """(centre, standard error, 95 % interval) of a sample; NaN error and interval where it is too small for one."""
    value = _centre(sample, centre)
    n = sample.size
    if centre == "median":
        return value, *_median_spread(np.sort(sample))
    if n < 2:
        return value, float("nan"), (float("nan"), float("nan"))
    error = float(sample.std(ddof=1) / n**0.5)
    half = float(stdtrit(n - 1, 0.5 + _LEVEL / 2)) * error
    return value, error, (value - half, value + half)


def _median_spread(ordered):
    """Standard error and interval of the median: [x_(k+1), x_(n-k)] with the largest k where 2 P(B <= k) <= .05."""
    n = ordered.size
    inner = [k for k in range(n // 2) if 2.0 * bdtr(k, n, 0.5) <= 1.0 - _LEVEL]
    if not inner:
        return float("nan"), (float("nan"), float("nan"))
    k = inner[-1]
    low, high = float(ordered[k]), float(ordered[n - 1 - k])
    return (high - low) / (2.0 * 1.96), (low, high)


def _difference(a, b, paired, centre):
    """(centre of a, centre of b, error, interval of a - b, n)."""
    if isinstance(b, Summary):
        sample = _sample(a)
        value, error, _ = _estimate(sample, "mean")
        return value, b.mean, *_welch(value - b.mean, error, sample.size, b.std / b.n**0.5, b.n), sample.size
    if paired or np.ndim(b) == 0:
        first, second = _paired(a, b)
        _, error, interval = _estimate(first - second, centre)
        return _centre(first, centre), _centre(second, centre), error, interval, first.size
    first, second = _sample(a), _sample(b)
    value, reference = _centre(first, centre), _centre(second, centre)
    n = min(first.size, second.size)
    if centre == "median":
        return value, reference, *_resampled_medians(first, second), n
    errors = [_estimate(s, "mean")[1] for s in (first, second)]
    return value, reference, *_welch(value - reference, errors[0], first.size, errors[1], second.size), n


def _welch(difference, error_a, n_a, error_b, n_b):
    """Error and interval of a difference of means; degrees of freedom of Welch 1947 (Satterthwaite)."""
    if min(n_a, n_b) < 2:
        return float("nan"), (float("nan"), float("nan"))
    error = float(np.hypot(error_a, error_b))
    if error == 0:
        return 0.0, (difference, difference)
    freedom = error**4 / (error_a**4 / (n_a - 1) + error_b**4 / (n_b - 1))
    half = float(stdtrit(freedom, 0.5 + _LEVEL / 2)) * error
    return error, (difference - half, difference + half)


def _resampled_medians(a, b):
    if min(a.size, b.size) < 6:
        return float("nan"), (float("nan"), float("nan"))
    rng = np.random.default_rng(0)
    draws = [np.median(s[rng.integers(s.size, size=(_RESAMPLES, s.size))], axis=1) for s in (a, b)]
    difference = draws[0] - draws[1]
    low, high = np.quantile(difference, [0.5 - _LEVEL / 2, 0.5 + _LEVEL / 2])
    return float(difference.std()), (float(low), float(high))


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


def _rank_correlation(x, y):
    """Spearman's, row by row: (rows, n) -> (rows,); ties get mean ranks; NaN where a row is constant."""
    a, b = _centred_ranks(x), _centred_ranks(y)
    size = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.where(size > 0, (a * b).sum(1) / np.where(size > 0, size, 1.0), np.nan)


def _centred_ranks(x):
    smaller, equal = x[:, :, None] > x[:, None, :], x[:, :, None] == x[:, None, :]
    ranks = smaller.sum(2) + 0.5 * equal.sum(2)
    return ranks - ranks.mean(1, keepdims=True)
