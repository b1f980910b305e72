"""Covariance of rows that answer to one Gaussian matrix, back and forth: its eigenvalues, from populations.

Rows w_t (t = 0, ..., T) and pulls b_t are coupled by the fields X w_t/sqrt d of the samples and the forces
X^T b_t/sqrt n of the inputs, X (n, d) Gaussian; what a sample or an input makes of them is any function. Given X, the
covariance Sigma of the entries of w_T over rows is a (d, d) matrix. Pairs of inputs are correlated by 1/sqrt n each,
through chains of samples and inputs, and every link of a chain is a mean response: so Sigma has the eigenvalues that
linear answers with the same mean responses and the same covariance at every sample and input would give.

Tilting the rows by exp(mu |w_T|^2/2) turns (1 - mu Sigma)^-1 into a two-point function. For each input k and sample i,

    G_k = (1 - A_k S)^-1 A_k,   A_k = [[Cov w, P], [P^T, 0]] over (w_0 ... w_T, responses),   P = dE w/d(force)
    G_i = (1 - B_i Z)^-1 B_i,   B_i = [[0, Q^T], [Q, Cov b]] over (responses, b_0 ... b_T-1),   Q = dE b/d(field)
    S = D (mean G_i - mean B_i) D + mu at (w_T, w_T),   Z = D' (mean G_k - mean A_k) D'

D = diag(sqrt(n/d), 1), D' = diag(1, sqrt(d/n)) over (responses, b) and (w, responses): a matrix Dyson equation, whose
solution at mu = 0 is S = Z = 0. Then tr(zeta - Sigma)^-1/d = mu (1 + mu mean G_k[w_T, w_T]) at mu = 1/zeta.
Derived for this package (docs/few_steps_theory.md, section 6); after one step it is the covariance of `AdamBulk`.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from theory.training.conditioned_matrix import WatchedMatrix

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
LOST = 1e-4  # directions in time with less of the strongest's variance are left out: it moves eigenvalues as little
TOLERANCE = 1e-10  # a stored prediction must come out the same to 1e-9
ITERATIONS = 400
REMEMBERED = 5  # iterates of Anderson's mixing
ENDS = 1e-4  # of the mass at either end, where the rest of the smearing lies, is left out
MISSING = 0.02  # of mass or mean: more and the grid has not seen the eigenvalues
WRONG = 1e-3  # of the resolvent: an imaginary part of the wrong sign beyond the populations' noise
FINER = 8  # interpolated points in a cell of the grid, for its mass


class RowCovariance:
    """Eigenvalues of Sigma after the last step that the matrices watched; one matrix for each draw of populations."""

    def __init__(self, watched: list[WatchedMatrix], inputs_per_sample: float) -> None:
        rows = [_by_point(matrix.inputs.vectors) for matrix in watched]
        pulls = [_by_point(matrix.samples.vectors) for matrix in watched]
        steps = pulls[0].shape[1]
        w, b = (np.concatenate([_covariance(v, v) for v in side]) for side in (rows, pulls))
        self.mean = float(np.mean(w[:, steps, steps]))
        self._quietest = float(np.min(w[:, steps, steps])) / self.mean
        across_w, across_b = _whitening(np.mean(w[:, :steps, :steps], axis=0)), _whitening(np.mean(b, axis=0))
        first, second = len(across_w), len(across_b)
        forces = [across_b @ _by_point(matrix.inputs.noise) for matrix in watched]
        fields = [across_w @ _by_point(matrix.samples.noise[:steps]) for matrix in watched]
        last = np.zeros((1, steps + 1))
        last[0, steps] = 1 / math.sqrt(self.mean)
        turn = np.vstack([np.pad(across_w, ((0, 0), (0, 1))), last])
        p = turn @ np.concatenate([_response(v, y) for v, y in zip(rows, forces, strict=True)])
        q = across_b @ np.concatenate([_response(v, y) for v, y in zip(pulls, fields, strict=True)])
        nothing_w, nothing_b = np.zeros((len(p), second, second)), np.zeros((len(q), first, first))
        self._inputs = np.block([[turn @ w @ turn.T, p], [np.swapaxes(p, 1, 2), nothing_w]])
        self._samples = np.block([[nothing_b, np.swapaxes(q, 1, 2)], [q, across_b @ b @ across_b.T]])
        self._last = first  # after the rows that X meets comes w_T; then the responses
        self._met = np.delete(np.arange(first + 1 + second), first)
        root = math.sqrt(inputs_per_sample)
        self._to_inputs = np.append(np.full(first, 1 / root), np.ones(second))
        self._to_samples = np.append(np.ones(first), np.full(second, root))
        self._inputs_alone = np.mean(self._inputs, axis=0)[np.ix_(self._met, self._met)]
        self._samples_alone = np.mean(self._samples, axis=0)

    def resolvent(self, zeta: complex, guess: ComplexArray | None = None) -> tuple[complex, ComplexArray]:
        """tr(zeta - Sigma)^-1/d for Im zeta > 0, and S, the guess for a point nearby.

        Raises ArithmeticError with the residual where Anderson's mixing does not converge.
        """
        mu = 1 / zeta
        x = np.zeros(self._samples_alone.size, complex) if guess is None else guess.ravel()
        points: list[ComplexArray] = []
        moves: list[ComplexArray] = []
        error = math.inf
        for _ in range(ITERATIONS):
            found, corner = self._map(x.reshape(self._samples_alone.shape), mu)
            move = found.ravel() - x
            error = float(np.max(np.abs(move)) / (1e-3 + np.max(np.abs(x))))
            if error < TOLERANCE:
                value = complex(mu * (1 + mu * self.mean * corner))
                if max(value.imag, (zeta * value).imag / abs(zeta)) > WRONG * abs(value):
                    raise ArithmeticError(f"rows' covariance not resolved at {zeta:.6g}: no positive spectrum has the "
                                          f"resolvent {value:.4g} there; pass more particles, or a smaller rate")
                return value, found
            if not math.isfinite(error):
                break
            points, moves = [*points, x][-REMEMBERED:], [*moves, move][-REMEMBERED:]
            x = _mixed(points, moves)
        raise ArithmeticError(f"rows' covariance not resolved at {zeta:.6g}: residual {error:.2g}; pass more "
                              "particles, or a smaller rate")

    def eigenvalues(self, points: int) -> tuple[FloatArray, FloatArray]:
        """Values, up to 3/2 `points`, and weights that stand for the spectrum of Sigma without its outermost ends.

        The density is read off above the real axis at two heights, whose difference takes away what the first order
        of the height smears; the grid follows the quantiles of two coarser ones. Raises ArithmeticError where mass or
        mean are lost, as `resolvent` does.
        """
        # from below the quietest input's variance to far beyond the mean, no fewer than ten points for a factor of ten
        low, high = min(0.02, 0.3 * self._quietest), 300.0
        grid = self.mean * np.geomspace(low, high, max(points // 2, math.ceil(10 * math.log10(high / low))))
        for height in (0.1, 0.04):  # eigenvalues that lie together are found at the first and followed at the second
            grid, spread = _refined(grid, self._density(grid, height * grid), points)
        density = self._density(grid, 0.02 * np.minimum(grid, spread))
        weights, values = _cells(grid, density)
        mass, mean = float(np.sum(weights)), float(np.sum(weights * values)) / self.mean
        if not max(abs(mass - 1), abs(mean - 1)) < MISSING:
            raise ArithmeticError(f"rows' covariance not resolved: mass {mass:.4f}, mean {mean:.4f} of the rows' own; "
                                  "pass more particles, or a smaller rate (AdamBulk has large ones, of one step)")
        seen = (np.cumsum(weights) > ENDS) & (np.cumsum(weights[::-1])[::-1] > ENDS) & (weights > 0)
        return values[seen] * mass / mean, weights[seen] / np.sum(weights[seen])

    def _density(self, grid: FloatArray, height: FloatArray) -> FloatArray:
        """Of the eigenvalues, from the top down: every point starts from its neighbour's solution."""
        guess = None
        for up in (3.0, 1.0, 0.3, 0.1):
            _, guess = self.resolvent(complex(grid[-1], grid[-1] * up), guess)
        high = low = guess
        found = []
        for x, y in zip(grid[::-1], height[::-1], strict=True):
            above, high = self.resolvent(complex(x, 2 * y), high)
            at, low = self.resolvent(complex(x, y), low if found else high)
            found.append((above - 2 * at).imag / math.pi)
        return np.maximum(found[::-1], 0.0)

    def _map(self, s: ComplexArray, mu: complex) -> tuple[ComplexArray, complex]:
        whole = np.zeros((len(s) + 1,) * 2, complex)
        whole[np.ix_(self._met, self._met)] = s
        whole[self._last, self._last] = mu * self.mean
        inputs = _dressed(self._inputs, whole)
        z = (inputs[np.ix_(self._met, self._met)] - self._inputs_alone) * np.outer(self._to_samples, self._to_samples)
        samples = _dressed(self._samples, z)
        gains = np.outer(self._to_inputs, self._to_inputs)
        return (samples - self._samples_alone) * gains, complex(inputs[self._last, self._last])


