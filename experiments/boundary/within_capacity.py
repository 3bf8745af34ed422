"""Asked about paths within its reach, a layer learns to search and solves chains; asked beyond, it solves fewer of them.

Source       Ye et al., arXiv:2510.19753: L layers that read rows of an adjacency matrix decide connectivity up to 3^L
             edges; training graphs within that teach the search, training graphs beyond teach what degrees tell
Prediction   Models of one layer, whose reach is 3 edges. Trained on graphs of diameter 2 or 3 they answer all twelve
             questions about three chains of four nodes, a graph that no training has, in .6 of the cases; trained on
             graphs of diameter 6 to 9, in .2 less. It is the questions and not the graphs: asked about the same graphs
             of diameter 6 to 9, but about paths of at most 3 edges, they solve .2 more than if asked about all. And
             what is beyond reach is not learned: on two chains of six nodes, models that were asked about far paths say
             yes at 4 and 5 edges at most .1 more often than where there is no path.
Refuted if   One of these four numbers is on the other side in most seeds.
Controls     Every line names its nodes anew; diameters are drawn explicitly, by components that are paths with trees
             and shortcuts, and half of the questions have a path, so that chance is one half, and one in 4,096 for a
             graph. Who knows the degrees of both nodes, and how often training had a path with them, stands beside the
             models: about .46 of the answers on short chains, where all degrees are alike for both answers. Three arms
             see as many lines and questions, of as many graphs. A node with its neighbours is one position, given twice
             since models read from left to right: the first layer then reads all. A seed counts where models learned
             what they were trained on. That degrees are what far questions teach is not judged: in trials the degrees
             told yes from no, of answers about far paths, in .53 to .65 (of .5 to 1) of the cases after far questions
             and in .69 to .77 after near ones. Trials on seeds 901 and 902: short chains in .84 and .97 of the cases
             after graphs within reach, .49 and .30 after those beyond, .95 and .82 after near questions about these.
             Graphs beyond of diameter 4 and more left .57. A second layer was not learned in as many steps (.41 and
             .30).
Run          alchemy reproduce within_capacity --preset small      # ten minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.testtime.simulated_verifiers import auc
from experiments.theory.last_letter import said
from models.transformer import Transformer
from tasks.connectivity import Connectivity
from tasks.connectivity.diameters import APART, chains, drawn, relabelled

CLAIM = Claim(
    sentence="Asked about paths within its reach a layer learns to search and solves chains; asked beyond it solves fewer, and no far ones.",
    source="arXiv:2510.19753, with questions within reach about graphs beyond it as our control",
    prediction="chains of four: .6 of graphs after diameters in reach, .2 fewer after 6 to 9, .2 more if only near paths are asked; far no, by .1",
    refuted_if="one of the four numbers on the other side",
    question="Where does reasoning stop?",
    among="models that learned what they were trained on",
)
WITHIN, BEYOND, NEAR = "within", "beyond", "beyond, near asked"
ARMS = (WITHIN, BEYOND, NEAR)
SHORT, LONG = "short chains", "long chains"


@dataclass(frozen=True)
class Config:
    """One layer, and graphs within its reach or beyond it."""

    seeds: int = 5
    """Replicates, each with graphs, weights, lines and test problems of its own. Five that agree decide."""
    test: int = 800
    """Held-out graphs in each test of each seed; a quarter is for gates."""
    nodes: int = 12
    reach: int = 3
    """Edges that one layer can look through (arXiv:2510.19753)."""
    beyond: int = 6
    """The least diameter of a graph beyond it."""
    longer: int = 6
    """Nodes of a long chain; a short one has one more than the reach."""
    shapes: int = 1000
    """Graphs up to the names of their nodes, for each seed."""
    model: Transformer = Transformer(width=64, layers=1, heads=4, context=40, positions="none", tied=False)
    train: TrainConfig = TrainConfig(steps=600, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=2e-3)

    @property
    def task(self) -> Connectivity:
        """Whose words the lines have: a node is named as itself, as the one whose line it is, and as the one asked about."""
        return Connectivity(ids=3 * self.nodes)

    def diameters(self, arm: str) -> tuple[int, int]:
        """Of the largest component of the graphs that an arm is trained on."""
        return (2, self.reach) if arm == WITHIN else (self.beyond, self.nodes - 3)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=8,
        shapes=16,
        model=replace(SMALL.model, width=16, heads=2),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=4000,
        nodes=24,
        shapes=20_000,
        model=replace(SMALL.model, width=256, heads=8, context=80),
        train=replace(SMALL.train, steps=6000, batch=256, learning_rate=1e-3, matrix_rate=0.01),
    ),
}


class Asked(NamedTuple):
    """Graphs, and a node that each of their nodes is asked about."""

    text: np.ndarray
    """int32 (g, t, c): every node with those next to it, twice, then again with the one asked about, and a mark."""
    away: np.ndarray
    """Distance to the one asked about, int8 (g, u), `APART` if there is no path."""
    degrees: np.ndarray
    """Of both, int8 (g, u, 2)."""

    @property
    def connected(self) -> np.ndarray:
        """The right answers, bool (g, u)."""
        return self.away != APART


class Test(NamedTuple):
    """Models of one arm on one kind of graph; each array float (s,) unless it says otherwise."""

    right: np.ndarray
    """Right answers."""
    exact: np.ndarray
    """Graphs all of whose answers are right."""
    gate: np.ndarray
    """Right answers about other graphs."""
    yes: np.ndarray
    """Answers that there is a path, by the distance from 1 to the longest, and last where there is none: float (s, d)."""
    by_degree: np.ndarray
    """How often, of two questions about nodes beyond reach or apart, one answered yes has the higher degrees, ties halved."""
    by_table: np.ndarray
    """Right answers of who knows both degrees alone, and how often training had a path with them."""


@dataclass(frozen=True)
class Measured:
    tests: Mapping[str, Mapping[str, Test]]
    """By arm and kind of graph: those of `WITHIN` and `BEYOND`, and chains."""
    reach: int


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    tests = {
        name: [
            asked(config, kind(config, name, seed, "tested"), config.test, seed, name, config.nodes) for seed in seeds
        ]
        for name in (WITHIN, BEYOND, SHORT, LONG)
    }
    measured = {}
    for arm in ARMS:
        lines = [training(config, arm, seed) for seed in seeds]
        labels = [labelled(config, own) for own in lines]
        runs = lab.train(config.model, config.task, config.train, seeds=seeds, labels=labels, label=f"train {arm}")
        measured[arm] = {name: judged(config, lab, runs, lines, test, f"{arm}: {name}") for name, test in tests.items()}
    return Measured(measured, config.reach)


def kind(config: Config, name: str, seed: int, purpose: str) -> np.ndarray:
    """Distances in the graphs of a kind, for training or for tests, int8 (g, u, u)."""
    if name in (SHORT, LONG):
        return chains(config.nodes, config.longer if name == LONG else config.reach + 1)
    return drawn(stream(f"graphs {name} reach, {purpose}", seed), config.shapes, config.nodes, config.diameters(name))


def training(config: Config, arm: str, seed: int) -> Asked:
    """As many lines as training reads: of two arms about the same graphs."""
    shapes = kind(config, WITHIN if arm == WITHIN else BEYOND, seed, "trained")
    n, farthest = config.train.steps * config.train.batch, config.reach if arm == NEAR else config.nodes
    return asked(config, shapes, n, seed, "training", farthest)


def asked(config: Config, shapes: np.ndarray, n: int, seed: int, purpose: str, farthest: int) -> Asked:
    """`n` graphs of these shapes with their nodes in any order, half of the questions about nodes with a path of at most `farthest` edges,
    and half about nodes with none, where there are both."""
    rng = stream(f"questions about graphs: {purpose}", seed)
    away = relabelled(rng, shapes, n)
    path, none = (away > 0) & (away <= farthest), away == APART
    wanted = np.where(rng.random((n, config.nodes, 1)) < 0.5, path, none)
    possible = np.where(wanted.any(axis=2, keepdims=True), wanted, path | none)
    other = np.where(possible, rng.random(possible.shape), -1.0).argmax(axis=2)[..., None]
    degree = (away == 1).sum(axis=2, dtype=np.int8)
    degrees = np.stack([degree, np.take_along_axis(degree, other[..., 0], axis=1)], axis=2)
    distance = np.take_along_axis(away, other, axis=2)[..., 0]
    order = rng.permuted(np.tile(np.arange(config.nodes), (n, 1)), axis=1)
    rows = text_rows(config, away, other), distance, degrees
    texts, *rest = (np.take_along_axis(each, order.reshape(n, -1, *[1] * (each.ndim - 2)), axis=1) for each in rows)
    return Asked(written(config, texts), *rest)


def text_rows(config: Config, away: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A position for each node: the node as the one whose line it is, the one asked about, and itself with those next to it, in any
    order; int32 (g, u, c)."""
    nodes, first = config.nodes, config.task.step_delimiters[0]
    names = np.arange(first, first + nodes, dtype=np.int32)
    near = np.where((away == 0) | (away == 1), names, PAD)
    near = -np.sort(-near, axis=2)
    own = np.broadcast_to(names[:, None] + nodes, other.shape)
    return np.concatenate([own, other.astype(np.int32) + first + 2 * nodes, near], axis=2)


