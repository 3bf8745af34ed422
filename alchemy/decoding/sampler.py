"""Writing chains of thought piece by piece: branches of a problem that are continued, dropped, copied and come back to.

What a tree search does with a model. A problem's prompt is read once and shared by its branches, whose own text is in a
cache as long as they live; texts that a search may come back to are put on a pile. Dimension letters: `n` problems,
`w` branches of each, `t` prompt tokens, `c` ids a position carries, `m` tokens of a completion, `v` vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import NamedTuple, Protocol

import jax
import numpy as np

from alchemy.decoding import programs
from alchemy.decoding.cache import Pile
from alchemy.decoding.engine import Engine
from alchemy.errors import UserError
from alchemy.learning import tuning
from alchemy.learning.model import Cache, Model, Params
from alchemy.problem.task import EOS, PAD

BUCKET = 48
"""Slots of the smallest cache; larger ones have a power of two or half as much again, so that few programs are compiled.
Reading a few slots that are empty costs less than another program."""
PIECE = 8
"""So has what is written at once: slots for a multiple of this many tokens. Both are more for models that are `tuning.tiny`."""


class Branches(NamedTuple):
    """`w` chains of each of `n` problems, whole or unfinished."""

    tokens: np.ndarray  # int32 (n, w, m): what was written so far, PAD behind it
    logprob: np.ndarray  # float32 (n, w): of all of that
    ended: np.ndarray  # bool (n, w)
    state: object = None
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
        """One empty branch of each prompt int32 (n, t, c), none of whose branches may have more than `room` tokens."""

    def write(self, branches: Branches, stops: tuple[int, ...], most: int) -> Branches:
        """Each branch that has not ended goes on to one of the tokens `stops` or its end, for at most `most` tokens and as
        long as there is room."""

    def pick(self, branches: Branches, index: np.ndarray) -> Branches:
        """The branches `index` int (n, w') of each problem, any of them more than once."""

    def pile(self, prompts: np.ndarray, size: int, most: int, longest: int) -> Branches:
        """Room for `size` texts of each prompt; number 0 is the empty one, the others are `put` there. They have at most `longest`
        tokens, `most` more than what they go on from. What is picked from a pile, one text of each problem, can go on."""

    def put(self, pile: Branches, number: np.ndarray, text: Branches) -> Branches:
        """The pile with `text`, which was picked from it and went on by one piece, as number `number` int (n,) of each
        problem, -1 for none; the pile as it was is used up."""


class _Written(NamedTuple):
    """What a model needs to go on from branches."""

    cache: Cache
    logits: jax.Array  # (n * w, v): of the next token
    room: int  # tokens that a branch may have
    used: int  # slots of the cache that are written
    slots: int  # slots of the cache
    path: np.ndarray | None = None  # int (n, m): slots of the text in the pile it was picked from
    piece: tuple[int, int] = (0, 0)  # where the last piece begins, and the slots it might have taken


class _Piled(NamedTuple):
    """What a model needs to go on from the texts of a pile."""

    pile: Pile
    path: np.ndarray  # int32 (n, size, m): slots of each text's tokens, -1 behind them
    used: int  # slots of the pile that are written


@dataclass
class ModelSampler:
    """Branches of one model at one temperature; temperature 0 takes the likeliest token."""

    model: Model
    params: Params
    """Of one seed: leaves without a seed axis."""
    temperature: float = 1.0
    key: jax.Array = field(default_factory=lambda: jax.random.key(0))
    first: int = 0
    """The number of the first problem that is read, of those that are answered by this key: each has random numbers of its
    own, whichever others are read beside it."""
    stop: Event = field(default_factory=Event)
    """Once set, whoever asks for more is interrupted: Ctrl-C reaches only the main thread by itself."""

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise UserError(f"temperature {self.temperature} is negative")
        self.parameters = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(self.params))
        self._calls = 0

    def read(self, prompts: np.ndarray, room: int) -> Branches:
        n = len(prompts)
        prompt_cache, logits = programs.reader(self.model)(self.params, prompts)
        slots = _cache_slots(self.model, 1)
        cache = programs.brancher(self.model, slots)(prompt_cache)
        nothing = np.zeros((n, 1, 0), np.int32)
        state = _Written(cache, logits, room, 0, slots)
        return Branches(nothing, np.zeros((n, 1), np.float32), np.zeros((n, 1), bool), state)

    def write(self, branches: Branches, stops: tuple[int, ...], most: int) -> Branches:
        n, w, _ = branches.tokens.shape
        state = branches.state
        if self.stop.is_set():
            raise KeyboardInterrupt
        self._calls += 1
        limits = np.where(branches.ended, 0, np.clip(state.room - branches.length, 0, most)).reshape(-1)
        if not limits.any():
            return branches
        steps = _piece_slots(self.model, int(limits.max()))
        slots = max(state.slots, _cache_slots(self.model, state.used + steps))
        cache = state.cache if slots == state.slots else programs.grower(self.model, slots)(state.cache)
        engine = Engine(self.model, self.temperature > 0, stops=(EOS, *stops))
        problem, branch = np.divmod(np.arange(n * w, dtype=np.int32), np.int32(w))
        key = jax.random.fold_in(self.key, self._calls)
        write = programs.writer(engine, steps)
        texts, logits = write(
            self.params,
            cache,
            state.logits,
            limits.astype(np.int32),
            self.temperature,
            key,
            self.first + problem,
            branch,
        )
        if (longest := int(texts.cache.length.max())) > self.model.context:
            raise UserError(
                f"{longest} tokens were written and read, more than a context of {self.model.context} holds"
            )
        step = int(texts.step)
        piece = np.asarray(texts.tokens)[:step].T.reshape(n, w, step)
        logprob = branches.logprob + np.asarray(texts.logprob).reshape(n, w)
        ended = branches.ended | (piece == EOS).any(axis=2)
        state = _Written(texts.cache, logits, state.room, state.used + step, slots, state.path, (state.used, steps))
        return Branches(_appended(branches.tokens, piece), logprob, ended, state)

    def pick(self, branches: Branches, index: np.ndarray) -> Branches:
        n, w = branches.ended.shape
        along = partial(np.take_along_axis, indices=index, axis=1)
        tokens = np.take_along_axis(branches.tokens, index[:, :, None], axis=1)
        if isinstance(branches.state, _Piled):
            tokens = tokens[:, :, : int((tokens != PAD).sum(axis=2).max())]
            state = self._recalled(branches.state, index[:, 0], tokens.shape[2])
        else:
            rows = (np.arange(n)[:, None] * w + index).reshape(-1)
            cache, logits = programs.picker()(branches.state.cache, branches.state.logits, rows)
            state = branches.state._replace(cache=cache, logits=logits)
        return Branches(tokens, along(branches.logprob), along(branches.ended), state)

    def _recalled(self, piled: _Piled, number: np.ndarray, longest: int) -> _Written:
        """The texts `number` int (n,), of at most `longest` tokens, with a cache of their own."""
        slots = _cache_slots(self.model, longest)
        path = piled.path[np.arange(len(number)), number]
        path = np.pad(path[:, :slots], [(0, 0), (0, max(0, slots - path.shape[1]))], constant_values=-1)
        cache, logits = programs.recaller(self.model)(piled.pile, number, path, np.int32(longest))
        return _Written(cache, logits, piled.path.shape[2], longest, slots, path)

    def pile(self, prompts: np.ndarray, size: int, most: int, longest: int) -> Branches:
        n = len(prompts)
        cache, logits = programs.reader(self.model)(self.params, prompts)
        pile = programs.piler(self.model, size, size * _piece_slots(self.model, most))(cache, logits)
        state = _Piled(pile, np.full((n, size, longest), -1, np.int32), 0)
        nothing = np.zeros((n, size, longest), np.int32)
        return Branches(nothing, np.zeros((n, size), np.float32), np.zeros((n, size), bool), state)

    def put(self, pile: Branches, number: np.ndarray, text: Branches) -> Branches:
        piled, written, rows = pile.state, text.state, np.flatnonzero(number >= 0)
        if not len(rows):
            return pile
        since, count = written.piece
        put = programs.putter(self.model, count)
        given_away = piled.pile._replace(prompts=None)  # but for the prompts, which recalled texts share
        filed = put(given_away, written.cache, written.logits, number, since, piled.used)
        at, tokens, before = number[rows], text.tokens[rows, 0], (written.path[rows] >= 0).sum(axis=1, keepdims=True)
        place = np.arange(tokens.shape[1])
        old = np.pad(written.path[rows], [(0, 0), (0, len(place))])[:, : len(place)]
        path = np.where(place < before, old, piled.used + place - before)
        piled.path[rows, at, : len(place)] = np.where(tokens != PAD, path, -1)
        pile.tokens[rows, at, : len(place)] = tokens
        pile.logprob[rows, at], pile.ended[rows, at] = text.logprob[rows, 0], text.ended[rows, 0]
        return pile._replace(
            state=_Piled(filed._replace(prompts=piled.pile.prompts), piled.path, piled.used + written.used - since)
        )


def _piece_slots(model: Model, tokens: int) -> int:
    """Slots for so many tokens that are written at once."""
    piece = tuning.WIDE if tuning.tiny(model) else PIECE
    return -(-tokens // piece) * piece


def _cache_slots(model: Model, tokens: int) -> int:
    """Slots of a cache that has to hold so many tokens."""
    slots = 4 * BUCKET if tuning.tiny(model) else BUCKET
    while slots < tokens:
        slots = slots * 4 // 3 if slots % 3 == 0 else slots * 3 // 2
    return slots


def _appended(before: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Texts (n, w, m) with more text (n, w, k) behind each, without gaps."""
    length = (before != PAD).sum(axis=2, keepdims=True)
    width = int((length + (new != PAD).sum(axis=2, keepdims=True)).max(initial=0))
    both = np.concatenate([before, new, np.zeros((*before.shape[:2], 1), np.int32)], axis=2)
    place = np.arange(width)
    index = np.where(place < length, place, before.shape[2] + place - length)
    return np.take_along_axis(both, np.minimum(index, both.shape[2] - 1), axis=2)
