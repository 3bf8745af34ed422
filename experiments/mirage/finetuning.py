"""A few dozen examples of an unseen composition repair it, and fewer suffice the nearer it is to what was trained.

Source       Zhao et al., arXiv:2508.01191, section 5.1, figure 4: fine-tuning on a share of unseen data
Prediction   Fine-tuned on 1.5e-4 of the 26^4 elements of F2 F2 (69 problems), models trained on near compositions
             already recover most of it; the order is ID > CMP > POOD > OOD.
Refuted if   At 69 problems CMP has under 50 % exact match on held-out elements, or a nearer start does worse than a
             farther one, by exact match over all the shares together.
Run          alchemy reproduce finetuning --preset small      # about 5 minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.former import Check, Claim, at_least
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import paired_difference, threshold_crossing
from experiments.mirage.setting import (
    ELEMENTS,
    FULL,
    SMALL,
    SMOKE,
    Setting,
    profile,
)
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="A few dozen examples of an unseen composition repair it; fewer suffice the nearer it is to the trained.",
    source="arXiv:2508.01191, section 5.1, figure 4",
    prediction="69 of 456,976 elements recover most of it after CMP training; ID > CMP > POOD > OOD",
    refuted_if="CMP under 50 % at 69 examples, or a nearer start worse than a farther one over all shares",
)
TARGET = "F2 F2"
STARTS = {
    "ID": ("F2 F2",),
    "CMP": ("F1 F1", "F1 F2", "F2 F1"),
    "POOD": ("F1 F2",),
    "OOD": ("F1 F1",),
}
HIGHLIGHT = 1.5e-4


@dataclass(frozen=True)
class Config(Setting):
    shares: tuple[float, ...] = (0.5e-4, 1e-4, 1.5e-4, 2e-4, 3e-4, 6e-4)
    """Of all elements, given as examples of the target."""
    tune: TrainConfig = field(default_factory=lambda: TrainConfig(steps=200, batch=64, learning_rate=3e-3))
    """How to fine-tune."""


PRESETS = {
    "smoke": Config(**SMOKE, shares=(1.5e-4,), tune=TrainConfig(steps=4, batch=8, chunk=4)),
    "small": Config(**SMALL),
    "full": Config(**FULL, tune=TrainConfig(steps=20_000, batch=256, learning_rate=5e-3, chunk=1000)),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    target = Symbols(compositions=(TARGET,))
    measured: dict[str, Any] = {"examples": [round(share * ELEMENTS) for share in config.shares]}
    curves: dict[str, np.ndarray] = {}
    for start, compositions in STARTS.items():
        runs = config.fit(lab, Symbols(compositions=compositions))
        before = lab.answer(runs, target, config.test, label=f"{start}: before")
        measured[f"{start}, 0"] = {**profile(before), "floors": before.floors(runs.task)}
        after = []
        for examples in measured["examples"]:
            label = f"{start}: fine-tune on {examples}"
            tuned = lab.train(
                runs.model,
                target,
                config.tune,
                seeds=config.seeds,
                loss=config.loss,
                limit=examples,
                start=runs,
                label=label,
            )
            answers = lab.answer(tuned, target, config.test, label=f"{start}: after {examples}")
            measured[f"{start}, {examples}"] = profile(answers)
            after.append(answers.values("exact_match"))
        curves[start] = np.stack(after)
    for near, far in pairwise(STARTS):
        a, b = (np.concatenate(list(curves[start]), axis=1) for start in (near, far))
        measured[f"{near} - {far}"] = paired_difference(a, b, 0)
    if len(config.shares) > 1:
        measured["examples to 50 %"] = {
            start: threshold_crossing(np.array(measured["examples"]), curve, 0.5, 0, falling=False)
            for start, curve in curves.items()
        }
    return measured


def check(measured: Mapping[str, Any]) -> list[Check]:
    highlight = round(HIGHLIGHT * ELEMENTS)
    checks = [
        at_least("ID before fine-tuning: exact", measured["ID, 0"]["exact full"], 0.99, "solved", precondition=True),
        at_least(f"CMP after {highlight}: exact", measured[f"CMP, {highlight}"]["exact full"], 0.5, "most of it"),
    ]
    return checks + [
        at_least(f"{near} - {far}: exact", measured[f"{near} - {far}"], 0.0, "the nearer start is no worse")
        for near, far in pairwise(STARTS)
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    examples = measured["examples"]
    return [
        Curves(
            name="finetuning",
            title=f"Fine-tuning on a few examples of {TARGET}",
            x_label="examples (of 456,976 elements)",
            y_label="exact match on held-out elements",
            x=[0, *examples],
            measured={
                start: [measured[f"{start}, {count}"]["exact full"] for count in (0, *examples)] for start in STARTS
            },
            theory={},
        )
    ]
