"""Searches and walks against rules, and distributions, that are written out here a second time, one graph at a time."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest

from alchemy.errors import UserError
from tasks.connectivity.graphs import (
    bridge,
    caterpillar,
    comb,
    cycle,
    gnm,
    grid,
    tree,
    two_path,
)
from tasks.connectivity.networks import neighbours
from tasks.connectivity.petals import search
from tasks.connectivity.traces import (
    longest,
    reach,
    style,
    traces,
)
from tasks.connectivity.walks import arrival

STYLES = ("shortest", "path", "dfs", "dfs-bt", "bfs", "walk-9", "walk_mix-9")
FAMILIES = {
    "bridge": bridge(2, 3, 5, 3),
    "bare bridge": bridge(3, 1, 2, 0),
    "two-path": two_path(6),
    "cycle": cycle(9),
    "comb": comb(3, 3),
    "tree": tree(11),
    "gnm": gnm(9, 13),
    "grid": grid(3, 4, 2),
    "caterpillar": caterpillar(3, 3, 2),
}
each_style = pytest.mark.parametrize("name", STYLES)
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def rng(seed=0):
    return np.random.default_rng(seed)


def listed_traces(name, family, start, target, edges=None, seed=0):
    """Traces as lists, after a check of their form."""
    edges = family.edges(rng(seed), len(start)) if edges is None else edges
    width = longest(style(name), family, far=False)
    rows = traces(style(name), neighbours(edges, family.size), start, target, width, rng(seed))
    assert rows.dtype == np.int16 and rows.shape == (len(start), width)
    lists = [row[row >= 0].tolist() for row in rows]
    assert all((row[len(trace) :] == -1).all() for row, trace in zip(rows, lists, strict=True))
    return lists


def between_ends(name, family, n, seed=0):
    """Traces between the ends of a family's only graph, in arrays of the width that is claimed to be the longest."""
    start, target = (np.full(n, end) for end in family.ends)
    width = longest(style(name), family, far=True)
    return traces(style(name), neighbours(family.only, family.size), start, target, width, rng(seed))


def as_networkx(edges):
    return nx.Graph(edges[edges[:, 0] >= 0].tolist())


def check(name, graph, listed, start, target):
    """The rules of each style, one trace at a time."""
    assert listed[0] == start and listed[-1] == target and target not in listed[:-1]
    if name in ("shortest", "path"):
        assert nx.is_path(graph, listed) and len(set(listed)) == len(listed)
        assert name == "path" or len(listed) - 1 == nx.shortest_path_length(graph, start, target)
    elif name == "bfs":
        order = [start, *(node for _, node in nx.bfs_edges(graph, start, sort_neighbors=sorted))]
        assert listed == order[: order.index(target) + 1]
    elif name.startswith("walk"):
        assert nx.is_path(graph, listed)
        assert len(listed) - 1 <= max(9, nx.shortest_path_length(graph, start, target))
    else:
        check_depth_first(graph, listed, name == "dfs-bt")


def check_depth_first(graph, listed, revisits):
    """Onward to an unvisited neighbour of the top of the stack; back, which is listed or not, only if it has none."""
    stack, seen = [listed[0]], {listed[0]}
    for node in listed[1:]:
        while not revisits and set(graph[stack[-1]]) <= seen:
            stack.pop()
        free = set(graph[stack[-1]]) - seen
        if free:
            assert node in free
            stack.append(node)
        else:
            stack.pop()
            assert node == stack[-1]
        seen.add(node)


@each_style
def test_each_of_two_graphs_has_its_own_trace(name):
    """On the same nodes: a path, and the same path with its inner nodes the other way round."""
    edges = np.array([[[0, 1], [1, 2], [2, 3], [3, 4]], [[0, 3], [3, 2], [2, 1], [1, 4]]], np.int16)
    lists = listed_traces(name, two_path(5), np.array([0, 0]), np.array([4, 4]), edges)
    for graph, trace in zip(edges, lists, strict=True):
        check(name, as_networkx(graph), trace, 0, 4)


@each_style
@each_family
def test_traces_keep_the_rules_of_their_style(name, family):
    n = 80
    edges = family.edges(rng(), n)
    start = rng(1).integers(family.size, size=n)
    target = (start + rng(2).integers(1, family.size, size=n)) % family.size
    rows = listed_traces(name, family, start, target, edges)
    for row, listed in enumerate(rows):
        check(name, as_networkx(edges[row % len(edges)]), listed, int(start[row]), int(target[row]))