def _by_point(vectors: list[FloatArray]) -> FloatArray:
    """(points, times, rows), of mean 0 over rows."""
    stacked = np.moveaxis(np.array(vectors), 0, 1)
    return stacked - np.mean(stacked, axis=2, keepdims=True)


def _covariance(u: FloatArray, v: FloatArray) -> FloatArray:
    return u @ np.swapaxes(v, 1, 2) / u.shape[2]


def _response(v: FloatArray, noise: FloatArray) -> FloatArray:
    """Mean response of v to its noise, by Stein's lemma: v need not be smooth. (points, times of v, of the noise)."""
    return _covariance(v, noise) @ np.linalg.inv(_covariance(noise, noise))


def _whitening(covariance: FloatArray) -> FloatArray:
    """Directions by times: coordinates of covariance 1, without the directions that hardly vary."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)  # at huge rates no unit pulls any more
    variances, directions = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = variances > LOST * variances[-1]
    return (directions[:, kept] / np.sqrt(variances[kept])).T / scale


def _dressed(alone: FloatArray, s: ComplexArray) -> ComplexArray:
    """Mean of (1 - A s)^-1 A over the points' A."""
    return np.mean(np.linalg.solve(np.eye(len(s)) - alone @ s, alone.astype(complex)), axis=0)


