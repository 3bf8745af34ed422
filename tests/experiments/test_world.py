"""A claim on searching: what agents are asked, the numbers that decide, and that each check can fail and each gate leaves it open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.world import agents, looking_or_thinking, more_searches, rationing
from experiments.world.agents import Answered, Worlds
from tasks.search.spec import TURN

WORLDS = Worlds()
EXACT, TAGGED, VOTES = (WORLDS.task(regime, True) for regime in agents.REGIMES)
BEST, UNAWARE = agents.ceiling(VOTES), agents.unaware(VOTES)


def seeds(values):
    return np.broadcast_to(np.asarray(values, float), (10, *np.shape(values))).copy()


CONTROLS = {"exact": seeds([0.5, 0.7, 1.0]), "tagged": seeds([0.3, 0.5, 0.9])}
RATIONING = rationing.Measured(
    budgets={"exact": (2, 3, 6), "tagged": (2, 3, 6), "votes": WORLDS.budgets},
    known={**CONTROLS, "votes": seeds(BEST.mean(axis=0))},
    hidden={**CONTROLS, "votes": seeds(UNAWARE.mean(axis=0))},
    one_hop={"exact": seeds(1.0), "tagged": seeds(1.0), "votes": seeds(1.0)},
    best=BEST.mean(axis=0),
    best_hidden=UNAWARE.mean(axis=0),
)


def gained(regime, by):
    """Agents that know the budget gain so much more."""
    return {"known": {**RATIONING.known, regime: RATIONING.known[regime] + by}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (gained("votes", -0.1), Verdict.FAILS),
        (gained("votes", 0.09), Verdict.FAILS),
        (gained("exact", 0.04), Verdict.FAILS),
        (gained("tagged", -0.04), Verdict.FAILS),
        ({"one_hop": {**RATIONING.one_hop, "votes": seeds(0.5)}}, Verdict.UNDECIDED),
        ({**gained("exact", 0.04), "one_hop": {**RATIONING.one_hop, "exact": seeds(0.5)}}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_rationing_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(rationing.CLAIM, rationing.check(replace(RATIONING, **changes))).verdict == verdict


def test_the_numbers_that_decide_by_hand():
    assert rationing.small((1, 2, 3, 4), np.array([9.0, 0.1, 0.2, 9.0])) == pytest.approx(0.15)


def test_controls_are_asked_at_the_small_budgets_and_the_largest():
    assert [rationing.asked(task) for task in (EXACT, TAGGED)] == [(2, 3, 6)] * 2
    assert rationing.asked(VOTES) == WORLDS.budgets


def test_means_by_number_of_hops():
    said = Answered(
        np.array([[1, 2, 1, 2]]),
        np.array([[[True], [True], [False], [True]]]),
        np.zeros((1, 4, 1), int),
        np.ones((1, 4, 1)),
    )
    assert said.accuracy((1, 2)).tolist() == [[[0.5], [1.0]]]
    assert said.part(slice(1, 3)).accuracy((1, 2)).tolist() == [[[0.0], [1.0]]]


def test_what_the_optima_foretell():
    """The claims' reasons: what knowing is worth without tags, and that it is worth nothing elsewhere."""
    gap = rationing.small(VOTES.budgets, (BEST - UNAWARE).mean(axis=0))
    assert 0.1 < gap < 0.2 and np.all(UNAWARE <= BEST + 1e-9)


def test_agents_are_asked_the_same_whatever_they_know_and_fit_their_context():
    for task in (EXACT, TAGGED, VOTES):
        batches = [
            some.sample(np.random.default_rng(0), 50)
            for some in (task, replace(task, announced=False), replace(task, budgets=(3,)))
        ]
        for name in ("world", "start", "path"):
            for batch in batches[1:]:
                np.testing.assert_array_equal(batch.problem[name], batches[0].problem[name])
        assert task.longest_prompt + TURN * max(task.budgets) + 1 <= WORLDS.model.context


def at_ceiling(regime):
    """Agents that are right as often as can be after 0, 1, ... searches."""
    task = more_searches.SMALL.worlds.task(regime, False)
    return seeds(agents.ceiling(replace(task, budgets=(0, *task.budgets))))


BEST_SEARCHERS = {regime: at_ceiling(regime) for regime in more_searches.REGIMES}
MORE_SEARCHES = more_searches.Measured(
    budgets=(0, *more_searches.SMALL.worlds.few),
    hops=(1, 2, 3),
    right=BEST_SEARCHERS,
    known=BEST_SEARCHERS,
    ceiling={regime: right[0] for regime, right in BEST_SEARCHERS.items()},
    one_hop={"tagged": seeds(1.0), "exact": seeds(1.0)},
)


def searched(regime, change):
    """What a change of right answers float (s, k, b) of a regime makes of them all."""
    return {"right": {**BEST_SEARCHERS, regime: change(BEST_SEARCHERS[regime].copy())}}


