"""One face for three kinds of model: flax NNX modules, flax Linen modules, and pure `init`/`apply` pairs."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from flax import linen, nnx

Tree = Any


@dataclass(frozen=True)
class Network:
    """init(key) -> (params, rest); apply(params, rest, x) -> (output, rest); features(params, rest, x) or None.

    params: trained weights as nested dicts of arrays; rest: what isn't trained (a frozen readout, running statistics,
    random streams). The functions are made once per study and hashable, so that one compilation serves all runs.
    """

    init: Callable[[jax.Array], tuple[Tree, Tree]]
    apply: Callable[[Tree, Tree, jax.Array], tuple[jax.Array, Tree]]
    features: Callable[[Tree, Tree, jax.Array], jax.Array] | None = None

    @classmethod
    def of(cls, model: Any, example: jax.Array) -> "Network":
        """From a factory `rngs -> module`, a Linen module, or an object with `init(key)` and `apply(params, x)`.

        example: one batch of inputs (n, ...), for Linen's shape inference. Raises ValueError for anything else.
        """
        if isinstance(model, linen.Module):
            return _from_linen(model, example)
        if hasattr(model, "init") and hasattr(model, "apply"):
            return _from_pair(model)
        if not callable(model):
            raise ValueError(
                f"model must be a factory rngs -> module, a Linen module or have init and apply; got {model!r}."
            )
        module = model(nnx.Rngs(0))
        if isinstance(module, linen.Module):
            return _from_linen(module, example)
        if not isinstance(module, nnx.Module):
            raise ValueError(f"the model factory must return a flax module; got {type(module).__name__}.")
        return _from_nnx(model, module)


def check_factory(model: Any) -> None:
    """Raises what a factory `rngs -> module` raises for wrong sizes, without drawing weights; anything else passes."""
    if isinstance(model, linen.Module) or hasattr(model, "apply") or not callable(model):
        return
    # a factory that needs the values of its draws can't be traced: it is checked when it runs
    with contextlib.suppress(jax.errors.JAXTypeError):
        jax.eval_shape(lambda: (model(nnx.Rngs(0)), None)[1])


def has_features(factory: Callable[[nnx.Rngs], Any]) -> bool:
    """Whether the module that a factory makes has the method `features`; True where it can't be told without draws."""
    with contextlib.suppress(jax.errors.JAXTypeError):
        return hasattr(nnx.eval_shape(lambda: factory(nnx.Rngs(0))), "features")
    return True


def _from_nnx(factory, module):
    # one graph definition for all replicates: factories that make a fresh lambda would otherwise compile every time
    graph, *_ = nnx.split(module, nnx.Param, ...)

    def init(key):
        params: Any
        rest: Any
        _, params, rest = nnx.split(factory(nnx.Rngs(key)), nnx.Param, ...)
        return nnx.to_pure_dict(params), nnx.to_pure_dict(rest)

    def apply(params, rest, x):
        whole = nnx.merge(graph, params, rest)
        output = whole(x)
        changed: Any = nnx.split(whole, nnx.Param, ...)[2]
        return output, nnx.to_pure_dict(changed)

    def features(params, rest, x):
        return nnx.merge(graph, params, rest).features(x)

    return Network(init, apply, features if hasattr(module, "features") else None)


def _from_linen(module, example):
    def init(key):
        variables = dict(module.init(key, example))
        return variables.pop("params"), variables

    def apply(params, rest, x):
        if not rest:
            return module.apply({"params": params}, x), rest
        output, changed = module.apply({"params": params, **rest}, x, mutable=list(rest))
        return output, {**rest, **changed}

    def features(params, rest, x):
        return module.apply({"params": params, **rest}, x, method="features")

    return Network(init, apply, features if hasattr(module, "features") else None)


def _from_pair(model):
    def apply(params, rest, x):
        return model.apply(params, x), rest

    def features(params, rest, x):
        return model.features(params, x)

    return Network(lambda key: (model.init(key), {}), apply, features if hasattr(model, "features") else None)
