"""Layers do not replace the chain: a model without one stays behind a search though its layers are passed twice.

Source       Ours, beside Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825, whose models all write a chain
Prediction   On bridges of depth 1 the target is three edges away, which eight layers passed twice are enough for by
             doubling. Trained without a chain, on 32,000 graphs, less than a fifth of those the search has, such a model
             stays .2 behind one greedy search by its decisions. (A check of `durable_advantage` in earlier runs.)
Refuted if   The looped model without a chain comes within .2 of the search, in most seeds.
Run          alchemy reproduce looped_layers --preset small      # after depth_law, whose searches it shares
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Bars, Figure
from experiments.graph_search.bridges import FULL, RECIPE, SMOKE, Setting, by_seed

CLAIM = Claim(
    sentence="Layers do not replace the chain: without one a model stays .2 behind a search though its layers are passed"
    " twice.",
    source="ours, beside arXiv:2505.21825",
    prediction="a looped model without a chain decides .2 worse than one search does at depth 1, after a fifth of its graphs",
    refuted_if="the looped model without a chain within .2 of the search",
    question="What does a step buy?",
)


@dataclass(frozen=True)
class Config(Setting):
    no_chain: TrainConfig = replace(RECIPE, steps=1000)
    """Of the looped model without a chain."""


PRESETS = {
    "smoke": replace(Config(), **SMOKE, no_chain=SMOKE["train"]),
    "small": Config(),
    "full": replace(Config(), **FULL, no_chain=replace(RECIPE, steps=20_000, batch=256)),
}


@dataclass(frozen=True)
class Measured:
    """Accuracy of greedy decisions at depth 1, float (s,): one that names neither candidate is a coin."""

    search: np.ndarray
    looped: np.ndarray
    """Without a chain, the layers passed twice."""


def run(config: Config, lab: Lab) -> Measured:
    search = config.fit(lab, "dfs", 1)
    looped = lab.train(
        replace(config.model, loops=2),
        config.task("none", 1),
        config.no_chain,
        seeds=config.seeds,
        label="train without a chain, layers twice",
    )
    test, _ = config.greedy(lab, search)
    silent, _ = config.greedy(lab, looped)
    return Measured(by_seed(test.majority_of(1)), by_seed(silent.majority_of(1)))


def check(measured: Measured) -> list[Check]:
    return [
        at_least(
            "depth 1: search - no chain, layers twice",
            measured.search - measured.looped,
            0.2,
            "layers do not replace the chain",
        )
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Bars(
            name="looped_layers",
            title="Decisions at depth 1: with a search, and without a chain",
            y_label="accuracy",
            groups=["search", "no chain, layers twice"],
            measured={"greedy": np.stack([measured.search, measured.looped], axis=1)},
            theory={"greedy": [1.0, 0.5]},
        )
    ]
