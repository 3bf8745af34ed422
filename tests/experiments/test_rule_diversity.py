"""Diversity of rules: what lines ask, that arms share rules, what by heart means, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.problem.split import Split
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import rule_diversity as claim
from experiments.boundary.rule_diversity import SMALL, Arm, ByHeart, Measured

ONCE = {4: 0.2, 8: 0.5, 16: 0.9, 32: 0.97, 64: 1.0, 512: 1.0, 4096: 1.0}
TWICE = {4: 0.2, 8: 0.25, 16: 0.3, 32: 0.38, 64: 0.5, 512: 0.9, 4096: 0.95}


def both(once, twice):
    """What ten models share, at one and at two applications."""
    return np.tile(np.array([once, twice], float), (10, 1))


def measured(once=ONCE, twice=TWICE, trained=1.0, written=0.94, heart=(0.5, 0.1), heart_twice=(0.5, 0.1)):
    arms = {
        count: Arm(both(trained, 1.0), both(once[count], twice[count]), np.full(10, written)) for count in SMALL.rules
    }
    by_heart = ByHeart(both(heart[0], heart_twice[0]), both(heart[1], heart_twice[1]), both(0.3, 0.2))
    return Measured(arms, by_heart, (4, 64), (8, 512), 32, (1 / 7, 2 / 7))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"once": ONCE | {4: 0.4}}, Verdict.FAILS),
        ({"twice": TWICE | {8: 0.45}}, Verdict.FAILS),
        ({"once": ONCE | {64: 0.85}}, Verdict.FAILS),
        ({"twice": TWICE | {512: 0.85}}, Verdict.FAILS),
        ({"twice": TWICE | {16: 0.7, 32: 0.8}, "written": 1.2}, Verdict.FAILS),
        ({"twice": TWICE | {32: 0.6}, "written": 1.0}, Verdict.HOLDS),
        ({"heart": (0.25, 0.1)}, Verdict.FAILS),
        ({"heart_twice": (0.25, 0.1)}, Verdict.FAILS),
        ({"written": 0.6}, Verdict.FAILS),
        ({"trained": 0.9}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_a_model_that_did_not_learn_its_rules_says_nothing(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict


def test_two_applications_that_are_never_half_way_need_more_rules_and_one_that_never_is_has_no_ratio():
    def ratio(**changes):
        [check] = [check for check in claim.check(measured(**changes)) if "half-way" in check.name]
        return check.values[0]

    assert ratio(twice=dict.fromkeys(TWICE, 0.2)) == np.inf
    assert np.isnan(ratio(once=dict.fromkeys(ONCE, 0.2)))
    assert ratio(once=dict.fromkeys(ONCE, 1.0), twice=dict.fromkeys(TWICE, 1.0)) == 1


def read(tokens):
    """A line as words: the rule as a dictionary, and its questions."""
    *words, think = SMALL.task.show(tokens).split()
    assert think == "<think>"
    questions = list(zip(words[7::2], words[8::2], strict=True))
    return dict(zip("ABCDEFG", words[:7], strict=True)), questions


def test_a_line_asks_about_one_of_its_rules_and_scores_where_letters_lead():
    rules = claim.training_rules(SMALL.task, Split(), 3, 4)
    examples = claim.lines(SMALL, rules, np.random.default_rng(0), 40)
    known = {tuple("ABCDEFG"[image] for image in rule) for rule in rules}
    for tokens, target, weight in zip(examples.tokens[..., 0], examples.target, examples.weight, strict=True):
        rule, questions = read(tokens)
        assert tuple(rule.values()) in known and len(questions) == SMALL.questions
        ends = [rule[letter] if times == "1" else rule[rule[letter]] for times, letter in questions]
        assert SMALL.task.vocabulary.decode(target[weight]).split() == ends
        places = np.flatnonzero(weight)  # what stands before each is the letter that is asked about
        assert SMALL.task.vocabulary.decode(tokens[places - 1]).split() == [letter for _, letter in questions]


def test_fewer_rules_are_the_first_of_more_and_none_is_held_out():
    split, task = Split(), SMALL.task
    most = claim.training_rules(task, split, 3, 4096)
    assert len(np.unique(most, axis=0)) == 4096 and not split.part(task.identity({"rule": most})).any()
    np.testing.assert_array_equal(claim.training_rules(task, split, 3, 16), most[:16])
    assert (claim.training_rules(task, split, 4, 16) != most[:16]).any(), "each seed has its own"
    with pytest.raises(UserError, match=r"rules 5000 is too many: \d+ rules of 7 letters are in the training part"):
        claim.training_rules(task, split, 3, 5000)


class Reader:
    """In place of a model's answers: whoever applies a rule, the shown one or the one of its own that is nearest."""

    def __init__(self, monkeypatch, own=None):
        self.own = own
        monkeypatch.setattr(claim, "said", self.said)

    def said(self, lab, runs, texts, places, label):
        said = []
        for tokens in texts.reshape(-1, texts.shape[2]):
            rule, questions = read(tokens)
            if self.own is not None:
                shown = ["ABCDEFG".index(image) for image in rule.values()]
                nearest = self.own[(self.own == shown).sum(axis=1).argmax()]
                rule = {letter: "ABCDEFG"[image] for letter, image in zip("ABCDEFG", nearest, strict=True)}
            times, letter = questions[-1]
            said.append(rule[letter] if times == "1" else rule[rule[letter]])
        assert places.tolist() == [texts.shape[2] - 1]
        return np.array([SMALL.task.vocabulary.encode(" ".join(said))]).reshape(*texts.shape[:2], 1)


