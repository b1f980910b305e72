"""Tracy-Widom laws against determinants, published constants and sampled matrices."""

import math

import numpy as np
import pytest
from mpmath import mp
from scipy.special import airy

from theory import TracyWidom, largest_eigenvalue
from theory.outliers import tracy_widom, tracy_widom_generator

# Bornemann 2010, table of moments; F4 in the convention of mean -2.306885
PUBLISHED = {
    1: (-1.2065335745820, 1.607781034581, 0.29346452408, 0.1652429384),
    2: (-1.771086807411, 0.8131947928329, 0.224084203610, 0.0934480876),
    4: (-2.306884893241, 0.5177237207726, 0.16550949435, 0.0491951565),
}


def _determinants(s):
    """det(1 -+ B_s) in double precision, 80 Gauss-Legendre nodes: right to 1e-15 absolutely for s > -8."""
    x, w = np.polynomial.legendre.leggauss(80)
    length = 16 + abs(s)
    x, w = length * (x + 1) / 2, length * w / 2
    kernel = np.sqrt(w)[:, None] * airy(x[:, None] + x + s)[0] * np.sqrt(w)
    identity = np.eye(80)
    return np.linalg.det(identity - kernel), np.linalg.det(identity + kernel)


def _cdf(beta, s):
    minus, plus = _determinants(s * (math.sqrt(2) if beta == 4 else 1))
    return {1: minus, 2: minus * plus, 4: (minus + plus) / 2}[beta]


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_cdf_equals_the_determinant_to_1e_13(beta):
    s = np.concatenate([np.linspace(-5.5, 6, 60), [-2.0, -math.sqrt(2), -2 - 1e-12]])
    expected = [_cdf(beta, v) for v in s]
    assert TracyWidom(beta).cdf(s) == pytest.approx(expected, abs=1e-13)  # rounding in an 80 x 80 determinant


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_moments_are_the_published_ones(beta):
    law = TracyWidom(beta)
    mean, variance, skewness, kurtosis = PUBLISHED[beta]
    m = [law.moment(k) for k in range(5)]
    centred3 = m[3] - 3 * m[1] * m[2] + 2 * m[1] ** 3
    centred4 = m[4] - 4 * m[1] * m[3] + 6 * m[1] ** 2 * m[2] - 3 * m[1] ** 4
    assert law.mean == pytest.approx(mean, abs=1e-12)
    assert law.std**2 == pytest.approx(variance, abs=1e-12)
    assert centred3 / law.std**3 == pytest.approx(skewness, abs=2e-10)  # digits published
    assert centred4 / law.std**4 - 3 == pytest.approx(kurtosis, abs=2e-9)


@pytest.mark.parametrize("s", [3.0, 10.0])
def test_tail_keeps_1e_12_relative_up_to_ten(s):
    with mp.workdps(40):
        arguments = {1: s, 2: s, 4: s * math.sqrt(2)}
        if s < 6:
            exact = {b: tracy_widom_generator.logarithms(mp.mpf(v), 44)[b][1] for b, v in arguments.items()}
        else:
            exact = {b: tracy_widom_generator.tail_logarithms(mp.mpf(v), 44)[b] for b, v in arguments.items()}
        for beta, value in exact.items():
            assert TracyWidom(beta).logsf(s) == pytest.approx(float(value), rel=1e-13)
            assert TracyWidom(beta).sf(s) == pytest.approx(float(mp.exp(value)), rel=1e-12)  # log is 60: 60 roundings


