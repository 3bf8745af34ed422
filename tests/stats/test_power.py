"""Foretold chances and numbers of seeds, against tables and closed forms."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.stats import power
from alchemy.stats.power import Counts, Forecast, forecast, largest_useful
from alchemy.stats.verdict import e_value


def test_five_unanimous_seeds_are_decided_already():
    future = forecast([Counts(5, 5)], 5)
    assert future.holds == 1 and future.fails == 0 and future.median == future.ninety == 5


def test_one_more_seed_after_four_of_four():
    """The fifth satisfies the check with the posterior mean, 5 / 6."""
    future = forecast([Counts(4, 4)], 5, futures=20_000)
    assert future.holds == pytest.approx(5 / 6, abs=0.01) and future.fails == 0


@pytest.mark.parametrize(("checks", "seeds"), [(1, 5), (8, 9), (27, 10), (48, 11)])
def test_unanimous_violations_fail_when_the_table_says(checks, seeds):
    """Nine, ten and eleven seeds refute the first of 8, 27 and 48 checks."""
    rest = [Counts(s := seeds, s)] * (checks - 1)
    assert forecast([Counts(0, seeds), *rest], seeds).fails == 1
    earlier = [Counts(seeds - 1, seeds - 1)] * (checks - 1)
    assert forecast([Counts(0, seeds - 1), *earlier], seeds - 1).fails == 0


def test_a_check_at_its_bound_is_hardly_ever_decided():
    counts = [Counts(20, 40)] * 3
    assert forecast(counts, 60).decided < 0.05
    assert largest_useful([Counts(20, 40)]) > 200


def test_thresholds_are_the_fewest_that_give_the_evidence():
    future = forecast([Counts(30, 40)], 40)
    assert e_value(30, 40) >= 20 > e_value(29, 40) and future.holds == 1
    assert forecast([Counts(29, 40)], 40).holds == 0
    assert forecast([Counts(40, 40, 0.9)], 40).holds == 1 > forecast([Counts(39, 40, 0.9)], 40).holds


def test_evidence_that_is_just_reached_decides_and_a_little_less_does_not():
    """Six of six seeds, at the error rate that their evidence is for, and at one a hundred-thousandth lower."""
    bar = e_value(6, 6)
    for satisfied, side in ((6, "holds"), (0, "fails")):
        assert getattr(forecast([Counts(satisfied, 6)], 6, alpha=1 / bar), side) == 1
        assert getattr(forecast([Counts(satisfied, 6)], 6, alpha=1 / (bar * (1 + 1e-5))), side) == 0


def test_the_search_for_the_largest_useful_number_doubles_it_from_the_most_seeds_there_are(monkeypatch):
    tried = []
    monkeypatch.setattr(power, "forecast", lambda _, most, **__: tried.append(most) or Forecast(0.0, 0.0, inf, inf))
    for counts, seeds in (([Counts(0, 0)], [1, 2, 4, 8, 10]), ([Counts(1, 2), Counts(1, 3)], [6, 10])):
        tried.clear()
        assert largest_useful(counts, limit=10) == inf and tried == seeds


def test_futures_are_those_of_a_run_of_seeds():
    """The chance that all of two checks hold is at most that of each, and grows with the seeds that may be trained."""
    alone, both = forecast([Counts(6, 8)], 40), forecast([Counts(6, 8), Counts(7, 8)], 40)
    assert both.holds < alone.holds and forecast([Counts(6, 8)], 80).holds > alone.holds
    assert np.isinf(forecast([Counts(5, 10)] * 8, 11).median)


@pytest.mark.parametrize("checks", [[], [Counts(3, 2)], [Counts(1, 50)]])
def test_impossible_counts_are_the_users_error(checks):
    with pytest.raises(UserError):
        forecast(checks, 40)


@pytest.mark.parametrize(
    ("satisfied", "seeds", "most", "share"), [(4, 5, 9, 0.5), (1, 5, 10, 0.5), (6, 6, 14, 0.7), (0, 3, 9, 0.4)]
)
def test_one_check_against_every_future(satisfied, seeds, most, share):
    """Seeds to come satisfy it like Polya's urn draws: with the share so far, one added of either kind."""
    reached = {"holds": {}, "fails": {}}
    for future in product((True, False), repeat=most - seeds):
        chance, k = 1.0, satisfied
        decided = None
        for s in range(seeds, most + 1):
            if s > seeds:
                satisfies = future[s - seeds - 1]
                chance *= (1 + (k if satisfies else s - 1 - k)) / (s + 1)
                k += satisfies
            if decided is None and e_value(k, s, share) >= 20:
                decided = "holds", s
            if decided is None and e_value(s - k, s, 1 - share) >= 20:
                decided = "fails", s
        if decided:
            reached[decided[0]][decided[1]] = reached[decided[0]].get(decided[1], 0) + chance
    future = forecast([Counts(satisfied, seeds, share)], most, futures=40_000)
    assert future.holds == pytest.approx(sum(reached["holds"].values()), abs=0.01)
    assert future.fails == pytest.approx(sum(reached["fails"].values()), abs=0.01)
    assert future.decided == future.holds + future.fails
    for number, quantile in ((future.median, 0.5), (future.ninety, 0.9)):
        total, at = 0.0, np.inf
        for s in range(seeds, most + 1):
            total += reached["holds"].get(s, 0) + reached["fails"].get(s, 0)
            if total >= quantile:
                at = s
                break
        assert number == at


def test_no_verdict_comes_before_every_check_has_its_seeds():
    """The other check, which holds already, is only looked at once the first has eight seeds too."""
    future = forecast([Counts(8, 8), Counts(6, 6)], 8)
    assert future.holds > 0.7 and future.median == 8


def test_the_largest_useful_number_is_the_median_once_it_is_finite_and_never_beyond_the_limit():
    assert largest_useful([Counts(4, 4)]) == forecast([Counts(4, 4)], 8, futures=200).median
    assert largest_useful([Counts(20, 40)], limit=41) == np.inf
    assert largest_useful([Counts(3, 3)], alpha=0.2) < largest_useful([Counts(3, 3)], alpha=0.01)
