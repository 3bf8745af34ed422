"""Connectivity: its problems against networkx, its verdicts, its text, its shifts."""

from __future__ import annotations

import json
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.problem.shift import Axis, Noise
from alchemy.problem.split import Split
from alchemy.problem.task import (
    EOS,
    NOISE,
    PAD,
    Field,
)
from tasks.connectivity import Connectivity
from tasks.connectivity.graphs import FAMILIES

TASKS = {
    "bridge": Connectivity(),
    "bridge 3": Connectivity(depth=3, ids=62, trace="path"),
    "flat": Connectivity(encoding="flat", trace="shortest"),
    "commas": Connectivity(encoding="flat", separator=True, trace="dfs-bt", distractors=2),
    "tree": Connectivity(family="tree", trace="bfs", pair="random"),
    "gnm": Connectivity(family="gnm", trace="walk-14", encoding="flat"),
    "grid": Connectivity(family="grid", depth=3, width=4, trace="dfs"),
    "flat grid": Connectivity(family="grid", depth=3, width=4, trace="path", encoding="flat", separator=True),
    "caterpillar": Connectivity(family="caterpillar", depth=2, trace="walk_mix-9", pair="random"),
    "comb": Connectivity(family="comb", depth=3, trace="dfs-bt"),
    "cycle": Connectivity(family="cycle", nodes=8, trace="shortest", order="sorted"),
    "two-path": Connectivity(family="two-path", trace="none", orientation="sorted"),
    "no trace": Connectivity(trace="none", encoding="flat", order="sorted", orientation="sorted"),
    "names": Connectivity(reserved=6, strange=2, trace="dfs", distractors=2),
    "budget": Connectivity(budget=6),
}
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def sample(task, n=200, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def as_networkx(edges):
    return nx.Graph(edges[edges[:, 0] >= 0].tolist())


def in_text(task, tokens):
    """The edges, start and candidates of a clean prompt, read word by word."""
    words = task.show(tokens).split()
    graph = [int(word) for word in words[3 : words.index("]")] if word != ","]
    ask = words.index("task")
    return (
        list(zip(graph[::2], graph[1::2], strict=True)),
        int(words[ask + 2]),
        [int(words[ask + 4]), int(words[ask + 6])],
    )


@each_task
def test_exactly_one_candidate_is_connected(task):
    batch = sample(task)
    for row, tokens in enumerate(batch.tokens):
        edges, start, targets = in_text(task, tokens)
        graph, problem = nx.Graph(edges), batch.rows([row]).problem
        right, wrong = (targets[int(problem["right"][0]) ^ other] for other in (0, 1))
        assert nx.has_path(graph, start, right) and not nx.has_path(graph, start, wrong) and start != right
        assert edges == [tuple(edge) for edge in problem["edges"][0].tolist() if edge[0] >= 0]
        assert [start, *targets] == [*problem["start"].tolist(), *problem["targets"][0].tolist()]
        parts = sorted(map(len, nx.connected_components(graph)))
        assert parts == [task.component.size] * (task.distractors + 1) and len(graph) == task.graph_nodes
        assert graph.number_of_edges() == len(edges) <= task.max_edges
        assert (sum(name >= task.ids - task.reserved for name in graph)) == task.strange


@each_task
def test_traces_lead_to_the_target(task):
    problem = sample(task).problem
    assert problem["trace"].shape == (200, task.longest_trace)
    for row, trace in enumerate(problem["trace"]):
        graph, listed = as_networkx(problem["edges"][row]), trace[trace >= 0].tolist()
        assert (trace[len(listed) :] == -1).all()
        if task.trace == "none":
            assert not listed
            continue
        assert (listed[0], listed[-1]) == (problem["start"][row], problem["targets"][row, problem["right"][row]])
        assert all(set(graph[node]) & set(listed[:place]) for place, node in enumerate(listed) if place)
        if task.trace in ("shortest", "path", "dfs-bt") or task.trace.startswith("walk"):
            assert nx.is_path(graph, listed)
        if task.trace == "shortest":
            assert len(listed) - 1 == nx.shortest_path_length(graph, listed[0], listed[-1])


@each_task
def test_every_batch_has_the_shape_that_max_len_says(task):
    for n in (0, 1, 40):
        assert sample(task, n).tokens.shape == (n, task.max_len, 1 if task.encoding == "flat" else 2)
        assert (sample(task, n).prompt_len >= task.shortest_prompt).all() and task.shortest_prompt > 4


def test_the_layout_of_both_encodings():
    for depth in (1, 2, 3):
        for encoding, most in (("flat", 44 * depth + 13), ("edges", 22 * depth + 4)):
            task = Connectivity(depth=depth, encoding=encoding, ids=62)
            assert (sample(task).prompt_len == most).all() and task.longest_prompt == most
    assert len(Connectivity(ids=62).vocabulary) == 62 + 15
    task = Connectivity()
    [row], [field] = (sample(task, 1)[i] for i in (0, 2))
    first = task.vocabulary.index["0"]
    assert (row[:22] >= first).all() and (row[22:, 1] == PAD).all() and row[25, 0] == task.vocabulary.index["/"]
    assert field[:26].tolist() == [0] * 22 + [1] * 3 + [2]
    answer = np.flatnonzero(field == Field.ANSWER)
    assert row[answer[0], 0] == task.vocabulary.index["decision"] and answer[1] == answer[0] + 1
    assert field[26 : answer[0]].tolist() == [Field.STEP + j for j in range(answer[0] - 26)]
    assert row[answer[1] + 1, 0] == EOS


def test_what_is_drawn_is_fair():
    problem = Connectivity(depth=2).draw(np.random.default_rng(0), 8000)
    assert abs(problem["right"].mean() - 0.5) < 0.03
    assert abs((problem["edges"][..., 0] < problem["edges"][..., 1]).mean() - 0.5) < 0.01
    names = np.bincount(problem["start"], minlength=44)
    assert names.min() > 120 and names.max() < 250  # 182 expected
    target = np.take_along_axis(problem["targets"], problem["right"][:, None].astype(int), 1)
    where = (problem["edges"] == target[:, :, None]).any(axis=2).argmax(axis=1)
    assert abs(where.mean() - (44 - 2) / 3) < 0.5  # the first of two edges among 44 in random order


@each_task
def test_the_answers_opening_stands_before_the_node_decided_for(task):
    batch = sample(task, 20)
    for row, gold in zip(batch.rows(np.arange(20)).completion_fields(), batch.completions(), strict=True):
        node = np.flatnonzero((row == Field.ANSWER) & (gold >= task.vocabulary.index["0"]))[-1]
        assert tuple(gold[node - len(task.answer_opening) : node].tolist()) == task.answer_opening
        assert task.vocabulary.decode(np.array(task.answer_opening)) in ("decision", "] decision : [")


CHAIN_MARKS = [
    ("work : [ 0 1 2 3 ] decision : [ 3 ]", "0 1 2 3 decision-3", "ok ok ok ok ok"),
    ("work : [ 0 1 4 2 3 ] decision : [ 3 ]", "0 1 4 2 3 decision-3", "ok ok ok ok ok ok"),
    ("work : [ 0 2 1 3 ] decision : [ 3 ]", "0 2 1 3 decision-3", "ok wrong follows follows follows"),
    ("work : [ 0 5 6 ] decision : [ 6 ]", "0 5 6 decision-6", "ok wrong follows follows"),
    ("work : [ 1 2 0 6 ] decision : [ 6 ]", "1 2 0 6 decision-6", "wrong follows follows wrong-after follows"),
    ("work : [ 0 1 ] decision : [ 3 ]", "0 1 decision-3", "ok ok wrong"),
    ("work : [ 0 1 2 3 ] decision : [ 6 ]", "0 1 2 3 decision-6", "ok ok ok ok wrong"),
    ("work : [ 0 5 ] decision : [ 3 ]", "0 5 decision-3", "ok wrong wrong-after"),
    ("work : [ 0 99999 1 ] decision : [ 3 ]", "0 (no-node) 1 decision-3", "ok wrong follows wrong-after"),
    ("work : [ ] decision : [ 3 ]", "(no-nodes) decision-3", "wrong follows"),
    ("work : [ 0 1 ]", "0 1 (no-decision)", "ok ok wrong"),
    ("work : [ 0 5 ] decision : [ 3 6 ]", "0 5 (no-decision)", "ok wrong wrong-after"),
    ("who knows", "who-knows", "wrong"),
    ("", "(nothing)", "wrong"),
]


@pytest.mark.parametrize(("text", "steps", "marks"), CHAIN_MARKS)
def test_marks_of_a_search(text, steps, marks):
    """0-1-2-3 with a dead end 1-4, and apart from it 5-6: a node may come behind any neighbour."""
    task = Connectivity()
    problem = task.parse("graph : [ 0 1 2 1 2 3 4 1 5 6 ] task : 0 to 3 or 6 /")
    marked = task.text_steps(problem, text)
    assert [step.text.replace(" ", "-") for step in marked] == steps.split()
    assert [step.mark.replace(" ", "-") for step in marked] == marks.split()


def test_without_a_chain_a_decision_needs_no_search():
    task = TASKS["no trace"]
    batch = sample(task, 5)
    for row in range(5):
        example, gold = batch.rows([row]), batch.completions()[[row]]
        assert [step.mark for step in task.steps(example, gold)] == ["ok"]
        assert [step.mark for step in task.text_steps(example.problem, task.gold_text(example.problem))] == ["ok"]
        assert [step.mark for step in replace(task, trace="dfs").steps(example, gold)] == ["wrong", "follows"]


def splitmix(number):
    """SplitMix64 in whole numbers, as published."""
    z = (number + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


@each_task
def test_the_identity_in_whole_numbers(task):
    """Sums of hashes of the edges and of the candidates, by the ids of the nodes' tokens."""
    problem, first = task.draw(np.random.default_rng(0), 5), task.vocabulary.index["0"]
    for row, identity in enumerate(task.identity(problem).tolist()):
        pairs = [sorted(edge) for edge in problem["edges"][row].tolist() if edge[0] >= 0]
        edges = sum(splitmix((low + first) * 2**16 + high + first) for low, high in pairs) % 2**64
        state = splitmix(edges ^ splitmix(int(problem["start"][row]) + first + 2**32))
        candidates = sum(splitmix(target + first + 2 * 2**32) for target in problem["targets"][row].tolist())
        assert identity == splitmix(state ^ candidates % 2**64)


def test_a_budget_conditions():
    task = Connectivity(depth=2, trace="dfs")
    free, bound = (
        (variant.draw(np.random.default_rng(i), 4000)["trace"] >= 0).sum(1)
        for i, variant in enumerate((task, replace(task, budget=12)))
    )
    law = np.bincount(free[free <= 12], minlength=13) / (free <= 12).sum()
    np.testing.assert_allclose(np.bincount(bound, minlength=13) / 4000, law, atol=0.025)
    assert replace(task, family="tree", budget=5).draw(np.random.default_rng(0), 5)["trace"].shape == (5, 5)


def test_candidates_far_apart_and_random():
    far = Connectivity(family="tree", nodes=9, trace="shortest").draw(np.random.default_rng(0), 60)
    for edges, trace in zip(far["edges"], far["trace"], strict=True):
        graph = as_networkx(edges)
        assert (trace >= 0).sum() - 1 == nx.diameter(graph.subgraph(nx.node_connected_component(graph, int(trace[0]))))
    near = Connectivity(pair="random", trace="shortest").draw(np.random.default_rng(0), 4000)
    graph = nx.Graph(Connectivity().component.only[0].tolist())
    apart = [away for _, others in nx.all_pairs_shortest_path_length(graph) for away in others.values() if away]
    law = np.bincount(apart, minlength=9) / len(apart)
    np.testing.assert_allclose(np.bincount((near["trace"] >= 0).sum(1) - 1, minlength=9) / 4000, law, atol=0.03)


@each_task
def test_identity_is_of_the_question_not_of_its_writing(task):
    problem = task.draw(np.random.default_rng(0), 50)
    identity = task.identity(problem)
    again = problem | {"edges": problem["edges"][:, ::-1, ::-1], "targets": problem["targets"][:, ::-1]}
    np.testing.assert_array_equal(task.identity(again), identity)
    assert len(set(identity.tolist())) == 50
    swapped = problem | {
        "start": problem["targets"][:, 0],
        "targets": np.stack([problem["start"], problem["targets"][:, 1]], 1),
    }
    assert not (task.identity(swapped) == identity).any()
    moved = problem | {"start": (problem["start"] + 1) % task.ids}
    assert not (task.identity(moved) == identity).any()
    rewired = problem["edges"].copy()
    rewired[:, 0] = rewired[:, 1]
    assert not (task.identity(problem | {"edges": rewired}) == identity).any()


@each_task
def test_prompts_read_as_what_they_are(task):
    batch = sample(task)
    np.testing.assert_array_equal(task.surface(batch), task.identity(batch.problem))
    noisy = replace(task, noise=Noise("modify", 0.3))
    batch = sample(noisy)
    hit = ((batch.text == NOISE) & (batch.field < 2)).any(axis=1)
    assert hit.mean() > 0.9
    edges_changed = ((batch.text == NOISE) & (batch.field == 0)).sum(axis=1) > 12  # some of them nodes, not words
    assert not (noisy.surface(batch) == noisy.identity(batch.problem))[edges_changed].any()
    erased = replace(task, noise=Noise("delete", 1.0, "graph"))
    assert len(set(erased.surface(sample(erased, 5)).tolist())) == 5  # the question is left


def test_a_node_that_is_left_alone_is_read_as_well():
    """Of an edge whose other end was deleted, behind the others."""
    task = TASKS["flat"]
    batch = sample(task, 1)
    node = np.flatnonzero((batch.field[0] == 0) & (batch.text[0] >= task.vocabulary.index["0"]))[-2:]
    tokens, surfaces = batch.tokens.copy(), set()
    for first, second in (
        (task.vocabulary.index["or"],) * 2,
        *((name, task.vocabulary.index["or"]) for name in (20, 21)),
    ):
        tokens[0, node, 0] = first, second
        surfaces.add(int(task.surface(batch._replace(tokens=tokens))[0]))
    assert len(surfaces) == 3


def inside(part, words):
    """Whether the words contain some, but for a first `<s>`, in their order."""
    left = iter(words)
    return all(word in left for word in part[part[:1] == ["<s>"] :])


@each_task
def test_lines_and_records_agree(task):
    for noise in (None, Noise("hybrid", 0.2, "graph"), Noise("insert", 0.2, "task"), Noise("delete", 0.2)):
        noisy = replace(task, noise=noise)
        batch = sample(noisy, 40)
        for row, line in enumerate(noisy.jsonl(batch).splitlines()):
            record = json.loads(line)
            assert list(record) == ["input", "output", "graph", "task", "reasoning", "answer"]
            trace = batch.problem["trace"][row]
            assert record["reasoning"] == " ".join(str(node) for node in trace if node >= 0)
            target = batch.problem["targets"][row, batch.problem["right"][row]]
            assert record["answer"] == str(target) and record["output"].endswith(f"decision : [ {target} ]")
            ends = (record["graph"], record["task"], "/")
            assert noise is not None or record["input"] == " ".join(ends)
            graph, question = (task.show_part(batch.tokens[row][batch.field[row] == code]) for code in (0, 1))
            assert inside(graph.split(), record["graph"].split()) and inside(question.split(), record["task"].split())
            if task.encoding == "edges":
                complete = len(question.split()) == 3
                assert (
                    record["task"]
                    == f"task : {'{} to {} or {}'.format(*question.split()) if complete else question}".rstrip()
                )
            if noise is None or task.encoding == "flat":  # among edges, noise can look like part of the question
                assert task.show(batch.tokens[row]) == f"{record['input']} {record['output']}"
            if noise is None:
                parsed = task.parse(record["input"])
                assert task.identity(parsed) == task.identity(batch.rows([row]).problem)
                assert parsed["right"] == batch.problem["right"][row]


def test_any_evidence_counts():
    task = Connectivity(depth=2, trace="shortest")
    batch = sample(replace(task, trace="none"), 60)
    graphs = [as_networkx(edges) for edges in batch.problem["edges"]]
    target = np.take_along_axis(batch.problem["targets"], batch.problem["right"][:, None].astype(int), 1)[:, 0]
    ends = list(zip(batch.problem["start"].tolist(), target.tolist(), strict=True))

    def judged(lists, decisions):
        first = task.vocabulary.index["0"]
        completion = np.zeros((60, 40), np.int32)
        for row, (listed, decision) in enumerate(zip(lists, decisions, strict=True)):
            line = [first + node for node in listed] + [task.vocabulary.index["decision"], first + decision, EOS]
            completion[row, : len(line)] = line
        return task.verify(batch, completion)

    right = [target for _, target in ends]
    for find in (nx.shortest_path, lambda *args: max(nx.all_simple_paths(*args), key=len)):
        paths = [find(graph, *pair) for graph, pair in zip(graphs, ends, strict=True)]
        judgement = judged(paths, right)
        assert judgement.answer.all() and judgement.trace.all() and judgement.well_formed.all()
        assert judgement.first_wrong_step.tolist() == list(map(len, paths))
    breadth = [
        [start, *(v for _, v in nx.bfs_edges(graph, start))] for graph, (start, _) in zip(graphs, ends, strict=True)
    ]
    breadth = [listed[: listed.index(target) + 1] for listed, target in zip(breadth, right, strict=True)]
    assert judged(breadth, right).trace.all()
    jumps = [path[:2] + path[4:] for path in paths]  # two nodes in, two left out
    judgement = judged(jumps, right)
    assert judgement.answer.all() and not judgement.trace.any() and (judgement.first_wrong_step == 2).all()
    wrong = [int(sum(pair)) - target for pair, target in zip(batch.problem["targets"], right, strict=True)]
    judgement = judged(paths, wrong)
    assert not judgement.answer.any() and judgement.trace.all()


def test_no_trace_is_asked_for_without_a_chain_of_thought():
    for task in (TASKS["no trace"], TASKS["two-path"]):
        batch = sample(task)
        assert task.verify(batch, task.solve(batch.problem)).trace.all()
    with_trace = replace(task, trace="dfs")
    assert not with_trace.verify(batch, task.solve(batch.problem)).trace.any()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"family": "brigde"}, "family 'brigde' is unknown; did you mean 'bridge'"),
        ({"pair": "near"}, "pair 'near' is unknown"),
        ({"trace": "dfs-pruned"}, "trace 'dfs-pruned' is unknown; did you mean"),
        ({"depth": 3}, "a graph of 62 nodes needs as many names, ids 44 has 44"),
        ({"reserved": 30}, "needs as many names, ids 44 has 14 without the 30 reserved"),
        ({"strange": 1}, "strange 1: expected 0 to 0"),
        ({"reserved": 44}, "reserved 44: expected at least 0, less than the 44 ids"),
        ({"ids": (1 << 15) + 1}, "ids 32769: expected 1 to 32768 names"),
        ({"distractors": 0}, "distractors 0: the wrong candidate needs at least 1"),
        ({"depth": 9999}, "a bridge of depth 9999 short 3 long 5 dead 3 is too large, 99991 nodes"),
        ({"distractors": 1999}, "a graph of 22000 edges has more than"),
        ({"budget": -1}, "budget -1 is negative"),
        ({"budget": 3}, "budget 3 is less than the 4 nodes of the shortest trace"),
        ({"budget": 9, "trace": "none"}, "budget 9: trace 'none' lists no nodes"),
        ({"separator": True}, "separator needs encoding 'flat', not 'edges'"),
        ({"family": "grid"}, "holes 2: fewer than 2 cells of a 1 by 3 grid are left"),
        ({"noise": Noise("insert", 0.1, "element")}, "noise field 'element' is unknown"),
    ],
)
def test_impossible_tasks_are_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Connectivity(**fields)


