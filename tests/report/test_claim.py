"""Claims: what a check, a gate and a share of the seeds mean, and the verdict on all checks of a claim."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from math import inf, nan

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.report.claim import QUESTIONS, Check, Claim, Gate, at_least, at_most, exactly, judge, near
from alchemy.stats.verdict import Verdict

HOLDS, FAILS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED
CLAIM = Claim("sentence", "source", "prediction", "refuted if", QUESTIONS[0])
AMONG = Claim("sentence", "source", "prediction", "refuted if", QUESTIONS[0], among="models that learned")


def seeds(*counts_and_values):
    """Values by (count, value), one after another."""
    return np.concatenate([np.full(count, float(value)) for count, value in counts_and_values])


def verdict(*checks, claim=CLAIM):
    judged = judge(claim, checks)
    assert judged.checks == checks and len(judged.outcomes) == len(checks)
    backwards = judge(claim, checks[::-1])
    assert backwards.verdict is judged.verdict and backwards.outcomes == judged.outcomes[::-1]
    return judged.verdict


@pytest.mark.parametrize(
    ("values", "least", "most", "close"),
    [
        (seeds((10, 0.6)), HOLDS, FAILS, HOLDS),
        (seeds((10, 0.4)), FAILS, HOLDS, HOLDS),
        (seeds((10, 0.5)), HOLDS, HOLDS, HOLDS),
        (seeds((4, 0.6)), UNDECIDED, UNDECIDED, UNDECIDED),
        (seeds((10, 0.7)), HOLDS, FAILS, FAILS),
        (seeds((10, inf)), HOLDS, FAILS, FAILS),
        (seeds((10, -inf)), FAILS, HOLDS, FAILS),
        (seeds((10, nan)), UNDECIDED, UNDECIDED, UNDECIDED),
        (seeds((5, 0.4), (5, 0.6)), UNDECIDED, UNDECIDED, HOLDS),
        (seeds((6, 0.3), (6, 0.7)), UNDECIDED, UNDECIDED, UNDECIDED),
        (seeds((11, 0.6), (1, nan)), HOLDS, FAILS, HOLDS),
        (seeds((5, 0.6), (2, nan)), UNDECIDED, UNDECIDED, UNDECIDED),
    ],
)
def test_inequalities_and_their_ties(values, least, most, close):
    assert verdict(at_least("a", values, 0.5, "r")) is least
    assert verdict(at_most("a", values, 0.5, "r")) is most
    assert verdict(near("a", values, 0.5, 0.125, "r")) is close


def test_a_claim_is_judged_by_all_its_checks():
    holding, open_, failing = (at_least("a", seeds((10, value)), 0.5, "r") for value in (0.6, nan, 0.4))
    assert verdict() is UNDECIDED
    assert verdict(holding, holding) is HOLDS
    assert verdict(holding, open_) is UNDECIDED
    assert verdict(holding, open_, failing) is FAILS


def test_a_refutation_pays_for_every_check_that_is_no_enumeration():
    """Nine of nine seeds refute one of 8 checks, not one of 9 or more; enumerations cost nothing."""
    failing, open_ = at_least("a", seeds((9, 0.4)), 0.5, "r"), at_least("b", seeds((9, nan)), 0.5, "r")
    assert verdict(failing, *[open_] * 7) is FAILS
    assert verdict(failing, *[open_] * 26) is UNDECIDED
    assert verdict(failing, *[open_] * 7, *[exactly("c", 1, 1, 1, "r")] * 26) is FAILS


def test_an_enumeration_decides_by_itself():
    assert verdict(exactly("a", 0.5, 0.5, 0.5, "r")) is HOLDS
    assert verdict(exactly("a", 0.5, 0.6, inf, "r")) is FAILS
    assert verdict(exactly("a", nan, 0.6, inf, "r")) is UNDECIDED
    assert verdict(exactly("a", 0.5, 0.5, 0.5, "r"), at_least("b", np.ones(4), 1, "r")) is UNDECIDED


def test_a_seed_that_misses_its_gate_leaves_the_checks_that_rest_on_it():
    learned = Gate("learned", seeds((5, 0.99), (2, 0.5), (1, nan)), 0.9, inf, "r")
    np.testing.assert_array_equal(learned.passed, [True] * 5 + [False] * 3)
    values = seeds((5, 0.6), (3, 0.4))
    gated, all_seeds = at_least("a", values, 0.5, "r", gates=[learned]), at_least("b", values, 0.5, "r")
    judged = judge(CLAIM, [gated, all_seeds])
    assert [outcome.verdict for outcome in judged.outcomes] == [HOLDS, UNDECIDED]
    first, second = judged.outcomes
    assert (first.satisfied, first.violated, first.seeds, first.gate_share) == (5, 0, 5, 5 / 8)
    assert (second.satisfied, second.violated, second.seeds, second.gate_share) == (5, 3, 8, 1.0)
    assert first.gate_limits[0] < 5 / 8 < first.gate_limits[1] and second.gate_limits[1] == 1


def test_where_few_seeds_pass_only_a_claim_about_those_is_decided():
    few = Gate("learned", seeds((5, 1), (6, 0)), 0.5, inf, "r")
    check = at_least("a", np.ones(11), 0.5, "r", gates=[few])
    refuted = at_most("a", np.ones(22), 0.5, "r", gates=[Gate("g", seeds((10, 1), (12, 0)), 0.5, inf, "r")])
    for measured, about_those in ((check, HOLDS), (refuted, FAILS)):
        assert verdict(measured) is UNDECIDED and judge(CLAIM, [measured]).outcomes[0].too_few_passed
        assert verdict(measured, claim=AMONG) is about_those and not judge(AMONG, [measured]).outcomes[0].too_few_passed


def test_every_gate_must_be_passed_and_none_may_be_left():
    first, second = Gate("g", [1, 1, 0, 0], 1, 1, "r"), Gate("h", [1, 0, 1, 0], 1, 1, "r")
    check = at_least("a", np.ones(4), 0.5, "r", gates=[first, second])
    np.testing.assert_array_equal(check.passed, [True, False, False, False])
    nobody = at_least("a", np.ones(4), 0.5, "r", gates=[Gate("g", np.zeros(4), 1, inf, "r")])
    assert judge(AMONG, [nobody]).outcomes[0].seeds == 0 and verdict(nobody, claim=AMONG) is UNDECIDED


def test_a_share_of_the_seeds():
    """More than three quarters: 13 unanimous seeds are needed, and a range counts the seeds inside it."""
    assert verdict(at_least("a", np.ones(13), 1, "r", share=0.75)) is HOLDS
    assert verdict(at_least("a", np.ones(12), 1, "r", share=0.75)) is UNDECIDED
    spread = seeds((5, 0), (10, 1), (5, 2))
    assert verdict(near("a", spread, 1, 0.5, "r")) is UNDECIDED
    assert verdict(near("a", seeds((8, 0), (24, 1), (8, 2)), 1, 0.5, "r")) is HOLDS
    assert verdict(near("a", seeds((8, 0), (24, 1), (8, 2)), 1, 0.5, "r", share=0.9)) is FAILS


def test_bad_input_is_one_clear_line():
    gate = Gate("g", np.ones(3), 0, 1, "r")
    for call in (
        lambda: at_least("a", 0.5, 0.5, "r"),
        lambda: at_least("a", np.ones((2, 3)), 0.5, "r"),
        lambda: at_least("a", [], 0.5, "r"),
        lambda: at_least("a", np.ones(2), 0.5, "r", gates=[gate]),
        lambda: judge(CLAIM, [at_least("a", np.ones(2), 0.5, "r", share=1.0)]),
        lambda: judge(CLAIM, [Check("a", np.ones(2), 1.0, 0.0, "r")]),
        lambda: judge(CLAIM, [Check("a", np.ones(2), -inf, inf, "r")]),
    ):
        with pytest.raises(UserError):
            call()


def test_what_was_judged_cannot_be_changed():
    """Nor is a claim a headline that does not say so."""
    check = at_least("a", seeds((10, 0.6)), 0.5, "r", gates=[Gate("learned", np.ones(10), 0.9, inf, "r")])
    judged = judge(CLAIM, [check])
    for value, name in (
        (CLAIM, "sentence"),
        (check, "low"),
        (check.gates[0], "low"),
        (judged, "verdict"),
        (judged.outcomes[0], "verdict"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)
    assert not CLAIM.headline
