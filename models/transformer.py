"""The decoder-only transformer, GPT- or LLaMA-style, with five position schemes.

A position that carries several ids is a member of a set, as an edge of a graph is: it has no place of its own, and the
tokens of the text around it are counted without it. Rotary positions rotate all members of a set alike, by no angle.

Dimension letters: `n` sequences, `t` tokens, `c` ids a position carries, `v` vocabulary, `d` width, `l` layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from alchemy.errors import UserError, nearest
from alchemy.learning import machine as device
from alchemy.learning.model import Cache, Params
from alchemy.problem.task import PAD
from models.layers import Block, Kept, at, attention, by_head, by_head_turned, causal, put, rotate, sinusoids, turns
from models.sizes import SIZES
from models.sums import LayerNorm, RMSNorm

Positions = Literal["learned", "sinusoidal", "rotary", "none", "random"]
POSITIONS: tuple[Positions, ...] = ("learned", "sinusoidal", "rotary", "none", "random")
BLOCKS = ("gpt", "llama")


class _Memory(NamedTuple):
    own: Kept
    used: jax.Array  # int32: places of `own` that are written
    ordered: jax.Array  # int32 (n,): tokens read that have a place
    shared: Kept | None  # what groups of rows read before they parted


@dataclass(frozen=True)
class Transformer:
    """A decoder-only transformer; the fields are the architecture."""

    vocabulary: int = 1
    """Symbols the task has; an experiment takes it from the task."""
    width: int = 64
    layers: int = 2
    heads: int = 4
    hidden: int = 0
    """Feed-forward width; 0 means 4 x width."""
    loops: int = 1
    """Times the text passes through the layers, whose weights are the same each time: a looped transformer."""
    context: int = 32
    """The longest sequence it may read, in tokens."""
    block: Literal["gpt", "llama"] = "gpt"
    positions: Positions = "learned"
    spread: int = 4
    """For random positions: places are drawn from spread x context of them (arXiv:2305.16843)."""
    scale: float = 0.02
    """Standard deviation of the embeddings at the start."""
    tied: bool = True
    """The output layer is the transposed embedding."""
    activation: Literal["gelu", "relu"] = "gelu"
    """Of the GPT block; the LLaMA block is gated."""

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "layers", "heads", "loops", "context", "spread"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.width % self.heads:
            raise UserError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.positions not in POSITIONS:
            raise UserError(f"positions {self.positions!r} are unknown{nearest(self.positions, POSITIONS)}")
        if self.block not in BLOCKS:
            raise UserError(f"block {self.block!r} is unknown{nearest(self.block, BLOCKS)}")
        if self.positions == "rotary" and (self.width // self.heads) % 2:
            raise UserError(f"rotary positions need an even head width, not {self.width // self.heads}")

    @classmethod
    def sized(cls, size: str, **changes: Any) -> Transformer:
        """The named size of `SIZES`; raises `UserError` on an unknown name."""
        if size not in SIZES:
            raise UserError(f"unknown model size {size!r}{nearest(size, SIZES)}")
        return cls(**{**SIZES[size], **changes})

    def init(self, key: jax.Array) -> Params:
        outer, inner = jax.random.split(key)
        blocks = jax.vmap(lambda k: _pure(_new_block(self, nnx.Rngs(k))))(jax.random.split(inner, self.layers))
        return {"blocks": blocks, **_pure(_Shell(self, nnx.Rngs(outer)))}

    def apply(self, params: Params, tokens: jax.Array, key: jax.Array | None = None, since: int = 0) -> jax.Array:
        n, t, _ = tokens.shape
        order = _order(tokens)
        places = self._drawn_places(key, order, n) if key is not None else self._places(order)
        visible, turn = causal(t), self._turner(places)

        def layer(x: jax.Array, block: Params, since: int = 0) -> tuple[jax.Array, None]:
            def asked(x: jax.Array) -> jax.Array:
                return x[:, since:]

            def attend(query, key, value):
                query, key = turn(query), turn(key)
                return asked(attention(query, (by_head_turned(key), by_head(value), visible)))

            return nnx.merge(_graphs(self)[0], block)(x, attend, asked), None

        shell = _shell(self, params)
        passes = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * self.loops), params["blocks"])
        whole = self.layers * self.loops - bool(
            since
        )  # what the last layer makes of tokens before `since` nobody reads
        x, unroll = shell.embed(tokens, places), device.unrolled(self.layers * self.loops)
        x, _ = jax.lax.scan(layer, x, jax.tree.map(lambda leaf: leaf[:whole], passes), unroll=unroll)
        if since:
            x, _ = layer(x, jax.tree.map(lambda leaf: leaf[-1], passes), since)
        return shell.logits(x)

    def ready(self, params: Params) -> Params:
        layers = [jax.tree.map(itemgetter(layer), params["blocks"]) for layer in range(self.layers)]
        return {**params, "blocks": layers * self.loops}

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        none = jnp.zeros(n, jnp.int32)
        return Cache(_Memory(self._room(n, length, dtype), jnp.int32(0), none, None), none)

    def _room(self, n: int, length: int, dtype: Any) -> Kept:
        """Keys and values of no token yet, no array twice, as some are given away."""
        head = self.width // self.heads
        shapes = (n, self.heads, head, length), (n, self.heads, length, head)
        keys, values = (tuple(jnp.zeros(one, dtype) for _ in range(self.layers * self.loops)) for one in shapes)
        return Kept(keys, values, jnp.zeros((n, length), bool))

    def extend(self, params: Params, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        own, used, ordered, shared = cache.memory
        t, room, real = tokens.shape[1], own.real.shape[1], tokens[..., 0] != PAD
        places = self._places(_order(tokens, ordered[:, None]))
        turn, keys, values = self._turner(places), [], []
        if room:  # what is new is written first and read with the rest
            seen = put(own.real, real, used, 1)
            visible = seen[:, None] & (jnp.arange(room)[None] <= used + jnp.arange(t)[:, None])[None]
        else:
            seen, visible = real, causal(t) & real[:, None]
        count, only = self.layers * self.loops, jnp.maximum(real.sum(axis=1) - 1, 0) if last else None

        def asked(x: jax.Array) -> jax.Array:
            return at(x, only)

        def attend(query, key, value):
            layer, query, new = len(keys), turn(query), (by_head_turned(turn(key)), by_head(value))
            if room:
                new = put(own.keys[layer], new[0], used, 3), put(own.values[layer], new[1], used, 2)
            keys.append(new[0])
            values.append(new[1])
            common = [] if shared is None else [(shared.keys[layer], shared.values[layer], shared.real[:, None])]
            if last and layer == count - 1:
                return attention(asked(query), *common, (*new, seen[:, None]))
            return attention(query, *common, (*new, visible))

        shell = _shell(self, params)
        x = shell.embed(tokens, places)
        for layer, weights in enumerate(params["blocks"]):
            block = nnx.merge(_graphs(self)[0], weights)
            x = block(x, attend, asked if last and layer == count - 1 else None)
        if room or shared is None:
            own, used = Kept(tuple(keys), tuple(values), seen), used + t
        ordered = ordered + (real & ~_in_set(tokens)).sum(axis=1, dtype=jnp.int32)
        memory = _Memory(own, used, ordered, shared)
        return shell.logits(x), Cache(memory, cache.length + real.sum(axis=1, dtype=jnp.int32))

    def branch(self, cache: Cache, samples: int, length: int) -> Cache:
        own, _, ordered, _ = cache.memory
        room = self._room(len(ordered) * samples, length, own.keys[0].dtype)
        ordered, read = (jnp.repeat(one, samples) for one in (ordered, cache.length))
        return Cache(_Memory(room, jnp.int32(0), ordered, own), read)

    def pick(self, cache: Cache, rows: jax.Array) -> Cache:
        own, used, ordered, shared = cache.memory
        return Cache(_Memory(own.rows(rows), used, ordered[rows], shared), cache.length[rows])

    def grow(self, cache: Cache, length: int) -> Cache:
        own, used, ordered, shared = cache.memory
        more = self._room(len(ordered), length - own.real.shape[1], own.keys[0].dtype)
        return Cache(_Memory(own.followed(more), used, ordered, shared), cache.length)

    def apart(self, cache: Cache, rows: jax.Array) -> Cache:
        own, used, ordered, shared = cache.memory
        if shared is not None:
            shared = shared.rows(rows // (len(ordered) // len(shared.real)))
        return Cache(_Memory(own.rows(rows), used, ordered[rows], shared), cache.length[rows])

    def store(self, cache: Cache, length: int) -> Kept:
        return self._room(len(cache.length), length, cache.memory.own.keys[0].dtype)

    def note(self, store: Kept, cache: Cache, since: jax.Array, count: int, place: jax.Array) -> Kept:
        return store.written(cache.memory.own.part(since, count), place)

    def recall(self, store: Kept, cache: Cache, places: jax.Array, used: jax.Array) -> Cache:
        read, _, ordered, _ = cache.memory
        real = places >= 0
        own = store.at(jnp.maximum(places, 0))._replace(real=real)
        count = real.sum(axis=1, dtype=jnp.int32)
        return Cache(_Memory(own, used, ordered + count, read), cache.length + count)

    def _turner(self, places: jax.Array) -> Callable[[jax.Array], jax.Array]:
        """What rotary positions do to queries and keys; the same in every layer."""
        if self.positions != "rotary":
            return lambda x: x
        angles = turns(places, self.width // self.heads, self.context)
        return lambda x: rotate(x, angles)

    def _places(self, order: jax.Array) -> jax.Array:
        """The place of the token of each number; random positions are spread evenly outside training."""
        return order * self.spread if self.positions == "random" else order

    def _drawn_places(self, key: jax.Array, order: jax.Array, n: int) -> jax.Array:
        """Places in training: for random positions, sorted and drawn without replacement; int (n | 1, t)."""
        if self.positions != "random":
            return order
        noise = jax.random.uniform(key, (n, self.spread * self.context))
        drawn = jnp.sort(jax.lax.top_k(noise, order.shape[1])[1], axis=-1)
        return jnp.take_along_axis(drawn, jnp.broadcast_to(order, (n, order.shape[1])), axis=1)


class _Shell(nnx.Module):
    """All that is not a block: embeddings and the output layer."""

    def __init__(self, model: Transformer, rngs: nnx.Rngs):
        norm = LayerNorm if model.block == "gpt" else RMSNorm
        small = nnx.initializers.normal(model.scale)
        self.model = model
        self.token = nnx.Embed(model.vocabulary, model.width, embedding_init=small, rngs=rngs)
        if model.positions in ("learned", "random"):
            places = model.context * (model.spread if model.positions == "random" else 1)
            self.place = nnx.Embed(places, model.width, embedding_init=small, rngs=rngs)
        self.norm = norm(model.width, rngs=rngs)
        if not model.tied:
            self.output = nnx.Linear(model.width, model.vocabulary, use_bias=False, rngs=rngs)

    def embed(self, tokens: jax.Array, places: jax.Array) -> jax.Array:
        """Tokens int (n, t, c) and their places int (n | 1, t) to (n, t, d); absent further ids add nothing."""
        first, further = tokens[..., 0], tokens[..., 1:]
        x = _rows(self.token, first)
        if self.model.positions in ("learned", "random"):
            place = _rows(self.place, places)
        elif self.model.positions == "sinusoidal":
            place = self.model.scale * sinusoids(places, self.model.width).astype(x.dtype)
        else:
            place = jnp.zeros((), x.dtype)
        if not further.shape[-1]:
            return x + place
        x = x + jnp.where((further != PAD)[..., None], _rows(self.token, further), 0).sum(axis=2)
        return x + jnp.where(_in_set(tokens)[..., None], 0, place)

    def logits(self, x: jax.Array) -> jax.Array:
        x = self.norm(x).astype(jnp.float32)
        return self.token.attend(x) if self.model.tied else self.output(x)


def _rows(table: nnx.Embed, ids: jax.Array) -> jax.Array:
    """Vectors of ids in the precision of the parameters given; `nnx.Embed` returns that of the ones it was made with."""
    return jnp.take(table.embedding[...], ids, axis=0)


def _in_set(tokens: jax.Array) -> jax.Array:
    """Which of `tokens` int (n, t, c) are members of a set, as every position with more than one id is: bool (n, t)."""
    return (tokens[..., 1:] != PAD).any(axis=-1)


def _order(tokens: jax.Array, before: jax.Array | int = 0) -> jax.Array:
    """The number of each token among those in no set, `before` of which came earlier; 0 in a set. int (n | 1, t)."""
    if tokens.shape[-1] == 1:
        return before + jnp.arange(tokens.shape[1])[None]
    inside = _in_set(tokens)
    return jnp.where(inside, 0, before + jnp.cumsum(~inside, axis=1) - 1)


def _new_block(model: Transformer, rngs: nnx.Rngs) -> Block:
    hidden = model.hidden or 4 * model.width
    return Block(model.block, model.width, model.heads, hidden, model.activation, rngs)


def _pure(module: nnx.Module) -> Params:
    return nnx.to_pure_dict(nnx.state(module, nnx.Param))


@lru_cache
def _graphs(model: Transformer) -> tuple[Any, Any]:
    """The static structure of a block and of the shell; made once, no arrays inside."""
    block = nnx.eval_shape(lambda: _new_block(model, nnx.Rngs(0)))
    return nnx.graphdef(block), nnx.graphdef(nnx.eval_shape(lambda: _Shell(model, nnx.Rngs(0))))


def _shell(model: Transformer, params: Params) -> _Shell:
    return nnx.merge(_graphs(model)[1], {name: value for name, value in params.items() if name != "blocks"})
