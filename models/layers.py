"""The layers of a decoder-only transformer.

Dimension letters: `n` sequences, `t` tokens, `d` width, `c` width of what a layer reads, `h` heads, `k` width of a head.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from models import kernels


class Linear(nnx.Linear):
    """An affine map, (..., c) to (..., d)."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return kernels.affine(x, self.kernel[...], None if self.bias is None else self.bias[...])


class LayerNorm(nnx.LayerNorm):
    """Vectors (..., d) of mean 0 and variance 1, then scaled and shifted (arXiv:1607.06450)."""

    def __call__(self, x: jax.Array) -> jax.Array:
        y = kernels.standardize(x.astype(jnp.float32), self.epsilon, True)
        return (y * kernels.to_rows(self.scale[...], x) + kernels.to_rows(self.bias[...], x)).astype(x.dtype)


class RMSNorm(nnx.RMSNorm):
    """Vectors (..., d) of mean square 1, then scaled (arXiv:1910.07467)."""

    def __call__(self, x: jax.Array) -> jax.Array:
        y = kernels.standardize(x.astype(jnp.float32), self.epsilon, False)
        return (y * kernels.to_rows(self.scale[...], x)).astype(x.dtype)


class MLP(nnx.Module):
    """The two-layer feed-forward network of GPT-2, with its tanh GELU or a ReLU."""

    def __init__(self, width: int, hidden: int, activation: str, rngs: nnx.Rngs):
        self.up = Linear(width, hidden, rngs=rngs)
        self.down = Linear(hidden, width, rngs=rngs)
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        hidden = self.up(x)
        return self.down(jax.nn.gelu(hidden) if self.activation == "gelu" else jax.nn.relu(hidden))


class SwiGLU(nnx.Module):
    """The gated feed-forward network of LLaMA (arXiv:2002.05202)."""

    def __init__(self, width: int, hidden: int, rngs: nnx.Rngs):
        self.gate = Linear(width, hidden, use_bias=False, rngs=rngs)
        self.up = Linear(width, hidden, use_bias=False, rngs=rngs)
        self.down = Linear(hidden, width, use_bias=False, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.down(jax.nn.silu(self.gate(x)) * self.up(x))


class Block(nnx.Module):
    """A pre-norm decoder block of GPT-2 or of LLaMA, in two halves: what attends to what is decided between them.

    All tokens are rows of one matrix, so that the gradients of weights are plain products for which nothing is transposed.
    """

    def __init__(self, style: str, width: int, heads: int, hidden: int, activation: str, rngs: nnx.Rngs):
        gpt = style == "gpt"
        norm = LayerNorm if gpt else RMSNorm
        self.heads = heads
        self.norm_attention = norm(width, rngs=rngs)
        self.qkv = Linear(width, 3 * width, use_bias=gpt, rngs=rngs)
        self.out = Linear(width, width, use_bias=gpt, rngs=rngs)
        self.norm_mlp = norm(width, rngs=rngs)
        self.mlp = MLP(width, hidden, activation, rngs) if gpt else SwiGLU(width, hidden, rngs)

    def project(self, x: jax.Array) -> list[jax.Array]:
        """Queries, keys and values of x (n, t, d), each (n, t, h, k)."""
        n, t, d = x.shape
        qkv = self.qkv(self.norm_attention(x.reshape(n * t, d)))
        return [part.reshape(n, t, self.heads, -1) for part in jnp.split(qkv, 3, axis=-1)]

    def finish(self, x: jax.Array, read: jax.Array) -> jax.Array:
        """x (n, t, d) with what its tokens read by attention, (n, t, h, k), then the feed-forward network."""
        n, t, d = x.shape
        x, read = x.reshape(n * t, d), read.reshape(n * t, d)
        x = x + self.out(read)
        return (x + self.mlp(self.norm_mlp(x))).reshape(n, t, d)


def causal(t: int) -> jax.Array:
    """Each token sees itself and those before it: bool (1, t, t)."""
    return jnp.tril(jnp.ones((t, t), bool))[None]


def sinusoids(positions: jax.Array, width: int) -> jax.Array:
    """Fixed position embeddings (..., d) of positions int (...) (arXiv:1706.03762, section 3.5)."""
    rates = 10_000.0 ** (-jnp.arange(0, width, 2) / width)
    angles = jnp.multiply.outer(positions, rates)
    waves = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return waves.reshape(*positions.shape, -1)[..., :width]


def rotary_tables(positions: jax.Array, head: int, context: int) -> tuple[jax.Array, jax.Array]:
    """Cosines and sines of the angles of a rotary embedding, each (n | 1, t, 1, k / 2), of positions int (n | 1, t).

    Looked up in tables for the whole context: XLA would compute the angles again for every number that is rotated.
    """
    with jax.ensure_compile_time_eval():
        angles = jnp.multiply.outer(jnp.arange(context), 10_000.0 ** (-jnp.arange(head // 2) / (head // 2)))
        tables = jnp.cos(angles), jnp.sin(angles)
    cos, sin = (jnp.take(table, positions, axis=0, mode="clip")[:, :, None] for table in tables)
    return cos, sin


def rotate(x: jax.Array, tables: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Rotary position embedding (arXiv:2104.09864) of queries or keys x (n, t, h, k)."""
    cos, sin = (table.astype(x.dtype) for table in tables)
    left, right = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)
