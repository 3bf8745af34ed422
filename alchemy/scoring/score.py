"""Score anybody's predictions: JSON lines in (`alchemy.scoring.predictions` says which), one object of numbers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import floors
from alchemy.problem.task import Problem, Task
from alchemy.problem.text_format import TextFormat
from alchemy.scoring import predictions
from alchemy.scoring.cleaning import Cleaner
from alchemy.scoring.grade import TextOracle
from alchemy.scoring.sample import GoldTexts, GradedLines
from alchemy.scoring.tally import GoldTally, OracleTally, Tally

ROWS = 50_000  # lines scored at once

Block = list[tuple[str, str]]
"""Lines of one schema: the left and the right text of each."""
Watch = Callable[[GradedLines], None]


def score(
    lines: Iterable[bytes],
    task: Task,
    progress: Callable[[int], None] = lambda n: None,
    watch: Watch | None = None,
    *,
    clean: bool = True,
    noiseless: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Every metric over all lines; raises `UserError` that names the first bad line by its number.

    Lines that have a prompt are scored next to the floors of the task: random letters, and the question repeated.
    A `TextOracle` needs prompts, and gives its own numbers in place of floors and of likeness to a gold text. `watch`
    is called with the graded lines of each block. With `clean`, what models add to a text is taken off
    (`alchemy.scoring.cleaning`); `noiseless` has the prompt that a task can read for those that noise has changed.
    Texts that a model failed to write are wrong.
    """
    numbered = enumerate(lines, 1)
    first = next(numbered, None)
    if first is None:
        raise UserError("there are no lines to score")
    schema = predictions.schema_of(predictions.parse_line(*first), isinstance(task, TextOracle))
    reader = _Reader(schema, task.text_format, clean, noiseless)
    rows = (reader.texts(number, predictions.parse_line(number, line)) for number, line in chain([first], numbered))
    blocks = predictions.blocks(rows, ROWS)
    tally: Tally
    if isinstance(task, TextOracle):
        tally = OracleTally()
        graded = _grade_by_oracle(blocks, task, tally)
    else:
        tally = GoldTally(task.text_format)
        graded = _grade_by_gold(blocks, None if schema.has_gold else task, tally)
    for graded_lines in graded:
        if watch:
            watch(graded_lines)
        progress(tally.n)
    return {"n": tally.n, "lines": schema.name, **tally.result(), **reader.result()}


class _Reader:
    """Reads the texts of lines as they are scored, and counts what was taken off, and what was not there."""

    def __init__(
        self, schema: predictions.Schema, text_format: TextFormat, clean: bool, noiseless: Mapping[str, str]
    ) -> None:
        self.schema, self.text_format, self.noiseless = schema, text_format, noiseless
        self.cleaner = Cleaner(text_format) if clean else None
        self.failed = self.unanswered = 0

    def texts(self, number: int, record: dict[str, Any]) -> tuple[str, str]:
        left, right = self.schema.texts(number, record)
        if self.schema.has_gold:
            return self._written(left), right or ""
        return self.noiseless.get(left or "", left or ""), self._written(right)

    def _written(self, text: str | None) -> str:
        if text is None:
            self.failed += 1
            return ""
        cleaned = self.cleaner.clean(text) if self.cleaner else text
        self.unanswered += not self.text_format.has_answer(cleaned)
        return cleaned

    def result(self) -> dict[str, Any]:
        return {
            "failed": self.failed,
            "without an answer": self.unanswered,
            "taken off": dict(self.cleaner.counts) if self.cleaner else {},
        }


def _grade_by_oracle(blocks: Iterable[Block], task: TextOracle, tally: OracleTally) -> Iterator[GradedLines]:
    """Lines (prompt, completion), graded by the task: in each block those together whose problems have one shape."""
    for block in blocks:
        first_line = tally.n + 1
        prompts, completions = map(list, zip(*block, strict=True))
        for rows, problem in _problems(task, prompts, tally.n):
            texts = [completions[row] for row in rows]
            yield GradedLines(first_line, rows, prompts, texts, None, tally.add(task, problem, texts))


def _grade_by_gold(blocks: Iterable[Block], task: Task | None, tally: GoldTally) -> Iterator[GradedLines]:
    """Lines (prompt, completion) whose gold texts `task` writes, or without a task lines (prediction, gold text)."""
    rng = np.random.default_rng(0)
    for block in blocks:
        predictions.check_comparable(block, tally.n)
        first_line, rows = tally.n + 1, range(len(block))
        left, right = map(list, zip(*block, strict=True))
        if task is None:
            gold = GoldTexts(right, {})
            yield GradedLines(first_line, rows, None, left, gold, tally.add(left, gold))
        else:
            gold = _solve(task, left, tally.n, rng)
            yield GradedLines(first_line, rows, left, right, gold, tally.add(right, gold))


def _solve(task: Task, prompts: list[str], lines_before: int, rng: np.random.Generator) -> GoldTexts:
    """The gold text for each prompt, and what the floors would write."""
    gold = [""] * len(prompts)
    guesses: dict[str, list[str]] = {}
    for rows, problem in _problems(task, prompts, lines_before, "; lines of predict and label need no prompt"):
        batch = task.render(problem, rng)
        _place(gold, rows, task, task.solve(problem))
        for name, completions in floors.guesses(task, batch, rng).items():
            _place(guesses.setdefault(name, [""] * len(prompts)), rows, task, completions)
    return GoldTexts(gold, guesses)


def _place(texts: list[str], rows: list[int], task: Task, completions: np.ndarray) -> None:
    """Put completions int32 (len(rows), m) as texts where their rows are."""
    for row, text in zip(rows, task.vocabulary.decode_all(completions), strict=True):
        texts[row] = text


def _problems(
    task: Task | TextOracle, prompts: list[str], lines_before: int, advice: str = ""
) -> Iterator[tuple[list[int], Problem]]:
    """The prompts (their places in the list) whose problems have one shape, and these problems joined.

    Raises `UserError` for the first prompt that the task cannot read, by its line and with `advice`.
    """
    places: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    problems: list[Problem] = []
    for number, prompt in enumerate(prompts, lines_before + 1):
        try:
            problems.append(task.parse(prompt))
        except UserError as error:
            raise UserError(f"line {number}: {error}{advice}") from None
        shape = tuple(values.shape for values in problems[-1].values())
        places.setdefault(shape, []).append(len(problems) - 1)
    for rows in places.values():
        yield rows, {name: np.concatenate([problems[row][name] for row in rows]) for name in problems[rows[0]]}
