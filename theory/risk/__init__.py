"""Test and training error of linear models at proportional size: ridge, gradient flow, random features, SGD."""
