"""Captures of the network as a function: its losses, the ridge readout of its features, the stability edge."""

from typing import Any

import numpy as np

from spectrax.captures.moment import Capture
from spectrax.kernels import stability_edge
from spectrax.readout import CONVENTIONS, ridge_path
from spectrax.tasks.data import Batch


def losses() -> Capture:
    """The network's own loss on the test set, as trained (the training loss of every step is in `training_loss`)."""

    def measure(moment):
        data = moment.data.test
        if moment.program.network.features is not None:
            output = moment.once("test", lambda: moment.outputs_and_features("test"))[0]
        else:
            output = moment.program.network.apply(moment.state.params, moment.state.rest, data.x)[0]
        return {"network_test_loss": float(moment.program.loss(output, Batch(data.x, data.y)))}

    return Capture("losses", {"network_test_loss": ()}, measure, per_matrix=False)


def readout(
    regularisation: float = 0.01, conventions: tuple[str, ...] = ("paper",), path: tuple[float, ...] = ()
) -> Capture:
    """Ridge readout on the probe set: train_loss, test_loss and kta (kernel-target alignment) of the features.

    conventions: "paper", features as the model defines them; "authors" adds train_loss_authors, test_loss_authors and
    kta_authors with the inputs divided by sqrt(d) once more, which is what the evaluation of the authors' code does
    (the pre-activation is scaled in place, then again). path: further regularisations, whose train_loss_path and
    test_loss_path (and ..._authors) vary along `regularisation`. Raises ValueError for an unknown convention or a
    negative regularisation.
    """
    unknown = [c for c in conventions if c not in CONVENTIONS]
    if unknown or not conventions:
        raise ValueError(f"conventions must be of {', '.join(CONVENTIONS)}; got {tuple(conventions)!r}.")
    for value in (regularisation, *path):
        if not 0 <= value < np.inf:
            raise ValueError(f"regularisation must be finite and not negative; got {value}.")
    endings = {c: "" if c == "paper" else f"_{c}" for c in conventions}

    def measure(moment):
        if moment.program.network.features is None:
            raise ValueError(
                "a ridge readout must have a model with `features(x)`; this one has none. Drop the capture."
            )
        found = {}
        for convention, ending in endings.items():
            first, *others = _readouts(moment, (regularisation, *path), convention)
            found |= {name + ending: value for name, value in first._asdict().items()}
            if path:
                for name in ("train_loss", "test_loss"):
                    found[f"{name}_path{ending}"] = np.array([getattr(other, name) for other in others])
        return found

    schema: dict[str, tuple[str, ...]] = {}
    for ending in endings.values():
        schema |= {name + ending: () for name in ("train_loss", "test_loss", "kta")}
        if path:
            schema |= {f"{name}_path{ending}": ("regularisation",) for name in ("train_loss", "test_loss")}
    options: dict[str, Any] = {"regularisation": regularisation, "conventions": list(conventions)}
    options |= {"path": list(path)} if path else {}
    coords = {"regularisation": path} if path else {}
    return Capture("readout", schema, measure, per_matrix=False, options=options, coords=coords)


def stability() -> Capture:
    """Learning rate 2/lambda_max((2/n) NTK) at initialisation, once per replicate."""

    def measure(moment):
        edge = stability_edge(moment.program.network, moment.state.params, moment.state.rest, moment.data.train.x)
        return {"stability_edge": edge}

    return Capture("stability", {"stability_edge": ()}, measure, per_matrix=False, once=True)


def _readouts(moment, regularisations, convention):
    probe, test = moment.data.probe, moment.data.test
    if convention == "paper":
        on_test = moment.once("test", lambda: moment.outputs_and_features("test"))[1]
        on_probe = moment.outputs_and_features("probe")[1]
    else:
        factor = probe.x.shape[-1] ** -0.5
        on_test, on_probe = (moment.outputs_and_features(which, factor)[1] for which in ("test", "probe"))
    arrays = (np.asarray(array) for array in (on_probe, probe.y, on_test, test.y))
    return ridge_path(*arrays, regularisations=regularisations)
