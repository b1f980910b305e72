"""How the first update's leading vectors overlap with all singular vectors of the weights, before and after it.

Two-layer network of `theory.training.one_step`, W0 (h x d) and a Gaussian, zeta = X^T r/n = mu W0^T a/sqrt(hd) - c beta
+ noise the mean row of the gradient. Leading order in n, d, h; not in the paper. Minibatches: n is the batch.

The update's leading left vector u is a/|a| (gradient descent) or sgn(a)/sqrt h (Adam), its right vector w is along
zeta, under Adam up to a correlation rho_v. u doesn't know W0; w does, through the backward pass W0^T a. Hence, with l
the eigenvalue of W0^T W0/h that belongs to the right vector v,
    h E<u_k(W0), u>^2 = 1,    d E<v_k(W0), w>^2 = 1 + share (l - 1),   share = mu^2/|zeta|^2 (times rho_v^2 under Adam)
and |<w, W0^T a>|/|W0^T a| = sqrt(share). After the step, W1 = U M^T + N, U orthonormal (u; under Adam also the rest
of a), M = W1^T U, and N noise of variance S2 that knows neither M nor w. With g(z) = tr(z - N^T N)^{-1}/d, c = M^T w:
    <u, (z - W1 W1^T)^{-1} u> = [(1 - M^T M g)^{-1}]_11/z
    <w, (z - W1^T W1)^{-1} w> = g + g^2 c^T (1 - M^T M g)^{-1} c
Imaginary parts over that of d g are the mean squared overlaps inside the bulk, the pole is the outlier.
"""

import math
from typing import NamedTuple

import numpy as np

import theory
from theory.gaussian import softplus
from theory.training.network import network, sign_step


class Start(NamedTuple):
    """The first update seen from W0: weight of the backward pass in its leading right vector (squared cosine)."""

    share: float

    def right(self, eigenvalue):
        """Mean squared overlap of w with the right vector of this eigenvalue of W0^T W0/h, in units of 1/d."""
        return 1 + self.share * (np.asarray(eigenvalue) - 1)


class After(NamedTuple):
    """The first update's leading vectors seen from W1, rank by rank from the largest singular value down.

    left, right (min(h, d),): mean squared overlaps in units of chance, 1/h and 1/d; the first is the
    outlier's where it is detached.
    """

    left: np.ndarray
    right: np.ndarray
    detached: bool


def start(optimizer: str, samples: int, inputs: int, width: int, noise_std: float) -> Start:
    """Prediction for W0; "gd" or "adam". It doesn't depend on the rate."""
    net = network(samples, inputs, width, np.tanh, softplus, noise_std)
    sign = sign_step(net)
    return Start((net.mu / sign.zeta) ** 2 * (sign.rho_v**2 if optimizer == "adam" else 1.0))


def after(optimizer: str, rate: float, samples: int, inputs: int, width: int, noise_std: float) -> After:
    """Prediction for W1; "gd" or "adam". The bulk is taken as isotropic: under Adam for rates up to some .3."""
    gram, c, variance = _signal(optimizer, rate, samples, inputs, width, noise_std)
    ranks = min(inputs, width)
    left, right = np.ones(ranks), np.ones(ranks)
    top = np.linalg.eigvalsh(gram)[-1] - inputs * variance
    detached = bool(top > math.sqrt(width * inputs) * variance)
    first = int(detached)
    p = 1 - (np.arange(ranks - first) + 0.5) / (inputs - first)
    z = width * theory.MarchenkoPastur(inputs / width, variance).quantile(p)
    g = _resolvent(z, inputs, width, variance)
    solved = np.linalg.inv(np.eye(len(c)) - gram * g[:, None, None])
    left[first:] = width * (solved[:, 0, 0] / z).imag / (inputs * g.imag)
    right[first:] = (g + g**2 * np.einsum("i,kij,j->k", c, solved, c)).imag / g.imag
    if detached:
        share_left, share_right = _pole(gram, c, top, inputs, width, variance)
        left[0], right[0] = width * share_left, inputs * share_right
    return After(left, right, detached)


def _signal(optimizer, rate, samples, inputs, width, noise_std):
    """M^T M, c = M^T w, and the variance of the noise; first column along u."""
    net = network(samples, inputs, width, np.tanh, softplus, noise_std)
    sign, root = sign_step(net), math.sqrt(inputs)
    if optimizer == "gd":
        backward, step = net.mu * root / sign.zeta, 2 * rate * net.mu * sign.zeta / root
        return np.array([[inputs - 2 * step * backward + step**2]]), np.array([backward - step]), 1.0
    variance = 1 + rate**2 * sign.spread
    theta = rate * math.sqrt(width * inputs) * sign.kappa
    signal, mixing = theta * (theta - 2 * sign.rho * root), sign.rho2 * root * theta
    gram = inputs * variance * np.eye(2) + np.array([[signal, -mixing], [-mixing, 0.0]])
    return gram, np.array([sign.rho * root - theta, sign.rho2 * root]), variance


def _resolvent(z, inputs, width, variance):
    """tr(z - N^T N)^{-1}/d just above the real axis."""
    law = theory.MarchenkoPastur(inputs / width, variance)
    return -law.stieltjes(z / width + 1e-9j * variance) / width


def _pole(gram, c, top, inputs, width, variance):
    """Squared overlaps of the outlier's vectors with u and w: P the top eigenvalue of M^T M - d S2, y its vector."""
    y = np.linalg.eigh(gram)[1][:, -1]
    excess = top**2 - width * inputs * variance**2
    left = y[0] ** 2 * excess / (top * (top + width * variance))
    return left, (y @ c) ** 2 * excess / (top**2 * (top + inputs * variance))
