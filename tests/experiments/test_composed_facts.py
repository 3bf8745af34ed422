"""Composed facts: what models are told and asked, when a kind of question counts as learned, and that each check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.problem.split import Split
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.boundary import composed_facts as claim
from experiments.boundary.composed_facts import SMALL, Arm, Learned, Measured
from tasks.facts import questions

SMOKE = claim.PRESETS["smoke"]
APART = {claim.HELD_OUT: 0, "first apart": 1, "second apart": 1, claim.BOTH: 2}


def learned(held_out, trained=500, seeds=10):
    """Models that answer a kind of question from a step on, and not at all before."""
    steps = tuple(range(100, 3001, 100))
    rows = [[float(step >= at) for step in steps] for at in (held_out, trained, 9_999)]
    return Learned(steps, np.tile(np.array(rows).T, (seeds, 1, 1)))


def arm(facts=1.0, held_out=1.0, first=0.4, second=0.05, both=0.05):
    return Arm(np.full(10, facts), np.tile([held_out, first, second, both], (10, 1)))


ARMS = {
    claim.AT_ONCE: {},
    claim.LOOPED: dict(second=0.7, both=0.4),
    claim.DEEP: dict(second=0.3),
    claim.WRITTEN: dict(first=1.0, second=1.0, both=1.0),
}


def measured(steps=(9_999, 2400, 1500, 900), larger=(1500, 500), trained=500, **changes):
    arms = {name: arm(**(own | changes.get(name.replace(" ", "_"), {}))) for name, own in ARMS.items()}
    ratios = {ratio: learned(at, trained) for ratio, at in zip(SMALL.ratios, steps, strict=True)}
    return Measured(ratios, learned(*larger), SMALL.compared, arms, np.full((10, 4), 0.05))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"steps": (1100, 1000, 1000, 900)}, Verdict.FAILS),
        ({"larger": (2400, 500)}, Verdict.FAILS),
        ({"larger": (6000, 2000)}, Verdict.HOLDS),
        ({"at_once": {"both": 0.2}}, Verdict.FAILS),
        ({"at_once": {"second": 0.3}}, Verdict.FAILS),
        ({"facts_recited": {"both": 0.8}}, Verdict.FAILS),
        ({"looped": {"second": 0.35}}, Verdict.FAILS),
        ({"looped": {"both": 0.1}}, Verdict.FAILS),
        ({"at_once": {"facts": 0.9}}, Verdict.UNDECIDED),
        ({"at_once": {"held_out": 0.9}}, Verdict.UNDECIDED),
        ({"facts_recited": {"facts": 0.9}}, Verdict.UNDECIDED),
        ({"as_deep,_not_looped": {"facts": 0.9}}, Verdict.UNDECIDED),
    ],
)
def test_each_check_can_fail_and_models_that_know_no_facts_say_nothing(changes, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**changes))).verdict == verdict


def test_what_is_learned_sooner_as_all_is_has_no_shorter_delay():
    ratios = {ratio: learned(int(9_000 / ratio), int(4_500 / ratio)) for ratio in SMALL.ratios}
    steps, delays, *_ = claim.check(replace(measured(), ratios=ratios))
    assert (steps.values < -0.8).all() and (abs(delays.values) < 0.1).all()


def test_an_arm_that_never_gets_there_counts_as_if_it_had_at_the_last_step():
    own = learned(9_999)
    assert (own.reached(claim.HELD_OUT) == np.inf).all() and (own.taken == 3000).all()
    np.testing.assert_allclose(own.delay, 3000 / own.reached(claim.TRAINED))
    assert np.isnan(learned(900, 9_999).delay).all(), "nothing was learned"
    assert (learned(50, 50).reached(claim.TRAINED) == 100).all(), "not before the first look"


def test_worlds_differ_by_seed_and_a_higher_ratio_adds_questions():
    split = Split()
    low, high, other = (claim.tell(SMALL, split, *of) for of in ((3, 4.0), (3, 12.0), (4, 4.0)))
    n = int((~low.task.known.apart).sum())
    assert n == 480 and len(low.facts["head"]) == 600
    assert len(low.trained["head"]) == 4 * n and len(high.trained["head"]) == 12 * n
    for name, values in low.trained.items():
        np.testing.assert_array_equal(high.trained[name][: 4 * n], values)
    assert (low.task.known.leads != other.task.known.leads).any()
    with pytest.raises(UserError, match="questions where 48000 are asked for"):
        claim.tell(SMALL, split, 3, 100.0)


def test_what_is_asked_was_left_out_and_is_of_its_kind():
    told = claim.tell(SMALL, Split(), 3, 12.0)
    key = {name: told.task.identity(problem) for name, problem in told.asked.items()}
    trained = told.task.identity(told.trained)
    assert np.isin(key.pop(claim.TRAINED), trained).all()
    for kind, own in key.items():
        assert len(np.unique(own)) == SMALL.test and not np.isin(own, trained).any()
        apart = told.task.features(told.asked[kind])["apart"]
        assert set(apart) == {APART[kind]}
    at = questions.walk(told.task, told.trained["head"], told.trained["path"])[:, :-1]
    assert not told.task.known.apart[at, told.trained["path"]].any(), "no fact that is apart is composed in training"


def test_lines_say_where_the_last_relation_leads():
    told = claim.tell(SMALL, Split(), 3, 4.0)
    rows = claim.lines(told)
    assert len(rows.tokens) == 600 + 4 * 480 and (rows.weight.sum(axis=1) == 1).all()
    known = {}
    for tokens, target, weight in zip(rows.tokens[..., 0], rows.target, rows.weight, strict=True):
        *asked, think = told.task.show(tokens).split()
        [said] = told.task.vocabulary.decode(target[weight]).split()
        assert think == "<think>" and weight[len(asked)], "the place behind the last relation"
        known[tuple(asked)] = said
    for (head, first, *second), said in known.items():
        assert not second or known[known[head, first], second[0]] == said


class Runs:
    seeds = (3,)
    names = ("a model",)


def test_who_knows_the_facts_and_composes_them_is_right_everywhere(monkeypatch):
    told = claim.tell(SMALL, Split(), 3, 4.0)

    def reads(lab, runs, texts, places, label):
        said = []
        for tokens in texts[0]:
            words = told.task.show(tokens).split()
            assert words[places[0]] == "<think>"
            said.append(told.task.solve(told.task.parse(" ".join(words)))[0, 1])
        return np.array(said).reshape(1, -1, 1)

    monkeypatch.setattr(claim, "said", reads)
    own = claim._tested(None, Runs, [told], claim.AT_ONCE)
    assert own.facts.tolist() == [1] and own.composed.tolist() == [[1] * 4]


def test_a_text_is_right_with_every_fact_and_the_answer():
    told = claim.tell(SMALL, Split(), 3, 4.0)

    class Writes:
        wrong = ()

        def keep(self, kind, model, names, shape, tokens, make, label):
            gold = claim._recited(told.task, told.asked[claim.BOTH]).completions()[:, : shape[1]].copy()
            assert gold.shape == shape and (gold[:, -1] == 1).all(), "up to the end"
            for row, place in enumerate(self.wrong):
                gold[row, place] = 7 if gold[row, place] != 7 else 8
            return gold[None]

    class Model(Runs):
        model = None

    lab = Writes()
    assert claim.written(lab, Model, [told], claim.BOTH, "").tolist() == [1]
    lab.wrong = (0, 2, 8)
    assert claim.written(lab, Model, [told], claim.BOTH, "").tolist() == [1 - 3 / SMALL.test]


def test_what_is_watched_is_asked_of_the_worlds_of_the_seeds_that_are_trained(tmp_path):
    from alchemy.lab.lab import Lab
    from alchemy.progress import Progress

    lab, config = Lab(tmp_path, Progress(quiet=True)), replace(SMOKE, seeds=2)
    told = [claim.tell(config, lab.split, seed, 1.0) for seed in (0, 1)]
    seen = claim._learned(lab, claim._trained(config, lab, config.model, config.train, told, "both"))
    again = Lab(tmp_path / "one", Progress(quiet=True), first_seed=1)
    alone = claim._learned(
        again, claim._trained(replace(config, seeds=1), again, config.model, config.train, told[1:], "one")
    )
    assert seen.right.shape == (2, len(seen.steps), 3) and seen.steps == (4, 8)
    np.testing.assert_array_equal(seen.right[1:], alone.right)


@pytest.mark.parametrize("config", claim.PRESETS.values(), ids=claim.PRESETS)
def test_every_world_has_what_is_asked_and_every_line_fits(config):
    assert config.compared in config.ratios and [*config.ratios] == sorted(config.ratios)
    for seed in range(3):
        told = claim.tell(config, Split(), seed, max(config.ratios))
        assert claim._recited(told.task, told.trained).text.shape[1] <= config.model.context
    larger = replace(config, task=replace(config.task, entities=config.larger * config.task.entities))
    claim.tell(larger, Split(), 0, config.compared)
