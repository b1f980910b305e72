"""Times the theory package against its limits; exits 1 where one is passed. `python benchmarks/theory_speed.py`"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def best(call: Callable[[], Any], repeats: int = 7, inner: int = 20) -> float:
    """Returns the shortest mean time of one call in seconds: other load on the machine only adds."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(inner):
            call()
        times.append((time.perf_counter() - start) / inner)
    return min(times)


def cold(call: Callable[[float], Any], repeats: int = 7) -> float:
    """Returns the median time in seconds of a call with an argument that is new each time: nothing is cached."""
    call(1.0)
    times = []
    for k in range(1, repeats + 1):
        start = time.perf_counter()
        call(1 + 1e-6 * k)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def density(make: Callable[[float], Any], points: int) -> Callable[[float], Any]:
    """Returns a function that makes a law and its density at `points` points of its support."""

    def call(factor: float) -> Any:
        law = make(factor)
        return law.pdf(np.linspace(law.bands[0][0], law.bands[-1][1], points))

    return call


def new_laws() -> list[tuple[str, float, float]]:
    """Times of laws made anew for each call, support included, beside their limits."""
    import theory

    atoms = ((1.0, 0.2), (3.0, 0.4), (10.0, 0.4))
    coin, uniform = theory.PointMasses(((-1.0, 0.5), (1.0, 0.5))), theory.Uniform(0.0, 2.0)
    rows = [
        ("generalised law of 3 atoms", 1000, lambda f: theory.GeneralizedMarchenkoPastur(0.1 * f, atoms), 15e-3),
        ("conjugate kernel", 1000, lambda f: theory.conjugate_kernel("tanh", 0.5 * f, 0.75), 50e-3),
        ("tangent kernel", 1000, lambda f: theory.tangent_kernel("tanh", 2.0 * f, 0.5), 50e-3),
        ("uniform + coin by subordination", 1000, lambda f: theory.free_sum(uniform, coin.scaled(f)), 200e-3),
        ("Wachter x uniform", 1000, lambda f: theory.free_product(theory.Wachter(2.0 * f, 1.5), uniform),
         200e-3),
        ("bulk after one Adam step", 600, lambda f: theory.adam_step(f, 2000, 1000, 1500).bulk, 200e-3),
    ]
    return [(f"{name}, {points} points, cold", cold(density(make, points)), limit)
            for name, points, make, limit in rows]


def import_time(program: str) -> float:
    """Returns the shortest time of an import in a fresh interpreter, whose own start is left out."""
    timed = f"import time; t = time.perf_counter(); {program}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True, cwd=ROOT)
            for _ in range(3)]
    return min(float(run.stdout) for run in runs)


def main() -> int:
    """Prints each time beside its limit and returns the number of limits passed, at most 1."""
    import theory

    law = theory.MarchenkoPastur(2 / 3)
    grid, p = np.linspace(*law.bands[0], 10_000), (np.arange(1000) + 0.5) / 1000
    s = np.linspace(-6, 6, 1000)
    rates = np.logspace(-3, 3, 100)
    rows = [
        ("Marchenko-Pastur density, 10^4 points", best(lambda: law.pdf(grid)), 0.2e-3),
        ("Marchenko-Pastur quantile, 1000 points", best(lambda: law.quantile(p)), 5e-3),
        *((f"Tracy-Widom cdf, beta {b}, 1000 points", best(lambda b=b: theory.TracyWidom(b).cdf(s)), 0.2e-3)
          for b in (1, 2, 4)),
        *new_laws(),
        ("adam_step, 100 rates", best(lambda: theory.adam_step(rates, 2000, 1000, 1500)), 5e-3),
        ("import theory, first law", import_time("import theory; theory.MarchenkoPastur"), 0.4),
        ("import theory and every name", import_time("import theory; [getattr(theory, n) for n in theory.__all__]"), 1),
    ]
    for name, seconds, limit in rows:
        mark = "" if seconds <= limit else "   over the limit"
        print(f"{name:46s} {seconds * 1e3:9.3f} ms   limit {limit * 1e3:7.1f} ms{mark}")
    return int(any(seconds > limit for _, seconds, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
