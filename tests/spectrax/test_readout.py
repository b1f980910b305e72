"""The ridge readout and the alignment against dense algebra in extended precision."""

import warnings

import numpy as np
import pytest

from spectrax.readout import ridge_path, ridge_readout


def draw(n, h, m=25, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(n + m)
    z = rng.standard_normal((n + m, h)) / np.sqrt(h) + 0.1 * y[:, None]
    return z[:n], y[:n], z[n:], y[n:]


def solve_extended(a, b):
    """Solution of a symmetric positive definite system by Gaussian elimination in extended precision."""
    a, b = a.astype(np.longdouble), b.astype(np.longdouble)
    for i in range(len(b)):
        factors = a[i + 1:, i] / a[i, i]
        b[i + 1:] -= factors * b[i]
        a[i + 1:] -= np.outer(factors, a[i])
    x = np.zeros_like(b)
    for i in reversed(range(len(b))):
        x[i] = (b[i] - a[i, i + 1:] @ x[i + 1:]) / a[i, i]
    return x


def by_hand(z, y, z_test, y_test, regularisation):
    z, y, z_test, y_test = (v.astype(np.longdouble) for v in (z, y, z_test, y_test))
    n, h = z.shape
    a = solve_extended(z.T @ z + regularisation / h * n * np.eye(h), z.T @ y)
    return float(np.mean((z @ a - y) ** 2)), float(np.mean((z_test @ a - y_test) ** 2))


@pytest.mark.parametrize(("n", "h"), [(60, 20), (20, 60), (30, 30), (5, 1), (1, 5)])
@pytest.mark.parametrize("regularisation", [0.01, 1e-6, 10.0])
def test_losses_are_those_of_the_dense_ridge_system(n, h, regularisation):
    found = ridge_readout(*draw(n, h), regularisation=regularisation)
    # float64 at condition number |Z|^2 h / (n regularisation), at most 1e8
    np.testing.assert_allclose(found[:2], by_hand(*draw(n, h), regularisation), rtol=1e-7, atol=1e-14)


@pytest.mark.parametrize(("n", "h"), [(60, 20), (20, 60)])
def test_the_alignment_is_that_of_the_n_by_n_kernels(n, h):
    z, y, *_ = draw(n, h)
    kernel, target = z @ z.T, np.outer(y, y)
    expected = np.sum(kernel * target) / (np.linalg.norm(kernel) * np.linalg.norm(target))
    assert ridge_readout(*draw(n, h)).kta == pytest.approx(expected, rel=1e-13)     # float64 sums of 3600 terms


def test_the_alignment_of_the_labels_themselves_is_1_and_of_orthogonal_features_0():
    z, y, z_test, y_test = draw(40, 10)
    assert ridge_readout(np.outer(y, np.ones(10)), y, z_test, y_test).kta == pytest.approx(1, rel=1e-14)
    orthogonal = z - np.outer(y, y @ z) / (y @ y)
    assert ridge_readout(orthogonal, y, z_test, y_test).kta == pytest.approx(0, abs=1e-28)  # rounding, squared


def test_losses_do_not_depend_on_the_scale_of_features_and_labels_together():
    z, y, z_test, y_test = draw(60, 20)
    one = ridge_readout(z, y, z_test, y_test, regularisation=0.01)
    scaled = ridge_readout(3 * z, 3 * y, 3 * z_test, 3 * y_test, regularisation=0.09)
    np.testing.assert_allclose(scaled, (9 * one.train_loss, 9 * one.test_loss, one.kta), rtol=1e-12)    # float64


def test_float32_features_are_solved_in_float64():
    z, y, z_test, y_test = (v.astype(np.float32) for v in draw(60, 20))
    expected = by_hand(z, y, z_test, y_test, 1e-6)
    np.testing.assert_allclose(ridge_readout(z, y, z_test, y_test, regularisation=1e-6)[:2], expected, rtol=1e-10)


def test_without_regularisation_wide_features_interpolate():
    found = ridge_readout(*draw(20, 60), regularisation=0)
    assert found.train_loss < 1e-25     # float64 residual, squared, at condition number 10


@pytest.mark.parametrize("spoil", ["zero_column", "infinite", "nan", "huge"])
def test_a_system_without_solution_gives_nan_losses_and_no_exception(spoil):
    z, y, z_test, y_test = draw(40, 10)
    z[:, 3] = {"zero_column": 0.0, "infinite": np.inf, "nan": np.nan, "huge": 1e200}[spoil]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ridge_readout(z, y, z_test, y_test, regularisation=0.0)
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found.kta) == (spoil == "zero_column")


def test_labels_that_are_all_zero_have_no_alignment():
    z, y, z_test, y_test = draw(40, 10)
    found = ridge_readout(z, 0 * y, z_test, 0 * y_test)
    assert np.isnan(found.kta)
    assert found[:2] == (0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regularisation": -0.1}, "regularisation must be finite and not negative; got -0.1"),
        ({"regularisation": float("nan")}, "regularisation must be finite and not negative; got nan"),
        ({"regularisation": float("inf")}, "regularisation must be finite and not negative; got inf"),
        ({"y": np.zeros(39)}, r"features must be \(n, h\) with targets \(n,\); got \(40, 10\) and \(39,\)"),
        ({"y": np.zeros((40, 1))}, r"features must be \(n, h\) with targets \(n,\)"),
        ({"z": np.zeros(40)}, r"features must be \(n, h\) with targets \(n,\)"),
        ({"z_test": np.zeros((25, 9))}, r"test features must be \(m, 10\) with .*; got \(25, 9\) and \(25,\)"),
        ({"y_test": np.zeros((25, 1))}, r"test features must be \(m, 10\) with targets \(m,\)"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    regularisation = change.pop("regularisation", 0.01)
    arrays = dict(zip(("z", "y", "z_test", "y_test"), draw(40, 10), strict=True)) | change
    with pytest.raises(ValueError, match=message) as caught:
        ridge_readout(*arrays.values(), regularisation=regularisation)
    assert "\n" not in str(caught.value)


def test_a_path_of_regularisations_is_the_readout_at_each():
    rng = np.random.default_rng(5)
    for n, h in ((30, 12), (12, 30)):
        sets = rng.standard_normal((n, h)), rng.standard_normal(n), rng.standard_normal((9, h)), rng.standard_normal(9)
        path = ridge_path(*sets, regularisations=(1e-3, 0.1, 10.0))
        for regularisation, found in zip((1e-3, 0.1, 10.0), path, strict=True):
            alone = ridge_readout(*sets, regularisation=regularisation)
            assert np.allclose(found, alone, rtol=1e-12)  # the same sums
        assert [r.train_loss for r in path] == sorted(r.train_loss for r in path)


@pytest.mark.parametrize("shape", [(60, 20), (20, 60)])
def test_a_repeated_feature_or_sample_is_singular_without_a_ridge_and_solvable_with_one(shape):
    # rounding leaves the last pivot of about half of these matrices above 0: Cholesky alone tells nothing
    for seed in range(20):
        rng = np.random.default_rng(seed)
        z, test = rng.normal(size=shape), rng.normal(size=(30, shape[1]))
        y = rng.normal(size=shape[0])
        if shape[0] > shape[1]:
            z[:, -1] = 3 * z[:, 0]
        else:
            z[-1] = 3 * z[0]
        bare, ridge = ridge_path(z, y, test, y[:1].repeat(30), regularisations=(0.0, 0.01))
        assert np.isnan([bare.train_loss, bare.test_loss]).all()
        assert np.isfinite([bare.kta, ridge.train_loss, ridge.test_loss]).all()
