"""What the claims on thinking too much have in common, so that they share models and chains.

smoke  seconds: whether the code runs, never whether a claim holds
small  two CPU cores: a decoder of two layers of width 64 (107K parameters), 76,800 problems a seed: enough steps that all
       five seeds tell the kinds of mixed problems apart (their first drafts of the one are right .94 of the time, of the
       other .2, in a trial). After 800 steps two of the five did not
full   one GPU: four layers of width 128, more problems, tests four times as large
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from alchemy.decoding.forcing import Forcing, Marks, thinking
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.stats.measure import Interval, resampled
from alchemy.testtime.answers import Samples
from alchemy.testtime.revision import drafts
from models.transformer import Transformer
from tasks.recheck import Recheck
from tasks.recheck.draw import kinds
from tasks.recheck.laws import Rates, accuracy, estimate

SLACK = 4
"""Tokens beyond the longest trained completion before a chain is cut."""


class Chains(NamedTuple):
    """`k` chains of each of `s` models about the same `n` problems."""

    right: np.ndarray  # bool (s, n, k): the answer
    said: np.ndarray  # int64 (s, n, k): the answer's id, -1 for none
    drafts: np.ndarray  # int32 (s, n, k, most + 1): ids from the last hop on, -1 where there are fewer
    thought: np.ndarray  # int32 (s, n, k): tokens of thinking
    target: np.ndarray  # int32 (n,): the right id
    kind: np.ndarray  # int (n,): number in KINDS
    samples: Samples

    @property
    def hit(self) -> np.ndarray:
        """Which drafts are right, bool (s, n, k, most + 1)."""
        return self.drafts == self.target[:, None, None]


@dataclass(frozen=True)
class Setting:
    """What is trained, how, and how it is asked."""

    seeds: int = 5
    """Models trained from different initial weights on different data."""
    test: int = 1200
    """Held-out problems in each test of each class."""
    hops: int = 6
    """Of problems that thinking helps."""
    most: int = 8
    """Re-checks that training has at most."""
    model: Transformer = field(default_factory=Transformer)
    train: TrainConfig = field(default_factory=TrainConfig)

    @property
    def task(self) -> Recheck:
        """What models are trained on: noisy demonstrations."""
        return Recheck(hops=(self.hops,), most=self.most, noisy=True)

    @property
    def marks(self) -> Marks:
        return Marks.of(self.task)

    def fit(self, lab: Lab, *, waits: bool = True) -> Runs:
        """Models that have seen the continuation token in training, or not."""
        label = f"train {'with' if waits else 'without'} re-checks"
        return lab.train(self.model, replace(self.task, waits=waits), self.train, seeds=self.seeds, label=label)

    def ask(
        self,
        lab: Lab,
        runs: Runs,
        name: str,
        *,
        n: int = 0,
        samples: int = 1,
        asked: int = -1,
        forced: Forcing | None = None,
        label: str = "",
    ) -> Chains:
        """Chains at temperature 1 about `n` problems of a class whose prompts tell `asked` re-checks, by default none."""
        task = Recheck(classes=(name,), hops=(self.hops,), most=self.most, told=0.0, asked=asked)
        room = self.hops + 2 * self.most + 3 + SLACK
        n, label = n or self.test, f"{name}, {label or 'as long as they like'}"
        return self.read(lab.sample(runs, task, n, samples, max_new=room, forced=forced, label=label))

    def rechecked(self, lab: Lab, runs: Runs, name: str, count: int, **how: Any) -> Chains:
        """Chains with exactly so many re-checks forced on them."""
        forced = Forcing(self.marks, least=count, exact=True)
        return self.ask(lab, runs, name, forced=forced, label=f"{count} re-checks forced", **how)

    def spent(self, lab: Lab, runs: Runs, name: str, budget: int, **how: Any) -> Chains:
        """Chains that think exactly `budget` tokens: ends are suppressed until then, and forced there."""
        forced = Forcing(self.marks, least=budget + 1, budget=budget)
        return self.ask(lab, runs, name, forced=forced, label=f"{budget} tokens forced", **how)

    def read(self, samples: Samples) -> Chains:
        """What sampled completions say."""
        task, problem, written = samples.task, samples.batch.problem, samples.completions
        s, n, k, m = written.shape
        said = task.answer_ids(written.reshape(-1, m)).reshape(s, n, k)
        target = task.gold(problem)[np.arange(n), problem["hops"].astype(int) - 1]
        thought = thinking(written, self.marks)
        found = drafts(written, self.marks, self.most + 1)
        kind = kinds(problem["class"], problem["start"], len(task.alphabet))
        return Chains(said == target[:, None], said, found, thought, target, kind, samples)


def rates(chains: Chains, by_kind: bool = True) -> Rates:
    """Rates of one re-check as each model has them for each problem, float (s, n): over all problems of its kind."""
    before, after = (chains.hit[..., place] for place in (0, 1))
    found = [np.zeros(before.shape[:2]) for _ in Rates._fields]
    for kind in np.unique(chains.kind):
        rows = chains.kind == kind if by_kind else np.ones(len(chains.kind), bool)
        pooled = (one[:, rows].reshape(len(before), -1) for one in (before, after))
        for rate, value in zip(found, estimate(*pooled), strict=True):
            rate[:, chains.kind == kind] = value[:, None]
    return Rates(*found)


def law(chains: Chains, measured: Rates, kind: np.ndarray, k: Sequence[int]) -> np.ndarray:
    """Accuracy after k re-checks of problems of each kind (n,), by the rates measured on `chains`: float (m, s, n)."""
    first = {one: int(np.argmax(chains.kind == one)) for one in np.unique(chains.kind)}
    rows = np.array([first[one] for one in kind])
    curve = accuracy(Rates(*(one[:, rows] for one in measured)), np.asarray(k))  # (s, n, m)
    return np.moveaxis(curve, -1, 0)


def drawn_curves(values: np.ndarray) -> np.ndarray:
    """Bootstrap means (r, m) of curves (m, s, n), seeds and problems resampled alike in every call."""
    _, seeds, n = values.shape
    problems, weights = resampled(0, seeds, n)
    by_seed = np.einsum("msn,rn->rms", values, problems) / n
    return np.einsum("rms,rs->rm", by_seed, weights / weights.sum(axis=1, keepdims=True))


def between(mean: float, drawn: np.ndarray, like: np.ndarray) -> Interval:
    """The central 95 % of bootstrap values of a number measured on curves (m, s, n)."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(mean, min(mean, float(low)), max(mean, float(high)), like.shape[2], like.shape[1])


RECIPE = TrainConfig(steps=1200, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3, chunk=50)
SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test": 32,
    "hops": 3,
    "most": 4,
    "model": Transformer(width=16, layers=1, heads=2, context=40, tied=False, activation="relu"),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
}
SMALL: dict[str, Any] = {
    "model": Transformer(width=64, layers=2, heads=4, context=48, tied=False, activation="relu"),
    "train": RECIPE,
}
FULL: dict[str, Any] = {
    "test": 5000,
    "model": Transformer(width=128, layers=4, heads=4, context=48, tied=False, activation="relu"),
    "train": replace(RECIPE, steps=4000, batch=256),
}
