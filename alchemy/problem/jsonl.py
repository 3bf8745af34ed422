"""Rendered text as JSON lines, one record a line, assembled as bytes without a Python step per record."""

from __future__ import annotations

import json
from io import BytesIO
from typing import NamedTuple

import numpy as np

from alchemy.problem.split import splitmix64
from alchemy.problem.task import Batch, Field, Vocabulary

BLOCK = 1 << 12  # rows assembled at once, so that they stay in the cache
FIRST_WORD = 1 << 8  # codes below are one-byte symbols, the byte itself; from here on, symbols of several bytes


FEW_ROWS = 8
"""Rows that a layout needs on average so that its template is worth making."""


class Template(NamedTuple):
    """The line that rows of equal layout share, and the places of its one-byte symbols, where rows differ."""

    line: np.ndarray  # uint8 (w,)
    columns: list[int]  # where in the line a one-byte symbol stands
    positions: list[int]  # which token of the row it is


def jsonl(batch: Batch, vocabulary: Vocabulary, prompt_fields: tuple[str, ...], answer_mark: str) -> bytes:
    """Records with the keys input, output, each prompt field, reasoning and answer, one JSON object a line.

    The answer is written without its mark. For text with one id a position. Rows that differ only in symbols of one
    byte share a template, so the cost is that of copying bytes; where few rows share one, as with numbers of one digit and of two,
    they are put together piece by piece. The format is the one of github.com/ChengshuaiZhao0/DataAlchemy.
    """
    symbols = [json.dumps(symbol)[1:-1].encode() for symbol in vocabulary.symbols]
    one_byte = np.array([len(symbol) == 1 for symbol in symbols])
    mark = vocabulary.index.get(answer_mark, -1)
    code = np.array([symbol[0] if len(symbol) == 1 else FIRST_WORD + i for i, symbol in enumerate(symbols)], np.uint16)
    templates: dict[int, Template] = {}
    out = BytesIO()
    for start in range(0, len(batch.tokens), BLOCK):
        text, field = batch.text[start : start + BLOCK], batch.field[start : start + BLOCK]
        codes = code.take(text)
        names, first, group = _layouts(codes, field)
        if len(names) * FEW_ROWS > len(text):
            out.write(_joined(text, _sections(text, field, prompt_fields, mark), symbols))
            continue
        for name, example in zip(names, first, strict=True):
            if name not in templates:
                templates[name] = _template(text[example], field[example], symbols, one_byte, prompt_fields, mark)
        if len(names) == 1:
            out.write(_fill(templates[names[0]], codes).tobytes())
            continue
        lines = np.empty(len(text), object)
        for number, name in enumerate(names):
            rows = np.flatnonzero(group == number)
            filled = _fill(templates[name], codes[rows])
            lines[rows] = filled.view(f"S{filled.shape[1]}")[:, 0].tolist()
        out.writelines(lines)
    return out.getvalue()


def _layouts(codes: np.ndarray, field: np.ndarray) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Hashes of the layouts there are, a row of each, and which one each row has; codes uint16 and field int8 (n, t)."""
    kinds = np.maximum(codes, FIRST_WORD - 1)  # symbols of one byte are all of one kind
    same = all(rows.tobytes() == rows[:1].tobytes() * len(rows) for rows in (kinds, field))
    kinds, fields = (rows[:1] if same else rows for rows in (kinds, field.view(np.uint8)))
    cells = splitmix64(kinds.astype(np.uint64) << np.uint64(8) | fields)
    weight = splitmix64(np.arange(field.shape[1], dtype=np.uint64))
    names, first, group = np.unique((cells * weight).sum(axis=1), return_index=True, return_inverse=True)
    return names.tolist(), first, group


def _fill(template: Template, codes: np.ndarray) -> np.ndarray:
    """The template with each row's one-byte symbols put in: codes uint16 (n, t) to uint8 (n, w)."""
    lines = np.empty((len(codes), len(template.line)), np.uint8)
    lines[:] = template.line
    for column, position in zip(template.columns, template.positions, strict=True):
        lines[:, column] = codes[:, position]
    return lines


def _template(
    text: np.ndarray,
    field: np.ndarray,
    symbols: list[bytes],
    one_byte: np.ndarray,
    prompt_fields: tuple[str, ...],
    mark: int,
) -> Template:
    """The template of the layout that one row, text int (t,) and field int8 (t,), is an example of."""
    line, columns, positions = bytearray(b"{"), [], []
    for key, inside in _sections(text, field, prompt_fields, mark).items():
        line += b'"%s": "' % key.encode()
        for place in np.flatnonzero(inside):
            if one_byte[text[place]]:
                columns.append(len(line))
                positions.append(int(place))
            line += symbols[text[place]] + b" "
        line = line.removesuffix(b" ") if inside.any() else line
        line += b'", '
    line = line.removesuffix(b", ") + b"}\n"
    return Template(np.frombuffer(bytes(line), np.uint8), columns, positions)


def _sections(text: np.ndarray, field: np.ndarray, prompt_fields: tuple[str, ...], mark: int) -> dict[str, np.ndarray]:
    """Which tokens each key has, bool (..., t), for text and field (..., t)."""
    prompt = (field >= 0) & (field < len(prompt_fields))
    sections = {"input": prompt, "output": (field >= Field.ANSWER) & (field != Field.END)}
    sections |= {name: field == code for code, name in enumerate(prompt_fields)}
    return sections | {"reasoning": field >= Field.STEP, "answer": (field == Field.ANSWER) & (text != mark)}


def _joined(text: np.ndarray, sections: dict[str, np.ndarray], symbols: list[bytes]) -> bytes:
    """Lines of rows of any layouts, text int and sections bool (n, t): every line is a list of pieces, which are looked up."""
    before = [b'%s"%s": "' % (b"" if number else b"{", key.encode()) for number, key in enumerate(sections)]
    after = [*[b'", '] * (len(sections) - 1), b'"}\n']
    pieces = [*(symbol + b" " for symbol in symbols), *symbols, *before, *after]
    opening, closing = 2 * len(symbols), 2 * len(symbols) + len(before)
    rows = len(text)
    parts = []
    for number, inside in enumerate(sections.values()):
        last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
        chosen = np.where(inside, text, -1)
        chosen[np.arange(rows), last] += len(symbols) * inside.any(axis=1)  # no space behind the last
        edges = (np.full((rows, 1), edge + number, chosen.dtype) for edge in (opening, closing))
        parts += [next(edges), chosen[:, inside.any(axis=0)], next(edges)]
    stream = np.concatenate(parts, axis=1).ravel()
    stream = stream[stream >= 0]
    lengths = np.array([len(piece) for piece in pieces])
    starts = np.cumsum(lengths) - lengths
    taken = lengths[stream]
    ends = np.cumsum(taken)
    source = np.repeat(starts[stream] - (ends - taken), taken) + np.arange(ends[-1])
    return np.frombuffer(b"".join(pieces), np.uint8)[source].tobytes()
