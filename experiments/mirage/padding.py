"""Grouping training lines into blocks helps on a shorter text; padding them changes nothing.

Source       Zhao et al., arXiv:2508.01191, section 6, figure 7 of v3 (figure 13 of v6): padding strategies
Prediction   After training on l = 4, lines that were concatenated and cut into blocks of the context's length ("group")
             raise BLEU at l = 3, from .55 to about .70 in the paper's figure. Filling every line up to the context's
             length ("pad") changes nothing.
Refuted if   Grouping adds less than .05 BLEU at l = 3, or padding moves the edit distance there by more than .02.
Run          alchemy reproduce padding --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_least, near
from alchemy.report.figures import Curves, Figure
from experiments.mirage.setting import Scores, solved
from experiments.mirage.text_length import PRESETS, TRAINED, Config, by_length

__all__ = ["PRESETS", "Config"]

CLAIM = Claim(
    sentence="Grouping training lines into blocks helps on a shorter text; padding them changes nothing.",
    source="arXiv:2508.01191, section 6, figure 7",
    prediction="grouping raises BLEU at l = 3 from .55 to about .70 after training on l = 4; padding leaves it",
    refuted_if="grouping adds under .05 BLEU at l = 3, or padding moves the edit distance there by more than .02",
    question="Where does reasoning stop?",
)
SHORTER = 3


@dataclass(frozen=True)
class Measured:
    """The same tests, by length, after training with each strategy."""

    none: dict[int, Scores]
    pad: dict[int, Scores]
    group: dict[int, Scores]


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        none=by_length(config, lab, padding="none"),
        pad=by_length(config, lab, padding="pad"),
        group=by_length(config, lab, padding="group", slow=True),
    )


def check(measured: Measured) -> list[Check]:
    none, pad, group = measured.none, measured.pad, measured.group
    learned, padded, grouped = (
        solved(f"{name}, l = {TRAINED}", tests[TRAINED].exact["full"])
        for name, tests in (("none", none), ("pad", pad), ("group", group))
    )
    return [
        at_least(
            f"group - none, l = {SHORTER}: corpus BLEU",
            group[SHORTER].corpus_bleu - none[SHORTER].corpus_bleu,
            0.05,
            "a third of the .15 that the paper's figure shows",
            gates=[learned, grouped],
        ),
        near(
            f"pad - none, l = {SHORTER}: edit distance",
            pad[SHORTER].distance["full"] - none[SHORTER].distance["full"],
            0.0,
            0.02,
            "padding after the text is masked out, so training should be the same",
            gates=[learned, padded],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    strategies = {"none": measured.none, "pad": measured.pad, "group": measured.group}
    return [
        Curves(
            name="padding",
            title="Padding strategies, after training on four letters",
            x_label="letters of an element",
            y_label="corpus BLEU, full chain",
            x=[*measured.none],
            measured={
                name: np.stack([test.corpus_bleu for test in tests.values()], axis=1)
                for name, tests in strategies.items()
            },
            theory={},
            trained=(TRAINED - 0.15, TRAINED + 0.15),
        )
    ]
