"""Ctrl-C and kill -9 in the middle of a study, from outside: what was finished stays, the same command goes on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spectrax import experiment, runner
from spectrax.result import open_result

OWN = Path(__file__).with_name("own_experiment.py")
RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
RUNS = 2 * len(RATES)
FLAGS = ["--quiet", "--no-figures", "--threads", "1", "--learning-rates", *map(str, RATES)]


def start(folder, pause):
    words = ["run", str(OWN), *FLAGS, "--output", "out", "--pause", str(pause)]
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *words],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def done(folder):
    """Flags of finished runs: file -> time of writing. Each is written last, one file a run."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "out" / "data.zarr" / "done" / "c").glob("[0-9]*")}


def stopped(folder, how):
    """A study of 16 runs, each of 3 captures of 0.05 s on one worker, stopped when 3 runs are stored."""
    process = start(folder, 0.05)
    deadline = time.monotonic() + 120
    while len(done(folder)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    module = experiment.load(OWN)
    config = module.Config(learning_rates=tuple(RATES))
    return runner.run_experiment(module, config, output=tmp_path_factory.mktemp("undisturbed") / "out")


def assert_completes_as(undisturbed, folder):
    before = done(folder)
    assert 3 <= len(before) < RUNS
    process = start(folder, 0.05)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    after = done(folder)
    assert len(after) == RUNS
    assert {name: after[name] for name in before} == before  # nothing finished was done again
    result = open_result(folder / "out")
    assert set(result.variables) == set(undisturbed.variables)
    for name in result.variables:
        assert result[name].identical(undisturbed[name]), name  # to the last bit
    return [session.get("runs") for session in result.header["sessions"]], RUNS - len(before)


LOSING = '''"""Ctrl-C comes while a callback runs, from which Python lets no exception out."""
import os, signal, time
from dataclasses import dataclass

@dataclass(frozen=True)
class Config:
    seed: int = 0

class Callback:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

def plan(c):
    Callback()
    time.sleep(30)
    raise ValueError("not interrupted")
'''


def test_ctrl_c_that_falls_into_a_callback_is_not_lost(tmp_path):
    (tmp_path / "losing.py").write_text(LOSING)
    command = [sys.executable, "-m", "experiments", "run", "losing.py"]
    found = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, timeout=60)
    assert found.returncode == 130
    assert found.stderr == "spectrax: interrupted; finished runs are stored. The same command goes on from there.\n"


@pytest.mark.slow
def test_ctrl_c_says_one_line_keeps_finished_runs_and_the_same_command_goes_on(undisturbed, tmp_path):
    status, out, err = stopped(tmp_path, signal.SIGINT)
    assert status == 130
    assert out == ""
    assert err == "spectrax: interrupted; finished runs are stored. The same command goes on from there.\n"
    sessions, left = assert_completes_as(undisturbed, tmp_path)
    assert sessions == [None, left]  # the interrupted session is on record, without an end


@pytest.mark.slow
def test_a_study_killed_in_the_middle_ends_as_if_undisturbed(undisturbed, tmp_path):
    status, _, _ = stopped(tmp_path, signal.SIGKILL)
    assert status == -signal.SIGKILL
    sessions, left = assert_completes_as(undisturbed, tmp_path)
    assert sessions == [None, left]
