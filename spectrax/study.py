"""What an experiment declares: a Study (training runs over optimizers, rates, replicates) or a Grid (anything else)."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spectrax import schedule
from spectrax.captures.moment import Capture
from spectrax.identity import described
from spectrax.narrowing import SETTING
from spectrax.setting import Setting
from spectrax.training import check_rates

AXES = ("optimizer", "learning_rate", "replicate")


@dataclass(frozen=True)
class Study:
    """Training runs: every optimizer at each of its learning rates, for each replicate, captured at given steps.

    task: draw(key) -> Data and loss(output, batch). model: factory rngs -> flax module (or see models.Network).
    optimizers: name -> callable learning_rate -> optax transformation. learning_rates: one sequence for all, or one
    per optimizer name. Replicates share data and initial weights across optimizers and rates: differences are paired.
    settings: name -> Setting, one more axis: runs that differ from the study in task, model, optimizers, rates, length.
    batching: number of runs trained side by side by vmap; 1 keeps every run bitwise equal to itself run alone.
    Raises ValueError for rates that aren't positive and finite, steps that don't increase, counts below 1.
    """

    task: Any
    model: Any
    optimizers: Mapping[str, Callable]
    learning_rates: Sequence[float] | Mapping[str, Sequence[float]]
    steps: tuple[int, ...]
    captures: Sequence[Any]              # captures, or functions that make one: captures.spectrum
    replicates: int = 3
    seed: int = 0
    leading: int = 5                     # singular vectors kept per matrix
    batching: int = 1
    project: Callable | None = None      # weights -> weights, after each step
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "steps", schedule.check(self.steps))
        made = tuple(c if isinstance(c, Capture) else c() for c in self.captures)
        object.__setattr__(self, "captures", made)
        for setting in self.settings or (None,):
            _check_rates(self.setting(setting))
        for what, least in (("replicates", 1), ("leading", 1), ("batching", 1), ("seed", 0)):
            value = getattr(self, what)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{what} must be an integer of at least {least}; got {value!r}.")
        names = [c.name for c in self.captures]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"captures must be at least one, each once; got {names}.")

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of what varies between runs."""
        return (SETTING, *AXES) if self.settings else AXES

    def setting(self, name: str | None = None) -> Setting:
        """The setting of that name with the study's own parts where it has none; None: the study's own."""
        own = Setting(self.task, self.model, self.project, self.optimizers, self.learning_rates)
        return own if name is None else self.settings[name].over(own)

    def rates_of(self, optimizer: str, setting: str | None = None) -> tuple[float, ...]:
        """Learning rates of one optimizer, in the order given."""
        return _rates_of(self.setting(setting), optimizer)

    def points(self) -> list[dict]:
        """One key per run: {[setting,] optimizer, learning_rate, replicate}, replicate by replicate."""
        return [{**({} if setting is None else {SETTING: setting}), **dict(zip(AXES, (name, rate, r), strict=True))}
                for r in range(self.replicates) for setting in self.settings or (None,)
                for name in self.setting(setting).optimizers or () for rate in self.rates_of(name, setting)]

    def signature(self) -> dict:
        """What tells this study from another beside its configuration: steps, captures, seed, batching."""
        return {"steps": list(self.steps), "captures": [c.signature() for c in self.captures], "seed": self.seed,
                "leading": self.leading, "batching": self.batching}

    def description(self, closures: bool = False) -> dict:
        """Task, model and projection as JSON values; see identity.described."""
        return self.setting().description(closures)

    def coords(self) -> dict[str, list]:
        """Coordinates of dims inside a run."""
        inside = {dim: list(values) for capture in self.captures for dim, values in capture.coords.items()}
        return {**inside, "step": list(self.steps)}


@dataclass(frozen=True)
class Grid:
    """Measurements without training: measure(**point) -> {variable: (dims, array)} over the product of axes.

    axes: name -> values. Each point is stored when it is measured, as a run of a Study is; points run in threads with
    single-threaded linear algebra, so `measure` must not share mutable state. coords: values of the variables' dims.
    """

    measure: Callable[..., Mapping[str, tuple[Sequence[str], Any]]]
    axes_values: Mapping[str, Sequence] = field(default_factory=dict)
    coordinates: Mapping[str, Sequence] = field(default_factory=dict)
    version: int = 1                     # raise it where `measure` measures something else
    seconds: Callable[..., float] | None = None    # of one point on one core, for --dry-run

    def __post_init__(self):
        plain = {name: [_plain(name, value) for value in values] for name, values in self.axes_values.items()}
        object.__setattr__(self, "axes_values", plain)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of what varies between points."""
        return tuple(self.axes_values)

    def points(self) -> list[dict]:
        """One key per point."""
        return [dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes_values.values())]

    def signature(self) -> dict:
        """What tells this grid from another beside its configuration."""
        return {"version": self.version}

    def description(self, closures: bool = False) -> dict:
        """What is measured, as JSON values; see identity.described."""
        return {"measure": described(self.measure, closures=closures)}

    def coords(self) -> dict[str, list]:
        """Coordinates of dims inside a point."""
        return {k: list(v) for k, v in self.coordinates.items()}


def _check_rates(setting: Setting) -> None:
    rates, optimizers = setting.learning_rates, setting.optimizers
    if not optimizers:
        raise ValueError("optimizers must name at least one; got none.")
    for name in optimizers:
        _rates_of(setting, name)
    if isinstance(rates, Mapping) and (unused := set(rates) - set(optimizers)):
        raise ValueError(f"learning rates must be of the optimizers {list(optimizers)}; got {sorted(unused)}.")


def _rates_of(setting: Setting, optimizer: str) -> tuple[float, ...]:
    rates: Any = setting.learning_rates
    if isinstance(rates, Mapping):
        if optimizer not in rates:
            raise ValueError(f"learning rates must be given for each optimizer; {optimizer!r} is missing.")
        rates = rates[optimizer]
    return check_rates(rates)


def _plain(name, value):
    """An axis value as the Python scalar that JSON keeps."""
    scalar = value.item() if hasattr(value, "item") else value
    if not isinstance(scalar, str | int | float):
        raise ValueError(f"values of the axis {name} must be numbers or strings; got {type(value).__name__}.")
    return scalar
