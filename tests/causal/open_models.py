"""Open models whose workings are known: what they write is read off one activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from alchemy.learning.model import Cache
from alchemy.learning.open_model import NO_PATCH, Activations, Patch
from alchemy.problem.task import PAD


@dataclass(frozen=True)
class Reader:
    """Says at every position from `writes` on what one head of layer 1 reads there: the token at `place`, one more.

    The residual stream holds one-hot tokens; layer 1 puts in their place what its two heads read, of which the second reads
    the position itself and is not listened to. Layer 2 changes nothing. Where `place` may not be read, nothing is, and it says
    token 2.
    """

    vocabulary: int = 8
    place: int = 1
    writes: int = 3
    context: int = 32
    loops: ClassVar[int] = 1

    def init(self, key: jax.Array) -> Any:
        return {"nothing": jnp.zeros(1)}

    def open(self, params: Any, tokens: jax.Array, patch: Patch = NO_PATCH) -> tuple[jax.Array, Activations]:
        t = tokens.shape[1]
        eye = jnp.eye(self.vocabulary)
        embedded = _put(eye[tokens[..., 0]], patch.residual, patch.residual_at, 0)
        where = jnp.minimum(self.place, t - 1)
        free = jnp.arange(t) >= where
        free = free[None] if patch.blocked is None else free[None] & ~patch.blocked[:, :, where]
        read = jnp.where(free[..., None], jnp.roll(embedded[:, where], 1, axis=-1)[:, None], eye[2][None, None])
        heads = jnp.stack([read, embedded], axis=2)[:, None]  # (n, 1, t, h, k)
        heads = jnp.concatenate([heads, jnp.zeros_like(heads)], axis=1)
        heads = heads if patch.heads is None else jnp.where(patch.heads_at[..., None], patch.heads, heads)
        writing = (jnp.arange(t) >= self.writes)[None, :, None]
        first = _put(jnp.where(writing, heads[:, 0, :, 0], embedded), patch.residual, patch.residual_at, 1)
        second = _put(first, patch.residual, patch.residual_at, 2)
        return 9.0 * second, Activations(jnp.stack([embedded, first, second], axis=1), heads)

    def apply(self, params: Any, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return self.open(params, tokens)[0][:, start:]

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache(jnp.zeros(n, jnp.int32), jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        real = tokens[..., 0] != PAD
        found = real & (cache.length[:, None] + jnp.cumsum(real, axis=1) - 1 == self.place)
        token = cache.memory + jnp.where(found, tokens[..., 0], 0).sum(axis=1)
        says = 9.0 * jax.nn.one_hot(token + 1, self.vocabulary)[:, None]
        logits = jnp.repeat(says, 1 if last else tokens.shape[1], axis=1)
        length = cache.length + real.sum(axis=1, dtype=jnp.int32)
        return logits, Cache(token, cache.slot + tokens.shape[1], length, cache.shared)


def _put(x: jax.Array, values: jax.Array | None, at: jax.Array | None, layer: int) -> jax.Array:
    return x if values is None else jnp.where(at[:, layer, :, None], values[:, layer], x)
