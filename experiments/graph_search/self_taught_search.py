"""A model that only ever saw paths teaches itself to go back: verified chains grow, short ones get no better.

Source       Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, expert iteration
Prediction   A model trained on paths writes one chain at temperature 1 for each of many training graphs; those that are
             valid evidence, whatever they decide, become its next training set, with the right decision. Evidence rises
             round by round (the paper, depth 2, greedy: .376, .690, .919, .979), and so does the mean length of verified
             chains (9.5, 12.6, 15.2, 15.9), beyond any training path: it finds backtracking. Evidence within 5d + 1
             nodes, the longest path, stays where it was.
Refuted if   Evidence does not rise from each round to the next, or by less than .2 in all; verified chains do not grow
             by a node in all; or evidence within 5d + 1 nodes moves by more than .1.
Run          alchemy reproduce self_taught_search --preset small      # ten minutes after depth_law
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.task import Batch
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    near,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import Interval, paired_difference, resampled
from alchemy.testtime.answers import Samples
from experiments.graph_search.bridges import (
    FULL,
    RECIPE,
    SMALL,
    SMOKE,
    Chains,
    Setting,
    share,
)
from tasks.connectivity.laws import mean_lengths, path_success
from tasks.connectivity.text import read_edges

CLAIM = Claim(
    sentence="Rewarded for evidence alone, a model trained on paths finds backtracking: only its long chains get better.",
    source="arXiv:2505.21825, expert iteration",
    prediction="evidence and the length of verified chains rise every round; evidence within 5d + 1 nodes stays",
    refuted_if="a round without a rise, less than .2 in all, chains less than a node longer, or short ones .1 better",
)


@dataclass(frozen=True)
class Config(Setting):
    depth: int = 2
    rounds: int = 3
    graphs: int = 12_000
    """Training graphs a round, fresh ones each time."""
    few: int = 8
    """Chains of each test graph at temperature 1."""
    tune: TrainConfig = replace(RECIPE, steps=300, matrix_rate=0.01, learning_rate=3.5e-3)


PRESETS = {
    "smoke": Config(**SMOKE, depth=1, rounds=2, graphs=200, few=2, tune=TrainConfig(steps=4, batch=16, chunk=4)),
    "small": Config(**SMALL),
    "full": Config(**FULL, depth=3, rounds=4, graphs=500_000, tune=replace(RECIPE, steps=20_000, batch=256)),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    longest = 5 * config.depth + 1
    rounds, sampled, kept = [], [], []
    for runs, share_kept in taught(config, lab):
        rounds.append(config.ask(lab, runs, greedy=True))
        sampled.append(config.ask(lab, runs, samples=config.few))
        kept.append(share_kept)
    return {
        "depth": config.depth,
        "rounds": list(range(len(rounds))),
        "kept": kept[1:],
        "evidence": [share(one.valid) for one in rounds],
        "evidence, sampled": [share(one.valid) for one in sampled],
        "decision": [share(one.votes == 1) for one in rounds],
        "evidence within a path": [share(one.within(longest)) for one in rounds],
        "verified length": [verified_length(one) for one in sampled],
        "rise": [_gain(later.valid, earlier.valid) for earlier, later in pairwise(rounds)],
        "rise in all": _gain(rounds[-1].valid, rounds[0].valid),
        "rise within a path": _gain(rounds[-1].within(longest), rounds[0].within(longest)),
        "growth": verified_length(sampled[-1], sampled[0]),
        "law within a path": path_success(config.depth),
        "search": mean_lengths(config.depth)._asdict(),
    }


def taught(config: Config, lab: Lab) -> Iterator[tuple[Runs, list[float]]]:
    """The models trained on paths, then those of every round and the share of its chains that each seed learned from."""
    runs = config.fit(lab, "path", config.depth)
    yield runs, []
    for number in range(1, config.rounds + 1):
        room = config.room(runs.task)
        drawn = lab.practise(runs, runs.task, config.graphs, number, max_new=room)
        sets = [verified(one) for one in drawn]
        kept = [len(one.tokens) / config.graphs for one in sets]
        if not all(kept):  # a model that finds nothing has nothing to learn from
            return
        width = drawn[0].batch.prompts().shape[1] + room + 4
        runs = lab.train(
            runs.model,
            runs.task,
            config.tune,
            seeds=config.seeds,
            sets=sets,
            padding="pad",
            context=width,
            start=runs,
            label=f"train on what round {number} verified",
        )
        yield runs, kept


def verified(samples: Samples) -> Batch:
    """The graphs whose one sampled chain is valid evidence, rendered with that chain and the right decision."""
    completions = samples.completions[0, :, 0]
    listed = read_edges(completions, samples.task.vocabulary)
    rows = np.flatnonzero(samples.task.verify(samples.batch, completions).trace)
    problem = {name: values[rows] for name, values in samples.batch.problem.items()}
    room = completions.shape[1]
    work = np.pad(listed.work[rows], ((0, 0), (0, room)), constant_values=-1)[:, :room]
    return samples.task.render({**problem, "trace": work}, np.random.default_rng(0))


def verified_length(chains: Chains, before: Chains | None = None) -> Interval:
    """Mean nodes of valid chains, less that of `before`'s if given; resampled over seeds and graphs."""
    seeds, n, _ = chains.valid.shape
    graphs, weights = resampled(0, seeds, n)
    weights = weights / weights.sum(axis=1, keepdims=True)

    def mean(one: Chains) -> tuple[float, np.ndarray]:
        counts, nodes = one.valid.sum(axis=2), (one.length * one.valid).sum(axis=2)  # (s, n)
        drawn = [np.einsum("rn,sn,rs->r", graphs, each, weights) for each in (nodes, counts)]
        return float(nodes.sum() / max(1, counts.sum())), drawn[0] / np.maximum(drawn[1], 1e-9)

    value, drawn = mean(chains)
    if before is not None:
        less, also = mean(before)
        value, drawn = value - less, drawn - also
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value, min(value, float(low)), max(value, float(high)), n, seeds)


