"""Score anybody's predictions: JSON lines in (`alchemy.scoring.predictions` says which), one object of numbers out.

Two verdicts a line, never partial credit for containing the answer: is the answer right, and is every step before it
right. A task that accepts many texts judges them itself (`TextOracle`), and none is compared with a gold one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import floors
from alchemy.problem.task import Judgement, Problem, Task
from alchemy.scoring import predictions
from alchemy.scoring.metrics import (
    ANSWER,
    PARTS,
    BleuCounts,
    corpus_bleu_from_counts,
    score_text,
    split_answer,
)
from alchemy.scoring.sample import Gold, Scored, Verdict
from alchemy.stats.measure import wilson

STEP = "<think>"
"""What stands between two steps of a chain of thought."""
ROWS = 50_000  # lines scored at once
OUTCOMES = ("both", "answer_right_trace_wrong", "answer_wrong_trace_right", "both_wrong")


@runtime_checkable
class TextOracle(Protocol):
    """A task that accepts more than one text for a prompt, so that only its own rules can judge what is written."""

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a prompt; raises `UserError`."""

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on what was written after prompts, and more by name: bool (n,), or float (n,) with nan where
        there is no number."""


def score(
    lines: Iterable[bytes],
    task: Task,
    progress: Callable[[int], None] = lambda n: None,
    watch: Callable[[Scored], None] | None = None,
) -> dict[str, Any]:
    """Every metric over all lines; raises `UserError` that names the first bad line by its number.

    Lines that have a prompt are scored next to the floors of the task: random letters, and the question repeated.
    A `TextOracle` needs prompts, and gives its own numbers in place of floors and of likeness to a gold text. `watch`
    is shown every line with its verdicts.
    """
    numbered = enumerate(lines, 1)
    first = next(numbered, None)
    if first is None:
        raise UserError("there are no lines to score")
    kind = predictions.kind(predictions.record(*first), isinstance(task, TextOracle))
    rows = (kind.texts(number, predictions.record(number, line)) for number, line in chain([first], numbered))
    tally = OracleTally() if isinstance(task, TextOracle) else TextTally()
    rng = np.random.default_rng(0)
    for block in predictions.blocks(rows, ROWS):
        if isinstance(tally, TextTally):
            predictions.check_comparable(block, tally.n)
        left, predicted = map(list, zip(*block, strict=True))
        first, every, scored = tally.n + 1, range(len(block)), []
        if isinstance(tally, OracleTally):
            for alike, problem in _problems(task, left, tally.n):
                texts = [predicted[row] for row in alike]
                scored.append((alike, left, texts, None, tally.add(task, problem, texts)))
        elif kind.gold:
            gold = Gold(predicted, {})
            scored.append((every, None, left, gold, tally.add(left, gold)))
        else:
            gold = _solve(task, left, tally.n, rng)
            scored.append((every, left, predicted, gold, tally.add(predicted, gold)))
        for one in scored if watch else ():
            watch(Scored(first, *one))
        progress(tally.n)
    return {"n": tally.n, "lines": kind.name, **tally.result()}


def judge(predicted: str, gold: str) -> tuple[bool, bool, str]:
    """Whether the answer and the chain of thought are right, and the first step that is not.

    An answer is right if it equals the gold one but for blanks at its ends, and stands where answers stand: behind
    `<answer>` where the gold text has that. Steps count from 0; then come `answer`, and `none` if nothing is wrong.
    """
    (given, answer), (reasoning, right) = ((one.strip() for one in split_answer(text)) for text in (predicted, gold))
    marked = ANSWER in predicted or ANSWER not in gold
    correct = marked and bool(answer) and answer == right
    if not marked:
        given = answer
    if given == reasoning:
        return correct, True, "none" if correct else "answer"
    steps, wanted = given.split(STEP), reasoning.split(STEP)
    pairs = enumerate(zip(steps, wanted, strict=False))
    wrong = next((i for i, (step, want) in pairs if step.strip() != want.strip()), min(len(steps), len(wanted) - 1))
    return correct, False, str(wrong)


class Tally:
    """Verdicts on the lines seen so far."""

    def __init__(self) -> None:
        self.n = 0
        self.outcomes: Counter[tuple[bool, bool]] = Counter()
        self.first_wrong: Counter[str] = Counter()

    def count(self, verdicts: Iterable[Verdict]) -> list[Verdict]:
        """Count lines by what `judge` says of them, and say it."""
        listed = list(verdicts)
        self.n += len(listed)
        self.outcomes.update((answer, trace) for answer, trace, _ in listed)
        self.first_wrong.update(step for *_, step in listed)
        return listed

    def result(self) -> dict[str, Any]:
        """The numbers, as JSON has them."""
        outcomes = [self.outcomes[key] for key in ((True, True), (True, False), (False, True), (False, False))]
        return {
            **_proportion("answer_accuracy", outcomes[0] + outcomes[1], self.n),
            **_proportion("trace_accuracy", outcomes[0] + outcomes[2], self.n),
            **{name: count / self.n for name, count in zip(OUTCOMES, outcomes, strict=True)},
            "first_wrong_step": {step: self.first_wrong[step] for step in sorted(self.first_wrong, key=_step_order)},
        }


class TextTally(Tally):
    """Sums over lines whose right text is known, from which every number follows."""

    def __init__(self) -> None:
        super().__init__()
        self.sums = {part: np.zeros(3) for part in PARTS}  # exact matches, edit distances, BLEUs
        self.counts = {part: (np.zeros(4), np.zeros(4), np.zeros(2)) for part in PARTS}
        self.floors: dict[str, np.ndarray] = {}

    def add(self, predicted: list[str], gold: Gold) -> list[Verdict]:
        """Count lines: the predicted texts and the right ones."""
        verdicts = self.count(judge(text, right) for text, right in zip(predicted, gold.texts, strict=True))
        for part, scores in score_text(predicted, gold.texts).items():
            rows = (scores.exact_match, scores.edit_distance, scores.bleu)
            self.sums[part] += [row.sum() for row in rows]
            for total, rows in zip(self.counts[part], scores.counts, strict=True):
                total += rows.sum(axis=0)
        for name, texts in gold.floors.items():
            self.floors[name] = self.floors.get(name, 0) + _floor_sums(texts, gold.texts)
        return verdicts

    def result(self) -> dict[str, Any]:
        exact, edits, bleu = ({part: float(self.sums[part][i]) for part in PARTS} for i in range(3))
        return {
            **super().result(),
            "exact_match": {part: value / self.n for part, value in exact.items()},
            "edit_distance": {part: value / self.n for part, value in edits.items()},
            "bleu": {part: value / self.n for part, value in bleu.items()},
            "corpus_bleu": {part: self._corpus_bleu(part) for part in PARTS},
            "floors": {name: _floor(sums / self.n) for name, sums in self.floors.items()} or None,
        }

    def _corpus_bleu(self, part: str) -> float:
        counts = BleuCounts(*(total[None] for total in self.counts[part]))
        return float(corpus_bleu_from_counts(counts))


class OracleTally(Tally):
    """Sums over lines that the task judges."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: dict[str, tuple[int, int]] = {}  # how many lines it is true of, of how many
        self.means: dict[str, tuple[float, int]] = {}  # sum over the lines that have the number, and how many have

    def add(self, task: TextOracle, problem: Problem, texts: list[str]) -> list[Verdict]:
        """Count lines: the problems and what was written."""
        judged, extra = task.judge_texts(problem, texts)
        steps = np.where(judged.trace, np.where(judged.answer, "none", "answer"), judged.first_wrong_step.astype(str))
        verdicts = self.count(zip(judged.answer.tolist(), judged.trace.tolist(), steps.tolist(), strict=True))
        for name, values in extra.items():
            sums = self.shares if values.dtype == bool else self.means
            total, lines = sums.get(name, (0, 0))
            known = values[~np.isnan(values)]
            sums[name] = total + known.sum().item(), lines + known.size
        return verdicts

    def result(self) -> dict[str, Any]:
        numbers = super().result()
        for name, (true, lines) in self.shares.items():
            numbers |= _proportion(name, true, lines)
        return numbers | {name: total / lines if lines else None for name, (total, lines) in self.means.items()}


