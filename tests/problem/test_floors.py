"""Closed forms against simulation and against the numbers in print."""

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from alchemy.errors import UserError
from alchemy.problem.floors import (
    chance,
    copy,
    expected_edit_distance,
    format_law,
    length_law,
    replay,
    two_step_law,
)
from tasks.symbols import Symbols

N = 3000
MARK = "<answer>"


def edits(right, wrong):
    """Mean normalised edit distance of two lists of texts, characters and spaces counted."""
    return np.mean([Levenshtein.normalized_distance(*pair) for pair in zip(right, wrong, strict=True)])


def distances(task, batch, completion):
    """(reasoning, answer, full) edit distance, each part with the spaces that face the mark."""
    gold, written = (task.vocabulary.decode_all(rows) for rows in (task.solve(batch.problem), completion))
    parts = [[text.rpartition(MARK) for text in texts] for texts in (gold, written)]
    return tuple(edits(*([part[i] for part in texts] for texts in parts)) for i in (0, 2)) + (edits(gold, written),)


def replayed(trained, tested):
    task, test = Symbols((trained,)), Symbols((tested,))
    batch = test.sample(np.random.default_rng(0), N)
    return test, batch, replay(task, batch)


@pytest.mark.parametrize(
    ("trained", "tested", "full"),
    [("F1 F2", "F1 F1", "pood"), ("F2 F2", "F1 F1", "ood"), ("F1 F1", "F2 F2", "ood")],
)
def test_replay_follows_the_law(trained, tested, full):
    reasoning, answer, whole = distances(*replayed(trained, tested))
    law = two_step_law()
    assert abs(answer - law.answer) < 0.01 and abs(whole - getattr(law, full)) < 0.005
    assert abs(reasoning - (law.reasoning if full == "ood" else 1 / 13)) < 0.01


def test_recombined_step_follows_the_law():
    """Right first step and operation token, wrong second operation: the CMP row."""
    task = Symbols(("F1 F1",))
    batch = task.sample(np.random.default_rng(0), N)
    gold = task.solve(batch.problem)
    completion = np.where(np.arange(gold.shape[1]) > 5, replay(Symbols(("F1 F2",)), batch), gold)
    assert abs(distances(task, batch, completion)[2] - two_step_law().cmp) < 0.004


def test_commuting_steps_give_right_answers_by_unfaithful_reasoning():
    test, batch, completion = replayed("F1 F2", "F2 F1")
    verdict = test.verify(batch, completion)
    assert verdict.answer.all() and not verdict.trace.any() and (verdict.first_wrong_step == 0).all()
    assert abs(distances(test, batch, completion)[0] - two_step_law().reasoning) < 0.01


def test_accidents_are_counted_exactly():
    for length in (2, 3):
        test = Symbols(("F1 F1",), length=(length,))
        problem = next(test.exhaustive(length, "F1 F1"))
        batch = test.render(problem, np.random.default_rng(0))
        share = test.verify(batch, replay(Symbols(("F1 F2",), length=(length,)), batch)).answer.mean()
        assert np.isclose(share, two_step_law(length).exact)


def test_numbers_in_print():
    law = two_step_law()
    assert np.allclose(law[:5], (0.1326, 0.1671, 0.2997, 0.4808, 0.3728), atol=5e-5)
    assert law.exact == 26 / 26**4
    assert np.allclose([length_law(length) for length in (2, 3, 4, 5, 6)], [0.5, 0.25, 0, 0.2, 1 / 3])
    paper = [0.146, 0.257, 0.342, 0.405, 0.452, 0.485]
    assert np.allclose([format_law(p / 100) for p in (5, 10, 15, 20, 25, 30)], paper, atol=1e-3)
    assert expected_edit_distance(4, 0, 7) == pytest.approx(4 * 25 / 26 / 7) == pytest.approx(format_law(1.0))
    assert expected_edit_distance(3, 2, 10, v=4) == pytest.approx((3 * 3 / 4 + 2) / 10)


def test_length_law_is_the_right_letters_cut():
    """An answer part faces `<answer>` with one space, so l letters are 2l characters."""
    for length in (2, 3, 5, 6):
        right = "".join(f" {letter}" for letter in "ABCDEF"[:length])
        replayed_text = "".join(f" {letter}" for letter in "ABCDEFGHI"[:4])
        assert np.isclose(Levenshtein.normalized_distance(right, replayed_text), length_law(length))


def test_chance_is_in_the_right_format():
    task = Symbols(("F1 F2", "F3"), length=(3, 4))
    batch = task.sample(np.random.default_rng(0), N)
    verdict = task.verify(batch, chance(task, batch, np.random.default_rng(1)))
    assert verdict.well_formed.all() and verdict.answer.mean() < 0.005
    one_letter = Symbols(("F1",))
    batch = one_letter.sample(np.random.default_rng(0), N)
    texts = [
        one_letter.vocabulary.decode_all(rows)
        for rows in (one_letter.solve(batch.problem), chance(one_letter, batch, np.random.default_rng(1)))
    ]
    assert abs(edits(*texts) - format_law(1.0)) < 0.01


def test_copy_repeats_the_question():
    task = Symbols(("F1 F1", "F3"))
    batch = task.render(task.parse("A P P L [F1] [F1] <think>"), np.random.default_rng(0))
    assert task.show(copy(task, batch)[0]) == "A P P L [F1] <answer> A P P L"
    batch = task.sample(np.random.default_rng(0), 500)
    verdict = task.verify(batch, copy(task, batch))
    assert verdict.well_formed.all()
    assert (verdict.answer >= (batch.problem["composition"] == 0)).all()  # F1 F1 is the identity


def test_replay_of_another_number_of_steps():
    test, batch, completion = replayed("F1 F2", "F1 F2 F1")
    verdict = test.verify(batch, completion)
    assert not verdict.answer.any() and not verdict.well_formed.any()
    with pytest.raises(UserError, match="composition to replay"):
        replay(Symbols(("F1", "F2")), batch)