def test_a_budget_that_no_trace_meets_is_the_users_error():
    with pytest.raises(UserError, match="bfs traces of at most 5 nodes: found 0"):
        Connectivity(trace="bfs", budget=5).draw(np.random.default_rng(0), 10)


@pytest.mark.parametrize(
    ("name", "axis", "size", "changes"),
    [
        ("family=tree", Axis.TASK, 1, {"family": "tree"}),
        ("family=bridge", Axis.TASK, 0, {"family": "bridge"}),
        ("distractors=3", Axis.TASK, 2, {"distractors": 3}),
        ("pair=random", Axis.TASK, 1, {"pair": "random"}),
        ("depth=2", Axis.LENGTH, 1, {"depth": 2}),
        ("petals=2,7,0", Axis.LENGTH, 6, {"short": 2, "long": 7, "dead": 0}),
        ("budget=6", Axis.LENGTH, 3, {"budget": 6}),
        ("budget=0", Axis.LENGTH, 0, {"budget": 0}),
        ("order=sorted", Axis.FORMAT, 1, {"order": "sorted"}),
        ("orientation=sorted", Axis.FORMAT, 1, {"orientation": "sorted"}),
        ("names=2", Axis.FORMAT, 2, {"strange": 2}),
        ("separator=on", Axis.FORMAT, 1, {"separator": True}),
        ("noise=delete:0.1:graph", Axis.FORMAT, 0.1, {"noise": Noise("delete", 0.1, "graph")}),
    ],
)
def test_shifts(name, axis, size, changes):
    task = Connectivity(encoding="flat", ids=60, reserved=4)
    shift = task.shift(name)
    assert (shift.name, shift.axis, shift.size, shift.changes) == (name, (axis,), size, changes)
    assert shift(task) == replace(task, **changes) and shift(task).vocabulary == task.vocabulary


