"""Lists are read and judged as the paper's code does, whatever the encoding, and a bad prompt is named."""

import io
import json
import re
import time
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat
from alchemy.scoring.score import score
from tasks.connectivity import Connectivity
from tasks.connectivity.rules import (
    budget,
    edge_validity,
    evidence,
    open_steps,
    truncated,
    validities,
)
from tasks.connectivity.text import (
    NO_NODE,
    paper_text,
    parse,
    read_edges,
    read_flat,
    read_text,
)
from tasks.connectivity.write import write_edges, write_flat

EDGES, FLAT = Connectivity(), Connectivity(encoding="flat")
# 0-1-2-3 with a dead end 1-4, and apart from it 5-6
GRAPH = ((0, 1), (2, 1), (2, 3), (4, 1), (5, 6))
PROMPT = "graph : [ 0 1 2 1 2 3 4 1 5 6 ] task : 0 to 3 or 6 /"


def rows(lists, width=None):
    """Lists side by side, padded with -1."""
    width = max(map(len, lists), default=0) if width is None else width
    return np.array([[*nodes, *[-1] * (width - len(nodes))] for nodes in lists], np.int16).reshape(len(lists), width)


def judged(work, graph=GRAPH, start=0, target=3):
    valid, wrong = evidence(np.array([graph], np.int16), np.array([start]), np.array([target]), rows([work]))
    return bool(valid[0]), int(wrong[0])


def by_hand(graph, start, target, work):
    """The rule of the paper's code, one list at a time."""
    net = nx.Graph(graph)
    piece = nx.node_connected_component(net, start)
    wrong = len(work)
    for place, node in enumerate(work):
        near = any(net.has_edge(node, earlier) for earlier in work[:place])
        if node not in piece or not (node == start or near) or (place == 0 and node != start):
            wrong = place
            break
    return wrong == len(work) and len(work) >= 2 and work[-1] == target, wrong


@pytest.mark.parametrize(
    ("work", "valid", "wrong"),
    [
        ([0, 1, 2, 3], True, 4),
        ([0, 1, 4, 2, 3], True, 5),  # back from the dead end without a word
        ([0, 1, 4, 1, 2, 3], True, 6),  # or step by step
        ([0, 1, 1, 2, 2, 3], True, 6),  # or stay, as what comes before the node it repeats is next to it
        ([0, 1, 0, 1, 2, 1, 2, 3], True, 8),
        ([0, 0, 1, 0, 2, 3], True, 6),  # the start may always
        ([0, 3], False, 1),
        ([0, 1, 3, 2, 3], False, 2),
        ([1, 2, 3], False, 0),
        ([0, 1, 2], False, 3),
        ([0, 1, 2, 3, 2], False, 5),
        ([0, 1, 5, 2, 3], False, 2),
        ([0, 1, NO_NODE, 2, 3], False, 2),
        ([0, 1, 43, 2, 3], False, 2),
        ([0], False, 1),
        ([3], False, 0),
        ([], False, 0),
    ],
)
def test_evidence_rule_by_rule(work, valid, wrong):
    assert judged(work) == (valid, wrong) == by_hand(GRAPH, 0, 3, work)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_evidence_is_that_of_brute_force(data):
    names = st.integers(0, 7)
    pair = st.tuples(names, names).filter(lambda ends: ends[0] != ends[1])
    graphs = data.draw(st.lists(st.lists(pair, min_size=1, max_size=12), min_size=1, max_size=5))
    questions, lists = [], []
    for graph in graphs:
        start, target = graph[0][0], data.draw(st.sampled_from([graph[0][1], graph[-1][1]]))
        net, work = nx.Graph(graph), [start]
        for _ in range(data.draw(st.integers(0, 9))):  # mostly right, so that long lists are judged as well
            near = sorted({node for earlier in work if earlier in net for node in net[earlier]})
            work.append(data.draw(st.sampled_from(near)) if data.draw(st.integers(0, 9)) else data.draw(names))
        questions.append((start, target))
        lists.append(work[data.draw(st.sampled_from([0, 0, 0, 1])) :])
    edges = np.full((len(graphs), 12, 2), -1, np.int16)
    for row, graph in zip(edges, graphs, strict=True):
        row[: len(graph)] = graph
    start, target = np.array(questions, np.int16).T
    work = rows(lists, 10)
    valid, wrong = evidence(edges, start, target, work)
    share, going = edge_validity(edges, work), open_steps(edges, work)
    for i, (graph, listed) in enumerate(zip(graphs, lists, strict=True)):
        assert (valid[i], wrong[i]) == by_hand(graph, *questions[i], listed)
        net = nx.Graph(graph)
        along = [net.has_edge(*step) for step in pairwise(listed)]
        np.testing.assert_allclose(share[i], np.mean(along) if along else np.nan)
        free = [here in net and not set(net[here]) <= set(listed[: k + 1]) for k, here in enumerate(listed[:-2])]
        np.testing.assert_allclose(going[i], np.mean(np.array(along[:-1])[free]) if any(free) else np.nan)
        for most in (0, 3, 10):
            assert truncated(edges, start, target, work, most)[i] == by_hand(graph, *questions[i], listed[:most])[0]


