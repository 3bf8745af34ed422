"""Compositions of letter transformations, with the chain of thought: DataAlchemy (Zhao et al., arXiv:2508.01191).

An element is a sequence of letters; a composition is a sequence of primitives (`tasks/symbols/primitives.py`), the first
applied first; the chain of thought is every intermediate element with what remains to be done (`tasks/symbols/layout.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase
from typing import Any, ClassVar

import numpy as np

from alchemy.dataset.jsonl import jsonl
from alchemy.errors import UserError, nearest
from alchemy.problem.noise import growth, perturb
from alchemy.problem.shift import Noise, Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import (
    NOISE,
    PAD,
    Batch,
    Field,
    Judgement,
    Problem,
    Vocabulary,
)
from tasks.symbols import shifts as symbols_shift
from tasks.symbols import steps as symbols_steps
from tasks.symbols import words as symbols_words
from tasks.symbols.check import check
from tasks.symbols.draw import elements
from tasks.symbols.layout import (
    Dialect,
    Gold,
    groups,
    judge,
    layout,
    said,
)
from tasks.symbols.primitives import Primitives

NOISE_CODE = 254  # the letter number of the noise symbol, beyond every alphabet


@dataclass(frozen=True)
class Symbols:
    """Apply a composition of primitives to an element, step by step."""

    compositions: tuple[str, ...] = ("F1 F2",)
    """Compositions, each primitive names separated by spaces, the first applied first."""
    weights: tuple[float, ...] = ()
    """How often each composition occurs, up to a factor; uniform if empty."""
    length: tuple[int, ...] = (4,)
    """Letters of an element, drawn uniformly from these."""
    primitives: tuple[str, ...] = ("F1", "F2", "F3")
    """Every primitive the vocabulary has a token for."""
    alphabet: str = ascii_uppercase
    """The letters, ASCII letters or digits."""
    atoms: str = ""
    """Letters that occur in elements; the whole alphabet if empty."""
    banned: int = 0
    """At position i this many letters, from number i * banned on (mod the alphabet), never occur."""
    unseen: int = 0
    """This many random positions of every element carry a letter that is banned there."""
    rotate: int = 13
    """Places that F1 rotates letters by."""
    shift_by: int = 1
    """Positions that F2 shifts an element to the left by."""
    cot: bool = True
    """Write the chain of thought; otherwise the answer only."""
    dialect: Dialect = "dataalchemy"
    """Whether a prompt without chain of thought ends in `<answer>` (dataalchemy) or all end in `<think>` (uniform)."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    prompt_fields: ClassVar[tuple[str, ...]] = ("element", "transformation", "instruction")

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.of((*[f"[{name}]" for name in self.primitives], "<think>", "<answer>", *self.alphabet))

    @cached_property
    def letters(self) -> np.ndarray:
        """Ids of the alphabet's letters, int32 (v,)."""
        return np.arange(len(self.vocabulary) - len(self.alphabet), len(self.vocabulary), dtype=np.int32)

    @property
    def cuts(self) -> tuple[int, ...]:
        """`<think>` and `<answer>`."""
        return int(self.letters[0]) - 2, int(self.letters[0]) - 1

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise."""
        return max(self.length) + self._composition_ops.shape[1] + 1

    @property
    def least_prompt(self) -> int:
        steps = (self._composition_ops >= 0).sum(axis=1).min()
        return 0 if self.noise is not None else min(self.length) + int(steps) + 1

    @property
    def max_len(self) -> int:
        return self._clean_len + growth(self.noise, self.longest_prompt)

    @cached_property
    def _clean_len(self) -> int:
        return layout(max(self.length), self._composition_ops.shape[1], self.cot, self.dialect).cells.size

    @cached_property
    def machine(self) -> Primitives:
        """The transformations, as they are here."""
        return Primitives(self.primitives, len(self.alphabet), self.rotate, self.shift_by)

    @cached_property
    def _composition_ops(self) -> np.ndarray:
        """The compositions as op numbers, int16 (compositions, longest), padded with -1."""
        return self.ops_of(self.compositions)

    def ops_of(self, compositions: tuple[str, ...]) -> np.ndarray:
        """Compositions as indices into `primitives`, int16 (compositions, longest) padded with -1."""
        steps = [composition.split() for composition in compositions]
        unknown = [name for names in steps for name in names if name not in self.primitives]
        if unknown:
            raise UserError(f"primitive {unknown[0]!r} is not in this task{nearest(unknown[0], self.primitives)}")
        if not all(steps):
            raise UserError("a composition needs at least one primitive")
        ops = np.full((len(steps), max(map(len, steps))), -1, np.int16)
        for row, names in zip(ops, steps, strict=True):
            row[: len(names)] = [self.primitives.index(name) for name in names]
        return ops

    @cached_property
    def possible(self) -> np.ndarray:
        """Which letters may stand at each position, bool (2, longest, v): [0] normally, [1] where banned ones do."""
        place, letter = np.arange(max(self.length))[:, None], np.arange(len(self.alphabet))
        atoms = np.array([not self.atoms or symbol in self.atoms for symbol in self.alphabet])
        banned = (letter - place * self.banned) % letter.size < self.banned
        return np.stack([atoms & ~banned, atoms & banned])

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`element` int16 (n, longest) letter numbers padded with -1, `composition` int32 (n,), `ops` int16 (n, k)."""
        share = np.cumsum(self.weights or np.ones(len(self.compositions)))
        composition = np.zeros(n, np.int32)
        if len(share) > 1:
            composition[:] = np.searchsorted(share, rng.random(n) * share[-1], side="right")
        lengths = np.array(self.length)[rng.integers(len(self.length), size=(n, 1))]
        element = elements(rng, self.possible, lengths, self.unseen)
        return {"element": element, "composition": composition, "ops": self._composition_ops.take(composition, axis=0)}

    def sample(self, rng: np.random.Generator, n: int) -> Batch:
        return self.render(self.draw(rng, n), rng)

    def exhaustive(self, length: int, composition: str, chunk: int = 1 << 16) -> Iterator[Problem]:
        """Every element of one length over the atoms, in lexicographic order, as problems of at most `chunk` rows."""
        atoms = np.array([i for i, letter in enumerate(self.alphabet) if not self.atoms or letter in self.atoms])
        if length < 1:
            raise UserError(f"length {length} is less than 1")
        value = len(atoms) ** np.arange(length - 1, -1, -1, dtype=np.int64)
        total = len(atoms) ** length
        for start in range(0, total, chunk):
            index = np.arange(start, min(start + chunk, total))[:, None]
            yield self._problem(atoms[index // value % len(atoms)].astype(np.int16), composition)

    def _problem(self, element: np.ndarray, composition: str) -> Problem:
        """One composition for all of `element` int16 (n, l); its index is -1 if the task does not list it."""
        ops = self.ops_of((composition,))
        listed = [name.split() for name in self.compositions]
        index = listed.index(composition.split()) if composition.split() in listed else -1
        n = len(element)
        return {"element": element, "composition": np.full(n, index, np.int32), "ops": np.repeat(ops, n, axis=0)}

    def render(self, problem: Problem, rng: np.random.Generator) -> Batch:
        tokens, field, prompt_len, _ = self._write(problem)
        batch = Batch(tokens[..., None], prompt_len, field, problem)
        if self.noise is None:
            return batch
        longest = int(prompt_len.max(initial=self.longest_prompt))
        return perturb(batch, self.noise, self.prompt_fields, rng, longest)

    def solve(self, problem: Problem) -> np.ndarray:
        """The gold completions, int32 (n, m)."""
        return self._write(problem, prompt=False)[0]

    def resolve(self, problem: Problem, composition: str = "") -> np.ndarray:
        """Completions int32 (n, m) for the same elements under another composition; this task's only one if empty."""
        if not composition and len(self.compositions) != 1:
            raise UserError(f"name the composition to replay, one of {self.compositions}")
        return self.solve(self._problem(problem["element"], composition or self.compositions[0]))

    def echo(self, problem: Problem) -> np.ndarray:
        """Completions int32 (n, m) in the right format in which no step changes the element."""
        return self._write(problem, prompt=False, apply=False)[0]

    def _write(self, problem: Problem, prompt: bool = True, apply: bool = True) -> tuple[np.ndarray, ...]:
        """Lines, or completions alone: tokens int32 (n, t), field int8 (n, t), prompt_len int32 (n,), direct (n,)."""
        parts = list(groups(problem))
        layouts = [layout(length, steps, self.cot, self.dialect) for _, length, steps in parts]
        starts = [0 if prompt else one.prompt_len for one in layouts]
        n, first = len(problem["element"]), int(self.letters[0])
        sizes = [one.cells.size - start for one, start in zip(layouts, starts, strict=True)]
        width = max([*sizes, self._clean_len if prompt else 1])
        tokens, field = np.full((n, width), PAD, np.int32), np.full((n, width), Field.PADDING, np.int8)
        prompt_len, direct = np.zeros(n, np.int32), np.zeros(n, bool)
        marks = np.array([first - 2, first - 1, 1])  # <think>, <answer>, EOS
        for (rows, length, steps), one, start, size in zip(parts, layouts, starts, sizes, strict=True):
            element, ops = problem["element"][rows, :length].astype(np.uint8), problem["ops"][rows, :steps]
            states = self.machine.intermediates(ops, element) if apply else np.repeat(element[:, None], steps + 1, 1)
            small = np.min_scalar_type(len(self.vocabulary))
            cells = np.concatenate(
                [
                    states.reshape(len(element), -1).astype(small) + small.type(first),
                    (ops + np.int16(3)).astype(small),
                    np.broadcast_to(marks.astype(small), (len(element), 3)),
                ],
                axis=1,
            )
            tokens[rows, :size] = np.take(cells, one.cells[start:], axis=1)
            field[rows, :size] = one.field[start:]
            prompt_len[rows], direct[rows] = one.prompt_len, one.direct
        return tokens, field, prompt_len, direct

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the element alone: every composition, length of chain and dialect of it falls into the same part."""
        return hash_rows(problem["element"], problem["element"] >= 0)

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the tokens that stand in the element's field of the prompt; of a clean prompt its identity."""
        width = int(batch.prompt_len.max(initial=0))
        code = np.zeros(len(self.vocabulary), np.int16)
        code[self.letters], code[NOISE] = np.arange(len(self.letters)), NOISE_CODE
        return hash_rows(code[batch.text[:, :width]], batch.field[:, :width] == 0)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the solver's; a problem has one right chain and one right answer."""
        tokens, field, _, direct = self._write(batch.problem, prompt=False)
        steps = (batch.problem["ops"] >= 0).sum(axis=1)
        kinds = np.arange(len(self.vocabulary))
        kinds[3 : self.letters[0] - 2], kinds[self.letters] = 3, self.letters[0]
        return judge(Gold(tokens, field, steps, direct), completion, kinds, int(self.letters[0]) - 1)

    def said(self, completion: np.ndarray) -> np.ndarray:
        """A hash of what follows the last `<answer>`; without one, of everything where a prompt may end in it."""
        shortest = (self._composition_ops >= 0).sum(axis=1).min()
        direct = layout(1, int(shortest), self.cot, self.dialect).direct
        return said(completion, direct, int(self.letters[0]) - 1)

    def facts(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Steps, letters, and how often each primitive is applied."""
        ops = problem["ops"]
        counts = {name: (ops == op).sum(axis=1) for op, name in enumerate(self.primitives)}
        return {"steps": (ops >= 0).sum(axis=1), "letters": (problem["element"] >= 0).sum(axis=1), **counts}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return symbols_words.instructions(self)

    def steps(self, one: Batch, completion: np.ndarray) -> list[Step]:
        """Elements with what remains to be done, and the answer."""
        return self.text_steps(one.problem, self.vocabulary.decode(completion[0]))

    def gold_text(self, problem: Problem) -> str:
        """The right text to one problem (n = 1)."""
        return self.vocabulary.decode(self.solve(problem)[0])

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text to one problem (n = 1)."""
        return symbols_steps.steps(self, problem, text)

    def show(self, tokens: np.ndarray) -> str:
        return self.vocabulary.decode(tokens if tokens.ndim == 1 else tokens[:, 0])

    def jsonl(self, batch: Batch) -> bytes:
        """Records of seven fields, one JSON object a line, in the format of the paper's own files."""
        return jsonl(batch, self.vocabulary, self.prompt_fields)

    def record(self, batch: Batch) -> list[dict[str, str]]:
        """The same records as dictionaries."""
        return [json.loads(line) for line in self.jsonl(batch).splitlines()]

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt such as `A B C D [F1] [F2] <think>`; raises `UserError`."""
        letters, names = symbols_words.read(self, text)
        problem = self._problem(np.array([letters], np.int16), " ".join(names))
        tokens, _, prompt_len, _ = self._write(problem)
        expected = self.show(tokens[0, : prompt_len[0]])
        if text.split() != expected.split():
            raise UserError(f"prompt {text!r} is not element, transformation, instruction; expected {expected!r}")
        return problem

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return symbols_shift.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift of that name; the grammar is in `tasks/symbols/shifts.py`."""
        return symbols_shift.parse(self, name)

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, Any]:
        return symbols_shift.novelty(train.problem, test.problem, len(self.alphabet))
