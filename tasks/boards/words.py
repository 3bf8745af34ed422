"""Words around boards: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.boards.constraints import conflicts, in_conflict
from tasks.boards.draw import with_solution
from tasks.boards.judge import fresh, right_steps
from tasks.boards.spec import BLANK, MOST_SEARCHED, NODES, TEXT_FORMAT, THINK, Spec
from tasks.boards.write import blank_cells, identity

MARK, STEP = TEXT_FORMAT.answer_mark, TEXT_FORMAT.step_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    trace = f"{_order(spec)}, with {STEP} between them, then write" if spec.cot else "Write"
    return (
        f"{_rules(spec)} Cells with {BLANK} are to be filled in, and the others stay as they are. {trace} {MARK} and the whole board, "
        "cell by cell. Any board that obeys the rules is right. Keep single spaces between symbols, and write nothing else."
    )


def _order(spec: Spec) -> str:
    if spec.order == "cells":
        return f"Write the values of the cells with {BLANK} in their order"
    called = (
        "nodes by their letters"
        if spec.is_graph
        else f"{'rows' if spec.kind == 'queens' else 'cells'} {spec.cell_names[0]}"
    )
    called += (
        ""
        if spec.is_graph
        else f" to {spec.cell_names[-1]}"
        if spec.kind == "queens"
        else f" ({spec.cell_names[1]} is to its right)"
    )
    return f"Write each cell with {BLANK} and its value, that with the fewest values left first, {called}"


def _rules(spec: Spec) -> str:
    k, box = spec.side, isqrt(spec.side)
    if spec.kind == "queens":
        return (
            f"A line gives the column, from 1 to {k}, of the queen in each row of a board with {k} rows. No two queens may be in the "
            "same column, or in the same diagonal."
        )
    nodes = f"A line gives the edges of a graph with the nodes {' '.join(NODES[:k])}, two nodes an edge"
    if spec.kind == "colouring":
        return (
            f"{nodes}, and then the colour of each node in this order, from 1 to {spec.values}. No two nodes that an edge joins "
            "may have the same colour."
        )
    if spec.kind == "paths":
        return (
            f"{nodes}, then two nodes, and then + for each node in this order that is on the path and - for each that is not. "
            "The path is a shortest one between the two nodes, which are on it."
        )
    boxes = (
        f", in each column and in each box of {box} rows and {box} columns"
        if spec.kind == "sudoku"
        else " and in each column"
    )
    return f"A line gives a board with {k} rows and {k} columns, row by row. In each row{boxes} are the numbers from 1 to {k}, each once."


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `1 . . 4 . . 1 . . 1 . . 4 . . 1 <think>`, with one of its solutions."""
    spec.vocabulary.encode(text)
    words, k = text.split(), spec.cells
    board, rest = words[-1 - k : -1], words[: -1 - k]
    allowed = {symbol: value for value, symbol in enumerate(spec.symbols[: spec.values])} | {BLANK: -1}
    if len(words) <= k or words[-1] != THINK or not set(board) <= set(allowed):
        raise UserError(
            f"prompt {text!r} does not end in {k} cells, {BLANK} or {' '.join(spec.symbols[: spec.values])}, and {THINK}"
        )
    given = np.array([[allowed[word] for word in board]], np.int8)
    problem = {**_graph(spec, text, rest), "given": given}
    chance = (identity(spec, problem) >> np.uint64(11)) / 2.0**53
    solved = with_solution(spec, problem, chance)
    if not solved["solutions"][0]:
        raise UserError(f"prompt {text!r} has no solution")
    if not spec.is_listed and solved["solutions"][0] > MOST_SEARCHED:
        raise UserError(f"prompt {text!r} has more than {MOST_SEARCHED} solutions, which are not counted")
    return solved


def _graph(spec: Spec, text: str, words: list[str]) -> Problem:
    """The graph and the ends that stand before a board, none where the kind has none."""
    nodes, ends = NODES[: spec.cells], words[-2:] if spec.kind == "paths" else []
    edges = words[: len(words) - len(ends)]
    pairs = [*zip(edges[::2], edges[1::2], strict=False)]
    if not spec.is_graph:
        if words:
            raise UserError(f"prompt {text!r} has more before its board: expected nothing")
        return {}
    fits = len(edges) % 2 == 0 and pairs == sorted(set(pairs)) and all(one < other for one, other in pairs)
    fits &= set(words) <= set(nodes) and len(set(ends)) == len(ends) and len(ends) == 2 * (spec.kind == "paths")
    if not fits or (*sorted(ends),) in pairs:
        end = ", and two ends that no edge joins" if spec.kind == "paths" else ""
        raise UserError(
            f"prompt {text!r} does not begin with edges in order, two nodes each from {nodes[0]} to {nodes[-1]}{end}"
        )
    graph = np.zeros((1, spec.cells), np.uint16)
    for one, other in pairs:
        graph[0, nodes.index(one)] |= 1 << nodes.index(other)
        graph[0, nodes.index(other)] |= 1 << nodes.index(one)
    return {"graph": graph} | ({"ends": np.array([[nodes.index(end) for end in ends]], np.int8)} if ends else {})


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was filled in, value by value, and the answer: right is what is part of a solution beside what was before it, and
    behind the first that is not, what breaks no more rules follows, or an answer that repeats what was filled in."""
    *chain, answer = (
        TEXT_FORMAT.split(text) if TEXT_FORMAT.has_answer(text) else [*TEXT_FORMAT.split(text), "(ends here)"]
    )
    blanks = int((problem["given"] < 0).sum()) * spec.cot
    symbols = {symbol: value for value, symbol in enumerate(spec.symbols[: spec.values])}
    cells, value = _told(spec, problem, chain, symbols)
    right = int(right_steps(spec, problem, cells[None, :blanks], value[None, :blanks])[0])
    filled, judged = problem["given"].copy(), []
    for place, part in enumerate(chain):
        said = place < blanks and value[place] >= 0
        if said:
            filled[0, cells[place]] = value[place]
        judged.append(
            (part or "(nothing)", place < right, said and not in_conflict(spec, problem, filled)[0, cells[place]])
        )
    if len(chain) < blanks:
        judged.append(("(ends here)", False, False))
    board = [symbols.get(word, -1) for word in answer.removeprefix(MARK).split()]
    whole = len(board) == spec.cells and answer.startswith(MARK)
    solved = whole and not conflicts(spec, problem, np.array([board], np.int8))[0]
    return mark_steps([*judged, (answer, bool(solved), whole and board == filled[0].tolist())])


def _told(spec: Spec, problem: Problem, chain: list[str], symbols: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """The cell that each part of a chain fills in, and its value, int (b,) each, -1 where it says none."""
    if spec.order == "cells":
        cells = blank_cells(problem["given"])[0, : len(chain)]
        cells = np.pad(cells, (0, len(chain) - len(cells)), constant_values=-1)
        return cells, np.array([symbols.get(part, -1) for part in chain], np.int8)
    pairs = [part.split() if len(part.split()) == 2 else ["", ""] for part in chain]
    number = {name: cell for cell, name in enumerate(spec.cell_names)}
    cells = fresh(problem["given"], np.array([[number.get(name, -1) for name, _ in pairs]], int))[0]
    return cells, np.where(cells < 0, -1, np.array([symbols.get(said, -1) for _, said in pairs], int)).astype(np.int8)
