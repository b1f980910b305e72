"""The Marchenko-Pastur law of a population against 50-digit polynomial roots, closed forms, limits and matrices."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import MarchenkoPastur
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.tables import tables

THIRD = 1 / 3
SPREAD = ((1e-6, 0.4), (1.0, 0.3), (1e6, 0.3))
CASES = [
    (0.1, ((1, THIRD), (3, THIRD), (10, THIRD))),
    (1.0, ((1, THIRD), (3, THIRD), (10, THIRD))),
    *((c, SPREAD) for c in (1e-4, 1.0, 2.0, 1e4)),
    (0.5, ((-1, 0.5), (2, 0.5))),
    (1.0, ((-1, 0.5), (1, 0.5))),  # two bands that touch at an infinite density
    (2.0, ((-1, 0.5), (1, 0.5))),  # an atom inside the band
    (0.7, ((-3, 0.2), (-1, 0.8))),
    (0.3, ((0, 0.5), (2, 0.25), (5, 0.25))),
    (2.0, ((0, 0.5), (2, 0.5))),  # ratio H{t != 0} = 1: hard edge
    (1 - 1e-6, ((1, 0.5), (2, 0.5))),
    (1 + 1e-6, ((1, 0.5), (2, 0.5))),
    (1e-10, ((1, 1.0),)),
    (1e10, ((1, 0.5), (2, 0.5))),
    (0.2, ((1, 1 - 2**-30), (3, 2**-30))),  # a band of mass 1e-9
]

# mpmath 1.4 changes the order of coefficients by a keyword that 1.3 doesn't have
pytestmark = pytest.mark.filterwarnings("ignore:Descending:DeprecationWarning")


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(50):
        yield


def _product(p, q):
    result = [mp.mpf(0)] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            result[i + j] += a * b
    return result


def _exact_density(law, x):
    """From the root in the upper half plane of u prod(u - t) + ratio sum w t u prod'(u - t) = x prod(u - t)."""
    ts = [mp.mpf(t) for t, _ in law.population if t != 0]
    ws = [mp.mpf(w) for t, w in law.population if t != 0]
    c, x = mp.mpf(law.ratio), mp.mpf(x)
    total = [mp.mpf(1), -x]
    for t in ts:
        total = _product(total, [1, -t])
    for k, t in enumerate(ts):
        term = [c * ws[k] * t, mp.mpf(0)]
        for j, s in enumerate(ts):
            if j != k:
                term = _product(term, [1, -s])
        padded = [mp.mpf(0)] * (len(total) - len(term)) + term
        total = [a + b for a, b in zip(total, padded, strict=True)]
    u = max(mp.polyroots(total, maxsteps=500, extraprec=600), key=lambda root: root.imag)
    return float(u.imag / abs(u) ** 2 / mp.pi / c)


def _exact_edges(law):
    """Real stationary points of psi, their images, from the polynomial of psi' in 50 digits."""
    ts = [mp.mpf(t) for t, _ in law.population if t != 0]
    ws = [mp.mpf(w) for t, w in law.population if t != 0]
    c, total = mp.mpf(law.ratio), [mp.mpf(1)]
    for t in ts:
        total = _product(total, [1, -2 * t, t * t])
    for k, t in enumerate(ts):
        term = [-c * ws[k] * t * t]
        for j, s in enumerate(ts):
            if j != k:
                term = _product(term, [1, -2 * s, s * s])
        padded = [mp.mpf(0)] * (len(total) - len(term)) + term
        total = [a + b for a, b in zip(total, padded, strict=True)]
    roots = mp.polyroots(total, maxsteps=500, extraprec=600)
    real = [r.real for r in roots if abs(r.imag) < mp.mpf(10) ** -25 * (1 + abs(r))]
    return sorted(u * (1 + c * sum(w * t / (u - t) for t, w in zip(ts, ws, strict=True))) for u in real)


@pytest.mark.parametrize(("ratio", "population"), CASES)
def test_density_is_right_to_1e_12_up_to_a_millionth_of_the_edge(ratio, population):
    law = GeneralizedMarchenkoPastur(ratio, population)
    for low, high in law.bands:
        for fraction in (1e-6, 1e-3, 0.3, 0.7, 0.999, 1 - 1e-6):
            x = low + fraction * (high - low)
            # weights that add to 1 up to 1e-16 move an edge by 1e-16 |u|: at 1e-6 of the band that is 1e-12 at most
            assert law.pdf(x) == pytest.approx(_exact_density(law, x), rel=2e-12)


