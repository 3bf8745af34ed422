"""Thoughts that replace a path step by step hold all nodes at a distance, unasked, once the first is learned; pauses teach no search.

Source       Coconut, arXiv:2412.06769, section 3: a curriculum of stages; that it brings frontiers held at once: arXiv:2505.12514. Others
             report of the same stages .96 with pauses where thoughts have .97, and that other thoughts in their place change no answer
Prediction   Which of two nodes is reached in a directed graph of 12, whose two halves differ by names alone (`tasks/reachability`). Two
             layers first write the path to it. Then each of three stages leaves out one node more of its beginning and has one mark
             more, until marks alone are left; a line in ten is of an earlier stage. The first stage goes on until its loss is low, for
             2,000 steps at most. Where the last hidden state is fed in at the marks, .8 are right at depth 3, .2 more than after the same
             stages with pauses, and .2 more than where a stage leaves nothing in place of the nodes, both trained on for as long as a
             stage. Readers find .8 of the two nodes at one distance in thoughts, which no loss asks for: who holds the one on the
             path finds hardly more than half. Given thoughts that are had with the names of the two roots exchanged in the
             edges, at the same start and candidates, .7 of the answers are the other candidate; given those of the same edges in
             another order, .05 fewer at most are right.
Refuted if   One of these six numbers is on the other side in most seeds.
Controls     All arms go on from one model that writes paths. Thoughts count only if the first of them was learned: behind the first stage
             .8 are right at depth 2, of a thought and a path without its first node. Pauses, and nothing, count only if they are right in .9
             at depth 1 and gain .15 at most at depth 3 from a stage more. Unjudged: other problems' thoughts, noise, an order in
             reverse; readers of random weights, and of the other half's nodes.
             In trials on seeds 900 to 906 the first thought was learned within stages of 500 steps by three models of five,
             and within 800 to 1,250 steps of a longer first stage by three of four; one had not after 2,000, nor had it when
             it had written paths for twice as long. Where it was, depth 3 came to .95 to 1.00, readers found .95 to 1.00 of
             the nodes, and .99 to 1.00 of the answers followed exchanged roots; where it was not, these were .45 to .55, .39
             to .60 and .46 to .53, a buffer. Five models with pauses and two with nothing had .47 to .51 after four stages of
             500, two of each with four layers .47 to .53. Pauses behind a first stage of 2,000 steps were not tried. Thoughts
             in place of the path in one stage, on as many lines, with written paths beside them, came to .98 and .79 in two
             models of five and to .50 to .54 in three: no check says what stages are needed for.
Run          alchemy reproduce staged_thoughts --preset small      # on 2 CPU cores, 9 minutes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import Stop, TrainConfig
from alchemy.learning.train import Runs
from alchemy.practice.curriculum import Curriculum
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.theory.continuous_thoughts import ARMS as WITHOUT_STAGES
from experiments.theory.continuous_thoughts import END_TO_END, EXCHANGED, KINDS, OTHER_ORDER, OWN, Answers, Held, Right
from experiments.theory.continuous_thoughts import Config as WithoutStages
from experiments.theory.continuous_thoughts import given as with_others
from experiments.theory.continuous_thoughts import held as read_out
from models.transformer import Transformer
from tasks.reachability import Reachability, laws

CLAIM = Claim(
    sentence="Thoughts that replace a path step by step hold all nodes at a distance, unasked, and decide answers; pauses teach no search.",
    source="arXiv:2412.06769 and 2505.12514; the task, the exchange of roots and stages that leave nothing are ours",
    prediction="depth 3: thoughts .8 right, .2 above pauses and above nothing; .8 of the nodes held; .7 follow exchanged roots",
    refuted_if="one of the six numbers on the other side",
    question="What does a step buy?",
    among="models that learned the first thought, and of the losing arms those on a plateau",
)


class Arm(NamedTuple):
    """What stands in place of the steps of a path that are left out."""

    level: str
    """The shift of the task that leaves a number of steps out."""
    continuous: bool = False
    """Marks are thoughts, not pauses."""


THOUGHTS, PAUSES, NOTHING = "thoughts", "pauses", "nothing"
MARKS = "thoughts={0}+left_out={0}"
ARMS = {THOUGHTS: Arm(MARKS, continuous=True), PAUSES: Arm(MARKS), NOTHING: Arm("left_out={0}")}
LOSING = (PAUSES, NOTHING)
"""Arms that are trained on, to see whether more training brings what they lack."""


@dataclass(frozen=True)
class Config:
    """One model that writes paths, and what becomes of it as the path is left out."""

    seeds: int = 5
    """Replicates, each with weights, training graphs and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 600
    """Held-out problems of each depth, for each seed; a quarter is for gates."""
    probed: int = 800
    """Held-out problems whose thoughts are read out, half of which the readers are fitted on."""
    task: Reachability = Reachability()
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=32, tied=False)
    begin: TrainConfig = TrainConfig(steps=1000, batch=64, optimizer="muon")
    """On paths that are written in full."""
    first: TrainConfig = TrainConfig(steps=2000, batch=64, optimizer="muon", stop=Stop(below=0.12, over=50))
    """On the lines of the first stage, whose loss stands still for some hundred steps before a thought is found."""
    stage: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon")
    """On the lines of each further one."""
    rehearsal: float = 0.1
    """Share of the lines that are of earlier stages."""

    @property
    def stages(self) -> int:
        """Steps of the longest path: behind as many stages nothing of it is left."""
        return max(self.task.depths)

    def levels(self, arm: Arm, stage: int) -> tuple[str, ...]:
        """The shifts of the task that the lines of a stage are of, the stage itself last."""
        return tuple(arm.level.format(steps) for steps in range(min(stage, self.stages) + 1))

    def of(self, arm: Arm, stage: int) -> Reachability:
        """How the arm's lines are written in a stage."""
        return self.task.shift(self.levels(arm, stage)[-1])(self.task)

    @property
    def thinking(self) -> WithoutStages:
        """The same for `continuous_thoughts`, whose lines without a chain are those at which all stages end."""
        task = replace(self.task, trace="none")
        return WithoutStages(seeds=self.seeds, test=self.test, probed=self.probed, task=task, model=self.model)

    def model_of(self, arm: Arm) -> Transformer:
        return self.thinking.model_of(WITHOUT_STAGES[END_TO_END]) if arm.continuous else self.model


