"""Boards as pictures: what is given, what was filled in, and where rules are broken, step by step.

A picture is one SVG that says its own colours, light or dark, so that it can be shown as an image wherever it is. Nothing is told by
colour alone: givens are heavier, and broken cells have a dashed border.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import cos, isqrt, pi, sin

import numpy as np

from alchemy.problem.task import Problem
from tasks.boards.constraints import conflicts, in_conflict
from tasks.boards.spec import BLANK, NODES, ON_PATH, Spec

STYLE = """<style>
svg { --i: #1b1b1b; --l: #b5b5b5; --g: #ececea; --p: #fff; --a: #0064a4; --b: #b3420a; }
@media (prefers-color-scheme: dark) { svg { --i: #e8e8e6; --l: #5a5b5d; --g: #202123; --p: #161718; --a: #6db8f0; --b: #ff8a50; } }
text { text-anchor: middle; dominant-baseline: central; fill: var(--a); font-family: system-ui, sans-serif; }
text.said { fill: var(--i); } .cell { fill: var(--p); stroke: var(--l); } .dark { fill: var(--g); }
.rule { stroke: var(--i); stroke-width: 2.5; } .edge { stroke: var(--l); stroke-width: 2; } .along { stroke: var(--a); stroke-width: 5; }
text.given { fill: var(--i); font-weight: 700; }
.value0 { fill: #0072b266; } .value1 { fill: #d55e0066; } .value2 { fill: #009e7366; }
.broken { stroke: var(--b); stroke-width: 4; stroke-dasharray: 6 4; fill: none; }
</style>"""
UNIT, MARGIN, LINE = 40, 6, 24
"""Of a cell, around a board, and of what is said below it."""
ACROSS = 6
"""Boards beside each other at most."""


def text(spec: Spec, problem: Problem, filled: np.ndarray) -> str:
    """One problem (n = 1) with a board int (k,) filled in: a line a row, or a node; broken cells have a mark behind them."""
    symbols = [_symbol(spec, value) for value in filled.tolist()]
    wrong = in_conflict(spec, problem, filled[None])[0].tolist()
    words = [f"{symbol}{'!' if bad else ' '}" for symbol, bad in zip(symbols, wrong, strict=True)]
    if spec.kind == "queens":
        rows = [["."] * spec.side for _ in range(spec.side)]
        for row, (column, word) in zip(rows, zip(filled.tolist(), wrong, strict=True), strict=True):
            if 0 <= column < spec.side:
                row[column] = "Q!" if word else "Q"
        return "\n".join(" ".join(f"{square:2}" for square in row).rstrip() for row in rows)
    if spec.is_graph:
        return "\n".join(f"{node} {word}".rstrip() for node, word in zip(NODES, words, strict=False))
    width = max(map(len, words))
    lines = [words[start : start + spec.side] for start in range(0, spec.cells, spec.side)]
    return "\n".join(" ".join(f"{word:{width}}" for word in line).rstrip() for line in lines)


def strip(spec: Spec, problem: Problem, filled: np.ndarray) -> str:
    """One problem (n = 1) with boards int (t, k) filled in one after the other, as one SVG; -1 is a blank."""
    many = {name: np.repeat(values, len(filled), axis=0) for name, values in problem.items()}
    wrong = in_conflict(spec, many, filled) & (filled >= 0)
    if spec.kind == "paths":  # whose blanks may be what is missing
        wrong &= (filled >= 0).all(axis=1, keepdims=True)
    side = UNIT * (5.5 if spec.is_graph else spec.side)
    wide, high, across = side + 2 * MARGIN, side + 2 * MARGIN + LINE, min(ACROSS, len(filled))
    draw = _graph if spec.is_graph else _queens if spec.kind == "queens" else _numbers
    boards, told = [], []
    for step, (board, bad, count) in enumerate(
        zip(filled, wrong, conflicts(spec, many, filled).tolist(), strict=True), 1
    ):
        blanks = int((board < 0).sum())
        left = f"{blanks} blank" if blanks else f"{count} broken" if count else "solved"
        told.append(f"step {step}: {left}: {' '.join(_symbol(spec, value) for value in board.tolist())}")
        row, column = divmod(step - 1, across)
        said = f'<text class="said" x="{side / 2:g}" y="{side + LINE / 2 + MARGIN:g}" font-size="16">step {step}: {left}</text>'
        shapes = "".join(draw(spec, problem, board, bad))
        boards.append(
            f'<g transform="translate({column * wide + MARGIN:g} {row * high + MARGIN:g})">{shapes}{said}</g>'
        )
    size = f'width="{across * wide:g}" height="{-(-len(filled) // across) * high:g}"'
    box = f'viewBox="0 0 {across * wide:g} {-(-len(filled) // across) * high:g}"'
    label = escape(f"{spec.kind}; {'; '.join(told)}", quote=True)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" aria-label="{label}">{STYLE}{"".join(boards)}</svg>'


def _symbol(spec: Spec, value: int) -> str:
    return spec.symbols[value] if 0 <= value < spec.values else BLANK


def _numbers(spec: Spec, problem: Problem, board: np.ndarray, wrong: np.ndarray) -> Iterator[str]:
    side, box = spec.side, isqrt(spec.side) if spec.kind == "sudoku" else spec.side
    for cell, value in enumerate(board.tolist()):
        y, x = (UNIT * at for at in divmod(cell, side))
        yield _square(x, y, "cell")
        if value >= 0:
            given = ' class="given"' if problem["given"][0, cell] >= 0 else ""
            yield f'<text{given} x="{x + UNIT / 2:g}" y="{y + UNIT / 2:g}" font-size="24">{_symbol(spec, value)}</text>'
    for line in range(0, side + 1, box):
        at, end = UNIT * line, UNIT * side
        yield f'<path class="rule" d="M{at} 0V{end}M0 {at}H{end}"/>'
    for cell in np.flatnonzero(wrong).tolist():
        y, x = (UNIT * at for at in divmod(cell, side))
        yield _square(x + 4, y + 4, "broken", UNIT - 8)


def _queens(spec: Spec, problem: Problem, board: np.ndarray, wrong: np.ndarray) -> Iterator[str]:
    for row in range(spec.side):
        for column in range(spec.side):
            yield _square(UNIT * column, UNIT * row, "cell dark" if (row + column) % 2 else "cell")
    for row, column in enumerate(board.tolist()):
        if 0 <= column < spec.side:
            x, y = UNIT * column, UNIT * row
            given = ' class="given"' if problem["given"][0, row] >= 0 else ""
            yield f'<text{given} x="{x + UNIT / 2:g}" y="{y + UNIT / 2:g}" font-size="26">Q</text>'
            if wrong[row]:
                yield _square(x + 4, y + 4, "broken", UNIT - 8)


def _graph(spec: Spec, problem: Problem, board: np.ndarray, wrong: np.ndarray) -> Iterator[str]:
    k, middle, radius = spec.cells, 2.75 * UNIT, 2.25 * UNIT
    place = [(middle + radius * sin(2 * pi * node / k), middle - radius * cos(2 * pi * node / k)) for node in range(k)]
    on_path = [spec.kind == "paths" and value == ON_PATH for value in board.tolist()]
    for node in range(k):
        for other in range(node):
            if problem["graph"][0, node] >> other & 1:
                name = "along" if on_path[node] and on_path[other] else "edge"
                (x, y), (x2, y2) = place[node], place[other]
                yield f'<path class="{name}" d="M{x:.1f} {y:.1f}L{x2:.1f} {y2:.1f}"/>'
    ends = problem["ends"][0].tolist() if spec.kind == "paths" else []
    for node, value in enumerate(board.tolist()):
        x, y = place[node]
        given = ' class="given"' if problem["given"][0, node] >= 0 or node in ends else ""
        mark = _symbol(spec, value) if value >= 0 else ""
        yield f'<circle class="cell" cx="{x:.1f}" cy="{y:.1f}" r="17"/>'
        if value >= 0 and (spec.kind == "colouring" or on_path[node]):
            yield f'<circle class="value{value}" cx="{x:.1f}" cy="{y:.1f}" r="17"/>'
        yield f'<text{given} x="{x:.1f}" y="{y:.1f}" font-size="17">{NODES[node]}{mark}</text>'
        if wrong[node]:
            yield f'<circle class="broken" cx="{x:.1f}" cy="{y:.1f}" r="17"/>'


def _square(x: int, y: int, name: str, side: int = UNIT) -> str:
    return f'<rect class="{name}" x="{x}" y="{y}" width="{side}" height="{side}"/>'
