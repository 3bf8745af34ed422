"""From one number a seed to a verdict: a sign test by e-values that is valid at any time, and Holm over the checks.

A seed is a whole replicate: initial weights, training data, test problems and sampling keys of its own. Each check of a
claim is one number a seed and an inequality on it, so the numbers of a check are independent and identically
distributed over seeds. The estimand is the median seed: a check holds if more than half of trained models satisfy its
inequality (or more than another named share of them).

Every bound here is valid at any time (Ville's inequality): one may look after each seed and stop whenever one likes.

Dimension letters: `s` seeds, of which `k` satisfy an inequality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp, inf, log, nan
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincc, betaln

from alchemy.errors import UserError

ALPHA = 0.05
"""The error rate of a claim's verdict: false HOLDS at most this, false FAILS of any of its checks at most this."""
UNANIMOUS = 0.45
"""What the mixture of alternatives bets on "every seed does"; the rest is uniform over the shares above the null."""


class Verdict(Enum):
    HOLDS = "HOLDS"
    FAILS = "FAILS"
    UNDECIDED = "UNDECIDED"


class Sample(NamedTuple):
    """What a check measured, low <= value <= high, a number a seed."""

    values: np.ndarray
    """Float (s,), in the order of the seeds; may be infinite, and nan for a seed that has no number."""
    low: float
    high: float
    share: float = 0.5
    """The share of seeds that satisfies the inequality if the check is true, at least."""
    gate: np.ndarray | None = None
    """Bool (s,): the seeds that the check is about, all of them if None."""
    exact: bool = False
    """The values were computed by enumeration or proof: there is no error to control."""


@dataclass(frozen=True)
class Outcome:
    """What the seeds say about one check."""

    verdict: Verdict
    satisfied: int
    """Seeds whose value satisfies the inequality; a tie does."""
    violated: int
    seeds: int
    """Seeds that were judged: those that passed the gate."""
    e_for: float
    """Evidence that the check is true; for a range, that of the weaker side."""
    e_against: float
    p: float
    """Of the check being true, valid at any time, adjusted by Holm for all checks of the claim that are not exact."""
    median: float
    limits: tuple[float, float]
    """Of the median, at the level 1 - alpha."""
    gate_share: float
    """The share of all seeds that passed the gate."""
    gate_limits: tuple[float, float]
    too_few_passed: bool
    """Fewer than half of the seeds passed the gate, which leaves a claim about all models undecided."""


class Decision(NamedTuple):
    """The verdict on a claim, and the outcome of each of its checks."""

    verdict: Verdict
    outcomes: tuple[Outcome, ...]


def decide(samples: Sequence[Sample], alpha: float = ALPHA, *, among_passed: bool = False) -> Decision:
    """Judge a claim by the samples of its checks.

    It HOLDS if every check holds (intersection-union, Berger 1982), FAILS if Holm's procedure over all checks rejects
    one of them, and is UNDECIDED otherwise. `among_passed` says that the claim is only about models that pass the
    gates, so that few of them are no reason to leave a check open.
    """
    _check_rate(alpha)
    tests = [_Test(sample, alpha, among_passed) for sample in samples]
    judged = [test for test in tests if not test.sample.exact]
    adjusted = dict(zip(map(id, judged), holm([test.p for test in judged]), strict=True))
    outcomes = tuple(test.outcome(adjusted.get(id(test), nan), alpha) for test in tests)
    verdicts = {outcome.verdict for outcome in outcomes}
    decided = (verdict for verdict in (Verdict.FAILS, Verdict.UNDECIDED, Verdict.HOLDS) if verdict in verdicts)
    return Decision(next(decided, Verdict.UNDECIDED), outcomes)


class _Test:
    """One check's counts and e-values, before they are adjusted for the other checks."""

    def __init__(self, sample: Sample, alpha: float, among_passed: bool) -> None:
        values, low, high, share, gate, _ = sample
        values = np.asarray(values, float)
        gate = np.ones(values.shape, bool) if gate is None else np.asarray(gate, bool)
        _check_sample(values, low, high, share, gate)
        self.sample, self.passed, self.total = sample, int(gate.sum()), len(gate)
        self.values = values[gate]
        self.limits = median_limits(self.values, 1 - alpha)
        self.gate_limits = share_limits(self.passed, self.total, 1 - alpha)
        self.too_few_passed = 2 * self.passed < self.total and not among_passed
        sides = _sides(self.values, low, high, share)
        s = len(self.values)
        self.e_for = min(e_value(satisfied, s, share) for satisfied, _ in sides)
        self.e_against = float(np.mean([e_value(violated, s, 1 - share) for _, violated in sides]))
        self.p = 1.0 if self.too_few_passed or self.e_against <= 1 else 1 / self.e_against

    def outcome(self, p: float, alpha: float) -> Outcome:
        inside = int(((self.values >= self.sample.low) & (self.values <= self.sample.high)).sum())
        outside = int(((self.values < self.sample.low) | (self.values > self.sample.high)).sum())
        return Outcome(
            verdict=self._verdict(inside, outside, p, alpha),
            satisfied=inside,
            violated=outside,
            seeds=len(self.values),
            e_for=self.e_for,
            e_against=self.e_against,
            p=p,
            median=median(self.values),
            limits=self.limits,
            gate_share=self.passed / self.total,
            gate_limits=self.gate_limits,
            too_few_passed=self.too_few_passed,
        )

    def _verdict(self, inside: int, outside: int, p: float, alpha: float) -> Verdict:
        if self.sample.exact:
            return Verdict.FAILS if outside else Verdict.HOLDS if inside == self.total else Verdict.UNDECIDED
        if self.too_few_passed:
            return Verdict.UNDECIDED
        if self.e_for >= 1 / alpha:
            return Verdict.HOLDS
        return Verdict.FAILS if p <= alpha else Verdict.UNDECIDED


