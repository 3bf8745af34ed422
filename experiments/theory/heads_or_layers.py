"""Heads help two layers to take two hops, and are not worth a layer: eight of them stay behind three layers of four.

Source       Sanford, Hsu, Telgarsky, arXiv:2402.09268: their largest number of hops with an error of at most .05 is 1, 3, 5, 8 and 15 at
             two to six layers of four heads, and with eight heads about as many as with one layer more, at the same width. One
             training each
Prediction   Texts, hops and training as in `hops_by_depth`, 40 of 6 letters, where models are told at every letter where the hops from there
             end. At two hops two layers of eight heads are right in .15 more than two layers of two, at the same width, which is the
             same number of parameters. Three layers of four heads are right in .9 there, in .1 more than two layers of eight, and in
             .05 more than wider ones of eight that have as many parameters as three layers.
Refuted if   One of these four numbers is on the other side in most seeds.
Controls     A seed counts where all of these models take one hop, in .9 of other problems. Width 80 in place of 64 gives two layers more
             parameters than three layers have, and heads of 10 numbers in place of 8. Scores of the best readers of the last 8, 16
             and 24 letters stand beside those of models. Training is equal, and losses of two layers still fall when it
             ends: that more training would not do is not said. In trials on seeds 900 and 901 two layers were right in
             .46 and .49 at two hops with two heads, in .73 and .78 with eight, and in .84 and .84 with eight at width 80; three layers of
             two heads in .73 and 1.00, so that these are not judged. Three layers of four heads are those of `hops_by_depth`, where they were right in .99 and more.
Run          alchemy reproduce heads_or_layers --preset small      # 9 minutes on 2 CPU cores, 7 after hops_by_depth
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Figure, HeatMap
from alchemy.stats.replicates import gate_split
from alchemy.terminal import counted
from experiments.theory import hops_by_depth
from models.transformer import Transformer

CLAIM = Claim(
    sentence="Heads help two layers to take two hops, and are not worth a layer: eight of them stay behind three layers of four.",
    source="arXiv:2402.09268",
    prediction="two hops: eight heads .15 above two in two layers; three layers of four right in .9, .1 above two of eight, .05 above wider two",
    refuted_if="one of the four numbers on the other side",
    question="What does a step buy?",
    among="models that take one hop",
)


@dataclass(frozen=True)
class Config:
    """The same texts for models of a few shapes."""

    seeds: int = 5
    """Replicates, each with weights, training texts and test problems of its own. Five that agree are the fewest to hold."""
    few: int = 2
    """Heads of two layers, at the width of the others."""
    many: int = 8
    """The same, of four times as many heads, each a quarter as wide."""
    wide: int = 80
    """Width at which two layers have as many parameters as three have."""
    hops: hops_by_depth.Config = hops_by_depth.SMALL
    """Texts, hops and how models are trained; three layers are those of it."""

    @property
    def models(self) -> dict[str, Transformer]:
        """By name."""
        two, three = replace(self.hops.model, layers=2), replace(self.hops.model, layers=3)
        return {
            "few": replace(two, heads=self.few),
            "many": replace(two, heads=self.many),
            "wide": replace(two, heads=self.many, width=self.wide),
            "three": three,
        }


SMALL = Config()
PRESETS = {
    "smoke": Config(seeds=1, few=2, many=2, wide=16, hops=hops_by_depth.PRESETS["smoke"]),
    "small": SMALL,
    "full": Config(seeds=10, few=4, many=16, wide=160, hops=hops_by_depth.PRESETS["full"]),
}


@dataclass(frozen=True)
class Measured:
    """Shares of held-out problems that models answer rightly, float (s, h) by the number of hops."""

    hops: tuple[int, ...]
    right: dict[str, np.ndarray]
    """By the name of the model."""
    gates: dict[str, np.ndarray]
    """The same of other problems, for gates."""
    windows: dict[int, list[float]]
    """What the best reader of so many last letters scores, for each number of hops."""


def run(config: Config, lab: Lab) -> Measured:
    gate, judged = gate_split(config.hops.test)
    how = replace(config.hops, seeds=config.seeds)
    right = {
        name: hops_by_depth.at_once(replace(how, model=model), lab, model.layers, f"{name}: ")
        for name, model in config.models.items()
    }  # (s, h, n)
    return Measured(
        hops=how.hops,
        right={name: values[..., judged].mean(axis=2) for name, values in right.items()},
        gates={name: values[..., gate].mean(axis=2) for name, values in right.items()},
        windows={size: [hops_by_depth.window(how, hops, size) for hops in how.hops] for size in hops_by_depth.WINDOWS},
    )


def check(measured: Measured) -> list[Check]:
    one, two = measured.hops[:2]
    able = [
        Gate(f"{name}, hops {one}: right", gated[:, 0], 0.9, inf, "it takes a hop")
        for name, gated in measured.gates.items()
    ]
    few, many, wide, three = (right[:, 1] for right in measured.right.values())
    return [
        at_least(
            f"hops {two}: right, 2 layers, many heads - few", many - few, 0.15, "half of what was seen", gates=able
        ),
        at_least(f"hops {two}: right, 3 layers", three, 0.9, "they take both", gates=able),
        at_least(
            f"hops {two}: right, 3 layers - 2, many heads", three - many, 0.1, "half of what was seen", gates=able
        ),
        at_least(
            f"hops {two}: right, 3 layers - 2, many heads, as many parameters",
            three - wide,
            0.05,
            "one problem of twenty",
            gates=able,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    names = {
        "few": "2 layers,\nfew heads",
        "many": "2 layers,\nmany heads",
        "wide": "2 layers, wide,\nmany heads",
        "three": "3 layers",
    }
    seeds = len(measured.right["few"])
    rows = {f"last {size} letters": np.tile(scores, (seeds, 1)) for size, scores in measured.windows.items()}
    rows |= {names[name]: right for name, right in measured.right.items()}
    return [
        HeatMap(
            name="heads_or_layers",
            title="Hops at once: readers of the last letters, and models",
            y_label="reader",
            rows=list(rows),
            columns=[counted(hops, "hop") for hops in measured.hops],
            measured=np.stack(list(rows.values()), axis=1),
            scale="right letters",
        )
    ]