@pytest.mark.parametrize(("ratio", "population"),
                         [case for case in CASES if case[0] != 1 and (2.0, 0.5) not in case[1]])
def test_edges_are_the_stationary_values_of_the_inverse_map(ratio, population):
    law = GeneralizedMarchenkoPastur(ratio, population)
    found = [x for band in law.bands for x in band]
    exact = [float(x) for x in _exact_edges(law)]
    assert len(found) == len(exact)
    # psi is stationary: rounding of u enters squared; what remains is the rounding of the weights' sum, which the
    # lower edge at ratio 1 -+ 1e-6 sees multiplied by 1e6
    assert found == pytest.approx(exact, rel=1e-9 if abs(ratio - 1) < 1e-5 else 1e-14)


def test_the_lower_edge_of_1_3_10_is_not_that_of_a_smoothed_density():
    # another package finds .617 and splits the density into four components
    law = GeneralizedMarchenkoPastur(0.1, ((1, 0.2), (3, 0.4), (10, 0.4)))
    assert law.bands[0][0] == pytest.approx(float(_exact_edges(law)[0]), rel=1e-14)
    assert round(law.bands[0][0], 3) == 0.652
    assert len(law.bands) == 3


def test_one_value_is_the_marchenko_pastur_law():
    x = np.linspace(0, 20, 200)
    for ratio in (1e-4, 0.3, 1.0, 5.0):
        law, plain = GeneralizedMarchenkoPastur(ratio, [(2.0, 1.0)]), MarchenkoPastur(ratio, 2.0)
        assert law.bands[0] == pytest.approx(plain.bands[0], rel=1e-14, abs=1e-300)
        assert law.atoms == plain.atoms
        assert law.cdf(x) == pytest.approx(plain.cdf(x), abs=1e-13)  # at ratio 1e-4 rounding/sqrt(ratio)
        inside = x[(x > 1.02 * plain.bands[0][0]) & (x < 0.98 * plain.bands[0][1])]
        assert law.pdf(inside) == pytest.approx(plain.pdf(inside), rel=1e-12)
        p = np.linspace(0, 1, 41)
        assert law.quantile(p) == pytest.approx(plain.quantile(p), rel=1e-12, abs=1e-12)
        assert [law.moment(k) for k in range(7)] == pytest.approx([plain.moment(k) for k in range(7)], rel=1e-13)
        cumulants = [plain.free_cumulant(k) for k in range(1, 7)]
        assert [law.free_cumulant(k) for k in range(1, 7)] == pytest.approx(cumulants, rel=1e-13)
        z = np.array([-1.0, 30.0, 1 + 1j, 2 - 1e-3j, 1e-3 + 1e-9j])
        assert law.stieltjes(z) == pytest.approx(plain.stieltjes(z), rel=1e-10)  # root of 1e-9 in Im z


@pytest.mark.parametrize(("ratio", "population"), CASES)
def test_distribution_function_is_the_integral_of_the_density(ratio, population):
    law = GeneralizedMarchenkoPastur(ratio, population)
    x = np.concatenate([low + (high - low) * np.array([0.01, 0.2, 0.6, 0.97]) for low, high in law.bands])
    by_tables = super(GeneralizedMarchenkoPastur, law)
    assert law.cdf(x) == pytest.approx(by_tables.cdf(x), abs=2e-12)  # quadrature, times the condition at ratio 1e-10
    assert law.cdf(x) + law.sf(x) == pytest.approx(1, abs=1e-14)
    assert sum(law.components) + sum(mass for _, mass in law.atoms) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(("ratio", "population"), CASES)
def test_quantile_inverts_the_distribution_function(ratio, population):
    law = GeneralizedMarchenkoPastur(ratio, population)
    p = np.concatenate([[1e-9, 1e-4], np.linspace(0.003, 0.997, 60), [1 - 1e-6]])
    x = law.quantile(p)
    assert np.all(np.diff(x) >= 0)
    # what rounding of x can move: a band of width sqrt(ratio) x holds the mass; 1e-16/1e-5 at ratio 1e-10
    assert law.cdf(x)[x != 0] == pytest.approx(p[x != 0], abs=1e-13 + 1e-16 / math.sqrt(ratio))
    atom = law.atoms[0][1] if law.atoms else 0.0
    assert np.count_nonzero(x == 0) / len(x) == pytest.approx(atom, abs=0.04)


