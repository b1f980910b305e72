"""The same tasks as theory_speed.py in freealg and scikit-rmt, for an interpreter that has them:

    python3 -m venv peers && peers/bin/pip install freealg scikit-rmt && peers/bin/python benchmarks/peers.py

Both ask for other NumPy versions than spectrax, so they live in an environment of their own; spectrax never needs them.
Prints times (best of several) and, where the truth is known in closed form, errors.
"""

import time
import warnings

import numpy as np

warnings.simplefilter("ignore")


def best(call, repeats: int = 3) -> float:
    """Shortest time of one call in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def freealg_rows():
    """Generalised Marchenko-Pastur, bands [.6521, 1.1767], [1.8290, 4.1211], [6.6150, 14.5818]."""
    from freealg.distributions import DeformedMarchenkoPastur, MarchenkoPastur

    law = DeformedMarchenkoPastur([1.0, 3.0, 10.0], [0.2, 0.4, 0.4], c=0.1)
    grid = np.linspace(0.5, 20, 1000)
    yield "freealg: 3-atom law, density at 1000 points, eta = 1e-3", best(lambda: law.density(grid)), ""
    yield "freealg: 3-atom law, density at 1000 points, eta = 0", best(lambda: law.density(grid, eta=0.0)), ""
    edges = " ".join(f"[{low:.4f}, {high:.4f}]" for low, high in law.support())
    yield "freealg: its support", best(law.support, 1), edges
    plain, points = MarchenkoPastur(0.25), np.linspace(0.3, 2.2, 10_000)
    yield "freealg: Marchenko-Pastur, density at 10^4 points", best(lambda: plain.density(points)), ""


def skrmt_rows():
    """Marchenko-Pastur quantiles and the Tracy-Widom distribution function."""
    from skrmt.ensemble.spectral_law import MarchenkoPasturDistribution, TracyWidomDistribution

    law, p = MarchenkoPasturDistribution(ratio=2 / 3), (np.arange(20) + 0.5) / 20
    yield "scikit-rmt: Marchenko-Pastur quantile, 20 points", best(lambda: law.ppf(p)), ""
    s = np.linspace(-6, 6, 1000)
    for beta, median in ((1, -1.2685746), (2, -1.8049124)):  # the medians
        widom = TracyWidomDistribution(beta)
        error = abs(float(np.ravel(widom.cdf(np.array([median])))[0]) - 0.5)
        seconds = best(lambda w=widom: w.cdf(s))
        yield f"scikit-rmt: Tracy-Widom cdf, beta {beta}, 1000 points", seconds, f"{error:.0e} off"


def main() -> None:
    """Prints one line per task; a peer that isn't installed is named."""
    for rows in (freealg_rows, skrmt_rows):
        try:
            for name, seconds, remark in rows():
                print(f"{name:58s} {seconds * 1e3:10.3f} ms   {remark}")
        except ImportError as error:
            print(f"not installed: {error.name}")


if __name__ == "__main__":
    main()
