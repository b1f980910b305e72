"""How many spikes large learning rates make, by the exponent with which the rate grows with the size."""

import math

from theory import checks


def spike_window(count: int) -> tuple[float, float]:
    """The open interval of exponents alpha for which one step with rate eta ~ n^alpha makes `count` spikes.

        (count - 1)/(2 count) < alpha < count/(2 count + 2)

    Spikes of the feature matrix s(X W1^T), in the scaling of `mean_field_steps`; the left vector of the k-th follows
    k-th powers of the linear signal. A statement on n -> oo at fixed ratios: at n of some thousands there are further
    outliers, not aligned with powers, which fade slowly; don't expect exactly this number.
    Raises ValueError for a count below 1. Source: Moniri, Lee, Hassani, Dobriban 2024 (one gradient step).

    >>> spike_window(2)
    (0.25, 0.3333333333333333)
    """
    count = checks.count("count", count, "pass the number of spikes")
    return (count - 1) / (2 * count), count / (2 * count + 2)


def spike_count(exponent: float) -> int:
    """Number of spikes of the feature matrix after one step with rate eta ~ n^exponent: the window it lies in.

    0 for a negative exponent. Raises ValueError for exponents from 1/2 on, where the number is unbounded, and between
    two windows (0, 1/4, 1/3, 3/8, ...), where constants decide. Validity and source: `spike_window`.

    >>> [spike_count(alpha) for alpha in (-0.1, 0.1, 0.3, 0.35, 0.491)]
    [0, 1, 2, 3, 55]
    """
    alpha = float(checks.array("exponent", exponent, "pass alpha of eta ~ n^alpha"))
    if alpha < 0:
        return 0
    if alpha >= 0.5:
        raise ValueError(f"exponent must be below 1/2; got {alpha!r}; from there on the number of spikes is unbounded")
    place = 1 / (1 - 2 * alpha)
    if abs(place - round(place)) < 1e-9 * place:
        raise ValueError(f"exponent must lie inside a window; got {alpha!r}, a boundary; pass one beside it")
    return math.floor(place)


def two_step_outliers(first: float, second: float) -> int:
    """Number of outliers that the second of two steps adds, at rates eta1 ~ N^first and eta2 ~ N^second.

        floor(second/(1/2 - first)),   0 <= first, second < 1/2

    As N -> oo at fixed ratios, weights of order 1/sqrt N. The formula is the abstract's, which does not say what is
    counted: in simulations (N = 300 to 1200, one draw each) the outlier along the readout itself comes on top, with
    first = 0 too, so the weights have one more than this. With a fresh batch for the second step all of them are along
    directions of information exponent one, with the same batch not. Raises ValueError for exponents outside [0, 1/2).
    Source: Moniri and Hassani 2026, abstract.

    >>> two_step_outliers(0.3, 0.45)
    2
    """
    for name, value in (("first", first), ("second", second)):
        if not 0 <= float(checks.array(name, value, "pass the exponent of a learning rate")) < 0.5:
            raise ValueError(f"{name} must lie in [0, 1/2); got {value!r}; pass the exponent of a learning rate")
    return math.floor(second / (0.5 - first) + 1e-9)  # 1e-9: .2/(.5 - .3) is 1
