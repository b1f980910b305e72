"""A population of eigenvalues as nodes and weights, whether it is given by values, by pairs or by a law."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.band import Band
from theory.law import Law
from theory.quadrature import panel_points, resolve

FloatArray = NDArray[np.float64]
Population = Law | Sequence[tuple[float, float]] | ArrayLike | None
Rows = Callable[[FloatArray], FloatArray]
Alignment = Callable[[FloatArray], Any] | None


class Nodes(NamedTuple):
    """int f dH = sum weights f(values) for the functions of this package."""

    values: FloatArray  # (k,) eigenvalues >= 0
    weights: FloatArray  # (k,) of total 1
    low: float  # lower end of the support, an atom at 0 left out
    top: float  # upper end of the support, at least every value

    def mean(self, f: FloatArray) -> Any:
        """sum weights f over the last axis."""
        return f @ self.weights


def nodes(population: Population, *, finest: float = 0.0, rows: Rows | None = None) -> Nodes:
    """Nodes and weights of eigenvalues >= 0: a 1-d array (equal weights), pairs (value, weight), a Law; None is {1}.

    A law is integrated by Gauss-Legendre panels in the angle of each band, halved towards the lower end, so that
    integrands with poles at -kappa or scales 1/time next to that end, however close, are integrated to 1e-13; where
    they vary on no scale below `finest`, fewer panels do. Functions that vary elsewhere, such as high powers, are
    passed as `rows`: (m,) -> (r, m), and the panels are halved until they are resolved.
    Raises ValueError for values below 0 or not finite, weights that are not positive of total 1, laws reaching below 0
    or of singular values; ArithmeticError for a law whose mass is missed by more than 1e-7.

    >>> [a.tolist() for a in nodes([(1.0, 0.75), (4.0, 0.25)])[:2]]
    [[1.0, 4.0], [0.75, 0.25]]
    """
    if population is None:
        return Nodes(np.ones(1), np.ones(1), 1.0, 1.0)
    if isinstance(population, Law):
        find = _law_nodes if rows is None else _law_nodes.__wrapped__
        return find(population, 4.0 ** math.floor(math.log(finest, 4)) if finest else 0.0, rows)
    table = checks.array("population", population, "pass eigenvalues, pairs (value, weight) or a Law")
    if not table.size or table.ndim > 2 or (table.ndim == 2 and table.shape[1] != 2) or not table.ndim:
        raise ValueError(f"population must be values or pairs (value, weight); got shape {table.shape}; pass a list")
    values = table if table.ndim == 1 else table[:, 0]
    weights = np.full(values.shape, 1 / values.size) if table.ndim == 1 else table[:, 1]
    if np.min(values) < 0 or np.max(values) == 0:
        raise ValueError(f"eigenvalues must be >= 0, not all 0; got {np.min(values):g} as the least; pass squares")
    if np.min(weights) <= 0 or abs(np.sum(weights) - 1) > 1e-9:
        raise ValueError(f"weights must be positive of total 1; got total {np.sum(weights):.12g}; divide by the total")
    return Nodes(values, weights / np.sum(weights), float(np.min(values[values > 0])), float(np.max(values)))


def signal_weights(population: Nodes, alignment: Alignment) -> FloatArray:
    """Weights a_k of total 1 with beta^T f(Sigma) beta = |beta|^2 sum_k a_k f(values_k).

    `alignment` maps eigenvalues to the relative strength of the signal along their eigenvectors; None is isotropic.
    """
    if alignment is None:
        return population.weights
    if not callable(alignment):
        shown = checks.shown(alignment)
        raise ValueError(f"alignment must be a function of eigenvalues; got {shown}; pass one or None")
    strength = checks.array("alignment", alignment(population.values), "return one number >= 0 for each eigenvalue")
    if strength.shape not in ((), population.values.shape):
        raise ValueError(f"alignment must return the shape {population.values.shape} of its argument; got shape "
                         f"{strength.shape}; vectorise it")
    strength = np.broadcast_to(strength, population.values.shape)
    total = float(population.mean(strength))
    if np.min(strength) < 0 or total == 0:
        raise ValueError(f"alignment must be >= 0, not all 0; got {np.min(strength):g}; return squared components")
    return population.weights * strength / total


@functools.lru_cache(maxsize=64)
def _law_nodes(law: Law, finest: float, rows: Rows | None) -> Nodes:
    if law.kind != "eigenvalues":
        raise ValueError(f"population must be a law of eigenvalues; got kind {law.kind!r}; pass the law of the squares")
    points = [x for x, _ in law.atoms]
    if min([*points, *(low for low, _ in law.bands)]) < 0:
        raise ValueError(f"eigenvalues must be >= 0; got mass below 0 in {law}; pass the law of a covariance matrix")
    pieces = [(np.array([x]), np.array([mass])) for x, mass in law.atoms]
    with np.errstate(all="ignore"):
        for k, window in enumerate(law.window):
            pieces.append(_band_nodes(law, Band(*window), finest if k == 0 else math.inf, rows))
    values, weights = (np.concatenate(part) for part in zip(*pieces, strict=True))
    mass = float(np.sum(weights))
    if abs(mass - 1) > 1e-7:  # a hard edge at a positive top loses 1e-8 to the rounding of x
        raise ArithmeticError(f"mass of the law must be found to 1e-7; got {mass - 1:.2g} off; check its window")
    low = min([x for x in points if x > 0] + [low for low, _ in law.window])
    return Nodes(values, weights, low, max([*points, *(high for _, high in law.window)]))


def _band_nodes(law: Law, band: Band, finest: float, rows: Rows | None) -> tuple[FloatArray, FloatArray]:
    """Nodes of one band; panels next to a positive end are not finer than the rounding of x."""

    def density(t: FloatArray) -> FloatArray:
        value = law.pdf(band.at(t))
        return np.where(np.isinf(value), 0.0, value) * band.jacobian(t)

    scale = max(finest, 1e-15 * band.low, 1e-31 * band.width) / band.width  # of x - low; width t^2/4 in the angle
    halvings = np.arange(2 + max(0, round(-math.log(scale, 4))) if scale < 1 else 2)

    def integrand(t: FloatArray) -> FloatArray:
        return density(t) if rows is None else density(t) * np.vstack([np.ones(t.shape), rows(band.at(t))])

    edges = resolve(integrand, np.concatenate([[0.0], np.pi * 0.5 ** halvings[::-1]]), tolerance=1e-14)
    t, w = panel_points(edges[:-1], edges[1:])
    t, w = t.ravel(), w.ravel()
    weights = w * density(t)
    return band.at(t)[weights > 0], weights[weights > 0]
