"""Edits token by token, who lends a step to whom, and one chain changed by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import pytest
from scripted import TASK

from alchemy.causal.by_hand import examine
from alchemy.causal.edits import Chains, behind_prompt, behind_text, edit
from alchemy.errors import UserError
from alchemy.problem.task import NOISE, PAD, Field
from tasks.connectivity import Connectivity
from tasks.symbols import Symbols

MANY = Symbols(compositions=("F1 F2 F3", "F1", "F3 F2", "F3 F1"), length=(2, 3), dialect="uniform")
"""The last two write chains that differ in a mark alone."""
BATCH = MANY.sample(np.random.default_rng(0), 100)
CHAINS = Chains.read(MANY, BATCH, BATCH.completions())


def states(row, tokens, step):
    """What the tokens of a chain say after a step."""
    return tuple(
        int(token)
        for token, code in zip(tokens, CHAINS.field[row], strict=True)
        if code == Field.STEP + step and token in MANY.state_tokens
    )


def shape(row, step):
    """A chain's text up to a step without what its states say."""
    inside = (CHAINS.field[row] >= Field.STEP) & (CHAINS.field[row] <= Field.STEP + step)
    return tuple(
        NOISE if token in MANY.state_tokens else int(token) if within else PAD
        for token, within in zip(CHAINS.tokens[row], inside, strict=True)
        if within
    )


@pytest.mark.parametrize("kind", ["donor", "prompt"])
@pytest.mark.parametrize("step", [0, 1])
def test_each_chain_lends_its_steps_to_one_of_the_same_shape(kind, step):
    text, made = edit(MANY, CHAINS, step, kind, np.random.default_rng(1))
    groups = defaultdict(list)
    for row in range(len(text)):
        if states(row, CHAINS.tokens[row], step):
            groups[shape(row, step)].append(row)
    assert max(map(len, groups.values())) > 5
    steps = range(0 if kind == "prompt" else step, step + 1)
    for rows in groups.values():
        own = {row: tuple(states(row, CHAINS.tokens[row], k) for k in steps) for row in rows}
        lent = {row: tuple(states(row, text[row], k) for k in steps) for row in rows}
        assert sorted(own.values()) == sorted(lent.values())
        for row in rows:
            assert made[row] == (own[row] != lent[row])
            if len(set(own.values())) == len(rows) > 1:
                assert made[row], "a chain is not its own partner"
    other = edit(MANY, CHAINS, step, kind, np.random.default_rng(2)).text
    assert (text != other).any(), "partners are drawn"


def test_steps_of_a_chain_by_place():
    for first, last in ((0, 0), (0, 1), (1, 1)):
        said = CHAINS.states(MANY, first, last)
        for row, place in np.ndindex(said.shape):
            inside = Field.STEP + first <= CHAINS.field[row, place] <= Field.STEP + last
            assert said[row, place] == (inside and CHAINS.tokens[row, place] in MANY.state_tokens)
    through = CHAINS.through(CHAINS.tokens, 0)
    np.testing.assert_array_equal(through, np.where(CHAINS.field == Field.STEP, CHAINS.tokens, PAD))
    part = CHAINS.rows(slice(3, 5))
    np.testing.assert_array_equal(part.tokens, CHAINS.tokens[3:5])
    np.testing.assert_array_equal(part.batch.prompt_len, BATCH.prompt_len[3:5])


def test_a_cut_chain_asks_for_its_answer_behind_its_last_word():
    for step in (0, 1):
        cut, made = edit(MANY, CHAINS, step, "cut", np.random.default_rng(0))
        for row in np.flatnonzero(made):
            words = MANY.vocabulary.decode(CHAINS.through(CHAINS.tokens, step)[row]).split()
            while words[-1] in ("<think>", "<answer>"):
                words.pop()
            assert MANY.vocabulary.decode(cut[row]).split() == [*words, "<answer>"]
        without_steps = ~CHAINS.states(MANY, 0, 1).any(axis=1)
        assert {MANY.vocabulary.decode(row) for row in cut[without_steps]} == {"<answer>"}
        assert (np.diff(cut != PAD, axis=1).sum(axis=1) == 1).all() and (cut[:, 0] != PAD).all(), "left-aligned"
    assert cut.shape[1] == CHAINS.tokens.shape[1] + 1


def test_the_answer_of_a_cut_chain_is_asked_for_in_as_many_words_as_it_takes():
    task = Connectivity(encoding="flat")
    batch = task.sample(np.random.default_rng(0), 6)
    chains = Chains.read(task, batch, batch.completions())
    for step in (0, 2):
        cut, made = edit(task, chains, step, "cut", np.random.default_rng(0))
        assert made.all()
        for row, whole in zip(cut, chains.tokens, strict=True):
            words = task.vocabulary.decode(whole).split()[: 4 + step]  # behind work : [ stand the nodes
            assert task.vocabulary.decode(row) == " ".join([*words, "] decision : ["])


