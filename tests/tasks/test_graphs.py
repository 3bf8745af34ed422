"""Graph families against networkx, names and written edges against counting."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations

import networkx as nx
import numpy as np
import pytest

from alchemy.errors import UserError
from tasks.connectivity.graphs import (
    FAMILIES,
    bridge,
    caterpillar,
    comb,
    cycle,
    gnm,
    grid,
    parameters_of,
    tree,
    two_path,
)
from tasks.connectivity.labels import names, shuffled, written
from tasks.connectivity.networks import (
    accepted,
    connected,
    distances,
    far_ends,
    neighbours,
)

EXAMPLES = {
    "bridge": (bridge(3, 3, 5, 3), bridge(2, 1, 2, 0), bridge(1, 4, 4, 1)),
    "two-path": (two_path(2), two_path(9)),
    "cycle": (cycle(3), cycle(8), cycle(9)),
    "tree": (tree(2), tree(13)),
    "gnm": (gnm(2, 1), gnm(9, 8), gnm(12, 16), gnm(6, 15)),
    "grid": (grid(1, 2, 0), grid(3, 4, 2), grid(4, 4, 5)),
    "caterpillar": (caterpillar(1, 2, 2), caterpillar(3, 4, 2), caterpillar(2, 3, 4), caterpillar(4, 1, 1)),
    "comb": (comb(1, 1), comb(3, 4)),
}
each_family = pytest.mark.parametrize("family", [family for examples in EXAMPLES.values() for family in examples])


def rng(seed=0):
    return np.random.default_rng(seed)


def as_networkx(edges, size):
    """The graph of one row, after a check that it is simple and padded at its end."""
    edge_list = edges[edges[:, 0] >= 0].tolist()
    assert (edges[: len(edge_list)] >= 0).all() and (edges[len(edge_list) :] == -1).all()
    graph = nx.Graph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from(edge_list)
    assert graph.number_of_edges() == len(edge_list) and nx.number_of_selfloops(graph) == 0
    return graph


def graphs(family, n=60):
    drawn = family.edges(rng(), n)
    assert drawn.dtype == np.int16 and drawn.shape == (1 if family.only is not None else n, family.max_edges, 2)
    return [as_networkx(edges, family.size) for edges in drawn]


def test_every_family_has_examples():
    assert EXAMPLES.keys() == FAMILIES.keys()


@each_family
def test_components_are_connected_and_simple(family):
    for graph in graphs(family):
        assert sorted(graph) == list(range(family.size)) and nx.is_connected(graph)


@each_family
def test_neighbours_distances_and_far_ends(family):
    drawn = family.edges(rng(1), 12)
    near = neighbours(drawn, family.size)
    source = rng(2).integers(family.size, size=12 if family.only is None else 5)
    away, ends = distances(near, source), far_ends(near)
    for row, start in enumerate(source.tolist()):
        graph = as_networkx(drawn[row % len(drawn)], family.size)
        assert away[row].tolist() == [nx.shortest_path_length(graph, start)[node] for node in range(family.size)]
        listed = [[u for u in around if u < family.size] for around in near[row % len(near)].tolist()]
        assert listed == [sorted(graph[node]) for node in range(family.size)]
        if nx.is_tree(graph):
            left, right = (int(end[row % len(drawn)]) for end in ends)
            assert nx.shortest_path_length(graph, left, right) == nx.diameter(graph)


def test_what_is_apart_is_not_connected():
    edges = np.array([[[0, 1], [2, 3]], [[0, 1], [1, 2]], [[3, 2], [1, 0]]], np.int16)
    assert distances(neighbours(edges, 4), np.array([0, 0, 3])).tolist() == [
        [0, 1, -1, -1],
        [0, 1, 2, -1],
        [-1, -1, 1, 0],
    ]
    assert connected(neighbours(edges, 4)).tolist() == [False] * 3


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_bridge_invariants(depth):
    family = bridge(depth, 3, 5, 3)
    [graph] = graphs(family)
    assert (family.size, graph.number_of_edges()) == (10 * depth + 1, 11 * depth)
    degrees = Counter(degree for _, degree in graph.degree)
    assert degrees == Counter({1: depth, 2: 8 * depth + 1, 3: 1, 5: depth - 1})
    assert graph.degree[0] == 3 and graph.degree[10 * depth] == 2
    start, target = family.ends
    assert [len(path) for path in nx.all_shortest_paths(graph, start, target)] == [3 * depth + 1]
    lengths = Counter(len(path) - 1 for path in nx.all_simple_paths(graph, start, target))
    assert sum(lengths.values()) == 2**depth and max(lengths) == 5 * depth == family.longest[0] - 1
    assert family.longest[1:] == (10 * depth - 1, 17 * depth - 5)


def test_the_peers_numbering_of_a_petal():
    [graph] = graphs(bridge(1, 3, 5, 3))
    routes = sorted(nx.all_simple_paths(graph, 0, 10), key=len)
    assert routes == [[0, 1, 2, 10], [0, 6, 5, 4, 3, 10]] and nx.shortest_path(graph, 0, 7) == [0, 9, 8, 7]


def test_shapes_of_the_other_families():
    assert nx.is_isomorphic(graphs(two_path(7))[0], nx.path_graph(7))
    assert nx.is_isomorphic(graphs(cycle(7))[0], nx.cycle_graph(7))
    [teeth] = graphs(comb(3, 4))
    assert nx.is_tree(teeth) and sorted(dict(teeth.degree).values()) == [1] * 10 + [4] + [5] * 2
    assert nx.is_isomorphic(graphs(grid(3, 4, 0), 1)[0], nx.grid_2d_graph(3, 4))
    for graph in graphs(caterpillar(3, 4, 2)):
        assert all(abs(u // 4 - v // 4) == 1 for u, v in graph.edges)
        onward, back = (Counter(map(end, graph.edges)) for end in (min, max))
        assert onward.keys() == set(range(12)) and back.keys() == set(range(4, 16))
        assert max(onward.values()) <= 2 and max(back.values()) <= 2
    assert caterpillar(4, 1, 1).ends == (0, 4), "of layers of one node, the first and the last"


def searches(graph, here, target, seen):
    """Every depth-first search from a node on: the nodes it lists, with every step back, and those it has seen."""
    seen = seen | {here}
    free = [] if here == target else [node for node in graph[here] if node not in seen]
    if not free:
        yield [here], seen
    for node in free:
        for below, seen_below in searches(graph, node, target, seen):
            if below[-1] == target:
                yield [here, *below], seen_below
                continue
            for rest, seen_at_last in searches(graph, here, target, seen_below):
                yield [here, *below, *rest], seen_at_last


@pytest.mark.parametrize(
    "family",
    [two_path(4), cycle(3), cycle(5), cycle(6), comb(1, 1), comb(2, 3), comb(3, 2), bridge(2, 1, 2, 1)],
)
def test_the_longest_walks_from_end_to_end_are_those_of_brute_force(family):
    [graph] = graphs(family)
    start, target = family.ends
    paths = [len(path) for path in nx.all_simple_paths(graph, start, target)]
    listed = [walk for walk, _ in searches(graph, start, target, frozenset()) if walk[-1] == target]
    assert family.longest == (max(paths), max(len(set(walk)) for walk in listed), max(map(len, listed)))


def shapes(drawn, size):
    """How often each sequence of degrees occurs."""
    counts = Counter()
    for edges in drawn:
        graph = as_networkx(edges, size)
        counts[tuple(sorted(dict(graph.degree).values()))] += 1
    return counts


def test_trees_are_uniform():
    """Of the 125 trees on five names 60 are paths, 60 forks, 5 stars."""
    counts = sorted(shapes(tree(5).edges(rng(), 4000), 5).values())
    np.testing.assert_allclose(np.array(counts) / 4000, [0.04, 0.48, 0.48], atol=0.03)


def test_gnm_is_uniform_over_the_connected():
    drawn = gnm(4, 4).edges(rng(), 6000)
    counts = Counter(frozenset(map(frozenset, edges.tolist())) for edges in drawn)
    assert len(counts) == 15  # C(6, 4), all connected
    assert min(counts.values()) > 320 and max(counts.values()) < 480
    trees = Counter(frozenset(map(frozenset, edges.tolist())) for edges in gnm(4, 3).edges(rng(), 6000))
    assert len(trees) == 16 and min(trees.values()) > 300


def test_grids_with_holes_are_uniform_over_the_connected():
    """A 2 by 3 grid without two cells: C(6, 2) = 15 ways, of which some leave one piece."""
    cells = nx.convert_node_labels_to_integers(nx.grid_2d_graph(2, 3))
    expected = Counter()
    for gone in permutations(range(6), 2):
        left = cells.subgraph(set(range(6)) - set(gone))
        if nx.is_connected(left):
            expected[tuple(sorted(dict(left.degree).values()))] += 1 / 2
    counts = shapes(grid(2, 3, 2).edges(rng(), 4000), 4)
    assert counts.keys() == expected.keys()
    for shape, weight in expected.items():
        assert abs(counts[shape] / 4000 - weight / sum(expected.values())) < 0.03


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: bridge(0, 3, 5, 3), "depth 0: expected at least 1 for a bridge"),
        (lambda: bridge(1, 3, 2, 3), "long 2: expected at least 3"),
        (lambda: bridge(1, 1, 1, 0), "long 1: expected at least 2"),
        (lambda: cycle(2), "nodes 2: expected at least 3 for a cycle"),
        (lambda: gnm(5, 3), "links 3: expected at least 4"),
        (lambda: gnm(5, 11), "links 11: 5 nodes have at most 10"),
        (lambda: grid(2, 2, 3), "holes 3: fewer than 2 cells of a 2 by 2 grid"),
        (lambda: caterpillar(2, 3, 1), "matchings 1: expected at least 2"),
        (lambda: parameters_of("brigde"), "family 'brigde' is unknown; did you mean 'bridge'"),
        (lambda: grid(1, 30, 15).edges(rng(), 1), "connected 1 by 30 grids"),
        (lambda: grid(64, 65, 0), "grid of depth 64 width 65 holes 0 is too large, 4160 nodes"),
        (lambda: caterpillar(31, 32, 5), "caterpillar of depth 31 width 32 matchings 5 is too large, 5120 nodes"),
    ],
)
def test_impossible_graphs_are_the_users_error(make, says):
    with pytest.raises(UserError, match=says):
        make()


def test_the_largest_and_the_narrowest_are_possible():
    assert tree(4096).size == caterpillar(31, 32, 4).size * 4 == 4096
    assert grid(2, 1, 0).size == 2 and tree(7).min_edges == 6 == cycle(6).min_edges


def test_accepted_gives_as_many_as_asked_for():
    def propose(count):
        drawn = source.integers(50, size=count)
        return (drawn[drawn == 7],)

    source = rng()
    for n in (0, 1, 500):
        assert accepted(n, propose, "sevens")[0].tolist() == [7] * n


@pytest.mark.parametrize("w", [1, 3])
def test_shuffling_is_uniform(w):
    rows = shuffled(np.broadcast_to(np.arange(w, dtype=np.uint16) * 5, (24_000, w)), rng())
    counts = Counter(map(tuple, rows.tolist()))
    assert counts.keys() == set(permutations(range(0, 5 * w, 5)))
    assert max(abs(count * len(counts) / 24_000 - 1) for count in counts.values()) < 0.08


def test_names_are_a_uniform_injection():
    drawn = names(30_000, 3, 5, 0, 0, rng())
    counts = Counter(map(tuple, drawn.tolist()))
    assert counts.keys() == set(permutations(range(5), 3))
    assert max(abs(count / 500 - 1) for count in counts.values()) < 0.2


def test_reserved_names_go_to_random_nodes():
    drawn = names(6000, 6, 12, 4, 2, rng())
    assert all(len(set(row)) == 6 for row in drawn.tolist())
    rare = drawn >= 8
    assert (rare.sum(axis=1) == 2).all()
    np.testing.assert_allclose(rare.mean(axis=0), 1 / 3, atol=0.03)
    assert set(np.unique(drawn)) == set(range(12)) and (names(500, 6, 12, 4, 0, rng()) < 8).all()


def test_written_edges_are_the_graph_in_any_order():
    family = grid(3, 3, 2)
    edges = family.edges(rng(), 300)
    name = names(300, family.size, 20, 0, 0, rng(1))
    for in_order in (False, True):
        for low_first in (False, True):
            listed = written(edges, name, in_order, low_first, rng(2))
            for row in range(300):
                pairs = [tuple(edge) for edge in listed[row].tolist() if edge[0] >= 0]
                want = [frozenset(name[row, edge].tolist()) for edge in edges[row] if edge[0] >= 0]
                assert set(map(frozenset, pairs)) == set(want) and len(pairs) == len(want)
                assert (listed[row, len(pairs) :] == -1).all()
                assert not low_first or all(u < v for u, v in pairs)
                assert not in_order or list(map(sorted, pairs)) == sorted(map(sorted, pairs))
            assert low_first or abs(np.mean(listed[:, :6, 0] < listed[:, :6, 1]) - 0.5) < 0.05


def test_order_and_orientation_are_uniform():
    edges = two_path(3).only
    listed = written(edges, np.broadcast_to(np.arange(3, dtype=np.uint16), (16_000, 3)), False, False, rng())
    counts = Counter(tuple(row.ravel().tolist()) for row in listed)
    assert len(counts) == 8 and max(abs(count / 2000 - 1) for count in counts.values()) < 0.1


def test_links_are_the_pairs_of_the_smallest_numbers():
    """Five nodes with nine links are connected whichever of the ten pairs is missing."""
    pairs, drawn = list(combinations(range(5), 2)), gnm(5, 9).edges(rng(), 100)
    for edges, numbers in zip(drawn, rng().random((100, 10)), strict=True):
        assert {*pairs} - {*map(tuple, edges.tolist())} == {pairs[numbers.argmax()]}
