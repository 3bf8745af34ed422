"""Thoughts are longer where more has to be thought, as far as training went: easier problems than any in it get the longest.

Source       That harder texts get longer thoughts by themselves, Wang et al., arXiv:2509.20186; that written lengths follow difficulty
             near the training distribution only, and needlessly easy problems get long ones, arXiv:2509.07339. Task and controls are ours.
Prediction   One of two lines of 14 nodes (`experiments/thinking/lines`) is walked from its end to a goal 4 to 8 links away, node by
             node, and then the goal is named. How far it is, no prompt says: all have as many tokens. Models write .9 nodes and more
             a link of distance there (1 is right), and at most .3 a link at 9 to 13 links, where none was trained. From 4 links down
             to 1, where less is to be done than in any training problem, they write no fewer nodes, but more.
             Models that were trained on 1 to 8 links write .9 and more a link from 1 to 4. Models that learned to write as many
             fillers as the chain has nodes, or chains about other problems as far, know the format and no distance: within .1 of
             0 a link. If the second and third node of a chain are exchanged for those two links ahead, .5 nodes and more fewer are
             written (2, if all chains went on from there): where the chain meets the goal has a say in where it ends. Behind
             shorter prompts (lines of 10 nodes) lengths are the same, within .5.
Refuted if   One of these numbers is outside, in most seeds.
Controls     Lengths are of all that is written, right or wrong: those of right chains would be the oracle's. A seed counts if its
             models name the right goal in .9 of the problems as far as trained. Fillers and chains of other problems are sampled at
             temperature 1, as the likeliest length is one and the same; a seed counts there if .9 of what they write is as long as
             what was trained, or a token longer. Whether models follow the chains that they write stands beside the verdict.
             In trials on seeds 900 to 902 chains had 1.00 nodes a link as far as trained, .04 to .16 beyond and -1.9 to -2.3 below; trained on
             1 to 8 links 1.00 below; fillers and other chains -.07 to .06. Where only the third node was exchanged, which leaves open which way
             to go on, chains were .5 to 1.4 nodes shorter; .5 was chosen after that.
Run          alchemy reproduce harder_gets_longer --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.documents import Document
from alchemy.problem.task import PAD
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most, near
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.stats.slopes import slope
from experiments.scales import Scale
from experiments.thinking.lines import Lines, ahead, distance, lines
from models.transformer import Transformer

CLAIM = Claim(
    sentence="Harder gets longer where training went: beyond it thoughts stay as long, and needlessly easy problems get longer ones.",
    source="arXiv:2509.20186 and 2509.07339",
    prediction="nodes written a link: .9 at 4 to 8 links, at most .3 at 9 to 13, 0 at most at 1 to 4, and .9 there if trained there;"
    " 0 with fillers or chains of other problems; two links jumped, .5 nodes fewer; shorter prompts, as many",
    refuted_if="a slope, the jump or the length behind a shorter prompt outside its bounds",
    question="What does a step buy?",
    among="models that solve problems as far as they were trained",
)
CHAINS, EASY_TOO, FILLER, SWAPPED = "chains", "chains, easy ones too", "fillers", "chains of other problems"
GREEDY = (CHAINS, EASY_TOO)


class Arm(NamedTuple):
    """What is written to problems of every distance, float (s, d): nan where there is no such problem."""

    length: np.ndarray  # tokens before the answer
    right: np.ndarray
    gate: np.ndarray  # of the problems for gates: right answers, or of the controls lengths that were trained


@dataclass(frozen=True)
class Config:
    """Lines, how far their goals are, and the models that walk them; the defaults are the small scale."""

    seeds: int = 5
    """Replicates, each with weights, lines and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 300
    """Held-out problems of each seed for every distance, on average; a quarter is for gates."""
    nodes: int = 14
    """Of a line."""
    shorter: int = 10
    """Of lines whose prompts are shorter than any in training."""
    trained: tuple[int, int] = (4, 8)
    """The nearest goals in training and the farthest, in links."""
    names: int = 30
    """Names of nodes."""
    planted: int = 2
    """The step that is exchanged, counted from 0, and the links that are jumped by it."""
    model: Transformer = Transformer(
        block="llama", positions="rotary", tied=False, scale=1.0, width=64, layers=4, heads=2, hidden=64, context=64
    )
    train: TrainConfig = TrainConfig(
        steps=800, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3, chunk=50
    )

    @property
    def farthest(self) -> int:
        """Links from one end of a line to the other."""
        return self.nodes - 1

    def task(self, first: int, last: int, nodes: int = 0) -> Lines:
        """Lines whose goals are so many links away."""
        return lines(nodes or self.nodes, tuple(range(first, last + 1)), self.names)

    def fit(self, lab: Lab, name: str) -> Runs:
        """The models of an arm."""
        documents: dict[str, Document] = {FILLER: "filler", SWAPPED: "swapped"}
        task = self.task(1 if name == EASY_TOO else self.trained[0], self.trained[1])
        return lab.train(
            self.model,
            task,
            self.train,
            seeds=self.seeds,
            document=documents.get(name, "thought first"),
            label=f"train on {name}",
        )


