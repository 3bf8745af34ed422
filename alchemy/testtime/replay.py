"""Replays: how often a strategy that chooses among independent answers would be right, and what it would cost.

A replay deals each problem's stored answers like cards, in random order (`deal` gives a `Hand`); the strategy uses the
first few, and the `Ledger` charges those. Nothing is generated, so all strategies see the same answers. Dimension
letters: `s` seeds, `n` problems, `k` answers in the bank, `m` answers dealt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError, nearest
from alchemy.testtime.bank import Bank, Reader


class Replayed(Protocol):
    """A strategy that chooses among independent answers."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        """The probability that the strategy is right, float (s, n), and the bill.

        `n` is how many answers of a problem it may draw, the same for all or int (n,) or (s, n); for strategies that
        move answers between problems, how many in the mean. They are drawn in random order without replacement, or,
        without `rng`, as they lie in the bank.
        """
        ...


class Hand(NamedTuple):
    """The answers of each problem in the order in which a strategy draws them."""

    bank: Bank
    place: np.ndarray  # int (s, n, m): the place of each answer in the bank
    dealt: np.ndarray  # bool (s, n, m): whether the strategy may draw it

    def of(self, values: np.ndarray) -> np.ndarray:
        """Values (s, n, k) of the bank, in the order of the hand: (s, n, m)."""
        return np.take_along_axis(values, self.place, axis=2)

    def score(self, name: str) -> np.ndarray:
        """A verifier's score of each answer, float (s, n, m), with the least of 0 and the finite scores in place of -inf.

        Raises `UserError` if the bank has no score of that name.
        """
        if name not in self.bank.scores:
            raise UserError(f"score {name!r} is not in the bank{nearest(name, self.bank.scores)}")
        scores = self.of(self.bank.scores[name])
        missing = np.isneginf(scores)
        return np.where(missing, scores[~missing].min(initial=0.0), scores) if missing.any() else scores

    def better(self, name: str) -> np.ndarray:
        """The probability that the row is better than the column, float (s, n, m, m), by a verifier that compares; by one that scores
        it is 1, 0, or one half where two scores are equal. Raises `UserError` if the bank has neither."""
        if name in self.bank.pairs:
            return _both(self.bank.pairs[name], self.place)
        score = self.score(name)
        return (np.sign(score[..., None] - score[:, :, None]) + 1) / 2


def deal(bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> Hand:
    """A random `n` of each problem's answers, the same number for all or int (n,) or (s, n); without `rng` the first."""
    seeds, problems, k = bank.shape
    count = np.broadcast_to(np.asarray(n), (seeds, problems))
    if (count < 0).any() or (count > k).any():
        raise UserError(f"cannot draw {count.min()} to {count.max()} answers from a bank of {k}; expected 0 to {k}")
    most = int(count.max(initial=1))
    order = np.broadcast_to(np.arange(k), bank.shape)
    place = (order if rng is None else rng.permuted(order, axis=2))[..., :most]
    return Hand(bank, place, np.arange(most) < count[..., None])


def bill(
    hand: Hand,
    used: np.ndarray,
    rounds: Sequence[int] = (0,),
    *,
    score: str = "",
    checker: int = 0,
    compared: np.ndarray | None = None,
) -> Ledger:
    """The cost of the `used` answers, bool (s, n, m).

    The model reads the prompt once and shares its KV cache between all answers; where no answer is drawn, not at all.
    `rounds` are the places at which rounds begin; a round's answers are written in parallel. Where answers have a `score`,
    a verifier reads the prompt and the answer of each anew; what it thinks it writes once a problem. Of answers that were
    `compared`, bool (s, n, m, m), it reads the prompt and both. It has as many parameters as the bank says, or `checker`, where
    that is given: those of the one that a simulated verifier stands in for.
    """
    tokens = np.where(used, hand.of(hand.bank.tokens), 0)
    count, written = used.sum(axis=2), tokens.sum(axis=2)
    depth = np.maximum.reduceat(tokens, np.asarray(rounds), axis=2).sum(axis=2)
    reader = hand.bank.readers.get(score, Reader(0))
    calls = count if compared is None else compared.sum(axis=(2, 3))
    if compared is not None:  # in how many comparisons an answer is
        texts = reader.readings * hand.of(hand.bank.tokens) * (compared.sum(axis=2) + compared.sum(axis=3))
    else:
        texts = reader.readings * tokens if reader.read is None else np.where(used, hand.of(reader.read), 0)
    thinking = reader.thinking * (calls > 0)
    checked = reader.readings * hand.bank.prompt * calls + texts.sum(axis=2) + thinking
    checked, calls = (checked, calls) if score else (0.0, 0.0)
    checker = checker or reader.parameters
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


