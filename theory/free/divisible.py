"""Laws whose R-transform is known and maps the lower half plane into itself: the semicircle and free Poisson laws.

Adding such a law needs one scalar equation, w = z - R(G(w)), instead of two coupled ones (Biane 1997 for the
semicircle, Voiculescu 1986 for the principle).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from theory.law import Law
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.semicircle import Semicircle

Function = Callable[[Any], Any]


class ClosedR(NamedTuple):
    """An R-transform and its derivative, functions of g real or complex."""

    value: Function
    slope: Function


def closed_r_transform(law: Law) -> ClosedR | None:
    """R of the semicircle, variance g, and of Marchenko-Pastur, variance/(1 - ratio variance g); None for others."""
    if isinstance(law, Semicircle):
        return ClosedR(lambda g: law.variance * g, lambda g: law.variance + 0 * g)
    if isinstance(law, MarchenkoPastur):
        jump = law.ratio * law.variance
        return ClosedR(
            lambda g: law.variance / (1 - jump * g),
            lambda g: jump * law.variance / (1 - jump * g) ** 2,
        )
    return None
