"""Progress counts, estimates the time left from this session alone, and stays short in a log."""

import doctest
import io
import sys
import threading

import pytest

from spectrax import progress
from spectrax.progress import Progress


class Clock:
    """A clock that the test moves."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(progress).failed == 0


def test_a_log_gets_one_line_per_ten_percent(capsys):
    with Progress(200, "study") as bar:
        for _ in range(200):
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("study: 20/200 (10 %), 0:00 elapsed")
    assert lines[-1].startswith("study: 200/200 (100 %)")


def test_a_few_large_units_get_one_line_each(capsys):
    with Progress(3, "study") as bar:
        for name in "abc":
            bar.advance(note=f"run {name}")
    assert [line.rsplit(", ", 1)[1] for line in capsys.readouterr().err.splitlines()] == ["run a", "run b", "run c"]


def test_nothing_is_shown_when_disabled(capsys):
    with Progress(10, "study", enabled=False) as bar:
        bar.advance(10)
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "")
    assert bar.done == 10


def test_time_left_of_a_resumed_study_comes_from_this_session(clock, capsys):
    with Progress(100, "study", done=80) as bar:
        assert bar.left() is None
        clock.now = 10.0
        bar.advance(5)
        assert bar.left() == 30.0  # 15 units at 2 s each; counting the 80 old ones would say 1.8 s
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "study: 80/100 (80 %), 0:00 elapsed, resumed"


def test_nothing_is_left_at_the_end(clock):
    bar = Progress(2, "study", enabled=False)
    clock.now = 5.0
    bar.advance(2)
    assert bar.left() == 0.0


def test_an_interrupted_study_says_where_it_stopped(capsys):
    def interrupted():
        with Progress(10, "study") as bar:
            bar.advance(2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err.splitlines()[-1].endswith("stopped")


def test_no_count_is_lost_between_threads():
    bar = Progress(8000, "study", enabled=False)
    threads = [threading.Thread(target=lambda: [bar.advance() for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bar.done == 8000


def test_a_terminal_gets_a_bar_on_standard_error(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Progress(4, "study") as bar:
        bar.advance(4, note="GD 0.1")
    shown = terminal.getvalue()
    assert "4/4" in shown
    assert "GD 0.1" in shown
    assert "left" in shown


@pytest.mark.parametrize(("total", "done"), [(3, 4), (3, -1), (-1, 0)])
def test_more_done_than_there_is_is_refused(total, done):
    with pytest.raises(ValueError, match="between 0 and total"):
        Progress(total, "study", done=done)


def test_an_empty_study_is_finished(capsys):
    with Progress(0, "study") as bar:
        assert bar.left() == 0.0
    assert capsys.readouterr().err == ""
