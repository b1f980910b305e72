"""A moment of a run (its state at one captured step) with what captures share, and the form of a capture."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

from spectrax.matrices import MatrixView
from spectrax.spectrum import Decomposition, Spectrum, decompose
from spectrax.tasks.data import Data
from spectrax.training import Program, State


@dataclass(frozen=True)
class Capture:
    """A named measurement. schema: variable -> its dims beyond run and step; fn(moment[, view]) -> {variable: array}.

    per_matrix: fn(moment, view) is called for each weight matrix, else fn(moment) once.
    uses_update: needs the weights one step later, so it differs between runs at step 0 already.
    once: measured at step 0 only and stored without a step. options: what else tells two captures apart in the hash.
    coords: values along a dim of the schema, such as the regularisations of a ridge path.
    """

    name: str
    schema: Mapping[str, tuple[str, ...]]
    fn: Callable[..., Mapping[str, Any]]
    per_matrix: bool = True
    uses_update: bool = False
    once: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    coords: Mapping[str, Sequence] = field(default_factory=dict)

    def signature(self) -> dict:
        """What goes into the study's hash: name, schema, options."""
        return {"name": self.name, "schema": {k: list(v) for k, v in self.schema.items()}, **dict(self.options)}


class Moment:
    """State at a captured step, the one a step later where it was taken, the initial weights, decompositions made once.

    Lives for one job of the capture pool; arrays come to the host once, as float64 where spectra are taken. Safe to
    share between threads (step 0 serves all runs of a replicate).
    """

    def __init__(self, state: State, data: Data, program: Program, views: tuple[MatrixView, ...], *,
                 after: State | None = None, leading: int = 5, initial: Any = None):
        self.state, self.data, self.program, self.views = state, data, program, views
        self.after, self.leading, self.initial = after, leading, initial
        self._lock = threading.RLock()
        self._made: dict[Any, Any] = {}

    def followed_by(self, after: State) -> "Moment":
        """The same moment with another next state (step 0 of a run), sharing what was already made."""
        twin = Moment(self.state, self.data, self.program, self.views, after=after, leading=self.leading,
                      initial=self.initial)
        twin._lock, twin._made = self._lock, self._made
        return twin

    @property
    def step(self) -> int:
        """Number of steps taken before this moment."""
        return int(self.state.step)

    def matrix(self, view: MatrixView) -> np.ndarray:
        """Weights (out, in), float64."""
        return self._once(("matrix", view.name), lambda: view.read(self.state.params).astype(np.float64))

    def update(self, view: MatrixView) -> np.ndarray:
        """M = W_{t+1} - W_t (out, in), float64: what the step did, rounding of the float32 weights included."""
        if self.after is None:
            raise ValueError("a capture of updates must run where a further step was taken; declare uses_update=True.")
        after = self.after
        return view.read(after.params).astype(np.float64) - self.matrix(view)

    def drift(self, view: MatrixView) -> np.ndarray:
        """W_t - W_0 (out, in), float64: what all steps so far did."""
        if self.initial is None:
            raise ValueError("a capture of drifts must run in a study, which keeps the initial weights; got none.")
        return self.matrix(view) - view.read(self.initial).astype(np.float64)

    def decomposition(self, view: MatrixView) -> Decomposition:
        """Eigenvalues of W^T W and the leading singular vectors."""
        return self._once(("parts", view.name), lambda: decompose(self.matrix(view), self.leading))

    def spectrum(self, view: MatrixView) -> Spectrum:
        """Eigenvalues of W^T W / rows."""
        return Spectrum(self.decomposition(view).eigenvalues / view.shape[0], view.shape, scale=float(view.shape[0]))

    def outputs_and_features(self, which: str, input_factor: float = 1.0) -> tuple[jax.Array, jax.Array]:
        """Network output (n,) and features (n, h) on data set `which` ("probe", "test"), inputs times input_factor."""
        x = getattr(self.data, which).x
        return _outputs_and_features(self.state.params, self.state.rest, x, np.float32(input_factor),
                                     network=self.program.network)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """A value that several captures share: made at the first call, kept for the moment."""
        return self._once(("shared", name), make)

    def _once(self, key, make):
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


@partial(jax.jit, static_argnames=("network",))
def _outputs_and_features(params, rest, x, input_factor, *, network):
    scaled = x * input_factor
    # one program for both: the compiler evaluates the hidden layer once
    return network.apply(params, rest, scaled)[0], network.features(params, rest, scaled)
