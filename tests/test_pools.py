"""What the claims on training and search measure, on pools of chains whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.stats.voting import Vote
from experiments.graph_search import catching_up, complementary
from experiments.graph_search.bridges import Chains, share
from experiments.graph_search.pools import (
    Pool,
    at_tokens,
    chosen,
    ranking,
    readouts,
    worth,
)

SEEDS, GRAPHS, CHAINS = 3, 300, 32


def pool(p: float, *, seed: int = 0, tokens: int = 10, good: float = 0.0, graphs: int = 0) -> Pool:
    """Chains that are valid with probability p and else decide by a coin; scores are right about a share `good` of them."""
    rng = np.random.default_rng(seed)
    shape = (SEEDS, GRAPHS, CHAINS)
    valid = rng.random(shape) < p
    votes = np.where(valid | (rng.random(shape) < 0.5), Vote.RIGHT, Vote.WRONG)
    length = np.full(shape, tokens - 3)
    scores = np.where(rng.random(shape) < good, valid, rng.random(shape))
    edges = np.full((GRAPHS, 1, 2), graphs)
    return Pool(Chains(valid, length, votes, *np.ones((2, *shape))), length + 3, {"outcome": scores}, edges, 20, 1000)


def test_a_vote_alone_is_worth_what_a_majority_of_one_is():
    assert worth(np.array(list(Vote))).tolist() == [1.0, 0.0, 0.5, 0.0]
    one = pool(0.4)
    curves = readouts(one)
    np.testing.assert_allclose(curves["majority"][1][0], worth(one.chains.votes).mean(axis=2))
    np.testing.assert_allclose(curves["outcome verifier"][1][0], curves["majority"][1][0])
    assert curves["majority"][0] == [1, 2, 4, 8, 16, 32]
    np.testing.assert_allclose(
        curves["exact verifier"][1].mean(axis=(1, 2)), 1 - 0.6 ** (2.0 ** np.arange(6)), atol=0.02
    )


def test_a_good_verifier_finds_what_an_exact_one_does_and_a_bad_one_nothing():
    perfect, blind = pool(0.3, good=1.0), pool(0.3, good=0.0)
    valid = perfect.chains.valid
    np.testing.assert_allclose(chosen(valid, perfect.scores["outcome"], 4), readouts(perfect)["exact verifier"][1][2])
    assert (
        abs(ranking(valid, blind.scores["outcome"]).mean())
        < 0.03
        < 0.6
        < ranking(valid, perfect.scores["outcome"]).mean()
    )


def test_scores_of_fewer_chains_are_matched_with_the_first_of_a_pool():
    one = pool(0.3, good=1.0)
    few = one._replace(scores={"outcome": one.scores["outcome"][:, :, :8]})
    assert readouts(few)["outcome verifier"][0] == [1, 2, 4, 8]


def test_curves_are_read_at_tokens_between_their_points():
    curve = np.arange(3.0)[:, None, None] * np.ones((1, 2, 5))
    assert (at_tokens([1, 2, 4], curve, 10.0, 10.0) == 0).all() and (at_tokens([1, 2, 4], curve, 10.0, 40.0) == 2).all()
    np.testing.assert_allclose(at_tokens([1, 2, 4], curve, 10.0, 10 * 2**0.25), 0.25)
    assert at_tokens([1, 2, 4], curve, 10.0, 9.9) is None and at_tokens([1, 2, 4], curve, 10.0, 41.0) is None


def test_a_plateau_below_one_search_is_found_and_one_above_is_not():
    """Votes of chains of which a share is biased to be wrong on a share of graphs stop there."""
    rng = np.random.default_rng(0)
    easy = rng.random((1, GRAPHS, 1)) < 0.7
    votes = np.where(rng.random((SEEDS, GRAPHS, CHAINS)) < np.where(easy, 0.8, 0.2), Vote.RIGHT, Vote.WRONG)
    short = pool(0.1)._replace(scores={})
    short = short._replace(chains=short.chains._replace(votes=votes))
    search = pool(0.9, graphs=1)
    row = catching_up._row(short, search, [10.0, 20.0, 80.0, 640.0])
    assert row["majority"]["plateau"].mean == pytest.approx(easy.mean(), abs=0.02)
    assert row["majority"]["one search - plateau"].low > 0.05
    assert np.isnan(row["majority"]["by tokens"][3].mean) and row["majority"]["by tokens"][1].mean > 0.5
    assert row["exact verifier"]["most - one search"].low > 0, "and yet a valid chain is among them"
    fine = catching_up._row(pool(0.6), search, [10.0])
    assert fine["majority"]["one search - plateau"].high < 0.0 and fine["tokens a chain"] == 10


def test_pairing_by_graphs_only_where_they_are_the_same():
    one, same, other = pool(0.5), pool(0.5, seed=1), pool(0.5, graphs=1)
    assert one.same_graphs(same) and not one.same_graphs(other)
    curve, single = readouts(one)["majority"][1], worth(one.chains.votes).mean(axis=2)
    paired = catching_up._difference(single, single, True)
    assert paired.mean == 0 and catching_up._difference(single, single, False).width > paired.width
    assert len(catching_up._plateau(2 ** np.arange(6), curve, single, False)) == 2


def test_divisions_cost_what_one_chain_may():
    """Ten tokens a chain: with nine nothing fits, with thirty three chains do."""
    pools = {"paths": pool(0.3, good=1.0), "searches": pool(0.8, good=1.0, tokens=20)}
    assert all((scores == 0).all() for scores in complementary._cells(pools, "exact", 9).values())
    for how in complementary.VERIFIERS:
        cell = complementary._cells(pools, how, 30)
        assert cell["one of paths"].mean() == pytest.approx(0.3, abs=0.02)
        assert cell["several of paths"].mean() == pytest.approx(1 - 0.7**3, abs=0.03)
        assert cell["one of searches"].mean() == pytest.approx(0.8, abs=0.02)
        assert (cell["several of searches"] == 0).all(), "two of twenty do not fit"
    both = complementary._cells(pools, "exact", 40)
    assert both["several of searches"].mean() == pytest.approx(1 - 0.2**2, abs=0.02)


def test_a_bill_has_the_prompt_once_and_the_verifier_where_it_is_asked():
    plain, checked = pool(0.3).bill(4, False), pool(0.3).bill(4, True)
    assert (
        plain.flops.shape == (SEEDS, GRAPHS)
        and (plain.flops == 2 * 1000 * (20 + 40)).all()
        and (plain.calls == 0).all()
    )
    assert (checked.flops == 2 * plain.flops).all() and (checked.calls == 4).all() and (checked.depth == 10).all()


def test_logits_say_what_shares_say():
    cell = {
        "one of paths": np.full((2, 50), 0.5),
        "several of paths": np.full((2, 50), 0.75),
        "one of searches": np.full((2, 50), 0.75),
        "several of searches": np.full((2, 50), 0.9),
    }
    assert complementary._interaction(cell).mean == pytest.approx(np.log(9) - np.log(3) - np.log(3))
    assert complementary._headroom(cell, "searches").mean == pytest.approx(0.6)
    ones = {name: np.ones((2, 50)) for name in cell}
    assert complementary._interaction(ones).mean == 0 and np.isfinite(complementary._headroom(ones, "paths").mean)
    assert share(np.ones((2, 50, 1), bool)).mean == 1
