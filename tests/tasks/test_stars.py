"""Stars: paths are those that networkx finds in the text, and laws those of readers who follow any arm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.task import PAD, Field
from tasks.stars import Stars, laws, walk

TASK = Stars()
SMALL = Stars(arms=2, length=3, names=10)
EDGES, QUESTION = "C h A e E i C a H f F g", "c i"
PROMPT = f"{EDGES} {QUESTION} <think>"


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def read(line, goal_first=False):
    """The edges of a line's prompt, centre and goal, the words of the chain, and of the answer."""
    prompt, completion = line.split(" <think> ")
    words = prompt.split()
    (centre, goal), ends = (words[:2], words[2:]) if goal_first else (words[-2:], words[:-2])
    chain, answer = completion.split("<answer> ")
    return (
        [(tail.lower(), head) for tail, head in zip(ends[::2], ends[1::2], strict=True)],
        centre,
        goal,
        chain.split(),
        answer.split(),
    )


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from([(3, 4, 20), (2, 3, 10), (2, 1, 3), (5, 5, 26), (25, 1, 26), (2, 12, 25)]),
    path=st.sampled_from(["forward", "reversed"]),
    cot=st.booleans(),
    goal_first=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_a_line_has_the_path_that_networkx_finds_in_it(size, path, cot, goal_first, seed):
    arms, length, names = size
    task = Stars(arms=arms, length=length, names=names, path=path, cot=cot, goal_first=goal_first)
    for tokens in sample(task, 6, seed).tokens:
        edges, centre, goal, chain, answer = read(task.show(tokens), goal_first)
        graph = nx.DiGraph(edges)
        assert len(edges) == len(set(edges)) == arms * length == len(graph) - 1 and nx.is_arborescence(graph)
        assert graph.out_degree(centre) == arms and max(dict(graph.out_degree).values()) == max(arms, 1)
        assert {nx.shortest_path_length(graph, centre, end) for end in graph if not graph.out_degree(end)} == {length}
        assert set(graph) <= set("abcdefghijklmnopqrstuvwxyz"[:names]) and not graph.out_degree(goal)
        found = nx.shortest_path(graph, centre, goal)[1:]
        assert answer == (found if path == "forward" else found[::-1]) and chain == found[::-1] * cot


def test_names_orders_and_goals_are_any_alike():
    task = Stars(arms=2, length=2, names=6)
    problem = task.draw(np.random.default_rng(0), 40_000)
    np.testing.assert_allclose(np.bincount(problem["centre"]) / 40_000, 1 / 6, atol=0.01)
    for at in range(4):
        np.testing.assert_allclose(np.bincount(problem["order"][:, at]) / 40_000, 1 / 4, atol=0.01)
        np.testing.assert_allclose(np.bincount(problem["arms"].reshape(-1, 4)[:, at]) / 40_000, 1 / 6, atol=0.01)
    orders = np.unique(problem["order"], axis=0, return_counts=True)[1]
    assert len(orders) == 24 and orders.min() / orders.max() > 0.8
    first = task.features(problem)
    assert abs(np.mean(first["edge_to_goal"] < first["edge_to_first"]) - 1 / 2) < 0.01, "no order tells the arm"


def test_a_step_leads_from_each_node_to_the_one_before_it_or_behind_it():
    problem = TASK.draw(np.random.default_rng(1), 50)
    back, onward = walk.back(problem), walk.onward(problem)
    for row in range(50):
        edges = list(zip(*(ends[row].tolist() for ends in walk.edges(problem)), strict=True))
        centre = problem["centre"][row]
        for node in range(26):
            assert [back[row, node]] == ([tail for tail, head in edges if head == node] or [-1])
            assert [onward[row, node]] == ([head for tail, head in edges if tail == node != centre] or [-1])
    assert (back[:, -1] == -1).all() and (onward[:, -1] == -1).all()
    assert walk.walk(back, problem["arms"][:, 0, -1], 5)[:, 3:].tolist() == [[c, -1] for c in problem["centre"]]


@pytest.mark.parametrize(("arms", "length"), [(2, 4), (3, 2), (5, 1)])
def test_who_follows_any_arm_scores_what_the_laws_say(arms, length):
    """Edges of the text alone: go on from the centre along any of its edges, from each other node along its only one."""
    task, right, shown, n = Stars(arms=arms, length=length, cot=False), 0, 0, 600
    rng = np.random.default_rng(3)
    for tokens in sample(task, n).tokens:
        edges, centre, _, _, answer = read(task.show(tokens))
        onward = {tail: head for tail, head in edges if tail != centre}
        guess = [rng.choice([head for tail, head in edges if tail == centre])]
        shown += (guess == answer[:1]) + sum(onward[node] == then for node, then in pairwise(answer))
        while guess[-1] in onward:
            guess.append(onward[guess[-1]])
        right += guess == answer
    assert right / n == pytest.approx(laws.guess_arm(arms), abs=0.06)
    assert shown / (n * length) == pytest.approx(laws.teacher_forced(arms, length), abs=0.06 / length)


