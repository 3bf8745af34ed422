"""A model that only ever saw paths teaches itself to go back: verified chains grow, short ones get no better.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, expert iteration
Prediction   A model trained on paths writes one chain at temperature 1 for each of many training graphs; those that are
             valid evidence, whatever they decide, become its next training set, with the right decision. Evidence rises
             round by round (the paper, depth 2, greedy: .376, .690, .919, .979), and so does the mean length of verified
             chains (9.5, 12.6, 15.2, 15.9), beyond any training path: it finds backtracking. Evidence within 5d + 1
             nodes, the longest path, stays where it was.
             The preset small has about a fiftieth of the paper's budget, 12,000 graphs and 300 steps a round: where the
             claim fails there, it fails at that budget. One number a seed for the rounds: the least rise, the round
             chosen on one half of the test graphs and measured on the other.
Refuted if   Evidence does not rise from each round to the next, or by less than .2 in all; verified chains do not grow
             by a node in all; or evidence within 5d + 1 nodes moves by more than .1, in most seeds.
Run          alchemy reproduce self_taught_search --preset small      # after depth_law, whose models it shares
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least, near
from alchemy.report.figures import Curves, Figure
from alchemy.stats.selection import halves, largest
from alchemy.testtime.answers import Samples
from experiments.graph_search.bridges import FULL, RECIPE, SMOKE, Chains, Setting, by_seed
from experiments.self_training import learn
from tasks.connectivity.laws import MeanLengths, mean_lengths, path_success
from tasks.connectivity.text import read_edges

CLAIM = Claim(
    sentence="Rewarded for evidence alone, a model trained on paths finds backtracking: only its long chains get better"
    " (small: at a fiftieth of the paper's budget).",
    source="arXiv:2505.21825, expert iteration",
    prediction="evidence and the length of verified chains rise every round; evidence within 5d + 1 nodes stays",
    refuted_if="a round without a rise, less than .2 in all, chains less than a node longer, or short ones .1 better",
    question="What does a step buy?",
)


@dataclass(frozen=True)
class Config(Setting):
    depth: int = 2
    rounds: int = 3
    practice_graphs: int = 12_000
    """Training graphs a round, fresh ones each time."""
    few_chains: int = 8
    """Chains of each test graph at temperature 1."""
    round_train: TrainConfig = replace(RECIPE, steps=300, matrix_rate=0.01, learning_rate=3.5e-3)
    """Of each round."""


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        **SMOKE,
        depth=1,
        rounds=2,
        practice_graphs=200,
        few_chains=SMOKE["pool_size"],
        round_train=TrainConfig(steps=4, batch=16, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        **FULL,
        depth=3,
        rounds=4,
        practice_graphs=500_000,
        round_train=replace(RECIPE, steps=20_000, batch=256),
    ),
}


@dataclass(frozen=True)
class Measured:
    """By round, the first of which is the model trained on paths: arrays (s, r)."""

    depth: int
    evidence: np.ndarray
    """Of greedy chains."""
    evidence_sampled: np.ndarray
    evidence_within: np.ndarray
    """Of greedy chains within the longest path."""
    verified_length: np.ndarray
    """Mean nodes of the sampled chains that are valid, nan where there are none."""
    kept: np.ndarray
    """Share of the practice graphs that a round learned from: (s, r - 1)."""
    least_rise: np.ndarray
    """Of greedy evidence from one round to the next, float (s,)."""
    evidence_before: np.ndarray
    """Of the model trained on paths, greedy, on the graphs of gates: float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    longest = 5 * config.depth + 1
    greedy, gates, sampled, kept = [], [], [], []
    for runs, share in taught(config, lab):
        test, gate = config.greedy(lab, runs)
        greedy.append(test)
        gates.append(gate)
        sampled.append(config.pool(lab, runs, size=config.few_chains)[0])
        kept.append(share)
    first, second = halves(np.stack([chains.valid[:, :, 0] for chains in greedy], axis=1))
    return Measured(
        depth=config.depth,
        evidence=np.stack([by_seed(chains.valid) for chains in greedy], axis=1),
        evidence_sampled=np.stack([by_seed(chains.valid) for chains in sampled], axis=1),
        evidence_within=np.stack([by_seed(chains.within(longest)) for chains in greedy], axis=1),
        verified_length=np.stack([verified_length(chains) for chains in sampled], axis=1),
        kept=np.stack(kept[1:], axis=1),
        least_rise=-largest(-np.diff(first, axis=1), -np.diff(second, axis=1)),
        evidence_before=by_seed(gates[0].valid),
    )


