"""The Marchenko-Pastur law of random populations against its equation in 50 digits."""

import mpmath
import numpy as np
import pytest
from mpmath import mp

from theory import GeneralizedMarchenkoPastur


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(50):
        yield


class _Exact:
    """psi of a law's population, with its derivatives, in 50 digits."""

    def __init__(self, law):
        self.c = mp.mpf(law.ratio)
        self.pairs = [(mp.mpf(t), mp.mpf(w)) for t, w in law.population if t != 0]
        self.share = mpmath.fsum(w for _, w in self.pairs)
        self.zero = sum(w for t, w in law.population if t == 0)

    def psi(self, u):
        return u * (1 + self.c * mpmath.fsum(w * t / (u - t) for t, w in self.pairs))

    def slope(self, u):
        return 1 - self.c * mpmath.fsum(w * (t / (u - t)) ** 2 for t, w in self.pairs)

    def bend(self, u):
        return 2 * self.c * mpmath.fsum(w * t * t / (u - t) ** 3 for t, w in self.pairs)

    def solve(self, x, u):
        """The root of psi(u) = x by Newton's method: there is one in the upper half plane, so any start proves it."""
        return _newton(lambda v: self.psi(v) - x, self.slope, u)

    def transform(self, z, u):
        return u * (mpmath.fsum(w / (t - u) for t, w in self.pairs) - self.zero / u) / z

    def primitive(self, u):
        """A primitive of -psi'(u)/(pi c u), the imaginary part of whose increments along the curve is a mass."""
        terms = mpmath.fsum(w * (mpmath.log(u - t) + t / (u - t)) for t, w in self.pairs)
        return -((1 - self.c * self.share) * mpmath.log(u) + self.c * terms) / (mpmath.pi * self.c)


def _newton(f, slope, u):
    for _ in range(60):
        step = f(u) / slope(u)
        u -= step
        if abs(step) < mp.mpf(10) ** -45 * abs(u):
            break
    return u


def _random_law(seed):
    """1 to 5 values from 1e-6 to 1e6 of either sign, some 1e-6 apart or 0, weights from 1e-6, any ratio."""
    rng = np.random.default_rng(seed)
    size, span = rng.integers(1, 6), rng.choice([1, 3, 6])
    values = 10 ** rng.uniform(-span, span, size) * rng.choice([1, 1, 1, -1], size)
    if size > 1 and rng.random() < 0.3:
        values[1] = values[0] * (1 + 10 ** rng.uniform(-6, -1))
    elif size > 1 and rng.random() < 0.3:
        values[0] = 0.0
    weights = np.maximum(rng.dirichlet(np.ones(size) * rng.choice([0.1, 1.0])), 1e-6)
    ratio = float(rng.choice([1.0, 0.5, 10 ** rng.uniform(-4, 4), 10 ** rng.uniform(-4, 4)]))
    return GeneralizedMarchenkoPastur(ratio, tuple(zip(values, weights / np.sum(weights), strict=True)))


@pytest.mark.parametrize("seed", range(12))
def test_density_edges_mass_and_transform_are_right_to_1e_10(seed):
    law = _random_law(seed)
    exact, spectrum = _Exact(law), law._spectrum
    ends = [_newton(exact.slope, exact.bend, mp.mpf(u)) if u else mp.mpf(0) for u in spectrum.edges.ravel()]
    images = [float(exact.psi(u)) if u else 0.0 for u in ends]
    assert [x for band in law.bands for x in band] == pytest.approx(images, rel=1e-10)  # ratio 1 +- 1e-6 divides 1e-16
    atom, before = sum(mass for _, mass in law.atoms), 0.0
    for k, (low, high) in enumerate(law.bands):
        for fraction in (1e-6, 0.1, 0.5, 0.999):
            x = low + fraction * (high - low)
            above = complex(x, 1e-3 * fraction * (high - low))
            u = exact.solve(mp.mpf(x), mp.mpc(complex(spectrum.off_support(np.array([above]))[0])))
            assert u.imag > 0
            density = u.imag / abs(u) ** 2 / mpmath.pi / exact.c
            assert law.pdf(x) == pytest.approx(float(density), rel=1e-10)  # the requirement; 2e-12 found
            if ends[2 * k]:
                below = abs(mpmath.im(exact.primitive(u)) - mpmath.im(exact.primitive(mp.mpc(ends[2 * k], 0))))
                assert law.cdf(x) == pytest.approx(before + float(below) + atom * (x >= 0), abs=1e-13)
            assert law.cdf(law.quantile(law.cdf(x))) == pytest.approx(law.cdf(x), abs=1e-13)
        before += law.components[k]
        width = high - low
        for z in (complex(low, 1e-9 * width), complex(low + 0.4 * width, -1e-3 * width), complex(high + 1e-6 * width)):
            m = law.stieltjes(z)
            if not np.isnan(m):  # another band may begin there
                start = mp.mpc(complex(spectrum.off_support(np.array([z]))[0]))
                u = exact.solve(mp.mpc(z), start)
                assert u.imag * z.imag > 0 or (z.imag == 0 and exact.slope(u.real) > 0)
                assert m == pytest.approx(complex(exact.transform(mp.mpc(z), u)), rel=1e-10)
