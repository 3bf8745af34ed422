"""Graphs of chosen diameters against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from alchemy.errors import UserError
from tasks.connectivity.diameters import APART, chains, component, drawn, relabelled


def by_networkx(away):
    """Distances in the graph whose edges are where distances are 1."""
    graph = nx.from_numpy_array(away == 1)
    lengths = dict(nx.all_pairs_shortest_path_length(graph))
    return np.array([[lengths[one].get(other, APART) for other in graph] for one in graph])


@pytest.mark.parametrize("diameters", [(2, 3), (4, 9), (5, 5)])
def test_distances_are_those_of_the_graph_and_the_largest_component_has_a_diameter_between_the_two(diameters):
    graphs = drawn(np.random.default_rng(3), 60, 12, diameters)
    for away in graphs:
        assert (away == by_networkx(away)).all()
        parts = sorted(nx.connected_components(nx.from_numpy_array(away == 1)), key=len)
        assert len(parts) > 1 and len(parts[-1]) >= 6
        spans = [away[np.ix_([*part], [*part])].max() for part in parts]
        assert diameters[0] <= max(spans) <= diameters[1]
    assert set(graphs.max(axis=(1, 2))) == set(range(diameters[0], diameters[1] + 1)), "each is drawn"


def test_a_component_is_no_path_for_want_of_other_nodes_and_has_shortcuts():
    rng = np.random.default_rng(0)
    many = [component(rng, 9, 4) for _ in range(40)]
    edges = {int((away == 1).sum()) // 2 for away in many}
    assert min(edges) == 8 and max(edges) > 10
    assert all(away.max() == 4 for away in many)
    assert (component(rng, 4, 1) == 1 - np.eye(4)).all() and (component(rng, 1, 0) == 0).all()


def test_chains_are_paths_of_one_length():
    [away] = chains(6, 3)
    assert away[0].tolist() == [0, 1, 2, -1, -1, -1] and away[4].tolist() == [-1, -1, -1, 1, 0, 1]
    with pytest.raises(UserError, match="chains of 4 nodes do not add up to 6"):
        chains(6, 4)


def test_relabelled_graphs_are_the_shapes_with_other_names():
    [shape] = chains(4, 4)
    graphs = relabelled(np.random.default_rng(1), shape[None], 300)
    assert all(sorted(away.flatten()) == sorted(shape.flatten()) for away in graphs)
    assert len({away.tobytes() for away in graphs}) == 12, "a path of four nodes reads alike from both ends"
    assert all((by_networkx(away) == away).all() for away in graphs[:20])


@pytest.mark.parametrize("diameters", [(1, 3), (10, 11), (4, 3)])
def test_diameters_that_no_component_can_have_are_one_line(diameters):
    with pytest.raises(UserError, match="expected a lower one of 2 to 9 for 12 nodes"):
        drawn(np.random.default_rng(0), 1, 12, diameters)