SMALL = Config()
smoke = Scale(
    {
        "seeds": 1,
        "test": 8,
        "nodes": 6,
        "shorter": 5,
        "trained": (2, 3),
        "names": 20,
        "planted": 1,
        "model": Transformer(width=16, layers=1, heads=2, context=64, block="llama", positions="rotary", tied=False),
        "train": TrainConfig(steps=8, batch=16, chunk=8),
    }
)
PRESETS = {
    "smoke": smoke(SMALL),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1000,
        model=replace(SMALL.model, width=128, layers=8, heads=4, hidden=128),
        train=replace(SMALL.train, steps=3000, batch=128),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Float (s,) or (s, d), by distance from 1 on."""

    trained: tuple[int, int]
    arms: dict[str, Arm]
    jumped: np.ndarray
    """Nodes by which chains are longer than their problems' after a node so many links ahead."""
    links: int
    """How many."""
    shorter: np.ndarray
    """Nodes by which chains are longer behind shorter prompts, at trained distances."""

    def slope(self, name: str, first: int, last: int) -> np.ndarray:
        """Tokens written a link of distance from `first` to `last`, float (s,)."""
        return slope(np.arange(first, last + 1), self.arms[name].length[:, first - 1 : last])


def run(config: Config, lab: Lab) -> Measured:
    models = {name: config.fit(lab, name) for name in (*GREEDY, FILLER, SWAPPED)}
    first, last = config.trained
    arms = {name: _arm(config, lab, runs, name) for name, runs in models.items()}
    chains = models[CHAINS]
    near = config.task(first, min(last, config.shorter - 1), config.shorter)
    behind, asked, _ = _written(config, lab, chains, near, "shorter prompts")
    usual = arms[CHAINS].length[:, first - 1 :]
    distances = np.array(near.apart)
    shorter = by_distance(behind, asked, distances) - usual[:, : len(distances)]
    return Measured(config.trained, arms, _jumped(config, lab, chains), config.planted, shorter.mean(axis=1))


def _arm(config: Config, lab: Lab, runs: Runs, name: str) -> Arm:
    """Lengths and answers of one arm by distance, from 1 to the farthest there is."""
    task = config.task(1, config.farthest)
    length, asked, right = _written(config, lab, runs, task, name, temperature=float(name not in GREEDY))
    gate, judged = gate_split(length.shape[1])
    first, last = config.trained
    known = right if name in GREEDY else (length > first) & (length <= last + 2)
    at = np.array(task.apart)
    return Arm(
        by_distance(length[:, judged], asked[:, judged], at),
        by_distance(right[:, judged], asked[:, judged], at),
        by_distance(known[:, gate], asked[:, gate], at),
    )


def _written(
    config: Config, lab: Lab, runs: Runs, task: Lines, label: str, temperature: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens before the answer, distances, and whether the answer is right: (s, n) each, some n for every distance."""
    n = config.test * len(task.apart)
    room = config.nodes + 6
    samples = lab.sample(runs, task, n, 1, temperature=temperature, max_new=room, label=f"walk, {label}")
    asked = distance(samples.batch.problem).reshape(len(runs.seeds), n)
    return lengths(task, samples.completions[:, :, 0]), asked, samples.verify().answer[:, :, 0]


def lengths(task: Lines, completions: np.ndarray) -> np.ndarray:
    """Tokens before the mark of the answer, or all where there is none: int (...) of completions int32 (..., m)."""
    over = np.cumsum(completions == task.answer_opening[-1], axis=-1) > 0
    counted: np.ndarray = (~over & (completions != PAD)).sum(axis=-1)
    return counted


def by_distance(values: np.ndarray, asked: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Means of values (s, n) over the problems of each distance, float (s, d)."""
    rows = [
        [own[which == d].mean() if (which == d).any() else np.nan for d in distances]
        for own, which in zip(values, asked, strict=True)
    ]
    return np.array(rows, float)


def _jumped(config: Config, lab: Lab, runs: Runs) -> np.ndarray:
    """How much longer chains become when two of their first nodes are exchanged for those some links ahead, float (s,).

    Problems are so far that what is left is as far as some that were trained.
    """
    first, last = config.trained
    task = ahead(config.task(min(last, first + config.planted), last), config.planted)
    n = config.test * len(task.apart)
    edited = lab.intervene(runs, task, n, steps=(config.planted,), label="jump ahead")
    asked = distance(lab.held_out(task, n, runs.seeds).problem).reshape(len(runs.seeds), n)
    moved = lengths(task, edited.texts[0]) - (asked + 1)
    return np.asarray(moved[:, gate_split(n)[1]].mean(axis=1))


def check(measured: Measured) -> list[Check]:
    (first, last), arms = measured.trained, measured.arms
    farthest = arms[CHAINS].length.shape[1]
    inside = slice(first - 1, last)
    solved = {
        name: Gate(
            f"{name}: right as far as trained", arms[name].gate[:, part].mean(axis=1), 0.9, 1.0, "all but one in ten"
        )
        for name, part in ((CHAINS, inside), (EASY_TOO, slice(0, last)))
    }
    formed = {
        name: Gate(
            f"{name}: of a trained length", arms[name].gate[:, inside].mean(axis=1), 0.9, 1.0, "knows the format"
        )
        for name in (FILLER, SWAPPED)
    }
    chains = [solved[CHAINS]]
    return [
        at_least(
            f"{CHAINS}: nodes a link, {first} to {last} links",
            measured.slope(CHAINS, first, last),
            0.9,
            "right is 1",
            gates=chains,
        ),
        at_most(
            f"{CHAINS}: nodes a link, {last + 1} to {farthest} links",
            measured.slope(CHAINS, last + 1, farthest),
            0.3,
            "a third of what is right",
            gates=chains,
        ),
        at_most(
            f"{CHAINS}: nodes a link, 1 to {first} links",
            measured.slope(CHAINS, 1, first),
            0.0,
            "the easier, the longer: the sign is the wrong one",
            gates=chains,
        ),
        at_least(
            f"{EASY_TOO}: nodes a link, 1 to {first} links",
            measured.slope(EASY_TOO, 1, first),
            0.9,
            "it is training that ends there, not the model",
            gates=[solved[EASY_TOO]],
        ),
        *(
            near(
                f"{name}: tokens a link, {first} to {last} links",
                measured.slope(name, first, last),
                0.0,
                0.1,
                "a tenth of what is right: the format alone tells nothing",
                gates=[formed[name]],
            )
            for name in (FILLER, SWAPPED)
        ),
        at_most(
            f"{CHAINS}: nodes more after a jump of {measured.links} links",
            measured.jumped,
            -0.5,
            "a quarter of the jump: where the chain meets the goal has a say",
            gates=chains,
        ),
        near(
            f"{CHAINS}: nodes more behind shorter prompts",
            measured.shorter,
            0.0,
            0.5,
            "no length is copied",
            gates=chains,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    x = list(range(1, measured.arms[CHAINS].length.shape[1] + 1))
    first, last = measured.trained
    return [
        Curves(
            name=name,
            title=title,
            x_label=f"links to the goal ({first} to {last} were trained)",
            y_label=label,
            x=x,
            measured={arm: getattr(values, what) for arm, values in measured.arms.items()},
            theory={"right": [float(d + 1) for d in x]} if what == "length" else {},
        )
        for name, what, title, label in (
            ("harder_gets_longer", "length", "What models write before they answer", "tokens before the answer"),
            ("harder_gets_longer_right", "right", "Right answers", "right answers"),
        )
    ]
