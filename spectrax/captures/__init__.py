"""What is measured at a captured step: each capture is a schema and a function of the moment."""

from spectrax.captures.moment import Capture, Moment
from spectrax.captures.network import losses, readout, stability
from spectrax.captures.statistics import outliers, tails
from spectrax.captures.vectors import vector_overlaps
from spectrax.captures.weights import leading_vectors, overlaps, spectrum, update

__all__ = [
    "Capture",
    "Moment",
    "leading_vectors",
    "losses",
    "outliers",
    "overlaps",
    "readout",
    "spectrum",
    "stability",
    "tails",
    "update",
    "vector_overlaps",
]
