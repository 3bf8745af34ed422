"""The transformer's memory of the tokens it has read.

Dimension letters: `n` sequences, `m` slots, `h` heads, `k` width of a head, `l` passes through a layer.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from models.kernels import Memory, split_heads


class KVCache(NamedTuple):
    """Keys and values of every layer, one array each: what reads a part of a larger array would copy it first."""

    keys: tuple[jax.Array, ...]  # l of (n, h, k, m)
    values: tuple[jax.Array, ...]  # l of (n, h, m, k)
    mask: jax.Array  # bool (n, m): a token, neither padding nor an empty slot
    position: jax.Array  # int32 (n,): of the next token

    def write(self, layer: int, key: jax.Array, value: jax.Array, slot: jax.Array) -> KVCache:
        """With keys and values (n, t, h, k) of one layer in the slots from `slot` on."""
        key, value = split_heads(key, value)
        return self._replace(
            keys=_replaced(self.keys, layer, _updated(self.keys[layer], key, slot, 3)),
            values=_replaced(self.values, layer, _updated(self.values[layer], value, slot, 2)),
        )

    def write_mask(self, real: jax.Array, slot: jax.Array) -> KVCache:
        """With bool (n, t) in the slots from `slot` on: which of them hold tokens."""
        return self._replace(mask=_updated(self.mask, real, slot, 1))

    def layer(self, layer: int, mask: jax.Array) -> Memory:
        """What attention of that layer reads, with a mask bool (n, t | 1, m)."""
        return self.keys[layer], self.values[layer], mask


def empty(n: int, slots: int, layers: int, heads: int, head: int, dtype: jnp.dtype) -> KVCache:
    """No token yet; no array twice, as buffers may be given away."""
    keys = tuple(jnp.zeros((n, heads, head, slots), dtype) for _ in range(layers))
    values = tuple(jnp.zeros((n, heads, slots, head), dtype) for _ in range(layers))
    return KVCache(keys, values, jnp.zeros((n, slots), bool), jnp.zeros(n, jnp.int32))


def _updated(array: jax.Array, new: jax.Array, slot: jax.Array, axis: int) -> jax.Array:
    return jax.lax.dynamic_update_slice_in_dim(array, new.astype(array.dtype), slot, axis)


def _replaced(layers: tuple[jax.Array, ...], layer: int, array: jax.Array) -> tuple[jax.Array, ...]:
    return (*layers[:layer], array, *layers[layer + 1 :])
