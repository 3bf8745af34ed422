"""Models that follow their chain do not reach numbers of steps that they were not trained on either.

Source       Zhao et al., arXiv:2508.01191, section 6, figure 8 of v3 (figure 6 of v6), for models that use their chain
Prediction   After training on two steps of many pairs of functions, one, three and four steps are solved 0 %, although
             each step is one that was trained, and the marker at the end of the prompt is always the same.
Refuted if   An untrained number of steps is solved by more than 1 %.
Beside it    How often an answer follows an edited step of longer chains, where the steps up to it are given.
Run          alchemy reproduce step_number_followed --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Bars, Figure
from experiments.mirage.diverse import (
    AMONG,
    PAIRS,
    PRIMITIVES,
    TASK,
    ChainTest,
    Diverse,
    at_full,
    at_smoke,
    uses_chain,
)

CLAIM = Claim(
    sentence="Models that follow their chain do not reach numbers of steps that they were not trained on either.",
    source="arXiv:2508.01191, section 6, figure 8, for models that use their chain",
    prediction="one, three and four steps are solved 0 % after training on two",
    refuted_if="an untrained number of steps solved by more than 1 %",
    question="Where does reasoning stop?",
    among=AMONG,
)
TRAINED = 2
CHAINS = 144
"""Compositions of each number of steps that are drawn once; of one step all there are."""


@dataclass(frozen=True)
class Config(Diverse):
    targets: tuple[int, ...] = (1, 3, 4)
    """Numbers of steps to reach."""


SMALL = Config()
PRESETS = {"smoke": at_smoke(SMALL, targets=(1, 3)), "small": SMALL, "full": at_full(SMALL)}


@dataclass(frozen=True)
class Measured:
    tests: dict[int, ChainTest]
    """By number of steps, the trained one first."""


def run(config: Config, lab: Lab) -> Measured:
    runs = config.fit(lab, TASK, label="train on all pairs")
    tests = {steps: replace(TASK, compositions=compositions(steps)) for steps in (TRAINED, *config.targets)}
    return Measured({steps: config.tested(lab, runs, test, f"{steps} steps") for steps, test in tests.items()})


def compositions(steps: int) -> tuple[str, ...]:
    """Different compositions of that many primitives: those trained on, or as many drawn at random."""
    if steps == TRAINED:
        return PAIRS
    if steps == 1:
        return PRIMITIVES
    drawn = stream("compositions of more steps", steps).integers(len(PRIMITIVES), size=(2 * CHAINS, steps))
    return tuple(dict.fromkeys(" ".join(PRIMITIVES[op] for op in ops) for ops in drawn))[:CHAINS]


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{steps} step{'s'[: steps != 1]}: exact",
            test.scores.exact["full"],
            0.01,
            "as of models that answer from the prompt; the paper reports 0 %",
            gates=uses_chain("two steps", measured.tests[TRAINED]),
        )
        for steps, test in measured.tests.items()
        if steps != TRAINED
    ]


def figures(measured: Measured) -> list[Figure]:
    tests = dict(sorted(measured.tests.items()))
    return [
        Bars(
            name="step_number_followed",
            title="Numbers of steps, after training on two steps of many functions",
            y_label="share",
            groups=[f"{steps} step{'s'[: steps != 1]}" + "\n(trained)" * (steps == TRAINED) for steps in tests],
            measured={
                "exact match, full chain": np.stack([test.scores.exact["full"] for test in tests.values()], axis=1),
                "answers that follow an edited step": np.stack([test.follow for test in tests.values()], axis=1),
            },
            theory={},
        )
    ]
