"""Reachability: lines are what networkx finds in them, halves are isomorphic, and laws those of Bayes over all names."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise, permutations

import networkx as nx
import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.task import PAD, Field
from tasks.reachability import Reachability, laws, search

TASK = Reachability()
SMALL = Reachability(widths=(2, 1), extra=1, depths=(1, 2))
EDGES, QUESTION = "A b A c B d C d E f E g F h G h", "a h d"
PROMPT = f"{EDGES} {QUESTION} <think>"
tasks = st.builds(
    Reachability,
    st.sampled_from([(2, 2, 1), (1, 3, 2), (2, 1), (3, 2, 2, 1)]),
    st.integers(0, 1),
    st.sampled_from([(1, 2), (2,)]),
    st.sampled_from(["path", "frontiers", "none"]),
    st.integers(0, 3),
    st.integers(0, 2),
)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def read(line):
    """The graph of a line, start, candidates, thoughts, the chain and the answer."""
    prompt, completion = line.split(" <think> ")
    words = prompt.split()
    thoughts = words.count("<thought>")
    words, behind = words[: len(words) - thoughts], words[len(words) - thoughts :]
    assert set(behind) <= {"<thought>"}
    ends, (start, *candidates) = words[:-3], words[-3:]
    chain, answer = completion.split("<answer> ")
    graph = nx.DiGraph((tail.lower(), head) for tail, head in zip(ends[::2], ends[1::2], strict=True))
    return graph, start, candidates, thoughts, chain.split(), answer


@settings(max_examples=60, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16))
def test_a_line_says_what_networkx_finds_in_it(task, seed):
    for tokens in sample(task, 6, seed).tokens:
        graph, start, candidates, thoughts, chain, answer = read(task.show(tokens))
        assert graph.number_of_edges() == task.edges and len(graph) == task.nodes and thoughts == task.thoughts
        assert [node for node in candidates if nx.has_path(graph, start, node)] == [answer]
        far = nx.single_source_shortest_path_length(graph, start)
        assert far[answer] in task.depths
        assert Counter(far.values()) == Counter(dict(enumerate((1, *task.widths))))
        if task.trace == "path":
            path = min(path[1:] for path in nx.all_shortest_paths(graph, start, answer))
            assert chain == path[task.left_out :]
        elif task.trace == "frontiers":
            listed = sorted(far, key=lambda node: (far[node], node))
            assert chain == [node for node in listed if far[node] > task.left_out]
        else:
            assert not chain


@settings(max_examples=30, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16))
def test_the_halves_are_one_graph_and_the_candidates_one_node_of_it(task, seed):
    for tokens in sample(task, 4, seed).tokens:
        graph, start, candidates, *_ = read(task.show(tokens))
        halves = [graph.subgraph(nodes) for nodes in nx.weakly_connected_components(graph)]
        assert len(halves) == 2
        for half in halves:
            for node in half:
                half.nodes[node]["asked"] = node in candidates
        same = nx.algorithms.isomorphism.categorical_node_match("asked", False)
        assert nx.is_isomorphic(*halves, node_match=same)
        for counts in (
            graph.in_degree,
            graph.out_degree,
            {node: len(nx.ancestors(graph, node)) for node in candidates},
        ):
            assert len({counts[node] for node in candidates}) == 1
        assert sum(not graph.in_degree(node) for node in graph) == 2
        assert not graph.in_degree(start)


def test_names_places_and_candidates_are_any_alike():
    n = 20_000
    batch = sample(TASK, n)
    problem, (to, right) = batch.problem, search.reached(batch.problem, TASK.nodes)
    np.testing.assert_allclose(np.bincount(problem["start"]) / n, 1 / 12, atol=0.01)
    np.testing.assert_allclose(np.bincount(right) / n, 1 / 12, atol=0.01)
    np.testing.assert_allclose(np.bincount(to.max(axis=1))[1:] / n, 1 / 3, atol=0.02)
    assert abs((right == problem["candidates"][:, 0]).mean() - laws.guess()) < 0.015, "the first one"
    assert abs((right == problem["candidates"].max(axis=1)).mean() - laws.guess()) < 0.015, "the larger name"
    last = np.stack(
        [(problem["edges"][..., 1] == node[:, None])[:, ::-1].argmax(axis=1) for node in problem["candidates"].T]
    )
    later = problem["candidates"].T[last.argmin(axis=0), np.arange(n)]
    assert abs((right == later).mean() - laws.guess()) < 0.015, "the one to which an edge is written last"


@pytest.mark.parametrize(
    ("depth", "onward", "back"), [(2, 1, 0), (2, 0, 1), (3, 1, 1), (3, 2, 0), (2, 1, 1), (3, 1, 2)]
)
def test_who_sees_few_edges_is_right_as_often_as_bayes_says(depth, onward, back):
    """All names of two chains, of which so many edges are seen from the start onwards and from the candidates back."""
    seen = defaultdict(Counter)
    length = 3
    for names in permutations(range(2 * (length + 1))):
        halves = names[: length + 1], names[length + 1 :]
        for first in (0, 1):
            candidates = halves[first][depth], halves[1 - first][depth]
            if names[0] or candidates[0] != 1 or candidates[1] != 2:  # any three names are as likely
                continue
            edges = {edge for half in halves for edge in pairwise(half)}
            shown = set()
            for steps, at, end in ((onward, {halves[0][0]}, 0), (back, set(candidates), 1)):
                for _ in range(steps):
                    found = {edge for edge in edges if edge[end] in at}
                    at = {edge[1 - end] for edge in found}
                    shown |= found
            seen[frozenset(shown)][first] += 1
    right = sum(max(answers.values()) for answers in seen.values()) / sum(map(Counter.total, seen.values()))
    assert right == laws.within((depth,), onward + back)


def test_laws_of_several_depths_are_their_mean():
    assert laws.within((1, 2, 3), 0) == 0.5
    assert laws.within((1, 2, 3), 2) == pytest.approx((1 + 1 + 0.5) / 3)
    assert laws.within((1, 2, 3), 3) == 1


@pytest.mark.parametrize(
    "task",
    [TASK, SMALL, replace(TASK, left_out=1), Reachability(widths=(3, 2, 2, 1), depths=(4,), thoughts=2, left_out=2)],
)
def test_every_node_of_a_path_can_be_another(task):
    batch = sample(task)
    for step in range(task.chain_len):
        check_step(task, batch, step, np.random.default_rng(step))


def test_behind_a_changed_node_the_path_goes_on_to_the_candidate_that_is_as_far():
    batch = SMALL.write(SMALL.parse(PROMPT))
    assert SMALL.vocabulary.decode(batch.completions()[0]) == "b d <answer> d"

    def followed(chain, step):
        written = np.array([SMALL.vocabulary.encode(chain)], np.int32)
        return SMALL.vocabulary.decode(SMALL.follow(batch, written, step)[0])

    assert followed("c", 0) == "c d <answer> d"
    assert followed("g", 0) == "g h <answer> h"
    assert followed("b h", 1) == "b h <answer> h", "the step before is not checked"
    for nothing, step in (("d", 0), ("a", 0), ("z", 0), ("<answer>", 0), ("b c", 1), ("b", 1), ("b d d", 2)):
        assert followed(nothing, step) == ""
    with pytest.raises(UserError, match="does not say what follows"):
        replace(SMALL, trace="frontiers").follow(batch, batch.completions(), 0)


def test_steps_are_marked_by_what_they_follow_from():
    def marks(text, **fields):
        task = replace(SMALL, **fields)
        return [step.mark for step in task.text_steps(task.parse(PROMPT), text)]

    assert marks("b d <answer> d") == ["ok"] * 3
    assert marks("g h <answer> h") == ["wrong", "follows", "follows"]
    assert marks("c d <answer> d") == ["wrong", "follows", "follows"], "of two paths the first by name is asked for"
    assert marks("b d <answer> h") == ["ok", "ok", "wrong"]
    assert marks("b d") == ["ok", "ok", "wrong"]
    assert marks("b c d <answer> d", trace="frontiers") == ["ok"] * 4
    assert marks("c b d <answer> d", trace="frontiers") == ["wrong", *["wrong after"] * 2, "follows"]
    assert marks("<answer> d", trace="none") == ["ok"]


def test_a_graph_is_in_one_part_in_any_order_with_any_question():
    problem = TASK.draw(np.random.default_rng(0), 300)
    again = problem | {"edges": problem["edges"][:, ::-1], "candidates": problem["candidates"][:, ::-1]}
    again["start"] = TASK.other_root(problem)["start"]
    np.testing.assert_array_equal(TASK.identity(problem), TASK.identity(again))
    np.testing.assert_array_equal(TASK.structure(problem), TASK.structure(again))
    assert len(set(TASK.identity(problem).tolist())) == 300
    rename = np.random.default_rng(1).permutation(12).astype(np.int8)
    other = {name: rename[values] for name, values in problem.items()}
    np.testing.assert_array_equal(TASK.structure(problem), TASK.structure(other))
    assert not np.isin(TASK.identity(other), TASK.identity(problem)).any()
    assert len(set(TASK.structure(problem).tolist())) == 4


def test_a_graph_with_a_noise_symbol_is_another_one_and_noise_elsewhere_changes_none():
    noisy = replace(TASK, noise=TASK.shift("noise=insert:1.0:edges").changes["noise"])
    batch = sample(noisy, 20)
    assert not np.isin(noisy.surface(batch), noisy.identity(batch.problem)).any()
    question = replace(TASK, noise=TASK.shift("noise=modify:1.0:question").changes["noise"])
    batch = sample(question, 20)
    np.testing.assert_array_equal(question.surface(batch), question.identity(batch.problem))
    whole = SMALL.write(SMALL.parse(PROMPT))
    for edge in range(SMALL.edges):
        tokens, field = (np.delete(part, edge, axis=1) for part in (whole.tokens, whole.field))
        lost = whole._replace(tokens=tokens, field=field, prompt_len=whole.prompt_len - 1)
        assert SMALL.surface(lost) != SMALL.identity(whole.problem)


def test_asked_from_the_other_root_the_other_candidate_is_right():
    batch = sample(TASK, 200)
    other = TASK.other_root(batch.problem)
    (far, right), (to, wrong) = search.reached(batch.problem, 12), search.reached(other, 12)
    assert (right != wrong).all() and (far.max(axis=1) == to.max(axis=1)).all()
    np.testing.assert_array_equal(np.sort(batch.problem["candidates"]), np.sort(np.stack([right, wrong], axis=1)))
    again = TASK.other_root(other)
    for name, values in batch.problem.items():
        np.testing.assert_array_equal(values, again[name])


def test_with_the_names_of_the_roots_exchanged_the_other_candidate_is_right():
    batch = sample(TASK, 200)
    other = TASK.exchanged(batch.problem)
    assert (search.reached(other, 12)[1] == search.reached(TASK.other_root(batch.problem), 12)[1]).all()
    changed = (other["edges"] != batch.problem["edges"]).any(axis=2)
    assert (changed.sum(axis=1) == 4).all(), "the edges from the two roots alone"
    for name in ("start", "candidates"):
        np.testing.assert_array_equal(other[name], batch.problem[name])
    np.testing.assert_array_equal(TASK.exchanged(other)["edges"], batch.problem["edges"])


def test_frontiers_are_what_the_chain_lists():
    task = replace(TASK, trace="frontiers")
    batch = sample(task, 50)
    listed = task.node(batch.completions()[:, :5])
    for row, frontiers in enumerate(task.frontiers(batch.problem)):
        assert [np.flatnonzero(nodes).tolist() for nodes in frontiers] == [
            *(listed[row, :2].tolist(), listed[row, 2:4].tolist(), listed[row, 4:].tolist())
        ]


@pytest.mark.parametrize("task", [TASK, replace(TASK, trace="frontiers", thoughts=3), replace(SMALL, trace="none")])
def test_prompts_are_read_back(task):
    batch = sample(task, 30)
    for row in range(30):
        problem = task.parse(task.show(batch.prompts()[row]))
        for name, values in problem.items():
            assert values.dtype == batch.problem[name].dtype
        np.testing.assert_array_equal(task.write(problem).tokens[0], batch.tokens[row])


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "is not 8 edges, start, two candidates, <think>, of nodes from a to h"),
        ("<think>", "is not 8 edges"),
        (f"{EDGES} {QUESTION}", "is not 8 edges"),
        (f"{EDGES} a d <think>", "is not 8 edges"),
        (f"{EDGES} {QUESTION} <thought> <think>", "is not 8 edges"),
        (PROMPT.replace("A b", "a b"), "is not 8 edges"),
        (PROMPT.replace("A b", "A B"), "is not 8 edges"),
        (PROMPT.replace("A b", "A i"), "is not 8 edges"),
        (PROMPT.replace("a h d", "a h g"), "has no candidate, or two, that 1 or 2 edges lead to"),
        (PROMPT.replace("a h d", "a b d"), "has no candidate, or two"),
        (
            PROMPT.replace("E f", "B h").replace("a h d", "a g d"),
            "has (2, 2) nodes at distance 1, 2, ... from the start, not (2, 1)",
        ),
        (PROMPT.replace("E f", "D f").replace("a h d", "a g d"), "has (2, 1) nodes at distance"),
        (PROMPT.replace("A c", "E c"), "has (1, 1) nodes at distance"),
        ("3 <think>", "unknown symbol '3'"),
    ],
)
def test_what_is_no_prompt_is_the_users_error(prompt, says):
    with pytest.raises(UserError) as fault:
        SMALL.parse(prompt)
    assert says in str(fault.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"widths": ()}, "are not numbers of nodes"),
        ({"widths": (2, 0)}, "are not numbers of nodes"),
        ({"widths": (9, 4)}, "make 28 nodes, of at most 26"),
        ({"extra": 4}, "extra 4 is outside 0 to 3"),
        ({"extra": -1}, "extra -1 is outside"),
        ({"depths": ()}, "are not distances from 1 to 3"),
        ({"depths": (4,)}, "are not distances from 1 to 3"),
        ({"trace": "frontier"}, "did you mean|is unknown"),
        ({"thoughts": 17}, "thoughts 17 is outside 0 to 16"),
        ({"left_out": 4}, "left_out 4 is outside 0 to 3"),
        ({"left_out": -1}, "left_out -1 is outside"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        replace(TASK, **fields)
    assert replace(TASK, extra=3) and replace(TASK, widths=(9, 3), depths=(1,), extra=0)


def test_shifts_are_on_three_axes():
    sizes = {name: TASK.shift(name).size for name in TASK.shifts if not name.startswith("noise")}
    assert sizes == {"extra=0": 1, "extra=2": 1}
    near = replace(TASK, depths=(1,))
    assert {axis for name in near.shifts for axis in near.shift(name).axis} == {Axis.LENGTH, Axis.TASK, Axis.FORMAT}
    assert near.shift("depth=3").size == 2 and near.shifts[:2] == ("depth=2", "depth=3")
    stage = TASK.shift("thoughts=2+left_out=1")
    assert stage.axis == (Axis.FORMAT,) and stage.size == 3
    assert stage(TASK) == replace(TASK, thoughts=2, left_out=1) and TASK.shift("thoughts=0+left_out=0")(TASK) == TASK
    for name, says in (
        ("depth=0", "a distance"),
        ("extra=-1", "a number of edges"),
        ("thoughts=x", "a number of thoughts"),
        ("left_out=", "a number of steps"),
    ):
        with pytest.raises(UserError, match=says):
            TASK.shift(name)


def test_features_say_how_far_the_answer_is_and_how_many_edges_lead_to_it():
    features = SMALL.features(SMALL.parse(PROMPT))
    assert {name: values.tolist() for name, values in features.items()} == {"depth": [2], "in_degree": [2]}


def test_the_wording_fits_the_format():
    assert "shortest path" in TASK.instructions and "<thought>" not in TASK.instructions
    other = replace(TASK, trace="frontiers", thoughts=2)
    assert "from near to far" in other.instructions and "<thought>" in other.instructions
    assert "the next 2 left out" in replace(TASK, left_out=2).instructions
    assert "the first 1 distances left out" in replace(other, left_out=1).instructions
    direct = replace(TASK, trace="none", thoughts=3)
    batch = sample(direct, 8)
    assert batch.completions().shape == (8, 3) and batch.field.max() < Field.STEP and not direct.state_tokens
    assert (batch.text[:, direct.first_thought : direct.first_thought + 3] == direct.thought_id).all()
    assert batch.text[0, direct.longest_prompt - 1] == direct.vocabulary.index["<think>"]
    assert not (batch.tokens[:, direct.edges :, 1] != PAD).any(), "edges alone carry two ids"


def test_a_line_is_as_long_with_thoughts_in_place_of_steps():
    """Stage by stage a node of the path becomes a thought; behind the last, lines are those without a chain."""
    problem = TASK.draw(np.random.default_rng(0), 50)
    stages = [TASK.shift(f"thoughts={steps}+left_out={steps}")(TASK) for steps in range(4)]
    lines = [stage.write(problem) for stage in stages]
    assert {line.tokens.shape for line in lines} == {(50, TASK.clean_len, 2)}
    for stage, line in zip(stages, lines, strict=True):
        whole = lines[0].completions()
        nodes = (stage.node(whole) >= 0).sum(axis=1) - 1  # the answer is said once more
        for row, completion in enumerate(line.completions()):
            behind = whole[row, min(stage.left_out, nodes[row]) :]
            np.testing.assert_array_equal(completion[completion != PAD], behind[behind != PAD])
        assert stage.verify(line, line.completions()).trace.all()
    alone = replace(TASK, trace="none", thoughts=3)
    np.testing.assert_array_equal(lines[3].tokens, alone.write(problem).tokens)
    assert stages[2].state_tokens and not stages[3].state_tokens and not stages[3].chain_len
