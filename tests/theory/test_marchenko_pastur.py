"""Marchenko-Pastur against 60-digit arithmetic, limits, dualities and sampled matrices."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import MarchenkoPastur, Semicircle, SingularValues

CASES = [
    *((c, 1.0) for c in (1e-4, 1e-2, 0.25, 0.5, 0.9, 1 - 1e-6, 1.0, 1 + 1e-6, 1.5, 4.0, 1e2, 1e4)),
    *((c, v) for c in (0.3, 1.0, 7.0) for v in (1e-16, 3.7, 1e16)),
]
FRACTIONS = [1e-6, 1e-3, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-4]


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(60):
        yield


def _exact(law):
    c, s = mp.mpf(law.ratio), mp.mpf(law.variance)
    return c, s, s * (1 - mp.sqrt(c)) ** 2, s * (1 + mp.sqrt(c)) ** 2


def _points(law):
    (low, high), = law.bands
    return [low + f * (high - low) for f in FRACTIONS]


def _pdf(law, x):
    c, s, a, b = _exact(law)
    x = mp.mpf(x)
    return mp.sqrt((b - x) * (x - a)) / (2 * mp.pi * c * s * x)


def _cdf(law, x):
    """Antiderivative by atan2 (theory of the closed form: differentiate); 60 digits absorb its cancellation."""
    c, s, a, b = _exact(law)
    x, a, b = mp.mpf(x) / s, a / s, b / s
    root, g = mp.sqrt((b - x) * (x - a)), abs(1 - c)
    first = (a + b) / 2 * (mp.atan2(2 * x - a - b, 2 * root) + mp.pi / 2)
    second = g * (mp.atan2((a + b) * x - 2 * a * b, 2 * g * root) + mp.pi / 2) if g else 0
    return max(0, 1 - 1 / c) + (root + first - second) / (2 * mp.pi * c)


@pytest.mark.parametrize(("ratio", "variance"), CASES)
def test_density_is_right_to_1e_12_up_to_a_millionth_of_the_edge(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    for x in _points(law):
        assert abs(law.pdf(x) / _pdf(law, x) - 1) < 1e-12  # some ten roundings of 1e-16; edges carry two doubles


@pytest.mark.parametrize(("ratio", "variance"), CASES)
def test_distribution_is_right_to_1e_12(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    for x in _points(law):
        exact = _cdf(law, x)
        # x enters by its distance to the edges, known to 1e-16 of x: at ratio 1e4 that is 3e-15 of the band
        assert abs(law.cdf(x) - exact) < 1e-13
        assert abs(law.sf(x) - (1 - exact)) < 1e-13


@pytest.mark.parametrize(("ratio", "variance"), CASES)
def test_quantile_is_right_to_1e_12_of_the_bands_width(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    (low, high), = law.bands
    start = law.atoms[0][1] if law.atoms else 0.0
    for f in (1e-3, 0.05, 0.3, 0.5, 0.8, 0.99, 1 - 1e-5):
        p = start + f * (1 - start)
        x = law.quantile(p)
        error = (_cdf(law, x) - p) / _pdf(law, x)  # one exact Newton step is the error
        # at ratio 1e4 the band holds 1e-4 of the mass, so the rounding 1e-16 of p is 1e-12 of it (and x near 1e4
        # is rounded to 2e-12): both are in the input and the output, not in the computation
        allowed = 1e-12 * (high - low) + 2 * np.spacing(x) + abs(np.spacing(p) / float(_pdf(law, x)))
        assert abs(error) < allowed


@pytest.mark.parametrize("ratio", [1e-10, 1e-6, 1e6, 1e10])
def test_extreme_ratios_keep_the_distribution_function(ratio):
    law = MarchenkoPastur(ratio)
    for x in _points(law)[2:-1]:
        # a narrow band far from zero: rounding the width to its own 1e-16 and x - a exactly leaves rounding error only
        assert abs(law.cdf(x) - _cdf(law, x)) < 1e-14


def test_upper_tail_keeps_relative_accuracy():
    law = MarchenkoPastur(0.5)
    b = law.bands[0][1]
    for distance in (1e-3, 1e-6, 1e-9):
        x = b - distance
        exact = mpmath.quad(lambda y: _pdf(law, y), [mp.mpf(x), _exact(law)[3]])
        assert law.sf(x) == pytest.approx(float(exact), rel=1e-12)  # edge in two doubles, integral without 1 - cdf
        assert law.logsf(x) == pytest.approx(float(mp.log(exact)), rel=1e-12)


def test_at_ratio_one_the_lower_edge_is_hard():
    law = MarchenkoPastur(1.0)
    assert law.pdf(0.0) == math.inf
    assert law.pdf(-0.0) == math.inf
    assert law.cdf(0.0) == 0.0
    assert law.pdf(-1e-300) == 0.0
    s = np.sqrt(np.array([1e-300, 1e-20, 0.3, 3.9])) / 2
    assert law.cdf(4 * s**2) == pytest.approx(2 / np.pi * (np.arcsin(s) + s * np.sqrt(1 - s**2)), rel=1e-14)
    assert law.quantile(1e-9) == pytest.approx((np.pi * 1e-9 / 2) ** 2, rel=1e-12)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 5.0])
def test_nothing_is_nan_at_zero_edges_and_infinity(ratio):
    law = MarchenkoPastur(ratio)
    special = np.array([0.0, -0.0, *law.bands[0], np.inf, -np.inf, 5e-324, 1e-310, 1e308])
    for f in (law.pdf, law.cdf, law.sf, law.logsf):
        assert not np.any(np.isnan(f(special)))
    assert law.pdf(law.bands[0][1]) == pytest.approx(0.0, abs=1e-7)  # the double next to the edge may lie inside


@pytest.mark.parametrize("variance", [1e-300, 1e-160, 1e160, 1e300])
def test_scale_neither_overflows_nor_underflows(variance):
    law, unit = MarchenkoPastur(0.5, variance), MarchenkoPastur(0.5)
    x = np.linspace(0.2, 2.5, 7)
    assert law.pdf(x * variance) * variance == pytest.approx(unit.pdf(x), rel=1e-12)
    assert law.cdf(x * variance) == pytest.approx(unit.cdf(x), rel=1e-12)


def test_ratio_and_its_inverse_share_their_nonzero_spectrum():
    # X^T X and X X^T have the same nonzero eigenvalues: F_c(x) = 1 - 1/c + F_{1/c}(x/c)/c
    x = np.linspace(0.01, 12, 50)
    wide, tall = MarchenkoPastur(4.0), MarchenkoPastur(0.25)
    assert wide.cdf(x) == pytest.approx(0.75 + 0.25 * tall.cdf(x / 4), abs=1e-15)


def test_small_ratio_tends_to_the_semicircle():
    law = MarchenkoPastur(1e-8)
    u = np.linspace(-1.9, 1.9, 9)
    # first correction is of order sqrt(ratio) = 1e-4
    assert law.cdf(1 + 1e-4 * u) == pytest.approx(Semicircle().cdf(u), abs=1e-4)


@pytest.mark.parametrize(("ratio", "variance"), CASES)
def test_moments_are_the_narayana_polynomials(ratio, variance):
    law = MarchenkoPastur(ratio, variance)
    c = ratio
    expected = [1, 1, 1 + c, 1 + 3 * c + c**2, 1 + 6 * c + 6 * c**2 + c**3]
    expected = [m * variance**k for k, m in enumerate(expected)]
    assert [law.moment(k) for k in range(5)] == pytest.approx(expected, rel=1e-14)
    assert law.mean == variance
    assert law.std == pytest.approx(variance * math.sqrt(c), rel=1e-15)


@pytest.mark.parametrize("ratio", [1e-4, 0.3, 1.0, 1 + 1e-6, 7.0, 1e4])
def test_stieltjes_transform_is_on_the_right_branch_everywhere(ratio):
    law = MarchenkoPastur(ratio)
    c, s, a, b = _exact(law)
    low, high = law.bands[0]
    points = [-3.0, low / 2, high * 1.001, 5 * high, -1e-9, 1e8, -1e8,
              *(complex(x, y) for x in (-1, 0.5 * low, (low + high) / 2, 2 * high) for y in (1e-3, -1e-3, 1, -10))]
    for z in points:
        if z == 0 or (isinstance(z, float) and low <= z <= high):
            continue
        w = mp.mpc(z)
        root = mp.sqrt(w - a) * mp.sqrt(w - b)
        exact = complex(-2 / ((w - s * (1 - c)) + root))
        # conditioning: the root near an edge, 1e-16 z/(z - a); at ratio 1e-4 that is 1e-12 at worst here
        assert abs(law.stieltjes(z) / exact - 1) < 1e-11
    assert law.stieltjes(1e12j) == pytest.approx(1e-12j, rel=1e-6)


@pytest.mark.parametrize("shape", [(300, 120), (150, 150), (100, 250)])
def test_sampled_matrices_follow_the_law(shape):
    law = MarchenkoPastur.of(shape, entry_std=0.7)
    for seed in range(3):
        w = 0.7 * np.random.default_rng(seed).standard_normal(shape)
        values = np.sort(np.linalg.eigvalsh(w.T @ w / shape[0]))
        n = len(values)
        values[np.abs(values) < 1e-12] = 0
        gap = np.max(np.abs(law.cdf(values) - np.arange(1, n + 1) / n)[values > 0])
        assert gap < 6 / min(shape)  # null: about 3/n, largest of 480 draws 4.2/n


def test_of_uses_columns_over_rows_and_the_square_of_the_deviation():
    assert MarchenkoPastur.of((200, 100), 0.5) == MarchenkoPastur(0.5, 0.25)


def test_singular_values_of_a_square_matrix_follow_the_quarter_circle():
    law = SingularValues(MarchenkoPastur(1.0))
    x = np.linspace(0, 2, 9)
    assert law.pdf(x) == pytest.approx(np.sqrt(4 - x**2) / np.pi, abs=1e-7)  # at 2: sqrt of the rounding of 2^2
    assert law.moment(1) == pytest.approx(8 / (3 * np.pi), rel=1e-13)
    assert law.kind == "singular_values"
    assert law.law.kind == "eigenvalues"


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, "x", None])
def test_bad_parameters_raise_one_line(bad):
    for call in (lambda: MarchenkoPastur(bad), lambda: MarchenkoPastur(0.5, bad), lambda: Semicircle(bad),
                 lambda: MarchenkoPastur.of((10, 5), bad)):
        with pytest.raises(ValueError, match=r"^\w+ must be positive and finite; got .*; pass [^\n]*$"):
            call()


@pytest.mark.parametrize("shape", [(0, 3), (3, -1), (2.5, 3), 7, (1, 2, 3)])
def test_bad_shapes_raise_one_line(shape):
    with pytest.raises(ValueError, match=r"^(rows|cols|shape) must be .*; got .*; pass [^\n]*$"):
        MarchenkoPastur.of(shape)


@pytest.mark.parametrize("p", [-1e-12, 1.1, [0.5, 2.0], -math.inf])
def test_probabilities_outside_the_unit_interval_raise(p):
    for law in (MarchenkoPastur(0.5), Semicircle(), SingularValues(MarchenkoPastur(2.0))):
        with pytest.raises(ValueError, match=r"^probability must lie in \[0, 1\]; got "):
            law.quantile(p)


def test_singular_values_need_a_law_of_nonnegative_eigenvalues():
    for law in (Semicircle(), SingularValues(MarchenkoPastur(0.5)), 3):
        with pytest.raises(ValueError, match=r"must (be >= 0|describe eigenvalues); got "):
            SingularValues(law)  # type: ignore[arg-type]
