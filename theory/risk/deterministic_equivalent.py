"""The one scalar behind every risk at proportional size: the effective ridge kappa, and what follows from it.

n samples, p features with covariance Sigma of spectral law H, c = p/n, S the sample covariance. For large n the
resolvent (S + l)^-1 acts like (kappa/l) (Sigma + kappa)^-1 with

    kappa = l + c kappa int t/(t + kappa) dH        (kappa = 1/m at z = -l, m the Stieltjes transform of X X^T/n)

Source: Bai and Silverstein 2010; Dobriban and Wager 2018.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.population import Nodes, Population, nodes

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
LARGEST = 1e100  # ratio: its square, and that times the population, stay finite


class Equivalent(NamedTuple):
    """Floats, or arrays in the common shape of ridge and ratio."""

    kappa: Any  # effective ridge
    shrinkage: Any  # l/kappa = 1 - df1; its limit where both vanish
    df1: Any  # c int t/(t + kappa) dH: degrees of freedom per sample
    df2: Any  # c int t^2/(t + kappa)^2 dH; risk diverges as it tends to 1
    spare: Any  # 1 - df2, without cancellation


def deterministic_equivalent(ridge: ArrayLike, ratio: ArrayLike, population: Population = None) -> Equivalent:
    """Effective ridge and degrees of freedom of ridge regression with penalty `ridge` |b|^2 on the mean square error.

    `ratio` is features over samples. ridge = 0 is allowed: then kappa = 0 where ratio (1 - H{0}) <= 1.
    Right to 1e-13 of itself away from ridge = 0, ratio = 1. `population` as in `theory.population.nodes`.
    Raises ValueError for a negative ridge or a ratio that is not positive, ArithmeticError if Newton fails.
    Limit n, p -> oo at fixed ratio; resolvents of one sample deviate by order 1/n in their traces. Source: see the
    module.

    >>> e = deterministic_equivalent(0.1, 2.0)
    >>> round(e.kappa, 6), round(e.df1, 6), round(e.df2, 6)
    (1.184429, 0.915571, 0.419135)
    """
    penalty, c = border(ridge, ratio)
    e = equivalent(penalty.ravel(), c.ravel(), nodes(population))
    return Equivalent(*(shaped(part, c.shape) for part in e))


def border(ridge: ArrayLike, ratio: ArrayLike) -> tuple[FloatArray, ...]:
    """Checks and converts the two arguments, and gives them their common shape."""
    penalty = checks.array("ridge", ridge, "pass the factor of |b|^2, at least 0")
    if np.any(penalty < 0):
        first = penalty[penalty < 0].flat[0].item()
        raise ValueError(f"ridge must not be negative; got {first!r}; pass the factor of |b|^2")
    c = checks.array("ratio", ratio, "pass features / samples", above=0)
    if np.any(c > LARGEST):
        raise ValueError(f"ratio must be at most {LARGEST:g}; got {np.max(c).item()!r}; pass features / samples")
    return checks.together(ridge=penalty, ratio=c)


def shaped(values: FloatArray, shape: tuple[int, ...]) -> Any:
    """Gives the results of flattened arguments the arguments' shape; a float for scalars."""
    return values.reshape(shape) if shape else values.item()


def equivalent(ridge: FloatArray, c: FloatArray, h: Nodes) -> Equivalent:
    """The same for checked arguments of shape (m,)."""
    kappa = _kappa(ridge, c, h)
    present = 1 - float(np.sum(h.weights[h.values == 0]))
    positive = kappa > 0
    safe = np.where(positive, kappa, 1.0)[:, None]
    shrinkage = np.where(positive, ridge / safe[:, 0], np.maximum(1 - c * present, 0.0))
    inverse = 1 / (h.values + safe)  # of a product: the square of a large ridge would overflow
    cross = np.where(positive, c * h.mean((safe * inverse) * (h.values * inverse)), 0.0)
    spare = shrinkage + cross  # 1 - df2, as df1 - df2 = c kappa int t/(t + kappa)^2
    return Equivalent(kappa, shrinkage, 1 - shrinkage, 1 - spare, spare)


