"""Where training of a deep linear network ends under weight decay: thresholds, jumps and rank.

Stationary modes solve u^q (s - u) = weight_decay, q = 1 - 2/depth: minimising |S - W|^2/2 + weight_decay (depth/2) sum
of u^{2/depth}, a Schatten quasi-norm that for depth 2 is the nuclear norm (Dai, Karzand and Srebro 2021).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks

FloatArray = NDArray[np.float64]
LARGEST = 1e100  # strengths: their powers are of order 2 + 2/depth


class Stationary(NamedTuple):
    """Floats, or arrays in the common shape of target and weight decay."""

    strength: Any  # stable strength; 0 above the critical decay
    threshold: Any  # modes that start below it die: 0 at depth 2 or without decay; infinite where all die
    critical_decay: Any  # largest decay with a stable strength above 0: there it jumps to 0 from target q/(1 + q)
    equal_loss_decay: Any  # decay above which strength 0 has the lower loss


class RankCurve(NamedTuple):
    """Ranks of the trained product, in the shape of the weight decays."""

    effective: Any  # exp of the entropy of u/sum u; 0 if all modes have died
    hard: Any  # number of modes above 0


def stationary_strength(target: ArrayLike, weight_decay: ArrayLike, *, depth: float = 2) -> Stationary:
    """Strength at which a balanced mode stays under weight decay; arrays broadcast; depth >= 2, math.inf allowed.

        depth 2:   max(target - weight_decay, 0), the soft threshold
        above:     the upper root, up to target^{1+q} q^q/(1+q)^{1+q}, there a jump (first order) to 0

    At depth above 2 the origin is stable for any positive decay: a mode must start above `threshold`, the lower root.
    Zero has the lower loss from (target/(depth-1)) (target (depth-2)/(depth-1))^q on. Roots to 1e-15, next to the jump
    to 1e-8. Raises ValueError for negative arguments, targets above 1e100 or depth below 2.
    Source: derived here as the minima of the scalar loss in the module's first lines, checked by long runs of
    `mode_strength`; soft thresholding by the nuclear norm at depth 2.

    >>> round(stationary_strength(1.0, 0.3).strength, 12), round(stationary_strength(1.0, 0.3, depth=3).strength, 6)
    (0.7, 0.654465)
    >>> round(stationary_strength(1.0, 0.5, depth=3).critical_decay, 4)
    0.4725
    """
    s = checks.array("target", target, "pass singular values of the target, at least 0", most=LARGEST)
    decay = checks.array("weight_decay", weight_decay, "pass numbers >= 0")
    for name, values in (("target", s), ("weight_decay", decay)):
        if np.any(values < 0):
            raise ValueError(f"{name} must be >= 0; got {values[values < 0].flat[0].item()!r}; pass numbers >= 0")
    depth = checked_depth(depth)
    s, decay = checks.together(target=s, weight_decay=decay)
    lower, upper = np.vectorize(lambda a, b: roots(a, b, depth), otypes=[float, float])(s, decay)
    q = exponent(depth)
    top = s * q / (1 + q)
    critical = top**q * (s - top)
    equal = (2 * top) ** q * (s - 2 * top)
    lower = np.where(np.isnan(lower), np.inf, lower)
    return Stationary(*(x if np.ndim(x) else float(x) for x in (upper, lower, critical, equal)))


def effective_rank(strengths: ArrayLike) -> Any:
    """exp of the entropy of strengths/sum over the last axis; 0 where all are 0 (Roy and Vetterli 2007).
    Raises ValueError for strengths that are negative, not finite or without an axis.

    >>> round(effective_rank([1.0, 1.0, 0.0]), 12)
    2.0
    """
    u = checks.array("strengths", strengths, "pass singular values >= 0")
    if not u.ndim:
        raise ValueError(f"strengths must have an axis to sum over; got the number {float(u)!r}; pass a list")
    if np.any(u < 0):
        raise ValueError(f"strengths must be >= 0; got {u[u < 0].flat[0].item()!r}; pass singular values")
    top = np.max(u, axis=-1, keepdims=True, initial=0.0)
    u = u / np.where(top > 0, top, 1.0)  # a sum of tiny strengths would underflow
    total = np.sum(u, axis=-1, keepdims=True)
    share = u / np.where(total > 0, total, 1.0)
    entropy = -np.sum(share * np.log(np.where(share > 0, share, 1.0)), axis=-1)
    rank = np.where(total[..., 0] > 0, np.exp(entropy), 0.0)
    return rank if np.ndim(rank) else float(rank)


def rank_curve(targets: ArrayLike, weight_decay: ArrayLike, *, depth: float = 2) -> RankCurve:
    """Rank of the trained product against weight decay, for a target of singular values `targets` (k,).
    `hard` counts modes above 0, `effective` is `effective_rank` of all. Modes are taken at their stable strength, that
    is started above their threshold. Validity, errors and source as `stationary_strength`.

    >>> curve = rank_curve([3.0, 2.0, 1.0], [0.0, 1.0, 2.5])
    >>> curve.effective.round(3).tolist(), curve.hard.tolist()
    ([2.749, 1.89, 1.0], [3, 2, 1])
    """
    decay = checks.array("weight_decay", weight_decay, "pass numbers >= 0")
    s = checks.array("targets", targets, "pass singular values of the target, at least 0", most=LARGEST)
    modes = stationary_strength(s.ravel(), decay[..., None], depth=depth).strength
    hard = np.sum(modes > 0, axis=-1)
    return RankCurve(effective_rank(modes), hard if np.ndim(hard) else int(hard))


def checked_depth(depth: float) -> float:
    """Returns the depth as a float, or raises ValueError unless it is a number of at least 2, infinity included."""
    if not (isinstance(depth, int | float | np.number) and depth >= 2):
        raise ValueError(f"depth must be at least 2; got {checks.shown(depth)}; pass the number of layers, or math.inf")
    return float(depth)


def exponent(depth: float) -> float:
    """q = 1 - 2/depth."""
    return 1 - 2 / depth


def roots(s: float, decay: float, depth: float) -> tuple[float, float]:
    """Roots of u^q (s - u) = decay: the unstable one (0 at depth 2 or without decay) and the stable one.

    (NaN, 0) where no strength above 0 is stationary.
    """
    q = exponent(depth)
    if depth == 2 or decay == 0:
        return (0.0, s - decay) if s > decay else (math.nan, 0.0)
    top = s * q / (1 + q)
    if s <= 0 or decay > top**q * (s - top):
        return math.nan, 0.0
    return _lower(s, decay, q, top), _upper(s, decay, q, top)


def _lower(s: float, decay: float, q: float, top: float) -> float:
    """Newton in log u for q log u + log(s - u) = log decay, which is concave: from the left it rises to the root."""
    x = math.log(decay / s) / q
    for _ in range(200):
        u = math.exp(x)
        slope = q - u / (s - u)
        new = x + (math.log(decay) - q * x - math.log(s - u)) / slope if slope > 0 else x
        if not new - x > 1e-16 * (1 + abs(x)):
            break
        x = min(new, math.log(top))
    return math.exp(x)


def _upper(s: float, decay: float, q: float, top: float) -> float:
    """Newton in d = s - u for the same, concave in d on (0, s - top): from d = decay/s^q upwards."""
    d = decay / s**q
    for _ in range(200):
        slope = 1 / d - q / (s - d)
        new = d + (math.log(decay) - math.log(d) - q * math.log(s - d)) / slope if slope > 0 else d
        if not new - d > 1e-16 * d:
            break
        d = min(new, s - top)
    return s - d