SMALL = Config()
_FEW = TrainConfig(steps=8, batch=16, chunk=8)
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        probed=32,
        model=Transformer(width=16, layers=1, heads=2, context=32, tied=False),
        begin=_FEW,
        first=_FEW,
        stage=_FEW,
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1000,
        task=Reachability(widths=(3, 3, 3, 3), depths=(1, 2, 3, 4), extra=8),
        model=Transformer(width=256, layers=2, heads=8, context=80, tied=False),
        begin=TrainConfig(steps=20_000, batch=256, optimizer="muon", learning_rate=1e-3),
        first=TrainConfig(
            steps=20_000, batch=256, optimizer="muon", learning_rate=1e-3, stop=Stop(below=0.12, over=50)
        ),
        stage=TrainConfig(steps=10_000, batch=256, optimizer="muon", learning_rate=1e-3),
    ),
}


def trained(config: Config, lab: Lab, name: str) -> list[Runs]:
    """The models of an arm behind each stage, the first of which is the same for all: it writes paths."""
    arm = ARMS[name]
    stages = [lab.train(config.model, config.task, config.begin, seeds=config.seeds, label="train to write paths")]
    for stage in range(1, 1 + config.stages + (name in LOSING)):
        runs = lab.train(
            config.model_of(arm),
            config.task,
            config.first if stage == 1 else config.stage,
            seeds=config.seeds,
            curriculum=Curriculum(config.levels(arm, stage), "last", config.rehearsal),
            start=stages[-1],
            stretch=stage,
            label=f"train {name}, stage {stage}",
        )
        stages.append(runs)
    return stages


def right(config: Config, lab: Lab, runs: Runs, name: str, stage: int, depths: tuple[int, ...]) -> Right:
    """Right answers of models to problems as a stage has them, by depth."""
    tasks = [replace(config.of(ARMS[name], stage), depths=(depth,)) for depth in depths]
    answers = [lab.answer(runs, task, config.test, label=f"{name}, depth {max(task.depths)}") for task in tasks]
    values = np.stack([answer.values("answer") for answer in answers], axis=2)  # (s, n, depths)
    gate, judged = gate_split(config.test)
    return Right(values[:, judged].mean(axis=1), values[:, gate].mean(axis=1))


