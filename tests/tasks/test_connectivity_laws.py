"""Exact laws against every run of a search written out here a second time, a simulation, and published numbers."""

import random
from collections import Counter
from fractions import Fraction
from inspect import signature

import networkx as nx
import numpy as np
import pytest

from alchemy.errors import UserError
from tasks.connectivity.laws import (
    accuracy,
    any_of,
    arrived_length_cdf,
    best_of,
    dfs_bt_length_pmf,
    dfs_length_cdf,
    dfs_length_pmf,
    exchange_rate,
    majority_accuracy,
    majority_of,
    mean_lengths,
    path_length_pmf,
    path_success,
    samples_for,
    shortest_success,
    slip_rate,
    walk_length_pmf,
    within,
)

PETALS = [(3, 5, 3), (2, 4, 0), (1, 2, 0), (1, 3, 2), (3, 3, 1), (2, 4, 3), (4, 7, 6)]
each_petal = pytest.mark.parametrize("petal", PETALS)
each_depth = pytest.mark.parametrize("depth", [1, 2, 3])

CDF = {
    1: "4 .3333 5 .3333 6 .6667 7 .8333 8 .8333 9 1",
    2: "7 .0833 8 .0833 9 .25 10 .3194 11 .4583 12 .5972 13 .6667 14 .8194 15 .8472 16 .9306 17 .9722 18 .9722 19 1",
    3: "10 .0208 11 .0208 12 .0833 13 .1076 14 .1979 15 .2708 16 .3565 17 .4803 18 .5451 19 .6725 20 .7373 21 .8148"
    " 22 .8796 23 .9109 24 .9572 25 .9676 26 .9861 27 .9954 28 .9954 29 1",
    4: "13 .0052 14 .0052 15 .026 16 .0339 17 .0755 18 .1068 19 .1632 20 .2326 21 .2934 22 .3934 23 .4606 24 .56"
    " 25 .6363 26 .7098 27 .7861 28 .831 30 .9185 32 .9687 34 .9905 39 1",
    5: "16 .0013 17 .0013 18 .0078 19 .0102 20 .0267 21 .0386 22 .0673 23 .0998 24 .1393 25 .1985 26 .2496 27 .3278"
    " 28 .3931 29 .473 30 .5506 31 .6188 32 .696 33 .751 34 .8116 35 .8559 36 .8936 38 .9466 40 .9776 42 .9925"
    " 44 .998 49 1",
}


def bridge(depth, short, long, dead):
    """A bridge with hubs 0 .. depth, as the text defines it."""
    graph = nx.Graph()
    for hub in range(depth):
        for name, edges in (("short", short), ("long", long)):
            nx.add_path(graph, [hub, *((hub, name, i) for i in range(1, edges)), hub + 1])
        nx.add_path(graph, [hub, *((hub, "dead", i) for i in range(1, dead + 1))])
    return graph


def searches(graph, target, stack, visited, moves, weight, retreat):
    """Every run of a search from the top of the stack on: path, nodes visited, nodes with steps back, probability."""
    if stack[-1] == target:
        yield len(stack), len(visited), moves, weight
        return
    ahead = [node for node in graph[stack[-1]] if node not in visited]
    for node in ahead:
        share = weight / len(ahead)
        yield from searches(graph, target, [*stack, node], visited | {node}, moves + 1, share, retreat)
    if not ahead and retreat:
        yield from searches(graph, target, stack[:-1], visited, moves + 1, weight, retreat)


def laws(depth, petal, retreat=True):
    """The exact laws of the three lengths of a search, or with no retreat of a self-avoiding walk, as Counters."""
    path, dfs, dfs_bt = Counter(), Counter(), Counter()
    for runs in searches(bridge(depth, *petal), depth, [0], {0}, 1, Fraction(1), retreat):
        for law, nodes in zip((path, dfs, dfs_bt), runs[:3], strict=True):
            law[nodes] += runs[3]
    return path, dfs, dfs_bt


def same(pmf, law):
    exact = [float(law[nodes]) for nodes in range(max(law) + 1)]
    return len(pmf) == len(exact) and pmf == pytest.approx(exact, abs=1e-13)


@each_petal
@each_depth
def test_every_run_of_a_search(depth, petal):
    path, dfs, dfs_bt = laws(depth, petal)
    assert same(path_length_pmf(depth, *petal), path)
    assert same(dfs_length_pmf(depth, *petal), dfs)
    assert same(dfs_bt_length_pmf(depth, *petal), dfs_bt)
    means = [float(sum(nodes * mass for nodes, mass in law.items())) for law in (path, dfs, dfs_bt)]
    assert mean_lengths(depth, *petal) == pytest.approx(means)


