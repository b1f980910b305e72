"""The learning-rate study against its bare parts, in one run: steps, captured spectra, the whole study, memory.

    python benchmarks/study_speed.py [--replicates 1] [--samples 2000 --inputs 1000 --width 1500]

Prints each measurement beside its limit and exits with 1 where one is missed. Takes about two minutes at the default
size on two cores. Bare parts: the same arithmetic in a jitted jax loop; NumPy's Gram matrix and eigvalsh; SciPy's
subset eigh for five leading vectors; features, Gram matrix, Cholesky and test prediction for a readout.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

STEPS = 20


def main() -> None:
    """Runs all measurements, prints the table."""
    parser = argparse.ArgumentParser()
    for name, default in (("samples", 2000), ("inputs", 1000), ("width", 1500), ("replicates", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--study", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.study:
        return _study(options)
    rows = []
    parts = bare_parts(options)
    for name in ("gd", "adam"):
        rows.append(
            (
                f"training step, {name}: share of a bare jitted loop",
                parts[f"bare {name}"] / parts[f"ours {name}"],
                ">=",
                0.9,
            )
        )
    rows.append(
        (
            "captured spectra per second: share of NumPy Gram + eigvalsh, same workers",
            parts["numpy"] / parts["decompose"],
            ">=",
            0.75,
        )
    )
    study = _study_apart(options)
    steps, captured, readouts = study["steps"], study["matrices"], study["readouts"]
    total = (
        steps * (parts["bare gd"] + parts["bare adam"]) / 2 + captured * parts["matrix"] + readouts * parts["readout"]
    )
    rows.append(
        (
            f"whole study ({study['seconds']:.1f} s) over the sum of its bare parts ({total:.1f} s)",
            study["seconds"] / total,
            "<=",
            2.0,
        )
    )
    rows.append(("peak memory of the study, MiB", study["peak"], "<=", 2048.0))
    print(json.dumps({k: round(v, 5) for k, v in {**parts, **study}.items()}))
    failed = False
    for what, value, sign, limit in rows:
        fine = value >= limit if sign == ">=" else value <= limit
        failed |= not fine
        print(f"{'ok  ' if fine else 'MISS'} {value:9.3f} {sign} {limit:<7g} {what}")
    raise SystemExit(int(failed))


def bare_parts(options, test_samples=4000):
    """Seconds of each bare part and of ours beside it, at options.samples, inputs, width; interleaved medians."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    import scipy.linalg
    from threadpoolctl import threadpool_limits

    from spectrax import keys, training
    from spectrax.models import Network, TwoLayer
    from spectrax.optimizers import GD, Adam
    from spectrax.pool import usable_cores
    from spectrax.spectrum import decompose
    from spectrax.tasks import SingleIndex

    n, d, h = options.samples, options.inputs, options.width
    task = SingleIndex(n, d, test_samples=test_samples)
    data = task.draw(keys.stream(0, "data"))
    network = Network.of(lambda rngs: TwoLayer(d, h, rngs=rngs), data.train.x)
    params, rest = network.init(keys.stream(0, "init"))
    weights, a = params["W"], rest["readout"]

    def gradient(w, x, y):
        return jax.grad(lambda w: jnp.mean((jnp.tanh(x @ w.T / d**0.5) @ a / h**0.5 - y) ** 2))(w)

    @jax.jit
    def bare_gd(w, x, y, rate, steps):
        return jax.lax.fori_loop(0, steps, lambda _, w: w - rate * gradient(w, x, y), w)

    @jax.jit
    def bare_adam(w, x, y, rate, steps):
        def body(t, carry):
            w, m, v = carry
            g = gradient(w, x, y)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            return w - rate * (m / (1 - 0.9 ** (t + 1.0))) / (jnp.sqrt(v / (1 - 0.999 ** (t + 1.0))) + 1e-8), m, v

        return jax.lax.fori_loop(0, steps, body, (w, jnp.zeros_like(w), jnp.zeros_like(w)))[0]

    work = {}
    for name, optimizer, bare in (("gd", GD(), bare_gd), ("adam", Adam(), bare_adam)):
        program = training.Program(network, optimizer, task.loss)
        state = training.start(params, rest, program=program, samples=n, trace=STEPS + 1, key=keys.stream(0, "shuffle"))
        work[f"bare {name}"] = lambda f=bare: jax.block_until_ready(
            f(weights, data.train.x, data.train.y, jnp.float32(0.1), jnp.int32(STEPS))
        )
        work[f"ours {name}"] = lambda s=state, p=program: jax.block_until_ready(
            training.advance(s, 0.1, data.train, STEPS, program=p)
        )
    seconds = {k: v / STEPS for k, v in _medians(work, repeats=5).items()}

    w = np.asarray(weights)
    workers, jobs = usable_cores(), 8 * usable_cores()

    def numpy_spectrum(_):
        wide = w.astype(np.float64)
        return np.linalg.eigvalsh(wide.T @ wide)

    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        together = _medians(
            {
                "numpy": lambda: list(pool.map(numpy_spectrum, range(jobs))),
                "decompose": lambda: list(pool.map(lambda _: decompose(w, 5), range(jobs))),
            },
            repeats=3,
        )
    seconds |= {k: v / jobs for k, v in together.items()}

    features = jax.jit(lambda w, x: jnp.tanh(x @ w.T / d**0.5) / h**0.5)
    probe_y, test_y = np.asarray(data.probe.y, np.float64), np.asarray(data.test.y, np.float64)
    wide, z, zt = (
        w.astype(np.float64),
        *(np.asarray(features(weights, b.x), np.float64) for b in (data.probe, data.test)),
    )
    gram, ridge = wide.T @ wide, z.T @ z + 0.01 / h * n * np.eye(h)
    # each part in a block of its own, on one BLAS thread or all, whichever is faster: NumPy's and SciPy's thread pools
    # starve each other where calls alternate, and a slow bare part would flatter the study
    blocks = {
        "matrix": [
            lambda: wide.T @ wide,
            lambda: np.linalg.eigvalsh(gram),
            lambda: scipy.linalg.eigh(gram, subset_by_index=(d - 5, d - 1)),
        ],
        "readout": [
            lambda: [jax.block_until_ready(features(weights, b.x)) for b in (data.probe, data.test)],
            lambda: z.T @ z,
            lambda: scipy.linalg.cho_solve(scipy.linalg.cho_factor(ridge), z.T @ probe_y),
            lambda: np.mean((zt @ z[0] - test_y) ** 2),
        ],
    }
    for name, parts in blocks.items():
        seconds[name] = sum(_fastest_threads(part) for part in parts)
    return seconds


