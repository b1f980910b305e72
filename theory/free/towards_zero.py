"""The inverse of psi at points that tend to 0 from below, for laws that reach down to 0.

    1 + psi(-1/t) = q(t) = int t/(t + x) dF(x) = t m(-t),   S = q/((1 - q) t)   at   q - 1

q rises from the mass at 0 to 1. Next to a hard edge t is a power of q: a root is sought in log t, not in t.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from theory.free.transforms import width
from theory.law import Law
from theory.roots import bracketed_roots

FloatArray = NDArray[np.float64]
FARTHEST, NEAREST = 4, -300  # decades of t, in widths of the law
BLOCK = 8  # nodes, one a decade, that are tried together


def s_towards_zero(law: Law, q: FloatArray) -> FloatArray:
    """S at q - 1 for q (m,) between `lowest` and 1."""
    nodes, values = _table(law)
    k = np.clip(np.searchsorted(values, q), 1, len(nodes) - 1)

    def excess(v: FloatArray) -> FloatArray:
        return np.log(_share(law, v) / q)

    with np.errstate(all="ignore"):
        v = bracketed_roots(excess, nodes[k - 1], nodes[k])
    return q / (1 - q) * np.exp(-v)


def lowest(law: Law) -> float:
    """The least q that is resolved: the mass at 0 up to rounding, or what t of 1e-300 widths leaves."""
    return float(_table(law)[1][0])


@functools.lru_cache(maxsize=64)
def _table(law: Law) -> tuple[FloatArray, FloatArray]:
    """log t and q, both rising, from the least t down to which q falls and is found."""
    decades = np.linspace(FARTHEST, NEAREST, 38 * BLOCK + 1)
    v = np.log(width(law)) + np.log(10.0) * decades
    q = np.empty(0)
    with np.errstate(all="ignore"):
        while len(q) < len(v):
            try:
                q = np.append(q, _share(law, v[len(q) : len(q) + BLOCK]))
            except ArithmeticError:  # where rounding hides what an iteration looks for
                break
            fallen = np.isfinite(q) & (q > 0) & (np.diff(q, prepend=np.inf) < 0)
            if not np.all(fallen):
                q = q[: int(np.argmin(fallen))]
                break
    return v[: len(q)][::-1], q[::-1]


def _share(law: Law, v: FloatArray) -> FloatArray:
    t = np.exp(v)
    return t * law._stieltjes((-t).astype(np.complex128)).real  # -(t + 0j) would have the imaginary part -0
