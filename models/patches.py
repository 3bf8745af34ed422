"""How a transformer's forward pass is read and changed layer by layer.

Dimension letters: `n` sequences, `t` tokens, `d` width, `l` passes through a layer, `h` heads, `k` width of a head.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from alchemy.learning.open_model import Activations, Patch


class LayerPatch(NamedTuple):
    """What is put in place of one layer's activations; of all layers, with an axis l in front, as a loop takes it."""

    residual: jax.Array | None = None  # (n | 1, t, d)
    residual_at: jax.Array | None = None  # bool (n | 1, t)
    heads: jax.Array | None = None  # (n | 1, t, h, k)
    heads_at: jax.Array | None = None  # bool (n | 1, t, h)

    def of_residual(self, x: jax.Array) -> jax.Array:
        """x (n, t, d), patched."""
        return _replaced(x, self.residual, self.residual_at)

    def of_heads(self, read: jax.Array) -> jax.Array:
        """What heads have read, (n, t, h, k), patched."""
        return _replaced(read, self.heads, self.heads_at)


def _replaced(x: jax.Array, values: jax.Array | None, at: jax.Array | None) -> jax.Array:
    """x (..., k) with values (..., k) at some places, bool (...)."""
    return x if values is None or at is None else jnp.where(at[..., None], values.astype(x.dtype), x)


def by_layer(patch: Patch | None) -> tuple[LayerPatch, LayerPatch]:
    """A patch as that of the embedding and those of the layers."""
    if patch is None:
        return LayerPatch(), LayerPatch()
    residual, residual_at, *heads = (None if part is None else jnp.moveaxis(part, 1, 0) for part in patch[:4])
    first, layers = (
        [None if part is None else part[index] for part in (residual, residual_at)] for index in (0, slice(1, None))
    )
    return LayerPatch(*first), LayerPatch(*layers, *heads)


def readable(mask: jax.Array, patch: Patch | None) -> jax.Array:
    """A mask bool (1, t, t) of what queries may read without the keys that are blocked: (n | 1, t, t). A token reads itself."""
    if patch is None or patch.blocked is None:
        return mask
    return mask & ~(patch.blocked & ~jnp.eye(mask.shape[-1], dtype=bool)[None])


def activations(embedded: jax.Array, residual: jax.Array, heads: jax.Array) -> Activations:
    """The residual streams behind the embedding (n, t, d) and the layers (l, n, t, d), and heads (l, n, t, h, k)."""
    residual = jnp.concatenate([embedded[None], residual])
    return Activations(jnp.moveaxis(residual, 0, 1), jnp.moveaxis(heads, 0, 1))
