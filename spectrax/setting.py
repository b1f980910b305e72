"""A setting: what may differ between the training runs of one study besides optimizer, rate and replicate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spectrax.identity import described


@dataclass(frozen=True)
class Setting:
    """Task, model, projection, optimizers, rates and length of a group of runs; what is None is the study's own.

    Settings of a study are one axis of its result: `Study(..., settings={"n = 500": Setting(task=...), ...})`. The same
    replicate draws its data and initial weights from the same random streams in every setting: settings that share task
    and model are compared in pairs. last_step: the run ends there, what is captured later is NaN.
    Raises ValueError for a last step that isn't a whole number from 0 on.
    """

    task: Any = None
    model: Any = None
    project: Callable | None = None
    optimizers: Mapping[str, Callable] | None = None
    learning_rates: Sequence[float] | Mapping[str, Sequence[float]] | None = None
    last_step: int | None = None

    def __post_init__(self):
        last = self.last_step
        if last is not None and (isinstance(last, bool) or not isinstance(last, int) or last < 0):
            raise ValueError(f"last_step must be a whole number from 0 on; got {last!r}. Leave it out for all steps.")

    def over(self, other: "Setting") -> "Setting":
        """This setting with the other's parts where its own are None."""
        return Setting(*[b if a is None else a for a, b in zip(self._parts, other._parts, strict=True)])

    def description(self, closures: bool = False) -> dict:
        """Task, model and projection as JSON values; see identity.described."""
        parts = {"task": self.task, "model": self.model, "project": self.project}
        return {name: described(part, closures=closures) for name, part in parts.items()}

    @property
    def _parts(self) -> tuple:
        return self.task, self.model, self.project, self.optimizers, self.learning_rates, self.last_step
