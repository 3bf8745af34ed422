"""The loss of a policy gradient: clipped, with group-normalised advantages and a leash to where it started.

Dimension letters: `s` seeds, `b` texts, `t` tokens, `c` ids a position carries, `v` vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from alchemy.learning import machine, tuning
from alchemy.learning.kept import Kept
from alchemy.learning.model import Model, Params
from alchemy.learning.train import mesh_of
from alchemy.practice.filters import answered_rightly
from alchemy.problem.task import PAD, Batch
from alchemy.testtime.answers import Samples


class Written(NamedTuple):
    """Texts that a policy wrote, and what it is to learn from them."""

    tokens: np.ndarray  # int32 (..., t, c)
    weight: np.ndarray  # float32 (..., t): what each token counts, 0 for those that the policy did not write
    advantage: np.ndarray  # float32 (...)
    before: np.ndarray  # float32 (..., t): log-probability of each token for the policy that wrote it
    reference: np.ndarray  # float32 (..., t): the same for the policy that all began with


@dataclass(frozen=True)
class Policy:
    """A model with the loss of GRPO (arXiv:2402.03300, section 4.1) for what it wrote, in place of the loss of what it reads."""

    model: Model
    temperature: float
    """At which it writes: the policy is the distribution that texts are drawn from."""
    clip: float
    """How far the ratio to the policy that wrote may be from 1 and still be moved further."""
    kl: float
    """Weight of the divergence from the first policy, estimated token by token (k3, Schulman 2020)."""
    start: int = 0
    """The first token whose successor is scored: the last of the shortest prompt."""

    @property
    def loops(self) -> int:
        return self.model.loops

    def init(self, key: jax.Array) -> Params:
        return self.model.init(key)

    def loss(self, params: Params, written: Any, keys: jax.Array) -> jax.Array:
        """The sum over tokens of weight x (kl x divergence - the clipped gain)."""
        scored = slice(self.start + 1, None)
        logprob, _ = scores(self.model, params, written.tokens, self.temperature, self.start)
        ratio, advantage = jnp.exp(logprob - written.before[:, scored]), written.advantage[:, None]
        gain = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - self.clip, 1 + self.clip) * advantage)
        apart = written.reference[:, scored] - logprob
        return ((self.kl * (jnp.exp(apart) - apart - 1) - gain) * written.weight[:, scored]).sum()


def scores(
    model: Model, params: Params, tokens: jax.Array, temperature: float, start: int
) -> tuple[jax.Array, jax.Array]:
    """Log-probabilities of tokens int32 (b, t, c) from number `start` + 1 on, and entropies there, (b, t - 1 - start) each.

    They are those of drawing at a temperature: padding is never drawn. Where a text is padding, numbers mean nothing.
    """
    logits = model.apply(params, tokens[:, :-1], None, start).at[:, :, PAD].set(-1e30) / temperature
    every = jax.nn.log_softmax(logits)
    drawn = jnp.take_along_axis(every, tokens[:, start + 1 :, :1], axis=-1)[..., 0]
    entropy = -(jnp.exp(every) * every).sum(axis=-1)
    return drawn, entropy


@lru_cache(maxsize=64)
def scorer(model: Model, temperature: float, start: int, mesh: Mesh, precision: str = "auto") -> Kept:
    """A program (params, tokens (s, b, t, c)) -> log-probabilities and entropies, float32 (s, b, t); 0 up to `start`."""
    dtype = machine.dtype(precision)

    def one_seed(inputs: tuple[Params, jax.Array]) -> tuple[jax.Array, jax.Array]:
        params, tokens = inputs
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        n, t, c = tokens.shape
        groups = tokens.reshape(tuning.prompt_groups(n, t), -1, t, c)
        both = jax.lax.map(lambda some: scores(model, params, some, temperature, start), groups)
        first, second = (jnp.pad(rows.reshape(n, -1), ((0, 0), (start + 1, 0))) for rows in both)
        return first, second

    specs = (P("seed"), P("seed", "data"))

    @partial(jax.shard_map, mesh=mesh, in_specs=specs, out_specs=P("seed", "data"), check_vma=False)
    def score(params: Params, tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
        result: tuple[jax.Array, jax.Array] = tuning.map_seeds(one_seed, (params, tokens))
        return result

    return Kept(score, model, temperature, start, precision, mesh=mesh, specs=specs)


def likeliest(model: Model, params: Params, samples: Samples) -> Batch:
    """Of samples (1, n, k, m) that a model, leaves (1, ...), wrote, a line for each problem: the chain behind which it finds the right
    answer likeliest, with that answer (CoRAG, arXiv:2501.14342, section 3.1)."""
    lines, place = answered_rightly(samples)
    score = scorer(model, 1.0, 0, mesh_of(1, len(lines.tokens)))
    logprob = np.asarray(score(params, lines.tokens[None])[0])[0]
    behind_chain = np.where(place > 0, logprob[np.arange(len(place)), place], -np.inf)
    best = behind_chain.reshape(-1, samples.completions.shape[2]).argmax(axis=1)
    return lines.rows(np.arange(len(best)) * samples.completions.shape[2] + best)
