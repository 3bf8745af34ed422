"""Words of groups at once and in chains: what is asked, that no tested word was seen, and that each check can fail."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.problem.split import Split
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import state_tracking as claim
from experiments.theory.state_tracking import GROUPS, SMALL, Measured
from experiments.theory.words import tagged, training_words
from tasks.groups import Groups


def measured(easy=(1.0, 1.0, 1.0), hard=(0.05, 0.05, 0.05), known=(1.0, 0.95), **chain):
    """Ten seeds that all score alike."""
    scores = {claim.arm(1, "Z60"): easy, claim.arm(1, "A5"): hard, claim.arm(2, "A5"): (0.9, 0.8, 0.7)}
    by_heart = {name: np.full(10, right) for name, right in zip(scores, (*known, 1.0), strict=True)}
    new = {name: np.tile(right, (10, 1)) for name, right in scores.items()}
    return Measured(SMALL.tested, new, by_heart, {group: np.full(10, chain.get(group, 0.99)) for group in GROUPS})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"easy": (1.0, 0.8, 0.5)}, Verdict.FAILS),
        ({"hard": (0.05, 0.5, 0.6)}, Verdict.FAILS),
        ({"hard": (0.7, 0.05, 0.05)}, Verdict.FAILS),
        ({"easy": (0.85, 1.0, 1.0)}, Verdict.FAILS),
        ({"easy": (1.0, 0.8, 0.5), "known": (1.0, 0.7)}, Verdict.UNDECIDED),
        *(({group: 0.94}, Verdict.FAILS) for group in GROUPS),
    ],
)
def test_each_check_can_fail_and_the_gate_leaves_those_open_that_rest_on_it(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict


@pytest.mark.parametrize("config", claim.PRESETS.values(), ids=claim.PRESETS)
def test_training_words_begin_with_all_known_short_words_and_with_no_new_one(config, tmp_path):
    task, split = config.at_once("A5"), Split()
    words = training_words(task, split, np.random.default_rng(0), 3000, config.tested)
    assert words.shape == (3000, task.length) and config.chain("A5").max_len <= config.model.context
    lab = Lab(tmp_path, Progress(quiet=True))
    for length in config.tested:
        short = Groups("Z60", length, cot=False)
        begins = short.identity({"word": words[:, :length]})
        assert not split.part(begins).any()
        assert not np.isin(short.identity(config.new(lab, short, [3, 4]).problem), begins).any()
    short = Groups("A5", config.tested[0], cot=False)
    known = config.known(lab, short, [3, 4])
    assert np.isin(short.identity(known.problem), short.identity({"word": words[:, : short.length]})).all()


def test_every_letter_is_asked_for_the_product_so_far():
    task = Groups("Z60", 4, cot=False)
    lines = tagged(task, task.parse("a b b a <think>")["word"])
    vocabulary = task.vocabulary
    assert vocabulary.decode(lines.tokens[0, :, 0]) == "a b b a <think>"
    assert vocabulary.decode(lines.target[0][lines.weight[0]]) == "1 8 15 16"
    assert not lines.weight[0, 0]


def test_the_label_behind_the_last_letter_is_the_answer():
    task = SMALL.at_once("A5")
    batch = task.sample(np.random.default_rng(0), 200)
    np.testing.assert_array_equal(tagged(task, batch.problem["word"]).target[:, -1], batch.completions()[:, 1])


def test_pictures_show_models_beside_readers():
    curves, by_heart, chain = claim.figures(measured())
    assert set(curves.measured) == {"1 layer, Z60", "1 layer, A5", "2 layers, A5"} and curves.x == [8, 12, 16]
    assert set(curves.theory) == {"count, A5", "count, Z60", "last 8 letters, A5"}
    assert by_heart.measured["known words"][0].tolist() == [1.0, 0.95, 1.0]
    assert by_heart.measured["new words"][0].tolist() == [1.0, 0.05, 0.9]
    assert chain.groups == list(GROUPS)
