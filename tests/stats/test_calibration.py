"""A fast slice of the simulation that says how often verdicts are wrong, and that it would see if they were."""

from __future__ import annotations

import json
from math import inf

import numpy as np
import pytest
from scipy import stats

from alchemy.cli.main import main
from alchemy.stats import calibration
from alchemy.stats.calibration import KINDS, coverage, crossings, errors
from alchemy.stats.verdict import Sample, Verdict, decide, e_value


@pytest.mark.parametrize(("checks", "correlation"), [(1, 0.0), (8, 0.0), (8, 0.7), (48, 0.7)])
def test_false_verdicts_are_as_rare_as_promised(checks, correlation):
    rates = errors(checks, correlation, np.random.default_rng(checks), runs=1500)
    assert rates.false_fails <= 0.05 and rates.false_holds <= 0.05
    assert rates.false_fails >= 0.01, "the bound is used, so a looser test would be seen"
    lax = errors(checks, correlation, np.random.default_rng(checks), runs=1500, alpha=0.2)
    assert lax.false_fails > 0.05


def simulated_seeds(runs, checks, correlation, looks):
    """The values (s, runs, checks) that `errors` draws from generator 3."""
    rng, draws = np.random.default_rng(3), []
    for _ in range(looks):
        common, own = rng.normal(size=(runs, 1)), rng.normal(size=(runs, checks))
        draws.append(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)
    return np.array(draws)


BAR = next(e for s in range(2, 12) if 1 / (1 / (e := e_value(s, s))) == e)
"""The evidence of a few unanimous seeds that an error rate asks for to the last bit."""


@pytest.mark.parametrize(
    ("checks", "correlation", "alpha"), [(3, 0.5, 0.5), (1, 0.0, 0.5), (1, 0.0, 1 / BAR), (2, 0.7, 2 / BAR)]
)
def test_the_simulated_rule_is_that_of_the_verdicts(monkeypatch, checks, correlation, alpha):
    """Against `decide` at every look, on the same draws; some rates are such that a count of seeds only just decides."""
    runs, alpha = 30, min(alpha, 0.9)
    values = simulated_seeds(runs, checks, correlation, 9)
    seen = [set() for _ in range(runs)]
    for looks in range(1, 10):
        for run, verdicts in enumerate(seen):
            verdicts.add(
                decide([Sample(values[:looks, run, check], 0.0, inf) for check in range(checks)], alpha).verdict
            )
        monkeypatch.setattr(calibration, "LOOKS", looks)
        rates = errors(checks, correlation, np.random.default_rng(3), runs, alpha=alpha)
        shares = [np.mean([verdict in verdicts for verdicts in seen]) for verdict in (Verdict.FAILS, Verdict.HOLDS)]
        assert rates == (checks, correlation, *shares)
    assert rates.false_fails > 0


def test_the_table_has_the_least_coverage_over_the_numbers_of_problems(monkeypatch):
    by_problems = {60: 0.97, 400: 0.95, 4000: 0.96, None: 0.99}
    monkeypatch.setattr(calibration, "coverage", lambda draw, problems, *_: by_problems[problems])
    table = calibration.coverage_table(np.random.default_rng(0))
    assert table == {kind: dict.fromkeys(calibration.SEEDS, 0.95) for kind in KINDS} | {
        "crossings": dict.fromkeys(calibration.SEEDS, 0.99)
    }


