"""Lines about graphs say what stands next to what and what is asked, degrees tell what they tell, and each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import within_capacity as claim
from experiments.boundary.within_capacity import (
    ARMS,
    BEYOND,
    LONG,
    NEAR,
    SHORT,
    SMALL,
    WITHIN,
    Asked,
    Measured,
    asked,
    by_table,
    labelled,
    training,
    yes,
)
from tasks.connectivity.diameters import chains

SEEDS = 5
TINY = replace(SMALL, nodes=9, shapes=20, train=replace(SMALL.train, steps=4, batch=8))


def read(line):
    """Rows of a line int (t, c) of nine nodes by name: whose it is, which node is asked about if one is, and those next to it."""
    first = TINY.task.step_delimiters[0]
    return [
        (int(own) - first - 9, int(other) - first - 18 if other else None, {int(node) - first for node in near if node})
        for own, other, *near in line
    ]


def test_a_line_has_every_node_twice_and_then_with_the_one_it_is_asked_about():
    lines = asked(TINY, chains(9, 3), 40, 0, "test", 9)
    for text, away in zip(lines.text, lines.away, strict=True):
        *rows, mark = text
        assert mark[0] == TINY.task.vocabulary.index["/"] and not mark[1:].any()
        once, twice, questions = (read(rows[start : start + 9]) for start in (0, 9, 18))
        near = {own: others for own, _, others in once}
        assert sorted(near) == list(range(9)) and once == twice and all(other is None for _, other, _ in once)
        for (own, other, others), distance in zip(questions, away, strict=True):
            assert others == near[own] and own in others and other != own
            two = set().union(*(near[node] for node in others))
            assert distance == (1 if other in others else 2 if other in two else -1)
    assert 0.4 < lines.connected.mean() < 0.6
    assert len({text[0, 0] for text in lines.text}) == 9, "in any order"


def test_degrees_are_of_the_node_and_of_the_one_it_is_asked_about():
    lines = asked(TINY, chains(9, 3), 10, 0, "test", 9)
    for text, degrees in zip(lines.text, lines.degrees, strict=True):
        near = {own: len(others) - 1 for own, _, others in read(text[:9])}
        assert degrees.tolist() == [[near[own], near[other]] for own, other, _ in read(text[18:27])]


def test_two_arms_are_about_the_same_graphs_and_one_of_them_is_asked_about_near_nodes_alone():
    config = replace(SMALL, shapes=20, train=replace(SMALL.train, steps=4, batch=16))
    within, beyond, near = (training(config, arm, 3) for arm in ARMS)
    assert within.away.max() <= 3 < beyond.away.max() and near.away.max() == 3
    facts = slice(0, 12)
    assert (beyond.text[:, facts] == near.text[:, facts]).all() and (beyond.text != near.text).any()


def test_targets_stand_behind_each_question():
    lines = asked(TINY, chains(9, 3), 5, 0, "test", 9)
    target, weight = labelled(TINY, lines).target, labelled(TINY, lines).weight
    assert weight.sum(axis=1).tolist() == [9] * 5 and weight[:, 19:].all(), "the question at 18 is answered at 19"
    assert ((target[:, 19:] == yes(TINY)) == (lines.away >= 0)).all()
    assert yes(TINY) == len(TINY.task.vocabulary)


def test_who_knows_degrees_alone_says_what_was_most_often_so_in_training():
    def lines(degrees, away):
        return Asked(np.zeros((1, 1, 1)), np.array([away]), np.array([degrees], np.int8))

    known = lines([[1, 2], [1, 2], [1, 2], [2, 2], [2, 2]], [1, 3, -1, -1, 2])
    asked_now = lines([[1, 2], [2, 1], [2, 2]], [1, 1, 1])
    assert by_table(known, asked_now).tolist() == [[True, False, False]]


def test(right=0.9, exact=0.5, gate=0.99, far=0.05, none=0.05):
    """One arm on one kind of graph: models that share their numbers."""
    say = np.array([1.0, 1.0, 0.8, far, far, *[np.nan] * 4, none])
    shares = (right, exact, gate)
    return claim.Test(*(np.full(SEEDS, share) for share in shares), np.tile(say, (SEEDS, 1)), *np.ones((2, SEEDS)))


test.__test__ = False
claim.Test.__test__ = False


def measured(within=0.9, beyond=0.4, near=0.9, **far):
    tests = {arm: {kind: test() for kind in (WITHIN, BEYOND, SHORT, LONG)} for arm in ARMS}
    for arm, exact in ((WITHIN, within), (BEYOND, beyond), (NEAR, near)):
        tests[arm][SHORT] = test(exact=exact)
    tests[BEYOND][LONG] = test(**far)
    return Measured(tests, 3)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"within": 0.5, "beyond": 0.2}, ["within, short chains"]),
        ({"beyond": 0.75}, ["within - beyond", "near asked - beyond"]),
        ({"near": 0.5}, ["near asked - beyond"]),
        ({"far": 0.3}, ["yes at 4 and 5"]),
        ({"far": 0.3, "none": 0.25}, []),
    ],
)
def test_each_check_can_fail(changes, broken):
    found = measured(**changes)
    for check in claim.check(found):
        violated = (check.values < check.low) | (check.values > check.high)
        assert violated.all() == any(name in check.name for name in broken), check.name
    assert len(claim.figures(found)) == 4


def test_models_that_did_not_learn_their_own_graphs_say_nothing():
    found = measured()
    found.tests[WITHIN][WITHIN] = test(gate=0.9)
    assert judge(claim.CLAIM, claim.check(found)).verdict is Verdict.UNDECIDED
