"""Continuous thoughts of models whose activations are open: what they are, and what is answered with others in their place.

A thought is the residual stream behind the embedding at its place, which a model with continuous thoughts has from its own last layer
(`models/continuous.py`) and any other from the text.

Dimension letters: `s` seeds, `n` texts, `t` tokens, `c` ids a position carries, `k` thoughts, `d` width, `l` layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.learning import tuning
from alchemy.learning.kept import Kept
from alchemy.learning.model import Params
from alchemy.learning.open_model import NO_PATCH, OpenModel, Patch
from alchemy.problem.task import PAD


def thoughts(model: OpenModel, params: Params, texts: np.ndarray, places: Sequence[int]) -> np.ndarray:
    """What stands at places of texts int32 (s, n, t, c) for models (leaves (s, ...)): float32 (s, n, k, d)."""
    read = _reader(model, tuple(places), tuning.scored_tokens() // texts.shape[2])
    return _of_each(read, params, texts)


def answers(
    model: OpenModel, params: Params, texts: np.ndarray, places: Sequence[int], given: np.ndarray
) -> np.ndarray:
    """The likeliest token behind texts int32 (s, n, t, c) if (s, n, k, d) are the thoughts at these places: int32 (s, n).

    A model's own `thoughts` change nothing. Those at other places come of what is given, as the model makes them.
    """
    answer = _answerer(model, tuple(places), tuning.scored_tokens() // texts.shape[2])
    return _of_each(answer, params, texts, given)


def _of_each(run: Callable[..., jax.Array], params: Params, *arrays: np.ndarray) -> np.ndarray:
    rows = range(len(arrays[0]))
    own = [jax.tree.map(lambda leaf, row=row: leaf[row], params) for row in rows]
    return np.stack([np.asarray(run(own[row], *(array[row] for array in arrays))) for row in rows])


@lru_cache(maxsize=64)
def _reader(model: OpenModel, places: tuple[int, ...], size: int) -> Callable[..., jax.Array]:
    """The thoughts of one model in texts (n, t, c), about `size` of them at once: (n, k, d)."""

    def read(params: Params, texts: jax.Array) -> jax.Array:
        def one(text: jax.Array) -> jax.Array:
            return model.open(params, text[None], NO_PATCH)[1].residual[0, 0, np.array(places)].astype(jnp.float32)

        return jax.lax.map(one, texts, batch_size=max(1, size))

    return Kept(read, model, places, size)


@lru_cache(maxsize=64)
def _answerer(model: OpenModel, places: tuple[int, ...], size: int) -> Callable[..., jax.Array]:
    """What one model says behind texts (n, t, c) with given thoughts (n, k, d): (n,)."""

    def answer(params: Params, texts: jax.Array, given: jax.Array) -> jax.Array:
        layers = jax.eval_shape(model.open, params, texts[:1])[1].residual.shape[1]
        at = np.zeros((1, layers, texts.shape[1]), bool)
        at[0, 0, list(places)] = True

        def one(inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
            text, thoughts = inputs
            values = jnp.zeros((1, *at.shape[1:], thoughts.shape[-1])).at[0, 0, np.array(places)].set(thoughts)
            logits = model.open(params, text[None], Patch(residual=values, residual_at=at))[0][0, -1]
            return logits.at[PAD].set(-jnp.inf).argmax().astype(jnp.int32)  # padding is no token: it is never chosen

        return jax.lax.map(one, (texts, given), batch_size=max(1, size))

    return Kept(answer, model, places, size)
