"""No position scheme carries chain of thought to another text length.

Source       ours, beside table 4 of Zhao et al., arXiv:2508.01191, whose models have learned places: of those, a length
             that was not trained has some that were never learned, so that it need not be the chain that fails
Prediction   After training on l = 4, exact match is 0 % at l = 2, 3, 5, 6 with sinusoids, with rotary embeddings, with no
             places at all and with places drawn at random from a longer range. The sentence is about models that solve
             the trained length to 99 %; others say nothing about lengths.
Refuted if   Some length but 4 is solved by more than 1 %, under one of these schemes.
Run          alchemy reproduce position_schemes --preset small      # minutes on 2 CPU cores; not timed yet
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Figure
from experiments.mirage import text_length
from experiments.mirage.setting import FULL, Scores, full, smoke, solved
from experiments.mirage.text_length import LONGEST, TRAINED, by_length, exact_match, largest_elsewhere
from models.transformer import POSITIONS, Positions

CLAIM = Claim(
    sentence="No position scheme carries chain of thought to a text length that it was not trained on.",
    source="ours, beside arXiv:2508.01191, section 6, table 4",
    prediction="exact match 0 % at l = 2, 3, 5, 6 after training on l = 4, under each of four position schemes",
    refuted_if="some length but 4 solved by more than 1 %, under one of the schemes",
    question="Where does reasoning stop?",
    among="models that solve the trained length",
)


@dataclass(frozen=True)
class Config(text_length.Config):
    schemes: tuple[Positions, ...] = tuple(scheme for scheme in POSITIONS if scheme != "learned")


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, schemes=("rotary", "none"), lengths=(3, 4, 5)),
    "small": SMALL,
    "full": full(SMALL, model=replace(FULL["model"], context=LONGEST)),
}


@dataclass(frozen=True)
class Measured:
    schemes: dict[str, dict[int, Scores]]
    """By position scheme and length of the test."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured({scheme: by_length(config, lab, scheme) for scheme in config.schemes})


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{scheme}: exact, largest over other lengths",
            largest_elsewhere(tests),
            0.01,
            "as with learned places; of the 67 tests at l = 2 this allows no success",
            gates=[solved(f"{scheme}, l = {TRAINED}", tests[TRAINED].exact["full"])],
        )
        for scheme, tests in measured.schemes.items()
    ]


def figures(measured: Measured) -> list[Figure]:
    return [exact_match("position_schemes", measured.schemes)]
