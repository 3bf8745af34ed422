"""Chain of thought does not reach other numbers of steps, and mixing them into training trades one for the other.

Source       Zhao et al., arXiv:2508.01191, section 6, figure 8 of v3 (figure 6 of v6)
Prediction   After training on two steps (F1 F1), one step (F1) and three (F1 F1 F1) are solved 0 %. As their share of a
             training set of constant size rises, they are learned while two steps are lost; at a share of 1 only they
             work.
Refuted if   An untrained number of steps is solved by more than 1 %, or two steps are still solved by more than 95 %
             when half of the training set has another number: then nothing is traded.
Control      In the paper's format a prompt of one step ends in `<answer>` and others in `<think>`, so one step is also a
             new format. The uniform dialect keeps the marker; its exact match at one step is reported beside.
Run          alchemy reproduce step_number --preset small      # 3-4 minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Curves, Figure
from experiments.mirage.setting import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
    profile,
)
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Chain of thought does not reach other numbers of steps; mixing them in trades one for the other.",
    source="arXiv:2508.01191, section 6, figure 8",
    prediction="0 % at one and three steps after two; with their share rising they are learned and two steps are lost",
    refuted_if="over 1 % at an untrained number of steps, or over 95 % at two steps when half the training has another",
)
TRAINED = 2


@dataclass(frozen=True)
class Config(Setting):
    primitive: str = "F1"
    targets: tuple[int, ...] = (1, 3)
    """Numbers of steps to reach."""
    shares: tuple[float, ...] = (0.0, 0.1, 0.5, 0.9, 1.0)
    """Of the target in training; the others have two steps."""


PRESETS = {
    "smoke": Config(**SMOKE, shares=(0.0, 0.5, 1.0)),
    "small": Config(**SMALL),
    "full": Config(**FULL, shares=(0.0, 0.01, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"shares": list(config.shares), "targets": list(config.targets)}
    base = " ".join([config.primitive] * TRAINED)
    for steps in config.targets:
        target = " ".join([config.primitive] * steps)
        for share in config.shares:
            mixed = {base: 1 - share, target: share}
            present = {composition: weight for composition, weight in mixed.items() if weight}
            task = Symbols(compositions=tuple(present), weights=tuple(present.values()) if len(present) > 1 else ())
            runs = config.fit(lab, task, slow=True, label=f"train with {share:g} of {steps} steps")
            measured[f"{steps} steps, share {share:g}"] = {
                name: profile(lab.answer(runs, Symbols(compositions=(one,)), config.test, label=f"answer {one}"))
                for name, one in (("target", target), ("two steps", base))
            }
    uniform = Symbols(compositions=(base,), dialect="uniform")
    runs = config.fit(lab, uniform, slow=True, label="train with a constant marker")
    one_step = Symbols(compositions=(config.primitive,), dialect="uniform")
    measured["constant marker"] = {
        "two steps": profile(lab.answer(runs, uniform, config.test)),
        "one step": profile(lab.answer(runs, one_step, config.test)),
    }
    return measured


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for steps in measured["targets"]:
        rows = {share: measured[f"{steps} steps, share {share:g}"] for share in measured["shares"]}
        ends = ((0.0, "two steps"), (1.0, "target"))
        checks += [
            at_least(
                f"{steps} steps, share {share:g}: exact {name}",
                rows[share][name]["exact full"],
                0.99,
                "solved",
                precondition=True,
            )
            for share, name in ends
        ]
        checks += [
            at_most(f"{steps} steps, share 0: exact target", rows[0.0]["target"]["exact full"], 0.01, "no transfer"),
            at_most(f"{steps} steps, share 1: exact two steps", rows[1.0]["two steps"]["exact full"], 0.01, "only it"),
            at_least(
                f"{steps} steps, share .5: exact target",
                rows[0.5]["target"]["exact full"],
                0.5,
                "the target is learned with its share",
            ),
            at_most(
                f"{steps} steps, share .5: exact two steps",
                rows[0.5]["two steps"]["exact full"],
                0.95,
                "a loss that is worth the name",
            ),
        ]
    marker = measured["constant marker"]["one step"]["exact full"]
    return [*checks, at_most("constant marker: exact one step", marker, 0.01, "the failure is not the marker's alone")]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    shares = measured["shares"]
    return [
        Curves(
            name="step_number",
            title="Mixing another number of steps into training on two",
            x_label="share of the target in training",
            y_label="exact match, full chain",
            x=shares,
            measured={
                f"{label}, target {steps}": [
                    measured[f"{steps} steps, share {share:g}"][name]["exact full"] for share in shares
                ]
                for steps in measured["targets"]
                for name, label in (("target", "target"), ("two steps", "two steps"))
            },
            theory={},
        )
    ]
