"""Solutions of the layer equations at complex or real points, by Newton's method continued from large Im y.

At Im y > 0 one solution has all Im e_l > 0; every point accepted here is checked for it, so no step can land on another
branch. Unsafeguarded Newton along the real axis does jump branches.
"""

import numpy as np
from numpy.typing import NDArray

from theory.kernels.layers import Array, Equations, Layers, equations

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Mask = NDArray[np.bool_]
STEPS = 14  # Newton steps before a point is given up; from a good guess 3 or 4 are used
SETTLED = 1e-10  # relative step that ends the iteration: its square, times up to 1e4 next to edges, is below rounding


def newton(layers: Layers, k: Array, y: Array) -> tuple[Array, Equations, Mask]:
    """Solves the equations from the guesses k (L + 1, N) at y (N,).

    Returns k, the equations there and which points converged; each point stops on its own.
    """
    k = np.array(k)
    finished = np.zeros(y.shape, bool)
    system, before = equations(layers, k, y), np.full(y.shape, np.inf)
    for _ in range(STEPS):
        size = np.abs(k) + np.finfo(float).tiny
        step = _solved(system.jacobian, system.value, size)
        change, residual = np.max(np.abs(step) / size, axis=0), np.max(np.abs(system.value) / size, axis=0)
        k = np.where(finished, k, k - step)
        # Where a k_l is nearly 0, or next to a nearly hard edge, steps of rounding size stay above SETTLED.
        stagnant = (change < 1e-7) & (change > 0.7 * before)
        finished |= (change < SETTLED) | stagnant | ((residual < 1e-15) & (change < 1e-3))
        before = change
        system = equations(layers, k, y)
        if np.all(finished | np.isnan(change)):
            break
    return k, system, finished & np.all(np.isfinite(k), axis=0)


def follow(layers: Layers, y: ComplexArray, descend_to: FloatArray) -> tuple[ComplexArray, Mask]:
    """Solves at y (N,), Im y >= 0, as the limit from the upper half plane; returns k (L + 1, N) and which succeeded.

    The imaginary part is lowered geometrically to `descend_to` (N,), which must be small beside the distance of y to
    the next edge, and then to Im y. Off the support on the real axis k is real up to rounding.
    """
    k = np.repeat(_without_traces(layers)[:, None].astype(np.complex128), len(y), axis=1)
    height = np.full(y.shape, 8 * scale(layers)) + np.abs(y)
    # Beside an edge, at distances below 1e-13 y, rounding hides the sign of Im e; Newton's last step is enough there.
    lowest = np.minimum(np.maximum(np.maximum(descend_to, 1e-13 * np.abs(y)), y.imag), height)
    factor = np.full(y.shape, 0.12)
    k, found = _accept(layers, k, y.real + 1j * height)
    active = found.copy()
    while np.any(active):
        at = np.flatnonzero(active)
        target = np.maximum(height[at] * factor[at], lowest[at])
        k[:, at], good = _accept(layers, k[:, at], y.real[at] + 1j * target)
        height[at] = np.where(good, target, height[at])
        factor[at] = np.where(good, factor[at], np.sqrt(factor[at]))
        found[at] &= factor[at] < 0.98
        active[at] = (height[at] > lowest[at]) & found[at]
    # The last step may reach the real axis, where the imaginary parts of e vanish off the support.
    end, system, good = newton(layers, k, y)
    # so near to the axis the sign of an imaginary part is that of its rounding
    slack = np.where(y.imag > 1e-15 * np.abs(y), 0.0, 1e-6) * np.abs(system.traces)
    good &= np.all(system.traces.imag >= -slack, axis=0)
    return end, found & good


def solved(
    layers: Layers, y: Array, distance: FloatArray, guess: ComplexArray | None = None
) -> tuple[ComplexArray, ComplexArray]:
    """Solves at y (N,), Im y >= 0, from guesses inside the support where given, else as `follow`; returns k and m.

    `distance` (N,) is that to the nearest edge or atom. Raises ArithmeticError with the residual of the first failure.
    """
    y = np.asarray(y, np.complex128)
    if guess is None:
        k, good = follow(layers, y, 1e-3 * distance)
        system = equations(layers, k, y)
    else:
        k, system, good = newton(layers, guess, y)
        good &= np.all(system.traces.imag > 1e-10 * np.abs(system.traces), axis=0)
        if not np.all(good):
            k[:, ~good], good[~good] = follow(layers, y[~good], 1e-3 * distance[~good])
            system = equations(layers, k, y)
    if not np.all(good):
        first = int(np.flatnonzero(~good)[0])
        residual = np.max(np.abs(system.value[:, first]) / np.abs(k[:, first]))
        raise ArithmeticError(f"layer equations must converge; got a residual of {residual:.3g} of k at "
                              f"{complex(y[first])} for {layers}; move the point off the edge")
    return k, system.trace


def scale(layers: Layers) -> float:
    """Bound of the spectrum of K: norms of the layers by the edges of Wishart matrices."""
    total, norm = 0.0, 1.0
    for g, q in zip(layers.ratios, layers.weights, strict=True):
        norm *= (1 + np.sqrt(g)) ** 2
        total += q * norm
        norm = 1 - layers.square + layers.square * norm
    return float(total)


def _without_traces(layers: Layers) -> FloatArray:
    """Returns k at y = infinity: k_l = q_l + b^2 k_(l+1)."""
    k = np.zeros(len(layers.weights))
    above = 0.0
    for level in range(len(k) - 1, -1, -1):
        above = k[level] = layers.weights[level] + layers.square * above
    return k


def _accept(layers: Layers, guess: ComplexArray, y: ComplexArray) -> tuple[ComplexArray, Mask]:
    """Newton where it ends on the branch with all Im e_l > 0, the guess elsewhere; and where it did."""
    k, system, good = newton(layers, guess, y)
    good &= np.all(system.traces.imag > 0, axis=0)
    return np.where(good, k, guess), good


def _solved(jacobian: Array, value: Array, unit: FloatArray) -> Array:
    """Returns jacobian^-1 value per point, (L + 1, N); NaN where singular.

    Solved in units of k: next to 0 the k_l of a deep product differ by more powers of ten than a double has.
    """
    if jacobian.shape[-1] == 1:
        return value / jacobian[:, 0, 0]
    if jacobian.shape[-1] == 2:
        (a, b), (c, d) = jacobian[:, 0].T, jacobian[:, 1].T
        u, v = value
        return np.array([d * u - b * v, a * v - c * u]) / (a * d - b * c)
    scaled, right = jacobian * unit.T[:, None, :] / unit.T[:, :, None], (value / unit).T[..., None]
    try:
        return np.linalg.solve(scaled, right)[..., 0].T * unit
    except np.linalg.LinAlgError:
        eye = np.eye(jacobian.shape[-1])
        singular = ~np.all(np.isfinite(scaled), axis=(1, 2)) | (np.abs(np.linalg.det(scaled)) == 0)
        safe = np.where(singular[:, None, None], eye, scaled)
        return np.where(singular, np.nan, np.linalg.solve(safe, right)[..., 0].T * unit)
