"""What the claims of arXiv:2505.21825 on trained models have in common, so that they share models and pools of chains.

smoke  seconds: whether the code runs, never whether a claim holds
small  two CPU cores: the paper's petals at depths 1 and 2, one position an edge, decoders eight layers deep and 64 wide
       (238K parameters) with rotary positions, fresh graphs at every step. Depth and steps were chosen on prototypes whose
       jumps back from a dead end were learned last; further stretches of training for searches were added after evidence
       at depth 2 had been seen to be .938 without any and .962 after one, and all tests drawn anew since
full   one GPU: depths 1 to 5 at the paper's width, one position an edge
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.stats.measure import Interval, two_level
from alchemy.stats.voting import Vote, any_at, majority_at
from alchemy.testtime.answers import Samples
from models.transformer import Transformer
from tasks.connectivity import Connectivity
from tasks.connectivity.laws import dfs_bt_length_pmf, dfs_length_pmf
from tasks.connectivity.rules import open_steps, validities
from tasks.connectivity.text import read_edges

STYLES = {"DFS": "dfs", "DFS-BT": "dfs-bt", "path": "path", "shortest": "shortest"}
"""The paper's chains of thought by the names of its figures; DFS-BT lists every step back."""
SEARCHES = {"DFS": dfs_length_pmf, "DFS-BT": dfs_bt_length_pmf}
"""Those that come back from dead ends, with the law of their lengths."""

FURTHER = 1000
"""What is added to a seed for the graphs of each further stretch of training."""


@dataclass(frozen=True)
class Setting:
    """What is trained, how, and how it is asked."""

    seeds: int = 3
    """Models trained from different initial weights on different graphs."""
    test: int = 2500
    """Held-out graphs in each test."""
    pools: int = 500
    """Held-out graphs for which pools of chains are drawn."""
    samples: int = 64
    """Chains drawn for each of these at temperature 1."""
    wide: Mapping[str, int] = field(default_factory=lambda: {"shortest": 256}, hash=False)
    """How many are drawn in a style that needs more for an accuracy of .9."""
    depths: tuple[int, ...] = (1, 2)
    listed: tuple[int, ...] = (1,)
    """Depths at which there are searches that list their steps back, too."""
    ids: int = 44
    """Names of nodes, as many as the paper has at depth 1."""
    reserved: int = 2
    """The last of these names, never trained on."""
    model: Transformer = field(default_factory=Transformer)
    train: TrainConfig = field(default_factory=TrainConfig)
    """At depth 1."""
    deeper: float = 1.7
    """How many times as many steps are taken at each further depth."""
    longer: Mapping[str, float] = field(default_factory=lambda: {"dfs": 2.4}, hash=False)
    """How many times as many are taken for a chain of thought that is slower to learn."""
    again: Mapping[str, float] = field(default_factory=lambda: {"dfs": 0.6}, hash=False)
    """The share of these steps that is taken again on fresh graphs, as often as the graph has petals, at half the rates each time."""

    def arms(self, styles: Iterable[str]) -> list[tuple[str, int]]:
        """Which of these styles are trained at which depth."""
        return [(name, depth) for name in styles for depth in (self.listed if name == "DFS-BT" else self.depths)]

    def task(self, trace: str, depth: int, **changes: Any) -> Connectivity:
        """Bridges of that depth with that chain of thought."""
        return Connectivity(depth=depth, trace=trace, ids=self.ids, reserved=self.reserved, **changes)

    def fit(self, lab: Lab, trace: str, depth: int) -> Runs:
        """Models that write such chains on bridges of that depth."""
        steps = self.train.steps * self.deeper ** (depth - 1) * self.longer.get(trace, 1)
        train = replace(self.train, steps=round(steps))
        task, label = self.task(trace, depth), f"train {trace} at depth {depth}"
        runs = lab.train(self.model, task, train, seeds=self.seeds, label=label)
        further = round(train.steps * self.again.get(trace, 0))
        for stretch in range(1, depth + 1 if further else 1):
            train = replace(
                train, steps=further, matrix_rate=train.matrix_rate / 2, learning_rate=train.learning_rate / 2
            )
            seeds = [seed + stretch * FURTHER for seed in range(self.seeds)]
            runs = lab.train(self.model, task, train, seeds=seeds, start=runs, label=f"{label}, stretch {stretch + 1}")
        return runs

    def ask(
        self, lab: Lab, runs: Runs, task: Connectivity | None = None, *, greedy: bool = False, samples: int = 0
    ) -> Chains:
        """One greedy chain for each test graph of `task`, by default what they were trained on, or a pool of samples."""
        return judge(self.draw(lab, runs, task, greedy=greedy, samples=samples))

    def draw(
        self, lab: Lab, runs: Runs, task: Connectivity | None = None, *, greedy: bool = False, samples: int = 0
    ) -> Samples:
        """The completions that `ask` judges."""
        task = task or runs.task
        label = f"{'greedy' if greedy else 'sampled'} {runs.task.trace} of depth {runs.task.depth}"
        samples = samples or self.wide.get(runs.task.trace, self.samples)
        test, samples, temperature = (self.test, 1, 0.0) if greedy else (self.pools, samples, 1.0)
        how = {"temperature": temperature, "max_new": self.room(task), "label": label}
        return lab.sample(runs, task, test, samples, **how)

    def room(self, task: Connectivity) -> int:
        """Tokens that any chain may have, whatever its style: a search that lists every step back fits."""
        return 3 * task.component.most_edges // 2


