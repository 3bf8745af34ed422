"""Neither sampling temperature nor model size changes how chain of thought fails on other compositions.

Source       Zhao et al., arXiv:2508.01191, section 8, figure 10; section D.5 of v6 on size
Prediction   Up to T = 1 the edit distances stay at their greedy values, from T = 5 on the chain is noise (.76 to .83;
             with completions cut after the gold length here, at least .6). Every size solves what it was trained on and
             nothing else; larger models recover an unseen composition with fewer examples (v6, text; its figure seems
             to say the opposite).
Refuted if   T = 1 moves a distance by more than .01, T = 5 leaves it under .6, some size solves over 1 % of an untrained
             composition, or the largest recovers less than the smallest with 46 examples.
Run          alchemy reproduce temperature_and_size --preset small      # about 5 minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
    near,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import paired_difference
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
    sentence="Neither temperature nor model size changes how chain of thought fails on other compositions.",
    source="arXiv:2508.01191, section 8, figure 10 and section D.5",
    prediction="distances flat up to T = 1, at least .6 from T = 5; every size 0 % off its training; larger recover faster",
    refuted_if="T = 1 moves a distance by .01, T = 5 under .6, a size over 1 % untrained, or the largest recovers less",
)
SCENARIOS = {
    "CMP": (("F1 F1", "F1 F2", "F2 F1"), "F2 F2"),
    "POOD": (("F1 F2",), "F1 F1"),
    "OOD": (("F1 F1",), "F2 F2"),
}
EXAMPLES = round(1e-4 * ELEMENTS)


@dataclass(frozen=True)
class Config(Setting):
    temperatures: tuple[float, ...] = (0.0, 0.01, 0.1, 1.0, 5.0, 10.0)
    widths: tuple[int, ...] = (32, 64, 128)
    """Widths of the models whose sizes are compared, the number of layers kept."""
    tune: TrainConfig = field(default_factory=lambda: TrainConfig(steps=200, batch=64, learning_rate=3e-3))
    """How to fine-tune, for each size."""


PRESETS = {
    "smoke": Config(**SMOKE, temperatures=(0.0, 1.0, 5.0), widths=(8, 16), tune=TrainConfig(steps=4, batch=8, chunk=4)),
    "small": Config(**SMALL),
    "full": Config(**FULL, widths=(32, 64, 128, 256, 512), tune=TrainConfig(steps=2000, batch=64, chunk=500)),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"temperatures": list(config.temperatures), "widths": list(config.widths)}
    for name, (trained, tested) in SCENARIOS.items():
        runs, test = config.fit(lab, Symbols(compositions=trained)), Symbols(compositions=(tested,))
        greedy = lab.answer(runs, test, config.test, label=f"{name}, greedy").values("edit_distance")
        for t in config.temperatures:
            answers = lab.answer(runs, test, config.test, temperature=t, label=f"{name}, T = {t:g}")
            moved = paired_difference(answers.values("edit_distance"), greedy, 0)
            measured[f"{name}, T = {t:g}"] = {**profile(answers), "moved": moved}
    recovered = []
    for width in config.widths:
        model = replace(config.model, width=width)
        row: dict[str, Any] = {}
        for name in ("CMP", "OOD"):
            trained, tested = SCENARIOS[name]
            task, test = Symbols(compositions=trained), Symbols(compositions=(tested,))
            runs = config.fit(lab, task, model=model)
            row[f"{name}, trained on"] = profile(
                lab.answer(runs, task, config.test, label=f"width {width}, trained on")
            )
            row[name] = profile(lab.answer(runs, test, config.test, label=f"width {width}, {name}"))
        tuned = lab.train(
            runs.model,
            test,
            config.tune,
            seeds=config.seeds,
            loss=config.loss,
            limit=EXAMPLES,
            start=runs,
            label=f"width {width}, fine-tune",
        )
        answers = lab.answer(tuned, test, config.test, label=f"width {width}, fine-tuned")
        recovered.append(answers.values("exact_match"))
        measured[f"width {width}"] = {**row, "recovered": profile(answers)}
    measured["recovery, largest - smallest"] = paired_difference(recovered[-1], recovered[0], 0)
    return measured


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for name in SCENARIOS:
        moved = measured[f"{name}, T = 1"]["moved"]
        checks.append(near(f"{name}, T = 1: distance moved", moved, 0.0, 0.01, "the paper's cells move by .001"))
        hot = measured[f"{name}, T = 5"]["distance full"]
        checks.append(at_least(f"{name}, T = 5: distance", hot, 0.6, "the paper has .76 to .79, on longer outputs"))
    for width in measured["widths"]:
        for name in ("CMP", "OOD"):
            familiar = measured[f"width {width}"][f"{name}, trained on"]["exact full"]
            shifted = measured[f"width {width}"][name]["exact full"]
            checks += [
                at_least(f"width {width}, {name} trained on: exact", familiar, 0.99, "solved", precondition=True),
                at_most(f"width {width}, {name}: exact", shifted, 0.01, "the failure does not depend on size"),
            ]
    gap = measured["recovery, largest - smallest"]
    return [*checks, at_least(f"{EXAMPLES} examples, largest - smallest: exact", gap, 0.0, "larger recover faster")]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    temperatures, widths = measured["temperatures"], measured["widths"]
    return [
        Curves(
            name="temperature",
            title="Sampling temperature on other compositions",
            x_label="temperature",
            y_label="edit distance, full chain",
            x=range(len(temperatures)),
            ticks=[f"{t:g}" for t in temperatures],
            measured={
                name: [measured[f"{name}, T = {t:g}"]["distance full"] for t in temperatures] for name in SCENARIOS
            },
            theory={},
        ),
        Curves(
            name="size",
            title=f"Model size: untrained compositions, and after {EXAMPLES} examples",
            x_label="width",
            y_label="exact match, full chain",
            x=widths,
            log_x=True,
            measured={
                label: [measured[f"width {width}"][name]["exact full"] for width in widths]
                for name, label in (
                    ("CMP, trained on", "trained on"),
                    ("CMP", "CMP"),
                    ("OOD", "OOD"),
                    ("recovered", f"OOD after {EXAMPLES} examples"),
                )
            },
            theory={},
        ),
    ]
