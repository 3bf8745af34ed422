"""Facts of a problem foretell the budget it needs where training was, and no longer elsewhere; answers do everywhere.

Source       Ours, between Damani et al., arXiv:2410.04707 (allocation predicted from the prompt) and online rules:
             Aggarwal et al., arXiv:2305.11860 (adaptive consistency), arXiv:2506.12721 (bandits)
Prediction   Five arms spend the same mean budget on one bank: uniform, by a regression on facts (steps, which primitives),
             online in rounds, online with the same limit for all, and by the share of right answers among held-out ones
             (the oracle). Of what the oracle gains by a vote, facts capture as much as online rules in distribution, up to
             a tenth; where rare transformations are as frequent as others, with the regression carried over, a tenth less
             or worse, while online rules still gain. With a perfect checker who failed so far looks alike, so an online
             rule is stopping at success and gains no more than a blind one. A curve shows how facts and online rules
             compare by the share of difficulty that facts explain.
             Budget, sizes and the online rule's confidence were settled on simulated banks, before trained models were asked.
Refuted if   Captured by facts minus captured online is under -.1 in distribution, or over -.1 under shift; or under shift
             online rules lose to a uniform budget; or with a checker online and blind differ by two points. A seed in
             which the oracle gains less than a point is not judged.
Run          alchemy reproduce allocation --preset small      # about a minute and a half a seed on 2 CPU cores
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
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most, near
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from alchemy.testtime.allocation import Facts, carried, explained, guessed
from alchemy.testtime.bank import Bank
from alchemy.testtime.multiplier import capture
from alchemy.testtime.replay import by_seed, of_problems
from alchemy.testtime.simulated_answers import simulated
from experiments.budgets.arms import Arm, Spending, nearest, shuffled
from experiments.budgets.chains import Setting, full, smoke

CLAIM = Claim(
    sentence="Facts of a problem foretell the budget it needs in distribution but not under shift, where answers still do.",
    source="ours, between arXiv:2410.04707 and 2305.11860",
    prediction="of the oracle's gain facts capture no less than online rules - .1 in distribution, and less under shift",
    refuted_if="captured by facts - online under -.1 in distribution, or over -.1 under shift",
    question="How is a budget best spent?",
)
EXPLAINED = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Share of the variance of difficulty that facts explain, in simulation."""
EXCHANGED, AS_EXPECTED = (1.0, 0.5), (1.0, 0.6, 0.3)
"""Shares of the problems of trained models: whose facts are exchanged, and which are kept for being as their facts say."""


@dataclass(frozen=True)
class Config(Setting):
    budget: int = 5
    """Answers a problem, in the mean."""


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL), "small": SMALL, "full": full(SMALL, budget=8)}


class Gains(NamedTuple):
    """Accuracy gained over a uniform budget of the same cost, by arm; arrays (s,)."""

    facts: np.ndarray
    online: np.ndarray
    blind: np.ndarray
    oracle: np.ndarray


class Place(NamedTuple):
    """Problems like those of training or shifted ones, answers chosen in one way; arrays (s,)."""

    gains: Gains
    facts_captured: np.ndarray
    """The part of the oracle's gain that allocation by facts has."""
    online_captured: np.ndarray
    """The part of it that the online rule has."""
    online_minus_blind: np.ndarray
    """Accuracy of the online rule less that of the blind one at the same cost."""


class Dial(NamedTuple):
    """Gains by facts and online while facts say more and more of the problems; arrays (s, m)."""

    facts: np.ndarray
    online: np.ndarray
    explained: np.ndarray
    """R squared of the logit of a problem's accuracy."""


@dataclass(frozen=True)
class Measured:
    """A number a seed: arrays (s,), or (s, m) along a dial."""

    oracle_gains: np.ndarray
    """In distribution by a vote, on the problems of the gate."""
    oracle_gains_shifted: np.ndarray
    vote: Place
    vote_shifted: Place
    checker: Place
    checker_shifted: Place
    explained: np.ndarray
    """The share of the variance of difficulty that facts explain in distribution."""
    explained_shifted: np.ndarray
    trained: Dial
    """Trained models: facts of all and of half of the problems exchanged; all problems, and those most as expected."""
    simulated: Dial
    """At `EXPLAINED`."""


def run(config: Config, lab: Lab) -> Measured:
    shifted = config.problems(config.steps, rare=True)
    return replayed(config.bank(lab)[1], config.bank(lab, shifted)[1], config.budget, lab.seeds(config.seeds))


def replayed(bank: Bank, shifted: Bank, budget: int, seeds: Sequence[int]) -> Measured:
    """All arms on both banks."""
    banks = zip(by_seed(bank), by_seed(shifted), seeds, strict=True)
    return stacked([_one_seed(home, away, budget, seed) for home, away, seed in banks])


def _one_seed(bank: Bank, shifted: Bank, budget: int, seed: int) -> Measured:
    gated, judged = gate_split(bank.shape[1])
    home, away = of_problems(bank, judged), of_problems(shifted, judged)
    vote, vote_away = Spending(home, "vote", seed), Spending(away, "vote", seed)
    checker, checker_away = Spending(home, "checker", seed), Spending(away, "checker", seed)
    guess = guessed(home.facts, vote.known)
    guess_away = carried(home.facts, vote.known, away.facts)
    return Measured(
        *(_oracle_gains(of_problems(whole, gated), budget, seed) for whole in (bank, shifted)),
        vote=_place(vote, vote.by(guess, budget), budget),
        vote_shifted=_place(vote_away, vote_away.by(guess_away, budget, vote, guess), budget),
        checker=_place(checker, checker.by(guess, budget), budget),
        checker_shifted=_place(checker_away, checker_away.by(guess_away, budget, checker, guess), budget),
        explained=_explained(guess, vote),
        explained_shifted=_explained(guess_away, vote_away),
        trained=_trained_dial(vote, guess, budget),
        simulated=_simulated_dial(home.shape[1:], budget, seed),
    )