def test_shifts_add_up():
    shift = Connectivity().shift("family=tree + nodes=16+order=sorted")
    assert shift.axis == (Axis.TASK, Axis.LENGTH, Axis.FORMAT) and shift.size == 6
    assert shift(Connectivity()) == Connectivity(family="tree", nodes=16, order="sorted")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nodes=14", "family 'bridge' has no nodes"),
        ("family=tree+depth=2", "family 'tree' has no depth"),
        ("family=treee", "'treee' is unknown; did you mean 'tree'"),
        ("depth=3", "a graph of 62 nodes needs as many names, ids 44 has 44"),
        ("depth=x", "'x' is not a whole number above 0"),
        ("petals=3,5", "expected petals=SHORT,LONG,DEAD"),
        ("petals=5,3,0", "long 3: expected at least 5"),
        ("budget=3", "budget 3 is less than the 4 nodes"),
        ("names=1", "strange 1: expected 0 to 0"),
        ("separator=on", "separator needs encoding 'flat'"),
        ("separator=yes", "expected separator=on or separator=off"),
        ("order=up", "'up' is unknown; choose from shuffled, sorted"),
        ("noise=insert", "expected noise=MODE:PROBABILITY"),
        ("dept=2", "shift 'dept=2' is unknown; did you mean 'depth'"),
        ("depth=2+depth=1", "both change depth"),
    ],
)
def test_impossible_shifts_are_the_users_error(name, says):
    with pytest.raises(UserError, match=says):
        Connectivity().shift(name)


