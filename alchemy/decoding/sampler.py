"""Writing chains of thought piece by piece: branches of a problem that are continued, dropped, copied and come back to.

What a tree search does with a model. A problem's prompt is read once and shared by its branches, whose own text is kept
in a cache as long as they live; texts that a search may come back to are put on a pile. Dimension letters: `n` problems,
`w` branches of each, `t` prompt tokens, `c` ids a position carries, `m` tokens of a completion, `v` vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.decoding import programs
from alchemy.errors import UserError
from alchemy.learning.model import Cache, Model, Params
from alchemy.problem.task import PAD

BUCKET = 48
"""Places of the smallest cache; larger ones have a power of two or half as much again, so that few programs are
compiled. Reading a few places that are empty costs less than another program."""
PIECE = 8
"""So has what is written at once: places for a multiple of this many tokens."""


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

    def pile(self, prompts: np.ndarray, size: int, most: int, longest: int) -> Branches:
        """Room for `size` texts of each prompt; number 0 is the empty one, the others are `put` there. They have at most `longest`
        tokens, `most` more than what they go on from. What is picked from a pile, one text of each problem, can go on."""

    def put(self, pile: Branches, number: np.ndarray, text: Branches) -> Branches:
        """The pile with `text`, which was picked from it and went on by one piece, as number `number` int (n,) of each
        problem, -1 for none; the pile as it was is used up."""


class _Memory(NamedTuple):
    cache: Cache
    logits: jax.Array  # (n * w, v): of the next token
    room: int  # places that may still be written
    used: int  # places of the cache that are
    size: int  # places it has
    path: np.ndarray | None = None  # int (n, m): places, in the pile it was picked from, of what was written then
    piece: tuple[int, int] = (0, 0)  # where the last piece begins, and the places it might have taken


class _Pile(NamedTuple):
    read: Cache  # of the prompts
    store: Any
    logits: jax.Array  # (n, size, v): behind each text
    path: np.ndarray  # int32 (n, size, m): places of each text's tokens in the store, -1 behind them
    used: int  # places of the store


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
        n, size = len(prompts), BUCKET
        read, logits = programs.reader(self.model)(self.params, prompts)
        cache = programs.brancher(self.model, size)(read)
        nothing = np.zeros((n, 1, 0), np.int32)
        memory = _Memory(cache, logits, room, 0, size)
        return Branches(nothing, np.zeros((n, 1), np.float32), np.zeros((n, 1), bool), memory)

    def write(self, branches: Branches, cuts: tuple[int, ...], most: int) -> Branches:
        n, w, _ = branches.tokens.shape
        memory = branches.memory
        if self.stop.is_set():
            raise KeyboardInterrupt
        ended = branches.ended.reshape(-1)
        most = min(most, memory.room)
        if ended.all() or not most:
            return branches
        self._calls += 1
        before, places = memory.used, -(-most // PIECE) * PIECE
        size = max(memory.size, _size(before + places))
        cache = memory.cache if size == memory.size else programs.grower(self.model, size)(memory.cache)
        run, key = (
            programs.writer(self.model, tuple(cuts), places, self.temperature > 0),
            jax.random.fold_in(self.key, self._calls),
        )
        done = run(self.params, cache, memory.logits, ended, self.temperature, most, key)
        if (longest := int(done.cache.length.max())) > self.model.context:
            raise UserError(
                f"{longest} tokens were written and read, more than a context of {self.model.context} holds"
            )
        used = int(done.step)
        tokens = _appended(branches.tokens, np.asarray(done.written)[:, :used].reshape(n, w, -1))
        logprob = branches.logprob + np.asarray(done.logprob).reshape(n, w)
        memory = _Memory(
            done.cache, done.logits, memory.room - used, before + used, size, memory.path, (before, places)
        )
        return Branches(tokens, logprob, np.asarray(done.ended).reshape(n, w), memory)

    def pick(self, branches: Branches, index: np.ndarray) -> Branches:
        n, w = branches.ended.shape
        along = partial(np.take_along_axis, indices=index, axis=1)
        tokens = np.take_along_axis(branches.tokens, index[:, :, None], axis=1)
        if isinstance(branches.memory, _Pile):
            tokens = tokens[:, :, : int((tokens != PAD).sum(axis=2).max())]
            memory = self._taken(branches.memory, index, tokens.shape[2])
        else:
            rows = (np.arange(n)[:, None] * w + index).reshape(-1)
            cache, logits = programs.picker(self.model)(branches.memory.cache, branches.memory.logits, rows)
            memory = branches.memory._replace(cache=cache, logits=logits)
        return Branches(tokens, along(branches.logprob), along(branches.ended), memory)

    def _taken(self, pile: _Pile, index: np.ndarray, longest: int) -> _Memory:
        """The texts `index` int (n, 1), of at most `longest` tokens, with a cache of their own."""
        size = _size(longest)
        path = pile.path[np.arange(len(index)), index[:, 0]]
        path = np.pad(path[:, :size], [(0, 0), (0, max(0, size - path.shape[1]))], constant_values=-1)
        cache, logits = programs.taker(self.model)(pile.store, pile.read, pile.logits, path, index[:, 0], longest)
        return _Memory(cache, logits, pile.path.shape[2], longest, size, path)

    def pile(self, prompts: np.ndarray, size: int, most: int, longest: int) -> Branches:
        n = len(prompts)
        read, logits = programs.reader(self.model)(self.params, prompts)
        store = self.model.store(read, size * -(-most // PIECE) * PIECE)
        logits = jnp.zeros((n, size, logits.shape[-1]), logits.dtype).at[:, 0].set(logits)
        memory = _Pile(read, store, logits, np.full((n, size, longest), -1, np.int32), 0)
        nothing = np.zeros((n, size, longest), np.int32)
        return Branches(nothing, np.zeros((n, size), np.float32), np.zeros((n, size), bool), memory)

    def put(self, pile: Branches, number: np.ndarray, text: Branches) -> Branches:
        memory, after, rows = pile.memory, text.memory, np.flatnonzero(number >= 0)
        if not len(rows):
            return pile
        since, most = after.piece
        store, logits = programs.putter(self.model, most)(
            memory.store, memory.logits, after.cache, after.logits, since, memory.used, number
        )
        at, tokens, before = number[rows], text.tokens[rows, 0], (after.path[rows] >= 0).sum(axis=1, keepdims=True)
        place = np.arange(tokens.shape[1])
        old = np.pad(after.path[rows], [(0, 0), (0, len(place))])[:, : len(place)]
        path = np.where(place < before, old, memory.used + place - before)
        memory.path[rows, at, : len(place)] = np.where(tokens != PAD, path, -1)
        pile.tokens[rows, at, : len(place)] = tokens
        pile.logprob[rows, at], pile.ended[rows, at] = text.logprob[rows, 0], text.ended[rows, 0]
        return pile._replace(memory=memory._replace(store=store, logits=logits, used=memory.used + after.used - since))


def _size(places: int) -> int:
    """Places of a cache that has to hold so many."""
    size = BUCKET
    while size < places:
        size = size * 4 // 3 if size % 3 == 0 else size * 3 // 2
    return size


def _appended(before: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Texts (n, w, m) with more text (n, w, k) behind each, without gaps."""
    length = (before != PAD).sum(axis=2, keepdims=True)
    width = int((length + (new != PAD).sum(axis=2, keepdims=True)).max(initial=0))
    both = np.concatenate([before, new, np.zeros((*before.shape[:2], 1), np.int32)], axis=2)
    place = np.arange(width)
    index = np.where(place < length, place, before.shape[2] + place - length)
    return np.take_along_axis(both, np.minimum(index, both.shape[2] - 1), axis=2)
