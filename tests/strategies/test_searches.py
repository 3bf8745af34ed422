"""Searches with a scripted sampler: what they spend is what they say, and a perfect reward is used."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from math import inf

import numpy as np
import pytest

from alchemy.decoding.sampler import Branches
from alchemy.errors import UserError
from alchemy.problem.task import EOS, PAD
from alchemy.strategies.beam import Beam
from alchemy.strategies.dvts import Dvts
from alchemy.strategies.mcts import Mcts
from alchemy.strategies.particle_filter import ParticleFilter, resample
from alchemy.strategies.tree import Question, question_of
from tasks.equations import Equations
from tasks.symbols import Symbols

CUT, WRONG, RIGHT = 3, 4, 5
PROBLEMS = 400
SEARCHES = {
    "beam": Beam(8, 2),
    "beam, all of one": Beam(8, 8),
    "dvts": Dvts(8, 4),
    "particles": ParticleFilter(8, 0.1),
    "mcts, roll-outs": Mcts(12, 3),
    "mcts, steps": Mcts(24, 3, value="step"),
}
every_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)


@dataclass
class Scripted:
    """Steps are a right or a wrong token and a cut, the last of `steps` an end; every one is right with chance `p`."""

    steps: int = 4
    p: float = 0.6
    parameters: int = 10
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    read_tokens: int = 0
    written: int = 0

    def read(self, prompts, room):
        self.read_tokens += (prompts != PAD).sum()
        n = len(prompts)
        return Branches(np.zeros((n, 1, 0), np.int32), np.zeros((n, 1)), np.zeros((n, 1), bool))

    def write(self, branches, cuts, most):
        assert most >= 2 and cuts in ((), (CUT,))
        n, w, _ = branches.tokens.shape
        tokens = np.pad(branches.tokens, ((0, 0), (0, 0), (0, 2 * self.steps)))
        for i, j in np.argwhere(~branches.ended):
            length = (tokens[i, j] != PAD).sum()
            while True:
                step = length // 2 + 1
                tokens[i, j, length] = RIGHT if self.rng.random() < self.p else WRONG
                tokens[i, j, length + 1] = EOS if step == self.steps else CUT
                length += 2
                self.written += 2
                if tokens[i, j, length - 1] == EOS or cuts:
                    break
        ended = branches.ended | (tokens == EOS).any(axis=2)
        return Branches(tokens[:, :, : int((tokens != PAD).sum(axis=2).max())], np.zeros((n, w)), ended)

    def pick(self, branches, index):
        assert (index >= 0).all() and (index < branches.ended.shape[1]).all()
        along = np.take_along_axis(branches.tokens, index[:, :, None], axis=1)
        return Branches(along, np.zeros(index.shape), np.take_along_axis(branches.ended, index, axis=1))

    def pile(self, prompts, size, most, longest):
        empty = self.read(prompts, 0)
        return Branches(*(np.repeat(array, size, axis=1) for array in empty[:3]))._replace(
            tokens=np.zeros((len(prompts), size, longest), np.int32)
        )

    def put(self, pile, number, text):
        rows = np.flatnonzero(number >= 0)
        assert not pile.tokens[rows, number[rows]].any() and (number[rows] > 0).all(), "a number is given once"
        pile.tokens[rows, number[rows], : text.tokens.shape[2]] = text.tokens[rows, 0]
        pile.ended[rows, number[rows]] = text.ended[rows, 0]
        return pile


@dataclass
class Perfect:
    """Whether no step is wrong; of outcomes, whether the chain is whole as well."""

    outcome: bool = False
    parameters: int = 7
    thinking: float = 0.0
    readings: int = 1
    writing: float = 0.0
    end_below: float = -inf
    calls: int = 0

    def rows(self, rows):
        return self

    def score(self, branches):
        right = ~(branches.tokens == WRONG).any(axis=2)
        return np.where(branches.ended, right, 0.5) if self.outcome else right.astype(float)


def question(n=PROBLEMS):
    prompts = np.full((n, 3, 1), 6, np.int32)
    prompts[::2, 2] = PAD
    return Question(prompts, (CUT,), longest_step=2, room=12, numbers=np.arange(n))


def solved(answered):
    whole = (answered.completions == EOS).any(axis=1)
    return whole & ~(answered.completions == WRONG).any(axis=1)


@every_search
def test_the_bill_is_what_was_read_and_written(search):
    sampler, reward = Scripted(), Perfect()
    answered = search.answer(sampler, reward, question(50))
    bill = answered.ledger
    assert all(column.shape == (50,) for column in bill)
    assert bill.written.sum() == sampler.written and bill.prompt.sum() == sampler.read_tokens
    np.testing.assert_allclose(bill.flops, 2 * (10 * (bill.prompt + bill.written) + 7 * bill.checked))
    assert (bill.depth <= bill.written).all() and (bill.depth >= 8).all(), "one chain has eight tokens"
    assert (bill.checked >= bill.calls * 4).all(), "a call reads the prompt and a step at least"


@pytest.mark.parametrize(("search", "asked"), [(Beam(8, 2), 8), (Mcts(8, 4), 9)], ids=str)
def test_a_verifier_that_writes_is_asked_of_finished_texts_alone_and_charged_what_it_writes(search, asked):
    """Chains of eight tokens behind prompts of two or three; a tree's last chain is judged, too."""
    bill = search.answer(Scripted(), Perfect(outcome=True, writing=11.0), question(50)).ledger
    plain = search.answer(Scripted(), Perfect(outcome=True), question(50)).ledger
    assert (bill.calls == asked).all() and (plain.calls >= asked).all()
    prompt = np.where(np.arange(50) % 2, 3, 2)
    np.testing.assert_array_equal(bill.checked, asked * (prompt + 8 + 11))
    np.testing.assert_array_equal(bill.written, plain.written)


