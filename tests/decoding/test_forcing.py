"""Budget forcing with a scripted model: what is written, and that the bill is what was really forwarded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest
from cells import Bigram

from alchemy.decoding.forcing import (
    Forcing,
    Marks,
    bill,
    thinking,
)
from alchemy.decoding.generate import draw
from alchemy.errors import UserError
from alchemy.learning.model import Cache
from alchemy.problem.task import EOS, PAD
from alchemy.testtime.revision import (
    drafts,
    flips,
    picks,
    plurality,
)
from tasks.recheck import Recheck
from tasks.symbols import Symbols

V = 8
END, WAIT, A, B = 4, 5, 6, 7
MARKS = Marks(END, WAIT)
FORWARDED: list[int] = []


@dataclass(frozen=True)
class Counted(Bigram):
    """Every token that it reads is counted."""

    context: int = 64

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        jax.debug.callback(lambda count: FORWARDED.append(int(count)), (tokens[..., 0] != PAD).sum())
        return super().extend(params, cache, tokens, last)


def follow(*successors):
    return {"table": np.stack([10 * np.eye(V, dtype=np.float32)[list(successor_ids)] for successor_ids in successors])}


TWO = (0, 0, A, EOS, 3, A, B, END)  # 2: A B END 3 EOS; a wait begins again
OWN = (0, 0, A, EOS, 3, A, WAIT, END)  # 2: A WAIT A WAIT ... for ever
MUTE = (0, 0, A, EOS, 3, A, EOS, EOS)  # ends without an end mark
prompts = np.full((16, 1, 1), 2, np.int32)


def force(params, room=16, samples=1, **how):
    forcing = Forcing(MARKS, **how)
    options = dict(samples=samples, max_new=room, temperature=0.0, steer=forcing.marks, dials=forcing.dials)
    return draw(Counted(), params, prompts, **options).completions


def written(params, room=16, **how):
    completions = force(params, room, **how)
    assert (completions == completions[:, :1]).all(), "all prompts are alike"
    return [row[row != PAD].tolist() for row in completions[:, 0, 0]]


def test_without_force_it_is_plain_decoding():
    assert written(follow(TWO)) == [[A, B, END, 3, EOS]]
    plain = draw(Counted(), follow(TWO), prompts, samples=1, max_new=16, temperature=0.0)
    np.testing.assert_array_equal(force(follow(TWO)), plain.completions)


@pytest.mark.parametrize(("budget", "thought"), [(0, []), (1, [A]), (2, [A, B]), (3, [A, B])])
def test_a_budget_ends_thinking_and_lets_the_model_answer(budget, thought):
    assert written(follow(TWO), budget=budget) == [[*thought, END, 3, EOS]]


@pytest.mark.parametrize("least", [0, 1, 3])
def test_an_end_that_comes_too_early_is_a_continuation(least):
    assert written(follow(TWO), least=least) == [[A, B, *[WAIT, A, B] * least, END, 3, EOS]]


@pytest.mark.parametrize("budget", range(1, 8))
def test_suppressed_until_a_budget_and_ended_there_a_chain_thinks_exactly_that_many_tokens(budget):
    """Control of s1 is 1 by construction."""
    [row] = written(follow(TWO), least=budget + 1, budget=budget)
    assert row.index(END) == budget and thinking(np.array(row), MARKS) == budget


def test_a_budget_comes_before_continuations():
    assert written(follow(TWO), least=5, budget=4) == [[A, B, WAIT, A, END, 3, EOS]]


@pytest.mark.parametrize("least", [0, 1, 2])
def test_an_exact_number_of_continuations(least):
    """Too few are forced, too many forbidden; the model's own count."""
    chain = [A, *[WAIT, A] * least]
    assert written(follow(OWN), least=least, exact=True) == [[*chain, END, 3, EOS]]
    assert written(follow(TWO), least=least, exact=True) == [[A, B, *[WAIT, A, B] * least, END, 3, EOS]]
    assert written(follow(OWN), room=7, least=least) == [[A, WAIT, A, WAIT, A, WAIT, A]]


def test_an_end_of_the_text_within_thinking():
    """It is an end that can be suppressed; where it is not, nothing is answered."""
    assert written(follow(MUTE)) == [[A, EOS]]
    assert written(follow(MUTE), least=1) == [[A, WAIT, A, EOS]]
    assert written(follow(MUTE), budget=1) == [[A, END, 3, EOS]]


