"""Pools of chains over bridges with what they cost and what learned verifiers say of them, for claims on test-time compute.

Readouts of a pool are never merged. Majority needs no verifier. A learned verifier, of outcomes or of the process, picks
the chain it scores highest; all three are judged by the decision, by the rule for a single vote. An exact verifier finds
valid evidence wherever there is any: coverage, judged by evidence, as guessing one of two covers half of all decisions.

Dimension letters: `s` seeds, `n` graphs, `k` chains of each, `m` sizes or budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from alchemy.lab import verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.stats.voting import Vote, best_scored_at
from alchemy.testtime import learned_verifier
from alchemy.testtime.answers import Samples
from alchemy.testtime.learned_verifier import Kind
from experiments.graph_search.bridges import RECIPE, SMOKE, Chains, Setting, by_seed, judge

TOKENS = (
    "tokens: all that is written for a problem, ends and dropped chains included; prompts and verifiers are not counted"
)
"""The one sentence that says what an axis called tokens means."""
FEW = 8
"""Chains among which a verifier must choose better than chance does, or a seed says nothing about that verifier."""


class Pool(NamedTuple):
    """`k` chains of each of `s` models about each of its `n` graphs."""

    chains: Chains
    tokens: np.ndarray  # int32 (s, n, k): written, the end included
    scores: Mapping[str, np.ndarray]  # by kind of verifier: float (s, n, up to k), of the first chains

    def of(self, graphs: slice) -> Pool:
        """Some of each seed's graphs."""
        scores = {kind: values[:, graphs] for kind, values in self.scores.items()}
        return Pool(self.chains.of(graphs), self.tokens[:, graphs], scores)

    @property
    def cost(self) -> float:
        """Mean tokens of a chain."""
        return float(self.tokens.mean())


@dataclass(frozen=True)
class Checked(Setting):
    """Models of chains, and verifiers that are trained on what these write; at small at depth 1 only."""

    depths: tuple[int, ...] = (1,)
    practice_graphs: int = 5000
    """Training graphs on which a policy writes chains for its verifier to learn from, good or bad as they come."""
    practice_chains: int = 4
    """Chains on each of these, so that good and bad ones on one graph can be told apart by nothing but themselves."""
    verifier_train: TrainConfig = replace(RECIPE, steps=625, matrix_rate=0.01, learning_rate=3.5e-3)
    """Verifiers start from their policy's weights, and see each chain about once."""

    def checked_pool(self, lab: Lab, runs: Runs, kinds: Sequence[Kind] = ()) -> tuple[Pool, Pool]:
        """A pool of chains for each test graph, the first of each scored by verifiers, and for each that gates read."""
        samples = self.draw_pool(lab, runs)
        first = Samples(samples.task, samples.batch, samples.completions[:, :, : self.pool_size])
        scores = {kind: self._scores(lab, runs, kind, first) for kind in kinds}
        tokens = learned_verifier.written(samples.completions).sum(axis=3, dtype=np.int32)
        pool, n = Pool(judge(samples), tokens, scores), self.pool_graphs
        return pool.of(slice(0, n)), pool.of(slice(n, None))

    def _scores(self, lab: Lab, runs: Runs, kind: Kind, samples: Samples) -> np.ndarray:
        """What a verifier trained on chains of these models says of each chain, float (s, n, k); of the process, its worst
        step."""
        verifier = verifiers.fit(
            lab,
            runs,
            self.verifier_train,
            kind=kind,
            problems=self.practice_graphs,
            samples=self.practice_chains,
            max_new=self.room(runs.task),
        )
        scores = verifiers.score_samples(lab, verifier, samples)
        return scores if kind == "outcome" else learned_verifier.aggregated(scores, "min")


SMOKE_CHECKED: dict[str, Any] = {
    **SMOKE,
    "practice_graphs": SMOKE["pool_graphs"] + SMOKE["gate_graphs"],  # which are answered by the program of the pool
    "verifier_train": TrainConfig(steps=4, batch=16, chunk=4),
}


def worth(votes: np.ndarray) -> np.ndarray:
    """What `Vote`s are worth alone, float of their shape, as in a majority of one: one for neither candidate is a coin."""
    return np.select([votes == Vote.RIGHT, votes == Vote.OTHER], [1.0, 0.5], 0.0)


def best_scored(values: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
    """Value of the highest scored of a random `size` of each pool: float (s, n) of values (s, n, k), scores (s, n, up to k)."""
    return best_scored_at(values[:, :, : scores.shape[2]], scores, size)


def better_than_chance(pool: Pool, kind: str) -> np.ndarray:
    """How much better than a random chain the one is that a verifier picks of a few, float (s,)."""
    scores, values = pool.scores[kind], worth(pool.chains.votes)
    most = scores.shape[2]
    return by_seed(best_scored(values, scores, min(FEW, most))) - by_seed(values[:, :, :most])


class Readout(NamedTuple):
    """What chains are worth by how many of them are read out in one way."""

    sizes: list[int]  # (m,)
    curve: np.ndarray  # float (s, m)


def readouts(pool: Pool) -> dict[str, Readout]:
    """Every way to read a pool out."""
    chains = pool.chains
    curves = {"majority": _readout(chains.sizes, chains.majority_of)}
    for kind, scores in pool.scores.items():
        sizes = [size for size in chains.sizes if size <= scores.shape[2]]
        values = worth(chains.votes)
        curves[f"{kind} verifier"] = _readout(sizes, lambda size, v=values, s=scores: best_scored(v, s, size))
    curves["exact verifier"] = _readout(chains.sizes, chains.any_of)
    return curves


def _readout(sizes: list[int], score: Callable[[int], np.ndarray]) -> Readout:
    return Readout(sizes, np.stack([by_seed(score(size)) for size in sizes], axis=1))


def at_tokens(readout: Readout, cost: float, budgets: Sequence[float]) -> np.ndarray:
    """A readout of chains of that mean cost at budgets of tokens, float (s, budgets): linear in the log of the number of
    chains between its points, nan outside of them."""
    places = np.log(np.asarray(budgets) / cost)
    log_sizes = np.log(readout.sizes)
    return np.array([np.interp(places, log_sizes, row, left=np.nan, right=np.nan) for row in readout.curve])
