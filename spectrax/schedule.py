"""Which steps are captured."""

import itertools
import math
from numbers import Real

import numpy as np


def at(*steps: int) -> tuple[int, ...]:
    """The given steps, sorted, each once: at(10, 0, 1) is (0, 1, 10)."""
    return check(tuple(sorted(set(steps))))


def log_spaced(count: int, last: int) -> tuple[int, ...]:
    """Step 0 and about `count` steps from 1 to `last`, equally spaced in log, rounded, each once."""
    if count < 1 or last < 1:
        raise ValueError(f"count and last must be at least 1; got {count} and {last}.")
    return at(0, *np.rint(np.geomspace(1, last, count)).astype(int).tolist(), last)


def check(steps) -> tuple[int, ...]:
    """The steps as a tuple of ints; ValueError unless they are integers from 0 on that increase strictly."""
    given = tuple(steps)
    if not given:
        raise ValueError("steps must name at least one step; got none. Use schedule.at(0, 1, 10).")
    for step in given:
        # int() would answer NaN, infinity and text with errors of its own
        number = float(step) if isinstance(step, Real) and not isinstance(step, bool) else math.nan
        if not (number.is_integer() and number >= 0):
            raise ValueError(f"steps must be integers from 0 on; got {step!r}.")
    for before, after in itertools.pairwise(given):
        if not after > before:
            raise ValueError(
                f"steps must increase strictly; got {after} after {before}. Sort them or use schedule.at(...)"
            )
    return tuple(int(step) for step in given)