def written(config: Config, rows: np.ndarray) -> np.ndarray:
    """The lines of rows int32 (g, u, c): all without the question, twice, as who reads from left to right needs, and with it."""
    facts = rows.copy()
    facts[..., 1] = PAD
    mark = np.full_like(rows[:, :1], PAD)
    mark[..., 0] = config.task.vocabulary.index["/"]
    return np.concatenate([facts, facts, rows, mark], axis=1)


def labelled(config: Config, lines: Asked) -> Examples:
    """What is to be said behind each node that is asked about: that there is a path, or that there is none."""
    target, weight = np.zeros(lines.text.shape[:2], np.int32), np.zeros(lines.text.shape[:2], bool)
    weight[:, -config.nodes :] = True
    target[:, -config.nodes :] = yes(config) + ~lines.connected
    return Examples(lines.text, weight, target)


def yes(config: Config) -> int:
    """The id that stands for a path, one beyond the task's words; behind it that for none."""
    return len(config.task.vocabulary)


def judged(config: Config, lab: Lab, runs: Runs, lines: Sequence[Asked], tests: Sequence[Asked], name: str) -> Test:
    """Models of each seed on the seed's own test, beside who knows degrees alone, from the lines of training."""
    texts = np.stack([test.text for test in tests])
    places = np.arange(texts.shape[2] - config.nodes, texts.shape[2])
    says = said(lab, runs, texts, places, name) == yes(config)
    seeds = [judged_one(config, *each) for each in zip(says, lines, tests, strict=True)]
    return Test(*(np.stack(values) for values in zip(*seeds, strict=True)))