def _sides(values: np.ndarray, low: float, high: float, share: float) -> list[tuple[int, int]]:
    """The one-sided tests that an inequality consists of, as counts of seeds that (satisfy, violate) each.

    The median lies in a range if half of the seeds are not below it and half are not above it; another share of the
    seeds lies in a range if that many are neither.
    """
    below, above = int((values < low).sum()), int((values > high).sum())
    from_low, to_high = int((values >= low).sum()), int((values <= high).sum())
    if high == inf:
        return [(from_low, below)]
    if low == -inf:
        return [(to_high, above)]
    if share == 0.5:
        return [(from_low, below), (to_high, above)]
    return [(int(((values >= low) & (values <= high)).sum()), below + above)]


def e_value(k: int, s: int, share: float = 0.5) -> float:
    """Evidence that more than `share` of seeds satisfy an inequality that k of s seeds do, against "at most `share` do".

    A mixture of likelihood ratios over the alternatives: .45 on "every seed does", .55 uniform on (share, 1). Under the
    null hypothesis the chance that it ever reaches 1 / a, looked at after every seed, is at most a.
    Source: Robbins, Annals of Mathematical Statistics 1970; Ville's inequality.
    """
    return _exp(_log_e(k, s, share))


def _log_e(k: int, s: int, share: float) -> float:
    if not 0 <= k <= s:
        raise UserError(f"expected 0 to s of s >= 0 seeds, got {k} of {s}")
    _check_share(share)
    a, b = k + 1, s - k + 1
    tail = betaincc(a, b, share)
    uniform = log(1 - UNANIMOUS) + betaln(a, b) - log(1 - share) - k * log(share) - (s - k) * log(1 - share)
    uniform += log(tail) if tail > 0 else -inf
    return float(np.logaddexp(log(UNANIMOUS) - s * log(share), uniform)) if k == s else float(uniform)


def _exp(value: float) -> float:
    return exp(value) if value < 700 else inf


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, which keep the chance of any false rejection under any dependence.

    Source: Holm, Scandinavian Journal of Statistics 1979.
    """
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = largest
    return adjusted


def median(values: np.ndarray) -> float:
    """The median of the values (s,) that are numbers; nan if there are none."""
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return nan
    lower, upper = float(known[(len(known) - 1) // 2]), float(known[len(known) // 2])
    return lower if lower == upper else (lower + upper) / 2


def median_limits(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Limits of the median of values (s,), valid at any time: order statistics, infinite where seeds are too few.

    Seeds without a number (nan) count as smaller than any for the lower limit, larger than any for the upper one.
    Source: the sign test's e-values turned round, as in Howard and Ramdas, arXiv:1906.09712.
    """
    _check_rate(level)
    values = np.asarray(values, float)
    known = np.sort(values[~np.isnan(values)])
    needed = _needed(len(values), 2 / (1 - level))
    if needed is None or needed > len(known):
        return -inf, inf
    return float(known[len(known) - needed]), float(known[needed - 1])


def _needed(s: int, evidence: float) -> int | None:
    """The fewest of s seeds that give so much evidence that more than half do; None if not even all of them."""
    return next((k for k in range(s // 2 + 1, s + 1) if e_value(k, s) >= evidence * (1 - 1e-12)), None)


def share_limits(k: int, s: int, level: float = 0.95) -> tuple[float, float]:
    """Limits of the share of all seeds that do what k of s did, valid at any time."""
    _check_rate(level)
    return _least_share(k, s, level), 1 - _least_share(s - k, s, level)


def _least_share(k: int, s: int, level: float) -> float:
    """The largest share that the evidence rejects "at most so many" for."""
    if k == 0:
        return 0.0
    bar = log(2 / (1 - level))
    return float(brentq(lambda share: _log_e(k, s, share) - bar, 1e-12, 1 - 1e-12))


def _check_sample(values: np.ndarray, low: float, high: float, share: float, gate: np.ndarray) -> None:
    if values.ndim != 1 or not len(values):
        raise UserError(f"expected a number for each of one or more seeds (s,), got shape {values.shape}")
    if gate.shape != values.shape:
        raise UserError(f"expected a gate for each seed, got shape {gate.shape} for {len(values)} seeds")
    if not low <= high or (low == -inf and high == inf):
        raise UserError(f"expected an inequality low <= value <= high with a bound, got {low} and {high}")
    _check_share(share)


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise UserError(f"expected a share of seeds between 0 and 1, got {share}")


def _check_rate(rate: float) -> None:
    if not 0 < rate < 1:
        raise UserError(f"expected a rate between 0 and 1, got {rate}")