@pytest.mark.parametrize("seeds", [10, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_limits_contain_the_median(kind, seeds):
    assert coverage(KINDS[kind], 60, seeds, np.random.default_rng(0), runs=300) >= 0.97


def test_limits_of_numbers_that_may_be_infinite():
    assert coverage(crossings, None, 10, np.random.default_rng(0), runs=300) >= 0.97


def test_limits_that_are_too_narrow_would_be_seen(monkeypatch):
    """The ninth and the twelfth of twenty contain the median with a chance of .497."""
    monkeypatch.setattr(calibration, "median_limits", lambda values, level: tuple(np.sort(values)[[8, 11]]))
    assert coverage(KINDS["near .6"], 4000, 20, np.random.default_rng(0), runs=600) == pytest.approx(0.497, abs=0.06)


@pytest.mark.parametrize(
    ("limits", "covered"), [((0.498, 0.498), 1), ((0.502, 0.502), 1), ((0, 0.49), 0), ((0.51, 1), 0)]
)
def test_limits_cover_what_lies_within_three_thousandths_of_the_middle(monkeypatch, limits, covered):
    monkeypatch.setattr(calibration, "median_limits", lambda values, level: limits)
    assert coverage(lambda rng, shape: rng.random(shape), None, 5, np.random.default_rng(0), runs=3) == covered


def test_the_command_prints_both_tables(monkeypatch, capsys):
    monkeypatch.setattr(calibration, "LOOKS", 10)
    monkeypatch.setattr(calibration, "KINDS", {"near .6": KINDS["near .6"]})
    monkeypatch.setattr(calibration, "CHECKS", (2,))
    monkeypatch.setattr(calibration, "SEEDS", (5,))
    monkeypatch.setattr(calibration, "PROBLEMS", (60, 400))
    assert main(["calibrate", "--runs", "20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| 2 |") for line in lines) == 2
    assert "| near .6 | 1.000 |" in "\n".join(lines) and any(line.startswith("| crossings |") for line in lines)
    assert main(["calibrate", "--runs", "20", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["correlation"] for row in report["errors"]] == [0.0, 0.7] and report["coverage"]["near .6"]["5"] == 1
    assert main(["calibrate", "--runs", "0"]) == 2


LAWS = {
    "near .985": stats.norm(0.985, 0.01),
    "near .6": stats.norm(0.6, 0.05),
    "near .6, wide": stats.norm(0.6, 0.2),
    "heavy tail at 0": stats.beta(0.3, 3),
}
SHARES = {
    "all or nothing, half": {0.99: 0.5, 0.02: 0.5},
    "all or nothing, .8": {0.99: 0.8, 0.02: 0.2},
    "one in ten bad": {0.98: 0.9, 0.3: 0.1},
    "one in five gains": {0.3: 0.2, 0.0: 0.8},
}


def test_kinds_of_seeds_are_what_they_are_called():
    assert LAWS.keys() | SHARES.keys() == KINDS.keys()
    for kind, draw in KINDS.items():
        values = draw(np.random.default_rng(0), (200, 200)).ravel()
        if kind in LAWS:
            inside = values[(values > 0) & (values < 1)]
            law = LAWS[kind]
            low, high = law.cdf([0, 1])
            assert (
                stats.kstest(inside, lambda x, law=law, low=low, high=high: (law.cdf(x) - low) / (high - low)).pvalue
                > 0.001
            )
            assert (values <= 0).mean() == pytest.approx(low, abs=0.01)
            assert (values >= 1).mean() == pytest.approx(1 - high, abs=0.01)
        else:
            assert dict(zip(*np.unique(values, return_counts=True), strict=True)) == pytest.approx(
                {value: share * values.size for value, share in SHARES[kind].items()}, rel=0.05
            )


def test_crossings_are_lognormal_or_never():
    values = crossings(np.random.default_rng(0), (40_000,))
    assert np.isinf(values).mean() == pytest.approx(0.2, abs=0.01)
    assert stats.kstest(np.log(values[np.isfinite(values)]), stats.norm(1.5, 0.7).cdf).pvalue > 0.001


def test_the_tables_are_those_that_the_page_on_verdicts_names():
    assert calibration.CHECKS == (1, 8, 27, 48) and calibration.CORRELATIONS == (0.0, 0.7) and calibration.LOOKS == 80
    assert calibration.SEEDS == (5, 10, 20, 40) and calibration.PROBLEMS == (60, 400, 4000)
