"""Shared by the searches over branches: the question, the answer, and the bill.

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
    """All that a search may know of its problems."""

    prompts: np.ndarray  # int32 (n, t, c), padded on the right
    step_delimiters: tuple[int, ...]  # ids after which a step ends
    longest_step: int  # most tokens of a step
    room: int  # most tokens of a completion
    numbers: np.ndarray  # int (n,): of the problems; random choices depend on them, not on what else is searched

    @property
    def prompt_len(self) -> np.ndarray:
        """Tokens of each prompt, int (n,)."""
        return (self.prompts[..., 0] != 0).sum(axis=1)

    def rows(self, rows: np.ndarray) -> Question:
        """The question of some of the problems."""
        return self._replace(prompts=self.prompts[rows], numbers=self.numbers[rows])


class Answered(NamedTuple):
    """One completion a problem, and its cost."""

    completions: np.ndarray  # int32 (n, m)
    ledger: Ledger  # arrays (n,)


class SearchResult(NamedTuple):
    """The completions a search found with each of `s` models, and their cost."""

    completions: np.ndarray  # int32 (s, n, m)
    ledger: Ledger  # arrays (s, n)


def question_of(task: Task, batch: Batch, step: int = 0) -> Question:
    """Problems as a search sees them: steps and completions may be a little longer than the longest gold one. A step has `step` tokens,
    or, by default, ends where the task says."""
    gold = batch.completions()
    places = np.arange(gold.shape[1])
    ends = np.where(np.isin(gold, task.step_delimiters) | (gold == EOS), places, -1)
    before = np.maximum.accumulate(np.pad(ends, ((0, 0), (1, 0)), constant_values=-1), axis=1)[:, :-1]
    longest = int(np.where(ends >= 0, ends - before, 0).max(initial=1))
    room = int((gold != PAD).sum(axis=1).max(initial=1)) + 4
    delimiters, most = ((), step) if step else (tuple(task.step_delimiters), longest + 2)
    return Question(batch.prompts(), delimiters, most, room, np.arange(len(gold)))


SPENT = 6
"""Fields of a ledger up to the two of environments, in which no strategy searches."""


def pack(answered: Answered, room: int) -> np.ndarray:
    """Answers as one array, float64 (n, room + SPENT)."""
    text = np.pad(answered.completions, ((0, 0), (0, room)))[:, :room]
    return np.concatenate([text, np.stack(answered.ledger[:SPENT], axis=1)], axis=1)


def unpack(packed: np.ndarray, room: int) -> SearchResult:
    """The inverse of `pack` for each of `s` models, from float64 (s, n, room + SPENT)."""
    nothing = np.zeros(packed.shape[:2])
    spent = Ledger(*np.moveaxis(packed[..., room:], 2, 0), told=nothing, searches=nothing, turns=nothing)
    return SearchResult(packed[..., :room].astype(np.int32), spent)


class Search(Protocol):
    """A strategy that decides while chains are written."""

    @property
    def rows(self) -> int:
        """How many of the rows that a device works on at once (`tuning.decoded_rows`) one problem takes."""

    def answer(self, sampler: Sampler, reward: Reward, question: Question) -> Answered:
        """Spend tokens on every problem and choose one completion of each."""


class Bill:
    """Counts the tokens that a search makes a sampler and a reward read and write."""

    def __init__(self, sampler: Sampler, reward: Reward, question: Question):
        self._sampler, self._reward, self._prompt = sampler, reward, question.prompt_len
        n = len(question.prompts)
        self._read, self._written, self._checked, self._calls, self._depth = np.zeros((5, n))

    def read(self, question: Question, room: int) -> Branches:
        """One empty branch a problem."""
        self._read += self._prompt
        return self._sampler.read(question.prompts, room)

    def pile(self, question: Question, size: int) -> Branches:
        """Storage for `size` texts of each problem, each one step longer than another; number 0 is the empty text."""
        self._read += self._prompt
        return self._sampler.pile(question.prompts, size, question.longest_step, question.room + question.longest_step)

    def write(self, branches: Branches, delimiters: tuple[int, ...], most: int) -> Branches:
        """Continue all branches in parallel up to a delimiter or `most` tokens: the longest piece sets the latency."""
        after = self._sampler.write(branches, delimiters, most)
        pieces = after.length - branches.length
        self._written += pieces.sum(axis=1)
        self._depth += pieces.max(axis=1)
        return after

    def score(self, branches: Branches, new: np.ndarray | None = None) -> np.ndarray:
        """Scores (n, w); only the `new` branches, bool (n, w), by default all, are charged: the others were scored before."""
        new = np.ones(branches.ended.shape, bool) if new is None else new
        new = new & branches.ended if self._reward.writing else new
        first = (self._calls == 0) & new.any(axis=1)
        self._calls += new.sum(axis=1)
        if self._reward.parameters:
            self._checked += self._reward.thinking * first + self._reward.writing * new.sum(axis=1)
            self._checked += self._reward.readings * (new * (branches.length + self._prompt[:, None])).sum(axis=1)
        return self._reward.score(branches)

    def given_up(self, scores: np.ndarray) -> np.ndarray:
        """Which branches of such scores end where they are, bool as they are: nothing more is written."""
        return scores < self._reward.end_below

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


def grow_chains(
    sampler: Sampler, reward: Reward, question: Question, n: int, choose: Callable[[np.ndarray], np.ndarray]
) -> Answered:
    """`n` chains a problem, grown step by step: after each, `choose` maps their scores (n, w) to those that go on, int (n, w)."""
    bill, count = Bill(sampler, reward, question), len(question.prompts)
    branches = sampler.pick(bill.read(question, question.room), np.zeros((count, n), np.intp))
    scores = np.zeros((count, n))
    while True:
        before = branches
        branches = bill.write(before, question.step_delimiters, question.longest_step)
        new = branches.length > before.length
        if new.any():
            scores = np.where(new, bill.score(branches, new), scores)
        given_up = bill.given_up(scores)
        if not new.any() or (branches.ended | given_up).all():
            return Answered(best_branch(branches, scores, given_up), bill.ledger())
        branches = branches._replace(ended=branches.ended | given_up)
        done = branches.ended.all(axis=1) | ~new.any(axis=1)  # nothing becomes of these while other problems go on
        index = np.where(done[:, None], np.arange(n), choose(scores))
        branches, scores = sampler.pick(branches, index), np.take_along_axis(scores, index, axis=1)


def best_branch(branches: Branches, scores: np.ndarray, given_up: np.ndarray | bool = False) -> np.ndarray:
    """The chain of highest score of each problem, finished ones before others and those given up: int32 (n, m)."""
    cut = given_up & ~(branches.tokens == EOS).any(axis=2)
    choice = np.where(branches.ended & ~cut, scores, scores - 1e9).argmax(axis=1)
    return branches.tokens[np.arange(len(choice)), choice]