def test_upper_tail_keeps_relative_accuracy():
    law = GeneralizedMarchenkoPastur(0.3, ((1, 0.5), (4, 0.5)))
    edge = law.bands[-1][1]
    for distance in (1e-3, 1e-6, 1e-9):
        x = edge - distance
        slope = law.pdf(edge - 1e-12) / math.sqrt(1e-12)
        leading = slope * 2 / 3 * (edge - x) ** 1.5
        # the next term of the density is of relative size distance; 1e-4 from the rounding of edge - 1e-12
        assert law.sf(x) == pytest.approx(leading, rel=2 * distance + 5e-4)


@pytest.mark.parametrize("distance", [1e-4, 1e-7])
def test_a_closing_gap_is_found_however_narrow(distance):
    population = ((1.0, 0.5), (4.0, 0.5))
    u = 10 ** (1 / 3)  # not the minimum: it is located below
    u = mpmath.findroot(lambda v: 1 / (v - 1) ** 3 + 16 / (v - 4) ** 3, u)
    closing = 2 / (1 / (u - 1) ** 2 + 16 / (u - 4) ** 2)
    split = GeneralizedMarchenkoPastur(float(closing * (1 - distance)), population)
    merged = GeneralizedMarchenkoPastur(float(closing * (1 + distance)), population)
    assert (len(split.bands), len(merged.bands)) == (2, 1)
    gap = split.bands[1][0] - split.bands[0][1]
    assert 0 < gap < 10 * distance**1.5  # two roots at a distance of the root of 1 - c/c*, images to its power 3/2
    assert split.components == pytest.approx((0.5, 0.5), abs=1e-15)
    middle = split.bands[0][1] + gap / 2
    assert split.pdf(middle) == 0
    assert split.cdf(middle) == pytest.approx(0.5, abs=1e-15)
    assert merged.cdf(middle) == pytest.approx(0.5, abs=10 * distance**0.5)


def test_bands_of_random_populations_carry_the_masses_of_exact_separation():
    rng = np.random.default_rng(0)
    for _ in range(30):
        size = rng.integers(1, 8)
        values = 10 ** rng.uniform(-1, 1, size) * rng.choice([1, 1, 1, -1], size)
        weights = np.maximum(rng.dirichlet(np.ones(size)), 1e-6)
        population = list(zip(values, weights / np.sum(weights), strict=True))
        law = GeneralizedMarchenkoPastur(10 ** rng.uniform(-4, 2), population)
        with np.errstate(all="ignore"):
            masses = [table.integral(np.ones_like) for table in tables(law)]
        # quadrature of the density: a band too many or too few, or an edge 1e-6 off, shows
        assert masses == pytest.approx(law.components, abs=1e-10)
        assert all(np.min(law.pdf(low + (high - low) * np.array([0.01, 0.5, 0.99]))) > 0 for low, high in law.bands)


def test_masses_of_the_bands_are_those_of_the_population():
    law = GeneralizedMarchenkoPastur(0.02, ((1, 0.2), (2, 0.3), (4, 0.1), (8, 0.4)))
    assert law.components == pytest.approx((0.2, 0.3, 0.1, 0.4), abs=1e-15)
    for (_, high), mass in zip(law.bands, np.cumsum(law.components), strict=True):
        assert law.quantile(mass) == pytest.approx(high, rel=1e-9)
        assert law.cdf(high) == pytest.approx(mass, abs=1e-15)


def test_a_wide_matrix_loses_mass_of_its_smallest_values():
    law = GeneralizedMarchenkoPastur(2.0, SPREAD)  # 2 x .6 of the population is nonzero on the scale of 1: short rank
    assert law.atoms == ((0.0, 0.5),)
    assert law.components == pytest.approx((0.2, 0.3), abs=1e-15)


