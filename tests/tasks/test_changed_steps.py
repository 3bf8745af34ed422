"""What follows from a changed step in every format of a task that has steps."""

from __future__ import annotations

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
    late = np.array([[*vocabulary.encode("C B A <wait> B <answer> A </s>")]], np.int32)
    assert vocabulary.decode(task.follow(batch, late, 3)[0]) == "C B A <wait> B <answer> B"


def test_where_there_is_no_other_format_it_is_said():
    for task in (Recheck(), Connectivity()):
        batch = sample(task, 2)
        with pytest.raises(UserError, match="no other format"):
            task.paraphrase(batch, batch.completions(), 0)
    assert Connectivity(trace="none").state_tokens == ()
    symbols = Symbols(compositions=("F1 F2 F3",), length=(2,))
    batch = symbols.render(symbols.parse("A B [F1] [F2] [F3] <think>"), np.random.default_rng(0))
    reworded = symbols.paraphrase(batch, batch.completions(), 0)
    assert symbols.vocabulary.decode(reworded[0]) == "[F2] [F3] N O <think> O N [F3] <answer> N O"
