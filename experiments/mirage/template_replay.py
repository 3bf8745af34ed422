"""On a composition that it was not trained on, a model replays the trained template: its edit distances are a count.

Source       The distances are those of Zhao et al., arXiv:2508.01191, section 5.1, tables 1 and 2; that they are what a
             replayed template scores, with every wrong field at chance, is our reading of them
Prediction   The edit distance of the whole chain is .1326 (CMP), .1671 (POOD) and .2997 (OOD), that of the answer in CMP
             .4808. As F1 F2 and F2 F1 are one function, each answers the other's problems rightly after a wrong chain,
             whose distance is .3728.
Refuted if   A distance is not within .01 of the law: three times what one more wrong letter in ten lines would add
             (.0034); or a swapped composition is answered rightly less than 99 % of the time.
Run          alchemy reproduce template_replay --preset small      # no time of its own after task_shift
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.floors import two_step_law
from alchemy.report.claim import Check, Claim, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.summary import largest_deviation
from experiments.mirage.task_shift import ID, JUDGED, PRESETS, Config, Measured, Row, run

__all__ = ["PRESETS", "Config", "run"]

CLAIM = Claim(
    sentence="On a composition of F1 and F2 that it was not trained on, a model replays the trained template.",
    source="distances of arXiv:2508.01191, section 5.1, tables 1-2; the law is ours",
    prediction="edit distance .1326 (CMP), .1671 (POOD), .2997 (OOD); swapped: right answers after a chain off by .3728",
    refuted_if="a distance not within .01 of the law, or under 99 % right answers to the swapped composition",
    question="Where does reasoning stop?",
)


def check(measured: Measured) -> list[Check]:
    law = two_step_law()
    laws = {
        "CMP": {"full": law.cmp, "answer": law.answer},
        "POOD": {"full": law.pood},
        "OOD": {"full": law.ood},
        "SWAP": {"reasoning": law.reasoning},
    }
    swapped = measured.of("SWAP")
    return [
        *(
            at_most(
                f"{scenario}: edit distance of {' and '.join(by_part)}, largest deviation from the law",
                _deviation(measured.of(scenario), by_part),
                0.01,
                "three times what one more wrong letter in ten chains adds; where the law is true noise leaves under .005",
                gates=measured.gates(scenario),
            )
            for scenario, by_part in laws.items()
        ),
        at_least(
            "SWAP: exact answer, smallest of its rows",
            np.min([row.tested.exact["answer"] for row in swapped], axis=0),
            0.99,
            "F1 and F2 commute",
            gates=measured.gates("SWAP"),
        ),
    ]


def _deviation(rows: list[Row], law: dict[str, float]) -> np.ndarray:
    """Each seed's largest deviation from the law over rows and parts: float (s,)."""
    values = [row.tested.distance[part] for row in rows for part in law]
    return largest_deviation(np.array(values), list(law.values()) * len(rows))


def figures(measured: Measured) -> list[Figure]:
    law = two_step_law()
    by_scenario = {"ID": 0.0, "CMP": law.cmp, "POOD": law.pood, "OOD": law.ood, "SWAP": law.pood}
    pairs = (ID, *JUDGED)
    distances = np.stack([measured.rows[pair].tested.distance["full"] for pair in pairs], axis=1)
    return [
        Bars(
            name="template_replay",
            title="Edit distance on other compositions: a count of the fields that are wrong",
            y_label="edit distance, full chain",
            groups=[str(pair).replace("F", "").replace(" > ", "\n> ").replace(", ", ",\n") for pair in pairs],
            measured={"measured": distances},
            theory={"measured": [by_scenario[pair.scenario] for pair in pairs]},
        )
    ]
