"""Models that follow their chain generalise neither to letters in new places nor to letters that never stood in a question.

Source       Zhao et al., arXiv:2508.01191, section 5.2, figures 5 and 6, for models that use their chain
Prediction   Two trainings. In one, ten letters are kept from each place of the prompt, and tests put such letters into
             n = 1..4 of its 4 places, as in `element_shift` (CMP); in the other, six letters never stand in a question,
             though training chains write them, and the test has no others (OOD). Exact match is 0 % in both.
Refuted if   Exact match is over 1 % on some number of new places, or on the letters that never stood in a question.
Beside it    How often an answer follows an edited step on such elements, where the step is given.
Run          alchemy reproduce element_shift_followed --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Bars, Figure
from experiments.mirage.diverse import AMONG, TASK, ChainTest, Diverse, at_full, at_smoke, uses_chain

CLAIM = Claim(
    sentence="Models that follow their chain generalise neither to letters in new places nor to letters new to questions.",
    source="arXiv:2508.01191, section 5.2, figures 5-6, for models that use their chain",
    prediction="exact match 0 % on known letters in unseen places, and on letters that never stood in a question",
    refuted_if="exact match over 1 % on some number of unseen places, or on letters that never stood in a question",
    question="Where does reasoning stop?",
    among=AMONG,
)


@dataclass(frozen=True)
class Config(Diverse):
    banned: int = 10
    """Letters kept from each position in the first training."""
    places: tuple[int, ...] = (1, 2, 3, 4)
    """Numbers of positions that hold such a letter in a test."""
    atoms: str = "ABCDEFGHIJKLMNOPQRST"
    """Letters that stand in questions of the second training; its test has the others."""


SMALL = Config()
PRESETS = {"smoke": at_smoke(SMALL, places=(1, 4)), "small": SMALL, "full": at_full(SMALL)}


@dataclass(frozen=True)
class Measured:
    places: dict[int, ChainTest]
    """By the number of letters in places where they never stood; 0 is what was trained on."""
    known_letters: ChainTest
    new_letters: ChainTest


def run(config: Config, lab: Lab) -> Measured:
    task = replace(TASK, banned=config.banned)
    runs = config.fit(lab, task, label="train on letters in some places")
    places = {0: config.tested(lab, runs, task, "trained places")}
    for n in config.places:
        places[n] = config.tested(lab, runs, task.shift(f"positions={n}")(task), f"{n} unseen places")
    task = replace(TASK, atoms=config.atoms)
    runs = config.fit(lab, task, label="train on questions of some letters")
    known = config.tested(lab, runs, task, "trained letters")
    new = config.tested(lab, runs, task.shift("atoms=unseen")(task), "new letters")
    return Measured(places, known, new)


def check(measured: Measured) -> list[Check]:
    places = {n: test for n, test in measured.places.items() if n}
    return [
        at_most(
            "exact, largest over numbers of unseen places",
            np.max([test.scores.exact["full"] for test in places.values()], axis=0),
            0.01,
            "the paper reports 0 %",
            gates=uses_chain("trained places", measured.places[0]),
        ),
        at_most(
            "letters new to questions: exact",
            measured.new_letters.scores.exact["full"],
            0.01,
            "the paper reports 0 %",
            gates=uses_chain("trained letters", measured.known_letters),
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    tests = {f"{n} of 4\nnew places" if n else "trained\nplaces": test for n, test in measured.places.items()}
    tests |= {"trained\nletters": measured.known_letters, "letters new\nto questions": measured.new_letters}
    return [
        Bars(
            name="element_shift_followed",
            title="Models that follow their chain, on letters in new places and on new letters",
            y_label="share",
            groups=list(tests),
            measured={
                "exact match, full chain": np.stack([test.scores.exact["full"] for test in tests.values()], axis=1),
                "answers that follow an edited step": np.stack([test.follow for test in tests.values()], axis=1),
            },
            theory={},
        )
    ]
