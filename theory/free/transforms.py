"""Transforms of free probability for any law: G, F, psi, eta, and the R- and S-transforms by inverting them.

    G(z) = int dF(x)/(z - x),   F = 1/G,   psi(z) = int z x/(1 - z x) dF(x),   eta = psi/(1 + psi)
    R(G(z)) = z - 1/G(z),   S(z) = (1 + z)/z psi^{-1}(z)

R adds for sums of free variables, S multiplies for products of free positive ones (Voiculescu 1986, 1987).
"""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.law import Law

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def cauchy_transform(law: Law, z: Any) -> Any:
    """G(z) = int dF(x)/(z - x), minus the Stieltjes transform of `theory.Law`; NaN on the support."""
    return -law.stieltjes(z)


def psi_transform(law: Law, z: Any) -> Any:
    """psi(z) = int z x/(1 - z x) dF(x) = G(1/z)/z - 1, the generating function of the moments; NaN at z = 0."""
    z = np.asarray(z)
    with np.errstate(all="ignore"):
        value = cauchy_transform(law, 1 / z) / z - 1
    return value if z.ndim else value.item()


def eta_transform(law: Law, z: Any) -> Any:
    """eta = psi/(1 + psi) = 1 - z F(1/z), F = 1/G."""
    psi = np.asarray(psi_transform(law, z))
    value = psi / (1 + psi)
    return value if value.ndim else value.item()


def r_transform(law: Law, g: ArrayLike) -> Any:
    """R(g) = G^{-1}(g) - 1/g for real g that G takes on the real axis outside the ends of the support.

    R(g) = kappa_1 + kappa_2 g + kappa_3 g^2 + ... with the free cumulants. Closed forms for the semicircle and
    Marchenko-Pastur laws, elsewhere by inversion to rounding error. Raises ValueError for g outside that range.

    >>> from theory import MarchenkoPastur
    >>> r_transform(MarchenkoPastur(0.5), 0.2) == 1 / (1 - 0.5 * 0.2)
    True
    """
    from theory.free.divisible import closed_r_transform
    from theory.free.gaps import outer_gap

    require_bounded("law", law)
    g = checks.array("g", g, "pass real values of G outside the support")
    gap = outer_gap(law, multiplicative=False)
    checked_range("g", g, gap.lowest, gap.highest)
    closed = closed_r_transform(law)
    value = closed.value(g) if closed else gap.at(np.ravel(g)).r.reshape(g.shape)
    return value if g.ndim else float(value)


def s_transform(law: Law, z: ArrayLike) -> Any:
    """S(z) = (1 + z)/z psi^{-1}(z), real z with mass at 0 - 1 < z < psi at the upper edge; the law on [0, oo).

    S(0) = 1/mean. By inversion to rounding error. Raises ValueError for z outside that range and for a law with
    negative values.

    >>> from theory import MarchenkoPastur
    >>> round(s_transform(MarchenkoPastur(0.5), -0.2), 12) == round(1 / (1 - 0.5 * 0.2), 12)
    True
    """
    from theory.free.gaps import outer_gap

    require_bounded("law", law)
    require_positive("law", law)
    z = checks.array("z", z, "pass real values of psi outside the support")
    gap = outer_gap(law, multiplicative=True)
    checked_range("z", z, gap.lowest, gap.highest)
    # (1 + z)/(z w) with w - F(w) = r, F = w/(1 + z): nothing cancels at z = 0, where w is infinite
    value = 1 / gap.at(np.ravel(z)).r.reshape(z.shape)
    return value if z.ndim else float(value)


def excess(law: Law, w: ComplexArray) -> ComplexArray:
    """F(w) - w = -1/m(w) - w, which maps the upper half plane into its closure; the mean with a minus sign at infinity.

    Far out, where the difference cancels, by the Laurent series -mean - variance/u - third/u^2, u = w - mean.
    """
    mean, variance, third, reach = moments(law)
    u = w - mean
    far = ~(np.abs(u) < 1e4 * reach)
    near = np.where(far, complex(mean, reach), w)
    series = -mean - (variance + third / u) / u
    return np.where(far, np.where(np.isinf(u), -mean, series), -1 / law._stieltjes(near) - near)


def checked_range(name: str, values: FloatArray, low: float, high: float) -> None:
    """Raises ValueError naming the first value not strictly inside (low, high)."""
    bad = ~((values > low) & (values < high))
    if np.any(bad):
        raise ValueError(
            f"{name} must lie in ({low:.6g}, {high:.6g}), the range outside the support; "
            f"got {float(values[bad].flat[0])!r}; pass a value nearer to 0"
        )


def require_bounded(name: str, law: Any) -> Law:
    """Returns `law`, or raises ValueError unless it is a law of eigenvalues with bounded support."""
    if not isinstance(law, Law):
        raise ValueError(f"{name} must be a Law; got {law!r}; pass an instance such as MarchenkoPastur(0.5)")
    if law.kind != "eigenvalues":
        raise ValueError(f"{name} must describe eigenvalues; got {law.kind}; pass the law of the squared values")
    if not all(map(math.isfinite, law._ends)):
        raise ValueError(f"{name} must have bounded support; got {law!r}; truncate it")
    return law


def require_positive(name: str, law: Law) -> Law:
    """Returns `law`, or raises ValueError unless its support lies in [0, oo) and isn't 0 alone."""
    low, high = law._ends
    if low < 0 or high <= 0:
        raise ValueError(f"{name} must be >= 0 and not the constant 0; got support from {low:g} to {high:g}; shift it")
    return law


def point(law: Law) -> float | None:
    """The value of a law that is constant, None for any other."""
    low, high = law._ends
    return low if low == high else None


@functools.lru_cache(maxsize=256)
def moments(law: Law) -> tuple[float, float, float, float]:
    """Returns mean, variance, third centred moment and half the width of the support."""
    low, high = law._ends
    return law.mean, law.std**2, law.free_cumulant(3), (high - low) / 2
