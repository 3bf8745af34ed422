"""What follows from a changed step in every format of a task that has steps."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from changed_steps import check_step

from alchemy.errors import UserError
from alchemy.problem.task import Field
from tasks.connectivity import Connectivity
from tasks.connectivity.traces import STYLES
from tasks.recheck import Recheck
from tasks.symbols import Symbols

GRAPHS = [
    Connectivity(trace=trace, encoding=encoding, depth=2)
    for trace in STYLES
    if trace != "none"
    for encoding in ("edges", "flat")
]
OTHERS = [
    Symbols(compositions=("F1 F2 F3", "F1", "mix F2"), primitives=("F1", "F2", "F3", "mix"), length=(2, 3)),
    Symbols(compositions=("F1 F2", "F3"), length=(1, 4), dialect="uniform"),
    Symbols(compositions=("F1 F2 F3", "F3"), length=(1, 4), dialect="hinted"),
    Recheck(maps="function", hops=(1, 3)),
    Recheck(classes=("help",), hops=(2, 5), waits=False),
]


def sample(task, n=40, seed=0):
    return task.sample(np.random.default_rng(seed), n)


@pytest.mark.parametrize(
    "task", GRAPHS + OTHERS, ids=lambda task: f"{type(task).__name__}-{getattr(task, 'trace', '')}"
)
def test_every_step_of_every_format(task):
    batch = sample(task)
    for step in range(int(batch.completion_fields().max()) - Field.STEP + 1):
        check_step(task, batch, step, np.random.default_rng(step))


def test_a_search_that_is_misled_ends_at_the_other_candidate():
    task = Connectivity(depth=2)
    batch = sample(task)
    edited = task.other_state(batch, batch.completions(), 1, np.random.default_rng(0))
    wrong = batch.problem["targets"][np.arange(40), 1 - batch.problem["right"]]
    np.testing.assert_array_equal(task.answer_ids(task.follow(batch, edited, 1)), wrong)
    again = task.parse(task.show(batch.tokens[0, : batch.prompt_len[0]]))
    graph = nx.Graph(again["edges"][0].tolist())
    for step in (0, 1):
        chain = task.other_state(batch, batch.completions(), step, np.random.default_rng(0))
        rest = task.follow(batch, chain, step)[0] - task.step_delimiters[0]
        rest = rest[rest >= 0][step:-1].tolist()
        assert rest[-1] == wrong[0] and rest == nx.shortest_path(graph, rest[0], wrong[0])
    field = batch.completion_fields()
    components = [task.step_ids(batch, edited, field == Field.STEP + step) for step in (0, 1, 2)]
    np.testing.assert_array_equal(components[0], components[2])
    assert (components[0] != components[1]).all()


def test_nothing_follows_from_a_node_that_is_nowhere():
    task = Connectivity()
    batch = sample(task)
    listed = np.concatenate([batch.problem[name].reshape(40, -1) for name in ("edges", "trace")], axis=1)
    nowhere = np.array([np.setdiff1d(np.arange(task.ids), row)[0] for row in listed])
    chain = batch.completions()
    chain[:, 1] = nowhere + task.step_delimiters[0]
    assert (task.answer_ids(task.follow(batch, chain, 1)) == -1).all()


def test_a_hop_is_followed_by_the_rest_of_the_walk():
    """B for the first hop of A -> C -> B -> A ...: the walk goes on from there, and the answer repeats its end."""
    task = Recheck(alphabet="ABC", classes=("help",), hops=(3,), most=1, told=1.0)
    batch = task.render(task.parse("[help] 3 1 C A B A <think>"), np.random.default_rng(0))
    vocabulary = task.vocabulary
    assert vocabulary.decode(batch.completions()[0]) == "C B A <wait> A <answer> A"
    chain = np.array([[*vocabulary.encode("B B A <wait> A <answer> A </s>")]], np.int32)
    assert vocabulary.decode(task.follow(batch, chain, 0)[0]) == "B A C <wait> C <answer> C"
    first = np.array([[*vocabulary.encode("A B A <wait> A <answer> A </s>")]], np.int32)
    assert vocabulary.decode(task.follow(batch, first, 0)[0]) == "A C B <wait> B <answer> B"
    late = np.array([[*vocabulary.encode("C B A <wait> B <answer> A </s>")]], np.int32)
    assert vocabulary.decode(task.follow(batch, late, 3)[0]) == "C B A <wait> B <answer> B"


def test_where_there_is_no_other_format_it_is_said():
    for task in (Recheck(), Connectivity()):
        batch = sample(task, 2)
        with pytest.raises(UserError, match="no other format"):
            task.paraphrase(batch, batch.completions(), 0)
    assert Connectivity(trace="none").state_tokens == ()


def test_letters_behind_the_transformations_that_remain():
    symbols = Symbols(compositions=("F1 F2 F3",), length=(3,))
    batch = symbols.render(symbols.parse("A B C [F1] [F2] [F3] <think>"), np.random.default_rng(0))
    gold, decode = batch.completions(), symbols.vocabulary.decode
    first, second = (decode(symbols.paraphrase(batch, gold, step)[0]) for step in (0, 1))
    assert first == "[F2] [F3] N O P <think> O P N [F3] <answer> N P O"
    assert second == "N O P [F2] [F3] <think> [F3] O P N <answer> N P O"
    assert decode(symbols.paraphrase(batch, gold[:, :5], 0)[0]) == "[F2] [F3] N O P"
    np.testing.assert_array_equal(symbols.paraphrase(batch, gold[:, :4], 0), gold[:, :4])  # it is not all there
    np.testing.assert_array_equal(symbols.paraphrase(batch, gold, 2), gold)  # there is no third step


def test_transformations_that_remain_are_applied_to_whatever_letters_a_step_has():
    """Of chains that are longer or shorter than the gold one too; what is no letter counts as an A."""
    symbols = Symbols(compositions=("F1 F2 F3",), length=(3,))
    problems = [symbols.parse(f"{letters} [F1] [F2] [F3] <think>") for letters in ("A B C", "D E F")]
    batch = symbols.write({name: np.concatenate([problem[name] for problem in problems]) for name in problems[0]})

    def followed(step, *texts):
        width = max(len(text.split()) for text in texts)
        ids = [symbols.vocabulary.encode(text) for text in texts]
        chains = np.array([row + [0] * (width - len(row)) for row in ids], np.int32)
        return [symbols.vocabulary.decode(row) for row in symbols.follow(batch, chains, step)]

    right = ["X Y Z [F2] [F3] <think> Y Z X [F3] <answer> X Z Y", "Z Z Y [F2] [F3] <think> Z Y Z [F3] <answer> Z Y Z"]
    for behind in ("", " A", " Y Z X [F3] <answer> X Z Y </s> A A A A"):
        assert followed(0, f"X Y Z [F2] [F3] <think>{behind}", f"Z Z Y [F2] [F3] <think>{behind}") == right
    assert followed(1, "N O P [F2] [F3] <think> X Y B [F3]", "A <think> A A A A Q R S [F1]") == [
        "N O P [F2] [F3] <think> X Y B [F3] <answer> B Y X",
        "A <think> A A A A Q R S [F1] <answer> S R Q",
    ]
    assert followed(0, "A A", "[F1] Y Z")[1] == "[F1] Y Z Y Z A [F3] <answer> A Z Y"
