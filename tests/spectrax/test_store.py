"""What a result folder promises: finished runs survive, nothing half-written counts, damage is named."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from spectrax.result import open_result
from spectrax.store import Store, StoreError, read_header, write_json

HEADER = {"identity": {"study": 1}, "experiment": "tiny", "axes": ["rate", "replicate"], "coords": {}, "config": {}}
POINTS = [{"rate": rate, "replicate": replicate} for replicate in (0, 1) for rate in (0.1, 1.0)]
MORE = [*POINTS, *({"rate": 10.0, "replicate": replicate} for replicate in (0, 1))]


class Killed(BaseException):
    """As a kill: no `except Exception` may catch it."""


def values_of(point):
    first = point["rate"] + 10 * point["replicate"]
    return {
        "12x8": {"eigenvalues": (("matrix", "rank"), first + np.arange(8.0)[None])},
        "network": {"loss": ((), first)},
    }


def fill(folder, points, header=HEADER):
    with Store.open(folder, header) as store:
        store.register(points)
        for point in store.missing(points):
            store.write(point, values_of(point))


def error_of(folder, header=HEADER, **options):
    """The message, one line, of the StoreError that opening the folder and asking for its runs raises."""
    with pytest.raises(StoreError) as caught, Store.open(folder, header, **options) as store:
        store.missing(POINTS)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_every_point_is_missing_until_it_is_written(tmp_path):
    with Store.open(tmp_path, HEADER) as store:
        assert store.missing(POINTS) == POINTS
        assert store.finished() == []
        store.register(POINTS)
        store.write(POINTS[2], values_of(POINTS[2]))
        assert store.missing(POINTS) == [p for p in POINTS if p != POINTS[2]]
        assert store.finished() == [POINTS[2]]


def test_a_stored_run_is_still_there_when_the_folder_is_opened_again(tmp_path):
    fill(tmp_path, POINTS[:3])
    with Store.open(tmp_path, HEADER) as store:
        assert store.missing(POINTS) == POINTS[3:]
    stored = open_result(tmp_path)["loss"]
    assert stored.sel(rate=1.0, replicate=0) == 1.0
    assert np.isnan(stored.sel(rate=1.0, replicate=1))


@pytest.mark.parametrize("deadly", ["12x8/eigenvalues", "network/loss", "done"])
def test_a_run_killed_while_it_is_written_counts_as_missing_and_is_done_again(tmp_path, monkeypatch, deadly):
    fill(tmp_path, POINTS[:1])
    write = Store._variable

    def until_killed(store, path, dims, data):
        if path == deadly:
            raise Killed
        return write(store, path, dims, data)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_variable", until_killed)
        with pytest.raises(Killed):
            fill(tmp_path, POINTS)
    with Store.open(tmp_path, HEADER) as store:
        assert store.finished() == POINTS[:1]
    fill(tmp_path, POINTS)
    result = open_result(tmp_path)
    for point in POINTS:
        assert float(result.at(**point)["loss"]) == values_of(point)["network"]["loss"][1]


def test_the_done_flag_is_the_last_thing_written(tmp_path, monkeypatch):
    order = []
    write = Store._variable
    monkeypatch.setattr(Store, "_variable", lambda *a: (order.append(a[1]), write(*a))[1])
    fill(tmp_path, POINTS[:1])
    assert order == ["12x8/eigenvalues", "network/loss", "done"]


def test_more_rates_and_replicates_extend_a_store_and_leave_its_runs_alone(tmp_path):
    fill(tmp_path / "grown", POINTS[:2])
    before = open_result(tmp_path / "grown")["eigenvalues"]
    fill(tmp_path / "grown", POINTS)
    fill(tmp_path / "grown", MORE)
    fill(tmp_path / "whole", MORE)
    grown, whole = (open_result(tmp_path / name)["eigenvalues"] for name in ("grown", "whole"))
    assert grown.sel(rate=[0.1, 1.0], replicate=[0]).identical(before)
    assert grown.identical(whole)


def test_an_extension_keeps_the_order_of_the_runs_already_stored(tmp_path):
    fill(tmp_path, POINTS[2:])
    fill(tmp_path, MORE)
    assert read_header(tmp_path)["runs"][:2] == POINTS[2:]


def test_what_the_session_noted_survives_that_the_study_is_continued(tmp_path):
    with Store.open(tmp_path, HEADER) as store:
        store.note(matrices={"12x8": ["W"]}, sessions=[{"started": "now"}])
    with Store.open(tmp_path, {**HEADER, "config": {"replicates": 5}}) as store:
        store.note()
    header = read_header(tmp_path)
    assert header["matrices"] == {"12x8": ["W"]}
    assert header["sessions"] == [{"started": "now"}]
    assert header["config"] == {"replicates": 5}


def test_a_kill_while_the_header_is_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "study.json"
    write_json(path, {"old": 1})

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("spectrax.store.os.replace", die)
        with pytest.raises(Killed):
            write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"new": 2}


def test_leftovers_of_a_killed_header_write_are_no_strangers(tmp_path):
    (tmp_path / "study.123.tmp").write_text("{")
    fill(tmp_path, POINTS[:1])
    assert (tmp_path / "study.json").is_file()


def test_two_processes_cannot_write_one_store(tmp_path):
    hold = (
        f"from spectrax.store import Store\nwith Store.open({str(tmp_path)!r}, {HEADER!r}):\n"
        "    print('held', flush=True)\n    input()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "held\n"
        assert "one process at a time may write a store; another holds" in error_of(tmp_path)
        assert open_result(tmp_path).axes == {"rate": [], "replicate": []}  # reading needs no lock
    finally:
        other.communicate("\n", timeout=30)
    fill(tmp_path, POINTS[:1])


def test_the_lock_ends_with_the_process_that_held_it(tmp_path):
    hold = f"import os\nfrom spectrax.store import Store\nStore.open({str(tmp_path)!r}, {HEADER!r})\n"
    die = hold + "os.kill(os.getpid(), 9)\n"
    assert subprocess.run([sys.executable, "-c", die], check=False).returncode == -9
    fill(tmp_path, POINTS[:1])


def test_a_variable_that_changes_its_shape_is_refused(tmp_path):
    fill(tmp_path, POINTS[:1])
    with Store.open(tmp_path, HEADER) as store, pytest.raises(StoreError, match="network/loss must keep its shape"):
        store.write(POINTS[1], {"network": {"loss": (("k",), np.zeros(3))}})


def test_another_study_is_refused_and_left_as_it_is(tmp_path):
    fill(tmp_path, POINTS)
    other = {**HEADER, "identity": {"study": 2}, "experiment": "other"}
    assert "holds 'tiny' with another configuration. Choose another --output, or --force" in error_of(tmp_path, other)
    assert read_header(tmp_path)["runs"] == POINTS


def test_a_folder_with_other_files_is_refused_even_by_force(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").write_text("mine")
    for force in (False, True):
        assert "must be empty or hold this study" in error_of(tmp_path, force=force)
    assert (tmp_path / "figures" / "mine.png").read_text() == "mine"


def test_force_starts_afresh_and_keeps_files_that_no_study_wrote(tmp_path):
    fill(tmp_path, POINTS)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "claims.csv").write_text("old")
    other = {**HEADER, "identity": {"study": 2}}
    with Store.open(tmp_path, other, force=True) as store:
        assert store.missing(POINTS) == POINTS
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "claims.csv").exists()
    fill(tmp_path, POINTS, other)  # the foreign file doesn't stand in the way of going on


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    message = error_of(tmp_path / "file" / "below")
    assert "the output folder must be writable" in message
    assert "Not a directory. Choose another --output." in message
    assert "must be writable" in error_of(tmp_path / "file")


def test_a_folder_without_write_permission_is_named_with_the_reason(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)  # a mode would not stop the administrator
    assert "Permission denied. Choose another --output." in error_of(tmp_path)


DAMAGE = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "not JSON": lambda text: "optimizer: adam",
    "a list": lambda text: "[1, 2]",
    "without axes": lambda text: text.replace('"axes"', '"taxes"'),
    "runs with other axes": lambda text: text.replace('"rate"', '"date"', 2),
    "runs not a list": lambda text: json.dumps({**json.loads(text), "runs": 3}),
    "sessions not a list": lambda text: json.dumps({**json.loads(text), "sessions": 3}),
    "binary": lambda text: "\x00\x01",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_header_is_named_when_read_and_when_continued(tmp_path, damage):
    fill(tmp_path, POINTS)
    path = tmp_path / "study.json"
    path.write_text(DAMAGE[damage](path.read_text()))
    with pytest.raises(StoreError, match=r"study\.json must .* is damaged"):
        open_result(tmp_path)
    assert "study.json" in error_of(tmp_path)
    fill(tmp_path / "new", POINTS)
    with Store.open(tmp_path, HEADER, force=True) as store:
        assert store.missing(POINTS) == POINTS


def test_a_header_of_another_format_names_both(tmp_path):
    fill(tmp_path, POINTS)
    path = tmp_path / "study.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(StoreError, match=r"must have format 1; .* has 99\. Use the spectrax that wrote it"):
        open_result(tmp_path)
    assert "has 99" in error_of(tmp_path)


@pytest.mark.parametrize("file", ["zarr.json", "done/zarr.json", "done/c/0"])
def test_a_damaged_array_store_is_named_when_read_and_when_continued(tmp_path, file):
    fill(tmp_path, POINTS)
    path = tmp_path / "data.zarr" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match=r"must .*[Rr]un the study again with --force"):
        open_result(tmp_path).table()
    assert "is damaged" in error_of(tmp_path)
    assert "Use --force to start it afresh" in error_of(tmp_path)


@pytest.mark.parametrize("file", ["network/loss/zarr.json", "network/loss/c/1"])
def test_a_damaged_variable_is_named_when_it_is_read(tmp_path, file):
    fill(tmp_path, POINTS)
    path = tmp_path / "data.zarr" / file
    path.write_bytes(path.read_bytes()[:5])
    with pytest.raises(StoreError, match=r"every stored array must be readable; .* Run the study again with --force\."):
        open_result(tmp_path).get("loss")


def test_without_its_arrays_a_study_cannot_be_read_but_can_be_run_again(tmp_path):
    fill(tmp_path, POINTS)
    shutil.rmtree(tmp_path / "data.zarr")
    with pytest.raises(StoreError, match=r"a result must hold data\.zarr; .* Run the study again with --force"):
        open_result(tmp_path)
    with Store.open(tmp_path, HEADER) as store:
        assert store.missing(POINTS) == POINTS


def test_a_folder_without_a_study_is_no_result(tmp_path):
    with pytest.raises(StoreError, match=r"must hold study\.json; .* Give the path that `run` printed"):
        open_result(tmp_path)