def test_texts_stand_behind_prompts_and_behind_texts():
    text = edit(MANY, CHAINS, 0, "placebo", np.random.default_rng(0)).text
    lines = behind_prompt(BATCH, text)
    prompts = BATCH.prompts()
    expected = [
        [*prompt[:length, 0], *row[row != PAD]]
        for prompt, length, row in zip(prompts, BATCH.prompt_len, text, strict=True)
    ]
    assert lines.shape == (100, max(map(len, expected)), prompts.shape[2])
    for line, tokens in zip(lines[..., 0], expected, strict=True):
        assert line.tolist() == tokens + [PAD] * (len(line) - len(tokens))
    written = np.random.default_rng(0).integers(3, 9, (100, 4)).astype(np.int32)
    written[::2, 2:] = PAD
    whole = behind_text(text, written)
    assert whole.shape == (100, text.shape[1] + 4)
    for row, given, new in zip(whole, text, written, strict=True):
        tokens = [*given[given != PAD], *new[new != PAD]]
        assert row.tolist() == tokens + [PAD] * (len(row) - len(tokens))


ONE = TASK.render(TASK.parse("A B C [F1] [F2] <think>"), np.random.default_rng(0))


def follow(said):
    """One letter to the left, of what is said in the step."""
    return ["<answer>", *said[7:9], said[6]]


def ignore(said):
    """The right answer, whatever is said in the step."""
    return ["<answer>", *"EFD"]


def babble(said):
    return ["<answer>", *("AAA" if said[6] == "D" else "BBB")]


def go_on(said):
    return ["A"] * 99


@pytest.fixture
def examined(monkeypatch):
    """Examines a change of ONE with models that write, in plain Python, what a rule says of the words so far."""

    def by(rule, step, state, task=TASK, batch=ONE, context=24):
        def generate(model, params, prompt, max_new):
            words = task.vocabulary.decode(prompt[0, :, 0]).split()
            new = task.vocabulary.encode(" ".join(rule(words)))[:max_new]
            return np.array([[new + [PAD] * (max_new - len(new))]], np.int32)

        monkeypatch.setattr("alchemy.causal.by_hand.generate", generate)
        return examine(SimpleNamespace(context=context), None, task, batch, step, state)

    return by


@pytest.mark.parametrize(
    ("rule", "state", "written", "outcome"),
    [
        (follow, "A B C", "<answer> B C A", "follows"),
        (follow, "D E H", "<answer> E H D", "follows"),
        (follow, "D E F", "<answer> E F D", "both"),
        (ignore, "A B C", "<answer> E F D", "ignores"),
        (ignore, "D E F", "<answer> E F D", "both"),
        (babble, "A B C", "<answer> B B B", "neither"),
    ],
)
def test_a_state_is_changed_by_hand(examined, rule, state, written, outcome):
    found = examined(rule, 0, state)
    first, *rest = state.split()
    assert (found.outcome, found.written, found.given) == (outcome, written, f"{state} [F2]")
    assert found.unedited == ("<answer> A A A" if rule is babble else "<answer> E F D")
    assert found.prompt == "A B C [F1] [F2] <think>" and found.chain == "D E F [F2] <answer> E F D"
    assert found.follows == f"{state} [F2] <answer> {' '.join([*rest, first])}"


def test_a_model_may_write_a_little_more_than_the_right_completions_as_far_as_it_reads(examined):
    longest = len(ONE.completions()[0])
    found = examined(go_on, 0, "A B C", context=64)
    assert len(found.written.split()) == longest + 8
    with pytest.raises(FrozenInstanceError):
        found.outcome = "follows"
    assert len(examined(go_on, 0, "A B C", context=16).written.split()) == 16 - 6 - 4


def test_a_model_may_write_as_much_as_what_follows_where_that_is_longer(examined):
    task = Connectivity()
    batch = task.sample(np.random.default_rng(0), 1)
    lengths = set()
    for node in range(0, task.ids, 2):
        found = examined(lambda said: ["0"] * 99, 1, str(node), task, batch, context=999)
        chain, follows = len(found.chain.split()), len(found.follows.split())
        assert len(found.written.split()) == max(chain, follows) + 1 + 8, "one for the end of a line"
        lengths.add(np.sign(follows - chain))
    assert lengths >= {-1, 1}


@pytest.mark.parametrize(
    ("task", "step", "state", "says"),
    [
        (TASK, 1, "A B C", "step 2 is not in this chain: expected 1 to 1"),
        (Symbols(compositions=("F1 F2 F3",)), 2, "A B C D", "step 3 is not in this chain: expected 1 to 2"),
        (Symbols(compositions=("F1",)), 0, "A B C D", "step 1 is not in this chain: the answer comes at once"),
        (TASK, 0, "A B", "has 2 symbols, expected 3 as in 'D E F'"),
        (TASK, 0, "A B Z", "'Z' says nothing of a state"),
    ],
)
def test_what_cannot_be_changed_is_named(examined, task, step, state, says):
    batch = ONE if task is TASK else task.sample(np.random.default_rng(0), 1)
    with pytest.raises(UserError, match=says):
        examined(follow, step, state, task, batch)
