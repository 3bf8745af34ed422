"""What a problem family must offer: a distribution, its text, and an exact oracle.

Dimension letters, used everywhere in this project: `n` problems, `t` tokens, `c` ids a position carries,
`v` vocabulary, `d` width, `h` heads, `l` layers, `s` seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.steps import Step
from alchemy.problem.text_format import TextFormat

PAD, EOS, NOISE = 0, 1, 2
"""Ids every vocabulary shares: padding, end of sequence, and the symbol that format noise writes."""

Problem = Mapping[str, np.ndarray]
"""The structure behind the text: named arrays whose first axis is `n`."""


class Field(IntEnum):
    """Which part of a line a token belongs to; prompt fields count up from 0 in the order `Task.prompt_fields`."""

    PADDING = -1
    ANSWER = 10
    END = 11
    STEP = 16  # step j of the chain of thought is STEP + j


class Batch(NamedTuple):
    """Rendered problems: prompt, trace, answer, EOS, then PAD."""

    tokens: np.ndarray  # int32 (n, t, c): the ids a position carries, summed in the embedding; c = 1 for text
    prompt_len: np.ndarray  # int32 (n,)
    field: np.ndarray  # int8 (n, t)
    problem: Problem
    told: np.ndarray | None = (
        None  # bool (n, t): what an environment writes, which is read and not predicted; None for nothing
    )

    @property
    def text(self) -> np.ndarray:
        """The first id of each position, int32 (n, t): all there is when c = 1, and what a model predicts."""
        return self.tokens[..., 0]

    def rows(self, index: np.ndarray | slice) -> Batch:
        """The problems at `index`."""
        problem = {name: values[index] for name, values in self.problem.items()}
        told = None if self.told is None else self.told[index]
        return Batch(self.tokens[index], self.prompt_len[index], self.field[index], problem, told)

    def prompts(self) -> np.ndarray:
        """The prompts alone, right-padded: int32 (n, max(prompt_len), c)."""
        width = int(self.prompt_len.max(initial=0))
        inside = np.arange(width) < self.prompt_len[:, None]
        return np.where(inside[..., None], self.tokens[:, :width], PAD)

    def completions(self) -> np.ndarray:
        """The gold completions, left-aligned: int32 (n, t - min(prompt_len))."""
        return self._behind_prompt(self.text, PAD)

    def completion_fields(self) -> np.ndarray:
        """The fields of the gold completions, aligned with them: int8 (n, t - min(prompt_len))."""
        return self._behind_prompt(self.field, Field.PADDING)

    def _behind_prompt(self, values: np.ndarray, fill: int) -> np.ndarray:
        """What stands behind each prompt of values (n, t), left-aligned."""
        width = values.shape[1] - int(self.prompt_len.min() if len(self.prompt_len) else 0)
        index = self.prompt_len[:, None] + np.arange(width)
        inside = index < values.shape[1]
        return np.where(inside, np.take_along_axis(values, np.where(inside, index, 0), axis=1), values.dtype.type(fill))


class Judgement(NamedTuple):
    """Two verdicts per completion, and where the trace first goes wrong."""

    answer: np.ndarray  # bool (n,): the final answer is right
    trace: np.ndarray  # bool (n,): every step is right
    first_wrong_step: np.ndarray  # int32 (n,): index of the first wrong step; the number of steps where none is
    well_formed: np.ndarray  # bool (n,): the completion has the parts and separators the format asks for


@dataclass(frozen=True)
class Vocabulary:
    """Symbols and their ids; the first three are padding, end of sequence and the noise symbol."""

    symbols: tuple[str, ...]

    @classmethod
    def of(cls, symbols: Sequence[str]) -> Vocabulary:
        """The shared symbols followed by `symbols`."""
        return cls(("<pad>", "</s>", "<unk>", *symbols))

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def index(self) -> Mapping[str, int]:
        return {symbol: i for i, symbol in enumerate(self.symbols)}

    def encode(self, text: str) -> list[int]:
        """Ids of a space-separated text; raises `UserError` on an unknown symbol."""
        try:
            return [self.index[symbol] for symbol in text.split()]
        except KeyError as unknown:
            raise UserError(f"unknown symbol {unknown}{nearest(unknown.args[0], self.symbols)}") from None

    def decode(self, tokens: np.ndarray) -> str:
        """Text of ids up to the first EOS, padding left out; ids int (t,).

        Ids behind the vocabulary, which models that were trained on verdicts may write, are said by number: `<id 99>`.
        """
        ended = np.flatnonzero(tokens == EOS)
        before_end = tokens[: ended[0]] if ended.size else tokens
        return " ".join(self.symbols[i] if i < len(self) else f"<id {i}>" for i in before_end if i != PAD)

    def decode_all(self, tokens: np.ndarray) -> list[str]:
        """Texts of many rows; ids int (n, t)."""
        return [self.decode(row) for row in tokens]


class Task(Protocol):
    """A frozen dataclass whose fields are the distribution.

    All that the rest of the lab asks of a task; `alchemy.problem.defaults.TaskDefaults` has most of it.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    prompt_fields: tuple[str, ...]
    """Names of the parts of a prompt, in the order of their codes in `Batch.field`."""
    text_format: TextFormat
    """The symbols that structure a completion."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def max_len(self) -> int:
        """Tokens of the longest line, EOS included."""

    @property
    def shortest_prompt(self) -> int:
        """Tokens that every prompt has at least, noise and all."""

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """Ids after which a step of a completion ends; EOS ends the last."""

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """Ids, in increasing order, of the symbols that say the state after a step: letters, nodes; none without steps."""

    @property
    def with_chains(self) -> Task:
        """The same problems, all with their chains where some lines have one and some have none; otherwise the task itself."""

    @property
    def answer_opening(self) -> tuple[int, ...]:
        """Ids that end a chain of thought and ask for the answer, wherever it is cut."""

    @property
    def instructions(self) -> str:
        """The rules and the format of the answer in English, for a language model."""

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the shifts worth looking at first."""

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`n` problems from the distribution, not yet written out."""

    def render(self, problem: Problem, rng: np.random.Generator) -> Batch:
        """Problems as tokens, with the gold chain of thought and answer; `rng` drives format noise only."""

    def sample(self, rng: np.random.Generator, n: int) -> Batch:
        """`render(draw(rng, n), rng)`."""

    def solve(self, problem: Problem) -> np.ndarray:
        """The gold completions, int32 (n, m)."""

    def identity(self, problem: Problem) -> np.ndarray:
        """uint64 (n,): equal for two problems a split must keep together."""

    def structure(self, problem: Problem) -> np.ndarray:
        """uint64 (n,): the identity up to names: equal for problems that differ by a renaming of their symbols alone."""

    def surface(self, batch: Batch) -> np.ndarray:
        """uint64 (n,): the identity a reader of the prompt alone, noise and all, would give it."""

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m), each ended by EOS; any valid solution counts."""

    def answer_ids(self, completion: np.ndarray) -> np.ndarray:
        """int64 (n,): a number for the final answer of completions int32 (n, m), equal where answers are, -1 for none."""

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        """int8 (n, m): the `Field` of each token of completions int32 (n, m); all padding where one is not well formed."""

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """Completions int32 (n, m) whose step `step` says another state of the right form; the rest stays as it is."""

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """Completions int32 (n, w): the given ones up to and with step `step`, then what follows from what it says.

        Behind a step of the gold completion that is the rest of it. A row is padding alone where nothing follows.
        """

    def step_ids(self, batch: Batch, completion: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """int64 (n,): a number for the step that the tokens inside, bool (n, m), of completions int32 (n, m) make, equal where
        the same follows from two of them; -1 for none."""

    def paraphrase(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """Completions int32 (n, m) whose step `step` says the same in another format; raises `UserError` if there is none."""

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """What is known of problems before any model sees them, as numbers (n,): what may make them hard."""

    def steps(self, batch: Batch, completion: np.ndarray) -> list[Step]:
        """A completion int32 (1, m) of one problem (n = 1), step by step, each with its mark."""

    def gold_text(self, problem: Problem) -> str:
        """A right text to one problem (n = 1), as `text_steps` reads it."""

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""

    def show(self, tokens: np.ndarray) -> str:
        """One rendered line; tokens int32 (t,) or (t, c)."""

    def show_part(self, tokens: np.ndarray) -> str:
        """Some positions of a line, symbol by symbol; tokens int32 (t, c)."""

    def jsonl(self, batch: Batch) -> bytes:
        """One JSON object of texts a line, as `json.dumps` writes it, with at least `input` and `output`."""

    def shift(self, name: str) -> Any:
        """The `Shift` called `name`, relative to this task; raises `UserError` if it has none."""

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, float]:
        """What of `test` was never in `train`, in the family's own terms (operations, lengths, ...)."""

    def overlap(self, train: Batch, test: Batch) -> Mapping[str, float]:
        """Shares of the problems of `test` that `train` holds in part: up to names, as a step of a chain, ..."""


T = TypeVar("T", bound=Task)
