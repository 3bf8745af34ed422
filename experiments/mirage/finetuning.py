"""A few dozen examples repair an unseen composition of known primitives.

Source       Zhao et al., arXiv:2508.01191, section 5.1, figure 4: fine-tuning on a share of unseen data
Prediction   Models trained on the three other compositions of F1 and F2 (CMP) recover most of F2 F2 when they are
             fine-tuned on 1.5e-4 of its 26^4 elements (69 problems).
Refuted if   At 69 problems exact match on held-out elements is under 50 %.
Run          alchemy reproduce finetuning --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Curves, Figure
from experiments.mirage.setting import ELEMENTS, Scores, Setting, full, scores, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="A few dozen examples repair an unseen composition of known primitives.",
    source="arXiv:2508.01191, section 5.1, figure 4",
    prediction="69 of 456,976 elements recover most of F2 F2 after training on F1 F1, F1 F2 and F2 F1",
    refuted_if="under 50 % exact match on held-out elements after 69 examples",
    question="Where does reasoning stop?",
)
TARGET = "F2 F2"
STARTS = {
    "ID": ("F2 F2",),
    "CMP": ("F1 F1", "F1 F2", "F2 F1"),
    "POOD": ("F1 F2",),
    "OOD": ("F1 F1",),
}
"""What was trained before, from near to far."""
JUDGED = round(1.5e-4 * ELEMENTS)


@dataclass(frozen=True)
class Config(Setting):
    shares: tuple[float, ...] = (0.5e-4, 1e-4, 1.5e-4, 2e-4, 3e-4, 6e-4)
    """Of all elements, given as examples of the target."""
    tune: TrainConfig = TrainConfig(steps=200, batch=64, learning_rate=3e-3)
    """How to fine-tune."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, shares=(0.5e-4, 1.5e-4), tune=TrainConfig(steps=4, batch=8, chunk=4)),
    "small": SMALL,
    "full": full(SMALL, tune=TrainConfig(steps=20_000, batch=256, learning_rate=5e-3, chunk=1000)),
}


@dataclass(frozen=True)
class Start:
    """Models trained on one start, before and after fine-tuning on the target."""

    trained: np.ndarray
    """Exact match on what was trained before, float (s,)."""
    before: Scores
    """On the target."""
    after: dict[int, Scores]
    """On the target, by the number of its examples."""

    def exact(self) -> np.ndarray:
        """Exact match on the target before and after each number of examples: float (s, 1 + m)."""
        return np.stack([test.exact["full"] for test in (self.before, *self.after.values())], axis=1)


@dataclass(frozen=True)
class Measured:
    starts: dict[str, Start]


def run(config: Config, lab: Lab) -> Measured:
    return Measured({"CMP": start(config, lab, "CMP")})


def start(config: Config, lab: Lab, name: str) -> Start:
    """Models of one start, fine-tuned on each number of examples."""
    task, target = Symbols(compositions=STARTS[name]), Symbols(compositions=(TARGET,))
    runs = config.fit(lab, task)
    trained = lab.answer(runs, task, config.test, label=f"{name}: trained on")
    before = lab.answer(runs, target, config.test, label=f"{name}: before")
    after = {}
    for examples in (round(share * ELEMENTS) for share in config.shares):
        tuned = lab.train(
            runs.model,
            target,
            config.tune,
            seeds=config.seeds,
            loss=config.loss,
            limit=examples,
            start=runs,
            label=f"{name}: fine-tune on {examples}",
        )
        after[examples] = scores(lab.answer(tuned, target, config.test, label=f"{name}: after {examples}"))
    return Start(trained.mean("exact_match"), scores(before, task), after)


def check(measured: Measured) -> list[Check]:
    cmp = measured.starts["CMP"]
    return [
        at_least(
            f"CMP after {JUDGED} examples: exact",
            cmp.after[JUDGED].exact["full"],
            0.5,
            "most of it",
            gates=[solved("CMP, trained on", cmp.trained)],
        )
    ]


def figures(measured: Measured) -> list[Figure]:
    return [curves("finetuning", measured)]


def curves(figure: str, measured: Measured) -> Figure:
    """Exact match over the number of examples, a curve a start."""
    return Curves(
        name=figure,
        title=f"Fine-tuning on a few examples of {TARGET}",
        x_label="examples (of 456,976 elements)",
        y_label="exact match on held-out elements",
        x=[0, *next(iter(measured.starts.values())).after],
        measured={name: models.exact() for name, models in measured.starts.items()},
        theory={},
    )
