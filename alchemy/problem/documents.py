"""Lines to train on as documents: where the thought stands, or what stands in its place, beside the same questions and answers.

| document | a line |
|---|---|
| `thought first` | question, thought, answer: as the task writes it |
| `thought last` | question, answer, thought (Wang et al., arXiv:2509.20186) |
| `answer` | question, answer |
| `filler` | question, as many noise symbols as the thought has tokens, answer |
| `swapped` | question, the thought about another question whose line has the same parts, answer |

A training writes its lines as one of these (`Lab.train(..., document=...)`, `alchemy train --document`).

Dimension letters: `n` lines, `t` tokens, `c` ids a position carries.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.task import NOISE, PAD, Batch, Field

Document = Literal["thought first", "thought last", "answer", "filler", "swapped"]
DOCUMENTS: tuple[Document, ...] = get_args(Document)


def check_document(name: str) -> None:
    """Raises `UserError` unless there is a document of that name."""
    if name not in DOCUMENTS:
        raise UserError(f"document {name!r} is unknown{nearest(name, DOCUMENTS)}")


def written_as(lines: Batch, document: Document, rng: np.random.Generator) -> Batch:
    """Lines of a task as documents of that kind; `rng` says whose thoughts are swapped. Raises `UserError` if there is no such."""
    check_document(document)
    thought, tokens = lines.field >= Field.STEP, lines.tokens
    if document == "filler":
        tokens = tokens.copy()
        tokens[thought, 0] = NOISE
    elif document == "swapped":
        partner = another(lines.field, rng)
        tokens = np.where(thought[..., None], tokens[partner], tokens)
        if lines.told is not None:
            lines = lines._replace(told=np.where(thought, lines.told[partner], lines.told))
    elif document == "answer":
        return _ordered(lines, np.where(thought, 3, 0))
    elif document == "thought last":
        return _ordered(lines, np.where(lines.field == Field.PADDING, 3, thought | (lines.field == Field.END)))
    return lines._replace(tokens=tokens)


def another(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each line another one with the same fields int8 (n, t), each named once: int (n,); itself where it is the only one."""
    partner = np.arange(len(field))
    _, form = np.unique(field, axis=0, return_inverse=True)
    for number in range(form.max(initial=-1) + 1):
        rows = rng.permutation(np.flatnonzero(form.ravel() == number))
        partner[rows] = np.roll(rows, 1)
    return partner


def _ordered(lines: Batch, rank: np.ndarray) -> Batch:
    """Positions in the order of their rank int (n, t), as before where it is the same; 3 is left out."""
    order = np.argsort(rank, axis=1, kind="stable")
    width = int((rank < 3).sum(axis=1).max(initial=1))
    order, kept = order[:, :width], np.take_along_axis(rank < 3, order, axis=1)[:, :width]
    tokens = np.where(kept[..., None], np.take_along_axis(lines.tokens, order[..., None], axis=1), PAD)
    field = np.where(kept, np.take_along_axis(lines.field, order, axis=1), np.int8(Field.PADDING))
    told = None if lines.told is None else kept & np.take_along_axis(lines.told, order, axis=1)
    return lines._replace(tokens=tokens, field=field, told=told)