@pytest.mark.parametrize("s", [-9.0, -6.5])
def test_left_tail_keeps_1e_12_relative(s):
    with mp.workdps(40):
        exact = tracy_widom_generator.logarithms(mp.mpf(s), 70)
        for beta, value in ((1, s), (2, s), (4, s / math.sqrt(2))):
            assert TracyWidom(beta).logcdf(value) == pytest.approx(float(exact[beta][0]), rel=1e-13)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_table_joins_the_expansions_at_both_ends(beta):
    ends = np.array([tracy_widom.FIRST, 6.0])
    table, slope = tracy_widom._logarithm(beta, ends)
    for k, formula in enumerate((tracy_widom._left, tracy_widom._right)):
        value, change = formula(beta, ends[k : k + 1])
        # the expansion's first neglected term at |s| = 10 is 1e-11 of exp(value), 1e-13 of the value
        assert value[0] == pytest.approx(table[k], abs=1e-11)
        assert change[0] == pytest.approx(slope[k], rel=1e-9)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_tails_run_smoothly_to_underflow(beta):
    law = TracyWidom(beta)
    s = np.concatenate([np.linspace(-40, 120, 4001), [-1e3, -1e200, 1e3, 1e200, -np.inf, np.inf]])
    for f in (law.pdf, law.cdf, law.sf, law.logsf, law.logcdf):
        assert not np.any(np.isnan(f(s)))
    ordered = np.sort(s)
    assert np.all(np.diff(law.cdf(ordered)) >= 0)
    assert np.all(np.diff(law.logsf(ordered[ordered > 0])[:-1]) < 0)
    assert law.cdf(-30.0) < 1e-300
    assert law.logsf(np.inf) == -np.inf
    assert law.logcdf(-np.inf) < -1e290


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_slope_of_the_log_tails_is_the_density(beta):
    law = TracyWidom(beta)
    for s in (-14.0, -9.0, -6.01, -3.0, 0.5, 5.9, 7.0, 15.0):
        h = 1e-3
        f = law.logcdf if s < 0 else law.logsf
        tail = law.cdf(s) if s < 0 else law.sf(s)
        # five-point difference: error h^4 times a fifth derivative of order 1, 1e-12, and 1e-16 |log|/h
        slope = (8 * (f(s + h) - f(s - h)) - (f(s + 2 * h) - f(s - 2 * h))) / (12 * h)
        assert law.pdf(s) == pytest.approx(abs(slope) * tail, rel=3e-10)


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_quantile_inverts_both_tails(beta):
    law = TracyWidom(beta)
    p = np.array([1e-300, 1e-100, 1e-20, 1e-5, 0.1, 0.3, 0.5, 0.9])
    assert law.logcdf(law.quantile(p)) == pytest.approx(np.log(p), rel=1e-13)
    assert law.sf(law.quantile(1 - 1e-12)) == pytest.approx(1e-12, rel=1e-3)  # 1 - 1e-12 itself has four digits
    assert law.quantile([0.0, 1.0]).tolist() == [-np.inf, np.inf]
    assert math.isnan(law.quantile(math.nan))


def test_quantiles_are_the_tabulated_ones():
    # Johnstone 2001, table 1, and its limits
    assert TracyWidom(1).quantile([0.5, 0.9, 0.95, 0.99]) == pytest.approx([-1.2686, 0.4501, 0.9793, 2.0234], abs=2e-4)


@pytest.mark.parametrize("beta", [0, 3, 1.5, True, "1", None, math.nan])
def test_other_betas_raise(beta):
    with pytest.raises(ValueError, match=r"^beta must be 1, 2 or 4; got .*; pass 1 for a real matrix$"):
        TracyWidom(beta)


def test_largest_eigenvalue_is_centred_and_scaled():
    rows, cols, draws = 60, 30, 400
    rng = np.random.default_rng(1)
    top = [np.linalg.norm(rng.standard_normal((rows, cols)), 2) ** 2 for _ in range(draws)]
    centre, scale = largest_eigenvalue(rows, cols)
    z = (np.array(top) - centre) / scale
    law = TracyWidom(1)
    # standard error 1.27/20 = .063; the finite-size bias at this size is about .1 (measured -1.30 at 200 x 100)
    assert np.mean(z) == pytest.approx(law.mean, abs=0.3)
    assert np.std(z) == pytest.approx(law.std, rel=0.15)  # standard error 4 %, finite-size bias 4 %


def test_largest_eigenvalue_exchanges_rows_and_columns_and_broadcasts():
    assert largest_eigenvalue(50, 200) == largest_eigenvalue(200, 50)
    centre, scale = largest_eigenvalue([100, 200], [[10], [20], [30]])
    assert centre.shape == scale.shape == (3, 2)
    assert centre[1, 0] == pytest.approx((math.sqrt(99) + math.sqrt(20)) ** 2, rel=1e-15)


@pytest.mark.parametrize(("rows", "cols"), [(0, 5), (5, -1), (math.nan, 3), (1, 1), (0.5, 10), (math.inf, 3)])
def test_largest_eigenvalue_refuses_other_shapes(rows, cols):
    with pytest.raises(ValueError, match=r"^(rows|cols|rows and cols) must be [^\n]*; got [^\n]*; pass the shape"):
        largest_eigenvalue(rows, cols)
