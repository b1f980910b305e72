"""Distribution functions of laws that are closed in the angle of a band, and their inverses."""
