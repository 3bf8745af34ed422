"""Boards: all solutions by backtracking in plain Python, permutations, and networkx; coverage facts by going through all boards."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import combinations, permutations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from tasks.boards import Boards

SOME = {
    "queens": Boards("queens", 6, (4, 5), (1, 40)),
    "eight queens": Boards("queens", solutions=(2, 12)),
    "colouring": Boards("colouring", 6, (3, 6), (1, 999)),
    "eight nodes": Boards("colouring", solutions=(2, 40), density=0.3),
    "latin": Boards("latin", 3, (5, 8), (1, 12)),
    "latin of 4": Boards("latin", 4, (10,), (2, 12)),
    "sudoku": Boards("sudoku", 4, (8, 12), (1, 30)),
    "one sudoku": Boards(),
    "paths": Boards("paths", 8, (8, 5), (2, 12)),
    "one path": Boards("paths", 7, (7,), density=0.3),
}
every_task = pytest.mark.parametrize("task", SOME.values(), ids=SOME)
seeds = st.integers(0, 2**16)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def graph_of(task, problem, row):
    graph = nx.Graph()
    graph.add_nodes_from(range(task.cells))
    for node, near in enumerate(problem["graph"][row].tolist()):
        graph.add_edges_from((node, other) for other in range(task.cells) if near >> other & 1)
    return graph


@cache
def queens(n):
    """All boards of n queens."""
    pairs = [*combinations(range(n), 2)]
    return [board for board in permutations(range(n)) if all(abs(board[i] - board[j]) != j - i for i, j in pairs)]


def latin(board, side, box, cell=0):
    """All ways to fill blanks (-1) of a board, cell by cell."""
    if cell == side * side:
        return [tuple(board)]
    if board[cell] >= 0:
        return latin(board, side, box, cell + 1)
    row, column = divmod(cell, side)
    solved = []
    for value in range(side):
        seen = {board[row * side + other] for other in range(side)} | {
            board[other * side + column] for other in range(side)
        }
        if box:
            top, left = row // box * box, column // box * box
            seen |= {board[(top + down) * side + left + across] for down in range(box) for across in range(box)}
        if value not in seen:
            solved += latin([*board[:cell], value, *board[cell + 1 :]], side, box, cell + 1)
    return solved


def every_solution(task, problem, row):
    """The solutions of one problem, by no code of the family."""
    given, k = problem["given"][row].tolist(), task.cells
    if task.kind == "queens":
        boards = queens(k)
    elif task.kind == "colouring":
        edges = list(graph_of(task, problem, row).edges)
        boards = [board for board in product(range(3), repeat=k) if all(board[i] != board[j] for i, j in edges)]
    elif task.kind == "paths":
        paths = nx.all_shortest_paths(graph_of(task, problem, row), *problem["ends"][row].tolist())
        boards = [tuple(int(node in path) for node in range(k)) for path in paths]
    else:
        return set(latin(given, task.side, {4: 2, 9: 3}[task.side] if task.kind == "sudoku" else 0))
    return {board for board in boards if all(held in (-1, value) for held, value in zip(given, board, strict=True))}


@every_task
def test_solutions_are_those_of_another_solver(task):
    problem = sample(task, 25).problem
    filled, count = problem["filled"], task.solution_count(problem)
    assert count.dtype == np.int64 and filled.dtype == np.int8
    for row in range(25):
        solutions = every_solution(task, problem, row)
        assert len(solutions) == count[row] and task.solutions[0] <= len(solutions) <= task.solutions[1]
        assert tuple(filled[row].tolist()) in solutions


@every_task
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_no_conflict_is_a_solution_and_nothing_else_is(task, seed):
    rng = np.random.default_rng(seed)
    problem = task.draw(rng, 6)
    wild = rng.integers(-1, task.values + 1, problem["filled"].shape)
    for filled in (
        np.where(rng.random(wild.shape) < rng.choice([0.1, 0.5]), wild, problem["filled"]),
        problem["filled"],
    ):
        conflicts, ids = task.conflicts(problem, filled), task.solution_ids(problem, filled)
        assert conflicts.dtype == np.int32 and ids.dtype == np.int64
        right = [tuple(filled[row].tolist()) in every_solution(task, problem, row) for row in range(6)]
        assert (conflicts == 0).tolist() == (ids >= 0).tolist() == right


def test_of_paths_every_set_of_nodes_is_judged_by_networkx():
    task = Boards("paths", 6, (6,), (1, 9))
    problem = task.draw(np.random.default_rng(0), 40)
    for row in range(40):
        one = {name: np.repeat(values[row : row + 1], 64, axis=0) for name, values in problem.items()}
        boards = np.array(list(product((0, 1), repeat=6)))
        right = {tuple(board) for board in boards[task.conflicts(one, boards) == 0].tolist()}
        assert right == every_solution(task, problem, row)


def test_conflicts_are_counted():
    queens = Boards("queens", 4, (4,))
    none = {"given": np.full((3, 4), -1, np.int8)}
    boards = np.array([[1, 3, 0, 2], [0, 0, 0, 0], [0, 1, 2, 3]])
    assert queens.conflicts(none, boards).tolist() == [0, 6, 6]
    held = {"given": np.array([[2, -1, -1, -1]], np.int8)}
    assert queens.conflicts(held, boards[:1]).tolist() == [1] and queens.conflicts(
        held, np.array([[9, 3, 0, 2]])
    ).tolist() == [2]
    sudoku = {"given": np.full((1, 16), -1, np.int8)}
    assert Boards().conflicts(sudoku, np.zeros((1, 16), int)).tolist() == [4 * 6 * 2 + 4 * 2]


def test_how_many_boards_there_are():
    def all_of(task):
        problem = task.draw(np.random.default_rng(0), 1)
        return int(task.solution_count(problem)[0])

    for size, count in {4: 2, 5: 10, 6: 4, 7: 40, 8: 92, 9: 352, 10: 724}.items():
        assert all_of(Boards("queens", size, (size,), (1, 999))) == count
    assert all_of(Boards("sudoku", 4, (16,), (1, 999))) == 288
    assert [all_of(Boards("latin", size, (size**2,), (1, 999))) for size in (3, 4)] == [12, 576]


def boards_with(solutions, givens):
    """How often each number of completions occurs among boards with so many givens that have any."""
    count = Counter()
    for board in solutions:
        count.update(tuple((cell, board[cell]) for cell in some) for some in combinations(range(len(board)), givens))
    return Counter(count.values())


def test_what_boards_of_queens_can_be_covered():
    """Six queens have no board with two completions, five at most two; two of eight queens leave two or more on 744 boards."""

    assert len(queens(6)) == 4 and all(set(boards_with(queens(6), givens)) == {1} for givens in range(1, 6))
    assert max(boards_with(queens(5), 1)) == 2
    two = boards_with(queens(8), 2)
    assert sum(number for count, number in two.items() if count >= 2) == 744
    task = Boards("queens", 8, (6,), (2, 92))
    drawn = task.draw(np.random.default_rng(0), 20_000)
    boards = dict(zip(map(tuple, drawn["given"].tolist()), drawn["solutions"].tolist(), strict=True))
    assert len(boards) == 744 and Counter(boards.values()) == Counter(
        {count: n for count, n in two.items() if count >= 2}
    )
    with pytest.raises(UserError, match="found 0 of 1 boards with 2 to 9 solutions"):
        Boards("queens", 6, (4,), (2, 9)).draw(np.random.default_rng(0), 1)


@every_task
def test_a_model_sees_values_ends_and_neighbours(task):
    problem = sample(task, 20).problem
    board = task.board(problem)
    n, k = problem["given"].shape
    assert board.tokens.shape[:2] == board.target.shape == board.blank.shape == (n, k) and k == task.cells
    assert board.tokens.dtype == board.target.dtype == np.int32 and board.blank.dtype == bool
    assert board.tokens.min() >= 0 and board.tokens.max() < task.board_vocabulary == 24
    assert board.target.min() >= 0 and board.target.max() < task.values
    np.testing.assert_array_equal(board.target, problem["filled"])
    value = board.tokens[:, :, 0]
    np.testing.assert_array_equal(value == 1, board.blank)
    np.testing.assert_array_equal(value[~board.blank] - 2, board.target[~board.blank])
    for row in range(n):
        for cell in range(k):
            ids = [number for number in board.tokens[row, cell, 1:].tolist() if number]
            expected = []
            if task.kind in ("colouring", "paths"):
                expected = [14 + other for other in graph_of(task, problem, row)[cell]]
                ends = problem["ends"][row].tolist() if task.kind == "paths" else []
                expected += [12 + place for place, end in enumerate(ends) if end == cell]
            assert sorted(ids) == sorted(expected)


@every_task
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_a_symmetry_takes_solutions_to_solutions_and_others_to_others(task, seed):
    rng = np.random.default_rng(seed)
    problem = task.draw(rng, 40)
    other, restore = task.relabelled(problem, rng)
    assert not np.array_equal(other["given"], problem["given"]) or not np.array_equal(
        other["filled"], problem["filled"]
    )
    assert not task.conflicts(other, other["filled"]).any()
    np.testing.assert_array_equal((other["given"] < 0).sum(axis=1), (problem["given"] < 0).sum(axis=1))
    np.testing.assert_array_equal(restore(other["filled"]), problem["filled"])
    for row in range(4):
        assert len(every_solution(task, other, row)) == problem["solutions"][row]
    filled = np.where(
        rng.random(other["filled"].shape) < 0.2, rng.integers(0, task.values, other["filled"].shape), other["filled"]
    )
    restored = restore(filled)
    np.testing.assert_array_equal(task.conflicts(other, filled) == 0, task.conflicts(problem, restored) == 0)
    np.testing.assert_array_equal(task.structure(other), task.structure(problem))


@every_task
def test_any_solution_is_a_right_answer_and_any_chain_that_leads_to_one_is_valid(task):
    batch = sample(task, 25)
    mark = "<answer>"
    for row in range(25):
        example = batch.rows(slice(row, row + 1))
        blanks = np.flatnonzero(batch.problem["given"][row] < 0)
        for board in sorted(every_solution(task, batch.problem, row))[:6]:
            words = [task.symbols[value] for value in board]
            text = f"{' , '.join(words[cell] for cell in blanks)} {mark} {' '.join(words)}"
            tokens = np.array([[*task.vocabulary.encode(text), 1]], np.int32)
            judged = task.verify(example, tokens)
            assert (
                judged.answer[0]
                and judged.trace[0]
                and judged.well_formed[0]
                and judged.first_wrong_step[0] == len(blanks) + 1
            )
            assert {step.mark for step in task.steps(example, tokens)} == {"ok"}


@every_task
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_a_step_is_right_as_long_as_some_solution_has_all_that_was_filled_in(task, seed):
    rng = np.random.default_rng(seed)
    batch = sample(task, 12, seed)
    problem, gold = batch.problem, batch.completions()
    values = np.isin(gold, task.state_tokens) & (batch.completion_fields() >= 16) & (rng.random(gold.shape) < 0.15)
    written = np.where(values, rng.choice(task.state_tokens, gold.shape), gold).astype(np.int32)
    judged = task.verify(batch, written)
    for row in range(12):
        blanks = np.flatnonzero(problem["given"][row] < 0)
        said = written[row, : 2 * len(blanks) : 2] - task.first_value
        left, right = every_solution(task, problem, row), 0
        while left and right <= len(blanks):
            right += 1
            left = {
                board
                for board in left
                if all(board[cell] == value for cell, value in zip(blanks[:right], said, strict=False))
            }
        right -= 1
        assert judged.first_wrong_step[row] == (right if right < len(blanks) else len(blanks) + 1)
        assert judged.trace[row] == (right == len(blanks)) and judged.answer[row] and judged.well_formed[row]
        marks = [step.mark for step in task.steps(batch.rows(slice(row, row + 1)), written[row : row + 1])]
        assert marks[:right] == ["ok"] * right and (right == len(blanks) or marks[right] == "wrong")


@every_task
def test_prompts_are_read_back(task):
    batch = sample(task, 30)
    for row in range(30):
        problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
        for name, values in problem.items():
            assert values.dtype == batch.problem[name].dtype
            if name != "filled":
                np.testing.assert_array_equal(values[0], batch.problem[name][row])
        assert tuple(problem["filled"][0].tolist()) in every_solution(task, problem, 0)
