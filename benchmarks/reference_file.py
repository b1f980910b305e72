"""Our training and metrics beside a file of another implementation that started from the same tensors.

    python benchmarks/reference_file.py [FILE.npz] [--float64]

FILE (default tests/data/authors_small.npz) holds X_train, y_train, X_probe, y_probe, X_test, y_test, W0, readout,
teacher and, per run `<optimizer>_<rate>` and step, singular values, teacher overlap, Hill and one-sided exponents,
ridge losses and alignment in both feature conventions. Prints the largest relative difference of each (absolute
for the overlap). --float64 trains in double precision: what then remains is the file's own float32 error.
"""

import argparse
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from spectrax import keys, tails, training
from spectrax.models import Network, TwoLayer
from spectrax.optimizers import named
from spectrax.readout import ridge_readout
from spectrax.spectrum import decompose
from spectrax.tasks import Batch

DEFAULT = Path(__file__).resolve().parent.parent / "tests" / "data" / "authors_small.npz"


def main() -> None:
    """Prints one line per run and step, then the largest of each quantity."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default=DEFAULT)
    parser.add_argument("--float64", action="store_true")
    options = parser.parse_args()
    if options.float64:
        jax.config.update("jax_enable_x64", True)
    file = np.load(options.file)
    runs = sorted({m.group(1) for key in file.files if (m := re.match(r"(.+)_step\d+_singular_values$", key))})
    worst: dict[str, float] = {}
    for run in runs:
        for step, found in differences(file, run, jnp.float64 if options.float64 else jnp.float32).items():
            print(f"{run:<10} step {step:<3}", "  ".join(f"{name} {value:.1e}" for name, value in found.items()))
            worst = {name: max(value, worst.get(name, 0.0)) for name, value in found.items()}
    print("largest           ", "  ".join(f"{name} {value:.1e}" for name, value in worst.items()))


def differences(file, run: str, dtype) -> dict[int, dict[str, float]]:
    """step -> quantity -> largest relative difference between our run and the file's."""
    optimizer, rate = run.rsplit("_", 1)
    train = Batch(jnp.asarray(file["X_train"], dtype), jnp.asarray(file["y_train"], dtype))
    width, inputs = file["W0"].shape
    network = Network.of(lambda rngs: TwoLayer(inputs, width, rngs=rngs), train.x)
    params, rest = {"W": jnp.asarray(file["W0"], dtype)}, {"readout": jnp.asarray(file["readout"], dtype)}
    program = training.Program(network, named(optimizer))
    steps = sorted(int(m.group(1)) for k in file.files if (m := re.match(rf"{re.escape(run)}_step(\d+)_hill$", k)))
    state = training.start(params, rest, program=program, samples=train.x.shape[0], trace=steps[-1] + 1,
                           key=keys.stream(0, "shuffle"))  # fmt: skip
    found, at = {}, 0
    for step in steps:
        state, at = training.advance(state, float(rate), train, step - at, program=program), step
        ours = measured(file, network, state, dtype)
        theirs = {name: np.asarray(file[f"{run}_step{step}_{name}"], np.float64) for name in ours}
        found[step] = {name: _largest(value, theirs[name], absolute="overlap" in name) for name, value in ours.items()}
    return found


def _largest(ours, theirs, absolute):
    difference = np.abs(ours - theirs)
    return float(np.max(difference if absolute else difference / np.abs(theirs)))


def measured(file, network, state, dtype) -> dict[str, np.ndarray]:
    """The file's quantities of our state, under the file's names."""
    weights = np.asarray(state.params["W"])
    parts = decompose(weights, 1)
    ours = {
        "singular_values": np.sqrt(parts.eigenvalues[::-1]),
        "teacher_overlap": np.abs(parts.right[:, 0] @ file["teacher"].astype(np.float64)),
        "hill": np.float64(tails.hill(parts.eigenvalues).alpha),
        "alpha_ks_onesided": np.float64(tails.fit_power_law(parts.eigenvalues, method="authors").alpha),
    }
    for convention, factor in (("paper", 1.0), ("authors", weights.shape[1] ** -0.5)):
        on = {
            which: np.asarray(network.features(state.params, state.rest, jnp.asarray(x, dtype) * factor))
            for which, x in (("probe", file["X_probe"]), ("test", file["X_test"]))
        }
        fit = ridge_readout(on["probe"], file["y_probe"], on["test"], file["y_test"])
        ours |= {f"{name}_{convention}": np.float64(value) for name, value in fit._asdict().items()}
    return ours


if __name__ == "__main__":
    main()