@pytest.mark.parametrize("search", [Beam(8, 1), Beam(8, 2), Dvts(8, 4), ParticleFilter(8, 0.1)], ids=str)
def test_nothing_is_written_behind_a_step_that_is_given_up(search):
    """Branches of one problem, written out: two tokens a step of each that was right before it."""
    reward, sampler = Perfect(end_below=0.5), Scripted()
    seen, write = [], sampler.write
    sampler.write = lambda branches, cuts, most: seen.append(branches.tokens) or write(branches, cuts, most)
    answered = search.answer(sampler, reward, question(60))
    going = sum((~(tokens == WRONG).any(axis=2) & ~(tokens == EOS).any(axis=2)).sum() for tokens in seen)
    assert sampler.written == 2 * going == answered.ledger.written.sum()
    assert answered.ledger.calls.sum() == going, "and what was given up is not asked about again"
    assert solved(answered).mean() > 0.5
    if search == Beam(8, 1):
        assert sampler.written < 0.7 * 60 * 8 * 8, (
            "of chains that are not chosen all would have been written to the end"
        )


def test_where_all_is_given_up_there_is_no_answer():
    sampler = Scripted(p=0.0)
    answered = Beam(4, 2).answer(sampler, Perfect(end_below=0.5), question(6))
    assert sampler.written == 6 * 4 * 2 and not (answered.completions == EOS).any()
    tree = Mcts(3, 4, value="step").answer(Scripted(p=0.0), Perfect(end_below=0.5), question(6))
    assert (tree.ledger.written == 3 * 2).all(), "three steps from the root, none further"
    assert not tree.completions.any()


@every_search
def test_every_answer_is_whole_and_was_written(search):
    answered = search.answer(Scripted(), Perfect(), question(50))
    for row in answered.completions:
        text = row[row != PAD]
        assert len(text) == 8 and text[-1] == EOS and (text[1:-1:2] == CUT).all()


@every_search
def test_a_perfect_step_reward_is_used(search):
    """One chain is right with .6^4 = .13; eight are with .67; a search by steps does better."""
    better = 0.55 if isinstance(search, Mcts) and search.value == "rollout" else 0.75
    assert solved(search.answer(Scripted(), Perfect(), question())).mean() > better


def test_without_a_reward_for_steps_a_beam_is_a_sample():
    """Copies of a blind choice share their fate: no better than independent chains, and worse for their kinship."""
    blind = solved(Beam(8, 2).answer(Scripted(), Perfect(outcome=True), question())).mean()
    alone = solved(Beam(8, 8).answer(Scripted(), Perfect(outcome=True), question())).mean()
    assert blind < 1 - (1 - 0.6**4) ** 8 and alone < blind


def test_subtrees_stay_apart():
    """With one way to go on, the chains of a diverse search are independent: best of n."""
    accuracy = solved(Dvts(8, 1).answer(Scripted(), Perfect(outcome=True), question(2000))).mean()
    assert accuracy == pytest.approx(1 - (1 - 0.6**4) ** 8, abs=0.03)


def test_a_tree_comes_back_to_what_was_good():
    """Right steps are visited more than wrong ones, and no node has more children than it may."""
    seen, sampler = [], Scripted(p=0.5)
    pick = sampler.pick

    def picked(pile, index):
        seen.append((text := pick(pile, index)).tokens[:, 0, 0])
        return text

    sampler.pick = picked
    Mcts(40, 3, value="step").answer(sampler, Perfect(), question(200))
    assert all((first == PAD).all() for first in seen[:3]), "the root gets its three children"
    assert (seen[3] == RIGHT).mean() == pytest.approx(1 - 0.5**3, abs=0.07), "one of which is right, if any"
    assert (np.concatenate(seen[20:]) == RIGHT).mean() > 0.65


