"""Sudoku of nine rows: its search against plain backtracking, and boards that are the same every year."""

from __future__ import annotations

import hashlib

import numpy as np

from tasks.boards.search import ALL, CELLS, GRIDS, SIDE, Found, dug, found, grids, search, solved_grids
from tasks.boards.search import GROUPS as LINES


def digest(boards):
    assert boards.dtype == np.int8
    return hashlib.sha256(np.ascontiguousarray(boards).tobytes()).hexdigest()[:16]


def peers(cell):
    """The other cells of its row, column and box, by no table of the family."""
    row, column = divmod(cell, 9)
    same = {9 * row + i for i in range(9)} | {9 * i + column for i in range(9)}
    same |= {9 * (row // 3 * 3 + i) + column // 3 * 3 + j for i in range(3) for j in range(3)}
    return same - {cell}


PEERS = [peers(cell) for cell in range(81)]


def solutions(board, most):
    """At most so many ways to fill in the blanks (-1): the cell with the fewest numbers first."""
    blanks = [cell for cell, held in enumerate(board) if held < 0]
    if not blanks:
        return [tuple(board)]
    free = {cell: set(range(9)) - {board[other] for other in PEERS[cell]} for cell in blanks}
    cell = min(blanks, key=lambda cell: len(free[cell]))
    ways = []
    for value in sorted(free[cell]):
        ways += solutions([*board[:cell], value, *board[cell + 1 :]], most - len(ways))
        if len(ways) >= most:
            break
    return ways


def blanked(n, blanks, seed=0):
    """Boards with so many blanks at any places, int8 (n, 81)."""
    rng = np.random.default_rng(seed)
    boards = grids(rng, n)
    for board in boards:
        board[rng.permutation(81)[:blanks]] = -1
    return boards


def test_the_tables_are_those_of_the_rules():
    assert (SIDE, CELLS, int(ALL)) == (9, 81, 0b111111111)
    for cell in range(81):
        assert {int(other) for group in LINES if cell in group for other in group} - {cell} == PEERS[cell]


def test_boards_that_others_are_made_from_are_the_same_every_year():
    boards = solved_grids()
    assert boards.shape == (GRIDS, 81) == (64, 81) and len(np.unique(boards, axis=0)) == 64
    assert (np.sort(boards[:, LINES], axis=2) == np.arange(9)).all()
    assert digest(boards) == "6a7340b221d9302b"
    some = grids(np.random.default_rng(3), 50)
    assert some.shape == (50, 81) and (np.sort(some[:, LINES], axis=2) == np.arange(9)).all()
    assert digest(some) == "e4340094d6745302"


def test_all_solutions_are_those_of_backtracking_in_order():
    boards = np.concatenate([blanked(12, 44, 1), blanked(12, 48, 2)])
    expected = [sorted(solutions(board.tolist(), 65)) for board in boards]
    few = [row for row, ways in enumerate(expected) if len(ways) <= 64]
    counts = {len(expected[row]) for row in few}
    assert 1 in counts and max(counts) > 4, "boards with one solution and with several"
    all_ = found(boards[few], 64)
    assert all_.boards.shape[1] == max(counts), "no more room than the most solutions take"
    for place, row in enumerate(few):
        ways = [tuple(board) for board in all_.boards[place].tolist() if board[0] >= 0]
        assert ways == expected[row]
        assert (all_.boards[place, len(ways) :] == -1).all()
        assert all_.sets[place, 0] == (1 << len(ways)) - 1
    some = found(boards[few], 2)
    for place, row in enumerate(few):
        ways = [tuple(board) for board in some.boards[place].tolist() if board[0] >= 0]
        assert len(ways) == min(2, len(expected[row])) and set(ways) <= set(expected[row])
        assert some.sets[place, 0] == (1 << len(ways)) - 1
    owner, solved = search(boards[few], 64)
    assert owner.dtype.kind == "i" and solved.dtype == np.int8
    found_ = [sorted(map(tuple, solved[owner == place].tolist())) for place in range(len(few))]
    assert found_ == [expected[row] for row in few]


def test_boards_without_any_solution():
    board = grids(np.random.default_rng(5), 2)
    board[0, 0] = -1  # whose only number stands elsewhere in its row
    board[0, 1] = 8 - board[0, 1] if board[0, 1] != 4 else 5
    board[1] = -1
    board[1, :9] = [0, 1, 2, 3, 4, 5, 6, 7, -1]  # the ninth of a row that its box has already
    board[1, 15] = 8
    none = found(board, 4)
    assert none.boards.shape == (2, 1, 81) and (none.boards == -1).all() and (none.sets == 0).all()


def test_solutions_that_hold_a_value():
    boards = np.full((2, 3, 81), -1, np.int8)
    boards[0, :, 7], boards[0, :, 8] = (4, 2, 4), (0, 1, 1)
    boards[1, :2, 7], boards[1, :2, 8] = (4, 5), (3, 3)
    ways = Found(boards, np.array([[0b111], [0b11]], np.uint64))
    assert ways.having(np.array([7, 7]), np.array([4, 5])).tolist() == [[0b101], [0b010]]
    assert ways.having(np.array([8, 8]), np.array([1, 3])).tolist() == [[0b110], [0b011]]
    assert ways.having(np.array([7, 8]), np.array([0, -1]))[0, 0] == 0
    assert int(ways.having(np.array([7, 8]), np.array([0, -1]))[1, 0]) & 0b11 == 0b11, "-1 is any value"
    assert ways.having(np.array([7, 7]), np.array([4, 4])).dtype == np.uint64
    np.testing.assert_array_equal(ways.at(np.array([1, 0])), boards[[0, 1], [1, 0]])
    np.testing.assert_array_equal(ways.at(np.array([2, 9])), boards[[0, 1], [2, 2]])  # behind the last, the last


def test_cells_are_blanked_one_after_the_other():
    rng = np.random.default_rng(7)
    board, order = grids(rng, 3), np.argsort(rng.random((3, 81)), axis=1)
    count = np.array([33, 50, 81])
    blank = dug(board, order, count)
    for row in range(3):
        holes = board[row].tolist()
        for cell in order[row].tolist():
            if holes.count(-1) < count[row]:
                value, holes[cell] = holes[cell], -1
                if len(solutions(holes, 2)) > 1:
                    holes[cell] = value
        assert (np.array(holes) < 0).tolist() == blank[row].tolist()


def test_a_board_of_blanks_has_more_solutions_than_are_looked_for():
    owner, solved = search(np.full((1, 81), -1, np.int8), 2)
    assert 2 <= len(solved) < 1000 and (owner == 0).all()
    assert (np.sort(solved[:, LINES], axis=2) == np.arange(9)).all()
    assert len(np.unique(solved, axis=0)) == len(solved)
