"""How the spectrum of a sample covariance matrix follows from its population, and back."""
