"""Kernel matrices of one random network on Gaussian data: what the laws of this folder describe."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theory.activations import Activation, function
from theory.kernels.activations import derivative, normalized

FloatArray = NDArray[np.float64]


def sampled_kernel(
    activation: Activation, n: int, inputs: int, widths: Sequence[int], readout_scale: float, rng: np.random.Generator
) -> FloatArray:
    """Draws CK + readout_scale (NTK - CK), n x n, of f(x) = v^T x_L, x_l = s(W_l x_{l-1})/sqrt(h_l), x_0 = x/sqrt(d).

    CK = X_L^T X_L, NTK = CK + sum_l (X_{l-1}^T X_{l-1}) o (G_l^T G_l), G_l = df/d(W_l x_{l-1}); W_l and x have
    standard Gaussian entries, v = +-1 (a Gaussian v would only add its mean square as a scale), s is normalised.
    """
    f, constants = function(activation), normalized(activation)
    slope = derivative(f)
    x_dn = rng.standard_normal((inputs, n)) / math.sqrt(inputs)
    layers, slopes, weights = [x_dn], [], []
    for width in widths:
        w = rng.standard_normal((width, len(layers[-1])))
        z_hn = w @ layers[-1]
        layers.append((f(z_hn) - constants.mean) / (constants.std * math.sqrt(width)))
        slopes.append(slope(z_hn) / (constants.std * math.sqrt(width)) if readout_scale else None)
        weights.append(w)
    kernel = layers[-1].T @ layers[-1]
    if not readout_scale:
        return kernel
    back = np.sign(rng.random((widths[-1], 1)) - 0.5) * slopes[-1]
    for level in range(len(widths) - 1, -1, -1):
        kernel += readout_scale * (layers[level].T @ layers[level]) * (back.T @ back)
        if level:
            back = slopes[level - 1] * (weights[level].T @ back)
    return (kernel + kernel.T) / 2
