"""The parts a decoder is made of.

Dimension letters: `n` sequences, `g` of which something is read, `t` tokens, `m` remembered tokens, `d` width, `h` heads,
`k` width of a head, `l` layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from alchemy.learning import machine as device
from models.sums import LayerNorm, Linear, RMSNorm, softmax

Attend = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""(query, key, value), each (n, t, h, k), to what the tokens read, (n, t, h, k), or those alone of which something is asked."""
Asked = Callable[[jax.Array], jax.Array]
"""Of (n, t, ...) those tokens of which something is asked."""

Part = tuple[jax.Array, jax.Array, jax.Array]
"""Keys (g, h, k, m) and values (g, h, m, k), each of the g rows for n / g rows of queries in turn, and which of them may be
read: bool (g | 1, t | 1, m), one for all queries where rows are shared. Each head's are a matrix in memory, as products with
them want it."""


class Kept(NamedTuple):
    """What was read of some rows' tokens, padding included: all rows are written at the same places.

    One array a layer, as what a layer reads of a larger one would be copied for it each time.
    """

    keys: tuple[jax.Array, ...]  # l of (n, h, k, m)
    values: tuple[jax.Array, ...]  # l of (n, h, m, k)
    real: jax.Array  # bool (n, m): a token, not padding, nor yet to come

    def rows(self, rows: jax.Array) -> Kept:
        """Of some of the rows, any of them more than once."""
        return jax.tree.map(lambda one: one[rows], self)

    def written(self, other: Kept, place: jax.Array) -> Kept:
        """With other tokens from that place on."""
        return self._each(lambda axis, old, new: put(old, new, place, axis), other)

    def followed(self, other: Kept) -> Kept:
        """With other tokens behind."""
        return self._each(lambda axis, *both: jnp.concatenate(both, axis), other)

    def part(self, since: jax.Array, count: int) -> Kept:
        """So many tokens from a place on."""
        return self._each(lambda axis, one: jax.lax.dynamic_slice_in_dim(one, since, count, axis))

    def at(self, places: jax.Array) -> Kept:
        """Tokens at places int (n, m)."""

        def taken(axis: int, one: jax.Array) -> jax.Array:
            others = [other for other in range(1, one.ndim) if other != axis]
            return jnp.take_along_axis(one, jnp.expand_dims(places, others), axis)

        return self._each(taken)

    def _each(self, change: Callable[..., jax.Array], *others: Kept) -> Kept:
        """Every array changed, given its axis of tokens."""
        return Kept(
            *(
                jax.tree.map(partial(change, axis), *arrays)
                for axis, *arrays in zip((3, 2, 1), self, *others, strict=True)
            )
        )


def put(old: jax.Array, new: jax.Array, place: jax.Array, axis: int) -> jax.Array:
    """With what is new from a place on."""
    return jax.lax.dynamic_update_slice_in_dim(old, new.astype(old.dtype), place, axis)


def attention(query: jax.Array, *parts: Part) -> jax.Array:
    """Scaled dot-product attention of query (n, t, h, k) over all that its row finds in any of the parts."""
    query = by_head(query)
    scores = [_scores(query, key, visible) for key, _, visible in parts]
    shares = [share.astype(query.dtype) for share in softmax(scores)]
    return by_head(sum(_read(share, value) for share, (_, value, _) in zip(shares, parts, strict=True)))


def _scores(query: jax.Array, key: jax.Array, visible: jax.Array) -> jax.Array:
    """float32 (n, h, t, m) of one part."""
    n, _, t, k = query.shape
    scores = product(_grouped(query, len(key)), key) * k**-0.5
    return _apart(jnp.where(visible[:, None], scores.astype(jnp.float32), -1e30), n, t)


def _read(weights: jax.Array, value: jax.Array) -> jax.Array:
    """(n, h, t, k) of weights (n, h, t, m) on one part."""
    return _apart(product(_grouped(weights, len(value)), value), len(weights), weights.shape[2])


