"""Models that are scripts: each token is an old one, moved on in the alphabet, or a mark; nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.learning.model import Cache
from alchemy.problem.task import PAD
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2",), length=(3,), alphabet="ABCDEFGH", rotate=3)
"""A B C [F1] [F2] <think> D E F [F2] <answer> E F D </s>: F1 is three places on in the alphabet, F2 one to the left."""
FIRST, LETTERS = int(TASK.letters[0]), len(TASK.alphabet)
PROMPT, STEP = 0, 6
"""Where the letters of the question are, and those of the step."""
ANSWER = 11

Rule = tuple[int, int, int]
"""A token: the mark that it is, or -1; else the place that it copies, and how many letters it moves on."""


def mark(symbol: str) -> Rule:
    return (TASK.vocabulary.index[symbol], 0, 0)


CHAIN = (*((-1, PROMPT + i, 3) for i in range(3)), mark("[F2]"), mark("<answer>"))
FROM_STEP = tuple((-1, STEP + (i + 1) % 3, 0) for i in range(3))
FROM_PROMPT = tuple((-1, PROMPT + (i + 1) % 3, 3) for i in range(3))


@dataclass(frozen=True)
class Scripted:
    """Writes by rules, one for each place behind the prompt; where there are others too, an even or odd text so far decides."""

    rules: tuple[Rule, ...]
    others: tuple[Rule, ...] = ()
    noisy: bool = False
    """Letters of the answer are moved on by a number that is scrambled from all tokens so far."""
    vocabulary: int = len(TASK.vocabulary)
    context: int = 24

    def init(self, key: jax.Array) -> Any:
        return {"unused": jnp.zeros(1)}

    def apply(self, params: Any, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return self.extend(params, self.init_cache(len(tokens), tokens.shape[1]), tokens)[0][:, start:]

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache(jnp.zeros((n, self.context), jnp.int32), jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        text, real = tokens[..., 0], tokens[..., 0] != PAD
        place = cache.length[:, None] + jnp.arange(text.shape[1])[None]
        row = jnp.broadcast_to(jnp.arange(len(text))[:, None], place.shape)
        read = cache.memory.at[row, jnp.where(real, place, self.context)].set(text, mode="drop")
        length = cache.length + real.sum(axis=1, dtype=jnp.int32)
        behind = length[:, None] if last else place + 1
        token = self._next(read, behind)
        return 10.0 * jax.nn.one_hot(token, self.vocabulary), cache._replace(memory=read, length=length)

    def _next(self, read: jax.Array, behind: jax.Array) -> jax.Array:
        """The tokens at places behind (n, t) of texts (n, context)."""
        script = self._written(self.rules, read, behind)
        if self.others:
            coin = _scrambled(read[:, : STEP + 4]) % 2
            script = jnp.where(coin[:, None] == 1, self._written(self.others, read, behind), script)
        return script

    def _written(self, rules: tuple[Rule, ...], read: jax.Array, behind: jax.Array) -> jax.Array:
        table = jnp.array([*rules, mark("</s>")])
        constant, source, offset = table[jnp.clip(behind - STEP, 0, len(rules))].transpose(2, 0, 1)
        if self.noisy:
            offset = offset + jnp.where(behind >= ANSWER, _scrambled(read[:, :ANSWER])[:, None] + behind, 0)
        letter = (jnp.take_along_axis(read, source, axis=1) - FIRST + offset) % LETTERS + FIRST
        return jnp.where(constant >= 0, constant, letter)


def _scrambled(tokens: jax.Array) -> jax.Array:
    """A number (n,) that depends on every token (n, t)."""
    state = jnp.zeros(len(tokens), jnp.uint32)
    for token in tokens.T:
        state = (state ^ token.astype(jnp.uint32)) * jnp.uint32(2654435761)
        state = state ^ (state >> 15)
    return (state >> 8).astype(jnp.int32)


FOLLOWER = Scripted(CHAIN + FROM_STEP)
"""Derives the answer from the last written step."""
IGNORER = Scripted(CHAIN + FROM_PROMPT)
"""Writes the same chain, and derives the answer from the prompt."""
COIN = replace(FOLLOWER, others=CHAIN + FROM_PROMPT)
"""Does the one or the other, as a coin falls that the text tosses."""
BABBLER = replace(FOLLOWER, noisy=True)
"""Answers in the right form, with letters that have nothing to do with anything."""


def params(models: int = 1) -> Any:
    """Parameters of so many models, which all are the same."""
    return {"unused": np.zeros((models, 1), np.float32)}
