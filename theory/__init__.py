"""Predictions of random-matrix theory for spectra of weights and data: laws, outliers, trained networks.

NumPy and SciPy in float64 only; nothing here imports jax. Names load when first used.

laws          Law, MarchenkoPastur, Semicircle, SingularValues
outliers      TracyWidom, largest_eigenvalue; Outlier, spiked_covariance, spiked_rectangular, spiked_wigner,
              strength_from_outlier; projected_outlier
training      OneStep, gradient_step, adam_step
constants     activation_constants
testing       check(law): the suite every law passes, yours too
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory import testing
    from theory.gaussian import activation_constants
    from theory.law import Law
    from theory.laws.marchenko_pastur import MarchenkoPastur
    from theory.laws.semicircle import Semicircle
    from theory.laws.singular_values import SingularValues
    from theory.outliers.projected import projected_outlier
    from theory.outliers.spikes import (
        Outlier,
        spiked_covariance,
        spiked_rectangular,
        spiked_wigner,
        strength_from_outlier,
    )
    from theory.outliers.tracy_widom import TracyWidom, largest_eigenvalue
    from theory.training.one_step import OneStep, adam_step, gradient_step

__all__ = [
    "Law",
    "MarchenkoPastur",
    "OneStep",
    "Outlier",
    "Semicircle",
    "SingularValues",
    "TracyWidom",
    "activation_constants",
    "adam_step",
    "gradient_step",
    "largest_eigenvalue",
    "projected_outlier",
    "spiked_covariance",
    "spiked_rectangular",
    "spiked_wigner",
    "strength_from_outlier",
    "testing",
]

_HOME = {
    "Law": "theory.law",
    "MarchenkoPastur": "theory.laws.marchenko_pastur",
    "OneStep": "theory.training.one_step",
    "Outlier": "theory.outliers.spikes",
    "Semicircle": "theory.laws.semicircle",
    "SingularValues": "theory.laws.singular_values",
    "TracyWidom": "theory.outliers.tracy_widom",
    "activation_constants": "theory.gaussian",
    "adam_step": "theory.training.one_step",
    "gradient_step": "theory.training.one_step",
    "largest_eigenvalue": "theory.outliers.tracy_widom",
    "projected_outlier": "theory.outliers.projected",
    "spiked_covariance": "theory.outliers.spikes",
    "spiked_rectangular": "theory.outliers.spikes",
    "spiked_wigner": "theory.outliers.spikes",
    "strength_from_outlier": "theory.outliers.spikes",
}


def __getattr__(name: str) -> Any:
    if name == "testing":
        return importlib.import_module("theory.testing")
    if name not in _HOME:
        raise AttributeError(f"module 'theory' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
