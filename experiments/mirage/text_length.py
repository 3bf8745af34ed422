"""No text length but the trained one is solved by chain of thought.

Source       Zhao et al., arXiv:2508.01191, section 6 and table 4 of v6: l = 2..6 after training on l = 4
Prediction   Exact match is 100 % at l = 4 and 0 % elsewhere, with the learned places of the paper's models; other position
             schemes have a claim of their own (`position_schemes`).
Refuted if   Some length but 4 is solved by more than 1 %.
Run          alchemy reproduce text_length --preset small      # a minute on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.data import Padding
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Curves, Figure
from experiments.mirage.setting import FULL, Scores, Setting, full, scores, smoke, solved
from models.transformer import Positions, Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="No text length but the trained one is solved by chain of thought.",
    source="arXiv:2508.01191, section 6, table 4",
    prediction="exact match 0 % at l = 2, 3, 5, 6 after training on l = 4",
    refuted_if="some length but 4 solved by more than 1 %",
    question="Where does reasoning stop?",
    headline=True,
)
TRAINED = 4
LONGEST = 28
"""Context of the models: the longest line, l = 6, has 24 tokens."""


@dataclass(frozen=True)
class Config(Setting):
    model: Transformer = replace(Setting.model, context=LONGEST)
    slow_factor: int = 4
    """For grouped lines."""
    lengths: tuple[int, ...] = (2, 3, 4, 5, 6)


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, lengths=(3, 4, 5)),
    "small": SMALL,
    "full": full(SMALL, model=replace(FULL["model"], context=LONGEST)),
}


@dataclass(frozen=True)
class Measured:
    tests: dict[int, Scores]
    """By length."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(by_length(config, lab))


def by_length(
    config: Config, lab: Lab, *, scheme: Positions = "learned", padding: Padding = "none", slow: bool = False
) -> dict[int, Scores]:
    """Models of one position scheme and padding strategy, trained on one length and tested on each."""
    task = Symbols(length=(TRAINED,))
    model = replace(config.model, positions=scheme)
    blocks = {} if padding == "none" else {"padding": padding, "context": model.context}
    runs = config.fit(lab, task, model=model, slow=slow, label=f"train {scheme}, padding {padding}", **blocks)
    tests = {length: replace(task, length=(length,)) for length in config.lengths}
    return {
        length: scores(lab.answer(runs, test, _number_of_tests(config.test, length), label=f"length {length}"), task)
        for length, test in tests.items()
    }


def _number_of_tests(test: int, length: int) -> int:
    """No more tests than there are held-out elements: an eighth of 26^l."""
    return min(test, 26**length // 10)


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            "exact, largest over other lengths",
            largest_elsewhere(measured.tests),
            0.01,
            "the paper reports 0 %; of the 67 tests at l = 2 this allows no success",
            gates=[solved(f"l = {TRAINED}", measured.tests[TRAINED].exact["full"])],
        )
    ]


def largest_elsewhere(tests: dict[int, Scores]) -> np.ndarray:
    """Exact match on the untrained length where it is largest, float (s,)."""
    return np.max([test.exact["full"] for length, test in tests.items() if length != TRAINED], axis=0)


def figures(measured: Measured) -> list[Figure]:
    return [exact_match("text_length", {"learned": measured.tests})]


def exact_match(figure: str, schemes: dict[str, dict[int, Scores]]) -> Figure:
    """Exact match over the length, a curve a position scheme."""
    return Curves(
        name=figure,
        title="Only the trained length is solved",
        x_label="letters of an element",
        y_label="exact match, full chain",
        x=[*next(iter(schemes.values()))],
        measured={
            scheme: np.stack([test.exact["full"] for test in tests.values()], axis=1)
            for scheme, tests in schemes.items()
        },
        theory={},
        trained=(TRAINED - 0.15, TRAINED + 0.15),
    )