def _gain(later: np.ndarray, earlier: np.ndarray) -> Interval:
    """Of verdicts (s, n, 1)."""
    return paired_difference(later[:, :, 0].astype(float), earlier[:, :, 0].astype(float), 0)


def check(measured: Mapping[str, Any]) -> list[Check]:
    return [
        at_least("evidence before", measured["evidence"][0], 0.1, "something to start from", precondition=True),
        *(
            at_least(f"evidence, round {number} - before it", rise, 0.0, "round by round")
            for number, rise in enumerate(measured["rise"], 1)
        ),
        at_least(
            "evidence in all", measured["rise in all"], 0.2, "the paper, depth 2: .31 after one round, .60 after three"
        ),
        at_least("nodes of verified chains, in all", measured["growth"], 1.0, "the paper, depth 2: 3.1 and 6.3"),
        near("evidence within 5d + 1 nodes, in all", measured["rise within a path"], 0.0, 0.1, "the paper: within .03"),
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    search = measured["search"]
    rounds = measured["rounds"]
    return [
        Curves(
            name="self_taught_search",
            title=f"Expert iteration from a model trained on paths, depth {measured['depth']}",
            x_label="round",
            y_label="evidence",
            x=rounds,
            measured={name: measured[name] for name in ("evidence", "evidence, sampled", "evidence within a path")},
            theory={"law of paths": [measured["law within a path"]] * len(rounds)},
        ),
        Curves(
            name="self_taught_search_length",
            title="Mean length of sampled chains that are valid evidence",
            x_label="round",
            y_label="nodes",
            x=rounds,
            measured={"verified chains": measured["verified length"]},
            theory={name.replace("_", "-"): [search[name]] * len(rounds) for name in ("path", "dfs", "dfs_bt")},
        ),
    ]
