"""Chain of thought does not reach compositions of F1 and F2 that it was not trained on.

Source       Zhao et al., arXiv:2508.01191, section 5.1, tables 1 and 2
Prediction   Trained compositions are solved on held-out elements. Any other composition of F1 and F2 is solved for no more
             elements than are right by accident: 26 of 26^4. Rows with F3, of which the paper solves up to 9 %
             (table 3), are measured and not judged.
Refuted if   An untrained composition is solved by more than 1 %, by models that solve over 99 % of what they were trained
             on.
Run          alchemy reproduce task_shift --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_most
from alchemy.report.figures import Bars, Figure
from experiments.mirage.setting import Scores, Setting, full, scores, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Chain of thought does not reach compositions of F1 and F2 that it was not trained on.",
    source="arXiv:2508.01191, section 5.1, tables 1-2",
    prediction="trained compositions 100 %, untrained ones at most the 26 of 26^4 elements that are right by accident",
    refuted_if="an untrained composition solved by more than 1 %",
    question="Where does reasoning stop?",
    headline=True,
)


class Pair(NamedTuple):
    """A row of the paper's tables: training compositions and the one that is tested."""

    scenario: str
    """As the paper calls it; SWAP is the trained composition in the other order."""
    trained: tuple[str, ...]
    tested: str

    def __str__(self) -> str:
        return f"{', '.join(self.trained)} > {self.tested}"


ID = Pair("ID", ("F1 F1",), "F1 F1")
JUDGED = (
    Pair("CMP", ("F2 F2", "F1 F2", "F2 F1"), "F1 F1"),
    Pair("CMP", ("F1 F1", "F1 F2", "F2 F1"), "F2 F2"),
    Pair("POOD", ("F1 F2",), "F1 F1"),
    Pair("OOD", ("F2 F2",), "F1 F1"),
    Pair("SWAP", ("F1 F2",), "F2 F1"),
    Pair("SWAP", ("F2 F1",), "F1 F2"),
)
"""Tables 1 and 2."""
MEASURED_ONLY = (
    Pair("CMP", ("F2 F3", "F3 F2", "F3 F3"), "F2 F2"),
    Pair("CMP", ("F2 F3", "F3 F2", "F2 F2"), "F3 F3"),
    Pair("SWAP", ("F2 F3",), "F3 F2"),
    Pair("SWAP", ("F3 F2",), "F2 F3"),
)
"""Table 3."""
SCENARIOS = tuple(dict.fromkeys(pair.scenario for pair in JUDGED))


@dataclass(frozen=True)
class Config(Setting):
    """Every row of the paper's tables, in one setting."""


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Row:
    """One row of the tables."""

    trained: np.ndarray
    """Exact match on what was trained on, float (s,)."""
    tested: Scores


@dataclass(frozen=True)
class Measured:
    rows: dict[Pair, Row]

    def of(self, scenario: str) -> list[Row]:
        """The judged rows of a scenario."""
        return [self.rows[pair] for pair in JUDGED if pair.scenario == scenario]

    def gates(self, scenario: str) -> list[Gate]:
        """What the judged rows of a scenario rest on."""
        pairs = [pair for pair in JUDGED if pair.scenario == scenario]
        return [solved(f"trained on {', '.join(pair.trained)}", self.rows[pair].trained) for pair in pairs]


def run(config: Config, lab: Lab) -> Measured:
    return Measured({pair: row(config, lab, pair) for pair in (ID, *JUDGED, *MEASURED_ONLY)})


def row(config: Config, lab: Lab, pair: Pair) -> Row:
    """Models trained on the compositions of a pair, tested on them and on the other."""
    task = Symbols(compositions=pair.trained)
    runs = config.fit(lab, task)
    trained = lab.answer(runs, task, config.test, label="answer what was trained on")
    shifted = task.shift(f"task={pair.tested}")(task)
    tested = lab.answer(runs, shifted, config.test, label=f"answer {pair.tested}")
    return Row(trained.mean("exact_match"), scores(tested, task))


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{scenario}: exact, largest of its rows",
            np.max([row.tested.exact["full"] for row in measured.of(scenario)], axis=0),
            0.01,
            "no more than a stray success; the law is 26 of 26^4",
            gates=measured.gates(scenario),
        )
        for scenario in SCENARIOS
    ]


def figures(measured: Measured) -> list[Figure]:
    pairs = list(measured.rows)
    exact = {
        part: np.stack([measured.rows[pair].tested.exact[part] for pair in pairs], axis=1)
        for part in ("full", "answer")
    }
    return [
        Bars(
            name="task_shift",
            title="Exact match on other compositions",
            y_label="exact match",
            groups=[str(pair).replace("F", "").replace(" > ", "\n> ").replace(", ", ",\n") for pair in pairs],
            measured={"full chain": exact["full"], "answer alone": exact["answer"]},
            theory={},
        )
    ]
