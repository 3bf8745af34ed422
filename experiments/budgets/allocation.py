"""Facts of a problem foretell the budget it needs where training was, and no longer elsewhere; answers do everywhere.

Source       Ours, between Damani et al., arXiv:2410.04707 (allocation predicted from the prompt) and online rules:
             Aggarwal et al., arXiv:2305.11860 (adaptive consistency), arXiv:2506.12721 (bandits)
Prediction   Five arms spend the same mean budget on one bank: uniform, by a regression on facts (steps, which primitives),
             online in rounds, online with the same limit for all, and by the share of right answers among held-out ones
             (the oracle). Of what the oracle gains by a vote, facts capture as much as online rules in distribution, up to
             a tenth; where rare transformations are as frequent as others, with the regression carried over, a tenth less
             or worse. With a perfect checker who failed so far looks alike, so an online rule is stopping at success and
             gains no more than a blind one. A curve shows from which share of difficulty on, explained by facts, they win.
             Budget, sizes and the online rule's confidence were settled on simulated banks, before trained models were asked.
Refuted if   Captured by facts minus captured online is under -.1 in distribution, or over -.1 under shift; or with a
             checker online and blind differ by two points. Undecided where the oracle gains less than a point.
Run          alchemy reproduce allocation --preset small      # two banks of answers, then seconds
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
    near,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.equivalence import difference_at
from alchemy.stats.measure import paired_difference, two_level
from alchemy.strategies.adaptive_consistency import AdaptiveConsistency
from alchemy.strategies.early_stopping import EarlyStopping
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.allocation import (
    Facts,
    carried,
    explained,
    guessed,
)
from alchemy.testtime.bank import Bank
from alchemy.testtime.multiplier import capture
from alchemy.testtime.replay import of_problems
from alchemy.testtime.simulated_answers import simulated
from experiments.budgets.arms import (
    SELECTORS,
    Spending,
    nearest,
    shuffled,
)
from experiments.budgets.chains import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
)

CLAIM = Claim(
    sentence="Facts of a problem foretell the budget it needs in distribution but not under shift, where answers still do.",
    source="ours, between arXiv:2410.04707 and 2305.11860",
    prediction="of the oracle's gain facts capture no less than online rules - .1 in distribution, and less under shift",
    refuted_if="captured by facts - online under -.1 in distribution, or over -.1 under shift",
)
EXPLAINED = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Share of the variance of difficulty that facts explain, in simulation."""
SHARES = {"shuffled": (1.0, 0.5), "nearest": (1.0, 0.6, 0.3)}
"""Of the trained models' problems: whose facts are exchanged, and which are kept for being as their facts say."""


@dataclass(frozen=True)
class Config(Setting):
    budget: int = 5
    """Answers a problem, in the mean."""


PRESETS = {"smoke": Config(**{**SMOKE, "samples": 16}), "small": Config(**SMALL), "full": Config(**FULL, budget=8)}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    rarer = config.problems(config.steps, rare=True)
    return replayed(config.bank(lab)[1], config.bank(lab, rarer)[1], config.budget)


def replayed(bank: Bank, shifted: Bank, budget: int, probe: tuple[Facts, Facts] | None = None) -> dict[str, Any]:
    """All arms on both banks; with `probe`, what it reads off each bank's prompts, for each seed, one arm more."""
    measured: dict[str, Any] = {"budget": budget}
    sources = {"facts": (bank.facts, shifted.facts)} | ({"probe": probe} if probe else {})
    shares = [Spending(one, "vote").known for one in (bank, shifted)]
    guesses = {
        name: (guessed(here, shares[0]), carried(here, shares[0], there)) for name, (here, there) in sources.items()
    }
    for selector in SELECTORS:
        home, away = Spending(bank, selector), Spending(shifted, selector)
        measured[f"in distribution, {selector}"] = _arms(
            home, {name: home.by(here, budget) for name, (here, _) in guesses.items()}, budget
        )
        measured[f"shifted, {selector}"] = _arms(
            away, {name: away.by(there, budget, home, here) for name, (here, there) in guesses.items()}, budget
        )
    measured["explained"] = {
        name: {"in distribution": _explained(here, home), "shifted": _explained(there, away)}
        for name, (here, there) in guesses.items()
    }
    measured["stopping rules"] = _stopping(Spending(bank, "vote"))
    measured["trained"] = _by_trained(bank, guesses["facts"][0], budget)
    measured["simulated"] = [_row(Spending(_problems(bank, share), "vote", 2), budget) for share in EXPLAINED]
    for name in ("trained", "simulated"):
        measured[f"{name}: facts overtake at"] = _turn(measured[name])
    return measured


def _arms(spending: Spending, predicted: dict[str, tuple[np.ndarray, np.ndarray]], budget: int) -> dict[str, Any]:
    """What each arm gains over the uniform budget at its own cost, and which part of the oracle's gain that is."""
    arms = {
        **predicted,
        "online": spending.online(budget),
        "online, blind": spending.blind.at(spending.cost(budget)),
        "oracle": spending.by(spending.known, budget),
    }
    gains = {name: spending.gain(*arm) for name, arm in arms.items()}
    row: dict[str, Any] = {"uniform": two_level(spending.uniform.at(spending.cost(budget))[0], 0)}
    for name, arm in arms.items():
        row[name] = {
            "gain": two_level(gains[name], 0),
            "capture": capture(gains[name], gains["oracle"], 0),
            "k": spending.k(*arm),
            "FLOPs": float(np.mean(arm[1])),
        }
    row["online - blind"] = paired_difference(
        arms["online"][0], spending.blind.at(arms["online"][1].mean(axis=1))[0], 0
    )
    row["facts - online"] = capture(gains["facts"] - gains["online"], gains["oracle"], 0)
    return row