def _oracle_gains(bank: Bank, budget: int, seed: int) -> np.ndarray:
    spending = Spending(bank, "vote", seed)
    return spending.gain(spending.by(spending.known, budget)).mean()


def _place(spending: Spending, by_facts: Arm, budget: int) -> Place:
    """What each arm gains over the uniform budget at its own cost, and which part of the oracle's gain that is."""
    online = spending.online(budget)
    blind = spending.blind_at(spending.cost(budget)[:, None])
    gains = Gains(*map(spending.gain, (by_facts, online, blind, spending.by(spending.known, budget))))
    return Place(
        Gains(*(gain.mean() for gain in gains)),
        facts_captured=capture(gains.facts, gains.oracle)[0],
        online_captured=capture(gains.online, gains.oracle)[0],
        online_minus_blind=(online.right - spending.blind_at(online.flops).right).mean(),
    )


def _trained_dial(spending: Spending, guess: np.ndarray, budget: int) -> Dial:
    """Exchanged facts say less; of problems that are as their facts make one expect, facts say more."""
    rng = stream("exchanged facts", spending.seed)
    exchanged = [(spending, shuffled(spending.bank.facts, share, rng)) for share in EXCHANGED]
    chosen = [of_problems(spending.bank, nearest(guess, spending.known, share)) for share in AS_EXPECTED]
    return _dial([*exchanged, *((Spending(bank, "vote", spending.seed, 2), bank.facts) for bank in chosen)], budget)


def _simulated_dial(shape: tuple[int, int], budget: int, seed: int) -> Dial:
    """Simulated problems, (n, k) as in the bank, whose difficulty a fact explains to a share."""
    n, k = shape
    banks = []
    for share in EXPLAINED:
        rng = stream("simulated problems", seed, round(100 * share))
        fact, rest = rng.normal(size=(2, n))
        logit = -0.4 + 1.5 * (np.sqrt(share) * fact + np.sqrt(1 - share) * rest)
        banks.append(simulated(1 / (1 + np.exp(-logit)), k, rng, facts={"fact": fact}))
    return _dial([(Spending(bank, "vote", seed, 2), bank.facts) for bank in banks], budget)


def _dial(settings: list[tuple[Spending, Facts]], budget: int) -> Dial:
    rows = []
    for spending, facts in settings:
        guess = guessed(facts, spending.known)
        by_facts, online = (spending.gain(arm).mean() for arm in (spending.by(guess, budget), spending.online(budget)))
        rows.append((by_facts, online, _explained(guess, spending)))
    return Dial(*(np.array(column) for column in zip(*rows, strict=True)))


def _explained(guess: np.ndarray, spending: Spending) -> np.ndarray:
    pool = spending.bank.shape[2] // 2
    return np.float64(explained(guess, np.round(spending.known * pool), pool))


def check(measured: Measured) -> list[Check]:
    home, away = measured.vote, measured.vote_shifted
    reason = "there is something to capture"
    gate = Gate("in distribution: gain of the oracle", measured.oracle_gains, 0.01, inf, reason)
    gate_shifted = Gate("shifted: gain of the oracle", measured.oracle_gains_shifted, 0.01, inf, reason)
    return [
        at_least(
            "in distribution: captured by facts - online",
            home.facts_captured - home.online_captured,
            -0.1,
            "prediction suffices",
            gates=(gate,),
        ),
        at_most(
            "shifted: captured by facts - online",
            away.facts_captured - away.online_captured,
            -0.1,
            "online is needed",
            gates=(gate_shifted,),
        ),
        at_least(
            "shifted: captured online", away.online_captured, 0.0, "answers still foretell", gates=(gate_shifted,)
        ),
        near(
            "perfect checker: online - blind",
            measured.checker.online_minus_blind,
            0.0,
            0.02,
            "two points is no difference",
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    places = {
        "in distribution,\nvote": measured.vote,
        "shifted,\nvote": measured.vote_shifted,
        "in distribution,\nchecker": measured.checker,
        "shifted,\nchecker": measured.checker_shifted,
    }
    kept = [f"{share:.0%} as expected" for share in AS_EXPECTED[1:]]
    dials = {
        "simulated": (measured.simulated, [f"{share:g}" for share in EXPLAINED]),
        "trained": (measured.trained, ["exchanged", "half exchanged", "as they are", *kept]),
    }
    return [
        Bars(
            name="allocation",
            title="Gained over a uniform budget at equal cost",
            y_label="accuracy gained",
            groups=list(places),
            measured={
                label: np.stack([place.gains[arm] for place in places.values()], axis=1)
                for arm, label in enumerate(("facts", "online", "online, blind", "oracle"))
            },
            theory={},
            note=f"{BUDGET}; cost is equal in these FLOPs",
        ),
        *(
            Curves(
                name=f"allocation_{name}",
                title=f"Facts or answers: what each gains, {name} problems, by a vote",
                x_label="what facts say: the share of the variance of difficulty, or which facts",
                y_label="accuracy gained",
                x=range(len(ticks)),
                ticks=ticks,
                measured={"facts": dial.facts, "online": dial.online},
                theory={},
            )
            for name, (dial, ticks) in dials.items()
        ),
    ]
