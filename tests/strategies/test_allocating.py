"""The strategy that moves a budget: every policy pays for what it draws, and gains where its source says it can."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab import compare
from alchemy.strategies.allocate import Allocate, Policy
from alchemy.testtime.simulated_answers import simulated
from alchemy.testtime.simulated_verifiers import exact, scored

POLICIES = get_args(Policy)
EACH = 10
"""Tokens of an answer."""


def pool(p, k=64, seeds=3):
    """Problems of chances `p`, which a fact tells."""
    bank = simulated(np.tile(p, (seeds, 1)), k, np.random.default_rng(0), tokens=(EACH, EACH), facts={"kind": p})
    return scored(bank, exact=exact(bank))


MIXED = pool(np.repeat([0.9, 0.05, 0.2, 0.0], 150))
ALIKE = pool(np.full(600, 0.15))


def right(policy, bank, n=8, score="exact"):
    right, bill = Allocate(policy, score).replay(bank, n, np.random.default_rng(1))
    assert right.shape == bill.written.shape == bank.shape[:2]
    assert bill.written.mean() <= n * EACH * 1.01, "in the mean no more than n answers"
    return right.mean()


def test_where_problems_differ_knowing_it_pays():
    """The impossible ones get nothing, the easy ones little: the rest gets it (the plan's simulation has k of 2 and more)."""
    even = right("uniform", MIXED)
    assert right("metadata", MIXED) > even + 0.05 and right("oracle", MIXED) > even + 0.05
    assert right("online", MIXED) > even + 0.05 and right("probe", MIXED) > even


def test_where_problems_are_alike_only_stopping_pays():
    even = right("uniform", ALIKE)
    assert even == pytest.approx(1 - 0.85**8, abs=0.03)
    for policy in ("metadata", "oracle"):
        assert right(policy, ALIKE) == pytest.approx(even, abs=0.03)
    for policy in ("online", "blind"):
        assert right(policy, ALIKE) > even + 0.1


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("score", ["", "exact"])
def test_every_policy_spends_what_it_is_given(policy, score):
    assert right(policy, MIXED, 6, score) > 0.2


def test_a_bank_has_answers_to_move():
    assert compare.answers(["allocate:policy=metadata", "direct"], (4, 16)) == 64
    assert compare.answers(["self_consistency"], (4, 16)) == 16


def test_an_unknown_policy_is_named():
    with pytest.raises(UserError, match=r"policy 'orcale' is unknown.*oracle"):
        Allocate("orcale")
