"""The density of a band as a smooth function of the band's angle, from points of its spectral curve."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.band import Band
from theory.training.column_noise import ColumnNoise
from theory.training.piecewise import Piecewise, cubic
from theory.training.spectral_curve import CurveBand, curve_bands

FloatArray = NDArray[np.float64]
Level = tuple[bool, int]  # whether the profile's integrals run off the real axis, and how often the nodes were doubled
TOLERANCE = 1e-11  # relative change of the equations with finer nodes; beside single samples rounding is 1e-12
END = 1e-6  # angle next to an edge within which the rounding of z is larger than the error of interpolation


class CurveTable(NamedTuple):
    """One band with nu as a function of the angle; the density of z is Im(-1/nu)/(pi ratio)."""

    band: Band
    nu: Piecewise

    def density(self, x: FloatArray, ratio: float) -> FloatArray:
        """Density at x inside the band; infinite at a hard edge."""
        nu = np.asarray(self.nu(self.band.angle(x)), np.complex128)
        size = np.abs(nu)
        safe = np.where(size > 0, size, 1.0)
        return np.where(size > 0, np.maximum(nu.imag, 0.0) / safe / safe, np.inf) / (math.pi * ratio)


def curve_table(noise: ColumnNoise, found: CurveBand) -> CurveTable:
    """Solves the equations at the nodes of panels that resolve nu to 1e-13 of its size, or to its rounding error."""
    band = Band(found.low.z, found.high.z)
    t = band.angle(found.z)
    nodes = np.concatenate([[0.0], t, [math.pi]])
    stretch = band.jacobian(t)
    low, high = found.low, found.high
    # at an edge z - z0 = curvature (nu - nu0)^2/2, and z - z0 is the square of the angle times width/4
    left, right = (math.sqrt(band.width / abs(2 * edge.curvature)) for edge in (low, high))
    nu, nu_t = _joined(low.nu, found.point.nu, high.nu), _joined(left, found.point.nu_z * stretch / 1j, -right) * 1j
    g = _joined(low.g, found.point.g, high.g)
    g_t = _joined(left * low.g_nu, found.point.g_z * stretch / 1j, -right * high.g_nu) * 1j

    def solved(t: FloatArray) -> tuple[NDArray[np.complex128], FloatArray]:
        value, error = cubic(t, nodes, nu, nu_t), np.zeros(t.shape)
        inner = (t > END) & (t < math.pi - END)
        z = band.at(t[inner])
        point, size = noise.solve(z, value[inner], cubic(t[inner], nodes, g, g_t))
        worst = float(np.max(size, initial=0.0))
        if not worst < 1e-6:
            ends = f"[{band.low:g}, {band.high:g}]"
            raise ArithmeticError(f"Newton must converge on {ends}; its last step was {worst:.1g}; rate too extreme")
        value[inner] = point.nu
        error[inner] = 4e-15 * np.abs(z * point.nu_z)
        return value, error

    start = nodes[(nodes > 0.05) & (nodes < math.pi - 0.05)][::6]
    return CurveTable(band, Piecewise.resolve(solved, np.concatenate([[0.0], start, [math.pi]]), 1e-13))


def resolved_tables(
    equations: Callable[[Level, Level], ColumnNoise], profile: Sequence[Level], samples: Sequence[Level], name: str
) -> tuple[CurveTable, ...]:
    """Solves `equations` with few nodes, and again with more, or off the axis, until finer ones move nothing.

    profile, samples: levels of the nodes of the columns' profile and of the residuals, coarse to fine. Returns the
    bands in increasing order. Raises ArithmeticError, naming `name`, where the finest levels don't do.
    """
    column, sample, trouble = 0, 0, ""
    while column < len(profile) and sample < len(samples):
        noise = equations(profile[column], samples[sample])
        finer = [equations(_finer(profile[column]), samples[sample]),
                 equations(profile[column], _finer(samples[sample]))]
        try:
            found, moved = _resolved(noise, finer)
            if max(moved) < TOLERANCE:
                return tuple(curve_table(noise, band) for band in found)
            trouble = f"doubling them moves it by {max(moved):.1g}: learning_rate or width/inputs is too large"
        except ArithmeticError as error:
            moved, trouble = [math.inf, math.inf], str(error)
        column, sample = column + (not moved[0] < TOLERANCE), sample + (not moved[1] < TOLERANCE)
    raise ArithmeticError(f"{name} must be resolved by {128 * 2 ** profile[-1][1]} nodes; {trouble}")


def _finer(level: Level) -> Level:
    return level[0], level[1] + 1


def _resolved(noise: ColumnNoise, finer: list[ColumnNoise]) -> tuple[list[CurveBand], list[float]]:
    """The bands in increasing order, and by how much each of the finer equations differs at their points.

    Only the uppermost bands where the difference is too large.
    """
    found, worst = [], [0.0] * len(finer)
    for band in curve_bands(noise):
        here = noise.at(band.point.nu, band.point.g)
        for k, equations in enumerate(finer):
            there = equations.at(band.point.nu, band.point.g)
            moved = np.abs(there.z / here.z - 1) + np.abs(there.first - here.first) * here.pull_g
            worst[k] = max(worst[k], float(np.nan_to_num(np.max(moved), nan=math.inf)))
        found.append(band)
        if not max(worst) < TOLERANCE:
            break
    return found[::-1], worst


def _joined(first: complex, middle: NDArray[np.complex128], last: complex) -> NDArray[np.complex128]:
    return np.concatenate([[first], middle, [last]])
