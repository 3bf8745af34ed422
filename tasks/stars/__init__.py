"""The path from the centre of a star to the end of one of its arms; the chain of thought walks back from there.

C h A e E i C a H f F g c i <think> i e a <answer> a e i        two arms of three edges

The edges of the graph are in any order, each at one position that carries two ids: its tail, in capitals, and its head. Then
come the centre and the goal. On the way there only the first node is hard to find, as it takes a look ahead through the whole arm; each
other is behind the one before. A model that is trained on paths with the right nodes in front of it learns to go on
and not to begin (arXiv:2403.06963). From the goal backwards every node is one look-up. Scores of those who only go on are
in `tasks/stars/laws.py`.
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
from tasks.stars import draw, shifts, words
from tasks.stars.spec import MOST_NAMES, PROMPT_FIELDS, TEXT_FORMAT, Spec
from tasks.stars.walk import edges
from tasks.stars.write import follow, other_state, write

NO_EDGE = MOST_NAMES**2
"""Above the code of every edge; one more is that of a noise symbol."""


@dataclass(frozen=True)
class Stars(Spec, TaskDefaults):
    """Find the path from the centre of a star to the end of an arm."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TEXT_FORMAT

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """`centre` int8 (n,), `arms` int8 (n, a, l): nodes outwards, of which the first arm ends in the goal; `order` int16
        (n, a * l): the edges, arm by arm, in the order in which they are written."""
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        return write(self, problem)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the set of edges: in any order and with any goal, a star is in the same part."""
        tails, heads = (ends.astype(np.int16) for ends in edges(problem))
        return _hash(tails * np.int16(MOST_NAMES) + heads)

    def structure(self, problem: Problem) -> np.ndarray:
        """The same for all stars with as many arms as long: they differ by names alone."""
        n, arms, length = problem["arms"].shape
        return hash_rows(np.full((n, 2), (arms, length)), np.ones((n, 2), bool))

    def surface(self, batch: Batch) -> np.ndarray:
        """Hash of the edges and the noise in a prompt; of a clean one its identity."""
        width = int(batch.prompt_len.max(initial=0))
        tokens, inside = batch.tokens[:, :width], batch.field[:, :width] == 0
        codes = (tokens[..., 0] - self.first_tail) * MOST_NAMES + tokens[..., 1] - self.first_node
        codes = np.where(tokens[..., 0] == NOISE, NO_EDGE + 1, codes)
        return _hash(np.where(inside, codes, NO_EDGE))

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """A node of another arm, as far from the centre."""
        return other_state(self, batch.problem, completion, step, rng)

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The walk back from the node that the step says, and the path of all nodes walked through."""
        return follow(self, batch.problem, completion, step)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Where among the edges, from 0, those to the goal and to the first node of its arm stand."""
        last = problem["arms"].shape[2] - 1
        return {
            "edge_to_goal": (problem["order"] == last).argmax(axis=1),
            "edge_to_first": (problem["order"] == 0).argmax(axis=1),
        }

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self)

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The steps of anybody's text to one problem (n = 1), each with its mark."""
        return words.steps(self, problem, self.gold_text(problem), text)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""
        return words.parse(self, text)

    def show(self, tokens: np.ndarray) -> str:
        """One line, int (t,) or (t, c); tail and head of an edge with a blank between them."""
        return self.vocabulary.decode(tokens.ravel())

    def jsonl(self, batch: Batch) -> bytes:
        """Records with the keys input, output, edges, question, instruction, reasoning and answer, one JSON object a line."""
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
        """The shift called `name`: the grammar is in `tasks/stars/shifts.py`."""
        return shifts.parse(self, name)


def _hash(codes: np.ndarray) -> np.ndarray:
    """Hash of the set of edges with codes int (n, m), in any order; those of `NO_EDGE` are left out."""
    codes = np.sort(codes, axis=1)
    return hash_rows(codes, codes != NO_EDGE)
