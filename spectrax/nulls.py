"""How large are the distances of pure noise of this shape from its limiting law? Sampled once per shape, then cached.

Spectra are finite, so no distance is zero and no asymptotic p-value applies (eigenvalues repel: the sup distance is
about 3/n). The draws stay in memory and, where the folder can be written, in $XDG_CACHE_HOME/spectrax/nulls.
"""

import os
import tempfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.distances import edge_error, sup_distance, wasserstein
from spectrax.spectrum import Kind, Spectrum
from theory import SingularValues

_VERSION = 1
_STATISTICS = ("sup", "wasserstein", "edge_upper", "edge_lower", "hill")
_memory: dict[str, "Null"] = {}
_lock = threading.RLock()


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws of one statistic under the null: float64 (draws,), NaN where it isn't defined (a hard edge)."""

    draws: np.ndarray

    def quantile(self, p: float) -> float:
        """Empirical quantile at p; NaN where the statistic isn't defined."""
        return float(np.quantile(self.draws, p))

    def gumbel_quantile(self, p: float) -> float:
        """Quantile at p of the Gumbel law with the draws' mean and deviation, for p beyond what the draws reach.

        mean - sqrt(6)/pi deviation (ln(-ln p) + 0.5772): for a maximum over many places such as the sup distance, and
        steadier than the order statistic. With 200 draws its .999 is exceeded by .0000 to .0008 of 4000 new ones (four
        shapes), while the .99 of the draws themselves is exceeded by .008 to .038.
        """
        return float(self.draws.mean() - self.draws.std() * 6**0.5 / np.pi * (np.log(-np.log(p)) + np.euler_gamma))

    @property
    def median(self) -> float:
        """The middle draw."""
        return self.quantile(0.5)

    @property
    def band(self) -> tuple[float, float]:
        """Central 95 % of the draws."""
        return self.quantile(0.025), self.quantile(0.975)

    def p_value(self, x: float, side: Literal["above", "below", "both"] = "above") -> float:
        """Share of draws at least as extreme as x, x counted among them: between 1/(draws + 1) and 1; NaN for NaN."""
        if np.isnan(x) or np.isnan(self.draws).any():
            return float("nan")
        above, below = ((1.0 + np.sum(hit)) / (1.0 + self.draws.size) for hit in (self.draws >= x, self.draws <= x))
        return float({"above": above, "below": below, "both": min(1.0, 2.0 * min(above, below))}[side])


@dataclass(frozen=True, eq=False)
class Null:
    """Distances of Gaussian matrices of one shape from their law, and the Hill exponent of their upper half.

    sup, wasserstein, edge_upper, edge_lower as in `distances`; hill as in `tails.hill`. fitted: each draw was compared
    with the law of its own fitted variance, as `compare` does without a law.
    """

    shape: tuple[int, int]
    fitted: bool
    kind: Kind
    sup: Sample
    wasserstein: Sample
    edge_upper: Sample
    edge_lower: Sample
    hill: Sample


def null_of(
    shape: tuple[int, int],
    draws: int = 200,
    fitted: bool = False,
    *,
    seed: int = 0,
    kind: Kind = "eigenvalues",
    progress: Callable[[int, int], None] | None = None,
) -> Null:
    """The null of a (rows, cols) matrix with independent Gaussian entries: from memory, disk, or sampled now.

    Same shape, draws, seed: same numbers. Sampling costs about 10 ms a draw at 1500 x 1000, growing as min(shape)^2.
    progress(done, draws) is called while sampling. Raises ValueError for a shape or number of draws below 1.
    """
    if len(shape) != 2 or min(shape) < 1 or draws < 1:
        raise ValueError(f"shape must be (rows, cols) and draws at least 1; got {shape}, {draws}. Raise them.")
    rows, cols = (int(size) for size in shape)
    name = f"{rows}x{cols}_{kind}_{'fitted' if fitted else 'known'}_{draws}draws_seed{seed}_v{_VERSION}.npz"
    with _lock:  # two capture workers with one shape: the second waits instead of sampling again
        if name not in _memory:
            arrays = _read(name, draws)
            if arrays is None:
                arrays = _sampled((rows, cols), draws, fitted, seed, kind, progress)
                _write(name, arrays)
            samples = {key: Sample(value) for key, value in arrays.items()}
            _memory[name] = Null(shape=(rows, cols), fitted=fitted, kind=kind, **samples)
        return _memory[name]