def from_budget(place, by):
    """So many more are right from a budget on."""
    return lambda right: right + by * (np.arange(right.shape[2]) >= place)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (searched("tagged", lambda right: 0.0625 + (right - 0.0625) * 0.5), Verdict.FAILS),
        (searched("tagged", from_budget(6, -0.08)), Verdict.FAILS),
        (searched("tagged", lambda right: right - 0.07), Verdict.FAILS),
        (searched("tagged", lambda right: right + 0.05), Verdict.FAILS),
        (searched("exact", lambda right: right - 0.05 * (np.arange(8) < 4)), Verdict.FAILS),
        (searched("exact", lambda right: 0.7 + 0 * right), Verdict.HOLDS),
        ({"one_hop": {"tagged": seeds(0.5), "exact": seeds(1.0)}}, Verdict.UNDECIDED),
        ({"one_hop": {"tagged": seeds(1.0), "exact": seeds(0.5)}}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_more_searches_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(more_searches.CLAIM, more_searches.check(replace(MORE_SEARCHES, **changes))).verdict == verdict


def test_doublings_by_hand():
    right = np.arange(48, dtype=float).reshape(2, 3, 8) ** 2 / 1000  # after 0, 1, 2, 3, 4, 6, 8, 12 searches
    measured = replace(MORE_SEARCHES, right={"tagged": right, "exact": right})
    first = [(2**2 - 1**2) / 1000, (12**2 - 10**2) / 1000, (21**2 - 19**2) / 1000]
    second = [(4**2 - 2**2) / 1000, (14**2 - 12**2) / 1000, (23**2 - 21**2) / 1000]
    assert more_searches.doublings(measured, "tagged")[0] == pytest.approx([np.mean(first), np.mean(second)])
    assert more_searches.worst_step(right) == pytest.approx([0.001, (25**2 - 24**2) / 1000])


def test_what_the_ceilings_foretell_of_doublings():
    first, second = more_searches.doublings(MORE_SEARCHES, "tagged")[0]
    assert first == pytest.approx(0.38, abs=0.01) and second == pytest.approx(0.075, abs=0.005)
    assert more_searches.doublings(MORE_SEARCHES, "exact") == pytest.approx(0)
    pooled = MORE_SEARCHES.right["exact"].mean(axis=1)[0]
    assert (np.diff(pooled) >= 0).all() and pooled[3] - pooled[1] > 0.5, (
        "over all questions exact results make a curve, too"
    )


CEILING = agents.ceiling(looking_or_thinking.SMALL.task)
KEEPS = np.array([0.2, 0.4, 0.8, 1.0])
"""How often a result is worked out in so many steps."""


def grid(keeps=KEEPS):
    """Agents whose results are worked out so often, each by itself, float (s, k, b, t)."""
    above = CEILING[:, :, None] - 1 / 8
    return seeds(1 / 8 + above * keeps ** np.array([1, 2])[:, None, None])


LOOKING = looking_or_thinking.Measured(
    hops=(1, 2),
    budgets=(1, 2, 3, 4),
    thoughts=(0, 1, 2, 4),
    right=grid(),
    ceiling=CEILING,
    guess=1 / 8,
    one_hop=seeds(1.0),
)


def interior(change):
    """What a change of the cells that are no margins makes of the grid."""
    right = grid()
    right[:, :, :-1, :-1] = change(right[:, :, :-1, :-1])
    return {"right": right}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        (interior(lambda right: right + 0.06), Verdict.FAILS),
        ({"right": looking_or_thinking.added(LOOKING)}, Verdict.FAILS),
        (interior(lambda right: np.where(np.arange(3) == 0, right + 0.9, right)), Verdict.FAILS),
        ({"right": grid(np.ones(4))}, Verdict.FAILS),
        ({"one_hop": seeds(0.8)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_looking_or_thinking_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    checks = looking_or_thinking.check(replace(LOOKING, **changes))
    assert judge(looking_or_thinking.CLAIM, checks).verdict == verdict


def test_products_sums_and_divisions_by_hand():
    right = np.array([[[[0.2, 0.5], [0.3, 0.9]]]])  # one seed, one number of hops, two budgets, no step and one
    measured = replace(LOOKING, hops=(1,), budgets=(1, 2), thoughts=(0, 1), right=right, guess=0.1)
    foretold = looking_or_thinking.product(measured)
    assert foretold[0, 0, 0, 0] == pytest.approx(0.1 + 0.4 * 0.2 / 0.8)
    assert looking_or_thinking.off(measured, foretold) == pytest.approx([0.0])
    assert looking_or_thinking.off(measured, looking_or_thinking.added(measured)) == pytest.approx([0.1])
    assert looking_or_thinking.lost(measured, foretold) == pytest.approx([0.0])
    other = replace(measured, right=np.array([[[[0.2, 0.1], [0.3, 0.9]]]]))
    wrong = np.array([[[[0.0, 0.1], [0.3, 0.9]]]])  # foretells a step where it costs .1
    assert 0 < looking_or_thinking.lost(other, wrong)[0] == pytest.approx(lost_by_hand(other, wrong))


def lost_by_hand(measured, foretold):
    """The same with loops."""
    losses = []
    for price in looking_or_thinking.PRICES:
        costs = {(b, t): measured.budgets[b] * (price + measured.thoughts[t]) for b in (0, 1) for t in (0, 1)}
        for budget in set(costs.values()):
            cells = [cell for cell, cost in costs.items() if cost <= budget]
            chosen = max(cells, key=lambda cell: foretold[0, 0, cell[0], cell[1]])
            best = max(measured.right[0, 0, b, t] for b, t in cells)
            losses.append(best - measured.right[0, 0, chosen[0], chosen[1]])
    return np.mean(losses)