@dataclass(frozen=True)
class Measured:
    depths: tuple[int, ...]
    stages: Mapping[str, np.ndarray]
    """Right answers at the greatest depth behind each stage, the common one first: float (s, stages + 1) by arm."""
    first: Right
    """Of thoughts behind the first stage, the nodes behind the first one written."""
    right: Mapping[str, Right]
    """Behind the last stage, by arm."""
    longer: Mapping[str, Right]
    """Of arms that are trained on."""
    held: Held
    """By thoughts behind the last stage."""
    given: Mapping[str, Answers]
    """With other thoughts in their place."""


def run(config: Config, lab: Lab) -> Measured:
    depths, last = config.task.depths, config.stages
    models = {name: trained(config, lab, name) for name in ARMS}
    deepest = {
        name: [right(config, lab, models[name][stage], name, stage, (max(depths),)).judged for stage in range(last + 1)]
        for name in ARMS
    }
    return Measured(
        depths,
        {name: np.concatenate(shares, axis=1) for name, shares in deepest.items()},
        right(config, lab, models[THOUGHTS][1], THOUGHTS, 1, depths),
        {name: right(config, lab, models[name][last], name, last, depths) for name in ARMS},
        {name: right(config, lab, models[name][-1], name, last, depths) for name in LOSING},
        read_out(config.thinking, lab, models[THOUGHTS][last], END_TO_END),
        with_others(config.thinking, lab, models[THOUGHTS][last], END_TO_END),
    )


def check(measured: Measured) -> list[Check]:
    deep, near = f"depth {max(measured.depths)}", f"depth {min(measured.depths)}"
    right, longer, given = measured.right, measured.longer, measured.given
    able = {
        name: Gate(f"{name}: right, {near}", right[name].gate[:, 0], 0.9, 1.0, "it learned what one look-up tells")
        for name in LOSING
    }
    done = {
        name: Gate(
            f"{name}: right, {deep}, more when trained on",
            longer[name].gate[:, -1] - right[name].gate[:, -1],
            -1.0,
            0.15,
            "a plateau; a gain of three standard errors",
        )
        for name in LOSING
    }
    learned = Gate(
        f"{THOUGHTS}, first stage: right, depth 2",
        measured.first.gate[:, measured.depths.index(2)],
        0.8,
        1.0,
        "it learned the first thought; a guess is right in .5",
    )
    above = [
        at_least(
            f"{deep}: right, {THOUGHTS} - {name}, trained on",
            right[THOUGHTS].judged[:, -1] - longer[name].judged[:, -1],
            0.2,
            "more than half of what there is above a guess, less what training leaves",
            gates=[learned, able[name], done[name]],
        )
        for name in LOSING
    ]
    return [
        at_least(
            f"{deep}: right, {THOUGHTS}", right[THOUGHTS].judged[:, -1], 0.8, "a guess is right in .5", gates=[learned]
        ),
        *above,
        at_least(
            "nodes at one distance that thoughts hold",
            measured.held.members,
            0.8,
            "one of two is half, and a guess at the other adds little",
            gates=[learned],
        ),
        at_least(
            f"{deep}, {THOUGHTS}, {EXCHANGED}: the other candidate",
            given[EXCHANGED].other,
            0.7,
            "most answers go by thoughts, and not by the edges",
            gates=[learned],
        ),
        at_most(
            f"{deep}, {THOUGHTS}: right, {OWN} - {OTHER_ORDER}",
            given[OWN].right - given[OTHER_ORDER].right,
            0.05,
            "thoughts of the same problem are as good",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    places = range(len(measured.stages[THOUGHTS][0]))
    given = measured.given
    return [
        Curves(
            name="staged_thoughts",
            title=f"Right answers at depth {max(measured.depths)}, by what stands in place of the path",
            x_label="stage: nodes of the path that are left out",
            y_label="right answers",
            x=list(places),
            measured=dict(measured.stages),
            theory={"a guess": [laws.guess() for _ in places]},
        ),
        Bars(
            name="staged_thoughts_given",
            title=f"Answers at depth {max(measured.depths)} with other thoughts at all marks, of models trained in stages",
            y_label="share of answers",
            groups=[kind.replace(" ", "\n") for kind in KINDS],
            measured={
                "right": np.stack([given[kind].right for kind in KINDS], axis=1),
                "the other candidate": np.stack([given[kind].other for kind in KINDS], axis=1),
            },
            theory={},
        ),
    ]