def test_budgets_differ_only_where_a_list_goes_on():
    work = rows([[0, 1, 2, 3], [0, 1, 2, 3, 2, 3]])
    edges, start, target = np.array([GRAPH] * 2), np.array([0, 0]), np.array([3, 3])
    valid, length = evidence(edges, start, target, work)
    for most, whole, cut in ((3, [0, 0], [0, 0]), (4, [1, 0], [1, 1]), (5, [1, 0], [1, 0]), (6, [1, 1], [1, 1])):
        assert budget(valid, length, most).tolist() == whole
        assert truncated(edges, start, target, work, most).tolist() == cut


def test_nothing_is_nothing():
    empty = np.zeros((0, 5, 2), np.int16), np.zeros(0, np.int16), np.zeros(0, np.int16), np.zeros((0, 4), np.int16)
    assert evidence(*empty)[0].shape == edge_validity(empty[0], empty[3]).shape == (0,)
    for task, read in ((EDGES, read_edges), (FLAT, read_flat)):
        for shape in ((0, 0), (0, 7), (3, 0)):
            listed = read(np.zeros(shape, np.int32), task.vocabulary)
            assert len(listed.work) == shape[0] and not listed.work_len.any() and not listed.well_formed.any()
    assert read_text([]).work.shape == (0, 0)
    nobody = {name: values[:0] for name, values in EDGES.draw(np.random.default_rng(0), 1).items()}
    assert len(write_edges(nobody, EDGES.vocabulary)[0]) == len(write_flat(nobody, FLAT.vocabulary, True)[0]) == 0


