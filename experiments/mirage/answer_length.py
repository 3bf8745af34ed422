"""On other text lengths the answer has the right letters and the trained number of them.

Source       The distances are those of Zhao et al., arXiv:2508.01191, table 4 of v6 (l = 2..6 after training on l = 4);
             that they are the floor of any answer of four letters is our reading of them
Prediction   The edit distance of the answer is .5, .25, .2, .3333 at l = 2, 3, 5, 6, which an answer of four letters, all
             right, has (paper: .5000, .2540, .2000, .3337). Letters that are wrong as well make it larger.
Refuted if   An answer's distance is not within .02 of the law.
Run          alchemy reproduce answer_length --preset small      # no time of its own after text_length
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.problem.floors import length_law
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.summary import largest_deviation
from experiments.mirage.setting import Scores, solved
from experiments.mirage.text_length import PRESETS, TRAINED, Config, by_length

__all__ = ["PRESETS", "Config"]

CLAIM = Claim(
    sentence="On other text lengths the answer has the right letters and the trained number of them.",
    source="distances of arXiv:2508.01191, section 6, table 4; the law is ours",
    prediction="edit distance of the answer .5, .25, .2, .3333 at l = 2, 3, 5, 6 after training on l = 4",
    refuted_if="an answer's distance not within .02 of the law, on shorter or on longer texts",
    question="Where does reasoning stop?",
)


@dataclass(frozen=True)
class Measured:
    tests: dict[int, Scores]
    """By length, of models with the paper's position scheme."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(by_length(config, lab))


def check(measured: Measured) -> list[Check]:
    learned = solved(f"l = {TRAINED}", measured.tests[TRAINED].exact["full"])
    sides = {
        "shorter": [length for length in measured.tests if length < TRAINED],
        "longer": [length for length in measured.tests if length > TRAINED],
    }
    return [
        at_most(
            f"{side} texts: edit distance of the answer, largest deviation from the law",
            largest_deviation(
                np.array([measured.tests[length].distance["answer"] for length in lengths]),
                [length_law(length, TRAINED) for length in lengths],
            ),
            0.02,
            "the paper's own numbers are within .004; four letters of 100 answers may be wrong; where the law is true it "
            "leaves no noise",
            gates=[learned],
        )
        for side, lengths in sides.items()
    ]


def figures(measured: Measured) -> list[Figure]:
    lengths = [*measured.tests]
    return [
        Curves(
            name="answer_length",
            title="Answers to other lengths than the trained one",
            x_label="letters of an element",
            y_label="edit distance, answer",
            x=lengths,
            measured={"measured": np.stack([test.distance["answer"] for test in measured.tests.values()], axis=1)},
            theory={"four right letters": [length_law(length, TRAINED) for length in lengths]},
            trained=(TRAINED - 0.15, TRAINED + 0.15),
        )
    ]
