"""What a connectivity problem is whatever the order it is written in: a hash that a split can go by.

Edges count as a set of unordered pairs, candidates as an unordered pair. Everything is in token ids, so that a prompt
with noise in it has a hash as well.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.split import splitmix64
from alchemy.problem.task import NOISE, PAD, Batch, Vocabulary
from tasks.connectivity.networks import BLOCK

START, CANDIDATE = np.uint64(1 << 32), np.uint64(2 << 32)
"""Added to the token ids of start and candidates, so that all are told apart."""


def hashes(edges: np.ndarray, inside: np.ndarray, question: np.ndarray) -> np.ndarray:
    """uint64 (n,) from edges int (n, m, 2), those that are there bool (n, m), and question int (n, q): the start, then
    candidates, padded with 0."""
    result = np.empty(len(edges), np.uint64)
    for first in range(0, len(edges), BLOCK):
        rows = slice(first, first + BLOCK)
        tail, head = (edges[rows, :, side].astype(np.uint32) for side in range(2))
        code = splitmix64((np.minimum(tail, head).astype(np.uint64) << np.uint64(16)) | np.maximum(tail, head))
        code *= inside[rows]
        nodes = question[rows].astype(np.uint64)
        state = splitmix64(code.sum(axis=1) ^ splitmix64(nodes[:, 0] + START))
        candidates = splitmix64(nodes[:, 1:] + CANDIDATE) * (nodes[:, 1:] != 0)
        result[rows] = splitmix64(state ^ candidates.sum(axis=1, dtype=np.uint64))
    return result


def read(batch: Batch, vocabulary: Vocabulary, ids: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arguments of `hashes` from prompts: nodes and noise symbols in the order they stand there.

    An edge is a position that carries two ids; with one id a position, nodes make edges two by two.
    """
    width = int(batch.prompt_len.max(initial=0))
    tokens, field = batch.tokens[:, :width], batch.field[:, :width]
    names = (tokens[..., 0] >= len(vocabulary) - ids) | (tokens[..., 0] == NOISE)
    question = _packed(tokens[..., 0], names & (field == 1), 3)
    if tokens.shape[2] == 2:
        return tokens, names & (field == 0), question
    nodes = _packed(tokens[..., 0], names & (field == 0), 2)
    edges = nodes.reshape(len(nodes), -1, 2)
    return edges, edges[..., 0] != PAD, question


def _packed(values: np.ndarray, chosen: np.ndarray, least: int) -> np.ndarray:
    """The chosen values of each row side by side, int (n, w) padded with 0, w even unless `least` is more.

    values int (n, t), chosen bool (n, t).
    """
    place = np.cumsum(chosen, axis=1)
    longest = int(place[:, -1].max(initial=0)) if place.size else 0
    packed = np.zeros((len(values), max(longest + longest % 2, least)), values.dtype)
    row, column = np.nonzero(chosen)
    packed[row, place[row, column] - 1] = values[row, column]
    return packed
