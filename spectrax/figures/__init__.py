"""Panels and pages that draw every figure of a result. Object-oriented matplotlib, no pyplot, no global style.

A panel takes an Axes first and draws one thing on it; `canvas` lays out Axes on a page of a paper's width; `draw` runs
a figure function `fn(result, axes)`; `save` writes PNG and PDF. matplotlib is imported when something is drawn, so that
an experiment file that names its figures stays quick to load.
"""

from spectrax.figures.curves import against, trajectory
from spectrax.figures.density import spectrum
from spectrax.figures.groups import strip
from spectrax.figures.heat import matrix
from spectrax.figures.look import colour_of
from spectrax.figures.page import Canvas, canvas, draw, save
from spectrax.figures.phases import phase_map

__all__ = ["Canvas", "against", "canvas", "colour_of", "draw", "matrix", "phase_map", "save", "spectrum", "strip",
           "trajectory"]