@pytest.mark.parametrize(
    "task", [TASK, SMALL, replace(SMALL, path="reversed"), Stars(arms=5, length=1), replace(TASK, goal_first=True)]
)
def test_every_step_can_be_another(task):
    batch = sample(task)
    for step in range(task.length):
        check_step(task, batch, step, np.random.default_rng(step))
        other = task.node(task.other_state(batch, batch.completions(), step, np.random.default_rng(step))[:, step])
        place = batch.problem["arms"] == other[:, None, None]
        assert place[:, 1:, task.length - 1 - step].any(axis=1).all(), "another arm, as far from the centre"


def test_behind_a_changed_node_the_walk_goes_on_from_it_and_the_path_is_that_of_all_nodes_walked_through():
    batch = SMALL.write(SMALL.parse(PROMPT))
    assert SMALL.vocabulary.decode(batch.completions()[0]) == "i e a <answer> a e i"

    def followed(chain, step, task=SMALL):
        written = np.array([task.vocabulary.encode(chain)], np.int32)
        return task.vocabulary.decode(task.follow(batch, written, step)[0])

    assert followed("g", 0) == "g f h <answer> h f g"
    assert followed("g", 0, replace(SMALL, path="reversed")) == "g f h <answer> g f h"
    assert followed("i f", 1) == "i f h <answer> h f i"
    assert followed("i e h", 2) == "i e h <answer> h e i"
    assert followed("g f a", 2) == "g f a <answer> a f g", "the steps before are not checked"
    for nothing, step in (("f", 0), ("c", 0), ("b", 0), ("<answer>", 0), ("i g", 1), ("i", 1), ("i e c", 2)):
        assert followed(nothing, step) == ""
    assert (SMALL.follow(batch, np.zeros((1, 0), np.int32), 0) == PAD).all()


def test_steps_are_marked_by_what_they_follow_from():
    def marks(text, **fields):
        task = replace(SMALL, **fields)
        return [step.mark for step in task.text_steps(task.parse(PROMPT), text)]

    assert marks("i e a <answer> a e i") == ["ok"] * 6
    assert marks("g f h <answer> h f g") == ["wrong", *["follows"] * 5]
    assert marks("g f h <answer> a e i") == ["wrong", "follows", "follows", *["wrong after"] * 3]
    assert marks("i f h <answer> h f i") == ["ok", "wrong", *["follows"] * 4]
    assert marks("i e a <answer> h f g") == ["ok", "ok", "ok", "wrong", "wrong after", "wrong after"]
    assert marks("i e a") == ["ok", "ok", "ok", "wrong"]
    assert marks("i e a <answer> a e i c") == ["ok"] * 6 + ["wrong"]
    assert marks("c b <answer> b c") == ["wrong", "wrong after", "follows", "follows", "wrong after"], (
        "nothing before c"
    )
    direct = {"cot": False}
    assert marks("<answer> a e i", **direct) == ["ok"] * 3
    assert marks("<answer> h f g", **direct) == ["wrong", "follows", "follows"], "any arm, and then along it"
    assert marks("<answer> h f i", **direct) == ["wrong", "follows", "wrong after"]
    assert marks("<answer> i e a", path="reversed", **direct) == ["ok"] * 3
    assert marks("<answer> g f h", path="reversed", **direct) == ["wrong", "follows", "follows"]


def test_a_star_is_in_one_part_in_any_order_with_any_goal():
    problem = TASK.draw(np.random.default_rng(0), 300)
    again = problem | {"arms": problem["arms"][:, ::-1], "order": problem["order"][:, ::-1]}
    np.testing.assert_array_equal(TASK.identity(problem), TASK.identity(again))
    assert len(set(TASK.identity(problem).tolist())) == 300
    assert set(TASK.structure(problem)) == set(TASK.structure(TASK.draw(np.random.default_rng(1), 9)))
    assert not set(TASK.structure(problem)) & set(SMALL.structure(SMALL.draw(np.random.default_rng(1), 9)))


