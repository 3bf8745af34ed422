"""A claim, the inequalities that would refute it, and its verdict: HOLDS, FAILS or UNDECIDED.

Dimension letter: `s` seeds, each a whole replicate with weights, data, test problems and keys of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

import numpy as np

from alchemy.errors import UserError
from alchemy.stats.verdict import ALPHA, Outcome, Sample, Verdict, decide

Question = Literal[
    "Where does reasoning stop?", "What does a step buy?", "How is a budget best spent?", "Is the trace used?"
]
QUESTIONS: tuple[Question, ...] = get_args(Question)
"""What the claims are about, in the order in which reports answer."""


@dataclass(frozen=True)
class Claim:
    """A sentence somebody published, or that we dare to."""

    sentence: str
    source: str
    prediction: str
    refuted_if: str
    question: Question
    """The question that it helps to answer; reports group by it."""
    headline: bool = False
    """Judged by `alchemy reproduce` when no claim is named."""
    among: str = ""
    """The models that the sentence is about, such as "models that learned what they were trained on"; all if empty."""


@dataclass(frozen=True)
class Gate:
    """What a seed must satisfy, low <= value <= high, to be judged by the checks that rest on it.

    It is measured on other problems than those checks are.
    """

    name: str
    values: np.ndarray
    """Float (s,)."""
    low: float
    high: float
    reason: str
    """Why the threshold is where it is."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _numbers(self.name, self.values))

    @property
    def passed(self) -> np.ndarray:
        """Which seeds do, bool (s,); a seed without a number (nan) does not."""
        return (self.values >= self.low) & (self.values <= self.high)


@dataclass(frozen=True)
class Check:
    """One inequality, low <= value <= high, on one number a seed; written before the run it judges."""

    name: str
    values: np.ndarray
    """Float (s,): may be infinite; nan for a seed that has no number."""
    low: float
    high: float
    reason: str
    """Why the threshold is where it is."""
    gates: tuple[Gate, ...] = ()
    """A seed that misses one of them is not judged by this check."""
    share: float = 0.5
    """The share of seeds that satisfies the inequality if the check is true, at least."""
    exact: bool = False
    """The values were enumerated or proved, not sampled: shown as they are, and not part of the test."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _numbers(self.name, self.values))
        object.__setattr__(self, "gates", tuple(self.gates))
        for gate in self.gates:
            if gate.values.shape != self.values.shape:
                raise UserError(
                    f"check {self.name!r} has {len(self.values)} seeds, its gate {gate.name!r} {len(gate.values)}"
                )

    @property
    def passed(self) -> np.ndarray:
        """The seeds that pass every gate, bool (s,)."""
        return np.logical_and.reduce([np.ones(self.values.shape, bool), *(gate.passed for gate in self.gates)])


def at_least(
    name: str, values: np.ndarray, bound: float, reason: str, *, gates: Sequence[Gate] = (), share: float = 0.5
) -> Check:
    """The median seed has at least `bound` (or more than `share` of the seeds do)."""
    return Check(name, values, bound, inf, reason, tuple(gates), share)


def at_most(
    name: str, values: np.ndarray, bound: float, reason: str, *, gates: Sequence[Gate] = (), share: float = 0.5
) -> Check:
    """The median seed has at most `bound` (or more than `share` of the seeds do)."""
    return Check(name, values, -inf, bound, reason, tuple(gates), share)


def near(
    name: str,
    values: np.ndarray,
    target: float,
    margin: float,
    reason: str,
    *,
    gates: Sequence[Gate] = (),
    share: float = 0.5,
) -> Check:
    """Equivalence: the median seed is within `margin` of `target` (or more than `share` of the seeds are)."""
    return Check(name, values, target - margin, target + margin, reason, tuple(gates), share)


def exactly(name: str, value: float, low: float, high: float, reason: str) -> Check:
    """A number that was enumerated or proved lies between `low` and `high`."""
    return Check(name, np.array([value], float), low, high, reason, exact=True)


@dataclass(frozen=True)
class Judged:
    """A claim with its checks, what the seeds say about each, and the verdict."""

    claim: Claim
    checks: tuple[Check, ...]
    outcomes: tuple[Outcome, ...]
    verdict: Verdict


def judge(claim: Claim, checks: Sequence[Check], alpha: float = ALPHA) -> Judged:
    """The verdict on a claim, with an error rate of `alpha` for false HOLDS and for false FAILS over all its checks."""
    samples = [Sample(check.values, check.low, check.high, check.share, check.passed, check.exact) for check in checks]
    verdict, outcomes = decide(samples, alpha, among_passed=bool(claim.among))
    return Judged(claim, tuple(checks), outcomes, verdict)


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values):
        raise UserError(f"{name!r}: expected one number a seed, shape (s,), got shape {values.shape}")
    return values
