"""Boards: all solutions by backtracking in plain Python, permutations, and networkx; coverage facts by going through all boards."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations, permutations, product
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis, Noise
from alchemy.problem.split import Split
from alchemy.problem.task import PAD
from tasks.boards import Boards, laws, picture
from tasks.boards.constraints import in_conflict
from tasks.boards.search import grids

SVG = "{http://www.w3.org/2000/svg}"
SOME = {
    "queens": Boards("queens", 6, (4, 5), (1, 40)),
    "eight queens": Boards("queens", solutions=(2, 12)),
    "colouring": Boards("colouring", 6, (3, 6), (1, 999)),
    "seven nodes": Boards("colouring", 7, (4, 5), (2, 40), density=0.3),
    "latin": Boards("latin", 3, (5, 8), (1, 12)),
    "latin of 5": Boards("latin", 5, (13, 14), (2, 9)),
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


@cache
def peers(side, box, cell):
    """The cells in the row, the column and the box of a cell."""
    row, column = divmod(cell, side)
    met = {(row, other) for other in range(side)} | {(other, column) for other in range(side)}
    if box:
        top, left = row // box * box, column // box * box
        met |= {(top + down, left + across) for down in range(box) for across in range(box)}
    return sorted(down * side + across for down, across in met - {(row, column)})


def latin(board, side, box):
    """All ways to fill in the blanks (-1) of a board, that with the fewest numbers first."""
    blanks = [cell for cell, held in enumerate(board) if held < 0]
    if not blanks:
        return [tuple(board)]
    free = {cell: set(range(side)) - {board[other] for other in peers(side, box, cell)} for cell in blanks}
    cell = min(blanks, key=lambda cell: len(free[cell]))
    return [one for value in free[cell] for one in latin([*board[:cell], value, *board[cell + 1 :]], side, box)]


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
@settings(max_examples=8, deadline=None)
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
    changed = np.array([[1, 3, 0, 2], [9, 3, 0, 2], [-1, 0, -1, 1]])
    held = {"given": np.repeat(held["given"], 3, axis=0)}
    assert queens.conflicts(held, changed).tolist() == [1, 1, 2], "a value that there is none of clashes with no other"
    sudoku = {"given": np.full((1, 16), -1, np.int8)}
    assert Boards().conflicts(sudoku, np.zeros((1, 16), int)).tolist() == [4 * 6 * 2 + 4 * 2]


def test_how_many_boards_there_are():
    def all_of(task):
        problem = task.draw(np.random.default_rng(0), 1)
        return int(task.solution_count(problem)[0])

    for size, count in {4: 2, 5: 10, 6: 4, 7: 40, 8: 92, 9: 352, 10: 724}.items():
        assert all_of(Boards("queens", size, (size,), (1, 999))) == count
    assert all_of(Boards("sudoku", 4, (16,), (1, 999))) == 288
    assert [all_of(Boards("latin", size, (size**2,), (1, 10**6))) for size in (3, 4, 5)] == [12, 576, 161_280]


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
@settings(max_examples=6, deadline=None)
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
    assert restored.min() >= 0 and restored.max() < task.values
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
@settings(max_examples=6, deadline=None)
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


def may_stand(task, problem, row, board, cell, value):
    """Whether a value breaks no rule beside what stands in a board with blanks (-1), told from the rules of the kind."""
    if task.kind == "queens":
        return all(held < 0 or (held != value and abs(held - value) != abs(at - cell)) for at, held in enumerate(board))
    if task.kind == "colouring":
        return all(board[other] != value for other in graph_of(task, problem, row)[cell])
    return all(board[other] != value for other in peers(task.side, 2 if task.kind == "sudoku" else 0, cell))


def filled_at_random(task, problem, row, board, solutions):
    """How often any values that may stand, blank after blank, end in a solution."""
    blanks = [cell for cell, held in enumerate(board) if held < 0]
    if not blanks:
        return float(tuple(board) in solutions)
    cell = blanks[0]
    values = [value for value in range(task.values) if may_stand(task, problem, row, board, cell, value)]
    after = [[*board[:cell], value, *board[cell + 1 :]] for value in values]
    return sum(filled_at_random(task, problem, row, one, solutions) for one in after) / max(1, len(values))


@every_task
def test_floors_are_those_of_going_through_all_solutions(task):
    problem = sample(task, 6).problem
    share, majority = laws.marginals(task, problem), laws.majority(task, problem)
    right, independent, guessing = (law(task, problem) for law in (laws.share_right, laws.independent, laws.guessing))
    careful = None if task.kind == "paths" else laws.one_by_one(task, problem)
    for row in range(6):
        solutions, given = every_solution(task, problem, row), problem["given"][row].tolist()
        blanks = [cell for cell, held in enumerate(given) if held < 0]
        count = [Counter(board[cell] for board in solutions) for cell in range(task.cells)]
        by_hand = [[count[cell][value] / len(solutions) for value in range(task.values)] for cell in range(task.cells)]
        np.testing.assert_allclose(share[row], by_hand)
        assert right[row] == pytest.approx(np.mean([max(by_hand[cell]) for cell in blanks]))
        most = tuple(shares.index(max(shares)) for shares in by_hand)
        assert majority[row] == (most in solutions)
        alone = sum(np.prod([by_hand[cell][value] for cell, value in enumerate(board)]) for board in solutions)
        assert independent[row] == pytest.approx(alone)
        assert guessing[row] == pytest.approx(len(solutions) / task.values ** len(blanks))
        if careful is not None:
            assert careful[row] == pytest.approx(filled_at_random(task, problem, row, given, solutions))


def test_of_paths_nobody_says_what_breaks_a_rule_so_far():
    with pytest.raises(UserError, match="kind 'paths': expected one whose rules are about two cells"):
        laws.one_by_one(SOME["paths"], SOME["paths"].draw(np.random.default_rng(0), 1))


def test_the_recorded_solution_is_any_of_them_alike():
    for task in (SOME["eight queens"], SOME["colouring"], Boards("queens", solutions=(3, 3), pool=1)):
        rng = np.random.default_rng(0)
        problem = task.draw(rng, 30_000)
        several = problem["solutions"] == 3
        rank = np.zeros(several.sum(), int)
        some = {name: values[several] for name, values in problem.items()}
        for there, board in laws.each_solution(task, some):
            rank += there & (lexical(board) < lexical(some["filled"]))
        np.testing.assert_allclose(np.bincount(rank) / rank.size, 1 / 3, atol=4 * (2 / 9 / rank.size) ** 0.5)


def lexical(boards):
    return boards.astype(int) @ 10 ** np.arange(boards.shape[1])[::-1]


def test_sudoku_of_nine_rows():
    board = grids(np.random.default_rng(0), 200)
    lines = board.reshape(-1, 9, 9)
    boxes = lines.reshape(-1, 3, 3, 3, 3).swapaxes(2, 3).reshape(-1, 9, 9)
    for groups in (lines, lines.swapaxes(1, 2), boxes):
        assert (np.sort(groups, axis=2) == np.arange(9)).all()
    assert len(np.unique(board, axis=0)) == 200
    one, some = Boards("sudoku", 9, (40, 50)), Boards("sudoku", 9, (52,), (2, 12))
    for task, n in ((one, 12), (some, 6)):
        problem = task.draw(np.random.default_rng(0), n)
        for row in range(n):
            solutions = every_solution(task, problem, row)
            assert len(solutions) == problem["solutions"][row] and tuple(problem["filled"][row].tolist()) in solutions
            assert (problem["given"][row] < 0).sum() in task.blanks
        assert not task.conflicts(problem, problem["filled"]).any()
        batch = task.write(problem)
        judged = task.verify(batch, batch.completions())
        assert judged.answer.all() and judged.trace.all() and judged.well_formed.all()
    boards = [list(solutions) for solutions in (every_solution(some, problem, row) for row in range(n))]
    other = {**problem, "filled": np.array([max(solutions) for solutions in boards], np.int8)}
    batch = some.write(problem)
    judged = some.verify(batch, some.write(other).completions())
    assert judged.answer.all() and judged.trace.all(), "another solution than the recorded one"
    for value in range(9):
        said = batch.completions()
        said[:, 0] = some.first_value + value
        judged = some.verify(batch, said)
        for row in range(n):
            blanks = np.flatnonzero(problem["given"][row] < 0)
            first, rest = [b for b in boards[row] if b[blanks[0]] == value], problem["filled"][row, blanks[1:]].tolist()
            right = 1 if first else 0
            while first and right < len(blanks):
                first = [b for b in first if b[blanks[right]] == rest[right - 1]]
                right += bool(first)
            assert judged.first_wrong_step[row] == (right if right < len(blanks) else right + 1)


def test_a_pool_has_as_many_problems_and_is_cut_by_the_split_as_any_other():
    task = Boards("sudoku", 4, (11,), (2, 12), pool=50)
    problem = task.draw(np.random.default_rng(0), 4_000)
    assert len(np.unique(task.identity(problem))) == 50
    again = task.draw(np.random.default_rng(1), 4_000)
    assert np.isin(task.identity(again), task.identity(problem)).all()
    assert len(np.unique(problem["filled"], axis=0)) > 50, "a problem may record each of its solutions"
    parts = [Split().sample(task, np.random.default_rng(0), 900, part).problem for part in ("train", "test")]
    sizes = [len(np.unique(task.identity(part))) for part in parts]
    assert sum(sizes) == 50 and 0 < sizes[1] < 20


def test_blanks_are_scattered_or_together():
    for places in ("scattered", "together"):
        task = Boards("latin", 4, (6,), (1, 99), places)
        blank = task.draw(np.random.default_rng(0), 3_000)["given"] < 0
        runs = (blank & ~np.roll(blank, 1, axis=1)).sum(axis=1)
        assert (blank.sum(axis=1) == 6).all() and (runs == 1).all() == (places == "together")
        np.testing.assert_allclose(blank.mean(axis=0), 6 / 16, atol=0.06)


@pytest.mark.parametrize("density", [0.2, 0.6])
def test_graphs_have_edges_as_often_as_asked(density):
    task = Boards("colouring", 4, (4,), (1, 99), density=density)
    graph = task.draw(np.random.default_rng(0), 20_000)["graph"]
    joined = graph[:, 0] >> 2 & 1
    full = density**6  # the one graph of four nodes that three colours do not do for
    assert joined.mean() == pytest.approx((density - full) / (1 - full), abs=0.015)
    paths = Boards("paths", 5, (5,), (1, 99), density=density).draw(np.random.default_rng(0), 3_000)
    start, goal = paths["ends"].T
    assert (start != goal).all() and not (paths["graph"][np.arange(3_000), start] >> goal.astype(np.uint16) & 1).any()


def test_shifts_are_on_three_axes():
    for task in (Boards(), *(Boards(kind) for kind in ("queens", "colouring", "latin", "paths"))):
        found_axes = {axis for name in task.shifts for axis in task.shift(name).axis}
        assert found_axes == {Axis.TASK, Axis.LENGTH, Axis.FORMAT}
    sizes = {name: Boards("queens").shift(name).size for name in Boards("queens").shifts if "noise" not in name}
    assert sizes == {"solutions=2:12": 11, "places=together": 1, "size=9": 1}, (
        "one or no queen never leaves one solution"
    )
    graph = Boards("colouring", solutions=(2, 12))
    assert [name for name in graph.shifts if "=" in name][:4] == [
        "solutions=1",
        "places=together",
        "density=0.3",
        "density=0.5",
    ]
    assert "solutions=2:12" in Boards(solutions=(1, 3)).shifts and "solutions=1" in Boards(solutions=(2, 3)).shifts
    assert graph.shift("density=0.5").size == pytest.approx(0.1)
    for name in ("size=5", "density=0.3", "solutions=x", "solutions=3:2", "places=here", "blanks=17"):
        with pytest.raises(UserError):
            Boards().shift(name)
    for task, names in (
        (Boards(), "places=together blanks=10 blanks=11"),
        (Boards("paths"), "places=together density=0.3 density=0.5 size=9"),
        (Boards("paths", 5, (5,), (1, 99), places="together"), "places=scattered density=0.3 density=0.5 size=6"),
        (Boards("latin"), "places=together blanks=10 blanks=11 size=5"),
        (Boards("queens", 8, (3, 4)), "places=together blanks=5 blanks=6 size=9"),
    ):
        found = [name for name in task.shifts if not name.startswith("noise=")]
        assert found == ["solutions=2:12", *names.split()] and len(task.shifts) == len(found) + 4
    assert not any("noise" in name for name in Boards(noise=Noise("insert", 0.1)).shifts)
    queens = Boards("queens", blanks=(3, 6), solutions=(2, 5))
    sizes = {"solutions=4": 2, "solutions=1:5": 1, "blanks=5": 1, "blanks=8": 2, "size=6": 2, "places=scattered": 0}
    assert {name: queens.shift(name).size for name in sizes} == sizes
    assert queens.shift("solutions=4").changes == {"solutions": (4, 4)}
    assert queens.shift("size=8").changes == {"size": 0, "blanks": (3, 6)} and queens.shift("size=8").size == 0
    larger = Boards("queens").shift("size=9")(Boards("queens"))
    assert larger.vocabulary == Boards("queens").vocabulary and larger.cells == 9 and larger.blanks == (5, 6)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "queen"}, "kind 'queen' is unknown; did you mean 'queens'"),
        ({"size": 5}, "sudoku of size 5: expected 4 or 9, such as 4"),
        ({"kind": "queens", "size": 3}, "queens of size 3: expected 4 or 5 or 6 or 7 or 8 or 9 or 10, such as 4"),
        ({"kind": "queens", "size": 4}, "queens of size 4: expected blanks, at most 4"),
        ({"blanks": (0,)}, "blanks 0 is outside 1 to 16"),
        ({"blanks": (8, 17)}, "blanks 17 is outside 1 to 16"),
        ({"solutions": (0, 1)}, "solutions 0 to 1: expected the least first, and at least 1"),
        ({"solutions": (3, 2)}, "solutions 3 to 2: expected the least first"),
        ({"size": 9, "solutions": (1, 64)}, "solutions up to 64: of sudoku of size 9 at most 63 are counted"),
        ({"places": "here"}, "places 'here' is unknown"),
        ({"density": 1.0}, r"density 1.0 is outside \(0, 1\)"),
        ({"pool": -1}, "pool -1 is outside 0 to 10000000: a pool is drawn whole"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Boards(**fields)


@pytest.mark.parametrize(
    ("task", "prompt", "says"),
    [
        (Boards(), "", "does not end in 16 cells, . or 1 2 3 4, and <think>"),
        (Boards(), "1 . <think>", "does not end in 16 cells"),
        (Boards(), f"{'. ' * 15}5 <think>", "does not end in 16 cells"),
        (Boards(), f"{'. ' * 17}<think>", "has more before its board"),
        (Boards(), f"{'. ' * 14}1 1 <think>", "has no solution"),
        (Boards("sudoku", 9, (80,)), f"{'. ' * 81}<think>", "has more than 63 solutions, which are not counted"),
        (Boards("colouring", 4, (4,)), "A B A C <think> . . . .", "does not end in 4 cells"),
        (
            Boards("colouring", 4, (4,)),
            "B A . . . . <think>",
            "does not begin with edges in order, two nodes each from A to D",
        ),
        (Boards("colouring", 4, (4,)), "A C A B . . . . <think>", "does not begin with edges in order"),
        (Boards("colouring", 4, (4,)), "A B C . . . . <think>", "does not begin with edges in order"),
        (Boards("colouring", 4, (4,)), "A B A B . . . . <think>", "does not begin with edges in order"),
        (Boards("colouring", 4, (4,)), "A E . . . . <think>", "does not begin with edges in order"),
        (Boards("paths", 4, (4,)), "A B C D B A . . . . <think>", "and two ends that no edge joins"),
        (Boards("paths", 4, (4,)), "A B A A . . . . <think>", "and two ends that no edge joins"),
        (Boards("paths", 4, (4,)), "A B C D . . . . <think>", "has no solution"),
        (Boards(), f"{'. ' * 16}think", "unknown symbol 'think'"),
    ],
)
def test_what_is_no_prompt_is_the_users_error(task, prompt, says):
    with pytest.raises(UserError, match=says):
        task.parse(prompt)


def test_steps_are_marked_by_what_they_follow_from():
    task = Boards()
    problem = task.parse("1 2 3 4 3 4 . . 2 1 4 3 4 3 2 . <think>")

    def marks(text):
        return [step.mark for step in task.text_steps(problem, text)]

    board = "1 2 3 4 3 4 {} {} 2 1 4 3 4 3 2 {}".format
    assert marks(f"1 , 2 , 1 <answer> {board(1, 2, 1)}") == ["ok"] * 4
    assert marks(f"1 , 3 , 1 <answer> {board(1, 3, 1)}") == ["ok", "wrong", "follows", "follows"]
    assert marks(f"1 , 3 , x <answer> {board(1, 2, 1)}") == ["ok", "wrong", "wrong after", "wrong after"]
    assert marks(f"1 , 2 <answer> {board(1, 2, 1)}") == ["ok", "ok", "wrong", "wrong after"]
    assert marks(f"1 , 2 , 1 , 1 <answer> {board(1, 2, 1)}") == ["ok", "ok", "ok", "wrong", "follows"]
    assert marks(f"1 , 2 , 1 <answer> {board(1, 2, 2)}") == ["ok", "ok", "ok", "wrong"]
    assert marks("1 , 2 , 1 <answer> 1 2") == ["ok", "ok", "ok", "wrong"]
    assert marks("1 , 2 , 1") == ["ok", "ok", "ok", "wrong"]
    assert marks("") == ["wrong", "wrong after", "wrong after"]


@every_task
@pytest.mark.parametrize("cot", [True, False])
def test_behind_a_changed_value_a_solution_goes_on_that_has_it_if_there_is_any(task, cot):
    task = replace(task, cot=cot)
    batch = sample(task, 20)
    problem, gold = batch.problem, batch.completions()
    if not cot:
        assert (task.follow(batch, gold, 0) == PAD).all()
        judged = task.verify(batch, gold)
        assert judged.answer.all() and judged.trace.all() and (judged.first_wrong_step == 1).all()
        assert "Write <answer>" in task.instructions
        return
    rng = np.random.default_rng(0)
    for step in (0, 2):
        changed = gold.copy()
        changed[:, 2 * step] = rng.choice(task.state_tokens, 20)
        followed = task.follow(batch, changed, step)
        ids = task.answer_ids(followed)
        for row in range(20):
            blanks = np.flatnonzero(problem["given"][row] < 0)
            if step >= len(blanks):
                assert (followed[row] == PAD).all()
                continue
            said = changed[row, : 2 * step + 1 : 2] - task.first_value
            fits = [
                b
                for b in every_solution(task, problem, row)
                if all(b[c] == v for c, v in zip(blanks[: step + 1], said, strict=True))
            ]
            text = task.vocabulary.decode(followed[row])
            chain, _, answer = text.partition(" <answer> ")
            board = tuple(task.symbols.index(word) for word in answer.split())
            assert [board[cell] for cell in blanks] == [task.symbols.index(word) for word in chain.split(" , ")]
            assert [board[cell] for cell in blanks[: step + 1]] == said.tolist() and ids[row] >= 0
            assert (
                (board in fits)
                if fits
                else task.conflicts({n: v[row : row + 1] for n, v in problem.items()}, np.array([board]))[0]
            )
            if tuple(problem["filled"][row].tolist()) in fits:
                assert board == tuple(problem["filled"][row].tolist())


def test_a_board_as_text_has_a_mark_behind_what_is_broken():
    task = Boards()
    problem = task.parse("1 2 3 4 3 4 . . 2 1 4 3 4 3 2 . <think>")
    board = problem["filled"][0].copy()
    assert picture.text(task, problem, board) == "1  2  3  4\n3  4  1  2\n2  1  4  3\n4  3  2  1"
    board[15] = 3
    assert picture.text(task, problem, board) == "1  2  3  4!\n3  4  1  2\n2  1  4! 3\n4! 3  2  4!"
    queens = Boards("queens", 4, (4,))
    problem = {"given": np.full((1, 4), -1, np.int8)}
    assert picture.text(queens, problem, np.array([1, 3, 0, 2])) == ".  Q  .  .\n.  .  .  Q\nQ  .  .  .\n.  .  Q  ."
    assert picture.text(queens, problem, np.array([1, 2, -1, 3])) == ".  Q! .  .\n.  .  Q! .\n.  .  .  .\n.  .  .  Q"
    paths = Boards("paths", 4, (4,))
    problem = paths.parse("A B B C C D A C . . . . <think>")
    assert picture.text(paths, problem, np.array([1, 1, 1, 1])) == "A +\nB +\nC +!\nD +!"


@every_task
def test_boards_are_drawn_step_by_step(task):
    problem = task.draw(np.random.default_rng(0), 1)
    rng = np.random.default_rng(1)
    blank = problem["given"][0] < 0
    guess = np.where(blank, rng.integers(0, task.values, task.cells), problem["filled"][0])
    steps = np.stack([problem["given"][0], guess, problem["filled"][0]])
    svg = task.picture(problem, steps)
    assert svg == picture.strip(task, problem, steps)
    figures = [*ElementTree.fromstring(svg).iter(f"{SVG}g")]
    captions = [figure.find(f"{SVG}text[@class='said']").text for figure in figures]
    broken = int(task.conflicts(problem, guess[None])[0])
    assert captions == [
        f"step 1: {blank.sum()} blank",
        f"step 2: {broken} broken" if broken else "step 2: solved",
        "step 3: solved",
    ]
    drawn = [Counter(shape.get("class") for shape in figure.iter()) for figure in figures]
    assert [shapes["broken"] > 0 for shapes in drawn] == [False, bool(broken) and drawn[1]["broken"] > 0, False]
    given = int((~blank).sum())
    assert drawn[2]["given"] == len(
        {*np.flatnonzero(~blank), *problem["ends"][0].tolist()} if task.kind == "paths" else range(given)
    )
    words = [shape.text for shape in figures[2].iter(f"{SVG}text") if shape.get("class") != "said"]
    symbols = [task.symbols[value] for value in problem["filled"][0]]
    if task.is_graph:
        assert words == [f"{node}{symbol}" for node, symbol in zip("ABCDEFGHIJ", symbols, strict=False)]
        assert sum(drawn[2][name] for name in ("edge", "along")) == task.features(problem)["edges"][0]
    else:
        assert words == (["Q"] * task.cells if task.kind == "queens" else symbols)
    if task.kind == "paths":
        assert drawn[2]["along"] == problem["filled"].sum() - 1


def canonical(task, problem, row):
    """The least of all that a problem is under other names, by going through them."""
    given, k = problem["given"][row].tolist(), task.cells
    if task.kind == "queens":
        squares = {(row, column) for row, column in enumerate(given) if column >= 0}
        turns = []
        for _ in range(4):
            squares = {(column, k - 1 - row) for row, column in squares}
            turns += [sorted(squares), sorted((row, k - 1 - column) for row, column in squares)]
        return min(turns)
    names = [(*range(task.values),)] if task.kind == "paths" else [*permutations(range(task.values))]
    orders = [*permutations(range(k))] if task.is_graph else [(*range(k),)]
    ends = problem["ends"][row].tolist() if task.kind == "paths" else []
    edges = list(graph_of(task, problem, row).edges) if task.is_graph else []
    told = []
    for name, order in product(names, orders):
        board = [-1] * k
        for cell, held in enumerate(given):
            board[order[cell]] = held if held < 0 else name[held]
        told.append(
            (board, sorted(sorted(order[node] for node in edge) for edge in edges), sorted(order[end] for end in ends))
        )
    return min(told)


@pytest.mark.parametrize(
    "task",
    [
        Boards("queens", 5, (2, 3, 4), (1, 9)),
        Boards("latin", 3, (5, 6, 7), (1, 99)),
        Boards("sudoku", 4, (13, 14), (1, 99)),
        Boards("colouring", 4, (1, 2, 3, 4), (1, 99)),
        Boards("paths", 4, (2, 3, 4), (1, 99)),
    ],
    ids=lambda task: task.kind,
)
def test_problems_share_a_structure_that_are_one_up_to_names_and_no_others(task):
    problem = task.draw(np.random.default_rng(0), 150)
    keys = task.structure(problem).tolist()
    by_hand = [repr(canonical(task, problem, row)) for row in range(150)]
    assert len(set(zip(keys, by_hand, strict=True))) == len(set(keys)) == len(set(by_hand)) < 150


def test_a_value_that_there_is_none_of_is_in_conflict_by_itself():
    task = Boards("queens", 4, (4,))
    problem = {"given": np.array([[-1, -1, 0, -1]], np.int8)}
    for value, wrong in ((4, [3]), (-1, [3]), (2, [])):
        assert np.flatnonzero(in_conflict(task, problem, np.array([[1, 3, 0, value]]))[0]).tolist() == wrong
    assert in_conflict(task, problem, np.array([[1, 3, 2, 0]]))[0].tolist() == [False, True, True, False]


NAMED = {
    "sudoku": Boards(order="fewest"),
    "queens": Boards("queens", solutions=(2, 12), order="fewest"),
    "colouring": Boards("colouring", 7, (4, 5), (2, 40), order="fewest"),
    "latin": Boards("latin", 3, (5, 8), (1, 12), order="fewest"),
}
every_named = pytest.mark.parametrize("task", NAMED.values(), ids=NAMED)


def names_of(task):
    """What the cells of a board are called, by their number."""
    if task.kind in ("queens", "colouring"):
        return "abcdefghij" if task.kind == "queens" else "ABCDEFGHIJ"
    return [f"{row}{column}" for row in "abcdefghi"[: task.side] for column in range(1, task.side + 1)]


def values_left(task, problem, row, board, cell):
    return sum(may_stand(task, problem, row, board, cell, value) for value in range(task.values))


@every_named
def test_the_blank_with_the_fewest_values_left_is_filled_in_first(task):
    batch = sample(task, 15)
    problem, names = batch.problem, names_of(task)
    for row, tokens in enumerate(batch.completions()):
        chain, _, answer = task.vocabulary.decode(tokens).partition(" <answer> ")
        board, solution = problem["given"][row].tolist(), problem["filled"][row].tolist()
        for step in chain.split(" , "):
            blanks = [cell for cell, held in enumerate(board) if held < 0]
            cell = min(blanks, key=lambda cell: (values_left(task, problem, row, board, cell), cell))
            assert step == f"{names[cell]} {solution[cell] + 1}"
            board[cell] = solution[cell]
        assert board == solution and answer.split() == [str(value + 1) for value in solution]


@every_named
@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_blanks_may_be_filled_in_in_any_order_but_each_once(task, seed):
    rng = np.random.default_rng(seed)
    batch = sample(task, 6, seed)
    problem, names = batch.problem, names_of(task)
    for row in range(6):
        example, solutions = batch.rows(slice(row, row + 1)), sorted(every_solution(task, problem, row))
        board = solutions[rng.integers(len(solutions))]
        blanks = rng.permutation(np.flatnonzero(problem["given"][row] < 0)).tolist()
        chain = [f"{names[cell]} {board[cell] + 1}" for cell in blanks]
        answer = f" <answer> {' '.join(str(value + 1) for value in board)}"
        wrong = rng.integers(1, len(blanks))
        given_cell = int(np.flatnonzero(problem["given"][row] >= 0)[0]) if (problem["given"][row] >= 0).any() else None
        for text, right in (
            (chain, len(blanks)),
            ([*chain[:wrong], chain[0], *chain[wrong + 1 :]], wrong),
            ([*chain[:wrong], f"{names[given_cell or 0]} {board[given_cell or 0] + 1}", *chain[wrong + 1 :]], wrong),
        ):
            if given_cell is None and text is not chain and f"{names[0]} {board[0] + 1}" in chain[wrong:]:
                continue
            tokens = np.array([[*task.vocabulary.encode(" , ".join(text) + answer), 1]], np.int32)
            judged = task.verify(example, tokens)
            assert judged.answer[0] and judged.well_formed[0] and judged.trace[0] == (right == len(blanks))
            assert judged.first_wrong_step[0] == (right if right < len(blanks) else right + 1)
            marks = [step.mark for step in task.steps(example, tokens)]
            assert marks[:right] == ["ok"] * right and (right == len(blanks) or marks[right] == "wrong")


@every_named
def test_named_steps_can_be_changed_and_followed(task):
    batch = sample(task, 20)
    gold = batch.completions()
    rng = np.random.default_rng(0)
    for step in (0, 2):
        np.testing.assert_array_equal(task.follow(batch, gold, step), gold)
        edited = task.other_state(batch, gold, step, rng)
        assert ((edited != gold).sum(axis=1) == 1).all() and (edited[:, 3 * step + 1] != gold[:, 3 * step + 1]).all()
        followed = task.follow(batch, edited, step)
        np.testing.assert_array_equal(followed[:, : 3 * step + 2], edited[:, : 3 * step + 2])
        assert task.verify(batch, followed).well_formed.all()
        for row in range(20):
            fixed = [text.split() for text in task.vocabulary.decode(followed[row]).split(" <answer> ")[0].split(" , ")]
            board = task.vocabulary.decode(followed[row]).split(" <answer> ")[1].split()
            assert all(board[list(names_of(task)).index(name)] == value for name, value in fixed)
            assert len({name for name, _ in fixed}) == len(fixed)
        no_name = gold.copy()
        no_name[:, 0] = gold[:, 1]
        assert (task.follow(batch, no_name, step) == PAD).all()


def test_paths_have_no_values_that_are_left():
    with pytest.raises(UserError, match="order 'fewest' of paths, whose rules are about all nodes: expected 'cells'"):
        Boards("paths", order="fewest")
    with pytest.raises(UserError, match="order 'fewst' is unknown; did you mean 'fewest'"):
        Boards(order="fewst")
    assert (
        "that with the fewest values left first, cells a1 (a2 is to its right), with ," in NAMED["sudoku"].instructions
    )
    assert "rows a to h, with ," in NAMED["queens"].instructions
    assert "nodes by their letters, with ," in NAMED["colouring"].instructions


@every_task
def test_features_are_counted(task):
    problem = task.draw(np.random.default_rng(0), 12)
    features = {name: values.tolist() for name, values in task.features(problem).items()}
    more = {"colouring": ["edges"], "paths": ["edges", "nodes"]}.get(task.kind, [])
    assert list(features) == ["blanks", "solutions", *more]
    for row in range(12):
        assert features["blanks"][row] == problem["given"][row].tolist().count(-1)
        assert features["solutions"][row] == len(every_solution(task, problem, row))
        if more:
            assert features["edges"][row] == graph_of(task, problem, row).number_of_edges()
        if "nodes" in more:
            ends = problem["ends"][row].tolist()
            assert features["nodes"][row] == nx.shortest_path_length(graph_of(task, problem, row), *ends) + 1


def test_what_is_drawn_of_a_board():
    def shapes(task, prompt, *boards):
        problem = task.parse(prompt)
        page = ElementTree.fromstring(picture.strip(task, problem, np.array(boards)))
        return [Counter(shape.get("class") for shape in board.iter()) for board in page.iter(f"{SVG}g")]

    colouring = Boards("colouring", 4, (4,))
    one, two = shapes(colouring, "A B B C . 2 . . <think>", [0, 0, 2, -1], [0, 1, 2, 0])
    assert [one[f"value{value}"] for value in range(3)] == [2, 0, 1] and one["broken"] == 2 and one["cell"] == 4
    assert [two[f"value{value}"] for value in range(3)] == [2, 1, 1] and two["broken"] == 0 and two["given"] == 1
    paths = Boards("paths", 4, (4,))
    one, two = shapes(paths, "A B B C C D A C . . . . <think>", [1, 1, 1, 0], [0, 1, 1, 0])
    assert one["value1"] == 3 and one["value0"] == 0 and one["along"] == 2 and one["edge"] == 1 and one["given"] == 2
    assert two["broken"] == 2, "an end that is not on the path, and the node beside it"


def test_no_prompt_is_longer_than_that_of_the_densest_graph():
    groups = [(one, other) for one, other in combinations(range(6), 2) if one % 3 != other % 3]
    for task, edges, ends in (
        (Boards("colouring", 6, (6,)), groups, ""),
        (Boards("paths", 4, (4,)), [pair for pair in combinations(range(4), 2) if pair != (1, 2)], "C B "),
    ):
        letters = " ".join(f"{'ABCDEF'[one]} {'ABCDEF'[other]}" for one, other in edges)
        problem = task.parse(f"{letters} {ends}{'. ' * task.cells}<think>")
        batch = task.write(problem)
        assert (
            batch.prompt_len[0] == task.longest_prompt
            and batch.text.shape[1] == task.max_len == (batch.text[0] != PAD).sum()
        )
        assert problem["solutions"][0] == {"colouring": 6, "paths": 2}[task.kind]
        empty = task.parse(f"{ends}{'. ' * task.cells}<think>") if task.kind == "colouring" else None
        assert empty is None or task.write(empty).prompt_len[0] == task.shortest_prompt


def test_a_prompt_that_is_read_records_any_of_its_solutions():
    task = SOME["eight queens"]
    batch = sample(task, 200)
    first = 0
    for row in range(200):
        problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
        solutions = sorted(every_solution(task, problem, 0))
        first += solutions.index(tuple(problem["filled"][0].tolist())) / (len(solutions) - 1)
    assert 0.4 < first / 200 < 0.6


def test_graphs_of_paths_are_any_in_which_the_ends_are_joined_but_not_by_an_edge():
    density, free = 0.3, [pair for pair in combinations(range(4), 2) if pair != (0, 1)]
    edges = total = 0.0
    for there in product((0, 1), repeat=5):
        graph = nx.Graph([pair for pair, is_there in zip(free, there, strict=True) if is_there])
        if {0, 1} <= set(graph) and nx.has_path(graph, 0, 1):
            chance = density ** sum(there) * (1 - density) ** (5 - sum(there))
            total, edges = total + chance, edges + chance * sum(there)
    task = Boards("paths", 4, (4,), (1, 9), density=density)
    problem = task.draw(np.random.default_rng(0), 20_000)
    assert task.features(problem)["edges"].mean() == pytest.approx(edges / total, abs=0.02)
    pairs = Counter(map(tuple, problem["ends"].tolist()))
    assert set(pairs) == set(permutations(range(4), 2)) and max(pairs.values()) < 1.15 * min(pairs.values())


def test_a_vocabulary_has_what_any_board_of_its_kind_needs_and_no_more():
    marks = ["<pad>", "</s>", "<unk>", "<think>", "<answer>", ",", "."]
    numbers, cells = [str(number) for number in range(1, 11)], [f"{r}{c}" for r in "abcdefghi" for c in range(1, 10)]
    for task, values, named in (
        (Boards("queens", 6, (4,), (1, 40)), numbers, "abcdefghij"),
        (Boards("latin", 3, (5,), (1, 12)), numbers[:5], [cell for cell in cells if cell < "f" and cell[1] < "6"]),
        (Boards(), numbers[:9], cells),
    ):
        for order, names in (("cells", ()), ("fewest", named)):
            spec = replace(task, order=order)
            assert list(spec.vocabulary.symbols) == [*marks, *values, *names]
            assert spec.first_node == 0 and spec.first_value == len(marks)
            assert spec.longest_chain == (3 if names else 2) * max(spec.blank_counts) - 1
            assert replace(spec, cot=False).longest_chain == 0
    for task, values in ((SOME["colouring"], "123"), (SOME["paths"], "-+")):
        assert list(task.vocabulary.symbols) == [*marks, *values, *"ABCDEFGHIJ"]
        assert task.first_node == len(marks) + len(values)


def test_sizes_and_what_a_kind_has_that_is_told_neither_size_nor_blanks():
    sizes = {
        "queens": range(4, 11),
        "colouring": range(4, 11),
        "latin": range(3, 6),
        "sudoku": (4, 9),
        "paths": range(4, 11),
    }
    usual = {
        "queens": (8, (5, 6)),
        "colouring": (8, (5,)),
        "latin": (4, (8, 9)),
        "sudoku": (4, (8, 9)),
        "paths": (8, (8,)),
    }
    for kind, possible in sizes.items():
        assert (Boards(kind).side, tuple(Boards(kind).blank_counts)) == usual[kind]
        for size in range(1, 12):
            if size in possible:
                assert Boards(kind, size, (4,)).side == size
            else:
                nearest = min(possible, key=lambda other: abs(other - size))
                with pytest.raises(UserError, match=f"such as {nearest}$"):
                    Boards(kind, size, (4,))


def test_fields_at_their_limits():
    assert max(Boards("queens", 6).blank_counts) == 6 and max(Boards("latin", 3).blank_counts) == 9
    with pytest.raises(UserError, match="queens of size 5: expected blanks, at most 5"):
        Boards("queens", 5)
    assert Boards("sudoku", 9, (52,), (2, 63)).solutions == (2, 63)
    with pytest.raises(UserError, match="solutions up to 64: of sudoku of size 9 at most 63 are counted"):
        Boards("sudoku", 9, (52,), (2, 64))
    for density in (0.0, 1.0):
        with pytest.raises(UserError, match=r"density .\.0 is outside \(0, 1\)"):
            Boards("colouring", density=density)
