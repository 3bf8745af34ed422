"""Pools of chains over bridges with what they cost and what learned verifiers say of them, for claims on test-time compute.

Readouts of a pool are never merged. Majority needs no verifier. A learned verifier, of outcomes or of the process, picks
the chain it scores highest; all three are judged by the decision, by the rule for a single vote. An exact verifier finds
valid evidence wherever there is any: coverage, judged by evidence, as guessing one of two covers half of all decisions.

Dimension letters: `s` seeds, `n` graphs, `k` chains of each, `m` sizes or budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.lab import verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.stats.voting import Vote, best_scored_at
from alchemy.testtime import learned_verifier as verifier
from alchemy.testtime.answers import Samples
from alchemy.testtime.learned_verifier import Kind
from experiments.graph_search.bridges import (
    RECIPE,
    Chains,
    Setting,
    any_of,
    judge,
    majority_of,
)
from tasks.connectivity import Connectivity

TOKENS = (
    "tokens: all that is written for a problem, ends and dropped chains included; prompts and verifiers are not counted"
)
"""The one sentence that says what an axis called tokens means."""


FEW = 8
"""Chains among which a verifier must choose better than chance does, or a claim about it is left undecided."""


class Pool(NamedTuple):
    """`k` chains of each of `s` models about the same `n` graphs."""

    chains: Chains
    tokens: np.ndarray  # int32 (s, n, k): written, the end included
    scores: Mapping[str, np.ndarray]  # by kind of verifier: float (s, n, up to k), of the first chains
    graphs: np.ndarray  # int16 (n, e, 2): edges
    prompt: int  # tokens
    parameters: int  # of the model, and of each of its verifiers but for two ids

    def bill(self, size: int, checked: bool) -> Ledger:
        """What `size` chains cost in the mean, where `checked` with a learned verifier; both read a prompt once."""
        one = self.tokens.mean(axis=2)
        read = (self.prompt + size * one) * checked
        return Ledger.of(
            self.parameters, self.prompt, size * one, one, checker=self.parameters, checked=read, calls=size * checked
        )

    @property
    def cost(self) -> float:
        """Mean tokens of a chain."""
        return float(self.tokens.mean())

    def same_graphs(self, other: Pool) -> bool:
        """Whether both are about the same graphs, so that they can be compared graph by graph."""
        return np.array_equal(self.graphs, other.graphs)


@dataclass(frozen=True)
class Checked(Setting):
    """Models of chains, and verifiers that are trained on what these write."""

    pools: int = 512
    """Not the 500 graphs of the claims without verifiers: preconditions were rewritten after verifiers had been seen on those."""
    problems: int = 5000
    """Training graphs on which a policy writes chains for its verifier to learn from, good or bad as they come."""
    each: int = 4
    """Chains on each of these, so that good and bad ones on one graph can be told apart by nothing but themselves."""
    checker: TrainConfig = replace(RECIPE, steps=625, matrix_rate=0.01, learning_rate=3.5e-3)
    """Verifiers start from their policy's weights, and see each chain about once."""

    def pool(
        self, lab: Lab, runs: Runs, kinds: Sequence[Kind] = (), *, task: Connectivity | None = None, samples: int = 0
    ) -> Pool:
        """A pool of chains at temperature 1 as `ask` draws it, the first `samples` of each graph scored by verifiers."""
        drawn = self.draw(lab, runs, task, samples=samples)
        first = Samples(drawn.task, drawn.batch, drawn.completions[:, :, : self.samples])
        scores = {}
        for kind in kinds:
            how = {"kind": kind, "problems": self.problems, "samples": self.each, "max_new": self.room(runs.task)}
            found = verifiers.score(lab, verifiers.fit(lab, runs, self.checker, **how), first)
            scores[kind] = found if kind == "outcome" else verifier.aggregated(found, "min")
        tokens = verifier.written(drawn.completions).sum(axis=3, dtype=np.int32)
        edges, prompt = drawn.batch.problem["edges"], int(drawn.batch.prompt_len.max())
        return Pool(judge(drawn), tokens, scores, edges, prompt, lab.size(runs.model))


def worth(votes: np.ndarray) -> np.ndarray:
    """What `Vote`s are worth alone, float of their shape, as in a majority of one: one for neither candidate is a coin."""
    return np.select([votes == Vote.RIGHT, votes == Vote.OTHER], [1.0, 0.5], 0.0)


def chosen(values: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
    """Value of the highest scored of a random `size` of each pool: float (s, n) of values (s, n, k), scores (s, n, up to k)."""
    scored = values[:, :, : scores.shape[2]]
    return np.stack([best_scored_at(*one, size) for one in zip(scored, scores, strict=True)])


def ranking(values: np.ndarray, scores: np.ndarray, size: int = 0) -> np.ndarray:
    """How much better than a random chain the highest scored of `size` is, by default of the whole pool: float (s, n)."""
    most = scores.shape[2]
    return chosen(values, scores, min(size or most, most)) - values[:, :, :most].mean(axis=2)


def readouts(pool: Pool) -> dict[str, tuple[list[int], np.ndarray]]:
    """By readout: sizes (m,), and what chains of that many are worth, float (m, s, n)."""

    def curve(k: int, at: Callable[[int], np.ndarray]) -> tuple[list[int], np.ndarray]:
        sizes = [1 << power for power in range(k.bit_length())]
        return sizes, np.stack([at(size) for size in sizes])

    chains, k = pool.chains, pool.chains.valid.shape[2]
    found = {"majority": curve(k, lambda size: majority_of(chains.votes, size))}
    for kind, scores in pool.scores.items():
        best = partial(chosen, worth(chains.votes), scores)
        found[f"{kind} verifier"] = curve(scores.shape[2], best)
    found["exact verifier"] = curve(k, lambda size: any_of(chains.valid, size))
    return found


def at_tokens(sizes: Sequence[int], curve: np.ndarray, cost: float, budget: float) -> np.ndarray | None:
    """A curve (m, s, n) over numbers of chains of that mean cost at a budget of tokens, linear in the log of the number
    between its points; None outside of them."""
    place = float(np.interp(np.log(budget / cost), np.log(sizes), np.arange(len(sizes)), left=-1, right=-1))
    if place < 0:
        return None
    low = min(int(place), len(sizes) - 1)
    high = min(low + 1, len(sizes) - 1)
    return curve[low] + (place - low) * (curve[high] - curve[low])
