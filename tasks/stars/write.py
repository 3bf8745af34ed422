"""Problems of `Stars` as tokens, and what follows from a step of a walk.

Dimension letters: `n` problems, `m` edges, `l` nodes of an arm beside the centre, `w` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.stars.spec import THINK, Spec
from tasks.stars.walk import NOWHERE, back, edges, walk


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: edges, each at one position of two ids, the question, the walk back and the path."""
    n, m, p = len(problem["centre"]), spec.edges, spec.longest_prompt
    tokens = np.full((n, spec.clean_len, 2), PAD, np.int32)
    ask, graph = (0, slice(2, m + 2)) if spec.goal_first else (m, slice(0, m))
    order = problem["order"].astype(np.intp)
    tails, heads = (np.take_along_axis(ends, order, axis=1) for ends in edges(problem))
    tokens[:, graph, 0], tokens[:, graph, 1] = tails + np.int32(spec.first_tail), heads + np.int32(spec.first_node)
    tokens[:, ask, 0], tokens[:, ask + 1, 0] = problem["centre"], problem["arms"][:, 0, -1]
    tokens[:, ask : ask + 2, 0] += spec.first_node
    tokens[:, p - 1, 0] = spec.vocabulary.index[THINK]
    tokens[:, p:, 0] = completions(spec, problem["arms"][:, 0, ::-1])
    field = np.empty(spec.clean_len, np.int8)
    field[graph], field[ask : ask + 2], field[p - 1] = 0, 1, 2
    field[p : p + spec.chain_len] = Field.STEP + np.arange(spec.chain_len)
    field[p + spec.chain_len : -1], field[-1] = Field.ANSWER, Field.END
    return Batch(tokens, np.full(n, p, np.int32), np.tile(field, (n, 1)), problem)


def completions(spec: Spec, backwards: np.ndarray) -> np.ndarray:
    """Walks back int8 (n, l), if the task has them, and paths of the same nodes: int32 (n, w)."""
    c, nodes = spec.chain_len, backwards + np.int32(spec.first_node)
    tokens = np.empty((len(nodes), c + spec.length + 2), np.int32)
    tokens[:, :c], tokens[:, c], tokens[:, -1] = nodes[:, :c], spec.answer_mark_id, EOS
    tokens[:, c + 1 : -1] = nodes if spec.path == "reversed" else nodes[:, ::-1]
    return tokens


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, w) that begin as the given ones up to and with a step, with the walk back from there and the path
    of all nodes that were walked through; padding where the walk does not reach the centre behind its last node."""
    c = step + 1
    written = np.full((len(completion), c), NOWHERE, np.int8)
    given = spec.node(completion[:, :c])
    written[:, : given.shape[1]] = given
    rest = walk(back(problem), written[:, step], spec.length - step)
    followed = completions(spec, np.concatenate([written, rest[:, :-1]], axis=1))
    followed[(written == NOWHERE).any(axis=1) | (rest[:, -1] != problem["centre"])] = PAD
    return followed


def other_state(
    spec: Spec, problem: Problem, completion: np.ndarray, step: int, rng: np.random.Generator
) -> np.ndarray:
    """Completions int32 (n, w) whose step is a node of another arm, any of them, as far from the centre."""
    changed, there = completion.copy(), problem["arms"][:, :, spec.length - 1 - step] + np.int32(spec.first_node)
    other = np.where(there != completion[:, step : step + 1], rng.random(there.shape), -1).argmax(axis=1)
    changed[:, step] = there[np.arange(len(there)), other]
    return changed
