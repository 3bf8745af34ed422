"""The sign test: the tables it was designed by, numerical integration, simulation against Ville, Holm by its definition."""

from __future__ import annotations

from itertools import permutations
from math import inf, nan

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from alchemy.errors import UserError
from alchemy.stats.verdict import Sample, Verdict, decide, e_value, holm, median, median_limits, share_limits

SEEDS = (5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80)
NEEDED = {
    20: (5, 6, 7, 8, 10, 11, 13, 17, 20, 24, 30, 42, 54),
    160: (None, None, None, None, 10, 12, 15, 18, 22, 25, 32, 45, 57),
    540: (None, None, None, None, 10, 12, 15, 19, 22, 26, 33, 46, 58),
    960: (None, None, None, None, None, 12, 15, 19, 23, 26, 33, 46, 59),
}
"""Seeds that must satisfy an inequality, by the evidence wanted: a check holds; the first of 8, 27, 48 checks fails."""
ORDER = (None, None, 1, 1, 1, 1, 2, 4, 5, 7, 10, 18, 26)
"""The order statistic that is the lower 95 % limit of the median; the upper one is as far from the other end."""


@pytest.mark.parametrize("evidence", NEEDED)
def test_seeds_that_are_needed(evidence):
    least_satisfied = [next((k for k in range(s + 1) if e_value(k, s) >= evidence), None) for s in SEEDS]
    assert tuple(least_satisfied) == NEEDED[evidence]


def test_unanimous_seeds_decide():
    def first(evidence, share=0.5):
        return next(s for s in range(1, 99) if e_value(s, s, share) >= evidence)

    assert [first(evidence) for evidence in (20, 160, 540, 960)] == [5, 9, 10, 11]
    assert [first(20, share) for share in (0.75, 0.8, 0.9)] == [13, 16, 34]


@pytest.mark.parametrize(("s", "order"), [*zip(SEEDS, ORDER, strict=True)])
def test_limits_of_the_median_are_these_order_statistics(s, order):
    values = np.random.default_rng(s).permutation(np.arange(1.0, s + 1))
    assert median_limits(values) == ((-inf, inf) if order is None else (order, s + 1 - order))