def _grouped(x: jax.Array, g: int) -> jax.Array:
    """Rows (n, h, t, ...) that read the same are rows of one matrix: (g, h, n / g x t, ...)."""
    n, h, t, *rest = x.shape
    return x if g == n else x.reshape(g, n // g, h, t, *rest).swapaxes(1, 2).reshape(g, h, n // g * t, *rest)


def _apart(x: jax.Array, n: int, t: int) -> jax.Array:
    """What `_grouped` put together, (n, h, t, ...) again."""
    g, h, _, *rest = x.shape
    return x if g == n else x.reshape(g, h, n // g, t, *rest).swapaxes(1, 2).reshape(n, h, t, *rest)


def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """Matrix products of left (..., t, c) and right (..., c, m), the way that is the faster for their size here."""
    few = left.shape[-2] > 1 and device.summed(right.shape[-2] * right.shape[-1])
    return _summed(left, right) if few else left @ right


@jax.custom_vjp
def _summed(left: jax.Array, right: jax.Array) -> jax.Array:
    """The product as c sums over all matrices at once, instead of a call of a matrix product for each of them."""
    return sum(left[..., i, None] * right[..., None, i, :] for i in range(left.shape[-1]))


def _summed_forward(left: jax.Array, right: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _summed(left, right), (left, right)


def _summed_backward(kept: tuple[jax.Array, jax.Array], slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of sums again, which the sums' own gradients would not be."""
    left, right = kept
    return _summed(slope, right.swapaxes(-1, -2)), _summed(left.swapaxes(-1, -2), slope)


_summed.defvjp(_summed_forward, _summed_backward)


def by_head(x: jax.Array) -> jax.Array:
    """Queries or values (n, t, h, k) as matrices (n, h, t, k), and back."""
    return x.swapaxes(1, 2)


def by_head_turned(key: jax.Array) -> jax.Array:
    """Keys (n, t, h, k) as matrices (n, h, k, t)."""
    return key.transpose(0, 2, 3, 1)


def causal(t: int) -> jax.Array:
    """Each token sees itself and what came before: bool (1, t, t)."""
    return jnp.tril(jnp.ones((t, t), bool))[None]


def sinusoids(places: jax.Array, width: int) -> jax.Array:
    """Fixed position embeddings (..., width) of integer places (...) (arXiv:1706.03762, section 3.5)."""
    rates = 10_000.0 ** (-jnp.arange(0, width, 2) / width)
    angles = jnp.multiply.outer(places, rates)
    waves = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return waves.reshape(*places.shape, -1)[..., :width]


def turns(places: jax.Array, width: int, context: int) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine of the angles by which rotary positions turn heads of that width: each (n | 1, t, 1, k / 2).

    Looked up: what is computed here XLA computes again for each number that is turned, where layers are not in a loop.
    """
    half = width // 2
    with jax.ensure_compile_time_eval():
        angles = jnp.multiply.outer(jnp.arange(context), 10_000.0 ** (-jnp.arange(half) / half))
        tables = jnp.cos(angles), jnp.sin(angles)
    cos, sin = (jnp.take(table, places, axis=0, mode="clip")[:, :, None] for table in tables)
    return cos, sin


def rotate(x: jax.Array, turns: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Rotary position embedding of x (n, t, h, k) (arXiv:2104.09864)."""
    cos, sin = (one.astype(x.dtype) for one in turns)
    left, right = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)


class SwiGLU(nnx.Module):
    """The gated feed-forward layer of LLaMA (arXiv:2002.05202)."""

    def __init__(self, width: int, hidden: int, rngs: nnx.Rngs):
        self.gate = Linear(width, hidden, use_bias=False, rngs=rngs)
        self.up = Linear(width, hidden, use_bias=False, rngs=rngs)
        self.down = Linear(hidden, width, use_bias=False, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.down(jax.nn.silu(self.gate(x)) * self.up(x))


class Perceptron(nnx.Module):
    """The two-layer feed-forward of GPT-2, with its tanh GELU or a ReLU."""

    def __init__(self, width: int, hidden: int, activation: str, rngs: nnx.Rngs):
        self.up = Linear(width, hidden, rngs=rngs)
        self.down = Linear(hidden, width, rngs=rngs)
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        hidden = self.up(x)
        return self.down(jax.nn.gelu(hidden) if self.activation == "gelu" else jax.nn.relu(hidden))


class Block(nnx.Module):
    """One pre-norm decoder layer, in the manner of GPT-2 or of LLaMA."""

    def __init__(self, style: str, width: int, heads: int, hidden: int, activation: str, rngs: nnx.Rngs):
        gpt = style == "gpt"
        norm = LayerNorm if gpt else RMSNorm
        self.heads = heads
        self.norm_attention = norm(width, rngs=rngs)
        self.qkv = Linear(width, 3 * width, use_bias=gpt, rngs=rngs)
        self.out = Linear(width, width, use_bias=gpt, rngs=rngs)
        self.norm_forward = norm(width, rngs=rngs)
        self.forward = Perceptron(width, hidden, activation, rngs) if gpt else SwiGLU(width, hidden, rngs)

    def __call__(self, x: jax.Array, attend: Attend, asked: Asked | None = None) -> jax.Array:
        """x (n, t, d) to (n, t, d), or to what is `asked` of it; `attend` decides what these tokens may read.

        All else is done to rows of one matrix, so that gradients of weights are plain products, nothing copied for them.
        """
        n, t, d = x.shape
        shape = (n, t, self.heads, d // self.heads)
        x = x.reshape(n * t, d)
        query, key, value = jnp.split(self.qkv(self.norm_attention(x)), 3, axis=-1)
        read = attend(query.reshape(shape), key.reshape(shape), value.reshape(shape))
        if asked is not None:
            x = asked(x.reshape(n, t, d)).reshape(-1, d)
        x = x + self.out(read.reshape(-1, d))
        return (x + self.forward(self.norm_forward(x))).reshape(n, -1, d)


def at(x: jax.Array, only: jax.Array) -> jax.Array:
    """One token of each sequence, x (n, t, ...) at int (n,): (n, 1, ...)."""
    return jnp.take_along_axis(x, jnp.expand_dims(only, range(1, x.ndim)), axis=1)
