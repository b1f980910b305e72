"""Is this spectrum noise, noise with spikes, or heavy-tailed? One answer, with the evidence for it."""

from dataclasses import dataclass
from functools import lru_cache

from scipy.special import ndtri

from spectrax.nulls import null_of, upper_half_exponent
from spectrax.outliers import Outliers, find_outliers
from spectrax.spectrum import Spectrum

BULK, SPIKES, HEAVY_TAIL = 0, 1, 2


@dataclass(frozen=True)
class Phase:
    """name: "bulk", "bulk + k spikes" (k a number) or "heavy tail". spikes: outliers of whichever bulk there is.

    code: BULK, SPIKES, HEAVY_TAIL = 0, 1, 2, for phase maps. evidence: the numbers that decided, each beside its
    critical value; see `phase_of`.
    """

    name: str
    spikes: int
    evidence: dict[str, float]

    @property
    def code(self) -> int:
        """0 bulk, 1 bulk + spikes, 2 heavy tail."""
        return {"bulk": BULK, "heavy tail": HEAVY_TAIL}.get(self.name, SPIKES)


@dataclass(frozen=True)
class Critical:
    """Largest sup distance of isotropic noise of a shape, and the smallest Hill exponent of its upper half."""

    sup: float
    hill: float


@lru_cache(maxsize=256)
def critical_values(shape: tuple[int, int], level: float = 0.001) -> Critical:
    """1 - level quantile of the sup distance (Gumbel), level quantile of the Hill exponent (normal), from `null_of`."""
    null = null_of(shape, fitted=True)
    hill = null.hill.draws
    return Critical(null.sup.gumbel_quantile(1.0 - level), float(hill.mean() + ndtri(level) * hill.std()))


def phase_of(
    spectrum: Spectrum, outliers: Outliers | None = None, *, critical: Critical | None = None, share: float = 0.01
) -> Phase:
    """Phase of a spectrum. Heavy tail where all three hold, each against noise of the same shape and variance:

    1. the bulk without its outliers is farther (sup distance) from Marchenko-Pastur than 99.9 % of the noise;
    2. more than `share` of the eigenvalues, and at least 5, pass the isotropic edge beside the detached ones;
    3. the Hill exponent of the bulk's upper half is below that of 99.9 % of the noise.
    Otherwise a bulk with as many spikes as there are outliers; evidence["isotropic"] = 0 then says that the noise has
    another law (condition 1 alone). A heavy tail in this sense is "heavier than noise", not a claim of a power law:
    for that see `tails`. critical, outliers: pass both where it is called for each step of each run.
    """
    critical = critical_values(spectrum.shape) if critical is None else critical
    found = find_outliers(spectrum, critical=critical.sup) if outliers is None else outliers
    values = spectrum.squared().values
    bulk = values[: values.size - found.detached]
    exponent = upper_half_exponent(bulk[bulk > 0]) if bulk.any() else float("nan")
    past_edge = found.beyond_fitted_edge - found.detached
    needed = max(5.0, share * values.size)
    heavy = not found.isotropic and past_edge >= needed and exponent < critical.hill
    spikes = found.detached if heavy else found.count
    name = "heavy tail" if heavy else f"bulk + {spikes} spikes" if spikes else "bulk"
    evidence = {
        "isotropic": float(found.isotropic),
        "sup_distance": found.distance,
        "sup_critical": found.critical,
        "past_edge": float(past_edge),
        "past_edge_needed": needed,
        "hill": exponent,
        "hill_critical": critical.hill,
        "variance": found.variance,
    }
    return Phase(name, spikes, evidence)
