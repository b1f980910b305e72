"""Optimizers as hashable functions `learning_rate -> optax.GradientTransformation`; only the rate is traced.

Any optax factory is one: `optax.adam`, or a function of yours. `batch` on an optimizer asks for minibatches.
"""

import dataclasses
import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
import optax
import optax.contrib

Schedule: TypeAlias = Callable  # step -> factor on the learning rate


@dataclass(frozen=True)
class StepDecay:
    """Learning-rate factor `factor ** floor(step / every)`: the authors' StepLR. Raises ValueError outside (0, 1]."""

    every: int = 1
    factor: float = 0.6

    def __post_init__(self):
        if self.every < 1 or not 0 < self.factor <= 1:
            raise ValueError(f"every must be at least 1 and factor in (0, 1]; got {self.every} and {self.factor}.")

    def __call__(self, step):
        """Factor at a step (scalar)."""
        return jnp.asarray(self.factor, jnp.float32) ** (step // self.every)


@dataclass(frozen=True)
class GD:
    """Full-batch gradient descent, w <- w - learning_rate (g + weight_decay w); heavy-ball momentum, no dampening."""

    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: Schedule | None = None

    def __post_init__(self):
        _check_fraction("momentum", self.momentum)
        _check_decay(self.weight_decay)

    def __call__(self, learning_rate) -> optax.GradientTransformation:
        """The optax transformation at one rate (scalar, traced or not)."""
        step = optax.sgd(_scheduled(learning_rate, self.schedule), momentum=self.momentum or None)
        return _decayed(step, self.weight_decay)


@dataclass(frozen=True)
class SGD(GD):
    """Minibatch gradient descent: `batch` samples a step, reshuffled (seeded) each epoch, a short rest dropped."""

    batch: int = 100

    def __post_init__(self):
        super().__post_init__()
        _check_batch(self.batch)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015) with bias correction; weight_decay is L2, added to the gradient, as in the papers.

    `batch` None: full batch, first step learning_rate * g / (|g| + eps), nearly the sign of the gradient.
    """

    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: Schedule | None = None
    batch: int | None = None

    def __post_init__(self):
        _check_fraction("b1", self.b1)
        _check_fraction("b2", self.b2)
        _check_decay(self.weight_decay)
        if not 0 <= self.eps < float("inf"):
            raise ValueError(f"eps must be finite and not negative; got {self.eps}.")
        if self.batch is not None:
            _check_batch(self.batch)

    def __call__(self, learning_rate) -> optax.GradientTransformation:
        """The optax transformation at one rate (scalar, traced or not)."""
        rate = _scheduled(learning_rate, self.schedule)
        return _decayed(optax.adam(rate, b1=self.b1, b2=self.b2, eps=self.eps), self.weight_decay)


@dataclass(frozen=True)
class SignDescent:
    """w <- w - learning_rate sign(g): Adam without either average, and nearly the first step of full-batch Adam."""

    batch: int | None = None

    def __post_init__(self):
        if self.batch is not None:
            _check_batch(self.batch)

    def __call__(self, learning_rate) -> optax.GradientTransformation:
        """The optax transformation at one rate (scalar, traced or not)."""
        return optax.sign_sgd(learning_rate)


@dataclass(frozen=True)
class Muon:
    """Momentum, then orthogonalised per matrix by five Newton-Schulz steps (Jordan et al. 2024; `optax.contrib.muon`).

    The steps take singular values of the update to .7 ... 1.2 rather than to 1 exactly. Weights that aren't matrices
    follow Adam. Put it into `Matched` for an update of the size of Adam's.
    """

    momentum: float = 0.95

    def __post_init__(self):
        _check_fraction("momentum", self.momentum)

    def __call__(self, learning_rate) -> optax.GradientTransformation:
        """The optax transformation at one rate (scalar, traced or not)."""
        return optax.contrib.muon(learning_rate, beta=self.momentum)


@dataclass(frozen=True)
class RMSprop:
    """Gradients over the root of their running mean square, without bias correction (Hinton 2012; `optax.rmsprop`)."""

    decay: float = 0.9
    eps: float = 1e-8
    batch: int | None = None

    def __post_init__(self):
        _check_fraction("decay", self.decay)
        if self.batch is not None:
            _check_batch(self.batch)

    def __call__(self, learning_rate) -> optax.GradientTransformation:
        """The optax transformation at one rate (scalar, traced or not)."""
        return optax.rmsprop(learning_rate, decay=self.decay, eps=self.eps, eps_in_sqrt=False)


@dataclass(frozen=True)
class Matched:
    """One optimizer's direction at another's step length, matrix by matrix.

    length None: every update has root mean square `learning_rate`, so |M|_F = learning_rate sqrt(h d) at every step,
    the norm of Adam's first. Else the Frobenius norm of what `length` would do at that rate along the same gradients
    (grafting, Agarwal et al. 2020). Optimizers matched so differ by direction alone. A zero update stays zero. The
    direction's optimizer runs at rate 1; its `batch` is that of the pair.
    """

    direction: Callable
    length: Callable | None = None

    def __post_init__(self):
        for name in ("direction", "length"):
            found = getattr(self, name)
            if not callable(found) and not (name == "length" and found is None):
                raise ValueError(f"{name} must be an optimizer, a function of the rate; got {found!r}. Pass GD().")

    @property
    def batch(self) -> int | None:
        """Minibatch size of the direction's optimizer, None for full batch."""
        return getattr(self.direction, "batch", None)

    def __call__(self, learning_rate) -> optax.GradientTransformation:
        """The optax transformation at one rate (scalar, traced or not)."""
        direction, length = self.direction(1.0), self.length(learning_rate) if self.length else None

        def init(params):
            return direction.init(params), length.init(params) if length else ()

        def update(updates, state, params=None):
            ahead, first = direction.update(updates, state[0], params)
            if length is None:
                along, second = jax.tree.map(lambda u: jnp.full_like(u, learning_rate), ahead), ()
            else:
                along, second = length.update(updates, state[1], params)
            scaled = jax.tree.map(lambda u, v: jnp.sqrt(jnp.mean(v**2)) * _unit(u), ahead, along)
            return scaled, (first, second)

        return optax.GradientTransformation(init, update)


