"""Which of two nodes is connected to the start: graph search written out, "Let Me Think!" (arXiv:2505.21825).

A graph has a component with the start and one candidate and others without it, the other candidate in the first of
them; the chain of thought is a search through the component (`tasks/connectivity/traces.py`). A line, most of its edges left out:

    graph : [ 4 7 0 4 2 7 ... ] task : 4 to 2 or 9 / work : [ 4 0 7 2 ] decision : [ 2 ]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from alchemy.problem.noise import growth, perturb
from alchemy.problem.shift import Noise, Shift
from alchemy.problem.steps import Step
from alchemy.problem.task import (
    Batch,
    Judgement,
    Problem,
    Vocabulary,
)
from tasks.connectivity import (
    draw as connectivity_draw,
)
from tasks.connectivity import (
    shifts as connectivity_shift,
)
from tasks.connectivity import (
    steps as connectivity_steps,
)
from tasks.connectivity import (
    text as connectivity_text,
)
from tasks.connectivity import (
    words as connectivity_words,
)
from tasks.connectivity import (
    write as connectivity_write,
)
from tasks.connectivity.check import check
from tasks.connectivity.graphs import Family, family
from tasks.connectivity.hash import fingerprint, read
from tasks.connectivity.jsonl import jsonl
from tasks.connectivity.rules import evidence, validities
from tasks.connectivity.traces import longest, style

KEYWORDS = ("<s>", "graph", "task", "work", "decision", "to", "or", ":", "[", "]", "/", ",")


@dataclass(frozen=True)
class Connectivity:
    """List nodes that lead from the start to one of two candidates, then name it."""

    family: Literal["bridge", "two-path", "cycle", "tree", "gnm", "grid", "caterpillar", "comb"] = "bridge"
    """What a component is (`tasks/connectivity/graphs.py`)."""
    depth: int = 1
    """Petals of a bridge, layers of a caterpillar but the first, hubs of a comb but the last, rows of a grid."""
    short: int = 3
    """Edges of the short route through a petal."""
    long: int = 5
    """Edges of the long route through a petal."""
    dead: int = 3
    """Edges of a petal's dead end."""
    nodes: int = 12
    """Nodes of a path, cycle, tree or gnm component."""
    links: int = 16
    """Edges of a gnm component."""
    width: int = 3
    """Nodes of a caterpillar's layer, edges onward from a comb's hub, columns of a grid."""
    matchings: int = 2
    """Matchings between two layers of a caterpillar."""
    holes: int = 2
    """Cells that a grid lacks."""
    distractors: int = 1
    """Components without the start, fresh draws of the same family."""
    pair: Literal["far", "random"] = "far"
    """Whether start and target are two nodes far apart (`tasks/connectivity/graphs.py`), or any two."""
    trace: str = "dfs"
    """none, shortest, path, dfs, dfs-bt, bfs, walk-STEPS or walk_mix-STEPS (`tasks/connectivity/traces.py`)."""
    budget: int = 0
    """Only problems whose trace has at most this many nodes; 0 for all."""
    encoding: Literal["edges", "flat"] = "edges"
    """Whether an edge is one position that carries two nodes, or two tokens among words as in the paper."""
    ids: int = 44
    """Names of nodes in the vocabulary."""
    reserved: int = 0
    """The last names that never name a node ..."""
    strange: int = 0
    """... but for this many nodes of every graph."""
    order: Literal["shuffled", "sorted"] = "shuffled"
    """Whether edges are in random order, or in that of their names."""
    orientation: Literal["random", "sorted"] = "random"
    """Which end of an edge is first: a fair coin's, or the one of the lower name."""
    separator: bool = False
    """A comma between two edges; flat encoding only."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    prompt_fields: ClassVar[tuple[str, ...]] = ("graph", "task", "instruction")

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.of((*KEYWORDS, *map(str, range(self.ids))))

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """The nodes: each one listed is a step, and so is the decision."""
        return tuple(range(len(self.vocabulary) - self.ids, len(self.vocabulary)))

    @cached_property
    def component(self) -> Family:
        """The distribution of a component."""
        return family(self.family, self)

    @property
    def graph_nodes(self) -> int:
        """Nodes of a graph, those without the start included."""
        return (self.distractors + 1) * self.component.size

    @property
    def most_edges(self) -> int:
        """Edges of a graph, at most."""
        return (self.distractors + 1) * self.component.most_edges

    @cached_property
    def longest_trace(self) -> int:
        """Nodes of a trace, at most."""
        most = longest(style(self.trace), self.component, self.pair == "far")
        return min(most, self.budget) if self.budget else most

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise."""
        return self._prompt(self.most_edges)

    @property
    def least_prompt(self) -> int:
        return 0 if self.noise is not None else self._prompt((self.distractors + 1) * self.component.least_edges)

    def _prompt(self, edges: int) -> int:
        """Tokens of a prompt with so many edges, before noise."""
        return edges + 4 if self.encoding == "edges" else 2 * edges + 13 + (edges - 1) * self.separator

    @property
    def max_len(self) -> int:
        scaffold = 3 if self.encoding == "edges" else 10
        return self.longest_prompt + self.longest_trace + scaffold + growth(self.noise, self.longest_prompt)

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """Problems by the names of their nodes.

        `edges` int16 (n, m, 2) as written, padded with -1 at the end; `start` int16 (n,); `targets` int16 (n, 2) as
        written; `right` int8 (n,), which of them is connected; `trace` int16 (n, k) padded with -1. Raises `UserError`
        if problems within the budget, or connected components, are too rare to be found.
        """
        return connectivity_draw.draw(self, rng, n)

    def render(self, problem: Problem, rng: np.random.Generator) -> Batch:
        batch = self._write(problem)
        if self.noise is None:
            return batch
        most = int(batch.prompt_len.max(initial=self.longest_prompt))
        return perturb(batch, self.noise, self.prompt_fields, rng, most)

    def _write(self, problem: Problem) -> Batch:
        if self.encoding == "edges":
            return Batch(*connectivity_write.write_edges(problem, self.vocabulary), problem)
        return Batch(*connectivity_write.write_flat(problem, self.vocabulary, self.separator), problem)

    def sample(self, rng: np.random.Generator, n: int) -> Batch:
        return self.render(self.draw(rng, n), rng)

    def solve(self, problem: Problem) -> np.ndarray:
        """The gold completions, int32 (n, m)."""
        return self._write(problem).completions()

    def identity(self, problem: Problem) -> np.ndarray:
        """Hash of the set of edges, the start and the set of candidates: however they are written, they stay together."""
        question = np.concatenate([problem["start"][:, None], problem["targets"]], axis=1)
        first = len(self.vocabulary) - self.ids
        return fingerprint(problem["edges"] + first, problem["edges"][..., 0] >= 0, question + first)

    def surface(self, batch: Batch) -> np.ndarray:
        """The same hash of what a prompt says, noise symbols taken for nodes."""
        return fingerprint(*read(batch, self.vocabulary, self.ids))

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """Judge completions int32 (n, m): any evidence counts that leads to the target, and without a chain of thought
        none is asked for."""
        return self.judge(batch.problem, self._listed(completion))

    def _listed(self, completion: np.ndarray) -> connectivity_text.Listed:
        reader = connectivity_text.read_edges if self.encoding == "edges" else connectivity_text.read_flat
        return reader(completion, self.vocabulary)

    def said(self, completion: np.ndarray) -> np.ndarray:
        """The node decided for."""
        return self._listed(completion).decision.astype(np.int64)

    def facts(self, problem: Problem) -> Mapping[str, np.ndarray]:
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
        return connectivity_words.instructions(self.trace != "none")

    def steps(self, one: Batch, completion: np.ndarray) -> list[Step]:
        """The nodes listed, and the decision."""
        text = self.vocabulary.decode(completion[0])
        return connectivity_steps.steps(one.problem, self._listed(completion), text, self.trace != "none")

    def gold_text(self, problem: Problem) -> str:
        """A right text to one problem (n = 1), in the paper's words."""
        work = " ".join(str(node) for node in problem["trace"][0] if node >= 0)
        return f"work : [ {work} ] decision : [ {problem['targets'][0, problem['right'][0]]} ]"

    def text_steps(self, problem: Problem, text: str) -> list[Step]:
        """The same of anybody's text, in the paper's words, to one problem (n = 1)."""
        listed = connectivity_text.read_text([text])
        return connectivity_steps.steps(problem, listed, text, self.trace != "none")

    def judge(self, problem: Problem, listed: connectivity_text.Listed) -> Judgement:
        """Verdicts on what completions list."""
        target = np.take_along_axis(problem["targets"], problem["right"][:, None].astype(np.intp), axis=1)[:, 0]
        valid, first_wrong = evidence(problem["edges"], problem["start"], target, listed.work)
        if self.trace == "none":
            valid = valid | (listed.work_len == 0)
        return Judgement(listed.decision == target, valid, first_wrong, listed.well_formed)

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on completions in the paper's text, and what the paper reports of them."""
        listed = connectivity_text.read_text(texts)
        return self.judge(problem, listed), validities(problem, listed.work, listed.decision)

    def show(self, tokens: np.ndarray) -> str:
        """The paper's text of a line in either encoding."""
        return connectivity_text.text(tokens, self.vocabulary)

    def words(self, tokens: np.ndarray) -> str:
        """Some positions of a line, word by word; tokens int32 (t, c)."""
        return self.vocabulary.decode(tokens.ravel())

    def jsonl(self, batch: Batch) -> bytes:
        """Records with the keys input, output, graph, task, reasoning and answer, one JSON object a line."""
        return jsonl(batch, self.vocabulary)

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt in the paper's text, its trace a shortest path; raises `UserError`.

        Nodes may have names that the vocabulary lacks, as it takes none to judge a text.
        """
        return connectivity_text.parse(text)

    @property
    def shifts(self) -> tuple[str, ...]:
        """Names of the standard shifts that make sense for this task."""
        return connectivity_shift.standard(self)

    def shift(self, name: str) -> Shift:
        """The shift of that name; the grammar is in `tasks/connectivity/shifts.py`."""
        return connectivity_shift.parse(self, name)

    def novelty(self, train: Batch, test: Batch) -> Mapping[str, Any]:
        return connectivity_shift.novelty(train.problem, test.problem, self.ids)
