"""Replays: what a policy that chooses among independent answers would have got, and paid, on the answers of a bank.

A replay deals every problem's stored answers in a random order, lets the policy use a beginning of it, and bills what it
used. Nothing is generated, so all policies meet the same answers. Dimension letters: `s` seeds, `n` problems, `k` answers
in the bank, `m` answers dealt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError, nearest
from alchemy.testtime.bank import Bank


class Replayed(Protocol):
    """A way to spend independent answers."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        """The probability that the strategy is right, float (s, n), and what it paid.

        `n` is how many answers of a problem it may draw, the same for all or int (n,) or (s, n); for strategies that
        move answers between problems, how many in the mean. They are drawn in random order without replacement, or,
        without `rng`, as they lie in the bank.
        """
        ...


class Hand(NamedTuple):
    """The answers of each problem in the order in which a policy draws them."""

    bank: Bank
    place: np.ndarray  # int (s, n, m): where in the bank each lies
    dealt: np.ndarray  # bool (s, n, m): whether the policy may draw it

    def of(self, values: np.ndarray) -> np.ndarray:
        """Values (s, n, k) of the bank, in the order of the hand: (s, n, m)."""
        return np.take_along_axis(values, self.place, axis=2)

    def score(self, name: str) -> np.ndarray:
        """What a verifier says of each, float (s, n, m), the least there is for -inf.

        Raises `UserError` if the bank has no score of that name.
        """
        if name not in self.bank.scores:
            raise UserError(f"score {name!r} is not in the bank{nearest(name, self.bank.scores)}")
        found = self.of(self.bank.scores[name])
        void = np.isneginf(found)
        return np.where(void, found[~void].min(initial=0.0), found) if void.any() else found


def deal(bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> Hand:
    """A random `n` of each problem's answers, the same number for all or int (n,) or (s, n); without `rng` the first."""
    seeds, problems, k = bank.shape
    count = np.broadcast_to(np.asarray(n), (seeds, problems))
    if count.min(initial=0) < 0 or count.max(initial=0) > k:
        raise UserError(f"cannot draw {count.min()} to {count.max()} answers from a bank of {k}; expected 0 to {k}")
    most = max(1, int(count.max(initial=1)))
    order = np.broadcast_to(np.arange(k), bank.shape)
    place = (order if rng is None else rng.permuted(order, axis=2))[..., :most]
    return Hand(bank, place, np.arange(most) < count[..., None])


def bill(
    hand: Hand, used: np.ndarray, rounds: Sequence[int] = (0,), *, scored: bool = False, checker: int = 0
) -> Ledger:
    """What the `used` answers, bool (s, n, m), cost.

    The prompt is read once by the model, its cache shared by all answers, and not at all where nothing is drawn.
    `rounds` says where in the order each round begins; a round's answers are written at the same time. A verifier of
    `checker` parameters, where answers are `scored`, reads prompt and answer of each anew.
    """
    tokens = np.where(used, hand.of(hand.bank.tokens), 0)
    count, written = used.sum(axis=2), tokens.sum(axis=2)
    depth = np.maximum.reduceat(tokens, np.asarray(rounds), axis=2).sum(axis=2)
    checked, calls = (hand.bank.prompt * count + written, count) if scored else (0.0, 0.0)
    prompt = hand.bank.prompt * (count > 0)
    return Ledger.of(hand.bank.parameters, prompt, written, depth, checker=checker, checked=checked, calls=calls)