READ = [
    ("work : [ 0 1 2 3 ] decision : [ 3 ]", [0, 1, 2, 3], [3], True),
    ("work:[0 1\n2 3]decision:[3]", [0, 1, 2, 3], [3], True),
    ("work : [ 0 1 2 3 ] decision : [ 3 ] </s>", [0, 1, 2, 3], [3], True),
    ("work : [ 0 ] decision : [ 3 ]", [0], [3], True),
    ("work : [ ] decision : [ 3 ]", [], [3], True),
    ("work : [ 0 1 ] decision : [ 3 6 ]", [0, 1], [3, 6], False),
    ("work : [ 0 1 ] decision : [ 3 ] decision : [ 6 ]", [0, 1], [3, 6], False),
    ("work : [ 0 1 ] decision : [ ]", [0, 1], [], False),
    ("work : [ 0 1 ] decision : [ 3", [0, 1], [], False),
    ("work : [ 0 1 decision : [ 3 ]", [], [3], False),
    ("work : [ 0 1 ] work : [ 2 3 ] decision : [ 3 ]", [0, 1, 2, 3], [3], False),
    ("decision : [ 3 ] work : [ 0 1 ]", [0, 1], [3], False),
    ("work : [ 0 1 to 2 ] decision : [ 3 ]", [], [3], False),
    ("work : [ 0 , 1 ] decision : [ 3 ]", [], [3], False),
    ("so work : [ 0 1 ] decision : [ 3 ]", [0, 1], [3], False),
    ("work : [ 0 1 ] or decision : [ 3 ]", [0, 1], [3], False),
    ("work : [ 0 1 ] decision : [ 3 ] or", [0, 1], [3], False),
    ("work : [ 0 1 ] decision : [ 3 ] </s> decision : [ 6 ]", [0, 1], [3], True),
    ("work : [ 0 1 </s> ] decision : [ 3 ]", [], [], False),
    ("work [ 0 1 ] decision : 3", [], [], False),
    ("work [ [ 0 1 ] decision : [ 3 ]", [], [3], False),
    ("work : : 0 1 ] decision : [ 3 ]", [], [3], False),
    ("[ 0 1 ]", [], [], False),
    ("", [], [], False),
]


@pytest.mark.parametrize(("text", "work", "decided", "well_formed"), READ)
def test_lists_in_text_and_in_tokens(text, work, decided, well_formed):
    spaced = " ".join(text.replace("[", " [ ").replace("]", " ] ").replace(":", " : ").split())
    if "so" in spaced:
        spaced = spaced.replace("so", "or")
    tokens = np.array([FLAT.vocabulary.encode(spaced) + [1] * ("</s>" not in spaced)], np.int32)
    for listed in (read_text([text]), read_flat(tokens, FLAT.vocabulary)):
        assert listed.work[0].tolist() == work and listed.work_len[0] == len(work)
        assert listed.decided[0] == len(decided) and listed.well_formed[0] == well_formed
        assert listed.decision[0] == (decided[0] if len(decided) == 1 else -1)


@pytest.mark.parametrize(
    ("text", "work", "decided", "well_formed"),
    [
        ("0 1 2 3 decision 3 </s>", [0, 1, 2, 3], [3], True),
        ("decision 3 </s>", [], [3], True),
        ("0 1 decision 3 </s> 4 5", [0, 1], [3], True),
        ("0 1 decision 3 6 </s>", [0, 1], [3, 6], False),
        ("0 1 decision 3", [0, 1], [], False),
        ("0 1 decision 3 <pad> 4 </s>", [0, 1], [], False),
        ("0 1 </s>", [0, 1], [], False),
        ("0 1", [], [], False),
        ("0 / 1 decision 3 </s>", [], [3], False),
        ("0 1 decision 3 / </s>", [0, 1], [], False),
        ("0 1 decision 3 decision 3 </s>", [0, 1], [], False),
        ("</s>", [], [], False),
    ],
)
def test_lists_of_the_edges_encoding(text, work, decided, well_formed):
    tokens = np.array(EDGES.vocabulary.encode(text), np.int32)
    shown = paper_text(np.stack([tokens, np.zeros_like(tokens)], axis=1), EDGES.vocabulary)
    readers = [read_edges(tokens[None], EDGES.vocabulary)]
    readers += [read_text([shown])] if "<pad>" not in text else []
    for listed in readers:
        assert listed.work[0].tolist() == work and listed.decided[0] == len(decided)
        assert listed.decision[0] == (decided[0] if len(decided) == 1 else -1)
    assert readers[0].well_formed[0] == well_formed


