"""Three kinds of chains for words of A5: what is compared, how tokens are counted, and that each check can fail."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.problem.task import PAD
from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from alchemy.testtime.answers import Answers
from experiments.theory import signposts as claim
from experiments.theory.signposts import ALIKE, ARMS, KINDS, NAMED, PLAIN, SMALL, Measured, right_tokens


def measured(far=(0.0, 0.0, 0.8), twice=(0.0, 0.0, 0.4), able=(1.0, 1.0, 1.0)):
    """Ten seeds that all score alike on words half as long again and twice as long, and solve what they were trained on."""
    names = (PLAIN, ALIKE, NAMED)
    right = {name: np.tile([1.0, 1.0, *scores], (10, 1)) for name, *scores in zip(names, far, twice, strict=True)}
    gate = {name: np.full(10, share) for name, share in zip(names, able, strict=True)}
    tokens = {name: np.ones((10, len(KINDS))) for name in names}
    return Measured(12, (12, 15, 18, 24), right, tokens, gate)


@pytest.mark.parametrize(("scores", "verdict"), [({}, Verdict.HOLDS)])
def test_each_check_can_fail_and_each_gate_leaves_it_open(scores, verdict):
    assert judge(claim.CLAIM, claim.check(measured(**scores))).verdict == verdict


def test_all_chains_are_of_the_same_words_and_two_have_as_many_tokens():
    rng = np.random.default_rng
    tasks = [SMALL.task(arm, SMALL.tested[-1]) for arm in ARMS.values()]
    assert len({task.max_len for task in tasks[1:]}) == 1 and max(task.max_len for task in tasks) <= SMALL.model.context
    plain, alike, named = (task.identity(task.draw(rng(0), 20)) for task in tasks)
    np.testing.assert_array_equal(alike, named)
    assert len(set(plain)) == 20


@pytest.mark.parametrize("name", ARMS)
def test_tokens_are_counted_up_to_the_first_mistake(name):
    """Two models, three problems each; a mistake at a place leaves the tokens before it and itself, and no later ones."""
    task = SMALL.task(ARMS[name], 4)
    batch = task.sample(np.random.default_rng(0), 6)
    gold = batch.completions()
    assert right_tokens(answered(task, batch, gold)) == pytest.approx(expected(task, gold, gold), nan_ok=True)
    for mistakes in ([(0, 0), (4, 2)], [(1, task.step_width - 1), (3, 2 * task.step_width)], [(2, gold.shape[1] - 2), (5, 3)]):
        said = gold.copy()
        for row, place in mistakes:
            said[row, place:] = PAD
        for cut in (said, said[:, :-2]):
            assert right_tokens(answered(task, batch, cut)) == pytest.approx(expected(task, gold, cut), nan_ok=True)


def answered(task, batch, said):
    return Answers(task, batch, said.reshape(2, 3, -1))


def expected(task, gold, said):
    """The same by going through tokens one after the other."""
    kinds = KINDS[3 - task.step_width : 3]
    shares = np.full((2, len(KINDS)), np.nan)
    for model in range(2):
        counts = {kind: [0, 0] for kind in KINDS}
        for row in range(3 * model, 3 * model + 3):
            for place, token in enumerate(gold[row]):
                kind = kinds[place % task.step_width] if place < task.step_width * task.length else "end"
                right = place < said.shape[1] and said[row, place] == token
                counts[kind][0] += right
                counts[kind][1] += 1
                if not right:
                    break
        for number, kind in enumerate(KINDS):
            hits, all_of_them = counts[kind]
            shares[model, number] = hits / all_of_them if all_of_them else np.nan
    return shares


def test_pictures_show_all_chains_by_length():
    right, tokens = claim.figures(measured())
    assert right.x == [12, 15, 18, 24] and set(right.measured) == set(ARMS)
    assert set(tokens.measured) == {ALIKE, NAMED} and tokens.groups == KINDS
