"""A rank-one signal whose right vector depends on the noise it is added to: the first step of training."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.outliers.rank_one import detachment
from theory.outliers.spikes import Outlier, _outlier, _ratio, _singular

FloatArray = NDArray[np.float64]


def correlated_spike(
    strength: ArrayLike, ratio: ArrayLike, own: ArrayLike, other: ArrayLike = 0.0, variance: ArrayLike = 1.0
) -> Outlier:
    """Largest singular value of N + strength u v^T where v is correlated with rows of the noise N (rows x cols).

        v = own N^T u/|N^T u| + other N^T u'/|N^T u'| + sqrt(1 - own^2 - other^2) w,   u' orthogonal to u, w independent
        V = variance, c = ratio = cols/rows, t = strength:
        P0 = t^2 + 2 t own sqrt(c V),   L = t other sqrt(c V),   P = (P0 + sqrt(P0^2 + 4 L^2))/2
        detached iff P > sqrt(c) V;   location = sqrt((P + V)(P + c V)/P),   edge sqrt(V)(1 + sqrt c)
        left overlap (P^2 - c V^2)/(P (P + V)) cos^2,   cos^2 = P^2/(P^2 + L^2)
        right overlap (P^2 - c V^2)/(P^2 (P + c V)) cos^2 (t + sqrt(c V)(own + other L/P))^2

    N has entries of variance V/rows; u, u' in R^rows are unit vectors independent of N. `own` is the cosine between v
    and the combination N^T u of rows that the signal is added to: negative where the signal cancels it, as a step of
    gradient descent does. `other` is the cosine with the best combination of rows from directions orthogonal to u. The
    right overlap is with v itself; that with a direction independent of N, of cosine b with v, is the left overlap
    times b^2 t^2 (P + V)/(P (P + c V)). With own = other = 0 this is `spiked_rectangular`.
    Leading order in rows, cols -> oo; at 1000 x 700 six draws meet all three within their error of 1 %. For ratio > 1 a
    combination of rows that the signal all but cancels leaves below the bulk; that singular value isn't given.
    Raises ValueError for negative strengths, own^2 + other^2 > 1, a ratio or variance that isn't positive.
    Derived for this package, from the eigenvalues of M^T M - c V for M = (N + t u v^T)^T [u, u'].

    >>> correlated_spike(2.0, 0.5, own=[-0.3, 0.0, 0.3]).location.round(6).tolist()
    [2.1932, 2.371708, 2.54001]
    """
    t = checks.array("strength", strength, "pass the singular value of the signal")
    own, other = (checks.array(name, x, "pass a cosine") for name, x in (("own", own), ("other", other)))
    v = checks.array("variance", variance, "pass rows times the variance of one entry", above=0)
    t, c, own, other, v = checks.together(strength=t, ratio=_ratio(ratio), own=own, other=other, variance=v)
    _singular("strength", t, np.sqrt(v), "move the sign into own and other")
    square = own**2 + other**2
    if np.any(square > 1):
        first = square[square > 1].flat[0].item()
        raise ValueError(f"own^2 + other^2 must be at most 1; got {first!r}; pass cosines with v")
    # in units of sqrt(variance), k = sqrt(c): P^2 - P (t^2 + 2 t own k) - (t other k)^2 = 0, and P = k at the threshold
    std, k = np.sqrt(v), np.sqrt(c)
    first, second = own * k, other * k
    leading = k + second**2
    root = np.sqrt(first**2 + leading)
    # of the two equal quotients the one whose sum doesn't cancel
    critical = k * np.where(first > 0, 1 / (root + np.abs(first)), (root + np.abs(first)) / leading)
    detached = t > critical * std
    s = np.where(detached, t / std, 2 * critical)
    mixed = s * second
    top = _top_eigenvalue(s * (s + 2 * first), mixed)
    # P^2 - c vanishes with t - critical: factorised through the roots in t of P = k
    conjugate = k**2 / (leading * critical)  # minus the other root
    above = leading * (s - critical) * (s + conjugate) / (k + mixed**2 / top)
    found = detachment(top, 1.0, c, detached=detached, above=above)
    cos2 = 1 / (1 + (mixed / top) ** 2)
    right = found.right_overlap / top * cos2 * (s + k * (own + other * mixed / top)) ** 2
    return _outlier(std * found.location, found.left_overlap * cos2, right, critical * std, detached)


def _top_eigenvalue(corner: FloatArray, mixed: FloatArray) -> FloatArray:
    """Largest eigenvalue of [[corner, mixed], [mixed, 0]], without cancellation for a negative corner."""
    root = np.hypot(corner, 2 * mixed)
    return np.where(corner > 0, (corner + root) / 2, 2 * mixed**2 / np.where(corner > 0, 1.0, root - corner))
