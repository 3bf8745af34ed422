"""Candidates that verifiers judge: one right, the others wrong from one step on; and what is made of their scores."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.problem.streams import stream
from alchemy.problem.task import Field
from alchemy.progress import Progress
from alchemy.testtime.answers import Answers, Samples
from experiments.thinking import solving_before_judging as claim


@pytest.fixture(scope="module")
def drawn():
    task = claim.SMALL.task((1, 2, 4))
    batch = task.sample(np.random.default_rng(0), 120)
    return task, batch, claim.candidates(task, batch, 4, np.random.default_rng(1))


def test_problems_have_each_number_of_steps_as_often():
    task = claim.SMALL.task((1, 2, 4, 8))
    steps = (task.sample(np.random.default_rng(0), 4000).problem["ops"] >= 0).sum(axis=1)
    assert all(0.2 < (steps == count).mean() < 0.3 for count in (1, 2, 4, 8))
    assert len(set(task.compositions)) == len(task.compositions) == 6 + 36 + 400 + 400


def test_one_candidate_is_right_and_the_others_are_of_the_same_form(drawn):
    task, batch, candidates = drawn
    for number in range(5):
        judged = task.verify(batch, candidates[:, number])
        assert judged.well_formed.all() and (judged.answer == (number == 0)).all()


def test_a_wrong_chain_errs_in_one_step_and_goes_on_rightly(drawn):
    """What follows from its first wrong step is the rest of it; by the family's own rules, not by those of the claim."""
    task, batch, candidates = drawn
    fields, gold = batch.completion_fields(), batch.completions()
    at = set()
    for row in range(len(gold)):
        one = batch.rows(np.array([row]))
        for number in range(1, 5):
            text = candidates[row, number]
            differs = np.flatnonzero(text != gold[row])
            first = fields[row, differs[0]]
            if first < Field.STEP:  # it errs in the answer itself
                if number % 2:
                    assert len(differs) == 1
                continue
            step = int(first - Field.STEP)
            at.add(step)
            rest = task.follow(one, text[None], step)[0]
            np.testing.assert_array_equal(np.pad(rest, (0, len(text) - len(rest))), text)
            if number % 2:
                assert (fields[row, differs] == first).sum() == 1, "in one letter of that step"
    assert at == {0, 1, 2}


def test_candidates_to_learn_from_are_right_by_half(tmp_path):
    lab = Lab(tmp_path, Progress(quiet=True))
    task = claim.SMALL.task((1, 2))
    samples = claim.training(lab, task, 600, 900)
    right = samples.verify().answer.mean()
    assert 0.4 < right < 0.6 and samples.completions.shape[:3] == (1, 600, 1)
    assert not lab.split.part(task.identity(samples.batch.problem)).any(), "training problems"
    again = claim.training(lab, task, 600, 900)
    np.testing.assert_array_equal(samples.completions, again.completions)


def test_ranks_are_counted_pair_by_pair():
    scores = stream("scores", 0).integers(0, 4, (2, 40, 5)).astype(float)
    asked = np.arange(80).reshape(2, 40) % 3 > 0
    told = claim.ranked(scores, asked)
    for seed in range(2):
        rows = scores[seed][asked[seed]]
        for part, columns, value in (
            (rows[: len(rows) // 4], (1, 2, 3, 4), told[0][seed]),
            (rows[len(rows) // 4 :], (1, 2, 3, 4), told[1][seed]),
            (rows[len(rows) // 4 :], (1, 3), told[2][seed]),
            (rows[len(rows) // 4 :], (2, 4), told[3][seed]),
        ):
            won = [(row[0] > row[c]) + (row[0] == row[c]) / 2 for row in part for c in columns]
            assert value == pytest.approx(np.mean(won))


def made(**values):
    """Measured by hand: at every number of steps what is given, else what would let the claim hold."""
    steps = {arm: claim.SMALL.steps_of(arm) for arm in claim.ARMS}
    base = {
        "at once": {1: 0.99, 2: 0.8, 4: 0.6, 8: 0.5},
        "solved": {1: 1.0, 2: 1.0, 4: 0.99, 8: 0.95},
        "filler": {1: 0.99, 2: 0.8, 4: 0.6},
        "swapped": {1: 0.99, 2: 0.8, 4: 0.6},
    }
    for arm, change in values.items():
        base[arm.replace("_", " ")] |= change
    told = {}
    for arm, numbers in base.items():
        row = np.array([[numbers[count] for count in steps[arm]]] * 5)
        told[arm] = claim.Told(row, row, row, row)
    return claim.Measured(steps, told)


def verdicts(measured):
    return {
        check.name: ((check.values >= check.low) & (check.values <= check.high))[check.passed].all()
        for check in claim.check(measured)
    }


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, set()),
        ({"solved": {8: 0.85}}, {"solved: 8 steps"}),
        ({"filler": {4: 0.95}}, {"4 steps: solved - filler"}),
        ({"swapped": {4: 0.95}}, {"4 steps: solved - swapped"}),
        ({"at_once": {4: 0.95}}, {"4 steps: solved - at once", "solved - at once: 4 steps - 1"}),
    ],
)
def test_checks_follow_the_numbers(change, fails):
    assert {name for name, holds in verdicts(made(**change)).items() if not holds} == fails


def test_a_rival_that_learned_nothing_judges_no_seed():
    assert not any(check.passed.any() for check in claim.check(made(at_once={1: 0.6})))


def test_rivals_are_compared_letter_by_letter(monkeypatch, tmp_path):
    """A rival that always says the answer of another problem: what a candidate scores is counted from texts."""
    config = claim.PRESETS["smoke"]
    lab = Lab(tmp_path, Progress(quiet=True), first_seed=900)
    task, seeds = config.task((1, 2)), lab.seeds(1)
    solver = lab.train(config.model, task, config.train, seeds=seeds)
    batch = lab.held_out(task, 6, seeds)
    samples = Samples(task, batch, claim.candidates(task, batch, 2, np.random.default_rng(0))[None])
    said = np.roll(batch.completions(), 1, axis=0)
    monkeypatch.setattr(Lab, "answer", lambda *_, **__: Answers(task, batch, said[None]))
    scores = claim._rival(config, lab, solver, "at once", samples)

    def answer(tokens):
        return task.vocabulary.decode(tokens).split("<answer>")[1].split()

    expected = [
        [sum(a == b for a, b in zip(answer(own), answer(text), strict=True)) for text in row]
        for own, row in zip(said, samples.completions[0], strict=True)
    ]
    assert scores[0].tolist() == expected
