"""The best explorer of two paths against a game played on every labelled graph, and the bound of theorem 2."""

from fractions import Fraction
from itertools import pairwise, permutations

import numpy as np
import pytest

from alchemy.errors import UserError
from tasks.connectivity.queries import (
    Known,
    answer_matrix,
    best_success,
    count_graphs,
    exchange_holds,
    query_outcomes,
    smallest_better,
    smallest_certain,
)

HALF = Fraction(1, 2)
START, RIGHT_OR_WRONG = 0, (1, 2)


def all_graphs(nodes):
    """Every labelled graph: neighbours as sets of bits, int (graphs, 2 nodes), and the right candidate, (graphs,)."""
    graphs, rights = [], []
    for right, wrong in (RIGHT_OR_WRONG, RIGHT_OR_WRONG[::-1]):
        for names in permutations(range(3, 2 * nodes)):
            paths = [START, *names[: nodes - 2], right], [*names[nodes - 2 :], wrong]
            near = [0] * (2 * nodes)
            for path in paths:
                for node, neighbour in pairwise(path):
                    near[node] |= 1 << neighbour
                    near[neighbour] |= 1 << node
            graphs.append(near)
            rights.append(right)
    return np.array(graphs), np.array(rights)


def play(graphs, rights, queries, shown):
    """Graphs on which the best explorer is right; `shown` are the bits of the nodes it may ask for, None for all."""
    counts = [(rights == candidate).sum() for candidate in RIGHT_OR_WRONG]
    if not queries or not all(counts):
        return max(counts)
    return max(
        sum(
            play(graphs[rows], rights[rows], queries - 1, None if shown is None else shown | int(answer))
            for answer in np.unique(graphs[:, node])
            for rows in [graphs[:, node] == answer]
        )
        for node in range(graphs.shape[1])
        if shown is None or shown >> node & 1
    )


@pytest.mark.parametrize(("nodes", "queries"), [(2, 1), (3, 1), (3, 2), (4, 1), (4, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("discovered_only", [False, True])
def test_the_optimum_is_that_of_the_game_on_all_graphs(nodes, queries, discovered_only):
    graphs, rights = all_graphs(nodes)
    won = play(graphs, rights, queries, 0b111 if discovered_only else None)
    assert best_success(nodes, queries, discovered_only) == Fraction(int(won), len(graphs))


@pytest.mark.parametrize(
    ("nodes", "success"),
    [
        (2, "1/2 1"),
        (3, "1/2 5/6 1"),
        (4, "1/2 1/2 29/30 1"),
        (5, "1/2 1/2 87/140 821/840 1"),
        (6, "1/2 1/2 1/2 5423/7560 22343/22680 1"),
    ],
)
def test_optima(nodes, success):
    assert [best_success(nodes, queries) for queries in range(nodes)] == [Fraction(value) for value in success.split()]


@pytest.mark.parametrize("nodes", range(2, 10))
def test_the_bound_is_tight(nodes):
    """A coin up to and at (nodes - 2) / 2 queries, better with any more; always right with nodes - 1, never before."""
    for queries in range(nodes):
        coin = 2 * queries <= nodes - 2
        assert exchange_holds(nodes, queries) == coin
        assert (best_success(nodes, queries) == HALF) == coin
    assert smallest_better(nodes) == nodes // 2
    assert smallest_certain(nodes) == nodes - 1


@pytest.mark.parametrize("nodes", range(2, 10))
def test_who_asks_only_for_what_it_was_shown_knows_nothing_until_it_knows_all(nodes):
    success = [best_success(nodes, queries, discovered_only=True) for queries in range(nodes)]
    assert success == [HALF] * (nodes - 1) + [1]


def test_each_end_can_be_asked_for_once_it_is_known_and_all_nodes_at_once_tell():
    """The start and the candidates are given, any other name may be tried, and the other path has no end as yet."""
    assert [len(query_outcomes(7, Known(), discovered_only)) for discovered_only in (True, False)] == [3, 4]
    assert not exchange_holds(2, 9)


def test_a_vote_of_coins_can_beat_a_coin():
    """One query tells nothing about 4 nodes, yet one explorer a node, voting by the names it sees, may win the vote."""
    graphs, rights = all_graphs(4)
    views = np.arange(8) << 8 | graphs  # what each of 8 explorers sees, (graphs, 8)
    votes = np.random.default_rng(0).choice([-1, 1], (200, 8 << 8))[:, views]
    right = votes * np.where(rights == 1, 1, -1)[:, None]
    assert exchange_holds(4, 1) and (right.sum(axis=1) == 0).all()
    assert ((1 + np.sign(right.sum(axis=2))) / 2).mean(axis=1).max() > 0.5  # exact, over all graphs


@pytest.mark.parametrize("nodes", range(2, 12))
def test_no_vote_of_short_walks_beats_a_coin(nodes):
    """All nodes that any walk of so many queries can ask for are answered alike in two graphs."""
    queries = (nodes - 2) // 2
    graph, exchanged = answer_matrix(nodes), answer_matrix(nodes, queries + 1)
    reached = np.isin(np.arange(2 * nodes), [0, nodes - 1, 2 * nodes - 1]) & (queries > 0)
    for _ in range(queries - 1):
        reached |= graph[reached].any(axis=0)
    assert (graph[reached] == exchanged[reached]).all() and (graph != exchanged).any()


def test_answers_divide_the_graphs_that_are_left():
    nodes, seen, new = 7, set(), {Known()}
    while new:
        seen |= new
        following = set()
        for known in new:
            left = sum(count_graphs(nodes, known, right) for right in "ab")
            for answers in query_outcomes(nodes, known, discovered_only=False) if left else ():
                settled = sum(multiplicity * after for after, multiplicity in answers.items() if isinstance(after, int))
                open_ = {after: multiplicity for after, multiplicity in answers.items() if not isinstance(after, int)}
                graphs = (
                    multiplicity * count_graphs(nodes, after, right)
                    for after, multiplicity in open_.items()
                    for right in "ab"
                )
                assert settled + sum(graphs) == left
                following |= set(open_)
        new = following - seen
    assert len(seen) > 500


@pytest.mark.parametrize("ask", [best_success, exchange_holds])
@pytest.mark.parametrize(("nodes", "queries"), [(1, 0), (4, -1)])
def test_bad_input_is_one_line(ask, nodes, queries):
    with pytest.raises(UserError, match=r"^(nodes 1|queries -1)[^\n]*$"):
        ask(nodes, queries)
