"""What claims about moving a budget between problems share: one bank, a way to select, and arms at equal mean cost.

Dimension letters: `n` problems of one seed, `k` answers of each, `m` sizes of a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from alchemy.problem.streams import stream
from alchemy.strategies.bandit import Bandit
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.early_exit import EarlyExit
from alchemy.strategies.rejection import Rejection
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.allocation import allocated, folds
from alchemy.testtime.bank import Bank
from alchemy.testtime.multiplier import multiplier
from alchemy.testtime.replay import (
    Curve,
    Replayed,
    averaged,
    curve,
    of_answers,
)
from alchemy.testtime.simulated_verifiers import exact, scored

SELECTORS = {"vote": "", "checker": "exact"}
"""How the answer is chosen from those drawn, and the score it takes: a majority, or a checker that is never wrong."""

SURE = (0.8, 0.9, 0.95)
"""When an online vote may stop: adaptive consistency has .95, which is late where the budget is small."""


class Arm(NamedTuple):
    """What a way to spend a budget got and paid; arrays (1, n)."""

    right: np.ndarray  # probability of a right answer
    flops: np.ndarray


@dataclass(frozen=True)
class Spending:
    """A bank of one seed: half of its answers say how hard problems are, and half of them are spent."""

    bank: Bank
    """Of one seed, (1, n, k)."""
    selector: str
    seed: int
    """Names the random streams of the replays."""
    draws: int = 4
    """Random orders that are averaged."""

    @property
    def score(self) -> str:
        return SELECTORS[self.selector]

    @cached_property
    def known(self) -> np.ndarray:
        """Share of right answers of each problem among those that are not spent, float (1, n)."""
        return self.bank.right[..., : self.bank.shape[2] // 2].mean(axis=2)

    @cached_property
    def spent(self) -> Bank:
        half = of_answers(self.bank, slice(self.bank.shape[2] // 2, None))
        return scored(half, exact=exact(half))

    @property
    def way(self) -> Replayed:
        """The selection, with the same number of answers for all."""
        return BestOfN(self.score) if self.score else SelfConsistency()

    @cached_property
    def uniform(self) -> Curve:
        return self._curve(self.way, "uniform budgets")

    @cached_property
    def curves(self) -> np.ndarray:
        """Accuracy of each problem at `sizes`, nothing for no answers: (m, 1, n)."""
        return np.concatenate([np.zeros((1, *self.known.shape)), self.uniform.right])

    def by(
        self, estimate: np.ndarray, mean: float, known: Spending | None = None, before: np.ndarray | None = None
    ) -> Arm:
        """`mean` answers a problem, allocated by an estimate (1, n).

        What the estimate is worth is learned from the other half, or from the estimates `before` of `known` problems.
        """
        taught = {"known": before, "known_curves": known.curves} if known else {}
        counts = allocated(estimate, self.curves, sizes(self.spent.shape[2]), mean, **taught)
        return self.replay(self.way, counts)

    def online(self, mean: int) -> Arm:
        """Rounds over all problems that close those that are sure; how sure, each half learns from the other half."""
        if self.score:
            return self.replay(Bandit(self.score, round_size=1), mean)
        tried = [self.replay(Bandit(confidence=confidence, round_size=2), mean) for confidence in SURE]
        gains = np.stack([self.gain(arm) for arm in tried])
        half = folds(gains.shape[2])
        first, second = (tried[int(gains[..., taught].mean(axis=(1, 2)).argmax())] for taught in (~half, half))
        return Arm(*(np.where(half, *parts) for parts in zip(first, second, strict=True)))

    @cached_property
    def blind(self) -> Curve:
        """Online, but every problem may draw as many: what stopping in time saves at any difficulty, given to all."""
        return self._curve(Rejection(self.score) if self.score else EarlyExit(), "blind budgets")

    def blind_at(self, flops: np.ndarray) -> Arm:
        """The blind rule at the mean cost of an arm that pays `flops` (1, n)."""
        return Arm(*self.blind.at(flops.mean(axis=1)))

    def replay(self, way: Replayed, n: int | np.ndarray) -> Arm:
        right, ledger = averaged(way, self.spent, n, stream("replayed arms", self.seed), self.draws)
        return Arm(right, ledger.flops)

    def cost(self, mean: int) -> np.ndarray:
        """FLOPs of so many answers for every problem, in the mean, float (1,)."""
        return np.array([np.interp(mean, self.uniform.sizes, flops) for flops in self.uniform.flops.mean(axis=2).T])

    def gain(self, arm: Arm) -> np.ndarray:
        """Accuracy beyond the uniform budget that costs as much, float (1, n)."""
        return arm.right - self.uniform.at(arm.flops.mean(axis=1))[0]

    def k(self, arm: Arm) -> float:
        """The effective-compute multiplier; nan where nothing is spent, as no answer is ever right."""
        return float(multiplier(self.uniform, *arm)[0])

    def _curve(self, way: Replayed, purpose: str) -> Curve:
        return curve(way, self.spent, sizes(self.spent.shape[2])[1:], stream(purpose, self.seed), self.draws)


def sizes(most: int) -> np.ndarray:
    """How many answers a problem may be given: none to `most`, every number up to 9 and then ever more apart.

    A vote gains little from an even number of answers, so that what lies between two of these may not be left out.
    """
    apart = np.geomspace(9, max(most, 9), 2 * most.bit_length() - 5 if most > 9 else 1).astype(int)
    every = np.unique(np.concatenate([np.arange(10), apart]))
    return every[every <= most]


def shuffled(facts: Mapping[str, np.ndarray], share: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Facts (1, n) of which those of a random share of the problems are exchanged among these, so that they say less."""
    n = next(iter(facts.values())).shape[1]
    order = np.arange(n)
    rows = rng.permutation(n)[: round(share * n)]
    order[rows] = rng.permutation(rows)
    return {name: values[:, order] for name, values in facts.items()}


def nearest(guess: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """The share of the problems that differ least from what their facts make one guess, (1, n) both: int (m,)."""
    off = np.abs(guess - known)[0]
    return np.sort(np.argsort(off, kind="stable")[: round(share * len(off))])
