"""The authors' learning-rate study in one command, against a fifth of the time that their code takes: time, memory.

    python benchmarks/authors_study.py [--replicates 5] [--test-samples 200] [--theirs 3.1]

Their grid (bulk_lr.yml: gradient descent and Adam at nine rates, ten full-batch steps, five repeats), their two probes
(steps 0 and 10) and all their metrics on as many test samples, in their feature convention. `--theirs`: seconds per
run of their code on this machine in the same hour; 3.1 was measured on two cores at 472 GF/s of float32 products, 3.4
at 300. Prints the time per run and its split, the sum of its bare parts (below), and the limits; exits with 1 where
one is missed. A fresh process with an empty result folder: start, compilation, claims and figures count. Bare parts of
a run, each alone on all cores as study_speed.py takes them: nine steps and a pass (the first gradient is one for all
runs of a replicate) of a jitted loop, NumPy's Gram matrix and eigvalsh, features with the Cholesky solve of a readout.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from study_speed import bare_parts

RUNS_PER_REPLICATE = 18


def main() -> None:
    """Runs the study, prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--theirs", type=float, default=3.1, help="seconds per run of the authors' code")
    parser.add_argument("--test-samples", type=int, default=200, help="theirs; ours is 4000")
    options = parser.parse_args()
    runs = RUNS_PER_REPLICATE * options.replicates
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        command = [sys.executable, "-m", "experiments", "run", "learning_rate_study", "--quiet", "--output", str(out),
                   "--steps", "0", "10", "--replicates", str(options.replicates), "--conventions", "authors",
                   "--metrics", "authors", "--test-samples", str(options.test_samples)]
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - begun
        session = json.loads((out / "study.json").read_text())["sessions"][-1]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rest = session["seconds"] - session["training_seconds"]
    parts = {"training": session["training_seconds"], "captures not hidden behind it, writing": rest,
             "start, claims, figures": wall - session["seconds"]}
    split = ", ".join(f"{name} {seconds / runs:.2f} s" for name, seconds in parts.items())
    print(f"{runs} runs in {wall:.1f} s, {wall / runs:.2f} s a run: {split}")
    bare = bare_parts(argparse.Namespace(samples=2000, inputs=1000, width=1500), options.test_samples)
    # a pass is half of a step's products
    alone = 9.5 * (bare["bare gd"] + bare["bare adam"]) / 2 + bare["numpy"] + bare["readout"]
    shares = f"{alone / options.theirs:.2f} of theirs; ours over them: {wall / runs / alone:.2f}"
    print(f"bare parts {alone:.2f} s a run, {shares}")
    limit = runs * options.theirs / 5
    rows = [("whole command, s", wall, limit), ("peak memory, MiB", peak, 2048.0)]
    for what, value, most in rows:
        print(f"{'ok  ' if value <= most else 'MISS'} {value:9.1f} <= {most:<7g} {what}")
    raise SystemExit(any(value > most for _, value, most in rows))


if __name__ == "__main__":
    main()
