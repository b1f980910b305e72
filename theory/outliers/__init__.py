"""Eigenvalues outside the bulk: fluctuations of the largest one, and where signals put them."""
