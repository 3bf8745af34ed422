"""The decoder-only transformer, GPT- or LLaMA-style, with seven position schemes.

A position that carries several ids is a member of a set, as an edge of a graph is: it has no place of its own, and the
tokens of the text around it are counted without it. Rotary positions rotate all members of a set alike, by no angle.

Dimension letters: `n` sequences, `t` tokens, `c` ids a position carries, `v` vocabulary, `d` width, `l` layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from alchemy.errors import UserError, nearest
from alchemy.learning.model import Cache, Params
from alchemy.learning.open_model import NO_PATCH, Activations, Patch
from alchemy.problem.task import PAD
from alchemy.record import added
from models.cache import empty
from models.kernels import attention, native, split_heads
from models.layers import Block, LayerNorm, RMSNorm, causal, rotary_tables, rotate, sinusoids
from models.patches import LayerPatch, activations, by_layer, readable
from models.sizes import SIZES

Positions = Literal["learned", "sinusoidal", "rotary", "none", "random", "offset", "coupled"]
POSITIONS: tuple[Positions, ...] = ("learned", "sinusoidal", "rotary", "none", "random", "offset", "coupled")
LOOKED_UP: tuple[Positions, ...] = ("learned", "random", "offset", "coupled")
"""Those with an embedding of each place."""
BLOCKS = ("gpt", "llama")


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
    """For random, offset and coupled positions: places are drawn from spread x context of them (arXiv:2305.16843). Of offset ones, which
    follow one another, only that of the first token is, in training (arXiv:2604.25800)."""
    scale: float = 0.02
    """Standard deviation of the embeddings at the start."""
    tied: bool = True
    """The output layer is the transposed embedding."""
    activation: Literal["gelu", "relu"] = "gelu"
    """Of the GPT block; the LLaMA block is gated."""
    inject: bool = added(before=False)
    """Whether every further pass through looped layers begins with the embeddings added once more (arXiv:2409.15647)."""
    marks: tuple[int, ...] = added(before=())
    """For coupled positions: tokens behind which places are counted from 0 again, so that the third token of a prompt and the third
    behind it have one place; in training all places of a text begin further on, by a number drawn for it (arXiv:2405.17399)."""

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "layers", "heads", "loops", "context", "spread"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.hidden < 0:
            raise UserError(f"hidden must be at least 0, which is 4 x width, not {self.hidden}")
        if self.width % self.heads:
            raise UserError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.positions not in POSITIONS:
            raise UserError(f"positions {self.positions!r} are unknown{nearest(self.positions, POSITIONS)}")
        if self.block not in BLOCKS:
            raise UserError(f"block {self.block!r} is unknown{nearest(self.block, BLOCKS)}")
        if (self.positions == "coupled") != bool(self.marks):
            raise UserError(
                f"positions {self.positions!r} with marks {self.marks}: coupled positions need marks, others have none"
            )
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

    def apply(self, params: Params, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return self._forward(params, tokens, self._places(tokens, keys), start)[0]

    def open(self, params: Params, tokens: jax.Array, patch: Patch = NO_PATCH) -> tuple[jax.Array, Activations]:
        return self._forward(params, tokens, self._places(tokens), patch=patch)

    def _forward(
        self, params: Params, tokens: jax.Array, positions: jax.Array, start: int = 0, patch: Patch | None = None
    ) -> tuple[jax.Array, Any]:
        """Logits from the token at `start` on; with a patch, which has no start, the activations too."""
        shell = shell_of(self, params)
        x, seen = self._read(params, shell.embed(tokens, positions), positions, start, patch)
        return shell.logits(x), seen

    def _read(
        self, params: Params, embedded: jax.Array, positions: jax.Array, start: int = 0, patch: Patch | None = None
    ) -> tuple[jax.Array, Any]:
        """What the last layer says (n, t - start, d) of embeddings (n, t, d); with a patch the activations too."""
        rotate, mask = self._rotary(positions), readable(causal(embedded.shape[1]), patch)
        of_embedding, of_layers = by_layer(patch)

        def layer(x: jax.Array, inputs: tuple[Params, LayerPatch, Any], start: int = 0) -> tuple[jax.Array, Any]:
            weights, patches, again = inputs
            block, x = _block(self, weights), x if again is None else x + again.astype(x.dtype) * embedded
            query, key, value = block.project(x)
            memory = (*split_heads(rotate(key), value), mask[:, start:])
            x, read = x[:, start:], patches.of_heads(attention(rotate(query)[:, start:], memory))
            x = patches.of_residual(block.finish(x, read))
            return x, None if patch is None else (x, read)

        embedded = of_embedding.of_residual(embedded)
        blocks = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * self.loops), params["blocks"])
        inputs, last = (blocks, of_layers, self._again() if self.inject else None), None
        if start:  # of what comes before it, nothing reads the last layer's output
            inputs, last = (jax.tree.map(itemgetter(part), inputs) for part in (slice(-1), -1))
        x, seen = jax.lax.scan(layer, embedded, inputs, unroll=native().unroll(self.passes))
        if last is not None:
            x, _ = layer(x, last, start)
        return x, None if patch is None else activations(embedded, *seen)

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        memory = empty(n, length, self.passes, self.heads, self.width // self.heads, dtype)
        return Cache(memory, jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Params, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        positions, shell = self._onward(cache, tokens), shell_of(self, params)
        x, cache = self._read_on(params, cache, tokens, shell.embed(tokens, positions), positions, last)
        return shell.logits(x), cache

    def _onward(self, cache: Cache, tokens: jax.Array) -> jax.Array:
        """The positions of tokens (n, t, c) behind what a cache holds, int (n, t)."""
        return self._spread(_order(tokens, cache.memory.position[:, None], self.marks))

    def _read_on(
        self,
        params: Params,
        cache: Cache,
        tokens: jax.Array,
        embedded: jax.Array,
        positions: jax.Array,
        last: bool = False,
    ) -> tuple[jax.Array, Cache]:
        """What the last layer says of embeddings (n, t, d) of tokens behind what a cache holds, with `last` of each row's last
        alone, and the new cache."""
        memory, slot, length, shared = cache
        t, real = tokens.shape[1], tokens[..., 0] != PAD
        rotate, memory = self._rotary(positions), memory.write_mask(real, slot)
        before = jnp.arange(memory.mask.shape[1])[None] <= slot + jnp.arange(t)[:, None]
        mask, x = memory.mask[:, None] & before[None], embedded  # (n, t, m), (n, t, d)
        for number in range(self.passes):
            x = x + embedded if self.inject and number and number % self.layers == 0 else x
            block = _block(self, jax.tree.map(itemgetter(number % self.layers), params["blocks"]))
            query, key, value = block.project(x)
            query, memory = rotate(query), memory.write(number, rotate(key), value, slot)
            if last and number == self.passes - 1:
                end = last_of(real)
                x, query, mask = (take(array, end) for array in (x, query, mask))
            memories = [memory.layer(number, mask)]
            if shared is not None:
                memories.insert(0, shared.layer(number, shared.mask[:, None]))
            x = block.finish(x, attention(query, *memories))
        memory = memory._replace(position=_behind(tokens, memory.position, self.marks))
        return x, Cache(memory, slot + t, length + real.sum(axis=1, dtype=jnp.int32), shared)

    @property
    def passes(self) -> int:
        """Layers that a token passes through."""
        return self.layers * self.loops

    def _again(self) -> jax.Array:
        """How often the embeddings are added before each layer that a token passes through, float (l,)."""
        number = jnp.arange(self.passes)
        return ((number > 0) & (number % self.layers == 0)).astype(jnp.float32)

    def _rotary(self, positions: jax.Array) -> Callable[[jax.Array], jax.Array]:
        """What becomes of queries and keys (n, t, h, k) at these positions, in every layer."""
        if self.positions != "rotary":
            return lambda x: x
        return partial(rotate, tables=rotary_tables(positions, self.width // self.heads, self.context))

    def _places(self, tokens: jax.Array, keys: jax.Array | None = None) -> jax.Array:
        """The positions of tokens (n, t, c) that a text begins with, int (n | 1, t); in training of keys (n,)."""
        order = _order(tokens, marks=self.marks)
        return self._spread(order) if keys is None else self._drawn(keys, order)

    def _spread(self, order: jax.Array) -> jax.Array:
        """The positions of tokens of these numbers; random ones are spread evenly outside training."""
        return order * self.spread if self.positions == "random" else order

    def _drawn(self, keys: jax.Array, order: jax.Array) -> jax.Array:
        """Positions in training, int (n | 1, t): random ones are sorted draws without replacement, of keys (n,), and offset and
        coupled ones begin at a drawn place."""
        if self.positions in ("offset", "coupled"):
            most = self.spread * self.context - order.shape[1]
            return order + jax.vmap(lambda key: jax.random.randint(key, (1,), 0, most + 1))(keys)
        if self.positions != "random":
            return order
        noise = jax.vmap(lambda key: jax.random.uniform(key, (self.spread * self.context,)))(keys)
        drawn = jnp.sort(jax.lax.top_k(noise, order.shape[1])[1], axis=-1)
        return jnp.take_along_axis(drawn, jnp.broadcast_to(order, drawn.shape), axis=1)


class _Shell(nnx.Module):
    """All that is not a block: embeddings and the output layer."""

    def __init__(self, model: Transformer, rngs: nnx.Rngs):
        norm = LayerNorm if model.block == "gpt" else RMSNorm
        small = nnx.initializers.normal(model.scale)
        self.model = model
        self.token = nnx.Embed(model.vocabulary, model.width, embedding_init=small, rngs=rngs)
        if model.positions in LOOKED_UP:
            positions = model.context * (1 if model.positions == "learned" else model.spread)
            self.place = nnx.Embed(positions, model.width, embedding_init=small, rngs=rngs)
        self.norm = norm(model.width, rngs=rngs)
        if not model.tied:
            self.output = nnx.Linear(model.width, model.vocabulary, use_bias=False, rngs=rngs)

    def embed(self, tokens: jax.Array, positions: jax.Array) -> jax.Array:
        """Tokens int (n, t, c) at positions int (n | 1, t) to (n, t, d); absent further ids add nothing."""
        first, further = tokens[..., 0], tokens[..., 1:]
        x = _lookup(self.token, first)
        if self.model.positions in LOOKED_UP:
            place = _lookup(self.place, positions)
        elif self.model.positions == "sinusoidal":
            place = self.model.scale * sinusoids(positions, self.model.width).astype(x.dtype)
        else:
            place = jnp.zeros((), x.dtype)
        if not further.shape[-1]:
            return x + place
        x = x + jnp.where((further != PAD)[..., None], _lookup(self.token, further), 0).sum(axis=2)
        return x + jnp.where(in_set(tokens)[..., None], 0, place)

    def logits(self, x: jax.Array) -> jax.Array:
        """float32 (n, t, v) of x (n, t, d)."""
        x = self.norm(x).astype(jnp.float32)
        return self.token.attend(x) if self.model.tied else self.output(x)


def _lookup(table: nnx.Embed, ids: jax.Array) -> jax.Array:
    """Embeddings of ids in the precision of the parameters given; `nnx.Embed` returns that of the ones it was made with."""
    return jnp.take(table.embedding[...], ids, axis=0)


def in_set(tokens: jax.Array) -> jax.Array:
    """Which of `tokens` int (n, t, c) are members of a set, as every position with more than one id is: bool (n, t)."""
    return (tokens[..., 1:] != PAD).any(axis=-1)


def _order(tokens: jax.Array, before: jax.Array | int = 0, marks: tuple[int, ...] = ()) -> jax.Array:
    """The number of each token among those in no set, `before` of which came earlier; 0 in a set. Behind `marks` numbers begin
    again. int (n | 1, t)."""
    if tokens.shape[-1] == 1 and not marks:
        return before + jnp.arange(tokens.shape[1])[None]
    inside = in_set(tokens)
    number = jnp.cumsum(~inside, axis=1) - 1
    if marks:
        behind = jax.lax.cummax(jnp.where(_is_mark(tokens, marks), number + 1, 0), axis=1)
        begun = jnp.pad(behind[:, :-1], ((0, 0), (1, 0)))  # a mark is the last of its own run
        number, before = number - begun, jnp.where(begun > 0, 0, before)
    return jnp.where(inside, 0, before + number)


def _behind(tokens: jax.Array, before: jax.Array, marks: tuple[int, ...]) -> jax.Array:
    """The number of what follows tokens (n, t, c), padded on the right, `before` (n,) of which came earlier: int32 (n,)."""
    counted = (tokens[..., 0] != PAD) & ~in_set(tokens)
    if marks:
        to_come = jax.lax.cumsum(_is_mark(tokens, marks).astype(jnp.int32), axis=1, reverse=True)
        counted, before = counted & (to_come == 0), jnp.where(to_come[:, 0] > 0, 0, before)
    return before + counted.sum(axis=1, dtype=jnp.int32)


def _is_mark(tokens: jax.Array, marks: tuple[int, ...]) -> jax.Array:
    """Which of tokens (n, t, c) are `marks` and in no set, bool (n, t)."""
    return jnp.isin(tokens[..., 0], jnp.array(marks)) & ~in_set(tokens)


def last_of(real: jax.Array) -> jax.Array:
    """The place of the last token of each row of bool (n, t), 0 where there is none: int (n,)."""
    return jnp.maximum(real.sum(axis=1) - 1, 0)


def take(x: jax.Array, token: jax.Array) -> jax.Array:
    """One token of each sequence, x (n, t, ...) at int (n,): (n, 1, ...)."""
    return jnp.take_along_axis(x, jnp.expand_dims(token, range(1, x.ndim)), axis=1)


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


def _block(model: Transformer, weights: Params) -> Block:
    return nnx.merge(_graphs(model)[0], weights)


def shell_of(model: Transformer, params: Params) -> _Shell:
    return nnx.merge(_graphs(model)[1], {name: value for name, value in params.items() if name != "blocks"})