def test_seeds_and_dials_share_one_program():
    from alchemy.decoding.generate import _runner

    before = _runner.cache_info().misses
    for least in range(4):
        assert written(follow(TWO, OWN), room=24, least=least, exact=True)[1] == [A, *[WAIT, A] * least, END, 3, EOS]
    assert _runner.cache_info().misses <= before + 1, "none where other tests made it"


@pytest.mark.parametrize(
    "how", [{}, {"least": 2}, {"budget": 1}, {"least": 3, "exact": True}, {"least": 9, "budget": 5}]
)
@pytest.mark.parametrize("samples", [1, 3])
def test_the_bill_is_what_was_forwarded(how, samples):
    """And the last token of each chain, which nothing follows."""
    FORWARDED.clear()
    completions = force(follow(TWO, OWN), samples=samples, **how)
    jax.effects_barrier()
    ledger = bill(completions, np.ones(16), parameters=7)
    assert (ledger.prompt + ledger.written).sum() == sum(FORWARDED) + 2 * 16 * samples and ledger.written.shape == (
        2,
        16,
    )
    np.testing.assert_array_equal(ledger.depth * samples, ledger.written)  # greedy samples are alike
    np.testing.assert_array_equal(ledger.flops, 14 * (1 + ledger.written))
    assert not ledger.checked.any() and not ledger.calls.any()


def test_thinking_is_what_stands_before_the_end():
    rows = np.array([[A, B, END, 3, EOS], [A, WAIT, A, EOS, PAD], [END, 3, EOS, PAD, PAD], [A, B, A, B, A]])
    assert thinking(rows, MARKS).tolist() == [2, 3, 0, 5]


def test_without_any_dial_nothing_is_forced():
    assert Forcing(MARKS).dials == (0, 1 << 30, 0) and Forcing(MARKS, 2, 5, exact=True).dials == (2, 5, 1)
    assert Forcing(MARKS, 0, 0).dials == (0, 0, 0)


def test_marks_are_those_of_the_task():
    task = Recheck()
    assert Marks.of(task) == Marks(*task.vocabulary.encode("<answer> <wait>"))
    with pytest.raises(UserError, match="Symbols has no continuation mark"):
        Marks.of(Symbols())
    with pytest.raises(UserError, match="-1 continuations"):
        Forcing(MARKS, least=-1)


def test_drafts_stand_before_continuations_and_the_end():
    rows = np.array(
        [
            [A, WAIT, B, WAIT, A, END, 3, EOS],  # three drafts of one token
            [A, B, WAIT, 3, B, END, 3, EOS],  # the last token of each
            [A, WAIT, WAIT, B, END, 3, EOS, PAD],  # an empty one does not count
            [A, B, 3, WAIT, A, B, 3, 3],  # cut off
            [END, 3, EOS, PAD, PAD, PAD, PAD, PAD],
        ]
    )
    letters = drafts(rows, MARKS, 3)
    assert letters.tolist() == [[A, B, A], [B, B, -1], [A, B, -1], [3, 3, -1], [-1, -1, -1]]
    np.testing.assert_array_equal(drafts(rows, MARKS, 2), letters[:, :2])
    of_seeds = drafts(np.stack([rows, rows[::-1]]), MARKS, 3)
    np.testing.assert_array_equal(of_seeds, np.stack([letters, letters[::-1]]))


def test_flips_and_picks():
    drafted, right = np.array([[A, B, A, A], [B, B, B, A], [B, 3, B, 3]]), np.array([A, A, A])
    broke, mended = flips(drafted, right)
    assert broke.tolist() == [[True, False, False], [False] * 3, [False] * 3]
    assert mended.tolist() == [[False, True, False], [False, False, True], [False] * 3]
    accuracy = picks(drafted, right)
    assert accuracy["last"].tolist() == [1, 1, 0] and accuracy["verifier"].tolist() == [1, 1, 0]
    assert accuracy["majority"].tolist() == [1, 0, 0]


def test_a_tie_of_the_vote_is_drawn_fairly_and_who_says_nothing_has_no_vote():
    answers = np.array([[A, B, -1, -1], [A, A, B, B], [A, B, 3, -1], [-1, -1, -1, -1], [A, -1, -1, -1], [A, B, B, 3]])
    np.testing.assert_allclose(plurality(answers, np.full(6, A)), [1 / 2, 1 / 2, 1 / 3, 0, 1, 0])
