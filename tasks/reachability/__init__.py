"""Which of two nodes can be reached from the start, in a directed graph in which all else about them is the same.

A b A c B d C d D e   F g F h G i H i I j   a j e <think> b d e <answer> e        the edges of both halves, in any order

A graph has two halves that are the same but for their names. In each the edges lead away from a root, distance by distance; one root is
the start, and the candidates are a node of one half and the same node of the other. So they have as many edges to them and
from them, and are as far from their roots: whoever does not go by the start guesses ([laws](laws.py)). As there are several nodes
at a distance, the search has a frontier, which a chain can list, a path does not, and a thought that is no text may hold
at once (arXiv:2505.12514). Each edge is one position that carries two ids, its tail in capitals and its head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alchemy.problem import jsonl
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.steps import Step
from alchemy.problem.task import NOISE, PAD, Batch, Field, Problem
from alchemy.problem.text_format import TextFormat
from tasks.reachability import draw, shifts, words
from tasks.reachability.search import adjacency, distances, reached
from tasks.reachability.spec import MOST_NODES, PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.reachability.write import follow, other_state, write

NO_EDGE = MOST_NODES**2
"""Above the code of every edge; one more is that of a noise symbol."""


@dataclass(frozen=True)
class Reachability(Spec, TaskDefaults):
    """Say which of two nodes edges lead to from the start."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`edges` int8 (n, m, 2): tail and head, as written; `start` int8 (n,); `candidates` int8 (n, 2), as written."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the set of edges: in any order, with any start and candidates, a graph is in the same part."""
        return _hash(problem["edges"].astype(np.int16) @ np.array([MOST_NODES, 1], np.int16))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the edges and the noise in a prompt; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        tokens, inside = batch.tokens[:, :width], batch.field[:, :width] == 0
        codes = (tokens[..., 0] - self.first_tail) * MOST_NODES + tokens[..., 1] - self.first_node
        codes = np.where(tokens[..., 0] == NOISE, NO_EDGE + 1, codes)
        return _hash(np.where(inside, codes, NO_EDGE))

    def structure(self, problem: Problem) -> np.ndarray:
        """Of each edge, how many lead to its tail, from its tail, to its head and from its head: the same under other names."""
        edges = problem["edges"].astype(np.intp)
        there = adjacency(problem, self.nodes)
        ways = np.stack([there.sum(axis=1), there.sum(axis=2)], axis=2)  # (n, u, 2)
        ends = np.take_along_axis(ways[:, None], edges[..., None], axis=2).reshape(*edges.shape[:2], 4)
        codes = np.sort(ends @ (MOST_NODES ** np.arange(4)), axis=1)
        return hash_rows(codes, np.ones(codes.shape, bool))

    def frontiers(self, problem: Problem) -> np.ndarray:
        """Which nodes are at distance 1, 2, ... from the start: bool (n, distances, u)."""
        distance = distances(adjacency(problem, self.nodes), problem["start"])
        return np.asarray(distance[:, None] == np.arange(1, len(self.widths) + 1)[:, None])

    def other_root(self, problem: Problem) -> Problem:
        """The same graphs, in the same order and with the same candidates, asked from the root of the other half: the other candidate
        is right."""
        return {**problem, "start": self._other_root(problem)}

    def exchanged(self, problem: Problem) -> Problem:
        """The same questions, with the names of the two roots exchanged in all edges: the other candidate is right, of the same
        start."""
        edges, start = problem["edges"], problem["start"][:, None, None]
        other = self._other_root(problem)[:, None, None]
        return {**problem, "edges": np.where(edges == start, other, np.where(edges == other, start, edges))}

    def _other_root(self, problem: Problem) -> np.ndarray:
        """The root that is not the start, int8 (n,)."""
        led_to = adjacency(problem, self.nodes).any(axis=1)
        led_to[np.arange(len(led_to)), problem["start"]] = True
        return led_to.argmin(axis=1).astype(np.int8)

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """In a path a node of the other half, as far from its candidate; in a list any other node."""
        if self.trace != "path":
            return super().other_state(batch, completion, step, rng)
        return other_state(self, batch.problem, completion, step, rng)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The path from the node that the step says to the candidate that is as far as it should be; raises `UserError` where the
        text has no path."""
        if self.trace != "path":
            return super().follow(batch, completion, step)
        return follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """The distance of the answer, and how many edges lead to it."""
        to, right = reached(problem, self.nodes)
        heads = problem["edges"][..., 1] == right[:, None]
        return {"depth": to.max(axis=1).astype(np.int64), "in_degree": heads.sum(axis=1)}

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a prompt; raises `UserError`."""
        return words.parse(self, text)

    def show(self, tokens: np.ndarray) -> str:
        """One line, int (t,) or (t, c); tail and head of an edge with a blank between them."""
        return self.vocabulary.decode(tokens.ravel())

    def jsonl(self, batch: Batch) -> bytes:
        """Records with the keys input, output, edges, question, thoughts, instruction, reasoning and answer, one JSON object a
        line."""
        n, t, c = batch.tokens.shape
        apart = batch.tokens.reshape(n, t * c, 1)
        field = np.where(apart[..., 0] == PAD, np.int8(Field.PADDING), batch.field.repeat(c, axis=1))
        flat = Batch(apart, batch.prompt_len * c, field, batch.problem)
        return jsonl.jsonl(flat, self.vocabulary, PROMPT_FIELDS, TEXT_FORMAT.answer_mark)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift called `name`: the grammar is in `tasks/reachability/shifts.py`."""
        return shifts.parse(self, name)


def _hash(codes: np.ndarray) -> np.ndarray:
    """Hash of the set of edges with codes int (n, m), in any order; those of `NO_EDGE` are left out."""
    codes = np.sort(codes, axis=1)
    return hash_rows(codes, codes != NO_EDGE)