def complex_kappa(z: ComplexArray, c: float, h: Nodes) -> ComplexArray:
    """kappa(z) = 1/m(z) at points (k,) off [0, b], b the top of the sample spectrum.

    Newton, followed along rays from infinity, where kappa = -z: the rays don't cross the spectrum, so the branch is
    the right one; the sign of Im m is checked. Raises ArithmeticError with the residual.
    """
    reach = 20 * h.top * (1 + np.sqrt(c)) ** 2
    radius = np.abs(z)
    ratio, direction = 0.6, z / radius
    kappa = -direction * np.maximum(radius, reach)
    while True:
        here = direction * np.maximum(radius, reach)
        kappa = _newton(kappa, here, c, h, rounds=3)
        if reach <= np.min(radius):
            break
        kappa, reach = kappa * np.maximum(radius, ratio * reach) / np.maximum(radius, reach), ratio * reach
    kappa = _newton(kappa, z, c, h, rounds=4)
    residual = np.abs(_excess(kappa, z, c, h)[0]) / (np.abs(z) + np.abs(kappa))
    if not np.all(residual < 1e-11) or np.any(kappa.imag * z.imag > 0):
        raise ArithmeticError(f"effective ridge must solve its equation to 1e-11; got {np.max(residual):.1g}; keep z "
                              "away from the spectrum")
    return kappa


def upper_edge(c: float, h: Nodes) -> float:
    """Upper end of the spectrum of S: the least of u (1 + c int t/(u - t) dH) over u above the population.

    Silverstein and Choi 1995. Convex in u; where the density of the population vanishes so fast at its top that the
    slope doesn't change sign, the least is taken at the top.
    """

    def slope(u: float) -> float:
        return 1 - c * float(h.mean((h.values / (u - h.values)) ** 2))

    low, high = h.top * (1 + 1e-12), h.top * (1 + 2 * np.sqrt(c))
    u = low if slope(low) > 0 else scipy.optimize.root_scalar(slope, bracket=(low, high), rtol=1e-14).root
    return u * (1 + c * float(h.mean(h.values / (u - h.values))))


def _kappa(ridge: FloatArray, c: FloatArray, h: Nodes) -> FloatArray:
    """kappa (1 - df1(kappa)) - ridge is convex in kappa: Newton from an upper bound falls to the largest root."""
    kappa = ridge + c * h.mean(h.values)
    kappa = np.where((ridge == 0) & (c * (1 - np.sum(h.weights[h.values == 0])) <= 1), 0.0, kappa)
    active = np.flatnonzero(kappa > 0)
    fall = np.zeros(1)
    for _ in range(1200):  # a double root (ridge = 0, c = 1) is approached by halving
        if not active.size:
            return kappa
        old = kappa[active]
        excess, slope = _excess(old, -ridge[active], c[active], h)
        new = np.clip(old - excess / slope, np.maximum(ridge[active], old / 8), old)
        kappa[active], fall = new, (old - new) / old
        active = active[fall > 4e-16]
    raise ArithmeticError(f"effective ridge must converge; got a step of {np.max(fall):.1g} of it; pass a larger ridge")


def _newton(kappa: ComplexArray, z: ComplexArray, c: float, h: Nodes, *, rounds: int) -> ComplexArray:
    for _ in range(rounds):
        excess, slope = _excess(kappa, z, c, h)
        kappa = kappa - excess / slope
    return kappa


def _excess(kappa: Any, z: Any, c: Any, h: Nodes) -> tuple[Any, Any]:
    """kappa (1 - df1) + z and its derivative 1 - df2; 1 - df1 as (1 - c) + c kappa int 1/(t + kappa) for c <= 2.

    That keeps its digits for small kappa; for large c, where kappa is large too, the two terms would cancel.
    """
    inverse = 1 / (h.values + kappa[:, None])
    near = (1 - c) + c * kappa * h.mean(inverse)
    shrinkage = np.where(np.asarray(c) > 2, 1 - c * h.mean(h.values * inverse), near)
    return kappa * shrinkage + z, shrinkage + c * kappa * h.mean(h.values * inverse**2)