def _step_order(step: str) -> tuple:
    """Steps by number, then the answer, then nothing wrong."""
    return step == "none", step == "answer", len(step), step


def _proportion(name: str, successes: int, n: int) -> dict[str, Any]:
    """A share and its 95 % interval (Wilson)."""
    interval = wilson(successes, n)
    return {name: successes / n, f"{name}_interval": [interval.low, interval.high]}


def _floor_sums(texts: Sequence[str], gold: Sequence[str]) -> np.ndarray:
    """Right answers, exact matches and edit distances of texts that were written without understanding."""
    right = sum(judge(text, one)[0] for text, one in zip(texts, gold, strict=True))
    full = score_text(texts, gold)["full"]
    return np.array([right, full.exact_match.sum(), full.edit_distance.sum()])


def _floor(means: np.ndarray) -> dict[str, float]:
    return dict(zip(("answer_accuracy", "exact_match", "edit_distance"), means.tolist(), strict=True))


def _solve(task: Task, prompts: list[str], done: int, rng: np.random.Generator) -> Gold:
    """The right text for each prompt, and what the floors would write; `done` lines came before."""
    gold = [""] * len(prompts)
    guesses: dict[str, list[str]] = {}
    for rows, problem in _problems(task, prompts, done, "; lines of predict and label need no prompt"):
        batch = task.render(problem, rng)
        written = {"": task.solve(problem), **floors.guesses(task, batch, rng)}
        for name, tokens in written.items():
            texts = guesses.setdefault(name, [""] * len(prompts)) if name else gold
            for row, text in zip(rows, task.vocabulary.decode_all(tokens), strict=True):
                texts[row] = text
    return Gold(gold, guesses)


def _problems(task: Task, prompts: list[str], done: int, advice: str = "") -> Iterator[tuple[list[int], Problem]]:
    """Which prompts have problems of equal shapes, and these problems; `done` lines came before.

    Raises `UserError` for the first prompt that the task cannot read, by its line and with `advice`.
    """
    groups: dict[tuple, list[int]] = {}
    problems = []
    for number, prompt in enumerate(prompts, done + 1):
        try:
            problems.append(task.parse(prompt))
        except UserError as error:
            raise UserError(f"line {number}: {error}{advice}") from None
        shape = tuple(values.shape for values in problems[-1].values())
        groups.setdefault(shape, []).append(len(problems) - 1)
    for rows in groups.values():
        yield rows, {name: np.concatenate([problems[row][name] for row in rows]) for name in problems[rows[0]]}
