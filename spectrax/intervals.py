"""Mean, median, difference and rank correlation of replicate samples, each with a 95 % interval. Loads no jax.

scipy.special instead of scipy.stats, which takes half a second to import.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import bdtr, stdtrit

Centre = Literal["mean", "median"]
Interval = tuple[float, float]

LEVEL = 0.95
_RESAMPLES = 2000
_NOTHING = (float("nan"), float("nan"))


class Summary(NamedTuple):
    """A published sample of which only mean, standard deviation (n - 1 in its divisor) and size are known."""

    mean: float
    std: float
    n: int


class Difference(NamedTuple):
    """Centres of two samples, standard error and interval of first - second, replicates used."""

    first: float
    second: float
    error: float
    interval: Interval
    n: int


def finite(sample: Any) -> np.ndarray:
    """A sample over replicates as float64 (n,), NaN dropped. Raises ValueError for more than one dimension."""
    values = _array(sample)
    return values[~np.isnan(values)]


def paired_samples(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of one length (n,), (n,), without the replicates where either is NaN; a number b serves all of a.

    Raises ValueError where the lengths differ.
    """
    first, second = _array(a), _array(b)
    if np.ndim(b) == 0:
        second = np.full(first.size, second[0])
    if first.size != second.size:
        raise ValueError(
            f"paired samples must have one value per replicate; got {first.size} and {second.size}. Pass paired=False."
        )
    both = ~(np.isnan(first) | np.isnan(second))
    return first[both], second[both]


def centre_of(sample: np.ndarray, centre: Centre) -> float:
    """Mean or median of (n,), NaN of nothing. Raises ValueError for another centre."""
    if centre not in ("mean", "median"):
        raise ValueError(f"centre must be 'mean' or 'median'; got {centre!r}. Use 'mean'.")
    if sample.size == 0:
        return float("nan")
    return float(sample.mean() if centre == "mean" else np.median(sample))


def estimate(sample: np.ndarray, centre: Centre = "mean") -> tuple[float, float, Interval]:
    """(centre, standard error, interval) of (n,); NaN where the sample is too small: 2 for the mean, 6 for the median.

    Mean: Student's t. Median: [x_(k+1), x_(n-k)] of the ordered sample with the largest k for which
    2 P(Binomial(n, 1/2) <= k) <= .05, so at least 95 % whatever the law; its standard error is the width/(2 1.96).
    """
    value = centre_of(sample, centre)
    n = sample.size
    if centre == "median":
        return value, *_median_spread(np.sort(sample))
    if n < 2:
        return value, float("nan"), _NOTHING
    with np.errstate(invalid="ignore"):  # an infinite replicate (a diverged run) leaves the interval undefined
        error = float(sample.std(ddof=1) / n**0.5)
    return value, error, _student(value, error, n - 1)


def difference(a: Any, b: Any, paired: bool = True, centre: Centre = "mean") -> Difference:
    """Centres of a and b with the interval of a - b; b: a number, a sample, or a published `Summary`.

    Paired (or a number): that of the differences. Otherwise Welch's interval for means, a seeded bootstrap for medians
    (6 replicates or more each). A `Summary` has no median: its mean is compared with the mean of a.
    """
    if isinstance(b, Summary):
        if centre != "mean":
            raise ValueError("centre must be 'mean' beside a Summary; got 'median'. Publish the sample, or use means.")
        sample = finite(a)
        value, error, _ = estimate(sample)
        spread = _welch(value - b.mean, error, sample.size, b.std / b.n**0.5, b.n)
        return Difference(value, b.mean, *spread, sample.size)
    if paired or np.ndim(b) == 0:
        first, second = paired_samples(a, b)
        _, error, interval = estimate(first - second, centre)
        return Difference(centre_of(first, centre), centre_of(second, centre), error, interval, first.size)
    first, second = finite(a), finite(b)
    value, reference, n = centre_of(first, centre), centre_of(second, centre), min(first.size, second.size)
    if centre == "median":
        return Difference(value, reference, *_resampled_medians(first, second), n)
    (_, error_a, _), (_, error_b, _) = estimate(first), estimate(second)
    return Difference(value, reference, *_welch(value - reference, error_a, first.size, error_b, second.size), n)


def correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, float, Interval]:
    """(Spearman's rank correlation, standard error, percentile interval of 2000 seeded resamples of pairs).

    x, y: (n,) without NaN. NaN below 5 pairs or where one side is constant.
    """
    if x.size < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan"), _NOTHING
    chosen = np.random.default_rng(0).integers(x.size, size=(_RESAMPLES, x.size))
    resampled = np.array([rank_correlation(x[pick], y[pick]) for pick in chosen])
    return rank_correlation(x, y), float(np.nanstd(resampled)), _percentiles(resampled, np.nanquantile)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of x (n,) and y (n,), equal values sharing their rank; NaN where one is constant."""
    a, b = _centred_ranks(x), _centred_ranks(y)
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float("nan")


def _array(sample):
    values = np.squeeze(np.asarray(sample, dtype=np.float64))  # an axis with one value needs no selection
    if values.ndim > 1:
        raise ValueError(f"sample must be one-dimensional, over replicates; got shape {values.shape}. Select first.")
    return np.atleast_1d(values)


def _student(value, error, freedom) -> Interval:
    half = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * error
    return value - half, value + half


def _median_spread(ordered) -> tuple[float, Interval]:
    n = ordered.size
    inner = [k for k in range(n // 2) if 2.0 * bdtr(k, n, 0.5) <= 1.0 - LEVEL]
    if not inner:
        return float("nan"), _NOTHING
    k = inner[-1]
    low, high = float(ordered[k]), float(ordered[n - 1 - k])
    return (high - low) / (2.0 * 1.96), (low, high)


def _welch(gap, error_a, n_a, error_b, n_b) -> tuple[float, Interval]:
    """Error and interval of a difference of means; degrees of freedom of Welch 1947."""
    if min(n_a, n_b) < 2:
        return float("nan"), _NOTHING
    error = float(np.hypot(error_a, error_b))
    if error == 0:
        return 0.0, (gap, gap)
    # shares, not fourth powers of the errors: those underflow for small units
    freedom = 1.0 / ((error_a / error) ** 4 / (n_a - 1) + (error_b / error) ** 4 / (n_b - 1))
    return error, _student(gap, error, freedom)


def _resampled_medians(a, b) -> tuple[float, Interval]:
    if min(a.size, b.size) < 6:
        return float("nan"), _NOTHING
    rng = np.random.default_rng(0)
    draws = [np.median(s[rng.integers(s.size, size=(_RESAMPLES, s.size))], axis=1) for s in (a, b)]
    return float((draws[0] - draws[1]).std()), _percentiles(draws[0] - draws[1], np.quantile)


def _percentiles(draws, quantile: Callable[..., Any]) -> Interval:
    low, high = quantile(draws, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)


def _centred_ranks(x):
    """Ranks minus their mean, equal values sharing theirs."""
    ordered = np.sort(x)
    ranks = np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")
    return 0.5 * (ranks - x.size)
