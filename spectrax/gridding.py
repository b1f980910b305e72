"""Executes a Grid: points measured in the capture pool, each stored when it is finished."""

import contextlib
import time
from concurrent.futures import as_completed

from spectrax.pool import CapturePool
from spectrax.store import Store
from spectrax.study import Grid


def measure_all(grid: Grid, points, store: Store, *, progress=None, workers=None, finished=0) -> dict:
    """Measures the points that are missing; returns {"runs", "seconds", "workers"}. See sweep.run."""
    begun = time.perf_counter()
    bar = progress(len(points) + finished, finished) if progress else contextlib.nullcontext()
    unwritten = {}
    with bar as shown:
        try:
            with CapturePool(workers, waiting=len(points) + 1) as pool:
                for point in points:
                    unwritten[pool.submit(lambda p: grid.measure(**p), point)] = point
                for job in as_completed(list(unwritten)):
                    store.write(unwritten[job], {"network": job.result()})
                    del unwritten[job]
                    if shown is not None:
                        shown.advance(1)
        finally:        # after Ctrl-C or a failure: what the jobs in flight measured until then is kept
            for job, point in unwritten.items():
                if job.done() and not job.cancelled() and job.exception() is None:
                    store.write(point, {"network": job.result()})
    return {"runs": len(points), "seconds": time.perf_counter() - begun, "workers": pool.workers}
