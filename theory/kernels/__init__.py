"""Spectra of the kernels of wide networks."""