class Runs:
    seeds = (3,)


@pytest.fixture
def unseen(tmp_path):
    lab, config = Lab(tmp_path, Progress(quiet=True)), replace(SMALL, test=100)
    return config, [lab.held_out(replace(config.task, times=(times,)), 100, [3]).problem for times in (1, 2)]


def test_who_reads_rules_is_right_everywhere_and_knows_none_by_heart(monkeypatch, unseen):
    config, problems = unseen
    rules = [claim.training_rules(config.task, Split(), 3, 4)]
    Reader(monkeypatch)
    arm = claim._arm(config, None, Runs, 4, rules, problems)
    assert arm.trained.tolist() == arm.unseen.tolist() == [[1, 1]] and arm.written.tolist() == [1]
    heart = claim._by_heart(config, None, Runs, rules, problems)
    assert heart.right.tolist() == [[1, 1]] and heart.predicted.tolist() == [[0, 0]]


def test_who_knows_four_rules_is_right_about_these_and_says_what_they_say_about_others(monkeypatch, unseen):
    config, problems = unseen
    rules = [claim.training_rules(config.task, Split(), 3, 4)]
    Reader(monkeypatch, rules[0])
    arm = claim._arm(config, None, Runs, 4, rules, problems)
    assert arm.trained.tolist() == [[1, 1]] and (arm.unseen < 0.6).all()
    heart = claim._by_heart(config, None, Runs, rules, problems)
    assert heart.right.tolist() == [[0, 0]] and heart.predicted.tolist() == [[1, 1]]
    np.testing.assert_allclose(heart.predictor, arm.unseen, atol=0.15)


@pytest.mark.parametrize("config", claim.PRESETS.values(), ids=claim.PRESETS)
def test_every_line_fits_and_arms_are_those_that_checks_speak_of(config):
    assert config.letters + 2 * config.questions + 1 <= config.model.context
    assert {config.written, *config.looked_up, *config.composed} <= {*config.rules} and config.questions >= 2
    assert config.looked_up[0] == config.rules[0] and all(
        more < 100 * few for few, more in (config.looked_up, config.composed)
    )
    assert [*config.rules] == sorted(config.rules)
