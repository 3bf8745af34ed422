"""What `new_structures` keeps from training is never trained on, whatever its nodes are called."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np

from experiments.graph_search.new_structures import SMALL, check, divided, structured
from experiments.graph_search.new_structures import Measured as Evidence
from experiments.graph_search.structures import listed


def components(structures, n):
    """Those of `n` graphs, as networkx has them."""
    problem = structured(SMALL, structures).draw(np.random.default_rng(0), n)
    graphs = [nx.Graph(edges[edges[:, 0] >= 0].tolist()) for edges in problem["edges"]]
    return [graph.subgraph(nodes) for graph in graphs for nodes in nx.connected_components(graph)]


def test_every_structure_is_listed_once():
    graphs = [nx.Graph(edges.tolist()) for edges in listed(5, 6)]
    known = [graph for graph in nx.graph_atlas_g() if (len(graph), graph.size()) == (5, 6) and nx.is_connected(graph)]
    assert all(sum(nx.is_isomorphic(graph, other) for other in graphs) == 1 for graph in known)
    assert len(graphs) == len(known) == 5


def test_no_component_that_is_held_out_is_isomorphic_to_one_that_is_trained_on():
    new, others = divided(SMALL, 7)
    assert len(new) == 64 and not set(new) & set(others) and len({*new, *others}) == len(listed(8, 9)) == 231
    trained, tested = components(others[:128], 100), components(new, 20)
    assert len(trained) == 200 and all(len(graph) == 8 and graph.size() == 9 for graph in trained + tested)
    assert not any(nx.is_isomorphic(graph, other) for graph in tested for other in trained)
    assert any(nx.is_isomorphic(*pair) for pair in combinations(trained, 2))
    assert divided(SMALL, 8)[0] != new, "another seed holds out others"


def test_values_refute():
    """Each check fails on its own."""
    seeds = np.full(10, 1.0)

    def held(trained, new_few, new_many):
        measured = Evidence(
            {4: seeds, 128: seeds * trained}, {4: seeds * new_few, 128: seeds * new_many}, {4: seeds, 128: seeds}
        )
        return [bool((part.low <= part.values[0]) & (part.values[0] <= part.high)) for part in check(measured)]

    assert held(0.98, 0.6, 0.96) == [True, True, True]
    assert held(0.89, 0.6, 0.88) == [False, True, True]
    assert held(0.98, 0.6, 0.92) == [True, False, True]
    assert held(0.98, 0.9, 0.96) == [True, True, False]