def judged_one(config: Config, says: np.ndarray, lines: Asked, test: Asked) -> tuple[np.ndarray, ...]:
    """What `Test` has of one seed, of what a model says, bool (g, u)."""
    gate, rest = gate_split(config.test)
    right = says == test.connected
    far = (test.away > config.reach)[rest]
    degrees = test.degrees[rest].sum(axis=2, dtype=int)
    distances = [*range(1, config.nodes - 2), APART]
    shares = [
        np.mean(says[rest][test.away[rest] == away]) if (test.away[rest] == away).any() else np.nan
        for away in distances
    ]
    return tuple(
        np.asarray(value, float)
        for value in (
            right[rest].mean(),
            right[rest].all(axis=1).mean(),
            right[gate].mean(),
            shares,
            auc(degrees[far], says[rest][far]) if far.any() else np.nan,
            (by_table(lines, test) == test.connected)[rest].mean(),
        )
    )


def by_table(lines: Asked, test: Asked) -> np.ndarray:
    """Whether most questions about two nodes of these degrees were about a path in training, bool (g, u)."""
    most = int(max(lines.degrees.max(), test.degrees.max())) + 1
    counts = np.zeros((2, most, most))
    np.add.at(counts, (lines.connected.astype(int), lines.degrees[..., 0], lines.degrees[..., 1]), 1)
    return np.asarray((counts[1] > counts[0])[test.degrees[..., 0], test.degrees[..., 1]])


