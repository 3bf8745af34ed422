"""What a task need not write itself: a family lists its distribution, its text and its rules, and inherits the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, cast

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import gold
from alchemy.problem.jsonl import jsonl
from alchemy.problem.noise import growth, perturb
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import EOS, NOISE, PAD, Batch, Field, Judgement, Problem, Task, Vocabulary
from alchemy.problem.text_format import TextFormat


class TaskDefaults(ABC):
    """A task of text in which each problem has one right completion; whatever is otherwise a family overrides.

    What has no default is abstract, so that a class which lacks some of it says so at once, by name. `prompt_fields` must
    be assigned in the body of the class itself: that is how it is found.
    """

    prompt_fields: ClassVar[tuple[str, ...]]
    text_format: ClassVar[TextFormat] = TextFormat()
    noise = None
    """A family that knows format noise has a field of this name."""

    def __getstate__(self) -> dict[str, Any]:
        """The fields, for copies and other processes: what was derived from them, and kept, is derived again there."""
        return {field.name: getattr(self, field.name) for field in fields(cast(Any, self))}

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary: ...

    @property
    @abstractmethod
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise."""

    @property
    @abstractmethod
    def clean_len(self) -> int:
        """Tokens of the longest line before noise, EOS included."""

    @property
    @abstractmethod
    def instructions(self) -> str:
        """The rules and the format of the answer in English, for a language model."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`n` problems from the distribution, not yet written out."""

    @abstractmethod
    def write(self, problem: Problem) -> Batch:
        """Problems as tokens without noise, with the gold chain of thought and answer."""

    @abstractmethod
    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""

    @abstractmethod
    def identity(self, problem: Problem) -> np.ndarray:
        """uint64 (n,): equal for two problems a split must keep together."""

    @abstractmethod
    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """What is known of problems before any model sees them, as numbers (n,): what may make them hard."""

    def structure(self, problem: Problem) -> np.ndarray:
        """The identity itself, as symbols that mean something cannot be renamed."""
        return self.identity(problem)

    @property
    def max_len(self) -> int:
        return self.clean_len + growth(self.noise, self.longest_prompt)

    @property
    def shortest_prompt(self) -> int:
        """No prompt is known to be longer than this."""
        return 0

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The marks of the text format."""
        return tuple(sorted(self.vocabulary.index[mark] for mark in self.text_format.marks))

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """None: only a family that says so has steps with a state."""
        return ()

    @property
    def with_chains(self) -> Task:
        """The task itself: all lines have a chain, or none."""
        return cast(Task, self)

    @property
    def answer_opening(self) -> tuple[int, ...]:
        """The answer mark."""
        return () if self._answer_mark == gold.NO_MARK else (self._answer_mark,)

    def sample(self, rng: np.random.Generator, n: int) -> Batch:
        return self.render(self.draw(rng, n), rng)

    def render(self, problem: Problem, rng: np.random.Generator) -> Batch:
        batch = self.write(problem)
        if self.noise is None:
            return batch
        longest = int(batch.prompt_len.max(initial=self.longest_prompt))
        return perturb(batch, self.noise, self.prompt_fields, rng, longest)

    def solve(self, problem: Problem) -> np.ndarray:
        """The gold completions, int32 (n, m)."""
        return self.write(problem).completions()

    def surface(self, batch: Batch) -> np.ndarray:
        """The identity itself, as prompts without noise say what the problem is."""
        if self.noise is not None:
            raise NotImplementedError(f"{type(self).__name__} has noise, so it has to say what a noisy prompt reads as")
        return self.identity(batch.problem)

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m) against the gold ones; well formed is what has marks where these have them."""
        kinds = np.arange(len(self.vocabulary))
        content = np.setdiff1d(kinds[3:], [self.vocabulary.index[mark] for mark in self.text_format.marks])
        kinds[content] = content[:1]
        return gold.judge(gold.of(self.write(batch.problem), self._answer_mark), completion, kinds, self._answer_mark)

    def encoded(self, texts: Sequence[str]) -> np.ndarray:
        """Anybody's completions as ids, int32 (n, m), each ended by EOS; words that the vocabulary lacks are noise."""
        rows = [[*(self.vocabulary.index.get(word, NOISE) for word in text.split()), EOS] for text in texts]
        completion = np.full((len(rows), max(map(len, rows), default=0)), PAD, np.int32)
        for row, ids in zip(completion, rows, strict=True):
            row[: len(ids)] = ids
        return completion

    def answer_ids(self, completion: np.ndarray) -> np.ndarray:
        """A hash of what follows the last answer mark, int64 (n,); of everything if the format has no such mark."""
        return gold.answer_hashes(completion, self._answer_mark == gold.NO_MARK, self._answer_mark)

    @property
    def _answer_mark(self) -> int:
        return self.vocabulary.index.get(self.text_format.answer_mark, gold.NO_MARK)

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        """Those of the gold completion, as a well formed one has its parts where that has them."""
        well_formed = self.verify(batch, completion).well_formed
        return np.where(well_formed[:, None], self._gold_fields(batch, completion), np.int8(Field.PADDING))

    @staticmethod
    def _gold_fields(batch: Batch, completion: np.ndarray) -> np.ndarray:
        """Fields of the gold completions in the shape of others int32 (n, m)."""
        field, width = batch.completion_fields(), completion.shape[1]
        return np.pad(field[:, :width], ((0, 0), (0, max(0, width - field.shape[1]))), constant_values=Field.PADDING)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """One symbol of the state, any of them, is another, any other."""
        if not self.state_tokens:
            return completion
        tokens, rows = np.array(self.state_tokens, np.int32), np.arange(len(completion))
        state = (self._gold_fields(batch, completion) == Field.STEP + step) & np.isin(completion, tokens)
        place = np.where(state, rng.random(state.shape), -1).argmax(axis=1)
        offset = rng.integers(1, len(tokens), len(completion))
        other = tokens[(np.searchsorted(tokens, completion[rows, place]) + offset) % len(tokens)]
        changed = completion.copy()
        changed[rows, place] = np.where(state[rows, place], other, completion[rows, place])
        return changed

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """Raises `UserError`: only a family that says so knows."""
        raise UserError(f"{type(self).__name__} does not say what follows from a step that was changed")

    def step_ids(self, batch: Batch, completion: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """A hash of the tokens."""
        whole = inside.any(axis=1) & ~(inside & ((completion == PAD) | (completion == EOS))).any(axis=1)
        hashed = (hash_rows(completion, inside) >> np.uint64(1)).astype(np.int64)
        return np.where(whole, hashed, -1)

    def paraphrase(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """Raises `UserError`: only a family that says so has another format."""
        raise UserError(f"{type(self).__name__} has no other format in which a step says the same")

    def gold_text(self, problem: Problem) -> str:
        """The right text to one problem (n = 1)."""
        return self.vocabulary.decode(self.solve(problem)[0])

    def steps(self, batch: Batch, completion: np.ndarray) -> list[Step]:
        return self.text_steps(batch.problem, self.vocabulary.decode(completion[0]))

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """Steps that are right where they equal those of the gold text."""
        return self.text_format.compare(text, self.gold_text(problem))

    def show(self, tokens: np.ndarray) -> str:
        return self.vocabulary.decode(tokens if tokens.ndim == 1 else tokens[:, 0])

    def show_part(self, tokens: np.ndarray) -> str:
        return self.show(tokens)

    def jsonl(self, batch: Batch) -> bytes:
        """Records with the keys input, output, each prompt field, reasoning and answer, one JSON object a line."""
        return jsonl(batch, self.vocabulary, self.prompt_fields, self.text_format.answer_mark)

    @property
    def shifts(self) -> tuple[str, ...]:
        return ()

    def shift(self, name: str) -> Shift:
        """Raises `UserError`: only a family that says so can shift."""
        raise UserError(f"shift {name!r} is unknown: {type(self).__name__} has none")

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, Any]:
        """Shares of the test problems with a feature whose value no training problem has."""
        trained, tested = self.features(train.problem), self.features(test.problem)
        return {f"unseen_{name}": float(np.mean(~np.isin(tested[name], trained[name]))) for name in trained}

    def overlap(self, train: Batch, test: Batch) -> Mapping[str, float]:
        """Shares of the test problems that are training problems, by name (0 for two parts of a split), and up to names."""
        keys = {"identities": self.identity, "structures": self.structure}
        return {name: share_seen(key(train.problem), key(test.problem)) for name, key in keys.items()}


def share_seen(train: np.ndarray, test: np.ndarray) -> float:
    """The share of test keys (n,) that are among the training keys (m,); 0 where there are none."""
    return float(np.isin(test, train).mean()) if test.size else 0.0
