"""Information plus noise against its fixed-point equation in 30 digits, Marchenko-Pastur, transposes and matrices."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import MarchenkoPastur
from theory.laws.information_plus_noise import InformationPlusNoise
from theory.laws.uniform import Uniform
from theory.tables import tables

CASES = [
    (0.4, ((1.0, 0.5), (6.0, 0.5)), 0.25),
    (0.5, ((0.0, 0.7), (4.0, 0.3)), 1.0),
    (1.0, ((0.0, 0.5), (4.0, 0.5)), 1.0),
    (1.0, ((3.0, 0.5), (4.0, 0.5)), 0.5),
    (0.99, ((1.0, 1.0),), 3.0),
    (3.0, ((0.0, 0.7), (5.0, 0.3)), 0.5),
    (1e-3, ((1.0, 0.5), (1.5, 0.5)), 0.1),
    (0.3, ((1e-3, 0.5), (1e3, 0.5)), 1e-2),
]


def _exact_transform(law, z, start):
    """Root of m = int dH/(t/b - b z + variance (1 - ratio)), b = 1 + variance ratio m, next to `start`."""
    c, s, z = mp.mpf(law.ratio), mp.mpf(law.variance), mp.mpc(z)

    def equation(m):
        b = 1 + s * c * m
        return m - sum(w / (t / b - b * z + s * (1 - c)) for t, w in law.signal)

    return complex(mpmath.findroot(equation, mp.mpc(start), tol=1e-40))


@pytest.mark.parametrize(("ratio", "signal", "variance"), CASES)
def test_density_solves_the_equation_of_dozier_and_silverstein(ratio, signal, variance):
    law = InformationPlusNoise(ratio, signal, variance)
    for low, high in law.bands:
        for fraction in (1e-3, 0.1, 0.5, 0.9, 0.999):
            x = low + fraction * (high - low)
            with mp.workdps(30):
                # a start that is 1e-3 off: the equation, not the start, decides
                exact = _exact_transform(law, x, law.stieltjes(complex(x, 1e-4 * (high - low))))
            assert exact.imag > 0
            # the edge is known to 1e-16 of x, at 1e-3 of the narrowest band (0.13 of x) that is 1e-12
            assert law.pdf(x) == pytest.approx(exact.imag / math.pi, rel=5e-12)


@pytest.mark.parametrize(("ratio", "signal", "variance"), CASES)
def test_density_keeps_its_digits_up_to_a_millionth_of_the_band(ratio, signal, variance):
    law = InformationPlusNoise(ratio, signal, variance)
    for low, high in law.bands:
        for fraction in (1e-6, 1 - 1e-6):
            x = low + fraction * (high - low)
            with mp.workdps(30):
                exact = _exact_transform(law, x, law.stieltjes(complex(x, 1e-8 * (high - low))))
            assert exact.imag > 0
            # the rounding of z(w), 1e-15 of x, would show as 1e-9 and more
            assert law.pdf(x) == pytest.approx(exact.imag / math.pi, rel=2e-11)


@pytest.mark.parametrize(
    ("ratio", "signal", "variance", "edges"),
    [
        (0.4, ((1.0, 0.5), (6.0, 0.5)), 0.25, [0.5989, 1.9000, 4.8313, 7.9622]),
        (0.5, ((0.0, 0.7), (4.0, 0.3)), 1.0, [0.1055, 2.1905, 3.3030, 7.9863]),
    ],
)
def test_stationary_points_with_a_negative_factor_are_no_edges(ratio, signal, variance, edges):
    # the map has six and five stationary points here; simulated extremes at 400 columns lie within .03 of these edges
    law = InformationPlusNoise(ratio, signal, variance)
    assert [x for band in law.bands for x in band] == pytest.approx(edges, abs=5e-5)


@pytest.mark.parametrize(("ratio", "signal", "variance"), CASES)
def test_mass_is_one_and_two_moments_are_right(ratio, signal, variance):
    law = InformationPlusNoise(ratio, signal, variance)
    first, second = (sum(w * t**k for t, w in signal) for k in (1, 2))
    assert law.moment(0) == pytest.approx(1, abs=1e-11)  # quadrature; the widest scales are 1e6 apart
    assert law.mean == pytest.approx(first + variance, rel=1e-14)
    assert law.moment(1) == pytest.approx(law.mean, rel=1e-11)
    # E tr (M^T M)^2/p with M = A + N: N^T N and N N^T have means variance and variance ratio
    expected = second + 2 * variance * (1 + ratio) * first + variance**2 * (1 + ratio)
    assert law.moment(2) == pytest.approx(expected, rel=1e-11)


def test_bands_of_random_signals_carry_the_masses_of_exact_separation():
    rng = np.random.default_rng(1)
    for _ in range(20):
        size = rng.integers(2, 6)
        values, weights = np.sort(10 ** rng.uniform(-1, 1.5, size)), np.maximum(rng.dirichlet(np.ones(size)), 1e-5)
        weights /= np.sum(weights)
        signal = list(zip(values, weights, strict=True))
        law = InformationPlusNoise(rng.uniform(0.01, 1), signal, 10 ** rng.uniform(-3, 1))
        below = np.cumsum(weights)[np.searchsorted(values, law._edges[:, 1] + law._map.origin) - 1]
        with np.errstate(all="ignore"):
            masses = [table.integral(np.ones_like) for table in tables(law)]
        assert np.cumsum(masses) == pytest.approx(below, abs=1e-10)  # quadrature; masses by Capitaine 2014


@pytest.mark.parametrize("ratio", [1e-3, 0.3, 1.0, 4.0])
def test_no_signal_is_the_marchenko_pastur_law(ratio):
    law, plain = InformationPlusNoise(ratio, [(0.0, 1.0)], 2.0), MarchenkoPastur(ratio, 2.0)
    assert law.bands[0] == pytest.approx(plain.bands[0], rel=1e-13, abs=1e-15)
    assert law.atoms == plain.atoms
    low, high = plain.bands[0]
    x = low + (high - low) * np.array([0.01, 0.3, 0.6, 0.99])
    assert law.pdf(x) == pytest.approx(plain.pdf(x), rel=1e-11)
    assert law.stieltjes(np.array([-1.0, 50.0, 1 + 1j, 1 - 2j])) == pytest.approx(
        plain.stieltjes(np.array([-1.0, 50.0, 1 + 1j, 1 - 2j])), rel=1e-12
    )


def test_transposing_the_matrix_keeps_the_nonzero_eigenvalues():
    # p = 2n: F_wide = 1/2 delta_0 + 1/2 F_tall, the noise's variance counted per row of the other matrix
    wide = InformationPlusNoise(2.0, [(0.0, 0.75), (4.0, 0.25)], 0.5)
    tall = InformationPlusNoise(0.5, [(0.0, 0.5), (4.0, 0.5)], 1.0)
    x = np.linspace(0.05, 8, 30)
    assert wide.pdf(x) == pytest.approx(tall.pdf(x) / 2, rel=1e-12)
    z = np.array([-2.0, 1 + 1j, 20.0])
    assert wide.stieltjes(z) == pytest.approx(tall.stieltjes(z) / 2 - 0.5 / z, rel=1e-12)


def test_weak_noise_keeps_the_signal_and_strong_noise_hides_it():
    law = InformationPlusNoise(0.5, [(1.0, 0.25), (4.0, 0.75)], 1e-6)
    assert [law.cdf(x) for x in (0.9, 1.1, 3.9, 4.1)] == pytest.approx([0, 0.25, 0.25, 1], abs=1e-11)
    noisy = InformationPlusNoise(0.5, [(1.0, 0.25), (4.0, 0.75)], 1e6)
    assert np.array(noisy.bands) == pytest.approx(np.array(MarchenkoPastur(0.5, 1e6).bands), rel=1e-4)


def test_a_law_as_signal_agrees_with_many_values_of_it():
    law = InformationPlusNoise(0.5, Uniform(1.0, 3.0), 0.4)
    values = 1 + 2 * (np.arange(400) + 0.5) / 400
    discrete = InformationPlusNoise(0.5, [(v, 1 / 400) for v in values], 0.4)
    assert law.bands[0] == pytest.approx(discrete.bands[0], rel=1e-5)  # midpoint rule: 400^-2
    x = np.linspace(0.5, 5, 10)
    assert law.pdf(x) == pytest.approx(discrete.pdf(x), rel=1e-4)


def test_marchenko_pastur_signals_add_their_noise():
    # A with independent entries of variance 1 plus noise of variance .5 is noise of variance 1.5
    law, plain = InformationPlusNoise(0.3, MarchenkoPastur(0.3), 0.5), MarchenkoPastur(0.3, 1.5)
    assert law.bands[0] == pytest.approx(plain.bands[0], rel=1e-11)
    x = np.linspace(0.4, 3.4, 20)
    assert law.pdf(x) == pytest.approx(plain.pdf(x), rel=1e-8)  # derivatives of the signal's transform are quotients


def test_at_ratio_one_the_signal_decides_whether_the_edge_is_hard():
    assert InformationPlusNoise(1.0, [(1.0, 1.0)], 1.01).bands[0][0] == 0
    assert InformationPlusNoise(1.0, [(1.0, 1.0)], 0.99).bands[0][0] > 0
    hard = InformationPlusNoise(1.0, [(0.0, 0.5), (4.0, 0.5)], 1.0)
    assert hard.pdf(0.0) == math.inf
    x = np.array([1e-12, 1e-10, 1e-8])
    assert hard.pdf(x) * np.sqrt(x) == pytest.approx(hard.pdf(1e-6) * 1e-3, rel=1e-5)


def test_the_critical_hard_edge_solves_its_cubic():
    # z = w^3/(1 - w)^2: the density is infinite like x^(-1/3) sqrt(3)/(2 pi)
    law = InformationPlusNoise(1.0, [(1.0, 1.0)], 1.0)
    assert law.bands == ((0.0, pytest.approx(27 / 4, rel=1e-14)),)
    assert law.pdf(0.0) == math.inf
    for x in (1e-40, 1e-16, 1e-3, 1.0, 6.7):
        w = max(np.roots([1, -x, 2 * x, -x]) if x > 1e-9 else [x ** (1 / 3) * np.exp(2j * np.pi / 3)], key=np.imag)
        # companion matrix: 1e-15 of the largest root; below 1e-9 the next term is x^(1/3)
        assert law.pdf(x) == pytest.approx((-1 / w).imag / math.pi, rel=1e-12 + (x ** (1 / 3) if x < 1e-9 else 0))
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)  # 1e-14 per panel
    p = np.array([1e-9, 1e-4, 0.1, 0.5, 0.9])
    assert law.cdf(law.quantile(p)) == pytest.approx(p, rel=1e-11)
    assert law.cdf(1e-20) == pytest.approx(1.5 * math.sqrt(3) / (2 * math.pi) * 1e-20 ** (2 / 3), rel=2e-7)  # x^(1/3)


@pytest.mark.parametrize("distance", [-1e-3, -1e-6, -1e-9, 1e-9, 1e-6, 1e-3])
def test_next_to_the_critical_edge_mass_and_mean_stay_right(distance):
    law = InformationPlusNoise(1.0, [(1.0, 1.0)], 1.0 + distance)
    assert law.expectation(np.ones_like) == pytest.approx(1, abs=1e-12)  # quadrature through the crossover
    assert law.moment(1) == pytest.approx(2.0 + distance, rel=1e-13)
    # w q^2 with q = 1 - s/(1 - w) is stationary at 4/27 (1 - s)^3 to leading order
    expected = 4 / 27 * max(0.0, -distance) ** 3
    assert law.bands[0][0] == pytest.approx(expected, rel=2 * abs(distance) + 1e-15 / abs(distance))


@pytest.mark.parametrize("case", [0, 1, 5])
def test_sampled_matrices_follow_the_law(case):
    law = InformationPlusNoise(*CASES[case])
    for seed in range(2):
        values = np.linalg.eigvalsh(law.sample_matrix(300, np.random.default_rng(seed)))
        values = np.sort(values[values > 1e-9])
        ranks = 1 - np.arange(len(values))[::-1] / 300
        assert np.max(np.abs(law.cdf(values) - ranks)) < law.matrix_gap(300)  # null about 2/n; eigenvalues repel


def test_scale_is_exact():
    law = InformationPlusNoise(0.5, ((1.0, 0.5), (5.0, 0.5)), 0.5)
    x = law.quantile(np.linspace(0.02, 0.98, 14))
    for factor in (1e-8, 1e8):
        assert law.scaled(factor).pdf(x * factor) * factor == pytest.approx(law.pdf(x), rel=1e-11)


@pytest.mark.parametrize(
    ("ratio", "signal", "variance"),
    [
        (0.0, [(1.0, 1.0)], 1.0),
        (0.5, [(1.0, 1.0)], -1.0),
        (0.5, [(-1.0, 1.0)], 1.0),
        (2.0, [(1.0, 0.6), (0.0, 0.4)], 1.0),
        (0.5, [(1.0, 0.4)], 1.0),
    ],
)
def test_bad_parameters_raise_one_line(ratio, signal, variance):
    with pytest.raises(ValueError, match=r"^\w+ must .*; got .*; [^\n]*$"):
        InformationPlusNoise(ratio, signal, variance)
