"""A model does not generalise to known letters at positions where they never stood.

Source       Zhao et al., arXiv:2508.01191, section 5.2, figures 5 and 6: known atoms in unseen places (CMP)
Prediction   Exact match is 100 % on elements like the trained ones and 0 % on elements with letters in places where they
             never stood (n = 1..4 of 4 places), for every composition. The paper does not say how these elements were
             drawn; here ten letters are kept from each place of the prompt in training, and the test puts such letters
             into n places. Training chains may have them there: F1 and F2 move letters and places.
Refuted if   Exact match on some number of unseen places is over 1 %.
Run          alchemy reproduce element_shift --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Curves, Figure
from experiments.mirage.setting import Scores, Setting, full, scores, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="A model does not generalise to known letters at positions where they never stood.",
    source="arXiv:2508.01191, section 5.2, figures 5-6",
    prediction="exact match 100 % on letters in their trained places, 0 % on letters in unseen places (CMP)",
    refuted_if="exact match over 1 % on some number of unseen places",
    question="Where does reasoning stop?",
)


@dataclass(frozen=True)
class Config(Setting):
    compositions: tuple[str, ...] = ("F1", "F2", "F1 F2", "F2 F2")
    """Each is trained and tested on its own."""
    banned: int = 10
    """Letters kept from each position in training."""
    places: tuple[int, ...] = (1, 2, 3, 4)
    """Numbers of positions that hold such a letter in a test."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, compositions=("F1 F2",), places=(1, 4)),
    "small": SMALL,
    "full": full(SMALL, compositions=("F1", "F2", "F1 F1", "F1 F2", "F2 F1", "F2 F2")),
}


@dataclass(frozen=True)
class Row:
    """Models of one composition."""

    trained: Scores
    """On letters in places where they stood in training."""
    unseen: dict[int, Scores]
    """By the number of letters in unseen places."""


@dataclass(frozen=True)
class Measured:
    rows: dict[str, Row]
    """By composition."""


def run(config: Config, lab: Lab) -> Measured:
    rows = {}
    for composition in config.compositions:
        task = Symbols(compositions=(composition,), banned=config.banned)
        runs = config.fit(lab, task)
        trained = scores(lab.answer(runs, task, config.test))
        unseen = {}
        for n in config.places:
            shifted = task.shift(f"positions={n}")(task)
            unseen[n] = scores(lab.answer(runs, shifted, config.test, label=f"{n} unseen places"), task)
        rows[composition] = Row(trained, unseen)
    return Measured(rows)


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{composition}: exact, largest over numbers of unseen places",
            np.max([scores.exact["full"] for scores in row.unseen.values()], axis=0),
            0.01,
            "the paper reports 0 %",
            gates=[solved(f"{composition}, trained places", row.trained.exact["full"])],
        )
        for composition, row in measured.rows.items()
    ]


def figures(measured: Measured) -> list[Figure]:
    places = [*next(iter(measured.rows.values())).unseen]
    curves = {
        composition: np.stack([scores.exact["full"] for scores in (row.trained, *row.unseen.values())], axis=1)
        for composition, row in measured.rows.items()
    }
    return [
        Curves(
            name="element_shift",
            title="Known letters in places where they never stood",
            x_label="letters in an unseen place, of 4",
            y_label="exact match, full chain",
            x=[0, *places],
            measured=curves,
            theory={"the paper (CMP)": [1.0, *(0.0 for _ in places)]},
        )
    ]
