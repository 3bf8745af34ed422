"""Lengths that are learned alone and together: what is compared, what is needed, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.problem.task import PAD
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import sharing_factor as claim
from experiments.theory.sharing_factor import LEARNED, NATS, SMALL, Arm, Measured, Scores

SEEDS = 10
NEVER = np.inf


def scores(needed, sizes):
    """Of lengths that are learned from so many lines on, float (s, lengths, sizes): straight lines over the logarithm of these."""
    past = np.log2(np.array(sizes)) - np.log2(np.minimum(needed, 1e9))[:, None]
    past = np.tile(past, (SEEDS, 1, 1))
    return Scores(LEARNED + past / 200, LEARNED + past / 200, NATS - past / 1000)


def arm(alone, joint, gate=1.0):
    """Two lengths that need so many lines, alone and together."""
    few, many = (32, 64, 128, 256), (40, 80, 160, 320)
    return Arm(scores(alone, few), scores(joint, many), np.full(SEEDS, gate), few, many)


MEASURED = Measured((4, 6), text=arm((50, 100), (100, 200)), digits=arm((50, 100), (60, 75)))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"text": arm((50, 100), (90, 80))}, Verdict.FAILS),
        ({"text": arm((NEVER, 100), (200, 200))}, Verdict.FAILS),  # for all that is known it may be any number
        ({"text": arm((50, 100), (20, 30))}, Verdict.FAILS),
        ({"text": arm((50, 100), (NEVER, 200))}, Verdict.HOLDS),  # the most that were tried, at least
        ({"digits": arm((50, 100), (60, 110))}, Verdict.FAILS),
        ({"digits": arm((50, 100), (60, NEVER))}, Verdict.FAILS),
        ({"digits": arm((10, 20), (45, 45))}, Verdict.FAILS),
        ({"digits": arm((50, 100), (20, 30))}, Verdict.HOLDS),  # the fewest that were tried, at most
        ({"text": arm((50, 100), (90, 80), gate=0.8)}, Verdict.UNDECIDED),
        ({"digits": arm((50, 100), (60, NEVER), gate=0.8)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_each_gate_leaves_it_open(changes, verdict):
    assert judge(claim.CLAIM, claim.check(replace(MEASURED, **changes))).verdict == verdict


def test_what_is_needed_is_read_off_by_length_alone_and_of_the_worst_together():
    for score in claim.SCORES:
        alone, joint = MEASURED.text.needed(score)
        np.testing.assert_allclose(alone, np.tile([50, 100], (SEEDS, 1)))
        np.testing.assert_allclose(joint, [200] * SEEDS)
        np.testing.assert_allclose(MEASURED.text.factor(score), 150 / 200)
        np.testing.assert_allclose(MEASURED.digits.factor(score), 150 / 75)


def test_the_luckiest_are_of_any_seed():
    lucky = arm((50, 100), (60, 70))
    for exact, seed, place, ratio in ((lucky.alone.exact, 1, 0, 50 / 40), (lucky.alone.exact, 2, 1, 100 / 80)):
        exact[seed, place] += np.log2(ratio) / 200
    lucky.joint.exact[3] += np.log2(70 / 56) / 200
    np.testing.assert_allclose(lucky.luckiest(), (40 + 80) / 56)


@pytest.mark.parametrize("config", claim.PRESETS.values(), ids=claim.PRESETS)
def test_lines_are_parts_of_larger_sets_the_same_alone_and_together(config, tmp_path):
    lab = Lab(tmp_path, Progress(quiet=True))
    search = claim.Search("learned", (16, 32), (32, 64))
    config = replace(config, text=search, digits=search, lengths=config.lengths[-2:])
    few, more = (config.lines(lab, config.lengths, each, 3) for each in (16, 32))
    assert few.tokens.shape == more.tokens.shape == (64, config.longest.max_len, 1)

    def lines(batch):
        return {row.tobytes() for row in batch.tokens}

    assert len(lines(few)) == 32 and len(lines(more)) == 64 and lines(few) < lines(more)
    alone = [lines(config.lines(lab, (length,), 16, 3)) for length in config.lengths]
    assert set.union(*alone) == lines(few) and [len(each) for each in alone] == [16, 16]
    held_out = lab.held_out(config.longest, 16, [3]).tokens
    assert not lines(more) & {row.tobytes() for row in held_out}
    np.testing.assert_array_equal((few.text != PAD).sum(axis=1), 2 * (few.prompt_len - 1) + 4)


@pytest.mark.parametrize("config", claim.PRESETS.values(), ids=claim.PRESETS)
def test_all_sets_are_there_and_lengths_have_equal_shares(config):
    for search in (config.text, config.digits):
        assert not any(size % len(config.lengths) for size in search.joint)
        assert [*search.alone, *search.joint] == [*sorted(search.alone), *sorted(search.joint)]
    problems = config.modulus ** config.lengths[0]
    assert config.most < 0.8 * problems and config.test < 0.1 * problems


def test_places_of_digits_begin_anew_where_the_sums_do():
    model, words = SMALL.model_of("coupled"), SMALL.longest.vocabulary
    assert words.decode(list(model.marks)) == "<think> <answer>"
    assert replace(model, positions="learned", marks=()) == SMALL.model_of("learned")
    assert model.context == SMALL.longest.max_len


def test_pictures_show_every_arm():
    bars, curves = claim.figures(MEASURED)
    assert [values.shape for values in bars.measured.values()] == [(SEEDS, 3)] * 2
    assert curves.x == [20, 32, 40, 64, 80, 128, 160, 256]
    alone, together, *_ = curves.measured.values()
    assert np.isnan(alone[0]).tolist() == [True, False] * 4
    np.testing.assert_allclose(together[0, 0], LEARNED - np.log2(200 / 40) / 200)
