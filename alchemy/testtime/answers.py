"""What models said to problems, and how right it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from alchemy.problem import floors as floor
from alchemy.problem.task import Batch, Judgement, Task
from alchemy.scoring.metrics import (
    BleuCounts,
    TextScores,
    corpus_bleu_from_counts,
    score_text,
)
from alchemy.stats.measure import Interval, resampled, two_level


@dataclass(frozen=True)
class Answers:
    """What `s` models said to the same `n` problems, and how right it is."""

    task: Task
    batch: Batch
    completions: np.ndarray  # int32 (s, n, m)

    @property
    def seeds(self) -> int:
        return len(self.completions)

    @cached_property
    def judgement(self) -> Judgement:
        """The oracle's verdicts, each array (s, n)."""
        each = [self.task.verify(self.batch, one) for one in self.completions]
        return Judgement(*(np.stack(arrays) for arrays in zip(*each, strict=True)))

    @cached_property
    def texts(self) -> tuple[list[str], list[str]]:
        """Predicted and gold outputs of all s x n rows."""
        predicted = self.task.vocabulary.decode_all(self.completions.reshape(-1, self.completions.shape[2]))
        return predicted, self.task.vocabulary.decode_all(self.batch.completions()) * self.seeds

    @cached_property
    def scores(self) -> dict[str, TextScores]:
        """Text metrics by part, each array (s * n,)."""
        return score_text(*self.texts)

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

    def interval(self, metric: str, part: str = "full") -> Interval:
        """The mean of `values`, with its two-level interval."""
        return two_level(self.values(metric, part), 0)

    def floors(self, trained: Task | None = None) -> dict[str, dict[str, float]]:
        """What no understanding scores here: mean exact match and edit distance of each part, by predictor.

        `replay` is there where `trained` has a single rule to replay.
        """
        guesses = {
            "chance": floor.chance(self.task, self.batch, np.random.default_rng(0)),
            "copy": floor.copy(self.task, self.batch),
        }
        if trained is not None and len(trained.compositions) == 1:
            guesses["replay"] = floor.replay(trained, self.batch)
        scored = {name: Answers(self.task, self.batch, guess[None]).scores for name, guess in guesses.items()}
        return {
            name: {
                **{f"exact {part}": float(score.exact_match.mean()) for part, score in parts.items()},
                **{f"distance {part}": float(score.edit_distance.mean()) for part, score in parts.items()},
            }
            for name, parts in scored.items()
        }

    def corpus_bleu(self, part: str = "full") -> Interval:
        """The paper's corpus BLEU, resampled over seeds, then over problems that the seeds share."""
        counts, n = self.scores[part].counts, len(self.batch.tokens)
        problems, seeds = resampled(0, self.seeds, n)
        by_seed = BleuCounts(*(np.einsum("rn,snk->rsk", problems, one.reshape(self.seeds, n, -1)) for one in counts))
        drawn = corpus_bleu_from_counts(BleuCounts(*(one * seeds[..., None] for one in by_seed)))
        mean = float(corpus_bleu_from_counts(counts))
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Interval(mean, min(mean, float(low)), max(mean, float(high)), n, self.seeds)


class Samples(NamedTuple):
    """What `s` models said to the same `n` problems, `k` times each."""

    task: Task
    batch: Batch
    completions: np.ndarray  # int32 (s, n, k, m)
