"""Outliers beside any bulk: closed forms, a deformed bulk in 30 digits, atoms and gaps, sampled matrices."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from mpmath import mp

from theory.law import Law, elementwise
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.semicircle import Semicircle
from theory.laws.singular_values import SingularValues
from theory.outliers.edge import edge_scale
from theory.outliers.general_bulk import signal_strength, spiked, spiked_symmetric
from theory.outliers.rising import rising_root
from theory.outliers.spikes import spiked_rectangular
from theory.outliers.tracy_widom import TracyWidom

RATIOS = [1e-4, 0.1, 0.25, 0.9, 1 - 1e-6, 1.0, 3.0, 1e4]


@dataclass(frozen=True)
class TwoVariances(Law):
    """Eigenvalues of X^T X / n, half of the p columns with variance 1, half with `variance`: roots of a cubic."""

    variance: float
    ratio: float  # p/n < 1

    @property
    def bands(self):
        t, c = np.array([1.0, self.variance]), self.ratio
        square = [np.convolve([s, 1], [s, 1]) for s in t]
        poles = np.convolve(*square)
        poles[:3] -= c / 2 * (t[0] ** 2 * square[1] + t[1] ** 2 * square[0])
        roots = np.roots(poles)
        m = roots.real[np.abs(roots.imag) < 1e-9]
        edges = np.sort(-1 / m + c / 2 * np.sum(t / (1 + np.outer(m, t)), axis=1))
        return tuple((float(a), float(b)) for a, b in edges.reshape(-1, 2))

    @elementwise
    def pdf(self, x):
        t, c = self.variance, self.ratio
        # (z m + 1)(1 + m)(1 + t m) - c m (1 + t m + t (1 + m))/2 = 0 for the companion transform m
        a, b, d = x * t, x * (1 + t) + t - c * t, x + (1 + t) * (1 - c / 2)
        matrix = np.zeros((*x.shape, 3, 3))
        inside = np.isfinite(x) & (x > 0)
        safe = np.where(inside, a, 1.0)
        matrix[..., 1, 0] = matrix[..., 2, 1] = 1
        matrix[..., 0, :] = np.moveaxis(np.where(inside, -np.stack([b, d, 1 + 0 * x]) / safe, 0.0), 0, -1)
        imaginary = np.max(np.linalg.eigvals(matrix).imag, axis=-1) / (np.pi * c)
        within = sum((x >= low) & (x <= high) for low, high in self.bands)
        return np.where(np.isnan(x), x, np.where(within > 0, imaginary, 0.0))

    @classmethod
    def examples(cls):
        return [cls(4.0, 0.25), cls(4.0, 0.05)]


def _companion(law):
    """z(m) of the companion transform m, and the transform of the law at z(m), in mpmath numbers."""
    t, c = [mp.mpf(1), mp.mpf(law.variance)], mp.mpf(law.ratio)

    def z(m):
        return -1 / m + c / 2 * sum(s / (1 + s * m) for s in t)

    return z, lambda m: (m + (1 - c) / z(m)) / c


@pytest.mark.parametrize("ratio", RATIOS)
def test_marchenko_pastur_bulk_gives_the_closed_form(ratio):
    critical = ratio**0.25
    strength = critical * np.array([0.0, 0.5, 1 - 1e-6, 1 + 1e-3, 1.1, 2.0, 11.0, 1e10, 1e100])
    found, exact = spiked(MarchenkoPastur(ratio), strength, ratio), spiked_rectangular(strength, ratio)
    assert found.detached.tolist() == exact.detached.tolist()
    assert found.threshold == pytest.approx(exact.threshold, rel=1e-13)  # quadrature: some hundred roundings
    assert found.location == pytest.approx(exact.location, rel=1e-14)
    # relative error of strength - threshold, 1e-14/1e-3
    assert found.left_overlap == pytest.approx(exact.left_overlap, rel=2e-11)
    assert found.right_overlap == pytest.approx(exact.right_overlap, rel=2e-11)


def test_scale_of_the_bulk_carries_over():
    strength = np.array([0.7, 1.0, 1.5, 20.0])
    unit = spiked(MarchenkoPastur(0.3), strength, 0.3)
    for scale in (1e-8, 1e8):
        found = spiked(MarchenkoPastur(0.3).scaled(scale**2), strength * scale, 0.3)
        assert found.location == pytest.approx(unit.location * scale, rel=1e-13)
        assert found.left_overlap == pytest.approx(unit.left_overlap, rel=1e-11)


@pytest.mark.parametrize("law", TwoVariances.examples())
@pytest.mark.parametrize("strength", [1.8, 2.5, 5.0])
def test_deformed_bulk_is_right_to_thirteen_digits(law, strength):
    with mp.workdps(30):
        z, transform = _companion(law)
        m = mp.findroot(lambda m: z(m) * m * transform(m) * strength**2 - 1, -1 / (strength**2 + 2.5))
        slope = mp.diff(lambda m: z(m) * m * transform(m), m) / mp.diff(z, m) * strength**2
        exact = [float(v) for v in (mp.sqrt(z(m)), m / slope, transform(m) / slope)]
    found = spiked(law, strength, law.ratio)
    assert found.detached
    assert list(found[:3]) == pytest.approx(exact, rel=1e-13)  # some hundred roundings


@pytest.mark.parametrize("law", TwoVariances.examples())
def test_edge_of_a_deformed_bulk_has_the_scale_of_el_karoui(law):
    # gamma = (z''(m)/2)^(1/3) n^(-2/3) in the n = p/c eigenvalues of the companion, z'(m) = 0
    z, _ = _companion(law)
    m = mp.findroot(lambda m: mp.diff(z, m), -0.2)
    assert float(z(m)) == pytest.approx(law.bands[-1][1], rel=1e-12)
    curvature = float(mp.diff(z, m, 2))
    scale = edge_scale(law, 500).scale
    assert scale == pytest.approx((curvature / 2) ** (1 / 3) * (500 / law.ratio) ** (-2 / 3), rel=1e-9)


def test_strength_is_recovered_from_the_location():
    law, strength = TwoVariances(4.0, 0.25), np.array([1.5, 2.0, 7.0, 1e9])
    location = spiked(law, strength, 0.25).location
    # next to the threshold 1.4656 the slope of the location is .05
    assert signal_strength(law, location, 0.25) == pytest.approx(strength, rel=1e-12)
    assert signal_strength(law, [0.0, 1.0, math.sqrt(law.bands[-1][1])], 0.25).tolist() == [0, 0, 0]
    assert isinstance(signal_strength(law, 3.0, 0.25), float)


def test_near_the_threshold_overlaps_keep_their_digits_and_fall_linearly():
    law, step = TwoVariances(4.0, 0.25), 2.0 ** -np.arange(20, 34)
    critical = spiked(law, 1.0, 0.25).threshold
    found = spiked(law, critical * (1 + step), 0.25)
    slope = found.left_overlap / step
    assert slope == pytest.approx(slope[-1], rel=1e-5)  # second order in the step, 1e-6; rounding of it 1e-6
    assert np.all(found.location > math.sqrt(law.bands[-1][1]) * (1 - 1e-15))
    at = spiked(law, critical, 0.25)
    assert (at.left_overlap, at.right_overlap, at.detached) == (0.0, 0.0, False)


def test_a_wrong_ratio_is_noticed():
    # the closed form with ratio .25: one percent in the ratio moves the overlap by more than any tolerance here
    right = spiked(MarchenkoPastur(0.25), 2.0, 0.25)
    wrong = spiked(MarchenkoPastur(0.25), 2.0, 0.2525)
    assert abs(wrong.left_overlap - right.left_overlap) > 1e-4
    assert abs(wrong.location - right.location) > 1e-4


def test_a_density_of_wrong_mass_raises():
    @dataclass(frozen=True)
    class Wrong(Semicircle):
        def pdf(self, x):
            return 1.01 * np.asarray(Semicircle.pdf(self, x))

    with pytest.raises(ArithmeticError, match=r"total mass must be 1; quadrature misses -1\.0e-02"):
        spiked_symmetric(Wrong(), 2.0)


def test_an_equation_without_root_raises_with_its_residual():
    with pytest.raises(ArithmeticError, match=r"must solve its equation; the residual is 5\.0e-01"):
        rising_root(lambda d: (1 - np.exp(-d), np.exp(-d)), np.array([2.0]), np.array([1e6]))


def test_rectangular_outlier_is_met_by_sampled_matrices():
    rows, cols, found = 1000, 250, []
    std = np.sqrt(np.where(np.arange(cols) % 2, 1.0, 4.0) / rows)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        u, v = (x / np.linalg.norm(x) for x in (rng.standard_normal(rows), rng.standard_normal(cols)))
        matrix = rng.standard_normal((rows, cols)) * std + 2.5 * np.outer(u, v)
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
        found.append((values[-1] ** 0.5, (matrix.T @ u @ vectors[:, -1]) ** 2 / values[-1], (vectors[:, -1] @ v) ** 2))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(6)
    theory = spiked(TwoVariances(4.0, 0.25), 2.5, 0.25)
    # four standard errors of six seeds, and a finite-size bias of order 1/cols
    assert np.all(np.abs(mean - np.array(theory[:3])) < 4 * error + 2 / cols)


def test_shapes_follow_the_strengths():
    law = MarchenkoPastur(0.5)
    assert [type(v) for v in spiked(law, 2.0, 0.5)] == [float, float, float, float, bool]
    assert [type(v) for v in spiked_symmetric(law, 2.0)[0]] == [float, float, float, float, bool]
    for shape in ((0,), (2, 3), (1100,)):
        strength = np.full(shape, 2.0)
        assert all(np.shape(v) == shape for v in spiked(law, strength, 0.5))
        assert all(np.shape(v) == shape for outlier in spiked_symmetric(law, strength) for v in outlier)
        assert spiked(law, strength, 0.5).location == pytest.approx(np.full(shape, 2.371708245126285), rel=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda: spiked(MarchenkoPastur(0.5), -1.0, 0.5),
        lambda: spiked(MarchenkoPastur(0.5), math.nan, 0.5),
        lambda: spiked(MarchenkoPastur(0.5), 1.0, 0.0),
        lambda: spiked(MarchenkoPastur(0.5), 1.0, 2.0),  # ratio 2 needs an atom of 1/2 at 0
        lambda: spiked(Semicircle(), 1.0, 1.0),
        lambda: spiked(SingularValues(MarchenkoPastur(0.5)), 1.0, 0.5),
        lambda: spiked("x", 1.0, 0.5),
        lambda: signal_strength(MarchenkoPastur(0.5), "x", 0.5),
        lambda: signal_strength(MarchenkoPastur(0.5), -5.0, 0.5),
        lambda: spiked(MarchenkoPastur(0.5), 1e160, 0.5),
        lambda: spiked_symmetric(TracyWidom(1), 1.0),
        lambda: spiked_symmetric(Semicircle(), math.inf),
    ],
)
def test_bad_parameters_raise_one_line(call):
    with pytest.raises(ValueError, match=r"^[^;\n]* must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