@each_task
def test_standard_shifts_are_possible_and_shift(task):
    for name in task.shifts:
        assert task.shift(name)(task) != task and task.shift(name).size > 0
    families = {name.removeprefix("family=") for name in task.shifts if name.startswith("family=")}
    assert families <= FAMILIES.keys() - {task.family} and families


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, "depth=2 petals=3,7,3 petals=3,5,0 budget=6 order=sorted orientation=sorted"),
        ({"pair": "random"}, "depth=2 petals=3,7,3 petals=3,5,0 budget=6 order=sorted orientation=sorted"),
        ({"family": "tree", "ids": 60}, "nodes=6 nodes=14 nodes=24 order=sorted orientation=sorted"),
        (
            {"depth": 2, "ids": 400, "encoding": "flat", "dead": 0, "reserved": 4, "strange": 2, "order": "sorted"},
            "depth=1 depth=3 depth=4 petals=3,7,0 petals=3,5,3 budget=10 orientation=sorted names=1 names=4 separator=on",
        ),
        (
            {"pair": "random", "budget": 5, "orientation": "sorted"},
            "depth=2 petals=3,7,3 petals=3,5,0 budget=0 order=sorted",
        ),
        (
            {"family": "comb", "encoding": "flat", "separator": True},
            "depth=2 depth=3 budget=3 order=sorted orientation=sorted",
        ),
        ({"trace": "bfs"}, "depth=2 petals=3,7,3 petals=3,5,0 order=sorted orientation=sorted"),
    ],
)
def test_standard_shifts_by_name(fields, names):
    task = Connectivity(**fields)
    pair = "far" if task.pair == "random" else "random"
    found = [name for name in task.shifts if not name.startswith(("family=", "noise="))]
    assert found == ["distractors=2", f"pair={pair}", *names.split()]
    assert [name for name in task.shifts if name.startswith("noise=")] == [
        f"noise={mode}:0.1" for mode in ("insert", "delete", "modify", "hybrid")
    ]
    noisy = replace(task, noise=Noise("insert", 0.1))
    assert not any(name.startswith("noise=") for name in noisy.shifts)