def _stopping(spending: Spending) -> dict[str, Any]:
    """What rules that stop a vote save against all answers, and what they gain over a vote that costs as much."""
    whole = spending.replay(SelfConsistency(), spending.spent.shape[2])
    rules = {"adaptive consistency": AdaptiveConsistency(), "early stopping": EarlyStopping()}
    arms = {name: spending.replay(rule, spending.spent.shape[2]) for name, rule in rules.items()}
    return {
        name: {
            "saving": float(whole[1].mean() / arm[1].mean()),
            "accuracy lost": difference_at(whole[0], arm[0], 0),
            "gain at equal cost": two_level(spending.gain(*arm), 0),
        }
        for name, arm in arms.items()
    }


def _row(spending: Spending, budget: int, facts: Mapping[str, np.ndarray] | None = None) -> dict[str, Any]:
    """Facts against the online rule, at one share of difficulty that facts explain."""
    guess = guessed(facts or spending.bank.facts, spending.known)
    by_facts, online = spending.gain(*spending.by(guess, budget)), spending.gain(*spending.online(budget))
    return {
        "explained": _explained(guess, spending),
        "facts": two_level(by_facts, 0),
        "online": two_level(online, 0),
        "facts - online": paired_difference(by_facts, online, 0),
    }


def _by_trained(bank: Bank, guess: np.ndarray, budget: int) -> list[dict[str, Any]]:
    """Facts that say less and less are exchanged ones; problems of which they say more are those as expected."""
    whole = Spending(bank, "vote", 2)
    rows = [_row(whole, budget, shuffled(bank.facts, share, 0)) for share in SHARES["shuffled"]]
    for share in SHARES["nearest"]:
        rows.append(_row(Spending(of_problems(bank, nearest(guess, whole.known, share)), "vote", 2), budget))
    return rows


def _problems(bank: Bank, share: float) -> Bank:
    """Simulated problems, as many as in the bank, whose difficulty a fact explains to that share."""
    seeds, n, k = bank.shape
    rng = np.random.default_rng(0)
    fact, rest = rng.normal(size=(2, n))
    logit = -0.4 + 1.5 * (np.sqrt(share) * fact + np.sqrt(1 - share) * rest)
    return simulated(np.tile(1 / (1 + np.exp(-logit)), (seeds, 1)), k, rng, facts={"fact": fact})


def _explained(guess: np.ndarray, spending: Spending) -> float:
    pool = spending.bank.shape[2] // 2
    return explained(guess, np.round(spending.known * pool), pool)


def _turn(rows: list[dict[str, Any]]) -> float:
    """The share explained from which on facts gain more, interpolated; infinite if they never do, 0 if always."""
    rows = sorted(rows, key=lambda row: row["explained"])
    x, y = np.array([(row["explained"], row["facts - online"].mean) for row in rows]).T
    behind = np.flatnonzero(y < 0)
    if not len(behind):
        return 0.0
    last = behind[-1]
    return float(x[last] - y[last] * (x[last + 1] - x[last]) / (y[last + 1] - y[last])) if last + 1 < len(y) else np.inf


def check(measured: Mapping[str, Any]) -> list[Check]:
    home, away = measured["in distribution, vote"], measured["shifted, vote"]
    checker = measured["in distribution, checker"]
    return [
        at_least(
            "in distribution: gain of the oracle",
            home["oracle"]["gain"],
            0.01,
            "there is something to capture",
            precondition=True,
        ),
        at_least(
            "shifted: gain of the oracle",
            away["oracle"]["gain"],
            0.01,
            "there is something to capture",
            precondition=True,
        ),
        at_least("in distribution: captured by facts - online", home["facts - online"], -0.1, "prediction suffices"),
        at_most("shifted: captured by facts - online", away["facts - online"], -0.1, "online is needed"),
        near("perfect checker: online - blind", checker["online - blind"], 0.0, 0.02, "two points is no difference"),
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    arms = ("facts", "online", "online, blind", "oracle")
    places = [f"{place}, {selector}" for selector in SELECTORS for place in ("in distribution", "shifted")]
    drawn: list[Figure] = [
        Bars(
            name="allocation",
            title=f"Gained over a uniform budget of {measured['budget']} answers, at equal cost",
            y_label="accuracy gained",
            groups=[place.replace(", ", ",\n") for place in places],
            measured={arm: [measured[place][arm]["gain"] for place in places] for arm in arms},
            theory={},
            note=f"{BUDGET}; cost is equal in these FLOPs",
        )
    ]
    for name in ("simulated", "trained"):
        rows = sorted(measured[name], key=lambda row: row["explained"])
        drawn.append(
            Curves(
                name=f"allocation_{name}",
                title=f"Facts or answers: what each gains, {name} problems, by a vote",
                x_label="share of the variance of difficulty that facts explain",
                y_label="accuracy gained",
                x=[round(row["explained"], 2) for row in rows],
                measured={arm: [row[arm] for row in rows] for arm in ("facts", "online")},
                theory={},
            )
        )
    return drawn
