"""Under format noise a one-step answer is at chance as soon as noise hits any token of the prompt.

Source       ours; the measurement is that of Zhao et al., arXiv:2508.01191, section 7, figure 9 of v3 and the README's
             curve, which is within .03 of the law up to p = .15 and .08 above it at .3
Prediction   The edit distance of a one-step answer is that of chance times the probability that noise hits any of the
             prompt's six tokens: .549 (1 - (1 - p)^6).
Refuted if   The distance under hybrid noise is not within .05 of the law at p = .1, .2 or .3.
Run          alchemy reproduce noise_law --preset small      # no time of its own after format_noise
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.problem.floors import format_law
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.summary import largest_deviation
from experiments.mirage.format_noise import ONE_STEP, PRESETS, Arm, Config, arm
from experiments.mirage.setting import solved
from tasks.symbols import Symbols

__all__ = ["PRESETS", "Config"]

CLAIM = Claim(
    sentence="Under format noise a one-step answer is at chance as soon as noise hits any token of the prompt.",
    source="ours, on the measurement of arXiv:2508.01191, section 7, figure 9",
    prediction="edit distance = .549 (1 - (1 - p)^6), chance times the probability that any token is hit",
    refuted_if="a distance under hybrid noise not within .05 of the law at p = .1, .2 or .3",
    question="Where does reasoning stop?",
)
JUDGED = (0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Measured:
    hybrid: Arm


def run(config: Config, lab: Lab) -> Measured:
    return Measured(arm(config, lab, Symbols(compositions=ONE_STEP), {"hybrid": "noise=hybrid:%g"}))


def check(measured: Measured) -> list[Check]:
    tests = measured.hybrid.noisy["hybrid"]
    return [
        at_most(
            "hybrid: edit distance, largest deviation from the law at p = .1, .2, .3",
            largest_deviation(np.array([tests[p].distance["full"] for p in JUDGED]), [format_law(p) for p in JUDGED]),
            0.05,
            "about what the paper's own curve leaves; where the law is true noise leaves about .01",
            gates=[solved("no noise", measured.hybrid.clean.exact["full"])],
        )
    ]


def figures(measured: Measured) -> list[Figure]:
    probabilities = [0.0, *measured.hybrid.noisy["hybrid"]]
    return [
        Curves(
            name="noise_law",
            title="One step: hybrid noise anywhere in the prompt",
            x_label="probability of noise, each token",
            y_label="edit distance",
            x=probabilities,
            measured={"hybrid": measured.hybrid.distance("hybrid")},
            theory={"chance x P(any token hit)": [format_law(p) for p in probabilities]},
        )
    ]
