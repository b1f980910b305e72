"""Captures beside training: a bounded pool of threads whose linear algebra is single-threaded (decision 17).

NumPy's and SciPy's BLAS threads keep spinning after a call and starve the training step; with one BLAS thread per
worker, two workers and training share two cores and the study takes a third of the time.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import scipy.linalg  # noqa: F401  loaded before the limit is set: a library loaded later would keep all its threads
from threadpoolctl import threadpool_limits


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CapturePool:
    """Context manager over `workers` threads and at most `waiting` jobs queued or running; `submit` blocks beyond.

    Leaving the block waits for the jobs that were submitted. After a failure, or where the block is left by an
    exception (Ctrl-C), jobs that haven't started are dropped and those that run are finished.
    """

    def __init__(self, workers: int | None = None, waiting: int | None = None):
        self.workers = workers or usable_cores()
        self._room = threading.BoundedSemaphore(waiting or 2 * self.workers + 2)

    def __enter__(self):
        self._limits = threadpool_limits(1)
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="capture")
        return self

    def __exit__(self, kind, *_):
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        self._limits.restore_original_limits()

    def submit(self, job: Callable[..., Any], *arguments) -> Future:
        """Runs job(*arguments) in the pool; waits while the pool is full."""
        self._room.acquire()
        future = self._pool.submit(job, *arguments)
        future.add_done_callback(lambda _: self._room.release())
        return future
