"""What claims about moving a budget between problems share: one bank, a way to select, and arms at equal mean cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from alchemy.stats.measure import Interval
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


@dataclass(frozen=True)
class Spending:
    """A bank half of whose answers say how hard problems are, and half of which are spent."""

    bank: Bank
    selector: str
    draws: int = 4
    """Random orders that are averaged."""

    @property
    def score(self) -> str:
        return SELECTORS[self.selector]

    @cached_property
    def known(self) -> np.ndarray:
        """Share of right answers of each problem among those that are not spent, float (s, n)."""
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
        return curve(self.way, self.spent, sizes(self.spent.shape[2])[1:], 0, self.draws)

    @cached_property
    def curves(self) -> np.ndarray:
        """Accuracy of each problem at `sizes`, nothing for no answers: (m, s, n)."""
        return np.concatenate([np.zeros((1, *self.known.shape)), self.uniform.right])

    def by(
        self, estimate: np.ndarray, mean: float, known: Spending | None = None, before: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Right and FLOPs (s, n) where `mean` answers a problem are allocated by an estimate (s, n).

        What the estimate is worth is learned from the other half, or from the estimates `before` of `known` problems.
        """
        taught = {"known": before, "known_curves": known.curves} if known else {}
        counts = allocated(estimate, self.curves, sizes(self.spent.shape[2]), mean, **taught)
        return self.replay(self.way, counts)

    def online(self, mean: int) -> tuple[np.ndarray, np.ndarray]:
        """Rounds over all problems that close those that are sure; how sure, each half learns from the other half."""
        if self.score:
            return self.replay(Bandit(self.score, each=1), mean)
        tried = [self.replay(Bandit(confidence=one, each=2), mean) for one in SURE]
        gains = np.stack([self.gain(*one) for one in tried])
        half = folds(gains.shape[2])
        chosen = [int(gains[..., other].mean(axis=(1, 2)).argmax()) for other in (~half, half)]
        return tuple(np.where(half, *(tried[one][part] for one in chosen)) for part in (0, 1))

    @cached_property
    def blind(self) -> Curve:
        """Online, but every problem may draw as many: what stopping in time saves at any difficulty, given to all."""
        way = Rejection(self.score) if self.score else EarlyExit()
        return curve(way, self.spent, sizes(self.spent.shape[2])[1:], 0, self.draws)

    def replay(self, way: Replayed, n: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right, ledger = averaged(way, self.spent, n, 1, self.draws)
        return right, ledger.flops

    def cost(self, mean: int) -> np.ndarray:
        """FLOPs of so many answers for every problem, in the mean, float (s,)."""
        return np.array([np.interp(mean, self.uniform.sizes, one) for one in self.uniform.flops.mean(axis=2).T])

    def gain(self, right: np.ndarray, flops: np.ndarray) -> np.ndarray:
        """Accuracy beyond the uniform budget that costs as much, each seed for itself, float (s, n)."""
        return right - self.uniform.at(flops.mean(axis=1))[0]

    def k(self, right: np.ndarray, flops: np.ndarray) -> Interval:
        """The effective-compute multiplier; nothing is worth spending on where no answer is ever right."""
        if not flops.any():
            return Interval(np.nan, 0.0, np.inf, right.shape[1], len(right))
        return multiplier(self.uniform, right, flops, 0, 500)


def sizes(most: int) -> np.ndarray:
    """How many answers a problem may be given: none to `most`, every number up to 9 and then ever more apart.

    A vote gains little from an even number of answers, so that what lies between two of these may not be left out.
    """
    apart = np.geomspace(9, max(most, 9), 2 * most.bit_length() - 5 if most > 9 else 1).astype(int)
    every = np.unique(np.concatenate([np.arange(10), apart]))
    return every[every <= most]


def shuffled(facts: Mapping[str, np.ndarray], share: float, rng: np.random.Generator | int) -> dict[str, np.ndarray]:
    """Facts of which those of a random share of the problems are exchanged among these, so that they say less."""
    rng, n = np.random.default_rng(rng), len(next(iter(facts.values())))
    order = np.arange(n)
    rows = rng.permutation(n)[: round(share * n)]
    order[rows] = rng.permutation(rows)
    return {name: fact[order] for name, fact in facts.items()}


def nearest(guess: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """The share of the problems (n,) that differ least from what their facts make one guess, (s, n) both, int."""
    off = np.abs(guess - known).mean(axis=0)
    return np.sort(np.argsort(off, kind="stable")[: round(share * len(off))])


def cut(k: Interval, most: float) -> Interval:
    """A multiplier as it can be drawn: nothing beyond the most a bank can show."""
    return replace(k, **{name: min(getattr(k, name), most) for name in ("mean", "low", "high")})
