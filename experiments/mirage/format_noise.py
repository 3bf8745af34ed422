"""Format noise breaks the chain: the damage grows with its probability, most by insertion, least in the instruction.

Source       Zhao et al., arXiv:2508.01191, section 7, figure 9; the replay law of the distance is ours
Prediction   The edit distance of a one-step answer is that of chance times the probability that noise hits any of the
             prompt's tokens: .549 (1 - (1 - p)^6). Insertion is worst and deletion mildest. By field, noise on the
             instruction hurts least and on the element most.
Refuted if   The distance under hybrid noise is not within .05 of the law at p = .1, .2, .3 (the paper's own curve is
             within .03 up to p = .15 and .08 above it at .3), insertion hurts less than deletion, or the order of the
             fields is another, at p = .3.
Run          alchemy reproduce format_noise --preset small      # about 1 minute on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.problem.floors import format_law
from alchemy.problem.shift import MODES
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    near,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import difference
from experiments.mirage.setting import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
    profile,
)
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Format noise breaks the chain, most by insertion, least in the instruction.",
    source="arXiv:2508.01191, section 7, figure 9",
    prediction="edit distance = chance x P(any token hit); insert > delete; element > transformation > instruction",
    refuted_if="not within .05 of the law, insertion milder than deletion, or another order of the fields",
    headline=True,
)
FIELDS = ("element", "transformation", "instruction")


@dataclass(frozen=True)
class Config(Setting):
    probabilities: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
    """Of noise, for each token."""
    chained: str = "F1 F2"
    """The composition on which the fields are compared."""


PRESETS = {
    "smoke": Config(**SMOKE, probabilities=(0.1, 0.2, 0.3)),
    "small": Config(**SMALL),
    "full": Config(**FULL),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"probabilities": list(config.probabilities)}
    one_step = Symbols(compositions=("F1", "F2"))
    chain = Symbols(compositions=(config.chained,))
    arms = [(one_step, f"{mode}", f"noise={mode}:%g") for mode in MODES]
    arms += [(chain, f"chain, {field}", f"noise=hybrid:%g:{field}") for field in FIELDS]
    for task in (one_step, chain):
        runs = config.fit(lab, task)
        clean = lab.answer(runs, task, config.test, label="no noise")
        measured["clean" if task is one_step else "chain, clean"] = {**profile(clean), "floors": clean.floors(task)}
        for _, name, pattern in (arm for arm in arms if arm[0] is task):
            measured[name] = {}
            for p in config.probabilities:
                noisy = lab.answer(runs, task.shift(pattern % p)(task), config.test, label=pattern % p)
                measured[name][f"{p:g}"] = profile(noisy)
    return measured


def check(measured: Mapping[str, Any]) -> list[Check]:
    worst = f"{max(measured['probabilities']):g}"
    checks = [
        at_least(f"{name}: exact", measured[name]["exact full"], 0.99, "solved without noise", precondition=True)
        for name in ("clean", "chain, clean")
    ]
    checks += [
        near(
            f"hybrid, p = {p:g}: distance",
            measured["hybrid"][f"{p:g}"]["distance full"],
            format_law(p),
            0.05,
            "about what the paper's own curve leaves",
        )
        for p in (0.1, 0.2, 0.3)
    ]

    def harm(name: str) -> Any:
        return measured[name][worst]["distance full"]

    checks.append(
        at_least(f"insert - delete, p = {worst}: distance", difference(harm("insert"), harm("delete")), 0.0, "an order")
    )
    for more, less in (("element", "transformation"), ("transformation", "instruction")):
        gap = difference(harm(f"chain, {more}"), harm(f"chain, {less}"))
        checks.append(at_least(f"{more} - {less}, p = {worst}: distance", gap, 0.0, "an order"))
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    p = measured["probabilities"]

    def curve(name: str) -> list[Any]:
        return [measured[name][f"{each:g}"]["distance full"] for each in p]

    shared = {"x_label": "probability of noise, each token", "y_label": "edit distance", "x": p}
    return [
        Curves(
            name="format_noise",
            title="One step: noise anywhere in the prompt",
            measured={mode: curve(mode) for mode in MODES},
            theory={"chance x P(any token hit)": [format_law(each) for each in p]},
            **shared,
        ),
        Curves(
            name="format_noise_fields",
            title="Two steps: hybrid noise in one field of the prompt",
            measured={field: curve(f"chain, {field}") for field in FIELDS},
            theory={},
            **shared,
        ),
    ]
