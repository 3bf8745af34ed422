"""When a list of nodes is evidence that a candidate is connected to the start: "Let Me Think!" (arXiv:2505.21825).

Evidence may jump: a node has to be next to some node listed before it, not to the last one. A walk may not. Lists are
judged `BLOCK` rows at a time, edges along the first axis and rows along the last, position by position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Problem
from tasks.connectivity.networks import BLOCK


def evidence(
    edges: np.ndarray, start: np.ndarray, target: np.ndarray, work: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whether lists lead from start to target, bool (n,), and the index of the first node that may not stand there.

    At least two nodes, first the start, last the target, and each is the start or next to one listed earlier; repeats
    count as nodes. The index, int32 (n,), is the number of nodes listed where all of them may. edges int (n, m, 2),
    start and target int (n,), work int (n, k) padded with -1 at the end.
    """
    length = (work != -1).sum(axis=1, dtype=np.int32)
    first_wrong = length.copy()
    for rows, tail, head in _blocks(edges, len(work)):
        listed, from_start = np.ascontiguousarray(work[rows].T), start[rows]
        seen_tail, seen_head = np.zeros(tail.shape, bool), np.zeros(head.shape, bool)
        wrong = first_wrong[rows]
        for place, node in enumerate(listed):
            is_tail, is_head = tail == node, head == node
            allowed = node == from_start
            if place:
                allowed |= np.logical_or.reduce((is_tail & seen_head) | (is_head & seen_tail), axis=0)
            np.copyto(wrong, place, where=~allowed & (place < wrong))
            seen_tail |= is_tail
            seen_head |= is_head
    last = np.take_along_axis(work, np.maximum(length - 1, 0)[:, None], axis=1)[:, 0] if work.shape[1] else -1
    return (first_wrong == length) & (length >= 2) & (last == target), first_wrong


def edge_validity(edges: np.ndarray, work: np.ndarray) -> np.ndarray:
    """Share of consecutive nodes that an edge joins, float64 (n,), nan for lists of fewer than two nodes.

    edges int (n, m, 2), work int (n, k) padded with -1 at the end.
    """
    joined = np.zeros(len(work))
    for rows, tail, head in _blocks(edges, len(work)):
        listed = np.ascontiguousarray(work[rows].T)
        for here, there in pairwise(listed):
            along = ((tail == here) & (head == there)) | ((tail == there) & (head == here))
            joined[rows] += np.logical_or.reduce(along, axis=0) & (there != -1)
    pairs = (work != -1).sum(axis=1) - 1
    return np.divide(joined, pairs, out=np.full(len(work), np.nan), where=pairs > 0)


def open_steps(edges: np.ndarray, work: np.ndarray) -> np.ndarray:
    """Share that follow an edge among the steps that could go on, float64 (n,), nan for lists without any.

    A step can go on if an edge leads from its node to one not listed yet; the last step, the arrival, is not counted. So
    neither a jump out of a dead end nor a target named at the end lowers it. Shapes as in `edge_validity`.
    """
    followed, possible = np.zeros((2, len(work)))
    for rows, tail, head in _blocks(edges, len(work)):
        listed = np.ascontiguousarray(work[rows].T)
        seen_tail, seen_head = np.zeros(tail.shape, bool), np.zeros(head.shape, bool)
        for here, there, after in zip(listed, listed[1:], listed[2:], strict=False):
            is_tail, is_head = tail == here, head == here
            seen_tail |= is_tail
            seen_head |= is_head
            going = np.logical_or.reduce((is_tail & ~seen_head) | (is_head & ~seen_tail), axis=0) & (after != -1)
            along = np.logical_or.reduce((is_tail & (head == there)) | (is_head & (tail == there)), axis=0)
            possible[rows] += going
            followed[rows] += going & along
    return np.divide(followed, possible, out=np.full(len(work), np.nan), where=possible > 0)


def budget(valid: np.ndarray, work_len: np.ndarray, most: int) -> np.ndarray:
    """Which chains count under a sequential budget of `most` nodes, bool (n,): valid, and complete within it."""
    return valid & (work_len <= most)


def truncated(edges: np.ndarray, start: np.ndarray, target: np.ndarray, work: np.ndarray, most: int) -> np.ndarray:
    """The same by cutting the list off behind `most` nodes and judging it again, bool (n,).

    Unlike `budget`, it accepts a list that goes on behind the target, if it is cut there.
    """
    return evidence(edges, start, target, work[:, :most])[0]


def validities(problem: Problem, work: np.ndarray, decision: np.ndarray) -> dict[str, np.ndarray]:
    """What the paper reports of completions: decision, evidence and walk validity, bool (n,), and edge validity.

    work int (n, k) padded with -1 at the end; decision int (n,), -1 unless exactly one node is decided for.
    """
    target = np.take_along_axis(problem["targets"], problem["right"][:, None].astype(np.intp), axis=1)[:, 0]
    edge = edge_validity(problem["edges"], work)
    valid, _ = evidence(problem["edges"], problem["start"], target, work)
    return {"decision": decision == target, "evidence": valid, "walk_validity": edge == 1, "edge_validity": edge}


def answer(pairs: Sequence[tuple[int, int]], start: int, targets: tuple[int, int]) -> tuple[int, list[int]]:
    """Which of two candidates is connected to the start, 0 or 1, and a shortest path to it.

    Raises `UserError` if the question breaks the promise that exactly one is.
    """
    near: dict[int, list[int]] = {}
    for tail, head in pairs:
        if tail == head:
            raise UserError(f"edge {tail} {head} joins a node to itself")
        near.setdefault(tail, []).append(head)
        near.setdefault(head, []).append(tail)
    for role, node in (("start", start), *(("candidate", target) for target in targets)):
        if node not in near:
            raise UserError(f"{role} {node} is in no edge")
    if targets[0] == targets[1]:
        raise UserError(f"both candidates are {targets[0]}")
    if start in targets:
        raise UserError(f"candidate {start} is the start")
    before, queue = {start: start}, deque([start])
    while queue:
        here = queue.popleft()
        for node in near[here]:
            if node not in before:
                before[node] = here
                queue.append(node)
    reached = [target for target in targets if target in before]
    if len(reached) != 1:
        which = "both candidates are" if reached else "neither candidate is"
        raise UserError(f"{which} connected to start {start}, expected exactly one of {targets[0]} and {targets[1]}")
    path = reached
    while path[-1] != start:
        path.append(before[path[-1]])
    return targets.index(path[0]), path[::-1]


def _blocks(edges: np.ndarray, n: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Rows, and both ends of their edges, (m, rows) each."""
    for first in range(0, n, BLOCK):
        rows = slice(first, first + BLOCK)
        yield rows, np.ascontiguousarray(edges[rows, :, 0].T), np.ascontiguousarray(edges[rows, :, 1].T)