def depth_first(graph, start, target):
    """Every depth-first search there is, as (stack, first visits, moves), with its probability."""

    def onward(stack, visits, moves, chance):
        if stack[-1] == target:
            yield (tuple(stack), tuple(visits), tuple(moves)), chance
            return
        free = sorted(set(graph[stack[-1]]) - set(visits))
        for node in free:
            yield from onward([*stack, node], [*visits, node], [*moves, node], chance / len(free))
        if not free:
            yield from onward(stack[:-1], visits, [*moves, stack[-2]], chance)

    yield from onward([start], [start], [start], Fraction(1))


def distance(counts, law):
    """Total variation distance of what was counted from what should be; nothing impossible may have been counted."""
    assert counts.keys() <= law.keys()
    total = sum(counts.values())
    return sum(abs(counts[outcome] / total - float(law[outcome])) for outcome in law) / 2


def law_of(outcomes):
    law = Counter()
    for outcome, chance in outcomes:
        law[outcome] += chance
    return law


@pytest.mark.parametrize(
    "graph",
    [
        as_networkx(bridge(1, 3, 5, 3).only[0]),
        as_networkx(bridge(2, 1, 2, 1).only[0]),
        as_networkx(bridge(2, 2, 2, 0).only[0]),
        nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 0), (1, 4), (3, 5)]),
    ],
    ids=["petal", "bridge", "bare bridge", "cycles"],
)
@pytest.mark.parametrize("shared", [True, False])
def test_depth_first_search_has_the_law_of_its_definition(graph, shared):
    n, size = 30_000, len(graph)
    target = max(graph)
    near = neighbours(np.array([sorted(graph.edges)]), size)
    near = near if shared else np.repeat(near, n, axis=0)
    outcomes = list(depth_first(graph, 0, target))
    assert sum(chance for _, chance in outcomes) == 1
    for i, name in enumerate(("path", "dfs", "dfs-bt")):
        width = 2 * size if name == "dfs-bt" else size
        rows = traces(style(name), near, np.zeros(n, int), np.full(n, target), width, rng(i))
        law = law_of((outcome[i], chance) for outcome, chance in outcomes)
        counts = Counter(tuple(row[row >= 0].tolist()) for row in rows)
        assert distance(counts, law) < 0.9 * (len(law) / n) ** 0.5


@pytest.mark.parametrize("petal", [(2, 3, 5, 3), (2, 1, 2, 1), (3, 2, 3, 0), (2, 2, 2, 2), (1, 3, 5, 3)])
def test_searching_by_petals_has_the_same_law(petal):
    n, family = 30_000, bridge(*petal)
    outcomes = list(depth_first(as_networkx(family.only[0]), *family.ends))
    for i, name in enumerate(("path", "dfs", "dfs-bt")):
        law = law_of((outcome[i], chance) for outcome, chance in outcomes)
        rows = search(name, *petal, n, family.longest[i], rng(i))
        counts = Counter(tuple(row[row >= 0].tolist()) for row in rows)
        assert rows.dtype == np.int16 and distance(counts, law) < 0.9 * (len(law) / n) ** 0.5


def walks(graph, start, target, steps):
    """Every walk that arrives within so many steps, with its probability."""
    todo = [((start,), Fraction(1))]
    for _ in range(steps):
        todo = [((*walk, node), p / len(graph[walk[-1]])) for walk, p in todo for node in graph[walk[-1]]]
        yield from (entry for entry in todo if entry[0][-1] == target)
        todo = [entry for entry in todo if entry[0][-1] != target]


@pytest.mark.parametrize("shared", [True, False])
def test_walks_are_random_walks_that_arrive_in_time(shared):
    family, n = bridge(1, 2, 3, 1), 30_000
    graph, target = as_networkx(family.only[0]), family.ends[1]
    near = neighbours(family.only, family.size)
    near = near if shared else np.repeat(near, n, axis=0)
    laws = {}
    for steps in range(2, 7):
        every = law_of(walks(graph, 0, target, steps))
        laws[steps] = {walk: chance / sum(every.values()) for walk, chance in every.items()}
    laws["mix"] = law_of((walk, chance / 5) for steps in range(2, 7) for walk, chance in laws[steps].items())
    for name, law in (("walk-6", laws[6]), ("walk-1", laws[2]), ("walk_mix-6", laws["mix"])):
        rows = traces(style(name), near, np.zeros(n, int), np.full(n, target), 7, rng(3))
        counts = Counter(tuple(row[row >= 0].tolist()) for row in rows)
        assert distance(counts, law) < 0.9 * (len(law) / n) ** 0.5


