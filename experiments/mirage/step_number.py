"""Chain of thought does not reach numbers of steps that it was not trained on.

Source       Zhao et al., arXiv:2508.01191, section 6, figure 8 of v3 (figure 6 of v6)
Prediction   After training on two steps (F1 F1), one step (F1) and three (F1 F1 F1) are solved 0 %.
Refuted if   An untrained number of steps is solved by more than 1 %.
Control      In the paper's format a prompt of one step ends in `<answer>` and others in `<think>`, so one step is also a
             new format. The uniform dialect keeps the marker: one step has to fail there too.
Run          alchemy reproduce step_number --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Bars, Figure
from experiments.mirage.setting import Scores, Setting, full, scores, smoke, solved
from tasks.symbols import Symbols
from tasks.symbols.layout import Dialect

CLAIM = Claim(
    sentence="Chain of thought does not reach numbers of steps that it was not trained on.",
    source="arXiv:2508.01191, section 6, figure 8",
    prediction="one and three steps are solved 0 % after training on two",
    refuted_if="over 1 % at an untrained number of steps, with the paper's marker or with a constant one",
    question="Where does reasoning stop?",
)
TRAINED = 2


@dataclass(frozen=True)
class Config(Setting):
    primitive: str = "F1"
    targets: tuple[int, ...] = (1, 3)
    """Numbers of steps to reach."""


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Row:
    """Models of two steps."""

    trained: Scores
    reached: dict[int, Scores]
    """By the number of steps of the test."""


@dataclass(frozen=True)
class Measured:
    paper: Row
    """In the paper's format."""
    constant_marker: Row
    """Where every prompt ends in `<think>`; tested on one step."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        paper=row(config, lab, "dataalchemy", config.targets),
        constant_marker=row(config, lab, "uniform", (1,)),
    )


def row(config: Config, lab: Lab, dialect: Dialect, targets: tuple[int, ...]) -> Row:
    """Models trained on two steps, tested on other numbers of them."""
    task = Symbols(compositions=(repeated(config.primitive, TRAINED),), dialect=dialect)
    runs = config.fit(lab, task, slow=True, label=f"train on two steps, {dialect}")
    reached = {}
    for steps in targets:
        test = Symbols(compositions=(repeated(config.primitive, steps),), dialect=dialect)
        reached[steps] = scores(lab.answer(runs, test, config.test, label=f"answer {steps} steps"), task)
    return Row(scores(lab.answer(runs, task, config.test)), reached)


def repeated(primitive: str, steps: int) -> str:
    """The composition that applies a primitive so many times."""
    return " ".join([primitive] * steps)


def check(measured: Measured) -> list[Check]:
    rows = {"paper's marker": measured.paper, "constant marker": measured.constant_marker}
    return [
        at_most(
            f"{marker}, {steps} steps: exact",
            test.exact["full"],
            0.01,
            "no transfer: the paper reports 0 %; if it fails with a constant marker too, not for the marker alone",
            gates=[solved(f"{marker}, two steps", row.trained.exact["full"])],
        )
        for marker, row in rows.items()
        for steps, test in row.reached.items()
    ]


def figures(measured: Measured) -> list[Figure]:
    tests = {"two steps\n(trained)": measured.paper.trained}
    tests |= {f"{steps} steps": test for steps, test in measured.paper.reached.items()}
    tests |= {"two steps\nconstant marker": measured.constant_marker.trained}
    tests |= {f"{steps} steps\nconstant marker": test for steps, test in measured.constant_marker.reached.items()}
    return [
        Bars(
            name="step_number",
            title="Numbers of steps, after training on two",
            y_label="exact match, full chain",
            groups=list(tests),
            measured={"measured": np.stack([test.exact["full"] for test in tests.values()], axis=1)},
            theory={},
        )
    ]
