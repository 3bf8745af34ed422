"""Budget forcing: thinking is cut short at a budget, or made to go on where the model would end it (s1, arXiv:2501.19393).

Dimension letters: `s` seeds, `n` problems, `k` samples, `m` tokens of a completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError
from alchemy.problem.task import EOS, PAD, Task

UNLIMITED = 2**30
"""A budget that is never reached."""


class _Thinking(NamedTuple):
    """How far the thinking of each row has come."""

    tokens: jax.Array  # int32 (n,): of thinking
    waits: jax.Array  # int32 (n,): continuation tokens, the model's own included
    suppressed: jax.Array  # int32 (n,): ends that were suppressed
    ended: jax.Array  # bool (n,): whether thinking has ended


@dataclass(frozen=True)
class Marks:
    """Where thinking ends and how it goes on: token ids. Steers a decoding loop."""

    end: int
    """Closes the chain of thought; the answer follows."""
    wait: int
    """The continuation token."""

    @classmethod
    def of(cls, task: Task) -> Marks:
        """The marks of a task's text; raises `UserError` if it has no mark for one of the two."""
        marks = {"answer mark": task.text_format.answer_mark, "continuation mark": task.text_format.wait_mark}
        for what, mark in marks.items():
            if not mark:
                raise UserError(f"{type(task).__name__} has no {what} in its text format; forcing needs one")
        return cls(*(task.vocabulary.index[mark] for mark in marks.values()))

    def start(self, n: int) -> _Thinking:
        none = jnp.zeros(n, jnp.int32)
        return _Thinking(none, none, none, jnp.zeros(n, bool))

    def __call__(self, token: jax.Array, state: _Thinking, dials: jax.Array) -> tuple[jax.Array, _Thinking]:
        """`dials` are those of `Forcing`. A budget that is reached comes before everything else."""
        least, budget, exact = dials
        inside, ends = ~state.ended, (token == self.end) | (token == EOS)
        so_far = jnp.where(exact == 1, state.waits, state.suppressed)
        early = inside & ends & (so_far < least)
        late = inside & (exact == 1) & (token == self.wait) & (state.waits >= least)
        reached = inside & (state.tokens >= budget)
        token = jnp.where(reached | late, self.end, jnp.where(early, self.wait, token))
        goes_on = inside & (token != self.end) & (token != EOS)
        state = _Thinking(
            state.tokens + goes_on,
            state.waits + (goes_on & (token == self.wait)),
            state.suppressed + (early & ~reached),
            ~goes_on,
        )
        return token, state


@dataclass(frozen=True)
class Forcing:
    """How much thinking is forced on a model."""

    marks: Marks
    least: int = 0
    """Times an end of thinking is suppressed and the continuation token written in its place."""
    budget: int = UNLIMITED
    """Tokens of thinking after which the end mark is written whatever the model would."""
    exact: bool = False
    """`least` is the number of continuation tokens, the model's own counted; a further one becomes the end mark."""

    def __post_init__(self) -> None:
        if self.least < 0 or self.budget < 0:
            raise UserError(f"{self.least} continuations and a budget of {self.budget} tokens: expected at least 0")

    @property
    def dials(self) -> tuple[int, int, int]:
        return self.least, self.budget, int(self.exact)


def thinking(completions: np.ndarray, marks: Marks) -> np.ndarray:
    """Tokens of thinking, those before the end mark or EOS: int32 (...) of completions int32 (..., m)."""
    over = np.cumsum(np.isin(completions, (marks.end, EOS)), axis=-1) > 0
    return (~over & (completions != PAD)).sum(axis=-1, dtype=np.int32)


def bill(completions: np.ndarray, prompt_len: np.ndarray, parameters: int) -> Ledger:
    """What completions int32 (s, n, k, m) of prompts of `prompt_len` tokens (s, n) cost a model with so many parameters.

    A prompt is read once for all its samples; what was forced upon a chain has to be read as well, and counts as written. So
    does its last token, which nothing follows and nobody reads.
    """
    tokens = (completions != PAD).sum(axis=-1)
    return Ledger.of(parameters, np.asarray(prompt_len, float), tokens.sum(axis=-1), tokens.max(axis=-1))