@pytest.mark.parametrize(("k", "s", "share"), [(0, 0, 0.5), (5, 5, 0.5), (17, 20, 0.5), (3, 20, 0.25), (40, 41, 0.9)])
def test_e_value_is_the_mixture_of_likelihood_ratios(k, s, share):
    def ratio(chance):
        return (chance / share) ** k * ((1 - chance) / (1 - share)) ** (s - k)

    uniform = quad(ratio, share, 1)[0] / (1 - share)
    assert e_value(k, s, share) == pytest.approx(0.45 * (k == s) * share**-s + 0.55 * uniform, rel=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("s", [1, 7, 30])
def test_an_e_value_expects_one_if_the_share_is_as_small_as_it_says(s, share):
    k = np.arange(s + 1)
    for chance in (share, share - 0.1):
        expected = sum(stats.binom.pmf(k, s, chance) * [e_value(int(count), s, share) for count in k])
        assert expected == pytest.approx(1) if chance == share else expected < 1


def test_evidence_of_thousands_of_seeds_neither_overflows_nor_breaks():
    assert e_value(3000, 3000) == inf and e_value(0, 3000) == 0
    assert e_value(1500, 3000) < 1 < e_value(1600, 3000) < inf


def test_looking_after_every_seed_keeps_the_error_rate():
    """Ville's inequality, at the worst case of a coin, and its use for two limits of a median."""
    rng, runs, longest = np.random.default_rng(0), 4000, 80
    satisfied = rng.random((runs, longest)) < 0.5
    table = np.array([[e_value(k, s) if k <= s else 0 for k in range(longest + 1)] for s in range(1, longest + 1)])
    paths = table[np.arange(longest), satisfied.cumsum(axis=1)]
    for alpha in (0.05, 0.2):
        assert 0.6 * alpha < (paths.max(axis=1) >= 1 / alpha).mean() <= alpha
    values = rng.standard_cauchy((200, longest))
    limits = np.array([[median_limits(row[:s]) for s in range(5, longest + 1)] for row in values])
    assert ((limits[..., 0] > 0) | (limits[..., 1] < 0)).any(axis=1).mean() <= 0.05


def test_limits_of_a_share_are_where_the_evidence_ends():
    low, high = share_limits(17, 20)
    assert e_value(17, 20, low) == pytest.approx(40) and e_value(3, 20, 1 - high) == pytest.approx(40)
    assert low < 17 / 20 < high
    assert share_limits(0, 20)[0] == 0 and share_limits(20, 20)[1] == 1 and share_limits(0, 0) == (0, 1)
    assert share_limits(3, 20) == pytest.approx((1 - high, 1 - low))
    assert share_limits(17, 20, 0.8)[0] > low


def closed_testing(p):
    """Holm by its reason: a hypothesis is rejected if Bonferroni rejects every intersection that it is part of."""
    m = len(p)
    sets = [[i for i in range(m) if mask >> i & 1] for mask in range(1, 2**m)]
    return [
        max(min(1.0, len(among) * min(p[i] for i in among)) for among in sets if index in among) for index in range(m)
    ]


def test_holm_is_closed_testing_by_bonferroni():
    for p in permutations([0.005, 0.011, 0.02, 0.02, 0.6]):
        assert holm(p) == pytest.approx(closed_testing(p))
    for p in np.random.default_rng(0).random((50, 6)) ** 3:
        assert holm(p.tolist()) == pytest.approx(closed_testing(p))
    assert holm([]) == []


def test_the_median_of_what_has_a_number():
    assert median(np.array([3.0, 1.0, 2.0])) == 2 and median(np.array([4.0, 1.0, 2.0, 3.0])) == 2.5
    assert median(np.array([nan, 1.0, 5.0])) == 3 and np.isnan(median(np.array([nan])))
    assert median(np.array([inf, inf, 1.0])) == inf and median(np.array([-inf, 0.0, inf])) == 0
    assert median_limits(np.array([1.0] * 10 + [inf] * 10)) == (1, inf)
    assert median_limits(np.array([1.0] * 17 + [nan] * 3)) == (1, 1)
    assert median_limits(np.array([1.0] * 16 + [nan] * 4)) == (-inf, inf)


def test_an_outcome_tells_the_evidence():
    values = np.array([0.9] * 9 + [0.2, nan])
    [outcome] = decide([Sample(values, 0.5, inf)]).outcomes
    assert (outcome.satisfied, outcome.violated, outcome.seeds) == (9, 1, 11)
    assert outcome.e_for == e_value(9, 11) and outcome.e_against == e_value(1, 11)
    assert outcome.median == 0.9 and outcome.limits == median_limits(values)
    [outcome] = decide([Sample(np.array([0.2] * 8), 0.5, 0.6)]).outcomes
    assert outcome.e_for == e_value(0, 8) and outcome.e_against == (e_value(8, 8) + e_value(0, 8)) / 2
    assert outcome.p == 1 / outcome.e_against


def test_p_values_are_adjusted_together():
    failing = [Sample(np.zeros(s), 0.5, inf) for s in (9, 12, 6)]
    p_values = [outcome.p for outcome in decide(failing).outcomes]
    assert p_values == pytest.approx(closed_testing([1 / e_value(s, s) for s in (9, 12, 6)]))
    exact = Sample(np.zeros(1), 0.0, 1.0, exact=True)
    *sampled, last = decide([*failing, exact]).outcomes
    assert [outcome.p for outcome in sampled] == p_values and np.isnan(last.p)


def test_weak_evidence_has_its_p_value_and_too_few_seeds_have_none():
    assert decide([Sample(np.zeros(1), 0.5, inf)]).outcomes[0].p == pytest.approx(1 / e_value(1, 1))
    assert decide([Sample(np.ones(1), 0.5, inf)]).outcomes[0].p == 1
    gated = Sample(np.zeros(40), 0.5, inf, gate=np.arange(40) < 19)
    [outcome] = decide([gated]).outcomes
    assert (outcome.p, outcome.verdict, outcome.e_against) == (1, Verdict.UNDECIDED, e_value(19, 19))
    assert decide([gated], among_passed=True).outcomes[0].p == 1 / e_value(19, 19)


def test_evidence_that_is_just_enough_decides():
    bar = next(e for s in range(5, 12) if 1 / (1 / (e := e_value(s, s))) == e)
    seeds = next(s for s in range(5, 12) if e_value(s, s) == bar)
    assert decide([Sample(np.ones(seeds), 0.5, inf)], 1 / bar).verdict is Verdict.HOLDS
    assert decide([Sample(np.zeros(seeds), 0.5, inf)], 1 / bar).verdict is Verdict.FAILS
    for value in (0, 1):
        below = decide([Sample(np.full(seeds, float(value)), 0.5, inf)], np.nextafter(1 / bar, 0))
        assert below.verdict is Verdict.UNDECIDED


def test_limits_that_the_evidence_just_allows():
    """Two of two seeds at the level of 10 %, and six of six at the level that their evidence is for."""
    assert median_limits(np.array([2.0, 1.0]), 0.1) == (1, 2)
    values, level = np.arange(6.0), 1 - 2 / e_value(6, 6)
    assert median_limits(values, level) == (0, 5) and median_limits(values, level + 1e-6) == (-inf, inf)


def test_another_error_rate():
    sample = [Sample(np.ones(5), 0.5, inf)]
    assert decide(sample).verdict is Verdict.HOLDS and decide(sample, 0.01).verdict is Verdict.UNDECIDED
    assert decide([Sample(np.zeros(5), 0.5, inf)], 0.01).verdict is Verdict.UNDECIDED


def test_bad_input_is_one_clear_line():
    for call in (
        lambda: e_value(6, 5),
        lambda: e_value(-1, 5),
        lambda: e_value(1, 5, 1.0),
        lambda: median_limits(np.ones(3), 95),
        lambda: decide([], 0),
        lambda: decide([Sample(np.ones(3), 0, 1, gate=np.ones(2, bool))]),
        lambda: decide([Sample(np.ones((2, 2)), 0, 1)]),
        lambda: decide([Sample(np.ones(0), 0, 1)]),
        lambda: decide([Sample(np.ones(3), 1, 0)]),
        lambda: decide([Sample(np.ones(3), 0, 1, share=0.0)]),
        lambda: share_limits(1, 2, 1.0),
    ):
        with pytest.raises(UserError, match=r"^expected"):
            call()


def test_a_tie_satisfies_an_inequality_and_violates_none():
    for low, high in ((0.5, inf), (-inf, 0.5), (0.5, 0.5), (0.5, 0.7), (0.3, 0.5)):
        for share in (0.5, 0.4):
            decision = decide([Sample(np.full(9, 0.5), low, high, share)])
            [outcome] = decision.outcomes
            assert (outcome.satisfied, outcome.violated) == (9, 0)
            assert outcome.e_for == e_value(9, 9, share) and outcome.e_against == e_value(0, 9, 1 - share)
            assert decision.verdict is Verdict.HOLDS
        assert decide([Sample(np.full(1, 0.5), low, high, exact=True)]).verdict is Verdict.HOLDS


def test_half_of_the_seeds_are_enough_to_pass_a_gate():
    values, gate = np.ones(20), np.arange(20) < 10
    decision = decide([Sample(values, 1, inf, gate=gate)])
    assert decision.verdict is Verdict.HOLDS and not decision.outcomes[0].too_few_passed
    fewer = decide([Sample(values, 1, inf, gate=np.arange(20) < 9)])
    assert fewer.verdict is Verdict.UNDECIDED and fewer.outcomes[0].p == 1
    assert decide([Sample(values, 1, inf, gate=np.arange(20) < 9)], among_passed=True).verdict is Verdict.HOLDS
