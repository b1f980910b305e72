"""Spectra of trained weights: closed forms after few steps of an optimizer."""
