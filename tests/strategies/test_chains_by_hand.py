"""Searches that grow chains side by side, problem by problem in plain Python, and the bill of what they spend."""

from __future__ import annotations

import numpy as np
import pytest
from test_mcts_by_hand import CHECKER, Wandering, Worth, further, worth
from test_searches import CUT, RIGHT

from alchemy.decoding.ledger import Ledger
from alchemy.decoding.sampler import Branches
from alchemy.problem.task import EOS, PAD
from alchemy.strategies.beam import Beam
from alchemy.strategies.dvts import Dvts
from alchemy.strategies.particle_filter import ParticleFilter
from alchemy.strategies.tree import Answered, Bill, Question, best_branch, pack, question_of, unpack
from tasks.symbols import Symbols

N = 40


def question(room):
    prompts = np.full((N, 3, 1), 6, np.int32)
    prompts[::2, 2] = PAD
    return Question(prompts, (CUT,), 2, room, np.arange(N) + 100)


def goes_on(search, scores, draw):
    """The numbers of the chains that go on, each as often as it does."""
    if isinstance(search, ParticleFilter):
        weight = np.exp(np.array(scores) / search.softness)
        ends = (weight / weight.sum()).cumsum()
        return [min(int((ends <= (draw + k) / search.n).sum()), search.n - 1) for k in range(search.n)]
    groups = [range(at, at + search.width) for at in range(0, search.n, search.width)]
    if isinstance(search, Dvts):
        best = [max(group, key=scores.__getitem__) for group in groups]
    else:
        best = sorted(range(search.n), key=lambda chain: -scores[chain])[: len(groups)]
    return [chain for chain in best for _ in range(search.width)]


def alone(search, row, room, prompt):
    """The answer to one problem, and what it cost: tokens written, one after the other, read by the verifier, and calls."""
    rng, draws = np.random.default_rng([9, row]), np.random.default_rng([0, row + 100])
    chains, scores = [[] for _ in range(search.n)], [0.0] * search.n
    written = depth = checked = calls = 0
    while True:
        pieces = []
        for chain in range(search.n):
            text = chains[chain]
            done = text[-1:] == [EOS]
            pieces.append([] if done else further(rng, (CUT,), min(2, room - len(text))))
        if not any(pieces):
            break
        chains = [text + piece for text, piece in zip(chains, pieces, strict=True)]
        written, depth = written + sum(map(len, pieces)), depth + max(map(len, pieces))
        for chain, piece in enumerate(pieces):
            if piece:
                scores[chain], calls, checked = worth(chains[chain]), calls + 1, checked + prompt + len(chains[chain])
        if all(text[-1] == EOS for text in chains):
            break
        kept = goes_on(search, scores, draws.random() if isinstance(search, ParticleFilter) else None)
        chains, scores = [chains[chain] for chain in kept], [scores[chain] for chain in kept]
    ended = [text[-1:] == [EOS] for text in chains]
    best = max(range(search.n), key=lambda chain: (ended[chain], scores[chain]))
    return chains[best], written, depth, checked, calls


class Roomy(Wandering):
    """No chain is longer than there is room for."""

    room = 0

    def read(self, prompts, room):
        self.room = room
        return super().read(prompts, room)

    def write(self, branches, cuts, most):
        if (self.room - branches.length >= most).all():
            return super().write(branches, cuts, most)
        full = branches.length + most > self.room
        after = super().write(branches._replace(ended=branches.ended | full), cuts, most)
        return after._replace(ended=(after.tokens == EOS).any(axis=2))


@pytest.mark.parametrize("room", [4, 12])
@pytest.mark.parametrize("search", [Beam(6, 2), Beam(4, 4), Dvts(6, 3), ParticleFilter(5, 0.2)], ids=str)
def test_all_chains_are_those_of_each_problem(search, room):
    answered = search.answer(Roomy(), Worth(), question(room))
    for row in range(N):
        prompt = 3 - (row % 2 == 0)
        text, written, depth, checked, calls = alone(search, row, room, prompt)
        tokens = answered.completions[row]
        assert tokens[tokens != PAD].tolist() == text
        flops = 2 * (10 * (prompt + written) + CHECKER * checked)
        assert [values[row] for values in answered.ledger] == [prompt, written, checked, calls, depth, flops, 0, 0, 0]


