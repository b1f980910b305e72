"""Named random streams: adding a stream, a replicate or a chunk never changes what another one draws."""

from zlib import crc32

import jax


def stream(seed: int, name: str, replicate: int = 0) -> jax.Array:
    """Scalar typed key of one named stream of one replicate: fold_in(fold_in(key(seed), crc32(name)), replicate).

    Raises ValueError for a negative or non-integer seed or replicate.
    """
    for what, value in (("seed", seed), ("replicate", replicate)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{what} must be a non-negative integer; got {value!r}.")
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), crc32(name.encode())), replicate)
