"""What is trained, practised and tested does not meet, no two primitives commute, and each check can fail."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import rewarded_pairs as claim
from experiments.boundary.rewarded_pairs import (
    AGAIN,
    ALONE,
    ARMS,
    ATOMS,
    ATOMS_ALONE,
    BOTH,
    COMPOSED,
    FILTERED,
    FILTERED_ALONE,
    KINDS,
    NEVER,
    PAIRS,
    PRACTISED,
    PRIMITIVES,
    QUADS,
    REWARDED,
    SEARCHED,
    SEEN,
    SEEN_TRIPLES,
    SHOWN,
    SMALL,
    TRIPLES,
    Cell,
    Measured,
    budgets_of,
    world,
)
from tasks.symbols import Symbols

SEEDS = 5
UNSEEN = (PAIRS, TRIPLES, QUADS, NEVER)


def drawn(task):
    """The compositions that a task draws, with how often."""
    return {name: weight for name, weight in zip(task.compositions, task.weights, strict=True) if weight}


def test_kinds_do_not_meet_and_are_of_their_depth():
    where = world(SMALL, 3)
    kinds = {kind: set(drawn(where.tests[kind])) for kind in KINDS}
    assert sum(map(len, kinds.values())) == len(set().union(*kinds.values()))
    assert {kind: len(names) for kind, names in kinds.items()} == dict(
        zip(KINDS, (12, 8, 8, 16, 24, 24, 24, 16), strict=True)
    )
    depths = {kind: {len(name.split()) for name in names} for kind, names in kinds.items()}
    assert [depths[kind] for kind in KINDS] == [{1}, {2}, {3}, {2}, {2}, {3}, {4}, {2}]
    for kind, names in kinds.items():
        used = {part for name in names for part in name.split()}
        assert used <= set({NEVER: ALONE, ATOMS: PRIMITIVES}.get(kind, COMPOSED)), kind


def test_what_is_drawn_for_training_is_what_it_says():
    where = world(SMALL, 3)
    both, practice = drawn(where.learned[BOTH]), drawn(where.practice)
    assert set(drawn(where.learned[ATOMS_ALONE])) == set(PRIMITIVES)
    assert sum(both.values()) == pytest.approx(1) and sum(practice.values()) == pytest.approx(1)
    assert sum(practice[name] for name in drawn(where.tests[PRACTISED])) == pytest.approx(0.5)
    assert not set(both) & set().union(*(drawn(where.tests[kind]) for kind in (PRACTISED, *UNSEEN)))
    assert not set(practice) & set().union(*(drawn(where.tests[kind]) for kind in UNSEEN))
    assert drawn(where.tests[SEEN]) != drawn(world(SMALL, 4).tests[SEEN])


def test_no_two_primitives_commute():
    task = Symbols(compositions=PRIMITIVES, primitives=PRIMITIVES, alphabet="ABCDEFGHIJKL", length=(1,))
    letters = np.arange(12, dtype=np.uint8)[:, None]

    def images(names):
        return task.machine.intermediates(np.repeat(task.ops_of((names,)), 12, axis=0), letters)[:, -1].tolist()

    for one, other in combinations(PRIMITIVES, 2):
        assert images(f"{one} {other}") != images(f"{other} {one}")


def test_budgets_are_fourfold_up_to_the_most():
    assert budgets_of(1024) == (1, 4, 16, 64, 256, 1024) and budgets_of(4) == (1, 4)


def measured(
    before=0.2,
    filtered=0.4,
    rewarded=0.4,
    shown=0.7,
    found=(0.6, 0.7),
    far=(0.0, 0.0),
    earned=0.0,
    gate=1.0,
    left=0.1,
    solved=0.2,
):
    """Models of all seeds alike: new pairs before and after practice, and what is found in 1,024 samples."""

    def cell(right, of_gate=1.0):
        return Cell(np.full(SEEDS, right), np.full(SEEDS, of_gate))

    right = {BOTH: before, AGAIN: before, FILTERED: filtered, REWARDED: rewarded, SHOWN: shown}
    cells = {
        arm: {kind: cell(right.get(arm, before) if kind in (PAIRS, PRACTISED) else 0.0, gate) for kind in KINDS}
        for arm in ARMS
    }
    cells[BOTH] = cells[BOTH] | {PRACTISED: cell(before, solved)}
    cells[FILTERED_ALONE] = cells[FILTERED_ALONE] | {SEEN_TRIPLES: cell(left, gate)}
    curve = {
        arm: {
            PAIRS: np.full((SEEDS, 6), found[arm != BOTH]),
            QUADS: np.full((SEEDS, 6), far[0] * (arm == REWARDED)),
            NEVER: np.full((SEEDS, 6), far[1] * (arm == FILTERED)),
        }
        for arm in SEARCHED
    }
    return Measured(cells, curve, (1, 4, 16, 64, 256, 1024), np.full(SEEDS, earned))


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"earned": 0.01}, ["texts with a reward"]),
        ({"filtered": 0.22}, [f"{FILTERED} - {AGAIN}"]),
        ({"rewarded": 0.1}, [f"{PRACTISED}: right, {REWARDED} - {AGAIN}"]),
        ({"filtered": 0.28}, [f"{PRACTISED}: right, {FILTERED} - {AGAIN}"]),
        ({"left": 0.9}, [f"{SEEN_TRIPLES}: right, {FILTERED_ALONE}"]),
        ({"found": (0.4, 0.9)}, [f"{PAIRS}: found"]),
        ({"far": (0.3, 0.0)}, [f"{QUADS} and {NEVER}: found"]),
        ({"far": (0.0, 0.3)}, [f"{QUADS} and {NEVER}: found"]),
    ],
)
def test_each_check_can_fail(changes, broken):
    found = measured(**changes)
    for check in claim.check(found):
        violated = (check.values < check.low) | (check.values > check.high)
        assert violated.all() == any(name in check.name for name in broken), check.name
    assert len(claim.figures(found)) == 3


def test_models_that_did_not_learn_what_they_were_trained_on_say_nothing():
    assert judge(claim.CLAIM, claim.check(measured(gate=0.9))).verdict is Verdict.UNDECIDED
    assert judge(claim.CLAIM, claim.check(measured(solved=0.95))).verdict is Verdict.UNDECIDED
    assert judge(claim.CLAIM, claim.check(measured())).verdict is Verdict.HOLDS
    assert replace(SMALL, seeds=1).practice * SMALL.rounds == SMALL.grpo.steps * SMALL.grpo.problems * SMALL.grpo.group
