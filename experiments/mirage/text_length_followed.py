"""Models that follow their chain solve no text length but the trained one either.

Source       Zhao et al., arXiv:2508.01191, section 6 and table 4 of v6: l = 2..6 after training on l = 4. Its models, and
             those of `text_length`, are trained on F1 F2 alone and answer from the prompt, whatever their chain says
Prediction   Exact match is 0 % at any other length for models that use their chain too. A learned place that no training
             line reached has no meaning, so that rotary positions, which have none to learn, are judged as well.
Refuted if   Some length but 4 is solved by more than 1 %, with learned or with rotary positions.
Beside it    How often an answer follows an edited step at those lengths, where the steps before it are given.
Run          alchemy reproduce text_length_followed --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Curves, Figure
from experiments.mirage.diverse import AMONG, TASK, ChainTest, Diverse, at_full, at_smoke, uses_chain
from models.transformer import Positions

CLAIM = Claim(
    sentence="Models that follow their chain solve no text length but the trained one either.",
    source="arXiv:2508.01191, section 6, table 4, for models that use their chain",
    prediction="exact match 0 % at l = 2, 3, 5, 6 after training on l = 4, with learned and with rotary positions",
    refuted_if="some length but 4 solved by more than 1 % with learned or with rotary positions",
    question="Where does reasoning stop?",
    among=AMONG,
)
TRAINED = 4


@dataclass(frozen=True)
class Config(Diverse):
    schemes: tuple[Positions, ...] = ("learned", "rotary")
    slow_factors: tuple[int, ...] = (2, 4)
    """Of each scheme: so many times the steps of one composition, until chains are followed."""
    lengths: tuple[int, ...] = (2, 3, 4, 5, 6)


SMALL = Config()
PRESETS = {
    "smoke": at_smoke(SMALL, schemes=("rotary",), slow_factors=(1,), lengths=(3, 4, 5)),
    "small": SMALL,
    "full": at_full(SMALL),
}


@dataclass(frozen=True)
class Measured:
    tests: dict[str, dict[int, ChainTest]]
    """By position scheme and length."""


def run(config: Config, lab: Lab) -> Measured:
    schemes = zip(config.schemes, config.slow_factors, strict=True)
    return Measured({scheme: by_length(replace(config, slow_factor=factor), lab, scheme) for scheme, factor in schemes})


def by_length(config: Config, lab: Lab, scheme: Positions) -> dict[int, ChainTest]:
    """Models of one position scheme, trained on one length and tested on each."""
    runs = config.fit(lab, TASK, model=replace(config.model, positions=scheme), label=f"train on all pairs, {scheme}")
    tests = {length: replace(TASK, length=(length,)) for length in config.lengths}
    return {length: config.tested(lab, runs, test, f"length {length}") for length, test in tests.items()}


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{scheme}: exact, largest over other lengths",
            np.max([test.scores.exact["full"] for length, test in tests.items() if length != TRAINED], axis=0),
            0.01,
            "as of models that answer from the prompt; the paper reports 0 %",
            gates=uses_chain(f"{scheme}, l = {TRAINED}", tests[TRAINED]),
        )
        for scheme, tests in measured.tests.items()
    ]


def figures(measured: Measured) -> list[Figure]:
    lengths = [*next(iter(measured.tests.values()))]
    shared = {"x_label": "letters of an element", "x": lengths, "theory": {}}
    trained = (TRAINED - 0.15, TRAINED + 0.15)
    return [
        Curves(
            name="text_length_followed",
            title="Models that follow their chain, on other text lengths",
            y_label="exact match, full chain",
            measured={
                scheme: np.stack([test.scores.exact["full"] for test in tests.values()], axis=1)
                for scheme, tests in measured.tests.items()
            },
            trained=trained,
            **shared,
        ),
        Curves(
            name="text_length_followed_edits",
            title="Answers that follow an edited step, where the step is given",
            y_label="share of answers",
            measured={
                scheme: np.stack([test.follow for test in tests.values()], axis=1)
                for scheme, tests in measured.tests.items()
            },
            trained=trained,
            **shared,
        ),
    ]
