"""Sinusoidal, rotary or random positions carry chain of thought no further than the text length it was trained on.

Source       ours, beside table 4 of Zhao et al., arXiv:2508.01191, whose models have learned places: a length that was not
             trained has some that were never learned, so that it need not be the chain that fails
Prediction   After training on l = 4, exact match is 0 % at l = 2, 3, 5, 6 with sinusoids, with rotary embeddings and with
             places drawn at random from a longer range (arXiv:2305.16843). The sentence is about models that solve the
             trained length to 99 %; others say nothing about lengths. Models without places have no arm here: at the small
             scale none of six solved the trained length to 99 % after 2,400 steps (pilot, two learning rates).
Refuted if   Some length but 4 is solved by more than 1 %, under one of these schemes.
Run          alchemy reproduce position_schemes --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Figure
from experiments.mirage import text_length
from experiments.mirage.setting import FULL, Scores, full, smoke, solved
from experiments.mirage.text_length import LONGEST, TRAINED, by_length, exact_match, largest_elsewhere
from models.transformer import Positions

CLAIM = Claim(
    sentence="Sinusoidal, rotary or random positions carry chain of thought no further than the trained text length.",
    source="ours, beside arXiv:2508.01191, section 6, table 4",
    prediction="exact match 0 % at l = 2, 3, 5, 6 after training on l = 4, under each of three position schemes",
    refuted_if="some length but 4 solved by more than 1 %, under one of the schemes",
    question="Where does reasoning stop?",
    among="models that solve the trained length",
)


@dataclass(frozen=True)
class Config(text_length.Config):
    schemes: tuple[Positions, ...] = ("sinusoidal", "rotary", "random")
    slow_factors: tuple[int, ...] = (4, 1, 16)
    """Of each scheme: so many times the steps, until it solves the trained length."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, schemes=("random",), slow_factors=(2,), lengths=(4, 5)),
    "small": SMALL,
    "full": full(SMALL, slow_factors=(4, 1, 4), model=replace(FULL["model"], context=LONGEST)),
}


@dataclass(frozen=True)
class Measured:
    schemes: dict[str, dict[int, Scores]]
    """By position scheme and length of the test."""


def run(config: Config, lab: Lab) -> Measured:
    schemes = zip(config.schemes, config.slow_factors, strict=True)
    return Measured(
        {
            scheme: by_length(replace(config, slow_factor=factor), lab, scheme=scheme, slow=True)
            for scheme, factor in schemes
        }
    )


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
