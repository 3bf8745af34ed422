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
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from alchemy.dataset.jsonl import jsonl
from alchemy.problem.noise import growth, perturb
from alchemy.problem.shift import Noise, Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import (
    EOS,
    NOISE,
    PAD,
    Batch,
    Field,
    Judgement,
    Problem,
    Vocabulary,
)
from tasks.recheck import judge as recheck_judge
from tasks.recheck import shifts as recheck_shift
from tasks.recheck import steps as recheck_steps
from tasks.recheck.check import check
from tasks.recheck.draw import (
    CLASSES,
    drafts,
    kinds,
    maps,
    rechecks,
    walk,
)

Maps = Literal["cycle", "permutation", "function"]
NOISE_CODE = 254  # the letter number of the noise symbol, beyond every alphabet
MARKS = ("<think>", "<wait>", "<answer>", "*")


@dataclass(frozen=True)
class Recheck:
    """Follow a map for some hops, then re-check the last of them or not."""

    classes: tuple[str, ...] = CLASSES
    """Classes of problems, equally frequent."""
    hops: tuple[int, ...] = (6,)
    """Hops in a problem of the class help, drawn uniformly from these."""
    alphabet: str = "ABCDEFGHIJ"
    """The letters."""
    maps: Maps = "cycle"
    """Maps that are one cycle through all letters, so that only the right number of hops ends right; or any permutation;
    or any function."""
    right: tuple[float, ...] = (1.0, 1.0, 0.9, 0.4, 0.95, 0.1)
    """How often the first draft is right in noisy text, for each of `recheck_draw.KINDS`."""
    breaks: tuple[float, ...] = (0.0, 0.0, 0.25, 0.1, 0.2, 0.05)
    """How often a re-check turns a right draft wrong."""
    mends: tuple[float, ...] = (1.0, 1.0, 0.15, 0.4, 0.05, 0.6)
    """How often a re-check turns a wrong draft right."""
    again: tuple[float, ...] = (0.5, 0.5, 0.5, 0.5, 0.35, 0.65)
    """How often a draft is re-checked, whatever it is, where the prompt does not tell how many re-checks there are."""
    most: int = 8
    """Re-checks that there are at most, 0 to 9."""
    told: float = 0.5
    """Share of prompts that tell the number of re-checks, any from 0 to `most` alike; the others show `*`."""
    asked: int = -1
    """Every prompt tells this number instead, unless it is -1."""
    noisy: bool = False
    """The text shows drafts as re-checks make them; otherwise all are right."""
    waits: bool = True
    """There are re-checks; otherwise no text has one, nor a prompt that tells how many."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    prompt_fields: ClassVar[tuple[str, ...]] = ("class", "hops", "rechecks", "map", "start", "instruction")

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.of((*[f"[{name}]" for name in CLASSES], *"0123456789", *MARKS, *self.alphabet))

    @cached_property
    def letters(self) -> np.ndarray:
        """Ids of the letters, int32 (number of letters,)."""
        return np.arange(len(self.vocabulary) - len(self.alphabet), len(self.vocabulary), dtype=np.int32)

    @property
    def cuts(self) -> tuple[int, ...]:
        """The letters: each one written is a draft, and so is the answer."""
        return tuple(self.letters.tolist())

    @property
    def longest_prompt(self) -> int:
        """Tokens of every prompt before noise."""
        return len(self.alphabet) + 5

    @property
    def longest_walk(self) -> int:
        """Hops of the longest problem."""
        return max(self.hops) if "help" in self.classes else 1

    @property
    def most_rechecks(self) -> int:
        """Re-checks of the longest text."""
        return max(self.most, self.asked) if self.waits else 0

    @property
    def least_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def max_len(self) -> int:
        return self._clean_len + growth(self.noise, self.longest_prompt)

    @property
    def _clean_len(self) -> int:
        return self.longest_prompt + self.longest_walk + 2 * self.most_rechecks + 3

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`class` number in CLASSES, `map` int8 (n, a), `start`, `hops`, `told` or -1, `rechecks`: int8 (n,); `drafts` int8
        (n, hops + re-checks) letter numbers, padded with -1."""
        number = np.array([CLASSES.index(name) for name in self.classes], np.int8)[
            rng.integers(len(self.classes), size=n)
        ]
        table = maps(rng, self.maps, n, len(self.alphabet))
        start = rng.integers(len(self.alphabet), size=n, dtype=np.int8)
        hops = np.where(number == 0, np.array(self.hops, np.int8)[rng.integers(len(self.hops), size=n)], np.int8(1))
        kind = kinds(number, start, len(self.alphabet))
        told, count = rechecks(self, rng, kind)
        states = walk(table, start, self.longest_walk)
        written = drafts(self, rng, kind, states, hops, count)
        return {
            "class": number,
            "map": table,
            "start": start,
            "hops": hops,
            "told": told,
            "rechecks": count,
            "drafts": written,
        }

    def sample(self, rng: np.random.Generator, n: int) -> Batch:
        return self.render(self.draw(rng, n), rng)

    def render(self, problem: Problem, rng: np.random.Generator) -> Batch:
        tokens, field, prompt_len = self._write(problem)
        batch = Batch(tokens[..., None], prompt_len, field, problem)
        return batch if self.noise is None else perturb(batch, self.noise, self.prompt_fields, rng, self.longest_prompt)

    def _write(self, problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lines: tokens int32 (n, t), field int8 (n, t), prompt_len int32 (n,)."""
        n, p, first = len(problem["start"]), self.longest_prompt, int(self.letters[0])
        zero, (think, wait, answer, open_end) = 3 + len(CLASSES), range(first - len(MARKS), first)
        tokens, field = np.full((n, self._clean_len), PAD, np.int32), np.full((n, self._clean_len), -1, np.int8)
        tokens[:, 0], tokens[:, 1] = problem["class"] + 3, problem["hops"] + zero
        tokens[:, 2] = np.where(problem["told"] < 0, open_end, problem["told"] + np.int32(zero))
        tokens[:, 3 : p - 2], tokens[:, p - 2] = problem["map"] + first, problem["start"] + first
        tokens[:, p - 1] = think
        field[:, :p] = [0, 1, 2, *[3] * len(self.alphabet), 4, 5]
        hops, count = problem["hops"][:, None].astype(int), problem["rechecks"][:, None].astype(int)
        place = np.arange(self._clean_len - p)
        step, end = recheck_judge.step_of(place, hops), hops + 2 * count
        drawn = np.minimum(step, hops + count - 1)
        letter = np.take_along_axis(problem["drafts"], drawn, axis=1) + np.int32(first)
        waits = (place >= hops) & ((place - hops) % 2 == 0)
        kinds = [place < end, place == end, place == end + 1, place == end + 2]
        tokens[:, p:] = np.select(kinds, [np.where(waits, wait, letter), answer, letter, EOS], PAD)
        codes = [Field.STEP + step, Field.ANSWER, Field.ANSWER, Field.END]
        field[:, p:] = np.select(kinds, codes, Field.PADDING)
        return tokens, field, np.full(n, p, np.int32)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the map and the start: every class, number of hops and of re-checks of it falls into the same part."""
        codes = np.concatenate([problem["map"], problem["start"][:, None]], axis=1)
        return hash_rows(codes, np.ones(codes.shape, bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the tokens that stand in the map's and the start's fields; of a clean prompt its identity."""
        width = int(batch.prompt_len.max(initial=0))
        code = np.zeros(len(self.vocabulary), np.int16)
        code[self.letters], code[NOISE] = np.arange(len(self.letters)), NOISE_CODE
        field = batch.field[:, :width]
        return hash_rows(code[batch.text[:, :width]], (field == 3) | (field == 4))

    def gold(self, problem: Problem) -> np.ndarray:
        """The letters of all hops, as ids int32 (n, longest walk): the last that counts is the answer."""
        return walk(problem["map"], problem["start"], int(problem["hops"].max(initial=1))) + self.letters[0]

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): every hop and every re-check, of which there may be any number, must be right."""
        return self.judge(batch.problem, completion)

    def judge(self, problem: Problem, completion: np.ndarray) -> Judgement:
        """The same of problems alone."""
        first = int(self.letters[0])
        return recheck_judge.judge(self.gold(problem), problem["hops"], completion, first - 3, first - 2, first)

    def said(self, completion: np.ndarray) -> np.ndarray:
        """The id of the one letter behind the last `<answer>`."""
        return recheck_judge.said(completion, int(self.letters[0]) - 2, int(self.letters[0]))

    def facts(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Class, hops, and which half of the alphabet the start is in."""
        half = (problem["start"] >= len(self.alphabet) // 2).astype(np.int8)
        return {"class": problem["class"], "hops": problem["hops"], "half": half}

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions as text; words that the vocabulary lacks are noise."""
        rows = [[self.vocabulary.index.get(word, NOISE) for word in text.split()] for text in texts]
        completion = np.full((len(rows), max(map(len, rows), default=0)), PAD, np.int32)
        for row, ids in zip(completion, rows, strict=True):
            row[: len(ids)] = ids
        return self.judge(problem, completion), {}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return recheck_steps.instructions(self)

    def steps(self, one: Batch, completion: np.ndarray) -> list[Step]:
        """Hops, re-checks and the answer."""
        return self.text_steps(one.problem, self.vocabulary.decode(completion[0]))

    def gold_text(self, problem: Problem) -> str:
        """The right text to one problem (n = 1), with as many re-checks as it has."""
        return recheck_steps.gold_text(self, problem)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text to one problem (n = 1)."""
        return recheck_steps.steps(self, problem, text)

    def show(self, tokens: np.ndarray) -> str:
        return self.vocabulary.decode(tokens if tokens.ndim == 1 else tokens[:, 0])

    def jsonl(self, batch: Batch) -> bytes:
        """Records with the keys input, output, each prompt field, reasoning and answer, one JSON object a line."""
        return jsonl(batch, self.vocabulary, self.prompt_fields)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt, its text without re-checks unless it tells them; raises `UserError`."""
        return recheck_steps.parse(self, text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return recheck_shift.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/recheck/shifts.py`."""
        return recheck_shift.parse(self, name)

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, Any]:
        return recheck_shift.novelty(train.problem, test.problem, len(self.alphabet))
