"""Running sums over graded lines, from which every number of a score follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from alchemy.problem.task import Problem
from alchemy.problem.text_format import TextFormat
from alchemy.scoring.grade import Grade, TextOracle, compare_with_gold, grades_of
from alchemy.scoring.metrics import PARTS, BleuCounts, corpus_bleu_from_counts, score_text
from alchemy.scoring.sample import GoldTexts
from alchemy.stats.proportion import wilson

OUTCOMES = {
    (True, True): "both",
    (True, False): "answer_right_trace_wrong",
    (False, True): "answer_wrong_trace_right",
    (False, False): "both_wrong",
}
"""The names of (answer right, trace right)."""


class Tally:
    """Grades of the lines seen so far."""

    def __init__(self) -> None:
        self.n = 0
        self.outcomes: Counter[tuple[bool, bool]] = Counter()
        self.first_wrong_steps: Counter[str] = Counter()

    def count(self, grades: Iterable[Grade]) -> list[Grade]:
        """Count the grades of lines, and return them."""
        listed = list(grades)
        self.n += len(listed)
        self.outcomes.update((grade.answer, grade.trace) for grade in listed)
        self.first_wrong_steps.update(grade.first_wrong_step for grade in listed)
        return listed

    def result(self) -> dict[str, Any]:
        """The numbers, as JSON has them."""
        right_answers = self.outcomes[True, True] + self.outcomes[True, False]
        right_traces = self.outcomes[True, True] + self.outcomes[False, True]
        steps = sorted(self.first_wrong_steps, key=_step_order)
        return {
            **_proportion("answer_accuracy", right_answers, self.n),
            **_proportion("trace_accuracy", right_traces, self.n),
            **{name: self.outcomes[outcome] / self.n for outcome, name in OUTCOMES.items()},
            "first_wrong_step": {step: self.first_wrong_steps[step] for step in steps},
        }


class GoldTally(Tally):
    """Sums over lines whose gold text is known."""

    def __init__(self, text_format: TextFormat) -> None:
        super().__init__()
        self.text_format = text_format
        self.sums = {part: np.zeros(3) for part in PARTS}  # exact matches, edit distances, BLEUs
        self.counts = {part: BleuCounts(np.zeros(4), np.zeros(4), np.zeros(2)) for part in PARTS}
        self.floors: dict[str, np.ndarray] = {}

    def add(self, predicted: list[str], gold: GoldTexts) -> list[Grade]:
        """Count lines: the predicted texts and the gold ones."""
        pairs = zip(predicted, gold.texts, strict=True)
        grades = self.count(compare_with_gold(text, gold_text, self.text_format) for text, gold_text in pairs)
        for part, scores in score_text(predicted, gold.texts, self.text_format).items():
            for index, metric in enumerate((scores.exact_match, scores.edit_distance, scores.bleu)):
                self.sums[part][index] += metric.sum()
            for total, counts in zip(self.counts[part], scores.counts, strict=True):
                total += counts.sum(axis=0)
        for name, texts in gold.floors.items():
            self.floors[name] = self.floors.get(name, np.zeros(3)) + self._floor_sums(texts, gold.texts)
        return grades

    def result(self) -> dict[str, Any]:
        metrics = ("exact_match", "edit_distance", "bleu")
        return {
            **super().result(),
            **{
                metric: {part: float(self.sums[part][index]) / self.n for part in PARTS}
                for index, metric in enumerate(metrics)
            },
            "corpus_bleu": {part: self._corpus_bleu(part) for part in PARTS},
            "floors": {name: _floor(sums / self.n) for name, sums in self.floors.items()} or None,
        }

    def _floor_sums(self, texts: Sequence[str], gold: Sequence[str]) -> np.ndarray:
        """Right answers, exact matches and edit distances of texts written without understanding: float (3,)."""
        pairs = zip(texts, gold, strict=True)
        right = sum(compare_with_gold(text, gold_text, self.text_format).answer for text, gold_text in pairs)
        full = score_text(texts, gold, self.text_format)["full"]
        return np.array([right, full.exact_match.sum(), full.edit_distance.sum()])

    def _corpus_bleu(self, part: str) -> float:
        counts = BleuCounts(*(total[None] for total in self.counts[part]))
        return float(corpus_bleu_from_counts(counts))


class OracleTally(Tally):
    """Sums over lines that the task grades itself."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: dict[str, tuple[int, int]] = {}  # lines for which it is true, lines that have it
        self.means: dict[str, tuple[float, int]] = {}  # sum over the lines that have the number, and how many have

    def add(self, task: TextOracle, problem: Problem, texts: list[str]) -> list[Grade]:
        """Count lines: the problems and the completions."""
        judgement, measurements = task.judge_texts(problem, texts)
        for name, values in measurements.items():
            if values.dtype == bool:
                true, lines = self.shares.get(name, (0, 0))
                self.shares[name] = true + int(values.sum()), lines + values.size
            else:
                total, lines = self.means.get(name, (0, 0))
                known = values[~np.isnan(values)]
                self.means[name] = total + known.sum().item(), lines + known.size
        return self.count(grades_of(judgement))

    def result(self) -> dict[str, Any]:
        numbers = super().result()
        for name, (true, lines) in self.shares.items():
            numbers |= _proportion(name, true, lines)
        return numbers | {name: total / lines if lines else None for name, (total, lines) in self.means.items()}


def _step_order(step: str) -> tuple[bool, bool, int, str]:
    """Steps by number, then the answer, then nothing wrong."""
    return step == "none", step == "answer", len(step), step


def _proportion(name: str, successes: int, n: int) -> dict[str, Any]:
    """A share and its 95 % interval (Wilson)."""
    low, high = wilson(successes, n)
    return {name: successes / n, f"{name}_interval": [low, high]}


def _floor(means: np.ndarray) -> dict[str, float]:
    return dict(zip(("answer_accuracy", "exact_match", "edit_distance"), means.tolist(), strict=True))