def _mixed(points: list[ComplexArray], moves: list[ComplexArray]) -> ComplexArray:
    """Anderson's mixing: the next point from the last ones and their moves."""
    if len(points) == 1:
        return points[0] + moves[0]
    steps, changes = np.diff(np.array(points), axis=0).T, np.diff(np.array(moves), axis=0).T
    weights = np.linalg.lstsq(changes, moves[-1], rcond=1e-10)[0]
    return points[-1] + moves[-1] - (steps + changes) @ weights


def _cells(grid: FloatArray, density: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mass and centre of mass of every cell: a trapezium is too heavy in a convex tail by up to 2 %."""
    inside = np.arange(FINER + 1) / FINER
    at = grid[:-1, None] + np.diff(grid)[:, None] * inside
    found = PchipInterpolator(grid, density)(at)
    share = np.diff(grid)[:, None] / FINER * np.where((inside > 0) & (inside < 1), 1.0, 0.5)
    mass = np.sum(share * found, axis=1)
    return mass, np.sum(share * found * at, axis=1) / np.where(mass > 0, mass, 1.0)


def _refined(grid: FloatArray, density: FloatArray, points: int) -> tuple[FloatArray, float]:
    """A grid that is dense where eigenvalues are and at the ends, and their spread between tenths."""
    below = np.append(0.0, np.cumsum(_cells(grid, density)[0]))
    below = below / below[-1]
    rising = np.append(True, np.diff(below) > 1e-12)

    def at(p):
        return np.interp(p, below[rising], grid[rising])

    low, high, spread = float(at(2e-4)), float(at(1 - 2e-4)), float(at(0.9) - at(0.1))
    even = at((1 - np.cos(np.pi * (np.arange(points) + 0.5) / points)) / 2)
    tail = high - float(at(0.9)) + 0.1 * spread
    beyond = [low - 0.1 * spread * f for f in (0.1, 0.3, 1.0)] + [high + tail * f for f in (0.03, 0.1, 0.2, 0.4)]
    finer = np.unique(np.concatenate([even, np.geomspace(low, high, points // 2), beyond]))
    return finer[finer > 0], spread
