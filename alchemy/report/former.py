"""The checks of experiments that are not yet judged by seeds: a claim, the inequalities that would refute it, and the verdict: HOLDS, FAILS or UNDECIDED."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from alchemy.stats.measure import Interval
from alchemy.stats.verdict import Verdict


@dataclass(frozen=True)
class Claim:
    """A sentence somebody published, or that we dare to."""

    sentence: str
    source: str
    prediction: str
    refuted_if: str
    headline: bool = False
    """Judged by `alchemy reproduce` when no claim is named."""


@dataclass(frozen=True)
class Check:
    """One inequality, low <= measured <= high, written before the run it judges."""

    name: str
    measured: Interval
    low: float
    high: float
    reason: str
    """Why the threshold is where it is."""
    precondition: bool = False
    """Says whether the experiment worked at all; where it does not hold, the claim stays undecided."""

    @property
    def verdict(self) -> Verdict:
        """HOLDS if the whole interval satisfies the inequality, FAILS if none of it does, else UNDECIDED."""
        if self.low <= self.measured.low and self.measured.high <= self.high:
            return Verdict.HOLDS
        if self.measured.high < self.low or self.measured.low > self.high:
            return Verdict.FAILS
        return Verdict.UNDECIDED


def at_least(name: str, measured: Interval, threshold: float, reason: str, precondition: bool = False) -> Check:
    return Check(name, measured, threshold, inf, reason, precondition)


def at_most(name: str, measured: Interval, threshold: float, reason: str, precondition: bool = False) -> Check:
    return Check(name, measured, -inf, threshold, reason, precondition)


def near(name: str, measured: Interval, target: float, margin: float, reason: str) -> Check:
    """Equivalence: the whole interval within `margin` of `target`."""
    return Check(name, measured, target - margin, target + margin, reason)


def judge(checks: Sequence[Check]) -> Verdict:
    """One failed check refutes the claim; an undecided one, or a precondition that does not hold, leaves it open."""
    if all(check.precondition for check in checks):
        return Verdict.UNDECIDED
    if any(check.precondition and check.verdict is not Verdict.HOLDS for check in checks):
        return Verdict.UNDECIDED
    verdicts = {check.verdict for check in checks}
    for verdict in (Verdict.FAILS, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    return Verdict.HOLDS
