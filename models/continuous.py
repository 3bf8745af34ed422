"""A transformer with continuous thoughts: places of a text whose input is the last hidden state of the place before.

A thought is a mark in the text at which nothing is said (`<thought>`, of a task that has it). What the output layer would read at the place
before is added to the mark's embedding and fed in, so that each thought is one more pass through all layers and nothing has to
be put in words in between (Coconut, arXiv:2412.06769, section 3; the state of arXiv:2505.12514). Training goes through all of
the passes. A plain `Transformer` reads the same marks as pause tokens: the two differ in nothing else, and begin with the same weights.

What was read before the first thought does not change by it, and each pass makes one thought more right: so that all passes
but the first read what is behind `ahead` alone.

Dimension letters: `n` sequences, `t` tokens, `c` ids a position carries, `d` width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from alchemy.errors import UserError
from alchemy.learning.model import Cache, Params
from alchemy.learning.open_model import Patch
from alchemy.problem.task import PAD
from models.cache import KVCache
from models.transformer import Transformer, in_set, last_of, shell_of, take


class Memory(NamedTuple):
    """What is remembered of a text, for the next thought too."""

    text: KVCache
    hidden: jax.Array  # (n, d): the last hidden state
    thoughts: jax.Array  # int32 (n,): thoughts read


@dataclass(frozen=True)
class ContinuousThoughts(Transformer):
    """Marks of a text are thoughts, the first few of them; behind these a mark says nothing, as it does for a `Transformer`."""

    thought: int = 3
    """The id of the mark."""
    thoughts: int = 3
    """How many of a text's marks are thoughts, at most."""
    ahead: int = 0
    """So many tokens that a text begins with are read once, as there is no thought among them; a mark there says nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thoughts < 1:
            raise UserError(f"thoughts must be at least 1, not {self.thoughts}: a transformer has none")
        for name in ("thought", "ahead"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} must be at least 0, not {getattr(self, name)}")

    def init(self, key: jax.Array) -> Params:
        """Those of a `Transformer` from the same key."""
        return super().init(key)

    def apply(self, params: Params, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return self._forward(params, tokens, self._places(tokens, keys), start)[0]

    def _forward(
        self, params: Params, tokens: jax.Array, positions: jax.Array, start: int = 0, patch: Patch | None = None
    ) -> tuple[jax.Array, Any]:
        """As of a `Transformer`. A patch is applied in every pass: the residual behind the embedding is the thought itself."""
        n, t, _ = tokens.shape
        shell = shell_of(self, params)
        embedded = shell.embed(tokens, positions)
        fed, none = self._fed(tokens, jnp.zeros(n, jnp.int32), jnp.zeros(n, jnp.int32)), jnp.zeros_like(embedded[:, 0])
        if patch is None and 0 < self.ahead < t:
            head, tail = (
                [part[:, piece] for part in (tokens, embedded, jnp.broadcast_to(positions, (n, t)))]
                for piece in (slice(None, self.ahead), slice(self.ahead, None))
            )
            before, cache = self._read_on(params, super().init_cache(n, t, embedded.dtype), *head)
            read = partial(self._read_on, params, cache, tail[0], positions=tail[2])
            x, _ = self._thought_through(read, shell.norm, tail[1], fed[:, self.ahead :], shell.norm(before[:, -1]))
            return shell.logits(jnp.concatenate([before, x], axis=1)[:, start:]), None
        read = partial(self._read, params, positions=positions, patch=patch)
        x, seen = self._thought_through(read, shell.norm, embedded, fed, none)
        return shell.logits(x[:, start:]), seen

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        cache = super().init_cache(n, length, dtype)
        return cache._replace(memory=Memory(cache.memory, jnp.zeros((n, self.width), dtype), jnp.zeros(n, jnp.int32)))

    def extend(self, params: Params, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        memory, shell, real = cache.memory, shell_of(self, params), tokens[..., 0] != PAD
        text = cache._replace(memory=memory.text, shared=None if cache.shared is None else cache.shared.text)
        positions = self._onward(text, tokens)
        fed = self._fed(tokens, cache.length, memory.thoughts)
        read = partial(self._read_on, params, text, tokens, positions=positions)
        x, text = self._thought_through(read, shell.norm, shell.embed(tokens, positions), fed, memory.hidden)
        end = last_of(real)
        ended = take(x, end)
        hidden = jnp.where(real.any(axis=1, keepdims=True), shell.norm(ended[:, 0]), memory.hidden)
        memory = Memory(text.memory, hidden, memory.thoughts + fed.sum(axis=1, dtype=jnp.int32))
        return shell.logits(ended if last else x), text._replace(memory=memory, shared=cache.shared)

    def _fed(self, tokens: jax.Array, length: jax.Array, thoughts: jax.Array) -> jax.Array:
        """Which of tokens (n, t, c) are thoughts, behind so many tokens and thoughts (n,): bool (n, t)."""
        place = length[:, None] + jnp.arange(tokens.shape[1])[None]
        marked = (tokens[..., 0] == self.thought) & ~in_set(tokens) & (place >= self.ahead)
        return marked & (thoughts[:, None] + jnp.cumsum(marked, axis=1) <= self.thoughts)

    def _thought_through(
        self, read: Any, norm: Any, embedded: jax.Array, fed: jax.Array, before: jax.Array
    ) -> tuple[jax.Array, Any]:
        """What `read` makes of embeddings (n, t, d) with the hidden state of the place before added where it is `fed`, bool (n, t);
        before the first place it is `before` (n, d). Each pass has one thought more right."""
        hidden = jnp.pad(before[:, None], ((0, 0), (0, fed.shape[1] - 1), (0, 0)))
        for _ in range(1 + min(self.thoughts, fed.shape[1] - 1)):
            x, seen = read(embedded=embedded + jnp.where(fed[..., None], hidden, 0))
            hidden = jnp.concatenate([before[:, None], norm(x)[:, :-1]], axis=1)
        return x, seen
