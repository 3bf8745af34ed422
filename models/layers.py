"""The parts a decoder is made of.

Dimension letters: `n` sequences, `g` of which something is read, `t` tokens, `m` remembered tokens, `d` width, `h` heads,
`k` width of a head, `l` layers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

Attend = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""(query, key, value), each (n, t, h, k), to what was read, (n, t, h, k)."""


Part = tuple[jax.Array, jax.Array, jax.Array]
"""Keys and values (g, h, m, k), each of the g rows for n / g rows of queries in turn, and which of them may be read:
bool (g | 1, t | 1, m), one for all queries where rows are shared. Heads come before tokens, so that each head's keys
are one matrix in memory."""


class Kept(NamedTuple):
    """What was read of some rows' tokens, padding included: all rows are written at the same places."""

    keys: jax.Array  # (l, n, h, m, k)
    values: jax.Array
    real: jax.Array  # bool (n, m): a token, not padding, nor yet to come

    def rows(self, rows: jax.Array) -> Kept:
        """Of some of the rows, any of them more than once."""
        return Kept(self.keys[:, rows], self.values[:, rows], self.real[rows])

    def written(self, keys: jax.Array, values: jax.Array, real: jax.Array, place: jax.Array) -> Kept:
        """With some tokens more from that place on."""
        parts = zip(self, (keys, values, real), (3, 3, 1), strict=True)
        return Kept(*(jax.lax.dynamic_update_slice_in_dim(old, new.astype(old.dtype), place, axis) for old, new, axis in parts))


def attention(query: jax.Array, *parts: Part) -> jax.Array:
    """Scaled dot-product attention of query (n, t, h, k) over all that its row finds in any of the parts."""
    scores = jnp.concatenate([_scores(query, key, visible) for key, _, visible in parts], axis=-1)
    weights = jax.nn.softmax(scores, axis=-1).astype(query.dtype)
    ends = list(accumulate(key.shape[2] for key, _, _ in parts))[:-1]
    shares = jnp.split(weights, ends, axis=-1)
    return sum(_read(share, value) for share, (_, value, _) in zip(shares, parts, strict=True))


def _scores(query: jax.Array, key: jax.Array, visible: jax.Array) -> jax.Array:
    """float32 (n, h, t, m) of one part."""
    (n, t, h, k), (g, _, m, _) = query.shape, key.shape
    scores = jnp.einsum("gqhk,ghmk->ghqm", query.reshape(g, -1, h, k), key) * k**-0.5
    scores = jnp.where(visible[:, None], scores.astype(jnp.float32), -1e30)
    return scores.reshape(g, h, n // g, t, m).swapaxes(1, 2).reshape(n, h, t, m)


def _read(weights: jax.Array, value: jax.Array) -> jax.Array:
    """(n, t, h, k) of weights (n, h, t, m) on one part."""
    (n, h, t, m), (g, _, _, k) = weights.shape, value.shape
    weights = weights.reshape(g, n // g, h, t, m).swapaxes(1, 2).reshape(g, h, -1, m)
    return jnp.einsum("ghqm,ghmk->gqhk", weights, value).reshape(n, t, h, k)


def by_head(x: jax.Array) -> jax.Array:
    """Keys or values (n, t, h, k) as a part has them, (n, h, t, k)."""
    return x.swapaxes(1, 2)


def causal(t: int) -> jax.Array:
    """Each token sees itself and what came before: bool (1, t, t)."""
    return jnp.tril(jnp.ones((t, t), bool))[None]


def sinusoids(places: jax.Array, width: int) -> jax.Array:
    """Fixed position embeddings (..., width) of integer places (...) (arXiv:1706.03762, section 3.5)."""
    rates = 10_000.0 ** (-jnp.arange(0, width, 2) / width)
    angles = jnp.multiply.outer(places, rates)
    waves = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return waves.reshape(*places.shape, -1)[..., :width]


def turns(places: jax.Array, width: int) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine of the angles by which rotary positions turn heads of that width: each (n | 1, t, 1, k / 2)."""
    half = width // 2
    rates = 10_000.0 ** (-jnp.arange(half) / half)
    angles = jnp.multiply.outer(places, rates)[:, :, None]
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x: jax.Array, turns: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Rotary position embedding of x (n, t, h, k) (arXiv:2104.09864)."""
    cos, sin = (one.astype(x.dtype) for one in turns)
    left, right = jnp.split(x, 2, axis=-1)
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
