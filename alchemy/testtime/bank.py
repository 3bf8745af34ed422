"""A sample bank: what models answered to problems of their own, many times each, and all that a policy may look at.

Every policy that only chooses among independent answers (how many, which to believe) is a replay over random subsets of
a bank: exact, paired, and done in seconds. Dimension letters: `s` seeds, `n` problems, `k` answers, `j` steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import PAD, Task
from alchemy.testtime.answers import Samples


class Reader(NamedTuple):
    """What asking a verifier costs, whose scores a bank has."""

    parameters: int
    thinking: np.ndarray | float = 0.0  # tokens that it writes about a problem before it scores: (s, n)
    readings: int = 1  # how often it reads each answer: behind each of its thoughts
    read: np.ndarray | None = (
        None  # tokens of each answer that it reads in all of these, (s, n, k); None for all there are
    )


class Bank(NamedTuple):
    """`k` sampled answers of each of `s` models to each of its `n` problems."""

    answer: np.ndarray  # int64 (s, n, k): equal where the final answers are, -1 where there is none
    right: np.ndarray  # bool (s, n, k)
    trace: np.ndarray  # bool (s, n, k): every step is right
    first_wrong: np.ndarray  # int32 (s, n, k): the first wrong step, the number of steps where none is
    tokens: np.ndarray  # int32 (s, n, k): tokens written, the end included
    logprob: np.ndarray  # float32 (s, n, k): of all that was written
    scores: Mapping[str, np.ndarray]  # what verifiers say of each, by name: float32 (s, n, k)
    prompt: np.ndarray  # int32 (s, n): tokens of the prompt
    facts: Mapping[str, np.ndarray]  # what is known of a problem before any model sees it: (s, n)
    parameters: int  # of the model that answered
    readers: Mapping[str, Reader]  # the verifiers that gave scores, by name; those that cost nothing are left out
    pairs: Mapping[str, np.ndarray] = {}
    """What verifiers that compare say of two answers, by name: the probability that the row is better, float32 (s, n, k, k)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Seeds, problems, answers."""
        return self.right.shape


def check_no_world(task: Task) -> None:
    """Raises `UserError` for a task whose texts an environment takes part in: strategies would have models write its part."""
    if hasattr(task, "environment"):
        name = type(task).__name__
        raise UserError(
            f"{name} is a world, and answered in episodes: expected a task that no environment takes part in"
        )


def fill(samples: Samples, logprob: np.ndarray, parameters: int) -> Bank:
    """A bank of sampled completions, with the oracle's verdicts; logprob float32 (s, n, k)."""
    task, batch, completions = samples
    seeds, n, k, m = completions.shape
    judged = samples.verify()
    return Bank(
        answer=task.answer_ids(completions.reshape(-1, m)).reshape(seeds, n, k),
        right=judged.answer,
        trace=judged.trace,
        first_wrong=judged.first_wrong_step,
        tokens=(completions != PAD).sum(axis=3, dtype=np.int32),
        logprob=logprob,
        scores={},
        prompt=batch.prompt_len.reshape(seeds, n),
        facts={name: values.reshape(seeds, n) for name, values in task.features(batch.problem).items()},
        parameters=parameters,
        readers={},
    )
