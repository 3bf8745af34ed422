"""Chain of thought does not reach compositions it was not trained on: it replays the trained template.

Source       Zhao et al., arXiv:2508.01191, section 5.1, tables 1-3
Prediction   Trained compositions are solved on held-out elements. On any other composition the edit distance is that
             of fields which are wrong at chance: .1326 (CMP), .1671 (POOD), .2997 (OOD) for the whole chain, .4808
             for the answer, .3728 for the reasoning, and the answer is right by accident for 26 of 26^4 elements. As
             F1 F2 and F2 F1 are one function, each answers the other's problems rightly after a wrong chain.
Refuted if   A trained composition falls under 99 %, an untrained one is solved, or a distance is not within .01 of
             the law: three times what one more wrong letter in ten lines would add (.0034).
Run          alchemy reproduce task_shift --preset small      # 2-3 minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.problem.floors import two_step_law
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
    near,
)
from alchemy.report.former_figures import Bars, Figure
from experiments.mirage.setting import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
    profile,
)
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Chain of thought does not reach compositions it was not trained on: it replays the trained template.",
    source="arXiv:2508.01191, section 5.1, tables 1-3",
    prediction="ID 100 %; full-chain edit distance .1326 (CMP), .1671 (POOD), .2997 (OOD); exact match at most 26/26^4",
    refuted_if="ID under 99 %, an untrained composition solved, or a distance not within .01 of the law",
    headline=True,
)

TABLE = (
    "F1 F1 > F1 F1",
    "F2 F2, F1 F2, F2 F1 > F1 F1",
    "F1 F1, F1 F2, F2 F1 > F2 F2",
    "F1 F2 > F1 F1",
    "F2 F2 > F1 F1",
    "F1 F2 > F2 F1",
    "F2 F1 > F1 F2",
    "F2 F3, F3 F2, F3 F3 > F2 F2",
    "F2 F3, F3 F2, F2 F2 > F3 F3",
    "F2 F3 > F3 F2",
    "F3 F2 > F2 F3",
)
"""Training compositions > test composition, as in the paper's tables 1, 2 and 3."""


@dataclass(frozen=True)
class Config(Setting):
    """Every row of the paper's tables, in one setting."""


PRESETS = {
    "smoke": Config(**SMOKE),
    "small": Config(**SMALL),
    "full": Config(**FULL),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    return {pair: row(config, lab, pair) for pair in TABLE}


def row(config: Config, lab: Lab, pair: str) -> dict[str, Any]:
    """One row of the tables: models trained on its compositions and asked the other."""
    trained, _, tested = pair.partition(" > ")
    task = Symbols(compositions=tuple(trained.split(", ")))
    runs = config.fit(lab, task)
    familiar = lab.answer(runs, task, config.test, label="answer what was trained on")
    shifted = lab.answer(runs, task.shift(f"task={tested}")(task), config.test, label=f"answer {tested}")
    return {
        "trained on": familiar.interval("exact_match"),
        **profile(shifted),
        "floors": shifted.floors(task),
    }


def check(measured: Mapping[str, Any]) -> list[Check]:
    law, margin = two_step_law(), 0.01
    cmp_11, cmp_22 = measured[TABLE[1]], measured[TABLE[2]]
    pood, ood, swapped = measured[TABLE[3]], measured[TABLE[4]], (measured[TABLE[5]], measured[TABLE[6]])
    three = "three times what a wrong letter in ten lines adds"
    checks = [
        at_least(
            f"trained on {pair.partition(' > ')[0]}: exact",
            row["trained on"],
            0.99,
            "solved, but for noise",
            precondition=True,
        )
        for pair, row in measured.items()
    ]
    checks += [
        near("CMP 11: distance full", cmp_11["distance full"], law.cmp, margin, three),
        near("CMP 22: distance full", cmp_22["distance full"], law.cmp, margin, three),
        near("POOD 12 > 11: distance full", pood["distance full"], law.pood, margin, three),
        near("OOD 22 > 11: distance full", ood["distance full"], law.ood, margin, three),
        near("CMP 11: distance answer", cmp_11["distance answer"], law.answer, margin, three),
        near("CMP 22: distance answer", cmp_22["distance answer"], law.answer, margin, three),
    ]
    for name, row in zip(("12 > 21", "21 > 12"), swapped, strict=True):
        checks += [
            near(f"{name}: distance reasoning", row["distance reasoning"], law.reasoning, margin, three),
            at_least(f"{name}: exact answer", row["exact answer"], 0.99, "F1 and F2 commute"),
        ]
    return checks + [
        at_most(f"{pair}: exact", row["exact full"], 0.01, "no more than a stray success; the law is 26 of 26^4")
        for pair, row in measured.items()
        if pair.partition(" > ")[0] != pair.partition(" > ")[2] and "F3" not in pair
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    law = two_step_law()
    known = {
        TABLE[0]: 0.0,
        TABLE[1]: law.cmp,
        TABLE[2]: law.cmp,
        TABLE[3]: law.pood,
        TABLE[4]: law.ood,
        TABLE[5]: law.pood,
        TABLE[6]: law.pood,
    }
    shown = [pair for pair in measured if pair in known]
    short = [pair.replace("F", "").replace(" > ", "\n> ").replace(", ", ",\n") for pair in shown]
    return [
        Bars(
            name="task_shift",
            title="Edit distance on other compositions: a count of the fields that are wrong",
            y_label="edit distance, full chain",
            groups=short,
            measured={"measured": [measured[pair]["distance full"] for pair in shown]},
            theory={"measured": [known[pair] for pair in shown]},
        )
    ]
