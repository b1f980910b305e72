"""What one to ten large steps do to the spectrum of the first weights."""