NAMED: dict[str, Callable[[], Callable]] = {
    "gd": GD,
    "sgd": SGD,
    "adam": Adam,
    "rmsprop": RMSprop,
    "sign": SignDescent,
    "normalised_gd": lambda: Matched(GD()),
    "muon": lambda: Matched(Muon()),
}


def named(name: str) -> Callable:
    """The optimizer of that name in NAMED, `name@100` with minibatches of 100, or `module:attribute` of your own.

    Raises ValueError, which names the nearest, for another name, and for minibatches of one that has none.

    >>> named("adam@100")
    Adam(b1=0.9, b2=0.999, eps=1e-08, weight_decay=0.0, schedule=None, batch=100)
    """
    plain, at, size = name.partition("@")
    if ":" in name:
        return attribute(name, "optimizer")
    if plain not in NAMED:
        nearest = difflib.get_close_matches(plain, NAMED, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"optimizer must be one of {', '.join(NAMED)} or module:attribute; got {name!r}.{hint}")
    found = NAMED["sgd" if at and plain == "gd" else plain]()
    return _with_batch(found, name, size) if at else found


def attribute(path: str, what: str) -> Callable:
    """The callable at `module:attribute`; ValueError says why not. Only ever called on a user's own flag."""
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{what} must be an importable module:attribute; got {path!r} ({error}).") from error
    if not callable(found):
        raise ValueError(f"{what} must be callable; {path!r} is {type(found).__name__}.")
    return found


def _with_batch(optimizer, name, size):
    if not size.isdigit():
        raise ValueError(f"minibatches must be given as in adam@100; got {name!r}.")
    if isinstance(optimizer, Matched):
        return dataclasses.replace(optimizer, direction=_with_batch(optimizer.direction, name, size))
    if isinstance(optimizer, GD):
        return SGD(**{**vars(optimizer), "batch": int(size)})
    if not hasattr(optimizer, "batch"):
        raise ValueError(f"minibatches must be of an optimizer that has them; got {name!r}. Use sgd, adam or sign.")
    return dataclasses.replace(optimizer, batch=int(size))


def _unit(update):
    size = jnp.sqrt(jnp.mean(update**2))
    return update / jnp.where(size > 0, size, 1.0)


def _scheduled(learning_rate, schedule):
    return learning_rate if schedule is None else lambda step: learning_rate * schedule(step)


def _decayed(step, weight_decay):
    return optax.chain(optax.add_decayed_weights(weight_decay), step) if weight_decay else step


def _check_fraction(name, value):
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1); got {value}.")


def _check_decay(value):
    if not (value >= 0 and value < float("inf")):
        raise ValueError(f"weight_decay must be finite and not negative; got {value}.")


def _check_batch(batch):
    if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
        raise ValueError(f"batch must be an integer of at least 1; got {batch!r}.")
