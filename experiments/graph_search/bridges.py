"""What the claims on bridge graphs have in common, so that they share trained models and pools of chains.

Source: arXiv:2505.21825. Every seed has test graphs of its own; the last of them are read by gates only, so that no
check is measured on the graphs that let its seed in.

smoke  seconds: whether the code runs, never whether a claim holds
small  two CPU cores: the paper's petals at depths 1 and 2, one position an edge, decoders eight layers deep and 64 wide
       (238K parameters) with rotary positions, fresh graphs at every step. Depth and steps were chosen on prototypes whose
       jumps back from a dead end were learned last; further stretches of training for searches were added after evidence
       at depth 2 had been seen to be .938 without any and .962 after one, and all tests drawn anew since
full   one GPU: depths 1 to 5 at the paper's width, one position an edge

Dimension letters: `s` seeds, `n` graphs, `k` chains of each, `m` sizes or budgets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.stats.voting import Vote, any_at, majority_at
from alchemy.testtime.answers import Samples
from models.transformer import Transformer
from tasks.connectivity import Connectivity
from tasks.connectivity.laws import dfs_bt_length_pmf, dfs_length_pmf
from tasks.connectivity.rules import evidence, open_steps
from tasks.connectivity.text import read_edges

STYLES = {"DFS": "dfs", "DFS-BT": "dfs-bt", "path": "path", "shortest": "shortest"}
"""The paper's chains of thought by the names of its figures; DFS-BT lists every step back."""
SEARCHES = {"DFS": dfs_length_pmf, "DFS-BT": dfs_bt_length_pmf}
"""Those that come back from dead ends, with the law of their lengths."""

RECIPE = TrainConfig(steps=1400, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3, chunk=50)
LLAMA: dict[str, Any] = dict(layers=8, block="llama", positions="rotary", tied=False, scale=1.0)


@dataclass(frozen=True)
class Setting:
    """What is trained, how, and what it is tested on; the defaults are the preset `small`."""

    seeds: int = 5
    """Whole replicates. Five that agree are the fewest on which a check can hold; each takes minutes to hours."""
    test_graphs: int = 2500
    """Held-out graphs of each seed that are answered once, greedily."""
    pool_graphs: int = 500
    """Held-out graphs of each seed that are answered by a pool of chains."""
    gate_graphs: int = 250
    """Further held-out graphs in each test, read by gates only."""
    pool_size: int = 64
    """Chains drawn for each graph of a pool, at temperature 1."""
    larger_pools: Mapping[str, int] = field(default_factory=lambda: {"shortest": 256}, hash=False)
    """How many are drawn in a style that needs more for an accuracy of .9."""
    depths: tuple[int, ...] = (1, 2)
    """Petals of the graphs that are trained and tested on."""
    backtracking_depths: tuple[int, ...] = (1,)
    """Depths at which there are searches that list their steps back, too."""
    names: int = 44
    """Names of nodes, as many as the paper has at depth 1."""
    reserved_names: int = 2
    """The last of these names, never trained on."""
    model: Transformer = Transformer(**LLAMA, width=64, heads=2, hidden=64, context=192)
    train: TrainConfig = RECIPE
    """At depth 1."""
    steps_by_depth: float = 1.7
    """How many times as many steps are taken at each further depth."""
    steps_by_style: Mapping[str, float] = field(default_factory=lambda: {"dfs": 2.4}, hash=False)
    """How many times as many are taken for a chain of thought that is slower to learn."""
    stretches: Mapping[str, float] = field(default_factory=lambda: {"dfs": 0.6}, hash=False)
    """The share of these steps that is taken again on fresh graphs, once for each petal, at half the rates each time."""

    def arms(self, styles: Iterable[str]) -> list[tuple[str, int]]:
        """Which of these styles are trained at which depth."""
        depths = {"DFS-BT": self.backtracking_depths}
        return [(style, depth) for style in styles for depth in depths.get(style, self.depths)]

    def task(self, trace: str, depth: int) -> Connectivity:
        """Bridges of that depth with that chain of thought."""
        return Connectivity(depth=depth, trace=trace, ids=self.names, reserved=self.reserved_names)

    def fit(self, lab: Lab, trace: str, depth: int) -> Runs:
        """Models that write such chains on bridges of that depth."""
        steps = self.train.steps * self.steps_by_depth ** (depth - 1) * self.steps_by_style.get(trace, 1)
        train = replace(self.train, steps=round(steps))
        task, label = self.task(trace, depth), f"train {trace} at depth {depth}"
        runs = lab.train(self.model, task, train, seeds=self.seeds, label=label)
        further = round(train.steps * self.stretches.get(trace, 0))
        for stretch in range(1, depth + 1 if further else 1):
            train = replace(
                train, steps=further, matrix_rate=train.matrix_rate / 2, learning_rate=train.learning_rate / 2
            )
            part = f"{label}, stretch {stretch + 1}"
            runs = lab.train(self.model, task, train, seeds=self.seeds, start=runs, stretch=stretch, label=part)
        return runs

    def greedy(self, lab: Lab, runs: Runs) -> tuple[Chains, Chains]:
        """One greedy chain for each test graph, and for each of the graphs that gates read."""
        samples = self._draw(lab, runs, runs.task, self.test_graphs, 1, 0.0)
        return self.split(judge(samples))

    def pool(self, lab: Lab, runs: Runs, task: Connectivity | None = None, *, size: int = 0) -> tuple[Chains, Chains]:
        """Chains at temperature 1 for each graph of `task`, by default what was trained on, and those that gates read."""
        return self.split(judge(self.draw_pool(lab, runs, task, size=size)))

    def draw_pool(self, lab: Lab, runs: Runs, task: Connectivity | None = None, *, size: int = 0) -> Samples:
        """The completions that `pool` judges."""
        size = size or self.larger_pools.get(runs.task.trace, self.pool_size)
        return self._draw(lab, runs, task or runs.task, self.pool_graphs, size, 1.0)

    def split(self, chains: Chains) -> tuple[Chains, Chains]:
        """The test graphs, and those that gates read."""
        n = chains.valid.shape[1] - self.gate_graphs
        return chains.of(slice(0, n)), chains.of(slice(n, None))

    def room(self, task: Connectivity) -> int:
        """Tokens that any chain may have, whatever its style: a search that lists every step back fits."""
        return 3 * task.component.max_edges // 2

    def _draw(self, lab: Lab, runs: Runs, task: Connectivity, graphs: int, samples: int, temperature: float) -> Samples:
        label = f"{'sampled' if temperature else 'greedy'} {runs.task.trace} of depth {runs.task.depth}"
        return lab.sample(
            runs,
            task,
            graphs + self.gate_graphs,
            samples,
            temperature=temperature,
            max_new=self.room(task),
            label=label,
        )