@each_petal
@each_depth
def test_every_self_avoiding_walk(depth, petal):
    arrives = laws(depth, petal, retreat=False)[0]
    assert same(walk_length_pmf(depth, *petal), arrives)
    assert path_success(depth, *petal) == pytest.approx(float(sum(arrives.values())))
    assert shortest_success(depth, *petal) == pytest.approx(float(arrives[1 + petal[0] * depth]))


def test_the_default_petal_is_that_of_the_source():
    laws = dfs_length_pmf, dfs_length_cdf, dfs_bt_length_pmf, path_length_pmf, walk_length_pmf
    for law in (*laws, path_success, shortest_success, mean_lengths):
        np.testing.assert_array_equal(law(2), law(2, 3, 5, 3))
        assert [parameter.default for parameter in signature(law).parameters.values()][1:] == [3, 5, 3]


def simulated(graph, target, rng):
    stack, visited = [0], {0}
    while stack[-1] != target:
        ahead = [node for node in graph[stack[-1]] if node not in visited]
        if ahead:
            stack.append(rng.choice(ahead))
            visited.add(stack[-1])
        else:
            stack.pop()
    return len(visited)


@pytest.mark.parametrize(("depth", "petal"), [(3, (3, 5, 3)), (2, (2, 4, 0)), (2, (2, 4, 3))])
def test_simulation(depth, petal):
    graph, rng = bridge(depth, *petal), random.Random(0)
    lengths = [simulated(graph, depth, rng) for _ in range(20_000)]
    cdf = dfs_length_cdf(depth, *petal)
    share = np.bincount(lengths, minlength=len(cdf)).cumsum() / len(lengths)
    assert np.abs(share - cdf).max() < 0.01


@pytest.mark.parametrize("depth", CDF)
def test_published_shares_within_a_budget(depth):
    words = CDF[depth].split()
    nodes, share = np.array(words[::2], int), np.array(words[1::2], float)
    assert np.abs(within(depth, nodes) - share).max() < 6e-5
    assert within(depth, np.array([0, 3 * depth, 10_000])).tolist() == [0, 0, pytest.approx(1)]
    thresholds = [int(np.argmax(dfs_length_cdf(depth) >= target)) for target in (0.8, 0.9, 0.99)]
    assert thresholds == {1: [7, 9, 9], 2: [14, 16, 19], 3: [21, 23, 27], 4: [28, 30, 34], 5: [34, 37, 42]}[depth]


@pytest.mark.parametrize("depth", range(1, 8))
def test_closed_forms_of_the_default_petal(depth):
    assert mean_lengths(depth) == pytest.approx((4 * depth + 1, 6 * depth, 8 * depth - 1))
    assert path_success(depth) == pytest.approx(2 / 3 * 0.5 ** (depth - 1))
    assert shortest_success(depth) == pytest.approx(1 / 3 * 0.25 ** (depth - 1))
    assert path_length_pmf(depth)[3 * depth + 1] == pytest.approx(2.0**-depth)
    assert len(dfs_length_pmf(depth)) - 1 == 10 * depth - 1
    assert len(dfs_bt_length_pmf(depth)) - 1 == 17 * depth - 5


def test_published_numbers_of_samples():
    path, shortest = ([law(depth) for depth in range(1, 6)] for law in (path_success, shortest_success))
    assert samples_for(path).tolist() == [3, 6, 13, 27, 55]
    assert samples_for(shortest).tolist() == [6, 27, 110, 441, 1768]
    assert samples_for(path, 0.8).tolist() == [2, 4, 9, 19, 38]
    assert samples_for(shortest, 0.8).tolist() == [4, 19, 77, 309, 1236]
    budgets = np.array([16, 18, 20, 22, 24, 26, 28, 30, 34])
    assert samples_for(within(5, budgets), 0.8).tolist() == [1236, 206, 60, 24, 11, 6, 4, 3, 1]


def test_samples_for_is_the_smallest_number():
    p = np.array([0.0, 1e-6, 0.01, 0.5, 0.75, 0.99, 1.0])
    n = samples_for(p, 0.75)
    assert n.tolist()[0] == np.inf and n.tolist()[3:] == [2, 1, 1, 1]
    assert (any_of(p[1:], n[1:]) >= 0.75 - 1e-12).all()
    assert (any_of(p[1:4], n[1:4] - 1) < 0.75).all()


