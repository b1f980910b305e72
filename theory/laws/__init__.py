"""Spectral laws of large random matrices, one per file."""
