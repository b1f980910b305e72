"""What chance gives for squared overlaps between two orthonormal sets: single entries, sums over ranks, block means.

The overlaps of an orthonormal set with a uniformly random direction in R^d are the entries of a random unit vector; a
second, independent set makes them entries of a Haar orthogonal matrix. All in units of the mean 1/d of one entry, so
that noise is 1.
"""

import numpy as np
from scipy.special import betainccinv, betaincinv


def entry_level(dimension: int, entries: int, probability: float = 0.01) -> float:
    """Squared overlap, in units of 1/dimension, that any of `entries` exceeds by chance with at most this probability.

    The quantile of Beta(1/2, (d - 1)/2) at tail probability/entries: Bonferroni's bound, since the entries of one
    matrix depend on each other; for independent ones it is too strict by half the probability squared.
    Raises ValueError for dimension below 2, entries below 1, probability outside (0, 1).

    >>> round(entry_level(1000, 1000 * 1000), 1)
    32.4
    """
    if dimension < 2 or entries < 1 or not 0 < probability < 1:
        raise ValueError(
            "dimension must be at least 2, entries at least 1 and probability in (0, 1); "
            f"got {dimension}, {entries}, {probability}. Count the entries that are looked at."
        )
    return float(dimension * betainccinv(0.5, 0.5 * (dimension - 1), probability / entries))


def mean_quantile(dimension: int, count: np.ndarray | int, p: np.ndarray | float) -> np.ndarray:
    """Quantile of the mean of `count` squared overlaps of one random direction, in units of 1/dimension; broadcasts.

    Their sum follows Beta(count/2, (dimension - count)/2) and is 1 at count = dimension.
    Raises ValueError for a count outside 1 .. dimension or p outside [0, 1].
    """
    k, p = np.broadcast_arrays(np.asarray(count, np.float64), np.asarray(p, np.float64))
    if not ((k >= 1) & (k <= dimension)).all() or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"count must lie in 1 .. dimension and p in [0, 1]; got {count}, {dimension}, {p}.")
    rest = np.maximum(0.5 * (dimension - k), 1e-9)
    return np.where(k == dimension, 1.0, betaincinv(0.5 * k, rest, p)) * dimension / k


def block_spread(dimension: int, rows: int, cols: int) -> float:
    """Standard deviation of the mean over a rows x cols block of squared entries of a Haar orthogonal matrix, in 1/d.

    Exact (second moments of the orthogonal group): an entry has variance v = 2(d - 1)/(d + 2), two of one row or column
    covariance -v/(d - 1), two that share neither v/(d - 1)^2; about sqrt(2/(rows cols)) for small blocks.
    Raises ValueError for a block that doesn't fit.
    """
    if dimension < 2 or not (1 <= rows <= dimension and 1 <= cols <= dimension):
        raise ValueError(f"a block must fit into dimension >= 2; got {rows} x {cols} of {dimension}.")
    d = float(dimension)
    # each side alone: the variance of the mean over `count` exchangeable entries with correlation -1/(d - 1)
    shares = [(1.0 - (count - 1) / (d - 1)) / count for count in (rows, cols)]
    return float(np.sqrt(2.0 * (d - 1) / (d + 2) * shares[0] * shares[1]))


def block_means(matrix: np.ndarray, blocks: int) -> np.ndarray:
    """Means of a (k, m) matrix over a grid of at most `blocks` x `blocks` nearly equal blocks; 0: the matrix itself.

    Block i of k rows covers rows floor(i k/blocks) up to floor((i + 1) k/blocks). Raises ValueError for fewer than 0.
    """
    if isinstance(blocks, bool) or not isinstance(blocks, int) or blocks < 0:
        raise ValueError(f"blocks must be an integer of at least 0; got {blocks!r}. 0 keeps every entry.")
    if blocks == 0:
        return matrix
    for axis in (0, 1):
        starts = block_starts(matrix.shape[axis], blocks)
        sizes = np.diff(np.append(starts, matrix.shape[axis]))
        matrix = np.add.reduceat(matrix, starts, axis=axis) / np.expand_dims(sizes, 1 - axis)
    return matrix


def block_starts(size: int, blocks: int) -> np.ndarray:
    """First index of each block of `block_means` along an axis of this size; each index for 0 blocks."""
    count = min(blocks, size) if blocks else size
    return np.arange(count) * size // count
