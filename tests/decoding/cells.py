"""Models with the simplest of caches, to decode with: a table of bigrams and a recurrent cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from alchemy.learning.model import Cache
from alchemy.problem.task import PAD


def last_of(logits: jax.Array, real: jax.Array) -> jax.Array:
    """Those (n, 1, v) behind the last token of each row."""
    end = jnp.maximum(real.sum(axis=1) - 1, 0)
    return jnp.take_along_axis(logits, end[:, None, None], axis=1)


@dataclass(frozen=True)
class Bigram:
    """The logits after a token are the row of a table (v, v) that the sum of its ids names; it remembers nothing."""

    vocabulary: int = 8
    context: int = 32
    loops: ClassVar[int] = 1

    def init(self, key: jax.Array) -> Any:
        return {"table": jax.random.normal(key, (self.vocabulary, self.vocabulary))}

    def apply(self, params: Any, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return params["table"][tokens.sum(axis=2) % self.vocabulary].astype(jnp.float32)[:, start:]

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache((), jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        real, logits = tokens[..., 0] != PAD, self.apply(params, tokens)
        cache = cache._replace(length=cache.length + real.sum(axis=1, dtype=jnp.int32))
        return last_of(logits, real) if last else logits, cache


@dataclass(frozen=True)
class Recurrent:
    """A plain recurrent network (Elman 1990), whose whole cache is its state."""

    vocabulary: int = 8
    width: int = 16
    context: int = 32
    loops: ClassVar[int] = 1

    def init(self, key: jax.Array) -> Any:
        keys = jax.random.split(key, 3)
        shapes = {
            "token": (self.vocabulary, self.width),
            "state": (self.width,) * 2,
            "out": (self.width, self.vocabulary),
        }
        return {name: jax.random.normal(key, shape) for key, (name, shape) in zip(keys, shapes.items(), strict=True)}

    def apply(self, params: Any, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return self.extend(params, self.init_cache(len(tokens), 0, params["state"].dtype), tokens)[0][:, start:]

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache(jnp.zeros((n, self.width), dtype), jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        real = tokens[..., 0] != PAD
        inputs = (params["token"][tokens[..., 0]], real)

        def step(state: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            token, real = inputs
            state = jnp.where(real[:, None], jnp.tanh(token + state @ params["state"]), state)
            return state, (state @ params["out"]).astype(jnp.float32)

        state, logits = jax.lax.scan(step, cache.memory, jax.tree.map(lambda leaf: leaf.swapaxes(0, 1), inputs))
        logits = logits.swapaxes(0, 1)
        cache = cache._replace(memory=state, length=cache.length + real.sum(axis=1, dtype=jnp.int32))
        return last_of(logits, real) if last else logits, cache
