"""How far a long computation is: a bar with the time left on a terminal, one line per ten percent in a log."""

import os
import sys
import threading
import time
from typing import Any


class Progress:
    """Bar with label, done/total, elapsed and time left on standard error. A context manager; threads may advance it.

    total: number of units; done: how many an earlier session did, so that the time left is estimated from this
    session's rate alone: left = elapsed * (total - done now) / (units of this session). enabled: False shows nothing;
    otherwise a bar where standard error is a terminal and lines of plain text, one per 10 %, where it isn't.
    Raises ValueError unless 0 <= done <= total.

    >>> with Progress(4, "study", enabled=False) as progress:
    ...     progress.advance(3)
    >>> progress.done
    3
    """

    def __init__(self, total: int, label: str, enabled: bool | None = None, *, done: int = 0):
        if not 0 <= done <= total:
            raise ValueError(f"done must lie between 0 and total; got {done} of {total}.")
        self.total, self.label, self.done = int(total), label, int(done)
        self._before = self.done  # of earlier sessions
        self._shown = self._tenth()
        self._plain = not _is_terminal()
        self._enabled = enabled is not False
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        self._start = time.monotonic()
        if self._enabled and not self._plain:
            self._bar, self._task = _open_bar(self)
        elif self._enabled and self.done:
            self._say("resumed")
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        elif self._enabled and kind is not None:
            self._say("stopped")

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count n more units as done; note: a few words on the current one, shown behind the time left."""
        with self._lock:
            self.done += n
            if self._bar is not None:
                self._bar.update(self._task, completed=self.done, note=note)
            elif self._enabled and self._plain and self._tenth() > self._shown:
                self._shown = self._tenth()
                self._say(note)

    def elapsed(self) -> float:
        """Seconds since this session began."""
        return time.monotonic() - self._start

    def left(self) -> float | None:
        """Seconds left at this session's mean rate, 0 when all is done; None before its first unit."""
        if self.done >= self.total:
            return 0.0
        session = self.done - self._before
        return self.elapsed() * (self.total - self.done) / session if session > 0 else None

    def _tenth(self) -> int:
        return 10 * self.done // self.total if self.total else 10

    def _say(self, note: str) -> None:
        left = self.left()
        share = f"{100 * self.done // self.total} %" if self.total else "100 %"
        parts = [f"{self.label}: {self.done}/{self.total} ({share})", f"{clock(self.elapsed())} elapsed"]
        parts += [f"{clock(left)} left"] if left else []
        parts += [note] if note else []
        print(", ".join(parts), file=sys.stderr, flush=True)


def clock(seconds: float | None) -> str:
    """Seconds as m:ss or h:mm:ss; "-:--" where unknown.

    >>> clock(75.4), clock(3600), clock(None)
    ('1:15', '1:00:00', '-:--')
    """
    if seconds is None:
        return "-:--"
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _open_bar(progress: Progress) -> tuple[Any, Any]:
    """A started rich bar and its task. rich's own time left looks back half a minute only: runs may take longer."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column
    from rich.text import Text

    class Times(ProgressColumn):
        max_refresh = 0.5

        def render(self, task):
            return Text(f"{clock(progress.elapsed())} ({clock(progress.left())} left)", no_wrap=True)

    class Note(ProgressColumn):  # cut to what the other columns leave
        def render(self, task):
            room = max(0, console.width - len(progress.label) - 2 * len(str(progress.total)) - 43)
            text = Text(task.fields["note"], style="dim", no_wrap=True)
            text.truncate(room, overflow="ellipsis")
            return text

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=18), MofNCompleteColumn(),
               Times(table_column=Column(no_wrap=True)), Note())
    bar = Bar(*columns, console=console, refresh_per_second=4)
    bar.start()
    task = bar.add_task(progress.label, total=progress.total, completed=progress.done, note="")
    return bar, task
