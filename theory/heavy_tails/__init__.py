"""Power-law tails: tables of densities over many decades, and exponents of stochastic recursions."""
