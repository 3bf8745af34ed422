"""Mixtures of lines with and without a chain, and what the claim makes of their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from alchemy.report.claim import judge
from experiments.trace import answer_only_lines as claim
from experiments.trace.answer_only_lines import FEW, LONGER, MANY, MOSTLY, NAMES, Arm

CONFIG = claim.Config(train=TrainConfig(steps=5, batch=40))


@pytest.mark.parametrize("mixture", NAMES)
def test_every_mixture_has_its_share_of_lines_with_chains(mixture, tmp_path):
    task, pairs = claim.trained_on(CONFIG, FEW, 3)
    batch = claim.lines(CONFIG, Lab(tmp_path, Progress(quiet=True)), task, mixture, 3)
    assert len(batch.tokens) == 200 * sum(mixture) and batch.tokens.shape[1] == task.max_len
    texts = [task.show(tokens).split() for tokens in batch.tokens]
    two = [text for text in texts if sum(word.startswith("[") for word in text[: text.index("<answer>")]) > 1]
    asked = [text[text.index("<answer>") - 1].startswith("[") and "<think>" not in text for text in two]
    # Of each mixture .7 are pairs, and of these as many have a chain as the mixture says.
    assert np.mean(asked) == pytest.approx(mixture.answers / sum(mixture), abs=0.12)
    assert len(pairs.compositions) == FEW and set(pairs.compositions) < set(task.compositions)


def arms(follow, at_once):
    """Numbers of ten seeds where .95 follow unless `follow` says so, by the number of pairs and the mixture."""

    def arm(count, mixture):
        one, share = np.ones(10), np.full(10, follow.get((count, mixture), 0.95))
        return Arm(one, np.full(10, at_once[count]), one, one, share, 1 - share, 0 * one)

    return claim.Measured({count: {mixture: arm(count, mixture) for mixture in NAMES} for count in (FEW, MANY)})


FALLS = {(FEW, MOSTLY): 0.1}
KNOWN = {FEW: 0.9, MANY: 0.6}


@pytest.mark.parametrize(
    ("follow", "at_once", "verdicts"),
    [
        (FALLS, KNOWN, ["HOLDS", "HOLDS"]),
        ({}, KNOWN, ["FAILS", "HOLDS"]),
        ({**FALLS, (FEW, LONGER): 0.4}, KNOWN, ["FAILS", "HOLDS"]),
        ({**FALLS, (MANY, MOSTLY): 0.7}, KNOWN, ["HOLDS", "FAILS"]),
        (FALLS, {FEW: 0.3, MANY: 0.4}, ["UNDECIDED", "UNDECIDED"]),
    ],
)
def test_following_has_to_fall_with_few_pairs_and_to_stay_with_many(follow, at_once, verdicts):
    judged = judge(claim.CLAIM, claim.check(arms(follow, at_once)))
    assert [outcome.verdict.name for outcome in judged.outcomes] == verdicts
