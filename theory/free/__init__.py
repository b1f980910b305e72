"""Free probability: sums, products, powers and compressions of matrices in general position."""
