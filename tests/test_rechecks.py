"""The estimators of the claims on thinking too much, on chains whose rates are known because no model wrote them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.testtime.answers import Samples
from experiments.thinking import budget_forcing, overthinking
from experiments.thinking.rechecks import (
    Setting,
    between,
    drawn_curves,
    law,
    rates,
)
from tasks.recheck import Recheck
from tasks.recheck.laws import Rates, accuracy

SETTING = Setting()
DIALS = Recheck()


def simulated(name, n=6000, samples=2, **changes):
    """Chains that two perfect imitators of the noisy text would write."""
    task = replace(SETTING.task, classes=(name,), told=0.0, **changes)
    problem = task.draw(np.random.default_rng(0), n)
    written = []
    for seed in range(2 * samples):
        again = task.draw(np.random.default_rng(seed + 1), n)
        mixed = {**problem, "rechecks": again["rechecks"]}
        mixed["drafts"] = _redrawn(task, problem, again, seed)
        written.append(task.render(mixed, np.random.default_rng(0)).completions())
    completions = np.stack(written, axis=1).reshape(n, 2, samples, -1).swapaxes(0, 1)
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
    one, many = simulated(name, 20_000, asked=1), simulated(name, 20_000, asked=8)
    assert one.right.shape == (2, 20_000, 2) and (many.thought == 17).all()
    found = rates(one)
    for kind in np.unique(one.kind):
        for rate, dial in zip(found, dialled(kind), strict=True):
            np.testing.assert_allclose(rate[:, one.kind == kind], dial, atol=0.05)
    foretold = law(one, found, many.kind, range(9))
    assert foretold.shape == (9, 2, 20_000)
    np.testing.assert_allclose(foretold.mean(axis=(1, 2)), many.hit.mean(axis=(0, 1, 2)), atol=0.03)
    alike = law(one, rates(one, by_kind=False), many.kind, range(9)).mean(axis=(1, 2))
    if name == "mixed":
        assert abs(alike[8] - many.hit[..., 8].mean()) > 0.1 and (np.diff(alike) > 0).all()
    np.testing.assert_array_equal(many.hit[..., 8], many.right)


@pytest.mark.parametrize(("name", "slope"), [("hurt", -0.11), ("mend", 0.091), ("flat", 0.0)])
def test_slopes_of_natural_length_are_the_laws(name, slope):
    """The number is the law's own, weighted by how often each length occurs."""
    chains = simulated(name, samples=4)
    count = (chains.thought - 1) // 2
    found = overthinking._slope(count, chains.right.astype(float))
    assert found.low - 0.01 <= slope <= found.high + 0.01 and abs(found.mean - slope) < 0.01
    one = simulated(name, asked=1)
    curve = np.moveaxis(law(one, rates(one), chains.kind, range(9)), 0, -1)
    expected = np.take_along_axis(curve, count.astype(np.intp), axis=2)
    assert abs(overthinking._slope(count, chains.right - expected).mean) < 0.01


def test_length_that_tells_the_kind_is_no_effect_within_problems():
    """Where hard problems are long whatever is written, all chains together show a slope, and none does within problems."""
    rng = np.random.default_rng(0)
    hard = rng.random(4000) < 0.5
    count = rng.poisson(np.where(hard, 4, 1)[None, :, None], size=(2, 4000, 6))
    right = (rng.random(count.shape) < np.where(hard, 0.2, 0.9)[None, :, None]).astype(float)
    assert overthinking._slope(count, right, within=False).high < -0.05
    assert abs(overthinking._slope(count, right).mean) < 0.01


def test_the_account_by_variance_misses_a_level_and_the_law_does_not():
    k = np.arange(9)
    for kind, off in ((2, 0.03), (1, -0.02)):
        curve = accuracy(dialled(kind), k)
        right = np.random.default_rng(0).random((9, 3, 2000)) < curve[:, None, None]
        found = overthinking._by_variance(k, right.astype(float), np.broadcast_to(curve[:, None, None], right.shape))
        gap = found["error, by variance - law"]
        assert gap.mean > off and gap.low <= gap.mean <= gap.high and found["error, law"].mean < 0.02


def test_bootstrap_curves_surround_the_mean():
    values = np.random.default_rng(0).random((4, 3, 500))
    drawn = drawn_curves(values)
    assert drawn.shape[1] == 4
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=(1, 2)), atol=0.01)
    one = between(0.5, drawn[:, 0], values)
    assert one.low <= 0.5 <= one.high and (one.n, one.seeds) == (500, 3)


def test_scaling_and_slope_a_doubling():
    budgets = (1, 2, 4, 8)
    line, logs = (
        np.broadcast_to(np.array(one)[:, None, None], (4, 2, 5)) for one in ([0.1, 0.2, 0.4, 0.8], [0, 0.2, 0.4, 0.6])
    )
    np.testing.assert_allclose(budget_forcing._scaling(budgets, line), 10.0)  # points of accuracy a token
    np.testing.assert_allclose(budget_forcing._doubling(budgets, logs), 0.2)
    uneven = np.array([0.0, 0.5, 0.5])[:, None, None] * np.ones((1, 1, 1))
    np.testing.assert_allclose(budget_forcing._scaling((1, 2, 4), uneven), 100 * (0.5 + 0.5 / 3 + 0) / 3)


def test_control_counts_chains_within_a_token():
    chains = simulated("hurt", n=50, asked=1)  # three tokens of thinking
    assert [budget_forcing._control([chains], (budget,)).mean for budget in (1, 2, 3, 4, 5)] == [0, 1, 1, 1, 0]
