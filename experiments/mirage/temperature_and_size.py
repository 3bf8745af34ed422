"""Neither temperature up to 1 nor model size changes how chain of thought fails on other compositions; T = 5 writes noise.

Source       Zhao et al., arXiv:2508.01191, section 8, figure 10; section D.5 of v6 on size
Prediction   At T = 1 the edit distances stay at their greedy values, at T = 5 the chain is noise (.76 to .79; with
             completions cut after the gold length here, at least .6). Every size solves what it was trained on and
             nothing else.
Refuted if   T = 1 moves a distance by more than .01, T = 5 leaves one under .6, or some size solves over 1 % of an untrained
             composition.
Run          alchemy reproduce temperature_and_size --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_least, at_most, near
from alchemy.report.figures import Curves, Figure
from experiments.mirage.setting import Scores, Setting, full, scores, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Neither temperature up to 1 nor model size changes how chain of thought fails on other compositions; at "
    "temperature 5 it writes noise.",
    source="arXiv:2508.01191, section 8, figure 10 and section D.5",
    prediction="distances unmoved at T = 1, at least .6 at T = 5; every size 0 % on compositions it was not trained on",
    refuted_if="T = 1 moves a distance by .01, T = 5 leaves one under .6, or a size solves over 1 % of an untrained one",
    question="Where does reasoning stop?",
)
SCENARIOS = {
    "CMP": (("F1 F1", "F1 F2", "F2 F1"), "F2 F2"),
    "POOD": (("F1 F2",), "F1 F1"),
    "OOD": (("F1 F1",), "F2 F2"),
}
"""Training compositions and the one that is tested."""
SIZED = ("CMP", "OOD")
"""The scenarios in which sizes are compared."""


@dataclass(frozen=True)
class Config(Setting):
    temperatures: tuple[float, ...] = (0.0, 0.01, 0.1, 1.0, 5.0, 10.0)
    widths: tuple[int, ...] = (32, 64, 128)
    """Widths of the models whose sizes are compared, the number of layers kept."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, temperatures=(0.0, 1.0, 5.0), widths=(8, 16)),
    "small": SMALL,
    "full": full(SMALL, widths=(32, 64, 128, 256, 512)),
}


@dataclass(frozen=True)
class Sampled:
    """One scenario's models at each temperature."""

    trained: np.ndarray
    """Greedy exact match on what was trained on, float (s,)."""
    tested: dict[float, Scores]
    """On the untrained composition, by temperature; the problems are the same."""


@dataclass(frozen=True)
class Sized:
    """One scenario's models of one width."""

    trained: np.ndarray
    """Exact match on what was trained on, float (s,)."""
    tested: Scores


@dataclass(frozen=True)
class Measured:
    sampled: dict[str, Sampled]
    """By scenario."""
    sized: dict[int, dict[str, Sized]]
    """By width and scenario."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        sampled={name: sampled(config, lab, name) for name in SCENARIOS},
        sized={width: {name: sized(config, lab, name, width) for name in SIZED} for width in config.widths},
    )


def sampled(config: Config, lab: Lab, scenario: str) -> Sampled:
    task, test = (Symbols(compositions=compositions) for compositions in _compositions(scenario))
    runs = config.fit(lab, task)
    trained = lab.answer(runs, task, config.test, label=f"{scenario}, trained on").mean("exact_match")
    tested = {}
    for t in config.temperatures:
        tested[t] = scores(lab.answer(runs, test, config.test, temperature=t, label=f"{scenario}, T = {t:g}"))
    return Sampled(trained, tested)


def sized(config: Config, lab: Lab, scenario: str, width: int) -> Sized:
    task, test = (Symbols(compositions=compositions) for compositions in _compositions(scenario))
    runs = config.fit(lab, task, model=replace(config.model, width=width))
    trained = lab.answer(runs, task, config.test, label=f"width {width}, trained on").mean("exact_match")
    return Sized(trained, scores(lab.answer(runs, test, config.test, label=f"width {width}, {scenario}")))


def _compositions(scenario: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    trained, tested = SCENARIOS[scenario]
    return trained, (tested,)


def check(measured: Measured) -> list[Check]:
    learned = {name: solved(f"{name}, trained on", arm.trained) for name, arm in measured.sampled.items()}
    distance = {
        name: {t: test.distance["full"] for t, test in arm.tested.items()} for name, arm in measured.sampled.items()
    }
    return [
        *(
            near(
                f"{name}, T = 1 - greedy: edit distance",
                by_temperature[1.0] - by_temperature[0.0],
                0.0,
                0.01,
                "the paper's cells move by .001",
                gates=[learned[name]],
            )
            for name, by_temperature in distance.items()
        ),
        at_least(
            "T = 5: edit distance, smallest over scenarios",
            np.min([by_temperature[5.0] for by_temperature in distance.values()], axis=0),
            0.6,
            "the paper has .76 to .79, on longer outputs",
            gates=list(learned.values()),
        ),
        *(
            at_most(
                f"width {width}: exact, largest over scenarios",
                np.max([arm.tested.exact["full"] for arm in arms.values()], axis=0),
                0.01,
                "the failure does not depend on size",
                gates=[solved(f"width {width}, {name} trained on", arm.trained) for name, arm in arms.items()],
            )
            for width, arms in measured.sized.items()
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    temperatures = [*measured.sampled["CMP"].tested]
    sized = measured.sized.values()
    return [
        Curves(
            name="temperature",
            title="Sampling temperature on other compositions",
            x_label="temperature",
            y_label="edit distance, full chain",
            x=range(len(temperatures)),
            ticks=[f"{t:g}" for t in temperatures],
            measured={
                name: np.stack([test.distance["full"] for test in arm.tested.values()], axis=1)
                for name, arm in measured.sampled.items()
            },
            theory={},
        ),
        Curves(
            name="size",
            title="Model size: what was trained on, and other compositions",
            x_label="width",
            y_label="exact match, full chain",
            x=[*measured.sized],
            log_x=True,
            measured={
                "CMP, trained on": np.stack([arms["CMP"].trained for arms in sized], axis=1),
                **{name: np.stack([arms[name].tested.exact["full"] for arms in sized], axis=1) for name in SIZED},
            },
            theory={},
        ),
    ]
