"""Where a rank-one signal puts an outlier beside any bulk, and how well its vectors point at the signal.

Overlaps are squared. The law of the bulk enters through sums over its mass seen from outside (`off_support`), so any
`Law` with finite bands will do; the Marchenko-Pastur law and the semicircle give `spiked_rectangular` and
`spiked_wigner` back, to 1e-12. Signals are independent of the bulk, or the bulk is invariant under rotations.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.law import Law
from theory.outliers.off_support import View, views
from theory.outliers.rising import rising_root
from theory.outliers.spikes import Outlier, _outlier, _singular

FloatArray = NDArray[np.float64]


def spiked(law: Law, strength: ArrayLike, ratio: float) -> Outlier:
    """Largest singular value of N + strength u v^T for a matrix N (rows x cols) with any spectrum.

        D(s) = phi(s) phi~(s),   phi~(s) = int s/(s^2 - x) dF(x),   phi(s) = ratio phi~(s) + (1 - ratio)/s
        location: D(s) = 1/strength^2,   threshold D(edge)^(-1/2),
        left overlap -2 phi/(strength^2 D'),   right overlap -2 phi~/(strength^2 D')

    `law` is that of the eigenvalues of N^T N, without dividing by rows: it has cols eigenvalues; ratio = cols/rows.
    Where ratio > 1 it has an atom of at least 1 - 1/ratio at 0. Singular values that a signal puts into gaps of the
    bulk are not given. Several signals act independently as long as their strengths differ: pass them as an array;
    of equal ones only the overlap with their span is meaningful.
    Raises ValueError for negative strengths, a law with negative or unbounded support or one that contradicts ratio.
    Source: Benaych-Georges and Nadakuditi 2012, theorems 2.8 and 2.9 (with rows and columns exchanged).

    >>> from theory import MarchenkoPastur
    >>> round(spiked(MarchenkoPastur(0.25), 2.0, ratio=0.25).location, 6)
    2.304886
    """
    theta = checks.array("strength", strength, "pass the singular value of the signal")
    c, view = _rectangular(law, ratio)
    _singular("strength", theta, np.sqrt(view.edge) or 1.0, "move the sign into a vector")
    threshold = _critical_strength(view, c)
    detached = theta > threshold
    t = theta[detached]
    # phi and phi~ are at most s/(s^2 - edge^2), so the distance of s^2 to the edge is below strength (strength + edge)
    delta = rising_root(_rise_of_strength(view, c, threshold), (t - threshold) * (t + threshold),
                        t * (t + np.sqrt(view.edge)))
    reach, companion, slope = _transforms(view, c, delta)
    location, left, right = np.full(theta.shape, np.sqrt(view.edge)), np.zeros(theta.shape), np.zeros(theta.shape)
    location[detached] = np.sqrt(view.edge + delta)
    left[detached], right[detached] = companion**2 / (reach * slope), companion / slope
    return _outlier(location, left, right, np.full(theta.shape, threshold), detached)


def signal_strength(law: Law, location: ArrayLike, ratio: float) -> Any:
    """Strength of the signal behind an outlying singular value: the inverse of `spiked`; 0 inside the bulk.

        strength = D(location)^(-1/2)

    Raises ValueError as `spiked` does, of the location. Source: Nadakuditi 2014, algorithm 1.

    >>> from theory import MarchenkoPastur
    >>> law = MarchenkoPastur(0.25)
    >>> round(signal_strength(law, spiked(law, 2.0, ratio=0.25).location, ratio=0.25), 12)
    2.0
    """
    s = checks.array("location", location, "pass a singular value")
    c, view = _rectangular(law, ratio)
    edge = np.sqrt(view.edge)
    _singular("location", s, edge or 1.0, "pass a singular value")
    delta = np.where(s > edge, (s - edge) * (s + edge), 1.0)
    _, companion, _ = _transforms(view, c, delta)
    strength = np.where(s > edge, (view.sums(delta) * companion) ** -0.5, 0.0)
    return strength if strength.ndim else float(strength)


def spiked_symmetric(law: Law, strength: ArrayLike) -> tuple[Outlier, ...]:
    """Eigenvalues of N + strength u u^T outside the spectrum `law` of symmetric N: one `Outlier` per gap of `law`.

        location: G(x) = int dF(y)/(x - y) = 1/strength,   overlap -1/(strength^2 G'(x)),   threshold 1/G(edge)

    The first is the gap below all bands and atoms, the last the one above them; each holds at most one outlier. A
    positive strength sends it up from the gap's lower end, a negative one down from its upper end; `threshold` is the
    strength at which it leaves that end, infinite if none does. A strong signal pushes it through an inner gap into
    the next band: nothing is detached then, and the location is where it entered. Both overlaps are <u, u_hat>^2.
    Raises ValueError for a law with infinite bands and strengths that are not finite.
    Source: Benaych-Georges and Nadakuditi 2011, theorems 2.1 and 2.2.

    >>> from theory import Semicircle
    >>> below, above = spiked_symmetric(Semicircle(), 2.0)
    >>> round(above.location, 12), above.detached, below.detached
    (2.5, True, False)
    """
    theta = checks.array("strength", strength, "pass the eigenvalue of the signal")
    edges = _views(law)
    gaps = [(None, edges[0]), *zip(edges[1:-1:2], edges[2::2], strict=True), (edges[-1], None)]
    return tuple(_in_gap(low, high, theta) for low, high in gaps)


class _Leaving(NamedTuple):
    """What a signal drives off one end of a gap, in the shape of the strengths."""

    location: FloatArray
    overlap: FloatArray
    threshold: FloatArray
    detached: NDArray[np.bool_]


def _in_gap(low: View | None, high: View | None, theta: FloatArray) -> Outlier:
    """Combines what positive strengths do from the lower end of a gap and negative ones from its upper end."""
    up = _leaving(low, high, theta) if low else _nothing(high, theta)
    down = _leaving(high, low, -theta) if high else _nothing(low, theta)
    location, overlap, threshold, detached = (np.where(theta >= 0, a, b) for a, b in zip(up, down, strict=True))
    # + 0.0: a threshold of -0.0 would be odd to read
    return _outlier(location, overlap, overlap, np.where(theta >= 0, threshold, -threshold) + 0.0, detached)


def _nothing(view: View | None, theta: FloatArray) -> _Leaving:
    edge = view.edge if view else np.nan
    return _Leaving(np.full(theta.shape, edge), 0 * theta, np.full(theta.shape, np.inf), np.zeros(theta.shape, bool))


def _leaving(view: View, opposite: View | None, theta: FloatArray) -> _Leaving:
    """A signal of size `theta` pushes from the edge of `view` towards that of `opposite`; negative ones do nothing."""
    start = view.at_edge()
    threshold = 1 / start if start > 0 else np.inf  # 1/inf is 0: an atom or hard edge lets go at once
    end = -opposite.at_edge() if opposite else 0.0
    absorbed = theta >= 1 / end if end > 0 else np.zeros(theta.shape, bool)
    detached = (theta > threshold) & ~absorbed
    strength = theta[detached]
    delta = rising_root(_rise_of_inverse(view, start), strength - threshold, np.minimum(strength, view.gap))
    location = np.full(theta.shape, view.edge)
    location[absorbed] = opposite.edge if opposite else view.edge
    location[detached] += view.side * delta
    overlap = np.zeros(theta.shape)
    overlap[detached] = 1 / (1 + view.dispersion(delta))
    return _Leaving(location, overlap, np.full(theta.shape, threshold), detached)


def _rise_of_inverse(view: View, start: float) -> Any:
    """1/|G| at a distance from the edge minus its value there, and the slope; infinite from the zero of G on."""

    def rise(delta: FloatArray) -> tuple[FloatArray, FloatArray]:
        sums = view.sums(delta)
        value = 1 / sums if view.divergent else view.fall(delta) / (sums * start)
        return np.where(sums > 0, value, np.inf), 1 + view.dispersion(delta)

    return rise


def _transforms(view: View, c: float, delta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """s phi~, s phi and -D'/(2 s (phi~/s)^2) at distance `delta` of s^2 from the edge; all tend to 1 far away."""
    rest = view.sums(delta, view.position)  # s phi~ - 1; the sums below keep their digits for large ratios
    dispersion = view.dispersion(delta)
    return 1 + rest, 1 + c * rest, 1 + (1 + c) * dispersion + 2 * c * rest * (1 + dispersion)


def _critical_strength(view: View, c: float) -> float:
    start = view.at_edge()
    return float((start * (c * view.edge * start + 1 - c)) ** -0.5) if np.isfinite(start) else 0.0


def _rise_of_strength(view: View, c: float, threshold: float) -> Any:
    """1/D at a distance from the edge minus its value there, and the slope."""
    start = view.at_edge()

    def rise(delta: FloatArray) -> tuple[FloatArray, FloatArray]:
        _, companion, slope = _transforms(view, c, delta)
        first, slope = view.sums(delta), slope / companion**2
        if view.divergent:
            return 1 / (first * companion), slope
        drop = view.fall(delta) / first * (c * view.edge * (start + first) + 1 - c) - c * delta * first
        return drop / companion * threshold**2, slope

    return rise


def _rectangular(law: Law, ratio: float) -> tuple[float, View]:
    """Returns the checked ratio and the view from the upper edge."""
    c = checks.positive("ratio", ratio, "pass cols / rows of the matrix")
    edges = _views(law)
    if edges[0].edge < 0:
        raise ValueError(f"law of N^T N must be >= 0; got support from {edges[0].edge:g} on; pass the law of squares")
    at_zero = sum(mass for x, mass in law.atoms if x == 0)
    if at_zero < (1 - 1 / c) - 1e-9:
        raise ValueError(f"atom at 0 must be at least 1 - 1/ratio = {1 - 1 / c:.6g}; got {at_zero:g}; "
                         "pass the law of N^T N, not of N N^T, and ratio = cols/rows")
    return c, edges[-1]


def _views(law: Law) -> tuple[View, ...]:
    if not isinstance(law, Law) or law.kind != "eigenvalues":
        raise ValueError(f"law must describe eigenvalues; got {checks.shown(law)}; pass the law of the squares of "
                         "singular values")
    return views(law)