class Uneven(Wandering):
    """Of four chains of a problem one ends at once and the others are as long as they may be, all write a token a step, or
    all end at once."""

    def write(self, branches, cuts, most):
        texts = np.zeros((3, 4, 4), np.int32)
        texts[0] = [[RIGHT, EOS, PAD, PAD], [RIGHT] * 4, [RIGHT, RIGHT, CUT, CUT], [CUT] * 4]
        texts[1, :, : branches.tokens[1, 0].astype(bool).sum() + 1] = CUT
        texts[2, :, :2] = [RIGHT, EOS]
        old = branches.tokens.any(axis=2, keepdims=True) & (np.arange(3) != 1)[:, None, None]
        texts = np.where(old, np.pad(branches.tokens, ((0, 0), (0, 0), (0, 4)))[..., :4], texts)
        return Branches(texts, branches.logprob, (texts == EOS).any(axis=2))


def test_chains_of_which_nothing_becomes_stay_while_other_problems_go_on():
    sampler, picked = Uneven(), []
    sampler.pick = lambda branches, index: picked.append(index) or Wandering.pick(sampler, branches, index)
    ParticleFilter(4, 0.3).answer(sampler, Worth(), question(4).rows(np.arange(3)))
    assert len(picked) == 5
    for step, index in enumerate(picked[1:]):
        assert index[2].tolist() == [0, 1, 2, 3]
        assert (index[0].tolist() == [0, 1, 2, 3]) == (step > 0)


def test_finished_chains_come_first_and_of_equal_ones_the_first():
    tokens = np.arange(1, 9).reshape(2, 4, 1)
    branches = Branches(tokens, np.zeros((2, 4)), np.array([[False, True, True, True], [False] * 4]))
    scores = np.array([[9.0, -5.0, -4.0, -4.0], [-3.0, 2.0, 2.0, 1.0]])
    assert best_branch(branches, scores).tolist() == [[3], [6]]
    given_up = np.array([[False, False, True, True], [True] * 4])
    ended = branches._replace(ended=branches.ended | given_up)
    assert best_branch(ended, scores, given_up).tolist() == [[2], [6]], "one that was given up is not finished"
    ended.tokens[0, 3] = EOS
    assert best_branch(ended, scores, given_up).tolist() == [[EOS], [6]], "unless it was"


def test_a_verifier_without_parameters_reads_for_nothing():
    bill = Bill(Wandering(), Worth(parameters=0), question(12))
    branches = Branches(np.full((N, 3, 2), CUT), np.zeros((N, 3)), np.zeros((N, 3), bool))
    bill.score(branches)
    bill.score(branches, np.arange(3) < np.ones((N, 1)))
    assert (bill.ledger().calls == 4).all() and not bill.ledger().checked.any()


@pytest.mark.parametrize("width", [0, 3, 5, 9])
def test_answers_are_packed_and_unpacked(width):
    rng, room = np.random.default_rng(0), 5
    text = rng.integers(1, 9, (2, 4, width)).astype(np.int32)
    bills = [Ledger(*rng.random((6, 4)), told=np.zeros(4), searches=np.zeros(4), turns=np.zeros(4)) for _ in range(2)]
    packed = np.stack([pack(Answered(rows, bill), room) for rows, bill in zip(text, bills, strict=True)])
    assert packed.shape == (2, 4, room + 6)
    result = unpack(packed, room)
    expected = np.zeros((2, 4, room), np.int32)
    expected[..., :width] = text[..., :room]
    np.testing.assert_array_equal(result.completions, expected)
    assert result.completions.dtype == np.int32
    for field, values in result.ledger._asdict().items():
        np.testing.assert_array_equal(values, [getattr(bill, field) for bill in bills])


@pytest.mark.parametrize(
    "task", [Symbols(length=(2, 4)), Symbols(compositions=("F1", "F1 F2 F3"))], ids=["lengths", "steps"]
)
def test_a_question_leaves_two_tokens_more_for_a_step_and_four_for_a_text(task):
    batch = task.sample(np.random.default_rng(0), 30)
    asked = question_of(task, batch)
    steps, texts = [], []
    for row in batch.completions():
        text = row[row != PAD].tolist()
        texts.append(len(text))
        ends = [-1] + [at for at, token in enumerate(text) if token in (*task.step_delimiters, EOS)]
        steps += np.diff(ends).tolist()
    assert (asked.longest_step, asked.room) == (max(steps) + 2, max(texts) + 4)
    np.testing.assert_array_equal(asked.prompts, batch.prompts())
    np.testing.assert_array_equal(asked.prompt_len, batch.prompt_len)
    assert asked.step_delimiters == tuple(task.step_delimiters) and asked.numbers.tolist() == list(range(30))
    part = asked.rows(np.array([4, 2]))
    assert part.numbers.tolist() == [4, 2] and (part.prompts == asked.prompts[[4, 2]]).all()
