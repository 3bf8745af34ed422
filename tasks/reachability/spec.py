"""What a `Reachability` task is: its fields, which of their values are possible, and what follows from them alone."""

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
from alchemy.record import added

PROMPT_FIELDS = ("edges", "question", "thoughts", "instruction")
THOUGHT, THINK = "<thought>", "<think>"
TEXT_FORMAT = TextFormat(answer_mark="<answer>")
NAMES, TAILS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Nodes, and the same nodes as tails of edges."""
MOST_NODES = len(NAMES)
MOST_THOUGHTS = 16
Trace = Literal["path", "frontiers", "none"]
TRACES: tuple[Trace, ...] = get_args(Trace)


@dataclass(frozen=True)
class Spec:
    """The distribution: graphs of two halves that differ by names alone, and what is written before the answer."""

    widths: tuple[int, ...] = (2, 2, 1)
    """Nodes of each half at distance 1, 2, ... from its root; an edge leads from one distance to the next."""
    extra: int = 1
    """Edges of each half beside the one that every node needs to be reached."""
    depths: tuple[int, ...] = (1, 2, 3)
    """Distances of the candidates from the roots of their halves, any alike."""
    trace: Trace = "path"
    """Before the answer the text has the shortest path to it, the nodes at each distance from the start, or nothing."""
    thoughts: int = 0
    """Places behind the question at which nothing is said, for a model to think at: `<thought>` each."""
    left_out: int = added(before=0)
    """Steps that the chain begins with and that are not written: nodes of the path, or distances of the list. With as many thoughts it
    is a stage of Coconut (arXiv:2412.06769, section 3)."""

    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise UserError(f"widths {self.widths} are not numbers of nodes from 1 on, one for each distance")
        if self.nodes > MOST_NODES:
            raise UserError(f"widths {self.widths} make {self.nodes} nodes, of at most {MOST_NODES}")
        if not 0 <= self.extra <= len(self.pairs) - self.half + 1:
            raise UserError(f"extra {self.extra} is outside 0 to {len(self.pairs) - self.half + 1}")
        if not self.depths or not set(self.depths) <= set(range(1, len(self.widths) + 1)):
            raise UserError(f"depths {self.depths} are not distances from 1 to {len(self.widths)}")
        if self.trace not in TRACES:
            raise UserError(f"trace {self.trace!r} is unknown{nearest(self.trace, TRACES)}")
        if not 0 <= self.thoughts <= MOST_THOUGHTS:
            raise UserError(f"thoughts {self.thoughts} is outside 0 to {MOST_THOUGHTS}")
        if not 0 <= self.left_out <= len(self.widths):
            raise UserError(f"left_out {self.left_out} is outside 0 to {len(self.widths)}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Marks, the nodes, and the nodes as tails of edges."""
        return Vocabulary.of((THOUGHT, THINK, TEXT_FORMAT.answer_mark, *NAMES, *TAILS))

    @property
    def half(self) -> int:
        """Nodes of a half, its root among them."""
        return 1 + sum(self.widths)

    @property
    def nodes(self) -> int:
        return 2 * self.half

    @property
    def edges(self) -> int:
        """Edges of a graph, each a position of its own."""
        return 2 * (self.half - 1 + self.extra)

    @cached_property
    def distance(self) -> np.ndarray:
        """Of each node of a half from its root, which is the first: int (half,), rising."""
        return np.repeat(np.arange(len(self.widths) + 1), (1, *self.widths))

    @cached_property
    def pairs(self) -> np.ndarray:
        """The edges that a half may have, tail and head by their places in it: int (k, 2)."""
        return np.argwhere(self.distance[:, None] + 1 == self.distance)

    @property
    def thought_id(self) -> int:
        return self.vocabulary.index[THOUGHT]

    @property
    def answer_mark_id(self) -> int:
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
        """The nodes, where the text has a chain."""
        return self.step_delimiters if self.chain_len else ()

    @property
    def step_delimiters(self) -> tuple[int, ...]:
        """The nodes: each one written is a step, and so is the answer."""
        return tuple(range(self.first_node, self.first_node + MOST_NODES))

    @property
    def first_thought(self) -> int:
        """The position of the first thought, or of `<think>` where there is none."""
        return self.edges + 3

    @property
    def longest_prompt(self) -> int:
        """Positions of every prompt before noise: the edges, start and candidates, the thoughts, and `<think>`."""
        return self.first_thought + self.thoughts + 1

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.longest_prompt

    @property
    def unwritten(self) -> int:
        """Nodes that chains begin with and that are left out."""
        return {"path": self.left_out, "frontiers": sum(self.widths[: self.left_out]), "none": 0}[self.trace]

    @property
    def chain_len(self) -> int:
        """Nodes of the longest chain, as it is written."""
        whole = {"path": max(self.depths), "frontiers": sum(self.widths), "none": 0}[self.trace]
        return max(0, whole - self.unwritten)

    @property
    def clean_len(self) -> int:
        """Positions of the longest line before noise."""
        return self.longest_prompt + self.chain_len + len((TEXT_FORMAT.answer_mark, "a", "</s>"))

    def node(self, tokens: np.ndarray) -> np.ndarray:
        """The nodes that ids int (...) stand for, int64 (...); -1 for those that stand for none."""
        node = tokens.astype(np.int64) - self.first_node
        return np.where((node >= 0) & (node < MOST_NODES), node, -1)
