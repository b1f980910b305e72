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
from theory.laws.alpha_stable import AlphaStable, _integrals

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
TINY = 1e-200  # of the scale of a law


def cauchy_transform(law: Law, z: Any) -> Any:
    """G(z) = int dF(x)/(z - x), minus the Stieltjes transform of `theory.Law`; NaN on the support.

    The sign is Voiculescu's (1986); zG(z) -> 1 at infinity.
    """
    return -law.stieltjes(z)


def psi_transform(law: Law, z: Any) -> Any:
    """psi(z) = int z x/(1 - z x) dF(x) = G(1/z)/z - 1, the generating function of the moments; NaN at z = 0.

    NaN on the support of 1/X too. Source: Voiculescu 1987.
    """
    z = np.asarray(z)
    with np.errstate(all="ignore"):
        value = cauchy_transform(law, 1 / z) / z - 1
    return value if z.ndim else value.item()


def eta_transform(law: Law, z: Any) -> Any:
    """eta = psi/(1 + psi) = 1 - z F(1/z), F = 1/G; NaN where psi is. Source: Belinschi and Bercovici 2007."""
    psi = np.asarray(psi_transform(law, z))
    value = psi / (1 + psi)
    return value if value.ndim else value.item()


def r_transform(law: Law, g: ArrayLike) -> Any:
    """R(g) = G^{-1}(g) - 1/g for real g that G takes on the real axis outside the ends of the support.

    R(g) = kappa_1 + kappa_2 g + kappa_3 g^2 + ... with the free cumulants. Closed forms for the semicircle and
    Marchenko-Pastur laws, elsewhere by inversion to rounding error. A law without an upper end has its g < 0, one
    without a lower end its g > 0. Raises ValueError for g outside that range and for a law without both.
    Source: Voiculescu 1986; free cumulants Speicher 1994.

    >>> from theory import MarchenkoPastur
    >>> r_transform(MarchenkoPastur(0.5), 0.2) == 1 / (1 - 0.5 * 0.2)
    True
    """
    from theory.free.divisible import closed_r_transform
    from theory.free.gaps import outer_gap

    require_eigenvalues("law", law)
    g = checks.array("g", g, "pass real values of G outside the support")
    constant = point(law)
    if constant is not None:
        return np.full(g.shape, constant) if g.ndim else constant
    gap = outer_gap(law, multiplicative=False)
    checked_range("g", g, gap.lowest, gap.highest)
    closed = closed_r_transform(law)
    value = closed.value(g) if closed else gap.at(np.ravel(g)).r.reshape(g.shape)
    return value if g.ndim else float(value)


def s_transform(law: Law, z: ArrayLike) -> Any:
    """S(z) = (1 + z)/z psi^{-1}(z), real z with mass at 0 - 1 < z < psi at the upper edge; the law on [0, oo).

    S(0) = 1/mean. By inversion to the rounding of the law's transform, also towards -1 next to a hard edge at 0, until
    S overflows; z < 0 for a law without an upper end. Raises ValueError for z outside that range and for a law with
    negative values. Source: Voiculescu 1987.

    >>> from theory import MarchenkoPastur
    >>> round(s_transform(MarchenkoPastur(0.5), -0.2), 12) == round(1 / (1 - 0.5 * 0.2), 12)
    True
    """
    from theory.free.gaps import outer_gap
    from theory.free.towards_zero import lowest, s_towards_zero

    require_eigenvalues("law", law)
    require_positive("law", law)
    z = checks.array("z", z, "pass real values of psi outside the support")
    constant = point(law)
    if constant is not None and constant > 0:
        return np.full(z.shape, 1 / constant) if z.ndim else 1 / constant
    gap = outer_gap(law, multiplicative=True)
    reaches_zero = law._ends[0] == 0
    least = lowest(law) - 1 if reaches_zero else gap.lowest
    checked_range("z", z, least, gap.highest)
    # (1 + z)/(z w) with w - F(w) = r, F = w/(1 + z): nothing cancels at z = 0, where w is infinite
    points = np.ravel(z)
    near = reaches_zero & (points < least / 2)
    value = 1 / gap.at(np.where(near, least / 2, points)).r
    value[near] = s_towards_zero(law, 1 + points[near])
    value = value.reshape(z.shape)
    return value if z.ndim else float(value)


