"""Writing chains of thought piece by piece: branches of a problem that are continued, dropped and copied.

What a tree search does with a model. A problem's prompt is read once and shared by its branches, whose own text is kept
in the cache as long as they live. Dimension letters: `n` problems, `w` branches of each, `t` prompt tokens, `c` ids a
position carries, `m` tokens of a completion, `v` vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from threading import Event
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from alchemy import device
from alchemy.errors import UserError
from alchemy.model import Cache, Model, Params
from alchemy.task import EOS, PAD

BUCKET = 16
"""Texts that are read again are padded to a multiple of this, so that few programs are compiled."""


class Branches(NamedTuple):
    """`w` chains of each of `n` problems, whole or unfinished."""

    tokens: np.ndarray  # int32 (n, w, m): what was written so far, PAD behind it
    logprob: np.ndarray  # float32 (n, w): of all of that
    ended: np.ndarray  # bool (n, w)
    memory: object = None
    """What the sampler needs to go on."""

    @property
    def length(self) -> np.ndarray:
        """Tokens written, int (n, w)."""
        return (self.tokens != PAD).sum(axis=2)


class Sampler(Protocol):
    """A model that writes for a strategy; it never shows the problem behind the prompt."""

    parameters: int
    """Of the model."""

    def read(self, prompts: np.ndarray, room: int) -> Branches:
        """One empty branch of each prompt int32 (n, t, c), with `room` places for what its branches write, gaps included."""

    def write(self, branches: Branches, cuts: tuple[int, ...], most: int) -> Branches:
        """Each branch that has not ended goes on to one of the tokens `cuts` or its end, for at most `most` tokens.

        Where there is no room left, nothing is written.
        """

    def pick(self, branches: Branches, index: np.ndarray) -> Branches:
        """The branches `index` int (n, w') of each problem, any of them more than once."""

    def resume(self, start: Branches, tokens: np.ndarray, room: int) -> Branches:
        """Branches that have written `tokens` int32 (n, w, m), read after the prompts that `start` has read, with `room`
        places for what they write next."""


class _Memory(NamedTuple):
    cache: Cache
    logits: jax.Array  # (n * w, v): of the next token
    room: int  # places that are left
    prompts: tuple[Cache, jax.Array] | None = None  # what was read of them, and the logits behind; only before any writing


@dataclass
class ModelSampler:
    """Branches of one model at one temperature; temperature 0 takes the likeliest token."""

    model: Model
    params: Params
    """Of one seed: leaves without a seed axis."""
    temperature: float = 1.0
    key: jax.Array = field(default_factory=lambda: jax.random.key(0))
    stop: Event = field(default_factory=Event)
    """Once set, whoever asks for more is interrupted: Ctrl-C reaches only the main thread by itself."""

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise UserError(f"temperature {self.temperature} is negative")
        self.parameters = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(self.params))
        self._calls = 0

    def read(self, prompts: np.ndarray, room: int) -> Branches:
        n = len(prompts)
        read, logits = _reader(self.model)(self.params, prompts)
        cache = _brancher(self.model, 1, room)(read)
        nothing = np.zeros((n, 1, 0), np.int32)
        memory = _Memory(cache, logits, room, (read, logits))
        return Branches(nothing, np.zeros((n, 1), np.float32), np.zeros((n, 1), bool), memory)

    def write(self, branches: Branches, cuts: tuple[int, ...], most: int) -> Branches:
        n, w, _ = branches.tokens.shape
        cache, logits, room, _ = branches.memory
        if self.stop.is_set():
            raise KeyboardInterrupt
        ended = branches.ended.reshape(-1)
        most = min(most, room)
        if ended.all() or not most:
            return branches
        self._calls += 1
        run = _writer(self.model, tuple(cuts), most, self.temperature > 0)
        key = jax.random.fold_in(self.key, self._calls)
        cache, logits, new, logprob, ended, used = run(self.params, cache, logits, ended, self.temperature, key)
        if (longest := int(cache.length.max())) > self.model.context:
            raise UserError(f"{longest} tokens were written and read, more than a context of {self.model.context} holds")
        new = np.asarray(new)[:, : int(used)].reshape(n, w, -1)
        tokens = _appended(branches.tokens, new)
        logprob = branches.logprob + np.asarray(logprob).reshape(n, w)
        memory = _Memory(cache, logits, room - int(used))
        return Branches(tokens, logprob, np.asarray(ended).reshape(n, w), memory)

    def pick(self, branches: Branches, index: np.ndarray) -> Branches:
        n, w = branches.ended.shape
        rows = (np.arange(n)[:, None] * w + index).reshape(-1)
        cache, logits, room, _ = branches.memory
        cache, logits = _picker(self.model)(cache, logits, rows)
        along = partial(np.take_along_axis, indices=index, axis=1)
        tokens = np.take_along_axis(branches.tokens, index[:, :, None], axis=1)
        return Branches(tokens, along(branches.logprob), along(branches.ended), _Memory(cache, logits, room))

    def resume(self, start: Branches, tokens: np.ndarray, room: int) -> Branches:
        n, w, m = tokens.shape
        ended = (tokens == EOS).any(axis=2)
        width = -(-max(m, 1) // BUCKET) * BUCKET
        padded = np.pad(tokens.reshape(n * w, m), ((0, 0), (0, width - m)))
        read, logits = start.memory.prompts
        cache = _brancher(self.model, w, width + room)(read)
        cache, logits, logprob = _resumer(self.model, w)(self.params, cache, logits, padded)
        return Branches(tokens, np.asarray(logprob).reshape(n, w), ended, _Memory(cache, logits, room))


def _appended(before: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Texts (n, w, m) with more text (n, w, k) behind each, without gaps."""
    length = (before != PAD).sum(axis=2, keepdims=True)
    width = int((length + (new != PAD).sum(axis=2, keepdims=True)).max(initial=0))
    both = np.concatenate([before, new, np.zeros((*before.shape[:2], 1), np.int32)], axis=2)
    place = np.arange(width)
    index = np.where(place < length, place, before.shape[2] + place - length)
    return np.take_along_axis(both, np.minimum(index, both.shape[2] - 1), axis=2)


def _logs(logits: jax.Array) -> jax.Array:
    """Log-probabilities of the next token; padding is none."""
    return jax.nn.log_softmax(logits.at[..., PAD].set(-1e30))


@lru_cache(maxsize=64)
def _reader(model: Model) -> Callable[..., tuple[Cache, jax.Array]]:
    dtype = device.dtype("auto")

    @jax.jit
    def read(params: Params, prompts: jax.Array) -> tuple[Cache, jax.Array]:
        n, t, _ = prompts.shape
        params = jax.tree.map(lambda x: x.astype(dtype), params)
        empty = jax.lax.optimization_barrier(model.init_cache(n, t, dtype))  # or the compiler works out what nothing says
        logits, cache = model.extend(params, empty, prompts)
        last = jnp.maximum(cache.length - 1, 0)
        return cache, jnp.take_along_axis(logits, last[:, None, None], axis=1)[:, 0]

    return read


@lru_cache(maxsize=64)
def _brancher(model: Model, width: int, room: int) -> Callable[[Cache], Cache]:
    return jax.jit(lambda cache: model.branch(cache, width, room))


@lru_cache(maxsize=64)
def _writer(model: Model, cuts: tuple[int, ...], most: int, sampled: bool) -> Callable[..., tuple[jax.Array, ...]]:
    dtype = device.dtype("auto")

    @jax.jit
    def write(
        params: Params, cache: Cache, logits: jax.Array, ended: jax.Array, temperature: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, ...]:
        params = jax.tree.map(lambda x: x.astype(dtype), params)
        rows = len(ended)

        def going(carry: tuple[jax.Array, ...]) -> jax.Array:
            step, _, _, _, _, stopped, _ = carry
            return (step < most) & ~stopped.all()

        def one(carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            step, written, logits, cache, logprob, stopped, ended = carry
            logs = _logs(logits)
            if sampled:
                token = jax.random.categorical(jax.random.fold_in(key, step), logs / temperature)
            else:
                token = logs.argmax(axis=-1)
            each = jnp.take_along_axis(logs, token[:, None], axis=1)[:, 0]
            token = jnp.where(stopped, PAD, token.astype(jnp.int32))
            ids = jnp.zeros((rows, 1, 1), jnp.int32).at[:, 0, 0].set(token)
            read, cache = model.extend(params, cache, ids)
            logits = jnp.where(stopped[:, None], logits, read[:, 0])
            now = ended | (token == EOS)
            cut = jnp.isin(token, jnp.array(cuts, jnp.int32)) if cuts else False
            logprob = logprob + jnp.where(stopped, 0.0, each)
            return step + 1, written.at[:, step].set(token), logits, cache, logprob, stopped | now | cut, now

        blank, none = jnp.full((rows, most), PAD, jnp.int32), jnp.zeros(rows)
        start = (jnp.int32(0), blank, logits, cache, none, ended, ended)
        used, written, logits, cache, logprob, _, ended = jax.lax.while_loop(going, one, start)
        return cache, logits, written, logprob, ended, used

    return write


@lru_cache(maxsize=64)
def _picker(model: Model) -> Callable[..., tuple[Cache, jax.Array]]:
    return jax.jit(lambda cache, logits, rows: (model.pick(cache, rows), logits[rows]))


@lru_cache(maxsize=64)
def _resumer(model: Model, width: int) -> Callable[..., tuple[Cache, jax.Array, jax.Array]]:
    dtype = device.dtype("auto")

    @jax.jit
    def resume(
        params: Params, cache: Cache, logits: jax.Array, tokens: jax.Array
    ) -> tuple[Cache, jax.Array, jax.Array]:
        params = jax.tree.map(lambda x: x.astype(dtype), params)
        logits = jnp.repeat(logits, width, axis=0)
        after, cache = model.extend(params, cache, tokens[..., None])
        every = jnp.concatenate([logits[:, None], after], axis=1)  # before each token, and behind the last
        real = tokens != PAD
        each = jnp.take_along_axis(_logs(every[:, :-1]), tokens[..., None], axis=2)[..., 0]
        last = real.sum(axis=1)[:, None, None]
        return cache, jnp.take_along_axis(every, last, axis=1)[:, 0], jnp.where(real, each, 0.0).sum(axis=1)

    return resume
