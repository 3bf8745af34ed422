"""Lines and what is measured on them, against networkx and by hand."""

import networkx as nx
import numpy as np
import pytest

from alchemy.problem.task import EOS
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.thinking import harder_gets_longer as claim
from experiments.thinking.harder_gets_longer import by_distance, lengths
from experiments.thinking.lines import ahead, distance, lines


@pytest.fixture(scope="module")
def batch():
    return lines(9, (2, 5), 20).sample(np.random.default_rng(0), 200)


def test_starts_are_ends_and_goals_are_as_far_as_asked(batch):
    problem = batch.problem
    for row in range(len(problem["start"])):
        graph = nx.Graph(problem["edges"][row].tolist())
        start, goal = int(problem["start"][row]), int(problem["targets"][row, problem["right"][row]])
        path = nx.shortest_path(graph, start, goal)
        assert graph.degree(start) == 1
        assert path == problem["trace"][row, : len(path)].tolist()
        assert len(path) - 1 == distance(problem)[row]
    assert set(distance(problem)) == {2, 5}


def test_no_prompt_is_longer_than_another(batch):
    assert len(set(batch.prompt_len)) == 1


def test_a_jump_goes_on_along_the_line(batch):
    task, gold, trace = ahead(lines(9, (2, 5), 20), 2), batch.completions(), batch.problem["trace"]
    changed = task.other_state(batch, gold, 2, np.random.default_rng(0))
    far = distance(batch.problem) == 5
    nodes = changed - task.step_delimiters[0]
    np.testing.assert_array_equal(nodes[far, 1:3], trace[far, 3:5])
    np.testing.assert_array_equal(changed[~far], gold[~far])
    np.testing.assert_array_equal(np.delete(changed, (1, 2), axis=1), np.delete(gold, (1, 2), axis=1))


def test_right_chains_have_a_node_more_than_links(batch):
    task = lines(9, (2, 5), 20)
    np.testing.assert_array_equal(lengths(task, batch.completions()), distance(batch.problem) + 1)
    node = task.step_delimiters[0]
    assert lengths(task, np.array([[node, node, EOS, 0]])).tolist() == [3]  # no answer: all of it


def test_means_by_distance_are_those_of_each():
    values, asked = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]]), np.array([[1, 1, 3], [3, 3, 3]])
    np.testing.assert_array_equal(by_distance(values, asked, np.array([1, 3])), [[1.5, 4.0], [np.nan, 1.0]])


def measured(jumped=-1.5, shorter=0.0, gate=1.0, **slopes):
    """Ten equal seeds as promised, but for what is changed."""
    x = np.arange(1, 14)
    lengths = {
        claim.CHAINS: np.where(x < 4, 11 - x, np.minimum(x + 1, 10)),
        claim.EASY_TOO: np.minimum(x + 1, 10),
        claim.FILLER: np.full(13, 7.0),
        claim.SWAPPED: np.full(13, 7.0),
    }
    lengths |= {claim.CHAINS if name == "chains" else name: values for name, values in slopes.items()}
    arms = {
        name: claim.Arm(
            *(np.tile(np.asarray(part, float), (10, 1)) for part in (values, np.ones(13), np.full(13, gate)))
        )
        for name, values in lengths.items()
    }
    return claim.Measured((4, 8), arms, np.full(10, jumped), 2, np.full(10, shorter))


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"chains": np.where(np.arange(1, 14) < 4, 9.0, 7.0)}, [0]),
        ({"chains": np.where(np.arange(1, 14) < 4, 11 - np.arange(1, 14), np.arange(2, 15))}, [1]),
        ({"chains": np.minimum(np.arange(2, 15), 10)}, [2]),
        ({claim.EASY_TOO: np.full(13, 7.0)}, [3]),
        ({claim.FILLER: np.linspace(5, 8, 13)}, [4]),
        ({claim.SWAPPED: np.linspace(8, 5, 13)}, [5]),
        ({"jumped": -0.2}, [6]),
        ({"shorter": -1.0}, [7]),
    ],
)
def test_what_refutes_it(changes, broken):
    judged = judge(claim.CLAIM, claim.check(measured(**changes)))
    assert [place for place, outcome in enumerate(judged.outcomes) if outcome.verdict is not Verdict.HOLDS] == broken


def test_models_that_do_not_solve_what_was_trained_are_not_judged():
    assert not any(check.passed.any() for check in claim.check(measured(gate=0.5)))