def test_novelty():
    task = Connectivity(ids=60, reserved=4)
    train = Split().sample(task, np.random.default_rng(0), 2000, "train")

    def novel(shift):
        return task.novelty(train, sample(task.shift(shift)(task), 500))

    same = task.novelty(train, sample(task, 500))
    assert same == dict.fromkeys(("more_nodes", "more_edges", "longer_traces", "unseen_names", "degree_distance"), 0)
    deeper = novel("depth=2")
    assert deeper["more_nodes"] == deeper["more_edges"] == 1 and deeper["unseen_names"] == 0
    lengths = (task.shift("depth=2")(task).draw(np.random.default_rng(0), 4000)["trace"] >= 0).sum(axis=1)
    assert abs(deeper["longer_traces"] - (lengths > 9).mean()) < 0.05
    assert abs(novel("names=4")["unseen_names"] - 4 / 22) < 1e-9
    # A petal has degrees 1, 2, 3 in shares 1, 9, 1 of 11, a cycle has 2 only.
    assert abs(novel("family=cycle")["degree_distance"] - 2 / 11) < 1e-9


def test_novelty_by_hand():
    """A path of three nodes was trained; a star with one node more, whose names 7 and 0 are new, and the path are tested."""

    def batch(*rows):
        edges, traces = ([row[part] for row in rows] for part in (0, 1))
        problem = {"edges": np.array(edges, np.int16), "trace": np.array(traces, np.int16)}
        return Connectivity().sample(np.random.default_rng(0), 1)._replace(problem=problem)

    path, star = [[3, 4], [4, 5], [-1, -1]], [[5, 7], [5, 0], [5, 4]]
    train = batch((path, [3, 4, 5, -1]), (path, [4, 5, -1, -1]))
    novelty = Connectivity().novelty(train, batch((star, [7, 5, 0, 5]), (path, [0, 4, 5, -1])))
    assert novelty == {
        "more_nodes": 1 / 2,
        "more_edges": 1 / 2,
        "longer_traces": 1 / 2,
        "unseen_names": 2 / 7,
        "degree_distance": pytest.approx((5 / 7 - 2 / 3 + 1 / 3 - 1 / 7 + 1 / 7) / 2),
    }


def test_floors_and_solutions_are_the_lines_own():
    for task in TASKS.values():
        batch = sample(task, 30)
        np.testing.assert_array_equal(task.solve(batch.problem), batch.completions())


def test_the_front_door(tmp_path, capsys):
    args = ["--train", "60", "--test", "20", "--shifts", "depth=2+order=sorted", "noise=hybrid:0.1", "--ids", "44"]
    for encoding in ("edges", "flat"):
        place = tmp_path / encoding
        assert main(["generate", "connectivity", "--out", str(place), *args, "--encoding", encoding]) == 0
        assert main(["verify", str(place)]) == 0
        assert main(["show", "connectivity", "-n", "2", "--encoding", encoding]) == 0
        assert "decision : [" in capsys.readouterr().out
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["files"]["test-depth=2+order=sorted.jsonl"]["discrepancy"]["more_nodes"] == 1
    assert main(["generate", "connectivity", "--out", str(tmp_path / "all"), "--exhaustive"]) == 2
    assert "cannot list all of its problems" in capsys.readouterr().err