def vote(answer: np.ndarray, right: np.ndarray, voters: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Probability that the answer with most votes is right, tied ones being equally likely: float (s, n).

    All arguments (s, n, m); with `weight` an answer's votes are summed weights. Answers of -1 do not vote; where nobody
    votes, it is wrong.
    """
    runs = _Runs.of(answer)
    voters = runs.sorted(voters & (answer >= 0))
    count = np.add.reduceat(voters.astype(int), runs.start)
    total = count if weight is None else np.add.reduceat(np.where(voters, runs.sorted(weight), 0.0), runs.start)
    total = np.where(count > 0, total, -np.inf)
    row = runs.start // answer.shape[2]
    first = np.flatnonzero(runs.start % answer.shape[2] == 0)
    wins = (total == np.maximum.reduceat(total, first)[row]) & (count > 0)
    correct = np.logical_or.reduceat(runs.sorted(right), runs.start)
    share = np.add.reduceat((wins & correct).astype(float), first) / np.maximum(
        np.add.reduceat(wins.astype(int), first), 1
    )
    return share.reshape(answer.shape[:2])


def best(score: np.ndarray, right: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Probability that the answer with the highest score is right, tied ones being equally likely: float (s, n)."""
    score = np.where(used, score, -np.inf)
    top = used & (score == score.max(axis=2, keepdims=True))
    return (top & right).sum(axis=2) / np.maximum(top.sum(axis=2), 1)


def leads(answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Votes of the leading answer and of the runner-up after each draw, int (s, n, m) both; -1 does not vote."""
    code, rows = _Runs.of(answer).codes(), np.arange(answer.shape[0] * answer.shape[1])
    votes, width = (answer >= 0).reshape(code.shape), code.shape[1]
    count = np.zeros(code.shape, np.int32)
    first, second, leader = np.zeros(len(rows), np.int32), np.zeros(len(rows), np.int32), np.full(len(rows), -1)
    firsts, seconds = np.empty(code.shape, np.int32), np.empty(code.shape, np.int32)
    for j in range(width):
        here, voting = code[:, j], votes[:, j]
        now = count[rows, here] + voting
        count[rows, here] = now
        ahead = voting & (here != leader) & (now > first)
        second = np.where(ahead, first, np.where(voting & (here != leader), np.maximum(second, now), second))
        leader = np.where(ahead, here, leader)
        first = np.where(voting & (here == leader), now, first)
        firsts[:, j], seconds[:, j] = first, second
    return firsts.reshape(answer.shape), seconds.reshape(answer.shape)


def until(stop: np.ndarray) -> np.ndarray:
    """Which draws are made if one stops after the first that says so: bool (s, n, m) of bool (s, n, m)."""
    return np.cumsum(stop, axis=2) - stop == 0


def averaged(
    strategy: Replayed, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | int, draws: int = 4
) -> tuple[np.ndarray, Ledger]:
    """The mean over so many replays: right float (s, n) and the bill."""
    rng = np.random.default_rng(rng)
    right, ledgers = zip(*(strategy.replay(bank, n, rng) for _ in range(draws)), strict=True)
    return np.mean(right, axis=0), Ledger(*(np.mean(part, axis=0) for part in zip(*ledgers, strict=True)))


class Curve(NamedTuple):
    """A policy at several sizes: arrays (m, s, n)."""

    sizes: np.ndarray  # int (m,)
    right: np.ndarray
    flops: np.ndarray

    def of(self, problems: np.ndarray) -> Curve:
        """The same of some problems only."""
        return Curve(self.sizes, self.right[..., problems], self.flops[..., problems])

    def at(self, budget: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Right and FLOPs (s, n) of the mixture of two neighbouring sizes that costs `budget` FLOPs in the mean.

        The budget may differ by seed, (s,). Budgets beyond the ends are those of the ends.
        """
        cost, seeds = self.flops.mean(axis=2), np.arange(self.flops.shape[1])
        budget = np.broadcast_to(budget, seeds.shape)
        low = np.clip((cost < budget).sum(axis=0) - 1, 0, max(0, len(cost) - 2))
        high = np.minimum(low + 1, len(cost) - 1)
        first, last = cost[low, seeds], cost[high, seeds]
        part = np.clip((budget - first) / np.maximum(last - first, 1e-9), 0, 1)[:, None]
        return tuple((1 - part) * each[low, seeds] + part * each[high, seeds] for each in (self.right, self.flops))


def curve(
    strategy: Replayed, bank: Bank, sizes: Iterable[int], rng: np.random.Generator | int, draws: int = 4
) -> Curve:
    """`averaged` at each of several sizes."""
    rng, sizes = np.random.default_rng(rng), list(sizes)
    points = [averaged(strategy, bank, size, rng, draws) for size in sizes]
    return Curve(np.array(sizes), np.stack([one[0] for one in points]), np.stack([one[1].flops for one in points]))


def of_problems(bank: Bank, rows: slice | np.ndarray) -> Bank:
    """The bank of some of each seed's problems; `rows` as numpy indexes with them."""
    return _cut(bank, lambda a: a[:, rows], lambda a: a[:, rows])


def of_answers(bank: Bank, place: slice | np.ndarray) -> Bank:
    """The bank with some of each problem's answers: a slice of them, or places int (s, n, m)."""
    if isinstance(place, slice):
        return _cut(bank, lambda a: a[:, :, place], lambda a: a)
    return _cut(bank, lambda a: np.take_along_axis(a, place, axis=2), lambda a: a)


def _cut(bank: Bank, answers: Callable[[np.ndarray], np.ndarray], problems: Callable[[np.ndarray], np.ndarray]) -> Bank:
    """A bank with functions applied to what is of answers, (s, n, k), and to what is of problems, (s, n)."""
    per_answer = ("answer", "right", "trace", "first_wrong", "tokens", "logprob")
    return bank._replace(
        **{name: answers(getattr(bank, name)) for name in per_answer},
        scores={name: answers(score) for name, score in bank.scores.items()},
        prompt=problems(bank.prompt),
        facts={name: problems(fact) for name, fact in bank.facts.items()},
    )


class _Runs(NamedTuple):
    """Each problem's answers sorted, so that equal ones are next to each other; all in one flat row."""

    order: np.ndarray  # int (s * n, m)
    start: np.ndarray  # int (runs,): where each run of equal answers begins

    @classmethod
    def of(cls, answer: np.ndarray) -> _Runs:
        rows = answer.reshape(-1, answer.shape[-1])
        order = rows.argsort(axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        new = np.ones(rows.shape, bool)
        new[:, 1:] = rows[:, 1:] != rows[:, :-1]
        return cls(order, np.flatnonzero(new))

    def sorted(self, values: np.ndarray) -> np.ndarray:
        """Values (s, n, m) in that order, flat."""
        return np.take_along_axis(values.reshape(self.order.shape), self.order, axis=1).ravel()

    def codes(self) -> np.ndarray:
        """A number under m for each answer, the same for equal ones of a problem: int (s * n, m)."""
        new = np.zeros(self.order.size, int)
        new[self.start] = 1
        code = np.empty_like(self.order)
        np.put_along_axis(code, self.order, new.reshape(self.order.shape).cumsum(axis=1) - 1, axis=1)
        return code