def test_a_text_without_an_end_is_not_well_formed():
    tokens = np.array([FLAT.vocabulary.encode("work : [ 0 1 ] decision : [ 3 ]")], np.int32)
    assert not read_flat(tokens, FLAT.vocabulary).well_formed[0]
    assert read_flat(np.pad(tokens, ((0, 0), (0, 1)), constant_values=1), FLAT.vocabulary).well_formed[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0 1 2 decision 2 </s>", "work : [ 0 1 2 ] decision : [ 2 ]"),
        ("0 1 </s>", "work : [ 0 1 ]"),
        ("0 1", "work : [ 0 1"),
        ("0 1 decision", "work : [ 0 1 ] decision : ["),
        ("decision 2 </s> 4", "work : [ ] decision : [ 2 ]"),
        ("</s>", "work : [ ]"),
        ("<pad> <pad>", ""),
    ],
)
def test_what_is_cut_off_stays_unclosed(text, shown):
    ids = np.array(EDGES.vocabulary.encode(text), np.int32)
    assert paper_text(np.stack([ids, np.zeros_like(ids)], axis=1), EDGES.vocabulary) == shown


def test_numbers_that_name_no_node():
    listed = read_text(["work : [ 0 32768 99999 32767 1000000000000000000000000 007 ] decision : [ 70000 ]"])
    assert listed.work.tolist() == [[0, NO_NODE, NO_NODE, 32767, NO_NODE, 7]] and listed.decision == NO_NODE
    assert read_text(["work : [ ٣ ] decision : [ -3 ]", "work : [ 1.5 ]"]).work_len.tolist() == [0, 0]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["work", "decision", ":", "[", "]", "0", "1", "43", "or", "</s>"]), max_size=14),
        min_size=1,
    )
)
def test_text_and_tokens_read_alike(lines):
    tokens = np.full((len(lines), 15), 1, np.int32)
    for row, line in zip(tokens, lines, strict=True):
        row[: len(line)] = FLAT.vocabulary.encode(" ".join(line))
    from_tokens, from_text = (
        read_flat(tokens, FLAT.vocabulary),
        read_text(["".join(f"{word} " for word in line) for line in lines]),
    )
    for left, right in zip(from_tokens, from_text, strict=True):
        np.testing.assert_array_equal(left, right)


PIECES = st.sampled_from(["work : [", "decision : [", "]", "[", ":", "work", "decision", "to", "7", "8 9", "3"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=12), min_size=1, max_size=5))
def test_lists_are_those_that_the_papers_code_finds(lines):
    """Its pattern (`extract_works`), word for word."""
    pattern = r"(work|decision)\s*:\s*\[\s*([\d\s*]+)\s*\]"
    tokens = np.full((len(lines), 37), 1, np.int32)
    for row, line in zip(tokens, lines, strict=True):
        ids = FLAT.vocabulary.encode(" ".join(line))
        row[: len(ids)] = ids
    listed = read_flat(tokens, FLAT.vocabulary)
    for row, line in enumerate(lines):
        lists: dict[str, list[int]] = {"work": [], "decision": []}
        for kind, nodes in re.findall(pattern, " ".join(line)):
            lists[kind] += map(int, nodes.split())
        assert listed.work[row, : listed.work_len[row]].tolist() == lists["work"]
        assert listed.decided[row] == len(lists["decision"])
        assert listed.decision[row] == (lists["decision"][0] if len(lists["decision"]) == 1 else -1)


