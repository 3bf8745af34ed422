"""Larger models recover an unseen composition with fewer examples.

Source       Zhao et al., arXiv:2508.01191, section D.5 of v6, in its text; its figure seems to say the opposite
Prediction   Trained on F1 F1 and fine-tuned on equally few examples of F2 F2 (1e-4 to 4e-4 of its 26^4 elements, as in the
             paper), the largest model has a higher exact match than the smallest on held-out elements, as a mean over the
             numbers of examples. One number alone can leave both at 0, where neither can lose.
Refuted if   The largest recovers less than the smallest.
Run          alchemy reproduce size_recovery --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Curves, Figure
from experiments.mirage.setting import ELEMENTS, Setting, full, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Larger models recover an unseen composition with fewer examples.",
    source="arXiv:2508.01191, section D.5, text",
    prediction="after equally few examples of F2 F2 the largest model trained on F1 F1 solves more than the smallest",
    refuted_if="the largest recovers less than the smallest, as a mean over the numbers of examples",
    question="Where does reasoning stop?",
)
TRAINED, TARGET = "F1 F1", "F2 F2"


@dataclass(frozen=True)
class Config(Setting):
    widths: tuple[int, ...] = (32, 64, 128)
    """Widths of the models, rising, the number of layers kept."""
    shares: tuple[float, ...] = (1e-4, 2e-4, 4e-4)
    """Of all elements, given as examples of the target."""
    tune: TrainConfig = TrainConfig(steps=200, batch=64, learning_rate=3e-3)
    """How to fine-tune, for each size."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, widths=(8, 16), shares=(1.5e-4,), tune=TrainConfig(steps=4, batch=8, chunk=4)),
    "small": SMALL,
    "full": full(SMALL, widths=(32, 64, 128, 256, 512), tune=TrainConfig(steps=2000, batch=64, chunk=500)),
}


@dataclass(frozen=True)
class Size:
    """Models of one width; exact match on held-out elements."""

    trained: np.ndarray
    """On what was trained before fine-tuning, float (s,)."""
    recovered: dict[int, np.ndarray]
    """On the target by the number of its examples, float (s,) each."""


@dataclass(frozen=True)
class Measured:
    sizes: dict[int, Size]
    """By width."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured({width: size(config, lab, width) for width in config.widths})


def size(config: Config, lab: Lab, width: int) -> Size:
    """Models of one width, fine-tuned on each number of examples."""
    task, target = Symbols(compositions=(TRAINED,)), Symbols(compositions=(TARGET,))
    runs = config.fit(lab, task, model=replace(config.model, width=width))
    trained = lab.answer(runs, task, config.test, label=f"width {width}, trained on").mean("exact_match")
    recovered = {}
    for examples in (round(share * ELEMENTS) for share in config.shares):
        tuned = lab.train(
            runs.model,
            target,
            config.tune,
            seeds=config.seeds,
            loss=config.loss,
            limit=examples,
            start=runs,
            label=f"width {width}: fine-tune on {examples}",
        )
        answers = lab.answer(tuned, target, config.test, label=f"width {width}: after {examples}")
        recovered[examples] = answers.mean("exact_match")
    return Size(trained, recovered)


def check(measured: Measured) -> list[Check]:
    widths = [min(measured.sizes), max(measured.sizes)]
    smallest, largest = (measured.sizes[width] for width in widths)
    return [
        at_least(
            f"width {widths[1]} - {widths[0]}: exact, mean over numbers of examples",
            np.mean([*largest.recovered.values()], axis=0) - np.mean([*smallest.recovered.values()], axis=0),
            0.0,
            "larger models recover faster",
            gates=[
                solved(f"width {width}, trained on", size.trained)
                for width, size in zip(widths, (smallest, largest), strict=True)
            ],
        )
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name="size_recovery",
            title=f"Fine-tuning models of {TRAINED} on a few examples of {TARGET}",
            x_label="examples (of 456,976 elements)",
            y_label="exact match on held-out elements",
            x=[*next(iter(measured.sizes.values())).recovered],
            measured={
                f"width {width}": np.stack([*size.recovered.values()], axis=1) for width, size in measured.sizes.items()
            },
            theory={},
        )
    ]
