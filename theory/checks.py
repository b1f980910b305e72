"""Checks of parameters at the border of the package: one-line errors saying what must hold, what came, what to do."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def positive(name: str, value: float, remedy: str) -> float:
    """Returns `value` as a float, or raises ValueError unless it is positive and finite."""
    number = _float(name, value, "positive and finite", remedy)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(f"{name} must be positive and finite; got {shown(value)}; {remedy}")
    return number


def non_negative(name: str, value: float, remedy: str) -> float:
    """Returns `value` as a float, or raises ValueError unless it is finite and not below zero."""
    number = _float(name, value, "finite and not negative", remedy)
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(f"{name} must be finite and not negative; got {shown(value)}; {remedy}")
    return number


def square(name: str, value: float, remedy: str) -> float:
    """Returns the square of `value`, or raises ValueError unless it is finite and `value` not below zero."""
    number = non_negative(name, value, remedy)
    if number > 1e150:
        raise ValueError(f"{name} must be at most 1e150, as it is squared; got {shown(value)}; rescale the problem")
    return number**2


def within(name: str, value: float, low: float, high: float, remedy: str) -> float:
    """Returns `value` as a float, or raises ValueError unless it is positive and from `low` to `high`."""
    number = positive(name, value, remedy)
    if not low <= number <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}; got {shown(value)}; {remedy}")
    return number


def count(name: str, value: float, remedy: str) -> int:
    """Returns `value` as an int, or raises ValueError unless it is a whole number of at least 1."""
    number = _float(name, value, "a whole number of at least 1", remedy)
    if not (math.isfinite(number) and number >= 1 and number == math.floor(number)):
        raise ValueError(f"{name} must be a whole number of at least 1; got {shown(value)}; {remedy}")
    return int(number)


def number(name: str, value: float, remedy: str) -> float:
    """Returns `value` as a float, or raises ValueError unless it is one finite number."""
    result = _float(name, value, "one finite number", remedy)
    if not math.isfinite(result):
        raise ValueError(f"{name} must be one finite number; got {shown(value)}; {remedy}")
    return result


def factor(value: float) -> float:
    """Returns `value` as a float, or raises ValueError unless it is one finite number other than 0."""
    result = number("factor", value, "pass a non-zero number")
    if result == 0:
        raise ValueError("factor must not be 0; got 0; a constant is PointMasses([(value, 1)])")
    return result


def flag(name: str, value: bool, remedy: str) -> bool:
    """Returns `value`, or raises ValueError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False; got {shown(value)}; {remedy}")
    return bool(value)


def array(
    name: str, values: ArrayLike, remedy: str, *, above: float = -math.inf, most: float = math.inf
) -> NDArray[np.float64]:
    """Returns `values` as a float64 array, or raises ValueError naming the first not finite, > `above` and <= `most`.

    most: where powers of larger numbers would overflow.
    """
    must = "finite" if above == -math.inf else f"finite and above {above:g}"
    try:
        if np.iscomplexobj(values):
            raise TypeError
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be {must}; got {shown(values)}; {remedy}") from None
    bad = ~(np.isfinite(numbers) & (numbers > above))
    if np.any(bad):
        raise ValueError(f"{name} must be {must}; got {numbers[bad].flat[0].item()!r}; {remedy}")
    if np.any(numbers > most):
        largest = np.max(numbers).item()
        raise ValueError(f"{name} must be at most {most:g}, or powers overflow; got {largest!r}; rescale the problem")
    return numbers


def numbers(name: str, values: Any, kind: Any = np.float64) -> NDArray[Any]:
    """Returns `values` as an array of real (or complex) numbers, NaN and infinity allowed, or raises ValueError."""
    must = "real numbers" if kind is np.float64 else "numbers"
    try:
        if values is None or (kind is np.float64 and np.iscomplexobj(values)):
            raise TypeError
        return np.asarray(values, dtype=kind)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be {must}; got {shown(values)}; pass a number or an array") from None


def together(**arrays: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Returns the arrays in their common shape, or raises ValueError naming the shapes that don't broadcast."""
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
        raise ValueError(f"shapes must broadcast; got {shapes}; pass single numbers or arrays of one shape") from None


def probabilities(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns `values`, or raises ValueError naming the first outside [0, 1]; NaN passes."""
    bad = (values < 0) | (values > 1)
    if np.any(bad):
        first = values[bad].flat[0].item()
        raise ValueError(f"probability must lie in [0, 1]; got {first!r}; clip it or pass a cdf value")
    return values


def _float(name: str, value: Any, must: str, remedy: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be {must}; got {shown(value)}; {remedy}") from None


def shown(value: Any) -> str:
    """The value on one line, cut after 80 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."
