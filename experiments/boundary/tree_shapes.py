"""Depth does not tell which expressions a chain works out: of trees as deep as they have operators those that lean right are left out.

Source       Park, Kaur, Arora, arXiv:2512.01775: language models trained by rewards to find expressions master shallow balanced trees first, and
             stay weak on those that lean right, also at the depth of ones that lean left. That chains for given expressions, and
             models that know one shape, have the same gap is ours
Prediction   Expressions of three and four operators modulo 5, subtractions and products, in brackets; three layers are trained on all trees
             alike. With the value of each operator written they work out every tree of three operators. Of those of four operators that
             are four deep they work out the one that leans left and the six that bend, .9 and .85 of them, and .35 less of the one that
             leans right; of the balanced one, which is less deep, they work out .35 less as well. At once, told the value of each bracket
             where it closes, they are right in .15 more of the expressions of three operators that lean left than of those that lean
             right, as deep; nowhere by .05 more than with the chain; and of four operators the chain adds .5 where trees bend and
             at most .35 where they lean right. Trained on trees that lean left alone, models with a chain are right in .4 at most of
             the trees of four operators that are as deep and lean right or bend.
Refuted if   One of these nine numbers is on the other side of its bound in most seeds.
Controls     Each tree is as frequent in training, so that a tree is not left out because it is rare, and chains and
             answers at once are told the same values of the same lines. Seeds count where the chain is right in .9 of other expressions of three operators of each shape, and where a chain
             of trees that lean left works those out. Training ends while losses still fall by little: this says what is learned first,
             and not what could be. Guessing scores .20 to .24. In trials on seeds 900 and 901 the chain was right in 1.00, 1.00, .33 and .29,
             and in 1.00, 1.00, .20 and .31 (left, bent, right, balanced); what was wrong was one step of the four,
             the third or the second.
Run          alchemy reproduce tree_shapes --preset small      # 8 minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Literal, NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split, stacked
from experiments.theory import last_letter
from models.transformer import Transformer
from tasks.trees import Trees, laws
from tasks.trees.draw import trees
from tasks.trees.spec import CLOSE, Shape
from tasks.trees.write import evaluate

CLAIM = Claim(
    sentence="Depth does not tell which expressions a chain works out: of trees as deep as they have operators those that lean right are left out.",
    source="arXiv:2512.01775; chains for given expressions, and models that know one shape, are ours",
    prediction="four deep: left .9, bent .85, right .35 less; balanced, three deep, .35 less; at once left .15 above right; one shape reaches no other",
    refuted_if="one of these numbers, or of the chain's gains over answers at once, on the other side",
    question="Where does reasoning stop?",
    among="models that work out every tree of one operator less",
)
Form = Literal["chain", "at once"]
KINDS: tuple[Shape, ...] = ("left", "bent", "right", "balanced")
"""Shapes that are told apart. Of three operators these are all trees there are."""


@dataclass(frozen=True)
class Config:
    """Expressions of a few operators, worked out step by step or at once."""

    seeds: int = 5
    """Replicates, each with weights, training lines and test problems of its own. Five that agree decide."""
    test: int = 120
    """Held-out problems of each tree in the mean, for each seed; a quarter is for gates."""
    operators: tuple[int, int] = (3, 4)
    """Few, and one more; tests have them apart."""
    modulus: int = 5
    signs: tuple[str, ...] = ("-", "x")
    model: Transformer = Transformer(width=64, layers=3, heads=4, context=28, tied=False)
    train: TrainConfig = TrainConfig(steps=2000, batch=64, optimizer="muon")
    alone: int = 1000
    """Steps of training on one shape, of which each tree has more lines than in training on all."""

    def task(self, *shapes: Shape) -> Trees:
        return Trees(self.modulus, self.operators, shapes, self.signs)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=8,
        model=replace(SMALL.model, width=16, layers=1, heads=2),
        train=TrainConfig(steps=8, batch=16, chunk=8),
        alone=8,
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=400,
        operators=(6, 7),
        modulus=7,
        signs=("+", "-", "x"),
        model=replace(SMALL.model, width=256, layers=4, heads=8, context=48),
        train=TrainConfig(steps=40_000, batch=256, optimizer="muon", learning_rate=1e-3, chunk=500),
        alone=20_000,
    ),
}


class Arm(NamedTuple):
    """Models of one kind of lines: right answers float (s, operators, kinds) by number of operators and shape."""

    right: np.ndarray
    gate: np.ndarray
    """The same of other problems, for gates."""


@dataclass(frozen=True)
class Measured:
    chain: Arm
    at_once: Arm
    alone: Arm
    """Chains of models that were trained on trees that lean left alone."""
    operators: tuple[int, int]
    guess: np.ndarray
    """What the likeliest value scores, float (operators, kinds)."""


def run(config: Config, lab: Lab) -> Measured:
    arms = {
        name: stacked(together(lab, [partial(one_seed, config, shape, form, seed) for seed in lab.seeds(config.seeds)]))
        for name, shape, form in (("chain", "any", "chain"), ("at_once", "any", "at once"), ("alone", "left", "chain"))
    }
    guess = [[laws.guess(config.task("any"), trees(kind, k)) for kind in KINDS] for k in config.operators]
    return Measured(**arms, operators=config.operators, guess=np.array(guess))


def one_seed(config: Config, shape: Shape, form: Form, seed: int, lab: Lab) -> Arm:
    """One model: each array without seeds."""
    task, steps = config.task(shape), config.alone if shape == "left" else config.train.steps
    lines = lab.split.sample(task, stream("expressions", seed), steps * config.train.batch, "train")
    name = f"{shape}, {form}"
    runs = lab.train(
        config.model,
        replace(task, cot=form == "chain"),
        replace(config.train, steps=steps),
        seeds=(seed,),
        sets=(lines,) if form == "chain" else (),
        labels=() if form == "chain" else (told(task, lines),),
        label=f"train {name}, seed {seed}",
    )
    tests = [tested(config, lab, runs, form, operators, name) for operators in config.operators]
    return Arm(*(np.stack(part) for part in zip(*tests, strict=True)))


def tested(config: Config, lab: Lab, runs: Runs, form: Form, operators: int, name: str) -> Arm:
    """Right answers to held-out expressions of so many operators, by shape: float (kinds,)."""
    task = replace(config.task("any"), operators=(operators,), cot=form == "chain")
    n, label = config.test * len(trees("any", operators)), f"{name}: {operators} operators"
    lines = lab.held_out(task, n, runs.seeds)
    if form == "chain":
        right = lab.answer(runs, task, n, label=label).values("answer")[0]
    else:
        right = last_letter.right(lab, runs, task, lines, label)[0]
    order = lines.problem["order"][:, None]
    of_kind = np.stack([(order == trees(kind, operators)).all(axis=2).any(axis=1) for kind in KINDS], axis=1)
    gate, judged = (
        (right[part, None] * of_kind[part]).sum(axis=0) / np.maximum(of_kind[part].sum(axis=0), 1)
        for part in gate_split(n)
    )
    return Arm(judged, gate)


def told(task: Trees, batch: Batch) -> Examples:
    """Expressions with a target behind each bracket that closes: its value, in place of the next token; nothing else is scored."""
    tokens = batch.prompts()
    row, place = np.nonzero(tokens[..., 0] == task.vocabulary.index[CLOSE])
    step = np.arange(len(row)) - np.searchsorted(row, row)  # brackets before it in its line
    target, weight = tokens[..., 0].copy(), np.zeros(tokens.shape[:2], bool)
    target[row, place + 1] = evaluate(task, batch.problem)[row, step] + np.int32(task.zero)
    weight[row, place + 1] = True
    return Examples(tokens, weight, target)


def check(measured: Measured) -> list[Check]:
    few, more = measured.operators
    (chain, deep), (at_once, deep_at_once) = (by_kind(arm.right) for arm in (measured.chain, measured.at_once))
    every = Gate(
        f"chain: {few} operators, the least of all shapes",
        measured.chain.gate[:, 0].min(axis=1),
        0.9,
        inf,
        "learned, but for one in ten",
    )
    own = Gate(
        f"left alone: {more} operators, left",
        measured.alone.gate[:, 1, KINDS.index("left")],
        0.9,
        inf,
        "learned what it was trained on, but for one in ten",
    )
    others = by_kind(measured.alone.right)[1]
    return [
        at_least(f"chain: {more} operators, left", deep["left"], 0.9, "all but one in ten", gates=[every]),
        at_least(
            f"chain: {more} operators, bent", deep["bent"], 0.85, "all but one in ten, of six trees", gates=[every]
        ),
        at_least(
            f"chain: {more} operators, left - right, as deep",
            deep["left"] - deep["right"],
            0.35,
            "half of what was seen in trials",
            gates=[every],
        ),
        at_least(
            f"chain: {more} operators, left - balanced, less deep",
            deep["left"] - deep["balanced"],
            0.35,
            "half of what was seen in trials",
            gates=[every],
        ),
        at_least(
            f"at once: {few} operators, left - right, as deep",
            at_once["left"] - at_once["right"],
            0.15,
            "less than half of what was seen in trials",
            gates=[every],
        ),
        at_most(
            f"{few} operators: at once - chain, the most of all shapes",
            np.max([at_once[kind] - chain[kind] for kind in KINDS], axis=0),
            0.05,
            "one expression of twenty",
            gates=[every],
        ),
        at_least(
            f"{more} operators: chain - at once, bent",
            deep["bent"] - deep_at_once["bent"],
            0.5,
            "two thirds of what there is above a guess",
            gates=[every],
        ),
        at_most(
            f"{more} operators: chain - at once, right",
            deep["right"] - deep_at_once["right"],
            0.35,
            "less than half of what there is above a guess",
            gates=[every],
        ),
        at_most(
            f"left alone: {more} operators, the most of right and bent, as deep",
            np.maximum(others["right"], others["bent"]),
            0.4,
            "twice a guess",
            gates=[own],
        ),
    ]


def by_kind(right: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Shares float (s, operators, kinds) by number of operators and shape: float (s,) each."""
    return [{kind: part[:, place] for place, kind in enumerate(KINDS)} for part in right.swapaxes(0, 1)]


def figures(measured: Measured) -> list[Figure]:
    groups = [f"{kind}\n{operators}" for operators in measured.operators for kind in KINDS]
    arms = {"chain": measured.chain, "at once": measured.at_once, "chain, trained on left alone": measured.alone}
    return [
        Bars(
            name="tree_shapes",
            title="Expressions worked out, by the shape of their trees and the number of operators",
            y_label="right answers",
            groups=groups,
            measured={name: arm.right.reshape(len(arm.right), -1) for name, arm in arms.items()},
            theory={name: measured.guess.ravel().tolist() for name in arms},
            note="Balanced trees are as shallow as they can be, all others as deep as they have operators; marks: the likeliest value",
        )
    ]
