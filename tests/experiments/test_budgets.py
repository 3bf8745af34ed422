"""The claims that replay a bank, on simulated models whose outcome is known; arms at equal cost; facts that say less."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from alchemy.problem.streams import stream
from alchemy.report.figures import save
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.rejection import Rejection
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.testtime.replay import averaged, by_seed, curve, of_problems
from alchemy.testtime.simulated_answers import simulated
from alchemy.testtime.simulated_verifiers import noisy, scored
from experiments.budgets import adaptive_budget, allocation, hedging, search_or_sampling, strategy_by_difficulty
from experiments.budgets.arms import Spending, nearest, shuffled, sizes

SEEDS = 2


def pool(n=400, k=64, within=0.8, up=0, seed=0):
    """Problems of one to eight steps; what steps do not tell of their logit has the deviation `within`."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, 9, (SEEDS, n))
    logit = 2.5 - 0.6 * (steps + up) + rng.normal(0, within, steps.shape)
    return simulated(expit(logit), k, rng, facts={"steps": steps})


def drawn(module, measured, tmp_path):
    """All figures can be drawn, infinite multipliers included."""
    for figure in module.figures(measured):
        save(figure, tmp_path / f"{figure.name}.svg")


def test_a_budget_that_moves_pays_where_prompts_differ(tmp_path):
    measured = adaptive_budget.replayed(pool(600, within=0.3), 8, range(SEEDS))
    k, alike = measured.checker, measured.alike
    assert (k.oracle > 1.2).all() and (k.facts > 1.1).all()
    np.testing.assert_allclose([alike.oracle, alike.facts], 1, atol=0.12)
    assert (k.pilot_discarded < 0.8).all() and (k.pilot_used > k.oracle).all()
    assert (measured.pilot_beyond_early_exit < 0.02).all(), "all of it is stopping at success"
    assert (measured.largest > 1.5).all() and k.oracle.shape == (SEEDS,)
    drawn(adaptive_budget, measured, tmp_path)


def test_facts_are_worth_what_they_explain(tmp_path):
    here, there = pool(400, within=0.2), pool(400, within=2.0, up=-2, seed=1)
    measured = allocation.replayed(here, there, 8, range(SEEDS))
    assert (measured.explained > 0.8).all() and (measured.explained_shifted < 0.8).all()
    assert (measured.checker.facts_captured > 0.6).all()
    assert (measured.checker_shifted.facts_captured < measured.checker.facts_captured).all()
    simulated_dial = measured.simulated
    assert (np.diff(np.median(simulated_dial.explained, axis=0)) > 0).all()
    first, last = simulated_dial.facts[:, 0], simulated_dial.facts[:, -1]
    assert (last > first).all() and (first < simulated_dial.online[:, 0]).all()
    drawn(allocation, measured, tmp_path)


def test_a_seed_measures_the_same_alone_and_among_others():
    """Nothing is learned, chosen or averaged across seeds."""
    bank, shifted = pool(48), pool(48, seed=1)
    first, alone, seeds = by_seed(bank)[0], by_seed(shifted)[0], (7, 8)
    for all_seeds, one_seed in (
        (adaptive_budget.replayed(bank, 5, seeds), adaptive_budget.replayed(first, 5, seeds[:1])),
        (allocation.replayed(bank, shifted, 5, seeds), allocation.replayed(first, alone, 5, seeds[:1])),
        (hedging.dials(bank, 1, seeds), hedging.dials(first, 1, seeds[:1])),
    ):
        for left, right in zip(_leaves(all_seeds), _leaves(one_seed), strict=True):
            np.testing.assert_array_equal(left[:1], right)


def _leaves(measured):
    if isinstance(measured, np.ndarray):
        return [measured]
    parts = measured if isinstance(measured, tuple) else vars(measured).values()
    return [leaf for part in parts for leaf in _leaves(part)]


def test_arms_pay_alike():
    spending = Spending(by_seed(pool())[0], "vote", 0)
    cost = spending.cost(8)
    for arm in (spending.by(spending.known, 8), spending.online(8), spending.blind_at(cost[:, None])):
        assert arm.flops.mean() == pytest.approx(cost, rel=0.05)
        assert spending.gain(arm).shape == (1, 400)
    checker = Spending(by_seed(pool())[0], "checker", 0)
    right, flops = checker.uniform.at(checker.cost(6))
    assert checker.k(allocation.Arm(right, flops)) == pytest.approx(1.0, abs=0.02)
    assert checker.k(allocation.Arm(np.ones((1, 400)), flops)) == np.inf


def test_sizes_start_at_nothing_and_end_at_everything():
    for most in (1, 4, 32, 100):
        counts = sizes(most)
        assert counts[0] == 0 and counts[-1] == most and (np.diff(counts) > 0).all()


def test_exchanged_facts_are_the_same_facts_elsewhere():
    facts = {"a": np.arange(100)[None], "b": np.arange(100)[None] * 2}
    for share in (0.0, 0.5, 1.0):
        exchanged = shuffled(facts, share, np.random.default_rng(0))
        assert sorted(exchanged["a"][0]) == list(range(100)) and (exchanged["b"] == 2 * exchanged["a"]).all()
        assert (exchanged["a"] != facts["a"]).mean() == pytest.approx(share, abs=0.06)
    guess, known = np.zeros((1, 4)), np.array([[0.3, 0.1, 0.2, 0.4]])
    assert nearest(guess, known, 0.5).tolist() == [1, 2]


