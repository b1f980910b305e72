"""Gaussian expectations against 30-digit quadrature and closed forms, with kinks and jumps."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import activation_constants
from theory.gaussian import expectation, softplus


def _reference(f):
    with mp.workdps(30):
        return float(mpmath.quad(lambda z: f(z) * mp.npdf(z), [-30, -8, -3, -1, 0, 1, 3, 8, 30]))


@pytest.mark.parametrize(
    ("f", "exact"),
    [
        (np.tanh, mp.tanh),
        (softplus, lambda z: mp.log(1 + mp.exp(z))),
        (np.cos, mp.cos),
        (np.exp, mp.exp),
        (lambda z: 1 / (1 + np.exp(-3 * z)), lambda z: 1 / (1 + mp.exp(-3 * z))),
    ],
)
def test_constants_of_smooth_functions_are_right_to_1e_12(f, exact):
    found = activation_constants(f)
    assert found.mean == pytest.approx(_reference(exact), abs=1e-12)
    assert found.second_moment == pytest.approx(_reference(lambda z: exact(z) ** 2), rel=1e-12)
    assert found.slope == pytest.approx(_reference(lambda z: exact(z) * z), rel=1e-12, abs=1e-13)
    derivative = lambda z: mp.diff(exact, z)  # noqa: E731
    assert found.slope_second_moment == pytest.approx(_reference(lambda z: derivative(z) ** 2), rel=1e-12)
    assert found.hermite[2] == pytest.approx(_reference(lambda z: exact(z) * (z * z - 1) / mp.sqrt(2)), abs=1e-12)


@pytest.mark.parametrize("kink", [0.0, 0.1234567, -1.7, 3.3])
def test_constants_with_a_kink_anywhere_are_closed_forms(kink):
    found = activation_constants(lambda z: np.maximum(z - kink, 0.0))
    above = math.erfc(kink / math.sqrt(2)) / 2
    density = math.exp(-(kink**2) / 2) / math.sqrt(2 * math.pi)
    assert found.mean == pytest.approx(density - kink * above, rel=1e-12)
    assert found.second_moment == pytest.approx((1 + kink**2) * above - kink * density, rel=1e-11)  # cancels at 3.3
    assert found.slope == pytest.approx(above, rel=1e-12)
    assert found.slope_second_moment == pytest.approx(above, rel=1e-11)  # panels of width 1e-13 around the kink


@pytest.mark.parametrize("place", [0.0, 0.3, -1.2345])
def test_a_jump_has_exact_moments_and_no_finite_slope(place):
    found = activation_constants(lambda z: np.sign(z - place))
    assert found.mean == pytest.approx(-math.erf(place / math.sqrt(2)), abs=1e-13)
    assert found.slope == pytest.approx(2 * math.exp(-(place**2) / 2) / math.sqrt(2 * math.pi), rel=1e-13)
    assert found.slope_second_moment == math.inf


def test_hermite_coefficients_add_up_to_the_second_moment():
    found = activation_constants(lambda z: z**5 - 2 * z**2, order=8)
    assert np.sum(np.square(found.hermite)) == pytest.approx(found.second_moment, rel=1e-13)
    assert np.sum(np.arange(9) * np.square(found.hermite)) == pytest.approx(found.slope_second_moment, rel=1e-12)
    assert len(found.hermite) == 9
    assert found.variance == pytest.approx(found.second_moment - found.mean**2, rel=1e-13)


def test_constants_of_the_teacher_student_network_are_the_quoted_ones():
    # mu, nu, c and R of the one-step theory, to the digits quoted there
    tanh, plus = activation_constants(np.tanh), activation_constants(softplus)
    assert tanh.slope == pytest.approx(0.60571, abs=5e-6)
    assert tanh.slope_second_moment - tanh.slope**2 == pytest.approx(0.09752, abs=5e-6)
    assert plus.slope == pytest.approx(0.5, rel=1e-14)
    assert tanh.second_moment + plus.second_moment + 0.09 == pytest.approx(1.40554, abs=5e-6)


def test_callables_that_cannot_be_hashed_are_accepted():
    class Scaled:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, z):
            return 2.0 * z

    assert activation_constants(Scaled()).slope == pytest.approx(2.0)


def test_softplus_does_not_overflow():
    assert softplus(np.array([-1e3, 0.0, 1e3])) == pytest.approx([0.0, math.log(2), 1e3])


def test_expectation_of_an_indicator_is_its_probability():
    assert expectation(lambda z: (z > 0.7).astype(float)) == pytest.approx(math.erfc(0.7 / math.sqrt(2)) / 2, abs=1e-14)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda z: np.tanh(z).astype(np.float32), "return float64; got float32"),
        (lambda z: np.tanh(z) * 1j, "return float64; got complex128"),
        (lambda z: 1.0, "act elementwise; got"),
        (lambda z: z[:3], "act elementwise; got"),
        (np.sqrt, "be finite"),
    ],
)
def test_unusable_activations_raise_one_line(f, reason):
    with pytest.raises(ValueError, match=rf"^activation must {reason}[^\n]*$"):
        activation_constants(f)