class Chains(NamedTuple):
    """What `k` chains of thought of each of `s` models about the same `n` graphs are worth; arrays (s, n, k)."""

    valid: np.ndarray  # bool: evidence that leads from the start to the target
    length: np.ndarray  # int32: nodes listed
    votes: np.ndarray  # int8: `Vote`
    edges: np.ndarray  # float: share of consecutive nodes that an edge joins, nan where there are none
    steps: np.ndarray  # float: that share of the steps before the last that had an edge to take, nan without such

    def within(self, budget: int) -> np.ndarray:
        """Which chains are valid and list at most `budget` nodes."""
        return self.valid & (self.length <= budget)

    def decided(self, budget: int) -> np.ndarray:
        """The votes where a longer chain has none."""
        return np.where(self.length <= budget, self.votes, Vote.NONE)


def judge(samples: Samples) -> Chains:
    """The paper's verdicts on sampled completions."""
    shape = samples.completions.shape[1:3]
    rows = np.repeat(np.arange(shape[0]), shape[1])
    problem = {name: values[rows] for name, values in samples.batch.problem.items()}
    right = np.take_along_axis(problem["targets"], problem["right"][:, None].astype(np.intp), axis=1)[:, 0]
    wrong = problem["targets"].sum(axis=1) - right
    each = []
    for written in samples.completions:
        listed = read_edges(written.reshape(len(rows), -1), samples.task.vocabulary)
        found = validities(problem, listed.work, listed.decision)
        vote = np.select(
            [listed.decided != 1, listed.decision == right, listed.decision == wrong],
            [Vote.NONE, Vote.RIGHT, Vote.WRONG],
            Vote.OTHER,
        )
        steps = open_steps(problem["edges"], listed.work)
        each.append((found["evidence"], listed.work_len, vote, found["edge_validity"], steps))
    return Chains(*(np.stack(arrays).reshape(len(each), *shape) for arrays in zip(*each, strict=True)))


def length_law(search: str, depth: int) -> np.ndarray:
    """Probability that such a search arrives within L nodes, indexed by L."""
    return np.minimum(SEARCHES[search](depth).cumsum(), 1.0)


def share(hits: np.ndarray) -> Interval:
    """The mean of verdicts (s, n, k), a problem's own mean being one score."""
    return two_level(hits.mean(axis=2), 0)


def any_of(valid: np.ndarray, size: int) -> np.ndarray:
    """Whether a random `size` of each pool contain a valid chain, in the mean: float (s, n) of bool (s, n, k)."""
    return any_at(valid.sum(axis=2), valid.shape[2], size)


def majority_of(votes: np.ndarray, size: int) -> np.ndarray:
    """How often a random `size` of each pool vote for the target: float (s, n) of `Vote` (s, n, k)."""
    return np.stack([majority_at(one, size) for one in votes])


RECIPE = TrainConfig(steps=1400, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3, chunk=50)
LLAMA: dict[str, Any] = dict(layers=8, block="llama", positions="rotary", tied=False, scale=1.0)
SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test": 32,
    "pools": 32,
    "samples": 4,
    "model": Transformer(width=16, layers=1, heads=2, context=192, block="llama", positions="rotary", tied=False),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
    "deeper": 1,
    "longer": {},
    "again": {"dfs": 0.5},
    "wide": {"shortest": 6},
}
SMALL: dict[str, Any] = {
    "model": Transformer(**LLAMA, width=64, heads=2, hidden=64, context=192),
    "train": RECIPE,
}
FULL: dict[str, Any] = {
    "test": 5000,
    "pools": 2000,
    "samples": 128,
    "wide": {"shortest": 1024},
    "depths": (1, 2, 3, 4, 5),
    "listed": (1, 2, 3, 4, 5),
    "ids": 104,
    "model": Transformer(**LLAMA, width=128, heads=4, hidden=128, context=512),
    "train": replace(RECIPE, steps=5000, batch=256),
    "deeper": 1.5,
}
