"""Chains of drafts that may be re-checked, where that helps, changes nothing, or hurts: thinking too much, with its law.

A prompt shows a map from letters to letters, f(A) f(B) ..., a letter to start from and how many hops to take; the chain
of thought takes one hop after another. Then it may write `<wait>` and draft the last hop again, as often as it likes,
and the answer repeats the last draft. Whether a re-check is worth anything is up to the class of the problem:

| class | hops | re-checks |
|---|---|---|
| help | several, so that a shorter chain cannot have the answer | change nothing |
| flat | one | change nothing |
| hurt | one | break right drafts more often than they mend wrong ones |
| mend | one | the other way round |
| mixed | one | hurt where the start is in the first half of the alphabet, mend in the second |

The answer asked for is always the right one. With `noisy` the text shows drafts as re-checks make them: training data in
which re-checks are a move that is made whether or not it is needed (arXiv:2507.14417 and 2506.04210 ask what such
training does). `tasks/recheck/laws.py` has what accuracy must then be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alchemy.problem.defaults import TaskDefaults, share_seen
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import NOISE, Batch, Field, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.recheck import draw, follow, judge, shifts, steps, structure, words
from tasks.recheck.spec import PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.recheck.write import write

NOISE_CODE = 254  # the letter number of the noise symbol, beyond every alphabet


@dataclass(frozen=True)
class Recheck(Spec, TaskDefaults):
    """Follow a map for some hops, then re-check the last of them or not."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`class` number in CLASSES, `map` int8 (n, a), `start`, `hops`, `told` or -1, `rechecks`: int8 (n,); `drafts` int8
        (n, hops + re-checks) letter numbers, padded with -1."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        lines = write(self, problem)
        return Batch(lines.tokens[..., None], lines.prompt_len, lines.field, problem)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the map and the start: every class, number of hops and of re-checks of it falls into the same part."""
        codes = np.concatenate([problem["map"], problem["start"][:, None]], axis=1)
        return hash_rows(codes, np.ones(codes.shape, bool))

    def structure(self, problem: Problem) -> np.ndarray:
        """Hash of the map and the start up to the names of the letters, exact (`tasks/recheck/structure.py`)."""
        return structure.keys(problem["map"], problem["start"])

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the tokens that stand in the map's and the start's fields; of a clean prompt its identity."""
        width = int(batch.prompt_len.max(initial=0))
        code = np.zeros(len(self.vocabulary), np.int16)
        code[self.letters], code[NOISE] = np.arange(len(self.letters)), NOISE_CODE
        field = batch.field[:, :width]
        return hash_rows(code[batch.text[:, :width]], (field == 3) | (field == 4))

    def gold(self, problem: Problem) -> np.ndarray:
        """The letters of all hops, as ids int32 (n, longest walk): the last that counts is the answer."""
        return draw.walk(problem["map"], problem["start"], int(problem["hops"].max(initial=1))) + self.letters[0]

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): every hop and every re-check, of which there may be any number, must be right."""
        return self.judge(batch.problem, completion)

    def judge(self, problem: Problem, completion: np.ndarray) -> Judgement:
        """The same of problems alone."""
        wait, first = self.vocabulary.index["<wait>"], int(self.letters[0])
        return judge.judge(self.gold(problem), problem["hops"], completion, wait, self.answer_mark_id, first)

    def answer_ids(self, completion: np.ndarray) -> np.ndarray:
        """The id of the one letter behind the last `<answer>`."""
        return judge.answer_letters(completion, self.answer_mark_id, int(self.letters[0]))

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The letters."""
        return tuple(self.letters.tolist())

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        """A hop is one token and a re-check two, of which there may be any number."""
        field = follow.fields(batch.problem["hops"], completion, self.answer_mark_id)
        return np.where(self.verify(batch, completion).well_formed[:, None], field, np.int8(Field.PADDING))

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The hops that remain, from the letter of the step; then drafts and the answer repeat the last of them.

        In noisy text a draft is broken or mended at random, so that what follows is what nothing more happens to.
        """
        return follow.follow(batch.problem, completion, self.chain_fields(batch, completion), step, self.letters)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Class, hops, and which half of the alphabet the start is in."""
        half = (problem["start"] >= len(self.alphabet) // 2).astype(np.int8)
        return {"class": problem["class"], "hops": problem["hops"], "half": half}

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions as text; words that the vocabulary lacks are noise."""
        return self.judge(problem, self.encoded(texts)), {}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def gold_text(self, problem: Problem) -> str:
        """The right text to one problem (n = 1), with as many re-checks as it has."""
        return steps.gold_text(self, problem)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text to one problem (n = 1)."""
        return steps.steps(self, problem, text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt, its text without re-checks unless it tells them; raises `UserError`."""
        return words.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/recheck/shifts.py`."""
        return shifts.parse(self, name)

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, Any]:
        return shifts.novelty(train.problem, test.problem, len(self.alphabet))

    def overlap(self, train: Batch, test: Batch) -> Mapping[str, float]:
        """Besides, the share of test problems whose start and its image are those of a training problem."""
        pairs = (self._first_hop(batch.problem) for batch in (train, test))
        return {**super().overlap(train, test), "first_hops": share_seen(*pairs)}

    def _first_hop(self, problem: Problem) -> np.ndarray:
        """A number for each start and its image, int (n,)."""
        start, row = problem["start"].astype(np.intp), np.arange(len(problem["start"]))
        return start * len(self.alphabet) + problem["map"][row, start]
