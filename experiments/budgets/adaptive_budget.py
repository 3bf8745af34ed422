"""Moving a budget between prompts by their difficulty is worth 1.5 times the compute, with the estimate paid for.

Source       Snell et al., arXiv:2408.03314 (difficulty bins from 2,048 answers that are not charged, "more than 4 times");
             Damani et al., arXiv:2410.04707 (the same quality with up to half the compute)
Prediction   Every prompt gets some of the same mean budget, by an estimate of how hard it is. How many times that budget a
             uniform one needs to do as well, k, depends on what the estimate costs: nothing for facts of the prompt; half
             of a bank's answers, never charged (the oracle); the first few, paid for and thrown away, or paid for and
             used. By simulation k is 1.1 to 2.5 for an oracle unless most prompts are nearly solved, .5 to .9 for a pilot
             thrown away, and 1.2 to 1.7 for one that is used. With a perfect checker that one's gain is early exit: who
             failed four times looks alike. It needs no difficulty, and is there where all prompts are equally hard.
             Budgets and pilots were settled on simulated banks, before trained models were asked.
Refuted if   k by facts or of the used pilot is under 1.5, or k of the one thrown away over 1. Undecided where the oracle
             itself stays under 1.5, or gains where prompts are alike, which would be a leak.
Run          alchemy reproduce adaptive_budget --preset small      # a bank of answers, then seconds
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.measure import paired_difference, two_level
from alchemy.strategies.pilot import Pilot
from alchemy.testtime.allocation import guessed
from alchemy.testtime.bank import Bank
from alchemy.testtime.simulated_answers import simulated
from experiments.budgets.arms import SELECTORS, Spending, cut
from experiments.budgets.chains import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
)

CLAIM = Claim(
    sentence="Moving a budget between prompts by difficulty is worth 1.5 times the compute, with the estimate paid for.",
    source="arXiv:2408.03314 and 2410.04707",
    prediction="k of at least 1.5 by facts and for a charged pilot whose answers are used, under 1 for one thrown away",
    refuted_if="k by facts or of the used pilot under 1.5, or k of the pilot thrown away over 1",
)
PILOTS = {
    "pilot of 2, used": (2, "reused"),
    "pilot of 4, used": (4, "reused"),
    "pilot of 4, thrown away": (4, "discarded"),
    "pilot of 4, free": (4, "free"),
}


@dataclass(frozen=True)
class Config(Setting):
    budgets: tuple[int, ...] = (5, 8)
    """Answers a prompt, in the mean."""


PRESETS = {
    "smoke": Config(**{**SMOKE, "samples": 16}),
    "small": Config(**SMALL),
    "full": Config(**FULL, budgets=(8, 16, 64)),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    return replayed(config.bank(lab)[1], config.budgets)


def replayed(bank: Bank, budgets: tuple[int, ...]) -> dict[str, Any]:
    measured: dict[str, Any] = {"budgets": list(budgets)}
    pools = {(name, ""): Spending(bank, name) for name in SELECTORS}
    pools["checker", ", prompts alike"] = Spending(_alike(pools["checker", ""], max(budgets)), "checker")
    guesses = {control: guessed(bank.facts, pools["checker", control].known) for control in ("", ", prompts alike")}
    for (selector, control), spending in pools.items():
        measured[f"{selector}{control}"] = {
            "sizes": spending.uniform.sizes.tolist(),
            "uniform": [two_level(one, 0) for one in spending.uniform.right],
            "uniform, FLOPs": spending.uniform.flops.mean(axis=(1, 2)).tolist(),
        }
        for budget in budgets:
            arms = {
                "oracle": spending.by(spending.known, budget),
                "facts": spending.by(guesses[control], budget),
                **{
                    name: spending.replay(Pilot(spending.score, *how), budget)
                    for name, how in PILOTS.items()
                    if budget >= how[0]
                },
            }
            measured[f"{selector}{control}, budget {budget}"] = {
                name: _row(spending, *arm) for name, arm in arms.items()
            }
    return measured


def _row(spending: Spending, right: np.ndarray, flops: np.ndarray) -> dict[str, Any]:
    return {
        "k": spending.k(right, flops),
        "accuracy": two_level(right, 0),
        "beyond early exit": paired_difference(right, spending.blind.at(flops.mean(axis=1))[0], 0),
        "FLOPs": float(flops.mean()),
    }


def _alike(spending: Spending, budget: int) -> Bank:
    """Simulated prompts that are all equally hard, and as often solved by that uniform budget."""
    solved = spending.uniform.at(spending.cost(budget))[0].mean(axis=1, keepdims=True)
    p = np.broadcast_to(1 - (1 - solved) ** (1 / budget), spending.known.shape)
    return simulated(p, spending.bank.shape[2], 0, facts=spending.bank.facts)


def check(measured: Mapping[str, Any]) -> list[Check]:
    budget = max(measured["budgets"])
    row, control = (measured[f"checker{name}, budget {budget}"] for name in ("", ", prompts alike"))
    return [
        at_least(
            "oracle, not charged: k",
            row["oracle"]["k"],
            1.5,
            "difficulty differs enough to be worth knowing",
            precondition=True,
        ),
        at_most(
            "prompts alike, oracle: k",
            control["oracle"]["k"],
            1.2,
            "nothing to know: more would be a leak",
            precondition=True,
        ),
        at_least("facts: k", row["facts"]["k"], 1.5, "the plan's minimum; facts cost nothing"),
        at_least("pilot of 4, used: k", row["pilot of 4, used"]["k"], 1.5, "the plan's minimum, the estimate charged"),
        at_most("pilot of 4, thrown away: k", row["pilot of 4, thrown away"]["k"], 1.0, "half the budget is gone"),
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    budget = max(measured["budgets"])
    names = ["oracle", "facts", *(name for name in PILOTS if name in measured[f"checker, budget {budget}"])]
    groups = {"checker": "checker", "vote": "vote", "checker, prompts alike": "checker,\nprompts alike"}
    rows = [measured[f"{group}, budget {budget}"] for group in groups]
    curve = measured["checker"]
    most = curve["uniform, FLOPs"][-1] / np.interp(budget, curve["sizes"], curve["uniform, FLOPs"])
    return [
        Bars(
            name="adaptive_budget_k",
            title=f"How many times {budget} answers a uniform budget needs to do as well",
            y_label="k",
            groups=list(groups.values()),
            measured={name: [cut(row[name]["k"], most) for row in rows] for name in names},
            theory={},
            note=f"{BUDGET}; cut at {most:.2g}, the most that the bank can show",
        ),
        Curves(
            name="adaptive_budget_uniform",
            title="The uniform budget, a perfect checker",
            x_label="FLOPs a problem",
            y_label="accuracy",
            x=curve["uniform, FLOPs"],
            log_x=True,
            measured={"uniform": curve["uniform"]},
            theory={},
            note=BUDGET,
        ),
    ]
