"""The compiled programs that a sampler runs: one a model and size, each made when it is first asked for.

Dimension letters: `n` problems, `r` rows, one a branch, `t` prompt tokens, `c` ids a position carries, `v` vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import jax
import jax.numpy as jnp

from alchemy.decoding import cache as caches
from alchemy.decoding.cache import Pile
from alchemy.decoding.engine import Engine, Texts
from alchemy.learning import machine
from alchemy.learning.kept import Kept
from alchemy.learning.model import Cache, Model, Params


@lru_cache(maxsize=64)
def reader(model: Model) -> Callable[..., tuple[Cache, jax.Array]]:
    """Prompts int32 (n, t, c) to the cache that read them and the logits (n, v) behind."""
    dtype = machine.dtype("auto")

    def read(params: Params, prompts: jax.Array) -> tuple[Cache, jax.Array]:
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        n, t, _ = prompts.shape
        logits, cache = model.extend(params, model.init_cache(n, t, dtype), prompts, last=True)
        return cache, logits[:, 0]

    return Kept(read, model)


@lru_cache(maxsize=64)
def brancher(model: Model, slots: int) -> Callable[[Cache], Cache]:
    """One branch a row, with so many slots."""
    return jax.jit(lambda cache: caches.branch(model, cache, 1, slots))


@lru_cache(maxsize=64)
def grower(model: Model, slots: int) -> Callable[[Cache], Cache]:
    """A cache with so many slots in all."""
    return jax.jit(lambda cache: caches.grow(model, cache, slots))


@lru_cache(maxsize=64)
def picker() -> Callable[..., tuple[Cache, jax.Array]]:
    """Some rows, any of them more than once."""
    return jax.jit(lambda cache, logits, rows: (caches.pick(cache, rows), logits[rows]))


@lru_cache(maxsize=64)
def writer(engine: Engine, steps: int) -> Callable[..., tuple[Texts, jax.Array]]:
    """Every row goes on to where the engine stops it, for at most so many tokens: what it wrote, and the logits behind."""
    dtype = machine.dtype("auto")

    def write(
        params: Params,
        cache: Cache,
        logits: jax.Array,
        limits: jax.Array,
        temperature: jax.Array,
        key: jax.Array,
        problems: jax.Array,
        branches: jax.Array,
    ) -> tuple[Texts, jax.Array]:
        """Tokens of each row at most, int32 (r,), and the numbers of its problem and its branch, on which its random
        numbers depend."""
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        keys = jax.vmap(lambda problem, branch: jax.random.fold_in(jax.random.fold_in(key, problem), branch))

        def step(state: tuple[Texts, jax.Array]) -> tuple[Texts, jax.Array]:
            before, logits = state
            texts = engine.write(before, logits, temperature, jnp.zeros(0, jnp.int32))
            behind, texts = engine.read(params, texts)
            texts = texts._replace(stopped=texts.stopped | (texts.step >= limits))
            return texts, jnp.where(before.stopped[:, None], logits, behind)

        start = engine.start(cache, keys(problems, branches), limits <= 0, steps)
        return jax.lax.while_loop(lambda state: ~state[0].stopped.all(), step, (start, logits))

    return Kept(write, engine, steps)


@lru_cache(maxsize=64)
def piler(model: Model, texts: int, slots: int) -> Callable[..., Pile]:
    """A pile of so many texts of each prompt in so many slots."""
    return jax.jit(lambda prompts, logits: caches.pile(model, prompts, logits, texts, slots))


@lru_cache(maxsize=64)
def recaller(model: Model) -> Callable[..., tuple[Cache, jax.Array]]:
    """Texts of a pile, each with a cache of its own."""
    return jax.jit(partial(caches.recall, model))


@lru_cache(maxsize=64)
def putter(model: Model, count: int) -> Callable[..., Pile]:
    """A piece of each text, in so many slots, to a pile, which is given away."""

    @partial(jax.jit, donate_argnums=0)  # or all that is on the pile would be copied each time
    def put(pile: Pile, cache: Cache, logits: jax.Array, number: jax.Array, since: jax.Array, slot: jax.Array) -> Pile:
        return caches.put(model, pile, cache, logits, number, since, count, slot)

    return put
