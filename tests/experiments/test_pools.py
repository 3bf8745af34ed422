"""What the claims on training and search measure, on pools of chains whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.stats.voting import Vote
from experiments.graph_search import catching_up, complementary
from experiments.graph_search.bridges import Chains, by_seed
from experiments.graph_search.pools import (
    Pool,
    Readout,
    at_tokens,
    best_scored,
    better_than_chance,
    readouts,
    worth,
)

SEEDS, GRAPHS, CHAINS = 3, 300, 32


def pool(p: float, *, seed: int = 0, tokens: int = 10, good: float = 0.0) -> Pool:
    """Chains that are valid with probability p and else decide by a coin; scores are right about a share `good` of them."""
    rng = np.random.default_rng(seed)
    shape = (SEEDS, GRAPHS, CHAINS)
    valid = rng.random(shape) < p
    votes = np.where(valid | (rng.random(shape) < 0.5), Vote.RIGHT, Vote.WRONG)
    scores = np.where(rng.random(shape) < good, valid, rng.random(shape))
    length = np.full(shape, tokens - 3)
    return Pool(Chains(valid, length, votes, np.ones(shape)), length + 3, {"outcome": scores})


def row(rows: list[catching_up.Row], readout: str) -> catching_up.Row:
    [match] = [row for row in rows if row.readout == readout]
    return match


def test_a_vote_alone_is_worth_what_a_majority_of_one_is():
    assert worth(np.array(list(Vote))).tolist() == [1.0, 0.0, 0.5, 0.0]
    chains = pool(0.4)
    curves = readouts(chains)
    np.testing.assert_allclose(curves["majority"].curve[:, 0], by_seed(worth(chains.chains.votes)))
    np.testing.assert_allclose(curves["outcome verifier"].curve[:, 0], curves["majority"].curve[:, 0])
    assert curves["majority"].sizes == [1, 2, 4, 8, 16, 32]
    coverage = 1 - 0.6 ** (2.0 ** np.arange(6))
    np.testing.assert_allclose(curves["exact verifier"].curve, np.tile(coverage, (SEEDS, 1)), atol=0.03)


def test_a_good_verifier_finds_what_an_exact_one_does_and_a_bad_one_nothing():
    perfect, blind = pool(0.3, good=1.0), pool(0.3, good=0.0)
    exact = readouts(perfect)["exact verifier"].curve[:, 2]
    np.testing.assert_allclose(by_seed(best_scored(perfect.chains.valid, perfect.scores["outcome"], 4)), exact)
    assert abs(better_than_chance(blind, "outcome")).max() < 0.03
    assert better_than_chance(perfect, "outcome").min() > 0.25, "of eight, .94 hold a valid chain, of one .3"


def test_scores_of_fewer_chains_are_matched_with_the_first_of_a_pool():
    chains = pool(0.3, good=1.0)
    few = chains._replace(scores={"outcome": chains.scores["outcome"][:, :, :8]})
    assert readouts(few)["outcome verifier"].sizes == [1, 2, 4, 8]
    part = chains.of(slice(0, 10))
    assert part.scores["outcome"].shape == part.tokens.shape == part.chains.valid.shape == (SEEDS, 10, CHAINS)


def test_curves_are_read_at_tokens_between_their_points():
    readout = Readout([1, 2, 4], np.tile(np.arange(3.0), (2, 1)))
    budgets = [9.9, 10.0, 10 * 2**0.25, 40.0, 41.0]
    np.testing.assert_allclose(at_tokens(readout, 10.0, budgets), [[np.nan, 0, 0.25, 2, np.nan]] * 2)


def test_a_plateau_below_one_search_is_found_and_one_above_is_not():
    """Votes of chains of which a share is biased to be wrong on a share of graphs stop there."""
    rng = np.random.default_rng(0)
    easy = rng.random((1, GRAPHS, 1)) < 0.7
    votes = np.where(rng.random((SEEDS, GRAPHS, CHAINS)) < np.where(easy, 0.8, 0.2), Vote.RIGHT, Vote.WRONG)
    short = pool(0.1)._replace(scores={})
    short = short._replace(chains=short.chains._replace(votes=votes))
    search = pool(0.9, seed=1)
    rows = catching_up.arm_rows(1, "path", short, short, search, [10.0, 20.0, 80.0, 640.0])
    majority, exact = row(rows, "majority"), row(rows, "exact verifier")
    np.testing.assert_allclose(majority.plateau, easy.mean(), atol=0.03)
    assert (majority.one_search - majority.plateau > 0.05).all() and majority.better_than_chance is None
    assert np.isnan(majority.by_tokens[:, 3]).all() and (majority.by_tokens[:, 1] > 0.5).all()
    assert (exact.by_size[:, -1] > exact.one_search).all(), "and yet a valid chain is among them"
    fine = row(catching_up.arm_rows(1, "path", pool(0.6), pool(0.6, seed=2), search, [10.0]), "majority")
    assert (fine.one_search - fine.plateau < 0.0).all()


def test_a_verifier_has_a_gate_of_its_own():
    rows = catching_up.arm_rows(1, "path", pool(0.3), pool(0.3, good=1.0), pool(0.9), [10.0])
    assert (row(rows, "outcome verifier").better_than_chance > 0.25).all(), "read on the graphs of gates"
    assert row(rows, "majority").better_than_chance is None and row(rows, "exact verifier").better_than_chance is None


def test_divisions_cost_what_one_chain_may():
    """Ten tokens a chain: with nine nothing fits, with thirty three chains do."""
    pools = {"paths": pool(0.3, good=1.0), "searches": pool(0.8, good=1.0, tokens=20)}
    assert all((share == 0).all() for share in complementary.factorial(pools, "exact", 9).values())
    for how in complementary.VERIFIERS:
        cells = complementary.factorial(pools, how, 30)
        np.testing.assert_allclose(cells["one of paths"], 0.3, atol=0.02)
        np.testing.assert_allclose(cells["several of paths"], 1 - 0.7**3, atol=0.03)
        np.testing.assert_allclose(cells["one of searches"], 0.8, atol=0.02)
        assert (cells["several of searches"] == 0).all(), "two of twenty do not fit"
    both = complementary.factorial(pools, "exact", 40)
    np.testing.assert_allclose(both["several of searches"], 1 - 0.2**2, atol=0.02)


def test_the_factorial_at_one_depth():
    pools = {"paths": pool(0.3, good=1.0), "searches": pool(0.8, good=1.0, tokens=9)}
    measured = complementary.measured_row(1, pools, pools)
    m = len(measured.budgets)
    assert all(share.shape == (SEEDS, m) for cells in measured.cells.values() for share in cells.values())
    assert measured.interaction["exact"].shape == (SEEDS, m) and measured.coverage["paths"].shape == (SEEDS, 6)
    both = measured.both["exact"]
    np.testing.assert_allclose(
        both["several of searches"], 1 - 0.2**2, atol=0.02, err_msg="24 tokens hold two searches"
    )
    np.testing.assert_allclose(both["several of paths"], 1 - 0.7**2, atol=0.03)


def test_logits_say_what_shares_say():
    cells = {
        "one of paths": np.full((2, 4), 0.5),
        "several of paths": np.full((2, 4), 0.75),
        "one of searches": np.full((2, 4), 0.75),
        "several of searches": np.full((2, 4), 0.9),
    }
    assert complementary.interaction(cells, 50) == pytest.approx(np.log(9) - np.log(3) - np.log(3))
    ones = {name: np.ones((2, 4)) for name in cells}
    assert (complementary.interaction(ones, 50) == 0).all()
