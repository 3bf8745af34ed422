"""Diversity of compositions does not cure other failures: other text lengths and more steps are still not solved.

Source       Ours, beside `composition_diversity`, on the shifts of Zhao et al., arXiv:2508.01191, section 6
Prediction   Models that were trained on 108 of 144 pairs of primitives, and that solve pairs they never saw, fail on elements
             of three or five letters in place of four, and on chains of three steps. Noise in the prompt is measured
             beside and not judged.
Refuted if   Elements of three or of five letters, or three steps, are solved by more than 10 %.
Run          alchemy reproduce diversity_limits --preset small      # seconds after composition_diversity
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Bars, Figure
from experiments.mirage.composition_diversity import PRESETS, Arm, Config, fit, learned
from experiments.mirage.setting import Scores, joined, scores

__all__ = ["PRESETS", "Config"]

CLAIM = Claim(
    sentence="Diversity of compositions does not carry models to other text lengths or to more steps.",
    source="ours, on the shifts of arXiv:2508.01191, section 6",
    prediction="after 108 of 144 pairs: under 10 % on elements of three and five letters and on chains of three steps",
    refuted_if="over 10 % on elements of three or five letters, or on three steps",
    question="Where does reasoning stop?",
)
JUDGED = {"three letters": "length=3", "five letters": "length=5", "three steps": "steps=3"}
MEASURED_ONLY = {"noise .1": "noise=hybrid:0.1"}


@dataclass(frozen=True)
class Measured:
    """Models trained on the most pairs."""

    arm: Arm
    shifted: dict[str, Scores]
    """On the trained pairs, shifted."""


def run(config: Config, lab: Lab) -> Measured:
    trained, unseen = [], []
    shifted: dict[str, list[Scores]] = {name: [] for name in JUDGED | MEASURED_ONLY}
    for seed in lab.seeds(config.seeds):
        model = fit(config, lab, max(config.pairs), True, seed)
        trained.append(scores(lab.answer(model.runs, model.trained, config.test, label="answer trained pairs")))
        unseen.append(scores(lab.answer(model.runs, model.unseen, config.test, label="answer unseen pairs")))
        for name, shift in (JUDGED | MEASURED_ONLY).items():
            test = model.trained.shift(shift)(model.trained)
            answers = lab.answer(model.runs, test, config.test, label=f"answer {name}")
            shifted[name].append(scores(answers, model.runs.task))
    return Measured(Arm(joined(trained), joined(unseen)), {name: joined(tests) for name, tests in shifted.items()})


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{name}: exact",
            measured.shifted[name].exact["full"],
            0.1,
            "not cured by diversity",
            gates=[learned("most pairs", measured.arm)],
        )
        for name in JUDGED
    ]


def figures(measured: Measured) -> list[Figure]:
    tests = {"trained pairs": measured.arm.trained, "unseen pairs": measured.arm.unseen, **measured.shifted}
    return [
        Bars(
            name="diversity_limits",
            title="After training on the most pairs: what diversity of compositions does not cure",
            y_label="exact match, full chain",
            groups=list(tests),
            measured={"chain of thought": np.stack([test.exact["full"] for test in tests.values()], axis=1)},
            theory={},
        )
    ]
