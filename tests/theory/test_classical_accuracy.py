"""Inverse Marchenko-Pastur, Wachter, F-matrix, Kesten-McKay and arcsine laws against 60-digit closed forms."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory.laws.arcsine import Arcsine
from theory.laws.f_matrix import FMatrix
from theory.laws.inverse_marchenko_pastur import InverseMarchenkoPastur
from theory.laws.kesten_mckay import KestenMcKay
from theory.laws.wachter import Wachter

FRACTIONS = [1e-6, 1e-3, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-4]
WACHTER = [(2, 3), (0.5, 2), (2, 0.5), (0.6, 0.7), (1, 3), (4, 1), (1, 1), (1 + 1e-10, 2), (1 - 1e-10, 2),
           (3, 1 + 1e-6), (1e8, 2), (1e-8, 1.5), (1e8, 1e8), (0.5, 0.5 + 1e-9), (1e-3, 1 - 1e-4), (0.3, 0.7 + 1e-7),
           (1e-6, 1), (7, 1 - 1e-13), (1e12, 0.7)]
F_MATRIX = [(0.5, 0.25), (2, 0.5), (1, 0.3), (1 + 1e-10, 0.3), (1e-8, 0.5), (1e8, 0.5), (0.5, 1e-8), (0.3, 1 - 1e-9),
            (1e-5, 1 - 1e-5), (1e10, 1 - 1e-6), (3, 1 - 1e-12), (2, 1e-300)]
INVERSE = [(0.25, 1), (0.5, 3), (1e-10, 1), (1 - 1e-10, 1), (0.9, 1e-16), (0.3, 1e16)]
KESTEN = [3, 2, 4.5, 1.5, 1.01, 1 + 1e-9, 2 + 1e-10, 2 - 1e-10, 50, 1e12, 1.0001, 1e6, 2 + 1e-14]
LAWS = [*(Wachter(a, b) for a, b in WACHTER), *(FMatrix(c, d) for c, d in F_MATRIX),
        *(InverseMarchenkoPastur(c, v) for c, v in INVERSE), *(KestenMcKay(d) for d in KESTEN),
        Arcsine(-2, 2), Arcsine(0, 1e-16), Arcsine(1, 1.001)]


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(60):
        yield


def _primitive(a, b, x):
    """The integral of sqrt((b - y)(y - a))/y from a to x."""
    root, g = mp.sqrt(max(0, (b - x) * (x - a))), mp.sqrt(a * b)
    first = (a + b) / 2 * (mp.atan2(2 * x - a - b, 2 * root) + mp.pi / 2)
    second = g * (mp.atan2((a + b) * x - 2 * a * b, 2 * g * root) + mp.pi / 2) if g else 0
    return root + first - second


def _wachter(a, b, x):
    """Edges, density and distribution function."""
    n = a + b
    low, high = ((mp.sqrt(a * (n - 1)) + sign * mp.sqrt(b)) ** 2 / n**2 for sign in (-1, 1))
    x = min(max(x, low), high)
    pdf = n * mp.sqrt((x - low) * (high - x)) / (2 * mp.pi * x * (1 - x))
    towards_one = _primitive(1 - high, 1 - low, 1 - low) - _primitive(1 - high, 1 - low, 1 - x)
    return low, high, pdf, max(0, 1 - a) + n / (2 * mp.pi) * (_primitive(low, high, x) + towards_one)


def _exact(law, x):
    """Edges, density and distribution function at x in 60 digits, each law from its textbook formula."""
    x = mp.mpf(x)
    match law:
        case Wachter():
            return _wachter(mp.mpf(law.dof_a), mp.mpf(law.dof_b), x)
        case FMatrix():
            c, d = mp.mpf(law.ratio_a), mp.mpf(law.ratio_b)
            h = mp.sqrt(c + d - c * d)
            low, high = ((1 - h) / (1 - d)) ** 2, ((1 + h) / (1 - d)) ** 2
            pdf = (1 - d) * mp.sqrt((x - low) * (high - x)) / (2 * mp.pi * x * (c + d * x))
            return low, high, pdf, _wachter(1 / c, 1 / d, x / (x + c / d))[3]
        case InverseMarchenkoPastur():
            c, s = mp.mpf(law.ratio), mp.mpf(law.variance)
            a, b = (1 - mp.sqrt(c)) ** 2, (1 + mp.sqrt(c)) ** 2
            y = 1 / (x * s)
            pdf = mp.sqrt((b - y) * (y - a)) / (2 * mp.pi * c * y) * y**2 * s
            return 1 / (b * s), 1 / (a * s), pdf, 1 - _primitive(a, b, y) / (2 * mp.pi * c)
        case KestenMcKay():
            d = mp.mpf(law.degree)
            e = 2 * mp.sqrt(d - 1)
            root = mp.sqrt(e**2 - x**2)
            inner = mp.asin(x / e) - (d - 2) / d * mp.atan2((d - 2) * x, d * root)
            return -e, e, d * root / (2 * mp.pi * (d**2 - x**2)), 0.5 + d / (2 * mp.pi) * inner
        case Arcsine():
            low, high = mp.mpf(law.low), mp.mpf(law.high)
            cdf = 2 / mp.pi * mp.asin(mp.sqrt((x - low) / (high - low)))
            return low, high, 1 / (mp.pi * mp.sqrt((x - low) * (high - x))), cdf
    raise TypeError(law)


def _points(law):
    (low, high), = law.bands
    points = [low + f * (high - low) for f in FRACTIONS]
    exact_low, exact_high, *_ = _exact(law, (low + high) / 2)
    return [x for x in points if exact_low < x < exact_high]


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_edges_are_those_of_the_formula(law):
    (low, high), = law.bands
    exact_low, exact_high, *_ = _exact(law, (low + high) / 2)
    assert low == float(exact_low)
    assert high == float(exact_high)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_density_is_right_to_1e_14_up_to_a_millionth_of_the_edge(law):
    for x in _points(law):
        assert abs(law.pdf(x) / _exact(law, x)[2] - 1) < 1e-14  # measured 4e-16; edges carry two doubles


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_distribution_and_its_complement_are_right_to_2e_15(law):
    for x in _points(law):
        exact = _exact(law, x)[3]
        # measured 2e-16: arcs are of one sign, so nothing cancels at any parameter
        assert abs(law.cdf(x) - exact) < 2e-15
        assert abs(law.sf(x) - (1 - exact)) < 2e-15


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_quantile_is_right_to_1e_12_of_the_bands_width(law):
    (low, high), = law.bands
    start, end = law.cdf(low), law.cdf(high - (high - low) * 1e-9)
    for f in (1e-3, 0.05, 0.3, 0.5, 0.8, 0.99, 1 - 1e-5):
        p = start + f * (end - start)
        x = law.quantile(p)
        _, _, density, cdf = _exact(law, x)
        error = (cdf - mp.mpf(p)) / density  # one exact Newton step is the error
        # the rounding of p and of x are in the input and the output, not in the computation
        assert abs(error) < 1e-12 * (high - low) + 2 * np.spacing(abs(x)) + abs(2 * np.spacing(1.0) / density)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_upper_tail_keeps_relative_accuracy(law):
    (low, high), = law.bands
    if law.atoms and law.atoms[-1][0] >= high:
        return
    x = high - 1e-6 * (high - low)
    exact = _exact(law, x)
    if exact[1] > x and not math.isinf(exact[2]):
        # x - high is known to 1e-16 of x, the rest to a few roundings
        assert abs(law.sf(x) / (1 - exact[3]) - 1) < 1e-12


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_stieltjes_transform_is_right_on_both_sides_of_the_axis(law):
    (low, high), = law.bands
    width = high - low
    points = [complex(low + x * width, y * width) for x, y in ((0.3, 1e-3), (2, -2), (-1, 0.1), (1e4, 1e4))]
    points += [complex(x + 1e-9 * width, 1e-9 * width) for x, _ in law.atoms]
    for z in points:
        value, exact = law.stieltjes(z), _stieltjes(law, z)
        assert abs(value / exact - 1) < 1e-14  # measured 2e-15; the form that cancels is not taken
        assert law.stieltjes(z.conjugate()) == value.conjugate()


def _stieltjes(law, z):
    """The quadratic equation's root, chosen by the branch of the root alone; 60 digits absorb its cancellation."""
    low, high, *_ = _exact(law, sum(law.bands[0]) / 2)
    z = mp.mpc(z)
    root = mp.sqrt(z - low) * mp.sqrt(z - high)
    match law:
        case Wachter():
            a, b = mp.mpf(law.dof_a), mp.mpf(law.dof_b)
            value = ((2 - a - b) * z + a - 1 + (a + b) * root) / (2 * z * (1 - z))
        case FMatrix():
            c, d = mp.mpf(law.ratio_a), mp.mpf(law.ratio_b)
            value = (1 - c - (1 + d) * z + (1 - d) * root) / (2 * z * (c + d * z))
        case InverseMarchenkoPastur():
            c, s = mp.mpf(law.ratio), mp.mpf(law.variance)
            y = z * s
            value = s * (1 - (1 + c) * y + (1 - c) * root * s) / (2 * c * y**2)
        case KestenMcKay():
            d = mp.mpf(law.degree)
            value = -2 * (d - 1) / ((d - 2) * z + d * root)
        case _:
            value = -1 / root
    return complex(value)
