"""Format noise breaks the chain the more the likelier it is, most by insertion and in the element, least in the instruction.

Source       Zhao et al., arXiv:2508.01191, section 7, figure 9
Prediction   The edit distance rises with the probability of noise for each token of the prompt. Insertion is the worst
             kind of noise. By field, noise on the instruction hurts least and on the element most; the element has four
             tokens that noise may hit, the transformation two, the instruction one, as in the paper.
Refuted if   The distance under hybrid noise falls from some probability to the next, insertion hurts less than deletion
             or modification, or the order of the fields is another, at p = .3.
Run          alchemy reproduce format_noise --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.problem.shift import MODES
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Curves, Figure
from experiments.mirage.setting import Scores, Setting, full, scores, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Format noise breaks the chain, most by insertion and in the element, least in the instruction.",
    source="arXiv:2508.01191, section 7, figure 9",
    prediction="distance rises with p; insert > delete, modify; element > transformation > instruction",
    refuted_if="distance falls as p rises, insertion milder than another kind, or another order of the fields",
    question="Where does reasoning stop?",
    headline=True,
)
ONE_STEP = ("F1", "F2")
FIELDS = ("element", "transformation", "instruction")


@dataclass(frozen=True)
class Config(Setting):
    test: int = 4000
    """Orders are judged against 0: the difference of two distances has a standard error of .006."""
    probabilities: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
    """Of noise, for each token; rising."""
    chained: str = "F1 F2"
    """The composition on which the fields are compared."""


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, probabilities=(0.1, 0.2, 0.3)), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Arm:
    """Models tested without noise and with several kinds of it."""

    clean: Scores
    noisy: dict[str, dict[float, Scores]]
    """By kind of noise and its probability."""

    def distance(self, kind: str) -> np.ndarray:
        """Edit distance of the whole completion without noise and at each probability: float (s, 1 + m)."""
        tests = (self.clean, *self.noisy[kind].values())
        return np.stack([test.distance["full"] for test in tests], axis=1)


@dataclass(frozen=True)
class Measured:
    one_step: Arm
    """By mode of noise, anywhere in the prompt."""
    chain: Arm
    """By field of the prompt, hybrid noise."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        one_step=arm(config, lab, Symbols(compositions=ONE_STEP), {mode: f"noise={mode}:%g" for mode in MODES}),
        chain=arm(
            config,
            lab,
            Symbols(compositions=(config.chained,)),
            {field: f"noise=hybrid:%g:{field}" for field in FIELDS},
        ),
    )


def arm(config: Config, lab: Lab, task: Symbols, kinds: dict[str, str]) -> Arm:
    """Models of one task, tested under shifts whose names take the probability."""
    runs = config.fit(lab, task)
    clean = scores(lab.answer(runs, task, config.test, label="no noise"), task)
    noisy: dict[str, dict[float, Scores]] = {}
    for kind, pattern in kinds.items():
        tests = {p: pattern % p for p in config.probabilities}
        noisy[kind] = {
            p: scores(lab.answer(runs, task.shift(shift)(task), config.test, label=shift)) for p, shift in tests.items()
        }
    return Arm(clean, noisy)


def check(measured: Measured) -> list[Check]:
    one_step, chain = measured.one_step, measured.chain
    clean = solved("one step, no noise", one_step.clean.exact["full"])
    clean_chain = solved("chain, no noise", chain.clean.exact["full"])
    by_mode = {mode: one_step.distance(mode)[:, -1] for mode in MODES}
    by_field = {field: chain.distance(field)[:, -1] for field in FIELDS}
    orders = {
        ("insert", "delete"): (by_mode, clean),
        ("insert", "modify"): (by_mode, clean),
        ("element", "transformation"): (by_field, clean_chain),
        ("transformation", "instruction"): (by_field, clean_chain),
    }
    return [
        at_least(
            "hybrid: edit distance, smallest rise from one probability to the next",
            np.diff(one_step.distance("hybrid"), axis=1).min(axis=1),
            0.0,
            "the damage grows with the noise",
            gates=[clean],
        ),
        *(
            at_least(
                f"{more} - {less}, largest probability: edit distance",
                distances[more] - distances[less],
                0.0,
                "an order",
                gates=[gate],
            )
            for (more, less), (distances, gate) in orders.items()
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    probabilities = [0.0, *measured.one_step.noisy["hybrid"]]
    shared = {"x_label": "probability of noise, each token", "y_label": "edit distance", "x": probabilities}
    return [
        Curves(
            name="format_noise",
            title="One step: noise anywhere in the prompt",
            measured={mode: measured.one_step.distance(mode) for mode in MODES},
            theory={},
            **shared,
        ),
        Curves(
            name="format_noise_fields",
            title="Two steps: hybrid noise in one field of the prompt",
            measured={field: measured.chain.distance(field) for field in FIELDS},
            theory={},
            **shared,
        ),
    ]
