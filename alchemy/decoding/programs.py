"""The compiled programs that a sampler runs: one a model and size, each made when it is first asked for.

Dimension letters: `n` problems, `r` rows, one a branch, `t` prompt tokens, `c` ids a position carries, `v` vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from alchemy.learning import machine as device
from alchemy.learning.model import Cache, Model, Params
from alchemy.problem.task import EOS, PAD


def _logs(logits: jax.Array) -> jax.Array:
    """Log-probabilities of the next token; padding is none."""
    return jax.nn.log_softmax(logits.at[..., PAD].set(-1e30))


@lru_cache(maxsize=64)
def reader(model: Model) -> Callable[..., tuple[Cache, jax.Array]]:
    """Prompts int32 (n, t, c) to what was read of them and the logits (n, v) behind."""
    dtype = device.dtype("auto")

    @jax.jit
    def read(params: Params, prompts: jax.Array) -> tuple[Cache, jax.Array]:
        params = model.ready(jax.tree.map(lambda x: x.astype(dtype), params))
        logits, cache = model.extend(params, model.init_cache(len(prompts), 0, dtype), prompts, last=True)
        return cache, logits[:, 0]

    return read


@lru_cache(maxsize=64)
def brancher(model: Model, size: int) -> Callable[[Cache], Cache]:
    """One branch a row, with so many places."""
    return jax.jit(lambda cache: model.branch(cache, 1, size))


@lru_cache(maxsize=64)
def grower(model: Model, size: int) -> Callable[[Cache], Cache]:
    """A branched cache with so many places in all."""
    return jax.jit(lambda cache: model.grow(cache, size))


class Writing(NamedTuple):
    """A piece of text of every row."""

    step: jax.Array  # tokens of the longest so far
    written: jax.Array  # int32 (r, places)
    logits: jax.Array  # (r, v): of the next token
    cache: Cache
    logprob: jax.Array  # (r,): of the piece
    stopped: jax.Array  # bool (r,): at a cut, or ended
    ended: jax.Array  # bool (r,)


@lru_cache(maxsize=64)
def writer(model: Model, cuts: tuple[int, ...], places: int, sampled: bool) -> Callable[..., Writing]:
    """Every row goes on to a cut or its end, for at most so many tokens; fewer, if the call says so."""
    dtype = device.dtype("auto")

    @jax.jit
    def write(
        params: Params,
        cache: Cache,
        logits: jax.Array,
        ended: jax.Array,
        temperature: jax.Array,
        most: jax.Array,
        key: jax.Array,
    ) -> Writing:
        params = model.ready(jax.tree.map(lambda x: x.astype(dtype), params))

        def one(now: Writing) -> Writing:
            rows, logs = len(now.ended), _logs(now.logits)
            if sampled:
                token = jax.random.categorical(jax.random.fold_in(key, now.step), logs / temperature)
            else:
                token = logs.argmax(axis=-1)
            each = jnp.take_along_axis(logs, token[:, None], axis=1)[:, 0]
            token = jnp.where(now.stopped, PAD, token.astype(jnp.int32))
            read, cache = model.extend(params, now.cache, jnp.zeros((rows, 1, 1), jnp.int32).at[:, 0, 0].set(token))
            ended = now.ended | (token == EOS)
            cut = jnp.isin(token, jnp.array(cuts, jnp.int32)) if cuts else False
            return Writing(
                now.step + 1,
                now.written.at[:, now.step].set(token),
                jnp.where(now.stopped[:, None], now.logits, read[:, 0]),
                cache,
                now.logprob + jnp.where(now.stopped, 0.0, each),
                now.stopped | ended | cut,
                ended,
            )

        rows, none = len(ended), jnp.zeros(len(ended))
        start = Writing(jnp.int32(0), jnp.full((rows, places), PAD, jnp.int32), logits, cache, none, ended, ended)
        return jax.lax.while_loop(lambda now: (now.step < most) & ~now.stopped.all(), one, start)

    return write


@lru_cache(maxsize=64)
def picker(model: Model) -> Callable[..., tuple[Cache, jax.Array]]:
    """Some rows, any of them more than once."""
    return jax.jit(lambda cache, logits, rows: (model.pick(cache, rows), logits[rows]))


@lru_cache(maxsize=64)
def taker(model: Model) -> Callable[..., tuple[Cache, jax.Array]]:
    """Texts from a pile, each with a cache of its own."""

    @jax.jit
    def take(
        store: Any, read: Cache, logits: jax.Array, path: jax.Array, index: jax.Array, longest: jax.Array
    ) -> tuple[Cache, jax.Array]:
        behind = jnp.take_along_axis(logits, index[:, None, None], axis=1)[:, 0]
        return model.recall(store, read, path, longest), behind

    return take


@lru_cache(maxsize=64)
def putter(model: Model, most: int) -> Callable[..., tuple[Any, jax.Array]]:
    """A piece of each text, of at most so many tokens, to a pile."""

    @partial(jax.jit, donate_argnums=(0, 1))  # or all that is on the pile would be copied each time
    def put(
        store: Any,
        logits: jax.Array,
        text: Cache,
        behind: jax.Array,
        since: jax.Array,
        used: jax.Array,
        number: jax.Array,
    ) -> tuple[Any, jax.Array]:
        at = jnp.where(number < 0, logits.shape[1], number)  # out of bounds: left out
        logits = logits.at[jnp.arange(len(at)), at].set(behind, mode="drop")
        return model.note(store, text, since, most, used), logits

    return put
