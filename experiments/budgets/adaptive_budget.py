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
Refuted if   k by facts or of the used pilot is under 1.5, or k of the one thrown away over 1; or k of the oracle, who knows
             how hard each prompt is for nothing, is under 1.5. A seed in which an oracle gains where all prompts are alike,
             which would be a leak, is not judged.
Run          alchemy reproduce adaptive_budget --preset small      # about a minute a seed on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.lab.lab import Lab
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import stacked
from alchemy.strategies.pilot import Pilot
from alchemy.testtime.allocation import guessed
from alchemy.testtime.bank import Bank
from alchemy.testtime.multiplier import largest_multiplier
from alchemy.testtime.replay import by_seed
from alchemy.testtime.simulated_answers import simulated
from experiments.budgets.arms import Spending
from experiments.budgets.chains import Setting, full, smoke

CLAIM = Claim(
    sentence="Moving a budget between prompts by difficulty is worth 1.5 times the compute, with the estimate paid for.",
    source="arXiv:2408.03314 and 2410.04707",
    prediction="k of at least 1.5 by facts and for a charged pilot whose answers are used, under 1 for one thrown away",
    refuted_if="k of the oracle, by facts or of the used pilot under 1.5, or k of the pilot thrown away over 1",
    question="How is a budget best spent?",
)
FIRST = 4
"""Answers that a pilot estimates difficulty from."""


@dataclass(frozen=True)
class Config(Setting):
    budget: int = 8
    """Answers a prompt, in the mean."""


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL), "small": SMALL, "full": full(SMALL, budget=64)}


class Multipliers(NamedTuple):
    """k by where the estimate of difficulty comes from; arrays (s,)."""

    oracle: np.ndarray  # half of the bank's answers, not charged
    facts: np.ndarray  # facts of the prompt
    pilot_used: np.ndarray  # first answers, charged, which count as answers
    pilot_discarded: np.ndarray  # first answers, charged and thrown away
    pilot_free: np.ndarray  # first answers, thrown away and not charged


@dataclass(frozen=True)
class Measured:
    """A number a seed: arrays (s,), or (s, m) at m sizes of the uniform budget."""

    checker: Multipliers
    """Answers chosen by a perfect checker."""
    vote: Multipliers
    alike: Multipliers
    """A perfect checker, simulated prompts that are all equally hard."""
    largest: np.ndarray
    """The largest k that the uniform curve can show for the oracle's budget, with a checker."""
    pilot_beyond_early_exit: np.ndarray
    """Accuracy of the used pilot less that of stopping at success, at equal cost."""
    accuracy: np.ndarray
    """Of the uniform budget, with a checker: (s, m)."""
    flops: np.ndarray
    """That it costs a problem: (s, m)."""


def run(config: Config, lab: Lab) -> Measured:
    return replayed(config.bank(lab)[1], config.budget, lab.seeds(config.seeds))


def replayed(bank: Bank, budget: int, seeds: Sequence[int]) -> Measured:
    return stacked([_one_seed(own, budget, seed) for own, seed in zip(by_seed(bank), seeds, strict=True)])


def _one_seed(bank: Bank, budget: int, seed: int) -> Measured:
    checker, vote = Spending(bank, "checker", seed), Spending(bank, "vote", seed)
    alike = Spending(_alike(checker, budget), "checker", seed)
    oracle, pilot = checker.by(checker.known, budget), checker.replay(Pilot(checker.score, FIRST), budget)
    return Measured(
        *(_multipliers(spending, budget) for spending in (checker, vote, alike)),
        largest=largest_multiplier(checker.uniform, *oracle)[0],
        pilot_beyond_early_exit=(pilot.right - checker.blind_at(pilot.flops).right).mean(),
        accuracy=checker.uniform.right.mean(axis=(1, 2)),
        flops=checker.uniform.flops.mean(axis=(1, 2)),
    )


def _multipliers(spending: Spending, budget: int) -> Multipliers:
    pilots = [Pilot(spending.score, FIRST, then) for then in ("reused", "discarded", "free")]
    arms = [
        spending.by(spending.known, budget),
        spending.by(guessed(spending.bank.facts, spending.known), budget),
        *(spending.replay(pilot, budget) for pilot in pilots),
    ]
    return Multipliers(*(np.float64(spending.k(arm)) for arm in arms))


def _alike(spending: Spending, budget: int) -> Bank:
    """Simulated prompts that are all equally hard, and as often solved by that uniform budget."""
    solved = spending.uniform.at(spending.cost(budget))[0].mean(axis=1, keepdims=True)
    p = np.broadcast_to(1 - (1 - solved) ** (1 / budget), spending.known.shape)
    rng = stream("prompts that are alike", spending.seed)
    return simulated(p, spending.bank.shape[2], rng, facts=spending.bank.facts)


def check(measured: Measured) -> list[Check]:
    k = measured.checker
    no_leak = Gate("prompts alike, oracle: k", measured.alike.oracle, -inf, 1.2, "nothing to know: more is a leak")
    shown = Gate("largest k that can be shown", measured.largest, 1.5, inf, "beyond it k is only bounded from below")
    gates = (no_leak, shown)
    return [
        at_least("oracle, not charged: k", k.oracle, 1.5, "difficulty differs enough to be worth knowing", gates=gates),
        at_least("facts: k", k.facts, 1.5, "the plan's minimum; facts cost nothing", gates=gates),
        at_least("pilot of 4, used: k", k.pilot_used, 1.5, "the plan's minimum, the estimate charged", gates=gates),
        at_most("pilot of 4, thrown away: k", k.pilot_discarded, 1.0, "half the budget is gone", gates=(no_leak,)),
    ]


def figures(measured: Measured) -> list[Figure]:
    pools = {"checker": measured.checker, "vote": measured.vote, "checker,\nprompts alike": measured.alike}
    labels = Multipliers(
        "oracle", "facts", f"pilot of {FIRST}, used", f"pilot of {FIRST}, thrown away", f"pilot of {FIRST}, free"
    )
    return [
        Bars(
            name="adaptive_budget_k",
            title="How many times the budget a uniform one needs to do as well",
            y_label="k",
            groups=list(pools),
            measured={
                label: np.stack([pool[arm] for pool in pools.values()], axis=1) for arm, label in enumerate(labels)
            },
            theory={},
            note=f"{BUDGET}; seeds whose k is beyond what the bank can show are left out",
        ),
        Curves(
            name="adaptive_budget_uniform",
            title="The uniform budget, a perfect checker",
            x_label="FLOPs a problem, median seed",
            y_label="accuracy",
            x=np.median(measured.flops, axis=0),
            log_x=True,
            measured={"uniform": measured.accuracy},
            theory={},
            note=BUDGET,
        ),
    ]
