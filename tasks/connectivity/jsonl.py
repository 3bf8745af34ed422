"""Connectivity problems as JSON lines, from either encoding, without a Python step per line.

Every word becomes a cell of as many bytes as the longest word has, the rest zeros; a part that a row does not have is
cells of zeros; dropping all zeros leaves the text.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import (
    EOS,
    PAD,
    Batch,
    Field,
    Vocabulary,
)

BLOCK = 1 << 11  # rows assembled at once, so that they stay in the cache
GRAPH, TASK, INSTRUCTION = range(3)


def jsonl(batch: Batch, vocabulary: Vocabulary) -> bytes:
    """Records with the keys input and output, the paper's text up to `/` and behind it, and what they are made of:
    graph and task, the nodes of the reasoning, and the answer."""
    words = _Words(vocabulary)
    blocks = [batch.rows(slice(first, first + BLOCK)) for first in range(0, len(batch.tokens), BLOCK)]
    return b"".join(_lines(block, words) for block in blocks)


class _Words:
    """Cells of bytes by id, uint8 (v, w): the vocabulary's, and behind them those of what lines are made of."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        symbols = [f" {symbol}".encode() for symbol in vocabulary.symbols]
        symbols[PAD] = symbols[EOS] = b""
        self.width = max(map(len, symbols))
        self.cells = symbols
        self.cell_ids: dict[str, list[int]] = {}
        self.first_node = vocabulary.index["0"]

    def ids(self, text: str, n: int) -> np.ndarray:
        """Cells that together hold a text, int (n, q)."""
        if text not in self.cell_ids:
            parts = [text[i : i + self.width].encode() for i in range(0, len(text), self.width)]
            self.cell_ids[text] = [*range(len(self.cells), len(self.cells) + len(parts))]
            self.cells += parts
        return np.broadcast_to(self.cell_ids[text], (n, len(self.cell_ids[text])))

    def bytes(self, ids: np.ndarray) -> bytes:
        """The text of cells int (n, q), without a blank or `<s>` between a quotation mark and the first word."""
        table = np.array(self.cells, f"S{self.width}").view(np.uint8).reshape(-1, self.width)
        filled = table[ids].ravel()
        return filled[filled != 0].tobytes().replace(b'": " ', b'": "').replace(b'": "<s> ', b'": "')


def _lines(batch: Batch, words: _Words) -> bytes:
    n = len(batch.tokens)
    step = (batch.field >= Field.STEP, words.first_node)
    chosen = (batch.field == Field.ANSWER, words.first_node)
    graph, task, end = (_ids(batch, batch.field == code) for code in (GRAPH, TASK, INSTRUCTION))
    output = [_ids(batch, batch.field >= Field.ANSWER)]
    if batch.tokens.shape[2] == 2:
        closed = words.ids(" ]", n)
        graph = np.concatenate([words.ids(" graph : [", n), graph, closed], axis=1)
        task = np.concatenate([words.ids(" task :", n), _question(batch, words)], axis=1)
        work, decision = (words.ids(text, n) for text in (" work : [", " decision : ["))
        output = [work, _ids(batch, *step), closed, decision, _ids(batch, *chosen), closed]
    sections = {"input": [graph, task, end], "output": output, "graph": [graph], "task": [task]}
    sections |= {"reasoning": [_ids(batch, *step)], "answer": [_ids(batch, *chosen)]}
    parts = [words.ids("{", n)]
    for number, (key, ids) in enumerate(sections.items()):
        parts += [words.ids(f'{", " if number else ""}"{key}": "', n), *ids, words.ids('"', n)]
    return words.bytes(np.concatenate([*parts, words.ids("}\n", n)], axis=1))


def _ids(batch: Batch, where: np.ndarray, lowest: int = 0) -> np.ndarray:
    """All ids from `least` on at some positions, bool (n, t), in their order and 0 elsewhere: int (n, q)."""
    columns = np.flatnonzero(where.any(axis=0))
    tokens = batch.tokens[:, columns]
    inside = where[:, columns, None] & (tokens >= lowest)
    return flat(np.where(inside, tokens, 0))


def _question(batch: Batch, words: _Words) -> np.ndarray:
    """Start and candidates with `to` and `or` between them, which are left out where noise changed their number."""
    where = batch.field == TASK
    ids = _ids(batch, where)[:, ::2]
    place = np.cumsum(ids != 0, axis=1)
    whole = place[:, -1:] == 3
    to, or_ = (int(words.ids(text, 1)[0, 0]) for text in (" to", " or"))
    between = np.select([whole & (place == 1), whole & (place == 2)], [to, or_], 0)
    return flat(np.stack([ids, between], axis=2))
