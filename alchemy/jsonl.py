"""Rendered text as JSON lines, one record a line, assembled as bytes without a Python step per record."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from alchemy.split import splitmix64
from alchemy.task import Batch, Field, Vocabulary

BLOCK = 1 << 12  # rows assembled at once, so that they stay in the cache


class Template(NamedTuple):
    """The line that rows of equal layout share, and its one-byte holes."""

    line: np.ndarray  # uint8 (w,)
    column: np.ndarray  # intp (holes,): where in the line
    position: np.ndarray  # intp (holes,): which token of the row


def jsonl(batch: Batch, vocabulary: Vocabulary, prompt_fields: tuple[str, ...]) -> bytes:
    """Records with the keys input, output, each prompt field, reasoning and answer, one JSON object a line.

    For text with one id a position. Rows that differ only in symbols of one byte share a template, so the cost is
    that of copying bytes; the format is the one of github.com/ChengshuaiZhao0/DataAlchemy.
    """
    symbols = [json.dumps(symbol)[1:-1].encode() for symbol in vocabulary.symbols]
    hole = np.array([len(symbol) == 1 for symbol in symbols])
    byte = np.array([symbol[0] for symbol in symbols], np.uint8)
    kind = np.where(hole, 0, np.arange(1, len(symbols) + 1)).astype(np.uint64)
    weight = splitmix64(np.arange(batch.field.shape[1], dtype=np.uint64))
    templates: dict[int, Template] = {}
    blocks = []
    for start in range(0, len(batch.tokens), BLOCK):
        text, field = batch.text[start : start + BLOCK], batch.field[start : start + BLOCK]
        signature = (splitmix64(kind[text] << np.uint64(8) | field.view(np.uint8)) * weight).sum(axis=1)
        names, first, group = np.unique(signature, return_index=True, return_inverse=True)
        lines = np.empty(len(text), object)
        for number, (name, example) in enumerate(zip(names.tolist(), first, strict=True)):
            if name not in templates:
                templates[name] = _template(text[example], field[example], symbols, hole, prompt_fields)
            template = templates[name]
            rows = slice(None) if names.size == 1 else np.flatnonzero(group == number)
            filled = _fill(template, byte[text[rows][:, template.position]])
            if names.size == 1:
                lines = [filled.tobytes()]
            else:
                lines[rows] = filled.view(f"S{filled.shape[1]}")[:, 0].tolist()
        blocks.append(b"".join(lines))
    return b"".join(blocks)


def _fill(template: Template, letters: np.ndarray) -> np.ndarray:
    """The template with its holes filled, once a row: letters uint8 (n, holes) to uint8 (n, w)."""
    lines = np.empty((len(letters), len(template.line)), np.uint8)
    lines[:] = template.line
    lines[:, template.column] = letters
    return lines


def _template(
    text: np.ndarray, field: np.ndarray, symbols: list[bytes], hole: np.ndarray, prompt_fields: tuple[str, ...]
) -> Template:
    """The template of the layout that one row, text int (t,) and field int8 (t,), is an example of."""
    prompt = (field >= 0) & (field < len(prompt_fields))
    marker = np.array([symbols[i] == b"<answer>" for i in text])
    sections = {"input": prompt, "output": (field >= Field.ANSWER) & (field != Field.END)}
    sections |= {name: field == code for code, name in enumerate(prompt_fields)}
    sections |= {"reasoning": field >= Field.STEP, "answer": (field == Field.ANSWER) & ~marker}
    line, column, position = bytearray(b"{"), [], []
    for key, inside in sections.items():
        line += b'"%s": "' % key.encode()
        for place in np.flatnonzero(inside):
            if hole[text[place]]:
                column.append(len(line))
                position.append(place)
            line += symbols[text[place]] + b" "
        line = line.removesuffix(b" ") if inside.any() else line
        line += b'", '
    line = line.removesuffix(b", ") + b"}\n"
    return Template(np.frombuffer(bytes(line), np.uint8), np.array(column, np.intp), np.array(position, np.intp))