def _fastest_threads(job):
    from threadpoolctl import threadpool_limits

    from spectrax.pool import usable_cores

    times = []
    for threads in {1, usable_cores()}:
        with threadpool_limits(threads):
            times.append(_medians({"part": job}, repeats=5)["part"])
    return min(times)


def _medians(work, repeats):
    for job in work.values():
        job()
    times = {name: [] for name in work}
    for _ in range(repeats):
        for name, job in work.items():  # interleaved: a noisy neighbour hits both sides of a ratio
            begun = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - begun)
    return {name: sorted(t)[len(t) // 2] for name, t in times.items()}


def _study_apart(options):
    """The study in a process of its own, so that its peak memory is its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--study", folder]
        command += [f"--{k}={getattr(options, k)}" for k in ("samples", "inputs", "width", "replicates")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def _study(options):
    import dataclasses

    from experiments.catalogue import locate
    from spectrax import experiment, runner

    module = experiment.load(locate("learning_rate_study"))
    config = dataclasses.replace(
        module.Config(),
        samples=options.samples,
        inputs=options.inputs,
        width=options.width,
        replicates=options.replicates,
    )
    plan = runner.plan_of(module, config)
    begun = time.perf_counter()
    result = runner.run_experiment(module, config, output=Path(options.study) / "result")
    seconds = time.perf_counter() - begun
    runs, replicates, captured = len(plan.points()), config.replicates, len(config.steps)
    moments = runs * (captured - 1) + replicates  # step 0 is captured once per replicate
    session = result.header["sessions"][0]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "training": session["training_seconds"],
                "runs": runs,
                "steps": runs * (config.steps[-1] + 1),
                "matrices": moments + runs * captured,
                "readouts": moments,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
