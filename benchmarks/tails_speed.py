"""Times the host-side statistics on one thread beside their limits; exits 1 where one is exceeded.

Run: python benchmarks/tails_speed.py. The null is sampled into memory, without the cache on disk.
"""

import os
import sys
import time
from types import SimpleNamespace

import numpy as np
from threadpoolctl import threadpool_limits

from spectrax import captures, repulsion
from spectrax.bulk_fit import fit_variance, isotropic_law
from spectrax.distances import edge_error, sup_distance, wasserstein
from spectrax.nulls import gaussian_eigenvalues, null_of
from spectrax.outliers import find_outliers
from spectrax.phase import critical_values, phase_of
from spectrax.spectrum import Spectrum
from spectrax.tail_alternatives import against_lognormal
from spectrax.tails import bootstrap_p_value, fit_power_law, hill

SHAPE = (1500, 1000)
ALTERNATIVES = ("lognormal", "bulk", "bulk_and_spikes", "inverse_marchenko_pastur", "high_temperature",
                "inverse_high_temperature")  # fmt: skip


def timed(function, repeats):
    """Seconds of the fastest of `repeats` calls: the others were disturbed."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def fit_with_ratio(values):
    """A scan over every xmin and the likelihood ratio against the lognormal."""
    return against_lognormal(fit_power_law(values), values)


def captured(values):
    """The capture of tails with every alternative on eigenvalues of that matrix's W^T W."""
    capture = captures.tails(alternatives=ALTERNATIVES)
    spectrum = Spectrum(values / SHAPE[0], SHAPE, scale=float(SHAPE[0]))
    moment = SimpleNamespace(
        spectrum=lambda view: spectrum, decomposition=lambda view: SimpleNamespace(eigenvalues=values)
    )
    return lambda: capture.fn(moment, None)


def tail_rows(rng):
    """(what, seconds, limit in seconds) of the alternatives and the bootstrap."""
    yield "table of high-temperature laws, once per process", timed(repulsion.table, 1), 6.0
    samples = {
        "noise": gaussian_eigenvalues(SHAPE, rng),
        "power law of exponent 2.5": np.sort(np.exp(rng.standard_exponential(1000) / 1.5)),
        "power law of exponent 6": np.sort(np.exp(rng.standard_exponential(1000) / 5.0)),
    }
    for what, values in samples.items():
        yield f"capture of tails, 6 alternatives: {what}", timed(captured(values), 5), 0.15
        fit = fit_power_law(values)
        seconds = timed(lambda fit=fit, values=values: bootstrap_p_value(fit, values, 100), 3)
        yield f"bootstrap, 100 draws of 1000 values: {what}", seconds, 0.5


def rows():
    """(what, seconds, limit in seconds), one by one."""
    rng = np.random.default_rng(0)
    pareto = np.exp(rng.standard_exponential(4000) / 1.5)
    bulk = gaussian_eigenvalues((6000, 4000), rng)
    yield "tail fit with scan, lognormal ratio: 4000 Pareto values", timed(lambda: fit_with_ratio(pareto), 5), 0.1
    yield "tail fit with scan, lognormal ratio: 4000 noise eigenvalues", timed(lambda: fit_with_ratio(bulk), 5), 0.1
    yield "Hill exponent: 4000 values", timed(lambda: hill(bulk), 20), 0.001
    yield "null of 1500 x 1000, 200 draws, not cached", timed(lambda: null_of(SHAPE, fitted=True), 1), 4.0
    yield from tail_rows(rng)
    spectrum = Spectrum(gaussian_eigenvalues(SHAPE, rng), SHAPE)
    law, critical = isotropic_law(spectrum, 1.0), critical_values(SHAPE)
    yield "fitted variance: 1000 eigenvalues", timed(lambda: fit_variance(spectrum), 20), 0.001
    yield "sup distance: 1000 eigenvalues", timed(lambda: sup_distance(spectrum.values, law), 20), 0.001
    yield "Wasserstein distance: 1000 eigenvalues", timed(lambda: wasserstein(spectrum.values, law), 20), 0.001
    yield "edge errors: 1000 eigenvalues", timed(lambda: edge_error(spectrum.values, law), 20), 0.001
    yield "outliers, noise", timed(lambda: find_outliers(spectrum, critical=critical.sup), 20), 0.002
    heavy = Spectrum(np.sort(spectrum.values * rng.pareto(1.5, 1000)), SHAPE)
    yield "outliers, 50 steps down a heavy tail", timed(lambda: find_outliers(heavy, critical=critical.sup), 20), 0.005
    yield "phase", timed(lambda: phase_of(spectrum, critical=critical), 20), 0.003


def main():
    """Prints one line per timing; the number of exceeded limits decides the exit status."""
    os.environ["XDG_CACHE_HOME"] = os.devnull  # a folder can't be made there: nothing is read or left behind
    exceeded = 0
    with threadpool_limits(1):
        for what, seconds, limit in rows():
            late = seconds > limit
            exceeded += late
            print(f"{what:62s} {1e3 * seconds:9.3f} ms   limit {1e3 * limit:7.1f} ms   {'EXCEEDED' if late else 'ok'}")
    return int(exceeded > 0)


if __name__ == "__main__":
    sys.exit(main())