def best_scored(score: np.ndarray, right: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Probability that the answer with the highest score is right, tied ones being equally likely: float (s, n)."""
    score = np.where(used, score, -np.inf)
    top = used & (score == score.max(axis=2, keepdims=True))
    return (top & right).sum(axis=2) / np.maximum(top.sum(axis=2), 1)


def leading_votes(answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Votes of the leading answer and of the runner-up after each draw, int (s, n, m) both; -1 does not vote."""
    code, rows = _Runs.of(answer).codes(), np.arange(answer.shape[0] * answer.shape[1])
    votes, width = (answer >= 0).reshape(code.shape), code.shape[1]
    count = np.zeros(code.shape, np.int32)
    first, second, leader = np.zeros((3, len(rows)), np.int32)  # whoever gets the first vote leads
    firsts, seconds = np.empty(code.shape, np.int32), np.empty(code.shape, np.int32)
    for j in range(width):
        drawn, voting = code[:, j], votes[:, j]
        drawn_votes = count[rows, drawn] + voting
        count[rows, drawn] = drawn_votes
        other = voting & (drawn != leader)
        overtakes = other & (drawn_votes > first)
        second = np.where(overtakes, first, np.where(other, np.maximum(second, drawn_votes), second))
        leader = np.where(overtakes, drawn, leader)
        first = np.where(voting & (drawn == leader), drawn_votes, first)
        firsts[:, j], seconds[:, j] = first, second
    return firsts.reshape(answer.shape), seconds.reshape(answer.shape)


def drawn_until(stop: np.ndarray) -> np.ndarray:
    """The answers drawn by a strategy that stops after the first where `stop` is true: bool (s, n, m), as `stop` is."""
    return np.cumsum(stop, axis=2) - stop == 0


def averaged(
    strategy: Replayed, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | int, draws: int = 4
) -> tuple[np.ndarray, Ledger]:
    """The mean over `draws` replays: the probability of being right, float (s, n), and the bill."""
    rng = np.random.default_rng(rng)
    right, ledgers = zip(*(strategy.replay(bank, n, rng) for _ in range(draws)), strict=True)
    return np.mean(right, axis=0), Ledger(*(np.mean(part, axis=0) for part in zip(*ledgers, strict=True)))


class Curve(NamedTuple):
    """A strategy at several sizes: arrays (m, s, n)."""

    sizes: np.ndarray  # int (m,)
    right: np.ndarray
    flops: np.ndarray

    def of(self, problems: np.ndarray) -> Curve:
        """The curve of some problems only."""
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
        return tuple(
            (1 - part) * values[low, seeds] + part * values[high, seeds] for values in (self.right, self.flops)
        )


def curve(
    strategy: Replayed, bank: Bank, sizes: Iterable[int], rng: np.random.Generator | int, draws: int = 4
) -> Curve:
    """`averaged` at each of several sizes."""
    rng, sizes = np.random.default_rng(rng), list(sizes)
    points = [averaged(strategy, bank, size, rng, draws) for size in sizes]
    right, flops = (
        np.stack(values) for values in zip(*((right, ledger.flops) for right, ledger in points), strict=True)
    )
    return Curve(np.array(sizes), right, flops)


def of_problems(bank: Bank, rows: slice | np.ndarray) -> Bank:
    """The bank of some of each seed's problems; `rows` as numpy indexes with them."""

    def some(array: np.ndarray) -> np.ndarray:
        return array[:, rows]

    return _cut(bank, some, some, some)


def by_seed(bank: Bank) -> list[Bank]:
    """A bank (1, n, k) for each seed."""

    def of(seed: int) -> Bank:
        def one(array: np.ndarray) -> np.ndarray:
            return array[seed : seed + 1]

        return _cut(bank, one, one, one)

    return [of(seed) for seed in range(bank.shape[0])]


def of_answers(bank: Bank, place: slice | np.ndarray) -> Bank:
    """The bank with some of each problem's answers: a slice of them, or places int (s, n, m)."""
    if isinstance(place, slice):
        return _cut(bank, lambda a: a[:, :, place], lambda a: a, lambda a: a[:, :, place, place])
    return _cut(bank, lambda a: np.take_along_axis(a, place, axis=2), lambda a: a, lambda a: _both(a, place))


def _both(pairs: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values of pairs (s, n, k, k) for the answers at places (s, n, m): (s, n, m, m)."""
    rows = np.take_along_axis(pairs, place[..., None], axis=2)
    return np.take_along_axis(rows, place[:, :, None], axis=3)


def _cut(
    bank: Bank,
    answers: Callable[[np.ndarray], np.ndarray],
    problems: Callable[[np.ndarray], np.ndarray],
    pairs: Callable[[np.ndarray], np.ndarray],
) -> Bank:
    """A bank with functions applied to its arrays of answers, (s, n, k), to those of problems, (s, n), and of pairs, (s, n, k, k)."""
    per_answer = ("answer", "right", "trace", "first_wrong", "tokens", "logprob")
    return bank._replace(
        **{name: answers(getattr(bank, name)) for name in per_answer},
        scores={name: answers(score) for name, score in bank.scores.items()},
        readers={
            name: reader._replace(
                thinking=problems(np.broadcast_to(reader.thinking, bank.prompt.shape)),
                read=None if reader.read is None else answers(reader.read),
            )
            for name, reader in bank.readers.items()
        },
        pairs={name: pairs(better) for name, better in bank.pairs.items()},
        prompt=problems(bank.prompt),
        facts={name: problems(fact) for name, fact in bank.facts.items()},
    )


class _Runs(NamedTuple):
    """Each problem's answers sorted, so that equal ones are next to each other; all flattened into one row."""

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
