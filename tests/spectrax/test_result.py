"""A stored result answers by name: what is there, in which order, and what to ask instead."""

import sys

import numpy as np
import pytest

from spectrax.result import Result, open_result, together
from spectrax.store import Store, StoreError

# a multilayer perceptron on 8 inputs with widths (12, 8): matrices of two shapes, then a third of the first shape
SHAPES = {"12x8": ["layers/0", "layers/2"], "8x12": ["layers/1"]}
RATES, STEPS = (0.1, 1.0, 3e-5), [0, 1, 10]
POINTS = [
    {"optimizer": name, "learning_rate": rate, "replicate": replicate}
    for replicate in (0, 1)
    for name in ("gd", "adam")
    for rate in RATES
]
MISSING = {"optimizer": "adam", "learning_rate": 3e-5, "replicate": 1}


def code(point, matrix=0.0, step=0.0):
    """A number that names where it belongs; exact in binary, so that equality is exact."""
    return (
        64 * RATES.index(point["learning_rate"])
        + 16 * point["replicate"]
        + 8 * (point["optimizer"] == "adam")
        + step
        + matrix / 4
    )


def values_of(point):
    groups = {
        "network": {
            "loss": (("step",), np.array([code(point, step=s) for s in range(3)])),
            "diverged": ((), 0.0),
            "training_loss": (("iteration",), np.full(11, code(point))),
        }
    }
    for shape, names in SHAPES.items():
        norms = np.array([[code(point, int(n[-1]), s) for s in range(3)] for n in names])
        rank = np.arange(8.0) if shape == "12x8" else np.arange(12.0)
        groups[shape] = {
            "norm": (("matrix", "step"), norms),
            "eigenvalues": (("matrix", "step", "rank"), norms[..., None] + rank),
        }
    groups["12x8"]["only_here"] = (("matrix", "step"), np.zeros((2, 3)))
    return groups


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Result:
    folder = tmp_path_factory.mktemp("stored")
    header = {
        "identity": {},
        "experiment": "stranger",
        "axes": ["optimizer", "learning_rate", "replicate"],
        "coords": {"step": STEPS},
        "matrices": SHAPES,
        "config": {"samples": 20, "inputs": 8, "width": 12, "model": "strangers_code:Model"},
    }
    with Store.open(folder, header) as store:
        store.register(POINTS)
        for point in POINTS:
            if point != MISSING:
                store.write(point, values_of(point))
    return open_result(folder)


def test_it_lists_what_it_holds(result):
    assert result.axes == {"optimizer": ["gd", "adam"], "learning_rate": sorted(RATES), "replicate": [0, 1]}
    assert result.steps == STEPS
    assert result.matrices == ["layers/0", "layers/2", "layers/1"]
    assert list(result.variables) == ["diverged", "eigenvalues", "loss", "norm", "only_here", "training_loss"]
    assert "loss" in result
    assert "lost" not in result


def test_every_value_lies_under_its_own_names(result):
    for point in POINTS:
        if point != MISSING:
            for i, step in enumerate(STEPS):
                assert float(result.at(**point, step=step)["loss"]) == code(point, step=i)
                for matrix in result.matrices:
                    stored = result.at(**point, step=step, matrix=matrix)["norm"]
                    assert float(stored) == code(point, int(matrix[-1]), i)


def test_a_missing_run_is_not_a_number(result):
    loss = result["loss"]
    assert np.isnan(loss.sel(**MISSING)).all()
    assert int(np.isnan(loss).sum()) == len(STEPS)


def test_matrices_of_different_shape_keep_their_own_ranks(result):
    assert result.get("eigenvalues", "layers/1").sizes["rank"] == 12
    assert result.get("eigenvalues", "layers/0").sizes["rank"] == 8
    assert result.at(matrix="layers/1")["eigenvalues"].dims == (
        "optimizer",
        "learning_rate",
        "replicate",
        "step",
        "rank",
    )


def test_a_matrix_that_is_not_named_is_asked_for(result):
    with pytest.raises(StoreError, match=r"norm must be asked for one matrix; .* layers/0, layers/2, layers/1\. Use"):
        result["norm"]
    assert result["only_here"].matrix.values.tolist() == ["layers/0", "layers/2"]
    with pytest.raises(StoreError, match="must be asked for one matrix"):
        result.get("only_here", "layers/1")


def test_an_unknown_variable_names_the_nearest(result):
    with pytest.raises(KeyError, match=r"got 'eigenvalue'\. Nearest: eigenvalues"):
        result["eigenvalue"]


@pytest.mark.parametrize("rate", [3e-5, 3.0000000001e-5, np.float32(3e-5).item()])
def test_a_rate_is_found_as_the_float_that_was_typed_or_trained(result, rate):
    assert float(result.at(optimizer="gd", learning_rate=rate, replicate=0, step=0)["loss"]) == 128.0


