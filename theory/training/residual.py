"""The residual f(x) - y of an untrained two-layer network at its quantiles, on which heavy bulks depend."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from theory.gaussian import REACH
from theory.quadrature import panel_points, resolve
from theory.training.piecewise import cubic

FloatArray = NDArray[np.float64]
GRID = 193


@functools.lru_cache(maxsize=64)
def squared_residuals(teacher: Callable[[Any], Any], noise: float, samples: int) -> FloatArray:
    """Squares of the (i - 1/2)/n quantiles of |r|, r = noise N(0, 1) - g(N(0, 1)), ascending (n,), not writeable.

    Right to 1e-7 of themselves for smooth teachers. `noise` must be positive; the output of the untrained network, a
    Gaussian independent of the teacher, is part of it.
    """
    centre, weight = _centres(teacher, noise)
    reach = np.max(np.abs(centre)[weight > 1e-3 / samples], initial=0.0)
    size = np.linspace(0.0, reach + noise * (1 - ndtri(0.25 / samples)), GRID)
    size = _between(size, centre, weight, noise, samples)
    above, density = _tail(size, centre, weight, noise)
    scores = -ndtri(np.clip(above, 1e-300, 1.0) / 2)
    # size against the score of a half-normal variable: straight for a Gaussian residual, in the tail too
    slopes = 2 * _normal(scores) / np.maximum(density, 1e-300)
    wanted = -ndtri((np.arange(samples, 0, -1) - 0.5) / (2 * samples))
    k = np.clip(np.searchsorted(scores, wanted), 1, len(size) - 1)
    squares = np.clip(cubic(wanted, scores, size, slopes), size[k - 1], size[k]) ** 2
    squares.setflags(write=False)
    return squares


def _between(size: FloatArray, centre: FloatArray, weight: FloatArray, noise: float, samples: int) -> FloatArray:
    """A grid between the outermost quantiles, even in size for the tail and even in probability for the middle."""
    above, _ = _tail(size, centre, weight, noise)
    first = max(int(np.sum(above > 1 - 0.1 / samples)) - 1, 0)
    last = min(int(np.sum(above > 0.1 / samples)), GRID - 1)
    middle = np.interp(np.linspace(0.02, 0.98, GRID), 1 - above, size)
    return np.unique(np.concatenate([np.linspace(size[first], size[last], GRID), middle]))


def _tail(size: FloatArray, centre: FloatArray, weight: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """P(|r| > size) and the density of |r| there."""
    low, high = (size[:, None] - centre) / noise, (size[:, None] + centre) / noise
    return (ndtr(-low) + ndtr(-high)) @ weight, (_normal(low) + _normal(high)) @ weight / noise


def _centres(teacher: Callable[[Any], Any], noise: float) -> tuple[FloatArray, FloatArray]:
    """Values of the teacher at Gaussian nodes, closer to each other than the noise, and their probabilities."""
    start = np.linspace(-REACH, REACH, 29)
    edges = resolve(lambda z: np.asarray(teacher(z)) * _normal(z), start, tolerance=1e-10)
    z, _ = panel_points(edges[:-1], edges[1:])
    climb = np.ptp(np.asarray(teacher(z.ravel())).reshape(z.shape), axis=1) / (4 * noise)
    seen = _normal(np.min(np.abs(z), axis=1)) * np.diff(edges) > 1e-12
    parts = np.where(seen, np.clip(np.ceil(climb), 1, 64), 1).astype(int)
    finer = [np.linspace(a, b, k, endpoint=False) for a, b, k in zip(edges[:-1], edges[1:], parts, strict=True)]
    edges = np.append(np.concatenate(finer), edges[-1])
    z, w = panel_points(edges[:-1], edges[1:])
    weight = w * _normal(z)
    kept = weight > 1e-16
    return np.asarray(teacher(z[kept]), dtype=np.float64), weight[kept] / np.sum(weight[kept])


def _normal(z: FloatArray) -> FloatArray:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
