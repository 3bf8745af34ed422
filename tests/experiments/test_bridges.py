"""What the claims on chains over bridges measure, on chains whose law is known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from alchemy.problem.split import Split
from alchemy.problem.task import Batch
from alchemy.stats.selection import largest
from alchemy.stats.voting import Vote
from alchemy.testtime.answers import Samples
from experiments.graph_search import (
    depth_law,
    durable_advantage,
    equal_tokens,
    parallel_scaling,
    self_taught_search,
    sequential_scaling,
    trade_off,
)
from experiments.graph_search.bridges import SMOKE, STYLES, Chains, Setting, by_seed, judge
from tasks.connectivity import Connectivity, laws

TASK = Connectivity(depth=2, trace="dfs")
SEEDS, GRAPHS, POOL = 3, 400, 32


def searches(depth: int, fails: float = 0.0, seed: int = 0) -> Chains:
    """Chains of ideal searches, of which a share fails, independently."""
    rng = np.random.default_rng(seed)
    shape, law = (SEEDS, GRAPHS, POOL), laws.dfs_length_pmf(depth)
    valid = rng.random(shape) >= fails
    length = rng.choice(len(law), size=shape, p=law / law.sum()).astype(np.int32)
    votes = np.where(valid, Vote.RIGHT, np.where(rng.random(shape) < 0.5, Vote.RIGHT, Vote.WRONG))
    return Chains(valid, length, votes, np.ones(shape))


def walks(p: float, seed: int = 0) -> Chains:
    """Chains of one length that are valid with probability p and else vote for the wrong candidate."""
    valid = np.random.default_rng(seed).random((SEEDS, GRAPHS, POOL)) < p
    return Chains(valid, np.ones(valid.shape, int), np.where(valid, Vote.RIGHT, Vote.WRONG), np.ones(valid.shape))


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Twenty graphs of each of two seeds."""
    return Split().distinct(TASK, np.random.default_rng(0), 40, "test")


def test_gold_chains_are_judged_as_what_they_are(batch):
    gold = batch.completions().reshape(2, 20, 1, -1)
    chains = judge(Samples(TASK, batch, np.repeat(gold, 3, axis=2)))
    assert chains.valid.shape == (2, 20, 3) and chains.valid.all() and (chains.votes == Vote.RIGHT).all()
    np.testing.assert_array_equal(chains.length[:, :, 0].ravel(), (batch.problem["trace"] >= 0).sum(axis=1))
    assert by_seed(chains.valid).tolist() == [1, 1] and chains.within(6).sum() == 0, "depth 2 takes 7 nodes"
    assert chains.within(19).all()


def test_each_seed_is_judged_on_graphs_of_its_own(batch):
    swapped = batch.completions().reshape(2, 20, 1, -1)[::-1]
    assert not judge(Samples(TASK, batch, swapped)).valid.any()


def test_votes_follow_the_decision_and_not_the_chain(batch):
    """The wrong candidate, a node that is neither, and no decision at all."""
    vocabulary, first = TASK.vocabulary, TASK.vocabulary.index["0"]
    targets, right = batch.problem["targets"], batch.problem["right"]
    wrong = np.take_along_axis(targets, 1 - right[:, None].astype(int), axis=1)[:, 0]
    gold = batch.completions()
    place = (gold == vocabulary.index["decision"]).argmax(axis=1) + 1
    rows = np.arange(len(gold))
    other, silent = gold.copy(), gold.copy()
    gold[rows, place] = wrong + first
    other[rows, place] = batch.problem["start"] + first
    silent[rows, place] = 1  # the end
    pool = np.stack([gold, other, silent], axis=1).reshape(2, 20, 3, -1)
    chains = judge(Samples(TASK, batch, pool))
    assert chains.valid.all(), "evidence is judged without the decision"
    np.testing.assert_array_equal(chains.votes[1, 0], [Vote.WRONG, Vote.OTHER, Vote.NONE])
    alone = chains._replace(votes=chains.votes[:, :, :1])
    assert (alone.majority_of(1) == 0).all() and (chains.any_of(1) == 1).all()