def gaussian_eigenvalues(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Nonzero eigenvalues of W^T W, W (rows, cols) of N(0, 1) entries: exact in law, ascending (min(rows, cols),).

    W^T W has the eigenvalues of B B^T, B lower bidiagonal with chi_m, chi_(m-1), ... on its diagonal and chi_(p-1),
    ..., chi_1 below it (Dumitriu and Edelman 2002, theorem 3.1, beta = 1): O(p^2) instead of O(m p^2).
    """
    return spiked_eigenvalues(shape, 0.0, rng)


def spiked_eigenvalues(shape: tuple[int, int], strength: float, rng: np.random.Generator) -> np.ndarray:
    """Nonzero eigenvalues of W^T W, W = N + strength u v^T, N of N(0, 1) entries, u and v unit vectors; ascending.

    Exact in law: with u, v the first basis vectors the signal sits in one entry of the first column, whose norm is the
    only thing that bidiagonalisation keeps of it: chi_m becomes a noncentral chi.
    """
    p, m = sorted(shape)
    diagonal, below = rng.chisquare(np.arange(m, m - p, -1)), rng.chisquare(np.arange(p - 1, 0, -1))
    if strength:
        diagonal[0] = rng.noncentral_chisquare(m, strength**2)
    main = diagonal.copy()
    main[1:] += below
    if p > 1:
        main = eigvalsh_tridiagonal(main, np.sqrt(diagonal[:-1] * below), lapack_driver="sterf")
    return np.maximum(main, 0.0)


def cache_folder() -> Path:
    """Where the draws are kept: $XDG_CACHE_HOME/spectrax/nulls, or the same under ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(root) / "spectrax" / "nulls"


def _sampled(shape, draws, fitted, seed, kind, progress):
    table = np.empty((draws, len(_STATISTICS)))
    rng = np.random.default_rng([seed, *shape])
    for draw in range(draws):
        table[draw] = _statistics(Spectrum(gaussian_eigenvalues(shape, rng), shape), fitted, kind)
        if progress is not None:
            progress(draw + 1, draws)
    return dict(zip(_STATISTICS, table.T.copy(), strict=True))


def _statistics(spectrum, fitted, kind):
    law = isotropic_law(spectrum, fit_variance(spectrum) if fitted else 1.0)
    hill = upper_half_exponent(spectrum.values)
    if kind == "singular_values":
        spectrum, law = spectrum.singular_values(), SingularValues(law)
    values, zeros = spectrum.values, spectrum.zeros
    return sup_distance(values, law, zeros), wasserstein(values, law, zeros), *edge_error(values, law, zeros), hill


def upper_half_exponent(values: np.ndarray) -> float:
    """Hill exponent of the upper half of ascending positive values, as `tails.hill`, without its checks."""
    tail = np.log(values[values.size // 2 :])
    total = tail.sum() - tail.size * tail[0]
    return float(1.0 + tail.size / total) if total > 0 else float("nan")


def _read(name, draws):
    try:
        with open(cache_folder() / name, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {key: np.asarray(file[key], dtype=np.float64) for key in _STATISTICS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # absent or damaged: sampled again
    return arrays if all(a.shape == (draws,) for a in arrays.values()) else None


def _write(name, arrays):
    """Whole or not at all: a second process may read or write the same file."""
    temporary = None
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            temporary = file.name
            np.savez(file, **arrays)
        os.replace(temporary, folder / name)
    except OSError:  # a full or read-only disk: the draws stay in memory
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
