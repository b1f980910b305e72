"""The parts of the experiments on laws that decide their claims, each against a case whose answer is known."""

from types import SimpleNamespace

import pytest
import xarray as xr

from experiments.catalogue import catalogue
from spectrax import experiment

initial = experiment.load(catalogue()["marchenko_pastur_at_init"])


class Stored(SimpleNamespace):
    """Distances of three replicates per size, all equal, beside a band of noise from 1 to 2."""

    def __getitem__(self, name):
        sizes, replicates = self.axes["inputs"], [0, 1, 2]
        band = xr.DataArray([[[1.0, 2.0]] * 3] * len(sizes), {"inputs": sizes, "replicate": replicates},
                            ("inputs", "replicate", "end"))
        distances = xr.DataArray([[v] * 3 for v in self.distances], {"inputs": sizes, "replicate": replicates},
                                 ("inputs", "replicate"))
        return {"null_band": band, "sup_distance": distances}[name]


@pytest.mark.parametrize(("distances", "statement", "verdict", "detail"), [
    ([1.5, 1.5, 1.5], "from d = 10 on", "holds", "0 of 3 sizes outside the band"),
    ([3.0, 1.5, 1.5], "from d = 20 on", "holds", "0 of 2 sizes outside the band"),
    ([1.5, 3.0, 1.5], "from d = 40 on", "undecided", "0 of 1 sizes outside the band"),  # one size is no series
    ([1.5, 1.5, 0.5], "d = 40, the largest:", "fails", "1 of 1 sizes outside the band"),
])
def test_the_size_from_which_the_law_is_met_counts_sizes(distances, statement, verdict, detail):
    found = initial.onset(Stored(axes={"inputs": [10, 20, 40]}, distances=distances))
    assert found.statement.startswith(statement)
    assert found.verdict == verdict
    assert found.detail.startswith(detail)