def check(measured: Measured) -> list[Check]:
    tests, near = measured.tests, measured.reach
    within = Gate(
        "within: right about its own graphs", tests[WITHIN][WITHIN].gate, 0.95, inf, "learned, but for one in twenty"
    )
    beyond, asked_near = (
        Gate(f"{arm}: right about graphs beyond", tests[arm][BEYOND].gate, 0.8, inf, "degrees alone tell .7")
        for arm in (BEYOND, NEAR)
    )
    far = tests[BEYOND][LONG].yes
    return [
        at_least("within, short chains: graphs", tests[WITHIN][SHORT].exact, 0.6, "most of them", gates=[within]),
        at_least(
            "short chains: graphs, within - beyond",
            tests[WITHIN][SHORT].exact - tests[BEYOND][SHORT].exact,
            0.2,
            "one graph in five",
            gates=[within, beyond],
        ),
        at_least(
            "short chains: graphs, beyond, near asked - beyond",
            tests[NEAR][SHORT].exact - tests[BEYOND][SHORT].exact,
            0.2,
            "one graph in five, of the same training graphs",
            gates=[beyond, asked_near],
        ),
        at_most(
            "beyond, long chains: yes at 4 and 5 edges - yes without a path",
            np.nanmean(far[:, near:-1], axis=1) - far[:, -1],
            0.1,
            "a tenth of what a search would tell",
            gates=[beyond],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    kinds = {WITHIN: "within\nreach", BEYOND: "beyond", SHORT: "short\nchains", LONG: "long\nchains"}
    tests, farthest = measured.tests, 2 * measured.reach
    table = [float(np.median(tests[WITHIN][kind].by_table)) for kind in kinds]
    shares = {
        kind: {arm: tests[arm][kind].yes[:, :most] for arm in ARMS} for kind, most in ((BEYOND, farthest), (LONG, 5))
    }
    return [
        Bars(
            name="within_capacity",
            title="Graphs all of whose questions are answered rightly, by what was trained on",
            y_label="share of graphs",
            groups=list(kinds.values()),
            measured={arm: np.stack([tests[arm][kind].exact for kind in kinds], axis=1) for arm in ARMS},
            theory={},
        ),
        Bars(
            name="within_capacity_answers",
            title="Right answers; dotted: by the degrees of both nodes alone",
            y_label="right answers",
            groups=list(kinds.values()),
            measured={arm: np.stack([tests[arm][kind].right for kind in kinds], axis=1) for arm in ARMS},
            theory={arm: table for arm in ARMS},
        ),
        *(
            Curves(
                name=f"within_capacity_{name}",
                title=f"Answers that there is a path, on {title}",
                x_label="edges of the shortest path",
                y_label="answers yes",
                x=list(range(1, next(iter(shares[kind].values())).shape[1] + 1)),
                measured=shares[kind],
                theory={},
            )
            for kind, name, title in (
                (BEYOND, "by_distance", "graphs beyond reach"),
                (LONG, "on_chains", "long chains"),
            )
        ),
    ]
