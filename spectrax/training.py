"""One training run as a pure function: `advance(state, learning_rate, batch, steps, program=...)`.

Rate and step count are traced and always cast (float32, int32), so one compilation per program serves all rates,
replicates and capture gaps; chunks of a run are bitwise equal to the whole run. Runs that begin at the same weights
share their first gradient: `step_along(state, learning_rate, gradient(state, batch, program=...), program=...)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spectrax.models.network import Network
from spectrax.tasks.data import Batch, mean_squared_error

Tree = Any


class State(NamedTuple):
    """Everything that a run needs to go on; a pytree.

    step: int32 scalar. losses: float32 (L,), entry t the training loss (of the batch seen) at the weights of step t,
    NaN where no step was taken from there. order: int32 (n,) sample order of the epoch, (0,) for full batch.
    """

    params: Tree
    opt_state: Tree
    rest: Tree
    step: jax.Array
    losses: jax.Array
    key: jax.Array
    order: jax.Array


class Gradient(NamedTuple):
    """Loss (scalar) at some weights, the network's other variables after that pass, the gradient by the parameters."""

    loss: jax.Array
    rest: Tree
    by_params: Tree


@dataclass(frozen=True)
class Program:
    """What is compiled: network, optimizer factory, loss; `project` maps the weights after each step (a mask, a norm).

    Hashable by its parts. The optimizer is any `learning_rate -> optax.GradientTransformation`; its attribute `batch`,
    where it has one, asks for minibatches.
    """

    network: Network
    optimizer: Callable[[Any], optax.GradientTransformation]
    loss: Callable[[jax.Array, Batch], jax.Array] = mean_squared_error
    project: Callable[[Tree], Tree] | None = None

    @property
    def batch(self) -> int | None:
        """Minibatch size, None for full batch."""
        return getattr(self.optimizer, "batch", None)


def start(params: Tree, rest: Tree, *, program: Program, samples: int, trace: int, key: jax.Array) -> State:
    """State at step 0. samples: n of the train set; trace: length L of the recorded losses; key: of the shuffling.

    Raises ValueError where the minibatch is larger than the train set.
    """
    batch = program.batch
    if batch is not None:
        check_batch(batch, samples)
    opt_state = program.optimizer(jnp.float32(1.0)).init(params)
    order = jnp.zeros(0 if batch is None else samples, jnp.int32)
    return State(params, opt_state, rest, jnp.int32(0), jnp.full(trace, jnp.nan, jnp.float32), key, order)


def advance(state: State, learning_rate, batch: Batch, steps, *, program: Program) -> State:
    """The run `steps` steps later (any number, 0 included), at one scalar learning rate on one train set."""
    return _advance(state, jnp.float32(learning_rate), batch, jnp.int32(steps), program=program)


def advance_many(states: State, learning_rates, batch: Batch, steps, *, program: Program, devices=(), vectorised=False):
    """Several runs on one train set, stacked along axis 0, each `steps` steps further.

    Runs are mapped one after the other (`lax.map`), on several devices by `shard_map` around the map: bitwise equal to
    single runs. vectorised: `vmap` instead, faster for small networks, equal only to rounding (Adam flips signs where
    a gradient is near 0). Raises ValueError where the number of runs isn't a multiple of the number of devices.
    """
    rates = jnp.asarray(learning_rates, jnp.float32)
    if devices and rates.size % len(devices):
        raise ValueError(
            f"runs must fill the devices; got {rates.size} runs on {len(devices)} devices. Pad the last chunk."
        )
    return _advance_many(
        states, rates, batch, jnp.int32(steps), program=program, devices=tuple(devices), vectorised=vectorised
    )


def one_step(state: State, learning_rate, batch: Batch, *, program: Program) -> State:
    """One optimizer step: exactly what plain optax does, with the loss recorded. Pure; call it under jit."""
    batch, order = _minibatch(state, batch, program.batch)
    found = _gradient(state.params, state.rest, batch, program.network, program.loss)
    return _moved(state, learning_rate, found, order, program)


def gradient(state: State, batch: Batch, *, program: Program) -> Gradient:
    """Loss and gradient at the state's weights on the whole batch, whatever the program's optimizer sees."""
    return _compiled_gradient(state.params, state.rest, batch, network=program.network, loss=program.loss)


def step_along(state: State, learning_rate, found: Gradient, *, program: Program) -> State:
    """The full-batch step from a state whose gradient is known: `advance` by one step, without its products.

    found: the gradient at this state's weights on its train set; it isn't checked. The bits are those of `advance`
    where the gradient ends in a matrix product, as in our models; where it ends in a factor (a network of W / sqrt(d)),
    XLA may merge that into the optimizer's, and weights differ by rounding. Raises ValueError for minibatches.
    """
    if (batch := program.batch) is not None:
        raise ValueError(f"a known gradient must be of the whole batch; got minibatches of {batch}. Use advance.")
    return _step_along(state, jnp.float32(learning_rate), found, program=program)