def test_gates_read_other_graphs_than_checks():
    setting = replace(Setting(), gate_graphs=100)
    test, gate = setting.split(searches(1))
    assert test.valid.shape == (SEEDS, GRAPHS - 100, POOL) and gate.valid.shape == (SEEDS, 100, POOL)
    first, second = searches(1).halves()
    np.testing.assert_array_equal(np.concatenate([first.length, second.length], axis=1), searches(1).length)


def test_the_longest_trained_chains():
    """A search of depth 2 lists 9 nodes by a short and a long route and 10 of detours, each twice if it steps back."""
    assert [depth_law.longest_trained(style, 2) for style in STYLES] == [19, 29, 11, 7]


def test_the_largest_gap_to_the_law_is_found_and_none_is_made_up():
    law = laws.dfs_length_cdf(2)

    def gap(chains: Chains) -> np.ndarray:
        rows = [[sequential_scaling.within(half, len(law)) - law for half in chains.halves()]]
        return sequential_scaling._over_arms(rows)

    assert abs(gap(searches(2))).max() < 0.01, "noise adds nothing"
    np.testing.assert_allclose(gap(searches(2, fails=0.2)), 0.2, atol=0.01)
    assert (gap(searches(3)) > 0.5).all()


def test_failures_that_do_not_depend_on_length_are_no_other_search():
    arrived = sequential_scaling.arrived_within(searches(2, fails=0.2), 20)
    np.testing.assert_allclose(arrived, np.tile(laws.dfs_length_cdf(2), (SEEDS, 1)), atol=0.01)
    nothing = sequential_scaling.arrived_within(searches(2, fails=1.0), 20)
    assert (nothing == 0).all()


def test_slips_shorten_the_searches_that_arrive_as_predicted():
    pmf, chains = laws.dfs_length_pmf(2), searches(2)
    arrives = np.random.default_rng(1).random(chains.length.shape) < 0.97**chains.length
    slipping = chains._replace(valid=chains.valid & arrives)
    slips = laws.slip_rate(pmf, by_seed(slipping.valid))
    np.testing.assert_allclose(slips, 0.03, atol=0.002)
    arrived = sequential_scaling.arrived_within(slipping, len(pmf))
    assert np.abs(arrived - laws.arrived_length_cdf(pmf, slips)).max() < 0.015
    assert np.abs(arrived - pmf.cumsum()).max() > 0.03, "the law of all searches is another one"


def test_the_exchange_rate_of_ideal_searches_is_the_laws():
    law = laws.dfs_length_cdf(2)
    budgets = trade_off.steep_budgets(law, list(range(7, len(law))), POOL)
    assert budgets == list(range(7, 14)), "at 14 nodes less than one chain is needed"
    exact = laws.exchange_rate(np.array(budgets), trade_off.needed_by_law(law[budgets]))
    np.testing.assert_allclose(trade_off.exchange_rates(searches(2), budgets), exact, rtol=0.1)
    assert np.isfinite(trade_off.exchange_rates(searches(2, fails=0.5), budgets)).all(), (
        "what is not reached is left out"
    )
    assert np.isnan(trade_off.exchange_rates(searches(2, fails=1.0), budgets)).all()


def test_a_second_chain_pays_only_where_one_can_fail():
    totals = list(range(4, 37))

    def gain(chains: Chains) -> np.ndarray:
        return largest(*(equal_tokens.gains(half, totals) for half in chains.halves()))

    assert gain(searches(1)).max() < 0.01, "an ideal search that may be long enough needs no second"
    assert (gain(searches(1, fails=0.2)) > 0.05).all(), "beyond the longest search a second one insures"
    short = [total for total in totals if total <= 9]
    undivided = equal_tokens.divided(searches(1, fails=0.2), 1, short)
    assert (equal_tokens.divided(searches(1, fails=0.2), 2, short) < undivided).all()


