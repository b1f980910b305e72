"""Predictions of random-matrix theory for spectra of weights, kernels and data: laws, outliers, training, risk.

NumPy and SciPy in float64 only; nothing here imports jax. Names load when first used.

The contract: `Law`; the law of factor X + offset: `Affine`; the suite that every law passes: `testing.check`.

Laws, X with independent entries unless said otherwise
    MarchenkoPastur               X^T X/n                          Semicircle        symmetric X (Wigner)
    InverseMarchenkoPastur        its inverse                      SingularValues    roots of a law of W^T W
    GeneralizedMarchenkoPastur    any population covariance        KestenMcKay       random regular graphs
    InformationPlusNoise          signal plus X                    Arcsine           O + O^T, O uniform orthogonal
    FreePoisson                   sum of free jumps                FussCatalan       products of X
    Wachter                       A (A + B)^-1, A and B Wishart    FMatrix           B^-1 A
    PointMasses, Uniform, Exponential                              populations
    LevyWigner, LevyWishart       entries without variance         AlphaStable       stable variables
    HighTemperatureMarchenkoPastur, InverseHighTemperatureMarchenkoPastur             weak repulsion
    FreeSum, FreeProduct, FreePower     by free_sum, free_product, free_power, free_compression
    NeuralKernel                        by conjugate_kernel, tangent_kernel
    AdamBulk, GradientBulk              weights after a step, by adam_step(...).bulk, gradient_step(...).bulk
    TracyWidom                          largest eigenvalue
Under other names
    quarter circle                SingularValues(MarchenkoPastur(1.0))
    Wishart, Laguerre             MarchenkoPastur                  GOE, GUE               Semicircle
    Jacobi, MANOVA                Wachter                          Fisher                 FMatrix
    deformed, Silverstein         GeneralizedMarchenkoPastur       Dozier-Silverstein     InformationPlusNoise
    rectangular convolution with Gaussian noise                    InformationPlusNoise
    Cauchy; Gaussian, variance 2  AlphaStable(1.0); (2.0)          beta ensembles         HighTemperature...
    NTK; conjugate, CK            tangent_kernel; conjugate_kernel BBP, spikes            see Outliers
    submatrix, minor              free_compression                 empirical spectrum     PointMasses.of(values)
Free probability    r_transform, s_transform
Population          estimate_population from an observed spectrum
Outliers            largest_eigenvalue, edge_scale, outlier_p_value; Outlier: spiked_covariance, spiked_rectangular,
                    spiked_wigner, spiked (any bulk), spiked_symmetric, correlated_spike, projected_outlier; backwards:
                    strength_from_outlier, signal_strength, optimal_shrinkage, hard_threshold
Kernels' outliers   trained_weights_outlier, gradient_step_direction, interpolating_direction, conjugate_outlier
Activations         activation_constants, gaussian_equivalent; names: theory.activations
First steps         OneStep: gradient_step, adam_step; AdamPath: adam_path; adam_path_bulk; mean_field_steps,
                    standard_rate; readout_outlier, readout_directions; spike_count, spike_window, two_step_outliers
Deep linear         mode_strength, unbalanced_strength, escape_time, imbalance, stationary_strength, effective_rank,
                    rank_curve, interpolation_loss, random_barrier
Least squares       error_mode, loss_curve; critical_sharpness, critical_rate, iteration_matrix (edge of stability)
SGD                 homogenised_sgd, streaming_sgd, batch_sgd, sgd_stability, sgd_decay_rate; kesten_exponent,
                    kesten_critical_rate
Risk                ridge_risk, optimal_ridge, gradient_flow_risk, gradient_descent_risk,
                    random_features_risk, deterministic_equivalent
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory import testing
    from theory.free.additive import FreeSum, free_sum
    from theory.free.compression import FreePower, free_compression, free_power
    from theory.free.multiplicative import FreeProduct, free_product
    from theory.free.transforms import r_transform, s_transform
    from theory.gaussian import activation_constants
    from theory.heavy_tails.kesten import kesten_critical_rate, kesten_exponent
    from theory.kernels.activations import gaussian_equivalent
    from theory.kernels.kernel import NeuralKernel, conjugate_kernel, tangent_kernel
    from theory.kernels.outliers import (
        conjugate_outlier,
        gradient_step_direction,
        interpolating_direction,
        trained_weights_outlier,
    )
    from theory.law import Law
    from theory.laws.affine import Affine
    from theory.laws.alpha_stable import AlphaStable
    from theory.laws.arcsine import Arcsine
    from theory.laws.exponential import Exponential
    from theory.laws.f_matrix import FMatrix
    from theory.laws.free_poisson import FreePoisson
    from theory.laws.fuss_catalan import FussCatalan
    from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
    from theory.laws.high_temperature import HighTemperatureMarchenkoPastur, InverseHighTemperatureMarchenkoPastur
    from theory.laws.information_plus_noise import InformationPlusNoise
    from theory.laws.inverse_marchenko_pastur import InverseMarchenkoPastur
    from theory.laws.kesten_mckay import KestenMcKay
    from theory.laws.levy import LevyWigner, LevyWishart
    from theory.laws.marchenko_pastur import MarchenkoPastur
    from theory.laws.point_masses import PointMasses
    from theory.laws.semicircle import Semicircle
    from theory.laws.singular_values import SingularValues
    from theory.laws.uniform import Uniform
    from theory.laws.wachter import Wachter
    from theory.outliers.correlated import correlated_spike
    from theory.outliers.edge import edge_scale, outlier_p_value
    from theory.outliers.general_bulk import signal_strength, spiked, spiked_symmetric
    from theory.outliers.projected import projected_outlier
    from theory.outliers.shrinkage import hard_threshold, optimal_shrinkage
    from theory.outliers.spikes import (
        Outlier,
        spiked_covariance,
        spiked_rectangular,
        spiked_wigner,
        strength_from_outlier,
    )
    from theory.outliers.tracy_widom import TracyWidom, largest_eigenvalue
    from theory.risk.deterministic_equivalent import deterministic_equivalent
    from theory.risk.gradient_flow import gradient_descent_risk, gradient_flow_risk
    from theory.risk.homogenised_sgd import batch_sgd, homogenised_sgd, streaming_sgd
    from theory.risk.random_features import random_features_risk
    from theory.risk.ridge import optimal_ridge, ridge_risk
    from theory.risk.sgd_stability import sgd_decay_rate, sgd_stability
    from theory.sample_covariance.estimate_population import estimate_population
    from theory.training.adam_bulk import AdamBulk
    from theory.training.adam_path import AdamPath, adam_path
    from theory.training.adam_path_bulk import adam_path_bulk
    from theory.training.barrier import interpolation_loss, random_barrier
    from theory.training.deep_linear import escape_time, imbalance, mode_strength, unbalanced_strength
    from theory.training.gradient_bulk import GradientBulk
    from theory.training.least_squares import error_mode, loss_curve
    from theory.training.mean_field import mean_field_steps, standard_rate
    from theory.training.one_step import OneStep, adam_step, gradient_step
    from theory.training.readout import readout_directions, readout_outlier
    from theory.training.spike_count import spike_count, spike_window, two_step_outliers
    from theory.training.stability import critical_rate, critical_sharpness, iteration_matrix
    from theory.training.stationary import effective_rank, rank_curve, stationary_strength

__all__ = [
    "AdamBulk",
    "AdamPath",
    "Affine",
    "AlphaStable",
    "Arcsine",
    "Exponential",
    "FMatrix",
    "FreePoisson",
    "FreePower",
    "FreeProduct",
    "FreeSum",
    "FussCatalan",
    "GeneralizedMarchenkoPastur",
    "GradientBulk",
    "HighTemperatureMarchenkoPastur",
    "InformationPlusNoise",
    "InverseHighTemperatureMarchenkoPastur",
    "InverseMarchenkoPastur",
    "KestenMcKay",
    "Law",
    "LevyWigner",
    "LevyWishart",
    "MarchenkoPastur",
    "NeuralKernel",
    "OneStep",
    "Outlier",
    "PointMasses",
    "Semicircle",
    "SingularValues",
    "TracyWidom",
    "Uniform",
    "Wachter",
    "activation_constants",
    "adam_path",
    "adam_path_bulk",
    "adam_step",
    "batch_sgd",
    "conjugate_kernel",
    "conjugate_outlier",
    "correlated_spike",
    "critical_rate",
    "critical_sharpness",
    "deterministic_equivalent",
    "edge_scale",
    "effective_rank",
    "error_mode",
    "escape_time",
    "estimate_population",
    "free_compression",
    "free_power",
    "free_product",
    "free_sum",
    "gaussian_equivalent",
    "gradient_descent_risk",
    "gradient_flow_risk",
    "gradient_step",
    "gradient_step_direction",
    "hard_threshold",
    "homogenised_sgd",
    "imbalance",
    "interpolating_direction",
    "interpolation_loss",
    "iteration_matrix",
    "kesten_critical_rate",
    "kesten_exponent",
    "largest_eigenvalue",
    "loss_curve",
    "mean_field_steps",
    "mode_strength",
    "optimal_ridge",
    "optimal_shrinkage",
    "outlier_p_value",
    "projected_outlier",
    "r_transform",
    "random_barrier",
    "random_features_risk",
    "rank_curve",
    "readout_directions",
    "readout_outlier",
    "ridge_risk",
    "s_transform",
    "sgd_decay_rate",
    "sgd_stability",
    "signal_strength",
    "spike_count",
    "spike_window",
    "spiked",
    "spiked_covariance",
    "spiked_rectangular",
    "spiked_symmetric",
    "spiked_wigner",
    "standard_rate",
    "stationary_strength",
    "streaming_sgd",
    "strength_from_outlier",
    "tangent_kernel",
    "testing",
    "trained_weights_outlier",
    "two_step_outliers",
    "unbalanced_strength",
]

_MODULES = {
    "theory.free.additive": "FreeSum free_sum",
    "theory.free.compression": "FreePower free_compression free_power",
    "theory.free.multiplicative": "FreeProduct free_product",
    "theory.free.transforms": "r_transform s_transform",
    "theory.gaussian": "activation_constants",
    "theory.heavy_tails.kesten": "kesten_critical_rate kesten_exponent",
    "theory.kernels.activations": "gaussian_equivalent",
    "theory.kernels.kernel": "NeuralKernel conjugate_kernel tangent_kernel",
    "theory.kernels.outliers": "conjugate_outlier gradient_step_direction "
    "interpolating_direction trained_weights_outlier",
    "theory.law": "Law",
    "theory.laws.affine": "Affine",
    "theory.laws.alpha_stable": "AlphaStable",
    "theory.laws.arcsine": "Arcsine",
    "theory.laws.exponential": "Exponential",
    "theory.laws.f_matrix": "FMatrix",
    "theory.laws.free_poisson": "FreePoisson",
    "theory.laws.fuss_catalan": "FussCatalan",
    "theory.laws.generalized_marchenko_pastur": "GeneralizedMarchenkoPastur",
    "theory.laws.high_temperature": "HighTemperatureMarchenkoPastur InverseHighTemperatureMarchenkoPastur",
    "theory.laws.information_plus_noise": "InformationPlusNoise",
    "theory.laws.inverse_marchenko_pastur": "InverseMarchenkoPastur",
    "theory.laws.kesten_mckay": "KestenMcKay",
    "theory.laws.levy": "LevyWigner LevyWishart",
    "theory.laws.marchenko_pastur": "MarchenkoPastur",
    "theory.laws.point_masses": "PointMasses",
    "theory.laws.semicircle": "Semicircle",
    "theory.laws.singular_values": "SingularValues",
    "theory.laws.uniform": "Uniform",
    "theory.laws.wachter": "Wachter",
    "theory.outliers.correlated": "correlated_spike",
    "theory.outliers.edge": "edge_scale outlier_p_value",
    "theory.outliers.general_bulk": "signal_strength spiked spiked_symmetric",
    "theory.outliers.projected": "projected_outlier",
    "theory.outliers.shrinkage": "hard_threshold optimal_shrinkage",
    "theory.outliers.spikes": "Outlier spiked_covariance spiked_rectangular spiked_wigner strength_from_outlier",
    "theory.outliers.tracy_widom": "TracyWidom largest_eigenvalue",
    "theory.risk.deterministic_equivalent": "deterministic_equivalent",
    "theory.risk.gradient_flow": "gradient_descent_risk gradient_flow_risk",
    "theory.risk.homogenised_sgd": "batch_sgd homogenised_sgd streaming_sgd",
    "theory.risk.random_features": "random_features_risk",
    "theory.risk.ridge": "optimal_ridge ridge_risk",
    "theory.risk.sgd_stability": "sgd_decay_rate sgd_stability",
    "theory.sample_covariance.estimate_population": "estimate_population",
    "theory.training.adam_bulk": "AdamBulk",
    "theory.training.adam_path": "AdamPath adam_path",
    "theory.training.adam_path_bulk": "adam_path_bulk",
    "theory.training.barrier": "interpolation_loss random_barrier",
    "theory.training.deep_linear": "escape_time imbalance mode_strength unbalanced_strength",
    "theory.training.gradient_bulk": "GradientBulk",
    "theory.training.least_squares": "error_mode loss_curve",
    "theory.training.mean_field": "mean_field_steps standard_rate",
    "theory.training.one_step": "OneStep adam_step gradient_step",
    "theory.training.readout": "readout_directions readout_outlier",
    "theory.training.spike_count": "spike_count spike_window two_step_outliers",
    "theory.training.stability": "critical_rate critical_sharpness iteration_matrix",
    "theory.training.stationary": "effective_rank rank_curve stationary_strength",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


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
