"""Fewer examples repair a composition the nearer it is to what was trained.

Source       Zhao et al., arXiv:2508.01191, section 5.1, figure 4: fine-tuning on a share of unseen data
Prediction   Fine-tuned on the same examples of F2 F2, models trained on it before (ID), on the three other compositions of
             F1 and F2 (CMP), on F1 F2 (POOD) and on F1 F1 (OOD) recover in this order.
Refuted if   A nearer start does worse than the next farther one, by exact match on the same held-out elements, as a mean
             over all numbers of examples.
Run          alchemy reproduce finetuning_order --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from itertools import pairwise

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Figure
from experiments.mirage.finetuning import PRESETS, STARTS, Config, Measured, curves, start
from experiments.mirage.setting import solved

__all__ = ["PRESETS", "Config"]

CLAIM = Claim(
    sentence="Fewer examples repair a composition the nearer it is to what was trained.",
    source="arXiv:2508.01191, section 5.1, figure 4",
    prediction="exact match after equally many examples: ID > CMP > POOD > OOD",
    refuted_if="a nearer start worse than the next farther one, as a mean over all numbers of examples",
    question="Where does reasoning stop?",
)


def run(config: Config, lab: Lab) -> Measured:
    return Measured({name: start(config, lab, name) for name in STARTS})


def check(measured: Measured) -> list[Check]:
    mean = {name: models.exact()[:, 1:].mean(axis=1) for name, models in measured.starts.items()}
    learned = {name: solved(f"{name}, trained on", models.trained) for name, models in measured.starts.items()}
    return [
        at_least(
            f"{near} - {far}: exact, mean over numbers of examples",
            mean[near] - mean[far],
            0.0,
            "the nearer start is no worse",
            gates=[learned[near], learned[far]],
        )
        for near, far in pairwise(STARTS)
    ]


def figures(measured: Measured) -> list[Figure]:
    return [curves("finetuning_order", measured)]
