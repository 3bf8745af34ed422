"""Words around stars: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, divided, mark_steps
from alchemy.problem.task import Problem
from tasks.stars.spec import NAMES, TAILS, TEXT_FORMAT, THINK, Spec
from tasks.stars.walk import NOWHERE, back, onward

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    where = "before" if spec.goal_first else "behind"
    chain = (
        f"Write the goal and walk back to the node that an edge leads to it from, and so on, as far as the {spec.length} nodes "
        "that are not the centre. Then write"
        if spec.cot
        else "Write"
    )
    way = "in the order of the path" if spec.path == "forward" else "from the goal backwards"
    return (
        f"A line gives the edges of a graph, `C h` for the one from c to h, and {where} them two nodes: the centre and the goal. "
        f"{chain} {MARK} and the nodes of the path from the centre to the goal, {way}, the goal with them and the centre left "
        "out. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `C h A e E i C a c i <think>`."""
    spec.vocabulary.encode(text)
    *words, think = text.split() or [""]
    m = spec.edges
    ask, graph = (words[:2], words[2:]) if spec.goal_first else (words[2 * m :], words[: 2 * m])
    nodes = [_node(spec, word) for word in [*ask, *graph[1::2]]]
    tails = [_node(spec, word, TAILS) for word in graph[::2]]
    if think != THINK or len(words) != 2 * m + 2 or NOWHERE in (*nodes, *tails):
        layout = (
            ("centre and goal, " * spec.goal_first) + f"{m} edges, " + ("centre and goal, " * (not spec.goal_first))
        )
        raise UserError(f"prompt {text!r} is not {layout}{THINK}, of nodes from {NAMES[0]} to {NAMES[spec.names - 1]}")
    centre, goal, *heads = nodes
    arms = _arms(spec, list(zip(tails, heads, strict=True)), centre, goal)
    if not arms:
        raise UserError(
            f"prompt {text!r} is no star: expected {spec.arms} arms of {spec.length} nodes from the centre {NAMES[centre]}, "
            f"one of which ends in the goal {NAMES[goal]}"
        )
    ends = [node for arm in arms for node in arm]
    return {
        "centre": np.array([centre], np.int8),
        "arms": np.array([arms], np.int8),
        "order": np.array([[ends.index(head) for head in heads]], np.int16),
    }


def _node(spec: Spec, word: str, names: str = NAMES) -> int:
    """The node that a word names, nowhere if it names none of the task."""
    return names.find(word, 0, spec.names) if len(word) == 1 else NOWHERE


def _arms(spec: Spec, edges: list[tuple[int, int]], centre: int, goal: int) -> list[list[int]]:
    """The arms of a star, that of the goal first; none if the edges do not make one."""
    behind = {tail: head for tail, head in edges if tail != centre}
    arms = []
    for tail, head in edges:
        if tail == centre:
            arm = [head]
            while len(arm) < spec.length and arm[-1] in behind:
                arm.append(behind[arm[-1]])
            arms.append(arm)
    arms.sort(key=lambda arm: arm[-1] != goal)
    nodes = {centre, *(node for arm in arms for node in arm)}
    whole = len(arms) == spec.arms and len(nodes) == spec.nodes and arms[0][-1] == goal
    return arms if whole else []


def steps(spec: Spec, problem: Problem, gold: str, text: str) -> list[Step]:
    """What was written, divided behind every node, beside the gold text.

    Behind a wrong node of the walk back the node before it follows, and behind a wrong one of an answer at once the one that
    is next to it on the way; an answer behind a walk follows if it has the nodes of the walk in its order.
    """
    given, expected = (divided(line.split(), NAMES.__contains__) for line in (text, gold))
    answered = next((place for place, part in enumerate(given) if MARK in part.split()), len(given))
    walked = [_node(spec, part) for part in given[:answered]]
    before, behind = back(problem)[0], onward(problem)[0]
    along = before if spec.path == "reversed" else behind
    path = walked if spec.path == "reversed" else walked[::-1]
    judged = []
    for place, part in enumerate(given):
        at = _node(spec, given[place - 1].split()[-1]) if place else NOWHERE
        if place < answered:
            following = [before[at]]
        elif spec.cot:
            following = path[place - answered :][:1]
        else:
            following = [along[at]]
        follows = [_node(spec, part.removeprefix(MARK).strip())] == following != [NOWHERE]
        judged.append((part, expected[place : place + 1] == [part], follows))
    return mark_steps(judged + [("(ends here)", False, False)] * (len(given) < len(expected)))
