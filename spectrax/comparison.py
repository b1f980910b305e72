"""How well does a law describe a spectrum? Every distance beside what noise of this shape would give."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.distances import edge_error, sup_distance, wasserstein
from spectrax.nulls import Null, Sample, null_of
from spectrax.outliers import Outliers, find_outliers
from spectrax.phase import Phase, phase_of
from spectrax.spectrum import Spectrum
from theory import SingularValues

__all__ = ["Comparison", "Distance", "Distances", "compare", "edge_error", "sup_distance", "wasserstein"]

_WORDS = {"eigenvalues": "eigenvalues", "singular_values": "singular values"}
_REMEDY = {"eigenvalues": "spectrum.squared()", "singular_values": "spectrum.singular_values()"}


@dataclass(frozen=True)
class Distance:
    """One distance beside its finite-size null: median, central 95 % band, p-value (1 + hits)/(1 + draws)."""

    value: float
    null_median: float
    null_band: tuple[float, float]
    p_value: float


@dataclass(frozen=True)
class Distances:
    """sup and Wasserstein (one-sided p-values), upper and lower edge in Tracy-Widom units (two-sided p-values)."""

    sup: Distance
    wasserstein: Distance
    edge_upper: Distance
    edge_lower: Distance


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """A spectrum beside a law. `distances`, `outliers`, `phase` are computed when first asked for; `print` shows them.

    The distances are to the law. Outliers and phase are judged against isotropic noise, whatever the law: a population
    of several values makes a "heavy tail" there, of which the distances say whether the law explains it.
    variance: that of one entry of W, fitted on the bulk; the law carries it where `fitted`, i.e. no law was given.
    """

    spectrum: Spectrum
    law: Any
    fitted: bool
    variance: float

    def __str__(self) -> str:
        d = self.distances
        parts = [f"{name} {x.value:.4g} (p {x.p_value:.2g})" for name, x in
                 (("sup distance", d.sup), ("Wasserstein", d.wasserstein), ("upper edge", d.edge_upper))]
        return (f"{self.spectrum!r} beside {self.law!r}{' (fitted)' if self.fitted else ''}\n  to the law: "
                f"{', '.join(parts)}\n  beside isotropic noise: {self.phase.name}, outliers {self.outliers.count}")

    def __repr__(self) -> str:
        return f"Comparison({self.spectrum!r}, {self.law!r}, fitted={self.fitted})"

    @cached_property
    def null(self) -> Null:
        """Distances of Gaussian matrices of the same shape, 200 draws, from their own (fitted or known) law.

        Exact in law for a Marchenko-Pastur law; for another law with square-root edges the same order of magnitude,
        since sup distance times n and edge fluctuations in Tracy-Widom units hardly depend on the bulk's form.
        """
        return null_of(self.spectrum.shape, fitted=self.fitted, kind=self.spectrum.kind)

    @cached_property
    def distances(self) -> Distances:
        """Each distance between the whole spectrum (outliers and exact zeros included) and the law, with its null."""
        values, zeros = self.spectrum.values, self.spectrum.zeros
        upper, lower = edge_error(values, self.law, zeros)
        null = self.null
        return Distances(
            sup=_beside(sup_distance(values, self.law, zeros), null.sup),
            wasserstein=_beside(wasserstein(values, self.law, zeros), null.wasserstein),
            edge_upper=_beside(upper, null.edge_upper, "both"),
            edge_lower=_beside(lower, null.edge_lower, "both"),
        )

    @cached_property
    def outliers(self) -> Outliers:
        """Outliers of the bulk with fitted variance; see `outliers.find_outliers`."""
        return find_outliers(self.spectrum)

    @cached_property
    def phase(self) -> Phase:
        """Bulk, bulk + k spikes or heavy tail; see `phase.phase_of`."""
        return phase_of(self.spectrum, outliers=self.outliers)

    def plot(self, ax: Any = None) -> Any:
        """The spectrum's histogram with the law and its outliers, as `figures.spectrum`; returns the Figure.

        ax: a matplotlib Axes to draw on, or None for a figure of a paper's column. matplotlib is imported only here.
        """
        from spectrax import figures

        ax = figures.canvas(3.4)() if ax is None else ax
        figures.spectrum(ax, self.spectrum, law=self.law, outliers=list(self.outliers.values))
        return ax.figure


def compare(spectrum: Spectrum, law: Any = None) -> Comparison:
    """A spectrum beside a law of the same kind; without a law, Marchenko-Pastur with the variance of the bulk.

    law: any `theory` law in the spectrum's own scale (`Spectrum.of` divides W^T W by rows, as `MarchenkoPastur.of`);
    the distances are to it, outliers and phase are judged against isotropic noise. Raises ValueError for what is no
    Spectrum, and for a law of eigenvalues against singular values and the reverse.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((60, 40))
    >>> compare(Spectrum.of(noise)).outliers.count
    0
    """
    if not isinstance(spectrum, Spectrum):
        raise ValueError(f"spectrum must be a Spectrum; got {type(spectrum).__name__}. Pass Spectrum.of(matrix).")
    variance = fit_variance(spectrum)
    if law is None:
        if not variance > 0:
            raise ValueError("spectrum must have a bulk that isn't zero; got central eigenvalues of 0. Pass a law.")
        fit = isotropic_law(spectrum, variance)
        return Comparison(spectrum, fit if spectrum.kind == "eigenvalues" else SingularValues(fit), True, variance)
    kind = getattr(law, "kind", None)
    if kind not in _WORDS:
        raise ValueError(f"law must describe a spectrum; got kind {kind!r}. Pass theory.MarchenkoPastur or another.")
    if kind != spectrum.kind:
        raise ValueError(
            f"law describes {_WORDS[kind]} but spectrum holds {_WORDS[spectrum.kind]}; pass {_REMEDY[kind]}."
        )
    return Comparison(spectrum, law, False, variance)


def _beside(value: float, null: Sample, side: Any = "above") -> Distance:
    return Distance(value, null.median, null.band, null.p_value(value, side))
