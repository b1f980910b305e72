"""What the bulks after one step have in common: a network's sizes and functions, bands from a spectral curve."""

import functools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.activations import Activation, function
from theory.law import Law, Pairs, elementwise
from theory.training.column_noise import ColumnNoise
from theory.training.curve_table import CurveTable, Level, resolved_tables
from theory.training.network import network

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class StepBulk(Law):
    """Eigenvalues of W1^T W1/width without the outlier; subclasses say which equations fix them.

    The equations may be those of the transposed weights (`_transposed`): of W1 W1^T/inputs, whose eigenvalues other
    than 0 are width/inputs times these.
    """

    kind: ClassVar[str] = "eigenvalues"
    _transposed: ClassVar[bool] = False
    learning_rate: float
    samples: int
    inputs: int
    width: int
    activation: Activation = "tanh"  # odd; a name of `theory.activations` becomes its function
    teacher: Activation = "softplus"
    noise_std: float = 0.3  # of the labels

    def __post_init__(self) -> None:
        rate = checks.positive("learning_rate", self.learning_rate, "pass the rate of the step")
        net = network(self.samples, self.inputs, self.width, self.activation, self.teacher, self.noise_std)
        for name in ("activation", "teacher"):
            object.__setattr__(self, name, function(getattr(self, name), name))
            try:
                hash(getattr(self, name))
            except TypeError:
                raise ValueError(f"{name} must be hashable; got {getattr(self, name)!r}; pass a function") from None
        checked = {"learning_rate": rate, "samples": net.samples, "inputs": net.inputs, "width": net.width,
                   "noise_std": float(self.noise_std)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Names the functions, without their addresses: the same in every process."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        given = ", ".join(f"{name}={getattr(value, '__name__', value)}" for name, value in values)
        return f"{type(self).__name__}({given})"

    @property
    def bands(self) -> Pairs:
        """One interval, or several where single samples or units stand out."""
        return tuple((table.band.low * self._unit, table.band.high * self._unit) for table in _tables(self))

    @property
    def atoms(self) -> Pairs:
        """((0, 1 - width/inputs),) for more inputs than units."""
        return ((0.0, (self.inputs - self.width) / self.inputs),) if self.inputs > self.width else ()

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part; absolute accuracy 1e-12 of its maximum."""
        density, unit = np.where(np.isnan(x), x, 0.0), self._unit
        ratio = 1 / unit if self._transposed else self.inputs / self.width
        for table in _tables(self):
            at = x / unit
            inside = (at >= table.band.low) & (at <= table.band.high)
            density[inside] = table.density(at[inside], ratio) / unit / (unit if self._transposed else 1)
        return density

    def singular_value(self, rank: ArrayLike) -> Any:
        """Finite-size estimate of the singular value of W1 of that rank; 1 is the outlier's, so rank >= 2.

        sqrt(width q), q the quantile of the law at 1 - (rank - 1.5)/(inputs - 1). Raises ValueError for other ranks.
        """
        k = checks.array("rank", rank, "pass 2 for the largest of the bulk")
        if np.any((k < 2) | (k > self.inputs)):
            bad = k[(k < 2) | (k > self.inputs)].flat[0]
            raise ValueError(f"rank must lie in [2, {self.inputs}]; got {bad:g}; rank 1 is the outlier")
        value = np.sqrt(self.width * self.quantile(1 - (k - 1.5) / (self.inputs - 1)))
        return value if k.ndim else float(value)

    @property
    def _unit(self) -> float:
        return self.inputs / self.width if self._transposed else 1.0

    @property
    @abstractmethod
    def _levels(self) -> tuple[Sequence[Level], Sequence[Level]]:
        """Levels of the nodes of the two profiles, coarse to fine; see `resolved_tables`."""

    @abstractmethod
    def _equations(self, profile: Level, samples: Level) -> ColumnNoise:
        """The equations at one level of each."""


@functools.lru_cache(maxsize=64)
def _tables(law: StepBulk) -> tuple[CurveTable, ...]:
    return resolved_tables(law._equations, *law._levels, repr(law))
