"""Laws of tasks where no other oracle says what is right: other names, another order, no shift at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy import discover
from alchemy.problem.split import join
from tasks.connectivity import Connectivity
from tasks.recheck import Recheck

TASKS = {name: kind() for name, kind in discover.tasks().items()}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
seeds = st.integers(0, 2**16)
NOWHERE_FAR = {
    "symbols": ["length=4", "steps=2", "task=F1 F2"],
    "connectivity": [
        *("family=bridge", "distractors=1", "pair=far", "depth=1", "petals=3,5,3", "budget=0"),
        *("order=shuffled", "orientation=random", "separator=off"),
    ],
    "recheck": ["maps=cycle", "hops=6"],
    "modular": ["factors=2", "prompt_noise=0.0"],
    "equations": ["unknowns=3", "zeros=0"],
    "sums": ["places=8", "counted=all", "traced=1.0"],
    "hops": ["letters=8", "length=64"],
    "multiplication": ["zeros=0", "digits=3", "first=low"],
    "stars": ["arms=3", "names=20", "length=4", "goal_first=off"],
    "search": [
        "entities=16",
        "joins=seen",
        "missing=0",
        "reliability=1",
        "tags=on",
        "announced=on",
        "budget=8",
    ],
    "documents": [
        "entities=16",
        "joins=seen",
        "missing=0",
        "pollution=0.5",
        "reliability=0.7",
        "announced=on",
        "budget=6",
    ],
    "origins": ["entities=16", "announced=on", "budget=16"],
    "groups": ["group=A5", "pair=0", "length=16", "stride=1"],
    "rules": ["letters=7"],
    "trees": ["shapes=left,balanced", "operators=7", "notation=infix"],
    "facts": ["unseen=none", "ratio=4", "world=0"],
    "reachability": ["extra=1"],
    "boards": ["solutions=1", "places=scattered", "size=4"],
}
"""Shifts of tasks with their defaults to where they are."""


def corrupted(batch, task, rng):
    """Gold completions of which a tenth of the tokens is another token."""
    gold = batch.completions()
    return np.where(rng.random(gold.shape) < 0.1, rng.integers(0, len(task.vocabulary), gold.shape), gold).astype("i4")


@every_task
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_problems_in_another_order_have_their_judgements_in_that_order(task, seed):
    rng = np.random.default_rng(seed)
    batch, order = task.sample(rng, 24), rng.permutation(24)
    completion = corrupted(batch, task, rng)
    judged = task.verify(batch, completion)
    for values, again in zip(judged, task.verify(batch.rows(order), completion[order]), strict=True):
        np.testing.assert_array_equal(values[order], again)
    halves = [task.verify(batch.rows(rows), completion[rows]) for rows in (slice(9), slice(9, None))]
    for values, *parts in zip(judged, *halves, strict=True):
        np.testing.assert_array_equal(values, np.concatenate(parts))
    joined = join([batch.rows(slice(9)), batch.rows(slice(9, None))])
    np.testing.assert_array_equal(task.identity(joined.problem), task.identity(batch.problem))


@pytest.mark.parametrize("encoding", ["edges", "flat"])
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_other_names_for_the_nodes_change_no_verdict(encoding, seed):
    task, rng = Connectivity(encoding=encoding), np.random.default_rng(seed)
    batch, rename = task.sample(rng, 24), rng.permutation(task.ids)

    def renamed(nodes):
        return np.where(nodes < 0, nodes, rename[nodes]).astype(nodes.dtype)

    names = ("edges", "start", "targets", "trace")
    problem = batch.problem | {name: renamed(batch.problem[name]) for name in names}
    first = len(task.vocabulary) - task.ids
    tokens = np.concatenate([np.arange(first), first + rename])
    completion = corrupted(batch, task, rng)
    for values, again in zip(
        task.verify(batch, completion), task.verify(task.write(problem), tokens[completion]), strict=True
    ):
        np.testing.assert_array_equal(values, again)
    for name, values in task.features(batch.problem).items():
        np.testing.assert_array_equal(values, task.features(problem)[name])


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_other_names_for_the_letters_of_a_map_change_no_verdict(seed):
    task, rng = Recheck(), np.random.default_rng(seed)
    batch, letters = task.sample(rng, 24), len(task.alphabet)
    rename = rng.permutation(letters)

    def renamed(values):
        return np.where(values < 0, values, rename[values]).astype(values.dtype)

    table = np.empty_like(batch.problem["map"])
    table[:, rename] = renamed(batch.problem["map"])
    problem = batch.problem | {"map": table} | {name: renamed(batch.problem[name]) for name in ("start", "drafts")}
    first = task.vocabulary.index[task.alphabet[0]]
    tokens = np.arange(len(task.vocabulary))
    tokens[first : first + letters] = first + rename
    completion = corrupted(batch, task, rng)
    for values, again in zip(
        task.verify(batch, completion), task.verify(task.write(problem), tokens[completion]), strict=True
    ):
        np.testing.assert_array_equal(values, again)


@pytest.mark.parametrize(("name", "shift"), [(name, shift) for name, shifts in NOWHERE_FAR.items() for shift in shifts])
def test_a_shift_to_where_a_task_is_has_no_size_and_changes_nothing(name, shift):
    change = TASKS[name].shift(shift)
    assert change.size == 0 and change(TASKS[name]) == TASKS[name]


@pytest.mark.parametrize("name", TASKS)
def test_every_standard_shift_goes_somewhere_and_no_noise_changes_no_line(name):
    task = TASKS[name]
    assert all(task.shift(shift).size > 0 for shift in task.shifts)
    for mode in ("insert", "delete", "modify", "hybrid"):
        silent = task.shift(f"noise={mode}:0")
        assert silent.size == 0
        lines = [some.jsonl(some.sample(np.random.default_rng(3), 20)) for some in (task, silent(task))]
        assert lines[0] == lines[1]


@every_task
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_the_gold_text_of_another_problem_is_right_as_often_as_the_answers_agree(task, seed):
    batch = task.sample(np.random.default_rng(seed), 40)
    records = [task.vocabulary.decode(row).split() for row in batch.completions()]
    answers = [record[record.index(task.text_format.answer_mark) :] for record in records]
    for step in (1, 7):
        other = np.roll(np.arange(40), step)
        judged = task.verify(batch, batch.completions()[other])
        agree = [answers[row] == answers[place] for place, row in enumerate(other)]
        assert judged.answer.tolist() == agree
