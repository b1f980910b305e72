"""The self-consistent equations of a sum of Gram matrices of consecutive random layers.

    K = sum_l q_l X_l^T X_l,  l = 0..L,   X_0: n columns of d independent entries of variance 1/d,
    X_l = s(W_l X_{l-1})/sqrt(h_l), equivalent to a Gaussian matrix with h_l rows of covariance
    Phi_l = (1 - b^2) + b^2 X_{l-1}^T X_{l-1},   b = E s'(xi), s centred and of unit variance.

With R = (K - y)^-1, m = tr R/n, e_0 = m, e_l = tr Phi_l R/n and g_0 = n/d, g_l = n/h_l the layers are integrated out
from the last to the first; each leaves k_l Phi_l in place of c_l X_l^T X_l:

    k_l = c_l/(1 + g_l c_l e_l),   c_l = q_l + b^2 k_{l+1}  (c_L = q_L),
    1/m = k_0 + (1 - b^2)(k_1 + ... + k_L) - y,   e_{l+1} = (1 - b^2) m + b^2 e_l/(1 + g_l c_l e_l).

For Im y > 0 the map e -> e sends the upper half plane into itself, so one solution has all Im e_l > 0 (Earle and
Hamilton 1970). Equal to Fan and Wang 2020, theorem 3.7, whose two-variable recursion is the same elimination.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Array = Any  # an array of float64 or complex128


class Layers(NamedTuple):
    """Ratios g_0..g_L, weights q_0..q_L and b^2 of the sum K."""

    ratios: tuple[float, ...]
    weights: tuple[float, ...]
    square: float  # b^2


class Equations(NamedTuple):
    """Value and derivatives of the equations k_l - c_l/(1 + g_l c_l e_l) = 0 at N points y."""

    value: Array  # (L + 1, N)
    jacobian: Array  # (N, L + 1, L + 1), by k
    by_y: Array  # (L + 1, N), derivative by y
    trace: Array  # (N,) m
    traces: Array  # (L + 1, N) e_l


def equations(layers: Layers, k: Array, y: Array) -> Equations:
    """Evaluates the equations at k (L + 1, N) and y (N,), real or complex."""
    b2 = layers.square
    depth = len(layers.ratios)
    share = np.full((depth, 1), 1 - b2)
    share[0] = 1.0
    m = 1 / (np.sum(share * k, axis=0) - y)
    m2 = m * m
    by_k = -share * m2  # derivative of m by each k_j; by y it is m^2
    e, e_by_k, e_by_y = m, by_k, m2
    value, rows, by_y, traces = [], [], [], []
    for level, (g, q) in enumerate(zip(layers.ratios, layers.weights, strict=True)):
        last = level == depth - 1
        c = q + 0 * m if last else q + b2 * k[level + 1]
        r = 1 / (1 + g * c * e)
        r2, cross = r * r, g * (c * r) ** 2
        value.append(k[level] - c * r)
        row = cross * e_by_k
        row[level] += 1
        if not last:
            row[level + 1] -= b2 * r2
        rows.append(row)
        by_y.append(cross * e_by_y)
        traces.append(e)
        slope = b2 * r2
        e_next = (1 - b2) * m + b2 * e * r
        e_by_k = (1 - b2) * by_k + slope * e_by_k
        if not last:
            e_by_k[level + 1] -= b2 * slope * g * e * e
        e_by_y = (1 - b2) * m2 + slope * e_by_y
        e = e_next
    jacobian = np.array(rows).transpose(2, 0, 1)
    return Equations(np.array(value), jacobian, np.array(by_y), m, np.array(traces))


def moments(layers: Layers, order: int) -> FloatArray:
    """Moments 0..order of K: the equations solved as power series in 1/y, exact up to rounding."""
    depth, size = len(layers.ratios), order + 1

    def product(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.convolve(a, b)[:size]

    def inverse_of_one_plus(a: FloatArray) -> FloatArray:
        result = np.zeros(size)
        result[0] = 1.0
        for j in range(1, size):
            result[j] = -np.dot(a[1 : j + 1], result[j - 1 :: -1][:j])
        return result

    # Series in w = 1/y of k_l and of -y m = sum of moments w^j; e = -w(...), so `depth` passes settle one more order.
    b2, k, trace = layers.square, np.zeros((depth, size)), np.eye(1, size)[0]
    for _ in range(size * depth):
        shifted = np.concatenate([[0.0], (k[0] + (1 - b2) * np.sum(k[1:], axis=0))[:-1]])
        trace = inverse_of_one_plus(-shifted)
        e = trace
        new = np.zeros_like(k)
        for level, (g, q) in enumerate(zip(layers.ratios, layers.weights, strict=True)):
            c = q * np.eye(1, size)[0] + (b2 * k[level + 1] if level + 1 < depth else 0.0)
            ratio = inverse_of_one_plus(np.concatenate([[0.0], -g * product(c, e)[:-1]]))
            new[level] = product(c, ratio)
            e = (1 - b2) * trace + b2 * product(e, ratio)
        k = new
    return trace
