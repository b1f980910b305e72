"""Which runs of a study are stored: an interrupted or extended one has some of its rates only."""

import xarray as xr


def rates_with(found: xr.DataArray) -> list[float]:
    """Learning rates at which any replicate has a value; found: (learning_rate, replicate), NaN if missing."""
    return found.learning_rate.values[found.notnull().any("replicate").values].tolist()