SHAPES = [
    {},
    {"trace": "none"},
    {"family": "gnm"},
    {"family": "tree", "distractors": 2},
    {"family": "grid", "depth": 4},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("encoding", [{}, {"encoding": "flat"}, {"encoding": "flat", "separator": True}])
def test_what_is_written_is_read(shape, encoding):
    task = Connectivity(**shape, **encoding)
    problem = task.draw(np.random.default_rng(0), 60)
    write = (
        (write_flat, problem, task.vocabulary, task.separator) if encoding else (write_edges, problem, task.vocabulary)
    )
    tokens, prompt_len, field = write[0](*write[1:])
    for row in range(60):
        prompt, completion = paper_text(tokens[row], task.vocabulary).split(" / ")
        again, listed = parse(f"{prompt} /"), read_text([completion])
        real = problem["edges"][row, :, 0] >= 0
        np.testing.assert_array_equal(again["edges"][0], problem["edges"][row][real])
        assert again["start"] == problem["start"][row] and again["right"] == problem["right"][row]
        assert (again["targets"][0] == problem["targets"][row]).all()
        gold = problem["trace"][row]
        assert listed.work[0].tolist() == gold[gold >= 0].tolist() and listed.well_formed[0]
        assert paper_text(tokens[row, : prompt_len[row]], task.vocabulary) == f"{prompt} /"
        assert paper_text(tokens[row, prompt_len[row] :], task.vocabulary) == completion
        assert (field[row] == -1).sum() == (tokens[row, :, 0] == 0).sum() and field[row, prompt_len[row] - 1] == 2


def test_the_papers_lengths():
    for depth in (1, 2, 3):
        task = Connectivity(depth=depth, ids=62, encoding="flat")
        tokens, prompt_len, _ = write_flat(task.draw(np.random.default_rng(0), 20), task.vocabulary)
        assert (prompt_len == 44 * depth + 13).all() and tokens.shape[2] == 1


def test_a_node_without_a_token_is_not_written():
    with pytest.raises(UserError, match="node 99 has no name among the 44"):
        write_edges(parse("graph : [ 0 1 99 3 ] task : 0 to 1 or 3 /"), EDGES.vocabulary)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "is not 'graph : ["),
        (PROMPT[:-2], "is not 'graph : ["),
        (PROMPT.replace("0 to", "to"), "is not 'graph : ["),
        (PROMPT.replace("]", ""), "is not 'graph : ["),
        (f"{PROMPT} work : [ 0", "is not 'graph : ["),
        (PROMPT.replace("5 6 ]", "5 6 7 ]"), "11 endpoints"),
        (PROMPT.replace("0 1 2 1 2 3 4 1 5 6", ""), "0 endpoints"),
        (PROMPT.replace("5 6 ]", "5 6 2 2 ]"), "edge 2 2 joins a node to itself"),
        (PROMPT.replace("5 6 ]", "5 six ]"), "'six' where a node"),
        (PROMPT.replace("5 6 ]", "5 -6 ]"), "'-' where a node"),
        (PROMPT.replace("5 6 ]", "5 6 , 7 8 ]"), "',' where a node"),
        (PROMPT.replace("5 6 ]", "5 40000 ]"), "node 40000 is above 32767"),
        (PROMPT.replace(": 0", ": 9"), "start 9 is in no edge"),
        (PROMPT.replace("or 6", "or 9"), "candidate 9 is in no edge"),
        (PROMPT.replace("or 6", "or 3"), "both candidates are 3"),
        (PROMPT.replace("or 6", "or 0"), "candidate 0 is the start"),
        (PROMPT.replace("or 6", "or 4"), "both candidates are connected to start 0"),
        (PROMPT.replace("0 to 3", "0 to 5"), "neither candidate is connected to start 0"),
    ],
)
def test_a_bad_prompt_is_named_and_never_guessed(prompt, says):
    with pytest.raises(UserError) as error:
        parse(prompt)
    assert says in str(error.value)
    with pytest.raises(UserError) as error:
        score(as_lines([(PROMPT, ""), (prompt, "")]), Peer())
    assert str(error.value).startswith("line 2: ") and says in str(error.value)


def test_nodes_have_names_up_to_the_highest():
    problem = parse(PROMPT.replace("5 6", "5 32767").replace("or 6", "or 32767"))
    assert problem["edges"][0, -1].tolist() == [5, 32767] and problem["targets"].tolist() == [[3, 32767]]


class Peer:
    """A task that reads and judges the peer's text."""

    text_format = TextFormat()
    vocabulary = Vocabulary.of(())

    parse = staticmethod(parse)

    def features(self, problem):
        return {}

    def judge_texts(self, problem, texts):
        listed = read_text(texts)
        return EDGES.judge(problem, listed), validities(problem, listed.work, listed.decision)


