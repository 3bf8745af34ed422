"""Mixing another number of steps into a training set of constant size trades the one for the other.

Source       Zhao et al., arXiv:2508.01191, section 6, figure 8 of v3 (figure 6 of v6)
Prediction   As the share of one step (F1) or of three (F1 F1 F1) rises in a training set that otherwise has two (F1 F1),
             they are learned while two steps are lost; at a share of 1 only they work.
Refuted if   Two steps are still solved by more than 95 % when half of the training set has another number: then nothing
             is traded; the other number is solved by less than 50 % there; or two steps by more than 1 % at a share of 1.
Run          alchemy reproduce step_mixture --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.terminal import counted
from experiments.mirage import step_number
from experiments.mirage.setting import Scores, full, scores, smoke, solved
from experiments.mirage.step_number import TRAINED, repeated
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Mixing another number of steps into a training set of constant size trades the one for the other.",
    source="arXiv:2508.01191, section 6, figure 8",
    prediction="as the share of one or three steps rises they are learned and two steps are lost",
    refuted_if="two steps over 95 % when half of the training has another number, or that number under 50 %",
    question="Where does reasoning stop?",
)


@dataclass(frozen=True)
class Config(step_number.Config):
    shares: tuple[float, ...] = (0.0, 0.1, 0.5, 0.9, 1.0)
    """Of the other number of steps in training, with 0, .5 and 1."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, shares=(0.0, 0.5, 1.0)),
    "small": SMALL,
    "full": full(SMALL, shares=(0.0, 0.01, 0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 1.0)),
}


@dataclass(frozen=True)
class Mixture:
    """Models of one mixture."""

    other: Scores
    """On the number of steps that was mixed in."""
    two: Scores
    """On two steps."""


@dataclass(frozen=True)
class Measured:
    mixtures: dict[int, dict[float, Mixture]]
    """By the other number of steps and its share in training."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        {steps: {share: mixture(config, lab, steps, share) for share in config.shares} for steps in config.targets}
    )


def mixture(config: Config, lab: Lab, steps: int, share: float) -> Mixture:
    two, other = (repeated(config.primitive, number) for number in (TRAINED, steps))
    weights = {composition: weight for composition, weight in ((two, 1 - share), (other, share)) if weight}
    task = Symbols(compositions=tuple(weights), weights=tuple(weights.values()) if len(weights) > 1 else ())
    runs = config.fit(lab, task, slow=True, label=f"train with {share:g} of {counted(steps, 'step')}")
    tests = {name: Symbols(compositions=(name,)) for name in (other, two)}
    answers = {name: lab.answer(runs, test, config.test, label=f"answer {name}") for name, test in tests.items()}
    return Mixture(other=scores(answers[other]), two=scores(answers[two]))


def check(measured: Measured) -> list[Check]:
    checks = []
    for steps, by_share in measured.mixtures.items():
        none, half, full_share = (by_share[share] for share in (0.0, 0.5, 1.0))
        two_learned = solved("share 0, two steps", none.two.exact["full"])
        other_learned = solved(f"share 1, {steps} steps", full_share.other.exact["full"])
        name = f"{steps} steps, share"
        checks += [
            at_least(
                f"{name} .5: exact {steps} steps",
                half.other.exact["full"],
                0.5,
                "it is learned with its share",
                gates=[other_learned],
            ),
            at_most(
                f"{name} .5: exact two steps",
                half.two.exact["full"],
                0.95,
                "a loss that is worth the name",
                gates=[two_learned],
            ),
            at_most(
                f"{name} 1: exact two steps",
                full_share.two.exact["full"],
                0.01,
                "only the other works",
                gates=[other_learned],
            ),
        ]
    return checks


def figures(measured: Measured) -> list[Figure]:
    curves = {}
    for steps, by_share in measured.mixtures.items():
        mixtures = by_share.values()
        curves[counted(steps, "step")] = np.stack([mixture.other.exact["full"] for mixture in mixtures], axis=1)
        curves[f"two steps, mixed with {steps}"] = np.stack([mixture.two.exact["full"] for mixture in mixtures], axis=1)
    return [
        Curves(
            name="step_mixture",
            title="Mixing another number of steps into training on two",
            x_label="share of the other number in training",
            y_label="exact match, full chain",
            x=[*next(iter(measured.mixtures.values()))],
            measured=curves,
            theory={},
        )
    ]
