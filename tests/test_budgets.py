"""The claims that replay a bank, on simulated models whose outcome is known; arms at equal cost; facts that say less."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from alchemy.report.figures import save
from alchemy.stats.verdict import Verdict
from alchemy.testtime.simulated_answers import simulated
from experiments.budgets import adaptive_budget, allocation, hedging
from experiments.budgets.arms import (
    Spending,
    cut,
    nearest,
    shuffled,
    sizes,
)


def pool(n=400, k=64, within=0.8, up=0, seed=0):
    """Problems of one to eight steps; what steps do not tell of their logit has the deviation `within`."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, 9, n)
    logit = 2.5 - 0.6 * (steps + up) + rng.normal(0, within, n)
    return simulated(np.tile(expit(logit), (3, 1)), k, rng, facts={"steps": steps})


def drawn(module, measured, tmp_path):
    """All figures can be drawn, infinite multipliers included."""
    for figure in module.figures(measured):
        save(figure, tmp_path / f"{figure.name}.svg")


def test_hedging_finds_what_the_dials_were_set_to(tmp_path):
    rng = np.random.default_rng(0)
    bank = simulated(np.tile(rng.beta(1.2, 2, 1000), (3, 1)), 64, rng)
    says = {"learned": bank.right + rng.normal(0, 0.5, bank.shape)}
    measured = {**hedging.replayed(bank, 1), **hedging.learned(bank, says, 1)}
    verdicts = {check.name: check.verdict for check in hedging.check(measured)}
    assert Verdict.FAILS not in verdicts.values()
    assert sum(one is Verdict.HOLDS for one in verdicts.values()) >= 9
    assert max(measured["noise 0, loved 0.3"]["best n"]) <= 4 and measured["noise 0.3, loved 0"]["best n"] == [64]
    assert measured["verifier learned"]["best of n"][-1].mean > measured["one answer"].mean
    coverage = measured["coverage"]
    assert coverage["Beta law"] == pytest.approx(coverage["measured"], abs=0.02)
    drawn(hedging, measured, tmp_path)


def test_a_budget_that_moves_pays_where_prompts_differ(tmp_path):
    measured = adaptive_budget.replayed(pool(within=0.3), (8,))
    row, alike = (measured[f"checker{name}, budget 8"] for name in ("", ", prompts alike"))
    assert row["oracle"]["k"].low > 1.2 and row["facts"]["k"].low > 1.1
    assert alike["oracle"]["k"].low < 1.0 and alike["facts"]["k"].low < 1.0
    assert row["pilot of 4, thrown away"]["k"].high < 0.8
    assert row["pilot of 4, used"]["k"].mean > row["oracle"]["k"].mean
    assert row["pilot of 4, used"]["beyond early exit"].high < 0.01, "all of it is stopping at success"
    assert {check.name for check in adaptive_budget.check(measured)}
    drawn(adaptive_budget, measured, tmp_path)


def test_facts_are_worth_what_they_explain(tmp_path):
    here, there = pool(within=0.2), pool(within=2.0, up=-2, seed=1)
    probe = tuple([{"state": one.right.mean(axis=2)[seed][:, None]} for seed in range(3)] for one in (here, there))
    measured = allocation.replayed(here, there, 8, probe)
    told = measured["explained"]["facts"]
    assert told["in distribution"] > 0.8 > told["shifted"]
    home, away = (measured[f"{place}, checker"] for place in ("in distribution", "shifted"))
    assert home["facts"]["capture"].mean > 0.8 > away["facts"]["capture"].mean
    assert home["oracle"]["capture"].mean == 1
    assert away["probe"]["capture"].mean > away["facts"]["capture"].mean, "a probe that sees the truth"
    explained = [row["explained"] for row in measured["simulated"]]
    assert explained == sorted(explained)
    first, last = measured["simulated"][0], measured["simulated"][-1]
    assert last["facts"].mean > first["facts"].mean and first["facts - online"].mean < 0
    assert len(allocation.check(measured)) == 5
    drawn(allocation, measured, tmp_path)


def test_arms_pay_alike():
    spending = Spending(pool(), "vote")
    for right, flops in (spending.by(spending.known, 8), spending.online(8), spending.blind.at(spending.cost(8))):
        assert flops.mean() == pytest.approx(spending.cost(8), rel=0.05)
        assert spending.gain(right, flops).shape == right.shape
    spending = Spending(pool(), "checker")
    assert spending.k(*spending.uniform.at(spending.cost(6))).mean == pytest.approx(1.0, abs=0.02)
    assert cut(spending.k(np.ones((3, 400)), spending.uniform.flops[0]), 4.0).high == 4.0


def test_sizes_start_at_nothing_and_end_at_everything():
    for most in (1, 4, 32, 100):
        found = sizes(most)
        assert found[0] == 0 and found[-1] == most and (np.diff(found) > 0).all()


def test_exchanged_facts_are_the_same_facts_elsewhere():
    facts = {"a": np.arange(100), "b": np.arange(100) * 2}
    for share in (0.0, 0.5, 1.0):
        found = shuffled(facts, share, 0)
        assert sorted(found["a"]) == list(range(100)) and (found["b"] == 2 * found["a"]).all()
        assert (found["a"] != facts["a"]).mean() == pytest.approx(share, abs=0.06)
    guess, known = np.zeros((1, 4)), np.array([[0.3, 0.1, 0.2, 0.4]])
    assert nearest(guess, known, 0.5).tolist() == [1, 2]
