"""Empirical kernels of a network: the conjugate kernel, and the stability edge from the tangent kernel, matrix-free."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from spectrax.models.network import Network
from spectrax.spectrum import Spectrum


def conjugate_kernel(features) -> Spectrum:
    """Eigenvalues of K = Z Z^T (n x n) for features Z (n, h), already carrying their 1/sqrt(h); float64.

    They are those of Z^T Z; the max(0, n - h) further zeros of K are the spectrum's `zeros`.
    """
    return Spectrum.of(np.asarray(features, np.float64), layout="in_out", scale=1.0)


def stability_edge(network: Network, params, rest, x: jax.Array, *, tolerance: float = 1e-3) -> float:
    """Learning rate 2 / lambda_max((2/n) Theta) above which gradient descent on the mean squared error is unstable.

    Theta = J J^T (n x n), J the Jacobian of the n outputs by the trained weights: the Gauss-Newton curvature of
    mean (f - y)^2, its loss without 1/2. lambda_max by Lanczos on products J (J^T v), `tolerance` relative; a linear
    statement about the point (params): above it the network may still settle elsewhere (catapult).
    Returns infinity for a zero Jacobian, NaN where Lanczos didn't converge or the products overflow.
    """
    n = x.shape[0]
    product = partial(_tangent_product, params, rest, x, network=network)

    def matvec(v):
        return np.asarray(product(jnp.asarray(v, jnp.float32)), np.float64)

    operator: Any = LinearOperator((n, n), matvec=matvec, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    start = np.random.default_rng(0).standard_normal(n)
    probed = operator.matvec(start)
    if not np.isfinite(probed).all():
        return float("nan")
    if not probed.any():
        return float("inf")  # Lanczos can't start from zero
    if n < 3:
        largest = float(np.linalg.eigvalsh(np.stack([operator.matvec(e) for e in np.eye(n)]))[-1])
    else:
        try:
            found: Any = eigsh(operator, k=1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)  # pyright: ignore[reportArgumentType]
            largest = float(found[0])
        except ArpackNoConvergence:
            return float("nan")
    return n / largest if largest > 0 else float("inf")


@partial(jax.jit, static_argnames=("network",))
def _tangent_product(params, rest, x, vector, *, network):
    def outputs(p):
        return network.apply(p, rest, x)[0].reshape(x.shape[0], -1)[:, 0]

    _, pull = jax.vjp(outputs, params)
    return jax.jvp(outputs, (params,), pull(vector))[1]
