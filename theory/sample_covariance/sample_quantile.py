"""Quantiles of a sample covariance spectrum: the closed distribution function inverted in the angle of each band."""

import numpy as np
from numpy.typing import NDArray

from theory.law import Pairs
from theory.sample_covariance.sample_spectrum import SampleSpectrum

FloatArray = NDArray[np.float64]
STEPS = 80  # bisection in the angle alone needs 53


def quantile(spectrum: SampleSpectrum, atoms: Pairs, p: FloatArray) -> FloatArray:
    """Returns inf{x: cdf(x) >= p} for p (m,) in [0, 1]; `atoms` is () or ((0, mass),), which may lie inside a band.

    Raises ArithmeticError with the residual if the inversion does not converge.
    """
    atom = atoms[0][1] if atoms else 0.0
    negative = _continuous_below_zero(spectrum)
    cumulated = np.concatenate([[0.0], np.cumsum(spectrum.masses)])
    mass = np.clip(np.where(p <= negative, p, p - atom), 0.0, cumulated[-1])
    result = np.where(np.isnan(p), np.nan, 0.0)
    inside = ~(np.isnan(p) | ((p > negative) & (p <= negative + atom)))
    k = np.clip(np.searchsorted(cumulated, mass[inside]) - 1, 0, len(spectrum.low) - 1)
    result[inside] = _invert(spectrum, k, mass[inside] - cumulated[k])
    ends = [*spectrum.low[:1], *spectrum.high[-1:], *([0.0] if atoms else [])]
    result[p == 0], result[p == 1] = min(ends), max(ends)
    return result


def _continuous_below_zero(spectrum: SampleSpectrum) -> float:
    """Returns the mass of the bands below 0."""
    total = float(np.sum(spectrum.masses[spectrum.high <= 0]))
    crossing = np.flatnonzero((spectrum.low < 0) & (spectrum.high > 0))
    if len(crossing):
        below, _ = spectrum.mass_below(crossing, np.zeros(1), -spectrum.low[crossing], spectrum.high[crossing])
        total += float(below[0])
    return total


def _invert(spectrum: SampleSpectrum, k: NDArray[np.intp], wanted: FloatArray) -> FloatArray:
    """Solves for the angle at which band k holds the mass `wanted`: Newton, bisection where it leaves the bracket."""
    whole, width = spectrum.masses[k], spectrum.width[k]
    left, right = _bracket(spectrum, k, wanted)
    upper = wanted > whole / 2
    goal = np.where(upper, whole - wanted, wanted)
    at_edge = goal <= 2e-16 * whole  # the power 2/3 of a rounding error would lie far from the edge
    t = np.where(at_edge, np.where(upper, np.pi, 0.0), (left + right) / 2)
    active = np.flatnonzero(~at_edge)
    error = np.zeros(t.shape)
    for _ in range(STEPS):
        if not len(active):
            return _at(spectrum, k, t)
        i, at = active, t[active]
        from_low, from_high = width[i] * np.sin(at / 2) ** 2, width[i] * np.cos(at / 2) ** 2
        x = _at(spectrum, k[i], at)
        edge, s = spectrum.point(k[i], x, from_low, from_high)
        lower = from_low <= from_high
        near = spectrum.mass_from_edge(k[i], lower, s)
        reached = np.where(upper[i] == lower, whole[i] - near, near)
        excess = np.where(upper[i], goal[i] - reached, reached - goal[i])
        size = np.abs(edge + s)
        slope = s.imag / size / size / (np.pi * spectrum.inverse.ratio) * width[i] / 2 * np.sin(at)
        left[i], right[i] = np.where(excess < 0, at, left[i]), np.where(excess < 0, right[i], at)
        step = at - excess / slope
        new = np.where((step >= left[i]) & (step <= right[i]), step, (left[i] + right[i]) / 2)
        t[i], error[i] = new, excess
        done = (np.abs(new - at) <= 1e-9 * np.minimum(at, np.pi - at)) | (right[i] - left[i] <= 4e-16 * at)
        done |= (np.abs(excess) <= 2e-16 * whole[i]) & (goal[i] > 1e-3 * whole[i])
        active = active[~done]
    raise ArithmeticError(f"quantile must converge; residual {np.max(np.abs(error[active])):.3g}; report the law")


def _bracket(spectrum: SampleSpectrum, k: NDArray[np.intp], wanted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns angles between which the stored curve passes the mass wanted."""
    angles, masses = spectrum.milestones
    cumulated = np.concatenate([[0.0], np.cumsum(spectrum.masses)])
    i = np.clip(np.searchsorted(masses, wanted + cumulated[k]) - 1, 0, len(masses) - 2)
    low, high = angles[i] - np.pi * k, angles[i + 1] - np.pi * k
    slack = 1e-7  # milestones are masses at rounded points
    return np.clip(low - slack, 0.0, np.pi), np.clip(high + slack, 0.0, np.pi)


def _at(spectrum: SampleSpectrum, k: NDArray[np.intp], t: FloatArray) -> FloatArray:
    from_low = spectrum.low[k] + spectrum.width[k] * np.sin(t / 2) ** 2
    from_high = spectrum.high[k] - spectrum.width[k] * np.cos(t / 2) ** 2
    return np.where(t < np.pi / 2, from_low, from_high)
