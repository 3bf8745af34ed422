"""The checks of the claims on graphs, on measurements by hand: what makes each claim hold, and what refutes each check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.graph_search import (
    catching_up,
    complementary,
    depth_law,
    durable_advantage,
    equal_tokens,
    looped_layers,
    parallel_scaling,
    query_bound,
    self_taught_search,
    sequential_scaling,
    trade_off,
)

SEEDS = 12


def seeds(value: float, m: int = 0) -> np.ndarray:
    """The same number for each seed, float (s,) or (s, m)."""
    return np.full((SEEDS, m) if m else SEEDS, value)


@dataclass(frozen=True)
class Case:
    """A claim, measurements that satisfy it, and by refuted check the measurements that do."""

    claim: ModuleType
    good: Any
    refuting: dict[str, Any]
    """By the start of the name of the only check that fails."""
    gated: dict[str, Any]
    """By the end of the name of a gate: measurements under which most seeds miss it."""


def depth_law_case() -> Case:
    good = depth_law.Measured(
        arms=(),
        least_evidence=seeds(0.98),
        deviation={"path": seeds(0.01), "shortest": seeds(-0.01)},
        open_steps={"path": seeds(0.99), "shortest": seeds(0.98)},
    )
    return Case(
        depth_law,
        good,
        {
            "searches": replace(good, least_evidence=seeds(0.9)),
            "path": replace(good, deviation={"path": seeds(0.06), "shortest": seeds(0.0)}),
            "shortest": replace(good, deviation={"path": seeds(0.0), "shortest": seeds(0.3)}),
        },
        {"open steps, the fewest over depths": replace(good, open_steps={"path": seeds(0.9), "shortest": seeds(0.9)})},
    )


def parallel_scaling_case() -> Case:
    good = parallel_scaling.Measured(
        arms=(),
        path_growth=seeds(2.7),
        shortest_growth=seeds(np.inf),
        search_growth=seeds(1.0),
        search_evidence=seeds(0.9),
    )
    return Case(
        parallel_scaling,
        good,
        {
            "path": replace(good, path_growth=seeds(1.9)),
            "shortest": replace(good, shortest_growth=seeds(3.9)),
            "search": replace(good, search_growth=seeds(1.6)),
        },
        {"evidence of one chain, the least over depths": replace(good, search_evidence=seeds(0.4))},
    )


def sequential_scaling_case() -> Case:
    good = sequential_scaling.Measured(arms=(), greedy_gap=seeds(0.02), arrived_gap=seeds(-0.001))
    return Case(
        sequential_scaling,
        good,
        {"greedy": replace(good, greedy_gap=seeds(0.06)), "sampled": replace(good, arrived_gap=seeds(0.06))},
        {},
    )


def trade_off_case() -> Case:
    good = trade_off.Measured(
        depth=2,
        budgets=[7, 8],
        sizes=[1, 2],
        accuracy=np.full((SEEDS, 2, 2), 0.6),
        law=np.full((2, 2), 0.6),
        slope=seeds(-0.5),
        slope_law=-0.47,
        evidence=seeds(0.9),
    )
    return Case(
        trade_off,
        good,
        {"slope": replace(good, slope=seeds(-0.2))},
        {"evidence of a sampled chain": replace(good, evidence=seeds(0.1))},
    )


def equal_tokens_case() -> Case:
    good = equal_tokens.Measured(
        depth=2,
        longest=8,
        totals=[7, 8],
        one=seeds(0.9, 2),
        greedy=seeds(0.9, 2),
        several={2: seeds(0.8, 2)},
        best_gain=seeds(-0.01),
        evidence=seeds(0.9),
    )
    return Case(
        equal_tokens,
        good,
        {"at equal tokens": replace(good, best_gain=seeds(0.04))},
        {"evidence of a sampled chain": replace(good, evidence=seeds(0.1))},
    )


def looped_layers_case() -> Case:
    good = looped_layers.Measured(search=seeds(0.99), looped=seeds(0.5))
    return Case(looped_layers, good, {"depth 1: search": replace(good, looped=seeds(0.9))}, {})


def durable_advantage_case() -> Case:
    def home(depth: int, verified: float) -> durable_advantage.Comparison:
        rows = dict.fromkeys(("search_evidence", "path_evidence", "search_any", "path_any"), seeds(0.5))
        advantage = dict.fromkeys(durable_advantage.SELECTORS, seeds(0.3))
        return durable_advantage.Comparison(
            depth, durable_advantage.HOME, **rows, advantage=advantage, verified_advantage=seeds(verified)
        )

    good = durable_advantage.Measured(
        searches=8,
        tests=(home(1, 0.01), home(2, 0.04)),
        advantage={1: seeds(0.15), 2: seeds(0.3)},
        left_over_half={1: seeds(-0.02), 2: seeds(-0.1)},
    )
    return Case(
        durable_advantage,
        good,
        {
            "trained at 2: verified": replace(good, tests=(home(1, 0.01), home(2, 0.06))),
            "trained at 1: advantage - half": replace(good, left_over_half={1: seeds(0.02), 2: seeds(-0.1)}),
        },
        {"trained at 1: advantage by majority": replace(good, advantage={1: seeds(0.05), 2: seeds(0.3)})},
    )


def self_taught_search_case() -> Case:
    def rising(first: float, last: float) -> np.ndarray:
        return np.tile(np.linspace(first, last, 4), (SEEDS, 1))

    good = self_taught_search.Measured(
        depth=2,
        evidence=rising(0.35, 0.9),
        evidence_sampled=rising(0.3, 0.8),
        evidence_within=rising(0.3, 0.32),
        verified_length=rising(9.5, 16),
        kept=seeds(0.4, 3),
        least_rise=seeds(0.05),
        evidence_before=seeds(0.35),
    )
    return Case(
        self_taught_search,
        good,
        {
            "evidence: least rise": replace(good, least_rise=seeds(-0.01)),
            "evidence: rise in all": replace(good, evidence=rising(0.35, 0.5)),
            "nodes of verified": replace(good, verified_length=rising(9.5, 10)),
            "evidence within": replace(good, evidence_within=rising(0.3, 0.5)),
        },
        {"evidence before": replace(good, evidence_before=seeds(0.0))},
    )


def query_bound_case() -> Case:
    row = query_bound.Row(
        length=4,
        best=np.array([0.5, 0.5, 0.6, 1.0]),
        walk=np.array([0.5, 0.5, 0.5, 1.0]),
        below_bound=0.0,
        exchange=True,
        walk_before_end=0.0,
    )

    def measured(**changes: Any) -> query_bound.Measured:
        return query_bound.Measured((row, replace(row, length=5, **changes)))

    return Case(
        query_bound,
        measured(),
        {
            "fewer than (L - 2) / 2 queries: largest": measured(below_bound=1e-9),
            "fewer than (L - 2) / 2 queries: lengths": measured(exchange=False),
            "L - 1 queries": measured(best=np.array([0.5, 0.5, 0.6, 0.9])),
            "L - 2 queries of a walk": measured(walk_before_end=0.01),
        },
        {},
    )


def catching_up_case() -> Case:
    def row(arm: str, readout: str, plateau: float = 0.8, last: float = 1.0, gate: float | None = None) -> Any:
        return catching_up.Row(
            depth=1,
            arm=arm,
            readout=readout,
            sizes=[1, 2],
            by_size=np.stack([seeds(0.5), seeds(last)], axis=1),
            by_tokens=seeds(0.5, 2),
            one_search=seeds(0.9),
            plateau=seeds(plateau),
            better_than_chance=None if gate is None else seeds(gate),
        )

    def measured(evidence: float = 0.9, gate: float = 0.1, **plateaus: float) -> catching_up.Measured:
        rows = (
            row("no chain", "majority", 0.5),
            row("no chain", "exact verifier", last=0.0),
            row("path", "majority", plateaus.get("votes", 0.8)),
            row("path", "outcome verifier", plateaus.get("learned", 0.8), gate=gate),
            row("path", "exact verifier", last=plateaus.get("coverage", 1.0)),
            row("search", "majority", 1.0),
        )
        return catching_up.Measured({1: [10.0, 20.0]}, {1: seeds(evidence)}, rows)

    return Case(
        catching_up,
        measured(),
        {
            "depth 1, path, majority": measured(votes=0.95),
            "depth 1, path, outcome verifier": measured(learned=0.95),
            "depth 1, path, exact verifier": measured(coverage=0.8),
        },
        {
            "evidence of one search": measured(evidence=0.3),
            "outcome verifier: best of eight - random": measured(gate=0.0),
        },
    )


def complementary_case() -> Case:
    def row(gate: float = 0.1, **changes: float) -> complementary.Row:
        shares = {"one of searches": 0.9, "several of searches": 0.98, "one of paths": 0.6, "several of paths": 0.8}
        cells = {name: seeds(changes.get(name.replace(" ", "_"), share)) for name, share in shares.items()}
        return complementary.Row(
            depth=1,
            budgets=[7, 24],
            cells={},
            interaction={},
            both={"exact": cells, "learned": {name: seeds(share) for name, share in shares.items()}},
            sizes=[1],
            coverage={},
            search_evidence=seeds(0.9),
            better_than_chance={"paths": seeds(0.1), "searches": seeds(gate)},
        )

    def measured(**changes: float) -> complementary.Measured:
        return complementary.Measured((row(**changes),))

    return Case(
        complementary,
        measured(),
        {
            "depth 1, exact verifier: several searches - one": measured(one_of_searches=0.97),
            "depth 1, exact verifier: several searches - several": measured(several_of_paths=0.98),
        },
        {"searches: best of eight - random": measured(gate=0.0)},
    )


CASES = [
    depth_law_case(),
    parallel_scaling_case(),
    sequential_scaling_case(),
    trade_off_case(),
    equal_tokens_case(),
    durable_advantage_case(),
    looped_layers_case(),
    self_taught_search_case(),
    query_bound_case(),
    catching_up_case(),
    complementary_case(),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim.__name__.rsplit(".", 1)[1])


@each_case
def test_a_claim_holds_where_every_check_does(case):
    assert judge(case.claim.CLAIM, case.claim.check(case.good)).verdict is Verdict.HOLDS


@each_case
def test_each_check_can_refute_the_claim_alone(case):
    for name, measured in case.refuting.items():
        judged = judge(case.claim.CLAIM, case.claim.check(measured))
        assert judged.verdict is Verdict.FAILS, name
        outcomes = zip(judged.checks, judged.outcomes, strict=True)
        [failed] = [check for check, outcome in outcomes if outcome.verdict is Verdict.FAILS]
        assert failed.name.startswith(name)


@each_case
def test_seeds_that_miss_a_gate_leave_only_the_checks_that_rest_on_it(case):
    for name, measured in case.gated.items():
        judged = judge(case.claim.CLAIM, case.claim.check(measured))
        assert judged.verdict is Verdict.UNDECIDED, name
        for check, outcome in zip(judged.checks, judged.outcomes, strict=True):
            rests = any(gate.name.endswith(name) for gate in check.gates)
            assert outcome.verdict is (Verdict.UNDECIDED if rests else Verdict.HOLDS), (name, check.name)


def test_five_seeds_that_agree_decide():
    case = trade_off_case()
    few = replace(case.good, slope=case.good.slope[:5], evidence=case.good.evidence[:5])
    assert judge(trade_off.CLAIM, trade_off.check(few)).verdict is Verdict.HOLDS


def test_query_bound_is_enumerated():
    rows = [query_bound.enumerated(length) for length in (4, 5, 6, 7)]
    checks = query_bound.check(query_bound.Measured(tuple(rows)))
    assert judge(query_bound.CLAIM, checks).verdict is Verdict.HOLDS
    assert [query_bound.first_that_helps(row.best) for row in rows] == [2, 2, 3, 3], "floor(L / 2): the bound is tight"
    assert [query_bound.first_that_helps(row.walk) for row in rows] == [3, 4, 5, 6]
