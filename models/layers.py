"""The parts a decoder is made of.

Dimension letters: `n` sequences, `t` tokens, `m` remembered tokens, `d` width, `h` heads, `k` width of a head.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

Attend = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""(query, key, value), each (n, t, h, k), to what was read, (n, t, h, k)."""


def attention(query: jax.Array, key: jax.Array, value: jax.Array, visible: jax.Array) -> jax.Array:
    """Scaled dot-product attention; query (n, t, h, k), key and value (n, m, h, k), visible bool (n | 1, t, m)."""
    scores = jnp.einsum("nthk,nmhk->nhtm", query, key) * query.shape[-1] ** -0.5
    scores = jnp.where(visible[:, None], scores.astype(jnp.float32), -1e30)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    return jnp.einsum("nhtm,nmhk->nthk", weights, value)


def branched_attention(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    visible: jax.Array,
    shared_key: jax.Array,
    shared_value: jax.Array,
    known: jax.Array,
) -> jax.Array:
    """`attention` of rows that have what they read first in common, groups of rows one after the other.

    query, key, value and visible as there, of n rows; shared_key and shared_value (g, p, h, k), one for each group of
    n / g rows; known bool (g, p), which of these are there. Each group's are read once for all of its rows.
    """
    (n, t, h, k), (g, p) = query.shape, known.shape
    scale, group = k**-0.5, (g, n // g, h, t, p)
    far = jnp.einsum("gqhk,gphk->ghqp", query.reshape(g, -1, h, k), shared_key) * scale
    far = jnp.where(known[:, None, None], far.astype(jnp.float32), -1e30)
    far = far.reshape(g, h, n // g, t, p).swapaxes(1, 2).reshape(n, h, t, p)
    near = jnp.einsum("nthk,nmhk->nhtm", query, key) * scale
    near = jnp.where(visible[:, None], near.astype(jnp.float32), -1e30)
    weights = jax.nn.softmax(jnp.concatenate([far, near], axis=-1), axis=-1).astype(value.dtype)
    far = weights[..., :p].reshape(group).swapaxes(1, 2).reshape(g, h, -1, p)
    read = jnp.einsum("ghqp,gphk->gqhk", far, shared_value).reshape(n, t, h, k)
    return read + jnp.einsum("nhtm,nmhk->nthk", weights[..., p:], value)


def causal(t: int) -> jax.Array:
    """Each token sees itself and what came before: bool (1, t, t)."""
    return jnp.tril(jnp.ones((t, t), bool))[None]


def sinusoids(places: jax.Array, width: int) -> jax.Array:
    """Fixed position embeddings (..., width) of integer places (...) (arXiv:1706.03762, section 3.5)."""
    rates = 10_000.0 ** (-jnp.arange(0, width, 2) / width)
    angles = jnp.multiply.outer(places, rates)
    waves = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return waves.reshape(*places.shape, -1)[..., :width]


def rotate(x: jax.Array, places: jax.Array) -> jax.Array:
    """Rotary position embedding of x (n, t, h, k) at places int (n | 1, t) (arXiv:2104.09864)."""
    half = x.shape[-1] // 2
    rates = 10_000.0 ** (-jnp.arange(half) / half)
    angles = jnp.multiply.outer(places, rates)[:, :, None]  # (n | 1, t, 1, k / 2)
    cos, sin = jnp.cos(angles).astype(x.dtype), jnp.sin(angles).astype(x.dtype)
    left, right = x[..., :half], x[..., half:]
    return jnp.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)


class SwiGLU(nnx.Module):
    """The gated feed-forward layer of LLaMA (arXiv:2002.05202)."""

    def __init__(self, width: int, hidden: int, rngs: nnx.Rngs):
        self.gate = nnx.Linear(width, hidden, use_bias=False, rngs=rngs)
        self.up = nnx.Linear(width, hidden, use_bias=False, rngs=rngs)
        self.down = nnx.Linear(hidden, width, use_bias=False, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.down(jax.nn.silu(self.gate(x)) * self.up(x))


class Perceptron(nnx.Module):
    """The two-layer feed-forward of GPT-2, with its tanh GELU or a ReLU."""

    def __init__(self, width: int, hidden: int, activation: str, rngs: nnx.Rngs):
        self.up = nnx.Linear(width, hidden, rngs=rngs)
        self.down = nnx.Linear(hidden, width, rngs=rngs)
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        hidden = self.up(x)
        return self.down(jax.nn.gelu(hidden) if self.activation == "gelu" else jax.nn.relu(hidden))


class Block(nnx.Module):
    """One pre-norm decoder layer, in the manner of GPT-2 or of LLaMA."""

    def __init__(self, style: str, width: int, heads: int, hidden: int, activation: str, rngs: nnx.Rngs):
        gpt = style == "gpt"
        norm = nnx.LayerNorm if gpt else nnx.RMSNorm
        self.heads = heads
        self.norm_attention = norm(width, rngs=rngs)
        self.qkv = nnx.Linear(width, 3 * width, use_bias=gpt, rngs=rngs)
        self.out = nnx.Linear(width, width, use_bias=gpt, rngs=rngs)
        self.norm_forward = norm(width, rngs=rngs)
        self.forward = Perceptron(width, hidden, activation, rngs) if gpt else SwiGLU(width, hidden, rngs)

    def __call__(self, x: jax.Array, attend: Attend) -> jax.Array:
        """x (n, t, d) to (n, t, d); `attend` decides what each token may read."""
        n, t, d = x.shape
        query, key, value = jnp.split(self.qkv(self.norm_attention(x)), 3, axis=-1)
        shape = (n, t, self.heads, d // self.heads)
        read = attend(query.reshape(shape), key.reshape(shape), value.reshape(shape))
        x = x + self.out(read.reshape(n, t, d))
        return x + self.forward(self.norm_forward(x))
