"""What a `Symbols` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Field, Vocabulary
from alchemy.problem.text_format import TextFormat
from tasks.symbols.layout import HINTS, Dialect, element_width, layout
from tasks.symbols.primitives import Primitives, check_name

PROMPT_FIELDS = ("element", "transformation", "instruction")
TEXT_FORMAT = TextFormat(answer_mark="<answer>", step_mark="<think>")
MAX_LETTERS = 4096
MAX_STEPS = 127 - Field.STEP  # field codes are int8


@dataclass(frozen=True)
class Spec:
    """The distribution: compositions of primitives, elements, and how both are written."""

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
    """Whether a prompt without chain of thought ends in `<answer>` (dataalchemy) or all end in `<think>` (uniform); or all do and
    every letter stands behind a mark of its place (hinted), the same in all elements of a line (arXiv:2310.16028)."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        _check_text(self)
        _check_compositions(self)
        _check_elements(self)
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        names = [f"[{name}]" for name in self.primitives]
        return Vocabulary.of((*names, *self.hints, "<think>", "<answer>", *self.alphabet))

    @property
    def hints(self) -> tuple[str, ...]:
        """The marks of places, where there are any."""
        return tuple(f"<{number}>" for number in range(1, HINTS + 1)) if self.dialect == "hinted" else ()

    @cached_property
    def letters(self) -> np.ndarray:
        """Ids of the alphabet's letters, int32 (number of letters,)."""
        return np.arange(len(self.vocabulary) - len(self.alphabet), len(self.vocabulary), dtype=np.int32)

    @property
    def think_id(self) -> int:
        """The id of `<think>`."""
        return int(self.letters[0]) - 2

    @property
    def first_hint(self) -> int:
        """The id of the first mark of a place, or of what follows the primitives where there is none."""
        return 3 + len(self.primitives)

    @property
    def answer_mark_id(self) -> int:
        """The id of `<answer>`."""
        return int(self.letters[0]) - 1

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise."""
        return element_width(max(self.length), self.dialect) + self.composition_ops.shape[1] + 1

    @property
    def fewest_steps(self) -> int:
        """Primitives of the shortest composition."""
        return int((self.composition_ops >= 0).sum(axis=1).min())

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else element_width(min(self.length), self.dialect) + self.fewest_steps + 1

    @cached_property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        return layout(max(self.length), self.composition_ops.shape[1], self.cot, self.dialect).cells.size

    @cached_property
    def machine(self) -> Primitives:
        """The primitives with this task's parameters."""
        return Primitives(self.primitives, len(self.alphabet), self.rotate, self.shift_by)

    @cached_property
    def composition_ops(self) -> np.ndarray:
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
        """Which letters may stand at each position, bool (2, longest, letters): [0] normally, [1] where banned ones do."""
        place, letter = np.arange(max(self.length))[:, None], np.arange(len(self.alphabet))
        atoms = np.array([not self.atoms or symbol in self.atoms for symbol in self.alphabet])
        banned = (letter - place * self.banned) % letter.size < self.banned
        return np.stack([atoms & ~banned, atoms & banned])


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _check_text(spec: Spec) -> None:
    alphabet, dialects = spec.alphabet, Dialect.__args__
    _require(alphabet.isascii() and alphabet.isalnum(), f"alphabet {alphabet!r} must be ASCII letters or digits")
    _require(len(set(alphabet)) == len(alphabet), f"alphabet {alphabet!r} has a letter twice")
    foreign = [letter for letter in spec.atoms if letter not in alphabet]
    _require(not foreign, f"atoms {spec.atoms!r}: {foreign[:1]} is not in the alphabet {alphabet!r}")
    _require(spec.dialect in dialects, f"dialect {spec.dialect!r} is unknown{nearest(spec.dialect, dialects)}")


def _check_compositions(spec: Spec) -> None:
    for name in spec.primitives:
        check_name(name)
    _require(len(set(spec.primitives)) == len(spec.primitives), f"primitives {spec.primitives} has a name twice")
    _require(bool(spec.compositions), "compositions is empty")
    steps = [tuple(composition.split()) for composition in spec.compositions]
    _require(len(set(steps)) == len(steps), f"compositions {spec.compositions} has one twice; use weights")
    longest = max(map(len, steps))
    _require(longest <= MAX_STEPS, f"a composition of {longest} steps is longer than {MAX_STEPS}")
    spec.ops_of(spec.compositions)
    if spec.weights:
        fit = len(spec.weights) == len(spec.compositions)
        _require(fit, f"{len(spec.weights)} weights for {len(spec.compositions)} compositions")
        fit = all(0 <= weight < float("inf") for weight in spec.weights) and sum(spec.weights) > 0
        _require(fit, f"weights {spec.weights} must be finite, not negative, and not all zero")


def _check_elements(spec: Spec) -> None:
    _require(bool(spec.length), "length is empty")
    _require(min(spec.length) >= 1, f"length {min(spec.length)} is less than 1")
    _require(max(spec.length) <= MAX_LETTERS, f"length {max(spec.length)} is more than {MAX_LETTERS}")
    marked = spec.dialect != "hinted" or max(spec.length) <= HINTS
    _require(marked, f"length {max(spec.length)} is more than {HINTS}, the marks that the dialect hinted has")
    size = len(spec.alphabet)
    _require(0 <= spec.banned < size, f"banned {spec.banned} must be at least 0 and less than the {size} letters")
    _require(spec.unseen >= 0, f"unseen {spec.unseen} is negative")
    shortest = min(spec.length)
    _require(spec.unseen <= shortest, f"unseen {spec.unseen} is more than the shortest length {shortest}")
    _require(spec.banned > 0 or spec.unseen == 0, f"unseen {spec.unseen} needs banned > 0, no letter is banned")
    for kind, letters in enumerate(spec.possible.any(axis=2)):
        if not letters.all() and (kind == 0 or spec.unseen):
            what = "banned letter" if kind else "letter that is not banned"
            raise UserError(f"no {what} can stand at position {int(letters.argmin())}: atoms {spec.atoms!r}")
