"""Models that follow their chain do not reach untrained compositions of F1 and F2 either.

Source       Zhao et al., arXiv:2508.01191, section 5.1, tables 1 and 2, for models that use their chain
Prediction   Two trainings on pairs of twelve primitives, each of which is also seen alone; no training composition is the
             same function as F1 F1, F1 F2, F2 F1 or F2 F2. In one, F1 and F2 stand in pairs with the other ten, as in the
             paper's CMP; in the other F1 and F2 are only ever seen alone, and are new to compositions. Either way the four
             are solved for no more elements than are right by accident: 26 of 26^4.
Refuted if   One of the four compositions is solved by more than 1 %, after one of the two trainings.
Beside it    How often an answer to the four compositions follows an edited step, where the step is given.
Run          alchemy reproduce task_shift_followed --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Bars, Figure
from experiments.mirage.composition_diversity import function
from experiments.mirage.diverse import AMONG, PAIRS, PRIMITIVES, TASK, ChainTest, Diverse, at_full, at_smoke, uses_chain

CLAIM = Claim(
    sentence="Models that follow their chain do not reach untrained compositions of F1 and F2 either.",
    source="arXiv:2508.01191, section 5.1, tables 1-2, for models that use their chain",
    prediction="compositions of F1 and F2 solved for at most the 26 of 26^4 elements that are right by accident",
    refuted_if="an untrained composition of F1 and F2 solved by more than 1 %",
    question="Where does reasoning stop?",
    among=AMONG,
)
HELD_OUT = ("F1 F1", "F1 F2", "F2 F1", "F2 F2")
ONLY_ALONE = {"F1 and F2 in other pairs": frozenset(), "F1 and F2 only alone": frozenset({"F1", "F2"})}
"""Primitives that training shows in no pair, by training."""


@dataclass(frozen=True)
class Config(Diverse):
    trainings: tuple[str, ...] = tuple(ONLY_ALONE)
    alone: float = 0.3
    """Share of training problems with one primitive alone."""


SMALL = Config()
PRESETS = {"smoke": at_smoke(SMALL, trainings=("F1 and F2 only alone",)), "small": SMALL, "full": at_full(SMALL)}


@dataclass(frozen=True)
class Row:
    """Models of one training."""

    trained: ChainTest
    """On the pairs that they were trained on."""
    held_out: dict[str, ChainTest]
    """On each composition of F1 and F2."""


@dataclass(frozen=True)
class Measured:
    rows: dict[str, Row]
    """By training."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured({name: row(config, lab, ONLY_ALONE[name]) for name in config.trainings})


def row(config: Config, lab: Lab, only_alone: frozenset[str]) -> Row:
    """Models that see the primitives `only_alone` in no pair."""
    pairs = trained_pairs(only_alone)
    weights = (config.alone / len(PRIMITIVES),) * len(PRIMITIVES) + ((1 - config.alone) / len(pairs),) * len(pairs)
    task = replace(TASK, compositions=PRIMITIVES + pairs, weights=weights)
    runs = config.fit(lab, task, label=f"train on {len(pairs)} pairs")
    tests = {name: replace(TASK, compositions=(name,)) for name in HELD_OUT}
    return Row(
        trained=config.tested(lab, runs, replace(TASK, compositions=pairs), "trained pairs"),
        held_out={name: config.tested(lab, runs, test, name) for name, test in tests.items()},
    )


def trained_pairs(only_alone: frozenset[str]) -> tuple[str, ...]:
    """Pairs without the primitives `only_alone`, none of which is the same function as one that is held out."""
    held_out = {function(TASK, name) for name in HELD_OUT}
    return tuple(pair for pair in PAIRS if only_alone.isdisjoint(pair.split()) and function(TASK, pair) not in held_out)


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{training}: exact, largest of the four compositions",
            np.max([test.scores.exact["full"] for test in models.held_out.values()], axis=0),
            0.01,
            "no more than a stray success; the law is 26 of 26^4",
            gates=uses_chain(f"{training}, trained pairs", models.trained),
        )
        for training, models in measured.rows.items()
    ]


def figures(measured: Measured) -> list[Figure]:
    exact, follow = (
        {
            training: np.stack([value(test) for test in (row.trained, *row.held_out.values())], axis=1)
            for training, row in measured.rows.items()
        }
        for value in (lambda test: test.scores.exact["full"], lambda test: test.follow)
    )
    groups = ["trained pairs", *HELD_OUT]
    return [
        Bars(
            name="task_shift_followed",
            title="Models that follow their chain, on compositions of F1 and F2",
            y_label="exact match, full chain",
            groups=groups,
            measured=exact,
            theory={},
        ),
        Bars(
            name="task_shift_followed_edits",
            title="Answers that follow an edited step, where the step is given",
            y_label="share of answers",
            groups=groups,
            measured=follow,
            theory={},
        ),
    ]
