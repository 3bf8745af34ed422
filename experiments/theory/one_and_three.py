"""Models take four hops as one and three, not as two and two: layers double what they reach, but not by joining halves.

Source       Ours, on models of `hops_by_depth`. In the construction of Sanford, Hsu, Telgarsky, arXiv:2402.09268, each layer
             joins two walks of equal length; exchanging activations is as in Geiger et al., arXiv:2106.02997
Prediction   Models of four layers are asked for four hops at the last letter. Behind the third layer the activation at one place
             is exchanged for that of another problem, so that only the last layer can miss it. If it joined two hops and
             two, it would need the place after two. But right answers stay in .9 there; at the place after one hop, or the
             one after three, a fifth of them or more are lost.
Refuted if   At the place after two hops less than .9 of the right answers stay, or at both others more than .8, in most seeds.
Controls     Models count only if they are right in .9. In the five models of `hops_by_layer` .99 and more of the right answers
             stayed at the place after two hops, in two others on which it was tried out 1.00 and .38: hence this claim, on
             models and problems of its own. What is exchanged without loss need not be without use, since another place may
             say the same: it is asked which place is needed, not which one is read.
Run          alchemy reproduce one_and_three --preset small      # 8 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from experiments.theory import hops_by_depth, hops_by_layer
from experiments.theory.hops_by_depth import trained
from experiments.theory.hops_by_layer import answers_kept

CLAIM = Claim(
    sentence="Models take four hops as one and three, not as two and two.",
    source="ours, on models of arXiv:2402.09268; exchanges after arXiv:2106.02997",
    prediction="exchanged behind layer 3, the place after two hops costs a tenth of answers at most, after one or three a fifth",
    refuted_if="over a tenth is lost at the place after two hops, or under a fifth at both others",
    question="Is the trace used?",
    among="models of four layers that take four hops",
)
FURTHER = 500
"""Seeds from here on were not used by `hops_by_layer`, whose models led to this claim."""


@dataclass(frozen=True)
class Config(hops_by_layer.Config):
    """As in `hops_by_layer`, with other seeds, and nothing probed."""

    probed: int = 0


SMALL = Config()
SMOKE = hops_by_depth.PRESETS["smoke"]
PRESETS = {
    "smoke": Config(seeds=1, test=16, layers=3, hops=replace(SMOKE, hops=(3,), length=14)),
    "small": SMALL,
    "full": Config(seeds=15, test=1000),
}


@dataclass(frozen=True)
class Measured:
    """Shares of problems."""

    right: np.ndarray
    """Right answers of most hops, (s,)."""
    kept: np.ndarray
    """Right answers that stay when the activation behind the last layer but one is exchanged at the place after a hop, (s, h)."""


def run(config: Config, lab: Lab) -> Measured:
    how = replace(config.hops, seeds=config.seeds)
    return Measured(
        *answers_kept(config, lab, trained(how, lab, how.at_once, config.layers, f"{config.layers} layers", FURTHER))
    )


def check(measured: Measured) -> list[Check]:
    gates = [Gate("hops 4: right", measured.right, 0.9, inf, "it takes them at all")]
    one, two, three = measured.kept[:, :3].T
    return [
        at_least("place after two hops: right answers that stay", two, 0.9, "two and two would lose most", gates=gates),
        at_most(
            "place after one or three hops, the worse: right answers that stay",
            np.minimum(one, three),
            0.8,
            "an exchange that costs nothing anywhere would say nothing",
            gates=gates,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    hops = [f"after {hop}" for hop in ("one hop", "two hops", "three hops")]
    return [
        Bars(
            name="one_and_three",
            title="Right answers that stay when one place is exchanged before the last layer",
            y_label="right answers that stay",
            groups=[f"place {name}" for name in hops],
            measured={f"model {seed + 1}": row[None, :3] for seed, row in enumerate(measured.kept)},
            theory={},
        )
    ]