SMOKE: dict[str, Any] = {
    "seeds": 2,
    "test_graphs": 32,
    "pool_graphs": 32,
    "gate_graphs": 8,
    "pool_size": 4,
    "larger_pools": {"shortest": 4},
    "depths": (1,),
    "model": Transformer(width=16, layers=1, heads=2, context=192, block="llama", positions="rotary", tied=False),
    "train": TrainConfig(steps=8, batch=16, chunk=8),
    "steps_by_depth": 1,
    "steps_by_style": {},
    "stretches": {"dfs": 1.0},
}
"""What `smoke` changes."""
FULL: dict[str, Any] = {
    "seeds": 3,
    "test_graphs": 5000,
    "pool_graphs": 2000,
    "pool_size": 128,
    "larger_pools": {"shortest": 1024},
    "depths": (1, 2, 3, 4, 5),
    "backtracking_depths": (1, 2, 3, 4, 5),
    "names": 104,
    "model": Transformer(**LLAMA, width=128, heads=4, hidden=128, context=512),
    "train": replace(RECIPE, steps=5000, batch=256),
    "steps_by_depth": 1.5,
}
"""What `full` changes."""


class Chains(NamedTuple):
    """What `k` chains of thought of each of `s` models about each of its `n` graphs are worth; arrays (s, n, k)."""

    valid: np.ndarray  # bool: evidence that leads from the start to the target
    length: np.ndarray  # int32: nodes listed
    votes: np.ndarray  # int8: `Vote`
    open_steps: np.ndarray  # float: share of the steps before the last with an edge to a new node that took one, or nan

    def of(self, graphs: slice) -> Chains:
        """Some of each seed's graphs."""
        return Chains(*(values[:, graphs] for values in self))

    def halves(self) -> tuple[Chains, Chains]:
        """The first and the second half of each seed's graphs."""
        n = self.valid.shape[1] // 2
        return self.of(slice(0, n)), self.of(slice(n, None))

    @property
    def size(self) -> int:
        """Chains of each graph."""
        return self.valid.shape[2]

    @property
    def sizes(self) -> list[int]:
        """The powers of two up to that."""
        return [1 << power for power in range(self.size.bit_length())]

    def within(self, budget: int) -> np.ndarray:
        """Which chains are valid and list at most `budget` nodes, bool (s, n, k)."""
        return self.valid & (self.length <= budget)

    def any_of(self, size: int, budget: int | None = None) -> np.ndarray:
        """How often a random `size` of a graph's chains hold a valid one, of at most `budget` nodes: float (s, n)."""
        valid = self.valid if budget is None else self.within(budget)
        return any_at(valid.sum(axis=2), self.size, size)

    def best_of(self, size: int, budget: int | None = None) -> np.ndarray:
        """Accuracy of the best of them by an exact verifier, which guesses one of two where none is valid: float (s, n)."""
        return (1 + self.any_of(size, budget)) / 2

    def majority_of(self, size: int) -> np.ndarray:
        """How often a random `size` of a graph's chains vote for the target: float (s, n)."""
        return majority_at(self.votes, size)


def judge(samples: Samples) -> Chains:
    """The paper's verdicts on sampled completions."""
    batch, completions = samples.flat()
    problem, listed = batch.problem, read_edges(completions, samples.task.vocabulary)
    right = np.take_along_axis(problem["targets"], problem["right"][:, None].astype(np.intp), axis=1)[:, 0]
    wrong = problem["targets"].sum(axis=1) - right
    valid, _ = evidence(problem["edges"], problem["start"], right, listed.work)
    votes = np.select(
        [listed.decided != 1, listed.decision == right, listed.decision == wrong],
        [Vote.NONE, Vote.RIGHT, Vote.WRONG],
        Vote.OTHER,
    )
    steps = open_steps(problem["edges"], listed.work)
    shape = samples.completions.shape[:3]
    return Chains(*(values.reshape(shape) for values in (valid, listed.work_len, votes, steps)))


def by_seed(values: np.ndarray) -> np.ndarray:
    """The mean of values (s, n, ...) over each seed's graphs and chains, float (s,)."""
    return values.reshape(len(values), -1).mean(axis=1)


def length_law(search: str, depth: int) -> np.ndarray:
    """Probability that such a search arrives within L nodes, indexed by L."""
    return np.minimum(SEARCHES[search](depth).cumsum(), 1.0)
