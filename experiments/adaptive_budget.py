"""Moving a budget between prompts by their difficulty is worth 1.5 times the compute, with the estimate paid for.

Source       Snell et al., arXiv:2408.03314 (difficulty bins from 2,048 answers that are not charged, "more than 4 times");
             Damani et al., arXiv:2410.04707 (the same quality with up to half the compute)
Prediction   Every prompt gets some of the same mean budget, by an estimate of how hard it is. How many times that budget a
             uniform one needs to do as well, k, depends on who pays for the estimate: half of a bank's answers, free
             (the oracle); the first few, paid for and thrown away; the first few, paid for and used. By simulation k is
             1.1 to 2.5 for an oracle unless most prompts are nearly solved, under 1 for a pilot thrown away where prompts
             are alike, and 1.5 and more for one that is used. With a perfect checker a part of this is early exit: it is
             there, 1.2 to 1.6, where all prompts are equally hard.
Refuted if   k of the used pilot is under 1.5, or no more than where all prompts are equally hard. Undecided where the
             oracle itself stays under 1.5, or gains where prompts are alike, which would be a leak.
Run          alchemy reproduce adaptive_budget --preset small      # a bank of answers, then seconds
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.allocate import guessed
from alchemy.bank import Bank
from alchemy.claim import Check, Claim, at_least, at_most
from alchemy.figures import Bars, Curves, Figure
from alchemy.lab import Lab
from alchemy.ledger import BUDGET
from alchemy.measure import ratio, two_level
from alchemy.simulated import alike
from alchemy.strategies.pilot import Pilot
from experiments.budgets import SELECTORS, Spending
from experiments.chains import FULL, SMALL, SMOKE, Setting

CLAIM = Claim(
    sentence="Moving a budget between prompts by difficulty is worth 1.5 times the compute, with the estimate paid for.",
    source="arXiv:2408.03314 and 2410.04707",
    prediction="k of at least 1.5 for a charged pilot whose answers are used, beyond what stopping at success gives anyone",
    refuted_if="k of the used pilot under 1.5, or no more than on prompts that are all equally hard",
)
PILOTS = {"pilot of 2, used": (2, "reused"), "pilot of 4, used": (4, "reused"), "pilot of 4, thrown away": (4, "discarded"),
          "pilot of 4, free": (4, "free")}  # fmt: skip


@dataclass(frozen=True)
class Config(Setting):
    budgets: tuple[int, ...] = (5, 8)
    """Answers a prompt, in the mean."""


PRESETS = {"smoke": Config(**SMOKE), "small": Config(**SMALL), "full": Config(**FULL, budgets=(8, 16, 64))}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    return replayed(config.bank(lab), config.budgets)


def replayed(bank: Bank, budgets: tuple[int, ...]) -> dict[str, Any]:
    measured: dict[str, Any] = {"budgets": list(budgets)}
    pools = {(name, ""): Spending(bank, name) for name in SELECTORS}
    pools["checker", ", prompts alike"] = Spending(alike(bank, 0), "checker")
    for (selector, control), spending in pools.items():
        guess = guessed(bank.facts, spending.known)
        measured[f"{selector}{control}"] = {
            "uniform": [two_level(one, 0) for one in spending.uniform.right],
            "uniform, FLOPs": spending.uniform.flops.mean(axis=(1, 2)).tolist(),
        }
        for budget in budgets:
            arms = {
                "oracle": spending.by(spending.known, budget),
                "facts": spending.by(guess, budget),
                **{
                    name: spending.replay(Pilot(spending.score, *how), budget)
                    for name, how in PILOTS.items()
                    if budget > how[0]
                },
            }
            measured[f"{selector}{control}, budget {budget}"] = {
                name: {"k": spending.k(*arm), "accuracy": two_level(arm[0], 0), "FLOPs": float(np.mean(arm[1]))}
                for name, arm in arms.items()
            }
    return measured


def check(measured: Mapping[str, Any]) -> list[Check]:
    budget = max(measured["budgets"])
    row, control = (measured[f"checker{name}, budget {budget}"] for name in ("", ", prompts alike"))
    used = "pilot of 4, used"
    return [
        at_least("oracle, not charged: k", row["oracle"]["k"], 1.5, "difficulty differs enough to be worth knowing",
                 precondition=True),
        at_most("prompts alike, oracle: k", control["oracle"]["k"], 1.2, "nothing to know: more would be a leak",
                precondition=True),
        at_least(f"{used}: k", row[used]["k"], 1.5, "the plan's minimum, the estimate charged"),
        at_least(f"{used}: k over that of prompts alike", ratio(row[used]["k"], control[used]["k"]), 1.0,
                 "more than stopping at success, which needs no difficulty"),
    ]  # fmt: skip


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    budget = max(measured["budgets"])
    names = ["oracle", "facts", *PILOTS]
    groups = {"checker": "checker", "vote": "vote", "checker, prompts alike": "checker,\nprompts alike"}
    rows = [measured[f"{group}, budget {budget}"] for group in groups]
    curve = measured["checker"]
    return [
        Bars(
            name="adaptive_budget_k",
            title=f"How many times {budget} answers a uniform budget needs to do as well",
            y_label="k",
            groups=list(groups.values()),
            measured={name: [row[name]["k"] for row in rows] for name in names},
            theory={},
            note=f"Compared in FLOPs. {BUDGET}",
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