def test_hedging_finds_what_the_dials_were_set_to(tmp_path):
    rng = np.random.default_rng(0)
    bank = simulated(rng.beta(1.2, 2, (SEEDS, 1000)), 64, rng)
    dials = hedging.dials(bank, 1, range(SEEDS))
    learned = hedging.learned(bank, bank.right + rng.normal(0, 0.5, bank.shape), 1, range(SEEDS))
    assert dials.cells.selectors.shape == (SEEDS, len(hedging.NOISE), len(hedging.SYSTEMATIC), 2, 4)
    fooled = hedging._at(dials.cells, 0.0, 0.3)
    assert (fooled.at_best > fooled.rising[..., -1] + 0.05).all(), "an optimum among few answers"
    assert (learned.judged.rising[..., -1].mean(axis=1) > dials.one_answer).all()
    assert (learned.auc > 0.7).all() and learned.auc == pytest.approx(learned.auc_within, abs=0.1)
    drawn(hedging, hedging.Measured(dials, learned, learned), tmp_path)


CERTAIN = simulated(np.random.default_rng(1).beta(1.2, 2, (1, 3000)), 64, np.random.default_rng(1))


def test_an_exact_verifier_makes_best_of_n_the_best_and_a_weighted_vote_better_than_a_vote():
    """Best-of-n is then coverage; and weight that only right answers get cannot lose a vote that was won."""
    bank = scored(CERTAIN, exact=CERTAIN.right.astype(float))
    strategies = (BestOfN("exact"), WeightedVote("exact", temperature=1.0), SelfConsistency())
    best, weighted, majority = (averaged(strategy, bank, 32, 0)[0] for strategy in strategies)
    assert (best >= weighted - 1e-9).mean() == 1 and best.mean() > weighted.mean() + 0.05
    assert weighted.mean() > majority.mean() + 0.05


@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.0])
def test_best_of_n_rises_in_n_under_noise_alone(sigma):
    bank = scored(CERTAIN, noisy=noisy(CERTAIN, stream("noise", 0), sigma, 0.0))
    right = curve(BestOfN("noisy"), bank, (1, 2, 4, 8, 16, 32, 64), 0, 2).right.mean(axis=(1, 2))
    assert (np.diff(right) > -0.005).all()


@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.0])
def test_rejection_sampling_ends_where_the_verifiers_roc_says(sigma):
    """The first answer to pass is right with T p / (T p + F (1 - p)), if any passes in so many tries."""
    bank = scored(CERTAIN, noisy=noisy(CERTAIN, stream("noise", 1), sigma, 0.0))
    taught, judged = (of_problems(bank, slice(start, None, 2)) for start in (0, 1))
    threshold, tries = float(np.quantile(taught.scores["noisy"][taught.right], 0.3)), 16
    passes = taught.scores["noisy"] >= threshold
    p = judged.right.mean(axis=2)
    good, bad = passes[taught.right].mean() * p, passes[~taught.right].mean() * (1 - p)
    predicted = good / (good + bad) * (1 - (1 - good - bad) ** tries)
    right = averaged(Rejection("noisy", threshold, guess=False), judged, tries, 0, 4)[0]
    assert right.mean() == pytest.approx(predicted.mean(), abs=0.02)


def test_rivals_are_chosen_on_the_other_half():
    """On the first half the first rival is better, on the second the second: each is met where it is the worse one."""
    accuracy = np.array([[[0.6, 0.5, 0.8], [0.3, 0.9, 0.8]]])  # (1, 2, 3)
    assert hedging._lead(accuracy, 2, (0, 1)) == pytest.approx(((0.8 - 0.5) + (0.8 - 0.3)) / 2)


def test_best_of_n_has_as_many_chains_as_a_search_could_pay_for():
    """By hand: a prompt of 10 and chains of 40 tokens; a chain costs P 40 to write and C 50 to judge."""
    bank, policy = CERTAIN, CERTAIN.parameters
    flops = np.array([2.0 * (policy * (10 + 3 * 40) + policy * 3 * 50)])
    assert search_or_sampling.affordable(bank, policy, flops) == pytest.approx([3.0])
    assert search_or_sampling.affordable(bank, 0, flops) == pytest.approx([3.0 + 3 * 50 / 40])
    right, score = np.array([[True, False, False]]), np.array([[3.0, 2.0, 1.0]])
    assert search_or_sampling.best_of(right, score, 1.0) == pytest.approx([1 / 3])
    assert search_or_sampling.best_of(right, score, 1.5) == pytest.approx([(1 / 3 + 2 / 3) / 2])
    assert search_or_sampling.best_of(right, score, 3.0) == pytest.approx([1.0])


def test_the_way_is_chosen_on_the_other_half_of_the_problems():
    """Of two ways the first wins on even problems, the second on odd ones: chosen on the other half, both lose."""
    even = np.arange(40) % 2 == 0
    curves = [
        strategy_by_difficulty.Curve(np.array([1]), right[None, None].astype(float), np.ones((1, 1, 40)))
        for right in (even, ~even)
    ]
    assert strategy_by_difficulty._single(curves).right.sum() == 0
    right, flops = strategy_by_difficulty._by_kind(curves, np.zeros(40, int), 0, 1)
    assert right.sum() == 0 and (flops == 1).all()
    kinds = strategy_by_difficulty._kinds(np.linspace(0, 1, 40), 4)
    assert np.bincount(kinds).tolist() == [10] * 4 and (np.diff(kinds) >= 0).all()
