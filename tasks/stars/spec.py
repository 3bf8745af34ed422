"""What a `Stars` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("edges", "question", "instruction")
THINK, BLANK = "<think>", "<blank>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
NAMES, TAILS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Nodes, and the same nodes as tails of edges."""
MOST_NAMES = len(NAMES)
Path = Literal["forward", "reversed"]
PATHS: tuple[Path, ...] = get_args(Path)


@dataclass(frozen=True)
class Spec:
    """The distribution: stars and the names of their nodes, and how question, chain of thought and path are written."""

    arms: int = 3
    """Paths that start at the centre and share no other node."""
    length: int = 4
    """Edges of an arm, and nodes beside the centre."""
    names: int = 20
    """Letters that nodes are named by, any alike."""
    path: Path = "forward"
    """The answer goes from the centre to the goal, or from the goal towards the centre."""
    cot: bool = True
    """The text walks back from the goal before it answers; otherwise the answer comes at once."""
    goal_first: bool = False
    """Centre and goal stand before the edges, not behind them."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if not 2 <= self.names <= MOST_NAMES:
            raise UserError(f"names {self.names} is outside 2 to {MOST_NAMES}")
        if self.arms < 2:
            raise UserError(f"arms {self.arms} is below 2: with one arm there is nothing to choose")
        if self.length < 1:
            raise UserError(f"length {self.length} is below 1")
        if self.nodes > self.names:
            most = (self.names - 1) // self.arms
            room = (
                f"names {self.names} leave room for a length of {most}" if most else f"names {self.names} are too few"
            )
            raise UserError(f"{self.arms} arms of length {self.length} have {self.nodes} nodes; {room}")
        if self.path not in PATHS:
            raise UserError(f"path {self.path!r} is unknown{nearest(self.path, PATHS)}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Marks, the nodes, and the nodes as tails of edges."""
        return Vocabulary.of((THINK, TEXT_FORMAT.answer_mark, BLANK, *NAMES, *TAILS))

    @property
    def nodes(self) -> int:
        """Nodes of a star."""
        return 1 + self.arms * self.length

    @property
    def edges(self) -> int:
        """Edges of a star, each a position of its own."""
        return self.arms * self.length

    @property
    def answer_mark_id(self) -> int:
        """The id of `<answer>`."""
        return self.vocabulary.index[TEXT_FORMAT.answer_mark]

    @property
    def first_node(self) -> int:
        """The id of node a; those of the others follow it in order."""
        return self.vocabulary.index[NAMES[0]]

    @property
    def first_tail(self) -> int:
        """The id of node a as the tail of an edge; those of the others follow it in order."""
        return self.vocabulary.index[TAILS[0]]

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The nodes."""
        return tuple(range(self.first_node, self.first_node + MOST_NAMES))

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The nodes: each one written is a step, those of the answer too."""
        return self.state_tokens

    @property
    def longest_prompt(self) -> int:
        """Positions of every prompt before noise: the edges, centre and goal, and `<think>`."""
        return self.edges + 3

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def chain_len(self) -> int:
        """Nodes of the walk back."""
        return self.length * self.cot

    @property
    def clean_len(self) -> int:
        """Positions of every line before noise."""
        return self.longest_prompt + self.chain_len + self.length + 2

    def node(self, tokens: np.ndarray) -> np.ndarray:
        """The nodes that ids int (...) stand for, int16 (...); -1 for those that stand for none."""
        node = tokens - self.first_node
        return np.where((node >= 0) & (node < MOST_NAMES), node, -1).astype(np.int16)