def test_samples_needed_grow_as_the_law_says():
    easy, hard = walks(0.5), walks(0.2)
    for p, chains in ((0.5, easy), (0.2, hard)):
        expected = np.log(0.1) / np.log(1 - p)
        np.testing.assert_allclose(parallel_scaling.samples_needed(chains), expected, rtol=0.1)
    needed = np.array([[parallel_scaling.samples_needed(half) for half in chains.halves()] for chains in (easy, hard)])
    growth = np.exp(-largest(*-parallel_scaling.log_growth(needed)))
    np.testing.assert_allclose(growth, np.log(0.5) / np.log(0.8), rtol=0.1)
    arm = parallel_scaling._arm("path", 1, easy)
    assert (arm.needed_by_paper == 4).all() and parallel_scaling._arm("path", 1, hard).needed_by_paper.max() == 16
    np.testing.assert_allclose(arm.any_of[:, 3], 1 - 0.5**8, atol=0.02)
    assert (parallel_scaling.samples_needed(walks(1.0)) == 1).all()


def test_growth_from_beyond_the_pool_is_unknown():
    needed = np.array([[[2.0, 2.0, np.inf]] * 2, [[8.0, np.inf, np.inf]] * 2])  # (depths, halves, seeds)
    growth = np.exp(-largest(*-parallel_scaling.log_growth(needed)))
    np.testing.assert_allclose(growth, [4, np.inf, np.nan])


def test_only_verified_chains_are_learned_from(batch):
    """A chain of its own counts, with the right decision whatever it decided; a broken one does not."""
    gold = batch.completions()
    written = gold.copy()
    written[::2, 1] = gold[::2, 0]  # the start again is no new node, but no fault either
    written[1::4, 0] = TASK.vocabulary.index["decision"]
    verified = self_taught_search.verified(Samples(TASK, batch, written[None, :, None]))
    judged = TASK.verify(batch, written)
    assert 0 < len(verified.tokens) == judged.trace.sum() < len(batch.tokens)
    again = TASK.verify(verified, verified.completions())
    assert again.answer.all() and again.trace.all()


def test_verified_length_counts_valid_chains_only():
    chains = searches(2, fails=0.3)
    np.testing.assert_allclose(self_taught_search.verified_length(chains), 12, atol=0.1, err_msg="6 d")
    other = chains._replace(length=np.where(chains.valid, chains.length, 100))
    np.testing.assert_array_equal(self_taught_search.verified_length(other), self_taught_search.verified_length(chains))
    assert np.isnan(self_taught_search.verified_length(searches(2, fails=1.0))).all()


def test_no_advantage_over_oneself():
    chains = searches(2, fails=0.4)
    same = durable_advantage.Rivals(chains, chains)
    for count in (1, 4):
        np.testing.assert_allclose(same.paths(count), count)
        for selector in durable_advantage.SELECTORS:
            np.testing.assert_allclose(same.advantage(selector, count), 0, atol=1e-12)
    longer = durable_advantage.Rivals(chains._replace(length=chains.length * 2), chains)
    np.testing.assert_allclose(longer.paths(1), 2)
    assert (longer.advantage("pass@k") < -0.1).all(), "two chains for the nodes of one"
    assert (longer.paths(100) == POOL).all(), "no more than there are"


def test_deeper_models_and_searches_are_trained_for_longer():
    def train(model, task, config, *, seeds, label, start=None, stretch=0):
        return task.depth, task.trace, config.steps, config.learning_rate, seeds, stretch, start

    changes = {"depths": (1, 2), "steps_by_depth": 1.5, "steps_by_style": {"dfs": 2}, "stretches": {"dfs": 0.25}}
    setting = replace(Setting(), **{**SMOKE, **changes})
    lab = SimpleNamespace(train=train)
    rate = setting.train.learning_rate
    assert setting.fit(lab, "path", 2) == (2, "path", 12, rate, 2, 0, None), "models of one depth never saw another"
    first = (2, "dfs", 24, rate, 2, 0, None)
    second = (2, "dfs", 6, rate / 2, 2, 1, first)
    assert setting.fit(lab, "dfs", 2) == (2, "dfs", 6, rate / 4, 2, 2, second)
    assert setting.fit(lab, "dfs", 1)[2] == 4
    assert setting.arms(STYLES) == [
        ("DFS", 1),
        ("DFS", 2),
        ("DFS-BT", 1),
        ("path", 1),
        ("path", 2),
        ("shortest", 1),
        ("shortest", 2),
    ]
    assert setting.room(setting.task("dfs-bt", 2)) >= setting.task("dfs-bt", 2).longest_trace + 3
