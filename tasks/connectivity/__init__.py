"""Which of two nodes is connected to the start: graph search written out, "Let Me Think!" (arXiv:2505.21825).

A graph has a component with the start and one candidate and others without it, the other candidate in the first of
them; the chain of thought is a search through the component (`tasks/connectivity/traces.py`). A line, most of its edges left out:

    graph : [ 4 7 0 4 2 7 ... ] task : 4 to 2 or 9 / work : [ 4 0 7 2 ] decision : [ 2 ]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Shift
from alchemy.problem.steps import Step
from alchemy.problem.task import PAD, Batch, Field, Judgement, Problem
from alchemy.problem.text_format import TextFormat
from tasks.connectivity import draw, follow, identity, shifts, steps, structure, words
from tasks.connectivity.jsonl import jsonl
from tasks.connectivity.rules import evidence, validities
from tasks.connectivity.spec import PROMPT_FIELDS, Spec
from tasks.connectivity.text import Listed, paper_text, parse, read_edges, read_flat, read_text
from tasks.connectivity.write import write_edges, write_flat


@dataclass(frozen=True)
class Connectivity(Spec, TaskDefaults):
    """List nodes that lead from the start to one of two candidates, then name it."""

    prompt_fields: ClassVar[tuple[str, ...]] = PROMPT_FIELDS
    text_format: ClassVar[TextFormat] = TextFormat(answer_mark="decision")

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """Problems by the names of their nodes.

        `edges` int16 (n, m, 2) as written, padded with -1 at the end; `start` int16 (n,); `targets` int16 (n, 2) as
        written; `right` int8 (n,), which of them is connected; `trace` int16 (n, k) padded with -1. Raises `UserError`
        if problems within the budget, or connected components, are too rare to be found.
        """
        return draw.draw(self, rng, n)

    def write(self, problem: Problem) -> Batch:
        if self.encoding == "edges":
            return Batch(*write_edges(problem, self.vocabulary), problem)
        return Batch(*write_flat(problem, self.vocabulary, self.separator), problem)

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the set of edges, the start and the set of candidates: however they are written, they stay together."""
        question = np.concatenate([problem["start"][:, None], problem["targets"]], axis=1)
        first = len(self.vocabulary) - self.ids
        return identity.hashes(problem["edges"] + first, problem["edges"][..., 0] >= 0, question + first)

    def structure(self, problem: Problem) -> np.ndarray:
        """The same up to the names of the nodes: an invariant, exact for most graphs (`tasks/connectivity/structure.py`)."""
        return structure.keys(problem["edges"], problem["start"], problem["targets"])

    def surface(self, batch: Batch) -> np.ndarray:
        """The identity's hash of what a prompt says, noise symbols taken for nodes."""
        return identity.hashes(*identity.read(batch, self.vocabulary, self.ids))

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): any evidence counts that leads to the target, and without a chain of thought
        none is asked for."""
        return self.judge(batch.problem, self._listed(completion))

    def _listed(self, completion: np.ndarray) -> Listed:
        read = read_edges if self.encoding == "edges" else read_flat
        return read(completion, self.vocabulary)

    def answer_ids(self, completion: np.ndarray) -> np.ndarray:
        """The node decided for."""
        return self._listed(completion).decision.astype(np.int64)

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The nodes, where there is a chain of thought."""
        return self.step_delimiters if self.trace != "none" else ()

    @property
    def answer_opening(self) -> tuple[int, ...]:
        """The words around a decision, as far as the node."""
        words = "decision" if self.encoding == "edges" else "] decision : ["
        return tuple(self.vocabulary.encode(words))

    def chain_fields(self, batch: Batch, completion: np.ndarray) -> np.ndarray:
        """Those of the same list, written anew."""
        listed, width = self._listed(completion), completion.shape[1]
        field = self.write({**batch.problem, "trace": listed.work}).completion_fields()[:, :width]
        field = np.pad(field, ((0, 0), (0, width - field.shape[1])), constant_values=Field.PADDING)
        return np.where(listed.well_formed[:, None], field, np.int8(Field.PADDING))

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """A node in the component of the wrong candidate; behind the last one of a list, that candidate."""
        place = self._node_place(completion, self.chain_fields(batch, completion) == Field.STEP + step)
        there, row = place >= 0, np.arange(len(place))
        last = self._listed(completion).work_len == step + 1
        node = follow.misleading(batch.problem, last, self.ids, rng) + self.step_delimiters[0]
        changed = completion.copy()
        changed[row[there], place[there]] = node[there]
        return changed

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """The list goes on to the candidate in the component of the step's node, which is then decided for; behind a node of
        the gold list, as that does. Nothing follows from a node that no candidate is connected to."""
        problem, leads = follow.redirected(batch.problem, self._listed(completion).work, step, self.ids)
        return np.where(leads[:, None], self.write(problem).completions(), np.int32(PAD))

    def step_ids(self, batch: Batch, completion: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """The component that the node is in: which of its nodes comes next is up to the search."""
        place, row = self._node_place(completion, inside), np.arange(len(completion))
        node = np.where(place >= 0, completion[row, place] - self.step_delimiters[0], 0)
        return np.where(place >= 0, follow.components(batch.problem, self.ids)[row, node], -1).astype(np.int64)

    def _node_place(self, completion: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """The place of the last node inside, bool (n, m), of completions int32 (n, m): int (n,), -1 for none."""
        node = inside & (completion >= self.step_delimiters[0])
        return np.where(node, np.arange(completion.shape[1]), -1).max(axis=1, initial=-1)

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """Edges, and how many of them the start and the two candidates have."""
        edges = problem["edges"]

        def degree(node: np.ndarray) -> np.ndarray:
            return (edges == node[:, None, None]).sum(axis=(1, 2))

        ends = np.sort(np.stack([degree(target) for target in problem["targets"].T]), axis=0)
        return {
            "edges": (edges[..., 0] >= 0).sum(axis=1),
            "start": degree(problem["start"]),
            "fewer": ends[0],
            "more": ends[1],
        }

    @property
    def instructions(self) -> str:
        """The rules and the format, in English."""
        return words.instructions(self.trace != "none")

    def steps(self, batch: Batch, completion: np.ndarray) -> list[Step]:
        """The nodes listed, and the decision."""
        written = self.vocabulary.decode(completion[0])
        return steps.steps(batch.problem, self._listed(completion), written, self.trace != "none")

    def gold_text(self, problem: Problem) -> str:
        """A right text to one problem (n = 1), in the paper's words."""
        work = " ".join(str(node) for node in problem["trace"][0] if node >= 0)
        return f"work : [ {work} ] decision : [ {problem['targets'][0, problem['right'][0]]} ]"

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text, in the paper's words, to one problem (n = 1)."""
        listed = read_text([text])
        return steps.steps(problem, listed, text, self.trace != "none")

    def judge(self, problem: Problem, listed: Listed) -> Judgement:
        """Verdicts on what completions list."""
        target = np.take_along_axis(problem["targets"], problem["right"][:, None].astype(np.intp), axis=1)[:, 0]
        valid, first_wrong = evidence(problem["edges"], problem["start"], target, listed.work)
        if self.trace == "none":
            valid = valid | (listed.work_len == 0)
        return Judgement(listed.decision == target, valid, first_wrong, listed.well_formed)

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions in the paper's text, and what the paper reports of them."""
        listed = read_text(texts)
        return self.judge(problem, listed), validities(problem, listed.work, listed.decision)

    def show(self, tokens: np.ndarray) -> str:
        """The paper's text of a line in either encoding."""
        return paper_text(tokens, self.vocabulary)

    def show_part(self, tokens: np.ndarray) -> str:
        """Some positions of a line, word by word; tokens int32 (t, c)."""
        return self.vocabulary.decode(tokens.ravel())

    def jsonl(self, batch: Batch) -> bytes:
        """Records with the keys input, output, graph, task, reasoning and answer, one JSON object a line."""
        return jsonl(batch, self.vocabulary)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt in the paper's text, its trace a shortest path; raises `UserError`.

        Nodes may have names that the vocabulary lacks, as it takes none to judge a text.
        """
        return parse(text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return shifts.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift of that name; the grammar is in `tasks/connectivity/shifts.py`."""
        return shifts.parse(self, name)

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, Any]:
        return shifts.novelty(train.problem, test.problem, self.ids)