@pytest.mark.parametrize("seed", [0, 1])
def test_particles_are_drawn_as_often_as_they_weigh(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(3000, 4))
    index = resample(rng.random(3000), np.repeat(logits[:1], 3000, axis=0))
    weight = np.exp(logits[0]) / np.exp(logits[0]).sum()
    counts = np.stack([(index == j).sum(axis=1) for j in range(4)], axis=1)
    np.testing.assert_allclose(counts.mean(axis=0) / 4, weight, atol=0.02)
    assert (np.abs(counts - 4 * weight) < 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Beam(10, 4), r"10 chains cannot be divided by a width of 4; expected one of \[1, 2, 5, 10\]"),
        (lambda: Dvts(4, 8), "width of 8"),
        (lambda: Mcts(0), "n must be at least 1"),
        (lambda: Mcts(4, value="roll"), "did you mean 'rollout'"),
        (lambda: ParticleFilter(0), "at least 1 chain"),
        (lambda: ParticleFilter(4, 0), "softness 0 is not positive"),
    ],
)
def test_impossible_searches_are_the_users_error(make, words):
    with pytest.raises(UserError, match=words):
        make()


def test_searches_are_data():
    for search in SEARCHES.values():
        assert is_dataclass(search) and hash(search) == hash(
            type(search)(*(getattr(search, f.name) for f in fields(search)))
        )


def test_there_is_room_for_the_longest_right_chain():
    task = Symbols(compositions=("F1", "F1 F2 F3 F1"), dialect="uniform")
    batch = task.sample(np.random.default_rng(0), 40)
    assert question_of(task, batch).room >= (batch.completions() != PAD).sum(axis=1).max()


def test_particles_of_a_problem_do_not_depend_on_the_others():
    """Two problems of four, scored alike, are resampled alike."""
    scores, seen = np.random.default_rng(0).random((4, 8)), []
    sampler = Scripted(p=1.0)
    for rows in (np.arange(4), np.array([1, 3])):
        picked = []
        sampler.pick = lambda branches, index, picked=picked: (
            picked.append(index) or Scripted.pick(sampler, branches, index)
        )
        reward = Perfect()
        reward.score = lambda branches, rows=rows: scores[rows]
        ParticleFilter(8, 0.2).answer(sampler, reward, question(4).rows(rows))
        seen.append(picked[1:])
    assert len(seen[0]) == len(seen[1]) == 3
    for whole, part in zip(*seen, strict=True):
        np.testing.assert_array_equal(whole[[1, 3]], part)


@pytest.mark.parametrize(
    ("search", "kept"),
    [
        (Beam(6, 2), [[4, 0, 1], [0, 3, 5]]),
        (Beam(6, 3), [[4, 0], [0, 3]]),
        (Beam(6, 2, apart=True), [[0, 2, 4], [0, 3, 5]]),
        (Dvts(6, 3), [[0, 4], [0, 3]]),
    ],
)
def test_which_chains_go_on(search, kept):
    """The best of all, or of each subtree; of equal scores the first. Each goes on in as many ways as the width says."""
    scores = np.array([[0.7, 0.6, 0.5, 0.5, 0.9, 0.6], [1.0, 0.1, 0.2, 1.0, 0.3, 1.0]])
    sampler, reward, picked = Scripted(p=1.0), Perfect(), []
    sampler.pick = lambda branches, index: picked.append(index) or Scripted.pick(sampler, branches, index)
    reward.score = lambda branches: scores
    search.answer(sampler, reward, question(2))
    assert len(picked) == 4, "once from the prompt, then behind each step but the last"
    assert (picked[0] == 0).all()
    for index in picked[1:]:
        np.testing.assert_array_equal(index, np.repeat(kept, search.width, axis=1))


def test_weights_of_any_size_and_points_on_the_edge():
    for logits in ([1e4, 1e4 - 50], [-1e4, -1e4 - 50]):
        assert resample(np.array([0.5]), np.array([logits])).tolist() == [[0, 0]]
    assert resample(np.array([0.0]), np.zeros((1, 4))).tolist() == [[0, 1, 2, 3]], "each once where all weigh the same"
    for w in range(1, 8):
        assert resample(np.array([np.nextafter(1, 0)]), np.zeros((1, w))).max() == w - 1


def test_rows_that_a_problem_takes():
    assert [search.rows for search in (Beam(8, 2), Dvts(12, 4), ParticleFilter(5))] == [8, 12, 5]
    assert [Mcts(n).rows for n in (1, 64, 65, 129)] == [1, 1, 2, 3]


def test_a_step_is_what_the_task_says_or_so_many_tokens():
    """An answer at once, of the mark, two unknowns and the end, is one step of the task behind its mark, or two of two tokens."""
    task = Equations(modulus=7, unknowns=2, cot=False)
    batch = task.sample(np.random.default_rng(0), 4)
    asked, counted = question_of(task, batch), question_of(task, batch, step=2)
    assert asked.step_delimiters == task.step_delimiters and asked.longest_step == 3 + 2
    assert (counted.step_delimiters, counted.longest_step, counted.room) == ((), 2, asked.room)
