"""The length axis: arms are what they say, all lines open alike, and each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.variance import components
from alchemy.stats.verdict import Verdict
from experiments.boundary.length_axis import (
    CLAIM,
    CROSSED,
    PRESETS,
    SMALL,
    Measured,
    Seen,
    _shares,
    check,
    figures,
    ways,
    written,
)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_arm_has_room_for_the_longest_test_and_marks_for_it(preset):
    config = PRESETS[preset]
    for arm in config.arms:
        model, longest = config.model_of(arm), config.task(arm, config.tested[-1])
        assert model.context >= longest.max_len and model.positions == arm.positions
        assert (model.loops > 1) == model.inject == arm.looped and model.layers * model.loops == config.depth
        assert config.train_of(arm).steps % config.looks == 0
        line = longest.show(longest.sample(np.random.default_rng(0), 1).text[0])
        assert line.startswith("<begin> ") and ("<1>" in longest.vocabulary.symbols) == arm.hinted


def test_arms_are_every_scheme_and_three_of_them_in_three_ways():
    names = [str(arm) for arm in SMALL.arms]
    assert names[:6] == ["learned", "sinusoidal", "rotary", "none", "random", "coupled"]
    assert names[6:] == [f"{scheme}, {way}" for scheme in ("rotary", "none", "coupled") for way in ("hints", "loop")]


def test_digit_and_sum_of_one_place_have_one_position():
    for arm in ways("coupled"):
        model, task = SMALL.model_of(arm), SMALL.task(arm, 4)
        places = np.asarray(model._places(task.sample(np.random.default_rng(0), 1).tokens))[0]
        width = 4 * task.stride
        np.testing.assert_array_equal(places[1 : 1 + width], places[2 + width : 2 + 2 * width])


def test_shares_of_variance_are_of_schemes_and_ways():
    """Two schemes of which one does all, with hints alone; seeds do nothing."""
    scores = np.zeros((3, 2, 3))
    scores[:, 1, 1] = 1.0
    shares = _shares(scores)
    assert sum(shares.values()) == pytest.approx(1) and shares["seeds"] + shares["rest"] == pytest.approx(0)
    assert shares["positions"] == pytest.approx(0.2) and shares["way"] == shares["positions x way"] == pytest.approx(
        0.4
    )
    assert set(_shares(np.zeros((3, 2, 3))).values()) == {0.0}


@pytest.mark.parametrize("arm", ways("coupled"))
def test_a_line_is_right_with_its_chain_alone(arm):
    task = SMALL.task(arm, 5)
    batch = task.sample(np.random.default_rng(0), 40)
    gold = batch.completions()
    at_once = task.write({**batch.problem, "traced": np.zeros(40, bool)}).completions()
    wrong = task.other_state(batch, gold, 2, np.random.default_rng(1))
    assert written(task, batch, gold).all() and not written(task, batch, wrong).any()
    assert task.verify(batch, at_once).answer.all() and not written(task, batch, at_once).any()


def measured(seeds=6, **last):
    """All arms solve what they were trained on, coupled ones all, and others nothing longer; but for `last` by name."""

    def seen(arm):
        beyond = last.get(str(arm).replace(", ", "_"), 1.0 if arm.positions == "coupled" else 0.0)
        scores = np.tile([1.0, beyond, beyond, beyond], (seeds, 1))
        return Seen(np.ones(seeds), scores, scores, np.repeat(scores[:, None], 8, axis=1))

    arms = {arm: seen(arm) for arm in SMALL.arms}
    scores = np.stack([of.last[:, 1] for of in arms.values()], axis=1)
    return Measured(SMALL.tested, 4, arms, {"5 digits": components(scores)}, {})


def test_six_models_that_do_as_foretold_are_enough():
    checks = check(measured())
    assert len(checks) == 9 and judge(CLAIM, checks).verdict is Verdict.HOLDS
    assert len(figures(measured())) == 3


@pytest.mark.parametrize("name", ["learned", "sinusoidal", "rotary", "none", "rotary_hints", "none_loop"])
def test_any_arm_that_goes_on_refutes_it(name):
    assert judge(CLAIM, check(measured(12, **{name: 0.5}))).verdict is Verdict.FAILS


def test_coupled_places_that_carry_nothing_refute_it():
    nothing = {str(arm).replace(", ", "_"): 0.0 for arm in ways("coupled")}
    assert judge(CLAIM, check(measured(12, **nothing))).verdict is Verdict.FAILS


def test_an_arm_that_did_not_learn_says_nothing():
    of = measured()
    lazy = {arm: seen._replace(gate=seen.gate * 0.5) for arm, seen in of.arms.items()}
    assert judge(CLAIM, check(replace(of, arms=lazy))).verdict is Verdict.UNDECIDED
    assert set(CROSSED) <= set(SMALL.schemes)
