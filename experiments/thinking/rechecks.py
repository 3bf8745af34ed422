"""What the claims on thinking too much have in common, so that they share models and chains.

smoke  seconds: whether the code runs, never whether a claim holds
small  two CPU cores: a decoder of two layers of width 64 (107K parameters), 76,800 problems a seed: enough steps that all
       of five seeds told the kinds of mixed problems apart (their first drafts of the one are right .94 of the time, of the
       other .2, in a trial). After 800 steps two of the five did not
full   one GPU: four layers of width 128, more problems, tests four times as large

Gates are measured on a quarter of a seed's problems and checks on the others (`alchemy.stats.replicates.gate_split`).
Dimension letters: `s` seeds, `n` problems of each, `k` chains about a problem, `m` numbers of re-checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from alchemy.decoding.forcing import Forcing, Marks, thinking
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.testtime.answers import Samples
from alchemy.testtime.revision import drafts
from experiments.scales import Scale
from models.transformer import Transformer
from tasks.recheck import Recheck
from tasks.recheck.draw import kinds
from tasks.recheck.laws import Rates, accuracy, estimate
from tasks.recheck.spec import KINDS

SLACK = 4
"""Tokens beyond the longest trained completion before a chain is cut."""


class Chains(NamedTuple):
    """`k` chains of each of `s` models about `n` problems of its own."""

    right: np.ndarray  # bool (s, n, k): the answer
    answer_ids: np.ndarray  # int64 (s, n, k): -1 for none
    drafts: np.ndarray  # int32 (s, n, k, most + 1): ids from the last hop on, -1 where there are fewer
    thought: np.ndarray  # int32 (s, n, k): tokens of thinking
    target: np.ndarray  # int32 (s, n): the right id
    kind: np.ndarray  # int (s, n): number in KINDS
    samples: Samples

    @property
    def hit(self) -> np.ndarray:
        """Which drafts are right, bool (s, n, k, most + 1)."""
        return self.drafts == self.target[..., None, None]

    def of(self, problems: slice) -> Chains:
        """Those about some of each seed's problems."""
        arrays = (part[:, problems] for part in self[:-1])
        return Chains(*arrays, self.samples.of(problems))

    def halves(self) -> tuple[Chains, Chains]:
        """Those about every second problem, and those about the others."""
        return self.of(slice(0, None, 2)), self.of(slice(1, None, 2))


@dataclass(frozen=True)
class Setting:
    """What is trained, how, and how it is asked; the defaults are the small scale."""

    seeds: int = 5
    """Replicates, each with weights, training data and test problems of its own. Five that agree are enough for HOLDS; FAILS
    needs ten with thirteen or seventeen checks."""
    test: int = 2400
    """Held-out problems of each class for each seed; those of the gates are among them."""
    hops: int = 6
    """Of problems that thinking helps."""
    most: int = 8
    """Re-checks that training has at most."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(
        steps=1200, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3, chunk=50
    )

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
        samples: int = 1,
        asked: int = -1,
        forced: Forcing | None = None,
        label: str = "",
    ) -> Chains:
        """Chains at temperature 1 about problems of a class whose prompts tell `asked` re-checks, by default none.

        The problems are the same however often this is asked of a class.
        """
        task = Recheck(classes=(name,), hops=(self.hops,), most=self.most, told=0.0, asked=asked)
        room = self.hops + 2 * self.most + 3 + SLACK
        label = f"{name}, {label or 'as long as they like'}"
        return self.read(lab.sample(runs, task, self.test, samples, max_new=room, forced=forced, label=label))

    def rechecked(self, lab: Lab, runs: Runs, name: str, count: int, samples: int) -> Chains:
        """Chains with exactly so many re-checks forced on them."""
        forced = Forcing(self.marks, least=count, exact=True)
        return self.ask(lab, runs, name, forced=forced, label=f"{count} re-checks forced", samples=samples)

    def spent(self, lab: Lab, runs: Runs, name: str, budget: int, samples: int = 1) -> Chains:
        """Chains that think exactly `budget` tokens: ends are suppressed until then, and forced there."""
        forced = Forcing(self.marks, least=budget + 1, budget=budget)
        return self.ask(lab, runs, name, forced=forced, label=f"{budget} tokens forced", samples=samples)

    def read(self, samples: Samples) -> Chains:
        """What sampled completions say."""
        task, batch, written = samples
        problem, (s, n, k, m) = batch.problem, written.shape
        answer_ids = task.answer_ids(written.reshape(-1, m)).reshape(s, n, k)
        target = task.gold(problem)[np.arange(s * n), problem["hops"].astype(int) - 1].reshape(s, n)
        kind = kinds(problem["class"], problem["start"], len(task.alphabet)).astype(int).reshape(s, n)
        thought, drafted = thinking(written, self.marks), drafts(written, self.marks, self.most + 1)
        return Chains(answer_ids == target[..., None], answer_ids, drafted, thought, target, kind, samples)


SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test": 32,
    "hops": 3,
    "most": 4,
    "model": Transformer(width=16, layers=1, heads=2, context=40, tied=False, activation="relu"),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
}
FULL: dict[str, Any] = {
    "test": 8000,
    "model": Transformer(width=128, layers=4, heads=4, context=48, tied=False, activation="relu"),
    "train": replace(Setting.train, steps=4000, batch=256),
}


smoke, full = Scale(SMOKE), Scale(FULL)


def rates(chains: Chains, by_kind: bool = True) -> Rates:
    """Rates of the first re-check in each seed, float (s, KINDS): over all chains about problems of a kind.

    A kind that does not occur has rates of 0. Without `by_kind` all have those of all problems together.
    """
    before, after = chains.hit[..., 0], chains.hit[..., 1]
    values = np.zeros((len(Rates._fields), len(before), len(KINDS)))
    for seed, kind in enumerate(chains.kind):
        for number in np.unique(kind):
            rows = kind == number if by_kind else np.ones(len(kind), bool)
            values[:, seed, number] = estimate(before[seed, rows].ravel(), after[seed, rows].ravel())
    return Rates(*values)


def law(measured: Rates, kind: np.ndarray, k: Sequence[int]) -> np.ndarray:
    """Accuracy after k re-checks of problems of each kind (s, n), by rates (s, KINDS) of a re-check: float (s, n, m)."""
    return accuracy(Rates(*(np.take_along_axis(values, kind, axis=1) for values in measured)), np.asarray(k))
