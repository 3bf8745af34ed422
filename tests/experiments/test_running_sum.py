"""Running sums told to a layer: what the labels are, what is lost on each digit, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.problem.task import PAD
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import running_sum as claim
from tasks.multiplication import Multiplication

SEEDS = 10


def product(*nats, right=0.0):
    lost = np.tile(np.array(nats, float), (SEEDS, 1))
    return claim.Product(lost, np.full(SEEDS, right), lost)


MEASURED = claim.Measured(
    base=5,
    digits=3,
    direct=product(0.0, 1.2, 1.6, 1.3, 0.0, 0.0),
    longer=product(0.0, 0.8, 1.55, 1.2, 0.0, 0.0),
    told=product(0.0, 0.0, 0.05, 0.0, 0.0, 0.0, right=0.98),
    others=product(0.0, 1.2, 1.6, 1.3, 0.0, 0.0),
    chain=np.full(SEEDS, 1.0),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"direct": product(0.0, 1.2, 1.3), "longer": product(0.0, 0.8, 1.25)}, Verdict.FAILS),
        ({"told": product(0.0, 0.0, 0.15, right=0.95)}, Verdict.FAILS),
        ({"told": product(0.0, 0.0, 0.05, 0.2, right=0.8)}, Verdict.FAILS),
        ({"others": product(0.0, 0.0, 0.2)}, Verdict.FAILS),
        ({"chain": np.full(SEEDS, 0.8)}, Verdict.FAILS),
        ({"direct": product(1.6, 1.6, 1.6)}, Verdict.UNDECIDED),  # it learned nothing at all
        ({"longer": product(0.0, 0.8, 1.35)}, Verdict.UNDECIDED),  # it is still learning
    ],
)
def test_each_check_can_fail_and_gates_leave_open_what_rests_on_them(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_the_sum_of_a_column_is_the_label_of_its_digit():
    """3 + 5 times 2 + 20 in base 5: columns of 3 x 2, of 3 x 4 + 1 x 2 + 1 and of 1 x 4 + 3."""
    task = Multiplication(5, 2, trace="none")
    lines = task.write(task.parse("3 1 x 2 4 <think>"))
    told = claim.told(task, lines, 0)
    assert task.show(lines.tokens[0]) == "3 1 x 2 4 <think> <answer> 1 0 2 1"
    assert [task.vocabulary.decode([label]) for label in told.target[0, 7:10]] == ["6", "15", "7"]
    assert (told.target[0] != PAD).sum() == 3
    np.testing.assert_array_equal(told.weight, claim.plain(task, lines, 0).weight)


def test_sums_of_others_are_the_same_labels_at_the_same_places_of_other_lines():
    task = claim.SMALL.at_once
    lines = task.sample(np.random.default_rng(0), 500)
    own, others = claim.told(task, lines, 3).target, claim.told_others(task, lines, 3).target
    np.testing.assert_array_equal(own != PAD, others != PAD)
    np.testing.assert_array_equal(np.sort(own, axis=0), np.sort(others, axis=0))
    assert (own == others).all(axis=1).mean() < 0.05


def test_what_is_lost_on_each_digit_is_what_the_model_says_behind_the_right_digits_below(tmp_path):
    config, lab = replace(claim.PRESETS["smoke"], test=12), Lab(tmp_path, Progress(quiet=True))
    runs = claim._trained(config, lab, "at once")
    measured = claim._product(config, lab, runs, "at once")
    batch = lab.held_out(config.at_once, 12, runs.seeds)
    params = jax.tree.map(lambda leaf: leaf[0], runs.trained.params)
    logits = np.asarray(runs.model.apply(params, batch.tokens[:, :-1]), float)
    logits[..., PAD] = -np.inf  # padding is never chosen
    chance = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    first = batch.text.shape[1] - 7  # six digits and the end of the line
    for digit in range(6):
        place = first + digit
        lost = -chance[np.arange(12), place - 1, batch.text[:, place]]
        np.testing.assert_allclose(measured.nats[0, digit], lost[3:].mean(), rtol=1e-4)
        np.testing.assert_allclose(measured.gate_nats[0, digit], lost[:3].mean(), rtol=1e-4)
    likeliest = logits[:, first - 1 : first + 5].argmax(axis=-1) == batch.text[:, first : first + 6]
    assert measured.right[0] == likeliest.all(axis=1)[3:].mean()


def test_models_see_the_same_factors_and_other_ones_when_they_are_trained_on(tmp_path):
    config, lab = claim.PRESETS["smoke"], Lab(tmp_path, Progress(quiet=True))
    chain, at_once = (config.lines(lab, 0, task).problem for task in (config.chain, config.at_once))
    np.testing.assert_array_equal(chain["left"], at_once["left"])
    further = config.more_lines(lab, 0).problem
    assert (further["left"][:64] != at_once["left"][:64]).any()


def test_the_pictures_have_every_arm():
    curves, bars = claim.figures(MEASURED)
    assert curves.x == [1, 2, 3, 4, 5, 6] and len(curves.measured) == 4
    assert curves.theory["who sees the lower digits alone"][2] == pytest.approx(1.608, abs=1e-3)
    assert bars.groups[-1] == "sums written" and bars.measured["measured"][0].tolist() == [0, 0, 0, 0.98, 1.0]
