"""Spectrum and decomposition against NumPy's SVD, over shapes, layouts and element types."""

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from spectrax.lapack import cholesky, symmetric_eigen
from spectrax.spectrum import Spectrum, as_out_in, decompose

SHAPES = [(60, 40), (40, 60), (50, 50), (1, 1), (1, 7), (7, 1), (2, 3)]


def draw(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_eigenvalues_are_the_squared_singular_values_over_rows(shape):
    w = draw(shape)
    expected = np.sort(np.linalg.svd(w, compute_uv=False) ** 2) / shape[0]
    found = Spectrum.of(w)
    # a Gram matrix is right to a few epsilon of its norm
    np.testing.assert_allclose(found.values, expected, atol=1e-14 * expected[-1] * max(shape))
    assert found.zeros == max(0, shape[1] - shape[0])
    assert (found.rows, found.cols) == shape


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leading", [0, 1, 5, 100])
def test_leading_triplets_satisfy_the_definition_of_singular_vectors(shape, leading):
    w = draw(shape)
    d = decompose(w, leading)
    k = min(leading, *shape)
    assert d.left.shape == (shape[0], k)
    assert d.right.shape == (shape[1], k)
    assert d.eigenvalues.shape == (min(shape),)
    # backward stable eigenvectors: residual a few epsilon of |w|; 1e-12 leaves room for the square root of the smallest
    np.testing.assert_allclose(w @ d.right, d.left * d.singular_values, atol=1e-12)
    np.testing.assert_allclose(w.T @ d.left, d.right * d.singular_values, atol=1e-10)
    np.testing.assert_allclose(d.left.T @ d.left, np.eye(k), atol=1e-10)
    np.testing.assert_allclose(d.right.T @ d.right, np.eye(k), atol=1e-10)
    assert (np.diff(d.singular_values) <= 0).all()


def test_the_zero_matrix_has_a_zero_spectrum_and_no_ranks():
    s = Spectrum.of(np.zeros((5, 3)))
    assert s.values.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(s.stable_rank)
    assert np.isnan(s.effective_rank)
    assert np.isfinite(decompose(np.zeros((5, 3)), 2).left).all()


def test_layout_in_out_is_the_transpose():
    w = draw((30, 20))
    np.testing.assert_array_equal(Spectrum.of(w.T, layout="in_out").values, Spectrum.of(w).values)
    assert as_out_in(w, "in_out").shape == (20, 30)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.int8])
def test_low_precision_entries_are_converted_before_the_gram_matrix(dtype):
    w = (4 * draw((40, 30))).astype(dtype)
    expected = np.linalg.svd(w.astype(np.float64), compute_uv=False)[::-1] ** 2 / 40
    # squared in float64: a float16 Gram matrix would be wrong by 1e-3, a float32 one by 1e-7
    np.testing.assert_allclose(Spectrum.of(w).values, expected, atol=1e-12 * expected[-1])


def test_a_jax_array_gives_the_same_spectrum_as_its_numpy_copy():
    w = jnp.asarray(draw((12, 8)), dtype=jnp.float32)
    np.testing.assert_array_equal(Spectrum.of(w).values, Spectrum.of(np.asarray(w)).values)


def test_scale_kind_and_back_are_round_trips():
    s = Spectrum.of(draw((30, 20)))
    np.testing.assert_allclose(s.singular_values().squared().values, s.values, rtol=1e-15)
    np.testing.assert_allclose(s.rescaled(1.0).values, s.values * 30, rtol=1e-15)
    np.testing.assert_allclose(s.rescaled(7.0).rescaled(30.0).values, s.values, rtol=1e-15)
    roots = s.singular_values().rescaled(1.0)
    np.testing.assert_allclose(roots.values, np.sqrt(s.values * 30), rtol=1e-15)
    assert s.squared() is s
    assert roots.singular_values() is roots


def test_ranks_do_not_depend_on_scale_and_are_exact_for_a_projection():
    s = Spectrum(np.array([0.0, 0.0, 2.0, 2.0, 2.0]), (5, 5))
    assert s.stable_rank == pytest.approx(3.0, rel=1e-15)
    assert s.effective_rank == pytest.approx(3.0, rel=1e-15)
    assert s.rescaled(9.0).effective_rank == pytest.approx(3.0, rel=1e-15)


def test_values_are_sorted_copies():
    raw = np.array([3.0, 1.0, 2.0])
    s = Spectrum(raw, (3, 3))
    raw[:] = 0.0
    assert s.values.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Spectrum.of(np.ones((2, 2)), layout="rows"), "layout must be"),
        (lambda: Spectrum.of(np.ones(3)), "two-dimensional"),
        (lambda: Spectrum.of(np.ones((0, 3))), "not empty"),
        (lambda: Spectrum.of(np.array([[1.0, np.nan]])), "finite"),
        (lambda: Spectrum(np.ones((2, 2)), (2, 2)), "one-dimensional"),
        (lambda: Spectrum(np.ones(2), (2, 2), kind="squares"), "kind must be"),  # type: ignore[arg-type]
        (lambda: Spectrum(np.ones(2), (2, 2), scale=0.0), "scale must be"),
        (lambda: symmetric_eigen(np.ones((2, 3))), "square"),
        (lambda: cholesky(np.ones((2, 3))), "square"),
        (lambda: cholesky(np.ones((0, 0))), "not empty"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_non_finite_gram_matrix_raises_a_linear_algebra_error():
    with pytest.raises(np.linalg.LinAlgError, match="finite"):
        symmetric_eigen(np.array([[np.inf, 0.0], [0.0, 1.0]]))


def test_symmetric_eigen_agrees_with_numpy_and_leaves_its_argument_alone():
    a = draw((80, 80))
    a = a + a.T
    kept = a.copy()
    values, vectors = symmetric_eigen(a, 3)
    np.testing.assert_array_equal(a, kept)
    # both backward stable: they differ by a few epsilon of the norm (about 25 here)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(a), atol=1e-12)
    np.testing.assert_allclose(a @ vectors, vectors * values[:-4:-1], atol=1e-12)


def test_the_cholesky_factor_is_lower_and_leaves_its_argument_alone():
    w = draw((90, 80))
    a = w.T @ w
    kept = a.copy()
    factor = cholesky(a)
    assert factor is not None
    np.testing.assert_array_equal(a, kept)
    np.testing.assert_array_equal(factor, np.tril(factor))
    # a few epsilon of the norm (about 330)
    np.testing.assert_allclose(factor @ factor.T, a, atol=1e-12)
    assert cholesky(-a) is None
    assert cholesky(np.diag([1.0, 0.0])) is None


def test_complex_matrices_are_refused():
    w = np.eye(3) * 1j
    for make in (lambda: Spectrum.of(w), lambda: Spectrum(np.ones(3) * 1j, (3, 3))):
        with pytest.raises(ValueError, match="must be real; got complex numbers"):
            make()


def test_a_spectrum_shows_what_it_is_not_its_values():
    assert repr(Spectrum.of(np.eye(3))) == "Spectrum(3 eigenvalues, shape=(3, 3), scale=3)"
