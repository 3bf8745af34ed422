"""Checks of the claims on budgets and on thinking: measurements made by hand satisfy all of them, or violate one.

A claim HOLDS where every seed does what it says; where every seed violates one check, that one FAILS and no other does;
and a seed that misses a gate is not judged by what rests on it.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.budgets import (
    adaptive_budget,
    allocation,
    hedging,
    search_or_sampling,
    small_or_large,
    snowball,
    strategy_by_difficulty,
)
from experiments.thinking import budget_forcing, overthinking
from tasks.recheck.laws import Rates
from tasks.recheck.spec import CLASSES

SEEDS = 12


def every(value: Any) -> np.ndarray:
    """The same in every seed, (s, ...)."""
    return np.broadcast_to(np.array(value, float), (SEEDS, *np.shape(value))).copy()


def multipliers(oracle: float, facts: float, used: float, discarded: float) -> adaptive_budget.Multipliers:
    return adaptive_budget.Multipliers(*map(every, (oracle, facts, used, discarded, 1.5)))


def place(facts: float, online: float, checker_gap: float = 0.0) -> allocation.Place:
    gains = allocation.Gains(*map(every, (0.01, 0.01, 0.01, 0.02)))
    return allocation.Place(gains, every(facts), every(online), every(checker_gap))


def cells() -> hedging.Judged:
    """Best-of-n wins without noise, the weighted vote under noise, the vote under systematic errors."""
    shape = (len(hedging.NOISE), len(hedging.SYSTEMATIC), 2)
    accuracy, rising, at_best = np.zeros((*shape, 4)), np.zeros((*shape, 3)), np.zeros(shape)
    accuracy[...] = 0.5, 0.4, 0.48, 0.47
    accuracy[3, 0] = 0.4, 0.4, 0.5, 0.48
    accuracy[4, 2] = 0.2, 0.4, 0.35, 0.33
    rising[...], at_best[...] = (0.3, 0.5, 0.4), 0.5
    return hedging.Judged(*(np.broadcast_to(part, (SEEDS, *part.shape)).copy() for part in (accuracy, rising, at_best)))


def learned() -> hedging.Learned:
    judged = hedging.Judged(*(part[:, 0, 0] for part in cells()))
    return hedging.Learned(judged, every(0.7), every(0.7))


def chosen(k_single: float, k_best_of_n: float) -> strategy_by_difficulty.Chosen:
    return strategy_by_difficulty.Chosen(*map(every, (0.5, 0.0, k_single, k_best_of_n, 4.0, 4.0)))


def forced(curve: list[float], deviation: float = 0.0, one_chain: float = 0.5) -> overthinking.Forced:
    accuracy = every(curve)
    return overthinking.Forced(
        learned=every(0.99),
        rates=Rates(*map(every, (0.9, 0.1, 0.1))),
        accuracy=accuracy,
        law=accuracy - deviation,
        deviations=every([[deviation] * len(curve)] * 2),
        one_chain=every([one_chain] * len(curve)),
        rise=every(max(curve) - curve[0]),
        fall=every(max(curve) - curve[-1]),
        by_variance=accuracy,
        error_by_variance=every(0.04),
        error_of_law=every(0.01),
    )


def natural(slope: float, beyond: float = 0.0) -> overthinking.Natural:
    return overthinking.Natural(every([0.5] * 3), every([0.3] * 3), every(slope), every(beyond))


def scaling(slope: float, per_doubling: float, best: float = 0.9) -> budget_forcing.Scaling:
    return budget_forcing.Scaling(every([0.5, 0.6]), every(slope), every(per_doubling), every(best), every(1.0))


def family(sign: int, per_doubling: float, net: list[float], leads: list[float]) -> budget_forcing.Family:
    tokens = [8, 9, 15, 19]
    return budget_forcing.Family(
        (1, 3),
        forced=scaling(sign, per_doubling),
        never_seen=scaling(0.0, 0.0),
        prompt=scaling(sign, per_doubling),
        rejection=scaling(sign, per_doubling),
        revised=budget_forcing.Revised(
            every([0.3, 0.3]), every([0.3 + gain for gain in net]), *map(every, (0.5, 0.6, 0.7))
        ),
        votes=budget_forcing.Votes(every(tokens), every([2] * 4), every([leads] * 2), every([[1.0] * 4] * 2)),
    )


GOOD: dict[ModuleType, Any] = {
    adaptive_budget: adaptive_budget.Measured(
        checker=multipliers(1.8, 1.6, 1.7, 0.6),
        vote=multipliers(1.8, 1.6, 1.7, 0.6),
        alike=multipliers(1.0, 1.0, 1.0, 0.6),
        largest=every(4.0),
        pilot_beyond_early_exit=every(0.0),
        accuracy=every([0.5, 0.6]),
        flops=every([1.0, 2.0]),
    ),
    allocation: allocation.Measured(
        oracle_gains=every(0.03),
        oracle_gains_shifted=every(0.03),
        vote=place(0.6, 0.5),
        vote_shifted=place(-0.4, 0.2),
        checker=place(0.6, 0.5),
        checker_shifted=place(0.2, 0.5),
        explained=every(0.7),
        explained_shifted=every(0.2),
        trained=allocation.Dial(every([0.1] * 5), every([0.1] * 5), every([0.5] * 5)),
        simulated=allocation.Dial(every([0.1] * 5), every([0.1] * 5), every([0.5] * 5)),
    ),
    hedging: hedging.Measured(hedging.Dials(every(0.3), cells()), learned(), learned()),
    search_or_sampling: search_or_sampling.Measured(
        lengths=(2, 4),
        noise=(0.0,),
        one_chain=every([0.5, 0.3]),
        cells=search_or_sampling.Cell(
            *(every(np.full((2, 2, 2, 2), value)) for value in (0.6, 0.6, 9.0)),
            gain=every(np.full((2, 2, 2, 2, 2), 0.01)),
        ),
    ),
    small_or_large: small_or_large.Measured(
        better=every(0.3),
        several=every(4),
        verifier=small_or_large.Gains(every([[-0.2, 0.0, 0.1]] * 3), every([[-0.3, 0.0, 0.0]] * 3)),
        vote=small_or_large.Gains(every([[-0.2, 0.0, 0.1]] * 3), every([[-0.3, 0.0, 0.0]] * 3)),
    ),
    snowball: snowball.Measured(
        snowball_gain=every(0.5),
        hazard=every([0.1, 0.2, 0.3]),
        lost=every([0.1, 0.3, 0.4]),
        wrong=every([0.1, 0.2, 0.3]),
        bound=every([0.05, 0.1, 0.2]),
    ),
    strategy_by_difficulty: strategy_by_difficulty.Measured(
        one_chain=every(0.3),
        budgets=every([4, 16]),
        accuracy=every([[0.4, 0.5]] * 4),
        by_difficulty=every([[0.1, 0.9]] * 4),
        known=chosen(1.6, 3.5),
        facts=chosen(1.6, 3.5),
        pilot=chosen(1.0, 1.5),
    ),
    overthinking: overthinking.Measured(
        forced={
            "help": forced([0.99, 0.99, 0.99]),
            "flat": forced([0.99, 0.99, 0.99]),
            "hurt": forced([0.9, 0.6, 0.4]),
            "mend": forced([0.3, 0.5, 0.7]),
            "mixed": forced([0.5, 0.7, 0.6], one_chain=0.7),
        },
        natural={name: natural({"hurt": -0.1, "mend": 0.1}.get(name, 0.0)) for name in CLASSES},
        cut_short=every([0.0, 0.01]),
        cut_short_law=np.zeros(2),
    ),
    budget_forcing: budget_forcing.Measured(
        families={
            "help": family(1, 0.0, [0.0, 0.0], [0.0, 0.9, 0.8, 0.01]),
            "hurt": family(-1, -0.1, [-0.2, 0.0], [0.0, 0.0, 0.0, -0.6]),
            "mend": family(1, 0.1, [0.1, 0.0], [0.0, 0.0, 0.0, 0.0]),
        },
        walk=9,
        learned=every(0.99),
        learned_never_seen=every(0.99),
    ),
}


def put(measured: Any, path: str, value: Any) -> Any:
    """The same measurements but for the one at `path`: field names and keys, and an index of the axes behind seeds."""
    name, _, rest = path.partition("/")
    if isinstance(measured, np.ndarray):
        index = tuple(slice(None) if part == ":" else int(part) for part in path.split(",") if part)
        changed = measured.copy()
        changed[(slice(None), *index)] = value
        return changed
    inner = measured[name] if isinstance(measured, dict) else getattr(measured, name)
    inner = put(inner, rest, value)
    if isinstance(measured, dict):
        return {**measured, name: inner}
    return replace(measured, **{name: inner}) if is_dataclass(measured) else measured._replace(**{name: inner})


VIOLATIONS = [
    (adaptive_budget, "oracle, not charged: k", "checker/oracle", 1.4),
    (adaptive_budget, "facts: k", "checker/facts", 1.4),
    (adaptive_budget, "pilot of 4, used: k", "checker/pilot_used", 1.4),
    (adaptive_budget, "pilot of 4, thrown away: k", "checker/pilot_discarded", 1.1),
    (allocation, "in distribution: captured by facts - online", "vote/facts_captured", 0.3),
    (allocation, "shifted: captured by facts - online", "vote_shifted/facts_captured", 0.15),
    (allocation, "shifted: captured online", "vote_shifted/online_captured", -0.1),
    (allocation, "perfect checker: online - blind", "checker/online_minus_blind", 0.03),
    (hedging, "noise 1: weighted - best of its rivals", "dials/cells/selectors/3,0,:,0", 0.55),
    (hedging, "noise 1: weighted - best of its rivals", "dials/cells/selectors/3,0,:,1", 0.55),
    (hedging, "noise 2, systematic .3: majority - best of its rivals", "dials/cells/selectors/4,2,:,2", 0.41),
    (hedging, "noise 2, systematic .3: majority - best of its rivals", "dials/cells/selectors/4,2,:,0", 0.41),
    (hedging, "noise .6, systematic .3: best of n at its best n - at most", "dials/cells/at_best/2,2", 0.39),
    (hedging, "worst regret: pure - hedged", "dials/cells/selectors/0,1,:", [0.5, 0.4, 0.1, 0.1]),
    (snowball, "held-out log-likelihood, snowball - exponential", "snowball_gain", -0.1),
    (snowball, "nats lost a step", "lost/2", 0.05),
    (strategy_by_difficulty, "true difficulty, free: k over best of n", "known/k_best_of_n", 2.5),
    (strategy_by_difficulty, "facts: k over the best single way", "facts/k_single", 1.2),
    (small_or_large, "R = .16, easy: small - large", "verifier/once/0,2", -0.01),
    (small_or_large, "R = 22, hard: small - large", "verifier/once/2,0", 0.01),
    (small_or_large, "R = 22, hard: small - large that answers several times", "verifier/several/2,0", 0.01),
    (overthinking, "measured - foretold, largest over classes and re-checks", "forced/mend/deviations/:,2", -0.05),
    (overthinking, "hurt: change over all re-checks", "forced/hurt/accuracy/2", 0.85),
    (overthinking, "mend: change over all re-checks", "forced/mend/accuracy/2", 0.35),
    (overthinking, "flat: change over all re-checks", "forced/flat/accuracy/2", 0.95),
    (overthinking, "help: change over all re-checks", "forced/help/accuracy/2", 0.95),
    (overthinking, "mixed: rise to where the law has its peak", "forced/mixed/rise", 0.04),
    (overthinking, "mixed: fall from there", "forced/mixed/fall", 0.04),
    (overthinking, "mixed, all re-checks: measured - one chain for both kinds", "forced/mixed/one_chain/2", 0.6),
    (overthinking, "help, cut short: largest accuracy", "cut_short/0", 0.03),
    (overthinking, "hurt: slope within problems of natural length", "natural/hurt/slope", -0.01),
    (overthinking, "mend: slope within problems of natural length", "natural/mend/slope", 0.01),
    (
        overthinking,
        "slope of natural length less the law's, largest over hurt, mend and mixed",
        "natural/mixed/slope_beyond_law",
        -0.03,
    ),
    (
        overthinking,
        "hurt: error of the account by variance - the law's",
        "forced/hurt/error_by_variance",
        0.005,
    ),
    (budget_forcing, "help: scaling of forcing", "families/help/forced/slope", -0.1),
    (budget_forcing, "mend: scaling of forcing", "families/mend/forced/slope", -0.1),
    (budget_forcing, "hurt: scaling of forcing", "families/hurt/forced/slope", 0.1),
    (budget_forcing, "help: performance, forced - prompt", "families/help/prompt/best", 0.93),
    (budget_forcing, "mend: performance, forced - prompt", "families/mend/prompt/best", 0.93),
    (budget_forcing, "hurt: scaling of rejection", "families/hurt/rejection/slope", 0.1),
    (budget_forcing, "mend: scaling of rejection", "families/mend/rejection/slope", -0.1),
    (budget_forcing, "mend, seen: accuracy a doubling", "families/mend/forced/per_doubling", 0.04),
    (budget_forcing, "mend, never seen: accuracy a doubling", "families/mend/never_seen/per_doubling", 0.02),
    (
        budget_forcing,
        "help, never seen: accuracy a doubling, from the walk on",
        "families/help/never_seen/per_doubling",
        0.02,
    ),
    (budget_forcing, "help, seen: accuracy a doubling, from the walk on", "families/help/forced/per_doubling", 0.02),
    (budget_forcing, "hurt: mended - broken by the first continuation", "families/hurt/revised/broken/0", 0.15),
    (budget_forcing, "hurt: mended - broken by the last continuation", "families/hurt/revised/broken/1", 0.33),
    (budget_forcing, "hurt, most tokens: one chain - vote", "families/hurt/votes/lead/:,3", -0.2),
    (
        budget_forcing,
        "mend: verifier - last, among the drafts of a chain",
        "families/mend/revised/verifier",
        0.53,
    ),
    (
        budget_forcing,
        "help, tokens for one walk and not for two: one chain - vote of two, least",
        "families/help/votes/lead/:,2",
        0.4,
    ),
    (
        budget_forcing,
        "help, tokens for no walk or for two: one chain - vote of two, largest of either sign",
        "families/help/votes/lead/:,3",
        -0.1,
    ),
    *(
        (
            search_or_sampling,
            f"{kind} reward: {name} - best of n, largest over lengths and rewards",
            f"cells/gain/{row},{column},1,0,:",
            -0.04,
        )
        for row, kind in enumerate(search_or_sampling.KINDS)
        for column, name in enumerate(search_or_sampling.SEARCHES)
    ),
]


def verdicts(module: ModuleType, measured: Any) -> tuple[Verdict, dict[str, Verdict]]:
    judged = judge(module.CLAIM, module.check(measured))
    names = [check.name for check in judged.checks]
    return judged.verdict, dict(zip(names, (outcome.verdict for outcome in judged.outcomes), strict=True))


@pytest.mark.parametrize("module", GOOD, ids=lambda module: module.__name__.rsplit(".")[-1])
def test_a_claim_holds_where_every_seed_does_what_it_says(module):
    verdict, checks = verdicts(module, GOOD[module])
    assert verdict is Verdict.HOLDS, checks
    assert {check for claim, check, *_ in VIOLATIONS if claim is module} == set(checks), "every check can fail"


@pytest.mark.parametrize(
    ("module", "name", "path", "value"), VIOLATIONS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_one_violated_check_fails_and_no_other(module, name, path, value):
    verdict, checks = verdicts(module, put(GOOD[module], path, value))
    assert verdict is Verdict.FAILS
    assert [check for check, outcome in checks.items() if outcome is not Verdict.HOLDS] == [name]


GATES = [
    (adaptive_budget, "alike/oracle", 1.5, "checker/facts", 1.0),
    (adaptive_budget, "largest", 1.2, "checker/facts", 1.0),
    (allocation, "oracle_gains", 0.005, "vote/facts_captured", -1.0),
    (allocation, "oracle_gains_shifted", 0.005, "vote_shifted/facts_captured", 1.0),
    (hedging, "dials/one_answer", 0.01, "dials/cells/at_best/2,2", 0.3),
    (hedging, "dials/one_answer", 0.9, "dials/cells/at_best/2,2", 0.3),
    (small_or_large, "better", -0.1, "verifier/once/0,2", -0.1),
    (strategy_by_difficulty, "one_chain", 0.01, "facts/k_single", 1.0),
    (strategy_by_difficulty, "facts/largest_single", 1.4, "facts/k_single", 1.0),
    (strategy_by_difficulty, "known/largest_best_of_n", 2.0, "known/k_best_of_n", 1.0),
    (overthinking, "forced/help/learned", 0.5, "forced/mend/deviations/:,2", 0.5),
    (overthinking, "forced/flat/learned", 0.5, "forced/hurt/accuracy/2", 1.0),
    (budget_forcing, "learned", 0.5, "families/mend/forced/slope", -1.0),
    (budget_forcing, "learned_never_seen", 0.5, "families/mend/never_seen/per_doubling", 1.0),
]


@pytest.mark.parametrize(("module", "gate", "closed", "path", "value"), GATES)
def test_a_seed_that_misses_its_gate_is_not_judged(module, gate, closed, path, value):
    """Five of twelve seeds violate a check, and miss its gate: the others decide."""
    few = np.arange(SEEDS) < 5
    good, bad = GOOD[module], put(put(GOOD[module], path, value), gate, closed)
    mixed = merged(bad, good, few)
    assert verdicts(module, mixed)[0] is Verdict.HOLDS
    without_gate = merged(put(GOOD[module], path, value), good, few)
    assert verdicts(module, without_gate)[0] is not Verdict.HOLDS


def merged(first: Any, second: Any, seeds: np.ndarray) -> Any:
    """The first measurements in some seeds, the second in the others."""
    if isinstance(first, np.ndarray):
        if len(first) != SEEDS:
            return first
        return np.where(seeds.reshape(-1, *[1] * (first.ndim - 1)), first, second)
    if isinstance(first, dict):
        return {name: merged(first[name], second[name], seeds) for name in first}
    if is_dataclass(first):
        names = [field.name for field in fields(first)]
        return replace(first, **{name: merged(getattr(first, name), getattr(second, name), seeds) for name in names})
    if hasattr(first, "_fields"):
        return type(first)(*(merged(*parts, seeds) for parts in zip(first, second, strict=True)))
    return first


@pytest.mark.parametrize("module", GOOD, ids=lambda module: module.__name__.rsplit(".")[-1])
def test_measurements_are_typed_and_have_a_number_a_seed(module):
    assert all(check.values.shape == (SEEDS,) for check in module.check(GOOD[module]))
    assert module.figures(GOOD[module])


def test_a_multiplier_that_is_censored_satisfies_a_lower_bound_only_where_it_can_be_shown():
    beyond = put(GOOD[adaptive_budget], "checker/facts", np.inf)
    assert verdicts(adaptive_budget, beyond)[0] is Verdict.HOLDS
    assert verdicts(adaptive_budget, put(beyond, "largest", 1.2))[0] is Verdict.UNDECIDED
