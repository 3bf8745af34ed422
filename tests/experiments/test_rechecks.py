"""The estimators of the claims on thinking too much, on chains whose rates are known because no model wrote them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.stats.slopes import slope_within_problems
from alchemy.testtime.answers import Samples
from experiments.thinking import budget_forcing, overthinking
from experiments.thinking.rechecks import Setting, law, rates
from tasks.recheck import Recheck
from tasks.recheck.laws import Rates, accuracy

SETTING = Setting()
DIALS = Recheck()


def simulated(name, n=6000, samples=2, **changes):
    """Chains that two perfect imitators of the noisy text would write, about problems of their own."""
    task = replace(SETTING.task, classes=(name,), told=0.0, **changes)
    problem = task.draw(np.random.default_rng(0), 2 * n)
    written = []
    for seed in range(samples):
        again = task.draw(np.random.default_rng(seed + 1), 2 * n)
        mixed = {**problem, "rechecks": again["rechecks"]}
        mixed["drafts"] = _redrawn(task, problem, again, seed)
        written.append(task.render(mixed, np.random.default_rng(0)).completions())
    completions = np.stack(written, axis=1).reshape(2, n, samples, -1)
    return SETTING.read(Samples(task, task.render(problem, np.random.default_rng(0)), completions))


def _redrawn(task, problem, again, seed):
    from tasks.recheck.draw import drafts, kinds, walk

    kind = kinds(problem["class"], problem["start"], len(task.alphabet))
    states = walk(problem["map"], problem["start"], task.longest_walk)
    return drafts(task, np.random.default_rng([seed, 9]), kind, states, problem["hops"], again["rechecks"])


def dialled(kind):
    return Rates(*(np.array(getattr(DIALS, dial)[kind]) for dial in ("right", "breaks", "mends")))


@pytest.mark.parametrize("name", ["hurt", "mend", "mixed"])
def test_rates_of_one_recheck_are_the_dials_and_foretell_the_rest(name):
    once, eight = simulated(name, 20_000, asked=1), simulated(name, 20_000, asked=8)
    assert once.right.shape == (2, 20_000, 2) and (eight.thought == 17).all()
    estimated = rates(once)
    for kind in np.unique(once.kind):
        for rate, dial in zip(estimated, dialled(kind), strict=True):
            np.testing.assert_allclose(rate[:, kind], dial, atol=0.05)
    foretold = law(estimated, eight.kind, range(9))
    assert foretold.shape == (2, 20_000, 9)
    np.testing.assert_allclose(foretold.mean(axis=(0, 1)), eight.hit.mean(axis=(0, 1, 2)), atol=0.03)
    alike = law(rates(once, by_kind=False), eight.kind, range(9)).mean(axis=(0, 1))
    if name == "mixed":
        assert abs(alike[8] - eight.hit[..., 8].mean()) > 0.1 and (np.diff(alike) > 0).all()
    np.testing.assert_array_equal(eight.hit[..., 8], eight.right)


def test_each_half_is_foretold_by_the_other():
    """With the halves exchanged each law is that of the other half; a seed's rates are its own."""
    once = simulated("mixed", 4000, asked=1)
    k = np.arange(9)
    first, second = once.halves()
    assert (first.target[0] == once.target[0, ::2]).all() and first.samples.batch.prompt_len.shape == (4000,)
    foretold = overthinking.foretold_by_halves(once, k)
    np.testing.assert_allclose(foretold[:, 0], law(rates(second), first.kind, k).mean(axis=1))
    np.testing.assert_allclose(foretold[:, 1], law(rates(first), second.kind, k).mean(axis=1))
    np.testing.assert_allclose(rates(once).right[0], rates(once._replace(**_seed(once, 0))).right[0])


def _seed(chains, seed):
    names = chains._fields[:-1]
    return {name: getattr(chains, name)[seed : seed + 1] for name in names}


@pytest.mark.parametrize(("name", "slope"), [("hurt", -0.11), ("mend", 0.091), ("flat", 0.0)])
def test_slopes_of_natural_length_are_the_laws(name, slope):
    """The number is the law's own, weighted by how often each length occurs."""
    chains, once = simulated(name, samples=4), simulated(name, asked=1)
    counts = overthinking.recheck_counts(chains, 8)
    np.testing.assert_array_equal(counts, (chains.thought - 1) // 2)
    np.testing.assert_allclose(slope_within_problems(counts, chains.right), slope, atol=0.015)
    np.testing.assert_allclose(overthinking.natural_slope_beyond_law(chains, once, 8), 0, atol=0.015)


def test_the_account_by_variance_misses_a_level_and_the_law_does_not():
    k = np.arange(9)
    for kind, off in ((2, 0.02), (1, -0.02)):
        curve = accuracy(dialled(kind), k)
        right = (np.random.default_rng(0).random((3, 20_000, 9)) < curve).mean(axis=1)
        fitted, error, error_of_law = overthinking.by_variance(k, right, np.broadcast_to(curve, right.shape))
        assert (error - error_of_law > off).all() and (error_of_law < 0.02).all() and fitted.shape == right.shape


def test_a_hump_is_looked_for_where_the_law_has_it():
    right = np.array([[[0.5, 0.7, 0.6], [0.4, 0.6, 0.9]]])  # (1, 2, 3)
    foretold = np.array([[[0.5, 0.8, 0.6], [0.4, 0.9, 0.5]]])
    rise, fall = overthinking.hump(right, foretold)
    assert rise == pytest.approx([0.2]) and fall == pytest.approx([(0.1 - 0.3) / 2])


def test_scaling_and_slope_a_doubling():
    """The best budget is chosen on either half for the other; the slope a doubling begins at the walk."""
    budgets, curve = (1, 2, 4, 8), np.array([[0.9, 0.1], [0.2, 0.3], [0.4, 0.4], [0.6, 0.5]])[:, None]
    scaling = budget_forcing.scaling(budgets, 2, curve, np.ones(1))
    np.testing.assert_allclose(scaling.accuracy, [[0.5, 0.25, 0.4, 0.55]])
    np.testing.assert_allclose(scaling.per_doubling, [0.15])
    np.testing.assert_allclose(scaling.best, [(0.1 + 0.6) / 2])
    pairs = [-0.25, -0.1 / 3, 0.05 / 7, 0.15 / 2, 0.3 / 6, 0.15 / 4]
    np.testing.assert_allclose(scaling.slope, [100 * np.mean(pairs)])


def test_control_counts_chains_within_a_token():
    chains = simulated("hurt", n=50, asked=1)  # three tokens of thinking
    shares = [budget_forcing.control([chains], (budget,)).tolist() for budget in (1, 2, 3, 4, 5)]
    assert shares == [[0, 0], [1, 1], [1, 1], [1, 1], [0, 0]]


def test_what_a_continuation_does_to_drafts():
    """Two seeds, one problem each, two chains: right then wrong, wrong then right; and two that stay as they are."""
    chains = simulated("hurt", n=1, asked=1)
    drafted, target = np.array([[[[5, 6], [6, 5]]], [[[7, 7], [8, 8]]]]), np.array([[5], [7]])
    revision = budget_forcing.revised(chains._replace(drafts=drafted, target=target))
    assert revision.broken.tolist() == [[0.5], [0.0]] and revision.mended.tolist() == [[0.5], [0.0]]
    assert revision.last.tolist() == [0.5, 0.5] and revision.verifier.tolist() == [1.0, 0.5]
