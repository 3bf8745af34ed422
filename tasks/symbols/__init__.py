"""Compositions of letter transformations, with the chain of thought: DataAlchemy (Zhao et al., arXiv:2508.01191).

An element is a sequence of letters; a composition is a sequence of primitives (`tasks/symbols/primitives.py`), the first
applied first; the chain of thought is every intermediate element with what remains to be done (`tasks/symbols/layout.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import gold
from alchemy.problem.defaults import TaskDefaults, share_seen
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import NOISE, Batch, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.symbols import draw, follow, shifts, steps, words
from tasks.symbols.layout import layout
from tasks.symbols.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.symbols.write import elements_written, write

NOISE_CODE = 254  # the letter number of the noise symbol, beyond every alphabet


@dataclass(frozen=True)
class Symbols(Spec, TaskDefaults):
    """Apply a composition of primitives to an element, step by step."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`element` int16 (n, longest) letter numbers padded with -1, `composition` int32 (n,), `ops` int16 (n, k)."""
        return draw.draw(self, rng, n)

    def exhaustive(self, length: int, composition: str, chunk: int = 1 << 16) -> Iterator[Problem]:
        """Every element of one length over the atoms, in lexicographic order, as problems of at most `chunk` rows."""
        return draw.exhaustive(self, length, composition, chunk)

    @property
    def problems(self) -> int:
        """The number of problems there are."""
        atoms = len(set(self.atoms or self.alphabet))
        return len(self.compositions) * sum(atoms**length for length in self.length)

    def every_problem(self) -> Iterator[Problem]:
        """Every element in lexicographic order, for each composition in turn and each of its lengths in turn."""
        if self.noise is not None or self.banned:
            raise UserError("an exhaustive file has every element, clean: leave out noise and banned")
        for composition in self.compositions:
            for length in self.length:
                yield from self.exhaustive(length, composition)

    def write(self, problem: Problem) -> Batch:
        lines = write(self, problem)
        return Batch(lines.tokens[..., None], lines.prompt_len, lines.field, problem)

    def solve(self, problem: Problem) -> np.ndarray:
        """The gold completions, int32 (n, m)."""
        return write(self, problem, prompt=False).tokens

    @property
    def replayable(self) -> bool:
        """Whether there is a single composition."""
        return len(self.compositions) == 1

    def resolve(self, problem: Problem, composition: str = "") -> np.ndarray:
        """Completions int32 (n, m) for the same elements under another composition; this task's only one if empty."""
        if not composition and not self.replayable:
            raise UserError(f"name the composition to replay, one of {self.compositions}")
        return self.solve(draw.composed(self, problem["element"], composition or self.compositions[0]))

    def echo(self, problem: Problem) -> np.ndarray:
        """Completions int32 (n, m) in the right format in which no step changes the element."""
        return write(self, problem, prompt=False, apply=False).tokens

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the element alone: every composition, length of chain and dialect of it falls into the same part."""
        return hash_rows(problem["element"], problem["element"] >= 0)

    def structure(self, problem: Problem) -> np.ndarray:
        """Hash of which letters of the element are equal, whatever they are."""
        element = problem["element"]
        first = (element[:, :, None] == element[:, None, :]).argmax(axis=2)  # (n, l): where each letter stands first
        return hash_rows(first, element >= 0)

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the tokens that stand in the element's field of the prompt; of a clean prompt its identity."""
        width = int(batch.prompt_len.max(initial=0))
        code = np.zeros(len(self.vocabulary), np.int16)
        code[self.letters], code[NOISE] = np.arange(len(self.letters)), NOISE_CODE
        text = batch.text[:, :width]
        hint = (text >= self.first_hint) & (text < self.think_id)
        return hash_rows(code[text], (batch.field[:, :width] == 0) & ~hint)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the solver's; a problem has one right chain and one right answer."""
        lines = write(self, batch.problem, prompt=False)
        steps_asked = (batch.problem["ops"] >= 0).sum(axis=1)
        right = gold.Gold(lines.tokens, lines.field, steps_asked, lines.direct)
        kinds = np.arange(len(self.vocabulary))
        primitives = slice(3, self.first_hint)
        hints = slice(self.first_hint, self.think_id)
        kinds[primitives], kinds[hints], kinds[self.letters] = 3, self.first_hint, self.letters[0]
        return gold.judge(right, completion, kinds, self.answer_mark_id)

    def answer_ids(self, completion: np.ndarray) -> np.ndarray:
        """A hash of what follows the last `<answer>`; without one, of everything where a prompt may end in it."""
        direct = layout(1, self.fewest_steps, self.cot, self.dialect).direct
        return gold.answer_hashes(completion, direct, self.answer_mark_id)

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The letters."""
        return tuple(self.letters.tolist())

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The remaining transformations of the problem, applied to the letters of the step."""
        return follow.follow(self, batch, completion, step)

    def paraphrase(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The transformations that remain come before the letters."""
        return follow.operations_first(self, batch, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Steps, letters, and how often each primitive is applied."""
        ops = problem["ops"]
        counts = {name: (ops == op).sum(axis=1) for op, name in enumerate(self.primitives)}
        return {"steps": (ops >= 0).sum(axis=1), "letters": (problem["element"] >= 0).sum(axis=1), **counts}

    def groups(self, problem: Problem) -> Mapping[str, list[str]]:
        """The composition of each problem."""
        return {
            "composition": [" ".join(self.primitives[op] for op in ops if op >= 0) for ops in problem["ops"].tolist()]
        }

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def gold_text(self, problem: Problem) -> str:
        """The right text to one problem (n = 1)."""
        return steps.gold_text(self, problem)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text to one problem (n = 1)."""
        return steps.steps(self, problem, text)

    def record(self, batch: Batch) -> list[dict[str, str]]:
        """The records of `jsonl` as dictionaries, in the format of the paper's own files."""
        return [json.loads(line) for line in self.jsonl(batch).splitlines()]

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt such as `A B C D [F1] [F2] <think>`; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift of that name; the grammar is in `tasks/symbols/shifts.py`."""
        return shifts.parse(self, name)

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, Any]:
        return shifts.novelty(train.problem, test.problem, len(self.alphabet))

    def overlap(self, train: Batch, test: Batch) -> Mapping[str, float]:
        """Besides, the share of test elements that a training chain writes, on its way or as its answer."""
        chains = share_seen(elements_written(self, train.problem), self.identity(test.problem))
        return {**super().overlap(train, test), "elements_in_chains": chains}