def excess(law: Law, w: ComplexArray) -> ComplexArray:
    """F(w) - w = -1/m(w) - w, which maps the upper half plane into its closure; the mean with a minus sign at infinity.

    Far out, where the difference cancels, by the Laurent series -mean - variance/u - third/u^2, u = w - mean; that of
    a law with a power tail has no such terms and keeps its relative accuracy in w.
    """
    mean, variance, third, reach = moments(law)
    u = w - mean if math.isfinite(mean) else w
    far = ~(np.abs(u) < 1e4 * reach) if law.tail_index == math.inf else np.isinf(u)
    near = np.where(far, complex(mean, reach), w)
    series = -mean - (variance + third / u) / u
    value = _stable_excess(law, near) if isinstance(law, AlphaStable) else -1 / stieltjes(law, near) - near
    if law.tail_index < math.inf:  # where rounding of Im w hides Im h, that is nothing to the other law's; but not 0
        value = value.real + 1j * np.copysign(np.maximum(value.imag * np.sign(w.imag), TINY * reach), w.imag)
    return np.where(far, np.where(np.isinf(u), -mean, series), value)


def stieltjes(law: Law, w: ComplexArray) -> ComplexArray:
    """m(w) off the support and above it, whose imaginary part keeps its digits down a power tail.

    There Im m lies below the rounding of m = -1/w - ..., and is pi pdf + Im w Re m' up to the square of Im w/w.
    """
    value = law._stieltjes(w)
    if law.tail_index == math.inf:
        return value
    k = np.flatnonzero((np.abs(w.imag) < 1e-5 * np.abs(w.real)) & (np.abs(w.real) > 10 * width(law)) & (w.imag != 0))
    if len(k):
        sides = w[k] * (1 + 1e-3 * np.array([-2.0, -1.0, 1.0, 2.0])[:, None])
        slope = np.array([1.0, -8.0, 8.0, -1.0]) / 12e-3 @ law._stieltjes(sides.ravel()).real.reshape(4, -1)
        density = np.copysign(np.pi * law.pdf(w[k].real), w[k].imag)
        value[k] = value[k].real + 1j * (density + w[k].imag * slope / w[k].real)
    return value


def _stable_excess(law: AlphaStable, w: ComplexArray) -> ComplexArray:
    """-(1 + w m)/m, 1 + w m = alpha J, an even function: -1/m - w loses all digits of |w|^(1 - alpha) far out."""
    y = w / law.scale
    point = np.abs(y.real) + 1j * np.maximum(np.abs(y.imag), 1e-300)
    sums = _integrals(law.alpha, np.where(np.isfinite(y), point, 1j))
    share = law.alpha * sums[:, 1]
    share = np.where((y.real < 0) != (y.imag < 0), share.conj(), share)
    return -share / stieltjes(law, w)


def checked_range(name: str, values: FloatArray, low: float, high: float) -> None:
    """Raises ValueError naming the first value not strictly inside (low, high)."""
    bad = ~((values > low) & (values < high))
    if np.any(bad):
        raise ValueError(
            f"{name} must lie in ({low:.6g}, {high:.6g}), the range outside the support; "
            f"got {float(values[bad].flat[0])!r}; pass a value nearer to 0"
        )


def require_law(name: str, law: Any) -> Law:
    """Returns `law`, or raises ValueError unless it is a law of eigenvalues, or of scalars on a matrix's diagonal."""
    if not isinstance(law, Law):
        raise ValueError(f"{name} must be a Law; got {law!r}; pass an instance such as MarchenkoPastur(0.5)")
    if law.kind == "singular_values":
        raise ValueError(f"{name} must describe eigenvalues; got {law.kind}; pass the law of the squared values")
    return law


def require_eigenvalues(name: str, law: Any) -> Law:
    """Returns `law`, or raises ValueError unless it is a law of eigenvalues."""
    if require_law(name, law).kind != "eigenvalues":
        raise ValueError(f"{name} must describe eigenvalues; got {law.kind}; pass the law of a matrix")
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
    """Returns mean, variance, third centred moment and half the `width`; without the variance for heavy tails."""
    if law.tail_index < math.inf:
        return law.mean, math.inf, math.nan, width(law) / 2
    return law.mean, law.std**2, law.free_cumulant(3), width(law) / 2


def ends(law: Law) -> tuple[float, float]:
    """Ends of the support, an infinite one replaced by that of the window."""
    low, high = law._ends
    low = low if math.isfinite(low) else law.window[0][0]
    return low, high if math.isfinite(high) else law.window[-1][1]


@functools.lru_cache(maxsize=256)
def width(law: Law) -> float:
    """The scale on which the law varies: width of the support, four standard deviations, or that of 9/10 of the mass.

    The second for unbounded laws, the third for those with a power tail.
    """
    low, high = law._ends
    if math.isfinite(high - low):
        return high - low
    if law.tail_index == math.inf:
        return 4 * law.std
    return float(law.quantile(0.95) - law.quantile(0.05))


@functools.lru_cache(maxsize=256)
def centre(law: Law) -> float:
    """The mean where it is finite, else the median."""
    mean = law.mean if law.tail_index > 1 else math.nan
    return mean if math.isfinite(mean) else float(law.quantile(0.5))