def test_published_accuracies_at_a_token_budget():
    published = {50: "1 .679 .502", 80: "1 .9997 .789 .551", 120: "1 1 1 .980 .764 .575"}
    for tokens, line in published.items():
        expected = np.array(line.split(), float)
        n = np.arange(1, len(expected) + 1)
        assert accuracy(5, tokens // n, n) == pytest.approx(expected, abs=6e-4)


def test_best_of_published():
    n = 2 ** np.arange(8)
    path = [0.5833, 0.6528, 0.7589, 0.8837, 0.9730, 0.9985, 1, 1]
    shortest = [0.5104, 0.5206, 0.5404, 0.5775, 0.6430, 0.7451, 0.8700, 0.9662]
    assert best_of(path_success(3), n) == pytest.approx(path, abs=6e-5)
    assert best_of(shortest_success(3), n) == pytest.approx(shortest, abs=6e-5)


def test_exchange_rate():
    budget = np.arange(16, 31)
    assert exchange_rate(budget, 7 * np.exp(-0.4 * budget)) == pytest.approx(-0.4)
    samples = np.where(budget > 18, 2.0**-budget, np.inf)
    assert exchange_rate(budget, samples) == pytest.approx(-np.log(2))
    assert exchange_rate(np.array([2, 5]), np.exp([7.0, 1.0])) == pytest.approx(-2)
    assert -0.6 < exchange_rate(budget, samples_for(within(5, budget), 0.8)) < -0.3


def test_slips_of_searches_of_one_length():
    """All of three nodes: of those without a slip all arrive, and the rate is what it takes."""
    pmf = np.array([0, 0, 0, 1.0])
    assert slip_rate(pmf, np.array([1.0, 0.9**3, 0.0])) == pytest.approx([0.0, 0.1, 1.0], abs=1e-4)
    assert slip_rate(pmf[1:], np.array([0.81, 0.49, 0.01])) == pytest.approx([0.1, 0.3, 0.9], abs=1e-4)
    assert arrived_length_cdf(pmf, 0.1).tolist() == [0, 0, 0, 1]


def test_slips_favour_the_searches_that_are_short():
    pmf = np.array([0, 0.5, 0.5])
    assert arrived_length_cdf(pmf, np.array([0.0, 0.5])) == pytest.approx(np.array([[0, 1 / 2, 1], [0, 2 / 3, 1]]))
    assert (arrived_length_cdf(pmf, 1.0) == 0).all(), "nothing arrives"
    arriving = dfs_length_pmf(2) @ (1 - 0.02) ** np.arange(20)
    assert slip_rate(dfs_length_pmf(2), arriving) == pytest.approx(0.02, abs=1e-4)


def test_no_share_is_rounded_above_one():
    assert dfs_length_cdf(2, 2, 4, 4)[-1] == 1 == accuracy(2, 99, 3, 2, 4, 4)


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize(("right", "wrong"), [(0.3, 0.2), (0.0, 0.4), (0.4, 0.0), (0.25, 0.75), (0.0, 0.0)])
def test_majority_of_independent_votes(n, right, wrong):
    grid = np.stack(np.meshgrid(*[[1, -1, 0]] * n, indexing="ij"), -1).reshape(-1, n)
    weight = np.where(grid == 1, right, np.where(grid == -1, wrong, 1 - right - wrong)).prod(axis=1)
    won = np.where((grid == 0).all(axis=1), 0, (1 + np.sign(grid.sum(axis=1))) / 2)
    assert majority_of(right, wrong, n) == pytest.approx(weight @ won)


def test_majority_of_searches():
    assert majority_accuracy(5, 22, 9, guess=False) == pytest.approx(any_of(within(5, 22), 9))
    assert majority_accuracy(5, 22, 1) == pytest.approx(accuracy(5, 22, 1))
    assert majority_accuracy(5, 22, 9) < accuracy(5, 22, 9)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: dfs_length_pmf(0),
        lambda: dfs_length_pmf(1, 5, 3),
        lambda: path_length_pmf(1, 1, 1),
        lambda: dfs_length_cdf(1, dead=-1),
        lambda: any_of(1.5, 2),
        lambda: any_of([0.5, 1.5], 2),
        lambda: samples_for(0.5, 1.0),
        lambda: samples_for(0.5, 0.0),
        lambda: majority_of(0.8, 0.3, 2),
        lambda: majority_of([0.5, 0.8], 0.3, 2),
        lambda: majority_of(-0.1, 0.3, 2),
        lambda: exchange_rate(np.array([1, 2]), np.array([np.inf, 3])),
    ],
)
def test_bad_input_is_one_line(bad):
    with pytest.raises(UserError) as error:
        bad()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_no_chain_proves_nothing(p):
    assert any_of(p, 0) == 0 and best_of(p, 0) == 0.5
