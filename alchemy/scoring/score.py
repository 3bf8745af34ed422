"""Score anybody's predictions: JSON lines in (`alchemy.scoring.predictions` says which), one object of numbers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import floors
from alchemy.problem.task import NOISE, Problem, Task
from alchemy.scoring import predictions
from alchemy.scoring.cleaning import Cleaner
from alchemy.scoring.grade import Grouped, TextOracle
from alchemy.scoring.predictions import Row
from alchemy.scoring.problems import Problems
from alchemy.scoring.sample import GoldTexts, GradedLines
from alchemy.scoring.tally import GoldTally, OracleTally, Tally

ROWS = 50_000  # completions scored at once

Watch = Callable[[GradedLines], None]


def score(
    lines: Iterable[bytes],
    task: Task,
    progress: Callable[[int], None] = lambda n: None,
    watch: Watch | None = None,
    *,
    clean: bool = True,
    noiseless: Mapping[str, str] = MappingProxyType({}),
    problems: Problems | None = None,
) -> dict[str, Any]:
    """Every metric over all completions; raises `UserError` that names the first bad line by its number.

    Lines that have a prompt are scored next to the floors of the task: random letters, and the question repeated.
    A `TextOracle` needs prompts, and gives its own numbers in place of floors and of likeness to a gold text. `watch`
    is called with the graded lines of each block. With `clean`, what models add to a text is taken off
    (`alchemy.scoring.cleaning`); `noiseless` has the prompt that a task can read for those that noise has changed.
    Texts that a model failed to write are wrong. Several answers to one prompt are samples of one problem: intervals are
    then over problems. All answers are kept in `problems`.
    """
    numbered = enumerate(lines, 1)
    first = next(numbered, None)
    if first is None:
        raise UserError("there are no lines to score")
    schema = predictions.schema_of(predictions.parse_line(*first), isinstance(task, TextOracle))
    reader = _Reader(schema, task, clean, noiseless)
    rows = (row for number, line in chain([first], numbered) for row in reader.rows(number, line))
    blocks = predictions.blocks(rows, ROWS)
    problems = Problems() if problems is None else problems
    tally: Tally
    if isinstance(task, TextOracle):
        tally = OracleTally()
        graded = _grade_by_oracle(blocks, task, tally)
    else:
        tally = GoldTally(task.text_format)
        graded = _grade_by_gold(blocks, None if schema.has_gold else task, tally)
    for graded_lines in graded:
        problems.watch(graded_lines)
        if watch:
            watch(graded_lines)
        progress(tally.n)
    numbers = problems.over_problems(tally.result())
    return {"n": tally.n, "lines": schema.name, **numbers, **reader.result(), **problems.result()}


class _Reader:
    """Reads the texts of lines as they are scored, and counts what was taken off, and what was not there."""

    def __init__(self, schema: predictions.Schema, task: Task, clean: bool, noiseless: Mapping[str, str]) -> None:
        self.schema, self.text_format, self.noiseless = schema, task.text_format, noiseless
        self.cleaner = Cleaner(task.text_format, task.vocabulary.symbols[NOISE + 1 :]) if clean else None
        self.failed = self.unanswered = 0

    def rows(self, number: int, line: bytes) -> Iterator[Row]:
        """What a line has to score."""
        for left, right in self.schema.texts(number, predictions.parse_line(number, line)):
            if self.schema.has_gold:
                gold = right or ""
                text, answer = self._written(left, not self.text_format.has_answer(gold), gold)
                yield Row(number, text, gold, answer)
            else:
                prompt = left or ""
                text, answer = self._written(right, prompt.rstrip().endswith(self.text_format.answer_mark))
                yield Row(number, self.noiseless.get(prompt, prompt), text, answer)

    def _written(self, text: str | None, at_once: bool, gold: str = "") -> tuple[str, str]:
        """A completion without additions, and its answer; `at_once` if it is all answer where it has no mark."""
        if text is None:
            self.failed += 1
            return "", ""
        cleaned = self.cleaner.clean(text, gold) if self.cleaner else text
        has_answer = at_once or self.text_format.has_answer(cleaned)
        answer = " ".join(self.text_format.split_answer(cleaned)[1].split()) if has_answer else ""
        self.unanswered += not answer
        return cleaned, answer

    def result(self) -> dict[str, Any]:
        return {
            "failed": self.failed,
            "without an answer": self.unanswered,
            "taken off": dict(self.cleaner.counts) if self.cleaner else {},
        }


def _grade_by_oracle(blocks: Iterable[list[Row]], task: TextOracle, tally: OracleTally) -> Iterator[GradedLines]:
    """Rows (prompt, completion), graded by the task: in each block those together whose problems have one shape."""
    for block in blocks:
        for places, problem in _problems(task, block):
            rows = [block[place] for place in places]
            texts = [row.right for row in rows]
            grades = tally.add(task, problem, texts)
            lines, prompts, answers = (
                [row.line for row in rows],
                [row.left for row in rows],
                [row.answer for row in rows],
            )
            yield GradedLines(lines, prompts, texts, answers, None, grades, _known(task, problem))


def _grade_by_gold(blocks: Iterable[list[Row]], task: Task | None, tally: GoldTally) -> Iterator[GradedLines]:
    """Rows (prompt, completion) whose gold texts `task` writes, or without a task rows (prediction, gold text)."""
    rng = np.random.default_rng(0)
    for block in blocks:
        predictions.check_comparable(block)
        lines, left, right, answers = map(list, zip(*block, strict=True))
        if task is None:
            gold = GoldTexts(right, {})
            yield GradedLines(lines, None, left, answers, gold, tally.add(left, gold), {})
        else:
            gold, features = _solve(task, block, rng)
            yield GradedLines(lines, left, right, answers, gold, tally.add(right, gold), features)


def _solve(task: Task, block: list[Row], rng: np.random.Generator) -> tuple[GoldTexts, dict[str, list[Any]]]:
    """The gold text for each prompt, what the floors would write, and what is known of the problems."""
    gold = [""] * len(block)
    guesses: dict[str, list[str]] = {}
    features: dict[str, list[Any]] = {}
    for places, problem in _problems(task, block, "; lines of predict and label need no prompt"):
        batch = task.render(problem, rng)
        _place(gold, places, task.vocabulary.decode_all(task.solve(problem)))
        for name, completions in floors.guesses(task, batch, rng).items():
            texts = task.vocabulary.decode_all(completions)
            _place(guesses.setdefault(name, [""] * len(block)), places, texts)
        for name, values in _known(task, problem).items():
            _place(features.setdefault(name, [None] * len(block)), places, values)
    return GoldTexts(gold, guesses), features


def _place(target: list[Any], places: list[int], values: Iterable[Any]) -> None:
    """Put values where their rows are."""
    for place, value in zip(places, values, strict=True):
        target[place] = value


def _known(task: Task | TextOracle, problem: Problem) -> dict[str, list[Any]]:
    """What a task knows of problems before they are answered: names first, then numbers."""
    names = task.groups(problem) if isinstance(task, Grouped) else {}
    return {**names, **{name: values.tolist() for name, values in task.features(problem).items()}}


def _problems(task: Task | TextOracle, block: list[Row], advice: str = "") -> Iterator[tuple[list[int], Problem]]:
    """The rows (their places in the block) whose problems have one shape, and these problems joined.

    Raises `UserError` for the first prompt that the task cannot read, by its line and with `advice`.
    """
    places: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    problems: list[Problem] = []
    for row in block:
        try:
            problems.append(task.parse(row.left))
        except UserError as error:
            raise UserError(f"line {row.line}: {error}{advice}") from None
        shape = tuple(values.shape for values in problems[-1].values())
        places.setdefault(shape, []).append(len(problems) - 1)
    for rows in places.values():
        yield rows, {name: np.concatenate([problems[row][name] for row in rows]) for name in problems[rows[0]]}
