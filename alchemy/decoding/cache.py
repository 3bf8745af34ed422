"""Moves on the cache of any model: rows are branched, picked, detached and put on a pile, and slots are added.

A cache is a tree of arrays with a leading axis of rows (`alchemy.learning.model.Cache`). Which axis of an array is that of
its slots, one for each token, is seen by comparing `init_cache` at two lengths; arrays without one are the state of a row.

Dimension letters: `n` rows, `g` rows that n / g others share, `m` slots, `v` vocabulary.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from alchemy.learning.model import Cache, Model

STATE = -1
"""In place of the axis of slots of an array that has none."""


@lru_cache(maxsize=64)
def slot_axes(model: Model) -> Any:
    """For each array of the model's memory its axis of slots, or `STATE`."""
    short, long = (jax.eval_shape(lambda length=length: model.init_cache(1, length).memory) for length in (1, 2))

    def axis(left: jax.ShapeDtypeStruct, right: jax.ShapeDtypeStruct) -> int:
        return next(
            (at for at, sizes in enumerate(zip(left.shape, right.shape, strict=True)) if len(set(sizes)) > 1), STATE
        )

    return jax.tree.map(axis, short, long)


def branch(model: Model, cache: Cache, samples: int, slots: int) -> Cache:
    """Each row `samples` times, one after the other, to be continued by at most `slots` tokens each, padding included.

    What was read so far is shared, not copied; a cache is branched once.
    """
    axes, rows = slot_axes(model), len(cache.length) * samples

    def own(axis: int, leaf: jax.Array) -> jax.Array:
        if axis == STATE:
            return jnp.repeat(leaf, samples, axis=0)
        return jnp.zeros([rows, *leaf.shape[1:axis], slots, *leaf.shape[axis + 1 :]], leaf.dtype)

    memory, length = jax.tree.map(own, axes, cache.memory), jnp.repeat(cache.length, samples)
    return Cache(memory, jnp.int32(0), length, _shared(axes, cache.memory))


def grow(model: Model, cache: Cache, slots: int) -> Cache:
    """The cache with so many slots in all, never fewer than before."""

    def grown(axis: int, leaf: jax.Array) -> jax.Array:
        if axis == STATE:
            return leaf
        return jnp.pad(leaf, [(0, slots - size if at == axis else 0) for at, size in enumerate(leaf.shape)])

    return cache._replace(memory=jax.tree.map(grown, slot_axes(model), cache.memory))


def pick(cache: Cache, rows: jax.Array) -> Cache:
    """The rows int32 (m,) of a branched cache, any of them more than once, in groups as before: the first m / g rows are of
    the row that was branched first, and so on.
    """
    memory, length = jax.tree.map(lambda leaf: leaf[rows], (cache.memory, cache.length))
    return cache._replace(memory=memory, length=length)


def detach(cache: Cache, rows: jax.Array) -> Cache:
    """The rows int32 (m,) of a branched cache in any order, each with a copy of what its group shared."""
    n = len(cache.length)
    shared = jax.tree.map(lambda leaf: leaf[rows // (n // len(leaf))], cache.shared)
    return pick(cache, rows)._replace(shared=shared)


class Pile(NamedTuple):
    """Texts of n problems that go on from one another; a slot that several texts have is kept once."""

    prompts: Cache  # of n rows
    slots: Any  # arrays (n, ...) with an axis of slots
    state: Any  # arrays (n, texts, ...) without
    length: jax.Array  # int32 (n, texts)
    logits: jax.Array  # (n, texts, v): of the next token


def pile(model: Model, prompts: Cache, logits: jax.Array, texts: int, slots: int) -> Pile:
    """Room for so many texts of each problem in so many slots; number 0 is the empty one, with logits (n, v) behind it."""
    axes = slot_axes(model)

    def first(leaf: jax.Array) -> jax.Array:
        return jnp.zeros((len(leaf), texts, *leaf.shape[1:]), leaf.dtype).at[:, 0].set(leaf)

    state = jax.tree.map(lambda axis, leaf: first(leaf) if axis == STATE else None, axes, prompts.memory)
    empty = _slots(axes, branch(model, prompts, 1, slots).memory)
    return Pile(prompts, empty, state, first(prompts.length), first(logits))


def put(
    model: Model,
    pile: Pile,
    cache: Cache,
    logits: jax.Array,
    number: jax.Array,
    since: jax.Array,
    count: int,
    slot: jax.Array,
) -> Pile:
    """The pile with a text of each problem, its cache and logits (n, v), as number `number` int32 (n,), -1 for none.

    The `count` slots of the cache from `since` on are copied to those of the pile from `slot` on.
    """
    at = jnp.where(number < 0, pile.length.shape[1], number)  # what is out of bounds is dropped

    def filed(piled: jax.Array, leaf: jax.Array) -> jax.Array:
        return piled.at[jnp.arange(len(at)), at].set(leaf, mode="drop")

    def copied(axis: int, leaf: jax.Array, piled: jax.Array) -> jax.Array:
        piece = jax.lax.dynamic_slice_in_dim(leaf, since, count, axis)
        return jax.lax.dynamic_update_slice_in_dim(piled, piece, slot, axis)

    def slots(axis: int, leaf: jax.Array, piled: jax.Array | None) -> jax.Array | None:
        return None if axis == STATE else copied(axis, leaf, piled)

    def state(axis: int, leaf: jax.Array, piled: jax.Array | None) -> jax.Array | None:
        return filed(piled, leaf) if axis == STATE else None

    axes, memory = slot_axes(model), cache.memory
    return Pile(
        pile.prompts,
        jax.tree.map(slots, axes, memory, pile.slots),
        jax.tree.map(state, axes, memory, pile.state),
        filed(pile.length, cache.length),
        filed(pile.logits, logits),
    )


def recall(model: Model, pile: Pile, number: jax.Array, path: jax.Array, slot: jax.Array) -> tuple[Cache, jax.Array]:
    """The text `number` int32 (n,) of each problem, with a cache of its own, and the logits (n, v) behind it.

    Its tokens are in the slots `path` int32 (n, m) of the pile; -1, behind them, are empty. The next slot is `slot`.
    """
    rows = jnp.arange(len(number))

    def own(axis: int, leaf: jax.Array, piled: jax.Array | None, state: jax.Array | None) -> jax.Array:
        if axis == STATE:
            return state[rows, number]
        index = jnp.expand_dims(path, [at for at in range(1, leaf.ndim) if at != axis])
        return jnp.where(
            index >= 0, jnp.take_along_axis(piled, jnp.maximum(index, 0), axis), jnp.zeros((), piled.dtype)
        )

    axes, prompts = slot_axes(model), pile.prompts.memory
    memory = jax.tree.map(own, axes, prompts, pile.slots, pile.state)
    return Cache(memory, slot, pile.length[rows, number], _shared(axes, prompts)), pile.logits[rows, number]


def _slots(axes: Any, memory: Any) -> Any:
    """The arrays with slots, None in place of the others."""
    return jax.tree.map(lambda axis, leaf: None if axis == STATE else leaf, axes, memory)


def _shared(axes: Any, memory: Any) -> Any:
    """What rows that branch from these share: nothing where there are no slots."""
    slots = _slots(axes, memory)
    return slots if jax.tree.leaves(slots) else None