def test_a_scalar_drops_its_dimension_and_a_list_keeps_it_in_the_order_given(result):
    assert "learning_rate" not in result.at(learning_rate=1)["loss"].dims
    two = result.at(learning_rate=[1.0, 0.1])["loss"]
    assert two.learning_rate.values.tolist() == [1.0, 0.1]
    assert float(two.isel(learning_rate=0, optimizer=0, replicate=0, step=0)) == 64.0


def test_narrowing_twice_equals_narrowing_once(result):
    twice, once = result.at(optimizer="adam").at(step=1)["loss"], result.at(optimizer="adam", step=1)["loss"]
    assert twice.identical(once)


def test_first_and_last_are_the_outer_captured_steps(result):
    assert result.first()["loss"].identical(result.at(step=0)["loss"])
    assert result.last()["loss"].identical(result.at(step=10)["loss"])


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"optimiser": "adam"}, "must name one of optimizer, learning_rate, replicate, step, matrix; got 'optimiser'"),
        ({"optimizer": "sgd"}, "optimizer must be one of gd, adam; got 'sgd'"),
        ({"learning_rate": 0.2}, "learning_rate must be one of 3e-05, 0.1, 1.0; got 0.2"),
        ({"learning_rate": [0.1, 0.2]}, "learning_rate must be one of 3e-05, 0.1, 1.0; got 0.2"),
        ({"step": 2}, "step must be one of 0, 1, 10; got 2"),
        ({"matrix": "W"}, "matrix must be one of layers/0, layers/2, layers/1; got 'W'"),
    ],
)
def test_a_selection_that_is_not_stored_names_what_is(result, selection, message):
    with pytest.raises(ValueError, match=message):
        result.at(**selection)


def test_the_table_has_a_row_for_each_stored_run_step_and_matrix(result):
    table = result.table()
    assert len(table) == (len(POINTS) - 1) * len(STEPS) * 3
    assert {"optimizer", "learning_rate", "replicate", "step", "matrix", "loss", "norm", "diverged"} <= set(table)
    assert "eigenvalues" not in table
    row = table.query(
        "optimizer == 'adam' and learning_rate == 1 and replicate == 1 and step == 10 and matrix == 'layers/1'"
    )
    point = {"optimizer": "adam", "learning_rate": 1.0, "replicate": 1}
    assert row["norm"].item() == code(point, 1, 2)
    assert row["loss"].item() == code(point, step=2)


def test_a_table_narrowed_to_one_number_has_one_row(result):
    table = result.at(**POINTS[0], step=1, matrix="layers/0").table()
    assert len(table) == 1
    assert table["matrix"].item() == "layers/0"
    assert table["norm"].item() == code(POINTS[0], 0, 1)


def test_the_caption_names_sizes_replicates_and_steps(result):
    caption = result.at(optimizer=["adam"]).caption()
    assert caption == "n = 20, d = 8, h = 12, 2 replicates, steps 0, 1, 10, optimizer adam"
    caption = result.at(learning_rate=1.0, replicate=0, step=[1]).caption()
    assert caption == "n = 20, d = 8, h = 12, 1 replicate, step 1, learning_rate 1.0, replicate 0"


def test_the_axes_of_a_narrowed_result_are_narrowed(result):
    narrow = result.at(optimizer=["adam"], learning_rate=1, step=[10, 0])
    assert narrow.axes == {"optimizer": ["adam"], "learning_rate": [1.0], "replicate": [0, 1]}
    assert narrow.steps == [10, 0]
    assert narrow["loss"].dims == ("optimizer", "replicate", "step")
    assert narrow.at(optimizer="gd").axes["optimizer"] == ["gd"]


def test_opening_and_reading_a_strangers_result_imports_nothing_it_names(result, tmp_path, monkeypatch):
    for name in ("stranger.py", "strangers_code.py"):
        (tmp_path / name).write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    again = open_result(result.path)
    again.table()
    assert again.config["model"] == "strangers_code:Model"
    assert again.caption()
    assert not {"stranger", "strangers_code"} & set(sys.modules)
    assert not list(tmp_path.glob("*.ran"))


def test_reading_leaves_the_folder_as_it_is(result):
    before = {path: path.stat().st_mtime_ns for path in result.path.rglob("*")}
    open_result(result.path).table()
    assert {path: path.stat().st_mtime_ns for path in result.path.rglob("*")} == before


def test_arrays_of_the_same_dims_stand_side_by_side_under_their_names(result):
    at = result.at(optimizer="gd", step=0)
    both = together({"one": at["loss"], "two": 2 * at["loss"]}, "kind")
    assert both.dims == ("kind", "learning_rate", "replicate")
    assert (both.sel(kind="two") == 2 * both.sel(kind="one")).all()
