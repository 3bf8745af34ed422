"""The one step of all decoding: a token is chosen, and read.

Dimension letters: `n` texts that are written, `v` vocabulary, `c` ids a position carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from alchemy.learning.model import Cache, Model, Params
from alchemy.problem.task import EOS, PAD


class Steer(Protocol):
    """Has a say in what is written, token by token; hashable, as a program is compiled for each."""

    def start(self, n: int) -> Any:
        """What it knows of `n` texts before anything is written: arrays (n, ...)."""

    def __call__(self, token: jax.Array, state: Any, dials: jax.Array) -> tuple[jax.Array, Any]:
        """What is written in place of the model's choice `token` int32 (n,), and what it knows now; dials (d,)."""


class Texts(NamedTuple):
    """Texts that are written side by side."""

    step: jax.Array  # int32: tokens written so far
    tokens: jax.Array  # int32 (steps, n): PAD behind a text's end
    logprob: jax.Array  # float32 (n,): at temperature 1, of all tokens written
    stopped: jax.Array  # bool (n,): nothing more is written
    keys: jax.Array  # (n,): of each text's random numbers
    cache: Cache
    steering: Any = ()  # what `Steer` knows, arrays (n, ...)


@dataclass(frozen=True)
class Engine:
    """How tokens are chosen, and when a text stops; the same for a whole program."""

    model: Model
    sampled: bool
    """Drawn at a temperature; the likeliest token otherwise."""
    stops: tuple[int, ...] = (EOS,)
    """Tokens behind which nothing more is written."""
    steer: Steer | None = None

    def start(self, cache: Cache, keys: jax.Array, stopped: jax.Array, steps: int) -> Texts:
        """Texts of which nothing is written yet, with room for so many tokens; `stopped` bool (n,) are those that do not go on."""
        n = len(stopped)
        steering = () if self.steer is None else self.steer.start(n)
        return Texts(jnp.int32(0), jnp.full((steps, n), PAD), jnp.zeros(n), stopped, keys, cache, steering)

    def write(self, texts: Texts, logits: jax.Array, temperature: jax.Array, dials: jax.Array) -> Texts:
        """The next token of each text, of which these are the logits (n, v). Padding is no token: it is never chosen."""
        logits = logits.at[:, PAD].set(-1e30)
        token, steering = self._choose(texts, logits, temperature), texts.steering
        if self.steer is not None:
            token, steering = self.steer(token, steering, dials)
        logprob = jnp.take_along_axis(logits, token[:, None], axis=1)[:, 0] - jax.nn.logsumexp(logits, axis=1)
        token = jnp.where(texts.stopped, PAD, token)
        return texts._replace(
            step=texts.step + 1,
            tokens=texts.tokens.at[texts.step].set(token),
            logprob=texts.logprob + jnp.where(texts.stopped, 0.0, logprob),
            stopped=texts.stopped | jnp.isin(token, jnp.array(self.stops)),
            steering=steering,
        )

    def read(self, params: Params, texts: Texts, ids: int = 1, count: int = 1) -> tuple[jax.Array, Texts]:
        """Reads the tokens written last, so many, at positions of so many ids: logits (n, v) of the next tokens."""
        last = jax.lax.dynamic_slice_in_dim(texts.tokens, texts.step - count, count).T
        tokens = jnp.zeros((*last.shape, ids), jnp.int32).at[:, :, 0].set(last)
        several = count > 1  # then logits are of the last one alone
        logits, cache = self.model.extend(params, texts.cache, tokens, several)
        return logits[:, -1], texts._replace(cache=cache)

    def hear(self, texts: Texts, told: jax.Array) -> Texts:
        """Tokens int32 (n, w) that others write behind each text that goes on."""
        told = jnp.where(texts.stopped[:, None], PAD, told)
        tokens = jax.lax.dynamic_update_slice_in_dim(texts.tokens, told.T, texts.step, axis=0)
        return texts._replace(step=texts.step + told.shape[1], tokens=tokens)

    def _choose(self, texts: Texts, logits: jax.Array, temperature: jax.Array) -> jax.Array:
        """Tokens int32 (n,); random ones depend on a text's key and on the step alone, whatever is written beside it."""
        if not self.sampled:
            return logits.argmax(axis=-1).astype(jnp.int32)
        keys = jax.vmap(jax.random.fold_in, (0, None))(texts.keys, texts.step)
        return jax.vmap(jax.random.categorical)(keys, logits / temperature).astype(jnp.int32)