def test_a_star_with_a_noise_symbol_is_another_one_whatever_the_order():
    task = replace(TASK, noise=TASK.shift("noise=insert:1.0:edges").changes["noise"])
    batch = sample(task, 20)
    assert not np.isin(task.surface(batch), task.identity(batch.problem)).any()
    question = replace(TASK, noise=TASK.shift("noise=modify:1.0:question").changes["noise"])
    batch = sample(question, 20)
    np.testing.assert_array_equal(question.surface(batch), question.identity(batch.problem))
    whole = SMALL.write(SMALL.parse(PROMPT))
    for edge in range(SMALL.edges):
        tokens, field = (np.delete(part, edge, axis=1) for part in (whole.tokens, whole.field))
        lost = whole._replace(tokens=tokens, field=field, prompt_len=whole.prompt_len - 1)
        assert SMALL.surface(lost) != SMALL.identity(whole.problem)


@pytest.mark.parametrize(
    "task", [TASK, SMALL, replace(SMALL, goal_first=True, cot=False), Stars(arms=25, length=1, names=26)]
)
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
        ("", "is not 6 edges, centre and goal, <think>, of nodes from a to j"),
        ("<think>", "is not 6 edges"),
        (f"{EDGES} {QUESTION}", "is not 6 edges"),
        (f"{EDGES} c <think>", "is not 6 edges"),
        (f"{EDGES} I j {QUESTION} <think>", "is not 6 edges"),
        (PROMPT.replace("C h", "c h"), "is not 6 edges"),
        (PROMPT.replace("C h", "C H"), "is not 6 edges"),
        (PROMPT.replace("C h", "C k"), "is not 6 edges"),
        (PROMPT.replace("c i", "c e"), "one of which ends in the goal e"),
        (PROMPT.replace("c i", "a i"), "is no star: expected 2 arms of 3 nodes from the centre a"),
        (PROMPT.replace("F g", "E g"), "is no star"),
        (PROMPT.replace("F g", "F i"), "is no star"),
        (PROMPT.replace("E i", "E a"), "is no star"),
        (PROMPT.replace("F g", "F h"), "is no star"),
        ("3 <think>", "unknown symbol '3'"),
    ],
)
def test_what_is_no_prompt_is_the_users_error(prompt, says):
    with pytest.raises(UserError, match=says):
        SMALL.parse(prompt)
    with pytest.raises(UserError, match="is not centre and goal, 6 edges, <think>"):
        replace(SMALL, goal_first=True).parse(PROMPT)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"arms": 1}, "arms 1 is below 2"),
        ({"length": 0}, "length 0 is below 1"),
        ({"names": 27}, "names 27 is outside 2 to 26"),
        ({"arms": 4, "length": 5}, "4 arms of length 5 have 21 nodes; names 20 leave room for a length of 4"),
        ({"arms": 20}, "names 20 are too few"),
        ({"path": "backward"}, "'backward' is unknown"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Stars(**fields)
    assert Stars(arms=4, length=5, names=21) and Stars(arms=19, length=1)


def test_shifts_are_on_three_axes():
    sizes = {name: TASK.shift(name).size for name in TASK.shifts if not name.startswith("noise")}
    assert sizes == {
        "arms=2": 1,
        "arms=4": 1,
        "names=26": 6,
        "length=3": 1,
        "length=5": 1,
        "length=6": 2,
        "goal_first=on": 1,
    }
    assert {axis for name in TASK.shifts for axis in TASK.shift(name).axis} == {Axis.TASK, Axis.LENGTH, Axis.FORMAT}
    back = replace(TASK, goal_first=True)
    assert "goal_first=off" in back.shifts and not back.shift("goal_first=off")(back).goal_first
    assert [name for name in replace(TASK, names=26).shifts if name[:5] in ("arms=", "names")] == [
        *("arms=2", "arms=4", "arms=5")
    ]
    with pytest.raises(UserError, match="'yes' is not on or off"):
        TASK.shift("goal_first=yes")


def test_features_say_where_the_edges_stand():
    features = SMALL.features(SMALL.parse(PROMPT))
    assert {name: values.tolist() for name, values in features.items()} == {"edge_to_goal": [2], "edge_to_first": [3]}


def test_the_wording_fits_the_format():
    assert "walk back" in TASK.instructions and "in the order of the path" in TASK.instructions
    other = replace(TASK, cot=False, path="reversed", goal_first=True).instructions
    assert "walk back" not in other and "from the goal backwards" in other and "before them two nodes" in other
    batch = sample(replace(TASK, cot=False), 8)
    assert batch.completions().shape == (8, 6) and batch.field.max() < Field.STEP
