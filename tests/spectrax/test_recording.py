"""The recorder: every run handed over is written once, whenever its captures end."""

import pytest

from spectrax.recording import Recorder


class Run:
    """A run whose captures end after it was asked `questions` times whether they have."""

    def __init__(self, name, questions):
        self.point, self.questions = {"name": name}, questions

    @property
    def complete(self):
        self.questions -= 1
        return self.questions < 0

    def values(self):
        return {"of": self.point["name"]}


class Written(dict):
    def write(self, point, values):
        if point["name"] == "unwritable":
            raise OSError("no space left")
        assert point["name"] not in self
        self[point["name"]] = values


@pytest.mark.parametrize("questions", range(8))
def test_a_run_is_written_whenever_its_captures_end(questions):
    written = Written()
    recorder = Recorder(written)
    recorder.add(Run("early", 0))
    recorder.add(Run("late", questions))
    for _ in range(8):
        recorder.poll()
    recorder.close()
    assert written == {"early": {"of": "early"}, "late": {"of": "late"}}


def test_a_run_whose_captures_were_dropped_is_not_written():
    written = Written()
    recorder = Recorder(written)
    recorder.add(Run("dropped", 1000))
    recorder.close()
    assert written == {}


def test_an_error_of_writing_comes_out_and_the_other_runs_are_written():
    written = Written()
    recorder = Recorder(written)
    for name in ("unwritable", "other"):
        recorder._open.append((Run(name, 0), lambda: None))
    with pytest.raises(OSError, match="no space left"):
        recorder.close()
    assert written == {"other": {"of": "other"}}
