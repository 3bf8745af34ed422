"""A model does not generalise to letters that never stood in a question, whether or not its training chains wrote them.

Source       Zhao et al., arXiv:2508.01191, section 5.2, figures 5 and 6: unseen atoms (OOD)
Prediction   Trained on elements of the letters A-M and tested on N-Z, exact match is 0 % for every composition. Two kinds
             of models are judged apart. F1 rotates A-M to N-Z, so its training chains hold the test's letters, as
             outputs; after F2 alone no training text holds them, and their embeddings stay as they were drawn: there a
             rule for them cannot be learned from the data, only copying by position could help.
Refuted if   Exact match on N-Z is over 1 %, by models of either kind.
Run          alchemy reproduce unseen_atoms --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Bars, Figure
from experiments.mirage.setting import Scores, Setting, full, scores, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="A model does not generalise to letters that never stood in a question, even if its training chains wrote them.",
    source="arXiv:2508.01191, section 5.2, figures 5-6",
    prediction="exact match 0 % on N-Z after A-M, where training chains wrote N-Z (F1) and where no text had them (F2)",
    refuted_if="exact match over 1 % on unseen letters, by models of either kind",
    question="Where does reasoning stop?",
)


@dataclass(frozen=True)
class Config(Setting):
    written: tuple[str, ...] = ("F1", "F1 F2")
    """Compositions whose training chains hold the test's letters, as outputs of F1."""
    absent: tuple[str, ...] = ("F2", "F2 F2")
    """Compositions of whose training text no line holds them."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, written=("F1 F2",), absent=("F2",)),
    "small": SMALL,
    "full": full(SMALL, test=2000, written=("F1", "F1 F1", "F1 F2", "F2 F1")),  # 3,570 held-out elements of 13 letters
}


@dataclass(frozen=True)
class Row:
    """Models of one composition."""

    trained: Scores
    """On other elements of the trained letters."""
    unseen: Scores
    """On the letters that never stood in a question."""


@dataclass(frozen=True)
class Measured:
    """Rows by composition."""

    written: dict[str, Row]
    absent: dict[str, Row]


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        written={composition: row(config, lab, composition) for composition in config.written},
        absent={composition: row(config, lab, composition) for composition in config.absent},
    )


def row(config: Config, lab: Lab, composition: str) -> Row:
    alphabet = Symbols().alphabet
    task = Symbols(compositions=(composition,), atoms=alphabet[: len(alphabet) // 2])
    runs = config.fit(lab, task)
    trained = scores(lab.answer(runs, task, config.test))
    unseen = lab.answer(runs, task.shift("atoms=unseen")(task), config.test, label="unseen atoms")
    return Row(trained, scores(unseen, task))


def check(measured: Measured) -> list[Check]:
    kinds = {"letters that chains wrote": measured.written, "letters in no text": measured.absent}
    return [
        at_most(
            f"{kind}: exact, largest over compositions",
            np.max([row.unseen.exact["full"] for row in rows.values()], axis=0),
            0.01,
            "the paper reports 0 %",
            gates=[solved(f"{name}, trained letters", row.trained.exact["full"]) for name, row in rows.items()],
        )
        for kind, rows in kinds.items()
    ]


def figures(measured: Measured) -> list[Figure]:
    rows = {**measured.written, **measured.absent}
    trained = np.stack([row.trained.exact["full"] for row in rows.values()], axis=1)
    unseen = np.stack([row.unseen.exact["full"] for row in rows.values()], axis=1)
    return [
        Bars(
            name="unseen_atoms",
            title="Letters that never stood in a question",
            y_label="exact match, full chain",
            groups=[f"{name}\n{'written' if name in measured.written else 'absent'}" for name in rows],
            measured={"trained letters": trained, "unseen letters": unseen},
            theory={},
        )
    ]
