"""Problems of `Reachability` as tokens, and what follows from a node of a path that was changed.

Dimension letters: `n` problems, `k` nodes of a chain, `w` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.reachability.search import NOWHERE, adjacency, distances, listed, path, reached
from tasks.reachability.spec import THINK, Spec


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: edges, each at one position of two ids, start and candidates, thoughts, the chain and the answer."""
    n, m, p = len(problem["start"]), spec.edges, spec.longest_prompt
    tokens, field = np.full((n, spec.clean_len, 2), PAD, np.int32), np.empty((n, spec.clean_len), np.int8)
    tokens[:, :m] = problem["edges"]
    tokens[:, :m] += np.array([spec.first_tail, spec.first_node], np.int32)
    tokens[:, m, 0], tokens[:, m + 1 : m + 3, 0] = problem["start"], problem["candidates"]
    tokens[:, m : m + 3, 0] += spec.first_node
    tokens[:, m + 3 : p - 1, 0] = spec.thought_id
    tokens[:, p - 1, 0] = spec.vocabulary.index[THINK]
    field[:, :p] = np.repeat([0, 1, 2, 3], (m, 3, spec.thoughts, 1))
    _, right = reached(problem, spec.nodes)
    tokens[:, p:, 0], field[:, p:] = _completions(spec, chain(spec, problem, right), right)
    return Batch(tokens, np.full(n, p, np.int32), field, problem)


def chain(spec: Spec, problem: Problem, right: np.ndarray) -> np.ndarray:
    """The nodes that are written before the answer int (n,): int64 (n, k), nowhere behind the last."""
    there, count = adjacency(problem, spec.nodes), spec.unwritten + spec.chain_len
    if spec.trace == "path":
        return path(there, problem["start"], right, count)[:, spec.unwritten :]
    return listed(there, problem["start"], count)[:, spec.unwritten :]


def _completions(spec: Spec, nodes: np.ndarray, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chains int (n, k) and the answers behind them, int (n,): ids int32 (n, w) and fields int8 (n, w)."""
    stop, place = (nodes != NOWHERE).sum(axis=1)[:, None], np.arange(spec.clean_len - spec.longest_prompt)
    ids, at = np.pad(nodes, ((0, 0), (0, 3))) + spec.first_node, [place < stop, *(place == stop + i for i in range(3))]
    tokens = np.select(at, [ids, spec.answer_mark_id, answer[:, None] + spec.first_node, EOS], PAD)
    field = np.select(at, [Field.STEP + place, Field.ANSWER, Field.ANSWER, Field.END], Field.PADDING)
    return tokens.astype(np.int32), field.astype(np.int8)


def other_state(
    spec: Spec, problem: Problem, completion: np.ndarray, step: int, rng: np.random.Generator
) -> np.ndarray:
    """Completions int32 (n, w) in whose path the node of a step is one of the other half, from which the other candidate is as
    far; as they are where the path has no such step."""
    back, depth, _ = _both_ways(spec, problem)
    left = depth - spec.unwritten - step  # nodes of the path from this step on
    there = back[:, 1] == (left - 1)[:, None]
    other = np.where(there, rng.random(there.shape), -1).argmax(axis=1) + spec.first_node
    changed = completion.copy()
    changed[:, step] = np.where(left > 0, other, completion[:, step])
    return changed


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, w) that begin as the given ones up to and with a step of a path, which then goes on to the candidate
    that is as far as the right one would be; padding where none is, and where the path has no such step."""
    back, depth, candidates = _both_ways(spec, problem)
    left = depth - spec.unwritten - step  # nodes of the path from this step on
    said = spec.node(np.pad(completion, ((0, 0), (0, step + 1)), constant_values=PAD)[:, step])
    known = (said >= 0) & (said < spec.nodes) & (left > 0)
    at = np.where(known, said, 0)
    leads = np.take_along_axis(back, at[:, None, None], axis=2)[..., 0] == (left - 1)[:, None]  # (n, 2)
    answer = np.where(leads[:, 0], candidates[:, 0], candidates[:, 1]).astype(np.int64)
    rest = path(adjacency(problem, spec.nodes), at, answer, max(0, spec.chain_len - step - 1))
    nodes = np.column_stack([np.zeros((len(at), step), np.int64), at, rest])[:, : spec.chain_len]
    followed, _ = _completions(spec, nodes, answer)
    given = completion[:, : step + 1]
    followed[:, : given.shape[1]] = given[:, : followed.shape[1]]
    followed[~(known & leads.any(axis=1))] = PAD
    return followed


def _both_ways(spec: Spec, problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges from each node to the right candidate and to the other, int8 (n, 2, u), the depth of the right one, int8 (n,), and
    the two, int8 (n, 2)."""
    to, right = reached(problem, spec.nodes)
    first = (problem["candidates"][:, 0] == right)[:, None]
    candidates = np.where(first, problem["candidates"], problem["candidates"][:, ::-1])
    backwards = adjacency(problem, spec.nodes).swapaxes(1, 2)
    back = np.stack([distances(backwards, candidates[:, i]) for i in range(2)], axis=1)
    return back, to.max(axis=1), candidates
