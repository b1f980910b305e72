"""Activations and teachers by name: wherever the theory takes a function of z ~ N(0, 1) it takes one of these names."""

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit, ndtr

from theory import checks

FloatArray = NDArray[np.float64]
Activation = str | Callable[[Any], Any]


def function(activation: Activation, role: str = "activation") -> Callable[[Any], Any]:
    """Returns the NumPy function of a name, or the callable itself.

    Names: abs, cos, erf, gelu (z Phi(z), not its approximation by tanh), identity, relu, sigmoid, sign, silu, sin,
    softplus, tanh. Raises ValueError for another name, with the nearest known one, and for what can't be called;
    `role` is what the message calls it.

    >>> function("relu")(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    if callable(activation):
        return activation
    if isinstance(activation, str) and activation in _NAMED:
        return _NAMED[activation]
    remedy = "pass a NumPy function"
    if isinstance(activation, str):
        near = difflib.get_close_matches(activation.lower(), _NAMED, 1, 0.5)
        remedy = f"pass {near[0]!r}, the nearest, or a NumPy function" if near else remedy
    names = ", ".join(sorted(_NAMED))
    raise ValueError(f"{role} must be callable or one of {names}; got {checks.shown(activation)}; {remedy}")


def softplus(z: FloatArray) -> FloatArray:
    """log(1 + exp z), without overflow."""
    return np.logaddexp(0.0, z)


def _relu(z: Any) -> Any:
    return np.maximum(z, 0.0)


def _gelu(z: Any) -> Any:
    return z * ndtr(z)


def _silu(z: Any) -> Any:
    return z * expit(z)


def _identity(z: Any) -> Any:
    return z * 1.0


_NAMED: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs, "cos": np.cos, "erf": erf, "gelu": _gelu, "identity": _identity, "relu": _relu, "sigmoid": expit,
    "sign": np.sign, "silu": _silu, "sin": np.sin, "softplus": softplus, "tanh": np.tanh,
}
