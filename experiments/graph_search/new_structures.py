"""Search carries over to graphs whose structure was never trained on, if many structures were.

Source       Ours, beside Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825: its bridges of one depth are one
             graph up to the names of the nodes, so that a model trained on them is tested on the structure it was trained on.
Prediction   Components are connected graphs of 8 nodes and 9 links, of which colour refinement tells 231 apart, whatever
             their nodes are called; the two of a graph are drawn independently. For each seed 64 structures are never
             trained on, under any names. A model trained on depth-first searches through components of 128 others gives
             evidence on the 64 as often as on the 128, within .05, and at least .9 of the time. One that was trained as
             long on 4 of the 128 gives it less often on the 64 than the first does, by .1 or more.
             Five seeds that agree are the fewest to hold; with three checks nine are the fewest to fail. With 1,000 graphs
             a test the difference of two shares near .95 has a standard error of .01, a fifth of the margin.
Refuted if   Evidence on new structures under .9, or .05 or more behind that on trained ones, after 128 structures; or 4
             structures within .1 of 128, in most seeds.
Run          alchemy reproduce new_structures --preset small      # 44 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from experiments.graph_search.bridges import LLAMA, RECIPE, by_seed, judge
from experiments.graph_search.structures import Structured, listed
from models.transformer import Transformer

CLAIM = Claim(
    sentence="Search carries over to graphs whose structure was never trained on, if many structures were.",
    source="ours, beside arXiv:2505.21825",
    prediction="evidence on new structures at least .9 and within .05 of trained ones after 128 structures; .1 less after 4",
    refuted_if="under .9 on new structures, .05 behind trained ones, or 4 structures within .1 of 128",
    question="Where does reasoning stop?",
    among="models that search the structures they were trained on",
)


@dataclass(frozen=True)
class Config:
    """What is trained, how, and what it is tested on."""

    seeds: int = 5
    """Whole replicates, each with structures of its own; five that agree are the fewest to hold."""
    test: int = 1000
    """Held-out graphs in each test of each seed."""
    gate: int = 250
    """Further graphs of trained structures, read by gates only."""
    nodes: int = 8
    """Of a component."""
    links: int = 9
    held_out: int = 64
    """Structures that are never trained on, drawn anew for every seed."""
    few: int = 4
    """Of the others, those that the one model is trained on ..."""
    many: int = 128
    """... and those that the other is; they contain the few."""
    names: int = 20
    """Names of nodes."""
    model: Transformer = Transformer(**LLAMA, width=64, heads=2, hidden=64, context=64)
    train: TrainConfig = replace(RECIPE, steps=3400)
    """As many as searches through bridges of depth 1 take in their first stretch."""


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=2,
        test=32,
        gate=8,
        held_out=8,
        many=16,
        model=Transformer(width=16, layers=1, heads=2, context=64, block="llama", positions="rotary", tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        test=4000,
        model=Transformer(**LLAMA, width=128, heads=4, hidden=128, context=64),
        train=replace(RECIPE, steps=5000, batch=256),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Evidence of one greedy search, float (s,): of models by the number of structures that they were trained on."""

    trained: dict[int, np.ndarray]
    """On the structures trained on."""
    new: dict[int, np.ndarray]
    """On structures that were never trained on."""
    gate: dict[int, np.ndarray]
    """On further graphs of the structures trained on."""


class Seed(NamedTuple):
    """What one seed's model gives evidence for, float (1,) each, as `Measured` has it."""

    trained: np.ndarray
    new: np.ndarray
    gate: np.ndarray


def run(config: Config, lab: Lab) -> Measured:
    arms = {count: arm(config, lab, count) for count in (config.few, config.many)}
    return Measured(
        *({count: np.concatenate([seed[part] for seed in arm]) for count, arm in arms.items()} for part in range(3))
    )


def arm(config: Config, lab: Lab, count: int) -> list[Seed]:
    """Models of all seeds, each trained on `count` structures of its own, and what each gives evidence for."""
    seeds, size = lab.seeds(config.seeds), config.train.steps * config.train.batch
    new, others = zip(*(divided(config, seed) for seed in seeds), strict=True)
    tasks = [structured(config, own[:count]) for own in others]
    lines = [
        lab.split.sample(task, stream("searches to learn from", seed), size, "train")
        for task, seed in zip(tasks, seeds, strict=True)
    ]
    anything = structured(config, tuple(range(len(listed(config.nodes, config.links)))))
    label = f"train on {count} structures"
    runs = lab.train(config.model, anything, config.train, seeds=seeds, sets=lines, label=label)
    models = [runs.of(row) for row in range(len(seeds))]
    return [one_seed(config, lab, *each) for each in zip(models, tasks, new, strict=True)]


def one_seed(config: Config, lab: Lab, runs: Runs, task: Structured, new: tuple[int, ...]) -> Seed:
    """What one seed's model gives evidence for, on the structures of its task and on new ones."""
    known = evidence(lab, runs, task, config.test + config.gate, "trained")
    unseen = evidence(lab, runs, structured(config, new), config.test, "new")
    return Seed(by_seed(known[:, : config.test]), by_seed(unseen), by_seed(known[:, config.test :]))


def divided(config: Config, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Structures that are held out, and the others in random order."""
    order = stream("structures", seed).permutation(len(listed(config.nodes, config.links))).tolist()
    return tuple(order[: config.held_out]), tuple(order[config.held_out :])


def structured(config: Config, structures: tuple[int, ...]) -> Structured:
    """Depth-first searches through components of these structures."""
    return Structured(
        family="gnm", nodes=config.nodes, links=config.links, ids=config.names, trace="dfs", structures=structures
    )


def evidence(lab: Lab, runs: Runs, task: Structured, graphs: int, label: str) -> np.ndarray:
    """Which greedy searches lead to the target, bool (1, graphs)."""
    chains = lab.sample(
        runs, task, graphs, 1, temperature=0.0, max_new=3 * task.component.max_edges // 2, label=f"search {label}"
    )
    return judge(chains).valid[:, :, 0]


def check(measured: Measured) -> list[Check]:
    few, many = measured.new
    learned = {
        count: Gate(f"{count} structures: evidence on them", values, 0.9, inf, "it searches what it was trained on")
        for count, values in measured.gate.items()
    }
    return [
        at_least(
            f"{many} structures: evidence on new ones",
            measured.new[many],
            0.9,
            "near what it is on trained ones",
            gates=[learned[many]],
        ),
        at_most(
            f"{many} structures: evidence on trained - new ones",
            measured.trained[many] - measured.new[many],
            0.05,
            "it carries over",
            gates=[learned[many]],
        ),
        at_least(
            f"evidence on new structures: after {many} - after {few}",
            measured.new[many] - measured.new[few],
            0.1,
            "few do not show what a search is",
            gates=[learned[few], learned[many]],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Bars(
            name="new_structures",
            title="Evidence of a search on structures that were trained on, and on new ones",
            y_label="evidence",
            groups=[f"{count} structures trained on" for count in measured.new],
            measured={
                "trained": np.stack([*measured.trained.values()], axis=1),
                "new": np.stack([*measured.new.values()], axis=1),
            },
            theory={},
        )
    ]
