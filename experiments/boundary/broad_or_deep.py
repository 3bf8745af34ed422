"""Few deep compositions are learned sooner without a trace, many shallow ones with one alone: breadth decides, not depth.

Source       Ours, after arXiv:2602.14404 (models with traces above those without on broad and shallow sets, below them on narrow and
             deep ones), of which only the direction was known to us
Prediction   Twelve primitives on elements of four letters, and training on problems of a fixed set of compositions, with each step
             written or the answer alone, at equal numbers of lines. Four compositions of six primitives: after 75 steps of
             training answers alone are right on .3 more of the held-out elements, and at no budget up to 300 steps are models with
             traces .05 above. 128 compositions of two: after 300 steps models with traces are right on .5 more, and at no
             budget are answers alone .05 above.
Refuted if   One of these four differences is on the other side of its bound in most seeds.
Controls     A seed counts where both kinds of models solve few deep compositions after 300 steps, so that a trace there is late and
             not out of reach, and where traces solve many shallow ones. Beside them, not judged: few shallow and many deep
             compositions, which tell breadth from depth, and filler of the length of six steps, which tells what has to be
             learned from how much is read. Trials on seeds from 900 on, three of them: few deep compositions .00 to
             .03 with traces and .66 to .98 without after 75 steps, both near 1 after 300; many shallow ones 1.00 and .04 after 300.
Run          alchemy reproduce broad_or_deep --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Literal, NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.config import TrainConfig
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from experiments.mirage.composition_diversity import PRIMITIVES
from experiments.mirage.setting import Setting, full, smoke
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Few deep compositions are learned sooner without a trace, many shallow ones with one alone: breadth decides, not depth.",
    source="ours, after arXiv:2602.14404",
    prediction="few deep: answers alone .3 above traces at first, never .05 below; many shallow: traces .5 above, never .05 below",
    refuted_if="few deep: less than .3 at first, or traces .05 above; many shallow: less than .5, or answers alone .05 above",
    question="What does a step buy?",
    among="models that solve few deep compositions in the end with traces and without, and many shallow ones with traces",
)
Form = Literal["trace", "answer", "filler"]
FEW, MANY, SHALLOW, DEEP = "few", "many", "shallow", "deep"
CELLS = tuple((breadth, depth) for breadth in (FEW, MANY) for depth in (SHALLOW, DEEP))


@dataclass(frozen=True)
class Config(Setting):
    """Compositions few and many, shallow and deep, at several lengths of training."""

    seeds: int = 5
    """Replicates, each with compositions, weights, training lines and test problems of its own. Five that agree decide."""
    test: int = 800
    """Held-out problems in each test of each seed; a quarter of them is for gates."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=64, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    """Of the longest training; in shorter ones the rate rises and falls in as many shares of the steps."""
    budgets: tuple[int, ...] = (75, 150, 300)
    """Steps of training; rising."""
    few: int = 4
    many: int = 128
    """Compositions, drawn anew for every seed: of two primitives there are 144."""
    shallow: int = 2
    deep: int = 6
    """Primitives of a composition."""
    alphabet: str = "ABCDEFGHIJKL"


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, seeds=1, budgets=(8,), few=2, many=3, deep=3),
    "small": SMALL,
    "full": full(SMALL, test=4000, budgets=(250, 1000, 4000), train=replace(SMALL.train, steps=4000, batch=256)),
}


class Arm(NamedTuple):
    """Models of one kind of lines on one set of compositions, by the length of training: each array float (s, budgets)."""

    right: np.ndarray
    """Right answers."""
    gate: np.ndarray
    """The same, on problems for gates."""


Arms = Mapping[tuple[str, str], Mapping[Form, Arm]]
"""By breadth and depth."""


@dataclass(frozen=True)
class Measured:
    budgets: tuple[int, ...]
    arms: Arms

    def above(self, breadth: str, depth: str) -> np.ndarray:
        """Right answers with traces less those without, float (s, budgets)."""
        cell = self.arms[breadth, depth]
        return np.asarray(cell["trace"].right - cell["answer"].right)


def run(config: Config, lab: Lab) -> Measured:
    arms: dict[tuple[str, str], dict[Form, Arm]] = {}
    for breadth, depth in CELLS:
        forms: tuple[Form, ...] = (
            ("trace", "answer", "filler") if (breadth, depth) == (FEW, DEEP) else ("trace", "answer")
        )
        arms[breadth, depth] = {form: arm(config, lab, breadth, depth, form) for form in forms}
    return Measured(config.budgets, arms)


def arm(config: Config, lab: Lab, breadth: str, depth: str, form: Form) -> Arm:
    of_arm = partial(one_seed, config, breadth=breadth, depth=depth, form=form)
    by_budget = [
        stacked(together(lab, [partial(of_arm, steps=steps, seed=seed) for seed in lab.seeds(config.seeds)]))
        for steps in config.budgets
    ]
    return Arm(*(np.stack(column, axis=1) for column in zip(*by_budget, strict=True)))


def one_seed(config: Config, lab: Lab, breadth: str, depth: str, form: Form, steps: int, seed: int) -> Arm:
    """One model after so many steps of training: each array a single number."""
    task = compositions(config, breadth, depth, form, seed)
    runs = lab.train(
        config.model,
        task,
        replace(config.train, steps=steps),
        seeds=(seed,),
        loss=config.loss,
        document="filler" if form == "filler" else "thought first",
        label=f"train on {breadth} {depth}, {form}, {steps} steps, seed {seed}",
    )
    right = lab.answer(runs, task, config.test, label=f"answer {breadth} {depth}").values("answer")[0]
    gate, judged = gate_split(config.test)
    return Arm(right[judged].mean(), right[gate].mean())


def compositions(config: Config, breadth: str, depth: str, form: Form, seed: int) -> Symbols:
    """The compositions of one seed, different ones; the same for all forms."""
    count, steps = getattr(config, breadth), getattr(config, depth)
    codes = stream(f"{breadth} {depth} compositions", seed).choice(len(PRIMITIVES) ** steps, count, replace=False)
    digits = codes[:, None] // len(PRIMITIVES) ** np.arange(steps) % len(PRIMITIVES)
    names = tuple(" ".join(PRIMITIVES[digit] for digit in row) for row in digits)
    return Symbols(compositions=names, primitives=PRIMITIVES, alphabet=config.alphabet, cot=form != "answer")


def check(measured: Measured) -> list[Check]:
    deep, shallow = measured.above(FEW, DEEP), measured.above(MANY, SHALLOW)
    few = [_solved(measured, FEW, DEEP, "trace"), _solved(measured, FEW, DEEP, "answer")]
    many = [_solved(measured, MANY, SHALLOW, "trace")]
    first, last = measured.budgets[0], measured.budgets[-1]
    return [
        at_least(
            f"few deep, {first} steps: right, answers alone - traces",
            -deep[:, 0],
            0.3,
            "a third of what there is",
            gates=few,
        ),
        at_most(
            "few deep: right, traces - answers alone, the most at any budget",
            deep.max(axis=1),
            0.05,
            "no more than one problem of twenty",
            gates=few,
        ),
        at_least(
            f"many shallow, {last} steps: right, traces - answers alone",
            shallow[:, -1],
            0.5,
            "half of what there is",
            gates=many,
        ),
        at_most(
            "many shallow: right, answers alone - traces, the most at any budget",
            -shallow.min(axis=1),
            0.05,
            "no more than one problem of twenty",
            gates=many,
        ),
    ]


def _solved(measured: Measured, breadth: str, depth: str, form: Form) -> Gate:
    """A seed counts where training that lasts longest solves the compositions."""
    values = measured.arms[breadth, depth][form].gate[:, -1]
    return Gate(f"{breadth} {depth}, {form}: right in the end", values, 0.9, inf, "learned, but for one in ten")


def figures(measured: Measured) -> list[Figure]:
    names = {"trace": "traces", "answer": "answers alone", "filler": "filler"}
    return [
        Curves(
            name=f"broad_or_deep_{breadth}_{depth}",
            title=f"{breadth.capitalize()} compositions, {depth}: with traces and without",
            x_label="steps of training",
            y_label="right answers",
            x=list(measured.budgets),
            measured={names[form]: arm.right for form, arm in measured.arms[breadth, depth].items()},
            theory={},
            log_x=True,
        )
        for breadth, depth in CELLS
    ]