def test_walks_agree_with_rejected_plain_walks():
    family, steps, n = bridge(1, 3, 5, 3), 12, 200_000
    near = neighbours(family.only, family.size)[0]
    degree, source = (near < family.size).sum(axis=1), rng()
    here, arrived = np.zeros(n, int), np.full(n, 0)
    for step in range(1, steps + 1):
        here = near[here, (source.random(n) * degree[here]).astype(int)]
        arrived[(here == 10) & (arrived == 0)] = step
    lengths = arrived[arrived > 0] + 1
    chance = arrival(near[None], np.array([10]), steps)[0, steps, 0]
    assert abs(chance - len(lengths) / n) < 0.005
    walked = (between_ends("walk-12", family, 40_000) >= 0).sum(axis=1)
    law = np.bincount(lengths, minlength=14) / len(lengths)
    np.testing.assert_allclose(np.bincount(walked, minlength=14) / 40_000, law, atol=0.012)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_lengths_in_the_default_bridge(depth):
    """Means 4d + 1, 6d, 8d - 1 and 10d - 2 nodes; the longest 5d + 1, 10d - 1, 17d - 5 (arXiv:2505.21825, its code)."""
    n, family = 12_000, bridge(depth, 3, 5, 3)
    expected = {
        "shortest": (3 * depth + 1, 0, 3 * depth + 1),
        "path": (4 * depth + 1, 0.03, 5 * depth + 1),
        "dfs": (6 * depth, 0.15, 10 * depth - 1),
        "dfs-bt": (8 * depth - 1, 0.3, 17 * depth - 5),
        "bfs": (10 * depth - 2, 0, 10 * depth + 1),
    }
    for name, (mean, near, most) in expected.items():
        lengths = (between_ends(name, family, n) >= 0).sum(axis=1)
        assert abs(lengths.mean() - mean) <= near
        assert longest(style(name), family, far=True) == most
        assert lengths.min() == (3 * depth + 1 if name != "bfs" else mean)
        if name in ("path", "dfs", "dfs-bt") and depth < 3:
            assert lengths.max() == most


@pytest.mark.parametrize("petal", [(2, 3, 0), (1, 4, 2), (2, 2, 1)])
def test_the_longest_searches_of_other_bridges(petal):
    family = bridge(2, *petal)
    outcomes = [outcome for outcome, _ in depth_first(as_networkx(family.only[0]), *family.ends)]
    assert family.longest == tuple(max(len(outcome[i]) for outcome in outcomes) for i in range(3))


@pytest.mark.parametrize("family", [two_path(5), cycle(6), cycle(7), comb(2, 3)])
def test_the_longest_searches_of_other_families(family):
    outcomes = [outcome for outcome, _ in depth_first(as_networkx(family.only[0]), *family.ends)]
    assert family.longest == tuple(max(len(outcome[i]) for outcome in outcomes) for i in range(3))


def test_how_far_apart_start_and_target_can_be():
    assert reach(bridge(2, 3, 5, 3), far=True) == (6, 6)
    assert reach(cycle(9), far=False) == (1, 4) and reach(tree(9), far=True) == (1, 8)
    assert longest(style("shortest"), bridge(2, 3, 5, 3), far=True) == 7
    assert longest(style("shortest"), cycle(9), far=False) == 5 and longest(style("none"), cycle(9), far=False) == 0
    assert longest(style("dfs-bt"), tree(9), far=True) == 16 and longest(style("bfs"), tree(9), far=True) == 9
    assert longest(style("walk-3"), two_path(9), far=True) == 9 and longest(style("walk-30"), two_path(9), True) == 31


@pytest.mark.parametrize("name", ["deep", "walk", "walk-0", "walk-x", "walk_mix", "dfs_bt", ""])
def test_other_styles_are_the_users_error(name):
    with pytest.raises(UserError, match=f"trace '{name}' is unknown"):
        style(name)
    assert style("walk_mix-25") == ("walk_mix", 25)
