"""Random streams by purpose: two purposes never share numbers, whatever else they are given."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(purpose: str, *numbers: int) -> np.random.Generator:
    """The stream of a purpose ("test problems", "practice", ...) and numbers such as a seed and a round."""
    return np.random.default_rng([stream_id(purpose), *numbers])


def stream_id(purpose: str, *numbers: int) -> int:
    """A number below 2**31 for a purpose and numbers, as `jax.random.key` takes it."""
    text = " ".join([purpose, *map(str, numbers)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little") >> 1
