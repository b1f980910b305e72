"""Names of activations and teachers, accepted wherever a function is; functions that no theory can take are refused."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

import theory
from theory.activations import function
from theory.gaussian import expectation
from theory.training.mean_field import mean_field_steps

SIZES = (200, 100, 150)


@pytest.mark.parametrize("call", [
    lambda s, g: theory.gradient_step(300.0, *SIZES, activation=s, teacher=g),
    lambda s, g: theory.adam_step(0.5, *SIZES, activation=s, teacher=g),
    lambda s, g: theory.AdamBulk(0.5, *SIZES, s, g),
    lambda s, g: theory.adam_step(0.5, *SIZES, activation=s, teacher=g).bulk.singular_value(2),
    lambda s, g: mean_field_steps(1.0, *SIZES, activation=s, teacher=g),
    lambda s, g: theory.random_features_risk(50, 0.1, samples=60, inputs=40, activation=s, teacher=g),
    lambda s, g: theory.gradient_step_direction(100.0, *SIZES, activation=s, teacher=g),
    lambda s, g: theory.interpolating_direction(1.5, 0.5, activation=s, teacher=g),
    lambda s, g: (theory.activation_constants(s), theory.activation_constants(g)),
    lambda s, g: (theory.gaussian_equivalent(s), theory.gaussian_equivalent(g)),
    lambda s, g: (expectation(s), expectation(g)),
    lambda s, g: (theory.conjugate_kernel(s, 0.5, 0.75).bands, theory.tangent_kernel(g, 0.5, 0.75).bands),
    lambda s, g: (theory.conjugate_outlier(6.0, s, 4.0, 2.0), theory.conjugate_outlier(6.0, g, 4.0, 2.0)),
])
def test_a_name_is_its_function(call):
    assert call("tanh", "relu") == call(np.tanh, function("relu"))
    for s, g in (("tahn", "relu"), ("tanh", "rellu")):
        match = r"^\w+ must be callable or one of abs, .*; got '(tahn|rellu)'; pass '(tanh|relu)', the nearest, or a"
        with pytest.raises(ValueError, match=match):
            call(s, g)


def test_gelu_is_the_exact_one():
    z = np.linspace(-3, 3, 7)
    assert function("gelu")(z) == pytest.approx(z * ndtr(z), rel=1e-15)


@pytest.mark.parametrize("bad", ["", "swishh", 3, None, ["tanh"]])
def test_what_is_no_activation_is_refused(bad):
    with pytest.raises(ValueError, match=r"^teacher must be callable or one of abs, [^\n]*; got [^\n]*; pass [^\n]*$"):
        theory.gradient_step(1.0, *SIZES, teacher=bad)


@pytest.mark.parametrize(("f", "reason"), [
    (lambda z: np.exp(z**2), r"have a finite E f\^2"),
    (lambda z: np.exp(z**2 / 4), r"have a finite E f\^2"),
    (lambda z: np.log(z - 20), "be finite"),
    (lambda z: np.where(z > 2, np.nan, z), "be finite"),
    (lambda z: np.tanh(z + 1j), "return float64; got complex128"),
    (lambda z: np.tanh(z).astype(np.float32), "return float64; got float32"),
    (lambda z: z > 0, "return float64; got bool"),
    (math.tanh, "act elementwise"),
    (lambda z: np.random.default_rng().standard_normal(z.shape), "vary on scales"),
], ids=["exp(z^2)", "exp(z^2/4)", "log", "nan", "complex", "float32", "bool", "math.tanh", "noise"])
def test_functions_without_constants_are_refused_by_role(f, reason):
    with pytest.raises(ValueError, match=rf"^activation must {reason}[^\n]*; [^\n]*$"):
        theory.activation_constants(f)
    with pytest.raises(ValueError, match=rf"^teacher must {reason}[^\n]*; [^\n]*$"):
        theory.random_features_risk(50, 0.1, samples=60, inputs=40, teacher=f)


def test_growth_that_leaves_the_second_moment_finite_is_accepted():
    # E exp(z^2/8)^2 = (1 - 1/2)^(-1/2)
    def f(z):
        return np.exp(z**2 / 8)

    assert theory.activation_constants(f).second_moment == pytest.approx(math.sqrt(2), rel=1e-12)  # documented: 1e-13
    assert expectation(f) == pytest.approx((3 / 4) ** -0.5, rel=1e-12)
