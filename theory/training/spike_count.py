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
    alpha = checks.number("exponent", exponent, "pass alpha of eta ~ n^alpha")
    if alpha < 0:
        return 0
    if alpha >= 0.5:
        raise ValueError(f"exponent must be below 1/2; got {alpha!r}; from there on the number of spikes is unbounded")
    place = 1 / (1 - 2 * alpha)
    if abs(place - round(place)) < 1e-9 * place:
        raise ValueError(f"exponent must lie inside a window; got {alpha!r}, a boundary; pass one beside it")
    return math.floor(place)


def two_step_outliers(first: float, second: float) -> int:
    """Number of outliers of the weights, beside that along the readout, after steps of rates N^first and N^second.

        floor(second/(1/2 - first)),   0 <= first, second < 1/2

    In the scaling of `mean_field_steps`, N -> oo at fixed ratios. What is counted: after the first step the unit i sees
    its data shifted by c_i = eta1 a_i <v, x>, of order N^(first - 1/2); the k-th term of s'(w_i x + c_i) in c_i gives
    the second gradient a part of rank one with left vector a^(k+1) (entrywise) and strength
    N^(second - k (1/2 - first)). k = 0 is the readout's own, not counted; so the weights have one outlier more than
    this number, with first = 0 too. Where second/(1/2 - first) is whole the last has order one, and constants decide
    whether it shows. Needs activations with E s^(k+1)(z) != 0 (for odd ones k must be even). Sizes within reach show
    fewer: at N = 1000, d = 500, n = 2000 and exponents .35, .4 (rates 2 N^.35, 2 N^.4) one of two; at 0, .4 none, as
    counted. With a fresh batch all right vectors share the teacher; with the same batch too, but more weakly.
    Raises ValueError for exponents outside [0, 1/2).
    Source: Moniri and Hassani 2026, abstract; what it counts is derived here, checked by simulation.

    >>> two_step_outliers(0.3, 0.45)
    2
    """
    for name, value in (("first", first), ("second", second)):
        if not 0 <= checks.number(name, value, "pass the exponent of a learning rate") < 0.5:
            raise ValueError(f"{name} must lie in [0, 1/2); got {value!r}; pass the exponent of a learning rate")
    return math.floor(second / (0.5 - first) + 1e-9)  # 1e-9: .2/(.5 - .3) is 1
