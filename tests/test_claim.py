"""Verdicts: the inequality is judged by the whole interval, a claim by all its checks."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemy.report.claim import (
    Check,
    Verdict,
    at_least,
    at_most,
    judge,
    near,
)
from alchemy.stats.measure import Interval

HOLDS, FAILS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED


def measured(low, high):
    return Interval((low + high) / 2 if low > -inf and high < inf else 0.5, low, high, n=100, seeds=5)


def check(verdict, precondition=False):
    low, high = {HOLDS: (0.6, 0.7), FAILS: (0.1, 0.2), UNDECIDED: (0.4, 0.6)}[verdict]
    return at_least("score", measured(low, high), 0.5, "half", precondition)


@pytest.mark.parametrize(
    ("low", "high", "least", "most", "close"),
    [
        (0.6, 0.7, HOLDS, FAILS, FAILS),
        (0.3, 0.4, FAILS, HOLDS, FAILS),
        (0.4, 0.6, UNDECIDED, UNDECIDED, UNDECIDED),
        (0.5, 0.5, HOLDS, HOLDS, HOLDS),
        (0.5, 0.625, HOLDS, UNDECIDED, UNDECIDED),
        (0.25, 0.5, UNDECIDED, HOLDS, UNDECIDED),
        (0.4375, 0.5625, UNDECIDED, UNDECIDED, HOLDS),
        (0.5625, 0.75, HOLDS, FAILS, UNDECIDED),
        (0.75, inf, HOLDS, FAILS, FAILS),
        (-inf, inf, UNDECIDED, UNDECIDED, UNDECIDED),
    ],
)
def test_inequalities_and_their_boundaries(low, high, least, most, close):
    interval = measured(low, high)
    assert at_least("score", interval, 0.5, "half").verdict is least
    assert at_most("score", interval, 0.5, "half").verdict is most
    assert near("score", interval, 0.5, 0.0625, "half").verdict is close


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([], UNDECIDED),
        ([check(HOLDS)], HOLDS),
        ([check(UNDECIDED)], UNDECIDED),
        ([check(FAILS)], FAILS),
        ([check(HOLDS), check(UNDECIDED)], UNDECIDED),
        ([check(HOLDS), check(UNDECIDED), check(FAILS)], FAILS),
        ([check(HOLDS, precondition=True), check(HOLDS)], HOLDS),
        ([check(HOLDS, precondition=True), check(FAILS)], FAILS),
        ([check(FAILS, precondition=True), check(HOLDS)], UNDECIDED),
        ([check(FAILS, precondition=True), check(FAILS)], UNDECIDED),
        ([check(UNDECIDED, precondition=True), check(FAILS)], UNDECIDED),
    ],
)
def test_a_claim_is_judged_by_all_its_checks(checks, verdict):
    assert judge(checks) is judge(checks[::-1]) is verdict


@given(st.tuples(*[st.floats(-1, 1)] * 4).map(sorted), st.booleans())
def test_a_narrower_interval_never_turns_a_verdict_over(ends, upper):
    """What a wide interval decides, every interval inside it decides alike."""
    outer, inner = measured(ends[0], ends[3]), measured(ends[1], ends[2])
    wide, narrow = (
        Check("score", each, 0.0 if upper else -inf, inf if upper else 0.0, "sign") for each in (outer, inner)
    )
    assert wide.verdict in (UNDECIDED, narrow.verdict)