@pytest.mark.parametrize("ratio", [0.3, 3.0])
def test_scale_is_exact_from_1e_8_to_1e8(ratio):
    law = GeneralizedMarchenkoPastur(ratio, ((0, 0.1), (1, 0.6), (7, 0.3)))
    x = law.quantile(np.linspace(0.72, 0.99, 20))
    for factor in (1e-8, 1e8):
        other = law.scaled(factor)
        assert other.pdf(x * factor) * factor == pytest.approx(law.pdf(x), rel=1e-11)
        assert other.cdf(x * factor) == pytest.approx(law.cdf(x), abs=1e-13)


def test_moments_are_those_of_the_density_and_of_the_companion():
    law = GeneralizedMarchenkoPastur(0.4, ((-1, 0.3), (0, 0.2), (3, 0.5)))
    c, t = 0.4, [1.2, 4.8, 13.2]  # E t, E t^2, E t^3
    expected = [1, t[0], t[1] + c * t[0] ** 2, t[2] + 3 * c * t[0] * t[1] + c**2 * t[0] ** 3]
    assert [law.moment(k) for k in range(4)] == pytest.approx(expected, rel=1e-14)
    assert law.std**2 == pytest.approx(law.moment(2) - law.mean**2, rel=1e-13)
    assert law.moment(8) == pytest.approx(super(GeneralizedMarchenkoPastur, law).moment(8), rel=1e-12)


@pytest.mark.parametrize(("ratio", "population"), CASES)
def test_stieltjes_solves_its_equation_and_is_a_transform(ratio, population):
    law = GeneralizedMarchenkoPastur(ratio, population)
    low, high = law.bands[0][0], law.bands[-1][1]
    width = high - low
    x = np.array([low - width, low + 0.3 * width, high + 0.1 * width, 50 * high])
    z = np.concatenate([x + 1j * y * width for y in (1e-6, 0.1, -3.0)])
    m = law.stieltjes(z)
    assert np.all(m.imag * z.imag > 0)
    companion = ratio * m - (1 - ratio) / z
    t, w = np.array(law.population).T
    terms = ratio * np.sum(w * t / (1 + t * companion[:, None]), axis=1)
    # the equation cancels: its terms are |z| to 1/|m|, which at extreme ratios lose log10(max(c, 1/c)) digits
    allowed = 1e-9 * (np.abs(z) + np.abs(1 / companion) + np.abs(terms)) * max(1, 1e-3 / ratio, 1e-3 * ratio)
    assert np.all(np.abs(z + 1 / companion - terms) <= allowed)


def test_stieltjes_at_real_points_agrees_with_the_density_by_quadrature():
    law = GeneralizedMarchenkoPastur(0.05, ((1, 0.5), (4, 0.5)))
    points = np.array([-3.0, 0.0, 0.6, law.bands[0][1] + 0.3, 2.5, 6.0, 100.0])
    direct = super(GeneralizedMarchenkoPastur, law)._stieltjes(points.astype(complex)).real
    assert law.stieltjes(points) == pytest.approx(direct, rel=1e-10)
    assert np.isnan(law.stieltjes(1.0))


@pytest.mark.parametrize("z", [1e-9j, 1e-12 + 1e-12j, -1e-9 + 1e-15j, 1e-30j, 1e-200 - 1e-200j])
def test_stieltjes_beside_the_atom_at_zero_is_that_of_marchenko_pastur(z):
    law = GeneralizedMarchenkoPastur(2.0, [(1.0, 1.0)])
    # to first order: the atom of 1/2 and int dF/x over the band, 1/2 as z m + 1/2 = z/2 + O(z^2)
    assert law.stieltjes(z) == pytest.approx(-0.5 / z + 0.5, rel=1e-14)


@pytest.mark.parametrize("z", [1.0, -1e-9, 1e3, 1 + 1j, 1e-3 - 1e-6j])
def test_stieltjes_far_from_a_band_that_the_ratio_moved_keeps_its_digits(z):
    population = ((-1e6, 0.3), (1.0, 0.4), (1e3, 0.3))
    law = GeneralizedMarchenkoPastur(1e4, population)
    c = mp.mpf(1e4)
    u = mpmath.findroot(lambda u: u * (1 + c * sum(w * t / (u - t) for t, w in population)) - z, mp.mpc(-3e9))
    exact = complex(u * sum(w / (t - u) for t, w in population) / z)
    assert law.stieltjes(complex(z)) == pytest.approx(exact, rel=1e-14)
