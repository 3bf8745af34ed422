"""Writing the elimination solves linear equations; answering at once hardly goes beyond what single equations show.

Source       Feng et al., arXiv:2305.15408, section 5: with steps 1.000; without them .022 to .038 on three unknowns modulo 11
             at three to five layers, and on four unknowns exactly what guessing scores.
Prediction   Three equations modulo 5, one unknown asked for. Two layers that write the elimination, an equation a step,
             answer .98 of held-out problems rightly. The same model, trained on as many problems to answer at once, exceeds by
             .1 at most what reading an unknown off an equation that shows it alone scores, .258: `tasks/equations/laws.py`.
             One unknown is asked for because all three are another matter: guess the first, solve for the others, and a
             fifth of the answers is right, 25 times what guessing all of them scores.
Refuted if   The elimination solves less than .98, or direct answers exceed .358; each in most seeds.
Controls     A direct model counts only if the same recipe solves systems of one unknown an equation, in prompts of the same
             shape, and if its loss no longer falls: by at most .05 nats an answer in the last quarter of training. Four layers
             are measured beside two, and whether answers follow a right-hand side that is changed in the elimination;
             neither is judged.
Run          alchemy reproduce linear_equations --preset small      # 37 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split
from models.transformer import Transformer
from tasks.equations import Equations, laws

CLAIM = Claim(
    sentence="Writing the elimination solves linear equations; answering at once hardly goes beyond what single equations show.",
    source="arXiv:2305.15408, section 5",
    prediction="with steps at least .98; at once at most .1 above reading off single equations",
    refuted_if="under .98 with steps, or direct answers .1 above what reading off scores",
    question="What does a step buy?",
    among="models of a recipe that answers at once where an equation shows the unknown alone",
)
ANSWER_TOKENS = 3
"""Tokens of a direct completion: the mark, the answer, the end. The first and the last are certain."""


@dataclass(frozen=True)
class Config:
    """Eliminations and direct answers, of the same model and the same number of problems."""

    seeds: int = 5
    """Replicates, each with weights, training data and test problems of its own. Five that agree are the fewest to hold; to
    fail takes more, and an elimination is slow to learn."""
    test: int = 800
    """Held-out problems in each test of each seed; a quarter is for gates."""
    changed: int = 40
    """Held-out problems in which every step is changed in turn."""
    modulus: int = 5
    unknowns: int = 3
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=80, tied=False, activation="relu")
    deep: int = 4
    """Layers of the deeper model that answers at once."""
    train: TrainConfig = TrainConfig(steps=3600, batch=64, learning_rate=3e-3)

    @property
    def elimination(self) -> Equations:
        return Equations(modulus=self.modulus, unknowns=self.unknowns, asked="one")

    @property
    def direct(self) -> Equations:
        return replace(self.elimination, cot=False)

    @property
    def read_off(self) -> Equations:
        """Each equation shows one unknown alone, so that one look-up and one division answer."""
        return replace(self.direct, zeros=1.0)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=8,
        changed=4,
        modulus=31,
        unknowns=1,
        model=Transformer(width=16, layers=1, heads=2, context=40, tied=False, activation="relu"),
        deep=1,
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        modulus=11,
        model=Transformer(width=256, layers=2, heads=4, context=80, tied=False, activation="relu"),
        train=TrainConfig(steps=50_000, batch=512, learning_rate=1e-3, chunk=500),
    ),
}


@dataclass(frozen=True)
class Arm:
    """Models trained on one kind of text, a number a seed: float (s,)."""

    right: np.ndarray
    """Share of right answers to held-out problems."""
    gate: np.ndarray
    """The same of other problems, for gates."""
    fall: np.ndarray
    """How much lower the loss was in the last quarter of training than in the quarter before, nats a token."""


@dataclass(frozen=True)
class Measured:
    elimination: Arm
    direct: Arm
    deep: Arm
    """Direct answers of more layers."""
    read_off: Arm
    """Direct answers where each equation shows one unknown alone."""
    follow: np.ndarray
    """Share of answers that follow a changed right-hand side in the elimination, float (s,)."""
    ignore: np.ndarray
    """Share of them that stay as they were."""
    floor: float
    """Right answers by reading off single equations, guessing elsewhere."""


def run(config: Config, lab: Lab) -> Measured:
    runs, elimination = _arm(config, lab, config.elimination, config.model, "elimination")
    rates = lab.intervene(runs, config.elimination, config.changed, label="change a step").answer.rates
    deeper = replace(config.model, layers=config.deep)
    return Measured(
        elimination=elimination,
        direct=_arm(config, lab, config.direct, config.model, "direct")[1],
        deep=_arm(config, lab, config.direct, deeper, f"direct, {config.deep} layers")[1],
        read_off=_arm(config, lab, config.read_off, config.model, "direct, one unknown an equation")[1],
        follow=rates.follow,
        ignore=rates.ignore,
        floor=laws.read_off(config.modulus, config.unknowns),
    )


def _arm(config: Config, lab: Lab, task: Equations, model: Transformer, name: str) -> tuple[Runs, Arm]:
    runs = lab.train(model, task, config.train, seeds=config.seeds, label=f"train {name}")
    right = lab.answer(runs, task, config.test, label=f"answer, {name}").values("answer")
    gate, judged = gate_split(config.test)
    return runs, Arm(right[:, judged].mean(axis=1), right[:, gate].mean(axis=1), fall(runs.trained.losses))


def fall(losses: np.ndarray) -> np.ndarray:
    """Mean loss of the third quarter of training less that of the last, float (s,), of losses (s, steps)."""
    quarter = losses.shape[1] // 4
    return losses[:, -2 * quarter : -quarter].mean(axis=1) - losses[:, -quarter:].mean(axis=1)


def check(measured: Measured) -> list[Check]:
    able = Gate(
        "one unknown an equation, direct", measured.read_off.gate, 0.9, inf, "the recipe learns to answer at once"
    )
    still = Gate(
        "direct: fall of the loss in nats an answer",
        measured.direct.fall * ANSWER_TOKENS,
        -inf,
        0.05,
        "a plateau, beside what a guess costs: the log of the modulus",
    )
    return [
        at_least(
            "elimination: right", measured.elimination.right, 0.98, "1.000 in the source, with a hundredth to spare"
        ),
        at_most(
            "direct: right - reading off",
            measured.direct.right - measured.floor,
            0.1,
            "what single equations show, and a tenth for what pairs of them do",
            gates=[able, still],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    arms = {
        "elimination\n2 layers": measured.elimination,
        "at once\n2 layers": measured.direct,
        "at once\n4 layers": measured.deep,
        "at once, one\nunknown an equation": measured.read_off,
    }
    return [
        Bars(
            name="linear_equations",
            title="Linear equations modulo a prime, one unknown asked for",
            y_label="right answers",
            groups=list(arms),
            measured={"measured": np.stack([arm.right for arm in arms.values()], axis=1)},
            theory={"measured": [1.0, measured.floor, measured.floor, 1.0]},
            note="Dotted: an elimination, and reading the unknown off an equation that shows it alone.",
        ),
        Bars(
            name="linear_equations_followed",
            title="A right-hand side is changed in the elimination",
            y_label="share of answers",
            groups=["follow", "stay as they were"],
            measured={"elimination": np.stack([measured.follow, measured.ignore], axis=1)},
            theory={},
        ),
    ]
