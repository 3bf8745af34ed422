"""What searches over branches share: the question, the answer, and the bill.

Dimension letters: `n` problems, `w` branches of each, `m` tokens of a completion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.decoding.sampler import Branches, Sampler
from alchemy.problem.task import (
    EOS,
    PAD,
    Batch,
    Task,
)
from alchemy.testtime.rewards import Reward


class Question(NamedTuple):
    """What a search may know of its problems."""

    prompts: np.ndarray  # int32 (n, t, c), padded on the right
    cuts: tuple[int, ...]  # ids after which a step ends
    most: int  # tokens a step may take
    room: int  # tokens a completion may take
    steps: int = 1  # of a completion, at most

    @property
    def places(self) -> int:
        """Room for branches that are written side by side: each step takes as many places as its longest piece."""
        return max(self.room, self.steps * self.most)

    @property
    def prompt_len(self) -> np.ndarray:
        """Tokens of each prompt, int (n,)."""
        return (self.prompts[..., 0] != 0).sum(axis=1)

    def rows(self, rows: np.ndarray) -> Question:
        """Of some of the problems."""
        return self._replace(prompts=self.prompts[rows])


class Answered(NamedTuple):
    """One completion a problem, and what it cost."""

    completions: np.ndarray  # int32 (n, m)
    ledger: Ledger  # arrays (n,)


class Found(NamedTuple):
    """What a search answered with each of `s` models, and what that cost."""

    completions: np.ndarray  # int32 (s, n, m)
    ledger: Ledger  # arrays (s, n)


def asked(task: Task, batch: Batch) -> Question:
    """The question that problems are to a search: steps and completions may be a little longer than the longest right one."""
    gold = batch.completions()
    places = np.arange(gold.shape[1])
    ends = np.where(np.isin(gold, task.step_delimiters) | (gold == EOS), places, -1)
    before = np.maximum.accumulate(np.pad(ends, ((0, 0), (1, 0)), constant_values=-1), axis=1)[:, :-1]
    longest = int(np.where(ends >= 0, ends - before, 0).max(initial=1))
    room, steps = int((gold != PAD).sum(axis=1).max(initial=1)) + 4, int((ends >= 0).sum(axis=1).max(initial=1))
    return Question(batch.prompts(), tuple(task.step_delimiters), longest + 2, room, steps)


def packed(answered: Answered, room: int) -> np.ndarray:
    """Answers as one array, float64 (n, room + fields of the ledger)."""
    text = np.pad(answered.completions, ((0, 0), (0, max(0, room - answered.completions.shape[1]))))[:, :room]
    return np.concatenate([text, np.stack(answered.ledger, axis=1)], axis=1)


def unpacked(made: np.ndarray, room: int) -> Found:
    """What `packed` packed, of each of `s` models: (s, n, room + fields)."""
    return Found(made[..., :room].astype(np.int32), Ledger(*np.moveaxis(made[..., room:], 2, 0)))


class Search(Protocol):
    """A strategy that decides while chains are written."""

    @property
    def rows(self) -> int:
        """What one problem takes of the rows that a device works on at once (`device.rows`)."""

    def answer(self, sampler: Sampler, reward: Reward, question: Question) -> Answered:
        """Spend tokens on every problem and settle for one completion of each."""


class Bill:
    """Adds up what a search makes a sampler and a reward do."""

    def __init__(self, sampler: Sampler, reward: Reward, question: Question):
        self._sampler, self._reward, self._prompt = sampler, reward, question.prompt_len
        n = len(question.prompts)
        self._read, self._written, self._checked, self._calls, self._depth = np.zeros((5, n))

    def read(self, question: Question, room: int) -> Branches:
        """One empty branch a problem."""
        self._read += self._prompt
        return self._sampler.read(question.prompts, room)

    def pile(self, question: Question, size: int) -> Branches:
        """Room for so many texts of each problem, a step longer than another each; number 0 is the empty one."""
        self._read += self._prompt
        return self._sampler.pile(question.prompts, size, question.most, question.room + question.most)

    def write(self, branches: Branches, cuts: tuple[int, ...], most: int) -> Branches:
        """All branches go on, side by side: the longest piece is what one waits for."""
        after = self._sampler.write(branches, cuts, most)
        pieces = after.length - branches.length
        self._written += pieces.sum(axis=1)
        self._depth += pieces.max(axis=1)
        return after

    def score(self, branches: Branches, asked: np.ndarray | None = None) -> np.ndarray:
        """Scores (n, w); `asked` bool (n, w) are those that are new, by default all: the others are known already."""
        asked = np.ones(branches.ended.shape, bool) if asked is None else asked
        self._calls += asked.sum(axis=1)
        if self._reward.parameters:
            self._checked += (asked * (branches.length + self._prompt[:, None])).sum(axis=1)
        return self._reward.score(branches)

    def ledger(self) -> Ledger:
        return Ledger.of(
            self._sampler.parameters,
            self._read,
            self._written,
            self._depth,
            checker=self._reward.parameters,
            checked=self._checked,
            calls=self._calls,
        )


def grown(
    sampler: Sampler, reward: Reward, question: Question, n: int, choose: Callable[[np.ndarray], np.ndarray]
) -> Answered:
    """`n` chains a problem, grown step by step: after each, `choose` says from their scores (n, w) which go on, int (n, w)."""
    bill, count = Bill(sampler, reward, question), len(question.prompts)
    branches = sampler.pick(bill.read(question, question.places), np.zeros((count, n), np.intp))
    scores = np.zeros((count, n))
    while True:
        before = branches
        branches = bill.write(before, question.cuts, question.most)
        new = branches.length > before.length
        if not new.any():
            return Answered(best(branches, scores), bill.ledger())
        scores = np.where(new, bill.score(branches, new), scores)
        if branches.ended.all():
            return Answered(best(branches, scores), bill.ledger())
        index = choose(scores)
        branches, scores = sampler.pick(branches, index), np.take_along_axis(scores, index, axis=1)


def best(branches: Branches, scores: np.ndarray) -> np.ndarray:
    """The chain of highest score of each problem, finished ones before others: int32 (n, m)."""
    choice = np.where(branches.ended, scores, scores - 1e9).argmax(axis=1)
    return branches.tokens[np.arange(len(choice)), choice]
