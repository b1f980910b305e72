"""The capture pool: bounded, single-threaded linear algebra, drained on the way out."""

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from spectrax.pool import CapturePool, usable_cores

np.eye(2) @ np.eye(2)  # a BLAS is loaded before it is asked for its threads


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_jobs_return_what_they_computed():
    with CapturePool(2) as pool:
        futures = [pool.submit(pow, 2, k) for k in range(10)]
    assert [f.result() for f in futures] == [2**k for k in range(10)]


def test_there_is_a_worker_for_each_usable_core():
    assert CapturePool().workers == usable_cores()
    assert CapturePool(3).workers == 3


def test_no_more_jobs_wait_than_there_is_room():
    gate, submitted = threading.Event(), []

    def submit_all(pool):
        for k in range(5):
            pool.submit(gate.wait)
            submitted.append(k)

    with CapturePool(1, waiting=2) as pool:
        feeder = threading.Thread(target=submit_all, args=(pool,))
        feeder.start()
        time.sleep(0.2)
        held_back = len(submitted)
        gate.set()
        feeder.join()
    assert held_back == 2
    assert len(submitted) == 5


def test_linear_algebra_has_one_thread_inside_and_its_own_number_afterwards():
    with threadpool_limits(2):
        assert blas_threads() == {2}
        with CapturePool(2) as pool:
            assert pool.submit(blas_threads).result() == {1}
        assert blas_threads() == {2}


def test_leaving_waits_for_every_job():
    ended = []
    with CapturePool(1) as pool:
        for k in range(4):
            pool.submit(lambda k=k: (time.sleep(0.01), ended.append(k)))
    assert ended == [0, 1, 2, 3]


def test_an_interruption_finishes_the_job_in_flight_and_drops_those_that_wait():
    begun, ended = threading.Event(), []

    def job():
        begun.set()
        time.sleep(0.1)
        ended.append(1)

    futures = []
    with pytest.raises(KeyboardInterrupt), CapturePool(1) as pool:  # noqa: PT012
        futures = [pool.submit(job) for _ in range(3)]
        begun.wait()
        raise KeyboardInterrupt
    assert ended == [1]
    assert [f.cancelled() for f in futures] == [False, True, True]


def test_a_job_that_fails_hands_its_error_to_whoever_asks():
    with CapturePool(1) as pool:
        future = pool.submit(int, "x")
    with pytest.raises(ValueError, match="invalid literal"):
        future.result()
