"""Values of a small study, as a result holds them."""

import numpy as np
import pytest
import xarray

RATES = [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0, 2000.0, 3000.0]
STEPS = [0, 1, 2, 5, 10]


@pytest.fixture
def values():
    """Positive values (optimizer, learning_rate, replicate, step), one run diverged at the last step."""
    rng = np.random.default_rng(0)
    data = np.exp(rng.standard_normal((2, 9, 3, 5)))
    data[1, 8, 0, 4] = np.inf
    coords = {"optimizer": ["gd", "adam"], "learning_rate": RATES, "step": STEPS}
    return xarray.DataArray(data, coords, ("optimizer", "learning_rate", "replicate", "step"), name="test_loss")


@pytest.fixture
def codes(values):
    """Phases (learning_rate, replicate, step), all bulk."""
    return xarray.zeros_like(values.sel(optimizer="gd"))


@pytest.fixture
def labels():
    """Function of a figure: the labels in its key."""
    return lambda figure: [text.get_text() for legend in figure.legends for text in legend.get_texts()]