def whole_loss(state: State, batch: Batch, *, program: Program) -> jax.Array:
    """Loss of the state's weights on a whole batch, no step taken; also for optimizers that see minibatches. Scalar."""
    return _whole_loss(state.params, state.rest, batch, program=program)


def is_finite(state: State) -> jax.Array:
    """Whether all weights and the recorded losses so far are finite. Scalar bool."""
    taken = jnp.arange(state.losses.size) < state.step
    weights = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params)]
    return jnp.stack([*weights, jnp.isfinite(jnp.where(taken, state.losses, 0.0)).all()]).all()


def check_batch(batch: int, samples: int) -> None:
    """ValueError unless a minibatch fits into the train set."""
    if batch > samples:
        raise ValueError(f"batch must not exceed the number of samples; got {batch} of {samples}. Use full batch.")


def check_rates(rates) -> tuple[float, ...]:
    """The learning rates as floats; ValueError unless each is positive, finite, distinct and a normal float32."""
    given = tuple(float(rate) for rate in rates)
    if not given:
        raise ValueError("learning rates must name at least one rate; got none.")
    for rate in given:
        if not (np.isfinite(rate) and rate > 0):
            raise ValueError(f"a learning rate must be positive and finite; got {rate}. Remove it from the list.")
        # XLA flushes subnormal numbers to zero
        if not float(np.finfo(np.float32).tiny) <= rate < 3.4e38:
            raise ValueError(f"a learning rate must be a normal float32; got {rate}.")
    if len({np.float32(rate) for rate in given}) < len(given):
        raise ValueError(f"learning rates must be distinct; got {given}, which float32 can't tell apart.")
    return given


def _gradient(params, rest, batch, network, loss):
    def loss_of(params):
        output, after = network.apply(params, rest, batch.x)
        return loss(output, batch), after

    (value, after), by_params = jax.value_and_grad(loss_of, has_aux=True)(params)
    return Gradient(value, after, by_params)


def _moved(state, learning_rate, found, order, program):
    update, opt_state = program.optimizer(learning_rate).update(found.by_params, state.opt_state, state.params)
    params = optax.apply_updates(state.params, update)
    if program.project is not None:
        params = program.project(params)
    losses = state.losses.at[state.step].set(found.loss.astype(state.losses.dtype))
    return State(params, opt_state, found.rest, state.step + 1, losses, state.key, order)


def _loop(state, learning_rate, batch, steps, program):
    return jax.lax.fori_loop(0, steps, lambda _, s: one_step(s, learning_rate, batch, program=program), state)


@partial(jax.jit, static_argnames=("program",))
def _whole_loss(params, rest, batch, *, program):
    return program.loss(program.network.apply(params, rest, batch.x)[0], batch)


@partial(jax.jit, static_argnames=("network", "loss"))
def _compiled_gradient(params, rest, batch, *, network, loss):
    return _gradient(params, rest, batch, network, loss)


@partial(jax.jit, static_argnames=("program",))
def _step_along(state, learning_rate, found, *, program):
    return _moved(state, learning_rate, found, state.order, program)


@partial(jax.jit, static_argnames=("program",))
def _advance(state, learning_rate, batch, steps, *, program):
    return _loop(state, learning_rate, batch, steps, program)


@partial(jax.jit, static_argnames=("program", "devices", "vectorised"))
def _advance_many(states, rates, batch, steps, *, program, devices, vectorised):
    def runs(states, rates, batch, steps):
        def one(pair):
            return _loop(pair[0], pair[1], batch, steps, program)

        return jax.vmap(one)((states, rates)) if vectorised else jax.lax.map(one, (states, rates))

    if not devices:
        return runs(states, rates, batch, steps)
    mesh = jax.sharding.Mesh(np.asarray(devices), ("runs",))
    split, whole = jax.sharding.PartitionSpec("runs"), jax.sharding.PartitionSpec()
    # the loops' trip count is the same on every device, but the type system can't know that the carry varies
    return jax.shard_map(runs, mesh=mesh, in_specs=(split, split, whole, whole), out_specs=split, check_vma=False)(
        states, rates, batch, steps
    )


def _minibatch(state, batch, size):
    if size is None:
        return batch, state.order
    samples = batch.x.shape[0]
    per_epoch = samples // size
    position = state.step % per_epoch
    key = jax.random.fold_in(state.key, state.step // per_epoch)
    order = jax.lax.cond(
        position == 0, lambda: jax.random.permutation(key, samples).astype(jnp.int32), lambda: state.order
    )
    picked = jax.lax.dynamic_slice(order, (position * size,), (size,))
    return jax.tree.map(lambda a: a[picked], batch), order
