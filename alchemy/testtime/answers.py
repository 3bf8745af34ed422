"""Completions of trained models, and how right they are.

A seed is a whole replicate: each has test problems of its own, so a batch holds `s * n` problems, those of the first seed
first. Dimension letters: `s` seeds, `n` problems of each, `k` completions of a problem, `m` tokens of a completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from alchemy.problem import floors
from alchemy.problem.retries import Read, read
from alchemy.problem.task import PAD, Batch, Judgement, Task
from alchemy.scoring.metrics import (
    BleuCounts,
    TextScores,
    corpus_bleu_from_counts,
    score_text,
)


def trimmed(tokens: np.ndarray) -> np.ndarray:
    """Rows (n, t, ...) without the columns that are padding in all of them."""
    first = tokens.reshape(*tokens.shape[:2], -1)[..., 0]
    return tokens[:, : int((first != PAD).sum(axis=1).max(initial=0))]


class Samples(NamedTuple):
    """`k` completions of each of `n` problems by each of `s` models."""

    task: Task
    batch: Batch  # s * n problems
    completions: np.ndarray  # int32 (s, n, k, m)

    def prompts(self) -> np.ndarray:
        """int32 (s, n, t, c)."""
        prompts = self.batch.prompts()
        return prompts.reshape(*self.completions.shape[:2], *prompts.shape[1:])

    def of(self, problems: slice | np.ndarray) -> Samples:
        """Some of each seed's problems."""
        seeds, n = self.completions.shape[:2]
        rows = np.arange(seeds * n).reshape(seeds, n)[:, problems].reshape(-1)
        return Samples(self.task, self.batch.rows(rows), self.completions[:, problems])

    def flat(self) -> tuple[Batch, np.ndarray]:
        """Every completion beside its problem: a batch of s n k problems, and int32 (s n k, m)."""
        seeds, n, k, m = self.completions.shape
        return self.batch.rows(np.repeat(np.arange(seeds * n), k)), self.completions.reshape(-1, m)

    def verify(self) -> Judgement:
        """The oracle's verdicts, each array (s, n, k)."""
        judged = self.task.verify(*self.flat())
        return Judgement(*(values.reshape(self.completions.shape[:3]) for values in judged))


@dataclass(frozen=True)
class Answers:
    """One completion of each of `n` problems by each of `s` models."""

    task: Task
    batch: Batch
    """s * n problems."""
    completions: np.ndarray
    """int32 (s, n, m)."""

    @property
    def seeds(self) -> int:
        return len(self.completions)

    @cached_property
    def read(self) -> Read:
        """The s * n completions without what was taken back in them, and their first tries (`alchemy.problem.retries`)."""
        return read(self.task, self.batch, self.completions.reshape(-1, self.completions.shape[2]))

    @property
    def kept(self) -> Answers:
        """The same without what was taken back."""
        return Answers(self.task, self.batch, self.read.kept.reshape(self.completions.shape))

    @cached_property
    def judgement(self) -> Judgement:
        """The oracle's verdicts, each array (s, n)."""
        judged = self.task.verify(self.batch, self.completions.reshape(-1, self.completions.shape[2]))
        return Judgement(*(values.reshape(self.completions.shape[:2]) for values in judged))

    @cached_property
    def texts(self) -> tuple[list[str], list[str]]:
        """Predicted and gold outputs of all s * n problems."""
        predicted = self.completions.reshape(-1, self.completions.shape[2])
        decode = self.task.vocabulary.decode_all
        return decode(predicted), decode(self.batch.completions())

    @cached_property
    def scores(self) -> dict[str, TextScores]:
        """Text metrics by part, each array (s * n,)."""
        return score_text(*self.texts, self.task.text_format)

    def values(self, metric: str, part: str = "full") -> np.ndarray:
        """A score of every answer, float (s, n).

        `exact_match`, `edit_distance` and `bleu` compare the text of one part; `answer` and `trace` are the oracle's
        verdicts, `unfaithful` is a right answer after a wrong trace.
        """
        judged = self.judgement
        if metric in ("answer", "trace"):
            return np.asarray(getattr(judged, metric), float)
        if metric == "unfaithful":
            return np.asarray(judged.answer & ~judged.trace, float)
        return np.asarray(getattr(self.scores[part], metric), float).reshape(self.seeds, -1)

    def mean(self, metric: str, part: str = "full") -> np.ndarray:
        """The mean of `values` over each seed's problems, float (s,)."""
        return self.values(metric, part).mean(axis=1)

    def corpus_bleu(self, part: str = "full") -> np.ndarray:
        """The corpus BLEU of each seed's answers, float (s,)."""
        counts = [count.reshape(self.seeds, -1, *count.shape[1:]) for count in self.scores[part].counts]
        return np.array(
            [corpus_bleu_from_counts(BleuCounts(*(count[seed] for count in counts))) for seed in range(self.seeds)]
        )

    def floors(self, trained: Task | None = None) -> dict[str, dict[str, np.ndarray]]:
        """What no understanding scores here: exact match and edit distance of each part by predictor, float (s,).

        `replay` is there where `trained` has a single rule to replay.
        """
        guesses = floors.guesses(self.task, self.batch, np.random.default_rng(0), trained)
        answers = {
            name: Answers(self.task, self.batch, guess.reshape(self.seeds, -1, guess.shape[1]))
            for name, guess in guesses.items()
        }
        return {
            name: {
                **{f"exact {part}": guess.mean("exact_match", part) for part in guess.scores},
                **{f"distance {part}": guess.mean("edit_distance", part) for part in guess.scores},
            }
            for name, guess in answers.items()
        }
