"""What the claims on chains over bridges measure, on chains whose law is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alchemy.problem.split import Split
from alchemy.stats.voting import Vote
from alchemy.testtime.answers import Samples
from experiments.graph_search import (
    durable_advantage,
    parallel_scaling,
    self_taught_search,
    trade_off,
)
from experiments.graph_search.bridges import (
    SMOKE,
    STYLES,
    Chains,
    Setting,
    any_of,
    judge,
    majority_of,
    share,
)
from experiments.graph_search.sequential_scaling import slip_rate, sup_gap, weighted
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
    return Chains(valid, length, votes, np.ones(shape), np.ones(shape))


@pytest.fixture(scope="module")
def batch():
    return Split().distinct(TASK, np.random.default_rng(0), 40, "test")


def test_gold_chains_are_judged_as_what_they_are(batch):
    gold = batch.completions()[None, :, None]
    chains = judge(Samples(TASK, batch, np.repeat(np.repeat(gold, 2, axis=0), 3, axis=2)))
    assert chains.valid.shape == (2, 40, 3) and chains.valid.all() and (chains.votes == Vote.RIGHT).all()
    np.testing.assert_array_equal(chains.length[0, :, 0], (batch.problem["trace"] >= 0).sum(axis=1))
    assert share(chains.valid).mean == 1.0 and chains.within(6).sum() == 0, "depth 2 takes 7 nodes"
    assert (chains.decided(6) == Vote.NONE).all() and (chains.decided(19) == Vote.RIGHT).all()


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
    pool = np.stack([gold, other, silent], axis=1)[None]
    chains = judge(Samples(TASK, batch, pool))
    assert chains.valid.all(), "evidence is judged without the decision"
    np.testing.assert_array_equal(chains.votes[0, 0], [Vote.WRONG, Vote.OTHER, Vote.NONE])
    assert (majority_of(chains.votes[:, :, :1], 1) == 0).all() and (any_of(chains.valid, 1) == 1).all()


def test_the_largest_gap_is_that_of_the_law():
    law = laws.dfs_length_cdf(2)
    ideal = sup_gap(searches(2), law)
    assert ideal.mean < 0.01 and ideal.high < 0.03
    failing = sup_gap(searches(2, fails=0.2), law)
    assert failing.low < 0.2 < failing.high + 0.01 and failing.mean == pytest.approx(0.2, abs=0.01)
    arrived = sup_gap(searches(2, fails=0.2), law, arrived=True)
    assert arrived.mean < 0.01, "failures that do not depend on length are no other search"
    assert sup_gap(searches(3), law, arrived=True).mean > 0.5


def test_slips_shorten_the_searches_that_arrive_as_predicted():
    law, chains = laws.dfs_length_cdf(2), searches(2)
    kept = np.random.default_rng(1).random(chains.length.shape) < 0.97**chains.length
    slipping = chains._replace(valid=chains.valid & kept)
    slips = slip_rate(law, float(slipping.valid.mean()))
    assert slips == pytest.approx(0.03, abs=0.002)
    assert sup_gap(slipping, weighted(law, slips), arrived=True).mean < 0.01
    assert sup_gap(slipping, law, arrived=True).mean > 0.03, "the law of all searches is another one"


def test_the_exchange_rate_of_ideal_searches_is_the_laws():
    law = laws.dfs_length_cdf(2)
    budgets = trade_off._sloped(law, range(7, len(law)), POOL)
    assert budgets == list(range(7, 14)), "at 14 nodes less than one chain is needed"
    exact = laws.exchange_rate(np.array(budgets), trade_off._needed(law[budgets]))
    slope = trade_off._slope(searches(2), budgets)
    assert slope.low - 0.03 < exact < slope.high + 0.03 and slope.mean == pytest.approx(exact, rel=0.1)
    worse = trade_off._slope(searches(2, fails=0.5), budgets)
    assert np.isfinite(worse.mean), "what no number of chains reaches is left out"


def test_equal_tokens_are_never_better_spent_on_several_ideal_searches():
    chains, law = searches(1), laws.dfs_length_cdf(1)
    tokens = trade_off._equal_tokens(chains, chains, law)
    assert tokens["its gain"].mean < 0.01
    assert tokens["2 over 1, most tokens"].mean == 0
    assert trade_off._equal_tokens(searches(1, fails=0.2), chains, law)["2 over 1, most tokens"].low > 0.05


def test_samples_needed_grow_as_the_law_says():
    rng = np.random.default_rng(0)
    rows = []
    for p in (0.5, 0.2):
        valid = rng.random((SEEDS, GRAPHS, POOL)) < p
        chains = Chains(valid, np.ones(valid.shape, int), np.where(valid, 1, 0), *np.ones((2, *valid.shape)))
        rows.append(parallel_scaling._row(chains))
        assert rows[-1]["samples for .9"].mean == pytest.approx(np.log(0.1) / np.log(1 - p), rel=0.1)
        assert rows[-1]["any"][3].mean == pytest.approx(1 - (1 - p) ** 8, abs=0.02)
    assert rows[0]["samples for .9, the paper's rule"] == 4 and rows[1]["samples for .9, the paper's rule"] == 16
    ones = np.ones((2, 200, 4), int)
    always = Chains(ones == 1, ones, ones, ones * 1.0, ones * 1.0)
    assert parallel_scaling._row(always)["samples for .9"].high == 1.0


def test_only_verified_chains_are_learned_from(batch):
    """A chain of its own counts, with the right decision whatever it decided; a broken one does not."""
    gold = batch.completions()
    written = gold.copy()
    written[::2, 1] = gold[::2, 0]  # the start again is no new node, but no fault either
    written[1::4, 0] = TASK.vocabulary.index["decision"]
    kept = self_taught_search.verified(Samples(TASK, batch, written[None, :, None]))
    judged = TASK.verify(batch, written)
    assert 0 < len(kept.tokens) == judged.trace.sum() < len(batch.tokens)
    assert TASK.verify(kept, kept.completions()).answer.all() and TASK.verify(kept, kept.completions()).trace.all()


def test_verified_length_counts_valid_chains_only():
    chains = searches(2, fails=0.3)
    assert self_taught_search.verified_length(chains).mean == pytest.approx(12, abs=0.1), "6 d"
    longer = chains._replace(length=chains.length + 2)
    grown = self_taught_search.verified_length(longer, chains)
    assert grown.mean == pytest.approx(2) and grown.low > 1.9


def test_no_advantage_over_oneself():
    chains = searches(2, fails=0.4)
    for count in (1, 4):
        row = durable_advantage._advantage(chains, chains, count)
        assert row["paths"] == count
        assert all(row[how]["advantage"].mean == 0 for how in durable_advantage.SELECTORS)
    half = chains._replace(length=chains.length * 2)
    row = durable_advantage._advantage(half, chains, 1)
    assert row["paths"] == 2 and row["pass@k"]["advantage"].high < 0, "two chains for the nodes of one"


def test_deeper_models_and_searches_are_trained_for_longer():
    def train(model, task, config, *, seeds, label, start=None):
        return task.depth, task.trace, config.steps, config.learning_rate, seeds, start

    setting = Setting(**{**SMOKE, "deeper": 1.5, "longer": {"dfs": 2}, "again": {"dfs": 0.25}})
    lab, rate = SimpleNamespace(train=train), setting.train.learning_rate
    assert setting.fit(lab, "path", 2) == (2, "path", 12, rate, 2, None), "models of one depth never saw another"
    first = (2, "dfs", 24, rate, 2, None)
    second = (2, "dfs", 6, rate / 2, [1000, 1001], first)
    assert setting.fit(lab, "dfs", 2) == (2, "dfs", 6, rate / 4, [2000, 2001], second)
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