def as_lines(pairs, left="input", right="output"):
    return [json.dumps({left: prompt, right: text}).encode() + b"\n" for prompt, text in pairs]


def test_scores():
    texts = [
        "work : [ 0 1 2 3 ] decision : [ 3 ]",
        "work: [0 1 4 2 3] decision: [6]",
        "work : [ 0 3 ] decision : [ 3 ]",
        "work : [ 3 ] decision : [ 3 6 ]",
        "the answer is 3",
    ]
    other = PROMPT.replace("/", " / ").replace(" : ", ":").replace("0 1 2 1", "3 2 0 1 2 1")  # another number of edges
    lines = [(PROMPT, text) for text in texts] + [(f"<s> {other}", texts[0])]
    result = score(as_lines(lines), Peer())
    assert result == score(as_lines(lines, "prompt", "completion"), Peer()) | {"lines": "{input, output}"}
    assert result["n"] == 6 and result["answer_accuracy"] == result["decision"] == 3 / 6
    assert result["trace_accuracy"] == result["evidence"] == 3 / 6
    assert result["answer_accuracy_interval"] == result["decision_interval"]
    outcomes = ("both", "answer_right_trace_wrong", "answer_wrong_trace_right", "both_wrong")
    assert [result[name] * 6 for name in outcomes] == pytest.approx([2, 1, 1, 2])
    assert result["first_wrong_step"] == {"0": 2, "1": 1, "answer": 1, "none": 2}
    assert result["walk_validity"] == 2 / 6 and result["edge_validity"] == pytest.approx((1 + 0.75 + 0 + 1) / 4)
    assert "bleu" not in result and "floors" not in result
    assert score(as_lines([(PROMPT, "")]), Peer())["edge_validity"] is None


@pytest.mark.parametrize(
    "fields", [{}, {"depth": 3, "ids": 62}, {"encoding": "flat", "separator": True}, {"trace": "none"}]
)
def test_gold_scores_itself(fields):
    task = Connectivity(**fields)
    result = score(io.BytesIO(task.jsonl(task.sample(np.random.default_rng(0), 50))), task)
    assert result["both"] == 1 and result["first_wrong_step"] == {"none": 50}
    assert result["evidence"] == (fields.get("trace") != "none")  # an empty list is what was asked for, but no evidence


def test_the_command_scores_and_names_a_bad_line(tmp_path, capsys):
    good, bad = ({"input": prompt, "output": "work: [0 1 2 3] decision: [3]"} for prompt in (PROMPT, "graph: [0 1]"))
    path = tmp_path / "said.jsonl"
    path.write_text(f"{json.dumps(good)}\n")
    assert main(["score", str(path), "--task", "connectivity", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["both"] == 1
    assert main(["score", str(path), "--task", "connectivity"]) == 0
    assert "edge validity              1.0000" in capsys.readouterr().out
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    assert main(["score", str(path), "--task", "connectivity"]) == 2
    assert "line 2: " in capsys.readouterr().err


def test_a_label_is_no_oracle():
    with pytest.raises(UserError, match="a label cannot say which traces are valid"):
        score(as_lines([("work : [ 0 ]", "work : [ 0 ]")], "predict", "label"), Peer())


def test_speed():
    """200,000 rows a second, with room for a busy machine."""
    task = Connectivity(depth=2)
    batch = task.sample(np.random.default_rng(0), 20_000)
    width = int(batch.prompt_len.max())
    completion, problem = batch.text[:, width:], batch.problem
    target = np.take_along_axis(problem["targets"], problem["right"][:, None].astype(int), axis=1)[:, 0]

    def rate():
        began = time.process_time()
        listed = read_edges(completion, task.vocabulary)
        assert evidence(problem["edges"], problem["start"], target, listed.work)[0].all()
        return len(completion) / (time.process_time() - began)

    assert max(rate() for _ in range(5)) > 200_000
