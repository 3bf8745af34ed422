"""Words around graphs: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_states
from alchemy.problem.task import Problem
from tasks.reachability.search import NOWHERE, adjacency, distances, path, reached
from tasks.reachability.spec import NAMES, TAILS, TEXT_FORMAT, THINK, THOUGHT, Spec
from tasks.reachability.write import chain

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    skipped = spec.left_out
    start = f"the start and the next {skipped} left out" if skipped else "the start left out"
    from_near = f", the first {skipped} distances left out" if skipped else ""
    before = {
        "path": f"Write the nodes of the shortest path to it, {start}; of several paths the one whose first node comes "
        "first in the alphabet, and so on. Then write",
        "frontiers": f"Write all nodes that can be reached, from near to far{from_near}, those at one distance in the order of the "
        "alphabet. Then write",
        "none": "Write",
    }[spec.trace]
    thoughts = f" The {THOUGHT} behind them say nothing." if spec.thoughts else ""
    return (
        "A line gives the edges of a directed graph, `C h` for the one from c to h, and behind them three nodes: the start and two "
        f"candidates, one of which can be reached from the start.{thoughts} {before} {MARK} and the candidate that can be reached. "
        "Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a prompt such as `A b B c D e E f a c f <think>`."""
    spec.vocabulary.encode(text)
    m, words = spec.edges, text.split()
    graph, question, rest = words[: 2 * m], words[2 * m : 2 * m + 3], words[2 * m + 3 :]
    tails, heads = [_node(spec, word, TAILS) for word in graph[::2]], [_node(spec, word) for word in graph[1::2]]
    asked = [_node(spec, word) for word in question]
    if rest != [*[THOUGHT] * spec.thoughts, THINK] or NOWHERE in (*tails, *heads, *asked):
        thoughts = f"{spec.thoughts} {THOUGHT}, " * bool(spec.thoughts)
        raise UserError(
            f"prompt {text!r} is not {m} edges, start, two candidates, {thoughts}{THINK}, of nodes from {NAMES[0]} to "
            f"{NAMES[spec.nodes - 1]}"
        )
    problem = {
        "edges": np.array([list(zip(tails, heads, strict=True))], np.int8),
        "start": np.array(asked[:1], np.int8),
        "candidates": np.array([asked[1:]], np.int8),
    }
    _check(spec, problem, text)
    return problem


def _check(spec: Spec, problem: Problem, text: str) -> None:
    """Raises `UserError` unless the nodes at each distance from the start, and the depth of the answer, are as in the task."""
    to, [right] = reached(problem, spec.nodes)
    if right == NOWHERE or to.max() not in spec.depths:
        depths = " or ".join(map(str, spec.depths))
        raise UserError(f"prompt {text!r} has no candidate, or two, that {depths} edges lead to from the start")
    distance = distances(adjacency(problem, spec.nodes), problem["start"])[0]
    widths = tuple(int((distance == step).sum()) for step in range(1, len(spec.widths) + 1))
    if widths != tuple(spec.widths) or distance.max() > len(widths):
        raise UserError(f"prompt {text!r} has {widths} nodes at distance 1, 2, ... from the start, not {spec.widths}")


def _node(spec: Spec, word: str, names: str = NAMES) -> int:
    """The node that a word names, nowhere if it names none of the task."""
    return names.find(word, 0, spec.nodes) if len(word) == 1 else NOWHERE


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind every node, beside the right nodes; behind a wrong node of a path those follow that lead to
    a candidate on the shortest way."""
    there, [right] = adjacency(problem, spec.nodes), reached(problem, spec.nodes)[1]
    nodes = [NAMES[node] for node in chain(spec, problem, np.array([right]))[0] if node != NOWHERE]

    def leads(before: str, place: int) -> str:
        at = _node(spec, before)
        if spec.trace != "path" or at == NOWHERE:
            return ""
        ways = [path(there, np.array([at]), candidates, 1)[0, 0] for candidates in problem["candidates"].T]
        return next((NAMES[node] for node in ways if node != NOWHERE), "")

    return mark_states(text, nodes, NAMES[right], MARK, leads, is_state=NAMES.__contains__)