def taught(config: Config, lab: Lab) -> Iterator[tuple[Runs, np.ndarray]]:
    """The models trained on paths, then those of every round and the share of its graphs that each seed learned from."""
    runs = config.fit(lab, "path", config.depth)
    yield runs, np.ones(config.seeds)
    room, prompt = config.room(runs.task), runs.task.longest_prompt
    for number in range(1, config.rounds + 1):
        runs, kept = learn(
            lab,
            runs,
            config.round_train,
            number,
            lambda samples, seed: verified(samples),
            problems=config.practice_graphs,
            room=room,
            context=prompt + room + 4,
        )
        yield runs, kept


def verified(samples: Samples) -> Batch:
    """The graphs whose one sampled chain is valid evidence, rendered with that chain and the right decision."""
    batch, completions = samples.flat()
    listed = read_edges(completions, samples.task.vocabulary)
    rows = np.flatnonzero(samples.task.verify(batch, completions).trace)
    problem = {name: values[rows] for name, values in batch.problem.items()}
    room = completions.shape[1]
    work = np.pad(listed.work[rows], ((0, 0), (0, room)), constant_values=-1)[:, :room]
    return samples.task.render({**problem, "trace": work}, np.random.default_rng(0))


def verified_length(chains: Chains) -> np.ndarray:
    """Mean nodes of each seed's valid chains, float (s,), nan where there are none."""
    count = chains.valid.sum(axis=(1, 2))
    nodes = (chains.length * chains.valid).sum(axis=(1, 2))
    return np.divide(nodes, count, out=np.full(len(count), np.nan), where=count > 0)


def check(measured: Measured) -> list[Check]:
    starts = Gate("evidence before", measured.evidence_before, 0.1, inf, "something to start from")
    evidence, within, length = measured.evidence, measured.evidence_within, measured.verified_length
    return [
        at_least("evidence: least rise of a round", measured.least_rise, 0.0, "round by round", gates=[starts]),
        at_least(
            "evidence: rise in all",
            evidence[:, -1] - evidence[:, 0],
            0.2,
            "the paper, depth 2: .31 after one round, .60 after three",
            gates=[starts],
        ),
        at_least(
            "nodes of verified chains: growth in all",
            length[:, -1] - length[:, 0],
            1.0,
            "the paper, depth 2: 3.1 and 6.3",
            gates=[starts],
        ),
        near(
            "evidence within 5d + 1 nodes: rise in all",
            within[:, -1] - within[:, 0],
            0.0,
            0.1,
            "the paper: within .03",
            gates=[starts],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    rounds = list(range(measured.evidence.shape[1]))
    law: MeanLengths = mean_lengths(measured.depth)
    return [
        Curves(
            name="self_taught_search",
            title=f"Expert iteration from a model trained on paths, depth {measured.depth}",
            x_label="round",
            y_label="evidence",
            x=rounds,
            measured={
                "evidence": measured.evidence,
                "evidence, sampled": measured.evidence_sampled,
                "evidence within a path": measured.evidence_within,
            },
            theory={"law of paths": [path_success(measured.depth)] * len(rounds)},
        ),
        Curves(
            name="self_taught_search_length",
            title="Mean length of sampled chains that are valid evidence",
            x_label="round",
            y_label="nodes",
            x=rounds,
            measured={"verified chains": measured.verified_length},
            theory={
                "path": [law.path] * len(rounds),
                "dfs": [law.dfs] * len(rounds),
                "dfs-bt": [law.dfs_bt] * len(rounds),
            },
        ),
    ]
