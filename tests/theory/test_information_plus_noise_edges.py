"""Information plus noise next to its edges: nearly critical ones, wide matrices, signals that reach 0."""

import functools
import math

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import InformationPlusNoise, MarchenkoPastur, Semicircle, Uniform

DISTANCES = 10.0 ** -np.arange(1, 11)  # of a band's width


def _wide(ratio: float, *pairs: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """The signal of a wide matrix without more zeros than its shape asks for."""
    return ((0.0, 1 - 1 / ratio), *((value, share / ratio) for value, share in pairs))


CASES = [
    *((1.0, ((1.0, 1.0),), variance) for variance in (0.98, 0.99, 0.999, 1 - 1e-5, 1 - 1e-8)),
    *((1 - 1e-6, ((1.0, 1.0),), variance) for variance in (0.98, 1.0, 1.001)),
    *((1 + 1e-6, _wide(1 + 1e-6, (1.0, 1.0)), variance) for variance in (0.98, 1.0)),
    (1e3, _wide(1e3, (1.0, 1.0)), 1.0),
    (1e4, _wide(1e4, (1.0, 0.6), (3.0, 0.4)), 0.01),
    (1e5, _wide(1e5, (1.0, 0.6), (3.0, 0.4)), 1.0),
    (1e5, _wide(1e5, (1.0, 1.0)), 100.0),
    (1 - 1e-6, ((0.05, 0.3), (50.0, 0.5), (69.0, 0.2)), 1.2e-3),
]
cases = pytest.mark.parametrize(("ratio", "signal", "variance"), CASES)


def _exact_density(law: InformationPlusNoise, x: float) -> float:
    """From the roots w of P(w) = (w q^2 + r q - x) prod (t - w)^2; asserts that one has Im w > 0 and Im m > 0."""
    ratio, variance, wide = mp.mpf(law.ratio), mp.mpf(law.variance), max(mp.mpf(1), mp.mpf(law.ratio))
    strength, rest = variance * min(1, ratio), variance * abs(1 - ratio)
    pairs = {mp.mpf(t): wide * mp.mpf(h) for t, h in law.signal}
    zero = pairs.pop(mp.mpf(0), mp.mpf(0)) - (wide - 1)
    assert abs(zero) < 1e-15 * wide
    w = [mp.mpf(0), mp.mpf(1)]  # polynomials are coefficients, lowest power first
    factors = {t: [t, mp.mpf(-1)] for t in pairs}  # t - w

    def product(*polynomials):
        result = [mp.mpf(1)]
        for p in polynomials:
            result = [sum(result[i] * p[k - i] for i in range(len(result)) if 0 <= k - i < len(p))
                      for k in range(len(result) + len(p) - 1)]
        return result

    def total(*terms):
        size = max(len(p) for _, p in terms)
        return [sum(a * p[k] for a, p in terms if k < len(p)) for k in range(size)]

    bottom = product(*factors.values())
    others = [(-strength * h, product(*(p for s, p in factors.items() if s != t))) for t, h in pairs.items()]
    top = total((1, bottom), *others)
    equation = total((1, product(w, top, top)), (rest, product(top, bottom)), (-mp.mpf(x), product(bottom, bottom)))
    found = []
    for root in mp.polyroots(equation, asc=True, maxsteps=1000, extraprec=400):
        f = sum(h / (t - root) for t, h in pairs.items())
        m = f / (1 - strength * f)
        if root.imag > 1e-30 * abs(root) and m.imag > 0:
            found.append(m)
    assert len(found) == 1
    return float(found[0].imag / mp.pi / wide)


@cases
def test_density_next_to_every_edge_is_that_of_the_only_admissible_root(ratio, signal, variance):
    law = InformationPlusNoise(ratio, signal, variance)
    for low, high in law.bands:
        for x in (*(low + (high - low) * DISTANCES[1::2]), *(high - (high - low) * DISTANCES[1::2])):
            with mp.workdps(50):
                exact = _exact_density(law, x)
            # edges are known to 60 digits, so that the distance keeps its own; measured 1e-15
            assert law.pdf(x) == pytest.approx(exact, rel=1e-13)


@cases
def test_mass_quantiles_and_transform_are_right_next_to_every_edge(ratio, signal, variance):
    law = InformationPlusNoise(ratio, signal, variance)
    assert law.moment(0) == pytest.approx(1, abs=1e-12)  # quadrature through the crossover; measured 1e-14
    assert law.moment(1) == pytest.approx(law.mean, rel=1e-12)
    inside = 1 - sum(mass for _, mass in law.atoms)
    p = 1 - inside * np.concatenate([DISTANCES, 1 - DISTANCES])
    assert law.cdf(law.quantile(p)) == pytest.approx(p, abs=1e-13)
    for low, high in law.bands:
        x = np.concatenate([low + (high - low) * DISTANCES, high - (high - low) * DISTANCES])
        assert law.cdf(x) + law.sf(x) == pytest.approx(1, abs=1e-12)
        for height in (1e-2, 1e-6, 1e-10):
            assert np.all(law.stieltjes(x + 1j * height * (high - low)).imag > 0)


def test_density_keeps_its_digits_closer_to_an_edge_than_its_place_times_1e_minus_12():
    law = InformationPlusNoise(*CASES[-1])
    for low, high in law.bands[1:]:
        for x in (low + 20 * np.spacing(low), low + 2000 * np.spacing(low), high - 20 * np.spacing(high)):
            with mp.workdps(50):
                assert law.pdf(x) == pytest.approx(_exact_density(law, x), rel=1e-13)  # as above


@pytest.mark.parametrize("variance", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("ratio", [1.0, 3.0, 1e4])
def test_noise_on_noise_is_noise_next_to_the_edges_too(ratio, variance):
    law, plain = InformationPlusNoise(ratio, MarchenkoPastur(ratio), variance), MarchenkoPastur(ratio, 1 + variance)
    low, high = plain.bands[0]
    # the transform of a table, 1e-14, and at a ratio of 1e4 the edge in units of the narrow band, 25 times less
    assert law.bands[0] == pytest.approx((low, high), rel=1e-13, abs=1e-15)
    x = np.concatenate([low + (high - low) * DISTANCES[:6], high - (high - low) * DISTANCES[:6]])
    # an edge that is 1e-15 off moves the density by 1e-15/distance
    assert law.pdf(x) == pytest.approx(plain.pdf(x), rel=1e-7)
    assert law.cdf(x) == pytest.approx(plain.cdf(x), abs=1e-12)
    if ratio == 1:  # the edge at 0 is known exactly
        assert law.pdf(high * DISTANCES) == pytest.approx(plain.pdf(high * DISTANCES), rel=1e-12)


slow = pytest.mark.slow


@pytest.mark.parametrize("variance", [pytest.param(0.01, marks=slow), pytest.param(0.03, marks=slow), 0.1, 1.0])
def test_a_uniform_signal_from_zero_solves_its_equation_down_to_the_hard_edge(variance):
    # q vanishes at w = -1/(exp(1/variance) - 1), which at variance .01 is -4e-44
    law = InformationPlusNoise(1.0, Uniform(0.0, 1.0), variance)
    assert law.pdf(0.0) == math.inf
    assert law.moment(0) == pytest.approx(1, abs=1e-12)  # quadrature from 1e-44 to 1

    def excess(z, w):
        return w * (1 - variance * mp.log((1 - w) / -w)) ** 2 - z

    for x in (0.7, 1e-3, 1e-6, 1e-10):
        with mp.workdps(40):
            w, height = mp.mpc(x, 100), mp.mpf(100)
            while height > 1e-20 * x:  # from where w is next to z
                height *= 0.6
                w = mpmath.findroot(functools.partial(excess, mp.mpc(x, height)), w, tol=1e-60)
            f = mp.log((1 - w) / -w)
            exact = float((f / (1 - variance * f)).imag / mp.pi)
        assert w.imag > 0
        assert law.pdf(x) == pytest.approx(exact, rel=1e-11)  # the table of the signal, 1e-14 of its largest terms


@pytest.mark.parametrize(("variance", "at_zero"), [(0.1, 0.0), (0.5, 0.0), (1.0, math.inf), (3.0, math.inf)])
def test_a_square_signal_whose_inverse_has_a_mean_keeps_a_soft_edge_at_zero_below_its_inverse(variance, at_zero):
    # E 1/t = 1 for the semicircle from 0 to 4: q(0) = 1 - variance is positive below variance 1
    law = InformationPlusNoise(1.0, Semicircle().shifted(2.0), variance)
    assert law.bands[0][0] == 0
    assert law.pdf(0.0) == at_zero
    assert law.moment(0) == pytest.approx(1, abs=1e-12)  # quadrature
    assert law.moment(1) == pytest.approx(2 + variance, rel=1e-12)
    second = 5 + 4 * variance * 2 + 2 * variance**2  # as in test_information_plus_noise, E t^2 = 5
    assert law.moment(2) == pytest.approx(second, rel=1e-12)
