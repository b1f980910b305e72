"""Named random streams: distinct, reproducible, independent of what else is drawn."""

import itertools
from zlib import crc32

import jax
import numpy as np
import pytest

from spectrax import keys


def bits(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_same_seed_name_and_replicate_give_the_same_key():
    assert bits(keys.stream(3, "data", 2)) == bits(keys.stream(3, "data", 2))


def test_a_key_is_the_documented_fold_of_seed_name_and_replicate():
    by_hand = jax.random.fold_in(jax.random.fold_in(jax.random.key(7), crc32(b"init")), 4)
    assert bits(keys.stream(7, "init", 4)) == bits(by_hand)


def test_streams_differ_in_seed_name_and_replicate():
    names = ("data", "init", "shuffle", "noise")
    found = {bits(keys.stream(*at)) for at in itertools.product(range(4), names, range(25))}
    # 400 keys of 64 bits: a chance collision has probability 5e-15
    assert len(found) == 400


def test_draws_of_two_streams_are_uncorrelated():
    a, b = (jax.random.normal(keys.stream(0, name), (100_000,)) for name in ("data", "init"))
    # correlation of independent draws: standard deviation 1/sqrt(1e5) = .0032
    assert abs(float(np.corrcoef(a, b)[0, 1])) < 4 * 0.0032


@pytest.mark.parametrize("wrong", [-1, 1.0, True, "1", None, np.float64(2)])
def test_seed_and_replicate_must_be_non_negative_integers(wrong):
    with pytest.raises(ValueError, match="seed must be a non-negative integer"):
        keys.stream(wrong, "data")
    with pytest.raises(ValueError, match="replicate must be a non-negative integer"):
        keys.stream(0, "data", wrong)
