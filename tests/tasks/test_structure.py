"""Problems that differ in names only have one structure, and those that differ in more have two, as far as that is exact."""

from __future__ import annotations

from itertools import permutations, product

import networkx as nx
import numpy as np
import pytest

from alchemy.problem.split import Split
from tasks.connectivity import Connectivity
from tasks.connectivity.structure import keys as graph_keys
from tasks.recheck import Recheck
from tasks.recheck.structure import keys as map_keys
from tasks.symbols import Symbols

GRAPHS = [
    Connectivity(family=name, depth=3, ids=80) for name in ("bridge", "gnm", "tree", "cycle", "grid", "caterpillar")
]
GRAPHS += [Connectivity(family="gnm", distractors=2, pair="random", ids=80)]


@pytest.mark.parametrize("task", GRAPHS, ids=lambda task: f"{task.family}-{task.distractors}")
def test_renaming_nodes_and_writing_edges_in_another_order_leaves_a_graph_its_structure(task):
    rng = np.random.default_rng(0)
    problem = task.draw(rng, 200)
    rename = rng.permuted(np.tile(np.arange(task.ids), (200, 1)), axis=1)
    edges = problem["edges"].astype(int)
    named = np.where(
        edges < 0, -1, np.take_along_axis(rename, np.maximum(edges, 0).reshape(200, -1), axis=1).reshape(edges.shape)
    )
    there = (edges[..., 0] >= 0).sum(axis=1)
    for row, count in zip(named, there, strict=True):
        row[:count] = rng.permutation(row[:count])[:, ::-1]
    targets = np.take_along_axis(rename, problem["targets"].astype(int), axis=1)[:, ::-1]
    start = rename[np.arange(200), problem["start"]]
    again = {**problem, "edges": named, "start": start, "targets": targets}
    assert (task.structure(again) == task.structure(problem)).all()
    assert not (task.identity(again) == task.identity(problem)).any()


def test_small_graphs_with_a_start_have_one_key_exactly_where_they_are_isomorphic():
    """All connected graphs of up to six nodes, against the least of all renamings that keep the start."""
    pairs = set()
    graphs = [graph for graph in nx.graph_atlas_g() if 1 < graph.number_of_nodes() < 7 and nx.is_connected(graph)]
    for graph in graphs:
        size = graph.number_of_nodes()
        linked = nx.to_numpy_array(graph, dtype=int)
        order = np.array(list(permutations(range(size))))
        renamed = linked[order[:, :, None], order[:, None, :]].reshape(len(order), -1) @ (1 << np.arange(size * size))
        edges = np.array(list(graph.edges()))
        key = graph_keys(np.tile(edges, (size, 1, 1)), np.arange(size))
        pairs |= {(size, int(renamed[order[:, 0] == start].min()), int(key[start])) for start in range(size)}
    classes, found = ({pair[:2] for pair in pairs}, {pair[2] for pair in pairs})
    assert len(graphs) == 142 and len(pairs) == len(classes) == len(found) == 480


def test_the_key_of_a_graph_does_not_depend_on_the_graphs_beside_it():
    """Of other sizes, other names and other numbers of edges, and without any."""
    graphs = [np.array(graph.edges(), int).reshape(-1, 2) for graph in nx.graph_atlas_g()[:120]]
    named = [edges + 2 * (at % 4) for at, edges in enumerate(graphs)]
    padded = np.full((len(named), max(map(len, named)), 2), -1)
    for row, edges in zip(padded, named, strict=True):
        row[: len(edges)] = edges
    alone = [int(graph_keys(edges[None])[0]) for edges in graphs]
    assert graph_keys(padded).tolist() == alone


def test_trees_have_one_key_exactly_where_they_are_isomorphic():
    trees = [np.array(list(tree.edges())) for tree in nx.nonisomorphic_trees(9)]
    assert len(set(graph_keys(np.stack(trees)).tolist())) == len(trees) == 47


def test_regular_graphs_share_a_key_though_they_differ():
    """The limit of the invariant: no start, and every node like every other."""
    prism, bipartite = nx.circular_ladder_graph(3), nx.complete_bipartite_graph(3, 3)
    prism, bipartite = (np.array(list(graph.edges()))[None] for graph in (prism, bipartite))
    assert graph_keys(prism) == graph_keys(bipartite)
    first, second = (graph_keys(edges, np.array([0])) for edges in (prism, bipartite))
    assert first != second


def test_maps_of_four_letters_have_one_key_exactly_where_they_are_isomorphic():
    """All 256 maps with each start, against the least of all renamings."""
    table = np.array(list(product(range(4), repeat=4)))
    renamings = np.array(list(permutations(range(4))))
    pairs = set()
    for start in range(4):
        key = map_keys(table, np.full(256, start))
        code = [_renamed(table, start, names) for names in renamings]
        pairs |= set(zip(np.min(code, axis=0).tolist(), key.tolist(), strict=True))
    assert len(pairs) == len({code for code, _ in pairs}) == len({key for _, key in pairs})


def _renamed(table, start, names):
    """A number for each map, with its start, after letter i is called names[i]."""
    renamed = np.empty_like(table)
    renamed[:, names] = names[table]
    return renamed @ (4 ** np.arange(4)) + 256 * names[start]


def test_renaming_letters_leaves_an_element_its_structure():
    task = Symbols(length=(3, 5), atoms="ABCD")
    problem = task.draw(np.random.default_rng(0), 300)
    rename = np.append(np.random.default_rng(1).permutation(26), -1)
    again = {**problem, "element": rename[problem["element"]]}
    assert (task.structure(again) == task.structure(problem)).all()
    patterns = {tuple(row[row >= 0].tolist().index(letter) for letter in row[row >= 0]) for row in problem["element"]}
    assert len(np.unique(task.structure(problem))) == len(patterns) > 20


def overlap(task, trained=9600):
    """By default of as many training problems as the claims on symbols train on at `small`: 150 steps of 64."""
    train, test = (
        Split().sample(task, np.random.default_rng(seed), n, part)
        for seed, (n, part) in enumerate(((trained, "train"), (2000, "test")))
    )
    return task.overlap(train, test)


@pytest.mark.parametrize(("length", "share"), [(4, 0.04), (3, 0.64), (2, 0.99)])
def test_test_elements_occur_in_training_chains(length, share):
    """As measured from outside."""
    measured = overlap(Symbols(length=(length,)))
    assert measured["identities"] == 0 and measured["elements_in_chains"] == pytest.approx(share, abs=0.02)


def test_an_answer_without_a_chain_shows_fewer_elements():
    assert overlap(Symbols(cot=False))["elements_in_chains"] < overlap(Symbols())["elements_in_chains"]


@pytest.mark.parametrize(("family", "least", "most"), [("bridge", 1, 1), ("gnm", 0, 0), ("tree", 0.001, 0.1)])
def test_bridges_are_one_graph_and_random_graphs_never_twice_the_same(family, least, most):
    measured = overlap(Connectivity(family=family), trained=2000)
    assert measured["identities"] == 0 and least <= measured["structures"] <= most


def test_one_hop_rechecks_share_every_hop_with_training():
    assert overlap(Recheck(classes=("flat",))) == {"identities": 0, "structures": 1, "first_hops": 1}
    assert 0 < overlap(Recheck(maps="function"))["structures"] < 0.5
