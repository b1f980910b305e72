"""What theory says of the spectrum after one step of Adam, as numbers to put beside a stored result."""

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

import theory
from experiments.few_steps._noise_laws import Case, SharedNoise
from experiments.few_steps._samples import SHARES, group_ends
from spectrax.tails import hill
from theory.training.network import sign_step

# the law with causes of the tail left out, one more each
WITHOUT = {
    "equal": "equal residuals",  # the noise is shared through the data, by samples that pull alike
    "profile": "columns of unequal noise",  # and not shared
    "isotropic": "isotropic noise",  # and of equal variance
}


@functools.lru_cache(maxsize=256)
def of(case: Case, rate: float) -> SharedNoise:
    """The full law."""
    return case.law(rate)


@functools.lru_cache(maxsize=256)
def without(case: Case, rate: float, other: str) -> Any:
    """The law without some of the causes, see WITHOUT."""
    if other == "isotropic":
        return theory.MarchenkoPastur(case.inputs / case.width, 1 + rate**2 * sign_step(case.network()).spread)
    return case.law(rate, squares=np.ones(1), samples=math.inf if other == "profile" else None)


@functools.lru_cache(maxsize=1024)
def measured(case: Case, rate: float, squares: bytes, drive: bytes) -> SharedNoise:
    """The law from one replicate's captured `squared_pull` and `drive`, and from the rows' memory of themselves.

    Arrays as bytes of float64, which can be remembered.
    """
    square, means = np.frombuffer(squares), np.frombuffer(drive)
    net = case.network()
    means = means[np.isfinite(means)] * (net.mu / math.sqrt(net.nu))
    return SharedNoise(rate, case.inputs, case.width, case.samples, means, square[np.isfinite(square)],
                       case.memory())


def singular_values(law: Any, case: Case, rate: float) -> np.ndarray:
    """All min(inputs, width) singular values, ascending: quantiles of the law, and the outlier where there is one."""
    found, count, d = case.outlier(rate), min(case.inputs, case.width), case.inputs
    if found.detached:
        return with_outlier(law, float(found.location), d, case.width)
    return np.sqrt(case.width * law.quantile(1 - (np.arange(count, 0, -1) - 0.5) / d))


def with_outlier(law: Any, location: float, inputs: int, width: int) -> np.ndarray:
    """All min(inputs, width) singular values, ascending: quantiles of the bulk's law, and the outlier."""
    rank = np.arange(min(inputs, width), 1, -1)
    return np.append(np.sqrt(width * law.quantile(1 - (rank - 1.5) / (inputs - 1))), location)


def beyond(law: Any, case: Case, rate: float) -> float:
    """Expected number of singular values past the isotropic edge, the outlier included."""
    found = case.outlier(rate)
    bulk = case.inputs - 1 if found.detached else case.inputs
    return float(found.detached) + bulk * float(law.sf(float(found.edge) ** 2 / case.width))


def prediction(case: Case, rate: float, vectors: int, explained: bool) -> Mapping[str, tuple[tuple[str, ...], Any]]:
    """Name -> (dims, value). explained: also without each cause, and the overlaps of leading vectors with samples."""
    found, law = case.outlier(rate), of(case, rate)
    says = {"location": float(found.location), "edge": float(found.edge), "detached": float(found.detached)}
    says |= numbers(law, case, rate)
    if explained:
        for other in WITHOUT:
            reduced = numbers(without(case, rate, other), case, rate)
            says |= {f"{name}_{other}": reduced[name] for name in ("second", "hill", "beyond")}
    scalars: dict[str, tuple[tuple[str, ...], Any]] = {name: ((), value) for name, value in says.items()}
    return scalars | ({"sample_overlap": (("share", "vector"), overlaps(case, rate, vectors))} if explained else {})


def numbers(law: Any, case: Case, rate: float) -> dict[str, float]:
    """Second singular value, Hill's exponent of the whole spectrum, number past the isotropic edge.

    Not the exponent of a fit that chooses where the tail begins: it follows fluctuations that quantiles don't have.
    """
    values = singular_values(law, case, rate)
    return {"second": float(values[-2]), "hill": hill(values**2).alpha,
            "beyond": beyond(law, case, rate)}


def overlaps(case: Case, rate: float, vectors: int) -> np.ndarray:
    """Mean <x_i, v>^2 over the groups of `_samples.sample_overlaps` (share, vector); NaN for the outlier's vector."""
    ends = group_ends(case.samples)
    each = of(case, rate).sample_overlap(np.arange(2, vectors + 1), case.squares()[::-1])
    sums = np.cumsum(each, axis=1)[:, ends - 1]
    means = np.diff(sums, axis=1, prepend=0.0) / np.diff(ends, prepend=0)
    return np.concatenate([np.full((1, len(SHARES)), np.nan), means]).T
