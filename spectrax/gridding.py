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
    with bar as shown, CapturePool(workers, waiting=len(points) + 1) as pool:
        jobs = {pool.submit(lambda p: grid.measure(**p), point): point for point in points}
        for job in as_completed(jobs):
            store.write(jobs[job], {"network": job.result()})
            if shown is not None:
                shown.advance(1)
        return {"runs": len(points), "seconds": time.perf_counter() - begun, "workers": pool.workers}
